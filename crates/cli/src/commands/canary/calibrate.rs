//! `canary calibrate`: how far equal arms wander and how often the judge is wrong about them, from records of them.

use api::calibration::{Calibration as Saved, SaveCalibration};
use domain::canary::saved::Terms;
use domain::canary::{Arming, Calibrated, Calibration, Sample, Watch};
use domain::id::ServiceName;
use serde_json::{Value, json};

use super::{Held, read};
use crate::commands::Outcome;
use crate::commands::create::random_key;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::render;
use crate::shell::{Format, Shell};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cortex-change canary calibrate equal.csv\n  cortex-change canary calibrate equal-*.csv --horizon 10m --budget 1% \
                  --service checkout\n  cortex-change canary calibrate equal.csv --output json\n\n\
                  A record has the form of `canary judge`, of two arms of the same version. Without --service nothing is sent: hand the \
                  record to `canary judge --history`. With it the calibration is saved on the server, and comparisons of new changes of \
                  the service rest on it.\n\nExit status: 0 when automatic rollback may be armed, 9 when not yet."
)]
pub(super) struct Args {
    /// Records of two equal arms as CSV or JSON lines; `-` for standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,
    /// Save the calibration on the server, for this service
    #[arg(long, value_name = "NAME")]
    service: Option<ServiceName>,
    #[command(flatten)]
    held: Held,
}

pub(super) fn run(args: &Args, shell: &Shell) -> Outcome {
    let files: Vec<read::Samples> =
        args.files.iter().map(|file| read::samples(file, shell)).collect::<Result<_, _>>()?;
    let has_latencies = files.iter().all(|file| file.watch == Watch::ErrorsAndLatencies);
    let watch = if has_latencies { Watch::ErrorsAndLatencies } else { Watch::Errors };
    // To the digits that are saved, so that what is tried is what is known later.
    let settings = Terms::of(&args.held.settings(watch)?).settings();
    let records: Vec<&[Sample]> = files.iter().map(|file| file.samples.as_slice()).collect();
    let calibration = Calibration::of(settings, &records).map_err(|error| Failure::of(&error))?;
    let saved = match &args.service {
        Some(service) => {
            let digests = files.iter().map(|file| file.digest).collect();
            Some(save(Calibrated::of(service.clone(), digests, &calibration), shell)?)
        }
        None => None,
    };
    let arming = calibration.arming();
    match shell.format() {
        Format::Text => {
            shell.data(&render::canary::calibration(&calibration, &arming, shell.data_paint()))?;
            if let Some(saved) = &saved {
                let Saved { calibration_id, service, .. } = saved;
                shell.say(format!("saved for `{service}` as {calibration_id}"));
            }
        }
        Format::Json => shell.json(&as_json(&calibration, &arming, saved.as_ref()))?,
    }
    Ok(match arming {
        Arming::Armed { .. } => ExitStatus::Done,
        Arming::NotArmed { .. } => ExitStatus::Undecided,
    })
}

fn save(calibration: Calibrated, shell: &Shell) -> Result<Saved, Failure> {
    calibration.check().map_err(|error| Failure::of(&error))?;
    let (client, key) = (shell.client()?, random_key()?);
    let request = SaveCalibration { calibration };
    shell.block_on(async { Ok(client.save_calibration(&request, &key).await?) })
}

fn as_json(calibration: &Calibration, arming: &Arming, saved: Option<&Saved>) -> Value {
    let (is_armed, reason) = match arming {
        Arming::Armed { reason } => (true, reason),
        Arming::NotArmed { reason } => (false, reason),
    };
    let trials = calibration.trials();
    let (low, high) = trials.rate();
    let metrics = calibration.estimates().iter().map(|estimate| {
        json!({
            "metric": estimate.metric.as_str(),
            "blocks": estimate.blocks,
            "wander": estimate.wander,
            "wander_upper": estimate.wander_upper,
            "correlation": estimate.correlation,
        })
    });
    json!({
        "armed": is_armed,
        "reason": reason,
        "metrics": metrics.collect::<Vec<_>>(),
        "rollouts": trials.rollouts,
        "false_alarms": trials.false_alarms,
        "false_alarm_rate": {"low": low, "high": high},
        "saved": saved,
    })
}
