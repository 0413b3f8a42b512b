//! Full disks, restarts, callers that hang up, shutting down in the middle of work, and two servers on one database.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::audit::views_follow_from_the_log;
use crate::harness::{
    Database, Person, SERVICES, TestApp, eventually, on_both_databases, on_sqlite, small, text,
};
use crate::http::Ask;
use crate::runner::{Runner, step};
use crate::team::{approved, in_steps, team, validate};

on_both_databases!(a_restart_changes_nothing, a_caller_that_hangs_up_leaves_nothing_half_done);
on_sqlite!(
    a_full_disk_refuses_and_passes,
    shutting_down_lets_requests_end,
    a_request_under_way_is_answered_although_the_server_stops,
    a_server_with_too_much_to_do_says_so_at_once,
    a_request_that_takes_too_long_is_cut_off,
);

/// Everything that can be read, as it is read.
async fn everything(app: &TestApp, person: &Person) -> Result<Vec<Value>> {
    let mut all = Vec::new();
    let changes = person.get("/api/v1/changes?limit=500&sort=id").await?;
    for change in changes["items"].as_array().context("items")? {
        all.push(person.change(text(&change["change_id"])).await?);
    }
    all.push(changes);
    for path in [
        "/api/v1/incidents",
        "/api/v1/actors",
        "/api/v1/catalog",
        "/api/v1/audit?limit=500",
        "/api/v1/audit/checkpoint",
    ] {
        all.push(app.root().get(path).await?);
    }
    Ok(all)
}

async fn a_restart_changes_nothing(database: Database) -> Result<()> {
    let (mut app, ann, lead) = team(database).await?;
    let one = in_steps(&json!([{"name": "one", "run": "true", "undo": "true"}]));
    // Changes in several states: approved, waiting, running, closed, taken back.
    ann.create(&small("greeter")).await?;
    ann.create(&one).await?;
    let running = approved(&ann, &lead, &one).await?;
    let mut runner = Runner::start(&ann, &running, true).await?;
    let done = approved(&ann, &lead, &one).await?;
    let mut finished = Runner::start(&ann, &done, true).await?;
    finished.work(|_| false).await?;
    finished.finish().await?;
    validate(&ann, &done, true).await?;
    ann.act(&done, "close", &json!({ "status": "success" })).await?;
    crate::audit::taken_back(&ann, &lead).await?;
    let keyed =
        Ask::post("/api/v1/changes", &small("greeter")).header("idempotency-key", "before-the-restart");
    let created = ann.send(keyed.clone()).await?;
    let before = everything(&app, &ann).await?;
    let risk = ann.create(&small("greeter")).await?["risk"].clone();

    app.halt().await?;
    views_follow_from_the_log(&app).await?;
    app.revive().await?;
    app.verified().await?;
    let again = ann.send(keyed).await?;
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.json()?, created.json()?);
    let after = everything(&app, &ann).await?;
    for (before, after) in before.iter().zip(&after).filter(|(before, _)| before.get("audit_trail").is_some())
    {
        assert_eq!(before, after);
    }
    // What was learned of past changes is learned again: the next one is assessed as before.
    assert_eq!(ann.create(&small("greeter")).await?["risk"], risk);
    // The runner goes on where it was: its lease is the database's.
    runner.report(&domain::plan::Observation::Started { task: step("one")?, attempt: 1 }).await?;
    // Two halves of a log make one: it verifies as a whole, and rebuilt views are the same.
    app.halt().await?;
    let store = app.store().await?;
    store.rebuild(server::project::stream).await?;
    store.close().await;
    views_follow_from_the_log(&app).await?;
    app.revive().await?;
    let rebuilt = everything(&app, &ann).await?;
    assert_eq!(rebuilt.len(), after.len() + 1);
    app.stop().await
}

async fn a_caller_that_hangs_up_leaves_nothing_half_done(database: Database) -> Result<()> {
    const CALLERS: usize = 20;
    let (mut app, ann, _) = team(database).await?;
    let body = small("greeter").to_string();
    let head = format!(
        "POST /api/v1/changes HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        ann.token,
        body.len()
    );
    for caller in 0..CALLERS {
        let mut connection = TcpStream::connect(app.address).await?;
        // Every other one hangs up in the middle of its body.
        let sent = if caller % 2 == 0 { body.len() } else { body.len() / 2 };
        connection.write_all(head.as_bytes()).await?;
        connection.write_all(&body.as_bytes()[..sent]).await?;
        drop(connection);
    }
    // A whole request may or may not have been taken up; what there is, is whole.
    ann.create(&small("greeter")).await?;
    app.halt().await?;
    views_follow_from_the_log(&app).await?;
    app.revive().await?;
    let listed = ann.get("/api/v1/changes?limit=500&sort=id").await?;
    let listed = listed["items"].as_array().context("items")?;
    assert!((1..=CALLERS / 2 + 1).contains(&listed.len()), "{}", listed.len());
    for (number, change) in listed.iter().enumerate() {
        assert_eq!(text(&change["change_id"]), format!("CHG-2026-{:06}", number + 1), "no number is missing");
        assert_eq!((text(&change["state"]), &change["version"]), ("approved", &json!(3)));
    }
    app.verified().await?;
    app.stop().await
}

/// A small file system of its own; gone when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Nothing where this process may not mount one.
    fn mount(folder: &Path) -> Result<Option<Self>> {
        std::fs::create_dir_all(folder)?;
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(folder).output()?;
        Ok(mount.status.success().then(|| Self(folder.to_owned())))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // The folder goes with the test's own; a file system that stays mounted would be left behind.
        let unmounted = Command::new("umount").arg("--lazy").arg(&self.0).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "{} stays mounted", self.0.display());
    }
}

async fn a_full_disk_refuses_and_passes(database: Database) -> Result<()> {
    let folder = database.folder.path().join("small");
    let Some(_disk) = SmallDisk::mount(&folder)? else {
        eprintln!("skipped: a file system can only be mounted as root");
        return Ok(());
    };
    let app = TestApp::start_on(database, |config| config.data.clone_from(&folder)).await?;
    app.services(&SERVICES).await?;
    let ann = app.person("ann", &[]).await?;
    // Nearly everything is taken by somebody else.
    let ballast = folder.join("ballast");
    let mut created = 0_usize;
    std::fs::write(&ballast, vec![0; 1_300_000])?;
    let refused = loop {
        let answer = ann.send(Ask::post("/api/v1/changes", &small("greeter"))).await?;
        if answer.status != 201 {
            break answer;
        }
        created += 1;
        ensure!(created < 2_000, "the disk does not become full");
    };
    let problem = refused.refused(507, "storage-full")?;
    assert!(text(&problem["detail"]).contains("nothing was written"), "{problem}");
    // Reads go on, and every further write is refused like the first.
    let listed = ann.get("/api/v1/changes?limit=500").await?["items"].as_array().map_or(0, Vec::len);
    assert_eq!(listed, created);
    assert_eq!(Ask::get("/healthz").send(app.address).await?.status, 200);
    ann.send(Ask::post("/api/v1/changes", &small("greeter"))).await?.refused(507, "storage-full")?;
    std::fs::remove_file(&ballast)?;
    let change = ann.create(&small("greeter")).await?;
    assert_eq!(
        text(&change["change_id"]),
        format!("CHG-2026-{:06}", created + 1),
        "refused ones left no gap"
    );
    app.verified().await?;
    app.stop().await
}

async fn shutting_down_lets_requests_end(database: Database) -> Result<()> {
    const CALLERS: usize = 16;
    let (app, ann, _) = team(database).await?;
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let ann = ann.clone();
        callers.spawn(async move {
            let mut created = Vec::new();
            // Until the server takes no more requests.
            while let Ok(answer) = ann.send(Ask::post("/api/v1/changes", &small("greeter"))).await {
                created.push(text(&answer.good()?["change_id"]).to_owned());
            }
            anyhow::Ok(created)
        });
    }
    eventually("work is under way", async || Ok((app.log_size().await? > 60).then_some(()))).await?;
    let mut app = app;
    app.halt().await?;
    let mut acknowledged = Vec::new();
    while let Some(created) = callers.join_next().await {
        acknowledged.extend(created??);
    }
    assert!(acknowledged.len() > CALLERS / 2, "{}", acknowledged.len());
    views_follow_from_the_log(&app).await?;
    app.revive().await?;
    for id in acknowledged {
        assert_eq!(ann.change(&id).await?["state"], "approved", "{id} was acknowledged");
    }
    app.stop().await
}

/// A request to create a change that the server has begun to work on: it waits for the body.
struct Begun {
    connection: BufReader<TcpStream>,
    body: String,
}

impl Begun {
    async fn new(person: &Person) -> Result<Self> {
        let body = small("greeter").to_string();
        let head = format!(
            "POST /api/v1/changes HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
            person.token,
            body.len()
        );
        let mut connection = BufReader::new(TcpStream::connect(person.address).await?);
        connection.write_all(head.as_bytes()).await?;
        let mut said = String::new();
        connection.read_line(&mut said).await?;
        ensure!(said == "HTTP/1.1 100 Continue\r\n", "the request is not worked on: {said}");
        connection.read_line(&mut said).await?;
        Ok(Self { connection, body })
    }

    async fn finish(mut self) -> Result<String> {
        self.connection.write_all(self.body.as_bytes()).await?;
        self.answer().await
    }

    async fn answer(mut self) -> Result<String> {
        let mut answer = String::new();
        self.connection.read_to_string(&mut answer).await?;
        Ok(answer)
    }
}

async fn a_request_under_way_is_answered_although_the_server_stops(database: Database) -> Result<()> {
    let (app, ann, _) = team(database).await?;
    assert_eq!(Ask::get("/readyz").send(app.address).await?.json()?["status"], "ok");
    let begun = Begun::new(&ann).await?;
    app.shut_down();
    eventually("nobody listens any more", async || {
        Ok(TcpStream::connect(ann.address).await.is_err().then_some(()))
    })
    .await?;
    let answer = begun.finish().await?;
    assert!(answer.contains("HTTP/1.1 201 Created"), "{answer}");
    app.stop().await
}

async fn a_server_with_too_much_to_do_says_so_at_once(database: Database) -> Result<()> {
    let app = TestApp::start_on(database, |config| config.limits.concurrent_requests = 1).await?;
    let ann = app.person("ann", &[]).await?;
    let begun = Begun::new(&ann).await?;
    let refused = ann.send(Ask::get("/api/v1/changes")).await?;
    assert_eq!(refused.header("retry-after"), Some("1"));
    refused.refused(503, "overloaded")?;
    let answer = begun.finish().await?;
    assert!(answer.contains("HTTP/1.1 201 Created"), "{answer}");
    assert_eq!(ann.get("/api/v1/changes").await?["items"].as_array().map(Vec::len), Some(1));
    app.stop().await
}

async fn a_request_that_takes_too_long_is_cut_off(database: Database) -> Result<()> {
    let app = TestApp::start_on(database, |config| config.limits.request_seconds = 1).await?;
    let ann = app.person("ann", &[]).await?;
    let begun = Begun::new(&ann).await?;
    let answer = begun.answer().await?;
    assert!(answer.contains("HTTP/1.1 504 Gateway Timeout") && answer.contains("#timed-out"), "{answer}");
    assert_eq!(ann.get("/api/v1/changes").await?["items"], json!([]));
    app.stop().await
}

/// Another server on the same database, with its own folder for everything else.
pub(crate) async fn second_server(first: &TestApp, folder: &Path) -> Result<(server::Running, Person)> {
    let mut config = first.config.clone();
    config.listen.set_port(0);
    // Both sign with the log's one key.
    config.data = folder.to_owned();
    std::fs::copy(first.config.data.join(server::KEY_FILE), folder.join(server::KEY_FILE))?;
    let running = server::start_with_clock(config, first.clock.clone()).await?;
    ensure!(running.bootstrap_token().is_none(), "there is an administrator already");
    let root = Person { address: running.local_addr(), ..first.root() };
    Ok((running, root))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_share_a_database() -> Result<()> {
    const CHANGES: usize = 25;
    let (app, ann, lead) = team(Database::postgres()?).await?;
    let folder = tempfile::tempdir()?;
    let (second, root) = second_server(&app, folder.path()).await?;
    let there = |person: &Person| Person { address: root.address, ..person.clone() };
    // Both know everybody, also whom the other one registers now.
    let ann_there = there(&ann);
    assert_eq!(ann_there.get("/api/v1/whoami").await?["name"], "ann");
    let bob = app.person("bob", &["technical_lead"]).await?;
    assert_eq!(there(&bob).get("/api/v1/whoami").await?["name"], "bob");
    // Both create at once, and no identifier is given twice.
    let mut writers = JoinSet::new();
    for person in [ann.clone(), ann_there.clone(), ann.clone(), ann_there.clone()] {
        writers.spawn(async move {
            let mut ids = Vec::new();
            for _ in 0..CHANGES {
                ids.push(text(&person.create(&small("greeter")).await?["change_id"]).to_owned());
            }
            anyhow::Ok(ids)
        });
    }
    let mut ids = std::collections::BTreeSet::new();
    while let Some(created) = writers.join_next().await {
        ids.extend(created??);
    }
    assert_eq!(ids.len(), 4 * CHANGES);
    // What one server was told the other one knows: a change, an approval, a start.
    let one = in_steps(&json!([{"name": "one", "run": "true", "undo": "true"}]));
    let change = ann.create(&one).await?;
    let id = text(&change["change_id"]);
    there(&lead).approve(id).await?;
    let mut runner = Runner::start(&ann, id, true).await?;
    runner.work(|_| false).await?;
    // Whoever is new on one server counts on the other one for what they are: nobody approves for their own agent.
    let bot = app.agent("bob-bot", &bob).await?;
    let own = bot.create(&one).await?;
    let path = format!("/api/v1/changes/{}/approve", text(&own["change_id"]));
    there(&bob).refused(&path, &json!({ "digest": own["digest"] }), 403, "refused-by-policy").await?;
    // A token that was revoked here writes nothing there, from the first attempt on.
    let token = json!({ "scopes": ["request", "read"], "label": "lost" });
    let lost = app.root().post("/api/v1/actors/ann/tokens", &token).await?;
    let thief = Person { token: text(&lost["token"]).to_owned(), ..ann_there.clone() };
    thief.create(&small("greeter")).await?;
    let token = format!("/api/v1/actors/ann/tokens/{}", text(&lost["token_id"]));
    app.root().send(Ask::new("DELETE", &token)).await?.good()?;
    thief.refused("/api/v1/changes", &small("greeter"), 401, "unauthenticated").await?;
    // Services that one declares, the other one assesses by.
    app.root().post("/api/v1/catalog", &json!({ "services": [{ "name": "greeter", "tier": 0 }] })).await?;
    let assessed = ann_there.create(&small("greeter")).await?;
    assert_eq!(assessed["state"], "awaiting_approval", "{}", assessed["risk"]);
    app.verified().await?;
    second.shutdown();
    second.stopped().await?;
    app.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_servers_that_start_at_once_one_has_the_first_administrator() -> Result<()> {
    let database = Database::postgres()?;
    let clock = server::Clock::System;
    let start = || server::start_with_clock(database.config(), clock.clone());
    let (first, second, third) = tokio::join!(start(), start(), start());
    let (mut tokens, servers) = (Vec::new(), [first?, second?, third?]);
    tokens.extend(servers.iter().filter_map(|server| server.bootstrap_token().map(str::to_owned)));
    assert_eq!(tokens.len(), 1, "one first administrator");
    for server in &servers {
        let root = Person { name: String::new(), token: tokens[0].clone(), address: server.local_addr() };
        assert_eq!(root.get("/api/v1/actors").await?["items"].as_array().map(Vec::len), Some(1));
    }
    for server in servers {
        server.shutdown();
        server.stopped().await?;
    }
    Ok(())
}
