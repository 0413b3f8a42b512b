//! Sessions: a browser's random id stands for an access token, whose secret is not kept.
//!
//! The table is in memory: after a restart everybody signs in again. It holds digests only, so that reading it lets
//! nobody in; looking one up by digest tells nothing about the ids in it by the time it takes.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::Timestamp;
use domain::canonical::Digest;
use jiff::SignedDuration;

use crate::caller::Caller;
use crate::failure::Failure;
use crate::known::Known;

/// Longest life of a session.
pub(super) const SESSION_LIFE: SignedDuration = SignedDuration::from_hours(12);
/// Most sessions at once; a further one ends the one that would end first.
const SESSIONS_MAX: usize = 10_000;
/// Length of a session's id before it is written as text: 256 bits.
const ID_BYTES: usize = 32;

/// Who is signed in.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<HashMap<Digest, Session>>);

#[derive(Debug, Clone, Copy)]
struct Session {
    /// Digest of the token's secret: who it belongs to and whether it is still good is asked at each request.
    token: Digest,
    ends_at: Timestamp,
}

impl Sessions {
    /// Begins a session for a token and gives its id.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub(super) fn begin(&self, token: &str, now: Timestamp) -> Result<String, Failure> {
        let mut bytes = [0; ID_BYTES];
        getrandom::fill(&mut bytes).map_err(|error| Failure::Internal(error.to_string()))?;
        let id = hex::encode(bytes);
        let ends_at = now.saturating_add(SESSION_LIFE).unwrap_or(Timestamp::MAX);
        let session = Session { token: Digest::of_bytes(token.as_bytes()), ends_at };
        let mut table = self.lock();
        if table.len() >= SESSIONS_MAX {
            make_room(&mut table, now);
        }
        table.insert(Digest::of_bytes(id.as_bytes()), session);
        Ok(id)
    }

    /// Who a session stands for; nobody when it has ended, or its token has ended, or its actor is inactive.
    pub(super) fn caller(&self, known: &Known, id: &str, now: Timestamp) -> Option<Caller> {
        let key = Digest::of_bytes(id.as_bytes());
        let session = self.lock().get(&key).copied().filter(|session| now < session.ends_at)?;
        Caller::of_digest(&known.directory, &session.token, now).ok()
    }

    /// Ends a session.
    pub(super) fn end(&self, id: &str) {
        self.lock().remove(&Digest::of_bytes(id.as_bytes()));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes what has ended, or else what would end first.
fn make_room(table: &mut HashMap<Digest, Session>, now: Timestamp) {
    table.retain(|_, session| now < session.ends_at);
    while table.len() >= SESSIONS_MAX {
        let first = table.iter().min_by_key(|(_, session)| session.ends_at).map(|(key, _)| *key);
        let Some(first) = first else { break };
        table.remove(&first);
    }
}

#[cfg(test)]
mod tests {
    use domain::actor::ActorEvent;

    use super::*;
    use crate::portal::fixture::{self, NOW, TOKEN};

    #[test]
    fn a_session_lasts_until_it_is_ended_or_twelve_hours_are_over() {
        let (known, sessions) = (fixture::known(), Sessions::default());
        let id = sessions.begin(TOKEN, NOW).unwrap();
        assert_eq!(id.len(), 2 * ID_BYTES);
        assert_eq!(sessions.caller(&known, &id, NOW).unwrap().id(), fixture::lead());
        let last = NOW + SESSION_LIFE - SignedDuration::from_secs(1);
        assert!(sessions.caller(&known, &id, last).is_some());
        assert!(sessions.caller(&known, &id, NOW + SESSION_LIFE).is_none());
        assert!(sessions.caller(&known, "", NOW).is_none());
        assert!(sessions.caller(&known, &id.to_uppercase(), NOW).is_none());
        sessions.end(&id);
        assert!(sessions.caller(&known, &id, NOW).is_none());
    }

    #[test]
    fn a_session_ends_with_its_token_or_its_actor() {
        let token_id = fixture::TOKEN_ID.parse().unwrap();
        let reason = domain::text::FreeText::new("has left").unwrap();
        for event in [ActorEvent::TokenRevoked { token_id }, ActorEvent::Deactivated { reason }] {
            let (mut known, sessions) = (fixture::known(), Sessions::default());
            let id = sessions.begin(TOKEN, NOW).unwrap();
            assert!(sessions.caller(&known, &id, NOW).is_some());
            fixture::apply(&mut known, &fixture::lead(), event.clone());
            assert!(sessions.caller(&known, &id, NOW).is_none(), "{event:?}");
        }
    }

    #[test]
    fn a_full_table_drops_the_session_that_would_end_first() {
        let (known, sessions) = (fixture::known(), Sessions::default());
        let first = sessions.begin(TOKEN, NOW).unwrap();
        let later = NOW + SignedDuration::from_secs(1);
        let second = sessions.begin(TOKEN, later).unwrap();
        for _ in 2..SESSIONS_MAX {
            sessions.begin(TOKEN, later).unwrap();
        }
        assert!(sessions.caller(&known, &first, later).is_some());
        sessions.begin(TOKEN, later).unwrap();
        assert!(sessions.caller(&known, &first, later).is_none());
        assert!(sessions.caller(&known, &second, later).is_some());
        assert_eq!(sessions.lock().len(), SESSIONS_MAX);
    }
}
