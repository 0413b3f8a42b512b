//! What somebody who watches is told of a bake: its stage, how long it still takes, and what its runner says of it.

use anyhow::{Context as _, Result};
use domain::plan::Observation;
use serde_json::json;

use crate::harness::{Database, on_both_databases};
use crate::runner::{Runner, ended, step};
use crate::team::{approved, in_steps, team};

on_both_databases!(a_bake_is_told_as_its_runner_sees_it);

async fn a_bake_is_told_as_its_runner_sees_it(database: Database) -> Result<()> {
    let (app, ann, lead) = team(database).await?;
    let mut request = in_steps(&json!([
        {"name": "deploy", "run": "true", "undo": "true"},
        {"name": "watch", "bake": {"time": "10m", "extend": "5m"}},
    ]));
    request["implementation_plan"]["strategy"] = json!("rolling");
    request["implementation_plan"]["stages"] = json!([{"name": "all", "steps": ["deploy", "watch"]}]);
    let id = approved(&ann, &lead, &request).await?;
    let mut runner = Runner::start(&ann, &id, true).await?;
    let (deploy, watch) = (step("deploy")?, step("watch")?);
    runner.report(&Observation::Started { task: deploy.clone(), attempt: 1 }).await?;
    let stages = |change: &serde_json::Value| change["implementation"]["stages"].clone();
    let told = ann.change(&id).await?;
    assert_eq!(stages(&told), json!([{"name": "all", "status": "under_way"}]));
    assert!(told["implementation"]["bake"].is_null());
    runner.report(&ended(&deploy, 1, false)).await?;
    runner.report(&Observation::Started { task: watch.clone(), attempt: 1 }).await?;
    let told = ann.change(&id).await?;
    assert_eq!(stages(&told), json!([{"name": "all", "status": "baking"}]));
    let bake = &told["implementation"]["bake"];
    let instant = |field: &str| -> Result<domain::Timestamp> {
        Ok(bake[field].as_str().context("an instant")?.parse()?)
    };
    assert_eq!((&bake["step"], bake["verdict"].is_null()), (&json!("watch"), true), "{bake}");
    assert_eq!(instant("until")?.duration_since(instant("since")?).as_secs(), 600);
    assert_eq!(instant("at_latest")?.duration_since(instant("until")?).as_secs(), 300);

    let standing = |step: &str, verdict: &str| json!({ "standing": {"step": step, "verdict": verdict, "detail": "3 of 5 answers passed"} });
    runner.send("heartbeat", &standing("watch", "inconclusive")).await?.good()?;
    // What is no bake under way has no standing.
    runner.send("heartbeat", &standing("deploy", "pass")).await?.good()?;
    runner.send("heartbeat", &standing("watch", "perhaps")).await?.refused(422, "invalid-field")?;
    let told = ann.change(&id).await?;
    let bake = &told["implementation"]["bake"];
    assert_eq!(
        (&bake["verdict"], &bake["detail"]),
        (&json!("inconclusive"), &json!("3 of 5 answers passed")),
        "{bake}"
    );
    let samples = ann.get(&format!("/api/v1/changes/{id}/samples")).await?;
    assert_eq!(samples["items"], json!([]), "a standing is no answer of a monitor");

    runner.report(&ended(&watch, 1, false)).await?;
    let told = ann.change(&id).await?;
    assert_eq!(stages(&told), json!([{"name": "all", "status": "passed"}]));
    assert!(told["implementation"]["bake"].is_null());
    app.stop().await
}
