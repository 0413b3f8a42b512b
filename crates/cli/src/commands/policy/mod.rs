//! `policy`: which policies decide, and what others would decide.
//!
//! To add a command that needs no server: a file here; it reads policies as a server would.

mod check;
mod replay;
mod test;

use clap::Subcommand;
use domain::id::ChangeId;
pub(crate) use test::Told;

use super::Outcome;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::render;
use crate::shell::{Format, Shell};

#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    /// List the policies that are in force on the server
    #[command(
        after_help = "Examples:\n  cortex-change policy list\n  cortex-change policy list --output json"
    )]
    List,
    /// Show a policy of the server: its rule, next step, controls and text
    Show(ShowArgs),
    /// Check a folder of policies as a server would read it; needs no server
    Check(check::Args),
    /// Ask tables of questions and compare the answers; needs no server
    Test(test::Args),
    /// Show which policies decided what happened to a change
    Explain(ExplainArgs),
    /// Show which past decisions other policies would have made differently, and how those changes ended
    Replay(replay::Args),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change policy show segregation-of-duties")]
struct ShowArgs {
    /// The policy's id, as refusals and `policy list` show it
    id: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cortex-change policy explain CHG-2026-000123\n  \
                        cortex-change policy explain CHG-2026-000123 --output json")]
struct ExplainArgs {
    /// The change
    id: ChangeId,
}

pub(crate) fn run(Args { command }: Args, shell: &Shell) -> Outcome {
    match command {
        PolicyCommand::List => shell.block_on(list(shell)),
        PolicyCommand::Show(args) => shell.block_on(show(args, shell)),
        PolicyCommand::Check(args) => check::run(&args, shell),
        PolicyCommand::Test(args) => test::run(&args, shell),
        PolicyCommand::Explain(args) => shell.block_on(explain(args, shell)),
        PolicyCommand::Replay(args) => shell.block_on(replay::run(args, shell)),
    }
}

async fn list(shell: &Shell) -> Outcome {
    let policies = shell.client()?.policies().await?;
    match shell.format() {
        Format::Text => shell.data(&render::policy::list(&policies, shell.data_paint()))?,
        Format::Json => shell.json(&policies)?,
    }
    if let Some(held) = &policies.held {
        let since = render::instant(&held.since);
        shell.warn(format!("the folder is not in force since {since}: {}", held.problem));
    }
    Ok(ExitStatus::Done)
}

async fn show(ShowArgs { id }: ShowArgs, shell: &Shell) -> Outcome {
    let policies = shell.client()?.policies().await?;
    let policy = policies.items.iter().find(|policy| policy.id == id).ok_or_else(|| {
        Failure::new(format!("no policy `{id}` is in force"))
            .next("`cortex-change policy list` names those that are")
    })?;
    match shell.format() {
        Format::Text => shell.data(&render::policy::in_full(policy, shell.data_paint()))?,
        Format::Json => shell.json(policy)?,
    }
    Ok(ExitStatus::Done)
}

async fn explain(ExplainArgs { id }: ExplainArgs, shell: &Shell) -> Outcome {
    let explanation = shell.client()?.explain_policies(&id.to_string()).await?;
    match shell.format() {
        Format::Text => shell.data(&render::policy::explanation(&explanation, shell.data_paint()))?,
        Format::Json => shell.json(&explanation)?,
    }
    Ok(ExitStatus::Done)
}
