//! `pause`: lets no further step of a change start.

use domain::id::ChangeId;

use super::{Outcome, moved};
use crate::shell::Shell;

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change pause CHG-2026-000123")]
pub(crate) struct Args {
    /// The change
    id: ChangeId,
}

pub(crate) async fn run(Args { id }: Args, shell: &Shell) -> Outcome {
    moved(shell, &shell.client()?.pause(&id.to_string()).await?)
}
