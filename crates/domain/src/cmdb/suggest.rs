//! Near misses: names that were probably meant.
//!
//! A search looks at 12 bytes of each name and spells out only those whose bytes allow a near miss: which pairs of
//! letters occur in the name (one edit changes few of them), and the hash of what follows its last `/`, by which
//! `cart` finds `Deployment/shop/cart`.

use std::hash::{DefaultHasher, Hasher as _};

use super::index::narrow;

/// Most suggestions for one name.
pub(super) const SUGGESTIONS_MAX: usize = 3;
/// Most single-character edits between a name and a suggestion.
const EDITS_MAX: usize = 2;
/// Names of at most this many bytes allow only one edit: two would turn `db` into anything.
const SHORT_NAME_BYTES_MAX: usize = 4;
/// Pairs of letters that one edit takes away and adds, at most.
const PAIRS_OF_EDIT_MAX: u32 = 4;

/// What is looked at before a name is spelt out.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Signature {
    /// One bit for each of 64 classes of pairs, in two halves, so that three of four bytes are not padding.
    low: u32,
    high: u32,
    tail: u32,
}

impl Signature {
    pub(super) fn of(name: &str) -> Self {
        let lower = name.to_ascii_lowercase();
        let bytes = lower.as_bytes();
        let mut signature = Self { low: 0, high: 0, tail: tail_hash(&lower) };
        for (first, second) in bytes.iter().zip(bytes.iter().skip(1)) {
            let mixed = (u32::from(*first) << 8 | u32::from(*second)).wrapping_mul(0x9E37_79B1);
            let bit = 1 << (mixed >> 27);
            if mixed & 1 == 0 { signature.low |= bit } else { signature.high |= bit }
        }
        signature
    }

    fn pairs_between(self, other: Self) -> u32 {
        (self.low ^ other.low).count_ones() + (self.high ^ other.high).count_ones()
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
    let pairs_max = PAIRS_OF_EDIT_MAX * narrow(edits_max);
    let mut near = Vec::new();
    for (number, signature) in (0_u32..).zip(signatures) {
        let has_tail = signature.tail == wanted.tail;
        if !has_tail && signature.pairs_between(wanted) > pairs_max {
            continue;
        }
        let other = name(number);
        if other.is_empty() || !accept(number) {
            continue;
        }
        let distance = distance(&lower, &other.to_ascii_lowercase(), edits_max);
        let is_tail = has_tail && tail(other).eq_ignore_ascii_case(&lower);
        match distance {
            Some(edits) => near.push((edits, other, number)),
            None if is_tail => near.push((edits_max + 1, other, number)),
            None => {}
        }
    }
    near.sort_unstable();
    near.into_iter().take(SUGGESTIONS_MAX).map(|(_, _, number)| number).collect()
}

fn distance(from: &str, to: &str, limit: usize) -> Option<usize> {
    if from.len().abs_diff(to.len()) > limit {
        return None;
    }
    Some(edits(from.as_bytes(), to.as_bytes(), limit)).filter(|edits| *edits <= limit)
}

/// Levenshtein distance in bytes (names are ASCII), or something greater than `limit` as soon as it must exceed it.
fn edits(from: &[u8], to: &[u8], limit: usize) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut least = left;
        let (first, rest) = row.split_first_mut().unwrap_or_else(|| unreachable!("never empty"));
        *first = left;
        for (b, above) in to.iter().zip(rest) {
            let replaced = diagonal + usize::from(a != b);
            diagonal = *above;
            left = replaced.min(*above + 1).min(left + 1);
            *above = left;
            least = least.min(left);
        }
        if least > limit {
            return limit + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn edits_are_counted() {
        for (from, to, expected) in
            [("", "", 0), ("", "ab", 2), ("kitten", "sitting", 3), ("flaw", "lawn", 2), ("same", "same", 0)]
        {
            assert_eq!(edits(from.as_bytes(), to.as_bytes(), 9), expected, "{from} {to}");
            assert_eq!(edits(to.as_bytes(), from.as_bytes(), 9), expected, "{to} {from}");
        }
        assert!(edits(b"completely", b"different!", 2) > 2);
    }

    proptest! {
        #[test]
        fn no_near_name_is_passed_over(names in prop::collection::vec("[a-c/-]{1,7}", 1..30), given in "[a-cA-C/-]{1,7}") {
            let signatures: Vec<_> = names.iter().map(|name| Signature::of(name)).collect();
            let name = |number| names[super::super::index::wide(number)].as_str();
            let found = nearest(&given, &signatures, name, |_| true);
            let lower = given.to_ascii_lowercase();
            let limit = if given.len() <= SHORT_NAME_BYTES_MAX { 1 } else { EDITS_MAX };
            let mut expected: Vec<_> = (0_u32..).zip(&names).filter_map(|(number, name)| {
                match edits(lower.as_bytes(), name.as_bytes(), 99) {
                    edits if edits <= limit => Some((edits, name.as_str(), number)),
                    _ if name.ends_with(&format!("/{lower}")) && !lower.contains('/') => Some((limit + 1, name.as_str(), number)),
                    _ => None,
                }
            }).collect();
            expected.sort_unstable();
            let expected: Vec<_> = expected.into_iter().take(SUGGESTIONS_MAX).map(|(_, _, number)| number).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
