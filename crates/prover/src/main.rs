//! Proves what policies never allow.
//!
//! Knows: the properties that ship, those that an organisation adds, and how each becomes a question to a solver: is
//! there any request at all that the policies and the property both allow? A solver answers for every request there can
//! be, which no test does.
//! Never does: decide anything. It is a program of its own, because deciding needs no solver.
//!
//! The translation is Cedar's symbolic compiler, whose Lean model is proved sound; the solver is cvc5. What the engine of
//! the product adds, that a policy which fails is a refusal, only allows less, so that what is proved here holds there.
//!
//! Invariant: `proved` is printed only where the solver said that no such request exists; no answer is not proved.

mod counterexample;
mod proof;
mod property;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::{Parser, ValueEnum};
use server::AddedPolicies;

use crate::proof::{Policies, Solver};
use crate::property::Property;
use crate::report::Report;

/// Longest time for one question to the solver, in seconds.
const SECONDS_MAX: u64 = 600;

/// Prove what the policies never allow, for every request there can be
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:\n  cortex-change-prover\n  \
                  cortex-change-prover --policies /etc/cortex-change/policies\n  \
                  cortex-change-prover --policies policies --properties properties --output json\n  \
                  cortex-change-prover --without segregation-of-duties\n\n\
                  Exit status: 0 all proved, 1 not proved, 2 wrong use, 3 could not be carried out."
)]
struct Args {
    /// Folder with the policies that are added to the shipped ones
    #[arg(long, value_name = "DIR")]
    policies: Option<PathBuf>,
    /// Folder with properties of your own, beside the shipped ones: policies that would permit what must never be allowed
    #[arg(long, value_name = "DIR")]
    properties: Option<PathBuf>,
    /// Leave a policy out, to see what rests on it; may be given several times
    #[arg(long, value_name = "ID")]
    without: Vec<String>,
    /// The solver, cvc5
    #[arg(long, value_name = "PROGRAM", env = "CVC5", default_value = "cvc5")]
    solver: PathBuf,
    /// Longest time for one question, in seconds, up to 600
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=SECONDS_MAX))]
    timeout: u64,
    /// How the result is printed
    #[arg(long, value_name = "FORM", default_value = "text")]
    output: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people
    Text,
    /// For programs
    Json,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let proved = runtime.context("no runtime").and_then(|runtime| runtime.block_on(run(&args)));
    match proved {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(3)
        }
    }
}

/// Whether everything was proved.
async fn run(args: &Args) -> Result<bool> {
    let added = match &args.policies {
        Some(folder) => AddedPolicies::read(folder)?,
        None => AddedPolicies::default(),
    };
    let set = added.set()?;
    let properties = Property::all(args.properties.as_deref())?;
    if let Some(id) = args.without.iter().find(|id| !set.policies().any(|policy| policy.id.as_str() == *id)) {
        bail!("there is no policy `{id}`: `cortex-change policy list` names them");
    }
    let kept = set.policies().filter(|policy| !args.without.iter().any(|id| policy.id.as_str() == id));
    let policies = Policies::new(kept)?;
    let mut solver = Solver::start(&args.solver, Duration::from_secs(args.timeout))?;
    let mut report = Report::new(set.digest(), &args.without);
    for property in &properties {
        report.add(property, solver.prove(&policies, property).await?);
    }
    match args.output {
        Form::Text => report.print()?,
        Form::Json => println!("{}", serde_json::to_string_pretty(&report)?),
    }
    Ok(report.is_proved())
}
