//! Who works together in stories, and what they do again and again.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use server::Config;

use crate::harness::{Database, Person, SERVICES, TestApp, eventually, small, text};
use crate::http::Ask;
use crate::runner::Runner;

/// A server with services, a requester and a technical lead.
pub(crate) async fn team(database: Database) -> Result<(TestApp, Person, Person)> {
    team_with(database, |_| {}).await
}

/// The same, with settings changed.
pub(crate) async fn team_with(
    database: Database,
    change: impl FnOnce(&mut Config),
) -> Result<(TestApp, Person, Person)> {
    let app = TestApp::start_on(database, change).await?;
    app.services(&SERVICES).await?;
    let ann = app.person("ann", &[]).await?;
    let lead = app.person("lead", &["technical_lead"]).await?;
    Ok((app, ann, lead))
}

/// An approved change.
pub(crate) async fn approved(ann: &Person, lead: &Person, request: &Value) -> Result<String> {
    let change = ann.create(request).await?;
    let id = text(&change["change_id"]).to_owned();
    if change["state"] == "awaiting_approval" {
        lead.approve(&id).await?;
    }
    let change = ann.change(&id).await?;
    ensure!(change["state"] == "approved", "{change}");
    Ok(id)
}

/// A change that asks a technical lead, in steps.
pub(crate) fn in_steps(steps: &Value) -> Value {
    let mut request = small("identity");
    request["implementation_plan"]["steps"] = steps.clone();
    request
}

pub(crate) async fn validate(person: &Person, id: &str, passed: bool) -> Result<Value> {
    let check = json!({ "name": "health", "passed": passed, "detail": "12 of 12 probes" });
    person.act(id, "validate", &json!({ "checks": [check] })).await
}

/// A change that is carried out, validated and closed with a status.
pub(crate) async fn carried_out(ann: &Person, lead: &Person, status: &str) -> Result<String> {
    let steps = in_steps(&json!([{"name": "one", "run": "true", "undo": "true"}]));
    let id = approved(ann, lead, &steps).await?;
    let mut runner = Runner::start(ann, &id, true).await?;
    runner.work(|_| false).await?;
    runner.finish().await?;
    validate(ann, &id, true).await?;
    ann.act(&id, "close", &json!({ "status": status })).await?;
    Ok(id)
}

/// Waits until a change has reached a state.
pub(crate) async fn reaches(person: &Person, id: &str, state: &str) -> Result<Value> {
    eventually(&format!("{id} is {state}"), async || {
        Ok(Some(person.change(id).await?).filter(|change| change["state"] == state))
    })
    .await
}

/// Amends a change that was read at a version.
pub(crate) async fn amend(person: &Person, id: &str, version: u64, request: &Value) -> Result<Value> {
    let ask = Ask::new("PUT", &format!("/api/v1/changes/{id}")).json(request);
    person.send(ask.header("if-match", &format!("\"{version}\""))).await?.good()
}
