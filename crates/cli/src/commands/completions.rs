//! `completions`: prints the completions for a shell, from the same definition as everything else.

use clap::CommandFactory;
use clap_complete::{Shell as CompletedShell, generate};

use super::Outcome;
use crate::args::Cli;
use crate::exit::ExitStatus;
use crate::shell::Shell;

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change completions bash > /etc/bash_completion.d/cortex-change")]
pub(crate) struct Args {
    /// The shell
    shell: CompletedShell,
}

pub(crate) fn run(args: Args, shell: &Shell) -> Outcome {
    let mut script = Vec::new();
    generate(args.shell, &mut Cli::command(), "cortex-change", &mut script);
    shell.data(&String::from_utf8_lossy(&script))?;
    Ok(ExitStatus::Done)
}
