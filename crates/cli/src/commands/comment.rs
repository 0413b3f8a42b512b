//! `comment`: adds a remark to a change.

use api::command::CommentRequest;
use domain::id::ChangeId;

use super::{Outcome, moved};
use crate::shell::Shell;

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change comment CHG-2026-000123 'The vendor confirmed the fix.'")]
pub(crate) struct Args {
    /// The change
    id: ChangeId,
    /// The remark
    text: String,
}

struct Plan {
    id: String,
    request: CommentRequest,
}

impl From<Args> for Plan {
    fn from(Args { id, text }: Args) -> Self {
        Self { id: id.to_string(), request: CommentRequest { text } }
    }
}

pub(crate) async fn run(args: Args, shell: &Shell) -> Outcome {
    let Plan { id, request } = args.into();
    moved(shell, &shell.client()?.comment(&id, &request).await?)
}
