//! `implement --rehearse`: before the approval, on real files, away from production, with evidence that goes out of date.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::program::Ran;
use crate::world::World;

/// Writes a release into a folder and keeps a history of that; fails where it is told to.
const DEPLOY: &str = r#"#!/bin/sh
echo "$1" >> "$FOLDER/history"
test -e "$FOLDER/fails-$1" && exit 3
echo "$1" > "$FOLDER/release"
"#;

/// A change that waits for its approval, a folder for production and one for rehearsals.
struct Stage {
    world: World,
    token: String,
    id: String,
}

impl Stage {
    fn set() -> Result<Self> {
        let world = World::start(None)?;
        world.declare(&[("shop", 1)])?;
        let token = world.token("pipeline")?;
        for folder in ["production", "staging", "repository", "home"] {
            std::fs::create_dir_all(world.folder().join(folder))?;
        }
        for folder in ["production", "staging"] {
            std::fs::write(world.folder().join(folder).join("release"), "old\n")?;
        }
        let stage = Self { world, token, id: String::new() };
        let production = stage.path("production");
        let production = production.display();
        stage.write("repository/deploy.sh", DEPLOY)?;
        stage.write(
            "repository/.cortex-change.yaml",
            &format!(
                "implementation_plan:\n  steps:\n    - name: deploy\n      run: sh deploy.sh new\n      \
                 undo: sh deploy.sh old\n      env: {{FOLDER: {production}}}\n      \
                 capture: [{{file: {production}/release}}]\n    - name: look\n      manual: Look at the shop.\n\
                 rollback_plan: {{automated: true}}\n"
            ),
        )?;
        stage.git(&["init", "--quiet", "--initial-branch", "main"])?;
        stage.git(&["add", "--all"])?;
        stage.git(&["commit", "--quiet", "--message", "Release"])?;
        let of = ["create", "--type", "normal", "--category", "deployment", "--service", "shop"];
        let created = stage.run(&[of.as_slice(), &["--title", "Deploy the shop"]].concat())?;
        ensure!(created.status == 0, "{}", created.stderr);
        Ok(Self { id: created.stdout.trim().to_owned(), ..stage })
    }

    fn path(&self, path: &str) -> PathBuf {
        self.world.folder().join(path)
    }

    fn write(&self, path: &str, text: &str) -> Result<()> {
        Ok(std::fs::write(self.path(path), text)?)
    }

    fn read(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.path(path)).ok()
    }

    fn git(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new("git")
            .args(["-c", "user.name=Dev", "-c", "user.email=dev@example.com"])
            .args(arguments)
            .current_dir(self.path("repository"))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Runs the program in the repository.
    fn run(&self, arguments: &[&str]) -> Result<Ran> {
        let output = Command::new(env!("CARGO_BIN_EXE_cortex-change"))
            .args(arguments)
            .current_dir(self.path("repository"))
            .env("HOME", self.path("home"))
            .env_remove("XDG_STATE_HOME")
            .env("CORTEX_CHANGE_URL", self.world.url())
            .env("CORTEX_CHANGE_TOKEN", &self.token)
            .stdin(Stdio::null())
            .output()?;
        Ok(Ran {
            status: output.status.code().context("ended by a signal")?,
            stdout: String::from_utf8(output.stdout)?,
            stderr: String::from_utf8(output.stderr)?,
        })
    }

    /// Rehearses on a target that says this.
    fn rehearse(&self, target: &str) -> Result<Ran> {
        self.write("staging.yaml", target)?;
        let target = self.path("staging.yaml");
        self.run(&["implement", &self.id, "--rehearse", "--target", &target.display().to_string()])
    }

    fn target(&self) -> String {
        let (production, staging) = (self.path("production"), self.path("staging"));
        format!("name: staging\nreplace: {{{}: {}}}\n", production.display(), staging.display())
    }

    /// Production is as it was, and nothing of a rehearsal is left.
    fn assert_untouched(&self) -> Result<()> {
        ensure!(self.read("production/release").as_deref() == Some("old\n"));
        ensure!(self.read("production/history").is_none(), "something ran in production");
        let copies = self.git(&["worktree", "list"])?;
        ensure!(copies.lines().count() == 1, "{copies}");
        let left = self.path("home/.local/state/cortex-change/runs/rehearsals");
        let left = std::fs::read_dir(left).map_or(0, Iterator::count);
        ensure!(left == 0, "{left} folders are left");
        Ok(())
    }
}

#[test]
fn a_rehearsal_goes_forward_and_back_on_its_target_and_is_shown_to_those_who_decide() -> Result<()> {
    let stage = Stage::set()?;
    let ran = stage.rehearse(&stage.target())?;
    ensure!(ran.status == 0, "{}", ran.stderr);
    ran.said(&[
        "rehearsed on staging",
        "2 steps and undos succeeded, 1 saved things are as before",
        "left out: step `look`",
    ]);
    ensure!(stage.read("staging/history").as_deref() == Some("new\nold\n"));
    ensure!(stage.read("staging/release").as_deref() == Some("old\n"));
    stage.assert_untouched()?;

    let change = stage.world.show(&stage.id)?;
    ensure!(change.state == "awaiting_approval", "{}", change.state);
    let evidence = change.rehearsal.context("no evidence")?;
    ensure!(evidence.passed && evidence.is_current && evidence.digest == change.digest, "{evidence:?}");
    ensure!(evidence.by == "pipeline" && evidence.target == "staging", "{evidence:?}");
    ensure!(change.audit_trail.iter().any(|entry| entry.action == "rehearsed"));
    let shown = stage.run(&["show", &stage.id])?;
    ensure!(shown.stdout.contains("rehearsed on staging"), "{}", shown.stdout);

    // The evidence is part of what can be proved offline.
    let bundle = stage.path("bundle.json").display().to_string();
    stage.world.admin(&["audit", "prove", &stage.id, "-o", &bundle])?;
    ensure!(std::fs::read_to_string(&bundle)?.contains("change.rehearsed"));

    // With another content it is evidence of nothing.
    let plan = stage.read("repository/.cortex-change.yaml").context("no plan")?;
    stage.write("repository/.cortex-change.yaml", &plan.replace("sh deploy.sh new", "sh deploy.sh newer"))?;
    let amended = stage.run(&["amend", &stage.id, "--plan", ".cortex-change.yaml"])?;
    ensure!(amended.status == 0, "{}", amended.stderr);
    let evidence = stage.world.show(&stage.id)?.rehearsal.context("no evidence")?;
    ensure!(!evidence.is_current);
    let shown = stage.run(&["show", &stage.id])?;
    ensure!(shown.stdout.contains("evidence of nothing"), "{}", shown.stdout);
    Ok(())
}

#[test]
fn what_could_reach_production_is_refused_before_anything_runs() -> Result<()> {
    let stage = Stage::set()?;
    let ran = stage.rehearse("name: staging\n")?;
    ensure!(ran.status == 7, "{}: {}", ran.status, ran.stderr);
    ran.said(&["nothing was run", "step `deploy`", "undo of step `deploy`", "it saves", "where it counts"]);
    let own_folder = format!("{}folder: repository\n", stage.target());
    let ran = stage.rehearse(&own_folder)?;
    ensure!(ran.status == 7, "{}: {}", ran.status, ran.stderr);
    ran.said(&["is the one in which the change itself is carried out"]);
    ensure!(stage.read("staging/history").is_none());
    ensure!(stage.world.show(&stage.id)?.rehearsal.is_none());
    stage.assert_untouched()
}

#[test]
fn a_rehearsal_that_fails_says_so_and_is_recorded() -> Result<()> {
    let stage = Stage::set()?;
    stage.write("staging/fails-new", "")?;
    let ran = stage.rehearse(&stage.target())?;
    ensure!(ran.status == 5, "{}: {}", ran.status, ran.stderr);
    ran.said(&["1 of 2 steps and undos failed", "step `deploy` ended with status 3"]);
    ensure!(stage.read("staging/release").as_deref() == Some("old\n"));
    stage.write("staging/fails-old", "")?;
    let ran = stage.rehearse(&stage.target())?;
    ensure!(ran.status == 6, "{}: {}", ran.status, ran.stderr);
    let evidence = stage.world.show(&stage.id)?.rehearsal.context("no evidence")?;
    ensure!(!evidence.passed && evidence.is_current, "{evidence:?}");
    // What the undo left is put back from what was saved.
    ensure!(stage.read("staging/release").as_deref() == Some("old\n"));
    stage.assert_untouched()
}
