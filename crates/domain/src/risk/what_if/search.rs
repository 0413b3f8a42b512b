//! What would lower the demands on a change: every small set of facts that a requester can alter is assessed in turn,
//! the least effort first, and told only when the assessment shows that it does.

use jiff::Timestamp;

use super::levers::{Kind, Lever, levers};
use super::{Alteration, Supposed, suppose};
use crate::change::Content;
use crate::number::RiskScore;
use crate::risk::Level;

/// Most facts that one suggestion alters.
pub const ALTERATIONS_MAX: usize = 4;
/// Most altered requests that are assessed.
pub const ASSESSED_MAX: usize = 300;
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
    later: &[Timestamp],
    mut assess: impl FnMut(&Supposed) -> Standing,
) -> Found {
    let levers = levers(content, later);
    let mut found: Vec<(Vec<Kind>, Suggestion)> = Vec::new();
    let mut assessed = 0;
    let least = (Level::Low, false);
    let is_least = |standing: &Standing| (standing.level, standing.needs_people) == least;
    let mut is_complete = true;
    let sets = if is_least(&now) { Vec::new() } else { sets(&levers) };
    for Set { effort, places } in sets {
        let chosen: Vec<&Lever> = places.iter().filter_map(|place| levers.get(*place)).collect();
        let kinds: Vec<Kind> = chosen.iter().map(|lever| lever.kind).collect();
        let mut smaller = found.iter().filter(|(of, _)| of.iter().all(|kind| kinds.contains(kind)));
        if smaller.clone().any(|(_, suggestion)| is_least(&suggestion.standing)) {
            continue;
        }
        let alterations: Vec<_> = chosen.iter().flat_map(|lever| lever.alterations.clone()).collect();
        let supposed = suppose(content, &alterations);
        if assessed + supposed.len() > ASSESSED_MAX || found.len() >= SUGGESTIONS_MAX {
            is_complete = false;
            break;
        }
        assessed += supposed.len();
        let Some(standing) = supposed.iter().map(&mut assess).reduce(Standing::worse) else { continue };
        let demands_less = standing.demands_less_than(&now)
            && smaller.all(|(_, suggestion)| standing.demands_less_than(&suggestion.standing));
        if demands_less {
            let changes = changes(&alterations, supposed.len());
            found.push((kinds, Suggestion { alterations, effort, standing, changes }));
        }
    }
    let suggestions = found.into_iter().map(|(_, suggestion)| suggestion).collect();
    Found { suggestions, assessed, is_complete }
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
