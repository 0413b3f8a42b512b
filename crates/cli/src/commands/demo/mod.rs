//! `demo`: the whole path of changes of a real service, end to end, on a server of its own in a temporary folder.
//!
//! Everything is done by the commands a user would type, run as processes of their own. Everything that is claimed is
//! checked first, and the demo ends with status 0 only when every check held.

mod assessment;
mod canary;
mod commands;
mod knowledge;
mod narrator;
mod past;
pub(crate) mod service;
mod stage;
mod story;

use std::net::SocketAddr;
use std::path::PathBuf;

use self::narrator::Narrator;
pub(crate) use self::stage::DEMO_SERVICE;
use self::stage::Stage;
use super::Outcome;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::shell::Shell;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cortex-change demo\n  cortex-change demo --canary\n  cortex-change demo --canary --prometheus\n  cortex-change demo --keep --listen 127.0.0.1:8470"
)]
pub(crate) struct Args {
    /// Roll versions out to a growing share of real traffic instead: a bad one, one that is slow for few, and a good one
    #[arg(long, conflicts_with = "keep")]
    canary: bool,
    /// Have a real Prometheus read the versions' metrics; the program `prometheus` must be installed
    #[arg(long, requires = "canary")]
    prometheus: bool,
    /// Stay up afterwards, to look around in the portal and with the commands
    #[arg(long)]
    keep: bool,
    /// Where the demo's server listens; a free port of this machine when left out
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

struct Plan {
    canary: bool,
    prometheus: bool,
    keep: bool,
    listen: SocketAddr,
    program: PathBuf,
}

impl Plan {
    fn of(args: &Args) -> Result<Self, Failure> {
        let program = std::env::current_exe()
            .map_err(|error| Failure::new("this program cannot tell where it lies").caused_by(&error))?;
        let listen = args.listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0)));
        let Args { canary, prometheus, keep, .. } = *args;
        Ok(Self { canary, prometheus, keep, listen, program })
    }
}

/// Runs the demo on threads of its own: a server works while commands run against it.
pub(crate) fn run(args: &Args, shell: &Shell) -> Outcome {
    let plan = Plan::of(args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::new("the program cannot start its runtime").caused_by(&error))?;
    runtime.block_on(play(&plan, shell))
}

async fn play(plan: &Plan, shell: &Shell) -> Outcome {
    let narrator = Narrator::new(shell);
    if plan.canary {
        return canary::play(plan, &narrator).await.map(|()| ExitStatus::Done);
    }
    let stage = Stage::set(plan.listen, plan.program.clone(), &narrator).await?;
    let told = tell(&stage, &narrator).await;
    let outcome = match told {
        Ok(()) => narrator.summary(),
        Err(failure) => Err(failure),
    };
    if plan.keep && outcome.is_ok() {
        narrator.say(&stage.invitation())?;
        stage.wait_for_interrupt().await;
    }
    stage.strike().await?;
    outcome.map(|()| ExitStatus::Done)
}

async fn tell(stage: &Stage, narrator: &Narrator<'_>) -> Result<(), Failure> {
    knowledge::bring_in(stage, narrator).await?;
    story::tell(stage, narrator).await
}
