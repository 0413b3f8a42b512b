//! Rollouts carried out for real: what shows only after everybody has the new version, what cannot be taken back, and how many
//! targets may fail.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::program::Ran;
use crate::world::{World, tested_change};

/// A rollout that is watched by whether there is a file, for two seconds at its end.
fn rollout(strategy: &Value) -> Value {
    let mut change = tested_change(&json!({
        "soak": "2s", "estimated_duration": "1m", "strategy": strategy, "steps": [],
    }));
    change["rollback_plan"] = json!({ "automated": true, "steps": [], "max_duration": "1m" });
    change["monitors"] = json!([{ "name": "healthy", "interval": "100ms", "run": "test ! -e broken" }]);
    change["rollback_conditions"] =
        json!({ "health_check": { "failed_checks": 3, "action": "immediate_rollback" } });
    change
}

/// Asks for the change and has it carried out.
fn implement(world: &World, token: &str, request: &Value) -> Result<(String, Ran)> {
    let file = world.folder().join("change.json");
    std::fs::write(&file, request.to_string())?;
    let created = world.run_as(token, &["create", "--file", &file.display().to_string()])?;
    ensure!(created.status == 0, "{}", created.stderr);
    let id = created.stdout.trim().to_owned();
    let ran = world.run_as(token, &["implement", &id, "--monitor", "--auto-rollback"])?;
    Ok((id, ran))
}

fn read(folder: &Path, name: &str) -> Result<String> {
    let text = std::fs::read_to_string(folder.join(name)).with_context(|| format!("no file {name}"))?;
    Ok(text.trim().to_owned())
}

/// Steps that write down what a target has, and their undo.
fn update(run: &str) -> Value {
    json!([{ "name": "update {{target}}", "run": run, "undo": "echo old > {{target}}" }])
}

#[test]
fn what_breaks_in_the_soak_of_any_strategy_is_taken_back() -> Result<()> {
    let canary = json!({ "canary": {
        "shift": { "name": "shift to", "run": "echo {{weight}} > weight", "undo": "echo 0 > weight" },
        "stages": [{ "weight": "10%", "bake": "1s" }, { "weight": "100%" }],
    }});
    let rolling = json!({ "rolling": {
        "targets": ["web-1", "web-2"], "steps": update("echo new > {{target}}"), "bake": "1s",
    }});
    let blue_green = json!({ "blue_green": {
        "prepare": [{ "name": "start green", "run": "echo up > green", "undo": "rm green" }],
        "switch": { "name": "switch", "run": "echo green > side", "undo": "echo blue > side" },
        "keep_warm": "1s",
    }});
    for (strategy, done, undone) in [
        (canary, [("weight", "100")].as_slice(), [("weight", "0")].as_slice()),
        (rolling, &[("web-1", "new"), ("web-2", "new")], &[("web-1", "old"), ("web-2", "old")]),
        (blue_green, &[("side", "green"), ("green", "up")], &[("side", "blue")]),
    ] {
        // Another one of the same pipeline would be a chain of changes without a person.
        let world = World::start(None)?;
        world.declare(&[("shop", 3)])?;
        let token = world.token("pipeline")?;
        let (folder, broken) = (world.folder(), world.folder().join("broken"));
        let (id, ran) = implement(&world, &token, &rollout(&strategy))?;
        ensure!(ran.status == 0, "{strategy}\n{}", ran.stderr);
        for (file, expected) in done {
            assert_eq!(read(folder, file)?, *expected, "{strategy}");
        }
        std::fs::write(&broken, "")?;
        let validated = world.run_as(&token, &["validate", &id, "--sla-check"])?;
        std::fs::remove_file(&broken)?;
        ensure!(validated.status == 5, "{}\n{}", validated.status, validated.stderr);
        for (file, expected) in undone {
            assert_eq!(read(folder, file)?, *expected, "{strategy}");
        }
        let shown = world.show(&id)?;
        assert_eq!(shown.state, "rolled_back", "{strategy}\n{}", validated.stderr);
        let incident = shown.incidents.first().context("no incident")?;
        ensure!(world.admin(&["incident", "show", incident])?.contains(&id));
        ensure!(!folder.join("green").exists(), "what was prepared is still there");
    }
    Ok(())
}

#[test]
fn what_cannot_be_taken_back_is_a_major_incident_and_is_tried_again_by_a_person() -> Result<()> {
    let world = World::start(None)?;
    world.declare(&[("shop", 3)])?;
    let token = world.token("pipeline")?;
    let strategy = json!({ "rolling": { "targets": ["web-1", "web-2", "web-3"], "steps": [{
        "name": "update {{target}}", "run": "test {{target}} != web-3 && echo new > {{target}}",
        "undo": "test {{target}} != web-1 -o -e mended && echo old > {{target}}",
    }] } });
    let (id, ran) = implement(&world, &token, &rollout(&strategy))?;
    ran.ended_with(6).said(&["update web-1"]);
    let shown = world.show(&id)?;
    assert_eq!(shown.state, "failed");
    let folder = world.folder();
    assert_eq!(read(folder, "web-1")?, "new", "its undo failed");
    assert_eq!(read(folder, "web-2")?, "old", "the others are taken back nevertheless");
    let incident = shown.incidents.first().context("no incident")?;
    let told: Value =
        serde_json::from_str(&world.admin(&["incident", "show", incident, "--output", "json"])?)?;
    assert_eq!(told["severity"], "major", "{told}");

    std::fs::write(folder.join("mended"), "")?;
    let again = ["rollback", &id, "--reason", "mended"];
    ensure!(world.run_as(&token, &again)?.status == 7, "a program tried again");
    world.admin(&["actor", "add", "ida", "--kind", "human", "--role", "implementer"])?;
    let issue = ["token", "issue", "ida", "--label", "laptop", "--scope", "read", "--scope", "implement"];
    let again = world.run_as(world.admin(&issue)?.trim(), &again)?;
    ensure!(again.status == 0, "{}", again.stderr);
    assert_eq!(read(folder, "web-1")?, "old");
    assert_eq!(world.show(&id)?.state, "rolled_back");
    Ok(())
}

#[test]
fn so_many_targets_may_fail_and_the_next_one_takes_all_of_them_back() -> Result<()> {
    let world = World::start(None)?;
    world.declare(&[("shop", 3)])?;
    let token = world.token("pipeline")?;
    let strategy = json!({ "rolling": {
        "targets": ["web-1", "web-2", "web-3"], "max_failures": 1,
        "steps": update("test ! -e {{target}}.spoilt && echo new > {{target}}"),
    }});
    let folder = world.folder();
    std::fs::write(folder.join("web-2.spoilt"), "")?;
    let (partial, ran) = implement(&world, &token, &rollout(&strategy))?;
    ensure!(ran.status == 0, "{}", ran.stderr);
    ran.said(&["web-2"]);
    assert_eq!((read(folder, "web-1")?, read(folder, "web-3")?), ("new".to_owned(), "new".to_owned()));
    ensure!(!folder.join("web-2").exists(), "it was changed");
    ensure!(world.admin(&["show", &partial])?.contains("web-2"), "nobody is told which one was left behind");
    let validated = world.run_as(&token, &["validate", &partial, "--sla-check"])?;
    ensure!(validated.status == 0, "{}", validated.stderr);
    assert_eq!(world.show(&partial)?.state, "implemented");

    std::fs::write(folder.join("web-3.spoilt"), "")?;
    let (bad, ran) = implement(&world, &token, &rollout(&strategy))?;
    ran.ended_with(5).said(&["update web-3"]);
    assert_eq!(world.show(&bad)?.state, "rolled_back");
    assert_eq!(read(folder, "web-1")?, "old");
    Ok(())
}
