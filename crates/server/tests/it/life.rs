//! The life of a change, from the request to its end, as the people and programs in it see it.

use anyhow::{Context as _, Result};
use domain::plan::{Action, Observation, Phase};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::harness::{Database, actions, eventually, on_both_databases, on_sqlite, small, text};
use crate::http::Ask;
use crate::runner::{Runner, step};
use crate::team::{amend, approved, in_steps, reaches, team, team_with, validate};

on_both_databases!(
    a_change_goes_all_the_way,
    a_failing_step_takes_the_change_back_and_opens_an_incident,
    a_lost_runner_is_noticed_and_another_takes_over,
    of_two_runners_one_starts,
    approvals_expire,
);

on_sqlite!(
    a_failed_validation_takes_the_change_back,
    what_cannot_be_undone_fails_and_is_major,
    an_emergency_is_reviewed_afterwards,
    a_missed_window_needs_a_new_approval,
    conditions_are_met_before_the_start,
    an_approval_can_be_taken_back,
    an_amendment_voids_approvals,
    a_draft_waits_to_be_submitted,
    a_rejected_change_never_starts,
    a_person_confirms_a_manual_step,
    a_runner_pauses_and_goes_on,
    a_runner_that_leaves_interrupts_at_once,
    nobody_takes_over_and_the_change_is_taken_back,
    a_partial_change_names_the_one_that_completes_it,
    forgotten_changes_come_to_an_end,
    a_trail_has_a_bound_and_still_ends,
    an_amendment_is_of_the_same_change,
);

async fn a_change_goes_all_the_way(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let request = in_steps(&json!([
        {"name": "migrate", "run": "true", "undo": "true", "capture": [{"file": "settings.toml"}]},
        {"name": "deploy", "run": ["deploy", "--all"], "undo": {"run": ["deploy", "--previous"]}, "retries": 1},
    ]));
    let id = approved(&ann, &lead, &request).await?;
    let mut runner = Runner::start(&ann, &id, true).await?;
    assert_eq!(runner.assignment.lease_seconds, 15);
    let sample =
        json!({"monitor": "health", "at": "2026-03-02T09:00:01Z", "verdict": "pass", "latency_micros": 900});
    runner.send("heartbeat", &json!({ "samples": [sample] })).await?.good()?;
    assert_eq!(runner.work(|_| false).await?, Action::Finish);
    runner.finish().await?;
    assert_eq!(ann.change(&id).await?["state"], "validating");
    assert_eq!(validate(&ann, &id, true).await?["state"], "implemented");
    let closed = ann.act(&id, "close", &json!({ "status": "success", "comment": "as planned" })).await?;
    assert_eq!((&closed["state"], &closed["outcome"]), (&json!("closed"), &json!("successful")));
    let mut wanted =
        vec!["created", "risk_assessed", "approval_requested", "approved", "implementation_started"];
    wanted.extend(["progressed"; 5]);
    wanted.extend(["implemented", "validated", "closed"]);
    assert_eq!(actions(&closed), wanted);
    let samples = ann.get(&format!("/api/v1/changes/{id}/samples?monitor=health")).await?;
    assert_eq!(samples["items"], json!([sample]));
    let review = json!({ "kind": "post_implementation", "text": "nothing to improve" });
    let reviewed = lead.act(&id, "reviews", &review).await?;
    assert_eq!(actions(&reviewed).last().map(String::as_str), Some("reviewed"));
    app.verified().await?;
    app.stop().await
}

async fn a_failing_step_takes_the_change_back_and_opens_an_incident(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let request = in_steps(&json!([
        {"name": "migrate", "run": "true", "undo": "true"},
        {"name": "deploy", "run": "false", "undo": "true"},
    ]));
    let id = approved(&ann, &lead, &request).await?;
    let mut runner = Runner::start(&ann, &id, true).await?;
    let deploy = step("deploy")?;
    assert_eq!(runner.work(|task| *task == deploy).await?, Action::Stop);
    runner.release().await?;
    let change = ann.change(&id).await?;
    assert_eq!(change["state"], "rolled_back", "{change}");
    let incident = text(&change["incidents"][0]).to_owned();
    assert!(incident.starts_with("INC-2026-"), "{incident}");

    let path = format!("/api/v1/incidents/{incident}");
    let opened = ann.get(&path).await?;
    assert_eq!((text(&opened["state"]), text(&opened["severity"])), ("open", "moderate"));
    assert_eq!(text(&opened["change_id"]), id);
    assert!(
        opened["timeline"][0]["details"].as_str().is_some_and(|cause| cause.contains("deploy")),
        "{opened}"
    );
    let listed = ann.get(&format!("/api/v1/incidents?change={id}&state=open")).await?;
    assert_eq!(listed["items"][0]["incident_id"], json!(incident));

    let patch = |body: &Value| Ask::new("PATCH", &path).json(body);
    lead.send(patch(&json!({ "state": "closed" }))).await?.refused(409, "incident-refused")?;
    let cause = json!({ "cause": "a wrong flag", "remedy": "the flag is checked before the deployment" });
    lead.send(patch(&json!({ "root_cause": cause, "state": "resolved" }))).await?.good()?;
    let closed = lead.send(patch(&json!({ "note": "read by the team", "state": "closed" }))).await?.good()?;
    assert_eq!((&closed["state"], &closed["root_cause"]), (&json!("closed"), &cause));

    let path = format!("/api/v1/changes/{id}/close");
    ann.refused(&path, &json!({ "status": "success" }), 403, "refused-by-policy").await?;
    let change = ann.act(&id, "close", &json!({ "status": "rolled_back" })).await?;
    assert_eq!(change["outcome"], "rolled_back");
    let trail = actions(&change);
    for action in ["rollback_started", "rolled_back", "incident_linked", "closed"] {
        assert!(trail.iter().any(|known| known == action), "{action} is not in {trail:?}");
    }
    app.verified().await?;
    app.stop().await
}

async fn a_lost_runner_is_noticed_and_another_takes_over(database: Database) -> Result<()> {
    let (app, ann, lead) = team_with(database, |config| {
        config.lease.seconds = 2;
        config.lease.grace_seconds = 0;
    })
    .await?;
    let other = app.person("other-implementer", &["implementer"]).await?;
    let request = in_steps(&json!([
        {"name": "one", "run": "true", "undo": "true", "idempotent": true},
        {"name": "two", "run": "true", "undo": "true"},
    ]));
    let id = approved(&ann, &lead, &request).await?;
    let mut lost = Runner::start(&ann, &id, true).await?;
    lost.report(&Observation::Started { task: step("one")?, attempt: 1 }).await?;
    // No heartbeat follows.
    let change = reaches(&ann, &id, "interrupted").await?;
    assert_eq!(change["implementation"]["runner"], Value::Null);
    let mut next = Runner::start(&other, &id, true).await?;
    next.send("heartbeat", &json!({})).await?.good()?;
    assert!(next.assignment.fencing_token > lost.assignment.fencing_token);
    lost.report(&Observation::Started { task: step("two")?, attempt: 1 }).await.unwrap_err();
    lost.send("heartbeat", &json!({})).await?.refused(409, "refused")?;
    lost.send("release", &json!({})).await?.refused(409, "refused")?;
    assert_eq!(next.work(|_| false).await?, Action::Finish, "the step that may be repeated was repeated");
    next.finish().await?;
    let trail = ann.trail(&id).await?;
    assert!(
        trail.contains(&"interrupted".to_owned()) && trail.contains(&"taken_over".to_owned()),
        "{trail:?}"
    );
    app.stop().await
}

async fn of_two_runners_one_starts(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let request = in_steps(&json!([{"name": "one", "run": "true", "undo": "true"}]));
    for _ in 0..5 {
        let id = approved(&ann, &lead, &request).await?;
        let digest = ann.change(&id).await?["digest"].clone();
        let start = |holder: &str| {
            let body = json!({ "holder": holder, "digest": digest });
            Ask::post(&format!("/api/v1/changes/{id}/start"), &body)
        };
        let (first, second) = tokio::join!(ann.send(start("a")), ann.send(start("b")));
        let mut statuses = [first?.status, second?.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
        let trail = ann.trail(&id).await?;
        assert_eq!(trail.iter().filter(|action| *action == "implementation_started").count(), 1);
        assert_eq!(ann.change(&id).await?["state"], "implementing");
    }
    app.stop().await
}

async fn approvals_expire(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let change = ann.create(&small("identity")).await?;
    let id = text(&change["change_id"]).to_owned();
    assert_eq!(change["approval"]["deadline"], "2026-03-02T13:00:00Z", "four hours for a technical lead");
    app.pass(SignedDuration::from_hours(4) - SignedDuration::from_secs(1));
    assert_eq!(ann.change(&id).await?["state"], "awaiting_approval");
    app.pass(SignedDuration::from_secs(1));
    let late = json!({ "digest": change["digest"] });
    let path = format!("/api/v1/changes/{id}/approve");
    // Either the deadline refuses the late approval or the timer was faster.
    lead.refused(&path, &late, 409, "refused").await?;
    let rejected = reaches(&ann, &id, "rejected").await?;
    assert_eq!(rejected["rejection"], "expired");
    let last = rejected["audit_trail"].as_array().and_then(|trail| trail.last()).context("a last entry")?;
    assert_eq!((text(&last["action"]), text(&last["actor"])), ("rejected", "cortex-change-manager"));
    lead.refused(&path, &late, 409, "refused").await?;
    app.stop().await
}

async fn a_failed_validation_takes_the_change_back(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let id =
        approved(&ann, &lead, &in_steps(&json!([{"name": "one", "run": "true", "undo": "true"}]))).await?;
    let mut runner = Runner::start(&ann, &id, true).await?;
    runner.work(|_| false).await?;
    runner.finish().await?;
    let change = validate(&ann, &id, false).await?;
    assert_eq!(change["state"], "rolling_back", "{change}");
    let success = json!({ "status": "success" });
    ann.refused(&format!("/api/v1/changes/{id}/close"), &success, 409, "refused").await?;
    let mut undoer = Runner::start(&ann, &id, true).await?;
    assert_eq!(undoer.work(|_| false).await?, Action::Stop);
    undoer.release().await?;
    let change = ann.change(&id).await?;
    assert_eq!(
        (text(&change["state"]), change["incidents"].as_array().map(Vec::len)),
        ("rolled_back", Some(1))
    );
    app.stop().await
}

async fn what_cannot_be_undone_fails_and_is_major(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let request = in_steps(&json!([
        {"name": "one", "run": "true", "undo": "false"},
        {"name": "two", "run": "false", "undo": "true"},
    ]));
    let id = approved(&ann, &lead, &request).await?;
    let mut runner = Runner::start(&ann, &id, true).await?;
    let (two, mut undo) = (step("two")?, step("one")?);
    undo.part = domain::plan::Part::Undo;
    runner.work(|task| *task == two || *task == undo).await?;
    let change = ann.change(&id).await?;
    assert_eq!(change["state"], "failed", "{change}");
    assert_eq!(change["implementation"]["not_undone"], json!(["one"]));
    let incidents = change["incidents"].as_array().context("incidents")?;
    assert_eq!(incidents.len(), 1, "the incident of the rollback became worse, no second one was opened");
    let incident = ann.get(&format!("/api/v1/incidents/{}", text(&incidents[0]))).await?;
    assert_eq!(incident["severity"], "major");
    let refused = json!({ "status": "rolled_back" });
    ann.refused(&format!("/api/v1/changes/{id}/close"), &refused, 409, "refused").await?;
    runner.release().await?;
    // A person has the undo tried again, and this time it works.
    ann.act(&id, "rollback", &json!({ "reason": "the disk was full and is not any more" })).await?;
    let mut again = Runner::start(&ann, &id, true).await?;
    assert_eq!(again.work(|_| false).await?, Action::Stop);
    again.release().await?;
    let change = ann.act(&id, "close", &json!({ "status": "rolled_back" })).await?;
    assert_eq!(change["outcome"], "rolled_back");
    app.verified().await?;
    app.stop().await
}

async fn an_emergency_is_reviewed_afterwards(database: Database) -> Result<()> {
    let (app, ann, _) = team(database).await?;
    let on_call = app.person("on-call", &["ecab_member"]).await?;
    let mut request = small("identity");
    request["type"] = json!("emergency");
    let id = approved(&ann, &on_call, &request).await?;
    let change = ann.change(&id).await?;
    assert_eq!(change["retrospective"], json!({ "state": "due", "at": "2026-03-03T09:00:00Z" }));
    let mut runner = Runner::start(&ann, &id, true).await?;
    runner.work(|_| false).await?;
    runner.finish().await?;
    validate(&ann, &id, true).await?;
    ann.act(&id, "close", &json!({ "status": "success" })).await?;

    app.pass(SignedDuration::from_hours(24));
    let overdue = eventually("the retrospective review is overdue", async || {
        Ok(Some(ann.change(&id).await?)
            .filter(|change| actions(change).contains(&"retrospective_overdue".to_owned())))
    })
    .await?;
    assert_eq!((text(&overdue["state"]), text(&overdue["retrospective"]["state"])), ("closed", "overdue"));
    let review = json!({ "kind": "retrospective", "text": "right to act at once" });
    let path = format!("/api/v1/changes/{id}/reviews");
    ann.refused(&path, &review, 403, "refused-by-policy").await?;
    let reviewed = on_call.act(&id, "reviews", &review).await?;
    assert_eq!(reviewed["retrospective"]["state"], "done");
    on_call.refused(&path, &review, 409, "refused").await?;
    app.stop().await
}

async fn a_missed_window_needs_a_new_approval(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let mut request = in_steps(&json!([{"name": "one", "run": "true", "undo": "true"}]));
    request["window"] = json!({ "start": "2026-03-02T10:00:00Z", "end": "2026-03-02T11:00:00Z" });
    let id = approved(&ann, &lead, &request).await?;
    let digest = ann.change(&id).await?["digest"].clone();
    let start = json!({ "holder": "early", "digest": digest });
    ann.refused(&format!("/api/v1/changes/{id}/start"), &start, 403, "refused-by-policy").await?;
    app.pass(SignedDuration::from_hours(2));
    let change = reaches(&ann, &id, "awaiting_approval").await?;
    assert!(actions(&change).contains(&"window_missed".to_owned()));
    request["window"] = json!({ "start": "2026-03-02T11:00:00Z", "end": "2026-03-02T12:00:00Z" });
    let version = change["version"].as_u64().context("a version")?;
    amend(&ann, &id, version, &request).await?;
    lead.approve(&id).await?;
    Runner::start(&ann, &id, true).await?;
    app.stop().await
}

async fn conditions_are_met_before_the_start(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let change = ann.create(&in_steps(&json!([{"name": "one", "run": "true", "undo": "true"}]))).await?;
    let id = text(&change["change_id"]).to_owned();
    let approval = json!({ "digest": change["digest"], "conditions": ["staging tests required"] });
    let approved = lead.act(&id, "approve", &approval).await?;
    assert_eq!(approved["state"], "approved");
    assert_eq!(approved["approval"]["conditions"][0]["text"], "staging tests required");
    let start = json!({ "holder": "early", "digest": change["digest"] });
    let path = format!("/api/v1/changes/{id}/start");
    let refusal = ann.refused(&path, &start, 403, "refused-by-policy").await?;
    assert_eq!(refusal["rule"], "conditions-before-start");
    let evidence = json!({ "evidence": "run 812 of the staging suite passed" });
    let settle = format!("/api/v1/changes/{id}/conditions/0/satisfy");
    ann.refused(&settle, &evidence, 403, "refused-by-policy").await?;
    lead.refused(&format!("/api/v1/changes/{id}/conditions/7/satisfy"), &evidence, 404, "not-found").await?;
    lead.post(&settle, &evidence).await?;
    lead.refused(&settle, &evidence, 404, "not-found").await?;
    Runner::start(&ann, &id, true).await?;
    app.stop().await
}

async fn an_approval_can_be_taken_back(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let id = approved(&ann, &lead, &small("identity")).await?;
    let reason = json!({ "reason": "the tests were of another commit" });
    ann.refused(&format!("/api/v1/changes/{id}/withdraw-approval"), &reason, 403, "refused-by-policy")
        .await?;
    let waiting = lead.act(&id, "withdraw-approval", &reason).await?;
    assert_eq!(waiting["state"], "awaiting_approval");
    let start = json!({ "holder": "early", "digest": waiting["digest"] });
    ann.refused(&format!("/api/v1/changes/{id}/start"), &start, 409, "refused").await?;
    lead.approve(&id).await?;
    ann.act(&id, "cancel", &json!({ "reason": "not needed any more" })).await?;
    assert_eq!(ann.change(&id).await?["outcome"], "cancelled");
    app.stop().await
}

async fn an_amendment_voids_approvals(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let mut request = small("identity");
    let id = approved(&ann, &lead, &request).await?;
    let before = ann.change(&id).await?;
    request["implementation_plan"]["steps"][0]["run"] = json!(["something", "else"]);
    let version = before["version"].as_u64().context("a version")?;
    let amended = amend(&ann, &id, version, &request).await?;
    assert_eq!(
        (text(&amended["state"]), amended["approval"]["given"].as_array().map(Vec::len)),
        ("awaiting_approval", Some(0))
    );
    assert_ne!(amended["digest"], before["digest"]);
    let stale = json!({ "digest": before["digest"] });
    lead.refused(&format!("/api/v1/changes/{id}/approve"), &stale, 409, "refused").await?;
    let ask = Ask::new("PUT", &format!("/api/v1/changes/{id}")).json(&request);
    ann.send(ask.header("if-match", &format!("\"{version}\""))).await?.refused(412, "stale-version")?;
    ann.act(&id, "comments", &json!({ "text": "now with the right command" })).await?;
    lead.approve(&id).await?;
    let trail = ann.trail(&id).await?;
    let wanted = ["amended", "risk_assessed", "approval_requested", "commented", "approved"];
    assert_eq!(trail[trail.len() - wanted.len()..], wanted);
    app.stop().await
}

async fn a_draft_waits_to_be_submitted(database: Database) -> Result<()> {
    let (app, ann, _) = team(database).await?;
    let mut request = small("greeter");
    request["draft"] = json!(true);
    let draft = ann.create(&request).await?;
    let id = text(&draft["change_id"]).to_owned();
    assert_eq!((text(&draft["state"]), &draft["risk"]), ("draft", &Value::Null));
    let submitted = ann.send(Ask::new("POST", &format!("/api/v1/changes/{id}/submit"))).await?.good()?;
    assert_eq!(submitted["state"], "approved", "{submitted}");
    assert_eq!(actions(&submitted), ["created", "submitted", "risk_assessed", "approved"]);
    app.stop().await
}

async fn a_rejected_change_never_starts(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let change = ann.create(&small("identity")).await?;
    let id = text(&change["change_id"]).to_owned();
    let rejected = lead.act(&id, "reject", &json!({ "reason": "too late in the day" })).await?;
    assert_eq!((text(&rejected["state"]), text(&rejected["rejection"])), ("rejected", "authority"));
    let start = json!({ "holder": "x", "digest": change["digest"] });
    ann.refused(&format!("/api/v1/changes/{id}/start"), &start, 409, "refused").await?;
    let approval = json!({ "digest": change["digest"] });
    lead.refused(&format!("/api/v1/changes/{id}/approve"), &approval, 409, "refused").await?;
    ann.act(&id, "comments", &json!({ "text": "tomorrow then" })).await?;
    app.stop().await
}

async fn a_person_confirms_a_manual_step(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let by_hand =
        json!({"name": "switch", "manual": "switch the traffic over", "undo": {"manual": "switch it back"}});
    let id = approved(&ann, &lead, &in_steps(&json!([by_hand]))).await?;
    let mut runner = Runner::start(&ann, &id, true).await?;
    let Action::AskPerson { question } = runner.work(|_| false).await? else { panic!("a question") };
    let decided = json!({ "step": question.task.step, "decision": "done" });
    let path = format!("/api/v1/changes/{id}/decide-step");
    let agent = app.agent("ann-bot", &ann).await?;
    agent.refused(&path, &decided, 403, "refused-by-policy").await?;
    let wrong = json!({ "step": "another step", "decision": "done" });
    ann.refused(&path, &wrong, 409, "refused").await?;
    ann.post(&path, &decided).await?;
    runner.assignment = serde_json::from_value(ann.get(&format!("/api/v1/changes/{id}/assignment")).await?)?;
    assert_eq!(runner.work(|_| false).await?, Action::Finish);
    runner.finish().await?;
    app.stop().await
}

async fn a_runner_pauses_and_goes_on(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let id =
        approved(&ann, &lead, &in_steps(&json!([{"name": "one", "run": "true", "undo": "true"}]))).await?;
    let mut runner = Runner::start(&ann, &id, true).await?;
    ann.send(Ask::new("POST", &format!("/api/v1/changes/{id}/pause"))).await?.good()?;
    let assignment = runner.send("heartbeat", &json!({})).await?.good()?;
    runner.assignment = serde_json::from_value(assignment)?;
    assert!(runner.assignment.run.as_ref().is_some_and(|run| matches!(run.phase(), Phase::Paused)));
    assert_eq!(runner.next()?, Action::Await);
    ann.send(Ask::new("POST", &format!("/api/v1/changes/{id}/resume"))).await?.good()?;
    runner.assignment = serde_json::from_value(runner.send("heartbeat", &json!({})).await?.good()?)?;
    assert_eq!(runner.work(|_| false).await?, Action::Finish);
    app.stop().await
}

async fn a_runner_that_leaves_interrupts_at_once(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let id =
        approved(&ann, &lead, &in_steps(&json!([{"name": "one", "run": "true", "undo": "true"}]))).await?;
    let runner = Runner::start(&ann, &id, true).await?;
    let other = app.person("bystander", &[]).await?;
    let token = runner.assignment.fencing_token;
    let foreign = json!({ "holder": "x", "fencing_token": token });
    for action in ["heartbeat", "release", "finish"] {
        let answer = other.send(Ask::post(&format!("/api/v1/changes/{id}/{action}"), &foreign)).await?;
        assert!(matches!(answer.status, 403 | 409), "{answer:?}");
        answer.problem()?;
    }
    runner.release().await?;
    assert_eq!(ann.change(&id).await?["state"], "interrupted");
    Runner::start(&ann, &id, true).await?;
    app.stop().await
}

async fn nobody_takes_over_and_the_change_is_taken_back(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let id =
        approved(&ann, &lead, &in_steps(&json!([{"name": "one", "run": "true", "undo": "true"}]))).await?;
    let mut runner = Runner::start(&ann, &id, true).await?;
    runner.work(|_| false).await?;
    runner.release().await?;
    app.pass(SignedDuration::from_hours(1));
    let change = reaches(&ann, &id, "rolling_back").await?;
    assert_eq!(change["incidents"].as_array().map(Vec::len), Some(1));
    let mut undoer = Runner::start(&ann, &id, true).await?;
    assert_eq!(undoer.work(|_| false).await?, Action::Stop);
    assert_eq!(ann.change(&id).await?["state"], "rolled_back");
    app.stop().await
}

async fn a_partial_change_names_the_one_that_completes_it(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let id = approved(&ann, &lead, &small("identity")).await?;
    let mut runner = Runner::start(&ann, &id, true).await?;
    runner.work(|_| false).await?;
    runner.finish().await?;
    validate(&ann, &id, true).await?;
    let path = format!("/api/v1/changes/{id}/close");
    ann.refused(&path, &json!({ "status": "partial" }), 422, "invalid-content").await?;
    let missing = json!({ "status": "partial", "follow_up": "CHG-2026-000999" });
    ann.refused(&path, &missing, 422, "invalid-field").await?;
    ann.refused(&path, &json!({ "status": "partial", "follow_up": id }), 422, "invalid-field").await?;
    let rest = ann.create(&small("identity")).await?["change_id"].clone();
    let closed = ann.post(&path, &json!({ "status": "partial", "follow_up": rest })).await?;
    assert_eq!((&closed["outcome"], &closed["follow_up"]), (&json!("partial"), &rest));
    app.stop().await
}

async fn forgotten_changes_come_to_an_end(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let request = in_steps(&json!([{"name": "one", "run": "true", "undo": "true"}]));
    let (unvalidated, unclosed) =
        (approved(&ann, &lead, &request).await?, approved(&ann, &lead, &request).await?);
    for id in [&unvalidated, &unclosed] {
        let mut runner = Runner::start(&ann, id, true).await?;
        runner.work(|_| false).await?;
        runner.finish().await?;
    }
    validate(&ann, &unclosed, true).await?;
    app.pass(SignedDuration::from_hours(24));
    reaches(&ann, &unvalidated, "rolling_back").await?;
    app.pass(SignedDuration::from_hours(48));
    let closed = reaches(&ann, &unclosed, "closed").await?;
    assert_eq!(closed["outcome"], "successful");
    let last = closed["audit_trail"].as_array().and_then(|trail| trail.last()).context("a last entry")?;
    assert!(text(&last["details"]).contains("closed by the system"), "{last}");
    // Nobody came to undo the other one either.
    reaches(&ann, &unvalidated, "failed").await?;
    app.stop().await
}

async fn a_trail_has_a_bound_and_still_ends(database: Database) -> Result<()> {
    let (app, ann, lead) = team_with(database, |config| config.limits.trail_entries = 8).await?;
    let id =
        approved(&ann, &lead, &in_steps(&json!([{"name": "one", "run": "true", "undo": "true"}]))).await?;
    let remark = json!({ "text": "and another thing" });
    for _ in 4..8 {
        ann.act(&id, "comments", &remark).await?;
    }
    let refused =
        ann.refused(&format!("/api/v1/changes/{id}/comments"), &remark, 422, "invalid-content").await?;
    assert!(text(&refused["detail"]).contains("the 8 entries that are accepted"), "{refused}");
    let mut runner = Runner::start(&ann, &id, true).await?;
    runner.work(|_| false).await?;
    runner.finish().await?;
    validate(&ann, &id, true).await?;
    assert_eq!(ann.act(&id, "close", &json!({ "status": "success" })).await?["state"], "closed");
    app.stop().await
}

async fn an_amendment_is_of_the_same_change(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let change = ann.create(&small("identity")).await?;
    let (id, version) = (text(&change["change_id"]), change["version"].as_u64().context("a version")?);
    for (field, value) in
        [("draft", json!(true)), ("requested_by", json!(lead.name)), ("requested_by", json!("x"))]
    {
        let mut request = small("identity");
        request[field] = value;
        let ask = Ask::new("PUT", &format!("/api/v1/changes/{id}")).json(&request);
        let ask = ask.header("if-match", &format!("\"{version}\""));
        let problem = ann.send(ask).await?.refused(422, "invalid-field")?;
        assert_eq!(problem["errors"][0]["at"], field);
    }
    // What was read can be sent back as it is.
    let mut request = small("identity");
    request["requested_by"] = change["created_by"].clone();
    amend(&ann, id, version, &request).await?;
    app.stop().await
}
