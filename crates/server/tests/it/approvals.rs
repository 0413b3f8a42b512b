//! Who decides what, in whose place, in which order, until when: told as stories.

use anyhow::{Context as _, Result, ensure};
use domain::canonical::Digest;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::faults::second_server;
use crate::harness::{Database, Person, actions, eventually, on_both_databases, on_sqlite, small, text};
use crate::http::Ask;
use crate::team::{reaches, team};

on_both_databases!(a_delegate_decides_until_it_is_over_or_ended,);
on_sqlite!(
    what_waits_is_listed_by_deadline_with_who_may_decide,
    the_sheet_is_what_is_approved_to_the_byte,
    high_risk_goes_stage_by_stage_each_with_its_own_time,
    nobody_decides_and_the_authority_above_is_called_in,
    what_the_clock_rejected_is_put_to_the_authorities_again,
    a_refused_automatic_approval_is_overridden_by_the_authority_above,
    conditions_are_a_checklist_with_evidence,
    delegations_are_repeated_safely_and_refused_with_reasons,
);

/// A change that waits for a technical lead.
async fn waiting(ann: &Person) -> Result<String> {
    Ok(text(&ann.create(&small("identity")).await?["change_id"]).to_owned())
}

/// Lends the authority of `by` to `to`.
pub(crate) async fn lend(by: &Person, to: &str, fields: &Value) -> Result<Value> {
    let mut body = json!({ "to": to, "lasts": "10d", "reason": "on leave" });
    body.as_object_mut().context("an object")?.extend(fields.as_object().context("fields")?.clone());
    by.post("/api/v1/delegations", &body).await
}

async fn waits_for(person: &Person, whom: &str) -> Result<Vec<String>> {
    let page = person.get(&format!("/api/v1/approvals?for={whom}")).await?;
    let items = page["items"].as_array().context("items")?;
    Ok(items.iter().map(|item| text(&item["change_id"]).to_owned()).collect())
}

/// Overrides something about what a change is now.
pub(crate) async fn override_body(person: &Person, id: &str, fields: &Value) -> Result<Value> {
    let mut body = json!({ "digest": person.change(id).await?["digest"], "reason": "it cannot wait" });
    body.as_object_mut().context("an object")?.extend(fields.as_object().context("fields")?.clone());
    Ok(body)
}

async fn overridden(person: &Person, id: &str, fields: &Value) -> Result<Value> {
    let body = override_body(person, id, fields).await?;
    person.act(id, "override", &body).await
}

/// Approves what a change is now, as it says.
async fn approve_as(person: &Person, id: &str, fields: &Value) -> Result<Value> {
    let mut body = json!({ "digest": person.change(id).await?["digest"] });
    body.as_object_mut().context("an object")?.extend(fields.as_object().context("fields")?.clone());
    person.act(id, "approve", &body).await
}

async fn what_waits_is_listed_by_deadline_with_who_may_decide(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let cab = app.person("cab", &["cab_member"]).await?;
    let second = waiting(&ann).await?;
    app.pass(SignedDuration::from_mins(5));
    let third = waiting(&ann).await?;
    app.pass(SignedDuration::from_mins(5));
    // Put to the authorities anew, with a whole new time.
    let moved = waiting(&ann).await?;
    overridden(&cab, &moved, &json!({ "decision": "level", "level": "high" })).await?;
    lead.approve(&moved).await?;
    assert_eq!(waits_for(&lead, "me").await?, [second.clone(), third.clone()]);
    assert_eq!(waits_for(&lead, "all").await?, [second.clone(), third.clone(), moved.clone()]);
    assert_eq!(waits_for(&cab, "me").await?, std::slice::from_ref(&moved));
    assert_eq!(waits_for(&ann, "cab_member").await?, std::slice::from_ref(&moved));
    assert_eq!(waits_for(&ann, "me").await?, Vec::<String>::new());
    ann.send(Ask::get("/api/v1/approvals?for=king")).await?.refused(422, "invalid-field")?;
    let page = lead.get("/api/v1/approvals").await?;
    let item = &page["items"][0];
    assert_eq!(item["yours"], json!([{ "role": "technical_lead" }]));
    assert_eq!(item["stage"]["of"], 1);
    assert_eq!(item["risk"]["level"], "medium");
    let blocker = &item["blockers"][0];
    assert_eq!(blocker["kind"], "approval");
    assert_eq!((&blocker["roles"], &blocker["people"]), (&json!(["technical_lead"]), &json!(["lead"])));
    assert_eq!(blocker["deadline"], item["deadline"]);
    let command = format!("cortex-change approve {second} --as technical_lead");
    assert_eq!(text(&blocker["next_command"]), command);
    // Page by page it is the same list.
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = lead.get(&format!("/api/v1/approvals?for=all&limit=1{cursor}")).await?;
        found.push(text(&page["items"][0]["change_id"]).to_owned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(found, [second, third, moved]);
    app.stop().await
}

async fn the_sheet_is_what_is_approved_to_the_byte(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let id = waiting(&ann).await?;
    let path = format!("/api/v1/approvals/{id}");
    let sheet = lead.get(&path).await?;
    let canonical = text(&sheet["canonical"]);
    let digest = Digest::of_canonical(text(&sheet["digest_label"]), canonical.as_bytes()).to_string();
    assert_eq!((text(&sheet["digest"]), text(&sheet["change"]["digest"])), (&*digest, &*digest));
    assert!(canonical.contains("\"argv\":[\"true\"]") && !canonical.contains("greeting"), "{canonical}");
    assert_eq!(sheet["yours"], json!([{ "role": "technical_lead" }]));
    assert_eq!(sheet["overridden_by"], "cab_member");
    lead.act(&id, "approve", &json!({ "digest": digest })).await?;
    assert_eq!(lead.get(&path).await?["yours"], json!([]));
    app.stop().await
}

async fn a_delegate_decides_until_it_is_over_or_ended(database: Database) -> Result<()> {
    let is_shared = database.is_shared();
    let (app, ann, lead) = team(database).await?;
    let dora = app.person("dora", &[]).await?;
    let id = waiting(&ann).await?;
    assert_eq!(waits_for(&dora, "me").await?, Vec::<String>::new());
    let lent = lend(&lead, "dora", &json!({ "away": true })).await?;
    let delegation = text(&lent["delegation_id"]).to_owned();
    assert_eq!((&lent["by"], &lent["to"]), (&json!("lead"), &json!("dora")));
    assert_eq!((&lent["state"], &lent["roles"]), (&json!("in_force"), &json!(["technical_lead"])));
    assert_eq!(dora.get("/api/v1/delegations").await?["items"], json!([lent]));
    assert_eq!(ann.get("/api/v1/delegations").await?["items"], json!([]));
    assert_eq!(ann.get("/api/v1/delegations?all=true").await?["items"], json!([lent]));
    // Who is away is not counted on; the delegate is named with whom they decide for.
    assert_eq!(ann.change(&id).await?["blockers"][0]["people"], json!(["dora for lead"]));
    let page = dora.get("/api/v1/approvals").await?;
    let yours = json!([{ "role": "technical_lead", "in_place_of": "lead" }]);
    assert_eq!(page["items"][0]["yours"], yours);
    // It goes without saying where only one has lent it.
    let approved = dora.approve(&id).await?;
    assert_eq!(approved["state"], "approved");
    assert_eq!(approved["approval"]["given"][0]["by"], "dora");
    assert_eq!(approved["approval"]["given"][0]["in_place_of"], "lead");
    let last = approved["audit_trail"].as_array().and_then(|trail| trail.last()).context("a trail")?;
    assert_eq!((&last["actor"], &last["on_behalf_of"]), (&json!("dora"), &json!("lead")));
    assert_eq!(last["details"], "Approved as technical lead, by the authority that lead delegated");
    assert!(last["policies"].as_array().context("policies")?.contains(&json!("delegates-decide")), "{last}");
    // Either of the two may take it back, and neither approves again while it stands.
    lead.act(&id, "withdraw-approval", &json!({ "reason": "not yet" })).await?;
    dora.approve(&id).await?;
    dora.act(&id, "withdraw-approval", &json!({ "reason": "not yet" })).await?;
    if is_shared {
        // A server that has not heard of the end does not let it through.
        let folder = tempfile::tempdir()?;
        let (second, root) = second_server(&app, folder.path()).await?;
        let elsewhere = Person { address: root.address, ..dora.clone() };
        eventually("the delegation is known elsewhere", async || {
            let items = elsewhere.get("/api/v1/delegations").await?["items"].clone();
            Ok((items.as_array().map(Vec::len) == Some(1)).then_some(()))
        })
        .await?;
        let reason = json!({ "reason": "back early" });
        lead.post(&format!("/api/v1/delegations/{delegation}/end"), &reason).await?;
        let digest = json!({ "digest": ann.change(&id).await?["digest"] });
        let path = format!("/api/v1/changes/{id}/approve");
        elsewhere.refused(&path, &digest, 403, "refused-by-policy").await?;
        second.shutdown();
        second.stopped().await?;
    } else {
        app.pass(SignedDuration::from_hours(1));
        let reason = json!({ "reason": "back early" });
        let ended = lead.post(&format!("/api/v1/delegations/{delegation}/end"), &reason).await?;
        assert_eq!(ended["state"], "ended");
    }
    let path = format!("/api/v1/changes/{id}/approve");
    let digest = json!({ "digest": ann.change(&id).await?["digest"] });
    let problem = dora.refused(&path, &digest, 403, "refused-by-policy").await?;
    assert_eq!(problem["rule"], "approver-holds-the-authority");
    // One that is over by itself says so when it is named.
    lend(&lead, "dora", &json!({ "lasts": "1h" })).await?;
    app.pass(SignedDuration::from_hours(1));
    let named = json!({ "digest": digest["digest"], "in_place_of": "lead" });
    let problem = dora.refused(&path, &named, 403, "refused-by-policy").await?;
    assert_eq!(problem["rule"], "delegated-authority-only-in-force");
    assert_eq!(ann.change(&id).await?["state"], "awaiting_approval");
    app.verified().await?;
    app.stop().await
}

async fn delegations_are_repeated_safely_and_refused_with_reasons(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let bot = app.agent("lead-bot", &lead).await?;
    app.register("lead-at-home", "human", &json!({ "alias_of": "lead" })).await?;
    let body = |fields: Value| {
        let mut body = json!({ "to": "ann", "lasts": "1d", "reason": "on leave" });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        body
    };
    let path = "/api/v1/delegations";
    for (fields, kind, says) in [
        (json!({ "to": "lead-bot" }), "actor-refused", "to an active human only"),
        (json!({ "to": "lead" }), "actor-refused", "is the same person"),
        (json!({ "to": "lead-at-home" }), "actor-refused", "is the same person"),
        (json!({ "lasts": "91d" }), "actor-refused", "within 90 days"),
        (json!({ "lasts": null, "until": "2020-01-01T00:00:00Z" }), "actor-refused", "in the future"),
        (json!({ "until": "2027-01-01T00:00:00Z" }), "invalid-field", "one of `until` and `lasts`"),
        (json!({ "lasts": null }), "invalid-field", "one of `until` and `lasts`"),
        (json!({ "levels": ["huge"] }), "invalid-field", "huge"),
        (json!({ "reason": "" }), "invalid-field", "reason"),
    ] {
        let problem = lead.refused(path, &body(fields.clone()), 422, kind).await?;
        ensure!(text(&problem["detail"]).contains(says), "{fields}: {problem}");
    }
    lead.refused(path, &body(json!({ "to": "nobody" })), 404, "not-found").await?;
    // Only authorities have authority to lend, and programs none at all.
    ann.refused(path, &body(json!({ "to": "lead" })), 403, "refused-by-policy").await?;
    bot.refused(path, &body(json!({})), 403, "refused-by-policy").await?;
    let keyed = Ask::post(path, &body(json!({}))).header("idempotency-key", "leave-1");
    let first = lead.send(keyed.clone()).await?.good()?;
    let again = lead.send(keyed).await?;
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.good()?, first);
    assert_eq!(lead.get(path).await?["items"].as_array().map(Vec::len), Some(1));
    let end = format!("{path}/{}/end", text(&first["delegation_id"]));
    let reason = json!({ "reason": "has left" });
    ann.refused(&end, &reason, 403, "refused-by-policy").await?;
    app.root().post(&end, &reason).await?;
    lead.refused(&end, &reason, 422, "actor-refused").await?;
    lead.refused(&format!("{path}/dlg_00/end"), &reason, 404, "not-found").await?;
    app.stop().await
}

async fn high_risk_goes_stage_by_stage_each_with_its_own_time(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let cab = app.person("cab", &["cab_member"]).await?;
    let other = app.person("cab-2", &["cab_member"]).await?;
    let id = waiting(&ann).await?;
    let high = overridden(&cab, &id, &json!({ "decision": "level", "level": "high" })).await?;
    assert_eq!(high["risk"]["level"], "high");
    let states = |change: &Value| -> Vec<String> {
        let stages = change["approval"]["stages"].as_array().cloned().unwrap_or_default();
        stages.iter().map(|stage| text(&stage["state"]).to_owned()).collect()
    };
    assert_eq!(states(&high), ["open", "later"]);
    assert_eq!(high["approval"]["deadline"], "2026-03-02T13:00:00Z");
    assert_eq!(high["approval"]["overrides"][0]["to"], "high");
    let kinds: Vec<_> =
        high["blockers"].as_array().context("blockers")?.iter().map(|b| &b["stage"]).collect();
    assert_eq!(kinds, [&json!(1), &json!(2)]);
    assert_eq!(high["blockers"][1].get("next_command"), None, "its turn has not come");
    let path = format!("/api/v1/changes/{id}/approve");
    let digest = json!({ "digest": high["digest"] });
    let problem = cab.refused(&path, &digest, 409, "refused").await?;
    assert_eq!(problem["rule"], "approval-stages");
    ensure!(text(&problem["next_step"]).contains("1 × technical_lead"), "{problem}");
    app.pass(SignedDuration::from_hours(3));
    let second = lead.approve(&id).await?;
    assert_eq!(states(&second), ["complete", "open"]);
    assert_eq!(second["approval"]["deadline"], "2026-03-09T12:00:00Z");
    cab.approve(&id).await?;
    lead.refused(&path, &digest, 403, "refused-by-policy").await?;
    assert_eq!(other.approve(&id).await?["state"], "approved");
    let trail = ["decision_overridden", "approved", "stage_opened", "approved", "approved"];
    ensure!(ann.trail(&id).await?.ends_with(&trail.map(str::to_owned)), "{:?}", ann.trail(&id).await?);
    // The first stage ends in its own time, not in that of all.
    let late = waiting(&ann).await?;
    overridden(&cab, &late, &json!({ "decision": "level", "level": "high" })).await?;
    app.pass(SignedDuration::from_hours(4));
    let rejected = reaches(&ann, &late, "rejected").await?;
    assert_eq!(rejected["rejection"], "expired");
    app.verified().await?;
    app.stop().await
}

async fn nobody_decides_and_the_authority_above_is_called_in(database: Database) -> Result<()> {
    let (app, ann, _lead) = team(database).await?;
    let cab = app.person("cab", &["cab_member"]).await?;
    let cto = app.person("cto", &["cto"]).await?;
    let id = waiting(&ann).await?;
    let path = format!("/api/v1/changes/{id}/approve");
    let digest = json!({ "digest": ann.change(&id).await?["digest"], "role": "cab_member" });
    cab.refused(&path, &digest, 409, "refused").await?;
    app.pass(SignedDuration::from_mins(4 * 54));
    let escalated = eventually("it is escalated", async || {
        let change = ann.change(&id).await?;
        Ok(actions(&change).contains(&"approval_escalated".to_owned()).then_some(change))
    })
    .await?;
    assert_eq!(escalated["approval"]["escalated_to"], json!(["cab_member"]));
    assert_eq!(escalated["blockers"][0]["roles"], json!(["technical_lead", "cab_member"]));
    assert_eq!(waits_for(&cab, "me").await?, std::slice::from_ref(&id));
    cto.refused(&path, &json!({ "digest": digest["digest"], "role": "cto" }), 409, "refused").await?;
    let approved = cab.approve(&id).await?;
    assert_eq!(approved["state"], "approved");
    assert_eq!(approved["approval"]["given"][0]["instead_of"], "technical_lead");
    app.verified().await?;
    app.stop().await
}

async fn what_the_clock_rejected_is_put_to_the_authorities_again(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let cab = app.person("cab", &["cab_member"]).await?;
    let id = waiting(&ann).await?;
    app.pass(SignedDuration::from_hours(4));
    reaches(&ann, &id, "rejected").await?;
    let path = format!("/api/v1/changes/{id}/override");
    let body = override_body(&lead, &id, &json!({ "decision": "rejection" })).await?;
    let problem = lead.refused(&path, &body, 403, "refused-by-policy").await?;
    let rules: Vec<_> =
        problem["errors"].as_array().context("errors")?.iter().map(|error| text(&error["at"])).collect();
    assert_eq!(rules, ["approver-holds-the-authority"]);
    let again = cab.post(&path, &body).await?;
    assert_eq!(again["state"], "awaiting_approval");
    assert_eq!(again["approval"]["overrides"][0]["decision"], "rejection");
    assert_eq!(again["approval"]["overrides"][0]["by"], "cab");
    lead.approve(&id).await?;
    // What an authority rejected stays rejected.
    let refused = waiting(&ann).await?;
    lead.act(&refused, "reject", &json!({ "reason": "no" })).await?;
    let path = format!("/api/v1/changes/{refused}/override");
    let body = override_body(&cab, &refused, &json!({ "decision": "rejection" })).await?;
    let problem = cab.refused(&path, &body, 409, "refused").await?;
    assert_eq!(problem["rule"], "override");
    for (fields, says) in [
        (json!({ "decision": "anything" }), "pre_approval, rejection or level"),
        (json!({ "decision": "level" }), "is missing"),
        (json!({ "decision": "rejection", "level": "low" }), "only for"),
    ] {
        let body = override_body(&cab, &refused, &fields).await?;
        let problem = cab.refused(&path, &body, 422, "invalid-field").await?;
        ensure!(text(&problem["detail"]).contains(says), "{problem}");
    }
    app.verified().await?;
    app.stop().await
}

async fn a_refused_automatic_approval_is_overridden_by_the_authority_above(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let cab = app.person("cab", &["cab_member"]).await?;
    // Low, but handed in while the line was stopped, so policy did not approve it by itself.
    let stop = json!({ "scope": "everything", "reason": "something is wrong" });
    let stop = text(&lead.post("/api/v1/stops", &stop).await?["stop_id"]).to_owned();
    let change = ann.create(&small("greeter")).await?;
    lead.post(&format!("/api/v1/stops/{stop}/lift"), &json!({ "reason": "it is found" })).await?;
    let id = text(&change["change_id"]).to_owned();
    let level = text(&change["risk"]["level"]).to_owned();
    assert_eq!((text(&change["state"]), &*level), ("awaiting_approval", "low"));
    let body = override_body(&cab, &id, &json!({ "decision": "pre_approval" })).await?;
    let path = format!("/api/v1/changes/{id}/override");
    lead.refused(&path, &body, 403, "refused-by-policy").await?;
    ann.refused(&path, &body, 403, "refused-by-policy").await?;
    let approved = cab.post(&path, &body).await?;
    assert_eq!(approved["state"], "approved");
    let trail = actions(&approved);
    ensure!(trail.ends_with(&["decision_overridden".to_owned(), "approved".to_owned()]), "{trail:?}");
    assert_eq!(approved["approval"]["overrides"][0]["decision"], "pre_approval");
    app.verified().await?;
    app.stop().await
}

async fn conditions_are_a_checklist_with_evidence(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let id = waiting(&ann).await?;
    let set = json!({ "conditions": ["staging tests", "protocol signed"] });
    let approved = approve_as(&lead, &id, &set).await?;
    let state = |change: &Value, at: usize| text(&change["approval"]["conditions"][at]["state"]).to_owned();
    assert_eq!([state(&approved, 0), state(&approved, 1)], ["open", "open"]);
    let command = format!("cortex-change satisfy {id} 0 --evidence TEXT");
    assert_eq!(text(&approved["blockers"][0]["next_command"]), command);
    let path = |at: usize| format!("/api/v1/changes/{id}/conditions/{at}/satisfy");
    for (fields, says) in [
        (json!({ "link": "javascript:alert(1)" }), "https://"),
        (json!({ "link": "https://a b" }), "https://"),
        (json!({ "sha256": "abc" }), "SHA-256"),
        (json!({ "link": "https://ci.example/1", "sha256": "0".repeat(64) }), "not both"),
    ] {
        let mut body = json!({ "evidence": "done" });
        body.as_object_mut().context("an object")?.extend(fields.as_object().context("fields")?.clone());
        let problem = lead.refused(&path(0), &body, 422, "invalid-field").await?;
        ensure!(text(&problem["detail"]).contains(says), "{problem}");
    }
    let link = json!({ "evidence": "run 512 passed", "link": "https://ci.example/512" });
    ann.refused(&path(0), &link, 403, "refused-by-policy").await?;
    let one = lead.post(&path(0), &link).await?;
    let condition = &one["approval"]["conditions"][0];
    assert_eq!((&condition["state"], &condition["met_by"]), (&json!("met"), &json!("lead")));
    assert_eq!(condition["link"], "https://ci.example/512");
    assert_eq!(one["blockers"].as_array().map(Vec::len), Some(1));
    let file = json!({ "evidence": "signed", "sha256": "0".repeat(64) });
    let both = lead.post(&path(1), &file).await?;
    assert_eq!(both["approval"]["conditions"][1]["sha256"], json!("0".repeat(64)));
    assert_eq!(both["blockers"], json!([]));
    app.stop().await
}
