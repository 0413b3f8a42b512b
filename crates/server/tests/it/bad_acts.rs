//! What people and runners can get wrong about a change that is there: each gets its own problem, and nothing is written.

use anyhow::Result;
use serde_json::{Value, json};

use crate::bad_input::{Case, case, check};
use crate::harness::{Database, on_sqlite, text};
use crate::http::Ask;
use crate::runner::Runner;
use crate::team::{approved, in_steps, team, validate};

on_sqlite!(
    bad_decisions_get_a_problem_and_write_nothing,
    bad_reports_of_runners_get_a_problem_and_write_nothing,
    bad_endings_get_a_problem_and_write_nothing,
);

fn field(ask: Ask, says: &str) -> Case {
    case(ask, 422, "invalid-field", says)
}

fn refused(ask: Ask, says: &str) -> Case {
    case(ask, 409, "refused", says)
}

fn unreadable(ask: Ask, says: &str) -> Case {
    case(ask, 400, "unreadable-body", says)
}

fn one_step() -> Value {
    in_steps(&json!([{"name": "one", "run": "true", "undo": "true"}]))
}

async fn bad_decisions_get_a_problem_and_write_nothing(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let waiting = ann.create(&one_step()).await?;
    let running = approved(&ann, &lead, &one_step()).await?;
    Runner::start(&ann, &running, true).await?;
    let id = text(&waiting["change_id"]).to_owned();
    let to =
        |id: &str, action: &str, body: Value| Ask::post(&format!("/api/v1/changes/{id}/{action}"), &body);
    let act = |action: &str, body: Value| to(&id, action, body);
    let zeros = "0".repeat(64);
    let cases = vec![
        field(act("comments", json!({ "text": "" })), "`text`: "),
        field(act("comments", json!({ "text": "a\u{0}" })), "`text`: "),
        unreadable(act("cancel", json!({})), "missing field `reason`"),
        refused(to(&running, "cancel", json!({ "reason": "x" })), "does not admit `cancel`"),
        field(act("submit", json!({ "really": true })), "takes no body"),
        refused(act("start", json!({ "holder": "x", "digest": zeros })), "does not admit `start`"),
        unreadable(act("start", json!({ "holder": "x", "digest": "abc" })), "digest"),
    ];
    check(&app, &ann, cases).await?;
    let digest = &waiting["digest"];
    let approve = |fields: Value| {
        let mut body = json!({ "digest": digest });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        act("approve", body)
    };
    let cases = vec![
        field(approve(json!({ "digest": "abc" })), "`digest`: "),
        refused(approve(json!({ "digest": zeros })), "is not the digest"),
        field(approve(json!({ "role": "king" })), "`role`: "),
        case(approve(json!({ "role": "cto" })), 403, "refused-by-policy", "an approving role"),
        field(approve(json!({ "conditions": [""] })), "`conditions[0]`: "),
        case(approve(json!({ "conditions": vec!["again"; 51] })), 422, "invalid-content", "conditions"),
        field(act("reject", json!({ "reason": " " })), "`reason`: "),
        case(act("conditions/99/satisfy", json!({ "evidence": "x" })), 404, "not-found", "condition 99"),
        field(act("conditions/first/satisfy", json!({ "evidence": "x" })), "`index`: "),
        refused(act("withdraw-approval", json!({ "reason": "x" })), "has not approved"),
    ];
    check(&app, &lead, cases).await?;
    app.stop().await
}

async fn bad_reports_of_runners_get_a_problem_and_write_nothing(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let id = approved(&ann, &lead, &one_step()).await?;
    let runner = Runner::start(&ann, &id, true).await?;
    let token = runner.assignment.fencing_token;
    let act = |action: &str, body: Value| Ask::post(&format!("/api/v1/changes/{id}/{action}"), &body);
    let report = |token: u64, observation: Value| {
        act("progress", json!({ "fencing_token": token, "observation": observation }))
    };
    let samples = |samples: Value| {
        act("heartbeat", json!({ "holder": "ann-1", "fencing_token": token, "samples": samples }))
    };
    let sample =
        |monitor: &str, at: &str, verdict: &str| json!({ "monitor": monitor, "at": at, "verdict": verdict });
    let now = "2026-03-02T09:00:00Z";
    let ended = json!({ "observation": "rollback_ended" });
    let task = json!({ "part": "step", "step": "one" });
    let cases = vec![
        unreadable(report(token, json!({ "observation": "looks_good" })), "looks_good"),
        refused(report(token + 7, ended.clone()), "lease token"),
        refused(report(token, ended), "does not fit"),
        refused(report(token, json!({ "observation": "resume_requested" })), "a runner cannot report"),
        refused(report(token, json!({ "observation": "started", "task": task, "attempt": 0 })), "attempt"),
        refused(
            report(token, json!({ "observation": "started", "task": task, "attempt": 9 })),
            "does not fit",
        ),
        field(samples(json!([sample("unheard-of", now, "pass")])), "`samples[0].monitor`: the change has no"),
        field(samples(json!([sample("health", "noon", "pass")])), "`samples[0].at`: "),
        field(samples(json!([sample("health", now, "fine")])), "`samples[0].verdict`: "),
        field(samples(json!(vec![sample("health", now, "pass"); 1_001])), "1001 samples"),
        unreadable(act("heartbeat", json!({ "holder": "x", "fencing_token": -1 })), "fencing_token"),
        refused(act("heartbeat", json!({ "holder": "x", "fencing_token": token + 1 })), "lease token"),
        refused(act("finish", json!({ "holder": "x", "fencing_token": token })), "the plan is not done"),
        refused(act("release", json!({ "holder": "x", "fencing_token": token + 1 })), "lease token"),
        field(act("start", json!({ "holder": "", "digest": "0".repeat(64) })), "`holder`: "),
    ];
    check(&app, &ann, cases).await?;
    app.stop().await
}

async fn bad_endings_get_a_problem_and_write_nothing(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let id = approved(&ann, &lead, &one_step()).await?;
    let mut runner = Runner::start(&ann, &id, true).await?;
    runner.work(|_| false).await?;
    runner.finish().await?;
    let act = |action: &str, body: Value| Ask::post(&format!("/api/v1/changes/{id}/{action}"), &body);
    let checks = |count: usize, name: &str| {
        let check = json!({ "name": name, "passed": true, "detail": "x" });
        act("validate", json!({ "checks": vec![check; count] }))
    };
    let cases = vec![
        case(checks(0, ""), 422, "invalid-content", "without a single check"),
        field(checks(201, "health"), "201 checks are more than"),
        field(checks(1, ""), "`checks[0].name`: "),
        unreadable(act("validate", json!({ "checks": [{ "name": "health" }] })), "missing field `passed`"),
        refused(act("close", json!({ "status": "success" })), "validating"),
        field(act("close", json!({ "status": "splendid" })), "`status`: "),
        field(act("close", json!({ "status": "partial", "follow_up": "CHG-1" })), "`follow_up`: "),
        field(act("reviews", json!({ "kind": "gossip", "text": "x" })), "`kind`: "),
        field(act("rollback", json!({ "reason": "" })), "`reason`: "),
    ];
    check(&app, &ann, cases).await?;
    assert_eq!(validate(&ann, &id, true).await?["state"], "implemented");
    app.stop().await
}
