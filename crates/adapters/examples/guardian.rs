//! The guardian and a small runner as a program of their own, for the tests that kill one of them.
//!
//! `guardian __step-guardian …` is the guardian; `guardian run LINE` runs a shell line as a step, guarded by itself.

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use adapters::execute::{ExecutionContext, Performed, execute, guardian_main};
use adapters::outgoing::{Outgoing, OutgoingPolicy};
use anyhow::Context as _;
use domain::plan::{Command, Outcome, StepKind};
use tokio_util::sync::CancellationToken;

fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    match arguments.next().as_ref().and_then(|word| word.to_str()) {
        Some("__step-guardian") => Ok(guardian_main(arguments)),
        Some("run") => run(arguments.next().context("expected a shell line")?),
        _ => anyhow::bail!("expected `__step-guardian` or `run`"),
    }
}

fn run(line: OsString) -> anyhow::Result<ExitCode> {
    let line = line.into_string().map_err(|line| anyhow::anyhow!("{line:?} is not UTF-8"))?;
    let argv = ["/bin/sh", "-c", &line].map(str::to_owned).to_vec();
    let step = StepKind::Run(Command {
        argv,
        environment: Default::default(),
        pass_environment: Vec::new(),
        working_directory: None,
    });
    let outgoing = Outgoing::new(OutgoingPolicy::strict())?;
    let context = ExecutionContext::new(std::env::current_dir()?, std::env::vars_os(), outgoing)
        .with_guardian(std::env::current_exe()?, vec!["__step-guardian".into()])
        .with_grace(Duration::from_millis(200));
    let runtime = tokio::runtime::Runtime::new()?;
    let never = CancellationToken::new();
    let execution = runtime.block_on(execute(&step, Duration::from_secs(60), &context, &never));
    println!("{execution:?}");
    Ok(if execution.result == Performed::Ended(Outcome::Succeeded) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
