//! A request that may be repeated: what it asks for is done once under its key, and answered every time.
//!
//! What is kept of an answer leads to it again. Things are told as they are by then; a lease is given again only while
//! it is held; and the secret of a token is kept nowhere, so that whoever missed it is told what to do instead.

use std::future::Future;

use api::cab::StandingTold;
use api::calendar::CalendarTold;
use api::catalog::Applied;
use api::notification::ChannelTested;
use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use domain::board::MeetingId;
use domain::canonical::Digest;
use domain::id::{ActorId, ChangeId, DelegationId, IncidentId, ServiceName, TokenId};
use domain::problem::ProblemId;
use domain::stop::StopId;
use serde::{Deserialize, Serialize};
use store::{AppendError, IdempotencyKey, NewIdempotency, StoredResponse};

use super::problem::Rejection;
use super::{cab, ecab, known_problems, respond};
use crate::app::SharedApp;
use crate::caller::Caller;
use crate::commit::Extras;
use crate::failure::{Failure, Precondition};
use crate::gates::{board_stream, roster_stream, stops_stream};
use crate::load;
use crate::use_cases::implementation::Heartbeat;
use crate::use_cases::{actors, calibrations, delegations, implementation, problems};
use crate::view;
use crate::work::{ChangeWork, actor_stream};

/// Marks an answer to a repeated request.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// A request that may be repeated: who asks, under which key.
#[derive(Debug)]
pub(super) struct Asked {
    /// What answers.
    pub app: SharedApp,
    /// Who asks.
    pub caller: Caller,
    /// The caller's own name for the request.
    pub key: Option<IdempotencyKey>,
    /// Digest of the request.
    pub digest: Digest,
}

/// What is kept of an answer: enough to give it again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kept {
    /// A change, told as it is then.
    #[serde(rename = "change_id")]
    Change(ChangeId),
    /// What a change's runner does, told as it is then.
    Assignment(ChangeId),
    /// A lease that was granted.
    Lease {
        /// On which change.
        change_id: ChangeId,
        /// The token it was granted with.
        fencing_token: u64,
    },
    /// An actor, told as it is then.
    #[serde(rename = "actor_id")]
    Actor(ActorId),
    /// A token whose secret was told.
    Token {
        /// Whose it is.
        actor_id: ActorId,
        /// Its identifier.
        token_id: TokenId,
    },
    /// A token that was revoked: the answer has no body.
    Revoked,
    /// A notification that is sent again: the answer has no body.
    Redelivered,
    /// What came of trying a channel out.
    Tested(ChannelTested),
    /// What applying a file of services did.
    Applied(Applied),
    /// A delegation that was made or ended, told as it is then.
    #[serde(rename = "delegation_id")]
    Delegation(DelegationId),
    /// A stop that was set or lifted, told as it is then.
    Stop(StopId),
    /// An incident that was opened, told as it is then.
    Incident(IncidentId),
    /// A problem that was opened, told as it is then.
    Problem(ProblemId),
    /// A calibration that was saved, told as it is then.
    Calibration {
        /// Of which service.
        service: ServiceName,
        /// Its digest.
        id: Digest,
    },
    /// What the calendar was told, told again.
    Calendar(CalendarTold),
    /// The board, told as it is then.
    Board,
    /// A meeting of it, told as it is then.
    Meeting(MeetingId),
    /// A standing decision that was proposed, supported or revoked.
    Standing(StandingTold),
    /// The roster of the e-CAB, told as it is then.
    Roster,
}

impl Asked {
    /// The earlier answer to the same request, or what `work` answers now.
    ///
    /// # Errors
    /// What `work` fails with, or when the key was used for another request.
    pub(super) fn once(
        &self,
        work: impl Future<Output = Result<Response, Failure>>,
    ) -> impl Future<Output = Result<Response, Rejection>> {
        // On the heap, because work is large and would otherwise be copied into everything that waits for it.
        let work = Box::pin(work);
        async {
            match self.earlier().await? {
                Some(answer) => Ok(answer),
                None => self.settle(work.await).await,
            }
        }
    }

    /// The same for work on a change, which is the answer.
    ///
    /// # Errors
    /// What `work` fails with, or when the key was used for another request.
    pub(super) fn change(
        &self,
        work: impl Future<Output = Result<ChangeWork, Failure>>,
    ) -> impl Future<Output = Result<Response, Rejection>> {
        self.once(async { Ok(respond::change(&self.app, StatusCode::OK, &work.await?)) })
    }

    /// The same for a change that is created. Repetitions are seldom and looked for last: the append itself tells one.
    ///
    /// # Errors
    /// What `work` fails with, or when the key was used for another request.
    pub(super) fn created(
        &self,
        work: impl Future<Output = Result<ChangeWork, Failure>>,
    ) -> impl Future<Output = Result<Response, Rejection>> {
        let work = Box::pin(work);
        async {
            let done = work.await.map(|work| respond::change(&self.app, StatusCode::CREATED, &work));
            self.settle(done).await
        }
    }

    /// What a unit of work keeps of its answer.
    pub(super) fn extras(&self, kept: Kept) -> Extras {
        Extras { idempotency: self.keeper(StatusCode::OK)(kept), ..Extras::default() }
    }

    /// Makes of an answer what is kept of it; nothing for a request without a key.
    pub(super) fn keeper(
        &self,
        status: StatusCode,
    ) -> impl Fn(Kept) -> Option<NewIdempotency> + Send + Sync + use<> {
        let (actor, key, request_digest) = (self.caller.id(), self.key.clone(), self.digest);
        move |kept| {
            let body = serde_json::to_vec(&kept).unwrap_or_default();
            let (actor, key, status) = (actor.clone(), key.clone()?, status.as_u16());
            Some(NewIdempotency { actor, key, request_digest, status, body })
        }
    }

    async fn settle(&self, done: Result<Response, Failure>) -> Result<Response, Rejection> {
        let failure = match done {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        if let Failure::Append(AppendError::IdempotentReplay(stored)) = failure {
            return Ok(self.repeated(&stored).await?);
        }
        // What is refused now may repeat what was accepted a moment ago.
        self.earlier().await?.ok_or(Rejection(failure))
    }

    /// The earlier answer to the same request, where there is one.
    async fn earlier(&self) -> Result<Option<Response>, Failure> {
        let Some(key) = &self.key else { return Ok(None) };
        match self.app.store.idempotency(&self.caller.id(), key).await? {
            Some(stored) => self.repeated(&stored).await.map(Some),
            None => Ok(None),
        }
    }

    async fn repeated(&self, stored: &StoredResponse) -> Result<Response, Failure> {
        if stored.request_digest != self.digest {
            return Err(Precondition::KeyReused.into());
        }
        let kept = serde_json::from_slice(&stored.body);
        let kept: Kept = kept.map_err(|error| Failure::Internal(error.to_string()))?;
        let status = StatusCode::from_u16(stored.status).unwrap_or(StatusCode::OK);
        let mut response = self.told_again(status, kept).await?;
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        Ok(response)
    }

    async fn told_again(&self, status: StatusCode, kept: Kept) -> Result<Response, Failure> {
        let app = &self.app;
        match kept {
            Kept::Change(id) => Ok(respond::change(app, status, &ChangeWork::load(app, id).await?)),
            Kept::Assignment(id) => Ok(respond::assignment(app, &ChangeWork::load(app, id).await?)),
            Kept::Lease { change_id, fencing_token } => {
                // A lease is worth its time only: it is extended as by a heartbeat, or refused when it was lost since.
                let beat = Heartbeat { fencing_token, samples: Vec::new(), standing: None };
                let held = implementation::heartbeat(app, &self.caller, change_id, beat);
                Ok(respond::assignment(app, &held.await?))
            }
            Kept::Actor(id) => {
                // It is written, but this server may only be about to take note of it.
                if app.known().directory.get(&id).is_none() {
                    load::refresh(app, &actor_stream(&id)?).await?;
                }
                Ok(respond::actor(app, status, &actors::find(app, id.as_str())?))
            }
            Kept::Token { actor_id, token_id } => Err(Failure::TokenIssued { actor_id, token_id }),
            Kept::Revoked | Kept::Redelivered => Ok(status.into_response()),
            Kept::Tested(tested) => Ok((status, Json(tested)).into_response()),
            Kept::Applied(applied) => Ok((status, Json(applied)).into_response()),
            Kept::Calendar(told) => Ok((status, Json(told)).into_response()),
            Kept::Standing(told) => Ok((status, Json(told)).into_response()),
            Kept::Board => {
                // It is written, but this server may only be about to take note of it.
                load::refresh(app, &board_stream()?).await?;
                Ok((status, Json(cab::told(app))).into_response())
            }
            Kept::Roster => {
                load::refresh(app, &roster_stream()?).await?;
                Ok((status, Json(ecab::told(app))).into_response())
            }
            Kept::Meeting(id) => {
                load::refresh(app, &board_stream()?).await?;
                cab::told_meeting(app, status, id).await
            }
            Kept::Delegation(id) => Ok((status, Json(delegations::told(app, &id).await?)).into_response()),
            Kept::Incident(id) => {
                let incident = load::incident(app, id).await?;
                Ok((status, Json(view::incident(&app.known(), &incident))).into_response())
            }
            Kept::Problem(id) => {
                // It is written, but this server may only be about to take note of it.
                load::refresh(app, &problems::stream()?).await?;
                Ok((status, Json(known_problems::told(app, id)?)).into_response())
            }
            Kept::Calibration { service, id } => {
                // It is written, but this server may only be about to take note of it.
                load::refresh(app, &calibrations::stream()?).await?;
                Ok((status, Json(respond::calibration(app, &service, id)?)).into_response())
            }
            Kept::Stop(id) => {
                // It is written, but this server may only be about to take note of it.
                if view::stop(&app.known(), id).is_none() {
                    load::refresh(app, &stops_stream()?).await?;
                }
                let stop = view::stop(&app.known(), id);
                let stop = stop.ok_or_else(|| Failure::NotFound { what: "stop", name: id.to_string() })?;
                Ok((status, Json(stop)).into_response())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kept: &Kept, json: &str) {
        assert_eq!(serde_json::to_string(kept).unwrap(), json);
        assert_eq!(serde_json::from_str::<Kept>(json).unwrap(), *kept);
    }

    /// Answers are kept for a month: a later version has to read what an earlier one wrote.
    #[test]
    fn what_is_kept_is_read_as_it_was_written() {
        let id: ChangeId = "CHG-2026-000001".parse().unwrap();
        let actor = ActorId::new("act_01").unwrap();
        check(&Kept::Change(id), r#"{"change_id":"CHG-2026-000001"}"#);
        check(&Kept::Assignment(id), r#"{"assignment":"CHG-2026-000001"}"#);
        let lease = Kept::Lease { change_id: id, fencing_token: 7 };
        check(&lease, r#"{"lease":{"change_id":"CHG-2026-000001","fencing_token":7}}"#);
        check(&Kept::Actor(actor.clone()), r#"{"actor_id":"act_01"}"#);
        let token = Kept::Token { actor_id: actor, token_id: TokenId::new("tok_02").unwrap() };
        check(&token, r#"{"token":{"actor_id":"act_01","token_id":"tok_02"}}"#);
        check(&Kept::Revoked, r#""revoked""#);
        check(&Kept::Redelivered, r#""redelivered""#);
        let tested = ChannelTested { channel: "ops".to_owned(), delivered: true, error: None };
        check(&Kept::Tested(tested), r#"{"tested":{"channel":"ops","delivered":true,"error":null}}"#);
        let applied = Applied { declared: vec!["cart".to_owned()], retired: vec![], unchanged: 1 };
        check(&Kept::Delegation("dlg_07".parse().unwrap()), r#"{"delegation_id":"dlg_07"}"#);
        check(&Kept::Stop("STOP-7".parse().unwrap()), r#"{"stop":"STOP-7"}"#);
        check(&Kept::Incident("INC-2026-000007".parse().unwrap()), r#"{"incident":"INC-2026-000007"}"#);
        check(&Kept::Problem("PRB-7".parse().unwrap()), r#"{"problem":"PRB-7"}"#);
        let id = Digest::of_bytes(b"calibration");
        let saved = Kept::Calibration { service: "shop".parse().unwrap(), id };
        check(&saved, &format!(r#"{{"calibration":{{"service":"shop","id":"{id}"}}}}"#));
        let told = CalendarTold { name: "year-end".to_owned() };
        check(&Kept::Calendar(told), r#"{"calendar":{"name":"year-end"}}"#);
        check(&Kept::Board, r#""board""#);
        check(&Kept::Roster, r#""roster""#);
        check(&Kept::Meeting("CAB-7".parse().unwrap()), r#"{"meeting":"CAB-7"}"#);
        let told = StandingTold { standing_id: "STD-9".to_owned() };
        check(&Kept::Standing(told), r#"{"standing":{"standing_id":"STD-9"}}"#);
        check(&Kept::Applied(applied), r#"{"applied":{"declared":["cart"],"retired":[],"unchanged":1}}"#);
    }
}
