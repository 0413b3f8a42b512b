//! Actors and tokens.

use std::collections::BTreeSet;

use api::Page;
use api::actor::{
    Actor, BudgetStanding, Caller as ApiCaller, IssueToken, IssuedToken, RegisterActor, Rights, SetBudget,
    Token, UpdateActor,
};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use domain::actor::lifecycle::Owner;
use domain::actor::{ActorCommand, ActorKind, ActorRefusal, Budget, Registration, Role};
use domain::catalog::Tier;
use domain::duration::parse_duration_seconds;
use domain::id::{ActorId, ActorName, TeamName, TokenId};
use domain::text::FreeText;
use jiff::SignedDuration;
use policy::{Action, Resource};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::asked::{Asked, Kept};
use super::extract::{
    Authenticated, Idempotency, IdempotencyParams, JsonBody, NoBody, Path, Query, one, page_limit,
};
use super::problem::Rejection;
use super::respond;
use crate::app::{App, SharedApp};
use crate::ask;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::use_cases::actors::{self, NewToken};
use crate::use_cases::budget;
use crate::view;

/// Life of a token when the request does not say.
const TOKEN_LIFE_DEFAULT: &str = "90d";

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new()
        .routes(routes!(list_actors, register_actor))
        .routes(routes!(show_actor, update_actor))
        .routes(routes!(list_tokens, issue_token))
        .routes(routes!(revoke_token))
        .routes(routes!(show_budget, set_budget))
        .routes(routes!(whoami))
}

/// Position in the list of actors.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ActorsQuery {
    /// Where the page begins, from the page before.
    cursor: Option<String>,
    /// Items of a page, at most 500.
    limit: Option<u32>,
}

/// List actors, by identifier.
#[utoipa::path(get, path = "/api/v1/actors", tag = "actors", params(ActorsQuery),
    responses((status = 200, body = Page<Actor>)))]
async fn list_actors(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Query(query): Query<ActorsQuery>,
) -> Result<Json<Page<Actor>>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    let after: Option<ActorId> = one("cursor", query.cursor.as_deref())?;
    let limit = page_limit(query.limit)?;
    let known = app.known();
    let mut following = known.directory.after(after.as_ref()).peekable();
    let items: Vec<_> = following.by_ref().take(limit).map(|actor| view::actor(&known, actor)).collect();
    let last = items.last().filter(|_| following.peek().is_some());
    let next_cursor = last.map(|actor| actor.actor_id.clone());
    Ok(Json(Page { items, next_cursor }))
}

/// Register an actor.
#[utoipa::path(post, path = "/api/v1/actors", tag = "actors", params(IdempotencyParams), request_body = RegisterActor,
    responses((status = 201, body = Actor)))]
async fn register_actor(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<RegisterActor>,
) -> Result<Response, Rejection> {
    let asked = Asked { app, caller, key, digest };
    let register = async {
        let (app, keep) = (&asked.app, asked.keeper(StatusCode::CREATED));
        let registration = registration(app, &value)?;
        let keep = |id: &ActorId| keep(Kept::Actor(id.clone()));
        let actor = actors::register(app, &asked.caller, registration, keep).await?;
        Ok(respond::actor(app, StatusCode::CREATED, &actor))
    };
    asked.once(register).await
}

fn registration(app: &App, value: &RegisterActor) -> Result<Registration, Failure> {
    let (roles, teams, may_act_for) = rights(app, &value.rights)?;
    let owner = value.owner.as_deref().map(|name| actors::find(app, name)).transpose()?;
    let alias_of = value.alias_of.as_deref().map(|name| actors::find(app, name)).transpose()?;
    Ok(Registration {
        name: ActorName::new(&*value.name).map_err(|error| api::FieldError::new("name", error))?,
        kind: value.kind.parse().map_err(|error| api::FieldError::new("kind", error))?,
        owner: owner.map(|owner| Owner { id: owner.id, kind: owner.kind, active: owner.active }),
        alias_of: alias_of.map(|other| other.id),
        roles,
        teams,
        may_act_for,
    })
}

type Parsed = (BTreeSet<Role>, BTreeSet<TeamName>, BTreeSet<ActorId>);

fn rights(app: &App, rights: &Rights) -> Result<Parsed, Failure> {
    let role = |word: &String| {
        word.parse().map_err(|error| Failure::from(api::FieldError::new("rights.roles", error)))
    };
    let team = |name: &String| {
        TeamName::new(&**name).map_err(|error| Failure::from(api::FieldError::new("rights.teams", error)))
    };
    let other = |name: &String| actors::find(app, name).map(|actor| actor.id);
    Ok((
        rights.roles.iter().map(role).collect::<Result<_, _>>()?,
        rights.teams.iter().map(team).collect::<Result<_, _>>()?,
        rights.may_act_for.iter().map(other).collect::<Result<_, _>>()?,
    ))
}

/// Show an actor, by id or name.
#[utoipa::path(get, path = "/api/v1/actors/{id}", tag = "actors", params(("id" = String, Path)),
    responses((status = 200, body = Actor)))]
async fn show_actor(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
) -> Result<Json<Actor>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    let actor = actors::find(&app, &id)?;
    Ok(Json(view::actor(&app.known(), &actor)))
}

/// Change an actor's rights, or switch it off or on.
#[utoipa::path(patch, path = "/api/v1/actors/{id}", tag = "actors", params(("id" = String, Path)),
    request_body = UpdateActor, responses((status = 200, body = Actor)))]
async fn update_actor(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    JsonBody { value, .. }: JsonBody<UpdateActor>,
) -> Result<Json<Actor>, Rejection> {
    let command = update(&app, &value)?;
    let actor = actors::update(&app, &caller, Action::ManageActors, &id, command, None).await?;
    Ok(Json(view::actor(&app.known(), &actor)))
}

fn update(app: &App, value: &UpdateActor) -> Result<ActorCommand, Failure> {
    match (&value.rights, value.active) {
        (Some(given), None) => {
            let (roles, teams, may_act_for) = rights(app, given)?;
            Ok(ActorCommand::ChangeRights { roles, teams, may_act_for })
        }
        (None, Some(true)) => Ok(ActorCommand::Reactivate),
        (None, Some(false)) => {
            let reason = value.reason.as_deref().unwrap_or_default();
            let reason = FreeText::new(reason).map_err(|error| api::FieldError::new("reason", error))?;
            Ok(ActorCommand::Deactivate { reason })
        }
        (Some(_), Some(_)) | (None, None) => {
            Err(api::FieldError::new(".", "give exactly one of `rights` and `active`").into())
        }
    }
}

/// How an agent stands: its record, its budget, and what it has used of it.
#[utoipa::path(get, path = "/api/v1/actors/{id}/budget", tag = "actors", params(("id" = String, Path)),
    responses((status = 200, body = BudgetStanding)))]
async fn show_budget(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
) -> Result<Json<BudgetStanding>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    let actor = actors::find(&app, &id)?;
    Ok(Json(standing(&app, &actor).await?))
}

/// Set the budget of an agent, or leave it to its record again.
#[utoipa::path(put, path = "/api/v1/actors/{id}/budget", tag = "actors", params(("id" = String, Path)),
    request_body = SetBudget, responses((status = 200, body = BudgetStanding)))]
async fn set_budget(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    JsonBody { value, .. }: JsonBody<SetBudget>,
) -> Result<Json<BudgetStanding>, Rejection> {
    let budget = value.budget.map(|budget| budget_of(&budget)).transpose()?;
    let reason = FreeText::new(&*value.reason)
        .map_err(|error| Failure::from(api::FieldError::new("reason", error)))?;
    let command = ActorCommand::SetBudget { budget, reason };
    let actor = actors::update(&app, &caller, Action::ManageActors, &id, command, None).await?;
    Ok(Json(standing(&app, &actor).await?))
}

async fn standing(app: &App, actor: &domain::actor::Actor) -> Result<BudgetStanding, Failure> {
    if actor.kind != ActorKind::Agent {
        return Err(ActorRefusal::NotAnAgent.into());
    }
    Ok(view::budget(actor, &budget::standing(app, actor, app.clock.now()).await?))
}

fn budget_of(value: &api::actor::Budget) -> Result<Budget, Failure> {
    let tier = Tier::try_from(value.most_critical_tier)
        .map_err(|error| Failure::from(api::FieldError::new("budget.most_critical_tier", error)))?;
    Ok(Budget {
        changes_per_hour: value.changes_per_hour,
        open_changes: value.open_changes,
        items_reached: value.items_reached,
        most_critical_tier: tier,
    })
}

/// List the tokens of an actor. Secrets are not known to the server.
#[utoipa::path(get, path = "/api/v1/actors/{id}/tokens", tag = "actors", params(("id" = String, Path)),
    responses((status = 200, body = Page<Token>)))]
async fn list_tokens(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
) -> Result<Json<Page<Token>>, Rejection> {
    let actor = actors::find(&app, &id)?;
    // Whoever may revoke a token may see which there are.
    let resource = policy::ActorResource { id: actor.id.clone(), owner: actor.owner.clone() };
    ask::about(&app, &caller, Action::RevokeToken, &Resource::Actor(resource))?;
    let items = actor.tokens.iter().map(|(token_id, token)| view::token(token_id, token)).collect();
    Ok(Json(Page { items, next_cursor: None }))
}

/// Issue a token. The answer is the only time its secret is shown: a repetition under the same key is refused and names
/// the token.
#[utoipa::path(post, path = "/api/v1/actors/{id}/tokens", tag = "actors",
    params(IdempotencyParams, ("id" = String, Path)), request_body = IssueToken,
    responses((status = 201, body = IssuedToken)))]
async fn issue_token(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<IssueToken>,
) -> Result<Response, Rejection> {
    let new = new_token(&value)?;
    let asked = Asked { app, caller, key, digest };
    let issue = async {
        let (app, keep) = (&asked.app, asked.keeper(StatusCode::CREATED));
        let actor_id = actors::find(app, &id)?.id;
        let keep = |token_id: &TokenId| keep(Kept::Token { actor_id, token_id: token_id.clone() });
        let issued = actors::issue_token(app, &asked.caller, &id, new, keep).await?;
        let answer = IssuedToken {
            token_id: issued.token_id.to_string(),
            token: issued.secret,
            expires_at: issued.expires_at.to_string(),
        };
        Ok((StatusCode::CREATED, Json(answer)).into_response())
    };
    asked.once(issue).await
}

fn new_token(value: &IssueToken) -> Result<NewToken, Failure> {
    let scope =
        |word: &String| word.parse().map_err(|error| Failure::from(api::FieldError::new("scopes", error)));
    let seconds = parse_duration_seconds(value.expires_in.as_deref().unwrap_or(TOKEN_LIFE_DEFAULT));
    let seconds = seconds.map_err(|error| api::FieldError::new("expires_in", error))?;
    Ok(NewToken {
        scopes: value.scopes.iter().map(scope).collect::<Result<_, _>>()?,
        life: SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX)),
        label: FreeText::new(&*value.label).map_err(|error| api::FieldError::new("label", error))?,
    })
}

/// Revoke a token; it is refused from now on.
#[utoipa::path(delete, path = "/api/v1/actors/{id}/tokens/{token_id}", tag = "actors",
    params(IdempotencyParams, ("id" = String, Path), ("token_id" = String, Path)), responses((status = 204)))]
async fn revoke_token(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Path((id, token_id)): Path<(String, String)>,
    Idempotency(key): Idempotency,
    NoBody { digest }: NoBody,
) -> Result<Response, Rejection> {
    let token_id =
        TokenId::new(token_id).map_err(|error| Failure::from(api::FieldError::new("token_id", error)))?;
    let asked = Asked { app, caller, key, digest };
    let revoke = async {
        let command = ActorCommand::RevokeToken { token_id };
        let kept = asked.keeper(StatusCode::NO_CONTENT)(Kept::Revoked);
        actors::update(&asked.app, &asked.caller, Action::RevokeToken, &id, command, kept).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    };
    asked.once(revoke).await
}

/// Who the caller is, and what its token may be used for.
#[utoipa::path(get, path = "/api/v1/whoami", tag = "actors", responses((status = 200, body = ApiCaller)))]
async fn whoami(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
) -> Result<Json<ApiCaller>, Rejection> {
    let Caller::Registered { actor, scopes, .. } = caller else {
        return Err(Rejection(Failure::Unauthenticated("the token is unknown")));
    };
    let scopes = scopes.iter().map(|scope| scope.as_str().to_owned()).collect();
    Ok(Json(ApiCaller { actor: view::actor(&app.known(), &actor), scopes }))
}
