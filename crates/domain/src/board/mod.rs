//! The change advisory board (CAB): who is on it, when it meets, what it decides.
//!
//! All of it is in one stream, so that a vote, and whatever rests on a standing decision, is guarded by its version. The
//! board decides nothing by itself: what its votes come to is told to the change as the approvals or the rejection of
//! those who voted so.

mod constitution;
mod event;
mod id;
mod meeting;
mod minutes;
mod standing;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::Timestamp;

pub use constitution::{CUT_OFF_MINUTES_MAX, Constitution, Convened, MEMBERS_MAX, Member};
pub use event::BoardEvent;
pub use id::{InvalidBoardId, MeetingId, StandingId};
pub use meeting::{AgendaItem, Ballot, Closing, Decided, Item, Meeting, Tally, Verdict, Vote};
pub use minutes::Minutes;
pub use standing::{STANDING_CONDITIONS_MAX, STANDING_HOURS_MAX, STANDING_MAX, Standing, StandingTerms};

use crate::calendar::{InvalidSchedule, ZoneName};
use crate::canonical::Digest;
use crate::change::Content;
use crate::id::{ActorId, ChangeId};
use crate::risk::Assessment;
use crate::text::FreeText;

/// Most items of a meeting; what is left over comes to the next one.
pub const AGENDA_MAX: usize = 100;
/// Most conditions of one vote.
pub const VOTE_CONDITIONS_MAX: usize = 10;
/// Meetings that are kept to be shown after they were closed. Earlier ones are in the log.
pub const HELD_KEPT_MAX: usize = 60;

/// Why the board stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BoardRefusal {
    /// It has no members, or too many.
    #[error("{0} roles and actors make no board: expected 1 to {MEMBERS_MAX}")]
    Members(usize),
    /// The cut-off is too early.
    #[error(
        "a cut-off {0} minutes before the meeting is out of range: expected at most {CUT_OFF_MINUTES_MAX}"
    )]
    CutOff(u32),
    /// It never meets, or not as it should.
    #[error(transparent)]
    Schedule(#[from] InvalidSchedule),
    /// A meeting is open already.
    #[error("the meeting {0} is open: close it first")]
    Open(MeetingId),
    /// No meeting is open.
    #[error("no meeting is open: `cortex-change cab open` opens one")]
    NotOpen,
    /// The agenda of the next meeting is not settled yet.
    #[error(
        "the agenda of the meeting on {meets} is open until {cut_off}: wait, or open an extraordinary meeting"
    )]
    TooEarly {
        /// When it meets.
        meets: Timestamp,
        /// Until when changes come onto its agenda.
        cut_off: Timestamp,
    },
    /// It meets no more.
    #[error("the board meets no more by its rule: set another one, or open an extraordinary meeting")]
    NeverMeets,
    /// The change is not on the agenda.
    #[error("{0} is not on the agenda of the open meeting: `cortex-change cab agenda` shows what is")]
    NotOnAgenda(ChangeId),
    /// It was decided.
    #[error("{0} was decided in this meeting")]
    Decided(ChangeId),
    /// The same person has voted under another record.
    #[error("you have voted on {0} under another record of yours: one person has one vote")]
    VotedOtherwise(ChangeId),
    /// The change is another one than the one that was seen.
    #[error(
        "what was voted on ({given}) is not what the change is now ({current}): look at it again, then vote"
    )]
    DigestMismatch {
        /// What was seen.
        given: Digest,
        /// What the change is.
        current: Digest,
    },
    /// Conditions where there are none, or none where there are.
    #[error(
        "conditions come with the vote `approve_with_conditions`, 1 to {VOTE_CONDITIONS_MAX} of them, and with no other"
    )]
    Conditions,
    /// An item has not been decided.
    #[error("{0} is not decided yet")]
    Undecided(ChangeId),
    /// The minutes have no digest.
    #[error("the minutes have no canonical form")]
    Minutes,
    /// There are too many standing decisions.
    #[error(
        "there are {STANDING_MAX} standing decisions and proposals, which is the most: revoke what is not needed"
    )]
    TooManyStanding,
    /// The decision is over before it begins, or holds too long.
    #[error(
        "a standing decision ends within {STANDING_HOURS_MAX} hours from now, which is 366 days, and later than now"
    )]
    StandingTime,
    /// It is about everything.
    #[error("a standing decision is about a class of changes: name categories or services")]
    StandingScope,
    /// It says too much.
    #[error("a standing decision names too many services, environments or conditions: divide it")]
    StandingLength,
    /// There is none.
    #[error(
        "there is no standing decision {0} in force or proposed: `cortex-change cab standing list` shows those that are"
    )]
    NoSuchStanding(StandingId),
    /// It has this member's support already.
    #[error("you support {0} already: another member has to")]
    Supported(StandingId),
}

/// What a member votes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voting {
    /// On which change.
    pub change: ChangeId,
    /// Digest of what the member saw.
    pub digest: Digest,
    /// How.
    pub ballot: Ballot,
    /// To be met before the start.
    pub conditions: Vec<FreeText>,
    /// Why.
    pub rationale: FreeText,
}

/// The board, as the events so far say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Board {
    version: u64,
    updated_at: Timestamp,
    constitution: Option<Constitution>,
    meeting: Option<Meeting>,
    held: VecDeque<Meeting>,
    standing: BTreeMap<StandingId, Standing>,
}

impl Board {
    /// Number of events so far.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// When the last event happened.
    pub fn updated_at(&self) -> Timestamp {
        self.updated_at
    }

    /// What holds of it: what was settled, or else what holds in a zone where nothing was.
    pub fn constitution(&self, zone: &ZoneName) -> Constitution {
        self.constitution.clone().unwrap_or_else(|| Constitution::of_zone(zone))
    }

    /// Whether somebody has settled who is on it and when it meets.
    pub fn is_settled(&self) -> bool {
        self.constitution.is_some()
    }

    /// The meeting that is open.
    pub fn meeting(&self) -> Option<&Meeting> {
        self.meeting.as_ref()
    }

    /// Those that were closed last, the latest first.
    pub fn held(&self) -> impl Iterator<Item = &Meeting> {
        self.held.iter()
    }

    /// Standing decisions and proposals, the oldest first.
    pub fn standing(&self) -> impl Iterator<Item = &Standing> {
        self.standing.values()
    }

    /// The standing decisions that hold at `now` and cover a change, the oldest first.
    pub fn covering<'a>(
        &'a self,
        content: &'a Content,
        assessment: &'a Assessment,
        now: Timestamp,
    ) -> impl Iterator<Item = &'a Standing> {
        let holding = self.standing.values().filter(move |standing| standing.holds(now));
        holding.filter(|standing| standing.terms.covers(content, assessment))
    }

    /// The meetings to come that have not been held, in order, at most `most`. One that is open is among them.
    pub fn meetings(&self, zone: &ZoneName, now: Timestamp, most: usize) -> Vec<Convened> {
        let is_held = |meeting: &Convened| {
            self.held.iter().any(|held| held.scheduled == Some(meeting.occurrence.start))
        };
        let mut meetings = self.constitution(zone).meetings(now, most.saturating_add(1));
        meetings.retain(|meeting| !is_held(meeting));
        meetings.truncate(most);
        meetings
    }

    /// The identifier of the next meeting.
    pub fn next_meeting_id(&self) -> MeetingId {
        MeetingId::at(self.version.saturating_add(1))
    }

    /// The identifier of the next standing decision.
    pub fn next_standing_id(&self) -> StandingId {
        StandingId::at(self.version.saturating_add(1))
    }

    /// Decides to settle who is on it and when it meets.
    ///
    /// # Errors
    /// When it would have no members or never meet.
    pub fn set(&self, constitution: Constitution) -> Result<BoardEvent, BoardRefusal> {
        constitution.check()?;
        Ok(BoardEvent::Set { constitution: Box::new(constitution) })
    }

    /// Which meeting can be opened at `now`: the next one, once its agenda is settled, or an extraordinary one.
    ///
    /// # Errors
    /// When one is open, or it is too early for the next one.
    pub fn convenes(
        &self,
        zone: &ZoneName,
        now: Timestamp,
        extraordinary: bool,
    ) -> Result<Option<Convened>, BoardRefusal> {
        if let Some(open) = &self.meeting {
            return Err(BoardRefusal::Open(open.id));
        }
        if extraordinary {
            return Ok(None);
        }
        let next = self.meetings(zone, now, 1).first().copied().ok_or(BoardRefusal::NeverMeets)?;
        if now < next.cut_off {
            return Err(BoardRefusal::TooEarly { meets: next.occurrence.start, cut_off: next.cut_off });
        }
        Ok(Some(next))
    }

    /// Decides to open a meeting that can be opened, with an agenda.
    pub fn open(
        &self,
        zone: &ZoneName,
        convened: Option<Convened>,
        reason: Option<FreeText>,
        agenda: Vec<AgendaItem>,
    ) -> BoardEvent {
        let scheduled = convened.map(|convened| convened.occurrence.start);
        BoardEvent::MeetingOpened { scheduled, reason, quorum: self.constitution(zone).quorum, agenda }
    }

    /// Decides a vote of a member, on what the change is now. `others` are further records of the same person.
    ///
    /// # Errors
    /// When no meeting is open, the change is not on its agenda or decided, or another one than the member saw, or the
    /// same person has voted under another record.
    pub fn vote(
        &self,
        voting: Voting,
        others: &BTreeSet<ActorId>,
        current: Digest,
    ) -> Result<BoardEvent, BoardRefusal> {
        let Voting { change, digest, ballot, conditions, rationale } = voting;
        if self.undecided(change)?.votes.iter().any(|vote| others.contains(&vote.by)) {
            return Err(BoardRefusal::VotedOtherwise(change));
        }
        if digest != current {
            return Err(BoardRefusal::DigestMismatch { given: digest, current });
        }
        let fits = match ballot {
            Ballot::ApproveWithConditions => (1..=VOTE_CONDITIONS_MAX).contains(&conditions.len()),
            Ballot::Approve | Ballot::Reject | Ballot::Defer => conditions.is_empty(),
        };
        if !fits {
            return Err(BoardRefusal::Conditions);
        }
        Ok(BoardEvent::Voted { change, digest, ballot, conditions, rationale })
    }

    /// Decides what came of an item.
    ///
    /// # Errors
    /// When no meeting is open, or the change is not on its agenda or decided.
    pub fn decided(
        &self,
        change: ChangeId,
        verdict: Verdict,
        hindrance: Option<FreeText>,
    ) -> Result<BoardEvent, BoardRefusal> {
        self.undecided(change)?;
        Ok(BoardEvent::ItemDecided { change, verdict, hindrance })
    }

    /// Decides to close the open meeting, under the digest of its minutes.
    ///
    /// # Errors
    /// When none is open, or an item is not decided.
    pub fn close(&self) -> Result<BoardEvent, BoardRefusal> {
        let meeting = self.meeting.as_ref().ok_or(BoardRefusal::NotOpen)?;
        if let Some(item) = meeting.items.iter().find(|item| item.decided.is_none()) {
            return Err(BoardRefusal::Undecided(item.subject.change));
        }
        let minutes = Minutes::of(meeting).digest().map_err(|_| BoardRefusal::Minutes)?;
        Ok(BoardEvent::MeetingClosed { minutes })
    }

    /// Decides to propose a standing decision.
    ///
    /// # Errors
    /// When there are too many, or it makes no sense.
    pub fn propose(
        &self,
        zone: &ZoneName,
        terms: StandingTerms,
        now: Timestamp,
    ) -> Result<BoardEvent, BoardRefusal> {
        let live = self.standing.values().filter(|standing| now < standing.terms.expires_at).count();
        if live >= STANDING_MAX {
            return Err(BoardRefusal::TooManyStanding);
        }
        terms.check(now)?;
        let quorum = self.constitution(zone).quorum;
        Ok(BoardEvent::StandingProposed { terms: Box::new(terms), quorum })
    }

    /// Decides to support a standing decision, as a person with these records.
    ///
    /// # Errors
    /// When there is none, or this member supports it already.
    pub fn support(
        &self,
        decision: StandingId,
        records: &BTreeSet<ActorId>,
        now: Timestamp,
    ) -> Result<BoardEvent, BoardRefusal> {
        let standing = self.standing.get(&decision).filter(|standing| now < standing.terms.expires_at);
        let standing = standing.ok_or(BoardRefusal::NoSuchStanding(decision))?;
        if standing.supporters.iter().any(|supporter| records.contains(supporter)) {
            return Err(BoardRefusal::Supported(decision));
        }
        Ok(BoardEvent::StandingSupported { decision })
    }

    /// Decides to revoke a standing decision, or the proposal of one.
    ///
    /// # Errors
    /// When there is none.
    pub fn revoke(&self, decision: StandingId, reason: FreeText) -> Result<BoardEvent, BoardRefusal> {
        match self.standing.get(&decision) {
            Some(_) => Ok(BoardEvent::StandingRevoked { decision, reason }),
            None => Err(BoardRefusal::NoSuchStanding(decision)),
        }
    }

    fn undecided(&self, change: ChangeId) -> Result<&Item, BoardRefusal> {
        let meeting = self.meeting.as_ref().ok_or(BoardRefusal::NotOpen)?;
        let item = meeting.item(change).ok_or(BoardRefusal::NotOnAgenda(change))?;
        if item.decided.is_some() { Err(BoardRefusal::Decided(change)) } else { Ok(item) }
    }

    /// Takes the event in that led to `version`, unless it is known already. Events are told in order.
    pub fn evolve(&mut self, version: u64, at: Timestamp, by: &ActorId, event: &BoardEvent) {
        if version <= self.version {
            return;
        }
        if let Some(meeting) = &mut self.meeting {
            meeting.evolve(version, at, by, event);
        }
        match event {
            BoardEvent::Set { constitution } => self.constitution = Some(constitution.as_ref().clone()),
            BoardEvent::MeetingOpened { .. } => self.meeting = Meeting::opened(version, at, by, event),
            BoardEvent::MeetingClosed { .. } => {
                self.held.truncate(HELD_KEPT_MAX - 1);
                if let Some(meeting) = self.meeting.take() {
                    self.held.push_front(meeting);
                }
            }
            BoardEvent::StandingProposed { terms, quorum } => {
                // What is over is forgotten when something new comes.
                self.standing.retain(|_, standing| at < standing.terms.expires_at);
                let id = StandingId::at(version);
                let standing = Standing {
                    id,
                    terms: terms.as_ref().clone(),
                    proposed_by: by.clone(),
                    proposed_at: at,
                    supporters: vec![by.clone()],
                    quorum: *quorum,
                };
                self.standing.insert(id, standing);
            }
            BoardEvent::StandingSupported { decision } => {
                if let Some(standing) = self.standing.get_mut(decision) {
                    standing.supporters.push(by.clone());
                }
            }
            BoardEvent::StandingRevoked { decision, .. } => drop(self.standing.remove(decision)),
            BoardEvent::Voted { .. } | BoardEvent::ItemDecided { .. } => {}
        }
        self.version = version;
        self.updated_at = at;
    }
}
