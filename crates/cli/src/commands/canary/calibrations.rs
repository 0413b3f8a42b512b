//! `canary calibrations`: those that are saved on the server.

use domain::id::ServiceName;

use crate::commands::Outcome;
use crate::exit::ExitStatus;
use crate::render;
use crate::shell::{Format, Shell};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cortex-change canary calibrations\n  cortex-change canary calibrations --service checkout --output json"
)]
pub(super) struct Args {
    /// Those of one service, the newest first
    #[arg(long, value_name = "NAME")]
    service: Option<ServiceName>,
}

pub(super) async fn run(args: &Args, shell: &Shell) -> Outcome {
    let page = shell.client()?.list_calibrations(args.service.as_ref().map(ServiceName::as_str)).await?;
    match shell.format() {
        Format::Text if page.items.is_empty() => shell.say("no calibration is saved"),
        Format::Text => shell.data(&render::canary::calibrations(&page.items, shell.data_paint()))?,
        Format::Json => shell.json(&page)?,
    }
    Ok(ExitStatus::Done)
}
