//! Break-glass debt: emergency changes whose review afterwards was not done in time.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::change::{Change, Retrospective};
use crate::id::{ActorId, ChangeId};

/// A review of an emergency change that is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Debt {
    /// The change.
    pub change: ChangeId,
    /// Who asked for it, and for whom.
    pub requesters: BTreeSet<ActorId>,
    /// Until when.
    pub due: Timestamp,
}

/// The reviews that are to be done, as the changes so far say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Debts(BTreeMap<ChangeId, Debt>);

impl Debts {
    /// Takes note of a change as it is now.
    pub fn note(&mut self, change: &Change) {
        match change.retrospective {
            Retrospective::Due { by: due, .. } => {
                let requesters = change.on_behalf_of.iter().chain([&change.created_by]).cloned().collect();
                self.0.insert(change.id, Debt { change: change.id, requesters, due });
            }
            Retrospective::NotRequired | Retrospective::Done { .. } => drop(self.0.remove(&change.id)),
        }
    }

    /// Whether the review of a change is to be done.
    pub fn contains(&self, change: ChangeId) -> bool {
        self.0.contains_key(&change)
    }

    /// Every review that is to be done, the oldest change first.
    pub fn iter(&self) -> impl Iterator<Item = &Debt> {
        self.0.values()
    }

    /// Those that were not done in time.
    pub fn overdue(&self, now: Timestamp) -> impl Iterator<Item = &Debt> {
        self.0.values().filter(move |debt| debt.due <= now)
    }

    /// Those of a requester's side that were not done in time.
    pub fn overdue_of<'a>(
        &'a self,
        side: &'a BTreeSet<ActorId>,
        now: Timestamp,
    ) -> impl Iterator<Item = &'a Debt> {
        self.overdue(now).filter(|debt| !debt.requesters.is_disjoint(side))
    }
}
