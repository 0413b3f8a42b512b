//! One change, one kill, and the way out of it.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use api::audit::TrailEntry;
use api::change::Change;
use api::command::{ApproveRequest, DecideStepRequest};
use tokio::process::{Child, Command};

use crate::chance::Chance;
use crate::patient::{Patient, Strategy};
use crate::server::{Server, Stage};
use crate::tally::Tally;

/// Latest instant of a kill after the start of an implementation.
const KILL_WITHIN_MILLIS: u64 = 3_000;
/// Longest time a change may take to come to an end after a kill.
const RECOVERY_TIME: Duration = Duration::from_secs(90);
/// Pause before another runner is tried: the lost one's lease may have to run out first.
const RETRY: Duration = Duration::from_secs(1);
/// Pause between two looks at a change.
const LOOK: Duration = Duration::from_millis(200);

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Victim {
    Server,
    Runner,
}

/// One change, one kill.
#[derive(Debug)]
pub(crate) struct Trial<'a> {
    number: u64,
    victim: Victim,
    stage: &'a Stage,
    patient: Patient,
    chance: Chance,
    state_folder: std::path::PathBuf,
}

impl<'a> Trial<'a> {
    pub(crate) fn new(
        number: u64,
        victim: Victim,
        stage: &'a Stage,
        folder: &Path,
        mut chance: Chance,
    ) -> Result<Self> {
        let fails = chance.below(3) == 0;
        // As many of each, whatever else is drawn.
        let turn = usize::try_from(number)? % Strategy::ALL.len();
        let strategy = *Strategy::ALL.get(turn).context("a strategy")?;
        let patient = Patient::new(folder.join(format!("trial-{number}")), fails, strategy)?;
        Ok(Self { number, victim, stage, patient, chance, state_folder: folder.join("runner-state") })
    }

    /// Runs the trial to its end and counts what happened.
    pub(crate) async fn run(mut self, server: &mut Server, tally: &mut Tally) -> Result<()> {
        let id = self.approved_change().await?;
        let mut runner = self.implement(&id)?;
        tokio::time::sleep(Duration::from_millis(self.chance.below(KILL_WITHIN_MILLIS))).await;
        let acknowledged = self.stage.pipeline.change(&id).await?;
        match self.victim {
            Victim::Server => {
                tally.server_kills += 1;
                server.kill().await?;
                server.start().await?;
            }
            Victim::Runner => {
                tally.runner_kills += 1;
                runner.kill().await?;
            }
        }
        tally.killed_at_work +=
            u32::from(acknowledged.state == "implementing" || acknowledged.state == "rolling_back");
        let ended = self.recover(&id, runner, tally).await?;
        self.judge(&id, &acknowledged, ended, tally).await
    }

    async fn approved_change(&self) -> Result<String> {
        let request = self.patient.request(self.number)?;
        let mut change =
            self.stage.pipeline.create_change(&request, &format!("trial-{}", self.number)).await?;
        for (role, authority) in &self.stage.authorities {
            let mut outstanding = change.approval.iter().flat_map(|approval| &approval.outstanding);
            if change.state == "awaiting_approval" && outstanding.any(|gate| gate.role == *role) {
                let (role, digest) = (Some((*role).to_owned()), change.digest.clone());
                let approval = ApproveRequest { role, digest, ..ApproveRequest::default() };
                change = authority.approve(&change.change_id, &approval).await?;
            }
        }
        ensure!(change.state == "approved", "{} is {} after all approvals", change.change_id, change.state);
        Ok(change.change_id)
    }

    fn implement(&self, id: &str) -> Result<Child> {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.patient.folder().join("runner.log"))?;
        Command::new(&self.stage.program)
            .args(["implement", id, "--auto-rollback"])
            .current_dir(self.patient.folder())
            .env("CORTEX_CHANGE_URL", &self.stage.url)
            .env("CORTEX_CHANGE_TOKEN", &self.stage.pipeline_token)
            .env("XDG_STATE_HOME", &self.state_folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("the runner cannot be started")
    }

    /// Does what an operator does: starts another runner where the first is gone, and answers questions truthfully.
    async fn recover(&self, id: &str, mut runner: Child, tally: &mut Tally) -> Result<Option<Change>> {
        let began = Instant::now();
        while began.elapsed() < RECOVERY_TIME {
            tokio::time::sleep(LOOK).await;
            let Ok(change) = self.stage.pipeline.change(id).await else { continue };
            match change.state.as_str() {
                "validating" | "rolled_back" | "failed" => {
                    runner.kill().await?;
                    return Ok(Some(change));
                }
                _ => {}
            }
            self.answer(id, &change, tally).await?;
            // While the lease of the lost runner runs out the change is still `implementing`, and cannot be taken over.
            if runner.try_wait()?.is_some() && change.state != "implementing" {
                tokio::time::sleep(RETRY).await;
                runner = self.implement(id)?;
            }
        }
        runner.kill().await?;
        Ok(None)
    }

    /// Answers the question about a step whose end nobody saw, after looking it up.
    async fn answer(&self, id: &str, change: &Change, tally: &mut Tally) -> Result<()> {
        let waits =
            change.implementation.as_ref().is_some_and(|implementation| implementation.waiting_for.is_some());
        let unknown = change.implementation.as_ref().and_then(|implementation| {
            implementation.steps.iter().find(|step| step.status == "unknown").map(|step| step.name.clone())
        });
        let Some(step) = unknown.filter(|_| waits && change.state == "implementing") else { return Ok(()) };
        let decision = if self.patient.has_happened(&step) { "done" } else { "redo" };
        let request = DecideStepRequest { step, decision: decision.to_owned(), comment: None };
        // Somebody else may have answered, or the run may have moved on: the next look tells.
        if self.stage.pipeline.decide_step(id, &request).await.is_ok() {
            tally.asked_people += 1;
        }
        Ok(())
    }

    /// Compares what is said with what is so.
    async fn judge(&self, id: &str, before: &Change, ended: Option<Change>, tally: &mut Tally) -> Result<()> {
        let place = format!("{id} (trial {}, {:?} killed)", self.number, self.victim);
        let Some(change) = ended else {
            let change = self.stage.pipeline.change(id).await?;
            tally.limbo.push(format!("{place}: still {} after {} s", change.state, RECOVERY_TIME.as_secs()));
            return Ok(());
        };
        let takeovers = change.audit_trail.iter().filter(|entry| entry.action == "taken_over").count();
        tally.takeovers += u32::try_from(takeovers)?;
        tally.acknowledged += u64::try_from(before.audit_trail.len())?;
        for entry in &before.audit_trail {
            if !contains(&change.audit_trail, entry) {
                tally.lost.push(format!("{place}: event {} ({}) is gone", entry.version, entry.action));
            }
        }
        let faults = match change.state.as_str() {
            "validating" => {
                tally.implemented += 1;
                self.patient.faults_when_done()
            }
            "rolled_back" => {
                tally.rolled_back += 1;
                self.patient.faults_when_undone()
            }
            other => vec![format!("ended as {other}")],
        };
        tally.wrong.extend(faults.into_iter().map(|fault| format!("{place}: {fault}")));
        Ok(())
    }
}

fn contains(trail: &[TrailEntry], entry: &TrailEntry) -> bool {
    trail.iter().any(|other| {
        other.version == entry.version && other.action == entry.action && other.data == entry.data
    })
}
