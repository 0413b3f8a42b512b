//! `satisfy`: records what shows that a condition of an approval is met.

use api::change::SatisfyRequest;
use domain::id::ChangeId;

use super::{Outcome, moved};
use crate::shell::Shell;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  cortex-change satisfy CHG-2026-000123 0 --evidence 'https://ci.example/staging/512 passed'"
)]
pub(crate) struct Args {
    /// The change
    id: ChangeId,
    /// The condition's number, as `cortex-change show` lists it
    condition: usize,
    /// What shows that it is met
    #[arg(long, value_name = "TEXT")]
    evidence: String,
}

struct Plan {
    id: String,
    condition: usize,
    request: SatisfyRequest,
}

impl From<Args> for Plan {
    fn from(Args { id, condition, evidence }: Args) -> Self {
        Self { id: id.to_string(), condition, request: SatisfyRequest { evidence } }
    }
}

pub(crate) async fn run(args: Args, shell: &Shell) -> Outcome {
    let Plan { id, condition, request } = args.into();
    moved(shell, &shell.client()?.satisfy_condition(&id, condition, &request).await?)
}
