//! Stopping the line and keeping the calendar from the command line, against a real server.

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

/// Splits a command line in which nothing is quoted.
fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

#[test]
fn freezes_and_windows_are_kept_from_the_command_line() -> Result<()> {
    let world = World::start(None)?;
    let freeze = "freeze add year-end --title holidays --starts 2126-12-20T00:00 --zone Europe/Berlin --for 14d --environment production";
    world.admin(&words(freeze))?;
    let window = "calendar add saturdays --title maintenance --starts 2126-01-05T22:00 --for 4h --rule FREQ=WEEKLY;BYDAY=SA --tier 0";
    world.admin(&words(window))?;
    let freezes = world.admin(&["freeze", "list"])?;
    ensure!(
        freezes.contains("year-end") && freezes.contains("14d") && !freezes.contains("saturdays"),
        "{freezes}"
    );
    let shown = world.admin(&words("calendar show --from 2126-12-18T00:00:00Z --to 2126-12-22T00:00:00Z"))?;
    for line in [
        "2126-12-19 23:00:00Z  2127-01-02 23:00:00Z  freeze",
        "2126-12-21 22:00:00Z  2126-12-22 02:00:00Z  maintenance",
    ] {
        ensure!(shown.contains(line), "{line}\n{shown}");
    }
    world.admin(&words("freeze remove year-end --reason cancelled"))?;
    let listed: Value = serde_json::from_str(&world.admin(&words("calendar list --output json"))?)?;
    ensure!(listed["items"].as_array().is_some_and(|items| items.len() == 1), "{listed}");
    let refused =
        world.run_as_admin(&words("freeze override year-end CHG-2026-000001 --reason x --for 1h"))?;
    ensure!(refused.status != 0, "{refused:?}");
    let ran = world.run_as_admin(&words(
        "freeze add x --title x --starts 2126-01-01T00:00 --for 1h --rule FREQ=HOURLY",
    ))?;
    ensure!(ran.status == 2 && ran.stderr.contains("FREQ=WEEKLY;BYDAY=SA"), "{ran:?}");
    Ok(())
}
