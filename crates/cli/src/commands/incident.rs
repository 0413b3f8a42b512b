//! `incident`: what went wrong, by a change or not.

use api::incident::{OpenIncident, RootCause, UpdateIncident};
use api::known_problem::UpdateProblem;
use api::{PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX};
use clap::Subcommand;
use client::{Client, IncidentFilter};
use domain::Timestamp;
use domain::id::{ChangeId, CiName, IncidentId, ServiceName};
use domain::incident::{IncidentState, Severity};
use domain::problem::ProblemId;

use super::Outcome;
use super::create::random_key;
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
    /// Report an incident of a service or an item, with or without the change that led to it
    Open(OpenArgs),
    /// Say which change led to an incident, or which problem lies behind it
    Link(LinkArgs),
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
    after_help = "Examples:\n  cortex-change incident open --service checkout --title 'Checkout is slow' 'p99 is 3 s.'\n  \
                  cortex-change incident open --change CHG-2026-000123 --since 2026-03-01T14:05:00Z --major \
                  --title 'Orders are lost' 'Since the new version.'"
)]
#[command(group = clap::ArgGroup::new("of").multiple(true).required(true))]
struct OpenArgs {
    /// One line
    #[arg(long, value_name = "TEXT")]
    title: String,
    /// A service that is in trouble; may be given several times
    #[arg(long = "service", group = "of", value_name = "NAME")]
    services: Vec<ServiceName>,
    /// A configuration item that is in trouble; may be given several times
    #[arg(long = "ci", group = "of", value_name = "NAME")]
    cis: Vec<CiName>,
    /// The change that led to it, where one is known; only a person may say so
    #[arg(long, group = "of", value_name = "ID")]
    change: Option<ChangeId>,
    /// When the trouble began; now when absent
    #[arg(long, value_name = "INSTANT")]
    since: Option<Timestamp>,
    /// Page: people are needed at once
    #[arg(long)]
    major: bool,
    /// What is known so far
    text: String,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cortex-change incident link INC-2026-000007 --change CHG-2026-000123\n  \
                        cortex-change incident link INC-2026-000007 --problem PRB-7"
)]
#[command(group = clap::ArgGroup::new("to").multiple(true).required(true))]
struct LinkArgs {
    /// The incident
    id: IncidentId,
    /// The change that led to it; `incident suspects` ranks those that may have
    #[arg(long, group = "to", value_name = "ID")]
    change: Option<ChangeId>,
    /// The problem behind it
    #[arg(long, group = "to", value_name = "ID")]
    problem: Option<ProblemId>,
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
            UpdateIncident {
                state: args.state.map(|state| state.to_string()),
                note: args.note,
                root_cause,
                ..UpdateIncident::default()
            },
        )
    }
}

impl From<OpenArgs> for OpenIncident {
    fn from(args: OpenArgs) -> Self {
        let OpenArgs { title, services, cis, change, since, major, text } = args;
        let services = services.iter().map(ToString::to_string);
        Self {
            title,
            text,
            severity: major.then(|| Severity::Major.to_string()),
            affected: services.chain(cis.iter().map(ToString::to_string)).collect(),
            change: change.map(|id| id.to_string()),
            began_at: since.map(|since| since.to_string()),
        }
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
        IncidentCommand::Open(args) => {
            let incident = client.open_incident(&args.into(), &random_key()?).await?;
            match shell.format() {
                Format::Text => shell.data(&format!("{}\n", incident.summary.incident_id))?,
                Format::Json => shell.json(&incident)?,
            }
        }
        IncidentCommand::Link(args) => link(&client, args, shell).await?,
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

async fn link(
    client: &Client,
    LinkArgs { id, change, problem }: LinkArgs,
    shell: &Shell,
) -> Result<(), Failure> {
    let name = id.to_string();
    if let Some(change) = change {
        let update = UpdateIncident { change: Some(change.to_string()), ..UpdateIncident::default() };
        client.update_incident(&name, &update).await?;
    }
    if let Some(problem) = problem {
        let update = UpdateProblem { incident: Some(name.clone()), ..UpdateProblem::default() };
        client.update_problem(&problem.to_string(), &update).await?;
    }
    let to: Vec<String> =
        change.map(|id| id.to_string()).into_iter().chain(problem.map(|id| id.to_string())).collect();
    shell.tell(&client.incident(&name).await?, format!("{id} is linked to {}", to.join(" and ")))?;
    if let Some(change) = change {
        // The link says what led to what. Whether the change failed by it is learned from its review alone.
        shell.say(format!(
            "if {change} failed by that, its review says so: `cortex-change review {change} --finding failed 'the cause of {id}'`"
        ));
    }
    Ok(())
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
