//! Notification channels, one file each.
//!
//! To add one: a file here with a type that sends one parcel and answers whether it arrived, its settings in the
//! server's configuration, and its arm where the server chooses the channel. A channel may be asked to send the same
//! parcel twice; its id is the same then. It never logs what it was given as a secret.

mod email;
mod message;
mod pagerduty;
mod post;
mod signature;
mod slack;
mod webhook;

pub use email::{Email, EmailError, MailError, MailSecurity, Relay};
pub use message::{ChangeFacts, IncidentFacts, Message, Parcel};
pub use pagerduty::{PAGERDUTY_URL, PagerDuty};
pub use post::{AddressError, DeliveryError};
pub use signature::{SecretError, SigningSecret};
pub use slack::{
    AnswerError, Forged, INTERACTION_SECONDS_MAX, Interaction, InteractionError, Pressed, Slack,
    SlackSecrets, Verb,
};
pub use webhook::Webhook;
