//! Taking note of what other servers write to the same log, so that this one knows their actors, tokens and configuration items.
//!
//! A server that is alone with its log has nothing to follow. Reading something twice is harmless: actors and the
//! CMDB are known by version, endings by change.

use std::sync::atomic::{AtomicU64, Ordering};

use domain::history::HistoryEvent;
use domain::id::{ChangeId, IncidentId};
use serde_json::Value;
use store::{Store, StoredEvent};

use crate::app::App;
use crate::experience::Past;
use crate::failure::Failure;
use crate::known::Ending;
use crate::load;
use crate::record::decode;
use crate::work;

/// Events that leave a change as planned or as far under way as it was.
const STAYS: [&str; 7] = [
    "change.commented",
    "change.risk_assessed",
    "change.approval_requested",
    "change.approval_escalated",
    "change.stage_opened",
    "change.condition_satisfied",
    "change.progressed",
];
/// Entries read at once.
const PAGE_EVENTS: usize = 500;

/// How far the log has been taken note of; nothing to keep for a server that is alone with its log.
#[derive(Debug, Default)]
pub(crate) struct Followed(Option<AtomicU64>);

impl Followed {
    /// For a server that shares its log with others and knows it up to `next`.
    pub(crate) fn from(next: u64) -> Self {
        Self(Some(AtomicU64::new(next)))
    }

    /// Whether nobody else writes to the log.
    pub(crate) fn is_alone(&self) -> bool {
        self.0.is_none()
    }

    /// The first entry that others may have written without this server knowing it.
    fn next(&self, store: &Store) -> Option<u64> {
        self.0.as_ref().map(|next| store.next_by_others(next.load(Ordering::Acquire)))
    }

    fn reached(&self, index: u64) {
        if let Some(next) = &self.0 {
            next.fetch_max(index, Ordering::AcqRel);
        }
    }
}

/// Takes note of everything that others have written so far. Whoever asked before must ask again afterwards, whatever
/// was read here: the background loop may have read it a moment earlier.
///
/// # Errors
/// When the store or the log fails.
pub(crate) async fn catch_up(app: &App) -> Result<(), Failure> {
    if app.followed.is_alone() {
        return Ok(());
    }
    // Asked of the database: the notice of what another server wrote may still be on its way.
    let size = app.store.head().await?.size;
    read_up_to(app, size).await
}

/// Takes note of what others have written as far as the store has heard of it.
///
/// # Errors
/// When the store or the log fails.
pub(crate) async fn keep_up(app: &App) -> Result<(), Failure> {
    let size = *app.store.subscribe().borrow();
    read_up_to(app, size).await
}

async fn read_up_to(app: &App, size: u64) -> Result<(), Failure> {
    while let Some(next) = app.followed.next(&app.store).filter(|next| *next < size) {
        let page = app.store.read_log(next, PAGE_EVENTS).await?;
        let Some(last) = page.last().map(|event| event.index) else { break };
        for event in page {
            note(app, &event).await?;
        }
        app.followed.reached(last.saturating_add(1));
    }
    Ok(())
}

/// Takes note of whether an emergency change is to be reviewed, when an event may have to do with that: one that says
/// until when, and whatever happens to one of which that is known.
async fn follow_debt(app: &App, event: &StoredEvent, name: &str) -> Result<(), Failure> {
    let id: ChangeId = name.parse().map_err(|_| Failure::Internal(format!("stream of `{name}`")))?;
    let begins = event.body.pointer("/data/retrospective_due").is_some_and(|due| !due.is_null());
    let is_known = app.known().debts.contains(id);
    if begins || is_known {
        let (change, _) = work::load(app, id).await?;
        app.known_mut().debts.note(&change);
    }
    Ok(())
}

async fn note(app: &App, event: &StoredEvent) -> Result<(), Failure> {
    let Some((kind, name)) = event.stream.as_str().split_once('/') else {
        return load::refresh(app, &event.stream).await;
    };
    let is_end = match event.body.get("type").and_then(Value::as_str) {
        Some("change.closed") => true,
        // What a review finds of an ending is told like the ending.
        Some("change.reviewed") => event.body.pointer("/data/finding").is_some(),
        Some(_) | None => false,
    };
    if kind == "change" {
        follow_debt(app, event, name).await?;
    }
    match kind {
        "actor" => load::refresh(app, &event.stream).await,
        "history" | "imported" => {
            app.known_mut().imported.apply(event.clone())?;
            app.experience.add(Past::told_by(&decode::<HistoryEvent>(event.clone())?.event));
            Ok(())
        }
        "alert" => app.known_mut().alerts.apply(event.clone()),
        "incident" => {
            let id: IncidentId =
                name.parse().map_err(|_| Failure::Internal(format!("stream of `{name}`")))?;
            let incident = load::incident(app, id).await?;
            let change = match incident.change {
                Some(id) => Some(work::load(app, id).await?.0),
                None => None,
            };
            app.known_mut().incidents.put(&incident, change.as_ref().map(|change| &change.content));
            Ok(())
        }
        "change" if is_end => {
            let id: ChangeId = name.parse().map_err(|_| Failure::Internal(format!("stream of `{name}`")))?;
            let (change, _) = work::load(app, id).await?;
            app.known_mut().bookings.put(&change);
            if let Some(ending) = Ending::of(&change) {
                app.known_mut().endings.add(&ending);
                app.experience.add(Past::of(&change, &app.known().directory));
            }
            Ok(())
        }
        "change" => book(app, name, event).await,
        _ => Ok(()),
    }
}

/// Takes note of a change that is planned, under way or was so, when it moves on.
async fn book(app: &App, name: &str, event: &StoredEvent) -> Result<(), Failure> {
    let word = event.body.get("type").and_then(Value::as_str).unwrap_or_default();
    let id: ChangeId = name.parse().map_err(|_| Failure::Internal(format!("stream of `{name}`")))?;
    // The start itself is told by the order of starts.
    let has_window = || event.body.pointer("/data/content/window").is_some_and(|window| !window.is_null());
    let is_new = match word {
        "change.created" | "change.amended" => has_window(),
        // What was rejected automatically may be planned again.
        "change.submitted" | "change.decision_overridden" => true,
        _ => false,
    };
    let is_booked = !is_new && !STAYS.contains(&word) && app.known().bookings.get(id).is_some();
    if is_new || is_booked {
        let (change, _) = work::load(app, id).await?;
        app.known_mut().bookings.put(&change);
    }
    Ok(())
}
