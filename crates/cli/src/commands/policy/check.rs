//! `policy check`: whether a server would put a folder of policies in force.

use std::path::{Path, PathBuf};

use policy::{PolicyInfo, PolicySet};
use serde::Serialize;
use server::AddedPolicies;

use crate::commands::Outcome;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::shell::Shell;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cortex-change policy check /etc/cortex-change/policies\n  \
                        cortex-change policy check policies --output json")]
pub(crate) struct Args {
    /// The folder
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// What a valid folder comes to.
#[derive(Debug, Serialize)]
struct Checked {
    digest: String,
    core_digest: String,
    added: Vec<String>,
    /// Rules that are asked when a change is assessed.
    rules: usize,
}

pub(crate) fn run(args: &Args, shell: &Shell) -> Outcome {
    let set = read(&shell.environment.path(&args.folder))?;
    let checked = Checked {
        digest: set.digest().to_string(),
        core_digest: set.core_digest().to_string(),
        added: set.policies().filter(|policy| !policy.is_core()).map(id).collect(),
        rules: set.rules().rules().len(),
    };
    let count = checked.added.len();
    let said = format!(
        "valid: {count} policies beside the shipped ones ({}), {} rules for assessments, digest {}",
        if count == 0 { "none".to_owned() } else { checked.added.join(", ") },
        checked.rules,
        checked.digest
    );
    shell.tell(&checked, said)?;
    Ok(ExitStatus::Done)
}

fn id(policy: &PolicyInfo) -> String {
    policy.id.to_string()
}

/// The shipped policies with those of a folder.
pub(super) fn read(folder: &Path) -> Result<PolicySet, Failure> {
    let refused = |error: &dyn std::error::Error| {
        Failure::of(error).next("a server with this folder would not start, or keep the policies it has")
    };
    let added = AddedPolicies::read(folder).map_err(|error| refused(&error))?;
    added.set().map_err(|error| refused(&error))
}
