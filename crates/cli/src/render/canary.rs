//! What the judge of canaries says.

use api::calibration::Calibration as Saved;
use domain::canary::{Arming, Calibration, Finding, Opinion, Verdict};

use super::{Lines, Table, bar, cell, instant, whole, words};
use crate::shell::Paint;

/// Columns of the curve of evidence.
const CURVE_COLUMNS: usize = 60;
/// The heights of one column of the curve.
const HEIGHTS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
const ASCII_HEIGHTS: [&str; 4] = ["_", ".", "-", "#"];

/// A verdict with its reasons, and how the evidence grew.
pub(crate) fn opinion(opinion: &Opinion, curve: &[(u64, f64)], paint: Paint) -> String {
    let mut lines = Lines::default();
    lines.line(format!("{}  {}", verdict(opinion.verdict, paint), opinion.reason));
    lines.heading(paint, "Evidence over time");
    let needed = opinion.ln_evidence_needed;
    let seconds = |at: Option<&(u64, f64)>| at.map_or(0, |(at, _)| at / 1_000);
    let (from, until) = (seconds(curve.first()), seconds(curve.last()));
    lines.line(format!("  {}", sparkline(curve, needed, paint)));
    lines.line(format!(
        "  from second {from} to {until}; full height is 1 to {:.0}, where the canary fails",
        needed.exp()
    ));
    lines.heading(paint, "Metrics");
    let headings = ["METRIC", "VERDICT", "ODDS RATIO", "95 % INTERVAL", "EVIDENCE", "", "SINCE", "WANDERING"];
    let mut table = Table::new(paint, &headings, 5);
    for finding in &opinion.findings {
        table.row(row(finding, paint));
    }
    lines.line(table.into_text());
    lines.into_text()
}

fn row(finding: &Finding, paint: Paint) -> [String; 8] {
    let (ratio, interval) = finding.odds_ratio.map_or_else(
        || ("-".to_owned(), "-".to_owned()),
        |(ratio, low, high)| (format!("{ratio:.2}"), format!("{low:.2} to {high:.2}")),
    );
    let evidence = finding.ln_evidence;
    let chance =
        finding.wander_chance.map_or_else(|| "-".to_owned(), |chance| format!("chance {chance:.1e}"));
    [
        words(finding.metric.as_str()),
        verdict(finding.verdict, paint),
        ratio,
        interval,
        format!("{:.2e}", evidence.exp()),
        bar(paint, evidence, finding.ln_evidence_needed),
        format!("{} s", finding.since_millis / 1_000),
        chance,
    ]
}

/// A record of equal arms.
pub(crate) fn calibration(calibration: &Calibration, arming: &Arming, paint: Paint) -> String {
    let mut lines = Lines::default();
    match arming {
        Arming::Armed { reason } => lines.line(format!("{}  {reason}", paint.good("armed"))),
        Arming::NotArmed { reason } => lines.line(format!("{}  {reason}", paint.caution("not armed"))),
    }
    let mut table = Table::new(paint, &["METRIC", "BLOCKS", "WANDERS BY", "AT MOST", "CORRELATION"], 0);
    for estimate in calibration.estimates() {
        table.row([
            words(estimate.metric.as_str()),
            estimate.blocks.to_string(),
            format!("{:.2}", estimate.wander),
            format!("{:.2}", estimate.wander_upper),
            format!("{:.2}", estimate.correlation),
        ]);
    }
    lines.line(table.into_text());
    lines.line("standard deviations of the logarithmic odds ratio of equal arms, from block to block");
    lines.into_text()
}

/// Calibrations that are saved.
pub(crate) fn calibrations(calibrations: &[Saved], paint: Paint) -> String {
    let headings = [
        "SERVICE",
        "SAVED",
        "BY",
        "ROLLOUTS",
        "EACH",
        "FALSE ALARMS",
        "RATE AT MOST",
        "LATENCIES",
        "CALIBRATION",
    ];
    let mut table = Table::new(paint, &headings, 8);
    for saved in calibrations {
        table.row([
            cell(&saved.service),
            instant(&saved.saved_at),
            cell(&saved.saved_by),
            saved.rollouts.to_string(),
            cell(&saved.horizon),
            saved.false_alarms.to_string(),
            cell(&saved.false_alarm_rate_max),
            if saved.latencies { "yes" } else { "no" }.to_owned(),
            cell(&saved.calibration_id),
        ]);
    }
    table.into_text()
}

fn verdict(verdict: Verdict, paint: Paint) -> String {
    let word = words(verdict.word());
    match verdict {
        Verdict::Pass => paint.good(word),
        Verdict::Fail => paint.bad(word),
        Verdict::Inconclusive | Verdict::NoData => paint.caution(word),
    }
}

/// The curve in one line: each column is the highest evidence of its stretch, between none and what is needed.
fn sparkline(curve: &[(u64, f64)], needed: f64, paint: Paint) -> String {
    let stretch = curve.len().div_ceil(CURVE_COLUMNS).max(1);
    let heights: &[&str] = if paint.unicode { &HEIGHTS } else { &ASCII_HEIGHTS };
    let top = heights.len() - 1;
    let column = |points: &[(u64, f64)]| {
        let highest = points.iter().map(|(_, ln)| *ln).fold(f64::NEG_INFINITY, f64::max);
        let share = (highest / needed.max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
        heights.get(whole(share * top as f64).min(top)).copied().unwrap_or_default()
    };
    curve.chunks(stretch).map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_rises_from_nothing_to_what_is_needed() {
        let curve: Vec<(u64, f64)> = (0..8).map(|at| (at, f64::from(u32::try_from(at).unwrap()))).collect();
        assert_eq!(sparkline(&curve, 7.0, Paint::without_color(true)), "▁▂▃▄▅▆▇█");
        assert_eq!(sparkline(&[(0, f64::NEG_INFINITY), (1, 50.0)], 7.0, Paint::without_color(false)), "_#");
        assert_eq!(sparkline(&[], 7.0, Paint::without_color(true)), "");
    }
}
