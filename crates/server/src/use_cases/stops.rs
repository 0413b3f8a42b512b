//! Stopping the line, and freeing it again.

use domain::change::{Command, StateName};
use domain::id::ChangeId;
use domain::plan::Phase;
use domain::stop::{StopEvent, StopId, StopScope};
use domain::text::FreeText;
use policy::{Action, Resource};
use store::{ChangeFilter, ChangeOrder, ChangeQuery, NewIdempotency, StreamAppend};

use crate::app::{App, SharedApp};
use crate::ask::{self, Particulars};
use crate::caller::Caller;
use crate::commit::{Extras, decided, single, with_change};
use crate::failure::Failure;
use crate::gates::stops_stream;
use crate::record::{Envelope, Recorded, encode};
use crate::view;
use crate::work::{ChangeWork, actor_guard};

/// Running changes looked at at once.
const PAGE_CHANGES: usize = 200;

/// What somebody wants of the stops.
#[derive(Debug, Clone)]
pub(crate) enum Wanted {
    /// A stop from now on.
    Set {
        /// What it covers.
        scope: StopScope,
        /// Why.
        reason: FreeText,
        /// Whether emergency changes go on nevertheless.
        except_emergency: bool,
    },
    /// No longer this one.
    Lift {
        /// Which one.
        id: StopId,
        /// Why.
        reason: FreeText,
    },
}

impl Wanted {
    fn action(&self) -> Action {
        match self {
            Self::Set { .. } => Action::StopLine,
            Self::Lift { .. } => Action::LiftStop,
        }
    }
}

/// Sets or lifts a stop. What a new one covers and runs is put on hold before this answers. `keep` makes of the stop's
/// identifier what is kept of the answer.
///
/// # Errors
/// When policy refuses, the stop is not in force, there are too many, or the store fails.
pub(crate) async fn change(
    app: &SharedApp,
    caller: &Caller,
    wanted: Wanted,
    keep: impl Fn(StopId) -> Option<NewIdempotency> + Send + Sync + 'static,
) -> Result<StopId, Failure> {
    let (shared, caller) = (app.clone(), caller.clone());
    app.owned(async move {
        let about = (wanted.action(), "stops");
        let (shared, wanted, keep) = (&shared, &wanted, &keep);
        let attempt = move |caller| async move { attempt(shared, &caller, wanted, keep).await };
        let id = decided(shared, caller, about, attempt).await?;
        // It is in force already: whatever could not be held now is held by the background loop.
        if let Err(failure) = hold(shared).await {
            tracing::error!(stop = %id, error = %failure, "not everything could be put on hold at once");
        }
        Ok(id)
    })
    .await
}

async fn attempt(
    app: &App,
    caller: &Caller,
    wanted: &Wanted,
    keep: &(impl Fn(StopId) -> Option<NewIdempotency> + Sync),
) -> Result<StopId, Failure> {
    let ruling = ask::about(app, caller, wanted.action(), &Resource::System)?;
    let stops = app.known().stops.clone();
    let (id, event) = match wanted.clone() {
        Wanted::Set { scope, reason, except_emergency } => {
            (stops.next_id(), stops.set(scope, reason, except_emergency)?)
        }
        Wanted::Lift { id, reason } => (id, stops.lift(id, reason)?),
    };
    let at = app.clock.now().max(stops.updated_at());
    let envelope = Envelope { at, actor: caller.id(), on_behalf_of: None, decided_by: ruling.decided_by() };
    let events = vec![encode(&envelope, &event)];
    let part = StreamAppend { stream: stops_stream()?, expected_version: stops.version(), events };
    let mut append = single(part, actor_guard(caller)?.into_iter().collect());
    append.idempotency = keep(id);
    let appended = app.append(append).await?;
    let (version, index) = (stops.version() + 1, appended.indexes.start);
    app.known_mut().apply_stop(&Recorded::<StopEvent> { envelope, event, version, index, told: None });
    Ok(id)
}

/// Puts every running change on hold that a stop covers; those that were. Repeating it changes nothing.
///
/// # Errors
/// When the store fails, or one of them cannot be held; the others are.
pub(crate) async fn hold(app: &SharedApp) -> Result<Vec<ChangeId>, Failure> {
    let (mut held, mut failed, mut after) = (Vec::new(), None, None);
    while !app.known().stops.is_empty() && !app.shutdown.is_cancelled() {
        let filter = ChangeFilter { states: vec![StateName::Implementing], ..ChangeFilter::default() };
        let query = ChangeQuery { filter, order: ChangeOrder::default(), after, limit: PAGE_CHANGES };
        let page = app.store.list_changes(query).await?;
        for row in &page.rows {
            match hold_one(app, row.change_id).await {
                Ok(true) => held.push(row.change_id),
                Ok(false) => {}
                Err(failure) => {
                    tracing::error!(id = %row.change_id, error = %failure, "a stopped change could not be held");
                    failed = Some(failure);
                }
            }
        }
        let Some(next) = page.next else { break };
        after = Some(next);
    }
    failed.map_or(Ok(held), Err)
}

async fn hold_one(app: &SharedApp, id: ChangeId) -> Result<bool, Failure> {
    let mut is_held = false;
    with_change(app, &Caller::System, id, Extras::default(), |work, known, caller| {
        is_held = false;
        if !may_start_steps(work) {
            return Ok(());
        }
        let said: Vec<_> =
            work.stops(caller).into_iter().map(|stop| view::stop_in_words(known, stop)).collect();
        let Some(first) = said.first() else { return Ok(()) };
        let text = FreeText::new(format!("Put on hold by {first}"));
        let text = text.map_err(|error| Failure::Internal(error.to_string()))?;
        work.command(app, caller, Action::Pause, Particulars::default(), &Command::Pause)?;
        work.command(app, caller, Action::Comment, Particulars::default(), &Command::Comment { text })?;
        is_held = true;
        Ok(())
    })
    .await?;
    Ok(is_held)
}

/// Whether the change's run may begin another step.
fn may_start_steps(work: &ChangeWork) -> bool {
    work.change.state_name() == StateName::Implementing
        && work.change.execution().is_some_and(|execution| match execution.run.phase() {
            Phase::Forward | Phase::Holding { .. } => true,
            Phase::Paused
            | Phase::Finished
            | Phase::RollingBack { .. }
            | Phase::RolledBack
            | Phase::RollbackFailed { .. } => false,
        })
}
