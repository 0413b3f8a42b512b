//! How predictions do: on the past, since they were made, and on changes unlike those learned from.

use anyhow::{Context as _, Result};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::harness::{Database, Person, TestApp, eventually, on_both_databases, on_sqlite, text};
use crate::http::Ask;
use crate::models::{IMPORTED, PAGE, past, trained};
use crate::team::{carried_out, team};

on_both_databases!(recorded_predictions_are_held_against_outcomes_once_they_count,);
on_sqlite!(
    the_past_is_backtested_and_later_changes_are_held_against_it,
    without_a_past_everything_says_what_is_lacking,
);

const BACKTESTS: &str = "/api/v1/risk/backtests";
const DRIFT: &str = "/api/v1/risk/drift";
const KPIS: &str = "/api/v1/risk/kpis";

async fn import(root: &Person, changes: &[Value]) -> Result<()> {
    for page in changes.chunks(usize::try_from(PAGE)?) {
        root.post("/api/v1/history/import", &json!({ "source": "old", "changes": page })).await?;
    }
    Ok(())
}

/// Carries a change out and closes it; the probability that was recorded, in per cent.
async fn said_before(ann: &Person, lead: &Person, status: &str) -> Result<f64> {
    let id = carried_out(ann, lead, status).await?;
    ann.change(&id).await?["risk"]["probability"]["percent"].as_f64().context("per cent")
}

async fn recorded_predictions_are_held_against_outcomes_once_they_count(database: Database) -> Result<()> {
    let (mut app, ann, lead) = team(database).await?;
    let said = [said_before(&ann, &lead, "success").await?, said_before(&ann, &lead, "success").await?];
    let early = ann.get(KPIS).await?;
    assert_eq!((&early["waiting"], &early["all"]["changes"]), (&json!(2), &json!(0)), "{early}");
    assert!(early["all"]["brier"].is_null() && early["all"]["accuracy"].is_null(), "{early}");
    let noon = app.pass(SignedDuration::from_hours(25));
    let ann = app.token("ann", &["read", "request", "implement"]).await?;
    let told = ann.get(KPIS).await?;
    let all = &told["all"];
    assert_eq!((&told["waiting"], &all["changes"], &all["failures"]), (&json!(0), &json!(2), &json!(0)));
    let brier = all["brier"].as_f64().context("a Brier score")?;
    let expected = said.iter().map(|percent| (percent / 100.0).powi(2)).sum::<f64>() / 2.0;
    assert!((brier - expected).abs() < 1e-9, "{brier} is not {expected}");
    assert_eq!((&all["accuracy"]["count"], &all["accuracy"]["of"]), (&json!(2), &json!(2)));
    assert!(all["accuracy"]["interval_percent"][0].as_f64() < Some(50.0), "two tell little: {all}");
    assert!(text(&all["too_few"]).contains("n too small: 2 changes with 0 failures"), "{all}");
    assert!(all["failures_caught"].is_null(), "there was no failure");
    let sources: Vec<_> =
        told["by_source"].as_array().into_iter().flatten().map(|one| text(&one["source"])).collect();
    assert_eq!(sources, ["base_rate", "record"], "the first change had no record before it");
    // From a probability of 1 % on, both are flagged.
    let strict = ann.get(&format!("{KPIS}?threshold_percent=1")).await?;
    assert_eq!(strict["all"]["false_positive_rate"]["percent"], 100.0);
    let none = ann.get(&format!("{KPIS}?from={noon}")).await?;
    assert_eq!(none["all"]["changes"], 0);
    for (query, says) in [
        ("threshold_percent=NaN", "between 0 and 100"),
        ("threshold_percent=100", "between 0 and 100"),
        ("from=2026-03-02T09:00:00Z&until=2026-03-01T09:00:00Z", "the end is not after the start"),
        ("from=yesterday", "query"),
    ] {
        let answer = ann.send(Ask::get(&format!("{KPIS}?{query}"))).await?.refused(422, "invalid-field")?;
        assert!(answer.to_string().contains(says), "{query}: {answer}");
    }
    // The same after a restart: the figures come from the log.
    app.halt().await?;
    app.revive().await?;
    assert_eq!(ann.get(KPIS).await?["all"], *all);
    let figures = |text: &str, name: &str| text.lines().any(|line| line == name);
    eventually("the figures are published", async || {
        let text = ann.send(Ask::get("/metrics")).await?.text();
        Ok(figures(&text, "cortex_change_prediction_changes 2").then_some(()))
    })
    .await?;
    app.stop().await
}

async fn the_past_is_backtested_and_later_changes_are_held_against_it(database: Database) -> Result<()> {
    let (app, ann, _) = team(database).await?;
    let root = app.root();
    import(&root, &(0..IMPORTED).map(past).collect::<Vec<_>>()).await?;
    assert!(text(&ann.get(DRIFT).await?["why_not"]).starts_with("no model is asked"));
    let tested = backtested(&app, 2).await?;
    let stretches = tested["last"]["stretches"].as_array().context("stretches")?;
    assert_eq!((stretches.len(), &tested["last"]["changes"]), (2, &json!(IMPORTED)));
    assert!(text(&stretches[0]["until"]) <= text(&stretches[1]["from"]), "{stretches:?}");
    for stretch in stretches {
        assert_eq!(stretch["too_few"], false, "{stretch}");
        assert!(stretch["auc"].as_f64() > Some(0.7), "{stretch}");
    }
    let last = &tested["last"];
    assert!(last["brier"].as_f64() < last["brier_of_base_rate"].as_f64(), "{last}");
    let wide = root.send(Ask::post(BACKTESTS, &json!({ "origins": 25 }))).await?;
    assert!(wide.refused(422, "invalid-field")?.to_string().contains("expected from 1 to 24"));

    trained(&root).await?;
    let few = ann.get(DRIFT).await?;
    assert!(few["report"].is_null() && text(&few["why_not"]).starts_with("0 changes"), "{few}");
    app.pass(SignedDuration::from_hours(156));
    let root = app.root();
    let later = |number: u32| {
        let mut change = past(number);
        let submitted =
            jiff::Timestamp::from_second(1_772_500_000 + i64::from(number - IMPORTED) * 3_000).unwrap();
        change["submitted_at"] = json!(submitted.to_string());
        change["closed_at"] = json!((submitted + SignedDuration::from_hours(1)).to_string());
        change["category"] = json!("security");
        change["outcome"] = json!("rolled_back");
        change
    };
    import(&root, &(IMPORTED..IMPORTED + 150).map(later).collect::<Vec<_>>()).await?;
    let ann = app.token("ann", &["read"]).await?;
    let drift = ann.get(DRIFT).await?;
    let report = &drift["report"];
    assert_eq!((&drift["model"], &report["changes_now"]), (&json!(1), &json!(150)), "{}", drift["why_not"]);
    let facts = report["facts"].as_array().context("facts")?;
    let category = facts.iter().find(|fact| fact["fact"] == "category").context("a category")?;
    assert_eq!((&category["reading"], &category["new_words"]), (&json!("shifted"), &json!(["security"])));
    let services = facts.iter().find(|fact| fact["fact"] == "services").context("services")?;
    assert_eq!(services["reading"], "stable", "one service each, as before");
    assert_eq!(report["failures_shifted"], true, "{}", report["failed_now"]);
    assert_eq!(report["failed_now"]["of"], report["failed_now"]["count"]);
    assert!(report["next_steps"].to_string().contains("cortex-change risk train"));
    app.stop().await
}

/// Backtests and waits until it is there, or there is a reason why not.
async fn backtested(app: &TestApp, origins: u32) -> Result<Value> {
    let root = app.root();
    let begun = root.send(Ask::post(BACKTESTS, &json!({ "origins": origins }))).await?;
    assert_eq!(begun.status, 202, "{:?}", begun.json());
    eventually("the end of a backtest", async || {
        let tests = root.get(BACKTESTS).await?;
        Ok((tests["running"] == json!(false)).then_some(tests))
    })
    .await
}

async fn without_a_past_everything_says_what_is_lacking(database: Database) -> Result<()> {
    let app = TestApp::start_on(database, |_| {}).await?;
    let tested = backtested(&app, 3).await?;
    let why = text(&tested["last_failure"]);
    assert!(why.contains("0 past changes are known") && why.contains("history import"), "{why}");
    assert!(tested["last"].is_null());
    let kpis = app.root().get(KPIS).await?;
    assert_eq!((&kpis["all"]["changes"], &kpis["by_source"]), (&json!(0), &json!([])));
    app.stop().await
}
