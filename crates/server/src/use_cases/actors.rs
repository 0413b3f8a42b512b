//! Registering actors, changing their rights, issuing and revoking tokens.

use std::collections::BTreeSet;

use domain::Timestamp;
use domain::actor::{
    self, Actor, ActorCommand, ActorEvent, DirectoryEvent, Registration, Role, Scope, Token,
};
use domain::canonical::Digest;
use domain::id::{ActorId, ActorName, DelegationId, TokenId};
use domain::text::FreeText;
use jiff::SignedDuration;
use policy::{Action, ActorResource, Resource};
use store::{Append, AppendError, NewIdempotency, StreamAppend};

use crate::app::{App, SharedApp};
use crate::ask;
use crate::caller::{Caller, TOKEN_PREFIX};
use crate::commit::{decided, single};
use crate::failure::Failure;
use crate::load;
use crate::record::{DecidedBy, Envelope, Recorded, encode};
use crate::work::{actor_guard, actor_stream};

/// Life of the first administrator's token: a week, time enough to make proper ones.
const BOOTSTRAP_SECONDS: i64 = 7 * 24 * 60 * 60;
/// Identifier of the first administrator. Those of others are random.
const BOOTSTRAP_ID: &str = "act_0000000000000000";
/// Name of the first administrator.
const BOOTSTRAP_NAME: &str = "bootstrap-admin";
/// Random bytes of a token's secret.
const SECRET_BYTES: usize = 32;
/// Random bytes of an identifier.
const ID_BYTES: usize = 8;

/// A token as it is issued: the only time its secret is known.
#[derive(Clone)]
pub(crate) struct Issued {
    /// Its identifier.
    pub token_id: TokenId,
    /// The secret.
    pub secret: String,
    /// From when on it is refused.
    pub expires_at: Timestamp,
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issued").field("token_id", &self.token_id).finish_non_exhaustive()
    }
}

/// Registers an actor. `keep` makes of its identifier what is kept of the answer.
///
/// # Errors
/// When policy refuses, the name is taken, the registration is not valid, or the store fails.
pub(crate) async fn register(
    app: &SharedApp,
    caller: &Caller,
    registration: Registration,
    keep: impl FnOnce(&ActorId) -> Option<NewIdempotency>,
) -> Result<Actor, Failure> {
    let (shared, caller) = (app.clone(), caller.clone());
    let id = new_actor_id()?;
    let kept = keep(&id);
    app.owned(async move {
        let _turn = shared.registrations.lock().await;
        let about = (Action::ManageActors, "new actor");
        let (shared, id, registration, kept) = (&shared, &id, &registration, &kept);
        let attempt = move |caller| async move {
            attempt_to_register(shared, &caller, id, registration.clone(), kept.clone()).await
        };
        decided(shared, caller, about, attempt).await
    })
    .await
}

async fn attempt_to_register(
    app: &App,
    caller: &Caller,
    id: &ActorId,
    registration: Registration,
    kept: Option<NewIdempotency>,
) -> Result<Actor, Failure> {
    let owner = registration.owner.as_ref().map(|owner| owner.id.clone());
    let resource = Resource::Actor(ActorResource { id: id.clone(), owner });
    let ruling = ask::about(app, caller, Action::ManageActors, &resource)?;
    let name = registration.name.clone();
    // Whoever is faster on another server takes the stream on, and the append is refused.
    let directory = {
        let known = app.known();
        if known.directory.named(name.as_str()).is_some() {
            return Err(Failure::Exists { what: "actor", name: name.to_string() });
        }
        Directory::Joined { after: known.directory_version }
    };
    let events = actor::register(registration)?;
    let by = By { caller, decided_by: ruling.decided_by() };
    append(app, &by, Entry { id, after: 0, events, directory, kept }).await?;
    found(app, id)
}

/// Applies a command to an actor; `kept` is what is kept of the answer.
///
/// # Errors
/// When policy or the actor's record refuses, there is no such actor, or the store fails.
pub(crate) async fn update(
    app: &SharedApp,
    caller: &Caller,
    action: Action,
    id_or_name: &str,
    command: ActorCommand,
    kept: Option<NewIdempotency>,
) -> Result<Actor, Failure> {
    let (shared, caller, wanted) = (app.clone(), caller.clone(), id_or_name.to_owned());
    app.owned(async move {
        let about = (action, wanted.as_str());
        let (shared, wanted, command, kept) = (&shared, &wanted, &command, &kept);
        decided(shared, caller, about, move |caller| async move {
            attempt(shared, &caller, action, wanted, command, kept.clone()).await
        })
        .await
    })
    .await
}

async fn attempt(
    app: &App,
    caller: &Caller,
    action: Action,
    wanted: &str,
    command: &ActorCommand,
    kept: Option<NewIdempotency>,
) -> Result<Actor, Failure> {
    let before = find(app, wanted)?;
    let resource = Resource::Actor(ActorResource { id: before.id.clone(), owner: before.owner.clone() });
    let ruling = ask::about(app, caller, action, &resource)?;
    let events = actor::decide(&before, command, app.clock.now())?;
    let by = By { caller, decided_by: ruling.decided_by() };
    let entry = Entry { id: &before.id, after: before.version, events, directory: Directory::Same, kept };
    append(app, &by, entry).await?;
    found(app, &before.id)
}

/// What a token shall be.
#[derive(Debug, Clone)]
pub(crate) struct NewToken {
    /// What it may be used for.
    pub scopes: BTreeSet<Scope>,
    /// How long it lives.
    pub life: SignedDuration,
    /// What it is for.
    pub label: FreeText,
}

/// Issues a token; its secret is returned and never stored. `keep` makes of its identifier what is kept of the answer.
///
/// # Errors
/// When policy or the actor's record refuses, or the store fails.
pub(crate) async fn issue_token(
    app: &SharedApp,
    caller: &Caller,
    id_or_name: &str,
    new: NewToken,
    keep: impl FnOnce(&TokenId) -> Option<NewIdempotency>,
) -> Result<Issued, Failure> {
    let NewToken { scopes, life, label } = new;
    let issued = issued(app.clock.now(), life)?;
    let hash = Digest::of_bytes(issued.secret.as_bytes());
    let token = Token { hash, scopes, expires_at: issued.expires_at, label, revoked: false };
    let command = ActorCommand::IssueToken { token_id: issued.token_id.clone(), token };
    update(app, caller, Action::IssueToken, id_or_name, command, keep(&issued.token_id)).await?;
    Ok(issued)
}

/// Registers the first administrator when there is no actor at all, and issues its token. Of several servers that start
/// on one empty database the first one does; its identifier is always the same, so that the others notice.
///
/// # Errors
/// When the store fails.
pub(crate) async fn bootstrap(app: &App) -> Result<Option<Issued>, Failure> {
    let directory = {
        let known = app.known();
        if !known.directory.is_empty() {
            return Ok(None);
        }
        Directory::Joined { after: known.directory_version }
    };
    let internal = |error: &dyn std::fmt::Display| Failure::Internal(error.to_string());
    let id = ActorId::new(BOOTSTRAP_ID).map_err(|error| internal(&error))?;
    let registration = Registration {
        name: ActorName::new(BOOTSTRAP_NAME).map_err(|error| internal(&error))?,
        kind: actor::ActorKind::Human,
        owner: None,
        alias_of: None,
        roles: [Role::Administrator].into(),
        teams: [].into(),
        may_act_for: [].into(),
    };
    let mut events = actor::register(registration)?;
    let issued = issued(app.clock.now(), SignedDuration::from_secs(BOOTSTRAP_SECONDS))?;
    let token = Token {
        hash: Digest::of_bytes(issued.secret.as_bytes()),
        scopes: Scope::ALL.iter().copied().collect(),
        expires_at: issued.expires_at,
        label: FreeText::new("first administrator").map_err(|error| internal(&error))?,
        revoked: false,
    };
    events.push(ActorEvent::TokenIssued { token_id: issued.token_id.clone(), token });
    let by = By { caller: &Caller::System, decided_by: DecidedBy::default() };
    match append(app, &by, Entry { id: &id, after: 0, events, directory, kept: None }).await {
        Ok(()) => Ok(Some(issued)),
        Err(Failure::Append(AppendError::VersionConflict { stream, .. })) => {
            load::refresh(app, &stream).await?;
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

/// The actor with this identifier or name.
///
/// # Errors
/// When there is none.
pub(crate) fn find(app: &App, id_or_name: &str) -> Result<Actor, Failure> {
    let known = app.known();
    let actor = known.directory.find(id_or_name).cloned();
    actor.ok_or_else(|| Failure::NotFound { what: "actor", name: id_or_name.chars().take(128).collect() })
}

fn found(app: &App, id: &ActorId) -> Result<Actor, Failure> {
    let actor = app.known().directory.get(id).cloned();
    actor.ok_or_else(|| Failure::Internal("an actor that was just written is not known".to_owned()))
}

/// Who does it, and what allowed it.
struct By<'a> {
    caller: &'a Caller,
    decided_by: DecidedBy,
}

/// What is recorded of one actor.
struct Entry<'a> {
    id: &'a ActorId,
    /// Version of the actor's stream that was decided upon; 0 for a new one.
    after: u64,
    events: Vec<ActorEvent>,
    directory: Directory,
    kept: Option<NewIdempotency>,
}

/// Whether an actor joins those that are there.
enum Directory {
    /// It is one of them.
    Same,
    /// It joins them after this version of their stream, at which its name was free.
    Joined { after: u64 },
}

async fn append(app: &App, by: &By<'_>, entry: Entry<'_>) -> Result<(), Failure> {
    let Entry { id, after, events, directory, kept } = entry;
    let at = {
        let known = app.known();
        let last = known.directory.get(id).map_or(known.directory_at, |actor| actor.updated_at);
        last.max(app.clock.now())
    };
    let envelope =
        Envelope { at, actor: by.caller.id(), on_behalf_of: None, decided_by: by.decided_by.clone() };
    // Whoever changes its own record is guarded by the expected version.
    let guard = actor_guard(by.caller)?.filter(|_| by.caller.id() != *id);
    let encoded = events.iter().map(|event| encode(&envelope, event)).collect();
    let part = StreamAppend { stream: actor_stream(id)?, expected_version: after, events: encoded };
    let mut append = Append { idempotency: kept, ..single(part, guard.into_iter().collect()) };
    if let Directory::Joined { after } = directory {
        let added = encode(&envelope, &DirectoryEvent::ActorAdded { actor: id.clone() });
        let (stream, events) = (load::directory_stream()?, vec![added]);
        append.streams.push(StreamAppend { stream, expected_version: after, events });
    }
    let appended = app.append(append).await?;
    let mut known = app.known_mut();
    for (offset, event) in (0_u64..).zip(events) {
        let (version, index) = (after + 1 + offset, appended.indexes.start + offset);
        known.apply_actor(id, &Recorded { envelope: envelope.clone(), event, version, index, told: None })?;
    }
    if let Directory::Joined { after } = directory {
        known.reach_directory(after + 1, at);
    }
    Ok(())
}

fn issued(now: Timestamp, life: SignedDuration) -> Result<Issued, Failure> {
    let secret = format!("{TOKEN_PREFIX}{}", random_hex::<SECRET_BYTES>()?);
    let token_id = TokenId::new(format!("tok_{}", random_hex::<ID_BYTES>()?));
    let token_id = token_id.map_err(|error| Failure::Internal(error.to_string()))?;
    let expires_at = now.saturating_add(life).unwrap_or(Timestamp::MAX);
    Ok(Issued { token_id, secret, expires_at })
}

fn new_actor_id() -> Result<ActorId, Failure> {
    ActorId::new(format!("act_{}", random_hex::<ID_BYTES>()?))
        .map_err(|error| Failure::Internal(error.to_string()))
}

/// A new identifier of a delegation.
///
/// # Errors
/// When there is no randomness.
pub(crate) fn new_delegation_id() -> Result<DelegationId, Failure> {
    DelegationId::new(format!("dlg_{}", random_hex::<ID_BYTES>()?))
        .map_err(|error| Failure::Internal(error.to_string()))
}

fn random_hex<const N: usize>() -> Result<String, Failure> {
    let mut bytes = [0_u8; N];
    getrandom::fill(&mut bytes).map_err(|error| Failure::Internal(error.to_string()))?;
    Ok(hex::encode(bytes))
}
