//! `review`: adds a review to a change; the retrospective one fulfils the duty of an emergency change.

use api::command::ReviewRequest;
use domain::change::ReviewKind;
use domain::id::ChangeId;

use super::{Outcome, moved};
use crate::args::word;
use crate::shell::Shell;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  cortex-change review CHG-2026-000123 --kind retrospective 'Rightly done; the alarm came late.'"
)]
pub(crate) struct Args {
    /// The change
    id: ChangeId,
    /// Which review
    #[arg(long, value_parser = word(ReviewKind::ALL), default_value = "post_implementation")]
    kind: ReviewKind,
    /// The findings
    text: String,
}

struct Plan {
    id: String,
    request: ReviewRequest,
}

impl From<Args> for Plan {
    fn from(Args { id, kind, text }: Args) -> Self {
        Self { id: id.to_string(), request: ReviewRequest { kind: kind.to_string(), text } }
    }
}

pub(crate) async fn run(args: Args, shell: &Shell) -> Outcome {
    let Plan { id, request } = args.into();
    moved(shell, &shell.client()?.review(&id, &request).await?)
}
