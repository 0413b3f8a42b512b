//! `canary`: whether a canary is worse than its baseline, from files, and what is known of equal arms.

mod calibrate;
mod calibrations;
mod evaluate;
mod judge;
mod read;

use clap::Subcommand;
use domain::canary::{Settings, Watch};

use super::Outcome;
use crate::args::Seconds;
use crate::failure::Failure;
use crate::shell::Shell;

#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: CanaryCommand,
}

#[derive(Debug, Subcommand)]
enum CanaryCommand {
    /// Judge a canary from a file of samples of both arms
    Judge(judge::Args),
    /// Learn from records of equal arms how far they wander and how often the judge is wrong, and save it for a service
    Calibrate(calibrate::Args),
    /// List the calibrations that are saved
    Calibrations(calibrations::Args),
    /// Measure the judge on made-up streams, beside thresholds and other tests
    Evaluate(evaluate::Args),
}

pub(crate) fn run(Args { command }: Args, shell: &Shell) -> Outcome {
    match command {
        CanaryCommand::Judge(args) => judge::run(&args, shell),
        CanaryCommand::Calibrate(args) => calibrate::run(&args, shell),
        CanaryCommand::Calibrations(args) => shell.block_on(calibrations::run(&args, shell)),
        CanaryCommand::Evaluate(args) => evaluate::run(&args, shell),
    }
}

/// What is held. The defaults are the judge's own.
#[derive(Debug, Clone, clap::Args)]
struct Held {
    /// Chance that a rollout of equal arms is rolled back, over all metrics and the whole rollout, such as 1% or 0.01; 1% when left out
    #[arg(long, value_name = "CHANCE", value_parser = chance)]
    budget: Option<f64>,
    /// Odds of an error, over those of the baseline, that are tolerated; 1.2 when left out
    #[arg(long, value_name = "RATIO")]
    odds_tolerance: Option<f64>,
    /// How much longer requests may take, as a share; 0.05 when left out
    #[arg(long, value_name = "SHARE")]
    latency_tolerance: Option<f64>,
    /// How long the rollout takes; 1h when left out
    #[arg(long, value_name = "DURATION")]
    horizon: Option<Seconds>,
    /// Time between restarts of the evidence, in which wandering is learned too; 60s when left out
    #[arg(long, value_name = "DURATION")]
    restart: Option<Seconds>,
}

/// A chance such as `0.01` or `1%`.
fn chance(text: &str) -> Result<f64, String> {
    let (number, per) = text.strip_suffix('%').map_or((text, 1.0), |percent| (percent, 100.0));
    let chance = number.trim().parse::<f64>().ok().filter(|chance| chance.is_finite());
    chance.map(|chance| chance / per).ok_or_else(|| "expected a chance such as `0.01` or `1%`".to_owned())
}

impl Held {
    fn settings(&self, watch: Watch) -> Result<Settings, Failure> {
        let usual = Settings::default();
        let seconds = |given: Option<Seconds>, usual: u32| {
            given.map_or(usual, |Seconds(seconds)| u32::try_from(seconds).unwrap_or(u32::MAX))
        };
        let settings = Settings {
            watch,
            budget: self.budget.unwrap_or(usual.budget),
            odds_tolerance: self.odds_tolerance.unwrap_or(usual.odds_tolerance),
            latency_tolerance: self.latency_tolerance.unwrap_or(usual.latency_tolerance),
            horizon_seconds: seconds(self.horizon, usual.horizon_seconds),
            restart_seconds: seconds(self.restart, usual.restart_seconds),
            ..usual
        };
        settings.check().map_err(|error| Failure::usage(error.to_string()))?;
        Ok(settings)
    }
}
