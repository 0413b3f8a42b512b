//! `runner --repository`: every change in a working copy of its own, at the commit it was approved for.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use crate::daemon::{Daemon, PATIENCE, told, wait_for};
use crate::world::World;

/// What is deployed: it notes where it runs and which release it is, and takes as long as it is told.
const DEPLOY: &str = r#"#!/bin/sh
pwd > "$OUT/$1.folder"
cat release > "$OUT/$1"
touch "$OUT/$1.runs"
while ! test -e "$OUT/$2"; do sleep 0.1; done
test ! -e "$OUT/$1.fails"
"#;
/// How it is taken back, by the same commit.
const UNDO: &str = r#"#!/bin/sh
echo "release $(cat release) is taken back in $(pwd)" > "$OUT/$1.undone"
"#;

/// A server, a repository, a mirror of it for the runner, and a folder that stands for production.
struct Stage {
    world: World,
    token: String,
}

impl Stage {
    fn set(services: &[&str]) -> Result<Self> {
        let world = World::start(None)?;
        let services: Vec<_> = services.iter().map(|name| (*name, 3)).collect();
        world.declare(&services)?;
        let token = world.token("pipeline")?;
        let stage = Self { world, token };
        for folder in ["repository", "production"] {
            std::fs::create_dir(stage.path(folder))?;
        }
        stage.world.git(&["init", "--quiet", "--initial-branch", "main"])?;
        std::fs::write(stage.path("repository/deploy.sh"), DEPLOY)?;
        std::fs::write(stage.path("repository/undo.sh"), UNDO)?;
        Ok(stage)
    }

    fn path(&self, path: &str) -> PathBuf {
        self.world.folder().join(path)
    }

    fn commit(&self, release: &str) -> Result<String> {
        std::fs::write(self.path("repository/release"), release)?;
        self.world.git(&["add", "--all"])?;
        self.world.git(&["commit", "--quiet", "--message", release])?;
        Ok(self.world.git(&["rev-parse", "HEAD"])?.trim().to_owned())
    }

    fn mirror(&self) -> Result<()> {
        let mirror = self.path("mirror");
        self.world.git(&["clone", "--quiet", "--mirror", ".", &mirror.display().to_string()]).map(drop)
    }

    /// A small change of `service` that is approved by policy, and ends its step when `until` is there.
    fn ask_for(&self, service: &str, commit: &str, until: &str) -> Result<String> {
        let out = self.path("production").display().to_string();
        let request = json!({
            "type": "normal", "category": "deployment", "title": format!("Deploy {service}"),
            "description": "A small change", "impact": "low", "urgency": "low",
            "affected_services": [service], "environment": "staging", "source": { "commit": commit },
            "implementation_plan": {
                "runs_on": "eu", "soak": "1s", "estimated_duration": "1m",
                "steps": [{
                    "name": "deploy", "run": ["sh", "deploy.sh", service, until], "env": { "OUT": out },
                    "undo": { "run": ["sh", "undo.sh", service] }, "idempotent": true,
                }],
            },
            "rollback_plan": { "automated": true, "steps": [], "max_duration": "1m" },
            "monitors": [{ "name": "there", "run": "test -f deploy.sh", "interval": "200ms" }],
            "rollback_conditions": { "health_check": { "failed_checks": 3, "action": "immediate_rollback" } },
            "evidence": {
                "churn": { "lines": 4, "files": 1, "directories": 1 }, "coverage_percent": 95.0,
                "coverage_basis": "changed_lines", "tests": { "passed": 12, "failed": 0, "skipped": 0 },
                "configuration_change": false, "schema_change": false,
                "author": { "commits": 230, "commits_to_these_files": 17 },
            },
        });
        let file = self.path(&format!("{service}.json"));
        std::fs::write(&file, request.to_string())?;
        let ran = self.world.run_as(&self.token, &["create", "--file", &file.display().to_string()])?;
        ensure!(ran.status == 0, "{}", ran.stderr);
        let id = ran.stdout.trim().to_owned();
        let change = self.world.show(&id)?;
        ensure!(change.state == "approved", "{id} is {}", change.state);
        Ok(id)
    }

    fn daemon(&self) -> Result<Daemon> {
        let (mirror, copies) = (self.path("mirror").display().to_string(), self.path("copies"));
        let more = ["--repository", &mirror, "--workspaces", &copies.display().to_string()];
        Daemon::start_at(self.world.url(), self.world.folder(), &self.token, &["eu"], &more)
    }

    /// What production says, once it says so.
    fn said(&self, name: &str) -> Result<String> {
        let (began, path) = (Instant::now(), self.path("production").join(name));
        while !path.exists() {
            ensure!(began.elapsed() < PATIENCE, "never written: {name}\n{}", self.log()?);
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(std::fs::read_to_string(path)?.trim().to_owned())
    }

    fn let_go(&self, name: &str) -> Result<()> {
        std::fs::write(self.path("production").join(name), "").map_err(Into::into)
    }

    fn log(&self) -> Result<String> {
        std::fs::read_to_string(self.path("runner.jsonl")).map_err(Into::into)
    }

    /// The changes that have a working copy, once they are these.
    fn wait_for_copies(&self, expected: &[&str]) -> Result<()> {
        let began = Instant::now();
        loop {
            let names = std::fs::read_dir(self.path("copies"))?.map(|entry| Ok(entry?.file_name()));
            let names = names.collect::<Result<Vec<_>>>()?;
            let mut found: Vec<_> = names.iter().filter_map(|name| name.to_str()).collect();
            found.retain(|name| name.starts_with("CHG-"));
            found.sort_unstable();
            if found == expected {
                return Ok(());
            }
            ensure!(began.elapsed() < PATIENCE, "{found:?} and not {expected:?}\n{}", self.log()?);
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

#[test]
fn two_changes_of_two_commits_are_carried_out_at_once_each_in_its_own_copy() -> Result<()> {
    let stage = Stage::set(&["one", "two", "never"])?;
    let first = stage.commit("1")?;
    stage.mirror()?;
    // The runner's clone gets to know it when it needs it.
    let second = stage.commit("2")?;
    let one = stage.ask_for("one", &first, "two.runs")?;
    let two = stage.ask_for("two", &second, "one.runs")?;
    let never = stage.ask_for("never", &"1".repeat(40), "never")?;
    // What a killed runner had half made of a change that is long forgotten.
    std::fs::create_dir_all(stage.path("copies/CHG-2020-000001/tree/src"))?;

    let _daemon = stage.daemon()?;
    // Each of them ends only when the other one runs too.
    for id in [&one, &two] {
        wait_for(&stage.world, id, "closed")?;
    }
    ensure!(stage.said("one")? == "1" && stage.said("two")? == "2");
    let copy = |id: &str| stage.path("copies").join(id).join("tree").canonicalize().ok();
    ensure!(
        stage.said("one.folder")?.ends_with(&format!("copies/{one}/tree")),
        "{}",
        stage.said("one.folder")?
    );
    ensure!(
        stage.said("two.folder")?.ends_with(&format!("copies/{two}/tree")),
        "{}",
        stage.said("two.folder")?
    );
    stage.wait_for_copies(&[])?;
    ensure!(copy(&one).is_none() && copy(&two).is_none());

    let began = Instant::now();
    while told(&stage.path("runner.jsonl"), &never)? != ["taken", "waits"] {
        ensure!(began.elapsed() < PATIENCE, "{}", stage.log()?);
        std::thread::sleep(Duration::from_millis(100));
    }
    let log = stage.log()?;
    ensure!(log.contains("nor on its remotes after a fetch; push its branch"), "{log}");
    ensure!(stage.world.show(&never)?.state == "approved");
    Ok(())
}

#[test]
fn a_rollback_after_the_runner_was_killed_is_of_the_same_commit() -> Result<()> {
    let stage = Stage::set(&["shop"])?;
    let first = stage.commit("1")?;
    stage.mirror()?;
    let id = stage.ask_for("shop", &first, "go")?;
    let daemon = stage.daemon()?;
    stage.said("shop.runs")?;
    stage.wait_for_copies(&[&id])?;

    // Nobody else works in its copies meanwhile.
    let mut other = Command::new(env!("CARGO_BIN_EXE_cortex-change"));
    other.args(["runner", "--repository"]).arg(stage.path("mirror"));
    other.arg("--workspaces").arg(stage.path("copies")).current_dir(stage.world.folder());
    other.env("HOME", stage.world.folder()).env("CORTEX_CHANGE_URL", stage.world.url());
    let other = other.env("CORTEX_CHANGE_TOKEN", &stage.token).stdin(Stdio::null()).output()?;
    let said = String::from_utf8(other.stderr)?;
    ensure!(other.status.code().context("a status")? == 1, "{said}");
    ensure!(said.contains("is used by another runner"), "{said}");

    drop(daemon);
    // The clone moves on, and what is taken back is what was approved.
    stage.commit("2")?;
    stage.let_go("shop.fails")?;
    stage.let_go("go")?;
    let _second = stage.daemon()?;
    wait_for(&stage.world, &id, "rolled_back")?;
    let undone = stage.said("shop.undone")?;
    ensure!(undone.starts_with("release 1 is taken back in "), "{undone}");
    ensure!(undone.ends_with(&format!("copies/{id}/tree")), "{undone}");
    stage.wait_for_copies(&[])?;
    Ok(())
}

#[test]
fn a_clone_that_is_none_is_refused() -> Result<()> {
    let stage = Stage::set(&["shop"])?;
    let ran = stage.world.run_as(&stage.token, &["runner", "--repository", "production"])?;
    ensure!(ran.status == 1, "{}: {}", ran.status, ran.stderr);
    ensure!(ran.stderr.contains("is not inside the working tree") && ran.stderr.contains("`--repository`"));
    let ran = stage.world.run_as(&stage.token, &["runner", "--workspaces", "copies"])?;
    ensure!(ran.status == 2 && ran.stderr.contains("--repository"), "{}", ran.stderr);
    Ok(())
}
