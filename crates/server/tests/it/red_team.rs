//! Every way around a decision that somebody might try: all refused, none of them moves the change, each on record.

use anyhow::{Context as _, Result, ensure};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::approvals::{lend, override_body};
use crate::harness::{Database, Person, TestApp, on_both_databases, on_sqlite, small, text};
use crate::http::Ask;
use crate::team::{amend, team};

on_both_databases!(two_who_are_one_person_never_make_a_quorum, an_approval_that_races_an_amendment_is_void);
on_sqlite!(
    nobody_decides_about_their_own_change_by_lent_authority,
    lent_authority_is_worth_what_the_lender_is_worth,
    nobody_overrides_a_decision_about_their_own_change,
    an_approval_is_not_replayed_on_another_change,
    the_clock_wins_nothing_at_a_deadline,
);

const LEAD: &str = "technical_lead";

/// Something that is tried, and the rules that refuse it.
struct Attempt<'a> {
    by: &'a Person,
    fields: Value,
    rules: &'a [&'a str],
}

fn attempt<'a>(by: &'a Person, fields: Value, rules: &'a [&'a str]) -> Attempt<'a> {
    Attempt { by, fields, rules }
}

/// All rules that a refusal names.
fn rules(problem: &Value) -> Vec<&str> {
    let errors = problem["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let named: Vec<_> = errors.iter().map(|error| text(&error["at"])).collect();
    if named.is_empty() { vec![text(&problem["rule"])] } else { named }
}

/// Tries all of it on a change as it is now. Each is refused by at least its rules, is recorded, and moves nothing.
async fn all_refused(app: &TestApp, id: &str, action: &str, attempts: Vec<Attempt<'_>>) -> Result<()> {
    let before = app.root().change(id).await?;
    for (number, Attempt { by, fields, rules: expected }) in attempts.into_iter().enumerate() {
        let mut body = json!({ "digest": before["digest"] });
        if action == "reject" {
            body = json!({ "reason": "x" });
        }
        body.as_object_mut().context("an object")?.extend(fields.as_object().context("fields")?.clone());
        let recorded = recorded(app, &by.name).await?;
        let answer = by.send(Ask::post(&format!("/api/v1/changes/{id}/{action}"), &body)).await?;
        ensure!((400..500).contains(&answer.status), "attempt {number} by {}: {answer:?}", by.name);
        let problem = answer.problem()?;
        let named = rules(&problem);
        ensure!(
            expected.iter().all(|rule| named.contains(rule)),
            "attempt {number} by {}: {problem}",
            by.name
        );
        let now = self::recorded(app, &by.name).await?;
        assert_eq!(now, recorded + 1, "attempt {number} by {} is not on record", by.name);
    }
    assert_eq!(app.root().change(id).await?["version"], before["version"], "something was written");
    Ok(())
}

/// How many refused attempts of somebody are on record.
async fn recorded(app: &TestApp, name: &str) -> Result<usize> {
    let actor = app.root().get(&format!("/api/v1/actors/{name}")).await?;
    let stream = json!(format!("security/{}", text(&actor["actor_id"])));
    let log = app.root().get("/api/v1/audit?limit=500").await?;
    Ok(log["items"].as_array().context("entries")?.iter().filter(|entry| entry["stream"] == stream).count())
}

async fn patched(app: &TestApp, name: &str, body: &Value) -> Result<()> {
    app.root().send(Ask::new("PATCH", &format!("/api/v1/actors/{name}")).json(body)).await?.good()?;
    Ok(())
}

/// An authority who asks for changes, with everything that is theirs, and two who are on nobody's side.
struct Cast {
    app: TestApp,
    ann: Person,
    alias: Person,
    agent: Person,
    second: Person,
    lead: Person,
    dora: Person,
}

impl Cast {
    async fn new(database: Database) -> Result<Self> {
        let (app, _, lead) = team(database).await?;
        let roles = [LEAD, "cab_member", "cto"];
        let ann = app.person("ann-herself", &roles).await?;
        let alias = json!({ "alias_of": "ann-herself", "rights": { "roles": roles } });
        let alias = app.register("ann-at-home", "human", &alias).await?;
        let agent = app.agent("ann-bot", &ann).await?;
        let second = app.token("ann-herself", &["approve", "read"]).await?;
        let dora = app.person("dora", &[]).await?;
        Ok(Self { app, ann, alias, agent, second, lead, dora })
    }
}

async fn nobody_decides_about_their_own_change_by_lent_authority(database: Database) -> Result<()> {
    let cast = Cast::new(database).await?;
    let Cast { app, ann, alias, agent, second, lead, dora } = &cast;
    // Authority goes from the requester's side outwards, and from outside to it.
    lend(ann, "dora", &json!({})).await?;
    lend(alias, "dora", &json!({})).await?;
    lend(lead, "ann-herself", &json!({})).await?;
    lend(lead, "ann-at-home", &json!({})).await?;
    let own = text(&ann.create(&small("identity")).await?["change_id"]).to_owned();
    let by_agent = text(&agent.create(&small("identity")).await?["change_id"]).to_owned();
    let side = &["segregation-of-duties"][..];
    for id in [&own, &by_agent] {
        for action in ["approve", "reject"] {
            let role = |other: &str| json!({ "role": LEAD, "in_place_of": other });
            let attempts = vec![
                attempt(ann, json!({ "role": LEAD }), side),
                attempt(second, json!({ "role": LEAD }), side),
                attempt(alias, json!({ "role": LEAD }), side),
                attempt(ann, role("lead"), side),
                attempt(second, role("lead"), side),
                attempt(alias, role("lead"), side),
                attempt(dora, role("ann-herself"), side),
                attempt(dora, role("ann-at-home"), side),
                attempt(agent, role("lead"), &["segregation-of-duties", "agents-never-satisfy-a-human-gate"]),
                attempt(agent, role("ann-herself"), &["agents-never-satisfy-a-human-gate"]),
            ];
            all_refused(app, id, action, attempts).await?;
        }
    }
    // Whom it is asked for is on that side as well, also behind a delegate.
    let secretary = json!({ "rights": { "may_act_for": ["lead"] } });
    let secretary = app.register("secretary", "human", &secretary).await?;
    lend(lead, "dora", &json!({})).await?;
    let mut request = small("identity");
    request["requested_by"] = json!("lead");
    let for_lead = text(&secretary.create(&request).await?["change_id"]).to_owned();
    let attempts = vec![
        attempt(dora, json!({ "role": LEAD, "in_place_of": "lead" }), side),
        attempt(lead, json!({ "role": LEAD }), side),
        attempt(&secretary, json!({ "role": LEAD, "in_place_of": "ann-herself" }), side),
    ];
    all_refused(app, &for_lead, "approve", attempts).await?;
    app.verified().await?;
    cast.app.stop().await
}

async fn lent_authority_is_worth_what_the_lender_is_worth(database: Database) -> Result<()> {
    let cast = Cast::new(database).await?;
    let Cast { app, ann, lead, dora, .. } = &cast;
    let eve = app.person("eve", &[]).await?;
    let bot = app.agent("dora-bot", dora).await?;
    let ciso = app.person("ciso", &["ciso"]).await?;
    let id = text(&ann.create(&small("identity")).await?["change_id"]).to_owned();
    let in_force = &["delegated-authority-only-in-force"][..];
    let for_lead = |role: &str| json!({ "role": role, "in_place_of": "lead" });
    // Nothing was lent yet, or to somebody else, or by somebody who has not that role, or for something else.
    all_refused(app, &id, "approve", vec![attempt(dora, for_lead(LEAD), in_force)]).await?;
    lend(lead, "dora", &json!({ "services": ["billing"] })).await?;
    lend(lead, "dora", &json!({ "levels": ["low", "high"] })).await?;
    lend(lead, "dora", &json!({ "from": "2026-03-03T00:00:00Z" })).await?;
    lend(&ciso, "dora", &json!({})).await?;
    let attempts = vec![
        attempt(dora, for_lead(LEAD), in_force),
        attempt(dora, json!({ "role": LEAD, "in_place_of": "ciso" }), &["approver-holds-the-authority"]),
    ];
    all_refused(app, &id, "approve", attempts).await?;
    // Dora holds it now, and has nothing to lend on.
    let lent = lend(lead, "dora", &json!({})).await?;
    let onwards = json!({ "to": "eve", "lasts": "1d", "reason": "x" });
    dora.refused("/api/v1/delegations", &onwards, 403, "refused-by-policy").await?;
    let attempts = vec![
        attempt(&eve, for_lead(LEAD), in_force),
        attempt(&eve, json!({ "role": LEAD, "in_place_of": "dora" }), &["approver-holds-the-authority"]),
        attempt(&bot, for_lead(LEAD), &["agents-never-satisfy-a-human-gate"]),
        attempt(dora, for_lead("cab_member"), &["approver-holds-the-authority"]),
        attempt(dora, json!({ "role": "cab_member" }), &["approver-holds-the-authority"]),
    ];
    all_refused(app, &id, "approve", attempts).await?;
    // A lender who lost the role or was switched off lends nothing.
    patched(app, "lead", &json!({ "rights": { "roles": ["implementer"] } })).await?;
    all_refused(app, &id, "approve", vec![attempt(dora, for_lead(LEAD), &["approver-holds-the-authority"])])
        .await?;
    patched(app, "lead", &json!({ "rights": { "roles": [LEAD] } })).await?;
    patched(app, "lead", &json!({ "active": false, "reason": "has left" })).await?;
    all_refused(app, &id, "approve", vec![attempt(dora, for_lead(LEAD), in_force)]).await?;
    patched(app, "lead", &json!({ "active": true })).await?;
    let end = format!("/api/v1/delegations/{}/end", text(&lent["delegation_id"]));
    app.root().post(&end, &json!({ "reason": "as it was" })).await?;
    all_refused(app, &id, "approve", vec![attempt(dora, for_lead(LEAD), in_force)]).await?;
    app.verified().await?;
    cast.app.stop().await
}

async fn nobody_overrides_a_decision_about_their_own_change(database: Database) -> Result<()> {
    let cast = Cast::new(database).await?;
    let Cast { app, ann, alias, agent, second, lead, dora } = &cast;
    let cab = app.person("cab", &["cab_member"]).await?;
    lend(&cab, "dora", &json!({})).await?;
    let id = text(&ann.create(&small("identity")).await?["change_id"]).to_owned();
    let level = || json!({ "decision": "level", "level": "low", "reason": "x" });
    let side = &["segregation-of-duties"][..];
    let attempts = vec![
        attempt(ann, level(), side),
        attempt(second, level(), side),
        attempt(alias, level(), side),
        attempt(agent, level(), &["segregation-of-duties", "agents-never-satisfy-a-human-gate"]),
        attempt(lead, level(), &["approver-holds-the-authority"]),
        attempt(dora, level(), &["approver-holds-the-authority"]),
        attempt(
            &cab,
            json!({ "digest": "0".repeat(64), "decision": "level", "level": "high", "reason": "x" }),
            &["what-was-approved-is-what-runs"],
        ),
    ];
    all_refused(app, &id, "override", attempts).await?;
    // What it was lowered to still asks a person, who is not on that side either.
    let body = override_body(&cab, &id, &level()).await?;
    let low = cab.act(&id, "override", &body).await?;
    assert_eq!((&low["state"], &low["risk"]["level"]), (&json!("awaiting_approval"), &json!("low")));
    all_refused(app, &id, "approve", vec![attempt(ann, json!({ "role": LEAD }), side)]).await?;
    app.verified().await?;
    cast.app.stop().await
}

/// A high change that a technical lead has approved, so that two of the CAB are asked.
async fn before_the_cab(ann: &Person, lead: &Person, cab: &Person) -> Result<String> {
    let id = text(&ann.create(&small("identity")).await?["change_id"]).to_owned();
    let body = override_body(cab, &id, &json!({ "decision": "level", "level": "high" })).await?;
    cab.act(&id, "override", &body).await?;
    lead.approve(&id).await?;
    Ok(id)
}

async fn two_who_are_one_person_never_make_a_quorum(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let cab = app.person("cab", &["cab_member"]).await?;
    let fields = json!({ "alias_of": "cab", "rights": { "roles": ["cab_member"] } });
    let alias = app.register("cab-at-home", "human", &fields).await?;
    let both = app.person("both", &["cab_member"]).await?;
    lend(&cab, "both", &json!({})).await?;
    for round in 0..4 {
        let id = before_the_cab(&ann, &lead, &cab).await?;
        let digest = ann.change(&id).await?["digest"].clone();
        let path = format!("/api/v1/changes/{id}/approve");
        let own = Ask::post(&path, &json!({ "digest": digest, "role": "cab_member" }));
        let lent = Ask::post(&path, &json!({ "digest": digest, "role": "cab_member", "in_place_of": "cab" }));
        // All at once: the member, their other record, and the delegate in their place and by an own role.
        let (a, b, c) = tokio::join!(cab.send(own.clone()), alias.send(own.clone()), both.send(lent.clone()));
        let accepted = [a?, b?, c?].iter().filter(|answer| answer.status == 200).count();
        assert_eq!(accepted, 1, "round {round}: one person was counted more than once");
        let change = ann.change(&id).await?;
        assert_eq!(change["state"], "awaiting_approval", "{change}");
        assert_eq!(change["approval"]["outstanding"], json!([{ "role": "cab_member", "count": 1 }]));
        // Whoever of them tries again is told so.
        let by_delegate = change["approval"]["given"][1]["by"] == "both";
        for person in [&cab, &alias] {
            let problem = person.send(own.clone()).await?.refused(409, "refused")?;
            assert_eq!(problem["rule"], "approvals");
        }
        both.send(lent).await?.refused(409, "refused")?;
        let answer = both.send(own).await?;
        assert_eq!(answer.status == 200, !by_delegate, "{answer:?}");
    }
    app.verified().await?;
    app.stop().await
}

async fn an_approval_that_races_an_amendment_is_void(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    for round in 0..6 {
        let change = ann.create(&small("identity")).await?;
        let id = text(&change["change_id"]).to_owned();
        let version = change["version"].as_u64().context("a version")?;
        let mut other = small("identity");
        other["implementation_plan"]["steps"][0]["run"] = json!(["rm", "-rf", "/"]);
        let approval = json!({ "digest": change["digest"] });
        let approve = Ask::post(&format!("/api/v1/changes/{id}/approve"), &approval);
        let (approved, amended) = tokio::join!(lead.send(approve), amend(&ann, &id, version, &other));
        let now = ann.change(&id).await?;
        if amended.is_ok() {
            assert_eq!(now["state"], "awaiting_approval", "round {round}: {now}");
            assert_eq!(now["approval"]["given"], json!([]), "round {round}");
        } else {
            assert_eq!(approved?.status, 200, "round {round}: neither took place");
            assert_eq!((&now["state"], &now["digest"]), (&json!("approved"), &change["digest"]));
        }
    }
    app.verified().await?;
    app.stop().await
}

async fn an_approval_is_not_replayed_on_another_change(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let mut other = small("identity");
    other["implementation_plan"]["steps"][0]["run"] = json!(["rm", "-rf", "/"]);
    let first = ann.create(&small("identity")).await?;
    let second = ann.create(&other).await?;
    let path = |change: &Value| format!("/api/v1/changes/{}/approve", text(&change["change_id"]));
    let approval = json!({ "digest": first["digest"] });
    let signed = Ask::post(&path(&first), &approval).header("idempotency-key", "yes-1");
    lead.send(signed.clone()).await?.good()?;
    // The same words, the same key, to another change.
    let replayed = Ask { path: path(&second), ..signed };
    lead.send(replayed).await?.refused(422, "idempotency-key-reused")?;
    let attempts = vec![attempt(&lead, approval, &["what-was-approved-is-what-runs"])];
    all_refused(&app, text(&second["change_id"]), "approve", attempts).await?;
    app.stop().await
}

async fn the_clock_wins_nothing_at_a_deadline(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let dora = app.person("dora", &[]).await?;
    lend(&lead, "dora", &json!({ "lasts": "30m" })).await?;
    let early = text(&ann.create(&small("identity")).await?["change_id"]).to_owned();
    app.pass(SignedDuration::from_mins(30));
    let for_lead = json!({ "role": LEAD, "in_place_of": "lead" });
    let over = vec![attempt(&dora, for_lead, &["delegated-authority-only-in-force"])];
    all_refused(&app, &early, "approve", over).await?;
    // At the very instant it is too late, be it that the timer has fired or not.
    app.pass(SignedDuration::from_mins(210));
    let body = json!({ "digest": ann.change(&early).await?["digest"] });
    let answer = lead.send(Ask::post(&format!("/api/v1/changes/{early}/approve"), &body)).await?;
    let problem = answer.refused(409, "refused")?;
    ensure!(["deadline", "lifecycle"].contains(&text(&problem["rule"])), "{problem}");
    app.stop().await
}
