//! What changed before a trouble: the changes that were at work within the last days, ranked.
//!
//! Budget: rows of at most [`READ_MAX`] + [`EARLIER_MAX`] changes, and their events by pages; of these only the few are
//! decoded that say when a change was at work.

use std::collections::{BTreeMap, BTreeSet};

use domain::Timestamp;
use domain::calendar::StartEvent;
use domain::change::{ChangeEvent, StateName};
use domain::id::{ChangeId, CiName};
use domain::incident::Incident;
use domain::incident::suspects::{self, Candidate, Course, Suspect, Trouble};
use store::{
    ChangeFilter, ChangeOrder, ChangeQuery, ChangeRow, ChangeSort, EventPlace, LOG_PAGE_EVENTS_MAX,
    StoredEvent, StreamName, StreamSet,
};

use crate::app::App;
use crate::failure::Failure;
use crate::gates::starts_stream;
use crate::record::{Recorded, decode};
use crate::work;

/// Most changes that are looked at of those that were started, the last ones.
const READ_MAX: usize = 200;
/// Most changes that are looked at beside them, because they were started earlier and are not over.
const EARLIER_MAX: usize = 50;
/// Changes whose events are read at once.
const CHANGES_PAGE: usize = 50;
/// States of a change that is at work, or was taken back and not closed yet.
const NOT_OVER: [StateName; 5] = [
    StateName::Implementing,
    StateName::Interrupted,
    StateName::RollingBack,
    StateName::RolledBack,
    StateName::Failed,
];
/// The events that say when a change was at work.
const OF_ITS_COURSE: [&str; 5] = [
    "change.implementation_started",
    "change.implemented",
    "change.rollback_started",
    "change.rolled_back",
    "change.rollback_failed",
];

/// The changes that may have led to a trouble.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The likeliest first, each with what lists show of it.
    pub suspects: Vec<(Suspect, ChangeRow)>,
    /// How many changes were looked at.
    pub looked_at: usize,
    /// Whether there were more than are looked at.
    pub is_cut: bool,
}

/// The changes that are looked at.
#[derive(Debug, Default)]
struct Found {
    rows: BTreeMap<ChangeId, ChangeRow>,
    is_cut: bool,
}

/// What an incident is about, and since when.
///
/// # Errors
/// When the store or the log fails.
pub(crate) async fn trouble(app: &App, incident: &Incident) -> Result<Trouble, Failure> {
    let change = match incident.change {
        Some(id) => Some(work::load(app, id).await?.0),
        None => None,
    };
    Ok(Trouble::of(incident, change.as_ref()))
}

/// Ranks what was changed before `trouble`.
///
/// # Errors
/// When the store or the log fails, or the server is shutting down.
pub(crate) async fn rank(app: &App, trouble: &Trouble) -> Result<Answer, Failure> {
    let _place = app.rankings.acquire().await.map_err(|error| Failure::Internal(error.to_string()))?;
    let mut found = Found::default();
    found.add_started(app, trouble).await?;
    found.add_earlier(app, trouble).await?;
    let ids: Vec<ChangeId> = found.rows.keys().copied().collect();
    let mut candidates = Vec::with_capacity(ids.len());
    for ids in ids.chunks(CHANGES_PAGE) {
        let mut courses = courses(app, ids).await?;
        let rows = ids.iter().filter_map(|id| found.rows.get(id));
        candidates.extend(rows.map(|row| candidate(row, courses.remove(&row.change_id).unwrap_or_default())));
    }
    candidates.retain(|candidate| candidate.course.is_within(trouble));
    let ranked = suspects::rank(trouble, &candidates, &app.known().cmdb);
    let with_row = |suspect: Suspect| found.rows.remove(&suspect.change).map(|row| (suspect, row));
    Ok(Answer {
        suspects: ranked.into_iter().filter_map(with_row).collect(),
        looked_at: candidates.len(),
        is_cut: found.is_cut,
    })
}

impl Found {
    /// Adds the last changes that were started within the time that counts.
    async fn add_started(&mut self, app: &App, trouble: &Trouble) -> Result<(), Failure> {
        let stream = starts_stream()?;
        let last = last_start(app, &stream, trouble.latest()).await?;
        let before_them = last.saturating_sub(READ_MAX as u64);
        let after = EventPlace { stream: stream.clone(), version: before_them };
        let page = app.store.read_streams(&StreamSet::Named(vec![stream]), Some(&after), READ_MAX).await?;
        let starts: Vec<Recorded<StartEvent>> = page.into_iter().map(decode).collect::<Result<_, _>>()?;
        let within =
            starts.iter().filter(|start| start.version <= last && start.envelope.at >= trouble.earliest());
        let within: Vec<_> = within.collect();
        self.is_cut |= before_them > 0 && within.len() == READ_MAX;
        let ids: BTreeSet<ChangeId> = within
            .iter()
            .map(|Recorded { event: StartEvent::ChangeStarted { change }, .. }| *change)
            .collect();
        for id in ids {
            self.rows.extend(app.store.change(id).await?.map(|row| (id, row)));
        }
        Ok(())
    }

    /// Adds the changes that are not over, whenever they were started.
    async fn add_earlier(&mut self, app: &App, trouble: &Trouble) -> Result<(), Failure> {
        let filter = ChangeFilter {
            states: NOT_OVER.to_vec(),
            created_before: Some(trouble.earliest()),
            updated_from: Some(trouble.earliest()),
            ..ChangeFilter::default()
        };
        let order = ChangeOrder { by: ChangeSort::Updated, descending: true };
        let query = ChangeQuery { filter, order, after: None, limit: EARLIER_MAX };
        let page = app.store.list_changes(query).await?;
        self.is_cut |= page.next.is_some();
        self.rows.extend(page.rows.into_iter().map(|row| (row.change_id, row)));
        Ok(())
    }
}

/// The number of the last start at `latest` or before; 0 when there was none. Starts are in the order of their instants.
async fn last_start(app: &App, stream: &StreamName, latest: Timestamp) -> Result<u64, Failure> {
    let (mut at_or_before, mut after) = (0, app.store.stream_version(stream).await? + 1);
    while after - at_or_before > 1 {
        let middle = at_or_before + (after - at_or_before) / 2;
        let place = EventPlace { stream: stream.clone(), version: middle - 1 };
        let page = app.store.read_streams(&StreamSet::Named(vec![stream.clone()]), Some(&place), 1).await?;
        let start = page.into_iter().next().map(decode::<StartEvent>).transpose()?;
        if start.is_some_and(|start| start.envelope.at <= latest) {
            at_or_before = middle;
        } else {
            after = middle;
        }
    }
    Ok(at_or_before)
}

/// What became of changes.
async fn courses(app: &App, ids: &[ChangeId]) -> Result<BTreeMap<ChangeId, Course>, Failure> {
    let streams: BTreeMap<StreamName, ChangeId> =
        ids.iter().map(|id| (StreamName::change(*id), *id)).collect();
    let named = StreamSet::Named(streams.keys().cloned().collect());
    let mut events: BTreeMap<ChangeId, Vec<Recorded<ChangeEvent>>> = BTreeMap::new();
    let mut after = None;
    loop {
        let page = app.store.read_streams(&named, after.as_ref(), LOG_PAGE_EVENTS_MAX).await?;
        let Some(last) = page.last() else { break };
        after = Some(EventPlace::of(last));
        let is_last = page.len() < LOG_PAGE_EVENTS_MAX;
        for stored in page.into_iter().filter(is_of_its_course) {
            let id = streams.get(&stored.stream).copied();
            if let Some(id) = id {
                events.entry(id).or_default().push(decode(stored)?);
            }
        }
        if is_last {
            break;
        }
    }
    let course = |trail: &Vec<Recorded<ChangeEvent>>| {
        Course::of(trail.iter().map(|recorded| (recorded.envelope.at, &recorded.event)))
    };
    Ok(events.iter().map(|(id, trail)| (*id, course(trail))).collect())
}

fn is_of_its_course(stored: &StoredEvent) -> bool {
    stored.body.get("type").and_then(|kind| kind.as_str()).is_some_and(|kind| OF_ITS_COURSE.contains(&kind))
}

fn candidate(row: &ChangeRow, course: Course) -> Candidate {
    Candidate {
        change: row.change_id,
        items: row.cis.iter().cloned().chain(row.services.iter().map(CiName::from)).collect(),
        risk: row.risk.map(|risk| (risk.score, risk.level)),
        course,
    }
}
