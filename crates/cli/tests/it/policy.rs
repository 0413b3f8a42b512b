//! Policies without a server, and those of a server.

use std::collections::BTreeSet;

use anyhow::Result;
use serde_json::Value;

use crate::program::{Place, Ran};
use crate::world::World;

const EXAMPLE: &str = include_str!("../../../../examples/policies/no-agents-in-production.cedar");
const EXAMPLE_CASES: &str = include_str!("../../../../examples/policies/production.test.yaml");

/// A place with the example of a folder and its cases.
fn place() -> Place {
    let place = Place::new();
    std::fs::create_dir(place.path().join("policies")).unwrap();
    place.write("policies/agents.cedar", EXAMPLE);
    place.write("cases.yaml", EXAMPLE_CASES);
    place
}

fn test(place: &Place) -> Ran {
    place.run(&["policy", "test", "cases.yaml", "--policies", "policies"])
}

#[test]
fn a_folder_is_checked_as_a_server_would_read_it() {
    let place = place();
    let checked = place.run(&["policy", "check", "policies", "--output", "json"]).ended_with(0);
    let checked: Value = serde_json::from_str(&checked.stdout).unwrap();
    assert_eq!(checked["added"], serde_json::json!(["no-agents-in-production"]));
    assert_ne!(checked["digest"], checked["core_digest"]);
    place.write("policies/broken.cedar", "@id(\"x\")\npermit (principal, action, resource);\n");
    place.run(&["policy", "check", "policies"]).ended_with(1).said(&[
        "`broken.cedar` line 1 column 1",
        "@title",
        "would not start",
    ]);
    place.run(&["policy", "check", "nowhere"]).ended_with(1).said(&["cannot be read", "because:"]);
}

#[test]
fn the_example_of_cases_holds_and_each_that_does_not_is_named_with_its_line() {
    let place = place();
    let ran = test(&place).ended_with(0);
    assert!(ran.stdout.ends_with("4 of 4 cases are answered as expected\n"), "{}", ran.stdout);
    place.write("cases.yaml", &EXAMPLE_CASES.replacen("denied: [no-agents", "denied: [all-agents", 1));
    let ran = test(&place).ended_with(1).said(&[
        "1 of 4 cases are answered otherwise",
        "at cases.yaml line 14:",
        "expected denied by all-agents-in-production, was denied by no-agents-in-production",
    ]);
    assert!(ran.stdout.contains("FAILED  cases.yaml:14  an agent starts nothing in production"));
    for (from, to, expected) in [
        ("action: start", "action: begin", "line 10: `begin` is not an action: expected one of create"),
        ("change: { environment", "change: { enviroment", "enviroment"),
        ("change: { window_open: false", "change: { window_open: soon", "window_open"),
        ("expect: { allowed", "expect: { permitted", "permitted"),
    ] {
        place.write("cases.yaml", &EXAMPLE_CASES.replacen(from, to, 1));
        test(&place).ended_with(1).said(&["`cases.yaml` is no table of cases", expected]);
    }
}

/// The shipped policies in the form in which anybody tests policies, one case at least for each.
#[test]
fn every_shipped_policy_decides_a_case_of_its_table() {
    let table = concat!(env!("CARGO_MANIFEST_DIR"), "/../policy/tests/tables/shipped.yaml");
    let ran = Place::new().run(&["policy", "test", table, "--output", "json"]).ended_with(0);
    let cases: Vec<Value> = serde_json::from_str(&ran.stdout).unwrap();
    let decided: BTreeSet<&str> = cases
        .iter()
        .flat_map(|case| case["decided_by"].as_array().unwrap())
        .filter_map(Value::as_str)
        .collect();
    let shipped = policy::PolicySet::shipped().unwrap();
    let without: Vec<_> = shipped.policies().filter(|policy| !decided.contains(policy.id.as_str())).collect();
    assert!(without.is_empty(), "no case is decided by {without:?}");
}

#[test]
fn policies_of_a_server_are_listed_explained_and_replayed() -> Result<()> {
    let world = World::start(None)?;
    let listed: api::policy::Policies =
        serde_json::from_str(&world.admin(&["policy", "list", "--output", "json"])?)?;
    assert_eq!((listed.policy_set, &listed.digest), (Some(1), &listed.core_digest));
    let text = world.admin(&["policy", "list"])?;
    assert!(text.contains("segregation-of-duties") && text.contains(&listed.digest), "{text}");
    let shown = world.admin(&["policy", "show", "segregation-of-duties"])?;
    assert!(shown.contains("forbid") && shown.contains("SOC2:CC8.1"), "{shown}");
    let replayed = world.admin(&["policy", "replay", "--since", "30d"])?;
    assert!(replayed.starts_with("0 of 0 decisions about 0 changes"), "{replayed}");
    world.declare(&[("chat", 2)])?;
    let request = ["create", "--type", "normal", "--category", "configuration", "--title", "Reload"];
    let id = world.admin(&[request.as_slice(), &["--service", "chat"]].concat())?;
    let explained = world.admin(&["policy", "explain", id.trim()])?;
    for part in
        ["approval requested", "permitted by: the-system-works", "a person decides: pre-approval-needs"]
    {
        assert!(explained.contains(part), "{part}: {explained}");
    }
    std::fs::create_dir(world.folder().join("policies"))?;
    std::fs::write(
        world.folder().join("policies/none.cedar"),
        r#"@id("no-configuration") @title("No configuration") @fix("wait")
        forbid (principal, action == Action::"create", resource);"#,
    )?;
    let replayed = world.admin(&["policy", "replay", "--policies", "policies"])?;
    for part in ["1 of 2 decisions about 1 changes", "would be refused", "refused by: no-configuration"] {
        assert!(replayed.contains(part), "{part}: {replayed}");
    }
    let ran = world.run_as_admin(&["policy", "show", "no-such-policy"])?.ended_with(1);
    ran.said(&["no policy `no-such-policy` is in force", "cortex-change policy list"]);
    Ok(())
}
