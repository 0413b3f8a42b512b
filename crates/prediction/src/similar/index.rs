//! The index: for each trait, which changes have it.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, PoisonError, TryLockError};

use super::fingerprint::{Fingerprint, Trait, TraitKind};

/// Most changes that an index holds.
pub const CHANGES_MAX: usize = 4_000_000;
/// Most similar changes that a query gives.
pub const NEAREST_MAX: usize = 50;
/// Most positions that a query visits before it looks the rest up for its best candidates.
pub const VISITED_MAX: usize = 100_000;
/// From so many holders on a trait is visited only when a change that has nothing but it and commoner ones could be among the
/// candidates.
const COMMON_FROM: usize = 4_096;
/// Candidates for which everything is looked up, for each similar change that is wanted.
const CANDIDATES_PER_RESULT: usize = 8;

/// Which changes have which traits. Positions count from 0 in the order in which changes were added, oldest first.
#[derive(Debug, Default)]
pub struct SimilarIndex {
    holders: HashMap<u64, Vec<u32>, BuildHasherDefault<KeyHasher>>,
    /// The weights of each change's traits together.
    weights: Vec<f32>,
    scratch: Mutex<Scratch>,
}

/// A past change like the one asked about.
#[derive(Debug, Clone, PartialEq)]
pub struct Similar {
    /// The change, as the number of changes that were added before it.
    pub position: usize,
    /// How alike the two are: 0 (nothing shared) to 1.
    pub likeness: f32,
    /// What they share, what is worth most first.
    pub shared: Vec<(TraitKind, String)>,
}

/// Sums per change, kept between queries so that they are not made anew each time.
#[derive(Debug, Default)]
struct Scratch {
    sums: Vec<f32>,
    touched: Vec<u32>,
}

/// Keys are hashes already.
#[derive(Debug, Default, Clone, Copy)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

/// What is asked about.
struct Asked<'a> {
    /// The traits that somebody has, the rarest first.
    traits: Vec<AskedTrait<'a>>,
    /// What all its traits are worth together.
    worth: f32,
    /// What a unit of weight is worth on average: the worth of what only the other change has is counted by it, because
    /// which traits those are is not kept.
    worth_per_weight: f32,
}

/// A trait that is asked about: what sharing it is worth, and who has it.
struct AskedTrait<'a> {
    feature: &'a Trait,
    worth: f32,
    holders: &'a [u32],
    /// How many of the newest holders are visited.
    visited: usize,
}

impl SimilarIndex {
    /// How many changes were added.
    #[must_use]
    pub fn len(&self) -> usize {
        self.weights.len()
    }

    /// Whether no change was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.weights.is_empty()
    }

    /// Adds a change, newer than all before. Gives its position, or nothing when the index is full.
    pub fn add(&mut self, fingerprint: &Fingerprint) -> Option<usize> {
        let position = self.weights.len();
        let stored = u32::try_from(position).ok().filter(|_| position < CHANGES_MAX)?;
        for feature in &fingerprint.traits {
            self.holders.entry(feature.key()).or_default().push(stored);
        }
        self.weights.push(fingerprint.traits.iter().map(|feature| feature.kind.weight()).sum());
        Some(position)
    }

    /// The changes most like `fingerprint`, at most `count` and [`NEAREST_MAX`], the most alike first and of equals the
    /// newest. A change that shares nothing is not among them.
    #[must_use]
    pub fn nearest(&self, fingerprint: &Fingerprint, count: usize) -> Vec<Similar> {
        let count = count.min(NEAREST_MAX);
        let asked = self.ask(fingerprint);
        let wanted = count.saturating_mul(CANDIDATES_PER_RESULT);
        let candidates = match self.scratch.try_lock() {
            Ok(mut scratch) => self.candidates(&asked, wanted, &mut scratch),
            Err(TryLockError::Poisoned(poisoned)) => {
                self.candidates(&asked, wanted, &mut poisoned.into_inner())
            }
            // Somebody else asks at the same time.
            Err(TryLockError::WouldBlock) => self.candidates(&asked, wanted, &mut Scratch::default()),
        };
        let mut nearest: Vec<Similar> =
            candidates.into_iter().map(|position| self.compare(position, &asked)).collect();
        nearest.sort_by(|one, other| {
            other.likeness.total_cmp(&one.likeness).then(other.position.cmp(&one.position))
        });
        nearest.truncate(count);
        nearest
    }

    /// Bytes of memory that the index takes, without the allocator's own.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let lists: usize = self.holders.values().map(|holders| holders.capacity() * size_of::<u32>()).sum();
        let entry = size_of::<u64>() + size_of::<Vec<u32>>() + 1;
        let scratch = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        lists
            + self.holders.capacity() * entry
            + (self.weights.capacity() + scratch.sums.capacity() + scratch.touched.capacity())
                * size_of::<f32>()
    }

    fn ask<'a>(&'a self, fingerprint: &'a Fingerprint) -> Asked<'a> {
        let (mut traits, mut all_worth, mut weight) = (Vec::new(), 0.0, 0.0);
        for feature in &fingerprint.traits {
            let holders = self.holders.get(&feature.key()).map_or(&[][..], Vec::as_slice);
            let worth = worth_of(feature.kind, self.len(), holders.len());
            all_worth += worth;
            weight += feature.kind.weight();
            if !holders.is_empty() {
                traits.push(AskedTrait { feature, worth, holders, visited: 0 });
            }
        }
        traits.sort_by(|one, other| {
            one.holders.len().cmp(&other.holders.len()).then(one.feature.cmp(other.feature))
        });
        let mut left = VISITED_MAX;
        for one in &mut traits {
            one.visited = one.holders.len().min(left);
            left -= one.visited;
        }
        let worth_per_weight = if weight > 0.0 { all_worth / weight } else { 0.0 };
        Asked { traits, worth: all_worth, worth_per_weight }
    }

    /// The changes that share most of what was visited, measured by what either has.
    fn candidates(&self, asked: &Asked<'_>, wanted: usize, scratch: &mut Scratch) -> Vec<u32> {
        scratch.sums.resize(self.len(), 0.0);
        for (at, one) in asked.traits.iter().enumerate() {
            let common = asked.traits.get(at..).unwrap_or_default();
            if one.visited >= COMMON_FROM && self.are_found(asked, common, wanted, scratch) {
                break;
            }
            for position in one.holders.iter().rev().take(one.visited) {
                if let Some(sum) = usize::try_from(*position).ok().and_then(|at| scratch.sums.get_mut(at)) {
                    if *sum == 0.0 {
                        scratch.touched.push(*position);
                    }
                    *sum += one.worth;
                }
            }
        }
        let mut ranked = Vec::with_capacity(scratch.touched.len());
        for position in scratch.touched.drain(..) {
            if let Some(at) = usize::try_from(position).ok()
                && let Some(sum) = scratch.sums.get_mut(at)
            {
                ranked.push((self.at_least(at, *sum, asked), position));
                *sum = 0.0;
            }
        }
        let order =
            |one: &(f32, u32), other: &(f32, u32)| other.0.total_cmp(&one.0).then(other.1.cmp(&one.1));
        if ranked.len() > wanted && wanted > 0 {
            ranked.select_nth_unstable_by(wanted - 1, order);
        }
        ranked.truncate(wanted);
        ranked.into_iter().map(|(_, position)| position).collect()
    }

    /// How alike a change is at least that shares so much: what only it has is counted whole.
    fn at_least(&self, position: usize, shared: f32, asked: &Asked<'_>) -> f32 {
        let other = self.weights.get(position).copied().unwrap_or_default() * asked.worth_per_weight;
        shared / (asked.worth + other)
    }

    /// Whether so many changes were visited that each of them is more alike than any can be that shares nothing but `common`
    /// traits: the threshold of Fagin, Lotem and Naor (Optimal aggregation algorithms for middleware, 2003).
    fn are_found(
        &self,
        asked: &Asked<'_>,
        common: &[AskedTrait<'_>],
        wanted: usize,
        scratch: &Scratch,
    ) -> bool {
        if wanted == 0 || scratch.touched.len() < wanted {
            return false;
        }
        let at_most = common.iter().map(|one| one.worth).sum::<f32>() / asked.worth;
        let at = |position: &u32| usize::try_from(*position).unwrap_or(usize::MAX);
        let sum = |at: usize| scratch.sums.get(at).copied().unwrap_or_default();
        let visited = scratch.touched.iter().map(at);
        visited.filter(|at| self.at_least(*at, sum(*at), asked) > at_most).take(wanted).count() == wanted
    }

    fn compare(&self, position: u32, asked: &Asked<'_>) -> Similar {
        let mut shared: Vec<_> =
            asked.traits.iter().filter(|one| one.holders.binary_search(&position).is_ok()).collect();
        shared.sort_by(|one, other| other.worth.total_cmp(&one.worth).then(one.feature.cmp(other.feature)));
        let (worth, weight) = shared
            .iter()
            .fold((0.0, 0.0), |(worth, weight), one| (worth + one.worth, weight + one.feature.kind.weight()));
        let at = usize::try_from(position).unwrap_or(usize::MAX);
        let besides = (self.weights.get(at).copied().unwrap_or_default() - weight).max(0.0);
        let either = asked.worth + besides * asked.worth_per_weight;
        Similar {
            position: at,
            likeness: if either > 0.0 { (worth / either).clamp(0.0, 1.0) } else { 0.0 },
            shared: shared.iter().map(|one| (one.feature.kind, one.feature.text.clone())).collect(),
        }
    }
}

/// What sharing a trait is worth that `holders` of `changes` have: the inverse document frequency, smoothed so that a
/// trait that everybody has is still worth something (Sparck Jones 1972).
#[expect(
    clippy::cast_precision_loss,
    reason = "counts are far below what a 32-bit float tells apart usefully"
)]
fn worth_of(kind: TraitKind, changes: usize, holders: usize) -> f32 {
    kind.weight() * (1.0 + changes as f32 / holders.max(1) as f32).ln()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Subject;
    use super::*;

    fn named(services: &[&str], title: &str) -> Fingerprint {
        Fingerprint::of(&Subject { services, title, category: "deployment", ..Subject::default() })
    }

    #[test]
    fn the_same_rare_service_says_more_than_common_words() {
        let mut index = SimilarIndex::default();
        for number in 0..50 {
            index.add(&named(&[&format!("service-{number}")], "Raise timeout"));
        }
        index.add(&named(&["cart"], "Replace certificate"));
        let found = index.nearest(&named(&["cart"], "Raise timeout"), 3);
        assert_eq!(found[0].position, 50);
        assert_eq!(found[0].shared[0], (TraitKind::Service, "cart".to_owned()));
        assert_eq!(found[1].position, 49, "of equals the newest");
        assert!(found[0].likeness > found[1].likeness && found[1].likeness == found[2].likeness);
    }

    #[test]
    fn nothing_shared_is_nothing_similar() {
        let mut index = SimilarIndex::default();
        assert!(index.is_empty() && index.nearest(&named(&["cart"], "x"), 5).is_empty());
        index.add(&Fingerprint::of(&Subject { services: &["cart"], ..Subject::default() }));
        let other = Fingerprint::of(&Subject { services: &["mail"], ..Subject::default() });
        assert!(index.nearest(&other, 5).is_empty());
        assert!(index.nearest(&Fingerprint::default(), 5).is_empty());
        assert!(index.nearest(&named(&["cart"], ""), 0).is_empty());
    }

    #[test]
    fn the_same_change_again_is_most_alike() {
        let mut index = SimilarIndex::default();
        let own = named(&["cart", "mail"], "Move sessions to the new cluster");
        let position = index.add(&own);
        for number in 0..20 {
            index.add(&named(&["cart"], &format!("Move {number}")));
        }
        let found = index.nearest(&own, 1);
        assert_eq!(Some(found[0].position), position);
        assert_eq!(found[0].shared.len(), own.traits.len());
    }

    #[test]
    fn of_a_trait_that_everybody_has_the_newest_are_visited() {
        let mut index = SimilarIndex::default();
        let common = named(&[], "restart");
        for _ in 0..VISITED_MAX + 10 {
            index.add(&common);
        }
        let found = index.nearest(&common, 2);
        assert_eq!(found[0].position, VISITED_MAX + 9);
        assert_eq!(found[0].shared.len(), 2, "what was not visited is looked up");
    }

    /// The one asked about is far older than what is visited of a common trait, and found by its rare one.
    #[test]
    fn a_common_trait_is_not_visited_where_rare_ones_have_found_enough() {
        let mut index = SimilarIndex::default();
        let rare = |number: u32| named(&["cart"], &format!("restart pool batch{number}"));
        for number in 0..100 {
            index.add(&rare(number));
        }
        for number in 0..2 * COMMON_FROM {
            index.add(&named(&[&format!("service-{number}")], "restart"));
        }
        let asked = rare(7);
        let (parts, mut scratch) = (index.ask(&asked), Scratch::default());
        index.candidates(&parts, 5, &mut scratch);
        let visited = scratch.touched.capacity();
        assert!((5..COMMON_FROM).contains(&visited), "{visited} visited");
        let found = index.nearest(&asked, 5);
        assert_eq!(found[0].position, 7);
        assert_eq!(found[0].shared.len(), asked.traits.len(), "common ones are told too");
        assert!(found.iter().all(|one| one.position < 100), "{found:?}");
        // Where nothing rare is shared, common traits are all there is.
        let found = index.nearest(&named(&[], "restart"), 5);
        assert_eq!(found[0].position, 100 + 2 * COMMON_FROM - 1);
    }

    proptest! {
        #[test]
        fn the_best_is_the_one_that_comparing_with_all_finds(
            changes in proptest::collection::vec(proptest::collection::btree_set(0_u8..12, 0..5), 1..40),
            asked in proptest::collection::btree_set(0_u8..12, 1..5),
        ) {
            let fingerprint = |words: &std::collections::BTreeSet<u8>| {
                let names: Vec<String> = words.iter().map(|word| format!("service-{word}")).collect();
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                Fingerprint::of(&Subject { services: &names, ..Subject::default() })
            };
            let mut index = SimilarIndex::default();
            for change in &changes {
                index.add(&fingerprint(change));
            }
            let asked = fingerprint(&asked);
            let parts = index.ask(&asked);
            let best = (0..u32::try_from(changes.len()).unwrap())
                .map(|position| index.compare(position, &parts))
                .filter(|one| !one.shared.is_empty())
                .max_by(|one, other| one.likeness.total_cmp(&other.likeness).then(one.position.cmp(&other.position)));
            let found = index.nearest(&asked, NEAREST_MAX);
            prop_assert_eq!(found.first(), best.as_ref());
            prop_assert!(found.is_sorted_by(|one, other| one.likeness >= other.likeness));
            // A second question finds nothing of the first.
            prop_assert_eq!(index.nearest(&asked, NEAREST_MAX), found);
        }
    }
}
