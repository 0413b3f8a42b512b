//! What would lower the demands on a change: every small set of facts that a requester can alter is assessed in turn,
//! the least effort first, and told only when the assessment shows that it does.
//!
//! A change that lacks much needs more than a small set. So everything is altered at once as well, and taken back fact
//! by fact, the greatest effort first, for as long as no more is demanded.

use super::levers::{Kind, Lever, OtherTimes, levers};
use super::{Alteration, Supposed, suppose};
use crate::change::Content;
use crate::number::RiskScore;
use crate::risk::Level;

/// Most facts that one suggestion alters.
pub const ALTERATIONS_MAX: usize = 4;
/// Most altered requests that are assessed as small sets of facts.
const SMALL_ASSESSED_MAX: usize = 250;
/// Most altered requests that are assessed.
pub const ASSESSED_MAX: usize = 400;
/// Most suggestions.
pub const SUGGESTIONS_MAX: usize = 6;

/// What an assessment demands. Of two, the one with the lower level demands less, then the one that needs no person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The level.
    pub level: Level,
    /// Whether people have to approve.
    pub needs_people: bool,
    /// The score.
    pub score: RiskScore,
}

impl Standing {
    /// Whether this demands less than `other`. A score alone demands nothing.
    pub fn demands_less_than(&self, other: &Self) -> bool {
        (self.level, self.needs_people) < (other.level, other.needs_people)
    }

    fn worse(self, other: Self) -> Self {
        let key = |standing: &Self| (standing.level, standing.needs_people, standing.score);
        if key(&self) < key(&other) { other } else { self }
    }
}

/// Facts whose alteration demands less.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// What is altered.
    pub alterations: Vec<Alteration>,
    /// How much work it is, against other suggestions.
    pub effort: u32,
    /// What is demanded then; where the change is split, of the part of which most is demanded.
    pub standing: Standing,
    /// How many changes it becomes.
    pub changes: u64,
}

/// What came of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What demands less, the least effort first. None does more than a smaller one beside it.
    pub suggestions: Vec<Suggestion>,
    /// How many altered requests were assessed.
    pub assessed: usize,
    /// Whether every set of facts was tried.
    pub is_complete: bool,
}

/// A set of levers of different kinds, by their places.
struct Set {
    effort: u32,
    places: Vec<usize>,
}

/// Searches for what demands less of a change than `now`. `assess` assesses an altered request like any other.
pub fn lower(
    content: &Content,
    now: Standing,
    times: &OtherTimes,
    assess: impl FnMut(&Supposed) -> Standing,
) -> Found {
    let mut search =
        Search { content, now, levers: levers(content, times), assess, assessed: 0, found: Vec::new() };
    if is_least(now) {
        return Found { suggestions: Vec::new(), assessed: 0, is_complete: true };
    }
    let is_complete = search.try_small_sets();
    if !search.found.iter().any(|(_, suggestion)| is_least(suggestion.standing)) {
        search.take_back_from_everything();
    }
    let Search { mut found, assessed, .. } = search;
    found.sort_by_key(|(_, suggestion)| suggestion.effort);
    Found {
        suggestions: found.into_iter().map(|(_, suggestion)| suggestion).collect(),
        assessed,
        is_complete,
    }
}

/// Whether nothing can demand less.
fn is_least(standing: Standing) -> bool {
    (standing.level, standing.needs_people) == (Level::Low, false)
}

/// A search under way.
struct Search<'a, A> {
    content: &'a Content,
    now: Standing,
    levers: Vec<Lever>,
    assess: A,
    assessed: usize,
    found: Vec<(Vec<Kind>, Suggestion)>,
}

impl<A: FnMut(&Supposed) -> Standing> Search<'_, A> {
    /// Tries small sets; whether all of them were.
    fn try_small_sets(&mut self) -> bool {
        for set in sets(&self.levers) {
            let kinds = self.kinds(&set.places);
            if self.smaller(&kinds).any(|suggestion| is_least(suggestion.standing)) {
                continue;
            }
            // One place is kept for what everything leads to.
            if self.found.len() + 1 >= SUGGESTIONS_MAX {
                return false;
            }
            let Some(suggestion) = self.altered(&set.places, SMALL_ASSESSED_MAX) else { return false };
            self.keep(kinds, suggestion);
        }
        true
    }

    /// Alters everything, takes back what is not needed, and weakens what is more than needed.
    fn take_back_from_everything(&mut self) {
        // The last lever of a kind is the strongest.
        let mut chosen: Vec<usize> = (0..self.levers.len())
            .filter(|place| self.levers.get(place + 1).map(|next| next.kind) != self.kind(*place))
            .collect();
        let Some(mut best) = self.altered(&chosen, ASSESSED_MAX) else { return };
        let goal = best.standing;
        let mut by_effort = chosen.clone();
        by_effort.sort_by_key(|place| std::cmp::Reverse(self.levers.get(*place).map(|lever| lever.effort)));
        for place in by_effort {
            let alternatives = (0..place).filter(|other| self.kind(*other) == self.kind(place)).map(Some);
            let alternatives: Vec<Option<usize>> = std::iter::once(None).chain(alternatives).collect();
            let without: Vec<usize> = chosen.iter().copied().filter(|other| *other != place).collect();
            for alternative in alternatives {
                let fewer: Vec<usize> = without.iter().copied().chain(alternative).collect();
                let Some(suggestion) = self.altered(&fewer, ASSESSED_MAX) else { return };
                if !goal.demands_less_than(&suggestion.standing) {
                    (chosen, best) = (fewer, suggestion);
                    break;
                }
            }
        }
        let kinds = self.kinds(&chosen);
        self.keep(kinds, best);
    }

    /// What altering these facts leads to; nothing when more than `assessed_max` requests would have been assessed.
    fn altered(&mut self, places: &[usize], assessed_max: usize) -> Option<Suggestion> {
        let mut chosen: Vec<&Lever> = places.iter().filter_map(|place| self.levers.get(*place)).collect();
        chosen.sort_by_key(|lever| lever.kind);
        let alterations: Vec<_> = chosen.iter().flat_map(|lever| lever.alterations.clone()).collect();
        let effort = chosen.iter().map(|lever| lever.effort).sum();
        let supposed = suppose(self.content, &alterations);
        if self.assessed + supposed.len() > assessed_max {
            return None;
        }
        self.assessed += supposed.len();
        let standing = supposed.iter().map(&mut self.assess).reduce(Standing::worse)?;
        let changes = changes(&alterations, supposed.len());
        Some(Suggestion { alterations, effort, standing, changes })
    }

    /// Keeps what demands less than the change does now and than everything smaller does.
    fn keep(&mut self, kinds: Vec<Kind>, suggestion: Suggestion) {
        let standing = suggestion.standing;
        let demands_less = standing.demands_less_than(&self.now)
            && self.smaller(&kinds).all(|smaller| standing.demands_less_than(&smaller.standing));
        if demands_less {
            self.found.push((kinds, suggestion));
        }
    }

    /// What was found so far with these kinds of facts or fewer.
    fn smaller(&self, kinds: &[Kind]) -> impl Iterator<Item = &Suggestion> {
        let found = self.found.iter().filter(|(of, _)| of.iter().all(|kind| kinds.contains(kind)));
        found.map(|(_, suggestion)| suggestion)
    }

    fn kind(&self, place: usize) -> Option<Kind> {
        self.levers.get(place).map(|lever| lever.kind)
    }

    fn kinds(&self, places: &[usize]) -> Vec<Kind> {
        places.iter().filter_map(|place| self.kind(*place)).collect()
    }
}

/// How many changes one becomes.
fn changes(alterations: &[Alteration], requests: usize) -> u64 {
    let requests = u64::try_from(requests).unwrap_or(u64::MAX);
    alterations.iter().fold(requests, |changes, alteration| {
        if let Alteration::Parts(parts) = alteration {
            changes.saturating_mul(*parts)
        } else if matches!(alteration, Alteration::WithoutService(_)) {
            changes.saturating_add(1)
        } else {
            changes
        }
    })
}

/// Every set of at most [`ALTERATIONS_MAX`] kinds with one lever of each, the least effort first; of equal ones the
/// smaller first. So a set always comes after all its parts.
fn sets(levers: &[Lever]) -> Vec<Set> {
    let mut all: Vec<Set> = Vec::new();
    let mut last: Vec<Set> = vec![Set { effort: 0, places: Vec::new() }];
    for _ in 0..ALTERATIONS_MAX {
        let mut next = Vec::new();
        for set in &last {
            let kind = set.places.last().and_then(|place| levers.get(*place)).map(|lever| lever.kind);
            let further = levers.iter().enumerate().filter(|(_, lever)| Some(lever.kind) > kind);
            next.extend(further.map(|(place, lever)| Set {
                effort: set.effort + lever.effort,
                places: set.places.iter().copied().chain([place]).collect(),
            }));
        }
        all.extend(last);
        last = next;
    }
    all.extend(last);
    all.retain(|set| !set.places.is_empty());
    all.sort_by_key(|set| (set.effort, set.places.len()));
    all
}
