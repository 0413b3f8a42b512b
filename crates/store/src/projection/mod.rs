//! Rows of the views that lists and pages are read from. They are written with the events they follow from and can be
//! rebuilt from the log at any time.

mod ci;

use domain::Timestamp;
use domain::change::{Category, ChangeType, Outcome, ReviewFinding, StateName};
use domain::id::{ActorId, ChangeId, CiName, EnvironmentName, IncidentId, RunnerLabel, ServiceName};
use domain::incident::{IncidentState, Severity};
use domain::number::RiskScore;
use domain::priority::Priority;
use domain::risk::Level;
use serde::de::DeserializeOwned;

use crate::database::{Row, Value};
use crate::error::StoreError;
use crate::sql::{count, micros};

pub(crate) use ci::ci_row;
pub use ci::{CiFacts, CiRow};

/// Distance between the keys of the first change of one year and of the next; larger than every number of a year, and
/// a power of ten so that keys can be read.
const KEYS_PER_YEAR: i64 = 10_000_000_000;

/// A row of one of the views; it replaces the row with the same id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProjectionRow {
    /// A change.
    Change(Box<ChangeRow>),
    /// An incident.
    Incident(Box<IncidentRow>),
    /// A configuration item.
    Ci(Box<CiRow>),
}

/// What lists show of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeRow {
    /// Identifier.
    pub change_id: ChangeId,
    /// State.
    pub state: StateName,
    /// Change type.
    pub change_type: ChangeType,
    /// Category.
    pub category: Category,
    /// Title.
    pub title: String,
    /// The authenticated actor who asked for it.
    pub requester: ActorId,
    /// For whom it was asked, when not for the requester.
    pub on_behalf_of: Option<ActorId>,
    /// The assessment's result; none before the first assessment.
    pub risk: Option<RiskRow>,
    /// Priority.
    pub priority: Priority,
    /// The services it changes.
    pub services: Vec<ServiceName>,
    /// The configuration items it changes.
    pub cis: Vec<CiName>,
    /// Where it takes effect.
    pub environment: Option<EnvironmentName>,
    /// When it was created. Never changes.
    pub created_at: Timestamp,
    /// Time of its last event.
    pub updated_at: Timestamp,
    /// Until when its present state may last.
    pub deadline: Option<Timestamp>,
    /// Version of its stream.
    pub version: u64,
    /// Labels of the runner that is to carry it out by itself; none where somebody starts it.
    pub runs_on: Vec<RunnerLabel>,
    /// How and when it was closed; none while it is not.
    pub ending: Option<EndingRow>,
}

/// How and when a change was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndingRow {
    /// How it ended.
    pub outcome: Outcome,
    /// When it was closed.
    pub closed_at: Timestamp,
    /// What the last review that said so found that the outcome truly was.
    pub finding: Option<ReviewFinding>,
}

/// What later assessments look back on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedChange {
    /// Identifier.
    pub change_id: ChangeId,
    /// Change type.
    pub change_type: ChangeType,
    /// Category.
    pub category: Category,
    /// The services it changed.
    pub services: Vec<ServiceName>,
    /// For whom it was asked.
    pub requester: ActorId,
    /// How and when it was closed.
    pub ending: EndingRow,
    /// Version of its stream.
    pub version: u64,
}

/// Columns of [`closed_change`].
pub(crate) const CLOSED_CHANGE_COLUMNS: &str = "change_key, change_type, category, services, COALESCE(on_behalf_of, requester), outcome, closed_at, finding, \
     version";

/// Reads a row of [`CLOSED_CHANGE_COLUMNS`].
pub(crate) fn closed_change(row: &Row<'_>) -> Result<ClosedChange, StoreError> {
    Ok(ClosedChange {
        change_id: change_id(row.int(0)?)?,
        change_type: row.parsed(1, "change_row.change_type")?,
        category: row.parsed(2, "change_row.category")?,
        services: parse_list(&row.text(3)?, "change_row.services")?,
        requester: row.parsed(4, "change_row.requester")?,
        ending: EndingRow {
            outcome: row.parsed(5, "change_row.outcome")?,
            closed_at: row.time(6)?,
            finding: row.opt_parsed(7, "change_row.finding")?,
        },
        version: row.count(8)?,
    })
}

/// What lists show of a risk assessment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RiskRow {
    /// Score from 0 to 100.
    pub score: RiskScore,
    /// The value before it was clamped to the score's range, in the domain's unit; orders the queue.
    pub raw: i64,
    /// Level.
    pub level: Level,
}

/// What lists show of an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentRow {
    /// Identifier.
    pub incident_id: IncidentId,
    /// The change that led to it, once that is known.
    pub change_id: Option<ChangeId>,
    /// State.
    pub state: IncidentState,
    /// Severity.
    pub severity: Severity,
    /// Title.
    pub title: String,
    /// When it was opened. Never changes.
    pub opened_at: Timestamp,
    /// Time of its last event.
    pub updated_at: Timestamp,
    /// Version of its stream.
    pub version: u64,
}

/// The number that stands for a change in rows and orders.
pub(crate) fn change_key(id: ChangeId) -> i64 {
    year_begin(id.year()) + i64::from(id.number())
}

/// The number that stands for an incident in rows and orders.
pub(crate) fn incident_key(id: IncidentId) -> i64 {
    year_begin(id.year()) + i64::from(id.number())
}

/// The key before the first one of a year.
pub(crate) fn year_begin(year: u16) -> i64 {
    i64::from(year) * KEYS_PER_YEAR
}

/// The number within its year that a key stands for.
pub(crate) fn number_of_key(key: i64) -> Result<u32, StoreError> {
    u32::try_from(key.rem_euclid(KEYS_PER_YEAR))
        .map_err(|_| StoreError::damaged(format!("key {key} is of no record")))
}

/// The change that a key stands for.
pub(crate) fn change_id(key: i64) -> Result<ChangeId, StoreError> {
    let id = u16::try_from(key.div_euclid(KEYS_PER_YEAR)).ok().zip(number_of_key(key).ok());
    id.and_then(|(year, number)| ChangeId::new(year, number).ok())
        .ok_or_else(|| StoreError::damaged(format!("key {key} is of no change")))
}

/// The incident that a key stands for.
pub(crate) fn incident_id(key: i64) -> Result<IncidentId, StoreError> {
    let id = u16::try_from(key.div_euclid(KEYS_PER_YEAR)).ok().zip(number_of_key(key).ok());
    id.and_then(|(year, number)| IncidentId::new(year, number).ok())
        .ok_or_else(|| StoreError::damaged(format!("key {key} is of no incident")))
}

/// Position of a priority in the order; P1 is 1.
pub(crate) fn priority_rank(priority: Priority) -> i64 {
    match priority {
        Priority::P1 => 1,
        Priority::P2 => 2,
        Priority::P3 => 3,
        Priority::P4 => 4,
        Priority::P5 => 5,
    }
}

fn priority(rank: i64) -> Result<Priority, StoreError> {
    use Priority::{P1, P2, P3, P4, P5};
    [P1, P2, P3, P4, P5]
        .into_iter()
        .find(|priority| priority_rank(*priority) == rank)
        .ok_or_else(|| StoreError::damaged(format!("{rank} is no priority")))
}

/// A text in the form in which titles are searched.
pub(crate) fn folded(text: &str) -> String {
    text.to_lowercase()
}

/// A list of names in the form in which a row keeps it.
pub(crate) fn list_text<'a>(names: impl Iterator<Item = &'a str>) -> String {
    serde_json::Value::from(names.collect::<Vec<_>>()).to_string()
}

/// Reads a list back; `column` names it when it cannot be read.
pub(crate) fn parse_list<T: DeserializeOwned>(text: &str, column: &str) -> Result<Vec<T>, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::damaged(format!("{column}: {error}")))
}

impl ChangeRow {
    /// The cells of [`CHANGE_ROW`](crate::table::CHANGE_ROW).
    pub(crate) fn cells(&self) -> [Value<'_>; 23] {
        [
            change_key(self.change_id).into(),
            self.state.as_str().into(),
            self.change_type.as_str().into(),
            self.category.as_str().into(),
            self.title.as_str().into(),
            folded(&self.title).into(),
            self.requester.as_str().into(),
            self.on_behalf_of.as_ref().map(ActorId::as_str).into(),
            self.risk.map(|risk| i64::from(risk.score)).into(),
            self.risk.map(|risk| risk.raw).into(),
            self.risk.map(|risk| risk.level.as_str()).into(),
            priority_rank(self.priority).into(),
            list_text(self.services.iter().map(ServiceName::as_str)).into(),
            list_text(self.cis.iter().map(CiName::as_str)).into(),
            self.environment.as_ref().map(EnvironmentName::as_str).into(),
            micros(self.created_at).into(),
            micros(self.updated_at).into(),
            self.deadline.map(micros).into(),
            count(self.version).into(),
            (!self.runs_on.is_empty())
                .then(|| list_text(self.runs_on.iter().map(RunnerLabel::as_str)))
                .into(),
            self.ending.map(|ending| ending.outcome.as_str()).into(),
            self.ending.map(|ending| micros(ending.closed_at)).into(),
            self.ending.and_then(|ending| ending.finding).map(ReviewFinding::as_str).into(),
        ]
    }
}

/// Reads a row of [`CHANGE_ROW`](crate::table::CHANGE_ROW), all columns in order.
pub(crate) fn change_row(row: &Row<'_>) -> Result<ChangeRow, StoreError> {
    Ok(ChangeRow {
        change_id: change_id(row.int(0)?)?,
        state: row.parsed(1, "change_row.state")?,
        change_type: row.parsed(2, "change_row.change_type")?,
        category: row.parsed(3, "change_row.category")?,
        title: row.text(4)?,
        requester: row.parsed(6, "change_row.requester")?,
        on_behalf_of: row.opt_parsed(7, "change_row.on_behalf_of")?,
        risk: risk_row(row)?,
        priority: priority(row.int(11)?)?,
        services: parse_list(&row.text(12)?, "change_row.services")?,
        cis: parse_list(&row.text(13)?, "change_row.cis")?,
        environment: row.opt_parsed(14, "change_row.environment")?,
        created_at: row.time(15)?,
        updated_at: row.time(16)?,
        deadline: row.opt_time(17)?,
        version: row.count(18)?,
        runs_on: match row.opt_text(19)? {
            Some(list) => parse_list(&list, "change_row.runs_on")?,
            None => Vec::new(),
        },
        ending: ending_row(row)?,
    })
}

fn ending_row(row: &Row<'_>) -> Result<Option<EndingRow>, StoreError> {
    let outcome = row.opt_parsed(20, "change_row.outcome")?;
    let finding = row.opt_parsed(22, "change_row.finding")?;
    Ok(outcome.zip(row.opt_time(21)?).map(|(outcome, closed_at)| EndingRow { outcome, closed_at, finding }))
}

fn risk_row(row: &Row<'_>) -> Result<Option<RiskRow>, StoreError> {
    let (Some(score), Some(raw), Some(level)) =
        (row.opt_int(8)?, row.opt_int(9)?, row.opt_parsed(10, "change_row.risk_level")?)
    else {
        return Ok(None);
    };
    let score = RiskScore::new(score)
        .map_err(|error| StoreError::damaged(format!("change_row.risk_score: {error}")))?;
    Ok(Some(RiskRow { score, raw, level }))
}

impl IncidentRow {
    /// The cells of [`INCIDENT_ROW`](crate::table::INCIDENT_ROW).
    pub(crate) fn cells(&self) -> [Value<'_>; 8] {
        [
            incident_key(self.incident_id).into(),
            self.change_id.map(change_key).into(),
            self.state.as_str().into(),
            self.severity.as_str().into(),
            self.title.as_str().into(),
            micros(self.opened_at).into(),
            micros(self.updated_at).into(),
            count(self.version).into(),
        ]
    }
}

/// Reads a row of [`INCIDENT_ROW`](crate::table::INCIDENT_ROW), all columns in order.
pub(crate) fn incident_row(row: &Row<'_>) -> Result<IncidentRow, StoreError> {
    Ok(IncidentRow {
        incident_id: incident_id(row.int(0)?)?,
        change_id: row.opt_int(1)?.map(change_id).transpose()?,
        state: row.parsed(2, "incident_row.state")?,
        severity: row.parsed(3, "incident_row.severity")?,
        title: row.text(4)?,
        opened_at: row.time(5)?,
        updated_at: row.time(6)?,
        version: row.count(7)?,
    })
}
