//! `canary judge`: the verdict on a file of samples.

use domain::canary::{Calibration, Finding, Judge, Opinion, Verdict};
use serde_json::{Value, json};

use super::{Held, read};
use crate::commands::Outcome;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::render;
use crate::shell::{Format, Shell};

/// Most points of the curve that is told.
const POINTS_MAX: usize = 240;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cortex-change canary judge samples.csv\n  cortex-change canary judge samples.csv --history equal.csv \
                  --output json\n  producer | cortex-change canary judge - --budget 0.001\n\nA table has the columns t (seconds), \
                  n_base, err_base, n_can, err_can, and lat_base and lat_can (milliseconds with spaces between them) where \
                  latencies are known; JSON lines are read too. An empty cell or NaN says that the arm could not be asked. \
                  docs/canary.md tells how it is judged.\n\nExit status: 0 pass, 8 fail, 9 inconclusive or no data."
)]
pub(super) struct Args {
    /// Samples of both arms as CSV or JSON lines; `-` for standard input
    #[arg(value_name = "FILE")]
    file: String,
    /// A record of equal arms of the same service, from which it is learned how far they wander
    #[arg(long, value_name = "FILE")]
    history: Option<String>,
    #[command(flatten)]
    held: Held,
}

pub(super) fn run(args: &Args, shell: &Shell) -> Outcome {
    let read::Samples { samples, watch, .. } = read::samples(&args.file, shell)?;
    let settings = args.held.settings(watch)?;
    let judge = match &args.history {
        Some(file) => {
            let record = read::samples(file, shell)?.samples;
            let calibration = Calibration::of(settings, &[record]).map_err(|error| Failure::of(&error))?;
            Judge::with_history(settings, calibration.history())
        }
        None => Judge::new(settings),
    };
    let mut judge = judge.map_err(|error| Failure::of(&error))?;
    let mut curve = Vec::with_capacity(samples.len());
    for sample in &samples {
        judge.observe(sample).map_err(|error| Failure::of(&error))?;
        curve.push((sample.at_millis, judge.ln_evidence().0));
        if judge.has_failed() {
            break;
        }
    }
    let opinion = judge.opinion();
    let curve = thinned(&curve);
    match shell.format() {
        Format::Text => shell.data(&render::canary::opinion(&opinion, &curve, shell.data_paint()))?,
        Format::Json => shell.json(&as_json(&opinion, &curve))?,
    }
    Ok(status(opinion.verdict))
}

fn status(verdict: Verdict) -> ExitStatus {
    match verdict {
        Verdict::Pass => ExitStatus::Done,
        Verdict::Fail => ExitStatus::Worse,
        Verdict::Inconclusive | Verdict::NoData => ExitStatus::Undecided,
    }
}

/// The highest point of each of a few stretches, in order.
fn thinned(curve: &[(u64, f64)]) -> Vec<(u64, f64)> {
    let stretch = curve.len().div_ceil(POINTS_MAX).max(1);
    let highest =
        |points: &[(u64, f64)]| points.iter().copied().max_by(|one, other| one.1.total_cmp(&other.1));
    curve.chunks(stretch).filter_map(highest).collect()
}

fn as_json(opinion: &Opinion, curve: &[(u64, f64)]) -> Value {
    let finite = |value: f64| value.is_finite().then_some(value);
    let arm = |(requests, errors): (u64, u64)| json!({"requests": requests, "errors": errors});
    let finding = |finding: &Finding| {
        let (baseline, canary) = finding.events;
        let odds = finding
            .odds_ratio
            .map(|(ratio, low, high)| json!({"ratio": ratio, "low": low, "high": finite(high)}));
        json!({
            "metric": finding.metric.as_str(),
            "verdict": finding.verdict.word(),
            "ln_evidence": finite(finding.ln_evidence),
            "ln_evidence_beyond_wander": finite(finding.ln_evidence_beyond_wander),
            "ln_evidence_needed": finding.ln_evidence_needed,
            "odds_ratio": odds,
            "since_seconds": finding.since_millis / 1_000,
            "events": {"baseline": baseline, "canary": canary},
            "wander_chance": finding.wander_chance,
            "wander": finding.wander,
        })
    };
    let points = curve.iter().map(|(at, ln)| json!([*at as f64 / 1_000.0, finite(*ln)]));
    json!({
        "verdict": opinion.verdict.word(),
        "at_seconds": opinion.at_millis as f64 / 1_000.0,
        "reason": opinion.reason,
        "baseline": arm(opinion.baseline),
        "canary": arm(opinion.canary),
        "ln_evidence": finite(opinion.ln_evidence),
        "ln_evidence_needed": opinion.ln_evidence_needed,
        "findings": opinion.findings.iter().map(finding).collect::<Vec<_>>(),
        "evidence_over_time": points.collect::<Vec<_>>(),
    })
}
