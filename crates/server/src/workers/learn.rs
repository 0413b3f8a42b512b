//! Reads what past changes teach when the server starts, and trains a model anew when enough has been learned since.

use std::collections::BTreeMap;

use domain::change::{Change, State};
use domain::history::HistoryEvent;
use domain::id::ChangeId;
use jiff::SignedDuration;
use store::{EventPlace, LOG_PAGE_EVENTS_MAX, StreamSet};

use crate::app::SharedApp;
use crate::caller::Caller;
use crate::experience::Past;
use crate::failure::Failure;
use crate::record::decode;
use crate::use_cases::{kpis, models};
use crate::work;

/// A model is trained anew when so many more outcomes are known than it learned from, in per cent of those.
const GROWTH_PERCENT: usize = 10;
/// And when the last one was trained so long ago.
const PAUSE: SignedDuration = SignedDuration::from_hours(24);

/// Reads the past once; from then on, sees to the models.
pub(super) async fn turn(app: &SharedApp) -> Result<(), Failure> {
    if !app.experience.is_ready() {
        read(app).await?;
    }
    models::refresh(app).await?;
    kpis::publish(app).await?;
    // A training that failed would fail again: the next one is a person's, or comes after a restart.
    let has_failed = app.experience.training().last_failure.is_some();
    if !has_failed && app.experience.is_due(app.clock.now(), PAUSE, GROWTH_PERCENT) {
        models::train(app, &Caller::System).await?;
    }
    Ok(())
}

/// Reads every past change, of ours and imported.
async fn read(app: &SharedApp) -> Result<(), Failure> {
    let mut past = imported(app).await?;
    for closed in app.store.closed_changes().await? {
        past.extend(closed_change(app, closed.change_id).await?);
    }
    // Of several that are alike, the newest are told first.
    past.sort_by_key(|past| past.submission.at);
    app.experience.add(past);
    models::refresh(app).await?;
    app.experience.read();
    Ok(())
}

async fn closed_change(app: &SharedApp, id: ChangeId) -> Result<Option<Past>, Failure> {
    let (change, _): (Change, _) = work::load(app, id).await?;
    debug_assert!(matches!(change.state, State::Closed(_)), "{id} is not closed");
    Ok(Past::of(&change, &app.known().directory))
}

async fn imported(app: &SharedApp) -> Result<Vec<Past>, Failure> {
    let streams = StreamSet::WithPrefix("imported/".to_owned());
    // Of a record that was altered, the last version counts.
    let (mut past, mut after) = (BTreeMap::new(), None);
    loop {
        let page = app.store.read_streams(&streams, after.as_ref(), LOG_PAGE_EVENTS_MAX).await?;
        after = page.last().map(EventPlace::of);
        let is_last = page.len() < LOG_PAGE_EVENTS_MAX;
        for stored in page {
            let told = Past::told_by(&decode::<HistoryEvent>(stored)?.event);
            past.extend(told.map(|told| (told.reference.clone(), told)));
        }
        if is_last {
            return Ok(past.into_values().collect());
        }
    }
}
