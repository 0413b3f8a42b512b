//! Where a prover is configured, no set of policies comes into force that it did not prove.
//!
//! It is a program of its own (`cortex-change-prover`), so that a server needs no solver. It reads the folder itself and
//! names the digest of what it read: another digest than the one that is to come into force is no proof of it.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use domain::canonical::Digest;
use serde::Deserialize;
use tokio::process::Command;

use crate::config;

/// Longest time for a proof of all properties.
const PROVING_TIME_MAX: Duration = Duration::from_secs(300);

/// Why a set of policies does not come into force.
#[derive(Debug, thiserror::Error)]
pub enum NotProved {
    /// The prover gave no report.
    #[error("the policies are not proved: `{}` gives no proof: {problem}", prover.display())]
    NoReport {
        /// The program.
        prover: PathBuf,
        /// What it said.
        problem: String,
    },
    /// It took too long.
    #[error("the policies are not proved: `{}` took more than {} seconds", prover.display(), PROVING_TIME_MAX.as_secs())]
    TooLong {
        /// The program.
        prover: PathBuf,
    },
    /// It is about other policies.
    #[error("the policies are not proved: the folder changed meanwhile; leave it alone for a few seconds")]
    OtherPolicies,
    /// Something that must never be allowed may be.
    #[error("the policies are not proved: {0}")]
    Properties(String),
}

/// What the prover prints.
#[derive(Debug, Deserialize)]
struct Report {
    digest: String,
    proved: bool,
    properties: Vec<Property>,
}

#[derive(Debug, Deserialize)]
struct Property {
    id: String,
    title: String,
    result: String,
    problem: Option<String>,
    counterexample: Option<Counterexample>,
}

#[derive(Debug, Deserialize)]
struct Counterexample {
    principal: String,
    action: String,
    resource: String,
    because_of: Vec<String>,
}

/// Proves the set with this digest; nothing to do where no prover is configured.
///
/// # Errors
/// When it is not proved, for whatever reason.
pub(crate) async fn prove(config: &config::Policies, digest: Digest) -> Result<(), NotProved> {
    let Some(prover) = &config.prover else { return Ok(()) };
    let no_report = |problem: String| NotProved::NoReport { prover: prover.clone(), problem };
    let mut command = Command::new(prover);
    command.args(["--output", "json"]).stdin(Stdio::null()).kill_on_drop(true);
    for (option, folder) in [("--policies", &config.folder), ("--properties", &config.properties)] {
        if let Some(folder) = folder {
            command.arg(option).arg(folder);
        }
    }
    let run = tokio::time::timeout(PROVING_TIME_MAX, command.output());
    let output = run.await.map_err(|_elapsed| NotProved::TooLong { prover: prover.clone() })?;
    let output = output.map_err(|error| no_report(error.to_string()))?;
    let report: Report = serde_json::from_slice(&output.stdout).map_err(|error| {
        let said = String::from_utf8_lossy(&output.stderr);
        no_report(if said.trim().is_empty() { error.to_string() } else { said.trim().to_owned() })
    })?;
    if report.digest != digest.to_string() {
        return Err(NotProved::OtherPolicies);
    }
    if report.proved && output.status.success() {
        return Ok(());
    }
    let failed = report.properties.iter().filter(|property| property.result != "proved");
    Err(NotProved::Properties(failed.map(Property::told).collect::<Vec<_>>().join("; ")))
}

impl Property {
    fn told(&self) -> String {
        let Self { id, title, result, problem, counterexample } = self;
        let why = match (counterexample, problem) {
            (Some(Counterexample { principal, action, resource, because_of }), _) => format!(
                "{principal} may do {action} to {resource} because of {}; the prover prints the whole request",
                because_of.join(", ")
            ),
            (None, Some(problem)) => format!("the solver gave no answer: {problem}"),
            (None, None) => "without a reason".to_owned(),
        };
        format!("`{id}` ({title}) is {result}: {why}")
    }
}
