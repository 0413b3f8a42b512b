//! `cmdb`: configuration items, what they lean on, and what a failure of one reaches.
//!
//! To add one: its file here with `Args` and `run`, its variant and its arm.

mod graph;
mod history;
mod impact;
mod import;
mod list;
mod show;

use clap::Subcommand;

use super::Outcome;
use crate::shell::Shell;

#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: CmdbCommand,
}

#[derive(Debug, Subcommand)]
enum CmdbCommand {
    /// Bring in what manifests, a cluster, a catalog, a state, a bill of materials or a table know
    Import(Box<import::Args>),
    /// List configuration items
    List(Box<list::Args>),
    /// Show an item: every fact with its source, what it leans on, what leans on it
    Show(show::Args),
    /// Show what a failure of an item reaches, and by which way
    Impact(impact::Args),
    /// Draw what an item leans on and what leans on it
    Graph(graph::Args),
    /// List what happened to an item
    History(history::Args),
}

pub(crate) async fn run(Args { command }: Args, shell: &Shell) -> Outcome {
    match command {
        CmdbCommand::Import(args) => import::run(*args, shell).await,
        CmdbCommand::List(args) => list::run(*args, shell).await,
        CmdbCommand::Show(args) => show::run(args, shell).await,
        CmdbCommand::Impact(args) => impact::run(args, shell).await,
        CmdbCommand::Graph(args) => graph::run(args, shell).await,
        CmdbCommand::History(args) => history::run(args, shell).await,
    }
}
