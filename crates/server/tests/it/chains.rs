//! Chains of changes that lead to one another, and where they are cut.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::harness::{Database, Person, TestApp, on_both_databases, on_sqlite, small, text};
use crate::http::Ask;
use crate::runner::Runner;
use crate::team::in_steps;

on_both_databases!(a_chain_without_a_person_ends,);
on_sqlite!(
    a_program_that_repeats_itself_is_cut,
    the_open_incident_of_what_a_program_changes_is_taken_as_its_cause,
    a_cause_that_is_not_there_is_refused_and_none_is_changed_later,
);

const SERVICES: [&str; 8] = ["one", "two", "three", "four", "five", "six", "seven", "eight"];

async fn started(database: Database) -> Result<(TestApp, Person, Person)> {
    let app = TestApp::start_on(database, |_| {}).await?;
    let services: Vec<_> = SERVICES.iter().map(|name| json!({ "name": name, "tier": 3 })).collect();
    app.root().post("/api/v1/catalog", &json!({ "services": services })).await?;
    let owner = app.person("owner", &[]).await?;
    let agent = app.agent("shop-agent", &owner).await?;
    let budget =
        json!({ "changes_per_hour": 100, "open_changes": 100, "items_reached": 10, "most_critical_tier": 2 });
    let set = Ask::new("PUT", "/api/v1/actors/shop-agent/budget");
    app.root().send(set.json(&json!({ "budget": budget, "reason": "a trial" }))).await?.good()?;
    Ok((app, owner, agent))
}

fn caused(service: &str, cause: &str) -> Value {
    let mut request = small(service);
    request["caused_by"] = json!(cause);
    request
}

async fn created(person: &Person, request: &Value) -> Result<String> {
    Ok(text(&person.create(request).await?["change_id"]).to_owned())
}

async fn cut(person: &Person, request: &Value) -> Result<()> {
    let refused = person.refused("/api/v1/changes", request, 403, "refused-by-policy").await?;
    assert!(refused.to_string().contains("chains-of-programs-end"), "{refused}");
    assert!(refused.to_string().contains("cortex-change chain"), "{refused}");
    Ok(())
}

async fn a_chain_without_a_person_ends(database: Database) -> Result<()> {
    let (app, owner, agent) = started(database).await?;
    let mut last = created(&agent, &caused("one", "task:TASK-77")).await?;
    let first = last.clone();
    for service in &SERVICES[1..5] {
        last = created(&agent, &caused(service, &last)).await?;
    }
    cut(&agent, &caused("six", &last)).await?;
    // Neither does it help to ask as a draft, and another agent is no person.
    let mut draft = caused("six", &last);
    draft["draft"] = json!(true);
    cut(&agent, &draft).await?;
    cut(&app.agent("other-agent", &owner).await?, &caused("six", &last)).await?;

    let chain = app.root().get(&format!("/api/v1/changes/{last}/chain")).await?;
    let earlier = chain["earlier"].as_array().context("links")?;
    assert_eq!(earlier.len(), 4);
    assert_eq!((&earlier[3]["change_id"], &earlier[3]["caused_by"]), (&json!(first), &json!("task:TASK-77")));
    assert_eq!((&earlier[0]["kind"], &earlier[0]["created_by"]), (&json!("agent"), &json!("shop-agent")));

    // A person goes on, and from there a program may again.
    let by_hand = created(&owner, &caused("six", &last)).await?;
    created(&agent, &caused("seven", &by_hand)).await?;
    app.verified().await?;
    app.stop().await
}

async fn a_program_that_repeats_itself_is_cut(database: Database) -> Result<()> {
    let (app, owner, agent) = started(database).await?;
    let first = created(&agent, &small("one")).await?;
    let again = created(&agent, &caused("one", &first)).await?;
    let mut elsewhere = caused("two", &again);
    elsewhere["category"] = json!("documentation");
    cut(&agent, &caused("one", &again)).await?;
    let other = created(&agent, &elsewhere).await?;
    // The detour does not hide it, nor does a sister of the same owner.
    cut(&agent, &caused("one", &other)).await?;
    cut(&app.agent("sister-agent", &owner).await?, &caused("one", &other)).await?;
    app.stop().await
}

async fn the_open_incident_of_what_a_program_changes_is_taken_as_its_cause(database: Database) -> Result<()> {
    let (app, owner, agent) = started(database).await?;
    let steps = json!([{ "name": "one", "run": "false", "undo": "true" }]);
    let mut request = in_steps(&steps);
    request["affected_services"] = json!(["one"]);
    let change = agent.create(&request).await?;
    assert_eq!(change["state"], "approved", "{change}");
    let id = text(&change["change_id"]).to_owned();
    let mut runner = Runner::start(&agent, &id, true).await?;
    runner.work(|_| true).await?;
    let shown = agent.get(&format!("/api/v1/changes/{id}")).await?;
    let incident = text(&shown["incidents"][0]).to_owned();

    // The agent does not say why it asks; the server knows.
    let next = agent.create(&small("one")).await?;
    assert_eq!(next["caused_by"], json!(incident));
    let next = text(&next["change_id"]).to_owned();
    let chain = agent.get(&format!("/api/v1/changes/{next}/chain")).await?;
    assert_eq!((&chain["is_inferred"], &chain["caused_by"]), (&json!(true), &json!(incident)));
    assert_eq!(
        (&chain["earlier"][0]["change_id"], &chain["earlier"][0]["by_way_of"]),
        (&json!(id), &json!(incident))
    );
    // It fails in the same way; saying that something else led to the third attempt does not help.
    let mut again = request.clone();
    again["title"] = json!("Once more");
    let second = text(&agent.create(&again).await?["change_id"]).to_owned();
    let mut runner = Runner::start(&agent, &second, true).await?;
    runner.work(|_| true).await?;
    again["caused_by"] = json!("task:something-else");
    cut(&agent, &again).await?;
    // A person is left to say it or not.
    assert_eq!(owner.create(&small("one")).await?["caused_by"], Value::Null);
    assert_eq!(agent.create(&small("two")).await?["caused_by"], Value::Null);
    app.verified().await?;
    app.stop().await
}

async fn a_cause_that_is_not_there_is_refused_and_none_is_changed_later(database: Database) -> Result<()> {
    let (app, owner, agent) = started(database).await?;
    for (cause, said) in [
        ("CHG-2026-999999", "there is no change `CHG-2026-999999`"),
        ("INC-2026-999999", "there is no incident `INC-2026-999999`"),
        ("because", "names no cause"),
        ("task:", "names no cause"),
    ] {
        for person in [&owner, &agent] {
            let refused =
                person.refused("/api/v1/changes", &caused("one", cause), 422, "invalid-field").await?;
            assert!(
                refused.to_string().contains(said) && refused.to_string().contains("caused_by"),
                "{refused}"
            );
        }
    }
    let first = created(&agent, &small("one")).await?;
    let second = agent.create(&caused("two", &first)).await?;
    let path = format!("/api/v1/changes/{}", text(&second["change_id"]));
    let amend = |request: Value| {
        Ask::new("PUT", &path).json(&request).header("if-match", &format!("\"{}\"", second["version"]))
    };
    agent.send(amend(caused("two", "task:other"))).await?.refused(422, "invalid-field")?;
    let amended = agent.send(amend(small("two"))).await?.good()?;
    assert_eq!(amended["caused_by"], json!(first));
    app.stop().await
}
