//! The demo, as somebody runs it who has just built the program.

use std::process::{Command, Stdio};

use anyhow::{Result, ensure};

#[test]
fn versions_meet_real_traffic_and_the_bad_ones_are_withdrawn() -> Result<()> {
    withdrawn(&["demo", "--canary"], "answers like a Prometheus")
}

#[test]
fn a_real_prometheus_reads_the_versions_and_leads_to_the_same() -> Result<()> {
    withdrawn(&["demo", "--canary", "--prometheus"], "A Prometheus reads both servers' metrics")
}

fn withdrawn(arguments: &[&str], reader: &str) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let output = Command::new(env!("CARGO_BIN_EXE_cortex-change"))
        .args(arguments)
        .current_dir(folder.path())
        .env("TMPDIR", folder.path())
        .stdin(Stdio::null())
        .output()?;
    let told = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    let twice = "the comparison of both versions' requests found it, not a threshold";
    ensure!(told.matches(twice).count() == 2, "not twice: {twice}\n{told}");
    for claim in [
        reader,
        "of the requests meanwhile were harmed",
        "both of its bakes passed",
        "answered by version 2.0",
    ] {
        ensure!(told.contains(claim), "the demo does not claim that {claim}:\n{told}");
    }
    let left: Vec<_> = std::fs::read_dir(folder.path())?.collect();
    ensure!(left.is_empty(), "left behind: {left:?}");
    Ok(())
}

#[test]
fn the_demo_checks_what_it_claims_and_leaves_nothing_behind() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let output = Command::new(env!("CARGO_BIN_EXE_cortex-change"))
        .arg("demo")
        .current_dir(folder.path())
        .env("TMPDIR", folder.path())
        .stdin(Stdio::null())
        .output()?;
    let told = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    for claim in [
        "the CMDB knows the greeter: Tier 1, runs on demo-host, and storefront depends on it",
        "3000 example changes are known, and 300 of them failed",
        "by which way: storefront (Tier 1, says example-cmdb): greeter → storefront",
        "model v1, learned from 2550 changes, says that it fails with",
        "and a person decides, whatever the score",
        "each of them says how it ended and what it shares with this one",
        "bob alone cannot approve it: it takes 2 × cab_member",
        "the agent's own approval is refused by policy",
        "it is rolled back without a person (status 5)",
        "the whole log verifies",
        "with one word of it changed, it does not",
    ] {
        ensure!(told.contains(claim), "the demo does not claim that {claim}:\n{told}");
    }
    let left: Vec<_> = std::fs::read_dir(folder.path())?.collect();
    ensure!(left.is_empty(), "left behind: {left:?}");
    Ok(())
}
