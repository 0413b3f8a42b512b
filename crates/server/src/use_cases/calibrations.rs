//! Saving calibrations of the judge of canaries, and having changes rest on them.

use api::FieldError;
use domain::canary::calibrations::{CalibrationNotSaved, Calibrations};
use domain::canary::{Calibrated, CalibrationEvent};
use domain::canonical::Digest;
use domain::change::Content;
use policy::{Action, Resource};
use store::{NewIdempotency, StreamAppend, StreamName};

use crate::app::{App, SharedApp};
use crate::ask;
use crate::caller::Caller;
use crate::commit::{single, yield_to_others};
use crate::failure::Failure;
use crate::record::{Envelope, Recorded, encode};
use crate::work::actor_guard;

/// How often a decision is made again because somebody else was faster.
const ATTEMPTS_MAX: usize = 32;

/// The stream of the calibrations.
///
/// # Errors
/// Never, as long as the name is a stream name.
pub(crate) fn stream() -> Result<StreamName, Failure> {
    StreamName::new("calibrations").map_err(|error| Failure::Internal(error.to_string()))
}

/// Saves a calibration: from now on it is the one that new changes of its service rest on. `keep` makes of its digest what is
/// kept of the answer.
///
/// # Errors
/// When policy refuses, it is no calibration, or the store fails.
pub(crate) async fn save(
    app: &SharedApp,
    caller: &Caller,
    calibrated: Calibrated,
    keep: impl Fn(Digest) -> Option<NewIdempotency> + Send + Sync + 'static,
) -> Result<Digest, Failure> {
    let (shared, caller) = (app.clone(), caller.clone());
    app.owned(async move {
        let mut caller = caller;
        for _ in 0..ATTEMPTS_MAX {
            match attempt(&shared, &caller, &calibrated, &keep).await {
                Ok(id) => return Ok(id),
                Err(failure) => caller = yield_to_others(&shared, &caller, failure).await?,
            }
        }
        Err(Failure::Contended)
    })
    .await
}

async fn attempt(
    app: &App,
    caller: &Caller,
    calibrated: &Calibrated,
    keep: &(impl Fn(Digest) -> Option<NewIdempotency> + Sync),
) -> Result<Digest, Failure> {
    let ruling = ask::about(app, caller, Action::Calibrate, &Resource::System)?;
    let calibrations = app.known().calibrations.clone();
    let event = calibrations.save(calibrated.clone()).map_err(refused)?;
    let id = calibrated.id().map_err(|error| Failure::Internal(error.to_string()))?;
    let at = app.clock.now().max(calibrations.updated_at());
    let envelope = Envelope { at, actor: caller.id(), on_behalf_of: None, decided_by: ruling.decided_by() };
    let before = calibrations.version();
    let part =
        StreamAppend { stream: stream()?, expected_version: before, events: vec![encode(&envelope, &event)] };
    let mut append = single(part, actor_guard(caller)?.into_iter().collect());
    append.idempotency = keep(id);
    let appended = app.append(append).await?;
    let (version, index) = (before + 1, appended.indexes.start);
    let recorded = Recorded::<CalibrationEvent> { envelope, event, version, index, told: None };
    app.known_mut().apply_calibration(&recorded);
    Ok(id)
}

fn refused(refusal: CalibrationNotSaved) -> Failure {
    FieldError::new("calibration", refusal).into()
}

/// Has the comparisons of a plan rest on the newest calibration of the service that they name, or of the change's only one; one
/// that they name themselves must be known. What is bound here is part of what is approved.
///
/// # Errors
/// When a calibration is named that is not known.
pub(crate) fn bind(calibrations: &Calibrations, content: &mut Content) -> Result<(), FieldError> {
    let services = &content.affected_services;
    let only = services.first().filter(|_| services.len() == 1).cloned();
    let Some(plan) = &mut content.plan else { return Ok(()) };
    for analysis in plan.analyses_mut() {
        analysis.service = analysis.service.take().or_else(|| only.clone());
        let Some(service) = &analysis.service else { continue };
        let newest = calibrations.newest(service).map(|saved| saved.id);
        if let Some(id) = analysis.calibration
            && calibrations.find(service, id).is_none()
        {
            let message =
                format!("`{id}` is no calibration of `{service}` that is known: leave it out for the newest");
            return Err(FieldError::new("implementation_plan: analysis.calibration", message));
        }
        analysis.calibration = analysis.calibration.or(newest);
    }
    Ok(())
}
