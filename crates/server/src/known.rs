//! What the server keeps in memory: actors, the CMDB, and how changes have ended.
//!
//! All of it is folded from the log at the start and moved on by each commit of this server. A decision that rests on
//! it is committed under guards on the versions it was read at, so that a stale copy can delay a decision but never
//! falsify one.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use domain::Timestamp;
use domain::actor::budget::RECORD_DAYS;
use domain::actor::{Actor, ActorEvent, Directory, TrackRecord};
use domain::board::{Board, BoardEvent};
use domain::calendar::{Bookings, Calendar, CalendarEvent};
use domain::canary::{CalibrationEvent, Calibrations};
use domain::change::{Category, Change, ChangeType, Outcome, ReviewFinding, State};
use domain::cmdb::{CiEvent, Cmdb};
use domain::ecab::{Debts, Roster, RosterEvent};
use domain::id::{ActorId, ChangeId, CiName, ServiceName};
use domain::problem::{ProblemEvent, Problems};
use domain::risk::{Age, History, Record};
use domain::stop::{StopEvent, Stops};
use store::ClosedChange;

use crate::around::{Alerts, Incidents};
use crate::failure::Failure;
use crate::gates::Starts;
use crate::imported::Imported;
use crate::presence::Presence;
use crate::record::Recorded;

/// Everything kept in memory.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// All actors.
    pub directory: Directory,
    /// Version of the directory's stream: all names that were taken up to it are known.
    pub directory_version: u64,
    /// Time of the last registration.
    pub directory_at: Timestamp,
    /// Every configuration item.
    pub cmdb: Cmdb,
    /// Version of the CMDB's stream.
    pub cmdb_version: u64,
    /// Time of the last edit of the CMDB.
    pub cmdb_at: Timestamp,
    /// How changes have ended.
    pub endings: Endings,
    /// How changes of other systems have ended.
    pub imported: Imported,
    /// Incidents of the last days.
    pub incidents: Incidents,
    /// Alerts that are active.
    pub alerts: Alerts,
    /// Problems behind incidents.
    pub problems: Arc<Problems>,
    /// Stops that are in force.
    pub stops: Arc<Stops>,
    /// Freezes and maintenance windows.
    pub calendar: Arc<Calendar>,
    /// Calibrations of the judge of canaries.
    pub calibrations: Arc<Calibrations>,
    /// What is planned and under way. Every change whose start is counted in `starts` is among it, or was over by then.
    pub bookings: Bookings,
    /// How far starts are known.
    pub starts: Starts,
    /// The change advisory board.
    pub board: Arc<Board>,
    /// Who of the e-CAB is on call.
    pub roster: Arc<Roster>,
    /// Emergency changes that are to be reviewed.
    pub debts: Debts,
    /// Runners that were seen. Not of the log.
    pub presence: Presence,
}

impl Known {
    /// Folds an event of an actor.
    ///
    /// # Errors
    /// When the event cannot follow the earlier ones.
    pub(crate) fn apply_actor(
        &mut self,
        id: &ActorId,
        recorded: &Recorded<ActorEvent>,
    ) -> Result<(), Failure> {
        let before = self.directory.get(id).cloned();
        if before.as_ref().is_some_and(|actor| actor.version >= recorded.version) {
            return Ok(());
        }
        let actor: Actor = domain::actor::evolve(before, id, recorded.envelope.at, &recorded.event)
            .map_err(|error| Failure::Internal(error.to_string()))?;
        self.directory.put(actor);
        Ok(())
    }

    /// Takes note of how far registrations are known. They are told in the order of their versions.
    pub(crate) fn reach_directory(&mut self, version: u64, at: Timestamp) {
        if version > self.directory_version {
            self.directory_version = version;
            self.directory_at = at;
        }
    }

    /// Takes an edit of the CMDB in, unless it is known already. Edits are told in the order of their versions.
    pub(crate) fn apply_edit(&mut self, edit: &RecordedEdit) {
        if edit.version > self.cmdb_version {
            for (name, recorded) in &edit.items {
                self.apply_item(name, recorded);
            }
            self.cmdb_version = edit.version;
        }
    }

    /// Takes note of an event of the stops, unless it is known already. They are told in the order of their versions.
    pub(crate) fn apply_stop(&mut self, recorded: &Recorded<StopEvent>) {
        let Recorded { envelope, event, version, .. } = recorded;
        if *version > self.stops.version() {
            Arc::make_mut(&mut self.stops).evolve(*version, envelope.at, &envelope.actor, event);
        }
    }

    /// Takes note of an event of the problems, unless it is known already. They are told in the order of their versions.
    pub(crate) fn apply_problem(&mut self, recorded: &Recorded<ProblemEvent>) {
        let Recorded { envelope, event, version, .. } = recorded;
        if *version > self.problems.version() {
            Arc::make_mut(&mut self.problems).evolve(*version, envelope.at, &envelope.actor, event);
        }
    }

    /// Takes note of an event of the calibrations, unless it is known already. They are told in the order of their versions.
    pub(crate) fn apply_calibration(&mut self, recorded: &Recorded<CalibrationEvent>) {
        let Recorded { envelope, event, version, .. } = recorded;
        if *version > self.calibrations.version() {
            Arc::make_mut(&mut self.calibrations).evolve(*version, envelope.at, &envelope.actor, event);
        }
    }

    /// Takes note of an event of the calendar, unless it is known already. They are told in the order of their versions.
    pub(crate) fn apply_calendar(&mut self, recorded: &Recorded<CalendarEvent>) {
        let Recorded { envelope, event, version, .. } = recorded;
        if *version > self.calendar.version() {
            Arc::make_mut(&mut self.calendar).evolve(*version, envelope.at, &envelope.actor, event);
        }
    }

    /// Takes note of a start, once the bookings know the change. They are told in the order of their versions.
    pub(crate) fn reach_start(&mut self, starts: Starts) {
        if starts.version > self.starts.version {
            self.starts = starts;
        }
    }

    /// Takes note of an event of the board, unless it is known already. They are told in the order of their versions.
    pub(crate) fn apply_board(&mut self, recorded: &Recorded<BoardEvent>) {
        let Recorded { envelope, event, version, .. } = recorded;
        if *version > self.board.version() {
            Arc::make_mut(&mut self.board).evolve(*version, envelope.at, &envelope.actor, event);
        }
    }

    /// Takes note of an event of the roster, unless it is known already. They are told in the order of their versions.
    pub(crate) fn apply_roster(&mut self, recorded: &Recorded<RosterEvent>) {
        let Recorded { envelope, event, version, .. } = recorded;
        if *version > self.roster.version() {
            Arc::make_mut(&mut self.roster).evolve(*version, envelope.at, event);
        }
    }

    /// Folds an event of a configuration item.
    pub(crate) fn apply_item(&mut self, name: &CiName, recorded: &Recorded<CiEvent>) {
        self.cmdb.evolve(name, &recorded.event, recorded.envelope.at);
        self.cmdb_at = self.cmdb_at.max(recorded.envelope.at);
    }
}

/// Items that were edited together, as the log has it.
#[derive(Debug)]
pub(crate) struct RecordedEdit {
    /// Version of the CMDB's stream that the edit led to.
    pub version: u64,
    /// What happened to each item.
    pub items: Vec<(CiName, Recorded<CiEvent>)>,
}

/// How a change ended, as far as later assessments ask.
#[derive(Debug, Clone)]
pub(crate) struct Ending {
    /// The change.
    pub change: ChangeId,
    /// The version of the change that says so.
    pub version: u64,
    /// When it was closed.
    pub closed_at: Timestamp,
    /// Its type.
    pub change_type: ChangeType,
    /// Its category.
    pub category: Category,
    /// Its services.
    pub services: Vec<ServiceName>,
    /// Its requester.
    pub requester: ActorId,
    /// Whether it failed, as far as is known by now.
    pub failed: bool,
}

impl Ending {
    /// The ending of a closed change; nothing for one that is not closed or was never started.
    pub(crate) fn of(change: &Change) -> Option<Self> {
        let State::Closed(closed) = &change.state else { return None };
        Some(Self {
            change: change.id,
            version: change.version,
            closed_at: closed.at,
            change_type: change.content.change_type,
            category: change.content.category,
            services: change.content.affected_services.iter().cloned().collect(),
            requester: change.on_behalf_of.clone().unwrap_or_else(|| change.created_by.clone()),
            failed: has_failed(closed.outcome, change.found().map(|found| found.finding)),
        })
    }

    /// The ending that a row of the store tells of.
    pub(crate) fn of_row(row: ClosedChange) -> Self {
        Self {
            change: row.change_id,
            version: row.version,
            closed_at: row.ending.closed_at,
            change_type: row.change_type,
            category: row.category,
            services: row.services,
            requester: row.requester,
            failed: has_failed(row.ending.outcome, row.ending.finding),
        }
    }
}

/// Anything but success counts as a failure, unless a review found otherwise. Cancelled changes were never started and are
/// no closed ones.
pub(crate) fn has_failed(outcome: Outcome, finding: Option<ReviewFinding>) -> bool {
    finding.map_or(outcome != Outcome::Successful, ReviewFinding::is_failure)
}

/// Endings counted per day, so that an assessment sums a few buckets instead of visiting every past change.
#[derive(Debug, Default)]
pub(crate) struct Endings {
    /// Of each change that was counted the version that was, and whether it failed.
    counted: HashMap<ChangeId, (u64, bool)>,
    by_type: HashMap<ChangeType, Days>,
    by_category: HashMap<Category, Days>,
    by_service: HashMap<ServiceName, Days>,
    by_requester: HashMap<ActorId, Days>,
}

/// Changes and failures by day since the epoch.
#[derive(Debug, Default)]
struct Days(BTreeMap<i64, (u32, u32)>);

const DAY_SECONDS: i64 = 86_400;

impl Days {
    /// Counts an ending: anew, or as the other of the two that it was counted as before.
    fn add(&mut self, ending: &Ending, is_new: bool) {
        let day = ending.closed_at.as_second().div_euclid(DAY_SECONDS);
        let (changes, failures) = self.0.entry(day).or_default();
        *changes = changes.saturating_add(u32::from(is_new));
        *failures = failures.saturating_add(u32::from(ending.failed));
        *failures = failures.saturating_sub(u32::from(!is_new && !ending.failed));
    }

    fn record(&self, at: Timestamp) -> Record {
        let mut record = Record::default();
        for (day, (changes, failures)) in &self.0 {
            let closed = Timestamp::from_second(day.saturating_mul(DAY_SECONDS)).unwrap_or(Timestamp::MIN);
            record.add_many(Age::of(closed, at), *changes, *failures);
        }
        record
    }
}

impl Endings {
    /// Counts an ending. A change ends once, however often it is told; what a review finds moves it to the other side, on
    /// the day on which it was closed. Tellings may overtake each other: the latest version counts.
    pub(crate) fn add(&mut self, ending: &Ending) {
        let before = self.counted.get(&ending.change).copied();
        if before.is_some_and(|(version, _)| version >= ending.version) {
            return;
        }
        self.counted.insert(ending.change, (ending.version, ending.failed));
        if before.is_some_and(|(_, failed)| failed == ending.failed) {
            return;
        }
        let is_new = before.is_none();
        self.by_type.entry(ending.change_type).or_default().add(ending, is_new);
        self.by_category.entry(ending.category).or_default().add(ending, is_new);
        self.by_requester.entry(ending.requester.clone()).or_default().add(ending, is_new);
        for service in &ending.services {
            self.by_service.entry(service.clone()).or_default().add(ending, is_new);
        }
    }

    /// How the changes of an agent have ended within [`RECORD_DAYS`] before `at`.
    pub(crate) fn track_record(&self, agent: &ActorId, at: Timestamp) -> TrackRecord {
        let first = at.as_second().div_euclid(DAY_SECONDS) - RECORD_DAYS;
        let days = self.by_requester.get(agent).into_iter().flat_map(|days| days.0.range(first..));
        days.fold(TrackRecord::default(), |sum, (_, (changes, failures))| TrackRecord {
            successes: sum.successes.saturating_add(changes - failures),
            failures: sum.failures.saturating_add(*failures),
        })
    }

    /// The records that bear on a change, as of `at`.
    pub(crate) fn history(&self, change: &Change, at: Timestamp) -> History {
        let of = |days: Option<&Days>| days.map(|days| days.record(at)).unwrap_or_default();
        let content = &change.content;
        let requester = change.on_behalf_of.as_ref().unwrap_or(&change.created_by);
        let services = content.affected_services.iter();
        History {
            change_type: of(self.by_type.get(&content.change_type)),
            category: of(self.by_category.get(&content.category)),
            services: services.map(|name| (name.clone(), of(self.by_service.get(name)))).collect(),
            requester: of(self.by_requester.get(requester)),
            is_incomplete: false,
        }
    }
}
