//! `cmdb list`: items by type, tier, owner and more.

use api::cmdb::CiSummary;
use api::{PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX, Page};
use client::CiFilter;
use domain::cmdb::{CiType, Lifecycle};
use domain::id::EnvironmentName;

use crate::args::word;
use crate::commands::Outcome;
use crate::exit::ExitStatus;
use crate::render;
use crate::shell::{Format, Shell};

/// Most items that `--all` lists.
const ITEMS_MAX: usize = 1_000_000;
/// Accepted orders.
const SORTS: [&str; 6] = ["id", "-id", "updated", "-updated", "tier", "-tier"];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cortex-change cmdb list --type service --sort tier\n  \
                        cortex-change cmdb list --source kubernetes:shop --text redis\n  \
                        cortex-change cmdb list --only-named")]
pub(crate) struct Args {
    /// Only items of this type
    #[arg(long = "type", value_name = "TYPE", value_parser = word(CiType::ALL))]
    ci_type: Option<CiType>,
    /// Only items of this tier, 0 (critical) to 3 (low)
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=3))]
    tier: Option<u8>,
    /// Only items of this owner
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// Only items that run there
    #[arg(long, value_name = "NAME")]
    environment: Option<EnvironmentName>,
    /// Only items that stand there between plan and end
    #[arg(long, value_parser = word(Lifecycle::ALL))]
    lifecycle: Option<Lifecycle>,
    /// Only items that this source describes
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Only items with this in their id
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Items that nobody describes and that are only named by relations of others
    #[arg(long, conflicts_with_all = ["ci_type", "tier", "owner", "environment", "lifecycle", "source", "sort"])]
    only_named: bool,
    /// The order; with `-` before it, the largest or latest first
    #[arg(long, value_name = "[-]FIELD", allow_hyphen_values = true, value_parser = SORTS)]
    sort: Option<String>,
    /// Most items of one page
    #[arg(long, value_name = "N", default_value_t = PAGE_ITEMS_DEFAULT)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(PAGE_ITEMS_MAX)))]
    limit: u32,
    /// Go on after the page before, with the cursor that it ended with
    #[arg(long)]
    cursor: Option<String>,
    /// Every page, not only the first
    #[arg(long)]
    all: bool,
}

struct Plan {
    filter: CiFilter,
    every_page: bool,
}

impl From<Args> for Plan {
    fn from(args: Args) -> Self {
        let filter = CiFilter {
            ci_type: args.ci_type.map(|ci_type| ci_type.to_string()),
            tier: args.tier,
            owner: args.owner,
            environment: args.environment.map(|environment| environment.to_string()),
            lifecycle: args.lifecycle.map(|lifecycle| lifecycle.to_string()),
            source: args.source,
            text: args.text,
            described: args.only_named.then_some(false),
            sort: args.sort,
            cursor: args.cursor,
            limit: Some(if args.all { PAGE_ITEMS_MAX } else { args.limit }),
        };
        Self { filter, every_page: args.all }
    }
}

pub(super) async fn run(args: Args, shell: &Shell) -> Outcome {
    let Plan { mut filter, every_page } = args.into();
    let client = shell.client()?;
    let mut page: Page<CiSummary> = client.list_cis(&filter).await?;
    while every_page && page.items.len() < ITEMS_MAX {
        let Some(cursor) = page.next_cursor.take() else { break };
        filter.cursor = Some(cursor);
        let next = client.list_cis(&filter).await?;
        page.items.extend(next.items);
        page.next_cursor = next.next_cursor;
    }
    match shell.format() {
        Format::Text if page.items.is_empty() => shell.say("no item is like that"),
        Format::Text => shell.data(&render::cmdb::list(&page.items, shell.data_paint()))?,
        Format::Json => shell.json(&page)?,
    }
    if let Some(cursor) = &page.next_cursor {
        shell.say(format!("there are more: `--all`, or `--cursor {cursor}`"));
    }
    Ok(ExitStatus::Done)
}
