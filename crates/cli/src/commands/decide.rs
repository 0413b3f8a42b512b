//! `decide`: answers the question about a step that waits for a person.

use api::command::DecideStepRequest;
use domain::id::{ChangeId, StepName};
use domain::plan::Decision;

use super::{Outcome, moved};
use crate::args::word;
use crate::shell::Shell;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cortex-change decide CHG-2026-000123 'switch traffic' done\n  \
                        cortex-change decide CHG-2026-000123 migrate redo\n  \
                        cortex-change decide CHG-2026-000123 'user acceptance' done --comment 'orders look right'")]
pub(crate) struct Args {
    /// The change
    id: ChangeId,
    /// The step's name
    step: StepName,
    /// What to do: it is done, execute it again, or give it up
    #[arg(value_parser = word(Decision::ALL))]
    decision: Decision,
    /// What is said with it; needed where `user acceptance` is answered
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
}

struct Plan {
    id: String,
    request: DecideStepRequest,
}

impl From<Args> for Plan {
    fn from(Args { id, step, decision, comment }: Args) -> Self {
        let request = DecideStepRequest { step: step.to_string(), decision: decision.to_string(), comment };
        Self { id: id.to_string(), request }
    }
}

pub(crate) async fn run(args: Args, shell: &Shell) -> Outcome {
    let Plan { id, request } = args.into();
    moved(shell, &shell.client()?.decide_step(&id, &request).await?)
}
