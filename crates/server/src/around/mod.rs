//! What is wrong around a change when it is assessed: recent incidents, the health of the system, active
//! alerts.
//!
//! Invariant: an assessment never waits for any of it. What is asked elsewhere is asked in the background, and an answer
//! that is missing or too old counts as unknown, never as healthy.

mod alerts;
mod health;
mod incidents;

use domain::Timestamp;
use domain::change::Content;
use domain::risk::Circumstances;

pub(crate) use alerts::{ACTIVE_ALERTS_MAX, Alerts, is_alert, stream as alert_stream};
pub(crate) use health::Health;
pub(crate) use incidents::{INCIDENTS_LOADED_MAX, Incidents};

use crate::app::App;
use crate::known::Known;

/// What is wrong around a change with this content, as far as is known at `at`.
pub(crate) fn circumstances(app: &App, known: &Known, content: &Content, at: Timestamp) -> Circumstances {
    Circumstances {
        incidents: known.incidents.recent(content, at),
        health: app.health.readings(app.clock.now()),
        alerts: known.alerts.on(content),
    }
}
