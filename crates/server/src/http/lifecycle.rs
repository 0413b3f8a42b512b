//! What people and pipelines ask of a change after it was created.

use api::change::Change;
use api::command::{
    ApproveRequest, CloseRequest, CommentRequest, DecideStepRequest, ReasonRequest, RejectRequest,
    ReviewRequest, SatisfyRequest, ValidateRequest,
};
use api::rehearsal::RehearsalRequest;
use axum::extract::State;
use axum::response::Response;
use domain::approval::Proof;
use domain::change::{Command, Outcome, Validation, ValidationCheck};
use domain::id::{ChangeId, StepName};
use domain::plan::Cause;
use domain::text::FreeText;
use policy::Action;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::asked::{Asked, Kept};
use super::extract::{Authenticated, ChangePath, Idempotency, IdempotencyParams, JsonBody, NoBody, Path};
use super::problem::Rejection;
use crate::app::SharedApp;
use crate::ask::Particulars;
use crate::failure::Failure;
use crate::use_cases::closing::Ending;
use crate::use_cases::{approval, closing, request, simple};

/// Most checks of one validation.
const CHECKS_MAX: usize = 200;

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new()
        .routes(routes!(submit))
        .routes(routes!(comment))
        .routes(routes!(approve))
        .routes(routes!(reject))
        .routes(routes!(withdraw_approval))
        .routes(routes!(satisfy_condition))
        .routes(routes!(cancel))
        .routes(routes!(rehearse))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(decide_step))
        .routes(routes!(validate))
        .routes(routes!(roll_back))
        .routes(routes!(close))
        .routes(routes!(review))
}

impl Asked {
    /// Decides one command about a change, unless the same request was answered before.
    async fn decide(&self, id: ChangeId, action: Action, command: Command) -> Result<Response, Rejection> {
        self.decide_with(id, action, Particulars::default(), command).await
    }

    /// The same, with what policy is told besides.
    async fn decide_with(
        &self,
        id: ChangeId,
        action: Action,
        particulars: Particulars<'static>,
        command: Command,
    ) -> Result<Response, Rejection> {
        let extras = self.extras(Kept::Change(id));
        self.change(simple(&self.app, &self.caller, id, action, particulars, command, extras)).await
    }
}

fn text(field: &str, text: &str) -> Result<FreeText, Failure> {
    FreeText::new(text).map_err(|error| api::FieldError::new(field, error).into())
}

fn parse<T>(field: &str, text: &str) -> Result<T, Failure>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error| api::FieldError::new(field, error).into())
}

/// Submit a draft.
#[utoipa::path(post, path = "/api/v1/changes/{id}/submit", tag = "changes", params(IdempotencyParams, ("id" = String, Path)),
    responses((status = 200, body = Change)))]
async fn submit(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    ChangePath(id): ChangePath,
    Idempotency(key): Idempotency,
    NoBody { digest }: NoBody,
) -> Result<Response, Rejection> {
    let asked = Asked { app, caller, key, digest };
    asked.change(request::submit(&asked.app, &asked.caller, id, asked.extras(Kept::Change(id)))).await
}

/// Add a remark.
#[utoipa::path(post, path = "/api/v1/changes/{id}/comments", tag = "changes", params(IdempotencyParams, ("id" = String, Path)),
    request_body = CommentRequest, responses((status = 200, body = Change)))]
async fn comment(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    ChangePath(id): ChangePath,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<CommentRequest>,
) -> Result<Response, Rejection> {
    let command = Command::Comment { text: text("text", &value.text)? };
    Asked { app, caller, key, digest }.decide(id, Action::Comment, command).await
}

/// Approve as an authority, bound to the digest of what was seen.
#[utoipa::path(post, path = "/api/v1/changes/{id}/approve", tag = "approval", params(IdempotencyParams, ("id" = String, Path)),
    request_body = ApproveRequest, responses((status = 200, body = Change)))]
async fn approve(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    ChangePath(id): ChangePath,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<ApproveRequest>,
) -> Result<Response, Rejection> {
    let conditions = value.conditions.iter().enumerate();
    let given = approval::Approval {
        capacity: capacity(value.role.as_deref(), value.in_place_of)?,
        digest: parse("digest", &value.digest)?,
        conditions: conditions
            .map(|(at, condition)| text(&format!("conditions[{at}]"), condition))
            .collect::<Result<_, _>>()?,
        comment: value.comment.as_deref().map(|comment| text("comment", comment)).transpose()?,
    };
    let asked = Asked { app, caller, key, digest };
    let extras = asked.extras(Kept::Change(id));
    asked.change(approval::approve(&asked.app, &asked.caller, id, given, extras)).await
}

/// Reject as an authority.
#[utoipa::path(post, path = "/api/v1/changes/{id}/reject", tag = "approval", params(IdempotencyParams, ("id" = String, Path)),
    request_body = RejectRequest, responses((status = 200, body = Change)))]
async fn reject(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    ChangePath(id): ChangePath,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<RejectRequest>,
) -> Result<Response, Rejection> {
    let rejection = approval::Rejection {
        capacity: capacity(value.role.as_deref(), value.in_place_of)?,
        shown: None,
        reason: text("reason", &value.reason)?,
    };
    let asked = Asked { app, caller, key, digest };
    let extras = asked.extras(Kept::Change(id));
    asked.change(approval::reject(&asked.app, &asked.caller, id, rejection, extras)).await
}

fn capacity(role: Option<&str>, in_place_of: Option<String>) -> Result<approval::Capacity, Failure> {
    let role = role.map(|word| parse("role", word)).transpose()?;
    Ok(approval::Capacity { role, in_place_of })
}

/// Take back one's own approval, or one that was given in one's place, before the start.
#[utoipa::path(post, path = "/api/v1/changes/{id}/withdraw-approval", tag = "approval", params(IdempotencyParams, ("id" = String, Path)),
    request_body = ReasonRequest, responses((status = 200, body = Change)))]
async fn withdraw_approval(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    ChangePath(id): ChangePath,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<ReasonRequest>,
) -> Result<Response, Rejection> {
    let reason = text("reason", &value.reason)?;
    let asked = Asked { app, caller, key, digest };
    let extras = asked.extras(Kept::Change(id));
    asked.change(approval::withdraw(&asked.app, &asked.caller, id, reason, extras)).await
}

/// Record the evidence that a condition of an approval is met.
#[utoipa::path(post, path = "/api/v1/changes/{id}/conditions/{index}/satisfy", tag = "approval",
    params(IdempotencyParams, ("id" = String, Path), ("index" = usize, Path)), request_body = SatisfyRequest,
    responses((status = 200, body = Change)))]
async fn satisfy_condition(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    ChangePath(id): ChangePath,
    Path((_, index)): Path<(String, String)>,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<SatisfyRequest>,
) -> Result<Response, Rejection> {
    let index = parse("index", &index)?;
    let (evidence, proof) =
        (text("evidence", &value.evidence)?, proof(value.link.as_ref(), value.sha256.as_ref())?);
    let command = Command::SatisfyCondition { index, evidence, proof };
    Asked { app, caller, key, digest }.decide(id, Action::SatisfyCondition, command).await
}

fn proof(link: Option<&String>, sha256: Option<&String>) -> Result<Option<Proof>, Failure> {
    let refused = |field: &str, error: &dyn std::fmt::Display| api::FieldError::new(field, error);
    match (link, sha256) {
        (None, None) => Ok(None),
        (Some(url), None) => Ok(Some(Proof::link(url).map_err(|error| refused("link", &error))?)),
        (None, Some(digest)) => Ok(Some(Proof::File { sha256: parse("sha256", digest)? })),
        (Some(_), Some(_)) => Err(refused("sha256", &"give a link or a file, not both").into()),
    }
}

/// Give a change up before its start.
#[utoipa::path(post, path = "/api/v1/changes/{id}/cancel", tag = "changes", params(IdempotencyParams, ("id" = String, Path)),
    request_body = ReasonRequest, responses((status = 200, body = Change)))]
async fn cancel(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    ChangePath(id): ChangePath,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<ReasonRequest>,
) -> Result<Response, Rejection> {
    let command = Command::Cancel { reason: text("reason", &value.reason)? };
    Asked { app, caller, key, digest }.decide(id, Action::Cancel, command).await
}

/// Hand in what came of a rehearsal of the plan as it is now, before the start.
#[utoipa::path(post, path = "/api/v1/changes/{id}/rehearsals", tag = "changes", params(IdempotencyParams, ("id" = String, Path)),
    request_body = RehearsalRequest, responses((status = 200, body = Change)))]
async fn rehearse(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    ChangePath(id): ChangePath,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<RehearsalRequest>,
) -> Result<Response, Rejection> {
    let command = Command::Rehearse { rehearsal: Box::new(value.rehearsal) };
    Asked { app, caller, key, digest }.decide(id, Action::Rehearse, command).await
}

/// Ask the runner to pause after its current step.
#[utoipa::path(post, path = "/api/v1/changes/{id}/pause", tag = "implementation", params(IdempotencyParams, ("id" = String, Path)),
    responses((status = 200, body = Change)))]
async fn pause(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    ChangePath(id): ChangePath,
    Idempotency(key): Idempotency,
    NoBody { digest }: NoBody,
) -> Result<Response, Rejection> {
    Asked { app, caller, key, digest }.decide(id, Action::Pause, Command::Pause).await
}

/// Let the runner go on.
#[utoipa::path(post, path = "/api/v1/changes/{id}/resume", tag = "implementation", params(IdempotencyParams, ("id" = String, Path)),
    responses((status = 200, body = Change)))]
async fn resume(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    ChangePath(id): ChangePath,
    Idempotency(key): Idempotency,
    NoBody { digest }: NoBody,
) -> Result<Response, Rejection> {
    Asked { app, caller, key, digest }.decide(id, Action::Resume, Command::Resume).await
}

/// Answer the question of a step that waits for a person: done, redo or give_up. While the result is validated: the
/// step `user acceptance`, as done or give_up, with a word about it.
#[utoipa::path(post, path = "/api/v1/changes/{id}/decide-step", tag = "implementation", params(IdempotencyParams, ("id" = String, Path)),
    request_body = DecideStepRequest, responses((status = 200, body = Change)))]
async fn decide_step(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    ChangePath(id): ChangePath,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<DecideStepRequest>,
) -> Result<Response, Rejection> {
    let step: StepName = parse("step", &value.step)?;
    let comment = value.comment.as_deref().map(|comment| text("comment", comment)).transpose()?;
    let command = Command::DecideStep { step, decision: parse("decision", &value.decision)?, comment };
    Asked { app, caller, key, digest }.decide(id, Action::ConfirmStep, command).await
}

/// Hand in the result of a validation. A failed check takes the change back.
#[utoipa::path(post, path = "/api/v1/changes/{id}/validate", tag = "implementation", params(IdempotencyParams, ("id" = String, Path)),
    request_body = ValidateRequest, responses((status = 200, body = Change)))]
async fn validate(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    ChangePath(id): ChangePath,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<ValidateRequest>,
) -> Result<Response, Rejection> {
    if value.checks.len() > CHECKS_MAX {
        let message = format!("{} checks are more than the {CHECKS_MAX} accepted", value.checks.len());
        return Err(api::FieldError::new("checks", message).into());
    }
    let check = |(at, check): (usize, &api::command::Check)| -> Result<ValidationCheck, Failure> {
        Ok(ValidationCheck {
            name: parse(&format!("checks[{at}].name"), &check.name)?,
            passed: check.passed,
            detail: text(&format!("checks[{at}].detail"), &check.detail)?,
        })
    };
    let checks = value.checks.iter().enumerate().map(check).collect::<Result<_, _>>()?;
    let command = Command::Validate { validation: Validation { checks } };
    Asked { app, caller, key, digest }.decide(id, Action::Validate, command).await
}

/// Take a change back.
#[utoipa::path(post, path = "/api/v1/changes/{id}/rollback", tag = "implementation", params(IdempotencyParams, ("id" = String, Path)),
    request_body = ReasonRequest, responses((status = 200, body = Change)))]
async fn roll_back(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    ChangePath(id): ChangePath,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<ReasonRequest>,
) -> Result<Response, Rejection> {
    let cause = Cause::Person { by: caller.id(), reason: Some(text("reason", &value.reason)?) };
    Asked { app, caller, key, digest }.decide(id, Action::Rollback, Command::RollBack { cause }).await
}

/// End and document a change.
#[utoipa::path(post, path = "/api/v1/changes/{id}/close", tag = "changes", params(IdempotencyParams, ("id" = String, Path)),
    request_body = CloseRequest, responses((status = 200, body = Change)))]
async fn close(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    ChangePath(id): ChangePath,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<CloseRequest>,
) -> Result<Response, Rejection> {
    let outcome = outcome(&value.status)?;
    let follow_up = value.follow_up.as_deref().map(|id| parse("follow_up", id)).transpose()?;
    let comment = value.comment.as_deref().map(|comment| text("comment", comment)).transpose()?;
    let documentation = value.documentation.as_ref().map(|at| {
        proof(at.link.as_ref(), at.sha256.as_ref())?
            .ok_or_else(|| Failure::from(api::FieldError::new("documentation", "give `link` or `sha256`")))
    });
    let ending = Ending { outcome, follow_up, comment, documentation: documentation.transpose()? };
    let asked = Asked { app, caller, key, digest };
    let extras = asked.extras(Kept::Change(id));
    let closing = closing::close(&asked.app, &asked.caller, id, ending, extras);
    asked.change(closing).await
}

/// The specification's pipeline says `success` where the outcome is `successful`.
fn outcome(word: &str) -> Result<Outcome, Failure> {
    if word == "success" { Ok(Outcome::Successful) } else { parse("status", word) }
}

/// Add a review: post_implementation, or the retrospective one of an emergency change. It may find that the outcome was
/// another one than the change was closed as.
#[utoipa::path(post, path = "/api/v1/changes/{id}/reviews", tag = "changes", params(IdempotencyParams, ("id" = String, Path)),
    request_body = ReviewRequest, responses((status = 200, body = Change)))]
async fn review(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    ChangePath(id): ChangePath,
    Idempotency(key): Idempotency,
    JsonBody { value, digest }: JsonBody<ReviewRequest>,
) -> Result<Response, Rejection> {
    let finding = value.finding.as_deref().map(|word| parse("finding", word)).transpose()?;
    let command =
        Command::Review { kind: parse("kind", &value.kind)?, text: text("text", &value.text)?, finding };
    let particulars = Particulars { finding, ..Particulars::default() };
    Asked { app, caller, key, digest }.decide_with(id, Action::Review, particulars, command).await
}
