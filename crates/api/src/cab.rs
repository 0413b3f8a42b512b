//! The change advisory board: who is on it, when it meets, agendas, votes, minutes, standing decisions.

use domain::approval::Quorum;
use domain::board::{StandingTerms, Voting};
use domain::calendar::Schedule;
use domain::duration::parse_duration_seconds;
use domain::number::RiskScore;
use domain::risk::Level;
use domain::text::FreeText;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::calendar::{local, minutes, names, utc};
use crate::field::{FieldError, parse, parse_optional};

/// When the board meets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Meets {
    /// When it first meets, on the wall clock of its zone: 2026-01-01T14:00.
    pub starts: String,
    /// Name of the zone, such as Europe/Berlin; UTC when absent.
    #[serde(default = "utc")]
    pub zone: String,
    /// How long a meeting takes, such as 1h.
    pub duration: String,
    /// How it recurs, as RFC 5545 writes it: FREQ=WEEKLY;BYDAY=TH. Once when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// No meeting begins at or after this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// Settles who is on the board and when it meets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetBoard {
    /// Roles whose holders are on it. Whoever votes also holds cab_member.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Actors who are on it, by name or id.
    #[serde(default)]
    pub actors: Vec<String>,
    /// When it meets.
    pub meets: Meets,
    /// How many must have voted for an item to be decided.
    pub quorum: u64,
    /// How long before a meeting its agenda is settled, such as 24h.
    pub cut_off: String,
}

/// The board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Board {
    /// Whether somebody has settled it; otherwise it is as it begins.
    pub settled: bool,
    /// Roles whose holders are on it.
    pub roles: Vec<String>,
    /// Actors who are on it.
    pub actors: Vec<String>,
    /// Everybody who is on it now.
    pub seats: Vec<Seat>,
    /// When it meets.
    pub meets: Meets,
    /// How many must have voted for an item to be decided.
    pub quorum: u8,
    /// How long before a meeting its agenda is settled.
    pub cut_off: String,
    /// The meetings to come.
    pub next_meetings: Vec<Convened>,
    /// The meeting that is open.
    pub open_meeting: Option<Meeting>,
    /// The meetings held last, the latest first.
    pub held: Vec<Held>,
}

/// Somebody who is on the board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Seat {
    /// Who.
    pub actor: String,
    /// Whether they hold the role cab_member, without which they cannot vote.
    pub votes: bool,
}

/// A meeting to come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Convened {
    /// When it begins.
    pub start: String,
    /// When it ends.
    pub end: String,
    /// What is requested later is for the next one.
    pub cut_off: String,
}

/// A meeting that was held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Held {
    /// Its identifier.
    pub meeting_id: String,
    /// When it was opened.
    pub opened_at: String,
    /// When it was closed.
    pub closed_at: Option<String>,
    /// How many items it had.
    pub items: u32,
    /// How many of them it approved.
    pub approved: u32,
    /// Digest of its minutes.
    pub minutes: Option<String>,
}

/// What the next meeting decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Agenda {
    /// The meeting; absent when the board meets no more.
    pub meeting: Option<Convened>,
    /// What it decides, the highest risk first.
    pub items: Vec<AgendaEntry>,
    /// What came after its cut-off and is for the meeting after it.
    pub for_later: Vec<AgendaEntry>,
    /// What the board is told of, and may call in by rejecting it.
    pub for_information: Vec<AgendaEntry>,
    /// Whether more wait than were looked at.
    pub truncated: bool,
}

/// A change that waits for the board, or of which it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AgendaEntry {
    /// The change.
    pub change_id: String,
    /// Its title.
    pub title: String,
    /// Who asks for it.
    pub requester: String,
    /// The services that it changes.
    pub services: Vec<String>,
    /// Its level.
    pub level: String,
    /// Its score.
    pub score: u8,
    /// Digest of what it would run.
    pub digest: String,
    /// When the authorities were asked.
    pub requested_at: String,
    /// When it is rejected if they have not decided.
    pub deadline: String,
    /// Whether others have to decide first, in an earlier stage: the deadline is theirs.
    #[serde(default)]
    pub waits_for_others: bool,
    /// Whether it is the board that has until then, and that is before the meeting begins.
    pub expires_before: bool,
}

/// Opens a meeting.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenMeeting {
    /// Why an extraordinary meeting is opened, with everything that waits; the next one by the rule when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extraordinary: Option<String>,
}

/// A member's vote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CastVote {
    /// On which change.
    pub change_id: String,
    /// Digest of what the member saw.
    pub digest: String,
    /// approve, approve_with_conditions, reject or defer.
    pub vote: String,
    /// To be met before the start, with approve_with_conditions.
    #[serde(default)]
    pub conditions: Vec<String>,
    /// Why.
    pub rationale: String,
}

/// A meeting, as its minutes say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Meeting {
    /// Its identifier.
    pub meeting_id: String,
    /// The time it was convened for; absent for an extraordinary one.
    pub scheduled: Option<String>,
    /// Why an extraordinary one was convened.
    pub reason: Option<String>,
    /// Who opened it.
    pub opened_by: String,
    /// When.
    pub opened_at: String,
    /// How many must have voted for an item to be decided.
    pub quorum: u8,
    /// The items, the highest risk first.
    pub items: Vec<MeetingItem>,
    /// Its end; absent while it is open.
    pub closed: Option<MeetingClosed>,
}

/// An item of a meeting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MeetingItem {
    /// The change.
    pub change_id: String,
    /// Its title when the meeting was opened.
    pub title: String,
    /// Its level then.
    pub level: String,
    /// Its score then.
    pub score: u8,
    /// Digest of what it would run then.
    pub digest: String,
    /// When the authorities were asked.
    pub requested_at: String,
    /// The last vote of each member.
    pub votes: Vec<MeetingVote>,
    /// approved, rejected, deferred or no_quorum; absent while it is not decided.
    pub verdict: Option<String>,
    /// Why the change could not be told so.
    pub hindrance: Option<String>,
}

/// A vote, as the minutes say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MeetingVote {
    /// Whose.
    pub by: String,
    /// When.
    pub at: String,
    /// On what.
    pub digest: String,
    /// approve, approve_with_conditions, reject or defer.
    pub vote: String,
    /// To be met before the start.
    pub conditions: Vec<String>,
    /// Why.
    pub rationale: String,
}

/// The end of a meeting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MeetingClosed {
    /// Who closed it.
    pub by: String,
    /// When.
    pub at: String,
    /// Digest of its minutes, as the log has it.
    pub minutes: String,
    /// Whether what the log says of the meeting has that digest.
    pub verified: bool,
}

/// Proposes a standing decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProposeStanding {
    /// What it is about, in a line.
    pub title: String,
    /// Categories of changes; all when empty.
    #[serde(default)]
    pub categories: Vec<String>,
    /// Services, of which every change touches no others; all when empty.
    #[serde(default)]
    pub services: Vec<String>,
    /// Environments; all when empty.
    #[serde(default)]
    pub environments: Vec<String>,
    /// The highest level; high when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level_max: Option<String>,
    /// The highest score; 80 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score_max: Option<u8>,
    /// What must be met before the start of each.
    #[serde(default)]
    pub conditions: Vec<String>,
    /// It holds no longer from this instant on.
    pub expires_at: String,
}

/// Takes a standing decision back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeStanding {
    /// Why.
    pub reason: String,
}

/// A standing decision, or the proposal of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Standing {
    /// Its identifier.
    pub standing_id: String,
    /// proposed or in_force; expired or revoked once it holds no more.
    pub state: String,
    /// What it is about.
    pub title: String,
    /// Categories of changes.
    pub categories: Vec<String>,
    /// Services.
    pub services: Vec<String>,
    /// Environments.
    pub environments: Vec<String>,
    /// The highest level.
    pub level_max: String,
    /// The highest score.
    pub score_max: u8,
    /// What must be met before the start of each.
    pub conditions: Vec<String>,
    /// It holds no longer from this instant on.
    pub expires_at: String,
    /// Who supports it, whoever proposed it first.
    pub supporters: Vec<String>,
    /// How many must.
    pub quorum: u8,
}

/// Which standing decision was proposed, supported or revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StandingTold {
    /// Its identifier.
    pub standing_id: String,
}

/// The highest score of a standing decision that names none.
const SCORE_MAX_DEFAULT: i64 = 80;

impl Meets {
    /// When it meets, as domain value.
    ///
    /// # Errors
    /// When a field does not have the accepted form.
    pub fn to_domain(&self) -> Result<Schedule, FieldError> {
        Ok(Schedule {
            starts: local("starts", &self.starts)?,
            zone: parse("zone", &self.zone)?,
            minutes: minutes("duration", &self.duration)?,
            rule: parse_optional("rule", self.rule.as_deref())?,
            until: parse_optional("until", self.until.as_deref())?,
        })
    }
}

impl SetBoard {
    /// How many must have voted.
    ///
    /// # Errors
    /// When it is out of range.
    pub fn quorum(&self) -> Result<Quorum, FieldError> {
        Quorum::new(self.quorum).map_err(|error| FieldError::new("quorum", error))
    }

    /// How long before a meeting its agenda is settled, in minutes.
    ///
    /// # Errors
    /// When it is no time in whole minutes.
    pub fn cut_off_minutes(&self) -> Result<u32, FieldError> {
        if parse_duration_seconds(&self.cut_off) == Ok(0) {
            return Ok(0);
        }
        minutes("cut_off", &self.cut_off)
    }
}

impl CastVote {
    /// The vote as domain value.
    ///
    /// # Errors
    /// When a field does not have the accepted form.
    pub fn to_domain(&self) -> Result<Voting, FieldError> {
        Ok(Voting {
            change: parse("change_id", &self.change_id)?,
            digest: parse("digest", &self.digest)?,
            ballot: parse("vote", &self.vote)?,
            conditions: texts("conditions", &self.conditions)?,
            rationale: FreeText::new(&*self.rationale)
                .map_err(|error| FieldError::new("rationale", error))?,
        })
    }
}

impl ProposeStanding {
    /// What is proposed, as domain value.
    ///
    /// # Errors
    /// When a field does not have the accepted form.
    pub fn to_domain(&self) -> Result<StandingTerms, FieldError> {
        let score = self.score_max.map_or(SCORE_MAX_DEFAULT, i64::from);
        Ok(StandingTerms {
            title: FreeText::title(&*self.title).map_err(|error| FieldError::new("title", error))?,
            categories: names("categories", &self.categories)?,
            services: names("services", &self.services)?,
            environments: names("environments", &self.environments)?,
            level_max: parse_optional("level_max", self.level_max.as_deref())?.unwrap_or(Level::High),
            score_max: RiskScore::new(score).map_err(|error| FieldError::new("score_max", error))?,
            conditions: texts("conditions", &self.conditions)?,
            expires_at: parse("expires_at", &self.expires_at)?,
        })
    }
}

fn texts(field: &str, given: &[String]) -> Result<Vec<FreeText>, FieldError> {
    let text = |(at, text): (usize, &String)| {
        FreeText::new(&**text).map_err(|error| FieldError::new(format!("{field}[{at}]"), error))
    };
    given.iter().enumerate().map(text).collect()
}
