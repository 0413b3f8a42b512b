//! The boards from the command line, against a real server.

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::world::World;

#[test]
fn a_meeting_is_held_and_its_minutes_are_printed() -> Result<()> {
    let world = World::start(None)?;
    let set = world.run_as_admin(&[
        "cab",
        "set",
        "--role",
        "cab_member",
        "--starts",
        "2026-01-01T14:00",
        "--zone",
        "Europe/Berlin",
        "--rule",
        "FREQ=WEEKLY;BYDAY=TH",
    ])?;
    ensure!(set.status == 0 && set.stderr.contains("the CAB has 0 members"), "{set:?}");
    let shown = world.admin(&["cab", "show"])?;
    ensure!(shown.contains("FREQ=WEEKLY;BYDAY=TH from 2026-01-01T14:00:00 Europe/Berlin"), "{shown}");
    let agenda = world.admin(&["cab", "agenda"])?;
    ensure!(agenda.contains("nothing waits for the board"), "{agenda}");
    // An administrator keeps the boards and does not hold their meetings.
    let refused = world.run_as_admin(&["cab", "open", "--extraordinary", "now"])?;
    ensure!(refused.status == 7, "{refused:?}");
    let none = world.run_as_admin(&["cab", "minutes", "CAB-7"])?;
    ensure!(none.status == 1 && none.stderr.contains("there is no meeting"), "{none:?}");
    for wrong in
        [&["cab", "minutes", "seven"][..], &["cab", "vote", "CHG-2026-000001", "yes", "--rationale", "x"]]
    {
        ensure!(world.run_as_admin(wrong)?.status == 2, "{wrong:?}");
    }
    Ok(())
}

#[test]
fn the_roster_is_kept_and_says_who_is_on_call() -> Result<()> {
    let world = World::start(None)?;
    let nobody = world.admin(&["ecab", "oncall"])?;
    ensure!(nobody.contains("every member of the e-CAB counts as on call"), "{nobody}");
    let none = world.run_as_admin(&["ecab", "debt"])?;
    ensure!(none.status == 0 && none.stderr.contains("no emergency change is to be reviewed"), "{none:?}");
    let set = world.run_as_admin(&[
        "ecab",
        "roster",
        "set",
        "lead",
        "--member",
        "bootstrap-admin",
        "--starts",
        "2026-01-05T09:00",
        "--rule",
        "FREQ=WEEKLY;BYDAY=MO",
    ])?;
    ensure!(set.status == 0, "{set:?}");
    let told: Value = serde_json::from_str(&world.admin(&["ecab", "oncall", "--output", "json"])?)?;
    ensure!(told["on_call"][0]["actor"] == "bootstrap-admin" && told["covered"] == false, "{told}");
    let cover = ["ecab", "roster", "cover", "bootstrap-admin", "--for", "8h", "--reason", "x"];
    ensure!(world.run_as_admin(&cover)?.status == 0);
    let shown = world.admin(&["ecab", "show"])?;
    ensure!(
        shown.contains("SHIFT-2") && shown.contains("handed over by FREQ=WEEKLY;BYDAY=MO UTC"),
        "{shown}"
    );
    ensure!(world.run_as_admin(&["ecab", "roster", "uncover", "SHIFT-2", "--reason", "x"])?.status == 0);
    Ok(())
}
