//! Times, spans and counts in words.

use domain::Timestamp;
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use maud::{Markup, html};

/// A point in time with its whole date: `30 Dec 2025, 18:00:15 UTC`.
pub(super) fn date_time(at: Timestamp) -> String {
    at.strftime("%-d %b %Y, %H:%M:%S UTC").to_string()
}

/// The time of day: `18:00:15`.
pub(super) fn time_of_day(at: Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}

/// A point in time, as short as the present year allows: `30 Dec, 18:00`.
pub(super) fn short(at: Timestamp, now: Timestamp) -> String {
    let year = |at: Timestamp| at.to_zoned(TimeZone::UTC).year();
    let form = if year(at) == year(now) { "%-d %b, %H:%M" } else { "%-d %b %Y, %H:%M" };
    at.strftime(form).to_string()
}

/// A point in time as a page element: `text` for reading, the exact instant for everything else.
pub(super) fn instant(at: Timestamp, text: &str) -> Markup {
    html! { time datetime=(at) title=(date_time(at)) { (text) } }
}

/// How long ago something was, as a page element.
pub(super) fn age(at: Timestamp, now: Timestamp) -> Markup {
    instant(at, &span(now.duration_since(at)))
}

/// When something is due, as a page element: `in 3 h 26 min`, `2 h late`.
pub(super) fn due(at: Timestamp, now: Timestamp) -> Markup {
    let left = at.duration_since(now);
    html! {
        @if left.is_positive() { (instant(at, &format!("in {}", span(left)))) }
        @else { span.bad { (instant(at, &format!("{} late", span(left)))) } }
    }
}

/// A span of time in its two largest units, whichever way it points: `1 d 2 h`, `3 h 26 min`, `48 min`, `12 s`.
pub(super) fn span(span: SignedDuration) -> String {
    let seconds = span.unsigned_abs().as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, 0) => format!("{hours} h"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        (_, 0, _) => format!("{days} d"),
        (_, _, _) => format!("{days} d {hours} h"),
    }
}

/// How long something took or lasts: `340 ms`, `2.4 s`, `10 s`, `3 min 5 s`, `2 h 1 min`.
pub(super) fn took(millis: u64) -> String {
    let tenths = millis % 1_000 / 100;
    let whole = SignedDuration::from_secs(i64::try_from(millis / 1_000).unwrap_or(i64::MAX));
    match (millis / 1_000, tenths) {
        (0, _) => format!("{millis} ms"),
        (seconds @ 1..10, 1..) => format!("{seconds}.{tenths} s"),
        (minutes @ 60..3_600, _) if minutes % 60 > 0 => format!("{} min {} s", minutes / 60, minutes % 60),
        (_, _) => span(whole),
    }
}

/// A number and its noun, thousands apart: `1 entry`, `48 213 entries`.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    let noun = if number == 1 { one } else { many };
    format!("{} {noun}", grouped(number))
}

/// A number with its thousands apart.
pub(super) fn grouped(number: u64) -> String {
    const THIN_SPACE: char = '\u{202f}';
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(THIN_SPACE);
        }
        text.push(digit);
    }
    text
}

/// A word of the product's vocabulary as people read it: `awaiting_approval` is `Awaiting approval`.
pub(super) fn words(word: &str) -> String {
    let text = word.replace(['_', '-'], " ");
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// One of our sentences, with what stands between backticks set as code. An unpaired backtick stays as it is.
pub(super) fn marked(text: &str) -> Markup {
    let is_paired = text.matches('`').count().is_multiple_of(2);
    html! {
        @if is_paired {
            @for (at, part) in text.split('`').enumerate() {
                @if at.is_multiple_of(2) { (part) } @else { code { (part) } }
            }
        } @else {
            (text)
        }
    }
}

/// A sentence with a capital letter and a full stop.
pub(super) fn sentence(text: &str) -> String {
    let mut chars = text.trim().chars();
    let mut text: String =
        chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default();
    if !text.ends_with(['.', '!', '?', '…', ':']) {
        text.push('.');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portal::fixture::NOW;

    #[test]
    fn spans_show_their_two_largest_units() {
        let shown = |seconds| span(SignedDuration::from_secs(seconds));
        let all = [12, 60, 2_880, 3_600, 12_360, 86_400, 93_600, -93_600, 0].map(shown);
        assert_eq!(all, ["12 s", "1 min", "48 min", "1 h", "3 h 26 min", "1 d", "1 d 2 h", "1 d 2 h", "0 s"]);
        assert_eq!([340, 1_000, 2_450, 41_300].map(took), ["340 ms", "1 s", "2.4 s", "41 s"]);
        assert_eq!([60_000, 185_000, 7_260_000].map(took), ["1 min", "3 min 5 s", "2 h 1 min"]);
    }

    #[test]
    fn a_deadline_says_which_way_it_lies() {
        let later = NOW + SignedDuration::from_mins(90);
        let expected =
            r#"<time datetime="2025-12-30T19:30:00Z" title="30 Dec 2025, 19:30:00 UTC">in 1 h 30 min</time>"#;
        assert_eq!(due(later, NOW).into_string(), expected);
        assert!(due(NOW, later).into_string().contains(">1 h 30 min late<"));
        assert_eq!(short(later, NOW), "30 Dec, 19:30");
        assert_eq!(short(NOW, NOW + SignedDuration::from_hours(72)), "30 Dec 2025, 18:00");
    }

    #[test]
    fn numbers_and_words_are_readable() {
        assert_eq!(count(1, "entry", "entries"), "1 entry");
        assert_eq!(count(48_213, "entry", "entries"), "48\u{202f}213 entries");
        assert_eq!(
            [0, 999, 1_000, 1_234_567].map(grouped).join("|"),
            "0|999|1\u{202f}000|1\u{202f}234\u{202f}567"
        );
        assert_eq!(words("awaiting_approval"), "Awaiting approval");
        assert_eq!(sentence("the risk is not known"), "The risk is not known.");
        assert_eq!(sentence(""), ".");
        assert_eq!(marked("give `--plan <x>`").into_string(), "give <code>--plan &lt;x&gt;</code>");
        assert_eq!(marked("a ` alone").into_string(), "a ` alone");
    }
}
