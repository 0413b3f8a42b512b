//! How recorded predictions compare to the outcomes known since.

use std::collections::BTreeMap;

use api::FieldError;
use domain::Timestamp;
use policy::{Action, Resource};
use prediction::metrics::{Performance, performance};

use crate::app::{App, SharedApp};
use crate::ask;
use crate::caller::Caller;
use crate::experience::Said;
use crate::failure::Failure;

/// From this probability on a failure counts as predicted, unless the request says otherwise, in per cent.
pub(crate) const THRESHOLD_PERCENT_DEFAULT: f64 = 10.0;
const PPM: f64 = 1e6;

/// Which predictions are looked at, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KpiQuery {
    /// Of changes created from here on.
    pub from: Option<Timestamp>,
    /// And before this instant.
    pub until: Option<Timestamp>,
    /// From this probability on a failure counts as predicted, in per cent.
    pub threshold_percent: f64,
}

/// How predictions did.
#[derive(Debug)]
pub(crate) struct Kpis {
    /// When it was asked.
    pub at: Timestamp,
    /// Changes that have ended and whose outcome does not count yet.
    pub waiting: u64,
    /// All predictions.
    pub all: Performance,
    /// The same by what had said them.
    pub by_source: BTreeMap<String, Performance>,
}

/// Compares recorded predictions to the outcomes known since.
///
/// # Errors
/// When policy refuses, or the query makes no sense.
pub(crate) async fn kpis(app: &SharedApp, caller: &Caller, query: KpiQuery) -> Result<Kpis, Failure> {
    ask::about(app, caller, Action::Read, &Resource::System)?;
    let KpiQuery { from, until, threshold_percent } = query;
    if !(threshold_percent > 0.0 && threshold_percent < 100.0) {
        let message = format!(
            "{threshold_percent} is out of range: expected a percentage between 0 and 100, such as 10"
        );
        return Err(FieldError::new("threshold_percent", message).into());
    }
    if from.zip(until).is_some_and(|(from, until)| from >= until) {
        return Err(
            FieldError::new("until", "the end is not after the start: expected a later instant").into()
        );
    }
    app.experience.whole().await;
    let shared = app.clone();
    let counting = tokio::task::spawn_blocking(move || counted(&shared, &query));
    counting.await.map_err(|error| Failure::Internal(error.to_string()))
}

/// Hands the figures of all predictions to whoever watches the server.
///
/// # Errors
/// When counting was broken off.
pub(crate) async fn publish(app: &SharedApp) -> Result<(), Failure> {
    let shared = app.clone();
    let query = KpiQuery { from: None, until: None, threshold_percent: THRESHOLD_PERCENT_DEFAULT };
    let counting = tokio::task::spawn_blocking(move || counted(&shared, &query).all);
    app.metrics.predicted(&counting.await.map_err(|error| Failure::Internal(error.to_string()))?);
    Ok(())
}

fn counted(app: &App, query: &KpiQuery) -> Kpis {
    let at = app.clock.now();
    let is_asked = |said: &Said| {
        query.from.is_none_or(|from| said.created_at >= from)
            && query.until.is_none_or(|until| said.created_at < until)
    };
    let (known, waiting): (Vec<Said>, Vec<Said>) =
        app.experience.said(is_asked).into_iter().partition(|said| said.known_at <= at.as_second());
    let mut by_source: BTreeMap<String, Vec<&Said>> = BTreeMap::new();
    for said in &known {
        by_source.entry(said.source.clone()).or_default().push(said);
    }
    let threshold = query.threshold_percent / 100.0;
    Kpis {
        at,
        waiting: waiting.len() as u64,
        all: judged(&known.iter().collect::<Vec<_>>(), threshold),
        by_source: by_source.into_iter().map(|(source, said)| (source, judged(&said, threshold))).collect(),
    }
}

fn judged(said: &[&Said], threshold: f64) -> Performance {
    let probabilities: Vec<f64> = said.iter().map(|said| f64::from(said.value.get()) / PPM).collect();
    let failed: Vec<bool> = said.iter().map(|said| said.failed).collect();
    performance(&probabilities, &failed, threshold)
}
