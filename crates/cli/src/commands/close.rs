//! `close`: ends a change and documents how it went.

use api::command::{CloseRequest, Documentation};
use domain::id::ChangeId;

use super::satisfy::digest;
use super::{Outcome, moved};
use crate::failure::Failure;
use crate::shell::{Shell, plain};

/// Accepted ends, as the specification and the outcomes spell them.
const STATUSES: [&str; 5] = ["success", "successful", "partial", "failed", "rolled_back"];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cortex-change close $change_id --status success\n  \
                        cortex-change close $change_id --status success --documentation docs/runbook.md\n  \
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
    /// Where what was done is documented: a link, or a file of which the digest is kept
    #[arg(long, value_name = "LINK|FILE")]
    documentation: Option<String>,
}

pub(crate) async fn run(args: Args, shell: &Shell) -> Outcome {
    let Args { id, status, follow_up, comment, documentation } = args;
    let documentation = documentation.map(|at| documented(at, shell)).transpose()?;
    let follow_up = follow_up.map(|id| id.to_string());
    let request = CloseRequest { status, follow_up, comment, documentation };
    let change = shell.client()?.close(&id.to_string(), &request).await?;
    // What became of the CMDB stands behind the end.
    let ended = change.audit_trail.iter().rposition(|entry| entry.action == "closed");
    for entry in change.audit_trail.iter().skip(ended.map_or(usize::MAX, |at| at + 1)) {
        shell.say(plain(&entry.details));
    }
    moved(shell, &change)
}

fn documented(at: String, shell: &Shell) -> Result<Documentation, Failure> {
    if ["https://", "http://"].iter().any(|scheme| at.starts_with(scheme)) {
        return Ok(Documentation { link: Some(at), sha256: None });
    }
    let sha256 = digest(&at, shell)?;
    Ok(Documentation { link: None, sha256: Some(sha256.to_string()) })
}
