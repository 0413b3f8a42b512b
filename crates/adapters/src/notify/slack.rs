//! Tells a channel of Slack, with buttons to decide; and reads what comes back when somebody uses one.
//!
//! Messages go to the address of an incoming webhook, which is a secret. A button carries the digest of what was shown.

use std::collections::BTreeMap;
use std::fmt;

use domain::Timestamp;
use domain::actor::Role;
use domain::canonical::Digest;
use domain::change::StateName;
use domain::id::ChangeId;
use hmac::Mac as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::message::{ChangeFacts, Message, Parcel};
use super::post::{AddressError, DeliveryError, Post};
use super::signature::mac;
use crate::outgoing::OutgoingPolicy;

/// How far the time of an interaction may be from ours.
pub const INTERACTION_SECONDS_MAX: i64 = 5 * 60;
/// The version of Slack's signatures.
const VERSION: &str = "v0";
/// Longest text of one part of a message, in characters: Slack refuses more than 3000, escapes included.
const TEXT_CHARS_MAX: usize = 500;
/// Most messages that a digest lists; a message of Slack has at most 50 blocks.
const LISTED_MAX: usize = 40;
/// Where the reason stands in what comes back.
const REASON: &str = "reason";

/// A channel of Slack.
#[derive(Debug, Clone)]
pub struct Slack {
    post: Post,
}

impl Slack {
    /// The channel behind the address of an incoming webhook.
    ///
    /// # Errors
    /// When nothing can be posted there.
    pub fn new(url: &str, policy: OutgoingPolicy) -> Result<Self, AddressError> {
        Ok(Self { post: Post::new(url, policy)? })
    }

    /// Sends one parcel.
    ///
    /// # Errors
    /// When it did not arrive; it may be sent again.
    pub async fn send(&self, parcel: Parcel<'_>) -> Result<(), DeliveryError> {
        let body = match parcel.messages {
            [one] => message(one),
            several => digest(several),
        };
        self.post.send(&[], body.to_string()).await
    }

    /// Tells whoever used a button what came of it; only they see it.
    ///
    /// # Errors
    /// When it did not arrive.
    pub async fn answer(url: &str, text: &str, policy: OutgoingPolicy) -> Result<(), AnswerError> {
        let body = json!({ "response_type": "ephemeral", "replace_original": false, "text": escaped(text) });
        Ok(Post::new(url, policy)?.send(&[], body.to_string()).await?)
    }
}

/// Why an answer did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// The address in the interaction is none.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// It was not taken.
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
}

fn message(message: &Message) -> Value {
    let mut blocks = vec![
        json!({ "type": "header", "text": plain(message.what(), 150) }),
        json!({ "type": "section", "text": { "type": "mrkdwn", "text": subject(message) } }),
    ];
    let facts = message.facts();
    if !facts.is_empty() {
        // A section has at most ten fields; there are never more facts.
        let fields: Vec<_> = facts
            .iter()
            .map(|(name, value)| json!({ "type": "mrkdwn", "text": format!("*{name}*\n{}", escaped(value)) }))
            .collect();
        blocks.push(json!({ "type": "section", "fields": fields }));
    }
    if let Some(change) =
        message.change.as_ref().filter(|change| is_asked(change) && message.incident.is_none())
    {
        blocks.push(reason_field());
        blocks.push(json!({ "type": "actions", "elements": buttons(change) }));
        let shown = format!("The buttons decide about digest `{}`.", change.digest);
        blocks.push(json!({ "type": "context", "elements": [{ "type": "mrkdwn", "text": shown }] }));
    }
    // Shown where blocks are not, for example in a notification of the desktop.
    json!({ "text": escaped(&message.headline()), "blocks": blocks })
}

fn digest(messages: &[Message]) -> Value {
    let title = format!("{} notifications", messages.len());
    let mut blocks = vec![json!({ "type": "header", "text": plain(&title, 150) })];
    blocks.extend(messages.iter().take(LISTED_MAX).map(|message| {
        let text = format!("*{}*\n{}", message.what(), subject(message));
        json!({ "type": "section", "text": { "type": "mrkdwn", "text": text } })
    }));
    if let Some(more) = messages.len().checked_sub(LISTED_MAX).filter(|more| *more > 0) {
        blocks.push(json!({ "type": "section", "text": plain(&format!("and {more} more"), 150) }));
    }
    json!({ "text": title, "blocks": blocks })
}

fn is_asked(change: &ChangeFacts) -> bool {
    change.state == StateName::AwaitingApproval && !change.asked.is_empty()
}

/// What it is about, as a link where there is a page.
fn subject(message: &Message) -> String {
    let subject = escaped(&message.subject());
    match &message.link {
        // The text of a link ends at its bracket, which is escaped.
        Some(link) => format!("<{}|{subject}>", escaped(link)),
        None => subject,
    }
}

fn reason_field() -> Value {
    json!({
        "type": "input",
        "block_id": REASON,
        "optional": true,
        "label": plain("Reason (needed to reject)", 100),
        "element": { "type": "plain_text_input", "action_id": REASON, "multiline": true, "max_length": 1_000 },
    })
}

fn buttons(change: &ChangeFacts) -> Vec<Value> {
    let approve = change.asked.iter().map(|role| {
        let text = format!("Approve as {}", role.as_str().replace('_', " "));
        button(&text, "primary", change, Verb::Approve, Some(*role))
    });
    approve.chain([button("Reject", "danger", change, Verb::Reject, None)]).collect()
}

fn button(text: &str, style: &str, change: &ChangeFacts, verb: Verb, role: Option<Role>) -> Value {
    let pressed = Pressed { verb, change: change.change_id, digest: change.digest, role };
    json!({
        "type": "button",
        "action_id": format!("{verb}{}", role.map(|role| format!("-{role}")).unwrap_or_default()),
        "style": style,
        "text": plain(text, 75),
        "value": json!(pressed).to_string(),
    })
}

/// A text in which nothing is markup.
fn plain(text: &str, chars_max: usize) -> Value {
    json!({ "type": "plain_text", "emoji": false, "text": text.chars().take(chars_max).collect::<String>() })
}

/// Other people's words, as Slack wants them between its markup: nothing in them is a link, a mention or a style.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars().filter(|c| !c.is_control()).take(TEXT_CHARS_MAX) {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // A character without width keeps these from beginning a style.
            '*' | '_' | '~' | '`' => {
                escaped.push('\u{200b}');
                escaped.push(c);
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// What a button is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Approve the change.
    Approve,
    /// Reject it.
    Reject,
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
        })
    }
}

/// What a button carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pressed {
    /// What it is for.
    pub verb: Verb,
    /// Which change.
    pub change: ChangeId,
    /// Digest of what was shown beside it.
    pub digest: Digest,
    /// The role to be exercised, where the button is for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
}

/// Somebody used a button.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interaction {
    /// Who, as Slack calls them.
    pub user: String,
    /// Which button.
    pub pressed: Pressed,
    /// The reason they wrote.
    pub reason: Option<String>,
    /// Where they can be told what came of it.
    pub answer_to: Option<String>,
}

/// Secrets with which Slack signs; several while one is replaced.
#[derive(Clone)]
pub struct SlackSecrets(Vec<String>);

/// Why something that says it comes from Slack is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Forged {
    /// It is not signed, or not in Slack's way.
    #[error("the request has no signature and time of Slack")]
    Unsigned,
    /// It was signed too long ago, or in the future.
    #[error(
        "the request was signed more than {INTERACTION_SECONDS_MAX} s before or after the time it arrived"
    )]
    Stale,
    /// The signature is not that of the content.
    #[error("the signature does not belong to the request")]
    Signature,
}

/// A signed request that is not the use of one of our buttons.
#[derive(Debug, thiserror::Error)]
pub enum InteractionError {
    /// It has no payload.
    #[error("the request has no field `payload` with what was done")]
    NoPayload,
    /// It is of another form.
    #[error("the payload is not that of a button: {0}")]
    Form(#[from] serde_json::Error),
    /// There is no button of ours in it.
    #[error("the payload names {0} actions: expected one")]
    Actions(usize),
}

impl SlackSecrets {
    /// Secrets with which Slack signs.
    pub fn new(secrets: Vec<String>) -> Self {
        Self(secrets)
    }

    /// Checks, in constant time, that a request was signed by Slack a moment ago.
    ///
    /// # Errors
    /// When it was not.
    pub fn verify(
        &self,
        timestamp: &str,
        signature: &str,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), Forged> {
        let signed_at: i64 = timestamp.parse().map_err(|_| Forged::Unsigned)?;
        let given = signature.strip_prefix(VERSION).and_then(|rest| rest.strip_prefix('='));
        let given = given.and_then(from_hex).ok_or(Forged::Unsigned)?;
        if now.as_second().abs_diff(signed_at) > INTERACTION_SECONDS_MAX.unsigned_abs() {
            return Err(Forged::Stale);
        }
        let content = [format!("{VERSION}:{timestamp}:").as_bytes(), body].concat();
        let is_signed_with = |secret: &String| mac(secret.as_bytes(), &content).verify_slice(&given).is_ok();
        if self.0.iter().any(is_signed_with) { Ok(()) } else { Err(Forged::Signature) }
    }
}

impl fmt::Debug for SlackSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SlackSecrets(***)")
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let pairs = digits?;
    let is_whole = pairs.len() % 2 == 0;
    is_whole.then(|| {
        pairs.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect()
    })
}

#[derive(Deserialize)]
struct Payload {
    user: User,
    actions: Vec<ActionOf>,
    #[serde(default)]
    state: Option<StateOf>,
    #[serde(default)]
    response_url: Option<String>,
}

#[derive(Deserialize)]
struct User {
    id: String,
}

#[derive(Deserialize)]
struct ActionOf {
    value: String,
}

#[derive(Deserialize)]
struct StateOf {
    values: BTreeMap<String, BTreeMap<String, Input>>,
}

#[derive(Deserialize)]
struct Input {
    #[serde(default)]
    value: Option<String>,
}

impl Interaction {
    /// Reads the body of a request that Slack signed: a form with the field `payload`.
    ///
    /// # Errors
    /// When it is not the use of one of our buttons.
    pub fn read(body: &[u8]) -> Result<Self, InteractionError> {
        let payload = url::form_urlencoded::parse(body).find(|(name, _)| name == "payload");
        let (_, payload) = payload.ok_or(InteractionError::NoPayload)?;
        let payload: Payload = serde_json::from_str(&payload)?;
        let [action] = payload.actions.as_slice() else {
            return Err(InteractionError::Actions(payload.actions.len()));
        };
        let reason = payload.state.and_then(|mut state| state.values.remove(REASON)?.remove(REASON)?.value);
        Ok(Self {
            user: payload.user.id,
            pressed: serde_json::from_str(&action.value)?,
            reason: reason.filter(|reason| !reason.trim().is_empty()),
            answer_to: payload.response_url,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
    const BODY: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

    /// The example of Slack's own documentation.
    #[test]
    fn what_slack_signs_is_believed_for_five_minutes_and_nothing_else_is() {
        let secrets = SlackSecrets::new(vec!["another".to_owned(), SECRET.to_owned()]);
        let verify = |timestamp: &str, signature: &str, body: &str, later: i64| {
            let now = Timestamp::from_second(1_531_420_618 + later).unwrap();
            secrets.verify(timestamp, signature, body.as_bytes(), now)
        };
        let at = "1531420618";
        for later in [-300, 0, 300] {
            assert_eq!(verify(at, SIGNATURE, BODY, later), Ok(()), "{later}");
        }
        for later in [-301, 301, i64::MAX / 2_000_000_000] {
            assert_eq!(verify(at, SIGNATURE, BODY, later), Err(Forged::Stale), "{later}");
        }
        assert_eq!(verify(at, SIGNATURE, &format!("{BODY}&x=y"), 0), Err(Forged::Signature));
        assert_eq!(verify("1531420619", SIGNATURE, BODY, 0), Err(Forged::Signature));
        assert_eq!(verify(at, &SIGNATURE.replace("503", "504"), BODY, 0), Err(Forged::Signature));
        for signature in
            ["", "v0=", "v0", "v1=00", &SIGNATURE[3..], &SIGNATURE[..SIGNATURE.len() - 1], "v0=zz"]
        {
            assert!(verify(at, signature, BODY, 0).is_err(), "{signature}");
        }
        for at in ["", "x", "-", "9223372036854775807", "-9223372036854775808"] {
            assert!(verify(at, SIGNATURE, BODY, 0).is_err(), "{at}");
        }
        assert_eq!(format!("{secrets:?}"), "SlackSecrets(***)");
    }

    #[test]
    fn words_of_others_are_no_markup() {
        assert_eq!(
            escaped("<!channel> & <https://evil.example|*ok*>"),
            "&lt;!channel&gt; &amp; &lt;https://evil.example|\u{200b}*ok\u{200b}*&gt;"
        );
        assert!(escaped(&"x".repeat(10_000)).len() <= TEXT_CHARS_MAX);
    }
}
