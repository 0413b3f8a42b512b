//! The demo's surroundings: a server in a temporary folder, a service to change, and the people who change it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use api::actor::{IssueToken, RegisterActor, Rights};
use client::Client;
use server::{Config, Running};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::commands::Person;
use super::narrator::Narrator;
use super::service::BROKEN;
use crate::failure::Failure;

/// The hidden command under which the service runs.
pub(crate) const DEMO_SERVICE: &str = "__demo-service";
/// Longest wait for the service to say its port.
const SERVICE_START: Duration = Duration::from_secs(10);
/// Scopes of the demo's tokens.
const SCOPES: [&str; 5] = ["read", "request", "approve", "implement", "audit"];

/// Everything that the demo set up.
pub(super) struct Stage {
    /// Where the demo's server listens.
    pub(super) url: String,
    /// Where the service listens.
    pub(super) service_url: String,
    /// The administrator who brings in what is known.
    pub(super) administrator: Person,
    /// The agent that asks for changes and implements them.
    pub(super) agent: Person,
    /// The technical lead who approves them.
    pub(super) lead: Person,
    /// The auditor who checks the log.
    pub(super) auditor: Person,
    running: Running,
    service: Child,
    // Last, so that everything that uses the folder is gone before it is.
    _folder: TempDir,
}

impl Stage {
    /// Sets everything up.
    pub(super) async fn set(
        listen: SocketAddr,
        program: PathBuf,
        narrator: &Narrator<'_>,
    ) -> Result<Self, Failure> {
        narrator.chapter("Setting up")?;
        let folder = tempfile::Builder::new().prefix("cortex-change-demo-").tempdir();
        let folder =
            folder.map_err(|error| Failure::new("no temporary folder can be made").caused_by(&error))?;
        let config = Config { listen, data: folder.path().join("server"), ..Config::default() };
        let running = server::start(config).await;
        let running =
            running.map_err(|error| Failure::new("the demo's server does not start").caused_by(&error))?;
        let url = format!("http://{}", running.local_addr());
        narrator.say(&format!(
            "  A server runs at {url}, with an embedded database in {}.",
            folder.path().display()
        ))?;
        let work = folder.path().join("greeter");
        write_releases(&work)?;
        let (service, port) = start_service(&program, &work.join("current")).await?;
        let service_url = format!("http://127.0.0.1:{port}");
        narrator.say(&format!("  A service `greeter` in version 1.0 runs at {service_url}."))?;
        let bootstrap = running.bootstrap_token().unwrap_or_default().to_owned();
        let admin = Client::new(&url, &bootstrap)?;
        let person =
            |token| Person { program: program.clone(), folder: work.clone(), url: url.clone(), token };
        register(&admin, "alice", "human", None, &[]).await?;
        register(&admin, "release-agent", "agent", Some("alice"), &[]).await?;
        register(&admin, "bob", "human", None, &["technical_lead"]).await?;
        register(&admin, "carol", "human", None, &["auditor"]).await?;
        narrator.say(
            "  Known to the server: alice, her autonomous agent `release-agent`, bob (technical lead),",
        )?;
        narrator.say("  carol (auditor); nothing of services and of past changes yet.")?;
        let administrator = person(bootstrap);
        let agent = person(token(&admin, "release-agent").await?);
        let lead = person(token(&admin, "bob").await?);
        let auditor = person(token(&admin, "carol").await?);
        Ok(Self { url, service_url, administrator, agent, lead, auditor, running, service, _folder: folder })
    }

    /// What a person may do with a demo that stays up.
    pub(super) fn invitation(&self) -> String {
        format!(
            "\nThe demo stays up until you press Ctrl-C.\n  Portal:  {url}/changes\n  Sign in as bob with the token  {token}\n  \
             Commands:\n    export CORTEX_CHANGE_URL={url} CORTEX_CHANGE_TOKEN={token}\n    cortex-change list",
            url = self.url,
            token = self.lead.token,
        )
    }

    /// Waits until the person ends the demo.
    pub(super) async fn wait_for_interrupt(&self) {
        // Without a signal handler the demo ends at once, which is what was asked for in the end.
        let _interrupted = tokio::signal::ctrl_c().await;
    }

    /// Ends everything that was started.
    pub(super) async fn strike(mut self) -> Result<(), Failure> {
        let ended = self.service.kill().await;
        self.running.shutdown();
        let stopped = self.running.stopped().await;
        ended.map_err(|error| Failure::new("the demo's service could not be ended").caused_by(&error))?;
        stopped.map_err(|error| Failure::new("the demo's server did not stop cleanly").caused_by(&error))
    }
}

/// Three versions of the service; the third one is broken.
fn write_releases(folder: &Path) -> Result<(), Failure> {
    let releases = folder.join("releases");
    let write = || {
        std::fs::create_dir_all(&releases)?;
        std::fs::write(releases.join("1.0"), "1.0\n")?;
        std::fs::write(releases.join("2.0"), "2.0\n")?;
        std::fs::write(releases.join("3.0"), format!("3.0 {BROKEN}\n"))?;
        std::fs::write(folder.join("current"), "1.0\n")
    };
    write().map_err(|error| Failure::new("the demo's releases cannot be written").caused_by(&error))
}

async fn start_service(program: &Path, current: &Path) -> Result<(Child, u16), Failure> {
    let failed = || Failure::new("the demo's service does not start");
    let mut command = Command::new(program);
    command.arg(DEMO_SERVICE).arg(current).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| failed().caused_by(&error))?;
    let stdout = child.stdout.take().ok_or_else(failed)?;
    let mut lines = BufReader::new(stdout).lines();
    let line = tokio::time::timeout(SERVICE_START, lines.next_line()).await;
    let line =
        line.map_err(|error| failed().caused_by(&error))?.map_err(|error| failed().caused_by(&error))?;
    let port = line.and_then(|line| line.trim().parse().ok()).ok_or_else(failed)?;
    Ok((child, port))
}

async fn register(
    admin: &Client,
    name: &str,
    kind: &str,
    owner: Option<&str>,
    roles: &[&str],
) -> Result<(), Failure> {
    let rights = Rights { roles: roles.iter().map(ToString::to_string).collect(), ..Rights::default() };
    let request = RegisterActor {
        name: name.to_owned(),
        kind: kind.to_owned(),
        owner: owner.map(str::to_owned),
        alias_of: None,
        rights,
    };
    admin.register_actor(&request).await?;
    Ok(())
}

async fn token(admin: &Client, name: &str) -> Result<String, Failure> {
    let request = IssueToken {
        scopes: SCOPES.map(str::to_owned).to_vec(),
        expires_in: Some("1d".to_owned()),
        label: "demo".to_owned(),
    };
    Ok(admin.issue_token(name, &request).await?.token)
}
