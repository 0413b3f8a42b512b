//! `problem`: what lies behind incidents, and how to live with it.

use api::known_problem::{KnownError, OpenProblem, UpdateProblem};
use clap::Subcommand;
use client::Client;
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

pub(crate) async fn run(Args { command }: Args, shell: &Shell) -> Outcome {
    let client = shell.client()?;
    let state = |state: ProblemState| Some(state.to_string());
    let (id, update) = match command {
        ProblemCommand::List(args) => {
            list(&client, args.state, shell).await?;
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
                Format::Text => shell.data(&format!("{}\n", problem.problem_id))?,
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
    shell.tell(&problem, format!("{id} is {}", render::words(&problem.state)))?;
    Ok(ExitStatus::Done)
}

async fn list(client: &Client, state: Option<ProblemState>, shell: &Shell) -> Result<(), Failure> {
    let page = client.list_problems(state.map(ProblemState::as_str)).await?;
    match shell.format() {
        Format::Text if page.items.is_empty() => shell.say("no problem is like that"),
        Format::Text => shell.data(&render::problem::list(&page.items, shell.data_paint()))?,
        Format::Json => shell.json(&page)?,
    }
    Ok(())
}
