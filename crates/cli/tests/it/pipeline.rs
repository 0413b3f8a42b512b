//! The specification's pipeline job, its steps' `run:` bodies taken verbatim, in a real git repository against a real
//! server: steps run in order, each in a shell of its own, with `$GITHUB_ENV` honoured between them.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use testkit::PrivatePostgres;

use crate::world::World;

/// The job as the specification writes it.
const JOB: &str = include_str!("../fixtures/specified-pipeline.yaml");

#[derive(Debug, Deserialize)]
struct Workflow {
    jobs: BTreeMap<String, Job>,
}

#[derive(Debug, Deserialize)]
struct Job {
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
struct Step {
    name: String,
    run: String,
}

fn steps() -> Result<Vec<Step>> {
    let workflow: Workflow = serde_saphyr::from_str(JOB)?;
    Ok(workflow.jobs.into_iter().next().context("no job")?.1.steps)
}

/// How a step ended.
struct Ended {
    status: i32,
    text: String,
}

/// A runner of jobs: variables that later steps see, and the file by which steps hand them over.
struct Ci<'a> {
    world: &'a World,
    token: String,
    variables: BTreeMap<String, String>,
}

impl<'a> Ci<'a> {
    fn new(world: &'a World, token: &str, commit: &str) -> Self {
        let variables = [
            ("CI", "true"),
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_REF", "refs/heads/main"),
            ("GITHUB_SHA", commit),
            ("GITHUB_RUN_ID", "4711"),
            ("GITHUB_RUN_ATTEMPT", "1"),
            ("GITHUB_JOB", "deploy"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Self { world, token: token.to_owned(), variables }
    }

    /// Runs a step's body as the service does: `bash -e`, then takes over what it wrote to `$GITHUB_ENV`.
    fn run(&mut self, body: &str) -> Result<Ended> {
        let handed_over = self.world.folder().join("github.env");
        std::fs::write(&handed_over, "")?;
        let script = self.world.folder().join("step.sh");
        std::fs::write(&script, body)?;
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", program_folder()?.display());
        let output = Command::new("bash")
            .args(["--noprofile", "--norc", "-e", "-o", "pipefail"])
            .arg(&script)
            .current_dir(self.world.repository())
            .env_clear()
            .envs(&self.variables)
            .env("PATH", path)
            .env("HOME", self.world.folder())
            .env("GITHUB_ENV", &handed_over)
            .env("GITHUB_OUTPUT", self.world.folder().join("github.output"))
            .env("CORTEX_CHANGE_URL", self.world.url())
            .env("CORTEX_CHANGE_TOKEN", &self.token)
            .stdin(Stdio::null())
            .output()?;
        for line in std::fs::read_to_string(&handed_over)?.lines() {
            if let Some((name, value)) = line.split_once('=') {
                self.variables.insert(name.to_owned(), value.to_owned());
            }
        }
        let text = [output.stdout, output.stderr].concat();
        Ok(Ended {
            status: output.status.code().unwrap_or(-1),
            text: String::from_utf8_lossy(&text).into_owned(),
        })
    }

    fn change_id(&self) -> Result<&str> {
        self.variables.get("change_id").map(String::as_str).context("no change_id was handed over")
    }
}

fn program_folder() -> Result<&'static Path> {
    Path::new(env!("CARGO_BIN_EXE_cortex-change")).parent().context("the program lies in no folder")
}

/// The whole job on a small, tested change of a service that nothing depends on.
fn whole_job(world: &World) -> Result<()> {
    world.declare(&[("cortex-chat-backend", 2), ("identity", 0), ("billing", 1), ("search", 1)])?;
    let token = world.token("release-pipeline")?;
    let commit = world.commit_a_release()?;
    let mut ci = Ci::new(world, &token, &commit);
    for step in steps()? {
        let ended = ci.run(&step.run)?;
        ensure!(ended.status == 0, "step `{}` ended with {}:\n{}", step.name, ended.status, ended.text);
    }
    let change = world.show(ci.change_id()?)?;
    ensure!(change.state == "closed" && change.outcome.as_deref() == Some("successful"), "{change:#?}");
    let by_people = change.approval.as_ref().map(|approval| approval.given.len());
    ensure!(by_people == Some(0), "it was approved without a person: {:#?}", change.approval);
    let actions: Vec<_> = change.audit_trail.iter().map(|entry| entry.action.as_str()).collect();
    let milestones = ["created", "risk_assessed", "approved", "implemented", "validated", "closed"];
    let kept: Vec<_> = actions.iter().filter(|action| milestones.contains(action)).copied().collect();
    ensure!(kept == milestones, "{actions:?}");
    let source = change.request.source.context("a source")?;
    ensure!(source.commit.as_deref() == Some(commit.as_str()), "{source:?}");
    ensure!(std::fs::read_to_string(world.repository().join("deployed"))?.trim() == "release 2");
    // A repetition of the same pipeline run is the same change.
    let again = ci.run(&steps()?.first().context("no step")?.run)?;
    ensure!(again.status == 0 && ci.change_id()? == change.change_id, "{}", again.text);
    Ok(())
}

/// The same change to a Tier 0 service waits for a person; nobody comes.
fn tier_0_waits(world: &World) -> Result<()> {
    world.declare(&[("cortex-chat-backend", 0), ("billing", 1), ("search", 1), ("mail", 2)])?;
    let token = world.token("release-pipeline")?;
    let commit = world.commit_a_release()?;
    let mut ci = Ci::new(world, &token, &commit);
    let steps = steps()?;
    let [create, wait, deploy, ..] = steps.as_slice() else {
        bail!("the job has fewer steps than the specification")
    };
    let created = ci.run(&create.run)?;
    ensure!(created.status == 0, "{}", created.text);
    let change = world.show(ci.change_id()?)?;
    ensure!(change.state == "awaiting_approval", "{}", change.state);
    let waited = ci.run(&wait.run.replace("3600", "2"))?;
    ensure!(waited.status == 4, "waiting ends as timed out, not {}: {}", waited.status, waited.text);
    let deployed = ci.run(&deploy.run)?;
    ensure!(deployed.status != 0, "{}", deployed.text);
    ensure!(!world.repository().join("deployed").exists(), "nothing was deployed without approval");
    Ok(())
}

#[test]
fn the_specified_job_runs_on_the_embedded_database() -> Result<()> {
    whole_job(&World::start(None)?)
}

#[test]
fn the_specified_job_runs_on_postgresql() -> Result<()> {
    let postgres = PrivatePostgres::shared()?;
    whole_job(&World::start(Some(postgres.database("pipeline")?))?)
}

#[test]
fn the_same_change_to_a_tier_0_service_is_not_approved_without_a_person() -> Result<()> {
    tier_0_waits(&World::start(None)?)
}

#[test]
fn the_job_is_the_one_of_the_specification() -> Result<()> {
    let specification = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/spec/framework.md");
    let Ok(text) = std::fs::read_to_string(&specification) else {
        println!("skipped: the specification is not at {}", specification.display());
        return Ok(());
    };
    ensure!(text.contains(JOB), "the fixture differs from the specification");
    Ok(())
}
