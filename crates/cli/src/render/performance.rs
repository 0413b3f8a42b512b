//! How predictions do: on the past, since they were made, and on changes unlike those learned from.

use api::performance::{Backtest, CalibrationBin, Drift, DriftReport, Kpis, Performance, Share, Shift};

use super::{Lines, Table, cell, instant, whole, words};
use crate::shell::{Paint, plain};

/// Columns of the picture of calibration.
const PICTURE_COLUMNS: usize = 40;
/// Facts of changes that a drift report names.
const FACTS_SHOWN_MAX: usize = 15;
/// What the specification asks for.
const TARGETS: &str = "asked for: accuracy above 90 %, false positives under 10 %";

/// A backtest, one line for each stretch.
pub(crate) fn backtest(backtest: &Backtest, paint: Paint) -> String {
    let headings = [
        "FROM",
        "UNTIL",
        "LEARNER",
        "CHANGES",
        "FAILED BEFORE",
        "AUC",
        "AP",
        "BRIER",
        "OF BASE RATE",
        "CALIBRATION",
    ];
    let mut table = Table::new(paint, &headings, 2);
    for stretch in &backtest.stretches {
        let figure =
            |figure: Option<f64>| figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.3}"));
        let few = if stretch.too_few { ", too few" } else { "" };
        table.row([
            day(&stretch.from),
            day(&stretch.until),
            cell(&stretch.learner),
            format!("{} ({} failed{few})", stretch.changes, stretch.failures),
            format!("{:.1} %", stretch.failed_before_percent),
            figure(stretch.auc),
            figure(stretch.average_precision),
            format!("{:.4}", stretch.brier),
            format!("{:.4}", stretch.brier_of_base_rate),
            format!("{:.4}", stretch.calibration_error),
        ]);
    }
    let mut lines = Lines::default();
    lines.line(table.into_text());
    let Backtest { changes, failures, brier, brier_of_base_rate, .. } = backtest;
    lines.line(format!(
        "{changes} past changes, {failures} of them failed, as known at {}",
        instant(&backtest.at)
    ));
    let against = if brier < brier_of_base_rate { "better" } else { "no better" };
    lines.line(format!(
        "Brier score over all stretches {brier:.4}, of the share of failures known before each {brier_of_base_rate:.4}: {against}"
    ));
    backtest.notes.iter().for_each(|note| lines.line(format!("{} {}", paint.caution("note:"), plain(note))));
    lines.into_text()
}

fn day(at: &str) -> String {
    instant(at).chars().take(10).collect()
}

/// How recorded predictions did.
pub(crate) fn kpis(kpis: &Kpis, paint: Paint) -> String {
    let mut lines = Lines::default();
    let Kpis { threshold_percent, waiting, waiting_hours, all, by_source, .. } = kpis;
    lines.line(paint.strong(format!("Predictions and what came of them, as known at {}", instant(&kpis.at))));
    let from = kpis.from.as_deref().map(|from| format!("created from {}", instant(from)));
    let until = kpis.until.as_deref().map(|until| format!("created before {}", instant(until)));
    from.into_iter().chain(until).for_each(|range| lines.line(format!("  {range}")));
    lines.line(format!("  {waiting} more have ended less than {waiting_hours} h ago and do not count yet"));
    one(&mut lines, all, *threshold_percent, paint);
    // What only one source has said has been shown already.
    if by_source.len() > 1 {
        by_source.iter().for_each(|told| one(&mut lines, told, *threshold_percent, paint));
    }
    lines.into_text()
}

fn one(lines: &mut Lines, told: &Performance, threshold: f64, paint: Paint) {
    let title =
        if told.source == "all" { "All".to_owned() } else { format!("Said by {}", words(&told.source)) };
    lines.heading(paint, &format!("{title}: {} changes, {} failed", told.changes, told.failures));
    if let Some(why) = &told.too_few {
        lines.line(format!("  {} {}", paint.caution("careful:"), plain(why)));
    }
    if told.changes == 0 {
        return;
    }
    let shares = [
        ("accuracy", &told.accuracy),
        ("without model", &told.accuracy_of_predicting_success),
        ("false alarms", &told.false_positive_rate),
        ("caught", &told.failures_caught),
        ("flagged", &told.flagged),
    ];
    for (label, value) in shares {
        let text = value.as_ref().map_or_else(|| "nothing to count".to_owned(), share);
        lines.line(format!("  {} {text}", paint.dim(format!("{label:<13}"))));
    }
    lines.line(format!(
        "  {}",
        paint.dim(format!("a failure counts as predicted from {threshold} % on; without model: success every time; {TARGETS}"))
    ));
    let figures = (told.brier, told.brier_of_base_rate, told.calibration_error);
    if let (Some(brier), Some(base), Some(calibration)) = figures {
        lines.line(format!(
            "  Brier score {brier:.4} (base rate {base:.4}), expected calibration error {calibration:.4}"
        ));
    }
    picture(lines, &told.calibration, paint);
}

/// `97.8 % (95.2 to 99.1 %), 220 of 225`
fn share(share: &Share) -> String {
    let [low, high] = share.interval_percent;
    format!("{:.1} % ({low:.1} to {high:.1} %), {} of {}", share.percent, share.count, share.of)
}

/// What was predicted above what came of it: bars that end at the same place are calibrated.
fn picture(lines: &mut Lines, bins: &[CalibrationBin], paint: Paint) {
    let ends = bins.iter().flat_map(|bin| [bin.predicted_percent, bin.failed.percent]);
    let full = ends.fold(0.0, f64::max);
    if full <= 0.0 {
        return;
    }
    let columns = f64::from(u32::try_from(PICTURE_COLUMNS).unwrap_or(u32::MAX));
    let bar = |percent: f64, sign: &str| sign.repeat(whole(percent / full * columns));
    lines.line(format!(
        "  {}",
        paint.dim("predicted above, failed below; in brackets where the truth lies with 90 % confidence")
    ));
    for bin in bins {
        let [low, high] = bin.failed.interval_percent;
        let (predicted, failed) = (bin.predicted_percent, bin.failed.percent);
        lines.line(format!("  {predicted:>5.1} %  {}", bar(predicted, paint.sign("░", "."))));
        lines.line(format!(
            "  {failed:>5.1} %  {} ({low:.1} to {high:.1} %, {} of {})",
            bar(failed, paint.sign("█", "#")),
            bin.failed.count,
            bin.failed.of
        ));
    }
}

/// How far changes have moved.
pub(crate) fn drift(drift: &Drift, report: &DriftReport, paint: Paint) -> String {
    let mut lines = Lines::default();
    let (model, at) =
        (drift.model.unwrap_or(0), drift.trained_at.as_deref().map(instant).unwrap_or_default());
    let heading = format!(
        "Model {model}, trained {at} on {} changes, against the {} handed in since that have ended",
        report.changes_then, report.changes_now
    );
    lines.line(paint.strong(heading));
    let failed = |failed: &Option<Share>| failed.as_ref().map_or_else(|| "not known yet".to_owned(), share);
    lines.line(format!("  failed then  {}", failed(&report.failed_then)));
    let verdict = match (report.failures_shifted, &report.failed_now) {
        (_, None) => "",
        (true, Some(_)) => ": differs beyond chance",
        (false, Some(_)) => ": within chance",
    };
    lines.line(format!("  failed now   {}{verdict}", failed(&report.failed_now)));
    let mut table = Table::new(paint, &["FACT", "INDEX", "BY CHANCE", "READING", "NOT KNOWN", "NEW"], 5);
    table.row(row("predictions", &report.predictions, paint));
    for shift in report.facts.iter().take(FACTS_SHOWN_MAX) {
        table.row(row(&shift.fact, shift, paint));
    }
    lines.line("");
    lines.line(table.into_text());
    let others = report.facts.len().saturating_sub(FACTS_SHOWN_MAX);
    if others > 0 {
        lines.line(format!("{others} facts that moved less are in `--output json`"));
    }
    lines.line(paint.dim(format!(
        "moved from {}, shifted from {} on: {}",
        report.moved_from,
        report.shifted_from,
        plain(&report.method)
    )));
    lines.heading(paint, "What to do");
    report.next_steps.iter().for_each(|step| lines.line(format!("  {}", plain(step))));
    lines.into_text()
}

fn row(name: &str, shift: &Shift, paint: Paint) -> [String; 6] {
    let reading = match shift.reading.as_str() {
        "stable" => paint.good("stable"),
        "moved" => paint.caution("moved"),
        other => paint.bad(plain(other)),
    };
    let new = match shift.new_words.as_slice() {
        [] => String::new(),
        named => format!("{:.0} %: {}", shift.new_words_percent, cell(&named.join(", "))),
    };
    let missing = format!("{:.0} % then, {:.0} % now", shift.missing_then_percent, shift.missing_now_percent);
    [words(name), format!("{:.3}", shift.index), format!("{:.3}", shift.by_chance), reading, missing, new]
}
