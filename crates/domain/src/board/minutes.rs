//! The minutes of a meeting: what its events say, in a form that has one digest.

use jiff::Timestamp;
use serde::Serialize;

use super::id::MeetingId;
use super::meeting::{AgendaItem, Ballot, Item, Meeting, Verdict};
use crate::canonical::{Digest, NotCanonical};
use crate::id::ActorId;
use crate::text::FreeText;

/// Separates digests of minutes from others, and this form of them from later ones.
const DIGEST_LABEL: &str = "cortex-change/cab-minutes/v1";

/// The minutes of a meeting, but for its end, which carries their digest.
#[derive(Debug, Serialize)]
pub struct Minutes<'a> {
    meeting: MeetingId,
    scheduled: Option<Timestamp>,
    reason: Option<&'a FreeText>,
    opened_by: &'a ActorId,
    opened_at: Timestamp,
    quorum: u8,
    items: Vec<MinutedItem<'a>>,
}

#[derive(Debug, Serialize)]
struct MinutedItem<'a> {
    subject: &'a AgendaItem,
    votes: Vec<MinutedVote<'a>>,
    verdict: Option<Verdict>,
    hindrance: Option<&'a FreeText>,
}

#[derive(Debug, Serialize)]
struct MinutedVote<'a> {
    by: &'a ActorId,
    at: Timestamp,
    digest: Digest,
    ballot: Ballot,
    conditions: &'a [FreeText],
    rationale: &'a FreeText,
}

impl<'a> Minutes<'a> {
    /// The minutes of a meeting as it stands.
    pub fn of(meeting: &'a Meeting) -> Self {
        Self {
            meeting: meeting.id,
            scheduled: meeting.scheduled,
            reason: meeting.reason.as_ref(),
            opened_by: &meeting.opened_by,
            opened_at: meeting.opened_at,
            quorum: meeting.quorum.get(),
            items: meeting.items.iter().map(minuted).collect(),
        }
    }

    /// Their digest.
    ///
    /// # Errors
    /// Never, as long as their form is plain.
    pub fn digest(&self) -> Result<Digest, NotCanonical> {
        Digest::of(DIGEST_LABEL, self)
    }
}

fn minuted(item: &Item) -> MinutedItem<'_> {
    let votes = item.votes.iter().map(|vote| MinutedVote {
        by: &vote.by,
        at: vote.at,
        digest: vote.digest,
        ballot: vote.ballot,
        conditions: &vote.conditions,
        rationale: &vote.rationale,
    });
    MinutedItem {
        subject: &item.subject,
        votes: votes.collect(),
        verdict: item.decided.as_ref().map(|decided| decided.verdict),
        hindrance: item.decided.as_ref().and_then(|decided| decided.hindrance.as_ref()),
    }
}
