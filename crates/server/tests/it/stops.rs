//! Stopping the line: what stands still, what goes on, and who frees it.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::faults::second_server;
use crate::harness::{Database, Person, actions, eventually, on_both_databases, on_sqlite, small, text};
use crate::http::Ask;
use crate::runner::Runner;
use crate::team::{approved, in_steps, team};

on_both_databases!(a_stop_holds_what_runs_and_keeps_the_rest_from_its_gates, a_start_that_races_a_stop_loses,);
on_sqlite!(
    a_stop_covers_what_it_names_and_nothing_else,
    emergencies_go_on_unless_the_stop_says_otherwise,
    only_people_lift_a_stop,
    stops_outlive_a_restart,
);

fn two_steps() -> Value {
    let step = |name: &str| json!({ "name": name, "run": "true", "undo": "true" });
    in_steps(&json!([step("one"), step("two")]))
}

async fn stop(person: &Person, scope: &str, of: Option<&str>) -> Result<String> {
    let body = json!({ "scope": scope, "of": of, "reason": "something is wrong" });
    Ok(text(&person.post("/api/v1/stops", &body).await?["stop_id"]).to_owned())
}

async fn lift(person: &Person, id: &str) -> Result<Value> {
    person.post(&format!("/api/v1/stops/{id}/lift"), &json!({ "reason": "it is found" })).await
}

/// The kinds of what stands between a change and its start.
async fn blockers(person: &Person, id: &str) -> Result<Vec<String>> {
    let change = person.change(id).await?;
    let blockers = change["blockers"].as_array().context("blockers")?;
    Ok(blockers.iter().map(|blocker| text(&blocker["kind"]).to_owned()).collect())
}

/// Whether the change may be started; when not, that the stop alone refuses.
async fn may_start(person: &Person, id: &str) -> Result<bool> {
    let digest = person.change(id).await?["digest"].clone();
    let body = json!({ "holder": format!("{}-1", person.name), "digest": digest, "auto_rollback": true });
    let answer = person.send(Ask::post(&format!("/api/v1/changes/{id}/start"), &body)).await?;
    if answer.status < 300 {
        return Ok(true);
    }
    let problem = answer.refused(403, "refused-by-policy")?;
    ensure!(problem["rule"] == "stop-the-line", "{problem}");
    Ok(false)
}

async fn a_stop_holds_what_runs_and_keeps_the_rest_from_its_gates(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let running = approved(&ann, &lead, &two_steps()).await?;
    let mut runner = Runner::start(&ann, &running, true).await?;
    let waiting = approved(&ann, &lead, &two_steps()).await?;
    let asked = text(&ann.create(&two_steps()).await?["change_id"]).to_owned();

    let id = stop(&lead, "everything", None).await?;
    let held = ann.change(&running).await?;
    let trail = actions(&held);
    ensure!(trail.ends_with(&["progressed".to_owned(), "commented".to_owned()]), "{trail:?}");
    let said =
        text(&held["audit_trail"].as_array().context("a trail")?.last().context("entries")?["details"]);
    ensure!(said.contains(&id) && said.contains("something is wrong"), "{said}");
    ensure!(!may_start(&ann, &waiting).await?, "it was started under a stop");
    assert_eq!(blockers(&ann, &waiting).await?, ["stop"]);
    assert_eq!(blockers(&ann, &running).await?, ["stop"]);
    assert_eq!(blockers(&ann, &asked).await?, ["stop", "approval"]);
    let digest = json!({ "digest": ann.change(&asked).await?["digest"] });
    let path = format!("/api/v1/changes/{asked}/approve");
    let problem = lead.refused(&path, &digest, 403, "refused-by-policy").await?;
    assert_eq!(problem["rule"], "stop-the-line");
    let small = ann.create(&small("greeter")).await?;
    assert_eq!(small["state"], "awaiting_approval", "nothing is approved without a person");
    let resume = Ask::new("POST", &format!("/api/v1/changes/{running}/resume"));
    lead.send(resume.clone()).await?.refused(403, "refused-by-policy")?;
    ann.send(resume).await?.refused(403, "refused-by-policy")?;
    // What was begun may end, and taking back is never in the way.
    runner.assignment = serde_json::from_value(runner.send("heartbeat", &json!({})).await?.good()?)?;
    assert_eq!(runner.work(|_| false).await?, domain::plan::Action::Await);
    ann.act(&running, "rollback", &json!({ "reason": "better safe" })).await?;
    runner.assignment = serde_json::from_value(runner.send("heartbeat", &json!({})).await?.good()?)?;
    runner.work(|_| false).await?;
    assert_eq!(ann.change(&running).await?["state"], "rolled_back");

    let lifted = lift(&lead, &id).await?;
    assert_eq!(text(&lifted["lifted"]["by"]), "lead");
    assert_eq!(ann.get("/api/v1/stops").await?["items"], json!([]));
    assert_eq!(ann.get("/api/v1/stops?lifted=true").await?["items"], json!([lifted]));
    lead.refused(&format!("/api/v1/stops/{id}/lift"), &json!({ "reason": "again" }), 404, "not-found")
        .await?;
    ensure!(may_start(&ann, &waiting).await?, "it is not started although the stop is lifted");
    app.verified().await?;
    app.stop().await
}

async fn a_start_that_races_a_stop_loses(database: Database) -> Result<()> {
    let is_shared = database.is_shared();
    let (app, ann, lead) = team(database).await?;
    let folder = tempfile::tempdir()?;
    // Where two servers share the log, the other one has not heard of the stop when the change is started here.
    let second = if is_shared { Some(second_server(&app, folder.path()).await?) } else { None };
    let address = second.as_ref().map_or(app.address, |(_, root)| root.address);
    let elsewhere = Person { address, ..lead.clone() };
    for round in 0..4 {
        let id = approved(&ann, &lead, &two_steps()).await?;
        let (stopped, started) =
            tokio::join!(stop(&elsewhere, "service", Some("identity")), may_start(&ann, &id));
        let (stopped, started) = (stopped?, started?);
        let change = ann.change(&id).await?;
        if started {
            // It began before the stop, and is held by it.
            let phase = text(&change["implementation"]["phase"]);
            assert_eq!((text(&change["state"]), phase), ("implementing", "paused"), "{round}");
        } else {
            assert_eq!(change["state"], "approved", "{round}");
        }
        lift(&elsewhere, &stopped).await?;
        // A server that has not heard of it yet goes on refusing, which is the safe side.
        eventually("the lift is heard of", async || {
            let stops = ann.get("/api/v1/stops").await?;
            Ok(stops["items"].as_array().is_some_and(Vec::is_empty).then_some(()))
        })
        .await?;
    }
    // A stop that is already there is not overlooked, however stale the memory of the server that is asked.
    let id = approved(&ann, &lead, &two_steps()).await?;
    stop(&elsewhere, "everything", None).await?;
    ensure!(!may_start(&ann, &id).await?, "it was started under a stop");
    app.verified().await?;
    if let Some((second, _)) = second {
        second.shutdown();
        second.stopped().await?;
    }
    app.stop().await
}

async fn a_stop_covers_what_it_names_and_nothing_else(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let bot = app.agent("ann-bot", &ann).await?;
    let alias = app.register("ann-at-home", "human", &json!({ "alias_of": "ann" })).await?;
    let of = |service: &str| {
        let mut request = two_steps();
        request["affected_services"] = json!([service]);
        request
    };
    let by_ann = approved(&ann, &lead, &of("identity")).await?;
    let by_alias = approved(&alias, &lead, &of("identity")).await?;
    let by_bot = approved(&bot, &lead, &of("billing")).await?;
    let cases: [(&str, Option<&str>, [bool; 3]); 8] = [
        ("everything", None, [true, true, true]),
        ("agents", None, [false, false, true]),
        ("actor", Some("ann"), [true, true, false]),
        ("actor", Some("ann-bot"), [false, false, true]),
        ("service", Some("billing"), [false, false, true]),
        ("service", Some("reports"), [false, false, false]),
        ("tier", Some("0"), [true, true, false]),
        ("tier", Some("1"), [false, false, true]),
    ];
    for (scope, of, expected) in cases {
        let id = stop(&lead, scope, of).await?;
        let mut covered = [false; 3];
        for (covered, change) in covered.iter_mut().zip([&by_ann, &by_alias, &by_bot]) {
            *covered = blockers(&ann, change).await?.contains(&"stop".to_owned());
        }
        assert_eq!(covered, expected, "{scope} {of:?}");
        lift(&lead, &id).await?;
    }
    // Whoever is stopped does not carry out what others asked for either.
    let id = stop(&lead, "agents", None).await?;
    ensure!(!may_start(&bot, &by_ann).await?, "an agent started a change although all agents are stopped");
    ensure!(may_start(&ann, &by_ann).await?, "a person is kept from a change by a stop of agents");
    lift(&lead, &id).await?;
    for (body, field) in [
        (json!({ "scope": "service", "reason": "x" }), "of"),
        (json!({ "scope": "everything", "of": "cart", "reason": "x" }), "of"),
        (json!({ "scope": "tier", "of": "4", "reason": "x" }), "of"),
        (json!({ "scope": "region", "reason": "x" }), "scope"),
        (json!({ "scope": "everything", "reason": "" }), "reason"),
    ] {
        let problem = lead.refused("/api/v1/stops", &body, 422, "invalid-field").await?;
        assert_eq!(problem["errors"][0]["at"], field, "{body}");
    }
    let typo = json!({ "scope": "service", "of": "biling", "reason": "x" });
    let problem = lead.refused("/api/v1/stops", &typo, 404, "not-found").await?;
    ensure!(text(&problem["next_step"]).contains("billing"), "{problem}");
    app.stop().await
}

async fn emergencies_go_on_unless_the_stop_says_otherwise(database: Database) -> Result<()> {
    let (app, ann, _) = team(database).await?;
    let ecab = app.person("oncall", &["ecab_member"]).await?;
    let mut hotfix = two_steps();
    hotfix["type"] = json!("emergency");
    hotfix["justification"] = json!("everything is down");
    let id = stop(&ecab, "everything", None).await?;
    let change = ann.create(&hotfix).await?;
    let first = text(&change["change_id"]).to_owned();
    ecab.approve(&first).await?;
    ensure!(may_start(&ann, &first).await?, "a hotfix is held up");
    lift(&ecab, &id).await?;
    let body =
        json!({ "scope": "everything", "reason": "even hotfixes make it worse", "except_emergency": false });
    ecab.post("/api/v1/stops", &body).await?;
    let change = ann.create(&hotfix).await?;
    let path = format!("/api/v1/changes/{}/approve", text(&change["change_id"]));
    let problem =
        ecab.refused(&path, &json!({ "digest": change["digest"] }), 403, "refused-by-policy").await?;
    assert_eq!(problem["rule"], "stop-the-line");
    assert_eq!(ann.change(&first).await?["implementation"]["phase"], "paused");
    app.stop().await
}

async fn only_people_lift_a_stop(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let rights = json!({ "owner": "lead", "rights": { "roles": ["implementer"] } });
    let bot = app.register("lead-bot", "agent", &rights).await?;
    let id = stop(&bot, "service", Some("billing")).await?;
    let path = format!("/api/v1/stops/{id}/lift");
    let reason = json!({ "reason": "I am fine again" });
    let problem = bot.refused(&path, &reason, 403, "refused-by-policy").await?;
    assert_eq!(problem["rule"], "stops-by-those-who-answer");
    ann.refused(&path, &reason, 403, "refused-by-policy").await?;
    ann.refused("/api/v1/stops", &json!({ "scope": "everything", "reason": "x" }), 403, "refused-by-policy")
        .await?;
    // A repetition under the same key sets no second stop.
    let body = json!({ "scope": "agents", "reason": "loop" });
    let ask = || Ask::post("/api/v1/stops", &body).header("idempotency-key", "one");
    let (first, again) = (lead.send(ask()).await?.good()?, lead.send(ask()).await?.good()?);
    assert_eq!(first, again);
    assert_eq!(ann.get("/api/v1/stops").await?["items"].as_array().map(Vec::len), Some(2));
    app.stop().await
}

async fn stops_outlive_a_restart(database: Database) -> Result<()> {
    let (mut app, ann, lead) = team(database).await?;
    let id = approved(&ann, &lead, &two_steps()).await?;
    stop(&lead, "tier", Some("0")).await?;
    let before = ann.get("/api/v1/stops").await?;
    app.halt().await?;
    app.revive().await?;
    assert_eq!(ann.get("/api/v1/stops").await?, before);
    ensure!(!may_start(&ann, &id).await?, "the stop is forgotten");
    app.stop().await
}
