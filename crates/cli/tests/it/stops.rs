//! Stopping the line from the command line, against a real server.

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::world::World;

#[test]
fn one_command_stops_the_line_and_another_frees_it() -> Result<()> {
    let world = World::start(None)?;
    world.declare(&[("cart", 1)])?;
    let none = world.run_as_admin(&["stop", "list"])?;
    ensure!(
        none.status == 0 && none.stdout.is_empty() && none.stderr.contains("no stop is in force"),
        "{none:?}"
    );
    let set = world.run_as_admin(&["stop", "set", "--service", "cart", "--reason", "data loss"])?;
    ensure!(set.status == 0 && set.stderr.contains("STOP-1 is in force: service cart"), "{set:?}");
    let listed: Value = serde_json::from_str(&world.admin(&["stop", "list", "--output", "json"])?)?;
    ensure!(listed["items"][0]["stop_id"] == "STOP-1" && listed["items"][0]["of"] == "cart", "{listed}");
    let table = world.admin(&["stop", "list"])?;
    ensure!(
        table.contains("service cart") && table.contains("data loss") && table.contains("go on"),
        "{table}"
    );

    let created = world.run_as_admin(&[
        "create",
        "--type",
        "normal",
        "--category",
        "deployment",
        "--service",
        "cart",
        "--title",
        "New cart",
    ])?;
    ensure!(created.status == 0, "{created:?}");
    let change = world.show(created.stdout.trim())?;
    let stop = change.blockers.iter().find(|blocker| blocker.kind == "stop");
    ensure!(stop.is_some_and(|stop| stop.missing.contains("data loss")), "{:?}", change.blockers);

    let lifted = world.run_as_admin(&["stop", "lift", "STOP-1", "--reason", "restored"])?;
    ensure!(lifted.status == 0, "{lifted:?}");
    ensure!(world.show(created.stdout.trim())?.blockers.iter().all(|blocker| blocker.kind != "stop"));
    let again = world.run_as_admin(&["stop", "lift", "STOP-1", "--reason", "restored"])?;
    ensure!(again.status != 0 && again.stderr.contains("no stop STOP-1 is in force"), "{again:?}");
    for wrong in [&["stop", "set", "--reason", "x"][..], &["stop", "lift", "seven", "--reason", "x"]] {
        ensure!(world.run_as_admin(wrong)?.status == 2, "{wrong:?}");
    }
    Ok(())
}
