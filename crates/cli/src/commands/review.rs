//! `review`: adds a review to a change; the retrospective one fulfils the duty of an emergency change. A finding corrects
//! what is learned from the change.

use api::command::ReviewRequest;
use domain::change::{ReviewFinding, ReviewKind};
use domain::id::ChangeId;

use super::{Outcome, moved};
use crate::args::word;
use crate::shell::Shell;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "A finding says what the outcome of a closed change truly was. From then on records, similar changes and models \
        learn that; the closing outcome stays beside it, and the last finding holds. Somebody outside the requester's side decides it.\n\n\
        Examples:\n  cortex-change review CHG-2026-000123 --kind retrospective 'Rightly done; the alarm came late.'\n  \
        cortex-change review CHG-2026-000123 --finding succeeded 'Rolled back for a false alarm.'\n  \
        cortex-change review CHG-2026-000124 --finding failed 'INC-2026-000007 was its doing.'"
)]
pub(crate) struct Args {
    /// The change
    id: ChangeId,
    /// Which review
    #[arg(long, value_parser = word(ReviewKind::ALL), default_value = "post_implementation")]
    kind: ReviewKind,
    /// What the outcome truly was, whatever the change was closed as
    #[arg(long, value_parser = word(ReviewFinding::ALL))]
    finding: Option<ReviewFinding>,
    /// What is to be said
    text: String,
}

struct Plan {
    id: String,
    request: ReviewRequest,
}

impl From<Args> for Plan {
    fn from(Args { id, kind, finding, text }: Args) -> Self {
        let finding = finding.map(|finding| finding.to_string());
        Self { id: id.to_string(), request: ReviewRequest { kind: kind.to_string(), text, finding } }
    }
}

pub(crate) async fn run(args: Args, shell: &Shell) -> Outcome {
    let Plan { id, request } = args.into();
    moved(shell, &shell.client()?.review(&id, &request).await?)
}
