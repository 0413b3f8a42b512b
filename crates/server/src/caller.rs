//! Who calls: the actor behind a token, and what the token may be used for.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::Timestamp;
use domain::actor::{Actor, Directory, Scope};
use domain::canonical::Digest;
use domain::change::ActingActor;
use domain::id::ActorId;
use policy::{Principal, PrincipalKind};
use subtle::ConstantTimeEq;

use crate::failure::Failure;

/// Every token begins with this.
pub(crate) const TOKEN_PREFIX: &str = "cct_";
/// Longest accepted token, in bytes.
const TOKEN_BYTES_MAX: usize = 200;
/// What is said of a token that nobody was given.
pub(crate) const UNKNOWN: &str = "the token is unknown";

/// Who calls.
#[derive(Debug, Clone)]
pub(crate) enum Caller {
    /// A registered actor with a token.
    Registered {
        /// The actor, as known when the token was checked.
        actor: Arc<Actor>,
        /// What the token may be used for.
        scopes: BTreeSet<Scope>,
        /// Digest of the token's secret.
        token: Digest,
    },
    /// A registered actor for whom a chat system vouches, whose users the settings name. It can decide and nothing else.
    Vouched {
        /// The actor, as known when it was named.
        actor: Arc<Actor>,
    },
    /// The product itself.
    System,
}

impl Caller {
    /// The caller behind a token.
    ///
    /// # Errors
    /// When the token is malformed, unknown, expired, revoked, or its actor is inactive.
    pub(crate) fn of_token(directory: &Directory, token: &str, now: Timestamp) -> Result<Self, Failure> {
        if !token.starts_with(TOKEN_PREFIX) || token.len() > TOKEN_BYTES_MAX {
            return Err(Failure::Unauthenticated("the token does not have the form `cct_…`"));
        }
        Self::of_digest(directory, &Digest::of_bytes(token.as_bytes()), now)
    }

    /// The caller behind the token whose secret has this digest.
    ///
    /// # Errors
    /// When the token is unknown, expired, revoked, or its actor is inactive.
    pub(crate) fn of_digest(directory: &Directory, hash: &Digest, now: Timestamp) -> Result<Self, Failure> {
        let unknown = Failure::Unauthenticated(UNKNOWN);
        let Some((actor, _, found)) = directory.token(hash) else {
            return Err(unknown);
        };
        // The table is looked up by the hash of the secret; the comparison that decides takes constant time.
        if !bool::from(found.hash.as_bytes().ct_eq(hash.as_bytes())) {
            return Err(unknown);
        }
        if found.revoked {
            return Err(Failure::Unauthenticated("the token is revoked"));
        }
        if !found.is_live(now) {
            return Err(Failure::Unauthenticated("the token has expired"));
        }
        if !actor.active {
            return Err(Failure::Unauthenticated("the actor is inactive"));
        }
        Ok(Self::Registered { actor: Arc::clone(actor), scopes: found.scopes.clone(), token: *hash })
    }

    /// The same caller as it is now, for a decision that is made again.
    ///
    /// # Errors
    /// When the token has expired or was revoked since, or its actor is inactive by now.
    pub(crate) fn renewed(&self, directory: &Directory, now: Timestamp) -> Result<Self, Failure> {
        match self {
            Self::Registered { token, .. } => Self::of_digest(directory, token, now),
            Self::Vouched { actor } => match directory.get(&actor.id).filter(|actor| actor.active) {
                Some(actor) => Ok(Self::Vouched { actor: Arc::new(actor.clone()) }),
                None => Err(Failure::Unauthenticated("the actor is inactive")),
            },
            Self::System => Ok(Self::System),
        }
    }

    /// The identifier under which events are recorded.
    pub(crate) fn id(&self) -> ActorId {
        match self {
            Self::Registered { actor, .. } | Self::Vouched { actor } => actor.id.clone(),
            Self::System => ActorId::system(),
        }
    }

    /// The registered actor, where there is one.
    pub(crate) fn actor(&self) -> Option<&Actor> {
        match self {
            Self::Registered { actor, .. } | Self::Vouched { actor } => Some(actor),
            Self::System => None,
        }
    }

    /// The caller as policy sees it.
    pub(crate) fn principal(&self, on_behalf_of: Option<&ActorId>) -> Principal {
        let (actor, scopes) = match self {
            Self::Registered { actor, scopes, .. } => (actor, scopes.clone()),
            Self::Vouched { actor } => (actor, BTreeSet::from([Scope::Approve])),
            Self::System => return Principal::system(),
        };
        Principal {
            id: actor.id.clone(),
            kind: PrincipalKind::from(actor.kind),
            roles: actor.roles.clone(),
            scopes,
            teams: actor.teams.clone(),
            owner: actor.owner.clone(),
            active: actor.active,
            delegated: on_behalf_of.is_some_and(|other| actor.may_act_for.contains(other)),
            delegator: None,
        }
    }

    /// The caller as the life of a change sees it.
    pub(crate) fn acting(&self, on_behalf_of: Option<&ActorId>) -> ActingActor {
        match self {
            Self::Registered { actor, .. } | Self::Vouched { actor } => ActingActor::Registered {
                id: actor.id.clone(),
                kind: actor.kind,
                on_behalf_of: on_behalf_of.cloned(),
                roles: actor.roles.clone(),
                teams: actor.teams.clone(),
            },
            Self::System => ActingActor::System,
        }
    }
}
