//! `cmdb history`: what happened to an item, the last event first.

use api::{PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX};
use domain::id::CiName;

use crate::commands::Outcome;
use crate::exit::ExitStatus;
use crate::render;
use crate::shell::{Format, Shell};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change cmdb history Deployment/shop/cart")]
pub(crate) struct Args {
    /// The item
    id: CiName,
    /// Most entries of one page
    #[arg(long, value_name = "N", default_value_t = PAGE_ITEMS_DEFAULT)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(PAGE_ITEMS_MAX)))]
    limit: u32,
    /// Go on after the page before, with the cursor that it ended with
    #[arg(long)]
    cursor: Option<String>,
}

pub(super) async fn run(Args { id, limit, cursor }: Args, shell: &Shell) -> Outcome {
    let page = shell.client()?.ci_history(id.as_str(), cursor.as_deref(), Some(limit)).await?;
    match shell.format() {
        Format::Text if page.items.is_empty() => shell.say("nobody has described the item yet"),
        Format::Text => shell.data(&render::cmdb::history(&page.items, shell.data_paint()))?,
        Format::Json => shell.json(&page)?,
    }
    if let Some(cursor) = &page.next_cursor {
        shell.say(format!("there are more: `--cursor {cursor}`"));
    }
    Ok(ExitStatus::Done)
}
