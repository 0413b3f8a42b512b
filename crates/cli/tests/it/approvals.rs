//! `approvals` against a real server: what waits, the whole plan to the byte, lent authority, overrides.

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::world::World;

#[test]
fn an_approver_sees_what_waits_and_all_of_what_will_run() -> Result<()> {
    let world = World::start(None)?;
    world.declare(&[("cart", 1)])?;
    let lead = world.person("lead", "technical_lead")?;
    let bea = world.person("bea", "requester")?;
    let own = ["create", "--type", "normal", "--category", "deployment", "--service", "cart", "--title"];
    let created = world.run_as_admin(&[&own[..], &["New cart"]].concat())?;
    ensure!(created.status == 0, "{created:?}");
    let id = created.stdout.trim().to_owned();

    let waiting = world.run_as(&lead, &["approvals"])?;
    for part in [&*id, "1 × technical lead", "1 of 1", "New cart"] {
        ensure!(waiting.stdout.contains(part), "{part}: {waiting:?}");
    }
    let none = world.run_as(&bea, &["approvals"])?;
    ensure!(none.stdout.is_empty() && none.stderr.contains("nothing waits for approval"), "{none:?}");
    let all = world.run_as(&bea, &["approvals", "--all", "--output", "json"])?;
    let all: Value = serde_json::from_str(&all.stdout)?;
    ensure!(all["items"][0]["change_id"] == *id && all["items"][0].get("yours").is_none(), "{all}");

    let sheet = world.run_as(&lead, &["approvals", "show", &id])?;
    let digest = world.show(&id)?.digest;
    for part in [
        "What will run, exactly as it is approved",
        "\"affected_services\": [",
        "it was computed here and agrees",
        &digest,
        &format!("cortex-change approve {id} --as technical_lead"),
        "overridden by",
    ] {
        ensure!(sheet.stdout.contains(part), "{part}: {sheet:?}");
    }
    Ok(())
}

#[test]
fn an_approver_lends_the_authority_and_takes_it_back() -> Result<()> {
    let world = World::start(None)?;
    world.declare(&[("cart", 1)])?;
    let lead = world.person("lead", "technical_lead")?;
    let bea = world.person("bea", "requester")?;
    let own = ["create", "--type", "normal", "--category", "deployment", "--service", "cart", "--title"];
    let id = world.run_as_admin(&[&own[..], &["New cart"]].concat())?.stdout.trim().to_owned();
    let lent = world.run_as(
        &lead,
        &[
            "approvals",
            "delegate",
            "--to",
            "bea",
            "--for",
            "10d",
            "--away",
            "--reason",
            "on leave",
            "--output",
            "json",
        ],
    )?;
    let lent: Value = serde_json::from_str(&lent.stdout)?;
    let delegations = world.run_as(&bea, &["approvals", "delegations"])?;
    for part in ["lead", "bea", "technical lead", "everything", "in force, away", "on leave"] {
        ensure!(delegations.stdout.contains(part), "{part}: {delegations:?}");
    }
    let yours = world.run_as(&bea, &["approvals"])?;
    ensure!(yours.stdout.contains("technical lead for lead"), "{yours:?}");
    let decided = world.run_as(&bea, &["reject", &id, "--for", "lead", "--reason", "not this week"])?;
    ensure!(decided.status == 0, "{decided:?}");
    let shown = world.admin(&["show", &id])?;
    ensure!(shown.contains("Rejected (authority): not this week"), "{shown}");
    let ended = world.run_as(
        &lead,
        &["approvals", "undelegate", lent["delegation_id"].as_str().unwrap_or_default(), "--reason", "back"],
    )?;
    ensure!(ended.status == 0 && ended.stderr.contains("bea decides no longer for lead"), "{ended:?}");
    let again = world.run_as(&lead, &["approvals", "override", &id, "--reason", "x", "--yes"])?;
    ensure!(again.status == 7, "{again:?}");
    for wrong in [
        &["approvals", "delegate", "--to", "bea", "--reason", "x"][..],
        &["approvals", "--role", "king"],
        &["approvals", "--role", "ciso", "--all"],
        &["approvals", "override", &id],
    ] {
        ensure!(world.run_as(&lead, wrong)?.status == 2, "{wrong:?}");
    }
    Ok(())
}

#[test]
fn the_authority_above_has_a_change_decided_at_another_level() -> Result<()> {
    let world = World::start(None)?;
    world.declare(&[("cart", 1)])?;
    let lead = world.person("lead", "technical_lead")?;
    let cab = world.person("cab", "cab_member")?;
    let own = ["create", "--type", "normal", "--category", "deployment", "--service", "cart", "--title"];
    let id = world.run_as_admin(&[&own[..], &["New cart"]].concat())?.stdout.trim().to_owned();
    let reason = ["--reason", "it touches the ledger", "--yes"];
    let level = [&["approvals", "override", &id, "--level", "high"][..], &reason].concat();
    ensure!(world.run_as(&lead, &level)?.status == 7);
    let high = world.run_as(&cab, &level)?;
    ensure!(high.status == 0 && high.stderr.contains("What will run"), "{high:?}");
    let shown = world.admin(&["show", &id])?;
    for part in [
        "level medium overridden: high by cab as cab member: it touches the ledger",
        "stage 1 of 2: 1 × technical lead, 4 h to decide; open",
        "stage 2 of 2: 2 × cab member, 7 d to decide; later",
        &format!("cortex-change approve {id} --as technical_lead"),
    ] {
        ensure!(shown.contains(part), "{part}\n{shown}");
    }
    ensure!(!shown.contains("awaits 2 people as cab member"), "its turn has not come: {shown}");
    Ok(())
}
