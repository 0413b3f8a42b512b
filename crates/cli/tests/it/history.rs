//! Past changes of other systems: exports become imported changes of a real server, once.

use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use crate::program::Place;
use crate::world::World;

const EXPORT: &str = "Number,Type,State,Short description,Service,Opened,Closed,Close code\n\
    CHG1,Normal,Closed,Roll out,Online Shop,2025-03-01 09:00:00,2025-03-02 21:30:00,Successful\n\
    CHG2,Normal,Closed,Roll out,Online Shop,2025-03-01 09:00:00,2025-03-02 21:30:00,Unsuccessful\n\
    CHG3,Normal,Scheduled,Roll out,Online Shop,2025-03-01 09:00:00,,\n";

fn json(text: &str) -> Result<Value> {
    Ok(serde_json::from_str(text)?)
}

#[test]
fn an_export_is_told_then_imported_and_known_the_second_time() -> Result<()> {
    let world = World::start(None)?;
    std::fs::write(world.folder().join("change_request.csv"), EXPORT)?;
    let import = ["history", "import", "change_request.csv", "--format", "servicenow"];
    let told = [import.as_slice(), &["--dry-run"]].concat();
    let told = world.run_as_admin(&told)?.ended_with(0);
    told.said(&["servicenow: would be 2 new, 0 changed, 0 unchanged; 1 left out that have not ended"]);
    assert_eq!(json(&world.admin(&["history", "show", "--output", "json"])?)?, json!({ "sources": [] }));
    let first = json(&world.admin(&[import.as_slice(), &["--output", "json"]].concat())?)?;
    let expected =
        json!({ "source": "servicenow", "dry_run": false, "new": 2, "changed": 0, "unchanged": 0 });
    assert_eq!((&first["imported"], &first["open"], &first["bad"]), (&expected, &json!(1), &json!(0)));
    world.run_as_admin(&import)?.ended_with(0).said(&["servicenow: 0 new, 0 changed, 2 unchanged"]);
    std::fs::write(
        world.folder().join("change_request.csv"),
        EXPORT.replace(",Successful", ",Successful with issues"),
    )?;
    world.run_as_admin(&import)?.ended_with(0).said(&["0 new, 1 changed, 1 unchanged"]);
    let shown = world.admin(&["history", "show"])?;
    assert!(
        shown.lines().any(|line| line.starts_with("servicenow") && line.contains("2025-03-02")),
        "{shown}"
    );
    let listed = json(&world.admin(&["list", "--output", "json"])?)?;
    assert_eq!(listed["items"], json!([]), "none of ours");
    Ok(())
}

#[test]
fn what_does_not_fit_keeps_everything_out_unless_it_is_skipped() -> Result<()> {
    let world = World::start(None)?;
    let table = "id,closed_at,outcome,lines_added\n\
        1,2025-03-02T21:30:00Z,successful,4\n\
        2,2025-03-02T21:30:00Z,failed,-5\n\
        1,2025-03-02T21:30:00Z,failed,4\n";
    std::fs::write(world.folder().join("past.csv"), table)?;
    let import = ["history", "import", "past.csv", "--format", "csv"];
    world.run_as_admin(&import)?.ended_with(1).said(&[
        "nothing was imported, because 2 of 3 records do not fit",
        "past.csv, line 3, `lines_added`",
        "`-5` is not a count: expected a whole number",
        "only the first record can be imported",
        "--skip-bad",
    ]);
    assert_eq!(json(&world.admin(&["history", "show", "--output", "json"])?)?, json!({ "sources": [] }));
    let skipping = [import.as_slice(), &["--skip-bad"]].concat();
    world.run_as_admin(&skipping)?.ended_with(0).said(&[
        "skipped: ",
        "past: 1 new",
        "2 skipped that do not fit",
    ]);
    Ok(())
}

#[test]
fn a_deployment_repository_and_mined_commits_are_imported() -> Result<()> {
    let world = World::start(None)?;
    world.commit_a_release()?;
    let repository = world.repository().display().to_string();
    let import = ["history", "import", &repository, "--format", "git", "--source", "shop.git"];
    world.run_as_admin(&import)?.ended_with(0).said(&["shop.git: "]);
    let mined =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/history/changes/gitops.jsonl");
    if !mined.exists() {
        eprintln!("skipped: {} is not there", mined.display());
        return Ok(());
    }
    let mined = mined.display().to_string();
    let import = ["history", "import", &mined, "--format", "jsonl"];
    world.run_as_admin(&import)?.ended_with(0).said(&["gitops: 240 new, 0 changed, 0 unchanged"]);
    world.run_as_admin(&import)?.ended_with(0).said(&["gitops: 0 new, 0 changed, 240 unchanged"]);
    let summary = json(&world.admin(&["history", "show", "--output", "json"])?)?;
    let outcomes = json!({ "failed": 100, "successful": 140 });
    assert_eq!(summary["sources"][0]["outcomes"], outcomes, "{summary}");
    Ok(())
}

#[test]
fn what_cannot_be_meant_is_refused_before_anything_is_sent() {
    let place = Place::new().variable("CORTEX_CHANGE_TOKEN", "cct_x");
    place.write("past.csv", "id,closed_at,outcome\n");
    place.write("map.toml", "[column]\n");
    let check = |arguments: &[&str], status: i32, says: &str| {
        place.run(&[&["history", "import"], arguments].concat()).ended_with(status).said(&[says]);
    };
    check(&["past.csv", "--format", "csv", "--branch", "main"], 2, "go with `--format git`");
    check(&[".", "--format", "git", "--repaired-within", "a day"], 2, "is not a duration");
    check(&["past.csv", "--format", "csv", "--source", "A B"], 2, "is not the name of a source");
    check(&["past.csv", "--format", "csv", "--mapping", "map.toml"], 1, "`map.toml` is not a mapping");
    check(&["past.csv", "--format", "csv"], 1, "there is nothing to import");
    check(&["nowhere.csv", "--format", "csv"], 1, "cannot read");
}
