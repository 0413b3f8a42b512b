//! Reviews that find that a change ended otherwise than it was closed as, and what is learned from it then.

use anyhow::{Context as _, Result};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::audit::taken_back;
use crate::harness::{Database, Person, eventually, on_both_databases, on_sqlite, small, text};
use crate::http::Ask;
use crate::models::{IMPORTED, PAGE, past, trained};
use crate::runner::Runner;
use crate::team::{approved, carried_out, team, team_with, validate};

on_both_databases!(what_a_review_finds_is_learned_from_then_on_and_after_a_restart,);
on_sqlite!(
    a_false_alarm_no_longer_counts_against_whoever_asked,
    a_model_learns_the_outcome_that_was_found,
    only_somebody_else_finds_otherwise_and_only_of_what_is_closed,
    policies_of_the_organisation_see_what_is_found,
);

const KPIS: &str = "/api/v1/risk/kpis";

fn review(finding: &str) -> Value {
    json!({ "kind": "post_implementation", "text": "looked at again", "finding": finding })
}

/// What a change that is handed in now is said to fail with: the probability, its record, and what is most like it.
async fn said(ann: &Person) -> Result<(f64, Value)> {
    let change = ann.create(&small("identity")).await?;
    let percent = change["risk"]["probability"]["percent"].as_f64().context("per cent")?;
    Ok((percent, change["risk"]["similar"][0].clone()))
}

async fn what_a_review_finds_is_learned_from_then_on_and_after_a_restart(database: Database) -> Result<()> {
    let (mut app, ann, lead) = team(database).await?;
    let id = carried_out(&ann, &lead, "success").await?;
    app.pass(SignedDuration::from_hours(25));
    let [ann, lead] =
        [app.token("ann", &["read", "request"]).await?, app.token("lead", &["approve", "read"]).await?];
    let (as_closed, similar) = said(&ann).await?;
    assert_eq!((text(&similar["change"]), text(&similar["outcome"])), (id.as_str(), "successful"));
    assert!(similar["finding"].is_null(), "{similar}");
    assert_eq!(ann.get(KPIS).await?["all"]["failures"], 0);

    let reviewed = lead.act(&id, "reviews", &review("failed")).await?;
    assert_eq!(reviewed["outcome"], "successful", "how it was closed stays");
    let found = json!({ "finding": "failed", "by": "lead", "at": reviewed["updated_at"] });
    assert_eq!(reviewed["found"], found);
    let entry = reviewed["audit_trail"].as_array().and_then(|trail| trail.last()).context("an entry")?;
    let words = "Post-implementation review, which finds that the change failed: looked at again";
    assert_eq!(text(&entry["details"]), words);
    let (corrected, similar) = said(&ann).await?;
    assert!(corrected > as_closed, "{corrected} is not above {as_closed}");
    assert_eq!((text(&similar["outcome"]), text(&similar["finding"])), ("successful", "failed"));
    let kpis = ann.get(KPIS).await?;
    assert_eq!((&kpis["all"]["changes"], &kpis["all"]["failures"]), (&json!(1), &json!(1)), "{kpis}");

    // The same from the log and its views as from what was told.
    app.halt().await?;
    app.revive().await?;
    let (after, similar) = said(&ann).await?;
    assert!((after - corrected).abs() < 1e-9, "{after} after a restart, {corrected} before");
    assert_eq!(similar["finding"], "failed");
    assert_eq!(ann.get(KPIS).await?["all"], kpis["all"]);
    assert_eq!(ann.change(&id).await?["found"], found);

    // Whoever looks closer later has the last word.
    lead.act(&id, "reviews", &review("succeeded")).await?;
    let (again, similar) = said(&ann).await?;
    assert!((again - as_closed).abs() < 1e-9, "{again}, {as_closed} as it was closed");
    assert_eq!(similar["finding"], "succeeded");
    assert_eq!(ann.get(KPIS).await?["all"]["failures"], 0);
    app.halt().await?;
    app.revive().await?;
    assert!((said(&ann).await?.0 - as_closed).abs() < 1e-9);
    app.verified().await?;
    app.stop().await
}

async fn a_false_alarm_no_longer_counts_against_whoever_asked(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let id = taken_back(&ann, &lead).await?;
    ann.act(&id, "close", &json!({ "status": "rolled_back" })).await?;
    let (as_closed, _) = said(&ann).await?;
    lead.act(&id, "reviews", &review("succeeded")).await?;
    let (corrected, similar) = said(&ann).await?;
    assert!(corrected < as_closed, "{corrected} is not below {as_closed}");
    assert_eq!((text(&similar["outcome"]), text(&similar["finding"])), ("rolled_back", "succeeded"));
    app.stop().await
}

/// Figures of the newest model on the changes that it was compared on, with how many it knows.
async fn learned(root: &Person) -> Result<Value> {
    let models = trained(root).await?;
    let newest =
        models["items"].as_array().and_then(|items| items.iter().max_by_key(|one| one["version"].as_u64()));
    Ok(newest.context("a model")?.clone())
}

async fn a_model_learns_the_outcome_that_was_found(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let root = app.root();
    let changes: Vec<_> = (0..IMPORTED).map(past).collect();
    for page in changes.chunks(usize::try_from(PAGE)?) {
        root.post("/api/v1/history/import", &json!({ "source": "old", "changes": page })).await?;
    }
    let id = carried_out(&ann, &lead, "success").await?;
    app.pass(SignedDuration::from_hours(25));
    let root = app.root();
    let before = learned(&root).await?;
    let lead = app.token("lead", &["approve", "read"]).await?;
    lead.act(&id, "reviews", &review("failed")).await?;
    let after = learned(&root).await?;
    let later = |model: &Value| model["later"].clone();
    assert_eq!(later(&after)["changes"], later(&before)["changes"]);
    let failures = |model: &Value| later(model)["failures"].as_u64().context("failures");
    assert_eq!(failures(&after)?, failures(&before)? + 1, "{before} {after}");
    app.stop().await
}

async fn only_somebody_else_finds_otherwise_and_only_of_what_is_closed(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let other_lead = app.person("other-lead", &["technical_lead"]).await?;
    let mut own = small("identity");
    own["implementation_plan"]["steps"] = json!([{"name": "one", "run": "true", "undo": "true"}]);
    let id = approved(&other_lead, &lead, &own).await?;
    let path = format!("/api/v1/changes/{id}/reviews");
    lead.refused(&path, &review("failed"), 409, "refused").await?;
    let mut runner = Runner::start(&other_lead, &id, true).await?;
    runner.work(|_| false).await?;
    runner.finish().await?;
    validate(&other_lead, &id, true).await?;
    let early = lead.refused(&path, &review("failed"), 409, "refused").await?;
    assert_eq!(early["rule"], "finding", "{early}");
    other_lead.act(&id, "close", &json!({ "status": "success" })).await?;

    let own = other_lead.refused(&path, &review("succeeded"), 403, "refused-by-policy").await?;
    assert!(own.to_string().contains("segregation-of-duties"), "{own}");
    ann.refused(&path, &review("failed"), 403, "refused-by-policy").await?;
    let wrong = lead.send(Ask::post(&path, &review("fine"))).await?.refused(422, "invalid-field")?;
    assert!(
        wrong.to_string().contains("`fine` is not a finding: expected one of succeeded, failed"),
        "{wrong}"
    );
    assert!(lead.change(&id).await?["found"].is_null());
    lead.act(&id, "reviews", &review("failed")).await?;
    app.stop().await
}

/// What a review finds on one server, the other one learns as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_server_learns_what_a_review_found() -> Result<()> {
    let (app, ann, lead) = team(Database::postgres()?).await?;
    let folder = tempfile::tempdir()?;
    let (second, root_there) = crate::faults::second_server(&app, folder.path()).await?;
    let ann_there = Person { address: root_there.address, ..ann.clone() };
    let id = carried_out(&ann, &lead, "success").await?;
    let is_known = async |wanted: &str| {
        eventually("the other server has learned it", async || {
            let (percent, similar) = said(&ann_there).await?;
            let told = similar["finding"].as_str().unwrap_or_default();
            Ok((similar["change"] == json!(id) && told == wanted).then_some(percent))
        })
        .await
    };
    let as_closed = is_known("").await?;
    lead.act(&id, "reviews", &review("failed")).await?;
    let corrected = is_known("failed").await?;
    assert!(corrected > as_closed, "{corrected} is not above {as_closed}");
    assert!((said(&ann).await?.0 - corrected).abs() < 1e-9, "both say the same");
    second.shutdown();
    second.stopped().await?;
    app.stop().await
}

async fn policies_of_the_organisation_see_what_is_found(database: Database) -> Result<()> {
    let folder = database.folder.path().join("policies");
    std::fs::create_dir(&folder)?;
    std::fs::write(
        folder.join("own.cedar"),
        r#"
        @id("own-acquittals-need-a-change-manager") @title("A change manager says that it was not the change") @fix("ask one")
        forbid (principal, action == Action::"review", resource)
        when { context has finding && context.finding == Finding::"succeeded" }
        unless { principal in Role::"change_manager" };
        "#,
    )?;
    let (app, ann, lead) = team_with(database, |config| config.policies.folder = Some(folder)).await?;
    let manager = app.person("mia", &["change_manager"]).await?;
    let id = carried_out(&ann, &lead, "success").await?;
    let path = format!("/api/v1/changes/{id}/reviews");
    let problem = lead.refused(&path, &review("succeeded"), 403, "refused-by-policy").await?;
    assert_eq!(problem["rule"], "own-acquittals-need-a-change-manager", "{problem}");
    lead.act(&id, "reviews", &review("failed")).await?;
    manager.act(&id, "reviews", &review("succeeded")).await?;
    app.stop().await
}
