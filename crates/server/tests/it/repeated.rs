//! Requests that are repeated under their key, because no answer came: each is done once.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use domain::plan::Observation;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::harness::{Database, Person, TestApp, on_both_databases, on_sqlite, text};
use crate::http::{Answer, Ask};
use crate::runner::{Runner, ended, step};
use crate::team::{approved, in_steps, team};

on_both_databases!(
    actors_and_tokens_are_made_once,
    a_file_of_services_is_applied_once,
    a_start_is_answered_again_while_its_lease_is_held,
);
on_sqlite!(the_secret_of_a_token_is_kept_nowhere, requests_of_the_same_moment_are_done_once);

fn keyed(ask: Ask, key: &str) -> Ask {
    ask.header("idempotency-key", key)
}

/// Sends a request twice under one key: nothing is written the second time, and the answer is the same.
async fn twice(app: &TestApp, person: &Person, ask: Ask) -> Result<Answer> {
    let first = person.send(ask.clone()).await?;
    ensure!(first.status < 300 && first.header("idempotent-replayed").is_none(), "{first:?}");
    let before = app.log_size().await?;
    let again = person.send(ask).await?;
    assert_eq!((again.status, again.header("idempotent-replayed")), (first.status, Some("true")));
    assert_eq!(again.text(), first.text());
    assert_eq!(app.log_size().await?, before, "something was written");
    Ok(first)
}

async fn actors_and_tokens_are_made_once(database: Database) -> Result<()> {
    let app = TestApp::start_on(database, |_| {}).await?;
    let root = app.root();
    let register = |name: &str, key: &str| {
        keyed(Ask::post("/api/v1/actors", &json!({ "name": name, "kind": "human" })), key)
    };
    let actor = twice(&app, &root, register("ann", "new-ann")).await?.json()?;
    assert_eq!(actor["name"], "ann");
    root.send(register("bob", "new-ann")).await?.refused(422, "idempotency-key-reused")?;
    root.send(register("ann", "another-key")).await?.refused(409, "exists")?;

    let path = "/api/v1/actors/ann/tokens";
    let issue = |label: &str| keyed(Ask::post(path, &json!({ "scopes": ["read"], "label": label })), "job");
    let issued = root.send(issue("deploy job")).await?.good()?;
    let before = app.log_size().await?;
    let again = root.send(issue("deploy job")).await?.refused(409, "token-issued")?;
    let id = text(&issued["token_id"]);
    let advice = text(&again["next_step"]);
    assert!(text(&again["detail"]).contains(id) && advice.contains(&format!("/tokens/{id}")), "{again}");
    assert!(!again.to_string().contains(text(&issued["token"])), "{again}");
    assert_eq!(app.log_size().await?, before, "something was written");
    root.send(issue("another job")).await?.refused(422, "idempotency-key-reused")?;

    // What the advice says can be done as it stands, and is done once.
    let address = advice.split_whitespace().find(|word| word.starts_with("/api/")).context("an address")?;
    let revoke = keyed(Ask::new("DELETE", address.trim_end_matches(',')), "revoke-it");
    twice(&app, &root, revoke).await?;
    let told = root.get(path).await?;
    assert_eq!(told["items"][0]["revoked"], true, "{told}");
    app.stop().await
}

async fn a_file_of_services_is_applied_once(database: Database) -> Result<()> {
    let app = TestApp::start_on(database, |_| {}).await?;
    let root = app.root();
    let apply = |path: &str, tier: u8, key: &str| {
        keyed(Ask::post(path, &json!({ "services": [{ "name": "cart", "tier": tier }] })), key)
    };
    let path = "/api/v1/catalog";
    // A dry run does nothing, so that there is nothing to repeat and the key is still free.
    let dry = root.send(apply("/api/v1/catalog?dry_run=true", 2, "monday")).await?.good()?;
    let done = twice(&app, &root, apply(path, 2, "monday")).await?.json()?;
    assert_eq!(done, json!({ "declared": ["cart"], "retired": [], "unchanged": 0 }));
    assert_eq!(done, dry);
    root.send(apply("/api/v1/catalog?dry_run=true", 2, "monday"))
        .await?
        .refused(422, "idempotency-key-reused")?;
    root.send(apply(path, 1, "monday")).await?.refused(422, "idempotency-key-reused")?;
    // The same holds for a file that changes nothing: it does not undo later what came in between.
    twice(&app, &root, apply(path, 2, "tuesday")).await?;
    root.send(apply(path, 0, "wednesday")).await?.good()?;
    let again = root.send(apply(path, 2, "tuesday")).await?.good()?;
    assert_eq!(again, json!({ "declared": [], "retired": [], "unchanged": 1 }));
    assert_eq!(root.get(path).await?["services"][0]["tier"], 0);
    app.verified().await?;
    app.stop().await
}

async fn a_start_is_answered_again_while_its_lease_is_held(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let one = in_steps(&json!([{"name": "one", "run": "true", "undo": "true"}]));
    let id = approved(&ann, &lead, &one).await?;
    let address = |action: &str| format!("/api/v1/changes/{id}/{action}");
    let digest = ann.change(&id).await?["digest"].clone();
    let start = |holder: &str| {
        keyed(Ask::post(&address("start"), &json!({ "holder": holder, "digest": digest })), "start-1")
    };
    let assignment = twice(&app, &ann, start("ann-1")).await?.json()?;
    let fencing = &assignment["fencing_token"];
    ann.send(start("ann-2")).await?.refused(422, "idempotency-key-reused")?;
    let release = json!({ "holder": "ann-1", "fencing_token": fencing });
    twice(&app, &ann, keyed(Ask::post(&address("release"), &release), "release-1")).await?;
    // A lease that was given back is not told of as if it were held, nor is that of whoever took over.
    let gone = ann.send(start("ann-1")).await?.refused(409, "refused")?;
    assert_eq!(gone["rule"], "lease", "{gone}");
    let mut second = Runner::start(&ann, &id, false).await?;
    assert!(second.assignment.fencing_token > fencing.as_u64().context("a token")?);
    ann.send(start("ann-1")).await?.refused(409, "refused")?;
    // Reports are taken once, too, and so is the end.
    let (fencing, task) = (second.assignment.fencing_token, step("one")?);
    let started = Observation::Started { task: task.clone(), attempt: 1 };
    let report = json!({ "fencing_token": fencing, "observation": started });
    twice(&app, &ann, keyed(Ask::post(&address("progress"), &report), "report-1")).await?;
    second.report(&ended(&task, 1, false)).await?;
    let finish = json!({ "holder": "ann-1", "fencing_token": fencing });
    twice(&app, &ann, keyed(Ask::post(&address("finish"), &finish), "finish-1")).await?;
    app.verified().await?;
    app.stop().await
}

/// Whether any file below a folder holds these bytes.
fn holds(folder: &Path, bytes: &[u8]) -> Result<bool> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let found = if path.is_dir() {
            holds(&path, bytes)?
        } else {
            std::fs::read(&path)?.windows(bytes.len()).any(|window| window == bytes)
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn the_secret_of_a_token_is_kept_nowhere(database: Database) -> Result<()> {
    let mut app = TestApp::start_on(database, |_| {}).await?;
    let request = json!({ "scopes": ["read"], "label": "a label that is kept" });
    let path = "/api/v1/actors/bootstrap-admin/tokens";
    let issued = app.root().send(keyed(Ask::post(path, &request), "job")).await?.good()?;
    app.halt().await?;
    let folder = app.config.data.clone();
    assert!(holds(&folder, b"a label that is kept")?, "the test reads what is kept");
    assert!(holds(&folder, text(&issued["token_id"]).as_bytes())?);
    assert!(!holds(&folder, text(&issued["token"]).as_bytes())?);
    Ok(())
}

/// Several requests with one key at once: one is done, and all are told what came of it.
async fn requests_of_the_same_moment_are_done_once(database: Database) -> Result<()> {
    const REPEATS: usize = 8;
    let app = TestApp::start_on(database, |_| {}).await?;
    let root = app.root();
    let body = json!({ "name": "ann", "kind": "human" });
    let mut sent = JoinSet::new();
    for _ in 0..REPEATS {
        let (root, ask) = (root.clone(), keyed(Ask::post("/api/v1/actors", &body), "new-ann"));
        sent.spawn(async move { root.send(ask).await });
    }
    let (mut ids, mut fresh) = (Vec::<Value>::new(), 0);
    while let Some(answer) = sent.join_next().await {
        let answer = answer??;
        fresh += usize::from(answer.header("idempotent-replayed").is_none());
        ids.push(answer.good()?["actor_id"].clone());
    }
    ids.dedup();
    assert_eq!((ids.len(), fresh), (1, 1));
    let listed = root.get("/api/v1/actors").await?;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(2), "{listed}");
    app.stop().await
}
