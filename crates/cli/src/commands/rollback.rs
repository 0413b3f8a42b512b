//! `rollback`: takes a change back. Its runner does it where it has one, otherwise this machine.

use api::change::Change;
use api::command::ReasonRequest;
use client::Client;
use domain::id::ChangeId;
use runner::Ended;

use super::{Outcome, moved};
use crate::exit::ExitStatus;
use crate::running::{How, Machine, MachineArgs, conclude};
use crate::shell::Shell;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cortex-change rollback CHG-2026-000123 --reason 'customers cannot pay'\n  \
                        cortex-change rollback CHG-2026-000123 --reason 'customers cannot pay' --request-only\n\n\
                        Ends with 0 when it was rolled back, 6 when it could not be."
)]
pub(crate) struct Args {
    /// The change
    id: ChangeId,
    /// Why it is taken back
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Only ask for it, and leave the work to a runner elsewhere
    #[arg(long)]
    request_only: bool,
    #[command(flatten)]
    machine: MachineArgs,
}

/// Who does the work.
enum By {
    /// The runner that holds the change, or some other one later.
    Another,
    ThisMachine,
}

impl By {
    fn of(change: &Change, request_only: bool) -> Self {
        let has_runner = change.implementation.as_ref().is_some_and(|run| run.runner.is_some());
        if has_runner || request_only { Self::Another } else { Self::ThisMachine }
    }
}

pub(crate) fn run(args: Args, shell: &Shell) -> Outcome {
    let client = shell.client()?;
    let change = shell.block_on(async { Ok(client.change(&args.id.to_string()).await?) })?;
    match By::of(&change, args.request_only) {
        By::Another => shell.block_on(request(&client, args.id, args.reason, shell)),
        By::ThisMachine => carry_out(client, &args, &change, shell),
    }
}

async fn request(client: &Client, id: ChangeId, reason: String, shell: &Shell) -> Outcome {
    let change = client.roll_back(&id.to_string(), &ReasonRequest { reason }).await?;
    moved(shell, &change)
}

fn carry_out(client: Client, args: &Args, change: &Change, shell: &Shell) -> Outcome {
    let machine = Machine::new(client.clone(), &args.machine, shell)?;
    machine.check_commit(change)?;
    let how = How { monitor: false, auto_rollback: true };
    let (ended, change) = machine.run(how, async |runner, options| {
        let ended = runner.roll_back(args.id, &args.reason, options).await?;
        Ok((ended, client.change(&args.id.to_string()).await?))
    })?;
    let status = conclude(&change, &ended, shell)?;
    // Here the rollback is what was asked for.
    Ok(if matches!(ended, Ended::RolledBack { .. }) { ExitStatus::Done } else { status })
}
