//! The change advisory board: who is on it, agendas, meetings, votes, standing decisions.

use std::collections::BTreeSet;

use api::Page;
use api::cab::{
    Agenda, Board, CastVote, Meeting, OpenMeeting, ProposeStanding, RevokeStanding, SetBoard, Standing,
    StandingTold,
};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::board::{Constitution, MeetingId, Member, StandingId};
use domain::text::FreeText;
use policy::{Action, Resource};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::asked::{Asked, Kept};
use super::extract::{Authenticated, Idempotency, IdempotencyParams, JsonBody, NoBody, Path};
use super::problem::Rejection;
use crate::app::{App, SharedApp};
use crate::ask;
use crate::failure::Failure;
use crate::use_cases::board::{self, Done, Wanted};
use crate::use_cases::{actors, meeting};
use crate::view;

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new()
        .routes(routes!(show_cab, set_cab))
        .routes(routes!(show_cab_agenda))
        .routes(routes!(open_cab_meeting))
        .routes(routes!(show_cab_meeting))
        .routes(routes!(close_cab_meeting))
        .routes(routes!(cast_cab_vote))
        .routes(routes!(list_standing_decisions, propose_standing_decision))
        .routes(routes!(support_standing_decision))
        .routes(routes!(revoke_standing_decision))
}

/// Show the CAB: who is on it, when it meets, which meeting is open.
#[utoipa::path(get, path = "/api/v1/cab", tag = "boards", responses((status = 200, body = Board)))]
async fn show_cab(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Board>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    Ok(Json(told(&app)))
}

/// Settle who is on the CAB, when it meets, and how many must have voted.
#[utoipa::path(post, path = "/api/v1/cab", tag = "boards", params(IdempotencyParams), request_body = SetBoard,
    responses((status = 200, body = Board)))]
async fn set_cab(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<SetBoard>,
) -> Result<Response, Rejection> {
    let wanted = Wanted::Set(Box::new(constitution(&app, &value)?));
    let asked = Asked { app, caller, key, digest };
    let work = async {
        let keep = asked.keeper(StatusCode::OK);
        board::change(&asked.app, &asked.caller, wanted, move |_| keep(Kept::Board)).await?;
        Ok(Json(told(&asked.app)).into_response())
    };
    asked.once(work).await
}

fn constitution(app: &App, given: &SetBoard) -> Result<Constitution, Failure> {
    let field = |at: String, error: &dyn std::fmt::Display| Failure::from(api::FieldError::new(at, error));
    let mut members = BTreeSet::new();
    for (at, role) in given.roles.iter().enumerate() {
        let role = role.parse().map_err(|error| field(format!("roles[{at}]"), &error))?;
        members.insert(Member::Role(role));
    }
    for (at, actor) in given.actors.iter().enumerate() {
        let actor = actors::find(app, actor).map_err(|error| field(format!("actors[{at}]"), &error))?;
        members.insert(Member::Actor(actor.id));
    }
    let meets = given.meets.to_domain().map_err(|error| error.under("meets"))?;
    let (quorum, cut_off_minutes) = (given.quorum()?, given.cut_off_minutes()?);
    Ok(Constitution { members, meets, quorum, cut_off_minutes })
}

/// Show what the next meeting decides, what is for a later one, and what the CAB is told of.
#[utoipa::path(get, path = "/api/v1/cab/agenda", tag = "boards", responses((status = 200, body = Agenda)))]
async fn show_cab_agenda(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Agenda>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    let awaiting = board::awaiting(&app).await?;
    Ok(Json(view::agenda(&app.known(), &app.config.boards.zone, &awaiting, app.clock.now())))
}

/// Open the next meeting once its agenda is settled, or an extraordinary one.
#[utoipa::path(post, path = "/api/v1/cab/meetings", tag = "boards", params(IdempotencyParams),
    request_body = OpenMeeting, responses((status = 201, body = Meeting)))]
async fn open_cab_meeting(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<OpenMeeting>,
) -> Result<Response, Rejection> {
    let reason = value.extraordinary.as_deref().map(|reason| text("extraordinary", reason)).transpose()?;
    let asked = Asked { app, caller, key, digest };
    met(&asked, StatusCode::CREATED, Wanted::Open(reason)).await
}

/// Vote on an item of the open meeting. A later vote of the same member replaces the earlier one.
#[utoipa::path(post, path = "/api/v1/cab/votes", tag = "boards", params(IdempotencyParams),
    request_body = CastVote, responses((status = 201, body = Meeting)))]
async fn cast_cab_vote(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<CastVote>,
) -> Result<Response, Rejection> {
    let wanted = Wanted::Vote(value.to_domain().map_err(Failure::from)?);
    met(&Asked { app, caller, key, digest }, StatusCode::CREATED, wanted).await
}

/// Show a meeting with its minutes, and whether the log bears them out.
#[utoipa::path(get, path = "/api/v1/cab/meetings/{id}", tag = "boards", params(("id" = String, Path)),
    responses((status = 200, body = Meeting)))]
async fn show_cab_meeting(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
) -> Result<Json<Meeting>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    let meeting = board::meeting(&app, parse("id", &id)?).await?;
    Ok(Json(view::meeting(&app.known(), &meeting)))
}

/// Close the open meeting: count the votes, tell the changes, sign the minutes into the log.
#[utoipa::path(post, path = "/api/v1/cab/meetings/{id}/close", tag = "boards",
    params(IdempotencyParams, ("id" = String, Path)), responses((status = 200, body = Meeting)))]
async fn close_cab_meeting(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    Idempotency(key): Idempotency,
    NoBody { digest }: NoBody,
) -> Result<Response, Rejection> {
    let id: MeetingId = parse("id", &id)?;
    let asked = Asked { app, caller, key, digest };
    let work = async {
        let kept = asked.keeper(StatusCode::OK)(Kept::Meeting(id));
        meeting::close(&asked.app, &asked.caller, id, kept).await?;
        told_meeting(&asked.app, StatusCode::OK, id).await
    };
    asked.once(work).await
}

async fn met(asked: &Asked, status: StatusCode, wanted: Wanted) -> Result<Response, Rejection> {
    let work = async {
        let keep = asked.keeper(status);
        let keep = move |done| match done {
            Done::Meeting(id) => keep(Kept::Meeting(id)),
            Done::Set | Done::Standing(_) => None,
        };
        match board::change(&asked.app, &asked.caller, wanted, keep).await? {
            Done::Meeting(id) => told_meeting(&asked.app, status, id).await,
            Done::Set | Done::Standing(_) => Err(Failure::Internal("a meeting was asked for".to_owned())),
        }
    };
    asked.once(work).await
}

/// A meeting as it is now.
pub(super) async fn told_meeting(app: &App, status: StatusCode, id: MeetingId) -> Result<Response, Failure> {
    let meeting = board::meeting(app, id).await?;
    Ok((status, Json(view::meeting(&app.known(), &meeting))).into_response())
}

/// The board as it is now.
pub(super) fn told(app: &App) -> Board {
    view::board(&app.known(), &app.config.boards.zone, app.clock.now())
}

/// List the standing decisions of the CAB and those proposed.
#[utoipa::path(get, path = "/api/v1/cab/standing", tag = "boards",
    responses((status = 200, body = Page<Standing>)))]
async fn list_standing_decisions(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Page<Standing>>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    let items = view::standing(&app.known(), app.clock.now());
    Ok(Json(Page { items, next_cursor: None }))
}

/// Propose a standing decision, which holds once a quorum of members supports it.
#[utoipa::path(post, path = "/api/v1/cab/standing", tag = "boards", params(IdempotencyParams),
    request_body = ProposeStanding, responses((status = 201, body = StandingTold)))]
async fn propose_standing_decision(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<ProposeStanding>,
) -> Result<Response, Rejection> {
    let wanted = Wanted::Propose(Box::new(value.to_domain().map_err(Failure::from)?));
    stand(&Asked { app, caller, key, digest }, StatusCode::CREATED, wanted).await
}

/// Support a proposed standing decision.
#[utoipa::path(post, path = "/api/v1/cab/standing/{id}/support", tag = "boards",
    params(IdempotencyParams, ("id" = String, Path)), responses((status = 200, body = StandingTold)))]
async fn support_standing_decision(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    Idempotency(key): Idempotency,
    NoBody { digest }: NoBody,
) -> Result<Response, Rejection> {
    let wanted = Wanted::Support(parse("id", &id)?);
    stand(&Asked { app, caller, key, digest }, StatusCode::OK, wanted).await
}

/// Revoke a standing decision. What was assessed under it before keeps its approval.
#[utoipa::path(post, path = "/api/v1/cab/standing/{id}/revoke", tag = "boards",
    params(IdempotencyParams, ("id" = String, Path)), request_body = RevokeStanding,
    responses((status = 200, body = StandingTold)))]
async fn revoke_standing_decision(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<RevokeStanding>,
) -> Result<Response, Rejection> {
    let decision: StandingId = parse("id", &id)?;
    let wanted = Wanted::Revoke { decision, reason: text("reason", &value.reason)? };
    stand(&Asked { app, caller, key, digest }, StatusCode::OK, wanted).await
}

async fn stand(asked: &Asked, status: StatusCode, wanted: Wanted) -> Result<Response, Rejection> {
    let work = async {
        let keep = asked.keeper(status);
        let keep = move |done| match done {
            Done::Standing(id) => keep(Kept::Standing(StandingTold { standing_id: id.to_string() })),
            Done::Set | Done::Meeting(_) => None,
        };
        match board::change(&asked.app, &asked.caller, wanted, keep).await? {
            Done::Standing(id) => {
                Ok((status, Json(StandingTold { standing_id: id.to_string() })).into_response())
            }
            Done::Set | Done::Meeting(_) => {
                Err(Failure::Internal("a standing decision was asked for".to_owned()))
            }
        }
    };
    asked.once(work).await
}

pub(super) fn parse<T>(field: &str, text: &str) -> Result<T, Failure>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error| api::FieldError::new(field, error).into())
}

pub(super) fn text(field: &str, given: &str) -> Result<FreeText, Failure> {
    FreeText::new(given).map_err(|error| api::FieldError::new(field, error).into())
}
