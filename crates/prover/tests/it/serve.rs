//! A server that is told to put only proved policies in force.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use client::Client;
use server::Config;

const PERMITS_AGENTS: &str = r#"@id("agents-may-read-the-log") @title("Agents may read the log")
    permit (principal, action == Action::"read_audit", resource) when { principal.kind == Kind::"agent" };"#;
const RESTRICTS: &str = r#"@id("no-patches") @title("No patches") @fix("wait")
    forbid (principal, action == Action::"start", resource) when { resource.category == Category::"patch" };"#;
const NO_AGENT_READS: &str = r#"@id("no-agent-reads-the-log") @title("No agent reads the log")
    permit (principal, action == Action::"read_audit", resource)
    when { principal.kind == Kind::"agent" && !(principal in Role::"auditor") && !(principal in Role::"administrator")
        && !(principal in Role::"change_manager") && !(principal in Role::"ciso") && !(principal in Role::"cto") };"#;
/// Longest wait for a folder that changed, in steps of a tenth of a second.
const LOOKS_MAX: usize = 600;

/// A folder for a server, its policies and its properties.
fn config(folder: &tempfile::TempDir) -> Result<(Config, PathBuf)> {
    let [data, policies, properties] =
        ["data", "policies", "properties"].map(|name| folder.path().join(name));
    for made in [&data, &policies, &properties] {
        fs::create_dir(made)?;
    }
    fs::write(properties.join("ours.cedar"), NO_AGENT_READS)?;
    let mut config = Config { listen: SocketAddr::from(([127, 0, 0, 1], 0)), data, ..Config::default() };
    config.policies.folder = Some(policies.clone());
    config.policies.prover = Some(env!("CARGO_BIN_EXE_cortex-change-prover").into());
    config.policies.properties = Some(properties);
    Ok((config, policies))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_policies_come_into_force_that_are_not_proved() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (config, policies) = config(&folder)?;
    let running = server::start(config).await?;
    let client = Client::new(
        &format!("http://{}", running.local_addr()),
        running.bootstrap_token().context("a token")?,
    )?;
    let first = client.policies().await?;

    fs::write(policies.join("agents.cedar"), PERMITS_AGENTS)?;
    let mut now = client.policies().await?;
    for _ in 0..LOOKS_MAX {
        if now.held.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        now = client.policies().await?;
    }
    assert_eq!(now.digest, first.digest);
    let problem = now.held.context("the folder is held")?.problem;
    for part in
        ["`no-agent-reads-the-log`", "is disproved", r#"Action::"read_audit""#, "agents-may-read-the-log"]
    {
        assert!(problem.contains(part), "no `{part}` in: {problem}");
    }

    fs::write(policies.join("agents.cedar"), RESTRICTS)?;
    for _ in 0..LOOKS_MAX {
        if now.digest != first.digest {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        now = client.policies().await?;
    }
    assert!(now.items.iter().any(|policy| policy.id == "no-patches"));
    running.shutdown();
    running.stopped().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_does_not_start_with_policies_that_are_not_proved() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (mut config, policies) = config(&folder)?;
    fs::write(policies.join("agents.cedar"), PERMITS_AGENTS)?;
    let error = server::start(config.clone()).await.err().context("it starts")?.to_string();
    assert!(error.contains("`no-agent-reads-the-log`") && error.contains("is disproved"), "{error}");

    fs::remove_file(policies.join("agents.cedar"))?;
    for (prover, said) in [("/nowhere/prover", "No such file"), ("/bin/true", "gives no proof")] {
        config.policies.prover = Some(prover.into());
        let error = server::start(config.clone()).await.err().context("it starts")?.to_string();
        assert!(error.contains(said), "{error}");
    }
    Ok(())
}
