//! Tells people by e-mail, over an SMTP relay: as plain text and as HTML, with a link to the page, which asks for a login.

use std::fmt::Write as _;
use std::time::Duration;

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};

use super::message::{Message, Parcel};
use super::post::TIMEOUT;

/// Longest subject, in characters.
const SUBJECT_CHARS_MAX: usize = 150;

/// A relay, and who writes to whom.
#[derive(Clone)]
pub struct Email {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
    host: String,
}

/// How the connection to a relay is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailSecurity {
    /// By TLS from the beginning.
    Tls,
    /// By TLS, begun with STARTTLS; without it nothing is sent.
    StartTls,
    /// Not at all: for a relay on the same machine.
    Plain,
}

/// A relay, as the settings name it.
#[derive(Debug)]
pub struct Relay {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: MailSecurity,
    /// Name and password, where it asks for them.
    pub login: Option<(String, String)>,
}

/// Settings by which no mail can be sent.
#[derive(Debug, thiserror::Error)]
pub enum EmailError {
    /// An address is none.
    #[error("`{given}` is not an address of mail: expected one such as `Changes <changes@example.com>`")]
    Address {
        /// What was given.
        given: String,
    },
    /// Nobody to write to.
    #[error("there is nobody to write to: name at least one address")]
    Nobody,
    /// A password would be sent in the open.
    #[error("a password would be sent unprotected: use `tls` or `starttls`")]
    Unprotected,
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

/// A mail that was not sent.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// It cannot be put together.
    #[error("the mail cannot be put together: {0}")]
    Form(String),
    /// The relay did not take it.
    #[error("the relay `{host}` did not take the mail: {cause}")]
    Refused {
        /// Its name.
        host: String,
        /// What it said, or what went wrong on the way.
        cause: String,
    },
    /// The relay did not answer in time.
    #[error("the relay `{host}` did not answer within {} s", TIMEOUT.as_secs())]
    TimedOut {
        /// Its name.
        host: String,
    },
}

impl Email {
    /// Mail from an address to others, over a relay.
    ///
    /// # Errors
    /// When no mail can be sent this way.
    pub fn new(relay: Relay, from: &str, to: &[String]) -> Result<Self, EmailError> {
        crate::outgoing::install_crypto_provider();
        let Relay { host, port, security, login } = relay;
        if to.is_empty() {
            return Err(EmailError::Nobody);
        }
        if login.is_some() && security == MailSecurity::Plain {
            return Err(EmailError::Unprotected);
        }
        let parameters =
            || TlsParameters::new(host.clone()).map_err(|error| EmailError::Tls(error.to_string()));
        let tls = match security {
            MailSecurity::Tls => Tls::Wrapper(parameters()?),
            MailSecurity::StartTls => Tls::Required(parameters()?),
            MailSecurity::Plain => Tls::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host.as_str())
            .port(port)
            .tls(tls)
            .timeout(Some(TIMEOUT));
        if let Some((name, password)) = login {
            builder = builder.credentials(Credentials::new(name, password));
        }
        let to = to.iter().map(|text| mailbox(text)).collect::<Result<_, _>>()?;
        Ok(Self { transport: builder.build(), from: mailbox(from)?, to, host })
    }

    /// Sends one parcel.
    ///
    /// # Errors
    /// When the relay did not take it; it may be sent again under the same id.
    pub async fn send(&self, parcel: Parcel<'_>) -> Result<(), MailError> {
        let form = |error: lettre::error::Error| MailError::Form(error.to_string());
        let domain = self.from.email.domain();
        let mut mail = lettre::Message::builder()
            .from(self.from.clone())
            .subject(subject(parcel.messages))
            .message_id(Some(format!("<{}@{domain}>", parcel.id)))
            // Nobody is out of office for a machine.
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ))
            .date(date(parcel.at));
        for to in &self.to {
            mail = mail.to(to.clone());
        }
        let body = MultiPart::alternative_plain_html(plain(parcel.messages), html(parcel.messages));
        let mail = mail.multipart(body).map_err(form)?;
        let host = self.host.clone();
        match tokio::time::timeout(TIMEOUT, self.transport.send(mail)).await {
            Err(_elapsed) => Err(MailError::TimedOut { host }),
            Ok(Err(error)) => Err(MailError::Refused { host, cause: error.to_string() }),
            Ok(Ok(_response)) => Ok(()),
        }
    }
}

impl std::fmt::Debug for Email {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Email").field("host", &self.host).finish_non_exhaustive()
    }
}

fn mailbox(text: &str) -> Result<Mailbox, EmailError> {
    let shown = || text.chars().filter(|c| !c.is_control()).take(100).collect();
    text.parse().map_err(|_| EmailError::Address { given: shown() })
}

/// When it was sent, as headers of mail say it.
fn date(at: domain::Timestamp) -> std::time::SystemTime {
    let seconds = u64::try_from(at.as_second()).unwrap_or_default();
    std::time::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn subject(messages: &[Message]) -> String {
    let subject = match messages {
        [one] => one.headline(),
        several => format!("{} notifications of Cortex Change", several.len()),
    };
    subject.chars().filter(|c| !c.is_control()).take(SUBJECT_CHARS_MAX).collect()
}

fn plain(messages: &[Message]) -> String {
    let mut text = String::new();
    for message in messages {
        // Writing to a text cannot fail.
        let _infallible = writeln!(text, "{}\n{}\n", message.what(), one_line(&message.subject()));
        for (name, value) in message.facts() {
            let _infallible = writeln!(text, "  {name}: {}", one_line(&value));
        }
        if let Some(link) = &message.link {
            let _infallible = writeln!(text, "\n{link}");
        }
        text.push_str("\n\n");
    }
    text.push_str(FOOT);
    text
}

/// What stands under every mail.
const FOOT: &str = "Decisions are made on the page, after a login; an answer to this mail decides nothing.\n";

fn html(messages: &[Message]) -> String {
    let mut text = String::from("<!doctype html><html lang=\"en\"><body style=\"font-family:sans-serif\">");
    for message in messages {
        let (what, subject) = (escaped(message.what()), escaped(&one_line(&message.subject())));
        let _infallible = write!(text, "<h2>{what}</h2>");
        let _infallible = match &message.link {
            Some(link) => write!(text, "<p><a href=\"{}\">{subject}</a></p>", escaped(link)),
            None => write!(text, "<p>{subject}</p>"),
        };
        text.push_str("<table>");
        for (name, value) in message.facts() {
            let (name, value) = (escaped(name), escaped(&one_line(&value)));
            let _infallible =
                write!(text, "<tr><th align=\"left\" scope=\"row\">{name}</th><td>{value}</td></tr>");
        }
        text.push_str("</table>");
    }
    let _infallible = write!(text, "<p><small>{}</small></p></body></html>", escaped(FOOT.trim_end()));
    text
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
