//! `incident`: incidents that changes led to.

use api::incident::{RootCause, UpdateIncident};
use api::{PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX};
use clap::Subcommand;
use client::{Client, IncidentFilter};
use domain::Timestamp;
use domain::id::{CiName, IncidentId};
use domain::incident::IncidentState;

use super::Outcome;
use crate::args::word;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::render;
use crate::shell::{Format, Shell};

#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: IncidentCommand,
}

#[derive(Debug, Subcommand)]
enum IncidentCommand {
    /// List incidents
    List(ListArgs),
    /// Show an incident with its timeline and root cause
    Show(ShowArgs),
    /// Rank the changes that may have led to an incident, or to the trouble of an item
    Suspects(SuspectsArgs),
    /// Move an incident on, add to its timeline, record its root cause
    Update(UpdateArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change incident list --state open")]
struct ListArgs {
    /// Only incidents that are there in their life
    #[arg(long, value_parser = word(IncidentState::ALL))]
    state: Option<IncidentState>,
    /// Most incidents of one page
    #[arg(long, value_name = "N", default_value_t = PAGE_ITEMS_DEFAULT)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(PAGE_ITEMS_MAX)))]
    limit: u32,
    /// Go on after the page before, with the cursor that it ended with
    #[arg(long)]
    cursor: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change incident show INC-2026-000007")]
struct ShowArgs {
    /// The incident
    id: IncidentId,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cortex-change incident suspects INC-2026-000007\n  \
                        cortex-change incident suspects --ci checkout --at 2026-03-01T14:05:00Z")]
#[command(group = clap::ArgGroup::new("trouble").required(true))]
struct SuspectsArgs {
    /// The incident
    #[arg(group = "trouble")]
    id: Option<IncidentId>,
    /// The configuration item or service that is in trouble
    #[arg(long, group = "trouble", value_name = "NAME")]
    ci: Option<CiName>,
    /// When the trouble began; now when absent
    #[arg(long, value_name = "INSTANT", requires = "ci")]
    at: Option<Timestamp>,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cortex-change incident update INC-2026-000007 --state investigating --note 'on it'\n  \
                        cortex-change incident update INC-2026-000007 --state resolved --cause 'pool too small' \
                        --remedy 'limit raised, alarm added'"
)]
#[command(group = clap::ArgGroup::new("what").multiple(true).required(true))]
struct UpdateArgs {
    /// The incident
    id: IncidentId,
    /// Where it is now in its life
    #[arg(long, group = "what", value_parser = word(IncidentState::ALL))]
    state: Option<IncidentState>,
    /// An entry for the timeline
    #[arg(long, group = "what", value_name = "TEXT")]
    note: Option<String>,
    /// The root cause
    #[arg(long, group = "what", value_name = "TEXT", requires = "remedy")]
    cause: Option<String>,
    /// What was or will be done so that it does not happen again
    #[arg(long, group = "what", value_name = "TEXT", requires = "cause")]
    remedy: Option<String>,
}

impl From<ListArgs> for IncidentFilter {
    fn from(ListArgs { state, limit, cursor }: ListArgs) -> Self {
        Self { state: state.map(|state| state.to_string()), cursor, limit: Some(limit) }
    }
}

impl From<UpdateArgs> for (IncidentId, UpdateIncident) {
    fn from(args: UpdateArgs) -> Self {
        let root_cause = args.cause.zip(args.remedy).map(|(cause, remedy)| RootCause { cause, remedy });
        (
            args.id,
            UpdateIncident { state: args.state.map(|state| state.to_string()), note: args.note, root_cause },
        )
    }
}

pub(crate) async fn run(Args { command }: Args, shell: &Shell) -> Outcome {
    let client = shell.client()?;
    match command {
        IncidentCommand::List(args) => list(&client, &args.into(), shell).await?,
        IncidentCommand::Show(args) => {
            let incident = client.incident(&args.id.to_string()).await?;
            match shell.format() {
                Format::Text => shell.data(&render::incident::in_full(&incident, shell.data_paint()))?,
                Format::Json => shell.json(&incident)?,
            }
        }
        IncidentCommand::Suspects(SuspectsArgs { id, ci, at }) => {
            let suspects = match (id, ci) {
                (Some(id), _) => client.suspects(&id.to_string()).await?,
                (None, ci) => {
                    let (ci, at) =
                        (ci.map(|ci| ci.to_string()).unwrap_or_default(), at.map(|at| at.to_string()));
                    client.suspects_of_item(&ci, at.as_deref()).await?
                }
            };
            match shell.format() {
                Format::Text => shell.data(&render::incident::suspects(&suspects, shell.data_paint()))?,
                Format::Json => shell.json(&suspects)?,
            }
        }
        IncidentCommand::Update(args) => {
            let (id, update) = args.into();
            let incident = client.update_incident(&id.to_string(), &update).await?;
            match shell.format() {
                Format::Text => shell.say(format!("{id} is {}", render::words(&incident.summary.state))),
                Format::Json => shell.json(&incident)?,
            }
        }
    }
    Ok(ExitStatus::Done)
}

async fn list(client: &Client, filter: &IncidentFilter, shell: &Shell) -> Result<(), Failure> {
    let page = client.list_incidents(filter).await?;
    match shell.format() {
        Format::Text if page.items.is_empty() => shell.say("no incident is like that"),
        Format::Text => shell.data(&render::incident::list(&page.items, shell.data_paint()))?,
        Format::Json => shell.json(&page)?,
    }
    if let Some(cursor) = &page.next_cursor {
        shell.say(format!("there are more: `--cursor {cursor}`"));
    }
    Ok(())
}
