//! Why a use-case did not happen.

use api::FieldError;
use api::read::ReadError;
use domain::actor::ActorRefusal;
use domain::authorization::Violation;
use domain::board::BoardRefusal;
use domain::calendar::CalendarRefusal;
use domain::catalog::CatalogError;
use domain::change::{CorruptChange, Refusal};
use domain::cmdb::CmdbError;
use domain::ecab::RosterRefusal;
use domain::id::{ActorId, TokenId};
use domain::incident::{CorruptIncident, IncidentRefusal};
use domain::problem::ProblemRefusal;
use domain::stop::StopRefusal;
use store::{AppendError, LeaseError, StoreError};

use crate::record::UnreadableEvent;
use crate::use_cases::slack::InteractionRefused;

/// Why a use-case did not happen. Nothing was written to any change.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// No token, or one that is unknown, expired or revoked.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// Policy refuses.
    #[error("refused by policy")]
    Denied(Vec<Violation>),
    /// The life of a change refuses.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// An incident refuses.
    #[error(transparent)]
    Incident(#[from] IncidentRefusal),
    /// An actor's record refuses.
    #[error(transparent)]
    Actor(#[from] ActorRefusal),
    /// The file of services contradicts itself or the CMDB.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// Descriptions of configuration items contradict themselves or exceed a limit.
    #[error(transparent)]
    Cmdb(#[from] CmdbError),
    /// The calendar stays as it is.
    #[error(transparent)]
    Calendar(#[from] CalendarRefusal),
    /// The board stays as it is.
    #[error(transparent)]
    Board(#[from] BoardRefusal),
    /// The roster of the e-CAB stays as it is.
    #[error(transparent)]
    Roster(#[from] RosterRefusal),
    /// A problem stays as it is.
    #[error(transparent)]
    KnownProblem(#[from] ProblemRefusal),
    /// A stop is not set or not lifted.
    #[error(transparent)]
    Stop(#[from] StopRefusal),
    /// Neither a source describes such a configuration item nor does a relation name it.
    #[error("there is no configuration item `{name}`")]
    UnknownItem {
        /// What was named.
        name: String,
        /// Items whose ids are spelt almost like it.
        suggestions: Vec<String>,
    },
    /// A field does not have the accepted form.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// The request cannot be read.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// There is no such thing.
    #[error("there is no {what} `{name}`")]
    NotFound {
        /// What kind of thing.
        what: &'static str,
        /// What was named.
        name: String,
    },
    /// A name is taken.
    #[error("{what} `{name}` exists already")]
    Exists {
        /// What kind of thing.
        what: &'static str,
        /// What was named.
        name: String,
    },
    /// The request repeats one that issued a token.
    #[error(
        "this request was answered before: it issued the token `{token_id}`, whose secret was in that answer and is kept nowhere"
    )]
    TokenIssued {
        /// Whose token it is.
        actor_id: ActorId,
        /// Its identifier.
        token_id: TokenId,
    },
    /// What says it comes from Slack is not believed.
    #[error(transparent)]
    Interaction(#[from] InteractionRefused),
    /// What the request rests on is not so.
    #[error(transparent)]
    Precondition(#[from] Precondition),
    /// The lease is held by somebody else, or is lost.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// Others keep changing the same thing.
    #[error("others keep changing the same thing")]
    Contended,
    /// The store refuses or fails.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The server has too much to do.
    #[error("{0}")]
    Overloaded(&'static str),
    /// The log holds what it should not.
    #[error(transparent)]
    Unreadable(#[from] UnreadableEvent),
    /// The log holds what it should not.
    #[error(transparent)]
    CorruptChange(#[from] CorruptChange),
    /// The log holds what it should not.
    #[error(transparent)]
    CorruptIncident(#[from] CorruptIncident),
    /// A mistake of ours.
    #[error("internal error: {0}")]
    Internal(String),
}

/// Why a request cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The body is not of the accepted form.
    #[error(transparent)]
    Body(#[from] ReadError),
    /// The body is not of an accepted media type.
    #[error("the body's media type is `{given}`: expected `application/json`")]
    MediaType {
        /// What was sent.
        given: String,
    },
    /// The address does not take the method.
    #[error("this address does not take `{given}`")]
    Method {
        /// What was sent.
        given: String,
    },
    /// The connection ended before the whole body had come.
    #[error("the request ended before its whole body had come")]
    BrokenOff,
}

/// What a request rests on and is not so.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub enum Precondition {
    /// `If-Match` names another version.
    #[error("the change is at version {actual}, the request is about version {expected}")]
    StaleVersion {
        /// The version that the request names.
        expected: u64,
        /// The current version.
        actual: u64,
    },
    /// `If-Match` is missing or not a version.
    #[error("`If-Match` with the version that was read is needed, for example \"3\"")]
    VersionMissing,
    /// The key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
}
