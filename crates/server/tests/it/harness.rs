//! One server per test, and the people who use it.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use api::actor::{IssueToken, RegisterActor, Rights};
use api::catalog::{CatalogFile, Service};
use api::request::ChangeRequest;
use client::Client;
use domain::Timestamp;
use jiff::SignedDuration;
use server::{Clock, Config, Running};
use tempfile::TempDir;

/// A server with its own database.
pub(crate) struct TestApp {
    pub(crate) clock: Clock,
    /// The first administrator.
    pub(crate) admin: Client,
    /// The first administrator's token.
    pub(crate) admin_token: String,
    address: SocketAddr,
    running: Option<Running>,
    _data: TempDir,
}

impl TestApp {
    /// Starts a server on the embedded database.
    pub(crate) async fn start() -> Result<Self> {
        Self::start_with(|_| {}).await
    }

    /// Starts a server on the embedded database, with settings changed.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Result<Self> {
        let data = tempfile::tempdir()?;
        let mut config = Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data: data.path().to_owned(),
            ..Config::default()
        };
        change(&mut config);
        let clock = Clock::manual("2026-03-02T09:00:00Z".parse()?);
        let running = server::start_with_clock(config, clock.clone()).await?;
        let address = running.local_addr();
        let admin_token =
            running.bootstrap_token().context("a first start has a bootstrap token")?.to_owned();
        let admin = Client::new(&format!("http://{address}"), &admin_token)?;
        Ok(Self { clock, admin, admin_token, address, running: Some(running), _data: data })
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Registers a human with these roles and gives them a token for everything.
    pub(crate) async fn human(&self, name: &str, roles: &[&str]) -> Result<Client> {
        self.actor(name, "human", None, roles).await
    }

    /// Registers an agent or service of an owner and gives it a token for everything.
    pub(crate) async fn actor(
        &self,
        name: &str,
        kind: &str,
        owner: Option<&str>,
        roles: &[&str],
    ) -> Result<Client> {
        let rights = Rights { roles: roles.iter().map(ToString::to_string).collect(), ..Rights::default() };
        let request = RegisterActor {
            name: name.to_owned(),
            kind: kind.to_owned(),
            owner: owner.map(str::to_owned),
            alias_of: None,
            rights,
        };
        self.admin.register_actor(&request).await?;
        let scopes = ["read", "request", "approve", "implement", "audit", "admin"];
        self.client(name, &scopes).await
    }

    /// A client with a new token of an actor.
    pub(crate) async fn client(&self, name: &str, scopes: &[&str]) -> Result<Client> {
        let request = IssueToken {
            scopes: scopes.iter().map(ToString::to_string).collect(),
            expires_in: Some("30d".to_owned()),
            label: "test".to_owned(),
        };
        let issued = self.admin.issue_token(name, &request).await?;
        Ok(Client::new(&self.url(), &issued.token)?)
    }

    /// Declares services without dependencies.
    pub(crate) async fn services(&self, services: &[(&str, u8)]) -> Result<()> {
        let service = |(name, tier): &(&str, u8)| Service {
            name: (*name).to_owned(),
            tier: *tier,
            owner: None,
            depends_on: vec![],
        };
        let file = CatalogFile { services: services.iter().map(service).collect(), retire: vec![] };
        self.admin.apply_catalog(&file, false).await?;
        Ok(())
    }

    /// Lets time pass for the server.
    pub(crate) fn pass(&self, time: SignedDuration) -> Timestamp {
        self.clock.advance(time);
        self.clock.now()
    }

    /// Stops the server and waits until it has.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let running = self.running.take().context("stopped twice")?;
        running.shutdown();
        running.stopped().await?;
        Ok(())
    }
}

/// A small, tested change with automated plan and rollback to one service.
pub(crate) fn small_change(service: &str) -> ChangeRequest {
    let text = serde_json::json!({
        "type": "normal",
        "category": "deployment",
        "title": "Deploy the new greeting",
        "description": "A new version of one component",
        "impact": "low",
        "urgency": "low",
        "affected_services": [service],
        "implementation_plan": {
            "steps": [{"name": "deploy", "run": ["true"], "undo": {"run": ["true"]}, "idempotent": true}],
            "estimated_duration": "1m"
        },
        "rollback_plan": {"automated": true, "steps": [], "max_duration": "5m"},
        "monitors": [{"name": "health", "run": ["true"], "interval": "1s"}],
        "rollback_conditions": {"health_check": {"failed_checks": 3, "action": "immediate_rollback"}},
        "evidence": {
            "churn": {"lines": 40, "files": 2, "directories": 1},
            "coverage_percent": 95.0,
            "coverage_basis": "changed_lines",
            "tests": {"passed": 120, "failed": 0, "skipped": 0},
            "configuration_change": false,
            "schema_change": false
        }
    });
    serde_json::from_value(text).expect("the request has the accepted form")
}
