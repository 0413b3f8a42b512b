//! How predictions do.

use api::performance as wire;
use domain::Timestamp;
use prediction::metrics::{Counted, Interval, Performance};
use prediction::{
    COMPARED_FAILURES_MIN, COMPARED_ROWS_MIN, Held, MOVED_FROM, Reading, SHIFTED_FROM, Shift, Stretch,
};

use super::time;
use crate::experience::{Backtest, Progress, WAITING_SECONDS};
use crate::use_cases::drift::Drift;
use crate::use_cases::kpis::{KpiQuery, Kpis};

const SECONDS_PER_HOUR: i64 = 3_600;
/// Where the reading of stability indices comes from.
const METHOD: &str = "population stability index over ten bins of equal size, missing values and new words; thresholds as in Siddiqi, Credit Risk Scorecards (2006), and never below what chance explains (Yurdakul and Naranjo 2020)";

/// Backtests.
pub(crate) fn backtests(progress: &Progress<Backtest>) -> wire::Backtests {
    wire::Backtests {
        running: progress.is_under_way,
        last_failure: progress.last_failure.clone(),
        last: progress.last.as_ref().map(backtest),
    }
}

fn backtest(backtest: &Backtest) -> wire::Backtest {
    let stretches: Vec<wire::Stretch> =
        backtest.stretches.iter().map(|(one, before)| stretch(one, *before)).collect();
    let measured: u64 = stretches.iter().map(|stretch| stretch.changes).sum();
    let mean = |figure: fn(&wire::Stretch) -> f64| {
        let sum: f64 = stretches.iter().map(|stretch| figure(stretch) * float(stretch.changes)).sum();
        sum / float(measured.max(1))
    };
    let mut notes = Vec::new();
    let few = stretches.iter().filter(|stretch| stretch.too_few).count();
    if few > 0 {
        notes.push(format!(
            "{few} of {} stretches hold fewer than {COMPARED_ROWS_MIN} changes or {COMPARED_FAILURES_MIN} failures: their figures are mostly chance; fewer origins make longer stretches",
            stretches.len()
        ));
    }
    wire::Backtest {
        at: time(backtest.at),
        changes: backtest.changes,
        failures: backtest.failures,
        brier: mean(|stretch| stretch.brier),
        brier_of_base_rate: mean(|stretch| stretch.brier_of_base_rate),
        stretches,
        notes,
    }
}

fn stretch(stretch: &Stretch, before: f64) -> wire::Stretch {
    let figures = stretch.figures;
    let share = float(figures.failures) / float(figures.rows.max(1));
    let has_both = figures.failures > 0 && figures.failures < figures.rows;
    wire::Stretch {
        from: at(stretch.from),
        until: at(stretch.until),
        learner: stretch.candidate.clone(),
        changes: figures.rows,
        failures: figures.failures,
        failed_before_percent: before * 100.0,
        auc: has_both.then_some(figures.auc),
        average_precision: (figures.failures > 0).then_some(figures.average_precision),
        brier: figures.brier,
        brier_of_base_rate: share * (1.0 - before).powi(2) + (1.0 - share) * before.powi(2),
        calibration_error: figures.calibration_error,
        too_few: figures.rows < COMPARED_ROWS_MIN as u64 || figures.failures < COMPARED_FAILURES_MIN as u64,
    }
}

/// How recorded predictions did.
pub(crate) fn kpis(kpis: &Kpis, query: &KpiQuery) -> wire::Kpis {
    wire::Kpis {
        at: time(kpis.at),
        from: query.from.map(time),
        until: query.until.map(time),
        threshold_percent: query.threshold_percent,
        waiting_hours: u64::try_from(WAITING_SECONDS / SECONDS_PER_HOUR).unwrap_or(0),
        waiting: kpis.waiting,
        all: performance("all", &kpis.all),
        by_source: kpis.by_source.iter().map(|(source, told)| performance(source, told)).collect(),
    }
}

fn performance(source: &str, told: &Performance) -> wire::Performance {
    let share = |counted: &Option<Counted>| counted.as_ref().map(share);
    let of_any = |figure: f64| (told.rows > 0).then_some(figure);
    let too_few = format!(
        "n too small: {} changes with {} failures; from {COMPARED_ROWS_MIN} with {COMPARED_FAILURES_MIN} failures on, good can be told from bad",
        told.rows, told.failures
    );
    wire::Performance {
        source: source.to_owned(),
        changes: told.rows,
        failures: told.failures,
        too_few: (!told.is_enough).then_some(too_few),
        accuracy: share(&told.accuracy),
        accuracy_of_predicting_success: share(&told.accuracy_of_success),
        false_positive_rate: share(&told.false_positives),
        failures_caught: share(&told.caught),
        flagged: share(&told.flagged),
        predicted_percent: of_any(told.predicted * 100.0),
        brier: of_any(told.brier),
        brier_of_base_rate: of_any(told.brier_of_base_rate),
        calibration_error: of_any(told.calibration_error),
        calibration: told
            .bins
            .iter()
            .map(|bin| wire::CalibrationBin {
                predicted_percent: bin.predicted * 100.0,
                failed: self::share(&bin.failed),
            })
            .collect(),
    }
}

fn share(counted: &Counted) -> wire::Share {
    let Counted { part, whole, share } = *counted;
    percentages(part, whole, &share)
}

fn percentages(count: u64, of: u64, share: &Interval) -> wire::Share {
    wire::Share {
        count,
        of,
        percent: share.value * 100.0,
        interval_percent: [share.low * 100.0, share.high * 100.0],
    }
}

/// How far changes have moved.
pub(crate) fn drift(drift: &Drift) -> wire::Drift {
    let (report, why_not) = match &drift.held {
        Ok(held) => (Some(report(held)), None),
        Err(why) => (None, Some(why.to_string())),
    };
    wire::Drift {
        model: drift.model.map(|(version, _)| version),
        trained_at: drift.model.map(|(_, at)| time(at)),
        why_not,
        report,
    }
}

fn report(held: &Held) -> wire::DriftReport {
    let failures_shifted = held
        .failures_then
        .zip(held.failures_now)
        .is_some_and(|(then, now)| now.low > then.high || now.high < then.low);
    wire::DriftReport {
        changes_then: held.rows_then,
        changes_now: held.rows_now,
        moved_from: MOVED_FROM,
        shifted_from: SHIFTED_FROM,
        method: METHOD.to_owned(),
        predictions: shift(&held.predictions),
        facts: held.columns.iter().map(shift).collect(),
        failed_then: held.failures_then.map(|share| percentages(held.failed_then, held.rows_then, &share)),
        failed_now: held.failures_now.map(|share| percentages(held.failed_now, held.known_now, &share)),
        failures_shifted,
        next_steps: next_steps(held, failures_shifted),
    }
}

fn shift(shift: &Shift) -> wire::Shift {
    wire::Shift {
        fact: shift.column.clone(),
        index: shift.index,
        by_chance: shift.by_chance,
        reading: reading(shift.reading).to_owned(),
        missing_then_percent: shift.missing_then * 100.0,
        missing_now_percent: shift.missing_now * 100.0,
        new_words_percent: shift.new_words_share * 100.0,
        new_words: shift.new_words.clone(),
    }
}

fn reading(reading: Reading) -> &'static str {
    match reading {
        Reading::Stable => "stable",
        Reading::Moved => "moved",
        Reading::Shifted => "shifted",
    }
}

fn next_steps(held: &Held, failures_shifted: bool) -> Vec<String> {
    let mut steps = Vec::new();
    let shifted = held.columns.iter().filter(|column| column.reading == Reading::Shifted).count();
    if failures_shifted {
        steps.push("failures have become more or less frequent: see with `cortex-change risk kpis` whether probabilities still hold, then `cortex-change risk train`".to_owned());
    }
    if shifted > 0 || held.predictions.reading == Reading::Shifted {
        steps.push("changes are no longer like those learned from: train a new model with `cortex-change risk train`; it is asked when it is better on later changes".to_owned());
    }
    let went_missing = held
        .columns
        .iter()
        .filter(|column| column.reading != Reading::Stable && column.missing_now > column.missing_then);
    let missing: Vec<_> = went_missing.map(|column| column.column.replace('_', " ")).collect();
    if !missing.is_empty() {
        steps.push(format!(
            "some facts are known less often than before: see why requests lack {}",
            missing.join(", ")
        ));
    }
    if held.columns.iter().any(|column| column.new_words_share > 0.0) {
        steps.push("words that were not met in training count as unknown until the next training".to_owned());
    }
    if steps.is_empty() {
        steps.push("nothing: the model still sees what it was trained on".to_owned());
    }
    steps
}

fn at(seconds: i64) -> String {
    time(Timestamp::from_second(seconds).unwrap_or(Timestamp::MIN))
}

#[expect(clippy::cast_precision_loss, reason = "counts of changes are far below what a float tells apart")]
fn float(count: u64) -> f64 {
    count as f64
}
