//! Rollouts in stages: who looks before everybody gets the new version.

use std::fs;

use anyhow::Result;
use domain::plan::Action;
use serde_json::{Value, json};

use crate::harness::{Database, Person, SERVICES, TestApp, on_sqlite, small, text};
use crate::runner::Runner;

on_sqlite!(
    what_an_agent_rolls_out_waits_for_a_person_before_everybody_gets_it,
    policies_of_the_organisation_hold_other_rollouts_too,
    a_policy_that_cannot_be_evaluated_holds,
);

const HOLD: &str = "hold before 100%";

/// A canary of two stages.
fn canary() -> Value {
    let mut change = small("greeter");
    change["implementation_plan"] = json!({
        "strategy": { "canary": {
            "shift": { "name": "shift to", "run": ["./shift", "{{weight}}"], "undo": { "run": ["./shift", "0"] } },
            "stages": [{ "weight": "10%", "bake": "1s" }, { "weight": "100%" }],
        } },
        "steps": [],
    });
    change
}

/// Starts the canary of somebody and goes as far as nobody is asked; what is next then.
async fn as_far_as_it_goes(requester: &Person) -> Result<(String, Runner, Action)> {
    let id = text(&requester.create(&canary()).await?["change_id"]).to_owned();
    let mut runner = Runner::start(requester, &id, true).await?;
    let next = runner.work(|_| false).await?;
    Ok((id, runner, next))
}

fn is_held(next: &Action) -> bool {
    matches!(next, Action::AskPerson { question } if question.task.step.as_str() == HOLD)
}

async fn what_an_agent_rolls_out_waits_for_a_person_before_everybody_gets_it(
    database: Database,
) -> Result<()> {
    let app = TestApp::start_on(database, |_| {}).await?;
    app.services(&SERVICES).await?;
    let ann = app.person("ann", &["implementer"]).await?;
    let bot = app.agent("bot", &ann).await?;
    let (id, mut runner, next) = as_far_as_it_goes(&bot).await?;
    assert!(is_held(&next), "{next}");
    let answer = json!({ "step": HOLD, "decision": "done" });
    bot.refused(&format!("/api/v1/changes/{id}/decide-step"), &answer, 403, "refused-by-policy").await?;
    ann.act(&id, "decide-step", &answer).await?;
    runner.assignment = serde_json::from_value(bot.get(&format!("/api/v1/changes/{id}/assignment")).await?)?;
    assert_eq!(runner.work(|_| false).await?, Action::Finish);
    let (_, _, next) = as_far_as_it_goes(&ann).await?;
    assert_eq!(next, Action::Finish, "a person's rollout has no such hold");
    app.stop().await
}

/// The next action of a person's rollout where this policy was added.
async fn with_policy(database: Database, policy: &str) -> Result<Action> {
    let folder = database.folder.path().join("policies");
    fs::create_dir(&folder)?;
    fs::write(folder.join("own.cedar"), policy)?;
    let app = TestApp::start_on(database, |config| config.policies.folder = Some(folder)).await?;
    app.services(&SERVICES).await?;
    let ann = app.person("ann", &[]).await?;
    let (_, _, next) = as_far_as_it_goes(&ann).await?;
    app.stop().await?;
    Ok(next)
}

async fn policies_of_the_organisation_hold_other_rollouts_too(database: Database) -> Result<()> {
    let policy = r#"
        @id("own-canaries-need-a-person") @title("Somebody looks first") @fix("look")
        forbid (principal, action == Action::"promote_unattended", resource)
        when { resource has reversibility && resource.reversibility != Reversibility::"reversible" };
    "#;
    let next = with_policy(database, policy).await?;
    assert!(is_held(&next), "{next}");
    Ok(())
}

async fn a_policy_that_cannot_be_evaluated_holds(database: Database) -> Result<()> {
    let policy = r#"
        @id("own-overflow") @title("Too small a number")
        permit (principal, action == Action::"promote_unattended", resource)
        when { resource has score && resource.score - 9223372036854775807 - 200 < 0 };
    "#;
    let next = with_policy(database, policy).await?;
    assert!(is_held(&next), "{next}");
    Ok(())
}
