//! Questions about risk, answered by a real server.

use anyhow::Result;
use serde_json::{Value, json};

use crate::api::Api;
use crate::program::Place;
use crate::world::World;

/// A change of one Tier 2 service, of which coverage is known and tests failed; its id.
fn asked_for(world: &World) -> Result<String> {
    world.declare(&[("greeter", 2), ("mailer", 2)])?;
    let request = json!({
        "type": "normal",
        "category": "deployment",
        "title": "Deploy the new greeting",
        "affected_services": ["greeter"],
        "implementation_plan": {
            "steps": [{"name": "deploy", "run": ["true"], "undo": {"run": ["true"]}}],
        },
        "rollback_plan": {"automated": true, "steps": [{"name": "undeploy", "run": ["true"]}]},
        "monitors": [{"name": "health", "run": ["true"], "interval": "1s"}],
        "evidence": {
            "churn": {"lines": 40, "files": 2, "directories": 1},
            "coverage_percent": 80.0,
            "tests": {"passed": 7, "failed": 1},
            "configuration_change": false,
            "schema_change": false,
        },
    });
    std::fs::write(world.folder().join("request.json"), request.to_string())?;
    Ok(world.admin(&["create", "--file", "request.json"])?.trim().to_owned())
}

#[test]
fn what_would_be_is_shown_and_what_would_lower_it() -> Result<()> {
    let world = World::start(None)?;
    let id = asked_for(&world)?;
    let text = world.admin(&["risk", "what-if", &id])?;
    for expected in
        ["What would lower it", "all tests pass", "nobody has to approve", "--tests passed", "What holds it"]
    {
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }
    assert!(!text.contains("Supposed"), "{text}");
    let text = world.admin(&["risk", "what-if", &id, "--tests", "passed", "--environment", "production"])?;
    let lines: Vec<_> = text.lines().collect();
    let line = |begin: &str| lines.iter().find(|line| line.trim_start().starts_with(begin)).copied();
    assert!(line("it is made in production").is_some_and(|line| line.contains("alters nothing")), "{text}");
    assert!(
        line("approvals").is_some_and(|line| line.contains("technical lead") && line.ends_with("none")),
        "{text}"
    );
    assert!(line("Before, before it is limited").is_some() && line("After, before it is limited").is_some());
    let answer: Value = serde_json::from_str(
        &world.admin(&["risk", "what-if", &id, "--lines", "9000", "--output", "json"])?,
    )?;
    assert_eq!(answer["facts"][0]["sentence"], "it changes 9000 lines", "{answer}");
    assert_ne!(answer["after"]["risk"]["raw"], answer["before"]["risk"]["raw"]);
    let unknown = world.run_as_admin(&["risk", "what-if", &id, "--services", "mailler"])?.ended_with(1);
    unknown.said(&["`mailler` is described nowhere", "did you mean `mailer`?"]);
    Ok(())
}

#[test]
fn numbers_that_make_no_sense_are_refused_before_anything_is_asked() {
    let place = Place::new().variable("CORTEX_CHANGE_TOKEN", "cct_x");
    for (option, value, says) in [
        ("--coverage", "NaN", "expected a percentage from 0 to 100, for example 85 or 92.5"),
        ("--coverage", "-1", "expected a percentage from 0 to 100"),
        ("--lines", "-4", "expected a whole number from 0 on, for example 120"),
        ("--tests", "green", "[possible values: passed, failed]"),
        ("--window", "tonight", "expected two instants with a slash between them"),
        ("--at", "tonight", "expected an instant, for example"),
    ] {
        place.run(&["risk", "what-if", "CHG-2026-000123", option, value]).ended_with(2).said(&[says]);
    }
}

#[test]
fn a_new_server_says_what_is_lacking_to_judge_predictions() -> Result<()> {
    let world = World::start(None)?;
    let kpis = world.admin(&["risk", "kpis"])?;
    assert!(kpis.contains("All: 0 changes, 0 failed") && kpis.contains("n too small"), "{kpis}");
    world
        .run_as_admin(&["risk", "drift"])?
        .ended_with(0)
        .said(&["no model is asked", "cortex-change risk train"]);
    let backtest = world.run_as_admin(&["risk", "backtest", "--origins", "2"])?.ended_with(1);
    backtest.said(&[
        "there is no backtest",
        "0 past changes are known, too few",
        "cortex-change history import",
    ]);
    world.run_as_admin(&["risk", "backtest", "--last"])?.ended_with(1).said(&["0 past changes are known"]);
    world
        .run_as_admin(&["risk", "kpis", "--threshold", "nan"])?
        .ended_with(2)
        .said(&["expected a percentage"]);
    Ok(())
}

fn share(count: u64, of: u64, percent: f64, interval: [f64; 2]) -> Value {
    json!({"count": count, "of": of, "percent": percent, "interval_percent": interval})
}

#[test]
fn predictions_stand_beside_what_came_of_them() {
    let all = json!({
        "source": "all", "changes": 240, "failures": 12, "too_few": null,
        "accuracy": share(222, 240, 92.5, [89.2, 94.9]),
        "accuracy_of_predicting_success": share(228, 240, 95.0, [92.1, 96.9]),
        "false_positive_rate": share(12, 228, 5.3, [3.3, 8.3]),
        "failures_caught": share(6, 12, 50.0, [28.4, 71.6]),
        "flagged": share(18, 240, 7.5, [5.1, 10.8]),
        "predicted_percent": 4.6, "brier": 0.0431, "brier_of_base_rate": 0.0475, "calibration_error": 0.0091,
        "calibration": [
            {"predicted_percent": 1.2, "failed": share(1, 120, 0.8, [0.2, 3.7])},
            {"predicted_percent": 8.0, "failed": share(11, 120, 9.2, [5.7, 14.4])},
        ],
    });
    let kpis = json!({
        "at": "2026-04-01T09:00:00Z", "from": "2026-01-01T00:00:00Z", "until": null, "threshold_percent": 10.0,
        "waiting_hours": 24, "waiting": 3, "all": all, "by_source": [all],
    });
    let api = Api::start().on("GET", "/risk/kpis?threshold_percent=10", 200, &kpis);
    insta::assert_snapshot!(Place::with_server(&api.url).run(&["risk", "kpis"]).ended_with(0).stdout);
}

#[test]
fn what_has_moved_stands_first_with_what_to_do() {
    let shift = |fact: &str, index: f64, reading: &str, new: &[&str]| {
        json!({
            "fact": fact, "index": index, "by_chance": 0.021, "reading": reading, "missing_then_percent": 1.0,
            "missing_now_percent": 4.0, "new_words_percent": 12.5, "new_words": new,
        })
    };
    let report = json!({
        "changes_then": 2550, "changes_now": 400, "moved_from": 0.1, "shifted_from": 0.25, "method": "as written",
        "predictions": shift("predictions", 0.12, "moved", &[]),
        "facts": [shift("category", 0.4, "shifted", &["data"]), shift("hour", 0.01, "stable", &[])],
        "failed_then": share(90, 2550, 3.5, [3.0, 4.2]), "failed_now": share(40, 390, 10.3, [8.0, 13.1]),
        "failures_shifted": true, "next_steps": ["train a new model with `cortex-change risk train`"],
    });
    let drift = json!({"model": 2, "trained_at": "2026-03-01T09:00:00Z", "why_not": null, "report": report});
    let api = Api::start().on("GET", "/risk/drift", 200, &drift);
    insta::assert_snapshot!(Place::with_server(&api.url).run(&["risk", "drift"]).ended_with(0).stdout);
}

#[test]
fn a_backtest_shows_each_stretch() {
    let stretch = |few: bool| {
        json!({
            "from": "2025-11-01T09:00:00Z", "until": "2025-12-24T09:00:00Z", "learner": "small trees", "changes": 180,
            "failures": if few { 0 } else { 14 }, "failed_before_percent": 6.1,
            "auc": (!few).then_some(0.81), "average_precision": (!few).then_some(0.4), "brier": 0.05,
            "brier_of_base_rate": 0.06, "calibration_error": 0.02, "too_few": few,
        })
    };
    let last = json!({
        "at": "2026-03-01T09:00:00Z", "changes": 900, "failures": 61, "stretches": [stretch(false), stretch(true)],
        "brier": 0.05, "brier_of_base_rate": 0.06, "notes": ["1 of 2 stretches tell little"],
    });
    let tests = json!({"running": false, "last_failure": null, "last": last});
    let api = Api::start().on("GET", "/risk/backtests", 200, &tests);
    let place = Place::with_server(&api.url);
    insta::assert_snapshot!(place.run(&["risk", "backtest", "--last"]).ended_with(0).stdout);
}
