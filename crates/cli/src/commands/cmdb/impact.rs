//! `cmdb impact`: what a failure of an item reaches.

use domain::id::CiName;

use crate::commands::Outcome;
use crate::exit::ExitStatus;
use crate::render;
use crate::shell::{Format, Shell};

/// Most items that are told of in text.
const ITEMS_TOLD: usize = 20;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cortex-change cmdb impact StatefulSet/shop/postgres\n  \
                        cortex-change cmdb impact StatefulSet/shop/postgres --depth 3 --soft --output json")]
pub(crate) struct Args {
    /// The item
    id: CiName,
    /// Most relations in between
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    depth: Option<u32>,
    /// Follow soft relations too: also what would only work slower or poorer
    #[arg(long)]
    soft: bool,
    /// Tell of every item that the server lists, not only of the nearest
    #[arg(long)]
    all: bool,
}

pub(super) async fn run(Args { id, depth, soft, all }: Args, shell: &Shell) -> Outcome {
    let impact = shell.client()?.ci_impact(id.as_str(), depth, soft).await?;
    match shell.format() {
        Format::Text => {
            let most = if all { usize::MAX } else { ITEMS_TOLD };
            shell.data(&render::cmdb::impact(&impact, most, shell.data_paint()))?;
        }
        Format::Json => shell.json(&impact)?,
    }
    Ok(ExitStatus::Done)
}
