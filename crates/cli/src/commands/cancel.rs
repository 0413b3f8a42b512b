//! `cancel`: gives a change up before it is started.

use api::command::ReasonRequest;
use domain::id::ChangeId;

use super::{Outcome, moved};
use crate::shell::Shell;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  cortex-change cancel CHG-2026-000123 --reason 'the customer withdrew the order'"
)]
pub(crate) struct Args {
    /// The change
    id: ChangeId,
    /// Why it is given up
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

struct Plan {
    id: String,
    request: ReasonRequest,
}

impl From<Args> for Plan {
    fn from(Args { id, reason }: Args) -> Self {
        Self { id: id.to_string(), request: ReasonRequest { reason } }
    }
}

pub(crate) async fn run(args: Args, shell: &Shell) -> Outcome {
    let Plan { id, request } = args.into();
    moved(shell, &shell.client()?.cancel(&id, &request).await?)
}
