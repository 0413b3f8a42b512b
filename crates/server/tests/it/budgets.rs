//! Agents keep to their budgets: by their record, or as a person has set them; also when they ask for much at once.

use anyhow::{Context as _, Result};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::faults::second_server;
use crate::harness::{Database, Person, TestApp, on_both_databases, on_sqlite, small, text};
use crate::http::Ask;

on_both_databases!(an_agent_has_so_many_changes_under_way_and_no_more);
on_sqlite!(
    an_agent_asks_so_often_within_an_hour_and_no_more,
    what_is_beyond_an_agents_budget_goes_to_a_person,
    only_an_administrator_sets_a_budget_and_only_of_an_agent,
);

async fn started(database: Database) -> Result<(TestApp, Person, Person)> {
    let app = TestApp::start_on(database, |_| {}).await?;
    let owner = app.person("owner", &[]).await?;
    let services = json!({ "services": [{ "name": "greeter", "tier": 3 }, { "name": "cart", "tier": 1 }] });
    app.root().post("/api/v1/catalog", &services).await?;
    let agent = app.agent("shop-agent", &owner).await?;
    Ok((app, owner, agent))
}

async fn standing(app: &TestApp) -> Result<Value> {
    app.root().get("/api/v1/actors/shop-agent/budget").await
}

fn set(changes_per_hour: u32, open_changes: u32, items_reached: u32, tier: u8) -> Ask {
    let budget = json!({ "changes_per_hour": changes_per_hour, "open_changes": open_changes,
        "items_reached": items_reached, "most_critical_tier": tier });
    Ask::new("PUT", "/api/v1/actors/shop-agent/budget")
        .json(&json!({ "budget": budget, "reason": "a trial" }))
}

async fn an_agent_has_so_many_changes_under_way_and_no_more(database: Database) -> Result<()> {
    const OPEN: u64 = 5;
    let is_shared = database.config().database_url.is_some();
    let (app, _, agent) = started(database).await?;
    let folder = tempfile::tempdir()?;
    let second = if is_shared { Some(second_server(&app, folder.path()).await?) } else { None };
    let there = second.as_ref().map_or(agent.address, |(_, root)| root.address);
    let mut asked = JoinSet::new();
    for number in 0..12 {
        let address = if number % 2 == 0 { agent.address } else { there };
        let agent = Person { address, ..agent.clone() };
        asked.spawn(async move { agent.send(Ask::post("/api/v1/changes", &small("greeter"))).await });
    }
    let mut created = Vec::new();
    while let Some(answer) = asked.join_next().await {
        let answer = answer??;
        if answer.status == 201 {
            created.push(text(&answer.good()?["change_id"]).to_owned());
        } else {
            let problem = answer.refused(403, "refused-by-policy")?;
            assert!(problem.to_string().contains("agents-keep-to-their-open-changes"), "{problem}");
        }
    }
    assert_eq!(created.len() as u64, OPEN);
    let told = standing(&app).await?;
    assert_eq!((&told["trust"], &told["open_changes"]), (&json!("probation"), &json!(OPEN)), "{told}");

    let first = created.first().context("a change")?;
    agent.post(&format!("/api/v1/changes/{first}/cancel"), &json!({ "reason": "not needed" })).await?;
    agent.create(&small("greeter")).await?;
    agent.send(Ask::post("/api/v1/changes", &small("greeter"))).await?.refused(403, "refused-by-policy")?;
    if let Some((second, _)) = second {
        second.shutdown();
        second.stopped().await?;
    }
    app.verified().await?;
    app.stop().await
}

async fn an_agent_asks_so_often_within_an_hour_and_no_more(database: Database) -> Result<()> {
    let (app, owner, agent) = started(database).await?;
    app.root().send(set(2, 50, 10, 2)).await?.good()?;
    let keyed = || Ask::post("/api/v1/changes", &small("greeter")).header("idempotency-key", "only-once");
    let first = agent.send(keyed()).await?.good()?;
    agent.create(&small("greeter")).await?;
    let again = agent.send(keyed()).await?.good()?;
    assert_eq!(again["change_id"], first["change_id"], "a repetition takes nothing of the budget");
    let refused = agent
        .send(Ask::post("/api/v1/changes", &small("greeter")))
        .await?
        .refused(403, "refused-by-policy")?;
    assert!(refused.to_string().contains("agents-keep-to-their-rate"), "{refused}");
    // People are not bound by it, and after an hour the agent may ask again.
    owner.create(&small("greeter")).await?;
    app.pass(SignedDuration::from_mins(61));
    agent.create(&small("greeter")).await?;
    let told = standing(&app).await?;
    assert_eq!(told["set_by_person"], true, "{told}");
    assert_eq!((&told["changes_this_hour"], &told["open_changes"]), (&json!(1), &json!(3)), "{told}");
    app.stop().await
}

async fn what_is_beyond_an_agents_budget_goes_to_a_person(database: Database) -> Result<()> {
    let (app, owner, agent) = started(database).await?;
    let state = |change: &Value| text(&change["state"]).to_owned();
    assert_eq!(state(&owner.create(&small("cart")).await?), "approved", "a person's is small enough");
    assert_eq!(state(&agent.create(&small("greeter")).await?), "approved");
    assert_eq!(state(&agent.create(&small("cart")).await?), "awaiting_approval", "Tier 1");
    app.root().send(set(10, 10, 10, 1)).await?.good()?;
    assert_eq!(state(&agent.create(&small("cart")).await?), "approved");
    app.root().send(set(10, 10, 0, 1)).await?.good()?;
    assert_eq!(state(&agent.create(&small("greeter")).await?), "awaiting_approval", "it reaches one item");
    app.stop().await
}

async fn only_an_administrator_sets_a_budget_and_only_of_an_agent(database: Database) -> Result<()> {
    let (app, owner, agent) = started(database).await?;
    for person in [&owner, &agent] {
        person.send(set(9, 9, 9, 0)).await?.refused(403, "refused-by-policy")?;
    }
    let root = app.root();
    let told = root.send(set(10_001, 9, 9, 0)).await?.refused(422, "actor-refused")?;
    assert!(told.to_string().contains("changes_per_hour"), "{told}");
    let told = root.send(set(9, 9, 9, 4)).await?.refused(422, "invalid-field")?;
    assert!(told.to_string().contains("budget.most_critical_tier"), "{told}");
    let told = root.send(Ask::get("/api/v1/actors/owner/budget")).await?.refused(422, "actor-refused")?;
    assert!(told.to_string().contains("only agents have budgets"), "{told}");
    assert_eq!(standing(&app).await?["set_by_person"], false);
    root.send(set(9, 8, 7, 3)).await?.good()?;
    let by_record = json!({ "reason": "enough was seen" });
    let told =
        root.send(Ask::new("PUT", "/api/v1/actors/shop-agent/budget").json(&by_record)).await?.good()?;
    assert_eq!(
        (&told["set_by_person"], &told["budget"]["open_changes"]),
        (&json!(false), &json!(5)),
        "{told}"
    );
    app.stop().await
}
