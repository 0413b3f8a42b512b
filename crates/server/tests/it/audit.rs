//! What can be proved: the signed state of the log, the evidence of a change, and that tampering is found.

use anyhow::{Context as _, Result, ensure};
use audit::{EvidenceBundle, SignedNote, VerifyingKey};
use serde_json::json;
use store::StreamName;

use crate::harness::{Database, Person, TestApp, on_both_databases, on_sqlite, text};
use crate::http::Ask;
use crate::runner::{Runner, step};
use crate::team::{approved, in_steps, team};

on_both_databases!(
    evidence_verifies_offline_and_tampering_with_it_is_found,
    an_erased_text_leaves_the_log_whole
);
on_sqlite!(a_flipped_byte_is_found_and_named, a_damaged_change_hides_no_other_from_the_calendar,);

/// A change that was taken back, so that an incident belongs to it.
pub(crate) async fn taken_back(ann: &Person, lead: &Person) -> Result<String> {
    let id =
        approved(ann, lead, &in_steps(&json!([{"name": "one", "run": "false", "undo": "true"}]))).await?;
    let mut runner = Runner::start(ann, &id, true).await?;
    let one = step("one")?;
    runner.work(|task| *task == one).await?;
    runner.release().await?;
    Ok(id)
}

async fn evidence_verifies_offline_and_tampering_with_it_is_found(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let auditor = app.person("auditor", &["auditor"]).await?;
    let id = taken_back(&ann, &lead).await?;
    let checkpoint = auditor.get("/api/v1/audit/checkpoint").await?;
    let key: VerifyingKey = text(&checkpoint["verifier_key"]).parse()?;
    let note = SignedNote::from_text(text(&checkpoint["note"]));
    let signed = key.verify(&note)?;
    assert_eq!(signed.origin(), app.config.log_name);
    assert_eq!(json!(signed.head().size), checkpoint["size"]);
    assert_eq!(signed.head().root.to_string(), text(&checkpoint["root"]));

    let answer = auditor.send(Ask::get(&format!("/api/v1/changes/{id}/evidence"))).await?;
    let bundle = EvidenceBundle::from_json(&answer.body)?;
    let verified = bundle.verify(Some(&key))?;
    assert!(verified.key_trusted);
    assert_eq!(verified.change_id, id);
    let change = ann.change(&id).await?;
    let of_change = verified.entries.iter().filter(|entry| entry.stream == format!("change/{id}")).count();
    assert_eq!(Some(of_change), change["audit_trail"].as_array().map(Vec::len), "the whole trail");
    let incident = format!("incident/{}", text(&change["incidents"][0]));
    assert!(verified.entries.iter().any(|entry| entry.stream == incident), "its incident too");

    // One flipped bit anywhere is found: in an entry, a text, a proof, or the signed head.
    let json = bundle.to_json()?;
    for part in ["change.created", "Deploy the new greeting", "\"proof\"", "verifier_key", "— "] {
        let at = json.find(part).with_context(|| format!("{part} is not in the bundle"))? + part.len() + 5;
        let mut tampered = json.clone().into_bytes();
        tampered[at] ^= 1;
        let outcome = EvidenceBundle::from_json(&tampered).and_then(|bundle| bundle.verify(Some(&key)));
        assert!(outcome.is_err(), "a flipped bit after {part} was not noticed");
    }
    app.stop().await
}

/// Flips a bit of the text where the database's file has it first, and says how often it is there.
fn flip(app: &TestApp, text: &[u8]) -> Result<usize> {
    let file = app.config.data.join(store::DATABASE_FILE);
    let mut bytes = std::fs::read(&file)?;
    let places = bytes.windows(text.len()).enumerate().filter(|(_, part)| *part == text);
    let places: Vec<_> = places.map(|(at, _)| at).collect();
    bytes[*places.first().context("the text is nowhere in the file")?] ^= 1;
    std::fs::write(&file, bytes)?;
    Ok(places.len())
}

async fn a_damaged_change_hides_no_other_from_the_calendar(database: Database) -> Result<()> {
    let (mut app, ann, lead) = team(database).await?;
    let mut planned = in_steps(&json!([{"name": "one", "run": "true", "undo": "true"}]));
    planned["window"] = json!({ "start": "2026-03-02T22:00:00Z", "end": "2026-03-02T23:00:00Z" });
    let ids = [approved(&ann, &lead, &planned).await?, approved(&ann, &lead, &planned).await?];
    app.halt().await?;
    assert_eq!(flip(&app, b"change.approval_requested")?, 2);
    app.revive().await?;
    let mut readable = Vec::new();
    for id in &ids {
        let answer = ann.send(Ask::get(&format!("/api/v1/changes/{id}"))).await?;
        readable.extend((answer.status == 200).then_some(id.as_str()));
    }
    assert_eq!(readable.len(), 1, "one of {ids:?} is damaged");
    let shown = ann.get("/api/v1/calendar").await?;
    let known: Vec<_> = shown["changes"].as_array().into_iter().flatten().collect();
    assert_eq!(known.iter().map(|change| text(&change["change_id"])).collect::<Vec<_>>(), readable);
    app.stop().await
}

async fn a_flipped_byte_is_found_and_named(database: Database) -> Result<()> {
    let (mut app, ann, lead) = team(database).await?;
    let id = taken_back(&ann, &lead).await?;
    let change = ann.change(&id).await?;
    let trail = change["audit_trail"].as_array().context("a trail")?;
    let asked = trail.iter().find(|entry| entry["action"] == "approval_requested").context("an entry")?;
    let index = asked["log_index"].as_u64().context("an index")?;
    app.halt().await?;
    assert_eq!(flip(&app, b"change.approval_requested")?, 1);
    app.revive().await?;
    let report = app.root().send(Ask::new("POST", "/api/v1/audit/verify")).await?.good()?;
    assert_eq!(report["valid"], false);
    let finding = text(&report["findings"][0]);
    assert!(finding.contains(&index.to_string()), "entry {index} is not named: {finding}");
    // The change cannot be read, and nothing of what is inside is told.
    let answer = ann.send(Ask::get(&format!("/api/v1/changes/{id}"))).await?;
    let problem = answer.refused(500, "internal")?;
    let told = problem.to_string();
    assert!(!told.contains("bhange") && !told.contains("entry"), "{told}");
    // Others can.
    ann.create(&crate::harness::small("greeter")).await?;
    app.stop().await
}

async fn an_erased_text_leaves_the_log_whole(database: Database) -> Result<()> {
    let (mut app, ann, lead) = team(database).await?;
    let id = taken_back(&ann, &lead).await?;
    let secret = "her number is 555-0199";
    let commented = ann.act(&id, "comments", &json!({ "text": secret })).await?;
    let version = commented["version"].as_u64().context("a version")?;
    app.halt().await?;
    let store = app.store().await?;
    let stream: StreamName = format!("change/{id}").parse()?;
    assert_eq!(store.erase(&stream, version, None, Vec::new()).await?, Some(1));
    store.close().await;
    app.revive().await?;
    app.verified().await?;
    let change = ann.change(&id).await?;
    assert!(!change.to_string().contains("555-0199"), "{change}");
    let last = change["audit_trail"].as_array().and_then(|trail| trail.last()).context("a last entry")?;
    assert_eq!(last["data"]["text"], "[erased]");
    let answer = app.root().send(Ask::get(&format!("/api/v1/changes/{id}/evidence"))).await?;
    assert!(!answer.text().contains("555-0199"));
    EvidenceBundle::from_json(&answer.body)?.verify(None)?;
    // Life goes on: the trail still folds.
    ann.act(&id, "close", &json!({ "status": "rolled_back" })).await?;
    app.verified().await?;
    app.stop().await
}

/// What the store says of a whole test application, for stories about faults.
pub(crate) async fn views_follow_from_the_log(app: &TestApp) -> Result<()> {
    let store = app.store().await?;
    let comparison = store.compare(server::project::stream).await?;
    store.close().await;
    ensure!(comparison.differences == 0, "{comparison:?}");
    ensure!(comparison.rows > 0, "nothing was compared");
    Ok(())
}
