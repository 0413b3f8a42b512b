//! How models would have done on the server's own past, had they been trained again and again as time went on.

use api::FieldError;
use policy::{Action, Resource};
use prediction::{
    History, Known, LearnError, ORIGINS_MAX, Stretch, Submission, Surroundings, TableError, backtest,
    candidates,
};

use super::refusal;
use crate::app::SharedApp;
use crate::ask;
use crate::caller::Caller;
use crate::experience::Backtest;
use crate::failure::Failure;

/// How often models are trained anew unless the request says otherwise.
pub(crate) const ORIGINS_DEFAULT: u32 = 6;

/// Why nothing came of a backtest.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BacktestError {
    /// Too little to learn from at the first origin.
    #[error(
        "{known} past changes are known, too few for a backtest: the first model learns from the earliest 35 % of them, which are {source}; import more with `cortex-change history import`, or wait until more outcomes are known"
    )]
    Learn {
        /// Past changes whose outcome is known.
        known: usize,
        /// What is lacking.
        source: LearnError,
    },
    /// The rows do not fit.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The work was broken off.
    #[error("the backtest was broken off: {0}")]
    BrokenOff(#[from] tokio::task::JoinError),
}

/// Reports nothing: the server's log has the begin and the end.
struct Quiet;

impl Surroundings for Quiet {
    fn seconds(&self) -> f64 {
        0.0
    }

    fn say(&self, _doing: &str) {}
}

/// Begins a backtest. It goes on when the caller has gone.
///
/// # Errors
/// When policy refuses, the number of origins is out of range, or one is under way.
pub(crate) async fn begin(app: &SharedApp, caller: &Caller, origins: Option<u32>) -> Result<(), Failure> {
    let asked = ask::about(app, caller, Action::ManageModels, &Resource::System);
    if let Err(failure) = asked {
        refusal::note(app, caller, Action::ManageModels, "backtest", &failure).await;
        return Err(failure);
    }
    let origins = usize::try_from(origins.unwrap_or(ORIGINS_DEFAULT)).unwrap_or(usize::MAX);
    if !(1..=ORIGINS_MAX).contains(&origins) {
        let message = format!("{origins} is out of range: expected from 1 to {ORIGINS_MAX}");
        return Err(FieldError::new("origins", message).into());
    }
    if app.experience.training().is_under_way || !app.experience.backtests.begin(app.clock.now()) {
        return Err(Failure::Overloaded("a model is being trained or a backtest is under way: wait for it"));
    }
    let shared = app.clone();
    app.tasks.spawn(async move {
        let tested = tested(&shared, origins).await;
        if let Err(error) = &tested {
            tracing::warn!(%error, "nothing came of a backtest");
        }
        shared.experience.backtests.end(tested.map_err(|error| error.to_string()));
    });
    Ok(())
}

async fn tested(app: &SharedApp, origins: usize) -> Result<Backtest, BacktestError> {
    app.experience.whole().await;
    let at = app.clock.now();
    let past = app.experience.past();
    let known: Vec<_> = past.into_iter().filter(|(_, known)| known.known_at <= at.as_second()).collect();
    let testing = move || {
        let stretches = stretches(&known, origins)?;
        let failures = known.iter().filter(|(_, known)| known.has_failed()).count() as u64;
        Ok(Backtest { at, changes: known.len() as u64, failures, stretches })
    };
    tokio::task::spawn_blocking(testing).await?
}

/// The stretches, each with the share of failures that was known before it.
fn stretches(past: &[(Submission, Known)], origins: usize) -> Result<Vec<(Stretch, f64)>, BacktestError> {
    let table = History::default().table(past)?;
    let failures = past.iter().filter(|(_, known)| known.has_failed()).count();
    let tested = backtest(&table, origins, &candidates(failures), &Quiet);
    let tested = tested.map_err(|source| BacktestError::Learn { known: past.len(), source })?;
    let with_share = |stretch: Stretch| {
        let before = share_before(past, stretch.from);
        (stretch, before)
    };
    Ok(tested.into_iter().map(with_share).collect())
}

/// The share of failures among the changes whose outcome was known by then, as far as it was.
#[expect(clippy::cast_precision_loss, reason = "counts of changes are far below what a float tells apart")]
fn share_before(past: &[(Submission, Known)], at: i64) -> f64 {
    let known = past.iter().filter(|(change, known)| known.known_at.max(change.at) <= at);
    let (changes, failures) = known.fold((0_u64, 0_u64), |(changes, failures), (_, known)| {
        (changes + 1, failures + u64::from(known.failed_at(at)))
    });
    failures as f64 / changes.max(1) as f64
}
