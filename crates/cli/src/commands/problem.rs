//! `problem`: what lies behind incidents, and how to live with it.

use api::known_problem::{KnownError, OpenProblem, UpdateProblem};
use api::{PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX};
use clap::Subcommand;
use client::{Client, ProblemFilter};
use domain::id::{ChangeId, IncidentId};
use domain::problem::{ProblemId, ProblemState};

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
    command: ProblemCommand,
}

#[derive(Debug, Subcommand)]
enum ProblemCommand {
    /// List problems
    List(ListArgs),
    /// Show a problem with its known error and timeline
    Show(IdArgs),
    /// Open a problem behind an incident
    Open(OpenArgs),
    /// Say that somebody is looking for the cause, also when it has come back
    Investigate(NoteArgs),
    /// Link a problem to another incident, or to a change that caused or removes it
    Link(LinkArgs),
    /// Record the cause of a problem and how to live with it
    KnownError(KnownErrorArgs),
    /// Say what removed the cause
    Resolve(ResolveArgs),
    /// End a problem that has not come back
    #[command(after_help = "Example:\n  cortex-change problem close PRB-7 --note 'not seen for a month'")]
    Close(NoteArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change problem list --state known_error")]
struct ListArgs {
    /// Only problems that are there in their life
    #[arg(long, value_parser = word(ProblemState::ALL))]
    state: Option<ProblemState>,
    /// Most problems of one page
    #[arg(long, value_name = "N", default_value_t = PAGE_ITEMS_DEFAULT)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(PAGE_ITEMS_MAX)))]
    limit: u32,
    /// Go on after the page before, with the cursor that it ended with
    #[arg(long)]
    cursor: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change problem show PRB-7")]
struct IdArgs {
    /// The problem
    id: ProblemId,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  cortex-change problem open INC-2026-000007 --title 'Pool runs dry' 'Third time this month.'"
)]
struct OpenArgs {
    /// The incident that it was seen in
    incident: IncidentId,
    /// One line
    #[arg(long, value_name = "TEXT")]
    title: String,
    /// What is known so far
    text: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change problem investigate PRB-7 --note 'on it'")]
struct NoteArgs {
    /// The problem
    id: ProblemId,
    /// An entry for the timeline
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change problem link PRB-7 --change CHG-2026-000123")]
#[command(group = clap::ArgGroup::new("to").multiple(true).required(true))]
struct LinkArgs {
    /// The problem
    id: ProblemId,
    /// An incident that it led to
    #[arg(long, group = "to", value_name = "ID")]
    incident: Option<IncidentId>,
    /// A change that caused or removes it
    #[arg(long, group = "to", value_name = "ID")]
    change: Option<ChangeId>,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  cortex-change problem known-error PRB-7 --cause 'pool too small' --workaround 'restart at night'"
)]
struct KnownErrorArgs {
    /// The problem
    id: ProblemId,
    /// The cause
    #[arg(long, value_name = "TEXT")]
    cause: String,
    /// How to live with it until it is removed
    #[arg(long, value_name = "TEXT")]
    workaround: String,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  cortex-change problem resolve PRB-7 --remedy 'limit raised' --change CHG-2026-000123"
)]
struct ResolveArgs {
    /// The problem
    id: ProblemId,
    /// What removed the cause
    #[arg(long, value_name = "TEXT")]
    remedy: String,
    /// The change that did
    #[arg(long, value_name = "ID")]
    change: Option<ChangeId>,
}

impl From<ListArgs> for ProblemFilter {
    fn from(ListArgs { state, limit, cursor }: ListArgs) -> Self {
        Self { state: state.map(|state| state.to_string()), cursor, limit: Some(limit) }
    }
}

pub(crate) async fn run(Args { command }: Args, shell: &Shell) -> Outcome {
    let client = shell.client()?;
    let state = |state: ProblemState| Some(state.to_string());
    let (id, update) = match command {
        ProblemCommand::List(args) => {
            list(&client, &args.into(), shell).await?;
            return Ok(ExitStatus::Done);
        }
        ProblemCommand::Show(IdArgs { id }) => {
            let problem = client.problem(&id.to_string()).await?;
            match shell.format() {
                Format::Text => shell.data(&render::problem::in_full(&problem, shell.data_paint()))?,
                Format::Json => shell.json(&problem)?,
            }
            return Ok(ExitStatus::Done);
        }
        ProblemCommand::Open(OpenArgs { incident, title, text }) => {
            let request = OpenProblem { incident: incident.to_string(), title, text };
            let problem = client.open_problem(&request, &random_key()?).await?;
            match shell.format() {
                Format::Text => shell.data(&format!("{}\n", problem.summary.problem_id))?,
                Format::Json => shell.json(&problem)?,
            }
            return Ok(ExitStatus::Done);
        }
        ProblemCommand::Investigate(NoteArgs { id, note }) => {
            let state = state(ProblemState::Investigating);
            (id, UpdateProblem { note, state, ..UpdateProblem::default() })
        }
        ProblemCommand::Close(NoteArgs { id, note }) => {
            (id, UpdateProblem { note, state: state(ProblemState::Closed), ..UpdateProblem::default() })
        }
        ProblemCommand::Link(LinkArgs { id, incident, change }) => {
            let (incident, change) = (incident.map(|id| id.to_string()), change.map(|id| id.to_string()));
            (id, UpdateProblem { incident, change, ..UpdateProblem::default() })
        }
        ProblemCommand::KnownError(KnownErrorArgs { id, cause, workaround }) => {
            let known_error = Some(KnownError { cause, workaround });
            (id, UpdateProblem { known_error, ..UpdateProblem::default() })
        }
        ProblemCommand::Resolve(ResolveArgs { id, remedy, change }) => {
            let (remedy, change) = (Some(remedy), change.map(|id| id.to_string()));
            let state = state(ProblemState::Resolved);
            (id, UpdateProblem { remedy, change, state, ..UpdateProblem::default() })
        }
    };
    let problem = client.update_problem(&id.to_string(), &update).await?;
    shell.tell(&problem, format!("{id} is {}", render::words(&problem.summary.state)))?;
    Ok(ExitStatus::Done)
}

async fn list(client: &Client, filter: &ProblemFilter, shell: &Shell) -> Result<(), Failure> {
    let page = client.list_problems(filter).await?;
    match shell.format() {
        Format::Text if page.items.is_empty() => shell.say("no problem is like that"),
        Format::Text => shell.data(&render::problem::list(&page.items, shell.data_paint()))?,
        Format::Json => shell.json(&page)?,
    }
    if let Some(cursor) = &page.next_cursor {
        shell.say(format!("there are more: `--cursor {cursor}`"));
    }
    Ok(())
}
