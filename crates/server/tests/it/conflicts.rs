//! Changes that get in each other's way: what waits, what is told, and which times are free.

use anyhow::{Context as _, Result, ensure};
use domain::calendar::ConflictSettings;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::faults::second_server;
use crate::harness::{Database, Person, TestApp, eventually, on_both_databases, on_sqlite, small, text};
use crate::http::Ask;
use crate::runner::Runner;
use crate::team::{approved, in_steps, team_with, validate};

on_both_databases!(conflicting_changes_take_turns,);
on_sqlite!(
    a_window_that_is_taken_is_a_finding_and_holds_the_younger_change,
    a_free_time_needs_nobody_where_a_taken_one_does,
    what_leans_on_it_waits_and_a_shared_host_is_told,
    the_earliest_free_time_says_what_was_passed_over,
    a_free_time_that_makes_no_sense_is_refused,
);

const TAKE_TURNS: &str = "conflicting-changes-take-turns";

async fn team(database: Database) -> Result<(TestApp, Person, Person)> {
    team_with(database, |config| config.conflicts = ConflictSettings::default()).await
}

fn request() -> Value {
    in_steps(&json!([{ "name": "one", "run": "true", "undo": "true" }]))
}

fn to_service(service: &str) -> Value {
    let mut request = request();
    request["affected_services"] = json!([service]);
    request
}

fn in_window(request: &Value, start: &str, end: &str) -> Value {
    let mut request = request.clone();
    request["window"] = json!({ "start": start, "end": end });
    request
}

/// Starts a change; the problem where policy refuses.
async fn start(person: &Person, id: &str) -> Result<Result<Runner, Value>> {
    Runner::try_start(person, id, true).await
}

/// Why a change is not started.
async fn held(person: &Person, id: &str) -> Result<Value> {
    start(person, id).await?.err().with_context(|| format!("{id} is not held back"))
}

/// Brings a change that was started to its end.
async fn done(person: &Person, id: &str, mut runner: Runner) -> Result<()> {
    runner.work(|_| false).await?;
    runner.finish().await?;
    validate(person, id, true).await?;
    Ok(())
}

async fn conflicts(person: &Person, id: &str) -> Result<Vec<Value>> {
    let told = person.get(&format!("/api/v1/changes/{id}/conflicts")).await?;
    Ok(told["items"].as_array().context("items")?.clone())
}

async fn conflicting_changes_take_turns(database: Database) -> Result<()> {
    let (mut app, ann, lead) = team(database).await?;
    let oncall = app.person("oncall", &["ecab_member"]).await?;
    let first = approved(&ann, &lead, &request()).await?;
    let second = approved(&ann, &lead, &request()).await?;
    let mut elsewhere = request();
    elsewhere["environment"] = json!("staging");
    let mut here = request();
    here["environment"] = json!("production");
    let mut runner = Runner::start(&ann, &first, true).await?;
    let refused = held(&ann, &second).await?;
    assert_eq!(refused["rule"], TAKE_TURNS);
    let said = format!("{first}, running, changes `identity` too");
    ensure!(refused.to_string().contains(&said), "{refused}");
    let change = ann.change(&second).await?;
    let blocker = &change["blockers"][0];
    assert_eq!(blocker["kind"], "conflict");
    ensure!(text(&blocker["missing"]).contains(&said), "{blocker}");
    let told = conflicts(&ann, &second).await?;
    let [conflict] = told.as_slice() else { anyhow::bail!("{told:?}") };
    assert_eq!((text(&conflict["kind"]), text(&conflict["treatment"])), ("same_item", "deny"));
    assert_eq!((text(&conflict["stage"]), conflict["holds"].as_bool()), ("running", Some(true)));
    let billing = approved(&ann, &lead, &to_service("billing")).await?;
    start(&ann, &billing).await?.ok().context("another service is not concerned")?;
    let mut hotfix = request();
    hotfix["type"] = json!("emergency");
    hotfix["justification"] = json!("everything is down");
    let hotfix = text(&ann.create(&hotfix).await?["change_id"]).to_owned();
    oncall.approve(&hotfix).await?;
    let emergency = start(&ann, &hotfix).await?.ok().context("an emergency goes first")?;
    done(&ann, &hotfix, emergency).await?;
    // The same is known after a restart, and while what was done is looked at.
    runner.work(|_| false).await?;
    runner.finish().await?;
    app.halt().await?;
    app.revive().await?;
    assert_eq!(held(&ann, &second).await?["rule"], TAKE_TURNS);
    validate(&ann, &first, true).await?;
    let runner = start(&ann, &second).await?.ok().context("the first one is done")?;
    // In different places they are not in each other's way.
    let [elsewhere, here] = [approved(&ann, &lead, &elsewhere).await?, approved(&ann, &lead, &here).await?];
    assert_eq!(held(&ann, &elsewhere).await?["rule"], TAKE_TURNS, "the one under way may be anywhere");
    done(&ann, &second, runner).await?;
    for id in [&elsewhere, &here] {
        start(&ann, id).await?.ok().with_context(|| format!("{id} is elsewhere"))?;
    }
    app.verified().await?;
    app.stop().await
}

/// Of two changes that are started at the same instant on two servers, one is started.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_never_start_both() -> Result<()> {
    const ROUNDS: usize = 12;
    let (app, ann, lead) = team(Database::postgres()?).await?;
    let folder = tempfile::tempdir()?;
    let (second, root) = second_server(&app, folder.path()).await?;
    let there = Person { address: root.address, ..ann.clone() };
    for round in 0..ROUNDS {
        let ids = [approved(&ann, &lead, &request()).await?, approved(&there, &lead, &request()).await?];
        let mut starts = JoinSet::new();
        for (person, id) in [&ann, &there].into_iter().zip(&ids) {
            let (person, id) = (person.clone(), id.clone());
            starts.spawn(async move { anyhow::Ok((start(&person, &id).await?, id)) });
        }
        let (mut begun, mut waiting) = (Vec::new(), Vec::new());
        while let Some(answer) = starts.join_next().await {
            let (started, id) = answer??;
            match started {
                Ok(runner) => begun.push((id, runner)),
                Err(refused) => {
                    assert_eq!(refused["rule"], TAKE_TURNS);
                    waiting.push(id);
                }
            }
        }
        assert_eq!((begun.len(), waiting.len()), (1, 1), "round {round}");
        let (id, runner) = begun.remove(0);
        done(&there, &id, runner).await?;
        // Whichever server is asked knows that it is over.
        let runner = start(&ann, &waiting[0]).await?.ok().with_context(|| format!("round {round}"))?;
        done(&ann, &waiting[0], runner).await?;
    }
    // What is planned on one server, the other one knows as soon as it has heard of it.
    let night = in_window(&request(), "2026-03-03T22:00:00Z", "2026-03-03T23:00:00Z");
    let planned = approved(&there, &lead, &night).await?;
    let stage = async || {
        let shown = ann.get("/api/v1/calendar").await?;
        let change =
            shown["changes"].as_array().into_iter().flatten().find(|change| change["change_id"] == *planned);
        anyhow::Ok(change.map(|change| text(&change["stage"]).to_owned()))
    };
    eventually("it is approved there", async || Ok(stage().await?.filter(|stage| stage == "approved")))
        .await?;
    there.act(&planned, "cancel", &json!({ "reason": "not needed" })).await?;
    eventually("it is planned no more", async || Ok(stage().await?.is_none().then_some(()))).await?;
    app.verified().await?;
    second.shutdown();
    second.stopped().await?;
    app.stop().await
}

async fn a_window_that_is_taken_is_a_finding_and_holds_the_younger_change(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let night = in_window(&request(), "2026-03-02T22:00:00Z", "2026-03-02T23:00:00Z");
    let older = approved(&ann, &lead, &night).await?;
    let night = in_window(&request(), "2026-03-02T22:30:00Z", "2026-03-02T23:30:00Z");
    let younger = ann.create(&night).await?;
    let rules: Vec<_> = younger["risk"]["findings"].as_array().into_iter().flatten().collect();
    let finding =
        rules.iter().find(|finding| finding["rule"] == "conflicting-change").context("a finding")?;
    let sentence = text(&finding["sentence"]);
    ensure!(
        sentence.contains(&older) && sentence.contains("2026-03-02T22:30:00Z to 2026-03-02T23:00:00Z"),
        "{sentence}"
    );
    ensure!(text(&younger["risk"]["conflicts"][0]).contains(&older), "{younger}");
    let younger = text(&younger["change_id"]).to_owned();
    lead.approve(&younger).await?;
    let shown = ann.get("/api/v1/calendar").await?;
    let planned: Vec<_> = shown["changes"].as_array().into_iter().flatten().collect();
    assert_eq!(planned.len(), 2, "{shown}");
    let other = |at: usize| text(&planned[at]["conflicts"][0]["change_id"]).to_owned();
    assert_eq!((other(0), other(1)), (younger.clone(), older.clone()));
    app.clock.advance("2026-03-02T22:40:00Z".parse::<domain::Timestamp>()?.duration_since(app.clock.now()));
    let refused = held(&ann, &younger).await?;
    ensure!(refused.to_string().contains(&older), "{refused}");
    app.clock.advance(jiff::SignedDuration::from_mins(20));
    start(&ann, &younger).await?.ok().context("the window of the older one is over")?;
    app.stop().await
}

/// Nobody had to approve it, were it not for the time: a free one of the same length is suggested, and lifts the finding.
async fn a_free_time_needs_nobody_where_a_taken_one_does(database: Database) -> Result<()> {
    let (app, ann, _) = team(database).await?;
    let older = in_window(&small("greeter"), "2026-03-02T22:00:00Z", "2026-03-02T23:00:00Z");
    assert_eq!(ann.create(&older).await?["state"], "approved");
    let younger = in_window(&small("greeter"), "2026-03-02T22:30:00Z", "2026-03-02T23:30:00Z");
    let younger = ann.create(&younger).await?;
    assert_eq!(younger["approval"]["automated"], false, "{}", younger["approval"]);
    let path = format!("/api/v1/changes/{}/risk/what-if", text(&younger["change_id"]));
    let answer = ann.post(&path, &json!({})).await?;
    let suggested = answer["lower"]["suggestions"].as_array().context("suggestions")?;
    let options = suggested.iter().map(|suggestion| text(&suggestion["options"]));
    let with_window: Vec<_> = options.filter(|options| options.contains("--window")).collect();
    let free = "--window 2026-03-02T09:00:00Z/2026-03-02T10:00:00Z";
    ensure!(with_window.iter().any(|options| options.contains(free)), "{answer:#}");
    let free = json!({ "window": { "start": "2026-03-02T09:00:00Z", "end": "2026-03-02T10:00:00Z" } });
    let moved = ann.post(&path, &free).await?;
    let findings = moved["after"]["risk"]["findings"].to_string();
    ensure!(!findings.contains("conflicting-change"), "{findings}");
    assert_eq!(moved["after"]["approval"]["automated"], true);
    app.stop().await
}

async fn what_leans_on_it_waits_and_a_shared_host_is_told(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let on_node = json!({ "to": "node-3", "type": "runs_on" });
    let leans = json!({ "to": "billing", "type": "depends_on" });
    let edit = json!({ "describe": [
        { "id": "node-3", "type": "host" },
        { "id": "greeter", "type": "service", "tier": 2, "relations": [on_node] },
        { "id": "reports", "type": "service", "tier": 3, "relations": [on_node, leans] },
    ] });
    app.root().post("/api/v1/cmdb/edit", &edit).await?;
    let [billing, greeter, reports] = ["billing", "greeter", "reports"].map(to_service);
    let billing = approved(&ann, &lead, &billing).await?;
    let greeter = approved(&ann, &lead, &greeter).await?;
    let reports = approved(&ann, &lead, &reports).await?;
    start(&ann, &reports).await?.ok().context("nothing else is under way")?;
    let refused = held(&ann, &billing).await?;
    ensure!(refused.to_string().contains("changes `reports`, which leans on `billing`"), "{refused}");
    let told = conflicts(&ann, &greeter).await?;
    assert_eq!((text(&told[0]["kind"]), text(&told[0]["host"])), ("shared_host", "node-3"), "{told:?}");
    assert_eq!((text(&told[0]["treatment"]), told[0]["holds"].as_bool()), ("ignore", Some(false)));
    start(&ann, &greeter).await?.ok().context("it is only told")?;
    app.stop().await
}

async fn the_earliest_free_time_says_what_was_passed_over(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let manager = app.person("manager", &["change_manager"]).await?;
    // It is Monday, 09:00.
    let freeze = json!({ "name": "sales", "kind": "freeze", "title": "sales", "starts": "2026-03-02T08:00", "duration": "4h" });
    manager.post("/api/v1/calendar/entries", &freeze).await?;
    let window = json!({ "name": "days", "kind": "maintenance", "title": "days", "starts": "2026-03-02T12:30", "duration": "3h",
        "rule": "FREQ=DAILY", "services": ["identity"] });
    manager.post("/api/v1/calendar/entries", &window).await?;
    let taken = in_window(&request(), "2026-03-02T12:45:00Z", "2026-03-02T14:00:00Z");
    let other = approved(&ann, &lead, &taken).await?;
    let id = approved(&ann, &lead, &request()).await?;
    let found = ann.get(&format!("/api/v1/calendar/slots?change={id}&duration=30m&count=2")).await?;
    let starts: Vec<_> =
        found["slots"].as_array().into_iter().flatten().map(|slot| text(&slot["start"])).collect();
    assert_eq!(starts, ["2026-03-02T14:00:00Z", "2026-03-03T12:30:00Z"], "{found}");
    assert_eq!(found["slots"][0]["free_until"], "2026-03-02T15:30:00Z");
    let passed: Vec<_> = found["passed_over"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| format!("{} {}", text(&one["from"]), text(&one["names"][0])))
        .collect();
    let expected = [
        "2026-03-02T09:00:00Z days".to_owned(),
        format!("2026-03-02T12:30:00Z {other}"),
        "2026-03-02T15:30:00Z days".to_owned(),
    ];
    assert_eq!(passed, expected, "{found}");
    // Another service only waits for the freeze.
    let found = ann.get("/api/v1/calendar/slots?service=reports&duration=30m").await?;
    assert_eq!(found["slots"][0]["start"], "2026-03-02T12:00:00Z");
    assert_eq!(text(&found["passed_over"][0]["names"][0]), "sales");
    eventually("the hour of the freeze is over", async || {
        app.clock.advance(jiff::SignedDuration::from_hours(3));
        Ok(start(&ann, &id).await?.ok().map(drop))
    })
    .await?;
    app.stop().await
}

async fn a_free_time_that_makes_no_sense_is_refused(database: Database) -> Result<()> {
    let (app, ann, _) = team(database).await?;
    for (query, field) in [
        ("", "change"),
        ("service=identity&change=CHG-2026-000001", "change"),
        ("change=CHG-1", "change"),
        ("service=identity&duration=0m", "duration"),
        ("service=identity&duration=8d", "duration"),
        ("service=identity&within=91d", "within"),
        ("service=identity&count=21", "count"),
        ("service=identity&count=0", "count"),
        ("service=Not%20a%20name", "service"),
    ] {
        let answer = ann.send(Ask::get(&format!("/api/v1/calendar/slots?{query}"))).await?;
        let problem = answer.refused(422, "invalid-field")?;
        assert_eq!(problem["errors"][0]["at"], field, "{query}: {problem}");
    }
    let answer = ann.send(Ask::get("/api/v1/calendar/slots?service=identify")).await?;
    let problem = answer.refused(404, "not-found")?;
    ensure!(text(&problem["next_step"]).contains("`identity`"), "{problem}");
    ann.send(Ask::get("/api/v1/changes/CHG-2026-999999/conflicts")).await?.refused(404, "not-found")?;
    app.stop().await
}
