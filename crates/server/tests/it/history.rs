//! Importing changes that other systems carried out.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::harness::{Database, Person, TestApp, on_both_databases, small, text};
use crate::team::team;

on_both_databases!(
    an_import_is_recorded_once_and_an_altered_record_anew,
    a_dry_run_and_a_bad_record_write_nothing,
    imported_changes_are_none_of_ours_and_weigh_in_assessments,
);

const IMPORT: &str = "/api/v1/history/import";

/// A change of another system that ended on this day of January 2026.
fn past(id: &str, outcome: &str, day: u32) -> Value {
    json!({
        "id": id,
        "title": format!("Roll out {id}"),
        "category": "deployment",
        "services": ["greeter"],
        "files": ["deploy/greeter.yaml"],
        "requester": "Ada Byron",
        "lines_added": 12,
        "closed_at": format!("2026-01-{day:02}T10:00:00Z"),
        "outcome": outcome,
    })
}

async fn import(root: &Person, changes: &[Value]) -> Result<[u64; 3]> {
    counts(&root.post(IMPORT, &json!({ "source": "servicenow", "changes": changes })).await?)
}

fn counts(answer: &Value) -> Result<[u64; 3]> {
    let count = |field: &str| answer[field].as_u64().with_context(|| format!("{field} of {answer}"));
    Ok([count("new")?, count("changed")?, count("unchanged")?])
}

async fn an_import_is_recorded_once_and_an_altered_record_anew(database: Database) -> Result<()> {
    let mut app = TestApp::start_on(database, |_| {}).await?;
    let root = app.root();
    let before = app.log_size().await?;
    let two = [past("CHG1", "successful", 1), past("Änderung 2", "failed", 2)];
    assert_eq!(import(&root, &two).await?, [2, 0, 0]);
    assert_eq!(app.log_size().await?, before + 3, "the system, and its two changes");
    assert_eq!(import(&root, &two).await?, [0, 0, 2]);
    app.halt().await?;
    app.revive().await?;
    assert_eq!(import(&root, &two).await?, [0, 0, 2], "what was read from the log is the same");
    assert_eq!(app.log_size().await?, before + 3);
    let altered = [past("CHG1", "rolled_back", 1), past("CHG3", "cancelled", 3)];
    assert_eq!(import(&root, &altered).await?, [1, 1, 0]);
    let history = root.get("/api/v1/history").await?;
    let expected = json!({ "sources": [{
        "source": "servicenow",
        "changes": 3,
        "outcomes": { "cancelled": 1, "failed": 1, "rolled_back": 1 },
        "first_closed_at": "2026-01-01T10:00:00Z",
        "last_closed_at": "2026-01-03T10:00:00Z",
        "last_imported_at": "2026-03-02T09:00:00Z",
    }]});
    assert_eq!(history, expected);
    app.verified().await?;
    app.halt().await?;
    let store = app.store().await?;
    let stream = store::StreamName::new("imported/servicenow/CHG1")?;
    let events = store.read_stream(&stream, 1).await?;
    let types: Vec<_> = events.iter().map(|event| text(&event.body["type"])).collect();
    assert_eq!(types, ["history.imported", "history.imported"]);
    let [first, second] = [&events[0], &events[1]].map(|event| event.body["data"]["requester_key"].clone());
    assert_eq!(first, second, "one person, one key");
    assert!(!text(&first).is_empty() && !serde_json::to_string(&first)?.contains("Ada"));
    store.close().await;
    Ok(())
}

async fn a_dry_run_and_a_bad_record_write_nothing(database: Database) -> Result<()> {
    let app = TestApp::start_on(database, |_| {}).await?;
    let root = app.root();
    let before = app.log_size().await?;
    let good = past("CHG1", "successful", 1);
    let body = json!({ "source": "a", "changes": [good] });
    let dry = root.post(&format!("{IMPORT}?dry_run=true"), &body).await?;
    assert_eq!((counts(&dry)?, &dry["dry_run"]), ([1, 0, 0], &json!(true)));
    let mut early = past("CHG2", "successful", 2);
    early["closed_at"] = json!("2026-03-02T09:00:01Z");
    let mut negative = past("CHG2", "successful", 2);
    negative["lines_added"] = json!(-5);
    let mut misspelt = past("CHG2", "successful", 2);
    misspelt["titel"] = json!("x");
    for (bad, at) in [
        (early, "changes[1].closed_at"),
        (negative, "changes[1].lines_added"),
        (misspelt, "changes[1]"),
        (past("CHG2", "meh", 2), "changes[1].outcome"),
        (good.clone(), "changes[1].id"),
    ] {
        let body = json!({ "source": "a", "changes": [good, bad] });
        let problem = root.send(crate::http::Ask::post(IMPORT, &body)).await?.problem()?;
        assert!(problem.to_string().contains(at), "{at}: {problem}");
    }
    assert_eq!(app.log_size().await?, before);
    assert_eq!(root.get("/api/v1/history").await?, json!({ "sources": [] }));
    app.stop().await
}

async fn imported_changes_are_none_of_ours_and_weigh_in_assessments(database: Database) -> Result<()> {
    let (app, ann, _) = team(database).await?;
    let probability = |change: &Value| change["risk"]["probability"].clone();
    let first = ann.create(&small("greeter")).await?;
    let failures: Vec<_> = (1..=20).map(|day| past(&format!("CHG{day}"), "failed", day)).collect();
    assert_eq!(import(&app.root(), &failures).await?, [20, 0, 0]);
    let listed = ann.get("/api/v1/changes").await?;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1), "{listed}");
    let second = ann.create(&small("greeter")).await?;
    assert_eq!(text(&second["change_id"]), "CHG-2026-000002", "numbers are for our own changes");
    assert_ne!(probability(&first), probability(&second));
    let explained = second["risk"].to_string();
    let said = "20 of 20 past changes of `greeter` failed; 20 of them were imported from other systems";
    assert!(explained.contains(said), "{explained}");
    assert!(!first["risk"].to_string().contains("imported"));
    let agent = app.agent("bot", &ann).await?;
    agent.refused(IMPORT, &json!({ "source": "a", "changes": [] }), 403, "refused-by-policy").await?;
    app.stop().await
}
