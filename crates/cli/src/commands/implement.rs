//! `implement`: carries an approved change's plan out on this machine, watched, and back if it must.

use api::change::Change;
use domain::change::StateName;
use domain::id::ChangeId;
use runner::RunnerError;

use super::Outcome;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::render;
use crate::running::{How, Machine, MachineArgs, conclude, tell_incidents};
use crate::shell::{Format, Shell};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cortex-change implement $change_id --monitor --auto-rollback\n  \
                        cortex-change implement CHG-2026-000123 --monitor\n\n\
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
    #[command(flatten)]
    machine: MachineArgs,
}

struct Plan {
    id: ChangeId,
    how: How,
    machine: MachineArgs,
}

impl From<Args> for Plan {
    fn from(Args { id, monitor, auto_rollback, machine }: Args) -> Self {
        Self { id, how: How { monitor, auto_rollback }, machine }
    }
}

pub(crate) fn run(args: Args, shell: &Shell) -> Outcome {
    let Plan { id, how, machine } = args.into();
    let client = shell.client()?;
    let machine = Machine::new(client.clone(), &machine, shell)?;
    let (ended, change) = machine.run(how, async |runner, options| {
        let change = client.change(&id.to_string()).await?;
        if change.request.implementation_plan.is_none() {
            return Err(RunnerError::NoPlan.into());
        }
        require_approved(&change)?;
        machine.check_commit(&change)?;
        if how.auto_rollback && !how.monitor && !change.request.monitors.is_empty() {
            shell.warn("without `--monitor` only a failed step leads to a rollback, no monitor is asked");
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
