//! What would be if facts of a change were different: assessed like any other, and nothing is written.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::harness::{Database, Person, on_both_databases, small, text};
use crate::team::{amend, team};

on_both_databases!(what_is_told_is_what_an_amendment_leads_to, values_that_make_no_sense_are_refused,);

async fn asked(person: &Person, id: &str, facts: &Value) -> Result<Value> {
    person.post(&format!("/api/v1/changes/{id}/risk/what-if"), facts).await
}

/// A change of `greeter` of which coverage and tests are not known.
fn untested() -> Value {
    let mut request = small("greeter");
    let evidence = request["evidence"].as_object_mut().unwrap();
    evidence.retain(|name, _| !matches!(name.as_str(), "coverage_percent" | "coverage_basis" | "tests"));
    request
}

async fn what_is_told_is_what_an_amendment_leads_to(database: Database) -> Result<()> {
    let (app, ann, _) = team(database).await?;
    let change = ann.create(&untested()).await?;
    let id = text(&change["change_id"]);
    let size = app.log_size().await?;
    let bare = asked(&ann, id, &json!({})).await?;
    assert_eq!(bare["before"]["risk"], change["risk"], "nothing has moved on");
    assert!(bare["after"].is_null() && bare["notes"] == json!([]), "{bare}");
    assert_eq!(bare["before"]["approval"]["required"], change["approval"]["required"]);
    let held = bare["lower"]["held_by"].to_string();
    assert!(held.contains("test coverage is not known"), "{held}");
    let suggested = bare["lower"]["suggestions"].as_array().context("suggestions")?;
    let first = suggested.first().context("tests and coverage lower it")?;
    assert_eq!((&first["level"], &first["needs_people"]), (&json!("low"), &json!(false)), "{first}");
    let options = text(&first["options"]);
    assert!(options.contains("--tests passed") && options.contains("--coverage 50"), "{options}");

    let facts = json!({ "coverage_percent": 50, "tests": "passed" });
    let supposed = asked(&ann, id, &facts).await?;
    assert_eq!(supposed["after"]["risk"]["level"], "low", "{}", supposed["differences"]);
    assert_eq!(supposed["after"]["approval"]["automated"], true);
    assert_eq!(supposed["lower"]["suggestions"], json!([]));
    let what: Vec<_> =
        supposed["differences"].as_array().into_iter().flatten().map(|one| text(&one["what"])).collect();
    assert!(what.contains(&"level") && what.contains(&"approvals"), "{what:?}");
    assert_eq!(app.log_size().await?, size, "asking writes nothing");
    assert_eq!(ann.change(id).await?["risk"], change["risk"]);

    // An amendment with the same facts is assessed the same.
    let mut request = untested();
    request["evidence"]["coverage_percent"] = json!(50);
    request["evidence"]["tests"] = json!({ "passed": 1, "failed": 0 });
    let version = change["version"].as_u64().context("a version")?;
    let amended = amend(&ann, id, version, &request).await?;
    let predicted = &supposed["after"]["risk"];
    for figure in ["score", "level", "raw", "factors", "explanation", "missing", "findings"] {
        assert_eq!(amended["risk"][figure], predicted[figure], "{figure}");
    }
    assert_eq!(amended["state"], "approved", "nobody had to approve, as was told");
    app.stop().await
}

async fn values_that_make_no_sense_are_refused(database: Database) -> Result<()> {
    let (app, ann, _) = team(database).await?;
    let change = ann.create(&untested()).await?;
    let path = format!("/api/v1/changes/{}/risk/what-if", text(&change["change_id"]));
    for (facts, expected) in [
        (json!({ "coverage_percent": 101 }), "expected a percentage from 0 to 100"),
        (json!({ "affected_services": ["greter"] }), "did you mean `greeter`?"),
        (json!({ "affected_cis": ["nothing/like/it"] }), "is described nowhere"),
        (json!({ "handed_in_at": "2026-03-01T09:00:00Z" }), "expected an instant from"),
        (json!({ "handed_in_at": "2028-03-01T09:00:00Z" }), "within a year"),
        (
            json!({ "window": { "start": "2026-02-01T09:00:00Z", "end": "2026-02-01T10:00:00Z" } }),
            "expected one that ends after",
        ),
    ] {
        let problem = ann.refused(&path, &facts, 422, "invalid-field").await?;
        assert!(problem.to_string().contains(expected), "{facts}: {problem}");
    }
    let negative = ann.send(crate::http::Ask::post(&path, &json!({ "lines": -4 }))).await?;
    assert!(negative.status == 400 || negative.status == 422, "{}", negative.status);
    let nobody = "/api/v1/changes/CHG-2026-999999/risk/what-if";
    ann.refused(nobody, &json!({}), 404, "not-found").await?;
    // What alters nothing says so.
    let window = json!({ "start": "2026-03-05T09:00:00Z", "end": "2026-03-05T10:00:00Z" });
    let later = ann.post(&path, &json!({ "window": window, "environment": "production" })).await?;
    assert_eq!(later["differences"], json!([]));
    let facts = later["facts"].as_array().context("facts")?;
    assert!(facts.len() == 2 && facts.iter().all(|fact| fact["alters"] == false), "{facts:?}");
    assert!(later["notes"].to_string().contains("whether another change has the time"), "{}", later["notes"]);
    app.stop().await
}
