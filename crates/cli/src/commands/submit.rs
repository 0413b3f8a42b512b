//! `submit`: hands a draft in.

use domain::id::ChangeId;

use super::{Outcome, moved};
use crate::shell::Shell;

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change submit CHG-2026-000123")]
pub(crate) struct Args {
    /// The change
    id: ChangeId,
}

pub(crate) async fn run(Args { id }: Args, shell: &Shell) -> Outcome {
    moved(shell, &shell.client()?.submit(&id.to_string()).await?)
}
