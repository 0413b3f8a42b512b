//! `amend`: replaces what a change asks for. Approvals of the former content become void.

use domain::id::ChangeId;

use super::{Outcome, moved};
use crate::failure::Failure;
use crate::request::{Assembled, RequestArgs};
use crate::shell::Shell;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cortex-change amend CHG-2026-000123 --plan .cortex-change.yaml\n  \
                        cortex-change amend CHG-2026-000123 --commit 1a2b3c4 --test-results junit.xml\n  \
                        cortex-change amend CHG-2026-000123 --findings osv.json\n\n\
                        What is not typed stays as it is. A file given with --file replaces all of it.")]
pub(crate) struct Args {
    /// The change
    id: ChangeId,
    #[command(flatten)]
    request: RequestArgs,
}

pub(crate) async fn run(Args { id, request }: Args, shell: &Shell) -> Outcome {
    if request.is_empty() {
        return Err(Failure::usage("nothing to amend was given").next("see `cortex-change amend --help`"));
    }
    let id = id.to_string();
    let client = shell.client()?;
    let current = client.change(&id).await?;
    let Assembled { request, notes } = request.amend(current.request, shell)?;
    notes.iter().for_each(|note| shell.warn(note));
    moved(shell, &client.amend_change(&id, current.version, &request).await?)
}
