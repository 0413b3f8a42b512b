//! An assessment: score, factors, and the waterfall of the terms that add up to it.

use api::change::{Prediction, Probability, Risk, SimilarChange, SourceFact, Term};

use super::{Lines, bar, cell, instant, level, whole, words};
use crate::shell::{Paint, plain};

/// Full value of a factor.
const FACTOR_FULL: f64 = 10.0;
/// Columns of the waterfall.
const WATERFALL_COLUMNS: usize = 40;

/// Score, factors and what is missing: the part that everybody needs.
pub(crate) fn summary(lines: &mut Lines, risk: &Risk, paint: Paint) {
    lines.heading(paint, &format!("Risk {} of 100, {}", risk.score, level(paint, &risk.level)));
    for factor in &risk.factors {
        let name = console::pad_str(&words(&factor.name), 17, console::Alignment::Left, None).into_owned();
        lines.line(format!(
            "  {} {:>4.1}  {}",
            paint.dim(name),
            factor.value,
            bar(paint, factor.value, FACTOR_FULL)
        ));
    }
    lines.field(paint, "levels", Some(&format!("score {}, matrix {}", risk.band_level, risk.matrix_level)));
    for floor in &risk.level_floors {
        lines.field(paint, "not lower", Some(floor));
    }
    let reason = if risk.blast_radius_reason.is_empty() { "" } else { ": " };
    let radius = format!("{}{reason}{}", words(&risk.blast_radius), risk.blast_radius_reason);
    lines.field(paint, "blast radius", Some(&radius));
    lines.field(paint, "fails with", Some(&probability(&risk.probability)));
    if !risk.compliance.is_empty() {
        lines.field(paint, "falls under", Some(&risk.compliance.join(", ")));
    }
    lines.field(paint, "tests", Some(&words(&risk.testing_requirement)));
    lines.field(paint, "rollback", Some(&words(&risk.rollback_requirement)));
    lines.field(paint, "taken back", taken_back(risk).as_deref());
    for missing in &risk.missing {
        lines.line(format!("  {} {}", paint.caution("unknown:"), plain(missing)));
    }
    for conflict in &risk.conflicts {
        lines.line(format!("  {} {}", paint.caution("at the same time:"), plain(conflict)));
    }
    for finding in &risk.findings {
        lines.line(format!("  {} {}", paint.bad("finding:"), plain(&finding.sentence)));
        if let Some(value) = finding.broken.as_ref().and_then(|broken| broken.value.as_ref()) {
            lines.line(format!("           {} {}", paint.dim("it is:"), plain(value)));
        }
        lines.line(format!(
            "           {} {} ({})",
            paint.dim("next:"),
            plain(&finding.next_step),
            plain(&finding.rule)
        ));
    }
}

/// How completely the plan can be taken back.
fn taken_back(risk: &Risk) -> Option<String> {
    let class = risk.reversibility.as_deref()?;
    let by = match class {
        "reversible" => "everything is put back as it was",
        "compensatable" => "undos or the rollback plan make up for it",
        _ if risk.irreversible_steps.is_empty() => "nothing takes some of its steps back",
        _ => return Some(format!("irreversible: {}", risk.irreversible_steps.join(", "))),
    };
    Some(format!("{class}: {by}"))
}

/// The whole assessment, with every term.
pub(crate) fn whole_assessment(id: &str, risk: &Risk, paint: Paint) -> String {
    let mut lines = Lines::default();
    lines.line(paint.strong(plain(id)));
    summary(&mut lines, risk, paint);
    lines.heading(paint, &format!("Score, before it is limited to 0 to 100: {:.1}", risk.raw));
    waterfall(&mut lines, &risk.explanation, risk.raw, paint);
    for factor in &risk.factors {
        lines.heading(paint, &format!("{} {:.1}", capitalised(&words(&factor.name)), factor.value));
        for term in &factor.contributions {
            let fact = term.fact.as_ref().map(|fact| paint.dim(format!(" ({})", stated(fact))));
            let sentence = plain(&term.sentence);
            lines.line(format!("  {:>+6.1}  {sentence}{}", term.value, fact.unwrap_or_default()));
        }
    }
    if let Some(prediction) = &risk.probability.model {
        explain(&mut lines, prediction, paint);
    }
    if !risk.similar.is_empty() {
        lines.heading(paint, "Past changes like it");
        risk.similar.iter().for_each(|one| lines.line(format!("  {}", similar(one, paint))));
    }
    if !risk.reached.is_empty() {
        lines.heading(paint, &format!("Services that cannot do without it: {}", risk.dependents_count));
        risk.reached.iter().for_each(|path| lines.line(format!("  {}", plain(path))));
    }
    lines.into_text()
}

/// `cart, says kubernetes since 2026-03-01 12:00:00Z`
fn stated(fact: &SourceFact) -> String {
    format!("{}, says {} since {}", plain(&fact.item), plain(&fact.source), instant(&fact.at))
}

/// A model's reasons: what each fact adds to the log-odds.
fn explain(lines: &mut Lines, prediction: &Prediction, paint: Paint) {
    let [low, high] = prediction.interval_percent;
    let heading = format!(
        "Model {} says {:.1} % ({low:.1} to {high:.1} %), learned from {} changes",
        plain(&prediction.model),
        prediction.percent,
        prediction.past_changes
    );
    lines.heading(paint, &heading);
    for doubt in &prediction.doubts {
        lines.line(format!("  {} {}", paint.caution("not sure:"), plain(doubt)));
    }
    lines.line(format!("  {:>+6.2}  log-odds of any change", prediction.base));
    for part in &prediction.parts {
        let (fact, value) = (words(&part.fact), cell(&part.value));
        lines.line(format!("  {:>+6.2}  {fact}: {value}", part.log_odds));
    }
}

/// `CHG-2026-000004  81 % alike, rolled back: cart, redis, timeout`
fn similar(similar: &SimilarChange, paint: Paint) -> String {
    let outcome = match similar.outcome.as_str() {
        "successful" => paint.good("successful"),
        other => paint.bad(words(other)),
    };
    let found = similar.finding.as_ref().map(|found| format!(" (a review found: {})", words(found)));
    let shared: Vec<_> = similar.shared.iter().map(|shared| cell(shared)).collect();
    format!(
        "{}  {:.0} % alike, {outcome}{}: {}",
        cell(&similar.change),
        similar.likeness_percent,
        found.unwrap_or_default(),
        shared.join(", ")
    )
}

/// One line for each term: where its bar begins, the sum of the earlier ones has ended.
pub(super) fn waterfall(lines: &mut Lines, terms: &[Term], total: f64, paint: Paint) {
    let sums: Vec<(f64, f64)> = terms
        .iter()
        .scan(0.0, |sum, term| {
            let before = *sum;
            *sum += term.value;
            Some((before, *sum))
        })
        .collect();
    let ends = sums.iter().flat_map(|(before, after)| [*before, *after]);
    let (low, high) = ends.fold((0.0_f64, 0.0_f64), |(low, high), end| (low.min(end), high.max(end)));
    let columns = f64::from(u32::try_from(WATERFALL_COLUMNS).unwrap_or(u32::MAX));
    let column = |value: f64| if high > low { whole((value - low) / (high - low) * columns) } else { 0 };
    for (term, (before, after)) in terms.iter().zip(sums) {
        let (start, end) = (column(before.min(after)), column(before.max(after)));
        let sign = if term.value < 0.0 { paint.sign("░", "-") } else { paint.sign("█", "#") };
        let drawn = format!("{}{}", " ".repeat(start), sign.repeat((end - start).max(1)));
        let drawn =
            console::pad_str(&drawn, WATERFALL_COLUMNS + 1, console::Alignment::Left, None).into_owned();
        lines.line(format!("  {:>+7.1}  {drawn} {}", term.value, cell(&term.sentence)));
    }
    lines.line(format!("  {:>+7.1}  {}", total, paint.strong("in all")));
}

fn probability(probability: &Probability) -> String {
    let [low, high] = probability.interval_percent;
    format!(
        "{:.1} % probability ({low:.1} to {high:.1} %), from {} past changes: {}",
        probability.percent, probability.past_changes, probability.source
    )
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
