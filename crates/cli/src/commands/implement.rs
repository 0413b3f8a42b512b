//! `implement`: carries an approved change's plan out on this machine, watched, and back if it must.

use std::path::PathBuf;
use std::time::Duration;

use api::change::Change;
use client::Client;
use domain::change::{ChangeType, StateName};
use domain::duration::{InvalidDuration, parse_duration_seconds};
use domain::id::ChangeId;
use runner::RunnerError;
use tokio::time::{Instant, sleep_until};

use super::Outcome;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::render;
use crate::running::{How, Machine, MachineArgs, conclude, rehearse, tell_incidents};
use crate::shell::{Format, Shell, plain};

/// Time from one look at what holds a change back to the next.
const TURN_POLL: Duration = Duration::from_secs(2);

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cortex-change implement $change_id --monitor --auto-rollback\n  \
                        cortex-change implement CHG-2026-000123 --monitor --wait-turn 30m\n  \
                        cortex-change implement CHG-2026-000123 --rehearse --target rehearsal/staging.yaml\n\n\
                        Goes on with a change whose runner was interrupted. Ends with 0 when every step is done, 5 when it \
                        was rolled back, 6 when it could not be rolled back, 7 when it was refused.")]
pub(crate) struct Args {
    /// The change
    id: ChangeId,
    /// Ask the plan's monitors all the while, and judge their answers by the rollback conditions
    #[arg(long)]
    monitor: bool,
    /// Take everything back without asking when a step fails or a condition is breached
    #[arg(long)]
    auto_rollback: bool,
    /// Wait at most so long, for example 30m, for other changes that hold it back; refused at once when absent
    #[arg(long, value_name = "TIME", value_parser = turn)]
    wait_turn: Option<Duration>,
    /// Carry the plan and its way back out on a rehearsal target instead, and record what came of it; also before approval
    #[arg(long, requires = "target", conflicts_with_all = ["monitor", "auto_rollback", "wait_turn"])]
    rehearse: bool,
    /// The file that says what stands in the place of production in a rehearsal
    #[arg(long, value_name = "FILE", requires = "rehearse")]
    target: Option<PathBuf>,
    #[command(flatten)]
    machine: MachineArgs,
}

/// How long to wait for one's turn.
fn turn(text: &str) -> Result<Duration, InvalidDuration> {
    parse_duration_seconds(text).map(Duration::from_secs)
}

struct Plan {
    id: ChangeId,
    /// Where it is rehearsed, where it is only rehearsed.
    rehearsed_on: Option<PathBuf>,
    how: How,
    wait_turn: Option<Duration>,
    machine: MachineArgs,
}

impl From<Args> for Plan {
    fn from(Args { id, monitor, auto_rollback, wait_turn, rehearse, target, machine }: Args) -> Self {
        let rehearsed_on = target.filter(|_| rehearse);
        Self { id, rehearsed_on, how: How { monitor, auto_rollback }, wait_turn, machine }
    }
}

pub(crate) fn run(args: Args, shell: &Shell) -> Outcome {
    let Plan { id, rehearsed_on, how, wait_turn, machine } = args.into();
    if let Some(target) = rehearsed_on {
        return rehearse(id, &target, &machine, shell);
    }
    let client = shell.client()?;
    let machine = Machine::new(client.clone(), &machine, shell)?;
    let (ended, change) = machine.run(how, async |runner, options| {
        let change = client.change(&id.to_string()).await?;
        let Some(plan) = &change.request.implementation_plan else { return Err(RunnerError::NoPlan.into()) };
        require_approved(&change)?;
        machine.check_commit(&change)?;
        // A plan that bakes is watched in any case.
        let is_watched = how.monitor || plan.to_domain().is_ok_and(|plan| plan.bakes());
        if how.auto_rollback && !is_watched && !change.request.monitors.is_empty() {
            shell.warn("without `--monitor` only a failed step leads to a rollback, no monitor is asked");
        }
        if let Some(time) = wait_turn {
            wait_for_turn(&client, &change, time, shell).await?;
        }
        let digest = change.digest.parse().map_err(|error| Failure::of(&error))?;
        let options = runner::Options { digest: Some(digest), ..options.clone() };
        let ended = runner.implement(id, &options).await?;
        Ok((ended, client.change(&id.to_string()).await?))
    })?;
    tell_incidents(&change, shell);
    if shell.format() == Format::Json {
        shell.json(&change)?;
    }
    conclude(&change, &ended, shell)
}

/// Waits until no other change holds this one back, or the time is over; the server refuses it then. Emergencies wait for
/// nobody.
async fn wait_for_turn(
    client: &Client,
    change: &Change,
    time: Duration,
    shell: &Shell,
) -> Result<(), Failure> {
    let (id, deadline) = (&change.change_id, Instant::now() + time);
    let waits = change.state == StateName::Approved.as_str()
        && change.request.change_type != ChangeType::Emergency.as_str();
    let mut told = None;
    while waits && Instant::now() < deadline {
        let conflicts = client.conflicts(id).await?;
        let Some(holding) = conflicts.items.into_iter().find(|conflict| conflict.holds) else { break };
        if told.as_ref() != Some(&holding.change_id) {
            shell.say(format!("{id} waits for {}", plain(&holding.reason)));
        }
        told = Some(holding.change_id);
        sleep_until((Instant::now() + TURN_POLL).min(deadline)).await;
    }
    Ok(())
}

/// Says early and in full why a change may not be run that is not approved. What else forbids it the server says.
fn require_approved(change: &Change) -> Result<(), Failure> {
    match change.state.parse().map_err(|error| Failure::of(&error))? {
        StateName::Draft
        | StateName::Assessing
        | StateName::AwaitingApproval
        | StateName::Rejected
        | StateName::Cancelled => {}
        StateName::Approved
        | StateName::Implementing
        | StateName::Interrupted
        | StateName::Validating
        | StateName::Implemented
        | StateName::RollingBack
        | StateName::RolledBack
        | StateName::Failed
        | StateName::Closed => return Ok(()),
    }
    let id = &change.change_id;
    let failure = Failure::new(format!("{id} is {}, not approved", render::words(&change.state)))
        .with_status(ExitStatus::Refused);
    let outstanding = render::change::outstanding(change);
    let failure = outstanding.into_iter().fold(failure, |failure, line| failure.at("outstanding", line));
    Err(failure.next(format!(
        "wait for its approval with `cortex-change wait {id}`, or see `cortex-change show {id}`"
    )))
}
