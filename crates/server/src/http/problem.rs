//! The one place where a failure becomes a problem (RFC 9457) with its HTTP status.

mod board;
mod kind;

use api::read::ReadError;
use api::{ErrorItem, PROBLEM_MEDIA_TYPE, Problem};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::authorization::Violation;
use domain::calendar::CalendarRefusal;
use domain::change::Refusal;
use domain::incident::IncidentRefusal;
use domain::problem::ProblemRefusal;
use domain::stop::StopRefusal;
use store::{AppendError, LeaseError, StoreError};

use crate::failure::{Failure, Precondition, RequestError};

pub(crate) use kind::{Kind, REFUSED_RULES, Rule};

/// A failure on its way out.
#[derive(Debug)]
pub(super) struct Rejection(pub Failure);

impl<F: Into<Failure>> From<F> for Rejection {
    fn from(failure: F) -> Self {
        Self(failure.into())
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let problem = problem(&self.0);
        let cause = (problem.status >= 500).then(|| chain(&self.0));
        respond(Outgoing { problem, cause })
    }
}

/// The error and its causes in one line, for the log.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// A problem on its way out, carried beside an answer that has no body yet: only the outermost layer knows the
/// request's identifier.
#[derive(Debug, Clone)]
struct Outgoing {
    problem: Problem,
    /// What the problem does not tell.
    cause: Option<String>,
}

fn respond(outgoing: Outgoing) -> Response {
    let status = StatusCode::from_u16(outgoing.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = status.into_response();
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response.extensions_mut().insert(outgoing);
    response
}

/// Writes the body of a problem, with the request's identifier, and logs what the problem does not tell under the same
/// identifier. Other answers stay as they are.
pub(crate) fn identified(mut response: Response, request_id: Option<&str>) -> Response {
    let Some(Outgoing { mut problem, cause }) = response.extensions_mut().remove() else {
        return response;
    };
    if let Some(error) = cause {
        tracing::error!(request_id, status = problem.status, error, "request failed");
    }
    problem.request_id = request_id.map(str::to_owned);
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    let mut response = (parts, axum::Json(problem)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_MEDIA_TYPE));
    response
}

/// The problem that tells of a failure. What went wrong inside is not told.
pub(crate) fn problem(failure: &Failure) -> Problem {
    match failure {
        Failure::Unauthenticated(detail) => make(
            Kind::Unauthenticated,
            detail,
            "get a token from an administrator, or with `cortex-change token issue`",
        ),
        Failure::Interaction(refused) => make(
            Kind::Unauthenticated,
            &refused.to_string(),
            "check the app's signing secret in `notify.slack` and the clocks, and use the button again",
        ),
        Failure::Denied(violations) | Failure::Refused(Refusal::Policy { violations }) => denied(violations),
        Failure::Refused(refusal) => refused(refusal),
        Failure::Incident(refusal) => incident(refusal),
        Failure::Actor(refusal) => make(Kind::ActorRefused, &refusal.to_string(), CORRECT),
        Failure::Catalog(error) => make(Kind::CatalogRefused, &error.to_string(), CORRECT),
        Failure::Cmdb(error) => make(Kind::CmdbRefused, &error.to_string(), CORRECT),
        Failure::Calendar(refusal) => calendar(refusal),
        Failure::Board(refusal) => board::board(refusal),
        Failure::Roster(refusal) => board::roster(refusal),
        Failure::KnownProblem(refusal) => known_problem(refusal),
        Failure::Stop(refusal @ StopRefusal::NotInForce { .. }) => {
            make(Kind::NotFound, &refusal.to_string(), "list those in force with GET /api/v1/stops")
        }
        Failure::Stop(refusal @ StopRefusal::TooMany) => {
            make(Kind::TooMuch, &refusal.to_string(), "lift those that are not needed any more")
        }
        Failure::UnknownItem { suggestions, .. } => {
            make(Kind::NotFound, &failure.to_string(), &look_up_item(suggestions))
        }
        Failure::Field(error) => {
            with_item(make(Kind::InvalidField, &error.to_string(), CORRECT), &error.field, &error.message)
        }
        Failure::Request(error) => request(error),
        Failure::Precondition(precondition) => unmet(*precondition),
        Failure::NotFound { what, .. } => make(Kind::NotFound, &failure.to_string(), &look_up(what)),
        Failure::Exists { .. } => {
            make(Kind::Exists, &failure.to_string(), "choose another name, or change the existing one")
        }
        Failure::TokenIssued { actor_id, token_id } => make(
            Kind::TokenIssued,
            &failure.to_string(),
            &format!(
                "if the secret did not arrive, revoke the token with DELETE /api/v1/actors/{actor_id}/tokens/{token_id}, then issue another under a new key"
            ),
        ),
        Failure::Lease(error) => lease(error),
        Failure::Contended => contended(),
        Failure::Append(error) => append(error),
        Failure::Store(error) => store(error),
        Failure::Overloaded(detail) => make(Kind::Overloaded, detail, "try again in a moment"),
        Failure::Unreadable(_)
        | Failure::CorruptChange(_)
        | Failure::CorruptIncident(_)
        | Failure::Internal(_) => internal(),
    }
}

fn calendar(refusal: &CalendarRefusal) -> Problem {
    let kind = match refusal {
        CalendarRefusal::Exists(_) => Kind::Exists,
        CalendarRefusal::Unknown { .. } => Kind::NotFound,
        CalendarRefusal::TooMany | CalendarRefusal::TooWide => Kind::TooMuch,
        CalendarRefusal::Schedule(_) | CalendarRefusal::OverrideTime => Kind::InvalidContent,
    };
    let next_step = "read the calendar with GET /api/v1/calendar/entries, then correct the request";
    make(kind, &refusal.to_string(), next_step)
}

const CORRECT: &str = "correct the request and send it again";

/// Where to find out what there is.
fn look_up(what: &str) -> String {
    match what {
        "change" => "identifiers look like CHG-2026-000123: list them with GET /api/v1/changes".to_owned(),
        "incident" => {
            "identifiers look like INC-2026-000123: list them with GET /api/v1/incidents".to_owned()
        }
        "configuration item" => {
            "ids look like Deployment/shop/cart, percent-encoded: list them with GET /api/v1/cmdb/items"
                .to_owned()
        }
        "actor" => "name an actor by its name or identifier: list them with GET /api/v1/actors".to_owned(),
        _ => "see /api/v1/openapi.json for what there is".to_owned(),
    }
}

/// What to do when there is no such configuration item.
fn look_up_item(suggestions: &[String]) -> String {
    let listed = "list what there is with GET /api/v1/cmdb/items";
    if suggestions.is_empty() {
        return listed.to_owned();
    }
    let names: Vec<_> = suggestions.iter().map(|name| format!("`{name}`")).collect();
    format!("did you mean {}? Otherwise {listed}", names.join(" or "))
}

/// The answer when too many requests are worked on.
pub(crate) fn overloaded() -> Response {
    Rejection(Failure::Overloaded("too many requests are being worked on")).into_response()
}

/// The answer to a request that took too long. Work that was begun still comes to its end.
pub(crate) fn timed_out() -> Response {
    let problem = make(Kind::TimedOut, "the request took too long", LOOK_FIRST);
    respond(Outgoing { problem, cause: Some("the request took too long".to_owned()) })
}

/// The answer when a handler panicked: a mistake of ours.
pub(crate) fn panicked(cause: Box<dyn std::any::Any + Send>) -> Response {
    let text = cause.downcast_ref::<String>().cloned();
    let text = text.or_else(|| cause.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    let cause = format!("a handler panicked: {}", text.unwrap_or_default());
    respond(Outgoing { problem: internal(), cause: Some(cause) })
}

/// A problem, entitled by its kind: `stale-version` is a "Stale version".
pub(crate) fn make(kind: Kind, detail: &str, next_step: &str) -> Problem {
    let mut title = kind.name().replace('-', " ");
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    Problem::new(kind.name(), kind.status().as_u16(), &title, detail).with_next_step(next_step)
}

fn with_item(problem: Problem, at: &str, message: &str) -> Problem {
    problem.with_errors(vec![ErrorItem { at: at.to_owned(), message: message.to_owned(), next_step: None }])
}

fn known_problem(refusal: &ProblemRefusal) -> Problem {
    let (kind, next_step) = match refusal {
        ProblemRefusal::Unknown(_) => (Kind::NotFound, "list those that there are with GET /api/v1/problems"),
        ProblemRefusal::TooMany | ProblemRefusal::TooManyLinks(_) => {
            (Kind::TooMuch, "close problems that are resolved")
        }
        ProblemRefusal::IllegalMove { .. }
        | ProblemRefusal::Missing(_)
        | ProblemRefusal::RemedyTooEarly(_) => {
            (Kind::IncidentRefused, "read the problem again, then ask for what its state admits")
        }
    };
    make(kind, &refusal.to_string(), next_step)
}

fn incident(refusal: &IncidentRefusal) -> Problem {
    let field = match refusal {
        IncidentRefusal::NothingAffected => Some("affected"),
        IncidentRefusal::NotBegun { .. } => Some("began_at"),
        IncidentRefusal::IllegalMove { .. }
        | IncidentRefusal::RootCauseMissing
        | IncidentRefusal::Closed
        | IncidentRefusal::NotStarted { .. }
        | IncidentRefusal::AlreadyLinked { .. }
        | IncidentRefusal::TooManyReports => None,
    };
    let Some(field) = field else {
        let next_step = "read the incident again, then ask for what its state admits";
        return make(Kind::IncidentRefused, &refusal.to_string(), next_step);
    };
    problem(&Failure::Field(api::FieldError::new(field, refusal)))
}

fn denied(violations: &[Violation]) -> Problem {
    let first = violations.first();
    let detail = first.map_or("refused by policy", |violation| violation.sentence.as_str());
    let next_step = first.map_or("ask somebody who may do it", |violation| violation.next_step.as_str());
    let problem = make(Kind::RefusedByPolicy, detail, next_step);
    let problem = match first {
        Some(violation) => problem.with_rule(violation.rule.as_str()),
        None => problem,
    };
    let item = |violation: &Violation| ErrorItem {
        at: violation.rule.to_string(),
        message: violation.sentence.clone(),
        next_step: Some(violation.next_step.clone()),
    };
    problem.with_errors(violations.iter().map(item).collect())
}

fn refused(refusal: &Refusal) -> Problem {
    let kind = match refusal {
        Refusal::Policy { .. }
        | Refusal::SegregationOfDuties
        | Refusal::HumanGate
        | Refusal::RoleNotHeld { .. }
        | Refusal::NotDelegated { .. } => Kind::RefusedByPolicy,
        Refusal::InvalidContent(_)
        | Refusal::NothingValidated
        | Refusal::FollowUpMissing
        | Refusal::DocumentationMissing { .. } => Kind::InvalidContent,
        Refusal::ClockWentBack { .. } => Kind::Clock,
        Refusal::NoSuchCondition { .. } => Kind::NotFound,
        Refusal::IllegalTransition { .. }
        | Refusal::NotOutstanding { .. }
        | Refusal::StageNotOpen { .. }
        | Refusal::NothingToOverride(_)
        | Refusal::AlreadyApproved
        | Refusal::NotApproved
        | Refusal::DigestMismatch { .. }
        | Refusal::CommitMismatch { .. }
        | Refusal::ApprovalsOutstanding { .. }
        | Refusal::ConditionsUnmet { .. }
        | Refusal::OutsideWindow { .. }
        | Refusal::DeadlinePassed { .. }
        | Refusal::DeadlineNotPassed
        | Refusal::NoPlan
        | Refusal::StaleLease { .. }
        | Refusal::IllegalObservation(_)
        | Refusal::NoDecisionAwaited { .. }
        | Refusal::AcceptanceMissing { .. }
        | Refusal::NotAcceptor { .. }
        | Refusal::AcceptedByRunner
        | Refusal::AcceptanceWithoutWords
        | Refusal::PlanNotDone(_)
        | Refusal::OutcomeMismatch { .. }
        | Refusal::NoRetrospectiveDue
        | Refusal::NoOutcomeToFind { .. } => Kind::Refused,
    };
    make(kind, &refusal.to_string(), &refusal.next_step()).with_rule(refusal.rule())
}

fn request(error: &RequestError) -> Problem {
    let (kind, next_step) = match error {
        RequestError::MediaType { .. } => {
            (Kind::MediaType, "send JSON with `Content-Type: application/json`")
        }
        RequestError::Method { .. } => {
            (Kind::MethodNotAllowed, "see /api/v1/openapi.json for the methods of each address")
        }
        RequestError::BrokenOff => (Kind::BrokenOff, "send the whole request again"),
        RequestError::Body(ReadError::TooLarge { .. }) => {
            (Kind::TooLarge, "send less: shorten texts, or name services instead of single items")
        }
        RequestError::Body(
            ReadError::Encoding { .. } | ReadError::TooDeep { .. } | ReadError::Form { .. },
        ) => (Kind::UnreadableBody, "send what /api/v1/openapi.json describes for this address"),
    };
    let problem = make(kind, &error.to_string(), next_step);
    match error {
        RequestError::Body(ReadError::Form { field, message }) => with_item(problem, field, message),
        RequestError::Body(
            ReadError::Encoding { .. } | ReadError::TooDeep { .. } | ReadError::TooLarge { .. },
        )
        | RequestError::MediaType { .. }
        | RequestError::Method { .. }
        | RequestError::BrokenOff => problem,
    }
}

fn unmet(precondition: Precondition) -> Problem {
    let (kind, next_step) = match precondition {
        Precondition::StaleVersion { .. } => {
            (Kind::StaleVersion, "read the change again, apply the amendment to it, and send the new version")
        }
        Precondition::VersionMissing => {
            (Kind::VersionMissing, "read the change and send its `ETag` as `If-Match`")
        }
        Precondition::KeyReused => (
            Kind::IdempotencyKeyReused,
            "use a new key for a new request, or repeat the earlier request exactly",
        ),
    };
    make(kind, &precondition.to_string(), next_step)
}

fn contended() -> Problem {
    make(Kind::Contended, "others keep changing the same thing", "try again")
}

fn lease(error: &LeaseError) -> Problem {
    match error {
        LeaseError::HeldBy { .. } => make(
            Kind::LeaseHeld,
            &error.to_string(),
            "wait until the lease can be taken over, then try again",
        )
        .with_rule("lease"),
        LeaseError::Lost { .. } => lease_lost(&error.to_string()),
        LeaseError::Time { .. } => internal(),
        LeaseError::Store(error) => store(error),
    }
}

fn lease_lost(detail: &str) -> Problem {
    let next_step = "stop: another runner may have taken over";
    make(Kind::LeaseLost, detail, next_step).with_rule("lease")
}

fn append(error: &AppendError) -> Problem {
    match error {
        AppendError::VersionConflict { .. } | AppendError::TimerGone { .. } | AppendError::TooLate { .. } => {
            contended()
        }
        AppendError::LeaseLost { .. } => lease_lost(&error.to_string()),
        AppendError::ClockWentBack { .. } => make(Kind::Clock, &error.to_string(), "set the server's clock"),
        AppendError::InvalidEvent { source, .. } => make(
            Kind::InvalidContent,
            &format!("the request cannot be recorded: {}", chain(source)),
            "shorten it; names that begin with `$` are reserved",
        ),
        AppendError::Store(error) => store(error),
        AppendError::IdempotentReplay(_) | AppendError::StreamTwice { .. } => internal(),
    }
}

fn store(error: &StoreError) -> Problem {
    match error {
        StoreError::StorageFull(_) => make(
            Kind::StorageFull,
            "the storage is full; nothing was written",
            "free space on the server's disk, then try again",
        ),
        StoreError::Unavailable(_) | StoreError::Closed => make(
            Kind::StoreUnavailable,
            "the database does not answer; nothing was written",
            "try again in a moment",
        ),
        StoreError::OutcomeUnknown(_) => make(
            Kind::OutcomeUnknown,
            "the database was lost during the commit; whether it took place is not known",
            LOOK_FIRST,
        ),
        StoreError::InvalidCursor => {
            make(Kind::InvalidCursor, &error.to_string(), "leave the cursor out to start at the beginning")
        }
        StoreError::TooMuch { .. } => make(Kind::TooMuch, &error.to_string(), "ask for less at once"),
        StoreError::Damaged { .. } | StoreError::Refused(_) => internal(),
    }
}

const LOOK_FIRST: &str = "read what was written, then repeat the request with the same idempotency key";

fn internal() -> Problem {
    make(
        Kind::Internal,
        "something went wrong on the server",
        "read what was written before repeating it, and give the request id to whoever runs the server",
    )
}
