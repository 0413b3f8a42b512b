//! `reject`: refuses a change as an authority.

use api::command::RejectRequest;
use domain::actor::Role;
use domain::id::ChangeId;

use super::{Outcome, moved};
use crate::args::word;
use crate::shell::Shell;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  cortex-change reject CHG-2026-000123 --reason 'the rollback was never tried'"
)]
pub(crate) struct Args {
    /// The change
    id: ChangeId,
    /// The role exercised; needed by those who hold several of the required ones
    #[arg(long = "as", value_name = "ROLE", value_parser = word(Role::ALL))]
    role: Option<Role>,
    /// The one in whose place you reject, where they delegated their authority to you
    #[arg(long = "for", value_name = "NAME")]
    in_place_of: Option<String>,
    /// Why it is refused
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

struct Plan {
    id: String,
    request: RejectRequest,
}

impl From<Args> for Plan {
    fn from(Args { id, role, in_place_of, reason }: Args) -> Self {
        let role = role.map(|role| role.to_string());
        Self { id: id.to_string(), request: RejectRequest { role, in_place_of, reason } }
    }
}

pub(crate) async fn run(args: Args, shell: &Shell) -> Outcome {
    let Plan { id, request } = args.into();
    moved(shell, &shell.client()?.reject(&id, &request).await?)
}
