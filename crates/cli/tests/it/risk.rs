//! Questions about risk, answered by a real server.

use anyhow::Result;
use serde_json::{Value, json};

use crate::program::Place;
use crate::world::World;

/// A change of one Tier 2 service, of which coverage is known and tests failed; its id.
fn asked_for(world: &World) -> Result<String> {
    world.declare(&[("greeter", 2), ("mailer", 2)])?;
    let request = json!({
        "type": "normal",
        "category": "deployment",
        "title": "Deploy the new greeting",
        "affected_services": ["greeter"],
        "implementation_plan": {
            "steps": [{"name": "deploy", "run": ["true"], "undo": {"run": ["true"]}}],
        },
        "rollback_plan": {"automated": true, "steps": [{"name": "undeploy", "run": ["true"]}]},
        "monitors": [{"name": "health", "run": ["true"], "interval": "1s"}],
        "evidence": {
            "churn": {"lines": 40, "files": 2, "directories": 1},
            "coverage_percent": 80.0,
            "tests": {"passed": 7, "failed": 1},
            "configuration_change": false,
            "schema_change": false,
        },
    });
    std::fs::write(world.folder().join("request.json"), request.to_string())?;
    Ok(world.admin(&["create", "--file", "request.json"])?.trim().to_owned())
}

#[test]
fn what_would_be_is_shown_and_what_would_lower_it() -> Result<()> {
    let world = World::start(None)?;
    let id = asked_for(&world)?;
    let text = world.admin(&["risk", "what-if", &id])?;
    for expected in
        ["What would lower it", "all tests pass", "nobody has to approve", "--tests passed", "What holds it"]
    {
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }
    assert!(!text.contains("Supposed"), "{text}");
    let text = world.admin(&["risk", "what-if", &id, "--tests", "passed", "--environment", "production"])?;
    let lines: Vec<_> = text.lines().collect();
    let line = |begin: &str| lines.iter().find(|line| line.trim_start().starts_with(begin)).copied();
    assert!(line("it is made in production").is_some_and(|line| line.contains("alters nothing")), "{text}");
    assert!(
        line("approvals").is_some_and(|line| line.contains("technical lead") && line.ends_with("none")),
        "{text}"
    );
    assert!(line("Before, before it is limited").is_some() && line("After, before it is limited").is_some());
    let answer: Value = serde_json::from_str(
        &world.admin(&["risk", "what-if", &id, "--lines", "9000", "--output", "json"])?,
    )?;
    assert_eq!(answer["facts"][0]["sentence"], "it changes 9000 lines", "{answer}");
    assert_ne!(answer["after"]["risk"]["raw"], answer["before"]["risk"]["raw"]);
    let unknown = world.run_as_admin(&["risk", "what-if", &id, "--services", "mailler"])?.ended_with(1);
    unknown.said(&["`mailler` is described nowhere", "did you mean `mailer`?"]);
    Ok(())
}

#[test]
fn numbers_that_make_no_sense_are_refused_before_anything_is_asked() {
    let place = Place::new().variable("CORTEX_CHANGE_TOKEN", "cct_x");
    for (option, value, says) in [
        ("--coverage", "NaN", "expected a percentage from 0 to 100, for example 85 or 92.5"),
        ("--coverage", "-1", "expected a percentage from 0 to 100"),
        ("--lines", "-4", "expected a whole number from 0 on, for example 120"),
        ("--tests", "green", "[possible values: passed, failed]"),
        ("--window", "tonight", "expected two instants with a slash between them"),
        ("--at", "tonight", "expected an instant, for example"),
    ] {
        place.run(&["risk", "what-if", "CHG-2026-000123", option, value]).ended_with(2).said(&[says]);
    }
}
