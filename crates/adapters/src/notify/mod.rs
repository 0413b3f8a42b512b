//! Notification channels, one file each.
//!
//! To add one: a file here with a type that sends one message and answers whether it arrived, its settings in the
//! server's configuration, and its arm where the server's outbox loop chooses the channel. A channel may be asked to
//! send the same message twice; its id is the same then. It never logs what it was given as a secret.

mod webhook;

pub use webhook::{Webhook, WebhookError};
