//! What waits for approval, what an approver must have seen, overrides, and authority that is lent.

use api::Page;
use api::approval::{ApprovalSheet, DelegateRequest, Delegation, OverrideRequest, WaitingApproval};
use api::change::Change;
use api::command::ReasonRequest;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::Timestamp;
use domain::actor::DelegationScope;
use domain::duration::parse_duration_seconds;
use domain::id::DelegationId;
use domain::text::FreeText;
use jiff::SignedDuration;
use policy::{Action, Resource};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::asked::{Asked, Kept};
use super::extract::{
    Authenticated, ChangePath, Idempotency, IdempotencyParams, JsonBody, Path, Query, one, page_limit,
};
use super::problem::Rejection;
use crate::app::SharedApp;
use crate::ask;
use crate::failure::Failure;
use crate::use_cases::approval::{self, Overriding};
use crate::use_cases::delegations::{self, Loan};
use crate::use_cases::queue::{self, WaitsFor};
use crate::view;
use crate::work::ChangeWork;

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new()
        .routes(routes!(list_approvals))
        .routes(routes!(show_approval))
        .routes(routes!(override_decision))
        .routes(routes!(list_delegations, delegate))
        .routes(routes!(end_delegation))
}

/// For whom, and position in the list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ApprovalsQuery {
    /// me, all, or a role such as `cab_member`; me when absent.
    #[serde(rename = "for")]
    waits_for: Option<String>,
    /// Where the page begins, from the page before.
    cursor: Option<String>,
    /// Changes that are looked at for a page, at most 500. Those that wait for somebody else are left out.
    limit: Option<u32>,
}

/// List what waits for approval, the next deadline first.
#[utoipa::path(get, path = "/api/v1/approvals", tag = "approval", params(ApprovalsQuery),
    responses((status = 200, body = Page<WaitingApproval>)))]
async fn list_approvals(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Query(query): Query<ApprovalsQuery>,
) -> Result<Json<Page<WaitingApproval>>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    let waits_for = match query.waits_for.as_deref() {
        None | Some("me") => WaitsFor::Caller,
        Some("all") => WaitsFor::Anybody,
        Some(word) => WaitsFor::Role(field("for", word)?),
    };
    let (after, limit) = (one("cursor", query.cursor.as_deref())?, page_limit(query.limit)?);
    let (items, next) = queue::waiting(&app, &caller, waits_for, after, limit).await?;
    let (known, now) = (app.known(), app.clock.now());
    let items = items.iter().filter_map(|one| view::waiting(&known, one, now)).collect();
    Ok(Json(Page { items, next_cursor: next.map(|cursor| cursor.to_string()) }))
}

/// Show everything that an approver must have seen: what runs, whole and as it is approved, and what is missing.
#[utoipa::path(get, path = "/api/v1/approvals/{id}", tag = "approval", params(("id" = String, Path)),
    responses((status = 200, body = ApprovalSheet)))]
async fn show_approval(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    ChangePath(id): ChangePath,
) -> Result<Json<ApprovalSheet>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    let says = queue::look_at(&app, &caller, id).await?.map(|one| one.says).unwrap_or_default();
    let work = ChangeWork::load(&app, id).await?;
    let sheet = view::approval_sheet(&app.known(), &work, &says);
    Ok(Json(sheet.map_err(|error| Failure::Internal(error.to_string()))?))
}

/// Override what was decided automatically, as the authority above those who would decide.
#[utoipa::path(post, path = "/api/v1/changes/{id}/override", tag = "approval",
    params(IdempotencyParams, ("id" = String, Path)), request_body = OverrideRequest,
    responses((status = 200, body = Change)))]
async fn override_decision(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    ChangePath(id): ChangePath,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<OverrideRequest>,
) -> Result<Response, Rejection> {
    let overriding = overriding(&value)?;
    let seen = (field("digest", &value.digest)?, text(&value.reason)?);
    let asked = Asked { app, caller, key, digest };
    let extras = asked.extras(Kept::Change(id));
    asked.change(approval::override_decision(&asked.app, &asked.caller, id, overriding, seen, extras)).await
}

fn overriding(value: &OverrideRequest) -> Result<Overriding, Failure> {
    let refused = |at, message: &str| Err(api::FieldError::new(at, message).into());
    match (value.decision.as_str(), &value.level) {
        ("pre_approval", None) => Ok(Overriding::PreApproval),
        ("rejection", None) => Ok(Overriding::Rejection),
        ("level", Some(level)) => Ok(Overriding::Level(field("level", level)?)),
        ("level", None) => refused("level", "is missing: expected low, medium, high or critical"),
        ("pre_approval" | "rejection", Some(_)) => refused("level", "is only for `decision` level"),
        (_, _) => refused("decision", "is unknown: expected pre_approval, rejection or level"),
    }
}

/// Which delegations.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct DelegationsQuery {
    /// Those of everybody, not only the caller's own and those to it.
    #[serde(default)]
    all: bool,
}

/// List the delegations that are in force or to come, by when they end.
#[utoipa::path(get, path = "/api/v1/delegations", tag = "approval", params(DelegationsQuery),
    responses((status = 200, body = Page<Delegation>)))]
async fn list_delegations(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Query(query): Query<DelegationsQuery>,
) -> Result<Json<Page<Delegation>>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    let own = Some(caller.id()).filter(|_| !query.all);
    let items = delegations::live(&app.known(), own.as_ref(), app.clock.now());
    Ok(Json(Page { items, next_cursor: None }))
}

/// Lend one's own authority to another person for a time. It ends by itself.
#[utoipa::path(post, path = "/api/v1/delegations", tag = "approval", params(IdempotencyParams),
    request_body = DelegateRequest, responses((status = 201, body = Delegation)))]
async fn delegate(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<DelegateRequest>,
) -> Result<Response, Rejection> {
    let loan = loan(value, app.clock.now())?;
    let asked = Asked { app, caller, key, digest };
    let work = async {
        let keep = asked.keeper(StatusCode::CREATED);
        let keep = |id: &DelegationId| keep(Kept::Delegation(id.clone()));
        let id = delegations::lend(&asked.app, &asked.caller, loan, keep).await?;
        let told = delegations::told(&asked.app, &id).await?;
        Ok((StatusCode::CREATED, Json(told)).into_response())
    };
    asked.once(work).await
}

fn loan(value: DelegateRequest, now: Timestamp) -> Result<Loan, Failure> {
    let DelegateRequest { to, from, until, lasts, reason, away, services, levels } = value;
    let from = from.map(|text| field("from", &text)).transpose()?.unwrap_or(now);
    let until = match (until, lasts) {
        (Some(until), None) => field("until", &until)?,
        (None, Some(lasts)) => {
            let seconds = parse_duration_seconds(&lasts);
            let seconds = seconds.map_err(|error| api::FieldError::new("lasts", error))?;
            let lasts = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
            from.saturating_add(lasts).unwrap_or(Timestamp::MAX)
        }
        (None, None) | (Some(_), Some(_)) => {
            let message = "say until when or for how long: one of `until` and `lasts`";
            return Err(api::FieldError::new("until", message).into());
        }
    };
    Ok(Loan {
        to,
        from,
        until,
        scope: DelegationScope {
            services: services.iter().map(|name| field("services", name)).collect::<Result<_, _>>()?,
            levels: levels.iter().map(|word| field("levels", word)).collect::<Result<_, _>>()?,
        },
        away,
        reason: text(&reason)?,
    })
}

/// End a delegation before its time.
#[utoipa::path(post, path = "/api/v1/delegations/{id}/end", tag = "approval",
    params(IdempotencyParams, ("id" = String, Path)), request_body = ReasonRequest,
    responses((status = 200, body = Delegation)))]
async fn end_delegation(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<ReasonRequest>,
) -> Result<Response, Rejection> {
    let (id, reason): (DelegationId, _) = (field("id", &id)?, text(&value.reason)?);
    let asked = Asked { app, caller, key, digest };
    let work = async {
        let kept = asked.keeper(StatusCode::OK)(Kept::Delegation(id.clone()));
        delegations::end(&asked.app, &asked.caller, &id, reason, kept).await?;
        Ok(Json(delegations::told(&asked.app, &id).await?).into_response())
    };
    asked.once(work).await
}

fn field<T>(field: &str, text: &str) -> Result<T, Failure>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error| api::FieldError::new(field, error).into())
}

fn text(reason: &str) -> Result<FreeText, Failure> {
    FreeText::new(reason).map_err(|error| api::FieldError::new("reason", error).into())
}
