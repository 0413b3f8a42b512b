//! `runner`: carries out what its labels fit, to the end or back, leaves the rest alone, and ends in order.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::api::Api;
use crate::world::World;

/// Longest wait for a change to get somewhere.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// A daemon as a process of its own; killed when this value is dropped.
pub(crate) struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        // One that has ended already needs no end.
        let _ended = self.0.kill().and_then(|()| self.0.wait());
    }
}

impl Daemon {
    fn start(world: &World, token: &str, labels: &[&str]) -> Result<Self> {
        Self::start_at(world.url(), world.folder(), token, labels, &[])
    }

    /// With labels and whatever else it is told.
    pub(crate) fn start_at(
        url: &str,
        folder: &Path,
        token: &str,
        labels: &[&str],
        more: &[&str],
    ) -> Result<Self> {
        Self::start_with(url, folder, folder, token, labels, more)
    }

    /// In `folder` as somebody whose own one is `home`, where its log lies.
    fn start_in(url: &str, folder: &Path, home: &Path, token: &str, labels: &[&str]) -> Result<Self> {
        Self::start_with(url, folder, home, token, labels, &[])
    }

    fn start_with(
        url: &str,
        folder: &Path,
        home: &Path,
        token: &str,
        labels: &[&str],
        more: &[&str],
    ) -> Result<Self> {
        let log = std::fs::File::create(home.join("runner.jsonl"))?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_cortex-change"));
        command.args(["runner", "--poll", "1s", "--output", "json", "--drain", "60s"]);
        if !more.contains(&"--concurrency") {
            command.args(["--concurrency", "2"]);
        }
        command.args(labels.iter().flat_map(|label| ["--label", label])).args(more);
        command.current_dir(folder).env("HOME", home);
        command.env("CORTEX_CHANGE_URL", url).env("CORTEX_CHANGE_TOKEN", token);
        Ok(Self(command.stdin(Stdio::null()).stdout(log).stderr(Stdio::null()).spawn()?))
    }

    /// Asks it to stop.
    fn stop(&self) -> Result<()> {
        let kill = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status()?;
        ensure!(kill.success(), "it could not be asked to stop");
        Ok(())
    }

    /// Waits for its end.
    fn drained(mut self) -> Result<i32> {
        self.0.wait()?.code().context("ended by a signal")
    }
}

/// A small, tested change of a service that nothing depends on: approved by policy.
fn ask_for(world: &World, token: &str, name: &str, runs_on: &Value, run: &str) -> Result<String> {
    ask(world, token, name, runs_on, |request| {
        request["implementation_plan"]["steps"][0]["run"] = json!(format!("echo new > {name} && {run}"));
    })
}

/// The same, altered.
fn ask(
    world: &World,
    token: &str,
    name: &str,
    runs_on: &Value,
    alter: impl FnOnce(&mut Value),
) -> Result<String> {
    let folder = world.folder();
    let mut request = json!({
        "type": "normal", "category": "deployment", "title": format!("Deploy {name}"),
        "description": "A small change", "impact": "low", "urgency": "low",
        "affected_services": [name], "environment": "staging",
        "implementation_plan": {
            "runs_on": runs_on, "soak": "1s", "estimated_duration": "1m",
            "steps": [{
                "name": "deploy", "run": format!("echo new > {name}"), "undo": format!("rm -f {name}"),
                "idempotent": true,
            }],
        },
        "rollback_plan": { "automated": true, "steps": [], "max_duration": "1m" },
        "monitors": [{ "name": "there", "run": "test -d .", "interval": "200ms" }],
        "rollback_conditions": { "health_check": { "failed_checks": 3, "action": "immediate_rollback" } },
        "evidence": {
            "churn": { "lines": 4, "files": 1, "directories": 1 }, "coverage_percent": 95.0,
            "coverage_basis": "changed_lines", "tests": { "passed": 12, "failed": 0, "skipped": 0 },
            "configuration_change": false, "schema_change": false,
            "author": { "commits": 230, "commits_to_these_files": 17 },
        },
    });
    alter(&mut request);
    let file = folder.join(format!("{name}.json"));
    std::fs::write(&file, request.to_string())?;
    let ran = world.run_as(token, &["create", "--file", &file.display().to_string()])?;
    ensure!(ran.status == 0, "{}", ran.stderr);
    Ok(ran.stdout.trim().to_owned())
}

pub(crate) fn wait_for(world: &World, id: &str, state: &str) -> Result<()> {
    let began = Instant::now();
    loop {
        let change = world.show(id)?;
        if change.state == state {
            return Ok(());
        }
        ensure!(
            began.elapsed() < PATIENCE,
            "{id} is {} and not {state}:\n{}",
            change.state,
            std::fs::read_to_string(world.folder().join("runner.jsonl"))?
        );
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// What the daemon told of a change, one word for each piece of news.
pub(crate) fn told(log: &Path, id: &str) -> Result<Vec<String>> {
    let lines = std::fs::read_to_string(log)?;
    let news: Vec<Value> = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let of_change = news.iter().filter(|news| news["change_id"] == id);
    Ok(of_change
        .filter_map(|news| news["end"].as_str().or(news["news"].as_str()).map(str::to_owned))
        .collect())
}

#[test]
fn a_daemon_carries_out_what_its_labels_fit_and_leaves_the_rest() -> Result<()> {
    let world = World::start(None)?;
    world.declare(&[("good", 3), ("bad", 3), ("elsewhere", 3), ("by-hand", 3)])?;
    let token = world.token("pipeline")?;
    let good = ask_for(&world, &token, "good", &json!(["eu", "docker"]), "true")?;
    let bad = ask_for(&world, &token, "bad", &json!("eu"), "false")?;
    let elsewhere = ask_for(&world, &token, "elsewhere", &json!(["eu", "windows"]), "true")?;
    let by_hand = ask_for(&world, &token, "by-hand", &Value::Null, "true")?;

    let daemon = Daemon::start(&world, &token, &["eu", "docker", "us"])?;
    wait_for(&world, &good, "closed")?;
    wait_for(&world, &bad, "rolled_back")?;
    ensure!(world.show(&good)?.outcome.as_deref() == Some("successful"));
    ensure!(world.folder().join("good").exists() && !world.folder().join("bad").exists());
    for left in [&elsewhere, &by_hand] {
        ensure!(world.show(left)?.state == "approved", "{left} was not to be touched");
    }

    // What is under way when it is asked to stop is brought to its end, and nothing else is begun.
    let slow = ask_for(&world, &token, "good", &json!("eu"), "sleep 8")?;
    wait_for(&world, &slow, "implementing")?;
    let log = world.folder().join("runner.jsonl");
    let next = ask_for(&world, &token, "good", &json!("eu"), "true")?;
    while told(&log, &next)? != ["taken", "waits"] {
        // One change of a service at a time.
        ensure!(world.show(&slow)?.state == "implementing", "{:?}", told(&log, &next)?);
        std::thread::sleep(Duration::from_millis(100));
    }
    daemon.stop()?;
    ensure!(daemon.drained()? == 0, "it ended in order");
    ensure!(world.show(&next)?.state == "approved", "{}", world.show(&next)?.state);
    ensure!(world.show(&slow)?.state == "closed", "{}", world.show(&slow)?.state);
    ensure!(told(&log, &good)? == ["taken", "closed"], "{:?}", told(&log, &good)?);
    ensure!(told(&log, &bad)? == ["taken", "rolled_back"], "{:?}", told(&log, &bad)?);
    ensure!(told(&log, &elsewhere)?.is_empty());
    Ok(())
}

/// The runners as the list shows them to programs.
fn listed(world: &World) -> Result<Vec<Value>> {
    let page: Value = serde_json::from_str(&world.admin(&["runner", "list", "--output", "json"])?)?;
    Ok(page["items"].as_array().cloned().unwrap_or_default())
}

fn wait_for_list(world: &World, what: &str, is_so: impl Fn(&[Value]) -> bool) -> Result<()> {
    let began = Instant::now();
    while !is_so(&listed(world)?) {
        ensure!(began.elapsed() < PATIENCE, "{what} is never listed: {:?}", listed(world)?);
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

#[test]
fn everybody_sees_which_runners_are_there_and_what_waits_for_one() -> Result<()> {
    let world = World::start(None)?;
    world.declare(&[("good", 3), ("elsewhere", 3)])?;
    let token = world.token("pipeline")?;
    let nobody = world.run_as_admin(&["runner", "list"])?;
    ensure!(nobody.status == 0 && nobody.stderr.contains("no such runner"), "{}", nobody.stderr);
    let id = ask_for(&world, &token, "good", &json!("eu"), "while ! test -e go; do sleep 0.1; done")?;
    let unfit = ask_for(&world, &token, "elsewhere", &json!(["eu", "windows"]), "true")?;
    let said = "no runner with the labels eu, windows has been seen";
    ensure!(world.admin(&["show", &unfit])?.contains(said), "{}", world.admin(&["show", &unfit])?);

    let daemon = Daemon::start(&world, &token, &["eu", "docker"])?;
    wait_for_list(&world, "the runner at work", |runners| {
        runners.iter().any(|runner| runner["status"] == "online" && runner["working_on"] == json!([id]))
    })?;
    let table = world.admin(&["runner", "list", "--label", "docker"])?;
    ensure!(
        table.contains("pipeline") && table.contains("docker, eu") && table.contains("1 of 2"),
        "{table}"
    );
    ensure!(table.contains(&id), "{table}");
    ensure!(world.admin(&["runner", "list", "--label", "windows"])?.is_empty());
    ensure!(world.admin(&["show", &unfit])?.contains(said));

    daemon.stop()?;
    wait_for_list(&world, "the draining runner", |runners| {
        runners.iter().any(|runner| runner["status"] == "draining")
    })?;
    std::fs::write(world.folder().join("go"), "")?;
    wait_for(&world, &id, "closed")?;
    ensure!(daemon.drained()? == 0, "it ended in order");
    ensure!(listed(&world)?.is_empty(), "{:?}", listed(&world)?);
    Ok(())
}

#[test]
fn of_two_daemons_one_watches_a_change_that_is_done() -> Result<()> {
    let world = World::start(None)?;
    world.declare(&[("good", 3)])?;
    let token = world.token("pipeline")?;
    // The probe says whose it is.
    let probe = json!({ "name": "there", "run": "echo \"$HOME\" >> probes", "interval": "100ms" });
    let id = ask(&world, &token, "good", &json!("eu"), |request| {
        request["monitors"] = json!([probe]);
        request["implementation_plan"]["soak"] = json!("3s");
    })?;
    let implemented = world.run_as(&token, &["implement", &id])?;
    ensure!(implemented.status == 0, "{}", implemented.stderr);
    let probes = world.folder().join("probes");
    std::fs::remove_file(&probes).or_else(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    })?;
    let homes = ["one", "two"].map(|name| world.folder().join(name));
    let start = |home: &PathBuf| {
        std::fs::create_dir(home)?;
        Daemon::start_in(world.url(), world.folder(), home, &token, &["eu"])
    };
    let _daemons = homes.iter().map(start).collect::<Result<Vec<_>>>()?;
    wait_for(&world, &id, "closed")?;
    let seen = std::fs::read_to_string(&probes)?;
    let watched_by: BTreeSet<&str> = seen.lines().collect();
    ensure!(watched_by.len() == 1, "{watched_by:?}");
    ensure!(seen.lines().count() > 10, "{seen}");
    Ok(())
}

#[test]
fn what_waits_for_a_person_leaves_its_place_to_others_up_to_a_limit() -> Result<()> {
    let world = World::start(None)?;
    world.declare(&[("first", 3), ("second", 3), ("third", 3), ("quick", 3)])?;
    let token = world.token("pipeline")?;
    world.person("lead", "technical_lead")?;
    let issue = ["token", "issue", "lead", "--label", "at-work", "--scope", "read", "--scope", "implement"];
    let lead = world.admin(&issue)?.trim().to_owned();
    let manual = |request: &mut Value| {
        let look = json!({ "name": "look", "manual": "Look at it.", "timeout": "10m" });
        request["implementation_plan"]["steps"] = json!([look]);
    };
    let folder = world.folder();
    let one = ["--concurrency", "1"];
    let _daemon = Daemon::start_at(world.url(), folder, &token, &["eu"], &one)?;
    let first = ask(&world, &token, "first", &json!("eu"), manual)?;
    wait_for(&world, &first, "implementing")?;
    // A place for one, and that one waits.
    let quick = ask_for(&world, &token, "quick", &json!("eu"), "true")?;
    wait_for(&world, &quick, "closed")?;
    ensure!(world.show(&first)?.state == "implementing");
    // As many may wait as there are places; then nothing more is taken on.
    let second = ask(&world, &token, "second", &json!("eu"), manual)?;
    wait_for(&world, &second, "implementing")?;
    let third = ask_for(&world, &token, "third", &json!("eu"), "true")?;
    wait_for_list(&world, "two that wait", |runners| runners.iter().any(|runner| runner["waiting"] == 2))?;
    let table = world.admin(&["runner", "list"])?;
    ensure!(table.contains("0 of 1"), "{table}");
    // It looks for work every second, and announces itself every ten.
    let seen = |runners: &[Value]| runners.first().map(|runner| runner["last_seen_at"].clone());
    let before = seen(&listed(&world)?);
    wait_for_list(&world, "the next announcement", |runners| seen(runners) != before)?;
    ensure!(told(&folder.join("runner.jsonl"), &third)?.is_empty(), "it was taken on");
    for id in [&first, &second] {
        let decided = world.run_as(&lead, &["decide", id, "look", "done"])?;
        ensure!(decided.status == 0, "{}", decided.stderr);
        wait_for(&world, id, "closed")?;
    }
    wait_for(&world, &third, "closed")?;
    Ok(())
}

#[test]
fn what_a_killed_daemon_leaves_another_one_goes_on_with() -> Result<()> {
    let world = World::start(None)?;
    world.declare(&[("good", 3)])?;
    let token = world.token("pipeline")?;
    let id = ask_for(&world, &token, "good", &json!("eu"), "sleep 3")?;
    let first = Daemon::start(&world, &token, &["eu"])?;
    wait_for(&world, &id, "implementing")?;
    drop(first);
    let _second = Daemon::start(&world, &token, &["eu"])?;
    wait_for(&world, &id, "closed")?;
    Ok(())
}

#[test]
fn a_daemon_looks_behind_a_page_that_has_nothing_for_it() -> Result<()> {
    let list = |cursor: &str| {
        let states = "rolling_back%2Cinterrupted%2Cvalidating%2Capproved";
        format!("/changes?state={states}&runner=eu&sort=deadline{cursor}&limit=500")
    };
    let behind = list("&cursor=behind");
    let api = Api::start().on("GET", &list(""), 200, &json!({ "items": [], "next_cursor": "behind" })).on(
        "GET",
        &behind,
        200,
        &json!({ "items": [] }),
    );
    let folder = tempfile::tempdir()?;
    let _daemon = Daemon::start_at(&api.url, folder.path(), "cct_token", &["eu"], &[])?;
    let began = Instant::now();
    while api.asked("GET", &behind).is_empty() {
        ensure!(began.elapsed() < PATIENCE, "it asked for {:?}", api.all_asked());
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

#[test]
fn what_a_daemon_is_told_wrongly_is_said() -> Result<()> {
    let world = World::start(None)?;
    for (arguments, said) in [
        (["runner", "--concurrency", "0"], "expected 1 to 64"),
        (["runner", "--label", "a b"], "runner label"),
        (["runner", "--poll", "soon"], "soon"),
    ] {
        let ran = world.run_as_admin(&arguments)?;
        ensure!(ran.status == 2 && ran.stderr.contains(said), "{}: {}", ran.status, ran.stderr);
    }
    Ok(())
}
