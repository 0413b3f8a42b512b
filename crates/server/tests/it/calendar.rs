//! Freezes and maintenance windows: what does not start, what does, and what is excepted.

use anyhow::{Context as _, Result, ensure};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::harness::{Database, Person, on_both_databases, on_sqlite, text};
use crate::http::Ask;
use crate::runner::Runner;
use crate::team::{approved, in_steps, team};

on_both_databases!(nothing_starts_in_a_freeze_but_emergencies_and_what_is_excepted,);
on_sqlite!(
    a_start_is_judged_by_its_instant,
    a_rollback_that_lost_its_runner_is_taken_over_whatever_stands_still,
    what_a_window_is_defined_for_starts_only_in_it,
    the_calendar_shows_what_takes_place_and_what_is_planned,
    an_entry_that_makes_no_sense_is_refused,
);

fn request() -> Value {
    let step = |name: &str| json!({ "name": name, "run": "true", "undo": "true" });
    in_steps(&json!([step("one"), step("two")]))
}

fn entry(name: &str, kind: &str, starts: &str, duration: &str) -> Value {
    json!({ "name": name, "kind": kind, "title": "a reason", "starts": starts, "duration": duration })
}

/// Nothing when the change may be started, otherwise the rule that refuses.
async fn start(person: &Person, id: &str) -> Result<Option<String>> {
    let digest = person.change(id).await?["digest"].clone();
    let body = json!({ "holder": format!("{}-1", person.name), "digest": digest, "auto_rollback": true });
    let answer = person.send(Ask::post(&format!("/api/v1/changes/{id}/start"), &body)).await?;
    if answer.status < 300 {
        return Ok(None);
    }
    Ok(Some(text(&answer.refused(403, "refused-by-policy")?["rule"]).to_owned()))
}

fn refused_by(rule: &str) -> Option<String> {
    Some(rule.to_owned())
}

const FREEZE: &str = "no-implementation-in-a-freeze";
const WINDOW: &str = "maintenance-window-before-start";

async fn nothing_starts_in_a_freeze_but_emergencies_and_what_is_excepted(database: Database) -> Result<()> {
    let (mut app, ann, lead) = team(database).await?;
    let manager = app.person("manager", &["change_manager"]).await?;
    let oncall = app.person("oncall", &["ecab_member"]).await?;
    let running = approved(&ann, &lead, &request()).await?;
    let mut runner = Runner::start(&ann, &running, true).await?;
    let id = approved(&ann, &lead, &request()).await?;
    let other = approved(&ann, &lead, &request()).await?;
    let freeze = entry("spring", "freeze", "2026-03-02T08:00", "3d");
    lead.refused("/api/v1/calendar/entries", &freeze, 403, "refused-by-policy").await?;
    manager.post("/api/v1/calendar/entries", &freeze).await?;
    manager.refused("/api/v1/calendar/entries", &freeze, 409, "exists").await?;
    assert_eq!(start(&ann, &id).await?, refused_by(FREEZE));
    let change = ann.change(&id).await?;
    let blocker = &change["blockers"][0];
    assert_eq!((text(&blocker["kind"]), text(&blocker["deadline"])), ("freeze", "2026-03-05T08:00:00Z"));
    // What runs goes on, and an emergency starts.
    assert_eq!(runner.work(|_| false).await?, domain::plan::Action::Finish);
    let mut hotfix = request();
    hotfix["type"] = json!("emergency");
    hotfix["justification"] = json!("everything is down");
    let hotfix = text(&ann.create(&hotfix).await?["change_id"]).to_owned();
    oncall.approve(&hotfix).await?;
    assert_eq!(start(&ann, &hotfix).await?, None);
    // An exception is of one change, by somebody else with the authority, and ends.
    let path = "/api/v1/calendar/entries/spring/override";
    let except = json!({ "change_id": id, "reason": "the certificate expires", "expires_in": "2h" });
    for person in [&ann, &lead] {
        person.refused(path, &except, 403, "refused-by-policy").await?;
    }
    let long = json!({ "change_id": id, "reason": "x", "expires_in": "8d" });
    manager.refused(path, &long, 422, "invalid-content").await?;
    let ask = || Ask::post(path, &except).header("idempotency-key", "once");
    let (first, again) = (manager.send(ask()).await?.good()?, manager.send(ask()).await?.good()?);
    assert_eq!(first, again);
    let shown = ann.get("/api/v1/calendar").await?;
    assert_eq!(shown["overrides"].as_array().map(Vec::len), Some(1), "{shown}");
    assert_eq!(
        (text(&shown["overrides"][0]["by"]), text(&shown["overrides"][0]["change_id"])),
        ("manager", id.as_str())
    );
    assert_eq!(start(&ann, &other).await?, refused_by(FREEZE));
    // All of it is read from the log again.
    app.halt().await?;
    app.revive().await?;
    assert_eq!(start(&ann, &other).await?, refused_by(FREEZE));
    app.pass(SignedDuration::from_mins(119));
    assert_eq!(start(&ann, &id).await?, None);
    let except = json!({ "change_id": other, "reason": "too", "expires_in": "1m" });
    manager.post(path, &except).await?;
    app.pass(SignedDuration::from_mins(1));
    assert_eq!(start(&ann, &other).await?, refused_by(FREEZE));
    let remove = json!({ "reason": "it was spring enough" });
    manager.post("/api/v1/calendar/entries/spring/remove", &remove).await?;
    assert_eq!(start(&ann, &other).await?, None);
    app.verified().await?;
    app.stop().await
}

async fn a_rollback_that_lost_its_runner_is_taken_over_whatever_stands_still(
    database: Database,
) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let manager = app.person("manager", &["change_manager"]).await?;
    let forward = approved(&ann, &lead, &request()).await?;
    Runner::start(&ann, &forward, true).await?.release().await?;
    let back = approved(&ann, &lead, &request()).await?;
    let mut lost = Runner::start(&ann, &back, true).await?;
    lost.work(|_| false).await?;
    ann.act(&back, "rollback", &json!({ "reason": "better safe" })).await?;
    lost.release().await?;
    assert_eq!(ann.change(&back).await?["state"], "interrupted");
    let mut window = entry("nights", "maintenance", "2026-03-02T01:00", "4h");
    window["rule"] = json!("FREQ=DAILY");
    for entry in [entry("spring", "freeze", "2026-03-02T08:00", "3d"), window] {
        manager.post("/api/v1/calendar/entries", &entry).await?;
    }
    lead.post("/api/v1/stops", &json!({ "scope": "everything", "reason": "something is wrong" })).await?;
    let problem = Runner::try_start(&ann, &forward, true).await?.err().context("a refusal")?;
    let rules: Vec<_> =
        problem["errors"].as_array().context("errors")?.iter().map(|it| text(&it["at"])).collect();
    assert_eq!(rules, [WINDOW, FREEZE, "stop-the-line"]);
    Runner::start(&ann, &back, true).await?.work(|_| false).await?;
    assert_eq!(ann.change(&back).await?["state"], "rolled_back");
    app.stop().await
}

async fn a_start_is_judged_by_its_instant(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let manager = app.person("manager", &["change_manager"]).await?;
    let [first, second, third] = [
        approved(&ann, &lead, &request()).await?,
        approved(&ann, &lead, &request()).await?,
        approved(&ann, &lead, &request()).await?,
    ];
    // It is 09:00 UTC, which is 10:00 in Berlin.
    let mut freeze = entry("noon", "freeze", "2026-03-02T12:00", "1h");
    freeze["zone"] = json!("Europe/Berlin");
    manager.post("/api/v1/calendar/entries", &freeze).await?;
    app.pass(SignedDuration::from_micros(2 * 3_600_000_000 - 1));
    assert_eq!(start(&ann, &first).await?, None, "a microsecond before the freeze");
    app.pass(SignedDuration::from_micros(1));
    assert_eq!(start(&ann, &second).await?, refused_by(FREEZE), "in its first instant");
    app.pass(SignedDuration::from_micros(3_600_000_000 - 1));
    assert_eq!(start(&ann, &second).await?, refused_by(FREEZE), "in its last instant");
    app.pass(SignedDuration::from_micros(1));
    assert_eq!(start(&ann, &third).await?, None, "after it");
    app.stop().await
}

async fn what_a_window_is_defined_for_starts_only_in_it(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let manager = app.person("manager", &["change_manager"]).await?;
    let mut window = entry("evenings", "maintenance", "2026-02-01T22:00", "2h");
    window["rule"] = json!("FREQ=DAILY;BYDAY=MO,WE");
    window["tiers"] = json!([0]);
    manager.post("/api/v1/calendar/entries", &window).await?;
    let id = approved(&ann, &lead, &request()).await?;
    let mut elsewhere = request();
    elsewhere["affected_services"] = json!(["billing"]);
    let other = approved(&ann, &lead, &elsewhere).await?;
    assert_eq!(start(&ann, &id).await?, refused_by(WINDOW));
    assert_eq!(ann.change(&id).await?["blockers"][0]["kind"], "maintenance");
    assert_eq!(start(&ann, &other).await?, None, "no window is defined for it");
    app.pass(SignedDuration::from_hours(13));
    assert_eq!(start(&ann, &id).await?, None, "it is Monday, 22:00");
    app.stop().await
}

async fn the_calendar_shows_what_takes_place_and_what_is_planned(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let manager = app.person("manager", &["change_manager"]).await?;
    let mut nights = entry("nights", "maintenance", "2026-03-01T23:00", "1h");
    nights["zone"] = json!("Europe/Berlin");
    nights["rule"] = json!("FREQ=DAILY");
    manager.post("/api/v1/calendar/entries", &nights).await?;
    let mut planned = request();
    planned["window"] = json!({ "start": "2026-03-28T22:00:00Z", "end": "2026-03-28T23:00:00Z" });
    let id = approved(&ann, &lead, &planned).await?;
    let shown = ann.get("/api/v1/calendar?from=2026-03-28T12:00:00Z&to=2026-03-30T00:00:00Z").await?;
    let begin: Vec<_> = shown["occurrences"]
        .as_array()
        .context("occurrences")?
        .iter()
        .map(|one| text(&one["start"]))
        .collect();
    assert_eq!(begin, ["2026-03-28T22:00:00Z", "2026-03-29T21:00:00Z"], "the clocks change in between");
    assert_eq!(text(&shown["changes"][0]["change_id"]), id);
    let later = ann.get("/api/v1/calendar?from=2026-04-28T12:00:00Z&to=2026-04-29T00:00:00Z").await?;
    assert_eq!(later["changes"], json!([]));
    let listed = ann.get("/api/v1/calendar/entries").await?;
    assert_eq!(
        (text(&listed["items"][0]["rule"]), text(&listed["items"][0]["zone"])),
        ("FREQ=DAILY", "Europe/Berlin")
    );
    for query in [
        "from=2026-03-28T12:00:00Z&to=2026-03-28T12:00:00Z",
        "from=2026-03-28T12:00:00Z&to=2028-01-01T00:00:00Z",
        "from=soon",
    ] {
        ann.send(Ask::get(&format!("/api/v1/calendar?{query}"))).await?.refused(422, "invalid-field")?;
    }
    app.stop().await
}

async fn an_entry_that_makes_no_sense_is_refused(database: Database) -> Result<()> {
    let (app, _, _) = team(database).await?;
    let manager = app.person("manager", &["change_manager"]).await?;
    let fine = || entry("one", "freeze", "2026-03-02T08:00", "1h");
    for (field, value) in [
        ("name", json!("a name")),
        ("kind", json!("holiday")),
        ("title", json!("")),
        ("starts", json!("2026-03-02T08:00:00Z")),
        ("starts", json!("soon")),
        ("zone", json!("Berlin")),
        ("duration", json!("90s")),
        ("rule", json!("FREQ=HOURLY")),
        ("until", json!("2026-03-02")),
        ("tiers", json!([7])),
    ] {
        let mut wrong = fine();
        wrong[field] = value;
        let problem = manager.refused("/api/v1/calendar/entries", &wrong, 422, "invalid-field").await?;
        ensure!(text(&problem["errors"][0]["at"]).starts_with(field), "{field}: {problem}");
    }
    let mut never = fine();
    never["until"] = json!("2026-03-01T00:00:00Z");
    manager.refused("/api/v1/calendar/entries", &never, 422, "invalid-content").await?;
    let remove = json!({ "reason": "x" });
    manager.refused("/api/v1/calendar/entries/one/remove", &remove, 404, "not-found").await?;
    app.stop().await
}
