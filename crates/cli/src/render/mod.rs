//! Answers of the server as text for people. Everything here is a plain function of the answer and of how to paint.
//!
//! What others wrote is cleaned of characters that could deceive a terminal before it is shown.

pub(crate) mod actor;
pub(crate) mod approval;
pub(crate) mod audit;
pub(crate) mod cab;
pub(crate) mod calendar;
pub(crate) mod canary;
pub(crate) mod catalog;
pub(crate) mod change;
pub(crate) mod cmdb;
pub(crate) mod ecab;
pub(crate) mod history;
pub(crate) mod incident;
pub(crate) mod learning;
pub(crate) mod notification;
pub(crate) mod performance;
pub(crate) mod plan;
pub(crate) mod policy;
pub(crate) mod problem;
pub(crate) mod rehearsal;
pub(crate) mod risk;
pub(crate) mod runner;
pub(crate) mod slot;
mod step_kinds;
pub(crate) mod stop;
mod table;
pub(crate) mod watching;
pub(crate) mod what_if;

use console::measure_text_width;
use jiff::Timestamp;

use crate::shell::{Paint, plain};
pub(crate) use table::{Table, cell};

/// Columns of the widest bar.
const BAR_COLUMNS: usize = 20;

/// Text that grows line by line.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    text: String,
}

impl Lines {
    /// Adds a line.
    pub(crate) fn line(&mut self, line: impl AsRef<str>) {
        self.text.push_str(line.as_ref().trim_end());
        self.text.push('\n');
    }

    /// Adds a heading with an empty line before it.
    pub(crate) fn heading(&mut self, paint: Paint, heading: &str) {
        if !self.text.is_empty() {
            self.line("");
        }
        self.line(paint.strong(heading));
    }

    /// Adds `label  value` with the label in a column of its own, unless there is no value.
    pub(crate) fn field(&mut self, paint: Paint, label: &str, value: Option<&str>) {
        if let Some(value) = value {
            let label = console::pad_str(label, 12, console::Alignment::Left, None).into_owned();
            let value = plain(value).replace('\n', &format!("\n  {}", " ".repeat(13)));
            self.line(format!("  {} {value}", paint.dim(label)));
        }
    }

    /// Adds a text of somebody else, fenced so that nobody takes it for ours.
    pub(crate) fn foreign(&mut self, paint: Paint, who: &str, text: &str) {
        let fence = paint.sign("│", "|");
        self.line(format!("  {}", paint.dim(format!("written by {}, not checked by anybody:", plain(who)))));
        for line in plain(text).lines() {
            self.line(format!("  {} {line}", paint.dim(fence)));
        }
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }
}

/// A word as people write it: `awaiting_approval` is "awaiting approval".
pub(crate) fn words(word: &str) -> String {
    plain(word).replace('_', " ")
}

/// An instant to the second in UTC; a text that is none is shown as it is.
pub(crate) fn instant(text: &str) -> String {
    match text.parse::<Timestamp>() {
        Ok(instant) => instant.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
        Err(_) => plain(text).into_owned(),
    }
}

/// How long something takes, in at most two units: `3 h 20 min`.
pub(crate) fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) if seconds.is_multiple_of(60) => format!("{minutes} min"),
        (0, 0, minutes) => format!("{minutes} min {} s", seconds % 60),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, 0, _) => format!("{days} d"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// A bar that shows `value` out of `full`; empty where that makes no sense.
pub(crate) fn bar(paint: Paint, value: f64, full: f64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let share = if full > 0.0 { (value / full).clamp(0.0, 1.0) } else { 0.0 };
    let columns = f64::from(u32::try_from(BAR_COLUMNS).unwrap_or(u32::MAX));
    let eighths = whole(share * columns * 8.0);
    if paint.unicode {
        let rest = EIGHTHS.get(eighths % 8).copied().unwrap_or_default();
        format!("{}{rest}", "█".repeat(eighths / 8))
    } else {
        "#".repeat((eighths + 4) / 8)
    }
}

/// The nearest whole number; 0 below zero.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to what fits before the cast"
)]
pub(crate) fn whole(value: f64) -> usize {
    value.round().clamp(0.0, 1_000_000.0) as usize
}

/// A risk level in its colour.
pub(crate) fn level(paint: Paint, level: &str) -> String {
    match level {
        "low" => paint.good(level),
        "medium" => paint.caution(level),
        other => paint.bad(plain(other)),
    }
}

/// A state in its colour.
pub(crate) fn state(paint: Paint, state: &str) -> String {
    let text = words(state);
    match state {
        "approved" | "implemented" | "closed" => paint.good(text),
        "rejected" | "failed" | "rolled_back" | "rolling_back" | "interrupted" => paint.bad(text),
        "awaiting_approval" | "assessing" => paint.caution(text),
        _ => text,
    }
}

/// A text cut to a number of columns.
pub(crate) fn fitted(text: &str, columns: usize, paint: Paint) -> String {
    if measure_text_width(text) <= columns {
        return text.to_owned();
    }
    console::truncate_str(text, columns, paint.sign("…", "...")).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_at_most_two_units() {
        let cases = [
            (0, "0 s"),
            (59, "59 s"),
            (300, "5 min"),
            (301, "5 min 1 s"),
            (3_600, "1 h"),
            (12_000, "3 h 20 min"),
            (86_400, "1 d"),
            (90_061, "1 d 1 h"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(span(seconds), expected);
        }
    }

    #[test]
    fn bars_are_as_long_as_their_share_in_every_alphabet() {
        let (unicode, ascii) = (Paint::without_color(true), Paint::without_color(false));
        assert_eq!(bar(unicode, 10.0, 10.0), "█".repeat(20));
        assert_eq!(bar(unicode, 0.3, 10.0), "▋");
        assert_eq!(bar(ascii, 5.0, 10.0), "#".repeat(10));
        for (value, full) in [(-1.0, 10.0), (1.0, 0.0), (f64::NAN, 10.0)] {
            assert_eq!(bar(unicode, value, full), "");
        }
    }
}
