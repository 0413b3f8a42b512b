//! The server: the one door through which people, pipelines, agents, timers and pages reach the life of a change.
//!
//! Knows: HTTP, tokens, the order load, gather facts, ask policy, decide, append; background loops; pages. Never does:
//! decide by itself whether something may happen, or speak SQL.
//!
//! Invariant: every change of state goes through a use-case that asks policy and commits events, effects and views in
//! one append; a handler or loop writes nothing by itself.

mod app;
mod around;
mod ask;
mod assessing;
mod caller;
mod clock;
mod commit;
mod config;
mod deciders;
mod experience;
mod failure;
mod follow;
mod gates;
mod http;
mod imported;
mod known;
mod load;
mod metrics;
mod notify;
mod past;
mod policies;
mod portal;
mod presence;
pub mod project;
mod record;
mod serve;
mod signing;
mod use_cases;
mod verify;
mod view;
mod work;
mod workers;

pub use clock::Clock;
pub use config::{Config, Health, LISTEN_DEFAULT, Lease, Limits, Policies, Signal};
pub use failure::Failure;
pub use http::openapi;
pub use notify::{
    Channel, EmailChannel, MailProtection, Notify, PagerDutyChannel, QuietHours, SecretFrom,
    SlackAppSettings, SlackChannel, SlackUser, Subscription, WebhookChannel,
};
pub use policies::{AddedPolicies, NotProved, PolicyFolderError};
pub use serve::{Running, StartError, start, start_with_clock, store_config};
pub use signing::{KEY_FILE, KeyFileError};
pub use use_cases::slack::InteractionRefused;
pub use verify::verify;
