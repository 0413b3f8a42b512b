//! Kills servers and runners at random instants during implementations, and looks at what survived.
//!
//! Knows: processes, the ground truth that the plans' own steps leave in files, and what the server acknowledged.
//! Never does: look inside a process or a database; it sees what a user sees.
//!
//! Invariant: every claim of the summary was compared with files or with earlier answers; a violation is printed with
//! its seed and makes the program fail.

mod chance;
mod patient;
mod server;
mod tally;
mod trial;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;
use testkit::PrivatePostgres;

use crate::chance::Chance;
use crate::server::Server;
use crate::tally::Tally;
use crate::trial::{Trial, Victim};

/// Kills servers and runners at random instants, and prints what survived.
#[derive(Debug, Parser)]
struct Args {
    /// The `cortex-change` program
    #[arg(long)]
    program: PathBuf,
    /// Servers to kill
    #[arg(long, default_value_t = 50)]
    server_kills: u32,
    /// Runners to kill
    #[arg(long, default_value_t = 50)]
    runner_kills: u32,
    /// Seed of all random choices
    #[arg(long, default_value_t = 20_260_302)]
    seed: u64,
    /// Use a private PostgreSQL instead of the embedded database
    #[arg(long)]
    postgres: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = runtime.context("no runtime").and_then(|runtime| runtime.block_on(run(&args)));
    match outcome {
        Ok(tally) if tally.is_clean() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("chaos could not be carried out: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args) -> Result<Tally> {
    let folder = tempfile::Builder::new().prefix("cortex-change-chaos-").tempdir()?;
    let database = if args.postgres { Some(PrivatePostgres::start()?) } else { None };
    let url = database.as_ref().map(|postgres| postgres.database("chaos")).transpose()?;
    let mut server = Server::new(&args.program, folder.path(), url)?;
    server.start().await?;
    let stage = server.set_up().await?;
    println!("seed {}, {} server kills, {} runner kills", args.seed, args.server_kills, args.runner_kills);
    let mut tally = Tally::default();
    let victims = std::iter::repeat_n(Victim::Server, usize::try_from(args.server_kills)?)
        .chain(std::iter::repeat_n(Victim::Runner, usize::try_from(args.runner_kills)?));
    for (number, victim) in (0_u64..).zip(victims) {
        let chance = Chance::new(args.seed.wrapping_add(number));
        let trial = Trial::new(number, victim, &stage, folder.path(), chance)?;
        trial.run(&mut server, &mut tally).await?;
    }
    tally.verified = stage.auditor.verify_log().await.is_ok_and(|verification| verification.valid);
    tally.print();
    server.kill().await?;
    drop(database);
    Ok(tally)
}
