//! What happens to the board. Events are past-tense and append-only; each has a fixture per version.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::constitution::Constitution;
use super::id::StandingId;
use super::meeting::{AgendaItem, Ballot, Verdict};
use super::standing::StandingTerms;
use crate::approval::Quorum;
use crate::canonical::Digest;
use crate::id::ChangeId;
use crate::text::FreeText;

/// Something that happened to the board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", deny_unknown_fields)]
pub enum BoardEvent {
    /// Who is on it and when it meets was settled.
    #[serde(rename = "cab.set")]
    Set {
        /// What holds from now on.
        constitution: Box<Constitution>,
    },
    /// A meeting was opened.
    #[serde(rename = "cab.meeting_opened")]
    MeetingOpened {
        /// The time it was convened for; none for an extraordinary one.
        scheduled: Option<Timestamp>,
        /// Why an extraordinary one was convened.
        reason: Option<FreeText>,
        /// How many must have voted for an item to be decided.
        quorum: Quorum,
        /// What is to be decided, the highest risk first.
        agenda: Vec<AgendaItem>,
    },
    /// A member voted.
    #[serde(rename = "cab.voted")]
    Voted {
        /// On which change.
        change: ChangeId,
        /// Digest of what it would run.
        digest: Digest,
        /// How.
        ballot: Ballot,
        /// To be met before the start.
        conditions: Vec<FreeText>,
        /// Why.
        rationale: FreeText,
    },
    /// The votes on an item were counted, and the change was told.
    #[serde(rename = "cab.item_decided")]
    ItemDecided {
        /// Which change.
        change: ChangeId,
        /// What the votes came to.
        verdict: Verdict,
        /// Why the change could not be told so.
        hindrance: Option<FreeText>,
    },
    /// The meeting was closed.
    #[serde(rename = "cab.meeting_closed")]
    MeetingClosed {
        /// Digest of its minutes.
        minutes: Digest,
    },
    /// A member proposed to approve a class of changes once and for all, and supports it.
    #[serde(rename = "cab.standing_proposed")]
    StandingProposed {
        /// Which changes, under which conditions, until when.
        terms: Box<StandingTerms>,
        /// How many must support it before it holds.
        quorum: Quorum,
    },
    /// A further member supports a standing decision.
    #[serde(rename = "cab.standing_supported")]
    StandingSupported {
        /// Which.
        decision: StandingId,
    },
    /// A standing decision, or the proposal of one, was taken back.
    #[serde(rename = "cab.standing_revoked")]
    StandingRevoked {
        /// Which.
        decision: StandingId,
        /// Why.
        reason: FreeText,
    },
}
