//! A meeting: its agenda, the votes on each item, what they decide.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::event::BoardEvent;
use super::id::MeetingId;
use crate::approval::Quorum;
use crate::canonical::Digest;
use crate::change::kind::words;
use crate::id::{ActorId, ChangeId};
use crate::number::RiskScore;
use crate::risk::Level;
use crate::text::FreeText;

words!(
    /// How a member votes.
    Ballot, "vote", {
        /// For it.
        Approve = "approve",
        /// For it, once conditions are met.
        ApproveWithConditions = "approve_with_conditions",
        /// Against it.
        Reject = "reject",
        /// Not now: another meeting decides.
        Defer = "defer",
    }
);

words!(
    /// What the votes on an item come to.
    Verdict, "verdict", {
        /// More than half of the votes are for it.
        Approved = "approved",
        /// More than half of the votes are against it.
        Rejected = "rejected",
        /// Neither: the next meeting has it again.
        Deferred = "deferred",
        /// Too few have voted: the next meeting has it again.
        NoQuorum = "no_quorum",
    }
);

/// What a meeting is asked to decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgendaItem {
    /// The change.
    pub change: ChangeId,
    /// Digest of what it would run when the meeting was opened.
    pub digest: Digest,
    /// Its title then.
    pub title: FreeText,
    /// Its level then.
    pub level: Level,
    /// Its score then.
    pub score: RiskScore,
    /// When the authorities were asked.
    pub requested_at: Timestamp,
}

/// A member's vote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// Whose.
    pub by: ActorId,
    /// When.
    pub at: Timestamp,
    /// On what.
    pub digest: Digest,
    /// How.
    pub ballot: Ballot,
    /// To be met before the start; only with [`Ballot::ApproveWithConditions`].
    pub conditions: Vec<FreeText>,
    /// Why.
    pub rationale: FreeText,
}

/// What came of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// What the votes came to.
    pub verdict: Verdict,
    /// Why the change could not be told so.
    pub hindrance: Option<FreeText>,
    /// When.
    pub at: Timestamp,
}

/// An item with its votes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What is to be decided.
    pub subject: AgendaItem,
    /// The last vote of each member, in the order in which they first voted.
    pub votes: Vec<Vote>,
    /// What came of it.
    pub decided: Option<Decided>,
}

/// The end of a meeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// Who closed it.
    pub by: ActorId,
    /// When.
    pub at: Timestamp,
    /// Digest of its minutes.
    pub minutes: Digest,
    /// Version of the stream at which it was closed.
    pub version: u64,
}

/// A meeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meeting {
    /// Its identifier.
    pub id: MeetingId,
    /// The time it was convened for; none for an extraordinary one.
    pub scheduled: Option<Timestamp>,
    /// Why an extraordinary one was convened.
    pub reason: Option<FreeText>,
    /// Who opened it.
    pub opened_by: ActorId,
    /// When.
    pub opened_at: Timestamp,
    /// How many must have voted for an item to be decided.
    pub quorum: Quorum,
    /// The items, the highest risk first.
    pub items: Vec<Item>,
    /// Its end.
    pub closing: Option<Closing>,
}

/// How an item's votes stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Votes for it, with conditions or without.
    pub approving: usize,
    /// Votes against it.
    pub rejecting: usize,
    /// Votes for another time.
    pub deferring: usize,
    /// What they come to.
    pub verdict: Verdict,
}

impl Item {
    /// How the votes stand where so many must have voted. Votes on what the change no longer is do not count.
    pub fn tally(&self, quorum: Quorum, digest: Digest) -> Tally {
        let (mut approving, mut rejecting, mut deferring) = (0, 0, 0);
        for vote in self.votes.iter().filter(|vote| vote.digest == digest) {
            match vote.ballot {
                Ballot::Approve | Ballot::ApproveWithConditions => approving += 1,
                Ballot::Reject => rejecting += 1,
                Ballot::Defer => deferring += 1,
            }
        }
        let cast: usize = approving + rejecting + deferring;
        let verdict = if cast < usize::from(quorum.get()) {
            Verdict::NoQuorum
        } else if approving * 2 > cast {
            Verdict::Approved
        } else if rejecting * 2 > cast {
            Verdict::Rejected
        } else {
            Verdict::Deferred
        };
        Tally { approving, rejecting, deferring, verdict }
    }
}

impl Meeting {
    /// The meeting that an event at `version` opens; nothing for any other event.
    pub fn opened(version: u64, at: Timestamp, by: &ActorId, event: &BoardEvent) -> Option<Self> {
        let BoardEvent::MeetingOpened { scheduled, reason, quorum, agenda } = event else { return None };
        let item = |subject: &AgendaItem| Item { subject: subject.clone(), votes: Vec::new(), decided: None };
        Some(Self {
            id: MeetingId::at(version),
            scheduled: *scheduled,
            reason: reason.clone(),
            opened_by: by.clone(),
            opened_at: at,
            quorum: *quorum,
            items: agenda.iter().map(item).collect(),
            closing: None,
        })
    }

    /// The item about a change.
    pub fn item(&self, change: ChangeId) -> Option<&Item> {
        self.items.iter().find(|item| item.subject.change == change)
    }

    /// Takes in what happened in it. Events of other things change nothing.
    pub fn evolve(&mut self, version: u64, at: Timestamp, by: &ActorId, event: &BoardEvent) {
        match event {
            BoardEvent::Voted { change, digest, ballot, conditions, rationale } => {
                let vote = Vote {
                    by: by.clone(),
                    at,
                    digest: *digest,
                    ballot: *ballot,
                    conditions: conditions.clone(),
                    rationale: rationale.clone(),
                };
                if let Some(item) = self.item_mut(*change) {
                    match item.votes.iter_mut().find(|earlier| earlier.by == *by) {
                        Some(earlier) => *earlier = vote,
                        None => item.votes.push(vote),
                    }
                }
            }
            BoardEvent::ItemDecided { change, verdict, hindrance } => {
                if let Some(item) = self.item_mut(*change) {
                    item.decided = Some(Decided { verdict: *verdict, hindrance: hindrance.clone(), at });
                }
            }
            BoardEvent::MeetingClosed { minutes } => {
                self.closing = Some(Closing { by: by.clone(), at, minutes: *minutes, version });
            }
            BoardEvent::Set { .. }
            | BoardEvent::MeetingOpened { .. }
            | BoardEvent::StandingProposed { .. }
            | BoardEvent::StandingSupported { .. }
            | BoardEvent::StandingRevoked { .. } => {}
        }
    }

    fn item_mut(&mut self, change: ChangeId) -> Option<&mut Item> {
        self.items.iter_mut().find(|item| item.subject.change == change)
    }
}
