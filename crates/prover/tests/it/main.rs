//! The prover as its users run it, with the real solver.

mod serve;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context as _, Result};
use serde_json::Value;

fn prover(args: &[&str]) -> Result<Output> {
    let program = env!("CARGO_BIN_EXE_cortex-change-prover");
    Command::new(program).args(args).output().context("the prover starts")
}

/// The report, and the exit status.
fn report(args: &[&str]) -> Result<(Value, Option<i32>)> {
    let output = prover(&[args, &["--output", "json"]].concat())?;
    let text = String::from_utf8(output.stdout)?;
    let problem = String::from_utf8_lossy(&output.stderr).into_owned();
    let report = serde_json::from_str(&text).with_context(|| format!("{text}{problem}"))?;
    Ok((report, output.status.code()))
}

fn properties(report: &Value) -> &[Value] {
    report["properties"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn property<'a>(report: &'a Value, id: &str) -> Result<&'a Value> {
    let found = properties(report).iter().find(|property| property["id"] == id);
    found.with_context(|| format!("no property `{id}`"))
}

fn error(args: &[&str]) -> Result<(String, Option<i32>)> {
    let output = prover(args)?;
    Ok((String::from_utf8(output.stderr)?, output.status.code()))
}

fn path(path: &Path) -> Result<&str> {
    path.to_str().context("a path in UTF-8")
}

#[test]
fn every_shipped_property_is_proved_of_the_shipped_policies() -> Result<()> {
    let (report, status) = report(&[])?;
    let unproved: Vec<_> =
        properties(&report).iter().filter(|property| property["result"] != "proved").collect();
    assert!(unproved.is_empty(), "{unproved:#?}");
    assert_eq!((report["proved"].clone(), status), (Value::from(true), Some(0)));
    assert!(properties(&report).len() >= 13);
    Ok(())
}

#[test]
fn what_rests_on_a_policy_falls_without_it_and_the_engine_agrees() -> Result<()> {
    for (policy, rests_on_it) in [
        ("segregation-of-duties", "the-requester-never-approves"),
        ("segregation-of-duties", "nobody-approves-for-whom-they-act"),
        ("agents-never-satisfy-a-human-gate", "agents-never-satisfy-a-human-gate"),
        ("no-implementation-in-a-freeze", "no-implementation-in-a-freeze"),
        ("conflicting-changes-take-turns", "no-start-into-a-conflict"),
        ("tier-0-never-auto-approved", "no-auto-approval-on-tier-0"),
        ("valid-approvals-before-start", "no-start-without-approval"),
    ] {
        let (report, status) = report(&["--without", policy])?;
        let found = property(&report, rests_on_it)?;
        assert_eq!((found["result"].clone(), status), (Value::from("disproved"), Some(1)), "{policy}");
        let example = &found["counterexample"];
        assert_eq!(example["replayed"], true, "{example:#}");
        assert!(example["because_of"].as_array().is_some_and(|policies| !policies.is_empty()), "{example:#}");
    }
    Ok(())
}

#[test]
fn a_counterexample_is_a_request_that_people_can_read() -> Result<()> {
    let output = prover(&["--without", "tier-0-never-auto-approved"])?;
    let text = String::from_utf8(output.stdout)?;
    for part in [
        r#"may do Action::""#,
        r#"" to Change::"#,
        "lowest_tier 0",
        r#"kind Kind::"system""#,
        "the ordinary engine allows it as well, because of ",
    ] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
    Ok(())
}

#[test]
fn added_policies_are_proved_with_the_shipped_ones_and_own_properties_asked() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (policies, properties) = (folder.path().join("policies"), folder.path().join("properties"));
    fs::create_dir_all(&policies)?;
    fs::create_dir_all(&properties)?;
    // It permits everything, and lifts no control.
    let everything =
        r#"@id("everything") @title("Everybody may do everything") permit (principal, action, resource);"#;
    fs::write(policies.join("everything.cedar"), everything)?;
    let (allowed, status) = report(&["--policies", path(&policies)?])?;
    assert_eq!((allowed["proved"].clone(), status), (Value::from(true), Some(0)), "{allowed:#}");

    let ours = r#"@id("only-auditors-read-the-log") @title("Nobody but auditors reads the log")
        permit (principal, action == Action::"read_audit", resource) unless { principal in Role::"auditor" };"#;
    fs::write(properties.join("ours.cedar"), ours)?;
    let (report, status) = report(&["--policies", path(&policies)?, "--properties", path(&properties)?])?;
    let ours = property(&report, "only-auditors-read-the-log")?;
    assert_eq!((ours["result"].clone(), status), (Value::from("disproved"), Some(1)));
    assert_eq!(ours["counterexample"]["action"], r#"Action::"read_audit""#);
    Ok(())
}

#[test]
fn what_cannot_be_carried_out_is_no_proof() -> Result<()> {
    let (text, status) = error(&["--solver", "/nowhere/cvc5"])?;
    assert!(text.contains("install cvc5, or name it with --solver"), "{text}");
    assert_eq!(status, Some(3));

    let (text, status) = error(&["--without", "no-such-policy"])?;
    assert!(text.contains("there is no policy `no-such-policy`"), "{text}");
    assert_eq!(status, Some(3));

    let folder = tempfile::tempdir()?;
    for (name, property, said) in [
        ("forbids", r#"@id("a") @title("A") forbid (principal, action, resource);"#, "says with `permit`"),
        ("nameless", r#"@title("A") permit (principal, action, resource);"#, "a property needs `@id"),
        (
            "twice",
            r#"@id("no-start-without-approval") @title("A") permit (principal, action, resource);"#,
            "two properties",
        ),
        (
            "misfit",
            r#"@id("a") @title("A") permit (principal, action == Action::"start", resource) when { resource.colour };"#,
            "does not fit the schema",
        ),
        (
            "aimless",
            r#"@id("a") @title("A") permit (principal, action == Action::"fly", resource);"#,
            "speaks of no action",
        ),
        ("garbage", "everything is allowed", "is not Cedar"),
    ] {
        fs::write(folder.path().join("ours.cedar"), property)?;
        let (text, status) = error(&["--properties", path(folder.path())?])?;
        assert!(text.contains(said), "{name}: {text}");
        assert_eq!(status, Some(3), "{name}");
    }
    // A solver that says nothing of use proves nothing.
    let (report, status) = report(&["--solver", "/bin/cat", "--timeout", "1"])?;
    assert_eq!((report["proved"].clone(), status), (Value::from(false), Some(1)));
    assert!(properties(&report).iter().all(|property| property["result"] == "unknown"));
    Ok(())
}
