//! `close`: ends a change and documents how it went.

use api::command::CloseRequest;
use domain::id::ChangeId;

use super::{Outcome, moved};
use crate::shell::Shell;

/// Accepted ends, as the specification and the outcomes spell them.
const STATUSES: [&str; 5] = ["success", "successful", "partial", "failed", "rolled_back"];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cortex-change close $change_id --status success\n  \
                        cortex-change close CHG-2026-000123 --status partial --follow-up CHG-2026-000124")]
pub(crate) struct Args {
    /// The change
    id: ChangeId,
    /// How it ended
    #[arg(long, value_parser = STATUSES)]
    status: String,
    /// The change that completes a partial one
    #[arg(long, value_name = "ID")]
    follow_up: Option<ChangeId>,
    /// A closing remark
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
}

struct Plan {
    id: String,
    request: CloseRequest,
}

impl From<Args> for Plan {
    fn from(Args { id, status, follow_up, comment }: Args) -> Self {
        let follow_up = follow_up.map(|id| id.to_string());
        Self { id: id.to_string(), request: CloseRequest { status, follow_up, comment } }
    }
}

pub(crate) async fn run(args: Args, shell: &Shell) -> Outcome {
    let Plan { id, request } = args.into();
    moved(shell, &shell.client()?.close(&id, &request).await?)
}
