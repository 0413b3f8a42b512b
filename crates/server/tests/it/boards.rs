//! The change advisory board and the emergency board: agendas, votes, minutes, standing decisions, who is on call, debt.

use anyhow::{Context as _, Result, ensure};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::harness::{Database, Person, TestApp, on_both_databases, on_sqlite, small, text};
use crate::http::Ask;
use crate::runner::Runner;
use crate::team::{amend, team_with, validate};

on_both_databases!(
    a_board_meets_and_what_it_votes_approves_a_change,
    an_emergency_is_authorised_by_who_is_on_call,
);
on_sqlite!(
    votes_reject_and_defer_and_hold_for_what_was_seen,
    a_standing_decision_stands_for_the_approval_of_the_board,
    whoever_owes_a_review_asks_for_no_further_emergency,
    a_board_that_makes_no_sense_is_refused,
    what_others_decide_first_is_marked,
);

/// A team whose technical leads and CAB are asked at once, so that a meeting can decide first.
async fn at_once(database: Database) -> Result<(TestApp, Person, Person)> {
    team_with(database, |config| config.approvals.high.leads_first = false).await
}

/// A change of high risk to a service of Tier 1, of which everything is known.
fn high(title: &str) -> Value {
    let mut request = small("billing");
    request["title"] = json!(title);
    request["impact"] = json!("high");
    request["evidence"]["churn"] = json!({ "lines": 10_000, "files": 40, "directories": 6 });
    request["evidence"]["coverage_percent"] = json!(0.0);
    request
}

async fn ask_for(person: &Person, request: &Value) -> Result<String> {
    let change = person.create(request).await?;
    ensure!(change["risk"]["level"] == "high" && change["state"] == "awaiting_approval", "{change}");
    Ok(text(&change["change_id"]).to_owned())
}

async fn what_others_decide_first_is_marked(database: Database) -> Result<()> {
    let (app, ann, lead) = team_with(database, |_| {}).await?;
    let id = ask_for(&ann, &high("Move the ledger")).await?;
    let marks = async || {
        let agenda = ann.get("/api/v1/cab/agenda").await?;
        let entry = agenda["items"][0].clone();
        anyhow::Ok((entry["waits_for_others"].clone(), entry["expires_before"].clone()))
    };
    // The four hours are those of the technical lead.
    assert_eq!(marks().await?, (json!(true), json!(false)));
    lead.approve(&id).await?;
    assert_eq!(marks().await?, (json!(false), json!(false)));
    app.stop().await
}

/// The members of the board.
async fn members(app: &TestApp) -> Result<[Person; 3]> {
    Ok([
        app.person("cara", &["cab_member"]).await?,
        app.person("carl", &["cab_member"]).await?,
        app.person("cleo", &["cab_member"]).await?,
    ])
}

async fn ballot(person: &Person, id: &str, vote: &str, conditions: &[&str]) -> Result<Value> {
    let digest = person.change(id).await?["digest"].clone();
    let rationale = format!("{} thinks so", person.name);
    Ok(
        json!({ "change_id": id, "digest": digest, "vote": vote, "conditions": conditions, "rationale": rationale }),
    )
}

async fn vote(person: &Person, id: &str, vote: &str) -> Result<Value> {
    person.post("/api/v1/cab/votes", &ballot(person, id, vote, &[]).await?).await
}

fn on(entries: &Value) -> Vec<&str> {
    entries.as_array().into_iter().flatten().map(|entry| text(&entry["change_id"])).collect()
}

/// The verdict on each change of a meeting.
fn verdicts(meeting: &Value) -> Vec<(&str, &str)> {
    let items = meeting["items"].as_array().into_iter().flatten();
    items.map(|item| (text(&item["change_id"]), text(&item["verdict"]))).collect()
}

async fn refused_by(person: &Person, path: &str, body: &Value) -> Result<String> {
    Ok(text(&person.refused(path, body, 403, "refused-by-policy").await?["rule"]).to_owned())
}

const NOT_ON_IT: &str = "board-votes-by-its-members";
const VOTES: &str = "/api/v1/cab/votes";
const MEETINGS: &str = "/api/v1/cab/meetings";

async fn a_board_meets_and_what_it_votes_approves_a_change(database: Database) -> Result<()> {
    let (mut app, ann, lead) = at_once(database).await?;
    let [cara, carl, cleo] = members(&app).await?;
    let board = ann.get("/api/v1/cab").await?;
    assert_eq!(
        (&board["settled"], text(&board["next_meetings"][0]["start"])),
        (&json!(false), "2026-03-05T14:00:00Z")
    );
    let id = ask_for(&ann, &high("Move the ledger")).await?;
    let own = ask_for(&cara, &high("Cara's own")).await?;
    assert_eq!(on(&ann.get("/api/v1/cab/agenda").await?["items"]), [id.as_str(), own.as_str()]);
    let next = json!({});
    cara.refused(MEETINGS, &next, 409, "board-refused").await?;
    // An hour after the cut-off of the meeting on Thursday, the agenda is settled.
    app.pass(SignedDuration::from_hours(2 * 24 + 6));
    let late = ask_for(&ann, &high("Too late for Thursday")).await?;
    let agenda = ann.get("/api/v1/cab/agenda").await?;
    assert_eq!((on(&agenda["items"]).len(), on(&agenda["for_later"])), (2, vec![late.as_str()]));

    assert_eq!(refused_by(&ann, MEETINGS, &next).await?, "no-permission");
    let meeting = cara.post(MEETINGS, &next).await?;
    let meeting_id = text(&meeting["meeting_id"]).to_owned();
    assert_eq!((on(&meeting["items"]).len(), text(&meeting["scheduled"])), (2, "2026-03-05T14:00:00Z"));
    cara.refused(MEETINGS, &next, 409, "board-refused").await?;
    nothing_else_is_voted_on([&cara, &lead], [&id, &own, &late]).await?;
    vote(&cleo, &id, "reject").await?;
    vote(&carl, &id, "approve").await?;
    cara.post(VOTES, &ballot(&cara, &id, "approve_with_conditions", &["a fresh backup"]).await?).await?;
    // A change of mind replaces the earlier vote.
    vote(&carl, &own, "reject").await?;
    vote(&carl, &own, "approve").await?;
    let path = format!("{MEETINGS}/{meeting_id}/close");
    let closed = cara.send(Ask::post(&path, &json!({}))).await?.good()?;
    assert_eq!(verdicts(&closed), [(id.as_str(), "approved"), (own.as_str(), "no_quorum")]);
    assert_eq!(closed["closed"]["verified"], true, "{closed}");
    assert_eq!(closed["items"][1]["votes"].as_array().map(Vec::len), Some(1));

    let change = ann.change(&id).await?;
    let approvals = change["approval"]["given"].as_array().context("approvals")?;
    let by: Vec<_> = approvals.iter().map(|one| (text(&one["by"]), text(&one["role"]))).collect();
    assert_eq!(by, [("cara", "cab_member"), ("carl", "cab_member")]);
    assert_eq!(change["approval"]["outstanding"], json!([{ "role": "technical_lead", "count": 1 }]));
    assert_eq!(text(&change["approval"]["conditions"][0]["text"]), "a fresh backup");
    lead.approve(&id).await?;
    assert_eq!(ann.change(&id).await?["state"], "approved");
    assert_eq!(ann.change(&own).await?["state"], "awaiting_approval");
    // What had no quorum comes back, and all of it is read from the log again.
    app.halt().await?;
    app.revive().await?;
    let minutes = ann.get(&format!("{MEETINGS}/{meeting_id}")).await?;
    assert_eq!(minutes, closed);
    let board = ann.get("/api/v1/cab").await?;
    assert_eq!(
        (text(&board["held"][0]["meeting_id"]), text(&board["next_meetings"][0]["start"])),
        (meeting_id.as_str(), "2026-03-12T14:00:00Z")
    );
    assert_eq!(on(&ann.get("/api/v1/cab/agenda").await?["items"]), [own.as_str(), late.as_str()]);
    ann.send(Ask::get(&format!("{MEETINGS}/CAB-999"))).await?.refused(404, "not-found")?;
    app.verified().await?;
    app.stop().await
}

/// Who asked does not vote, nor who is no member, nor on what is not on the agenda or not what it was.
async fn nothing_else_is_voted_on([cara, lead]: [&Person; 2], [id, own, late]: [&str; 3]) -> Result<()> {
    let of_own = ballot(cara, own, "approve", &[]).await?;
    assert_eq!(refused_by(cara, VOTES, &of_own).await?, "segregation-of-duties");
    assert_eq!(refused_by(lead, VOTES, &of_own).await?, NOT_ON_IT);
    cara.refused(VOTES, &ballot(cara, late, "approve", &[]).await?, 409, "board-refused").await?;
    let mut stale = ballot(cara, id, "approve", &[]).await?;
    stale["digest"] = json!("0".repeat(64));
    cara.refused(VOTES, &stale, 409, "board-refused").await?;
    let without = ballot(cara, id, "approve_with_conditions", &[]).await?;
    cara.refused(VOTES, &without, 422, "invalid-content").await?;
    Ok(())
}

async fn votes_reject_and_defer_and_hold_for_what_was_seen(database: Database) -> Result<()> {
    let (app, ann, _) = at_once(database).await?;
    let [cara, carl, cleo] = members(&app).await?;
    let rejected = ask_for(&ann, &high("Nobody wants it")).await?;
    let deferred = ask_for(&ann, &high("They disagree")).await?;
    let amended = ask_for(&ann, &high("It is another one by then")).await?;
    let hindered = ask_for(&ann, &high("Taken back meanwhile")).await?;
    let reason = json!({ "extraordinary": "the quarter ends" });
    let ask = || Ask::post(MEETINGS, &reason).header("idempotency-key", "once");
    let (first, again) = (cara.send(ask()).await?.good()?, cara.send(ask()).await?.good()?);
    assert_eq!(first, again);
    for (person, id, how) in [
        (&cara, &rejected, "reject"),
        (&carl, &rejected, "reject"),
        (&cara, &deferred, "approve"),
        (&carl, &deferred, "reject"),
        (&cara, &amended, "approve"),
        (&carl, &amended, "approve"),
        (&cara, &hindered, "approve"),
        (&carl, &hindered, "approve"),
        (&cleo, &hindered, "approve"),
    ] {
        vote(person, id, how).await?;
    }
    let version = ann.change(&amended).await?["version"].as_u64().context("version")?;
    let mut other = high("It is another one by then");
    other["implementation_plan"]["steps"][0]["run"] = json!(["false"]);
    amend(&ann, &amended, version, &other).await?;
    ann.act(&hindered, "cancel", &json!({ "reason": "not needed" })).await?;
    let path = format!("{MEETINGS}/{}/close", text(&first["meeting_id"]));
    let closed = carl.send(Ask::post(&path, &json!({}))).await?.good()?;
    let told: std::collections::BTreeMap<_, _> = verdicts(&closed).into_iter().collect();
    assert_eq!(told[rejected.as_str()], "rejected");
    assert_eq!(told[deferred.as_str()], "deferred");
    assert_eq!(told[amended.as_str()], "no_quorum", "the votes were on something else");
    assert_eq!(told[hindered.as_str()], "approved");
    let hindrance =
        closed["items"].as_array().context("items")?.iter().find(|item| text(&item["change_id"]) == hindered);
    ensure!(hindrance.is_some_and(|item| !text(&item["hindrance"]).is_empty()), "{closed}");
    let change = ann.change(&rejected).await?;
    assert_eq!(change["state"], "rejected");
    let trail = change["audit_trail"].as_array().context("trail")?;
    let said = trail.iter().find(|entry| entry["action"] == "rejected").context("rejected")?;
    ensure!(text(&said["details"]).contains("cara thinks so; carl thinks so"), "{said}");
    for id in [&deferred, &amended] {
        assert_eq!(ann.change(id).await?["state"], "awaiting_approval");
    }
    assert_eq!(ann.change(&hindered).await?["state"], "cancelled");
    app.verified().await?;
    app.stop().await
}

async fn a_standing_decision_stands_for_the_approval_of_the_board(database: Database) -> Result<()> {
    let (app, ann, lead) = at_once(database).await?;
    let [cara, carl, _] = members(&app).await?;
    let terms = json!({
        "title": "ledger moves", "categories": ["deployment"], "services": ["billing"],
        "conditions": ["a fresh backup"], "expires_at": "2026-06-01T00:00:00Z"
    });
    assert_eq!(refused_by(&lead, "/api/v1/cab/standing", &terms).await?, NOT_ON_IT);
    for (field, value) in [
        ("expires_at", json!("2026-03-01T00:00:00Z")),
        ("expires_at", json!("2028-01-01T00:00:00Z")),
        ("conditions", json!(vec!["x"; 21])),
    ] {
        let mut wrong = terms.clone();
        wrong[field] = value;
        cara.refused("/api/v1/cab/standing", &wrong, 422, "invalid-content").await?;
    }
    let told = cara.post("/api/v1/cab/standing", &terms).await?;
    let path = format!("/api/v1/cab/standing/{}", text(&told["standing_id"]));
    let gates = |change: &Value| change["approval"]["required"].as_array().map(Vec::len);
    let before = ann.create(&high("Before it holds")).await?;
    assert_eq!(gates(&before), Some(2), "{before}");
    cara.refused(&format!("{path}/support"), &json!({}), 409, "board-refused").await?;
    carl.send(Ask::post(&format!("{path}/support"), &json!({}))).await?.good()?;
    let listed = ann.get("/api/v1/cab/standing").await?;
    assert_eq!(
        (text(&listed["items"][0]["state"]), &listed["items"][0]["supporters"]),
        ("in_force", &json!(["cara", "carl"]))
    );

    let change = ann.create(&high("Covered")).await?;
    assert_eq!(change["approval"]["required"], json!([{ "role": "technical_lead", "count": 1 }]), "{change}");
    assert_eq!(change["approval"]["standing"]["standing_id"], told["standing_id"]);
    assert_eq!(text(&change["approval"]["conditions"][0]["text"]), "a fresh backup");
    let id = text(&change["change_id"]).to_owned();
    lead.approve(&id).await?;
    let approved = ann.change(&id).await?;
    assert_eq!((text(&approved["state"]), text(&approved["blockers"][0]["kind"])), ("approved", "condition"));
    let trail = approved["audit_trail"].as_array().context("trail")?;
    ensure!(trail.iter().any(|entry| text(&entry["details"]).contains("stands for the approval of the CAB")));
    // Not what policy forbids to approve without looking, nor what is not of the class.
    let mut untested = high("Untested");
    untested["evidence"]["tests"]["failed"] = json!(1);
    let mut elsewhere = high("Another service too");
    elsewhere["affected_services"] = json!(["billing", "reports"]);
    for request in [untested, elsewhere] {
        let change = ann.create(&request).await?;
        ensure!(change["approval"].get("standing").is_none(), "{change}");
    }
    let revoke = json!({ "reason": "one of them failed" });
    carl.post(&format!("{path}/revoke"), &revoke).await?;
    carl.refused(&format!("{path}/revoke"), &revoke, 404, "not-found").await?;
    let after = ann.create(&high("After it was revoked")).await?;
    assert_eq!(gates(&after), Some(2), "{after}");
    app.verified().await?;
    app.stop().await
}

fn emergency() -> Value {
    let mut request = small("billing");
    request["type"] = json!("emergency");
    request["justification"] = json!("everything is down");
    request
}

/// Nothing when the emergency was authorised, otherwise the rule that refuses.
async fn authorise(person: &Person, id: &str) -> Result<Option<String>> {
    let digest = person.change(id).await?["digest"].clone();
    let answer = person
        .send(Ask::post(&format!("/api/v1/changes/{id}/approve"), &json!({ "digest": digest })))
        .await?;
    if answer.status < 300 {
        return Ok(None);
    }
    Ok(Some(text(&answer.refused(403, "refused-by-policy")?["rule"]).to_owned()))
}

const ON_CALL: &str = "emergency-by-who-is-on-call";
const DEBT: &str = "emergency-lane-closed-by-debt";

async fn an_emergency_is_authorised_by_who_is_on_call(database: Database) -> Result<()> {
    let (mut app, ann, lead) = at_once(database).await?;
    let manager = app.person("manager", &["change_manager"]).await?;
    let eva = app.person("eva", &["ecab_member"]).await?;
    let finn = app.person("finn", &["ecab_member"]).await?;
    let create = async || anyhow::Ok(text(&ann.create(&emergency()).await?["change_id"]).to_owned());
    let [one, two, three] = [create().await?, create().await?, create().await?];
    // Without a roster every member is on call.
    assert_eq!(authorise(&finn, &one).await?, None);
    let rotation = json!({
        "name": "lead", "members": ["eva", "finn"], "starts": "2026-03-02T08:00", "rule": "FREQ=WEEKLY;BYDAY=MO"
    });
    assert_eq!(refused_by(&lead, "/api/v1/ecab/rotations", &rotation).await?, "no-permission");
    manager.post("/api/v1/ecab/rotations", &rotation).await?;
    assert_eq!(authorise(&finn, &two).await?, Some(ON_CALL.to_owned()));
    let told = ann.get("/api/v1/ecab/oncall").await?;
    assert_eq!(
        (text(&told["on_call"][0]["actor"]), text(&told["on_call"][0]["until"])),
        ("eva", "2026-03-09T08:00:00Z")
    );
    let blocker = &ann.change(&two).await?["blockers"][0];
    assert_eq!(blocker["people"], json!(["eva"]), "{blocker}");
    // Somebody covers a turn, then takes it back.
    let cover = json!({ "actor": "finn", "duration": "12h", "instead_of": "lead", "reason": "eva sleeps" });
    let roster = manager.post("/api/v1/ecab/shifts", &cover).await?;
    assert_eq!(authorise(&eva, &two).await?, Some(ON_CALL.to_owned()));
    assert_eq!(authorise(&finn, &two).await?, None);
    let shift = text(&roster["shifts"][0]["shift_id"]).to_owned();
    app.halt().await?;
    app.revive().await?;
    let reason = json!({ "reason": "she is awake" });
    manager.post(&format!("/api/v1/ecab/shifts/{shift}/remove"), &reason).await?;
    assert_eq!(authorise(&finn, &three).await?, Some(ON_CALL.to_owned()));
    // Where nobody on call can answer, every member may.
    app.root()
        .send(Ask::new("PATCH", "/api/v1/actors/eva").json(&json!({ "active": false, "reason": "ill" })))
        .await?
        .good()?;
    assert_eq!(authorise(&finn, &three).await?, None);
    app.verified().await?;
    app.stop().await
}

async fn whoever_owes_a_review_asks_for_no_further_emergency(database: Database) -> Result<()> {
    let (mut app, ann, _) = at_once(database).await?;
    let bob = app.person("bob", &[]).await?;
    let eva = app.person("eva", &["ecab_member"]).await?;
    let bot = app.agent("bot", &ann).await?;
    let id = text(&ann.create(&emergency()).await?["change_id"]).to_owned();
    assert_eq!(authorise(&eva, &id).await?, None);
    let mut runner = Runner::start(&ann, &id, true).await?;
    runner.work(|_| false).await?;
    runner.finish().await?;
    validate(&ann, &id, true).await?;
    ann.act(&id, "close", &json!({ "status": "success" })).await?;
    assert_eq!(ann.get("/api/v1/ecab/debt").await?["items"][0]["overdue"], false);
    app.pass(SignedDuration::from_micros(24 * 3_600_000_000 - 1));
    let waiting = text(&ann.create(&emergency()).await?["change_id"]).to_owned();
    // From the instant at which it is due, whether or not a timer has fired.
    app.pass(SignedDuration::from_micros(1));
    assert_eq!(authorise(&eva, &waiting).await?, Some(DEBT.to_owned()));
    assert_eq!(ann.change(&waiting).await?["blockers"][0]["kind"], "debt");
    assert_eq!(refused_by(&ann, "/api/v1/changes", &emergency()).await?, DEBT);
    assert_eq!(refused_by(&bot, "/api/v1/changes", &emergency()).await?, DEBT);
    bob.create(&emergency()).await?;
    ann.create(&small("billing")).await?;
    let debt = bob.get("/api/v1/ecab/debt").await?;
    assert_eq!(
        (&debt["items"][0]["overdue"], text(&debt["items"][0]["change_id"])),
        (&json!(true), id.as_str())
    );
    let metrics = ann.send(Ask::get("/metrics")).await?;
    ensure!(String::from_utf8_lossy(&metrics.body).contains("cortex_change_emergency_debt 1"));
    app.halt().await?;
    app.revive().await?;
    assert_eq!(refused_by(&ann, "/api/v1/changes", &emergency()).await?, DEBT);
    let review = json!({ "kind": "retrospective", "text": "right to act at once" });
    eva.act(&id, "reviews", &review).await?;
    ann.create(&emergency()).await?;
    assert_eq!(bob.get("/api/v1/ecab/debt").await?["items"], json!([]));
    app.verified().await?;
    app.stop().await
}

async fn a_board_that_makes_no_sense_is_refused(database: Database) -> Result<()> {
    let (app, ann, _) = at_once(database).await?;
    let manager = app.person("manager", &["change_manager"]).await?;
    let cara = app.person("cara", &["cab_member"]).await?;
    let dave = app.person("dave", &["cab_member"]).await?;
    let fine = json!({
        "actors": ["cara"], "quorum": 1, "cut_off": "2h",
        "meets": { "starts": "2026-03-03T10:00", "zone": "Europe/Berlin", "duration": "90m", "rule": "FREQ=DAILY" }
    });
    for (pointer, value, kind) in [
        ("/actors", json!([]), "invalid-content"),
        ("/actors", json!(["nobody"]), "invalid-field"),
        ("/quorum", json!(0), "invalid-field"),
        ("/quorum", json!(21), "invalid-field"),
        ("/cut_off", json!("60d"), "invalid-content"),
        ("/meets/zone", json!("Berlin"), "invalid-field"),
        ("/meets/rule", json!("FREQ=HOURLY"), "invalid-field"),
    ] {
        let mut wrong = fine.clone();
        *wrong.pointer_mut(pointer).context("field")? = value;
        manager.refused("/api/v1/cab", &wrong, 422, kind).await?;
    }
    assert_eq!(refused_by(&cara, "/api/v1/cab", &fine).await?, "no-permission");
    let board = manager.post("/api/v1/cab", &fine).await?;
    assert_eq!(
        (text(&board["next_meetings"][0]["start"]), &board["seats"]),
        ("2026-03-03T09:00:00Z", &json!([{ "actor": "cara", "votes": true }]))
    );
    // Who is not on the board as it was settled does not vote, whatever the role.
    let id = ask_for(&ann, &high("For the small board")).await?;
    cara.post(MEETINGS, &json!({ "extraordinary": "now" })).await?;
    assert_eq!(
        refused_by(&dave, VOTES, &ballot(&dave, &id, "approve", &[]).await?).await?,
        "board-votes-by-its-members"
    );
    vote(&cara, &id, "approve").await?;
    // One vote is the quorum of this board, and fewer than the change asks for: the gate stays open, and the minutes say so.
    let meeting = ann.get("/api/v1/cab").await?["open_meeting"]["meeting_id"].clone();
    let closed =
        cara.send(Ask::post(&format!("{MEETINGS}/{}/close", text(&meeting)), &json!({}))).await?.good()?;
    assert_eq!(text(&closed["items"][0]["verdict"]), "approved");
    ensure!(text(&closed["items"][0]["hindrance"]).contains("are missing: 1"), "{closed}");
    app.stop().await
}
