//! Near misses: names that were probably meant.
//!
//! A search looks at 20 bytes of each name and spells out only those whose bytes allow a near miss: how often each class
//! of letters occurs (an edit changes two of the counts by one), and the hash of what follows the last `/`, by which
//! `cart` finds `Deployment/shop/cart`. In a million names that differ by numbers only, that leaves a few in a hundred to be spelt out.

use std::hash::{DefaultHasher, Hasher as _};

use super::index::narrow;

/// Most suggestions for one name.
pub(super) const SUGGESTIONS_MAX: usize = 3;
/// Most single-character edits between a name and a suggestion.
const EDITS_MAX: usize = 2;
/// Names of at most this many bytes allow only one edit: two would turn `db` into anything.
const SHORT_NAME_BYTES_MAX: usize = 4;
/// By how much one edit changes the counts together, at most.
const COUNTS_OF_EDIT_MAX: u32 = 2;
/// Letters whose codes leave the same remainder are one class; a power of two, to fill the widest registers.
const CLASSES: usize = 16;

/// What is looked at before a name is spelt out.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Signature {
    /// How often each class of letters occurs, at most 255 times.
    counts: [u8; CLASSES],
    tail: u32,
}

impl Signature {
    pub(super) fn of(name: &str) -> Self {
        let lower = name.to_ascii_lowercase();
        let mut signature = Self { counts: [0; CLASSES], tail: tail_hash(&lower) };
        for byte in lower.bytes() {
            if let Some(count) = signature.counts.get_mut(usize::from(byte) % CLASSES) {
                *count = count.saturating_add(1);
            }
        }
        signature
    }

    /// By how much the counts differ together.
    fn counts_between(&self, other: &Self) -> u32 {
        self.counts.iter().zip(&other.counts).map(|(a, b)| u32::from(a.abs_diff(*b))).sum()
    }
}

fn tail(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, tail)| tail)
}

fn tail_hash(lower: &str) -> u32 {
    let mut hasher = DefaultHasher::new();
    hasher.write(tail(lower).as_bytes());
    u32::try_from(hasher.finish() >> 32).unwrap_or_else(|_| unreachable!("half of 64 bits"))
}

/// The names nearest to `given`, the nearest first and then by name; those that end in `/given` come last. Letter case
/// does not count as a difference.
pub(super) fn nearest<'a>(
    given: &str,
    signatures: &[Signature],
    name: impl Fn(u32) -> &'a str,
    accept: impl Fn(u32) -> bool,
) -> Vec<u32> {
    let lower = given.to_ascii_lowercase();
    let wanted = Signature::of(&lower);
    let edits_max = if lower.len() <= SHORT_NAME_BYTES_MAX { 1 } else { EDITS_MAX };
    let counts_max = COUNTS_OF_EDIT_MAX * narrow(edits_max);
    let mut near = Vec::new();
    for (number, signature) in (0_u32..).zip(signatures) {
        let has_tail = signature.tail == wanted.tail;
        if !has_tail && signature.counts_between(&wanted) > counts_max {
            continue;
        }
        let other = name(number);
        if other.is_empty() || !accept(number) {
            continue;
        }
        let is_tail = has_tail && tail(other).eq_ignore_ascii_case(&lower);
        match edits(given.as_bytes(), other.as_bytes(), edits_max) {
            Some(edits) => near.push((edits, other, number)),
            None if is_tail => near.push((edits_max + 1, other, number)),
            None => {}
        }
    }
    near.sort_unstable();
    near.into_iter().take(SUGGESTIONS_MAX).map(|(_, _, number)| number).collect()
}

/// Levenshtein distance in bytes (names are ASCII), whatever the case, when it is at most `limit`, which is small: each
/// edit is tried where the two first differ.
fn edits(from: &[u8], to: &[u8], limit: usize) -> Option<usize> {
    if from.len().abs_diff(to.len()) > limit {
        return None;
    }
    let common = from.iter().zip(to).take_while(|(a, b)| a.eq_ignore_ascii_case(b)).count();
    let (from, to) = (from.get(common..)?, to.get(common..)?);
    let (Some((_, from_rest)), Some((_, to_rest))) = (from.split_first(), to.split_first()) else {
        return Some(from.len() + to.len());
    };
    let limit = limit.checked_sub(1)?;
    let tried = [edits(from_rest, to_rest, limit), edits(from_rest, to, limit), edits(from, to_rest, limit)];
    tried.into_iter().flatten().min().map(|rest| rest + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::index::wide;
    use super::*;

    /// Levenshtein distance by the table of all prefixes.
    fn distance(from: &str, to: &str) -> usize {
        let mut row: Vec<usize> = (0..=to.len()).collect();
        for (i, a) in from.bytes().enumerate() {
            let mut next = vec![i + 1];
            for (j, b) in to.bytes().enumerate() {
                next.push((row[j] + usize::from(a != b)).min(row[j + 1] + 1).min(next[j] + 1));
            }
            row = next;
        }
        row[to.len()]
    }

    #[test]
    fn edits_are_counted_up_to_the_limit() {
        for (from, to, expected) in
            [("", "", 0), ("", "ab", 2), ("kitten", "sitting", 3), ("flaw", "lawn", 2), ("same", "same", 0)]
        {
            assert_eq!(distance(from, to), expected);
            for limit in 0..5 {
                let within = Some(expected).filter(|edits| *edits <= limit);
                assert_eq!(edits(from.as_bytes(), to.as_bytes(), limit), within, "{from} {to}");
                assert_eq!(edits(to.as_bytes(), from.as_bytes(), limit), within, "{to} {from}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_near_name_is_passed_over(
            names in prop::collection::vec("[a-c/-]{1,7}", 1..30),
            given in "[a-cA-C/-]{1,7}",
        ) {
            let signatures: Vec<_> = names.iter().map(|name| Signature::of(name)).collect();
            let found = nearest(&given, &signatures, |number| names[wide(number)].as_str(), |_| true);
            let lower = given.to_ascii_lowercase();
            let limit = if given.len() <= SHORT_NAME_BYTES_MAX { 1 } else { EDITS_MAX };
            let rank = |name: &String| match distance(&lower, name) {
                edits if edits <= limit => Some(edits),
                _ => (tail(name) == lower).then_some(limit + 1),
            };
            let ranked = (0_u32..).zip(&names);
            let mut expected: Vec<_> =
                ranked.filter_map(|(number, name)| Some((rank(name)?, name.as_str(), number))).collect();
            expected.sort_unstable();
            expected.truncate(SUGGESTIONS_MAX);
            prop_assert_eq!(found, expected.into_iter().map(|(_, _, number)| number).collect::<Vec<_>>());
        }
    }
}
