//! `canary calibrate`: how far equal arms wander, from a record of them.

use domain::canary::{Arming, Calibration};
use serde_json::json;

use super::{Held, read};
use crate::commands::Outcome;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::render;
use crate::shell::{Format, Shell};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cortex-change canary calibrate equal.csv\n  cortex-change canary calibrate equal.csv --output json\n\n\
                  The record has the form of `canary judge`, of two arms of the same version. Hand it to `canary judge --history`.\n\n\
                  Exit status: 0 when automatic rollback may be armed, 9 when not yet."
)]
pub(super) struct Args {
    /// A record of two equal arms as CSV or JSON lines; `-` for standard input
    #[arg(value_name = "FILE")]
    file: String,
    #[command(flatten)]
    held: Held,
}

pub(super) fn run(args: &Args, shell: &Shell) -> Outcome {
    let read::Samples { samples, watch } = read::samples(&args.file, shell)?;
    let settings = args.held.settings(watch)?;
    let calibration = Calibration::of(settings, &samples).map_err(|error| Failure::of(&error))?;
    let arming = calibration.arming();
    let (is_armed, reason) = match &arming {
        Arming::Armed { reason } => (true, reason),
        Arming::NotArmed { reason } => (false, reason),
    };
    match shell.format() {
        Format::Text => {
            shell.data(&render::canary::calibration(&calibration, &arming, shell.data_paint()))?
        }
        Format::Json => {
            let trials = calibration.trials();
            let metrics = calibration.estimates().iter().map(|estimate| {
                json!({
                    "metric": estimate.metric.word(),
                    "blocks": estimate.blocks,
                    "wander": estimate.wander,
                    "wander_upper": estimate.wander_upper,
                    "correlation": estimate.correlation,
                })
            });
            shell.json(&json!({
                "armed": is_armed,
                "reason": reason,
                "metrics": metrics.collect::<Vec<_>>(),
                "rollouts": trials.rollouts,
                "false_alarms": trials.false_alarms,
                "false_alarm_rate": {"low": trials.rate.0, "high": trials.rate.1},
            }))?;
        }
    }
    Ok(if is_armed { ExitStatus::Done } else { ExitStatus::Undecided })
}
