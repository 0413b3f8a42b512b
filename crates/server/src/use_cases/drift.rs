//! How changes since the model was trained compare to those that it was trained on.

use domain::Timestamp;
use domain::learning::TrainedModel;
use policy::{Action, Resource};
use prediction::{HELD_ROWS_MIN, Held, History, Profile};

use crate::app::SharedApp;
use crate::ask;
use crate::caller::Caller;
use crate::failure::Failure;

/// What can be said of the model that is asked.
#[derive(Debug)]
pub(crate) struct Drift {
    /// Its version and when it was trained; nothing where none is asked.
    pub model: Option<(u32, Timestamp)>,
    /// What can be said, or why nothing can.
    pub held: Result<Held, NothingToSay>,
}

/// Why nothing can be said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NothingToSay {
    /// Nothing is predicted by a model.
    #[error("no model is asked: train one with `cortex-change risk train`")]
    NoModel,
    /// The model was trained before counts were kept.
    #[error(
        "model {0} was trained before counts of what it learned from were kept: train a new one with `cortex-change risk train`"
    )]
    NoProfile(u32),
    /// Too few to tell a shift from chance.
    #[error(
        "{found} changes that were handed in since the model was trained have ended, at least {HELD_ROWS_MIN} are needed: ask again later"
    )]
    TooFew {
        /// How many there are.
        found: usize,
    },
}

/// Holds what was handed in since the model was trained against what it was trained on.
///
/// # Errors
/// When policy refuses, or the store fails.
pub(crate) async fn drift(app: &SharedApp, caller: &Caller) -> Result<Drift, Failure> {
    ask::about(app, caller, Action::Read, &Resource::System)?;
    app.experience.whole().await;
    let (models, _) = app.experience.models();
    let Some(model) = models.champion() else {
        return Ok(Drift { model: None, held: Err(NothingToSay::NoModel) });
    };
    let known = Some((model.version, model.trained_at));
    Ok(Drift { model: known, held: held(app, model).await? })
}

async fn held(app: &SharedApp, asked: &TrainedModel) -> Result<Result<Held, NothingToSay>, Failure> {
    let Some(digest) = asked.profile else { return Ok(Err(NothingToSay::NoProfile(asked.version))) };
    let champion = app.experience.champion().filter(|champion| champion.version == asked.version);
    let Some(champion) = champion else { return Ok(Err(NothingToSay::NoModel)) };
    let bytes = app.store.artifact(digest).await?;
    let bytes = bytes.ok_or_else(|| Failure::Internal(format!("the store has no artefact {digest}")))?;
    let profile = Profile::from_bytes(&bytes).map_err(|error| Failure::Internal(error.to_string()))?;
    // Rows of the whole past take memory and time: one at a time.
    let _turn = app.experience.whole_past.acquire().await;
    let (past, since, now) =
        (app.experience.past(), asked.trained_at.as_second(), app.clock.now().as_second());
    let found = past.iter().filter(|(submission, _)| submission.at > since).count();
    if found < HELD_ROWS_MIN {
        return Ok(Err(NothingToSay::TooFew { found }));
    }
    let holding = tokio::task::spawn_blocking(move || {
        let table = History::default().table(&past)?;
        let rows = table.at().iter().zip(table.known_at()).enumerate().filter(|(_, (at, _))| **at > since);
        let (later, known_at): (Vec<usize>, Vec<i64>) =
            rows.map(|(row, (_, known_at))| (row, *known_at)).unzip();
        let known = later.iter().zip(known_at).filter(|(_, known_at)| *known_at <= now).map(|(row, _)| *row);
        let known: Vec<usize> = known.collect();
        Ok::<_, prediction::TableError>(profile.hold(&champion.model, &table, &later, &known))
    });
    let held = holding.await.map_err(|error| Failure::Internal(error.to_string()))?;
    held.map(Ok).map_err(|error| Failure::Internal(error.to_string()))
}
