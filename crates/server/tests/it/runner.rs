//! A runner by hand: it does what the plan says next and reports what came of it, without executing anything.

use anyhow::{Context as _, Result, anyhow, bail};
use api::run::Assignment;
use domain::plan::{Action, Captured, Failure, Observation, Outcome, Part, Task};
use serde_json::{Value, json};

use crate::harness::Person;
use crate::http::Ask;

/// Longest story that a runner takes part in, in reports.
const REPORTS_MAX: usize = 200;

/// A runner that holds a change's lease.
pub(crate) struct Runner {
    person: Person,
    holder: String,
    path: String,
    pub(crate) assignment: Assignment,
}

impl Runner {
    /// Takes the lease of a change, to start it or to take it over.
    pub(crate) async fn start(person: &Person, id: &str, auto_rollback: bool) -> Result<Self> {
        Self::try_start(person, id, auto_rollback).await?.map_err(|problem| anyhow!("{problem}"))
    }

    /// The same; the problem where policy refuses.
    pub(crate) async fn try_start(
        person: &Person,
        id: &str,
        auto_rollback: bool,
    ) -> Result<Result<Self, Value>> {
        let digest = person.change(id).await?["digest"].clone();
        let holder = format!("{}-1", person.name);
        let body = json!({ "holder": holder, "digest": digest, "auto_rollback": auto_rollback });
        let path = format!("/api/v1/changes/{id}");
        let answer = person.send(Ask::post(&format!("{path}/start"), &body)).await?;
        if answer.status == 403 {
            return answer.refused(403, "refused-by-policy").map(Err);
        }
        let assignment = serde_json::from_value(answer.good()?)?;
        Ok(Ok(Self { person: person.clone(), holder, path, assignment }))
    }

    /// What the plan says next.
    pub(crate) fn next(&self) -> Result<Action> {
        let Assignment { plan, rollback_plan, run, .. } = &self.assignment;
        let (plan, run) = (plan.as_ref().context("a plan")?, run.as_ref().context("a run")?);
        Ok(run.next_action(plan, rollback_plan.as_ref()))
    }

    /// Reports an observation.
    pub(crate) async fn report(&mut self, observation: &Observation) -> Result<()> {
        let body = json!({ "fencing_token": self.assignment.fencing_token, "observation": observation });
        let answer = self.person.post(&format!("{}/progress", self.path), &body).await?;
        self.assignment = serde_json::from_value(answer)?;
        Ok(())
    }

    /// Does what is next until there is nothing more that it can do alone; `fails` says which tasks do. Answers the
    /// action at which it stopped.
    pub(crate) async fn work(&mut self, fails: impl Fn(&Task) -> bool) -> Result<Action> {
        for _ in 0..REPORTS_MAX {
            let action = self.next()?;
            match &action {
                Action::TakeSnapshot => self.report(&self.snapshot()?).await?,
                Action::Execute { task, attempt, .. } => {
                    self.report(&Observation::Started { task: task.clone(), attempt: *attempt }).await?;
                    if !self.is_manual(task)? {
                        self.report(&ended(task, *attempt, fails(task))).await?;
                    }
                }
                Action::Kill { task, attempt } => self.report(&ended(task, *attempt, true)).await?,
                Action::RestoreSnapshot => {
                    self.report(&Observation::SnapshotRestored { differing: Vec::new() }).await?;
                }
                Action::ReportRollbackEnded => self.report(&Observation::RollbackEnded).await?,
                Action::CheckUnknown { .. }
                | Action::AskPerson { .. }
                | Action::Await
                | Action::Finish
                | Action::Stop => {
                    return Ok(action);
                }
            }
        }
        bail!("the plan does not come to an end")
    }

    fn snapshot(&self) -> Result<Observation> {
        let steps = &self.assignment.plan.as_ref().context("a plan")?.steps;
        let captures = steps.iter().flat_map(|step| {
            (0..).zip(&step.captures).map(|(position, _)| Captured {
                capture: domain::plan::CaptureId { step: step.name.clone(), position },
                digest: None,
            })
        });
        Ok(Observation::SnapshotTaken { captures: captures.collect() })
    }

    fn is_manual(&self, task: &Task) -> Result<bool> {
        let Assignment { plan, rollback_plan, .. } = &self.assignment;
        let kind = task.kind_in(plan.as_ref().context("a plan")?, rollback_plan.as_ref());
        Ok(kind.context("a kind")?.is_manual())
    }

    /// Sends something else under the lease's token.
    pub(crate) async fn send(&self, action: &str, fields: &Value) -> Result<crate::http::Answer> {
        let mut body = json!({ "holder": self.holder, "fencing_token": self.assignment.fencing_token });
        body.as_object_mut().context("an object")?.extend(fields.as_object().cloned().unwrap_or_default());
        self.person.send(Ask::post(&format!("{}/{action}", self.path), &body)).await
    }

    /// Reports that the plan is done.
    pub(crate) async fn finish(&self) -> Result<Value> {
        self.send("finish", &json!({})).await?.good()
    }

    /// Gives the lease back.
    pub(crate) async fn release(&self) -> Result<Value> {
        self.send("release", &json!({})).await?.good()
    }
}

/// How an attempt ended.
pub(crate) fn ended(task: &Task, attempt: u32, has_failed: bool) -> Observation {
    let outcome = if has_failed {
        Outcome::Failed { failure: Failure::ExitStatus { status: 1 } }
    } else {
        Outcome::Succeeded
    };
    Observation::Ended { task: task.clone(), attempt, outcome, duration_millis: 5, log: None }
}

/// A task that is a step of the plan.
pub(crate) fn step(name: &str) -> Result<Task> {
    Ok(Task::new(Part::Step, name.parse()?))
}
