//! Policies without a server, and those of a server.

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

#[test]
fn policies_of_a_server_are_listed_and_shown() -> Result<()> {
    let world = World::start(None)?;
    let listed: api::policy::Policies =
        serde_json::from_str(&world.admin(&["policy", "list", "--output", "json"])?)?;
    assert_eq!((listed.policy_set, &listed.digest), (Some(1), &listed.core_digest));
    let text = world.admin(&["policy", "list"])?;
    assert!(text.contains("segregation-of-duties") && text.contains(&listed.digest), "{text}");
    let shown = world.admin(&["policy", "show", "segregation-of-duties"])?;
    assert!(shown.contains("forbid") && shown.contains("SOC2:CC8.1"), "{shown}");
    let ran = world.run_as_admin(&["policy", "show", "no-such-policy"])?.ended_with(1);
    ran.said(&["no policy `no-such-policy` is in force", "cortex-change policy list"]);
    Ok(())
}
