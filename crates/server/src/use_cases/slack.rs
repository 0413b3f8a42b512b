//! Decisions that people make with the buttons of a message in Slack: known to be Slack's, then made like any other.
//!
//! Slack waits three seconds for an answer. What takes longer goes on, and whoever used the button is told then.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use adapters::notify::{Forged, Interaction, InteractionError, Slack, SlackSecrets, Verb};
use domain::Timestamp;
use domain::canonical::Digest;
use domain::text::FreeText;
use policy::Action;
use store::{AppendError, IdempotencyKey, NewIdempotency};
use tokio::sync::oneshot;

use super::approval::Capacity;
use super::{approval, refusal};
use crate::app::{App, SharedApp};
use crate::caller::Caller;
use crate::commit::Extras;
use crate::failure::Failure;
use crate::http::problem;
use crate::work::ChangeWork;

/// How long an answer may take; Slack waits three seconds.
const ANSWER_WITHIN: Duration = Duration::from_millis(2_500);
/// How long a signature is remembered: longer than it could be used again.
const REMEMBERED_SECONDS: i64 = 2 * adapters::notify::INTERACTION_SECONDS_MAX;
/// Most signatures that are remembered at once.
const REMEMBERED_MAX: usize = 50_000;
const HTTP_OK: u16 = 200;

/// What a request that says it comes from Slack says of itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signed<'a> {
    /// When it was signed, in seconds.
    pub timestamp: &'a str,
    /// The signature.
    pub signature: &'a str,
    /// Everything that was sent.
    pub body: &'a [u8],
}

/// Why the use of a button comes to nothing before anything is decided.
#[derive(Debug, thiserror::Error)]
pub enum InteractionRefused {
    /// There is no secret to check it with.
    #[error("no Slack app is configured here")]
    NotConfigured,
    /// It is not Slack's.
    #[error(transparent)]
    Forged(#[from] Forged),
    /// It was used before.
    #[error("the request was received before")]
    Replayed,
    /// It is Slack's, and no button of ours.
    #[error(transparent)]
    Unreadable(#[from] InteractionError),
}

impl InteractionRefused {
    /// The rule that refuses it.
    fn rule(&self) -> &'static str {
        match self {
            Self::NotConfigured | Self::Forged(_) => "slack-signature",
            Self::Replayed => "slack-replay",
            Self::Unreadable(_) => "slack-button",
        }
    }
}

/// What came of the use of a button.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// Whether it was done.
    pub accepted: bool,
    /// What the person is told.
    pub text: String,
}

/// The Slack app whose buttons are believed, and who its users are here.
#[derive(Debug)]
pub(crate) struct SlackApp {
    secrets: SlackSecrets,
    users: HashMap<String, String>,
    /// Digests of the signatures of the last minutes, with their times.
    seen: Mutex<HashMap<Digest, i64>>,
}

impl SlackApp {
    /// An app that signs with one of these secrets, and the actors that its users are.
    pub(crate) fn new(secrets: SlackSecrets, users: HashMap<String, String>) -> Self {
        Self { secrets, users, seen: Mutex::new(HashMap::new()) }
    }

    /// What a request asks for, once.
    fn believed(&self, signed: Signed<'_>, now: Timestamp) -> Result<Interaction, InteractionRefused> {
        self.secrets.verify(signed.timestamp, signed.signature, signed.body, now)?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = now.as_second();
        if seen.len() >= REMEMBERED_MAX {
            seen.retain(|_, at| now.saturating_sub(*at) <= REMEMBERED_SECONDS);
        }
        // When so many were signed in so short a time, none can be told from a repetition.
        if seen.len() >= REMEMBERED_MAX || seen.insert(signed.digest(), now).is_some() {
            return Err(InteractionRefused::Replayed);
        }
        drop(seen);
        Ok(Interaction::read(signed.body)?)
    }
}

impl Signed<'_> {
    /// Names the request: whoever sends it again sends the same signature, in whatever case.
    fn digest(&self) -> Digest {
        Digest::of_bytes(self.signature.to_ascii_lowercase().as_bytes())
    }
}

/// Makes the decision that a button is for, for the person whom Slack names.
///
/// # Errors
/// When the request is not Slack's, or not new. That is recorded; what policy or the change refuse is an outcome.
pub(crate) async fn interact(app: &SharedApp, signed: Signed<'_>) -> Result<Outcome, Failure> {
    let slack = app.notifier.slack().ok_or(InteractionRefused::NotConfigured);
    let believed = slack.and_then(|slack| slack.believed(signed, app.clock.now()));
    let interaction = match believed {
        Ok(interaction) => interaction,
        Err(refused) => return Err(noted(app, refused).await),
    };
    let (tell, told) = oneshot::channel();
    let (shared, once) = (app.clone(), (signed.digest(), Digest::of_bytes(signed.body)));
    app.tasks.spawn(async move {
        let outcome = decide(&shared, &interaction, once).await;
        let text = outcome.as_ref().map(|outcome| outcome.text.clone()).ok();
        // Whoever waited has been told that it takes longer.
        let _gone = tell.send(outcome);
        if let (Some(text), Some(url)) = (text, &interaction.answer_to)
            && let Err(error) = Slack::answer(url, &text, shared.config.notify.outgoing_policy()).await
        {
            tracing::warn!(error = %error, "whoever used a button in Slack could not be told what came of it");
        }
    });
    match tokio::time::timeout(ANSWER_WITHIN, told).await {
        Ok(Ok(Ok(outcome))) => Ok(outcome),
        Ok(Ok(Err(refused))) => Err(noted(app, refused).await),
        Ok(Err(_)) => Err(Failure::Internal("a decision made in Slack ended without an outcome".to_owned())),
        Err(_elapsed) => {
            let text = "This takes a moment; you will be told what came of it.".to_owned();
            Ok(Outcome { accepted: true, text })
        }
    }
}

/// Records what was refused before anybody was known to have asked.
async fn noted(app: &App, refused: InteractionRefused) -> Failure {
    refusal::note_forged(app, Action::Approve, "slack", refused.rule()).await;
    refused.into()
}

async fn decide(
    app: &SharedApp,
    interaction: &Interaction,
    (signature, body): (Digest, Digest),
) -> Result<Outcome, InteractionRefused> {
    let refused = |text: String| Ok(Outcome { accepted: false, text });
    let Some(caller) = caller(app, &interaction.user) else {
        refusal::note_forged(app, Action::Approve, "slack", "slack-user-unknown").await;
        return refused(format!(
            "Nobody here is known as `{}` in Slack: an administrator names them under `notify.slack.users`.",
            interaction.user
        ));
    };
    let done = async {
        let key = IdempotencyKey::new(format!("slack/{signature}"));
        let key = key.map_err(|error| Failure::Internal(error.to_string()))?;
        // Another server may have taken it.
        if app.store.idempotency(&caller.id(), &key).await?.is_some() {
            return Ok(None);
        }
        let idempotency = NewIdempotency {
            actor: caller.id(),
            key,
            request_digest: body,
            status: HTTP_OK,
            body: b"null".to_vec(),
        };
        let extras = Extras { idempotency: Some(idempotency), ..Extras::default() };
        made(app, &caller, interaction, extras).await.map(Some)
    };
    match done.await {
        Ok(Some(work)) => {
            let state = work.change.state_name().as_str().replace('_', " ");
            Ok(Outcome { accepted: true, text: format!("Done: {} is {state}.", work.change.id) })
        }
        Ok(None) | Err(Failure::Append(AppendError::IdempotentReplay(_))) => {
            Err(InteractionRefused::Replayed)
        }
        Err(failure) => {
            let problem = problem(&failure);
            let next_step = problem.next_step.map(|step| format!(" Next: {step}.")).unwrap_or_default();
            refused(format!("Not done: {}.{next_step}", problem.detail))
        }
    }
}

/// The decision itself, by the same way as every other.
async fn made(
    app: &SharedApp,
    caller: &Caller,
    interaction: &Interaction,
    extras: Extras,
) -> Result<ChangeWork, Failure> {
    let pressed = &interaction.pressed;
    let reason = interaction.reason.as_deref().map(FreeText::new).transpose();
    let reason = reason.map_err(|error| api::FieldError::new("reason", error))?;
    match pressed.verb {
        Verb::Approve => {
            let given = approval::Approval {
                capacity: Capacity { role: pressed.role, in_place_of: None },
                digest: pressed.digest,
                conditions: Vec::new(),
                comment: reason,
            };
            approval::approve(app, caller, pressed.change, given, extras).await
        }
        Verb::Reject => {
            let missing = || api::FieldError::new("reason", "write why, and use the button again");
            let reason = reason.ok_or_else(missing)?;
            let rejection = approval::Rejection {
                capacity: Capacity { role: pressed.role, in_place_of: None },
                shown: Some(pressed.digest),
                reason,
            };
            approval::reject(app, caller, pressed.change, rejection, extras).await
        }
    }
}

/// The person whom the settings name for a user of Slack.
fn caller(app: &App, user: &str) -> Option<Caller> {
    let name = app.notifier.slack()?.users.get(user)?;
    let known = app.known();
    let actor = known.directory.find(name)?;
    actor.active.then(|| Caller::Vouched { actor: Arc::new(actor.clone()) })
}
