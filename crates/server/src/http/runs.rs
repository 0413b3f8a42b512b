//! What runners ask for and report.

use std::future::Future;

use api::run::{
    Assignment, AttendRequest, Attendance, BakeStanding, FinishRequest, HeartbeatRequest, ProgressRequest,
    SAMPLES_MAX, Sample, StartRequest,
};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::Timestamp;
use domain::id::StepName;
use policy::{Action, Resource};
use serde::Deserialize;
use store::{HolderName, SAMPLES_PAGE_MAX};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::asked::{Asked, Kept};
use super::extract::{Authenticated, ChangePath, Idempotency, IdempotencyParams, JsonBody, Query};
use super::problem::Rejection;
use super::respond;
use crate::app::SharedApp;
use crate::ask;
use crate::commit::Extras;
use crate::failure::Failure;
use crate::use_cases::implementation::{self, Heartbeat, Standing, Start};
use crate::work::ChangeWork;

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new()
        .routes(routes!(show_assignment))
        .routes(routes!(start))
        .routes(routes!(progress))
        .routes(routes!(heartbeat))
        .routes(routes!(finish))
        .routes(routes!(release))
        .routes(routes!(attend))
        .routes(routes!(list_samples))
}

impl Asked {
    /// Answers with what is left to do after `work`, unless the same request was answered before.
    fn assignment(
        &self,
        work: impl Future<Output = Result<ChangeWork, Failure>>,
    ) -> impl Future<Output = Result<Response, Rejection>> {
        self.once(async { Ok(respond::assignment(&self.app, &work.await?)) })
    }
}

/// What would run: plan, rollback plan, monitors, and how far it has come.
#[utoipa::path(get, path = "/api/v1/changes/{id}/assignment", tag = "implementation", params(("id" = String, Path)),
    responses((status = 200, body = Assignment)))]
async fn show_assignment(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    ChangePath(id): ChangePath,
) -> Result<Response, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    let work = ChangeWork::load(&app, id).await?;
    Ok(respond::assignment(&app, &work))
}

/// Begin to implement, take over an interrupted change, or begin a rollback that has no runner.
#[utoipa::path(post, path = "/api/v1/changes/{id}/start", tag = "implementation",
    params(IdempotencyParams, ("id" = String, Path)),
    request_body = StartRequest, responses((status = 200, body = Assignment)))]
async fn start(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    ChangePath(id): ChangePath,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<StartRequest>,
) -> Result<Response, Rejection> {
    let start = Start {
        holder: holder(&value.holder)?,
        digest: value.digest,
        commit: value.commit,
        auto_rollback: value.auto_rollback,
    };
    let asked = Asked { app, caller, key, digest };
    let keep = asked.keeper(StatusCode::OK);
    let extras = move |fencing_token| Extras {
        idempotency: keep(Kept::Lease { change_id: id, fencing_token }),
        ..Extras::default()
    };
    asked.assignment(implementation::start(&asked.app, &asked.caller, id, start, extras)).await
}

fn holder(name: &str) -> Result<HolderName, Failure> {
    HolderName::new(name).map_err(|error| api::FieldError::new("holder", error).into())
}

/// Report what was observed. A repeated report changes nothing.
#[utoipa::path(post, path = "/api/v1/changes/{id}/progress", tag = "implementation",
    params(IdempotencyParams, ("id" = String, Path)),
    request_body = ProgressRequest, responses((status = 200, body = Assignment)))]
async fn progress(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    ChangePath(id): ChangePath,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<ProgressRequest>,
) -> Result<Response, Rejection> {
    let ProgressRequest { fencing_token, observation } = value;
    let asked = Asked { app, caller, key, digest };
    let extras = asked.extras(Kept::Assignment(id));
    let (app, caller) = (&asked.app, &asked.caller);
    asked.assignment(implementation::progress(app, caller, id, fencing_token, observation, extras)).await
}

/// Extend the lease and hand over samples.
#[utoipa::path(post, path = "/api/v1/changes/{id}/heartbeat", tag = "implementation", params(("id" = String, Path)),
    request_body = HeartbeatRequest, responses((status = 200, body = Assignment)))]
async fn heartbeat(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    ChangePath(id): ChangePath,
    JsonBody { value, .. }: JsonBody<HeartbeatRequest>,
) -> Result<Response, Rejection> {
    if value.samples.len() > SAMPLES_MAX {
        let message = format!("{} samples are more than the {SAMPLES_MAX} accepted", value.samples.len());
        return Err(api::FieldError::new("samples", message).into());
    }
    let samples = value.samples.iter().enumerate().map(|(at, sample)| stored(at, sample));
    let samples = samples.collect::<Result<_, _>>()?;
    let standing = value.standing.as_ref().map(standing).transpose()?;
    let beat = Heartbeat { fencing_token: value.fencing_token, samples, standing };
    let work = implementation::heartbeat(&app, &caller, id, beat).await?;
    Ok(respond::assignment(&app, &work))
}

/// Watch a change over its soak time, and say so again before the lease is over: nobody else watches it meanwhile. It ends by
/// itself.
#[utoipa::path(post, path = "/api/v1/changes/{id}/attend", tag = "implementation", params(("id" = String, Path)),
    request_body = AttendRequest, responses((status = 200, body = Attendance)))]
async fn attend(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    ChangePath(id): ChangePath,
    JsonBody { value, .. }: JsonBody<AttendRequest>,
) -> Result<Json<Attendance>, Rejection> {
    let lease_seconds = implementation::attend(&app, &caller, id, &holder(&value.holder)?).await?;
    Ok(Json(Attendance { lease_seconds }))
}

fn standing(told: &BakeStanding) -> Result<Standing, Failure> {
    let field = |name: &str| format!("standing.{name}");
    let verdict: domain::rollback::Verdict =
        told.verdict.parse().map_err(|error| api::FieldError::new(field("verdict"), error))?;
    let step = StepName::new(&*told.step).map_err(|error| api::FieldError::new(field("step"), error))?;
    Ok(Standing { step, verdict, detail: told.detail.clone() })
}

fn stored(at: usize, sample: &Sample) -> Result<store::Sample, Failure> {
    let field = |name: &str| format!("samples[{at}].{name}");
    let taken_at: Timestamp = sample
        .at
        .parse()
        .map_err(|_| api::FieldError::new(field("at"), "expected a form like 2026-01-31T14:00:00Z"))?;
    let verdict: domain::rollback::Verdict =
        sample.verdict.parse().map_err(|error| api::FieldError::new(field("verdict"), error))?;
    Ok(store::Sample {
        series: StepName::new(&*sample.monitor)
            .map_err(|error| api::FieldError::new(field("monitor"), error))?,
        taken_at,
        verdict: verdict.as_str().to_owned(),
        value: sample.latency_micros.and_then(|micros| i64::try_from(micros).ok()),
        detail: match &sample.measured {
            None => String::new(),
            Some(measured) => {
                measured.to_domain().map_err(|error| error.under(&field("measured")))?;
                serde_json::to_string(measured).map_err(|error| Failure::Internal(error.to_string()))?
            }
        },
    })
}

/// Report that the plan is done, and give the lease back.
#[utoipa::path(post, path = "/api/v1/changes/{id}/finish", tag = "implementation",
    params(IdempotencyParams, ("id" = String, Path)),
    request_body = FinishRequest, responses((status = 200, body = Assignment)))]
async fn finish(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    ChangePath(id): ChangePath,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<FinishRequest>,
) -> Result<Response, Rejection> {
    let asked = Asked { app, caller, key, digest };
    let extras = asked.extras(Kept::Assignment(id));
    let token = value.fencing_token;
    asked.assignment(implementation::finish(&asked.app, &asked.caller, id, token, extras)).await
}

/// Give the lease back. A change that is still being worked on is interrupted.
#[utoipa::path(post, path = "/api/v1/changes/{id}/release", tag = "implementation",
    params(IdempotencyParams, ("id" = String, Path)),
    request_body = FinishRequest, responses((status = 200, body = Assignment)))]
async fn release(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    ChangePath(id): ChangePath,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<FinishRequest>,
) -> Result<Response, Rejection> {
    let asked = Asked { app, caller, key, digest };
    let extras = asked.extras(Kept::Assignment(id));
    let token = value.fencing_token;
    asked.assignment(implementation::release(&asked.app, &asked.caller, id, token, extras)).await
}

/// Which samples.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct SamplesQuery {
    /// One monitor; all when absent.
    monitor: Option<String>,
    /// Taken at this instant or later.
    from: Option<Timestamp>,
}

/// Samples of a change's monitors, oldest first.
#[utoipa::path(get, path = "/api/v1/changes/{id}/samples", tag = "implementation",
    params(("id" = String, Path), SamplesQuery), responses((status = 200, body = api::Page<Sample>)))]
async fn list_samples(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    ChangePath(id): ChangePath,
    Query(query): Query<SamplesQuery>,
) -> Result<Json<api::Page<Sample>>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    let monitor = query.monitor.as_deref().map(StepName::new).transpose();
    let monitor = monitor.map_err(|error| Failure::from(api::FieldError::new("monitor", error)))?;
    let from = query.from.unwrap_or(Timestamp::MIN);
    let samples = app.store.samples(id, monitor.as_ref(), from, SAMPLES_PAGE_MAX).await?;
    let items = samples
        .into_iter()
        // How a bake stands is no answer of a monitor.
        .filter(|sample| !implementation::is_standing(&sample.series))
        .map(|sample| Sample {
            monitor: sample.series.to_string(),
            at: sample.taken_at.to_string(),
            verdict: sample.verdict,
            latency_micros: sample.value.and_then(|micros| u64::try_from(micros).ok()),
            // Empty where nothing was measured.
            measured: serde_json::from_str(&sample.detail).ok(),
        })
        .collect();
    Ok(Json(api::Page { items, next_cursor: None }))
}
