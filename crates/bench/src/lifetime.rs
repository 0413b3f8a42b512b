//! A change taken from its approval to its end, by a runner whose steps all succeed at once.

use anyhow::{Context as _, Result, bail};
use api::command::{Check, CloseRequest, ValidateRequest};
use api::run::{Assignment, FinishRequest, ProgressRequest, StartRequest};
use client::Client;
use domain::plan::{Action, Observation, Outcome};

/// Most actions of the plans used here.
const ACTIONS_MAX: usize = 100;
const HOLDER: &str = "bench-runner";

/// Implements, validates and closes an approved change.
pub(crate) async fn complete(client: &Client, id: &str) -> Result<()> {
    let change = client.change(id).await?;
    let start = StartRequest {
        holder: HOLDER.to_owned(),
        digest: change.digest.parse().context("digest of the change")?,
        commit: change.request.source.and_then(|source| source.commit),
        auto_rollback: true,
    };
    let mut assignment = client.start(id, &start).await?;
    let fencing_token = assignment.fencing_token;
    for _ in 0..ACTIONS_MAX {
        let observations = match next(&assignment)? {
            Action::TakeSnapshot => vec![Observation::SnapshotTaken { captures: Vec::new() }],
            Action::Execute { task, attempt, .. } => vec![
                Observation::Started { task: task.clone(), attempt },
                Observation::Ended {
                    task,
                    attempt,
                    outcome: Outcome::Succeeded,
                    duration_millis: 1_200,
                    log: None,
                },
            ],
            Action::Finish => {
                client.finish(id, &FinishRequest { holder: HOLDER.to_owned(), fencing_token }).await?;
                return end(client, id).await;
            }
            other => bail!("a plan whose steps all succeed does not lead to: {other}"),
        };
        for observation in observations {
            assignment = client.progress(id, &ProgressRequest { fencing_token, observation }).await?;
        }
    }
    bail!("{id} is not done after {ACTIONS_MAX} actions")
}

fn next(assignment: &Assignment) -> Result<Action> {
    let plan = assignment.plan.as_ref().context("the change has no plan")?;
    let run = assignment.run.as_ref().context("the change is not started")?;
    Ok(run.next_action(plan, assignment.rollback_plan.as_ref()))
}

async fn end(client: &Client, id: &str) -> Result<()> {
    let check =
        Check { name: "health".to_owned(), passed: true, detail: "60 of 60 probes passed".to_owned() };
    client.validate(id, &ValidateRequest { checks: vec![check] }).await?;
    let close = CloseRequest { status: "success".to_owned(), ..CloseRequest::default() };
    client.close(id, &close).await?;
    Ok(())
}
