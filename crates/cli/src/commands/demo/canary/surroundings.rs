//! What the story happens in: a server of ours, two servers of the shop, a proxy, traffic, and people.

use std::net::SocketAddr;
use std::path::Path;

use api::actor::{IssueToken, RegisterActor, Rights};
use api::catalog::{CatalogFile, Service};
use api::command::ApproveRequest;
use client::Client;
use server::{Config, Running};
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::super::Plan;
use super::super::commands::Person;
use super::super::narrator::Narrator;
use super::Version;
use super::http;
use super::load::Load;
use super::prometheus::Prometheus;
use super::proxy::Proxy;
use super::recorder::Recorder;
use super::shop::Shop;
use crate::failure::Failure;

/// Who approves, with the role each exercises. Versions that were taken back make the next ones riskier, and more people decide.
const AUTHORITIES: [(&str, &str); 5] = [
    ("bob", "technical_lead"),
    ("dora", "cab_member"),
    ("emil", "cab_member"),
    ("fay", "ciso"),
    ("gus", "cto"),
];
/// Where the build left its test results. They say nothing of how a version does under traffic.
pub(super) const TESTS: &str = "junit.xml";
const TEST_RESULTS: &str = "<testsuites><testsuite name=\"shop\" tests=\"2\"><testcase name=\"answers\"/><testcase \
                            name=\"counts\"/></testsuite></testsuites>\n";
const SCOPES: [&str; 5] = ["read", "request", "approve", "implement", "audit"];

/// Everything that was set up.
pub(super) struct Surroundings {
    /// Who asks for the versions and implements them.
    pub(super) alice: Person,
    /// Who has the judge calibrated.
    pub(super) lead: Person,
    pub(super) load: Load,
    pub(super) proxy: Proxy,
    /// Where metrics are asked for.
    pub(super) metrics: SocketAddr,
    prometheus: Option<Prometheus>,
    authorities: Vec<(&'static str, Client)>,
    running: Running,
    // Ended when this is dropped.
    _tasks: JoinSet<()>,
    // Last, so that everything that uses the folder is gone before it is.
    _folder: TempDir,
}

impl Surroundings {
    pub(super) async fn set(
        plan: &Plan,
        narrator: &Narrator<'_>,
        versions: [&Version; 4],
    ) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix("cortex-change-demo-").tempdir();
        let folder =
            folder.map_err(|error| Failure::new("no temporary folder can be made").caused_by(&error))?;
        let config = Config { listen: plan.listen, data: folder.path().join("server"), ..Config::default() };
        let running = server::start(config).await;
        let running =
            running.map_err(|error| Failure::new("the demo's server does not start").caused_by(&error))?;
        let url = format!("http://{}", running.local_addr());
        narrator.say(&format!("  A server runs at {url}."))?;
        let work = folder.path().join("shop");
        let mut tasks = JoinSet::new();
        let failed = |error: std::io::Error| Failure::new("the demo's shop does not start").caused_by(&error);
        write_versions(&work, versions).map_err(failed)?;
        let old = open_shop("old", &work, &mut tasks).await.map_err(failed)?;
        let new = open_shop("new", &work, &mut tasks).await.map_err(failed)?;
        let servers = [("old", old), ("new", new)];
        let prometheus = match plan.prometheus {
            true => Some(Prometheus::start(folder.path(), servers).await?),
            false => None,
        };
        let metrics = match &prometheus {
            Some(prometheus) => prometheus.address,
            None => record(servers, &mut tasks).await.map_err(failed)?,
        };
        let proxy = Proxy::start(folder.path(), servers, &mut tasks).await?;
        let load = Load::default();
        tasks.spawn(load.clone().send(proxy.frontend));
        narrator.say(&format!(
            "  The service `shop` 1.0 gets {} through {}; a second server is idle.",
            super::traffic(),
            proxy.name
        ))?;
        narrator.say(match prometheus {
            Some(_) => "  A Prometheus reads both servers' metrics four times a second.",
            None => {
                "  A recorder reads both servers' metrics four times a second, and answers like a Prometheus."
            }
        })?;
        let (alice, lead, authorities) = people(&running, &url, plan, &work).await?;
        Ok(Self {
            alice,
            lead,
            load,
            proxy,
            metrics,
            prometheus,
            authorities,
            running,
            _tasks: tasks,
            _folder: folder,
        })
    }

    /// Writes a file where everybody works, and gives its name.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<String, Failure> {
        std::fs::write(self.alice.folder().join(name), text)
            .map_err(|error| Failure::new(format!("`{name}` cannot be written")).caused_by(&error))?;
        Ok(name.to_owned())
    }

    /// Has everybody approve who must.
    pub(super) async fn approve(&self, id: &str) -> Result<(), Failure> {
        for (role, authority) in &self.authorities {
            let change = authority.change(id).await?;
            let mut outstanding = change.approval.iter().flat_map(|approval| &approval.outstanding);
            if change.state == "awaiting_approval" && outstanding.any(|gate| gate.role == *role) {
                let (role, digest) = (Some((*role).to_owned()), change.digest.clone());
                let approval = ApproveRequest { role, digest, ..ApproveRequest::default() };
                authority.approve(id, &approval).await?;
            }
        }
        Ok(())
    }

    /// What somebody gets who asks the shop now.
    pub(super) async fn ask(&self) -> Result<String, Failure> {
        let answer = http::get(self.proxy.frontend, "/").await;
        answer.map_err(|error| Failure::new("the demo's shop does not answer").caused_by(&error))
    }

    /// Ends everything that was started.
    pub(super) async fn strike(self) -> Result<(), Failure> {
        self.proxy.stop().await;
        if let Some(prometheus) = self.prometheus {
            prometheus.stop().await;
        }
        self.running.shutdown();
        let stopped = self.running.stopped().await;
        stopped.map_err(|error| Failure::new("the demo's server did not stop cleanly").caused_by(&error))
    }
}

fn write_versions(folder: &Path, versions: [&Version; 4]) -> std::io::Result<()> {
    let (releases, slots) = (folder.join("releases"), folder.join("slots"));
    std::fs::create_dir_all(&releases)?;
    std::fs::create_dir_all(&slots)?;
    for Version { name, failing, slow, .. } in versions {
        std::fs::write(releases.join(name), format!("{name} {failing} {slow}\n"))?;
    }
    std::fs::write(folder.join(TESTS), TEST_RESULTS)?;
    std::fs::write(releases.join("none"), "none 100 0\n")?;
    std::fs::copy(releases.join("1.0"), slots.join("old"))?;
    std::fs::copy(releases.join("none"), slots.join("new"))?;
    Ok(())
}

async fn open_shop(
    name: &'static str,
    folder: &Path,
    tasks: &mut JoinSet<()>,
) -> std::io::Result<SocketAddr> {
    let (listener, address) = http::listen().await?;
    let shop = Shop::new(name, &folder.join("slots").join(name));
    tasks.spawn(http::serve(listener, move |path| shop.clone().answer(path)));
    Ok(address)
}

async fn record(
    servers: [(&'static str, SocketAddr); 2],
    tasks: &mut JoinSet<()>,
) -> std::io::Result<SocketAddr> {
    let (listener, address) = http::listen().await?;
    let recorder = Recorder::default();
    tasks.spawn(recorder.clone().read(servers.to_vec()));
    tasks.spawn(http::serve(listener, move |path| recorder.clone().answer(path)));
    Ok(address)
}

async fn people(
    running: &Running,
    url: &str,
    plan: &Plan,
    folder: &Path,
) -> Result<(Person, Person, Vec<(&'static str, Client)>), Failure> {
    let admin = Client::new(url, running.bootstrap_token().unwrap_or_default())?;
    let shop = Service { name: "shop".to_owned(), tier: 2, owner: None, depends_on: Vec::new() };
    admin.apply_catalog(&CatalogFile { services: vec![shop], retire: Vec::new() }, false).await?;
    let person = |token| {
        let (program, folder, url) = (plan.program.clone(), folder.to_owned(), url.to_owned());
        Person { program, folder, url, token }
    };
    let mut lead = None;
    let mut authorities = Vec::with_capacity(AUTHORITIES.len());
    for (name, role) in AUTHORITIES {
        let token = register(&admin, name, &[role]).await?;
        authorities.push((role, Client::new(url, &token)?));
        lead = lead.or_else(|| Some(person(token)));
    }
    let alice = person(register(&admin, "alice", &[]).await?);
    let lead = lead.ok_or_else(|| Failure::new("nobody approves"))?;
    Ok((alice, lead, authorities))
}

/// Registers somebody, and gives a token.
async fn register(admin: &Client, name: &str, roles: &[&str]) -> Result<String, Failure> {
    let rights = Rights { roles: roles.iter().map(ToString::to_string).collect(), ..Rights::default() };
    let (name, kind) = (name.to_owned(), "human".to_owned());
    let request = RegisterActor { name: name.clone(), kind, owner: None, alias_of: None, rights };
    admin.register_actor(&request).await?;
    let scopes = SCOPES.map(str::to_owned).to_vec();
    let issue = IssueToken { scopes, expires_in: Some("1d".to_owned()), label: "demo".to_owned() };
    Ok(admin.issue_token(&name, &issue).await?.token)
}
