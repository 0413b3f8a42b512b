//! `history`: changes that other systems carried out.

mod import;

use clap::Subcommand;

use super::Outcome;
use crate::exit::ExitStatus;
use crate::render;
use crate::shell::{Format, Shell};

#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: HistoryCommand,
}

#[derive(Debug, Subcommand)]
enum HistoryCommand {
    /// Import past changes with their outcomes; they never count as ours
    Import(Box<import::Args>),
    /// Show what has been imported, by system
    Show(ShowArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change history show --output json")]
struct ShowArgs {}

pub(crate) async fn run(Args { command }: Args, shell: &Shell) -> Outcome {
    match command {
        HistoryCommand::Import(args) => import::run(*args, shell).await,
        HistoryCommand::Show(ShowArgs {}) => {
            let summary = shell.client()?.history().await?;
            match shell.format() {
                Format::Text => shell.data(&render::history::summary(&summary, shell.data_paint()))?,
                Format::Json => shell.json(&summary)?,
            }
            Ok(ExitStatus::Done)
        }
    }
}
