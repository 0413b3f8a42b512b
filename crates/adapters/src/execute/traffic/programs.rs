//! Any other router, by two programs of the plan: one sets the weights, one prints them.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::plan::Command;
use tokio_util::sync::CancellationToken;

use super::{RouterError, Weights};
use crate::execute::{Conclusion, ExecutionContext, LOG_BYTES_MAX, run_to_end, signal_name};
use crate::text::clipped;

/// Where the program that sets finds the weights.
const WEIGHTS_VARIABLE: &str = "TRAFFIC_WEIGHTS";
/// How much of an output is repeated, in characters.
const OUTPUT_CHARS_MAX: usize = 200;

pub(super) async fn read(
    command: &Command,
    time_limit: Duration,
    targets: &BTreeSet<String>,
    context: &ExecutionContext,
) -> Result<Weights, RouterError> {
    let output = output_of(command, time_limit, context).await?;
    let printed = || output.lines().filter_map(|line| line.split_once('='));
    let weight_of = |target: &String| {
        let weight = printed().find(|(name, _)| name.trim() == target);
        let weight = weight.and_then(|(_, weight)| weight.trim().parse().ok());
        weight.map(|weight| (target.clone(), weight)).ok_or_else(|| RouterError::NoWeight {
            router: name(command, context),
            target: target.clone(),
            answer: clipped(&output, OUTPUT_CHARS_MAX),
        })
    };
    targets.iter().map(weight_of).collect()
}

pub(super) async fn set(
    command: &Command,
    time_limit: Duration,
    wanted: &Weights,
    context: &ExecutionContext,
) -> Result<(), RouterError> {
    let mut command = command.clone();
    let weights = wanted.iter().map(|(target, weight)| format!("{target}={weight}"));
    command.environment.insert(WEIGHTS_VARIABLE.to_owned(), weights.collect::<Vec<_>>().join(" "));
    output_of(&command, time_limit, context).await.map(|_output| ())
}

async fn output_of(
    command: &Command,
    time_limit: Duration,
    context: &ExecutionContext,
) -> Result<String, RouterError> {
    // Cancelling is dropping: no process of it is left then.
    let finished = run_to_end(command, time_limit, context, &CancellationToken::new(), LOG_BYTES_MAX).await;
    let problem = match finished.conclusion {
        Conclusion::Exited(0) => return Ok(finished.log),
        Conclusion::Exited(status) => format!("ended with status {status}"),
        Conclusion::Signalled(signal) => format!("was ended by {}", signal_name(signal)),
        Conclusion::Unknown(reason) => reason,
        Conclusion::TimedOut => format!("did not end within {} ms", time_limit.as_millis()),
        Conclusion::Cancelled => "was stopped".to_owned(),
    };
    let said = clipped(finished.log.trim(), OUTPUT_CHARS_MAX);
    let problem = if said.is_empty() { problem } else { format!("{problem}: {said}") };
    Err(RouterError::Program { command: name(command, context), problem })
}

fn name(command: &Command, context: &ExecutionContext) -> String {
    clipped(&context.masker_of(command).mask(&command.argv.join(" ")), OUTPUT_CHARS_MAX)
}
