//! Taking note of what other servers write to the same log, so that this one knows their actors, tokens and configuration items.
//!
//! A server that is alone with its log has nothing to follow. Reading something twice is harmless: actors and the
//! CMDB are known by version, endings by change.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::history::HistoryEvent;
use domain::id::{ChangeId, IncidentId};
use store::StoredEvent;

use crate::app::App;
use crate::experience::Past;
use crate::failure::Failure;
use crate::known::Ending;
use crate::load;
use crate::record::decode;
use crate::work;

/// Entries read at once.
const PAGE_EVENTS: usize = 500;

/// How far the log has been taken note of; nothing to keep for a server that is alone with its log.
#[derive(Debug, Default)]
pub(crate) struct Followed(Option<Mutex<Position>>);

/// Everything before `next` is known; `own` are ranges beyond it that this server wrote itself.
#[derive(Debug, Default)]
struct Position {
    next: u64,
    own: BTreeMap<u64, u64>,
}

impl Followed {
    /// For a server that shares its log with others and knows it up to `next`.
    pub(crate) fn from(next: u64) -> Self {
        Self(Some(Mutex::new(Position { next, own: BTreeMap::new() })))
    }

    /// Takes note of entries that this server wrote.
    pub(crate) fn own(&self, indexes: &Range<u64>) {
        if let Some(mut position) = self.lock().filter(|_| !indexes.is_empty()) {
            position.own.insert(indexes.start, indexes.end);
            position.pass_own();
        }
    }

    /// Whether nobody else writes to the log.
    pub(crate) fn is_alone(&self) -> bool {
        self.0.is_none()
    }

    /// The first entry that is not known, where other servers write too.
    fn next(&self) -> Option<u64> {
        self.lock().map(|position| position.next)
    }

    fn reached(&self, index: u64) {
        if let Some(mut position) = self.lock() {
            position.next = position.next.max(index);
            position.pass_own();
        }
    }

    fn lock(&self) -> Option<MutexGuard<'_, Position>> {
        self.0.as_ref().map(|position| position.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Position {
    fn pass_own(&mut self) {
        while let Some(first) = self.own.first_entry().filter(|first| *first.key() <= self.next) {
            self.next = self.next.max(first.remove());
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
    while let Some(next) = app.followed.next().filter(|next| *next < size) {
        let page = app.store.read_log(next, PAGE_EVENTS).await?;
        let Some(last) = page.last().map(|event| event.index) else { break };
        for event in page {
            note(app, &event).await?;
        }
        app.followed.reached(last.saturating_add(1));
    }
    Ok(())
}

async fn note(app: &App, event: &StoredEvent) -> Result<(), Failure> {
    let Some((kind, name)) = event.stream.as_str().split_once('/') else {
        return load::refresh(app, &event.stream).await;
    };
    let is_end = event.body.get("type").is_some_and(|word| word == "change.closed");
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
            let (change, _) = work::load(app, incident.change).await?;
            app.known_mut().incidents.put(&incident, &change.content);
            Ok(())
        }
        "change" if is_end => {
            let id: ChangeId = name.parse().map_err(|_| Failure::Internal(format!("stream of `{name}`")))?;
            let (change, _) = work::load(app, id).await?;
            if let Some(ending) = Ending::of(&change) {
                app.known_mut().endings.add(&ending);
                app.experience.add(Past::of(&change, &app.known().directory));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_entries_are_passed_in_whatever_order_they_are_told() {
        let followed = Followed::from(10);
        followed.own(&(12..15));
        assert_eq!(followed.next(), Some(10));
        followed.own(&(10..12));
        assert_eq!(followed.next(), Some(15));
        followed.own(&(20..22));
        followed.reached(20);
        assert_eq!(followed.next(), Some(22));
        followed.reached(3);
        assert_eq!(followed.next(), Some(22));
        assert_eq!(Followed::default().next(), None);
    }
}
