//! What is wrong around a change when it is assessed: recent incidents, the health of the system, active alerts, and rules
//! of the organisation that it breaks, other changes at the same time.
//!
//! Invariant: an assessment never waits for any of it. What is asked elsewhere is asked in the background, and an answer
//! that is missing or too old counts as unknown, never as healthy.

mod alerts;
mod health;
mod incidents;
mod rules;

use domain::Timestamp;
use domain::calendar::Conflict;
use domain::change::Change;
use domain::risk::{CONFLICTS_TOLD_MAX, Circumstances};

pub(crate) use alerts::{ACTIVE_ALERTS_MAX, Alerts, is_alert, stream as alert_stream};
pub(crate) use health::Health;
pub(crate) use incidents::{INCIDENTS_LOADED_MAX, Incidents};

use crate::app::App;
use crate::gates;
use crate::known::Known;

/// What is wrong around a change, as far as is known at `at`.
pub(crate) fn circumstances(app: &App, known: &Known, change: &Change, at: Timestamp) -> Circumstances {
    let content = &change.content;
    Circumstances {
        incidents: known.incidents.recent(content, at),
        health: app.health.readings(app.clock.now()),
        alerts: known.alerts.on(content),
        rules: rules::broken(&app.policies.current(), known, change),
        conflicts: conflicts(known, change, at),
        version_withdrawn: known.incidents.version_withdrawn(content, at),
    }
}

/// What gets in the way of a change's window. One without a window plans no time: it waits its turn when it is started.
fn conflicts(known: &Known, change: &Change, at: Timestamp) -> Vec<Conflict> {
    if change.content.window.is_none() {
        return Vec::new();
    }
    let mut conflicts = gates::conflicts(known, change, at);
    conflicts.truncate(CONFLICTS_TOLD_MAX);
    conflicts
}
