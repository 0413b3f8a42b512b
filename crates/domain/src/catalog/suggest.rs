//! Near misses: names that were probably meant.

use crate::id::ServiceName;

/// Most suggestions for one name.
const SUGGESTIONS_MAX: usize = 3;
/// Most single-character edits between a name and a suggestion.
const EDITS_MAX: usize = 2;
/// Names of at most this many bytes allow only one edit: two would turn `db` into anything.
const SHORT_NAME_BYTES_MAX: usize = 4;

/// The names nearest to `given`, the nearest first and then by name. Letter case does not count as a difference.
pub(super) fn nearest<'a>(given: &str, names: impl Iterator<Item = &'a ServiceName>) -> Vec<&'a ServiceName> {
    let given = given.to_ascii_lowercase();
    let edits_max = if given.len() <= SHORT_NAME_BYTES_MAX { 1 } else { EDITS_MAX };
    let mut near: Vec<_> = names
        .filter(|name| name.as_str().len().abs_diff(given.len()) <= edits_max)
        .map(|name| (edits(given.as_bytes(), name.as_str().to_ascii_lowercase().as_bytes(), edits_max), name))
        .filter(|(edits, _)| *edits <= edits_max)
        .collect();
    near.sort();
    near.into_iter().take(SUGGESTIONS_MAX).map(|(_, name)| name).collect()
}

/// Levenshtein distance in bytes (names are ASCII), or something greater than `limit` as soon as it must exceed it.
fn edits(from: &[u8], to: &[u8], limit: usize) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut left = i + 1;
        let mut next = vec![left];
        for ((b, diagonal), above) in to.iter().zip(&row).zip(row.iter().skip(1)) {
            let replaced = diagonal + usize::from(a != b);
            left = replaced.min(above + 1).min(left + 1);
            next.push(left);
        }
        if next.iter().all(|distance| *distance > limit) {
            return limit + 1;
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
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
}
