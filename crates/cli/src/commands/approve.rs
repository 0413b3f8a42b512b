//! `approve`: approves a change as an authority, bound to the digest of exactly what was shown.

use api::command::ApproveRequest;
use domain::actor::Role;
use domain::canonical::Digest;
use domain::id::ChangeId;

use super::{Outcome, moved};
use crate::args::word;
use crate::exit::ExitStatus;
use crate::render;
use crate::shell::Shell;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cortex-change approve CHG-2026-000123\n  \
                        cortex-change approve CHG-2026-000123 --as cab_member --condition 'staging tests passed'\n\n\
                        What will run is shown first, and the approval holds for just that: any amendment voids it.")]
pub(crate) struct Args {
    /// The change
    id: ChangeId,
    /// The role exercised; needed by those who hold several of the outstanding ones
    #[arg(long = "as", value_name = "ROLE", value_parser = word(Role::ALL))]
    role: Option<Role>,
    /// The one in whose place you approve, where they delegated their authority to you
    #[arg(long = "for", value_name = "NAME")]
    in_place_of: Option<String>,
    /// Something that must be met before the start; repeat for each
    #[arg(long = "condition", value_name = "TEXT")]
    conditions: Vec<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// Do not ask for confirmation
    #[arg(long, short)]
    yes: bool,
    /// Digest of what was seen elsewhere; nothing is then shown or asked
    #[arg(long)]
    digest: Option<Digest>,
}

/// What was typed, once it is known what is approved.
struct Plan {
    id: String,
    request: ApproveRequest,
}

impl Args {
    fn plan(self, digest: String) -> Plan {
        let request = ApproveRequest {
            role: self.role.map(|role| role.to_string()),
            in_place_of: self.in_place_of,
            digest,
            conditions: self.conditions,
            comment: self.comment,
        };
        Plan { id: self.id.to_string(), request }
    }
}

pub(crate) async fn run(args: Args, shell: &Shell) -> Outcome {
    let client = shell.client()?;
    let digest = match args.digest {
        Some(digest) => digest.to_string(),
        None => {
            let change = client.change(&args.id.to_string()).await?;
            // Said also to those who want it quiet: nobody may approve what they were not shown.
            shell.show(render::change::for_approval(&change, shell.talk_paint()).trim_end());
            if !args.yes && !shell.confirms(&format!("Approve {} as shown?", args.id))? {
                shell.say("nothing was approved");
                return Ok(ExitStatus::Error);
            }
            change.digest
        }
    };
    let Plan { id, request } = args.plan(digest);
    moved(shell, &client.approve(&id, &request).await?)
}
