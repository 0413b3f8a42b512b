//! Reading what the log holds: incidents, configuration items, and everything that is kept in memory.

use std::collections::{BTreeMap, HashMap};

use domain::Timestamp;
use domain::actor::{ActorEvent, DirectoryEvent};
use domain::board::BoardEvent;
use domain::calendar::{Bookings, CalendarEvent, ConflictSettings, StartEvent};
use domain::canary::CalibrationEvent;
use domain::change::{Change, ChangeEvent, ChangeType, Content, StateName};
use domain::cmdb::{CiEvent, CmdbEvent, Item};
use domain::ecab::RosterEvent;
use domain::id::{ActorId, ChangeId, CiName, IncidentId};
use domain::incident::{self, CorruptIncident, Incident, IncidentEvent};
use domain::problem::ProblemEvent;
use domain::stop::StopEvent;
use store::{
    ChangeFilter, ChangeOrder, ChangeQuery, ChangeRow, EventPlace, IncidentQuery, LOG_PAGE_EVENTS_MAX,
    PAGE_ROWS_MAX, STREAMS_PAGE_MAX, Store, StoreError, StoredEvent, StreamName, StreamSet,
};

use crate::app::App;
use crate::around::{Alerts, INCIDENTS_LOADED_MAX, is_alert};
use crate::failure::Failure;
use crate::gates::{Starts, board_stream, calendar_stream, roster_stream, starts_stream, stops_stream};
use crate::imported;
use crate::known::{Ending, Known, RecordedEdit};
use crate::record::{Recordable, Recorded, UnreadableEvent, decode};
use crate::use_cases::{calibrations, problems};
use crate::work::{self, actor_stream, cmdb_stream};

/// Edits of the CMDB read at once.
const EDITS_PAGE: usize = 64;
/// Most changes under way that are read when the server starts.
const UNDERWAY_LOADED_MAX: usize = 10_000;
/// Most changes that are approved or wait for it and are read when the server starts.
const PLANNED_LOADED_MAX: usize = 2_000;

/// An incident and everything that ever happened to it.
///
/// # Errors
/// When there is no such incident, or the store or the log fails.
pub(crate) async fn incident(app: &App, id: IncidentId) -> Result<Incident, Failure> {
    let stored = app.store.read_stream(&StreamName::incident(id), 1).await?;
    let trail: Vec<Recorded<IncidentEvent>> = stored.into_iter().map(decode).collect::<Result<_, _>>()?;
    fold_incident(id, &trail)?.ok_or_else(|| Failure::NotFound { what: "incident", name: id.to_string() })
}

/// Folds an incident's events; nothing when there are none.
///
/// # Errors
/// When an event cannot follow the earlier ones.
pub(crate) fn fold_incident(
    id: IncidentId,
    trail: &[Recorded<IncidentEvent>],
) -> Result<Option<Incident>, CorruptIncident> {
    let mut incident = None;
    for Recorded { envelope, event, .. } in trail {
        incident = Some(incident::evolve(incident, id, envelope.at, &envelope.actor, event)?);
    }
    Ok(incident)
}

/// Folds everything that is kept in memory from the log, but for imported history, which is read later.
///
/// # Errors
/// When the store or the log fails.
pub(crate) async fn known(store: &Store, conflicts: &ConflictSettings) -> Result<Known, Failure> {
    let mut known = Known { bookings: Bookings::new(conflicts.clone()), ..Known::default() };
    // The version first: whoever is registered meanwhile is then read once more.
    let version = store.stream_version(&directory_stream()?).await?;
    let mut after = None;
    loop {
        let page = store.streams("actor/", after.as_ref(), STREAMS_PAGE_MAX).await?;
        for stream in &page {
            let id = actor_of(&stream.stream)?;
            for stored in store.read_stream(&stream.stream, 1).await? {
                known.apply_actor(&id, &decode::<ActorEvent>(stored)?)?;
            }
        }
        match page.last() {
            Some(last) if page.len() == STREAMS_PAGE_MAX => after = Some(last.stream.clone()),
            Some(_) | None => break,
        }
    }
    // From the last one that is known, because of its time.
    for registered in registrations(store, version.max(1)).await? {
        registered.fold_into(&mut known)?;
    }
    cmdb(store, &mut known).await?;
    for closed in store.closed_changes().await? {
        known.endings.add(&Ending::of_row(closed));
    }
    incidents(store, &mut known).await?;
    known.alerts = Alerts::load(store).await?;
    for stored in store.read_stream(&stops_stream()?, 1).await? {
        known.apply_stop(&decode::<StopEvent>(stored)?);
    }
    for stored in store.read_stream(&problems::stream()?, 1).await? {
        known.apply_problem(&decode::<ProblemEvent>(stored)?);
    }
    for stored in store.read_stream(&calibrations::stream()?, 1).await? {
        known.apply_calibration(&decode::<CalibrationEvent>(stored)?);
    }
    for stored in store.read_stream(&calendar_stream()?, 1).await? {
        known.apply_calendar(&decode::<CalendarEvent>(stored)?);
    }
    for stored in store.read_stream(&board_stream()?, 1).await? {
        known.apply_board(&decode::<BoardEvent>(stored)?);
    }
    for stored in store.read_stream(&roster_stream()?, 1).await? {
        known.apply_roster(&decode::<RosterEvent>(stored)?);
    }
    debts(store, &mut known).await?;
    bookings(store, &mut known).await?;
    Ok(known)
}

/// What is under way and planned. The version of the starts first: what is started meanwhile is read again before the
/// next start here.
async fn bookings(store: &Store, known: &mut Known) -> Result<(), Failure> {
    let stream = starts_stream()?;
    let version = store.stream_version(&stream).await?;
    let last = store.read_stream(&stream, version.max(1)).await?.pop();
    let at = last.map(decode::<StartEvent>).transpose()?.map(|last| last.envelope.at);
    let underway =
        [StateName::Implementing, StateName::Interrupted, StateName::Validating, StateName::RollingBack];
    booked(store, known, &underway, UNDERWAY_LOADED_MAX).await?;
    booked(store, known, &[StateName::AwaitingApproval, StateName::Approved], PLANNED_LOADED_MAX).await?;
    at.into_iter().for_each(|at| known.reach_start(Starts { version, at }));
    Ok(())
}

/// Books the changes in some states, those that were touched last first.
async fn booked(store: &Store, known: &mut Known, states: &[StateName], most: usize) -> Result<(), Failure> {
    let filter = ChangeFilter { states: states.to_vec(), ..ChangeFilter::default() };
    let mut after = None;
    let mut read = 0;
    while read < most {
        let (filter, order) = (filter.clone(), ChangeOrder::default());
        let page = store.list_changes(ChangeQuery { filter, order, after, limit: PAGE_ROWS_MAX }).await?;
        for (id, change) in changes(store, page.rows.iter().map(|row| row.change_id)).await {
            // A damaged log must not keep the server from starting: `audit verify` names what is wrong with it.
            match change {
                Ok(change) => change.iter().for_each(|change| known.bookings.put(change)),
                Err(error) => tracing::error!(change = %id, %error, "a change cannot be read"),
            }
        }
        read += page.rows.len();
        let Some(next) = page.next else { break };
        after = Some(next);
    }
    Ok(())
}

/// Emergency changes that are to be reviewed. The row of one whose review was done names no instant any more; of one
/// that is approved only its window, so that those are looked at in any case.
async fn debts(store: &Store, known: &mut Known) -> Result<(), Failure> {
    let filter = ChangeFilter { types: vec![ChangeType::Emergency], ..ChangeFilter::default() };
    let mut after = None;
    loop {
        let (filter, order) = (filter.clone(), ChangeOrder::default());
        let page = store.list_changes(ChangeQuery { filter, order, after, limit: PAGE_ROWS_MAX }).await?;
        let may_be_due = |row: &&ChangeRow| row.deadline.is_some() || row.state == StateName::Approved;
        let due = page.rows.iter().filter(may_be_due).map(|row| row.change_id);
        for (_, change) in changes(store, due).await {
            change?.iter().for_each(|change| known.debts.note(change));
        }
        let Some(next) = page.next else { return Ok(()) };
        after = Some(next);
    }
}

/// The latest incidents, the newest first, so that one beyond the last few days changes nothing.
async fn incidents(store: &Store, known: &mut Known) -> Result<(), Failure> {
    let mut after = None;
    let mut read = 0;
    while read < INCIDENTS_LOADED_MAX {
        let page = store.list_incidents(IncidentQuery { after, ..IncidentQuery::default() }).await?;
        let told = told_incidents(store, page.rows.iter().map(|row| row.incident_id).collect()).await;
        for (row, told) in page.rows.iter().zip(told) {
            match told {
                Ok(Some((incident, content))) => known.incidents.put(&incident, content.as_ref()),
                // A damaged log must not keep the server from starting: `audit verify` names what is wrong with it.
                failed => {
                    let error = failed.err().map_or_else(String::new, |error| error.to_string());
                    tracing::error!(incident = %row.incident_id, %error, "what an incident was about cannot be read");
                    known.incidents.put_unread(row);
                }
            }
        }
        read += page.rows.len();
        let Some(next) = page.next else { break };
        after = Some(next);
    }
    Ok(())
}

/// Incidents with the content of the changes that led to them, in the order asked for.
async fn told_incidents(
    store: &Store,
    ids: Vec<IncidentId>,
) -> Vec<Result<Option<(Incident, Option<Content>)>, Failure>> {
    let streams = ids.iter().copied().map(StreamName::incident).collect();
    let trails = trails::<IncidentEvent>(store, streams).await;
    let incidents: Vec<_> = ids
        .into_iter()
        .zip(trails)
        .map(|(id, trail)| trail.and_then(|trail| Ok(fold_incident(id, &trail)?)))
        .collect();
    let led = incidents.iter().filter_map(|incident| incident.as_ref().ok()?.as_ref()?.change);
    let led: BTreeMap<ChangeId, Result<Option<Content>, String>> = changes(store, led)
        .await
        .into_iter()
        .map(|(id, change)| {
            (id, change.map(|change| Some(change?.content)).map_err(|error| error.to_string()))
        })
        .collect();
    let with_content = |incident: Incident| match incident.change.and_then(|change| led.get(&change)) {
        Some(Ok(content)) => Ok(Some((incident, content.clone()))),
        Some(Err(error)) => Err(Failure::Internal(error.clone())),
        None => Ok(Some((incident, None))),
    };
    incidents.into_iter().map(|incident| incident?.map_or(Ok(None), with_content)).collect()
}

/// Changes whose events are read together, in the order asked for, at most [`STREAMS_PAGE_MAX`].
async fn changes(
    store: &Store,
    ids: impl Iterator<Item = ChangeId>,
) -> Vec<(ChangeId, Result<Option<Change>, Failure>)> {
    let ids: Vec<ChangeId> = ids.collect();
    let trails = trails::<ChangeEvent>(store, ids.iter().copied().map(StreamName::change).collect()).await;
    let fold =
        |(id, trail): (_, Result<Vec<_>, Failure>)| (id, trail.and_then(|trail| Ok(work::fold(id, &trail)?)));
    ids.into_iter().zip(trails).map(fold).collect()
}

/// Everything that happened to what these streams are of, read together, in the order asked for.
async fn trails<E: Recordable>(
    store: &Store,
    streams: Vec<StreamName>,
) -> Vec<Result<Vec<Recorded<E>>, Failure>> {
    // One damaged event spoils all that is read with it. Each trail is then read alone, and only that one is missed.
    let mut together = whole(store, StreamSet::Named(streams.clone())).await.unwrap_or_default();
    let mut trails = Vec::with_capacity(streams.len());
    for stream in streams {
        trails.push(match together.remove(&stream) {
            Some(trail) => trail.map_err(Failure::from),
            None => stored_trail(store, &stream).await,
        });
    }
    trails
}

type Trail<E> = Result<Vec<Recorded<E>>, UnreadableEvent>;

/// All events of several streams. The next page is read while this one is taken apart.
async fn whole<E: Recordable>(
    store: &Store,
    streams: StreamSet,
) -> Result<HashMap<StreamName, Trail<E>>, StoreError> {
    let mut whole: HashMap<StreamName, Trail<E>> = HashMap::new();
    let mut page = store.read_streams(&streams, None, LOG_PAGE_EVENTS_MAX).await?;
    while let Some(after) = page.last().map(EventPlace::of) {
        let is_last = page.len() < LOG_PAGE_EVENTS_MAX;
        let next = async {
            if is_last {
                return Ok(Vec::new());
            }
            store.read_streams(&streams, Some(&after), LOG_PAGE_EVENTS_MAX).await
        };
        let take_apart = async {
            for stored in page {
                let trail = whole.entry(stored.stream.clone()).or_insert_with(|| Ok(Vec::new()));
                let Ok(events) = trail else { continue };
                match decode(stored) {
                    Ok(event) => events.push(event),
                    Err(unreadable) => *trail = Err(unreadable),
                }
            }
        };
        let (read, ()) = tokio::join!(next, take_apart);
        page = read?;
    }
    Ok(whole)
}

async fn stored_trail<E: Recordable>(
    store: &Store,
    stream: &StreamName,
) -> Result<Vec<Recorded<E>>, Failure> {
    let stored = store.read_stream(stream, 1).await?;
    Ok(stored.into_iter().map(decode).collect::<Result<_, _>>()?)
}

/// A registration, as the log has it.
#[derive(Debug)]
struct Registered {
    /// Version of the directory's stream that it led to.
    version: u64,
    /// When.
    at: Timestamp,
    /// Whose it is.
    id: ActorId,
    /// Everything that happened to the actor.
    events: Vec<Recorded<ActorEvent>>,
}

impl Registered {
    fn fold_into(&self, known: &mut Known) -> Result<(), Failure> {
        self.events.iter().try_for_each(|event| known.apply_actor(&self.id, event))?;
        known.reach_directory(self.version, self.at);
        Ok(())
    }
}

/// Registrations from a version of the directory on, in order.
async fn registrations(store: &Store, from: u64) -> Result<Vec<Registered>, Failure> {
    let stored = store.read_stream(&directory_stream()?, from).await?;
    let mut registrations = Vec::with_capacity(stored.len());
    for stored in stored {
        let Recorded { envelope, event, version, .. } = decode::<DirectoryEvent>(stored)?;
        let DirectoryEvent::ActorAdded { actor: id } = event;
        let events = store.read_stream(&actor_stream(&id)?, 1).await?;
        let events = events.into_iter().map(decode).collect::<Result<_, _>>()?;
        registrations.push(Registered { version, at: envelope.at, id, events });
    }
    Ok(registrations)
}

/// The stream of registrations.
///
/// # Errors
/// Never, as long as the name is a stream name.
pub(crate) fn directory_stream() -> Result<StreamName, Failure> {
    StreamName::new("directory").map_err(|error| Failure::Internal(error.to_string()))
}

fn actor_of(stream: &StreamName) -> Result<ActorId, Failure> {
    let id = stream.as_str().trim_start_matches("actor/");
    ActorId::new(id).map_err(|error| Failure::Internal(error.to_string()))
}

/// Folds every configuration item, a page of events at a time.
async fn cmdb(store: &Store, known: &mut Known) -> Result<(), Failure> {
    // The version first: what is written meanwhile is then read once more, in its order, and ends as it should.
    let version = store.stream_version(&cmdb_stream()?).await?;
    let items = StreamSet::WithPrefix("ci/".to_owned());
    let mut page = store.read_streams(&items, None, LOG_PAGE_EVENTS_MAX).await?;
    while let Some(after) = page.last().map(EventPlace::of) {
        // The next page is read while this one is folded.
        let next = store.read_streams(&items, Some(&after), LOG_PAGE_EVENTS_MAX);
        let fold = async {
            page.into_iter().try_for_each(|stored| {
                let (name, recorded) = item_event(stored)?;
                known.apply_item(&name, &recorded);
                Ok::<_, Failure>(())
            })
        };
        let (next, folded) = tokio::join!(next, fold);
        folded?;
        page = next?;
    }
    known.cmdb_version = version;
    loop {
        let edits = edits_after(store, known.cmdb_version).await?;
        edits.iter().for_each(|edit| known.apply_edit(edit));
        if edits.is_empty() {
            return Ok(());
        }
    }
}

/// The edits that led from a version of the CMDB to later ones, in order: the next few, or none when there are none.
async fn edits_after(store: &Store, version: u64) -> Result<Vec<RecordedEdit>, Failure> {
    let stream = cmdb_stream()?;
    let after = EventPlace { stream: stream.clone(), version };
    let page = store.read_streams(&StreamSet::Named(vec![stream]), Some(&after), EDITS_PAGE).await?;
    let mut edits = Vec::with_capacity(page.len());
    for stored in page {
        let recorded = decode::<CmdbEvent>(stored)?;
        let CmdbEvent::Edited { described, withdrawn, .. } = recorded.event;
        // The events of the items stand right behind it, written in the same append.
        let count = usize::try_from(u64::from(described) + u64::from(withdrawn)).unwrap_or(usize::MAX);
        let events = store.read_log(recorded.index + 1, count).await?;
        let items = events.into_iter().map(item_event).collect::<Result<_, _>>()?;
        edits.push(RecordedEdit { version: recorded.version, items });
    }
    Ok(edits)
}

fn item_event(stored: StoredEvent) -> Result<(CiName, Recorded<CiEvent>), Failure> {
    let (index, name) = (stored.index, stored.stream.as_ci());
    let name = name.ok_or_else(|| Failure::Internal(format!("entry {index} is of no configuration item")))?;
    Ok((name, decode(stored)?))
}

/// A configuration item as the log has it.
#[derive(Debug, Clone, Default)]
pub(crate) struct StoredItem {
    /// What each source says of it.
    pub item: Item,
    /// Number of its events.
    pub version: u64,
    /// Time of its last event; none when there is none.
    pub updated_at: Option<Timestamp>,
}

/// Configuration items of which something is recorded, by name; at most [`STREAMS_PAGE_MAX`] at once.
///
/// # Errors
/// When too many are asked for, or the store or the log fails.
pub(crate) async fn items(
    store: &Store,
    names: impl IntoIterator<Item = &CiName>,
) -> Result<BTreeMap<CiName, StoredItem>, Failure> {
    items_at(store, names, Timestamp::MAX).await
}

/// The same as they were at an instant.
///
/// # Errors
/// When too many are asked for, or the store or the log fails.
pub(crate) async fn items_at(
    store: &Store,
    names: impl IntoIterator<Item = &CiName>,
    at: Timestamp,
) -> Result<BTreeMap<CiName, StoredItem>, Failure> {
    let streams = StreamSet::Named(names.into_iter().map(StreamName::ci).collect());
    let mut items: BTreeMap<CiName, StoredItem> = BTreeMap::new();
    let mut after = None;
    loop {
        let page = store.read_streams(&streams, after.as_ref(), LOG_PAGE_EVENTS_MAX).await?;
        let Some(last) = page.last() else { return Ok(items) };
        after = Some(EventPlace::of(last));
        for stored in page {
            let (name, recorded) = item_event(stored)?;
            if recorded.envelope.at <= at {
                items.entry(name).or_default().follow(&recorded);
            }
        }
    }
}

impl StoredItem {
    /// The item after its next event.
    pub(crate) fn followed_by(&self, recorded: &Recorded<CiEvent>) -> Self {
        let mut after = self.clone();
        after.follow(recorded);
        after
    }

    /// Takes the item's next event in.
    pub(crate) fn follow(&mut self, recorded: &Recorded<CiEvent>) {
        self.item = std::mem::take(&mut self.item).evolve(&recorded.event, recorded.envelope.at);
        self.version = recorded.version;
        self.updated_at = Some(recorded.envelope.at);
    }
}

/// Reads the newest events of an actor, of the directory, of the CMDB, of the stops, of the boards, of calibrations or of imported history, because another
/// server has written some.
///
/// # Errors
/// When the store or the log fails.
pub(crate) async fn refresh(app: &App, stream: &StreamName) -> Result<(), Failure> {
    if stream.as_str().starts_with("actor/") {
        let id = actor_of(stream)?;
        let stored = app.store.read_stream(stream, 1).await?;
        let mut known = app.known_mut();
        for event in stored {
            known.apply_actor(&id, &decode::<ActorEvent>(event)?)?;
        }
    } else if *stream == directory_stream()? {
        let from = app.known().directory_version + 1;
        let registrations = registrations(&app.store, from).await?;
        let mut known = app.known_mut();
        registrations.iter().try_for_each(|registered| registered.fold_into(&mut known))?;
    } else if *stream == cmdb_stream()? || stream.as_ci().is_some() {
        loop {
            let version = app.known().cmdb_version;
            let edits = edits_after(&app.store, version).await?;
            if edits.is_empty() {
                break;
            }
            let mut known = app.known_mut();
            edits.iter().for_each(|edit| known.apply_edit(edit));
        }
    } else if *stream == stops_stream()? {
        let from = app.known().stops.version() + 1;
        for stored in app.store.read_stream(stream, from).await? {
            app.known_mut().apply_stop(&decode::<StopEvent>(stored)?);
        }
    } else if *stream == problems::stream()? {
        let from = app.known().problems.version() + 1;
        for stored in app.store.read_stream(stream, from).await? {
            app.known_mut().apply_problem(&decode::<ProblemEvent>(stored)?);
        }
    } else if *stream == calibrations::stream()? {
        let from = app.known().calibrations.version() + 1;
        for stored in app.store.read_stream(stream, from).await? {
            app.known_mut().apply_calibration(&decode::<CalibrationEvent>(stored)?);
        }
    } else if *stream == calendar_stream()? {
        let from = app.known().calendar.version() + 1;
        for stored in app.store.read_stream(stream, from).await? {
            app.known_mut().apply_calendar(&decode::<CalendarEvent>(stored)?);
        }
    } else if *stream == starts_stream()? {
        let from = app.known().starts.version + 1;
        for stored in app.store.read_stream(stream, from).await? {
            let Recorded { envelope, event, version, .. } = decode::<StartEvent>(stored)?;
            let StartEvent::ChangeStarted { change } = event;
            let (change, _) = work::load(app, change).await?;
            let mut known = app.known_mut();
            known.bookings.put(&change);
            known.reach_start(Starts { version, at: envelope.at });
        }
    } else if *stream == board_stream()? {
        let from = app.known().board.version() + 1;
        for stored in app.store.read_stream(stream, from).await? {
            app.known_mut().apply_board(&decode::<BoardEvent>(stored)?);
        }
    } else if *stream == roster_stream()? {
        let from = app.known().roster.version() + 1;
        for stored in app.store.read_stream(stream, from).await? {
            app.known_mut().apply_roster(&decode::<RosterEvent>(stored)?);
        }
    } else {
        return refresh_outside(app, stream).await;
    }
    Ok(())
}

/// The same for what other systems have said.
async fn refresh_outside(app: &App, stream: &StreamName) -> Result<(), Failure> {
    let is_alert = is_alert(stream);
    if !is_alert && !imported::is_history(stream) {
        return Ok(());
    }
    for stored in app.store.read_stream(stream, 1).await? {
        if is_alert {
            app.known_mut().alerts.apply(stored)?;
        } else {
            app.known_mut().imported.apply(stored)?;
        }
    }
    Ok(())
}
