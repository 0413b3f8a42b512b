//! The bounded record of an output of any length: its beginning and its end, secrets masked.

use std::collections::VecDeque;

use crate::mask::{Cut, Masker, render};

/// Longest record of a step's output, in bytes. Half is the beginning, half the end.
pub const LOG_BYTES_MAX: usize = 64 * 1024;

/// Collects an output. Keeps, besides what will be shown, the margin that the masker needs to recognise a secret that
/// lies across the cut: at most [`LOG_BYTES_MAX`] and two margins are in memory, whatever the length of the output.
#[derive(Debug)]
pub(crate) struct Excerpt {
    masker: Masker,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    half_bytes: usize,
    keep_bytes: usize,
    total_bytes: u64,
}

impl Excerpt {
    pub(crate) fn new(masker: Masker) -> Self {
        Self::bounded(masker, LOG_BYTES_MAX)
    }

    pub(crate) fn bounded(masker: Masker, limit: usize) -> Self {
        let half_bytes = limit / 2;
        let keep_bytes = half_bytes + masker.margin();
        Self { masker, head: Vec::new(), tail: VecDeque::new(), half_bytes, keep_bytes, total_bytes: 0 }
    }

    /// Takes the next bytes of the output.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.total_bytes = self.total_bytes.saturating_add(bytes.len().try_into().unwrap_or(u64::MAX));
        let to_head = bytes.len().min(self.keep_bytes - self.head.len());
        let (first, rest) = bytes.split_at(to_head);
        self.head.extend_from_slice(first);
        let skipped = rest.len().saturating_sub(self.keep_bytes);
        let rest = rest.get(skipped..).unwrap_or_default();
        let excess = (self.tail.len() + rest.len()).saturating_sub(self.keep_bytes);
        self.tail.drain(..excess);
        self.tail.extend(rest);
    }

    /// Takes a line of our own.
    pub(crate) fn push_line(&mut self, line: &str) {
        self.push(line.as_bytes());
        self.push(b"\n");
    }

    /// The record. Says in its middle how much was cut.
    pub(crate) fn finish(self) -> String {
        let Self { masker, mut head, tail, half_bytes, total_bytes, .. } = self;
        let tail = Vec::from(tail);
        let kept = head.len() + tail.len();
        if u64::try_from(kept) == Ok(total_bytes) {
            head.extend(tail);
            let spans = masker.spans(&head, Cut::default());
            if kept <= 2 * half_bytes {
                return render(&head, 0..kept, &spans);
            }
            let first = render(&head, 0..half_bytes, &spans);
            let last = render(&head, kept - half_bytes..kept, &spans);
            return joined(&first, kept - 2 * half_bytes, &last);
        }
        let first_spans = masker.spans(&head, Cut { before: false, after: true });
        let last_spans = masker.spans(&tail, Cut { before: true, after: false });
        let first = render(&head, 0..half_bytes, &first_spans);
        let last = render(&tail, tail.len().saturating_sub(half_bytes)..tail.len(), &last_spans);
        let shown = u64::try_from(2 * half_bytes).unwrap_or(u64::MAX);
        joined(&first, total_bytes.saturating_sub(shown), &last)
    }
}

fn joined(first: &str, cut_bytes: impl std::fmt::Display, last: &str) -> String {
    format!("{first}\n[… {cut_bytes} bytes cut …]\n{last}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 100;

    fn excerpt(secrets: &[&str], parts: &[&[u8]]) -> String {
        let mut excerpt = Excerpt::bounded(Masker::new(secrets), LIMIT);
        for part in parts {
            excerpt.push(part);
        }
        excerpt.finish()
    }

    #[test]
    fn a_short_output_is_kept_as_it_is() {
        assert_eq!(excerpt(&[], &[b"one\n", b"two\n"]), "one\ntwo\n");
        assert_eq!(excerpt(&[], &[]), "");
    }

    #[test]
    fn a_long_output_keeps_both_ends_and_says_what_is_missing() {
        let line = b"0123456 ";
        let text = excerpt(&[], &vec![&line[..]; 10_000]);
        assert!(text.starts_with("0123456 0123456"), "{text}");
        assert!(text.ends_with("0123456 "), "{text}");
        assert!(text.contains("[… 79900 bytes cut …]"), "{text}");
        assert!(text.len() < LIMIT + 50, "{}", text.len());
    }

    #[test]
    fn what_is_kept_in_memory_is_bounded() {
        let mut excerpt = Excerpt::bounded(Masker::default(), LIMIT);
        for _ in 0..100 {
            excerpt.push(&[b' '; 30_000]);
        }
        assert_eq!(excerpt.head.len(), excerpt.keep_bytes);
        assert_eq!(excerpt.tail.len(), excerpt.keep_bytes);
    }

    /// Puts a secret at every position around the cut, in outputs that are a little and far too long, given in
    /// pieces of several sizes: no part of it may be seen.
    #[test]
    fn a_secret_across_a_cut_leaves_no_half_behind() {
        let secret = "SECRET-VALUE";
        for rest in [90, 40_000] {
            for before in 30..60 {
                for piece in [1, 7, 4096] {
                    let text = format!("{}{secret} {}", " ".repeat(before), ". ".repeat(rest / 2));
                    let mirrored = format!("{}{secret}{}", " .".repeat(rest / 2), " ".repeat(before));
                    for text in [text, mirrored] {
                        let parts: Vec<&[u8]> = text.as_bytes().chunks(piece).collect();
                        let shown = excerpt(&[secret], &parts);
                        assert!(
                            !shown.contains(|c: char| c.is_ascii_uppercase()),
                            "{before} {piece}: {shown}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_token_that_is_longer_than_the_margin_leaves_no_half_behind() {
        let token = "q".repeat(60_000);
        let text = format!("{} Bearer {token} {}", "a ".repeat(20), "z ".repeat(15));
        let shown = excerpt(&[], &[text.as_bytes()]);
        assert!(!shown.contains('q'), "{shown}");
    }
}
