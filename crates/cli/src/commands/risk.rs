//! `risk`: how a change's risk adds up.

use domain::id::ChangeId;

use super::Outcome;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::render;
use crate::shell::{Format, Shell};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change risk CHG-2026-000123")]
pub(crate) struct Args {
    /// The change
    id: ChangeId,
}

pub(crate) async fn run(Args { id }: Args, shell: &Shell) -> Outcome {
    let change = shell.client()?.change(&id.to_string()).await?;
    let risk = change.risk.as_ref().ok_or_else(|| {
        Failure::new(format!("{id} is {} and has no assessment", render::words(&change.state)))
            .next(format!("a draft is assessed when it is handed in: `cortex-change submit {id}`"))
    })?;
    match shell.format() {
        Format::Text => {
            shell.data(&render::risk::whole_assessment(&change.change_id, risk, shell.data_paint()))?;
        }
        Format::Json => shell.json(risk)?,
    }
    Ok(ExitStatus::Done)
}
