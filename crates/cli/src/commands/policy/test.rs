//! `policy test`: whether policies answer what tables of questions expect.

use std::path::PathBuf;

use policy::PolicySet;
use serde::Serialize;

use super::check;
use crate::commands::Outcome;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::policy_table::{Asked, ask};
use crate::render;
use crate::shell::{Format, Shell};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cortex-change policy test tests/production.yaml --policies policies\n  \
                        cortex-change policy test tests/*.yaml --output json"
)]
pub(crate) struct Args {
    /// Files with cases; `-` reads standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,
    /// Folder with policies that add to the shipped ones
    #[arg(long, value_name = "DIR")]
    policies: Option<PathBuf>,
}

/// A case as programs read it.
#[derive(Debug, Serialize)]
pub(crate) struct Told {
    pub(crate) file: String,
    pub(crate) line: u64,
    pub(crate) name: String,
    pub(crate) holds: bool,
    pub(crate) expected: String,
    pub(crate) answered: String,
    /// The policies that decided.
    pub(crate) decided_by: Vec<String>,
}

impl Told {
    fn of(file: &str, asked: &Asked) -> Self {
        Self {
            file: file.to_owned(),
            line: asked.line,
            name: asked.name.clone(),
            holds: asked.holds(),
            expected: asked.expected.told(),
            answered: asked.answered.told(),
            decided_by: asked.answered.ids().to_vec(),
        }
    }
}

pub(crate) fn run(args: &Args, shell: &Shell) -> Outcome {
    let policies = match &args.policies {
        Some(folder) => check::read(&shell.environment.path(folder))?,
        None => PolicySet::shipped().map_err(|error| Failure::of(&error))?,
    };
    let mut cases = Vec::new();
    for file in &args.files {
        let asked = ask(&shell.read_input(file)?, &policies).map_err(|error| {
            Failure::new(format!("`{file}` is no table of cases"))
                .at(file, error.to_string())
                .next("`examples/policies/production.test.yaml` shows one")
        })?;
        cases.extend(asked.iter().map(|asked| Told::of(file, asked)));
    }
    match shell.format() {
        Format::Text => shell.data(&render::policy::cases(&cases, shell.data_paint()))?,
        Format::Json => shell.json(&cases)?,
    }
    let failed: Vec<_> = cases.iter().filter(|case| !case.holds).collect();
    if failed.is_empty() {
        return Ok(ExitStatus::Done);
    }
    let failure = Failure::new(format!("{} of {} cases are answered otherwise", failed.len(), cases.len()));
    Err(failed.into_iter().fold(failure, |failure, case| {
        let message = format!("{}: expected {}, was {}", case.name, case.expected, case.answered);
        failure.at(format!("{} line {}", case.file, case.line), message)
    }))
}
