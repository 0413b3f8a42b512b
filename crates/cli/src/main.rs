//! `cortex-change`: the one program of the product, which is command line, plan runner and server in one.
//!
//! Knows: what people and pipelines type, how results are shown, and how the other crates are put together. Never does:
//! decide about a change. It asks the server, and a refusal is passed on with its rule and next step.
//!
//! Invariant: standard output carries data and nothing else, all talk goes to standard error, and the exit status alone
//! tells a script what came of it.

mod args;
mod ci;
mod clock;
mod commands;
mod environment;
mod exit;
mod failure;
mod figures;
mod files;
mod logging;
mod login_file;
mod policy_table;
mod render;
mod repository_file;
mod request;
mod running;
mod settings;
mod shell;
mod working_tree;

use std::ffi::OsString;
use std::process::ExitCode;

use adapters::execute::guardian_main;
use clap::Parser;

use crate::args::Cli;
use crate::environment::Environment;
use crate::exit::ExitStatus;
use crate::shell::Shell;

/// A request to the server allocates thousands of small values, which this allocator does fastest.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Starts a step and ends it when the runner is gone. For the runner only, so it is no command of the command line.
const STEP_GUARDIAN: &str = "__step-guardian";

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if arguments.get(1).is_some_and(|first| first == STEP_GUARDIAN) {
        return guardian_main(arguments.into_iter().skip(2));
    }
    if arguments.get(1).is_some_and(|first| first == commands::demo::DEMO_SERVICE) {
        return commands::demo::service::main(arguments.into_iter().skip(2));
    }
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // A closed output leaves nobody to tell.
            let _unwritable = error.print();
            return if error.use_stderr() { ExitStatus::Usage } else { ExitStatus::Done }.into();
        }
    };
    let environment = match Environment::read() {
        Ok(environment) => environment,
        Err(failure) => return Shell::new(cli.global, Environment::default()).report(&failure).into(),
    };
    let shell = Shell::new(cli.global, environment);
    let outcome =
        shell.start_log(cli.command.log_filter()).and_then(|()| commands::dispatch(cli.command, &shell));
    outcome.unwrap_or_else(|failure| shell.report(&failure)).into()
}
