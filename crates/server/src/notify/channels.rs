//! The channels of the settings, set up to send.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use adapters::notify::{
    Email, EmailError, MailSecurity, Message, PAGERDUTY_URL, PagerDuty, Parcel, Relay, SigningSecret, Slack,
    SlackSecrets, Webhook,
};
use adapters::outgoing::OutgoingPolicy;

use super::settings::{
    Channel, EmailChannel, MailProtection, Notify, PagerDutyChannel, SecretFrom, SlackAppSettings,
    SlackChannel, SlackUser, Subscription, WebhookChannel,
};
use crate::use_cases::slack::SlackApp;

/// Most channels, and most subscriptions.
const EACH_MAX: usize = 100;
/// Longest name of a channel, in bytes.
const NAME_BYTES_MAX: usize = 40;
/// Most secrets of one webhook: the present one and those that receivers are leaving.
const SECRETS_MAX: usize = 4;
/// Most people whom one channel writes to.
const RECIPIENTS_MAX: usize = 50;
/// Longest secret, in bytes.
const SECRET_BYTES_MAX: usize = 4_096;
/// What the channel of the setting `notify.webhook` is called.
const PLAIN_WEBHOOK: &str = "webhook";

/// A channel that is set up.
#[derive(Debug)]
pub(super) enum Sender {
    Webhook(Webhook),
    Slack(Slack),
    Email(Box<Email>),
    PagerDuty(PagerDuty),
}

impl Sender {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Slack(_) => "slack",
            Self::Email(_) => "email",
            Self::PagerDuty(_) => "pagerduty",
        }
    }

    /// Whether somebody is paged, who must not wait.
    pub(super) fn pages(&self) -> bool {
        match self {
            Self::PagerDuty(_) => true,
            Self::Webhook(_) | Self::Slack(_) | Self::Email(_) => false,
        }
    }

    /// Whether the channel has anything to say about a message.
    pub(super) fn takes(&self, message: &Message) -> bool {
        match self {
            Self::Webhook(_) | Self::Slack(_) | Self::Email(_) => true,
            Self::PagerDuty(_) => PagerDuty::takes(message),
        }
    }

    pub(super) async fn send(&self, parcel: Parcel<'_>) -> Result<(), String> {
        let sent = match self {
            Self::Webhook(webhook) => webhook.send(parcel).await,
            Self::Slack(slack) => slack.send(parcel).await,
            Self::PagerDuty(pager) => pager.send(parcel).await,
            Self::Email(email) => return email.send(parcel).await.map_err(|error| error.to_string()),
        };
        sent.map_err(|error| error.to_string())
    }
}

/// Every channel by its name.
///
/// # Errors
/// With the setting and what it should be.
pub(super) fn all(settings: &Notify) -> Result<BTreeMap<String, Sender>, String> {
    if settings.channels.len().max(settings.subscriptions.len()) > EACH_MAX {
        return Err(format!("notify: more than {EACH_MAX} channels or subscriptions: expected fewer"));
    }
    let policy = || settings.outgoing_policy();
    let mut channels = BTreeMap::new();
    if let Some(url) = &settings.webhook {
        let webhook =
            Webhook::new(url, Vec::new(), policy()).map_err(|error| format!("notify.webhook: {error}"))?;
        channels.insert(PLAIN_WEBHOOK.to_owned(), Sender::Webhook(webhook));
    }
    for (at, channel) in settings.channels.iter().enumerate() {
        let field = |problem: String| format!("notify.channels[{at}].{problem}");
        let name = checked_name(channel.name()).map_err(field)?;
        let sender = match channel {
            Channel::Webhook(webhook) => signed_webhook(webhook, policy()).map(Sender::Webhook),
            Channel::Slack(slack) => slack_channel(slack, policy()).map(Sender::Slack),
            Channel::Email(email) => mail(email).map(|email| Sender::Email(Box::new(email))),
            Channel::PagerDuty(pager) => pager_duty(pager, policy()).map(Sender::PagerDuty),
        };
        if channels.insert(name.clone(), sender.map_err(field)?).is_some() {
            return Err(field(format!("name: another channel is called `{name}`: choose another name")));
        }
    }
    Ok(channels)
}

/// The subscriptions of the settings, and that of the plain webhook, which is told of everything.
pub(super) fn subscriptions(settings: &Notify) -> Vec<Subscription> {
    let everything = settings.webhook.as_ref().map(|_| Subscription {
        channel: PLAIN_WEBHOOK.to_owned(),
        events: Vec::new(),
        roles: Vec::new(),
        services: Vec::new(),
        levels: Vec::new(),
        quiet_hours: None,
        digest_minutes: None,
    });
    settings.subscriptions.iter().cloned().chain(everything).collect()
}

fn signed_webhook(channel: &WebhookChannel, policy: OutgoingPolicy) -> Result<Webhook, String> {
    if channel.secrets.is_empty() || channel.secrets.len() > SECRETS_MAX {
        return Err(format!(
            "secrets: expected 1 to {SECRETS_MAX} places to read a secret from, such as {{ file = \"/etc/cortex-change/webhook\" }}"
        ));
    }
    let mut secrets = Vec::new();
    for (at, from) in channel.secrets.iter().enumerate() {
        let secret = read(from).map_err(|error| format!("secrets[{at}]: {error}"))?;
        let secret =
            SigningSecret::parse(&secret).map_err(|error| format!("secrets[{at}]: {from}: {error}"))?;
        secrets.push(secret);
    }
    Webhook::new(&channel.url, secrets, policy).map_err(|error| format!("url: {error}"))
}

fn slack_channel(channel: &SlackChannel, policy: OutgoingPolicy) -> Result<Slack, String> {
    let url = read(&channel.url).map_err(|error| format!("url: {error}"))?;
    Slack::new(&url, policy)
        .map_err(|error| format!("url: what {} holds cannot be used: {error}", channel.url))
}

fn pager_duty(channel: &PagerDutyChannel, policy: OutgoingPolicy) -> Result<PagerDuty, String> {
    let key = read(&channel.routing_key).map_err(|error| format!("routing_key: {error}"))?;
    let url = channel.url.as_deref().unwrap_or(PAGERDUTY_URL);
    PagerDuty::new(url, key, policy).map_err(|error| format!("url: {error}"))
}

fn mail(channel: &EmailChannel) -> Result<Email, String> {
    let (security, port) = match channel.security {
        MailProtection::Tls => (MailSecurity::Tls, 465),
        MailProtection::StartTls => (MailSecurity::StartTls, 587),
        MailProtection::Plain => (MailSecurity::Plain, 25),
    };
    let login = match (&channel.username, &channel.password) {
        (None, None) => None,
        (Some(name), Some(from)) => {
            Some((name.clone(), read(from).map_err(|error| format!("password: {error}"))?))
        }
        (Some(_), None) | (None, Some(_)) => {
            return Err("username: expected `username` and `password`, or none of the two".to_owned());
        }
    };
    if channel.to.len() > RECIPIENTS_MAX {
        return Err(format!("to: more than {RECIPIENTS_MAX} addresses: expected a mailing list"));
    }
    let relay = Relay { host: channel.host.clone(), port: channel.port.unwrap_or(port), security, login };
    Email::new(relay, &channel.from, &channel.to).map_err(|error| match &error {
        EmailError::Unprotected | EmailError::Tls(_) => format!("security: {error}"),
        EmailError::Address { .. } => format!("from, to: {error}"),
        EmailError::Nobody => format!("to: {error}"),
    })
}

/// The app of Slack whose buttons are believed; none without a secret.
///
/// # Errors
/// With the setting and what it should be.
pub(super) fn slack_app(settings: &Notify) -> Result<Option<SlackApp>, String> {
    let SlackAppSettings { signing_secrets, users } = &settings.slack;
    if signing_secrets.is_empty() {
        return if users.is_empty() {
            Ok(None)
        } else {
            Err("notify.slack.signing_secrets: expected the app's signing secret, such as [{ file = \"/etc/cortex-change/slack\" }]".to_owned())
        };
    }
    if signing_secrets.len() > SECRETS_MAX {
        return Err(format!("notify.slack.signing_secrets: expected 1 to {SECRETS_MAX}"));
    }
    let each = signing_secrets.iter().enumerate();
    let read_each = each
        .map(|(at, from)| read(from).map_err(|error| format!("notify.slack.signing_secrets[{at}]: {error}")));
    let secrets = SlackSecrets::new(read_each.collect::<Result<_, _>>()?);
    let mut known = HashMap::new();
    for (at, SlackUser { user, actor }) in users.iter().enumerate() {
        if known.insert(user.clone(), actor.clone()).is_some() {
            return Err(format!(
                "notify.slack.users[{at}].user: `{user}` is named twice: expected each once"
            ));
        }
    }
    Ok(Some(SlackApp::new(secrets, known)))
}

fn checked_name(name: &str) -> Result<String, String> {
    let is_fit = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(is_fit) {
        let shown: String = name.chars().take(NAME_BYTES_MAX).filter(|c| !c.is_control()).collect();
        return Err(format!(
            "name: `{shown}` is not a name: expected 1 to {NAME_BYTES_MAX} letters, digits, `-` and `_`"
        ));
    }
    Ok(name.to_owned())
}

/// Reads a secret, without the line's end after it.
///
/// # Errors
/// When it is not there; what was read is never part of the error.
pub(super) fn read(from: &SecretFrom) -> Result<String, String> {
    let text = match from {
        SecretFrom::File(path) => std::fs::read_to_string(path).map_err(|error| {
            format!("{from} cannot be read ({error}): write the secret there, readable by the server")
        })?,
        SecretFrom::Env(name) => {
            #[expect(
                clippy::disallowed_methods,
                reason = "this is where settings are read, once, at the start"
            )]
            let value = std::env::var(name);
            value.map_err(|_| format!("{from} is not set: set it to the secret"))?
        }
    };
    let secret = text.trim();
    if secret.is_empty() || secret.len() > SECRET_BYTES_MAX {
        return Err(format!("{from} holds no secret: expected 1 to {SECRET_BYTES_MAX} bytes"));
    }
    Ok(secret.to_owned())
}

impl fmt::Display for SecretFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "the file `{}`", path.display()),
            Self::Env(name) => write!(f, "the variable `{name}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::Notifier;

    /// What is said of settings, with the folder of the test's files for `FOLDER`.
    fn refused(toml: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("good"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
        std::fs::write(folder.path().join("hunter2"), "hunter2").unwrap();
        std::fs::write(folder.path().join("empty"), " \n").unwrap();
        let folder = folder.path().to_str().unwrap();
        let settings: Notify = toml::from_str(&toml.replace("FOLDER", folder)).unwrap();
        let error = Notifier::new(&settings).unwrap_err();
        assert!(!error.contains("hunter2 "), "a secret is shown: {error}");
        error.replace(folder, "FOLDER")
    }

    fn channel(fields: &str) -> String {
        refused(&format!("[[channels]]\nname = \"ops\"\n{fields}"))
    }

    #[test]
    fn a_channel_that_cannot_work_is_refused_with_field_and_fix() {
        let webhook = |secrets: &str| {
            channel(&format!("kind = \"webhook\"\nurl = \"https://ops.example/\"\nsecrets = {secrets}"))
        };
        let expected = "notify.channels[0].secrets: expected 1 to 4 places to read a secret from";
        assert!(webhook("[]").starts_with(expected), "{}", webhook("[]"));
        let missing = webhook("[{ file = \"FOLDER/none\" }]");
        assert!(
            missing.starts_with("notify.channels[0].secrets[0]: the file `FOLDER/none` cannot be read"),
            "{missing}"
        );
        let empty = webhook("[{ file = \"FOLDER/empty\" }]");
        assert!(empty.contains("holds no secret"), "{empty}");
        let other = webhook("[{ file = \"FOLDER/good\" }, { file = \"FOLDER/hunter2\" }]");
        assert!(
            other
                .starts_with("notify.channels[0].secrets[1]: the file `FOLDER/hunter2`: the secret does not"),
            "{other}"
        );
        let unset = webhook("[{ env = \"CORTEX_CHANGE_SECRET_THAT_NOBODY_SETS\" }]");
        assert!(unset.contains("the variable `CORTEX_CHANGE_SECRET_THAT_NOBODY_SETS` is not set"), "{unset}");
        let address = channel("kind = \"slack\"\nurl = { file = \"FOLDER/hunter2\" }");
        assert_eq!(
            address,
            "notify.channels[0].url: what the file `FOLDER/hunter2` holds cannot be used: it is not an address without credentials such as `https://chat.example/hooks/change`"
        );
        let mail = |fields: &str| {
            channel(&format!("kind = \"email\"\nhost = \"mx.example\"\nfrom = \"a@example.com\"\n{fields}"))
        };
        let cases = [
            ("to = []", "notify.channels[0].to: there is nobody to write to"),
            ("to = [\"nobody\"]", "notify.channels[0].from, to: `nobody` is not an address of mail"),
            (
                "to = [\"b@example.com\"]\nusername = \"x\"",
                "notify.channels[0].username: expected `username` and `password`",
            ),
            (
                "to = [\"b@example.com\"]\nusername = \"x\"\npassword = { file = \"FOLDER/hunter2\" }\nsecurity = \"plain\"",
                "notify.channels[0].security: a password would be sent unprotected",
            ),
        ];
        for (fields, expected) in cases {
            assert!(mail(fields).starts_with(expected), "{fields}: {}", mail(fields));
        }
    }

    #[test]
    fn names_that_lead_nowhere_are_refused() {
        let webhook = |name: &str| {
            format!(
                "[[channels]]\nname = \"{name}\"\nkind = \"webhook\"\nurl = \"https://ops.example/\"\nsecrets = [{{ file = \"FOLDER/good\" }}]\n"
            )
        };
        assert!(refused(&webhook("a b")).starts_with("notify.channels[0].name: `a b` is not a name"));
        let twice = refused(&[webhook("ops"), webhook("ops")].concat());
        assert_eq!(twice, "notify.channels[1].name: another channel is called `ops`: choose another name");
        let plain = refused(&format!("webhook = \"https://x.example/\"\n{}", webhook("webhook")));
        assert!(plain.contains("another channel is called `webhook`"), "{plain}");
        let unknown = refused(&format!("{}[[subscriptions]]\nchannel = \"oops\"", webhook("ops")));
        assert_eq!(
            unknown,
            "notify.subscriptions[0].channel: there is no channel `oops`: name one of `notify.channels` (`ops`)"
        );
        let paged = refused(
            "[[channels]]\nname = \"p\"\nkind = \"pagerduty\"\nrouting_key = { file = \"FOLDER/good\" }\n[[subscriptions]]\nchannel = \"p\"\ndigest_minutes = 60",
        );
        assert!(
            paged.starts_with("notify.subscriptions[0].digest_minutes: nobody is paged later"),
            "{paged}"
        );
        let users = refused("[slack]\nusers = [{ user = \"U1\", actor = \"ann\" }]");
        assert!(
            users.starts_with("notify.slack.signing_secrets: expected the app's signing secret"),
            "{users}"
        );
        let twice = refused(
            "[slack]\nsigning_secrets = [{ file = \"FOLDER/good\" }]\nusers = [{ user = \"U1\", actor = \"ann\" }, { user = \"U1\", actor = \"bob\" }]",
        );
        assert!(twice.starts_with("notify.slack.users[1].user: `U1` is named twice"), "{twice}");
    }

    #[test]
    fn unknown_keys_kinds_and_events_are_refused() {
        for (toml, expected) in [
            ("[[channels]]\nname = \"x\"\nkind = \"pigeon\"", "pigeon"),
            ("[[channels]]\nname = \"x\"\nkind = \"slack\"\nurl = { file = \"x\" }\ncolour = 1", "colour"),
            ("[[channels]]\nname = \"x\"\nkind = \"slack\"\nurl = \"https://in.the.open/\"", "url"),
            ("[[subscriptions]]\nchannel = \"x\"\nevents = [\"change.aproved\"]", "change.aproved"),
            ("[[subscriptions]]\nchannel = \"x\"\nroles = [\"boss\"]", "boss"),
        ] {
            let error = toml::from_str::<Notify>(toml).unwrap_err().to_string();
            assert!(error.contains(expected) || error.contains("channels"), "{toml}: {error}");
        }
    }
}
