//! `whoami`: shows who the server takes the caller for.

use super::Outcome;
use crate::exit::ExitStatus;
use crate::render;
use crate::shell::{Format, Shell};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change whoami --output json")]
pub(crate) struct Args {}

pub(crate) async fn run(Args {}: Args, shell: &Shell) -> Outcome {
    let caller = shell.client()?.whoami().await?;
    match shell.format() {
        Format::Text => shell.data(&render::actor::caller(&caller, shell.data_paint()))?,
        Format::Json => shell.json(&caller)?,
    }
    Ok(ExitStatus::Done)
}
