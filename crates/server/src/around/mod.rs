//! What is wrong around a change when it is assessed: recent incidents, the health of the system, active alerts, and rules
//! of the organisation that it breaks.
//!
//! Invariant: an assessment never waits for any of it. What is asked elsewhere is asked in the background, and an answer
//! that is missing or too old counts as unknown, never as healthy.

mod alerts;
mod health;
mod incidents;
mod rules;

use domain::Timestamp;
use domain::change::Change;
use domain::risk::Circumstances;

pub(crate) use alerts::{ACTIVE_ALERTS_MAX, Alerts, is_alert, stream as alert_stream};
pub(crate) use health::Health;
pub(crate) use incidents::{INCIDENTS_LOADED_MAX, Incidents};

use crate::app::App;
use crate::known::Known;

/// What is wrong around a change, as far as is known at `at`.
pub(crate) fn circumstances(app: &App, known: &Known, change: &Change, at: Timestamp) -> Circumstances {
    let content = &change.content;
    Circumstances {
        incidents: known.incidents.recent(content, at),
        health: app.health.readings(app.clock.now()),
        alerts: known.alerts.on(content),
        rules: rules::broken(&app.policies.current(), known, change),
    }
}
