//! The figures as a page.

use jiff::Timestamp;
use prediction::metrics::{AtThreshold, Interval, SHIFTED_FROM};
use prediction::{FINAL, Judged, Slice};

use super::Evaluated;

/// Most columns that are named as shifted.
const SHIFTED_SHOWN: usize = 5;
/// The calibration error that is aimed at.
const CALIBRATION_ERROR_AIM: f64 = 0.01;

/// The tables of all files, in Markdown.
pub(super) fn tables(evaluated: &[Evaluated]) -> String {
    evaluated.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn one(evaluated: &Evaluated) -> String {
    let Evaluated { evaluation, .. } = evaluated;
    let mut text = format!("## {}\n\n", evaluated.name);
    text += &about(evaluated);
    text += "\n| slice | rows | failed | from | until |\n| --- | --: | --: | --- | --- |\n";
    for (name, slice) in ["learned from", "validation", "test"].into_iter().zip(&evaluation.slices) {
        text += &slice_row(name, slice, evaluated.time_unit);
    }
    text += "\n| model | AUC | AP | Brier | ECE | by chance | g5 | g10 | g20 | training |\n";
    text += "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --: |\n";
    text += &evaluation.models.iter().map(|judged| model_row(judged, &evaluation.chosen)).collect::<String>();
    text += &evaluated.reference.iter().map(reference_row).collect::<String>();
    text += "\n| model | most accurate gate: accuracy | false positives | failures caught | gate of the riskiest tenth: accuracy | false positives | failures caught |\n";
    text += "| --- | --: | --: | --: | --: | --: | --: |\n";
    text += &evaluation.models.iter().map(gate_row).collect::<String>();
    for reference in &evaluated.reference {
        if let (Some(accuracy), Some(rate)) = (reference.accuracy, reference.false_positive_rate) {
            text += &format!("| *{}* | {accuracy:.3} | {rate:.3} | – | – | – | – |\n", reference.model);
        }
    }
    text += &format!("\n{}\n", aims(evaluated, FINAL, "the final model"));
    text += &format!("\n{}\n", aims(evaluated, &evaluation.chosen, "the same learned from 70 % only"));
    text += "\n| predicted | failed | rows |\n| --: | --: | --: |\n";
    for bin in &evaluation.calibration {
        text += &format!("| {:.4} | {:.4} | {} |\n", bin.predicted, bin.failed, bin.rows);
    }
    text += &format!("\n{}\n", shifted(evaluated));
    text
}

fn about(evaluated: &Evaluated) -> String {
    let slices = &evaluated.evaluation.slices;
    let (rows, failures) =
        slices.iter().fold((0, 0), |(rows, failures), slice| (rows + slice.rows, failures + slice.failures));
    let mut text = format!(
        "`{}`: {} rows ({} left out by the mapping), {} columns with the derived ones; {:.2} % failed. ",
        evaluated.file,
        evaluated.rows,
        evaluated.left_out,
        evaluated.columns,
        100.0 * share(failures, rows),
    );
    if evaluated.by_group {
        text += "Each project is split by its own time. ";
    }
    if evaluated.known_after_days > 0 {
        let days = evaluated.known_after_days;
        text += &format!("Outcomes are known after {days} days, which also keep the slices apart. ");
    }
    text += &format!(
        "Chosen before the test: **{}**, calibrated by {}.\n",
        evaluated.evaluation.chosen, evaluated.evaluation.calibrated_by
    );
    text
}

fn slice_row(name: &str, slice: &Slice, unit: &str) -> String {
    let moment = |at: i64| match (unit, Timestamp::from_second(at)) {
        ("seconds", Ok(at)) => at.strftime("%Y-%m-%d").to_string(),
        _ => format!("position {at}"),
    };
    let Slice { rows, failures, from, until } = *slice;
    let failed = 100.0 * share(failures, rows);
    format!("| {name} | {rows} | {failed:.2} % | {} | {} |\n", moment(from), moment(until))
}

fn model_row(judged: &Judged, chosen: &str) -> String {
    let strong = if judged.model == chosen || judged.model == FINAL { "**" } else { "" };
    let figures = &judged.figures;
    let [five, ten, twenty] = judged.caught.map(|caught| with_interval(caught, 2));
    format!(
        "| {strong}{}{strong} | {} | {} | {:.4} | {:.4} | {} | {five} | {ten} | {twenty} | {} |\n",
        judged.model,
        with_interval(judged.auc, 3),
        with_interval(judged.average_precision, 3),
        figures.brier,
        figures.calibration_error,
        with_interval(judged.calibration_error_by_chance, 4),
        if judged.seconds > 0.0 { format!("{:.1} s", judged.seconds) } else { "–".to_owned() },
    )
}

fn reference_row(reference: &super::Reference) -> String {
    let figure = |figure: Option<f64>, digits: usize| {
        figure.map_or_else(|| "–".to_owned(), |figure| format!("{figure:.digits$}"))
    };
    let [five, ten, twenty] = match reference.caught {
        Some(caught) => caught.map(|caught| figure(Some(caught), 2)),
        None => [None, None, None].map(|none| figure(none, 2)),
    };
    format!(
        "| *{}* | {:.3} | {:.3} | {} | {} | – | {five} | {ten} | {twenty} | – |\n",
        reference.model,
        reference.auc,
        reference.average_precision,
        figure(reference.brier, 4),
        figure(reference.calibration_error, 3),
    )
}

fn gate_row(judged: &Judged) -> String {
    let cells =
        |at: &AtThreshold| format!("{:.3} | {:.3} | {:.3}", at.accuracy, at.false_positive_rate, at.caught);
    let (accurate, tenth) = (cells(&judged.most_accurate), cells(&judged.riskiest_tenth));
    format!("| {} | {accurate} | {tenth} |\n", judged.model)
}

/// What is aimed at, and whether it is met: at least the best figure of the references, each on its own.
fn aims(evaluated: &Evaluated, model: &str, called: &str) -> String {
    let chosen = evaluated.evaluation.models.iter().find(|judged| judged.model == model);
    let Some(chosen) = chosen else { return String::new() };
    let best = |of: &dyn Fn(&super::Reference) -> Option<f64>| {
        evaluated.reference.iter().filter_map(of).max_by(f64::total_cmp)
    };
    let [five, ten, twenty] = chosen.caught.map(|caught| caught.value);
    let gate = |place: usize| best(&|one| one.caught.and_then(|caught| caught.get(place).copied()));
    let aimed = [
        ("AUC", chosen.auc.value, best(&|one| Some(one.auc)), 3),
        ("AP", chosen.average_precision.value, best(&|one| Some(one.average_precision)), 3),
        ("g5", five, gate(0), 2),
        ("g10", ten, gate(1), 2),
        ("g20", twenty, gate(2), 2),
    ];
    let mut said: Vec<String> = Vec::new();
    for (name, reached, aim, digits) in aimed {
        let Some(aim) = aim else { continue };
        // As they are printed, for that is how the aims are given.
        let rounded = format!("{reached:.digits$}").parse().unwrap_or(reached);
        let word = if rounded >= aim { "met" } else { "**not met**" };
        said.push(format!("{name} {reached:.digits$} for at least {aim:.digits$}: {word}"));
    }
    let error = chosen.figures.calibration_error;
    let word = if error < CALIBRATION_ERROR_AIM { "met" } else { "**not met**" };
    said.push(format!("ECE {error:.4} for less than {CALIBRATION_ERROR_AIM}: {word}"));
    format!("Aims of {called}: {}.", said.join("; "))
}

fn shifted(evaluated: &Evaluated) -> String {
    let drift = &evaluated.evaluation.drift;
    let shifted: Vec<String> = drift
        .iter()
        .filter(|column| column.stability_index >= SHIFTED_FROM)
        .take(SHIFTED_SHOWN)
        .map(|column| format!("`{}` {:.2}", column.column, column.stability_index))
        .collect();
    let count = drift.iter().filter(|column| column.stability_index >= SHIFTED_FROM).count();
    if count == 0 {
        return "No column has shifted between what was learned from and the test.".to_owned();
    }
    let named = shifted.join(", ");
    format!(
        "Columns that have shifted since (stability index from {SHIFTED_FROM}): {count}; the furthest: {named}."
    )
}

fn with_interval(interval: Interval, digits: usize) -> String {
    let Interval { value, low, high } = interval;
    format!("{value:.digits$} ({low:.digits$}–{high:.digits$})")
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
