//! `show`: a change in full.

use domain::id::ChangeId;

use super::Outcome;
use crate::exit::ExitStatus;
use crate::render;
use crate::shell::{Format, Shell};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cortex-change show CHG-2026-000123\n  \
                        cortex-change show CHG-2026-000123 --output json | jq .audit_trail")]
pub(crate) struct Args {
    /// The change
    id: ChangeId,
}

pub(crate) async fn run(Args { id }: Args, shell: &Shell) -> Outcome {
    let change = shell.client()?.change(&id.to_string()).await?;
    match shell.format() {
        Format::Text => shell.data(&render::change::in_full(&change, shell.data_paint()))?,
        Format::Json => shell.json(&change)?,
    }
    Ok(ExitStatus::Done)
}
