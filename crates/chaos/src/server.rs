//! The server as a process that can be killed and started again at the same address.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use api::actor::{IssueToken, RegisterActor, Rights};
use api::catalog::{CatalogFile, Service};
use client::Client;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// Short leases, so that a lost runner is noticed in seconds; and no trial waits for another one, though all are of the
/// same service.
const SETTINGS: &str = "[conflicts]\nsame_item = \"ignore\"\n[lease]\nseconds = 3\ngrace_seconds = 6\n";
/// Longest wait for a server to answer.
const START_TIME: Duration = Duration::from_secs(30);
/// Every trial is of the same service, and a third of them are rolled back: what begins as a medium risk ends as one that
/// the whole board decides about.
const AUTHORITIES: [(&str, &str); 5] = [
    ("lead", "technical_lead"),
    ("first-member", "cab_member"),
    ("second-member", "cab_member"),
    ("security", "ciso"),
    ("technology", "cto"),
];
const SCOPES: [&str; 5] = ["read", "request", "approve", "implement", "audit"];

/// A server that can be killed.
#[derive(Debug)]
pub(crate) struct Server {
    program: PathBuf,
    folder: PathBuf,
    listen: String,
    database_url: Option<String>,
    child: Option<Child>,
    bootstrap_token: Option<String>,
}

/// The people of all trials.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) url: String,
    pub(crate) program: PathBuf,
    pub(crate) pipeline: Client,
    pub(crate) pipeline_token: String,
    /// Who approves, with the role each exercises.
    pub(crate) authorities: Vec<(&'static str, Client)>,
    pub(crate) auditor: Client,
}

impl Server {
    pub(crate) fn new(program: &Path, folder: &Path, database_url: Option<String>) -> Result<Self> {
        // Taken and given back, so that every start uses the same one.
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        std::fs::write(folder.join("cortex-change.toml"), SETTINGS)?;
        Ok(Self {
            program: program.to_owned(),
            folder: folder.to_owned(),
            listen: format!("127.0.0.1:{port}"),
            database_url,
            child: None,
            bootstrap_token: None,
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.listen)
    }

    /// Starts it and waits until it answers.
    pub(crate) async fn start(&mut self) -> Result<()> {
        let mut command = Command::new(&self.program);
        command
            .args(["serve", "--listen", &self.listen, "--config"])
            .arg(self.folder.join("cortex-change.toml"));
        command.arg("--data").arg(self.folder.join("server"));
        if let Some(url) = &self.database_url {
            command.args(["--database-url", url]);
        }
        let log = std::fs::File::options().create(true).append(true).open(self.folder.join("server.log"))?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).kill_on_drop(true);
        let mut child =
            command.spawn().with_context(|| format!("`{}` cannot be run", self.program.display()))?;
        let stdout = child.stdout.take().context("no standard output")?;
        self.child = Some(child);
        if self.bootstrap_token.is_none() {
            self.bootstrap_token = Some(bootstrap_token(stdout).await?);
        }
        self.wait_until_ready().await
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let began = Instant::now();
        while began.elapsed() < START_TIME {
            if let Some(status) = self.child.as_mut().and_then(|child| child.try_wait().transpose()) {
                bail!(
                    "the server ended at its start with {}: see {}",
                    status?,
                    self.folder.join("server.log").display()
                );
            }
            if tokio::net::TcpStream::connect(&self.listen).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bail!("the server does not answer within {} s", START_TIME.as_secs())
    }

    /// Kills it as `kill -9` does.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        Ok(())
    }

    /// Registers the people of all trials.
    pub(crate) async fn set_up(&self) -> Result<Stage> {
        let token = self.bootstrap_token.as_deref().context("no bootstrap token")?;
        let admin = Client::new(&self.url(), token)?;
        let pipeline_token = person(&admin, "pipeline-owner", &[]).await?;
        let mut authorities = Vec::with_capacity(AUTHORITIES.len());
        for (name, role) in AUTHORITIES {
            let token = person(&admin, name, &[role]).await?;
            authorities.push((role, Client::new(&self.url(), &token)?));
        }
        let auditor = person(&admin, "auditor", &["auditor"]).await?;
        let service = Service { name: "ledger".to_owned(), tier: 1, owner: None, depends_on: Vec::new() };
        admin.apply_catalog(&CatalogFile { services: vec![service], retire: Vec::new() }, false).await?;
        Ok(Stage {
            url: self.url(),
            program: self.program.clone(),
            pipeline: Client::new(&self.url(), &pipeline_token)?,
            pipeline_token,
            authorities,
            auditor: Client::new(&self.url(), &auditor)?,
        })
    }
}

async fn bootstrap_token(stdout: tokio::process::ChildStdout) -> Result<String> {
    let mut lines = BufReader::new(stdout).lines();
    while let Some(line) = tokio::time::timeout(START_TIME, lines.next_line()).await?? {
        if let Some(token) = line.strip_prefix("bootstrap token: ") {
            return Ok(token.trim().to_owned());
        }
    }
    bail!("the first start prints no bootstrap token")
}

async fn person(admin: &Client, name: &str, roles: &[&str]) -> Result<String> {
    let rights = Rights { roles: roles.iter().map(ToString::to_string).collect(), ..Rights::default() };
    let kind = "human".to_owned();
    let request = RegisterActor { name: name.to_owned(), kind, owner: None, alias_of: None, rights };
    admin.register_actor(&request).await?;
    let scopes = SCOPES.map(str::to_owned).to_vec();
    let issue = IssueToken { scopes, expires_in: Some("1d".to_owned()), label: "chaos".to_owned() };
    Ok(admin.issue_token(name, &issue).await?.token)
}
