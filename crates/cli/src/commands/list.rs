//! `list`: changes by state, risk, service and more.

use api::change::ChangeSummary;
use api::{PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX, Page};
use client::ChangeFilter;
use domain::change::{Category, ChangeType, StateName};
use domain::id::{ActorName, CiName, EnvironmentName, ServiceName};
use jiff::Timestamp;

use super::Outcome;
use crate::args::word;
use crate::exit::ExitStatus;
use crate::render;
use crate::shell::{Format, Shell};

/// Most changes that `--all` lists.
const CHANGES_MAX: usize = 100_000;
/// Accepted levels.
const LEVELS: [&str; 4] = ["low", "medium", "high", "critical"];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cortex-change list --state awaiting_approval --sort -risk\n  \
                        cortex-change list --service cart --all --output json")]
pub(crate) struct Args {
    /// Only changes that are there in their life
    #[arg(long, value_parser = word(StateName::ALL))]
    state: Option<StateName>,
    /// Only this ITIL change type
    #[arg(long = "type", value_name = "TYPE", value_parser = word(ChangeType::ALL))]
    change_type: Option<ChangeType>,
    /// Only this category
    #[arg(long, value_parser = word(Category::ALL))]
    category: Option<Category>,
    /// Only this risk level
    #[arg(long, value_parser = LEVELS)]
    level: Option<String>,
    /// Only changes that this actor asked for
    #[arg(long, value_name = "NAME")]
    requester: Option<ActorName>,
    /// Only changes of this service
    #[arg(long, value_name = "NAME")]
    service: Option<ServiceName>,
    /// Only changes that name this configuration item, as such or as a service
    #[arg(long, value_name = "ID")]
    ci: Option<CiName>,
    /// Only changes of this environment
    #[arg(long, value_name = "NAME")]
    environment: Option<EnvironmentName>,
    /// Only changes whose title or description has these words
    #[arg(long, value_name = "WORDS")]
    text: Option<String>,
    /// Only changes created at or after this instant, as 2026-01-31T14:00:00Z
    #[arg(long, value_name = "INSTANT")]
    created_after: Option<Timestamp>,
    /// Only changes created before this instant
    #[arg(long, value_name = "INSTANT")]
    created_before: Option<Timestamp>,
    /// The order; with `-` before it, the largest or latest first
    #[arg(long, value_name = "[-]FIELD", allow_hyphen_values = true, value_parser = SORTS)]
    sort: Option<String>,
    /// Most changes of one page
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

/// Accepted orders.
const SORTS: [&str; 12] = [
    "created",
    "-created",
    "updated",
    "-updated",
    "risk",
    "-risk",
    "priority",
    "-priority",
    "deadline",
    "-deadline",
    "id",
    "-id",
];

struct Plan {
    filter: ChangeFilter,
    every_page: bool,
}

impl From<Args> for Plan {
    fn from(args: Args) -> Self {
        let filter = ChangeFilter {
            state: args.state.map(|state| state.to_string()),
            change_type: args.change_type.map(|change_type| change_type.to_string()),
            category: args.category.map(|category| category.to_string()),
            level: args.level,
            requester: args.requester.map(|requester| requester.to_string()),
            service: args.service.map(|service| service.to_string()),
            ci: args.ci.map(|ci| ci.to_string()),
            environment: args.environment.map(|environment| environment.to_string()),
            text: args.text,
            created_after: args.created_after.map(|instant| instant.to_string()),
            created_before: args.created_before.map(|instant| instant.to_string()),
            sort: args.sort,
            cursor: args.cursor,
            limit: Some(if args.all { PAGE_ITEMS_MAX } else { args.limit }),
            runner: None,
        };
        Self { filter, every_page: args.all }
    }
}

pub(crate) async fn run(args: Args, shell: &Shell) -> Outcome {
    let Plan { mut filter, every_page } = args.into();
    let client = shell.client()?;
    let mut page: Page<ChangeSummary> = client.list_changes(&filter).await?;
    while every_page && page.items.len() < CHANGES_MAX {
        let Some(cursor) = page.next_cursor.take() else { break };
        filter.cursor = Some(cursor);
        let next = client.list_changes(&filter).await?;
        page.items.extend(next.items);
        page.next_cursor = next.next_cursor;
    }
    match shell.format() {
        Format::Text if page.items.is_empty() => shell.say("no change is like that"),
        Format::Text => shell.data(&render::change::list(&page.items, shell.data_paint()))?,
        Format::Json => shell.json(&page)?,
    }
    if let Some(cursor) = &page.next_cursor {
        shell.say(format!("there are more: `--all`, or `--cursor {cursor}`"));
    }
    Ok(ExitStatus::Done)
}
