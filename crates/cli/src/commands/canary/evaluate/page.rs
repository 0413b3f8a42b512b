//! The figures as a page.

use domain::canary::clopper_pearson;

use super::families::Kind;
use super::{Counted, Measured};

/// Confidence of the intervals of rates: 95 %.
const RATE_ALPHA: f64 = 0.05;

/// The tables, in Markdown.
pub(super) fn tables(measured: &[Measured], hours: u32, regressions: u32) -> String {
    let of = |kind: Kind| measured.iter().filter(move |it| it.kind == kind).collect::<Vec<_>>();
    let mut text = format!(
        "Streams of an hour at 50 requests a second and 0.5 % errors where nothing else is said; {hours} of each family \
                            of equal arms, {regressions} of each regression.\n"
    );
    text += "\n## False rollbacks\n\nShare of the hours in which equal arms were rolled back, with a 95 % interval (Clopper and Pearson).\n\n";
    text += &table(&of(Kind::Equal), false_rate);
    text += "\n## Seconds to detect\n\nMedian, and the time by which nine tenths were found, from the onset of the regression; `–` where fewer were \
             found within the hour. What was rolled back before the onset is told behind it.\n\n";
    text += &table(&of(Kind::Regression), delay);
    text += "\n## Latencies\n\n50 latencies a second in each arm, lognormal around 40 ms with 1 % eight times slower.\n\n";
    text += &table(&of(Kind::EqualLatency), false_rate);
    text += "\n";
    text += &table(&of(Kind::RegressionLatency), delay);
    text
}

fn table(measured: &[&Measured], cell: fn(&Counted, u32) -> String) -> String {
    let Some(first) = measured.first() else { return String::new() };
    let heads: Vec<&str> = first.methods.iter().map(|counted| counted.method).collect();
    let mut text = format!("| stream | {} |\n| --- |{}\n", heads.join(" | "), " --: |".repeat(heads.len()));
    for row in measured {
        let cells: Vec<String> = row.methods.iter().map(|counted| cell(counted, row.streams)).collect();
        text += &format!("| {} | {} |\n", row.family, cells.join(" | "));
    }
    text
}

fn false_rate(counted: &Counted, streams: u32) -> String {
    let failed = counted.failed + counted.too_early;
    let (low, high) = clopper_pearson(u64::from(failed), u64::from(streams), RATE_ALPHA);
    let percent = |share: f64| format!("{:.1}", 100.0 * share);
    let rate = percent(f64::from(failed) / f64::from(streams));
    format!("{rate} % ({}–{})", percent(low), percent(high))
}

fn delay(counted: &Counted, _streams: u32) -> String {
    let seconds =
        |seconds: Option<u32>| seconds.map_or_else(|| "–".to_owned(), |seconds| seconds.to_string());
    let delay = format!("{} ({})", seconds(counted.median_seconds), seconds(counted.p90_seconds));
    if counted.too_early > 0 { format!("{delay}, {} too early", counted.too_early) } else { delay }
}
