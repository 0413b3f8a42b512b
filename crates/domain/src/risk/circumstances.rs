//! What is wrong around a change at the moment it is handed in: recent incidents, the health of the system, alerts, rules of
//! the organisation that it breaks, other changes at the same time.
//!
//! Facts that the caller looks up. They only ever raise a risk: what is not known counts as wrong in part, and never as
//! healthy.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::calendar::Conflict;
use crate::change::Line;
use crate::change::kind::words;
use crate::id::{ChangeId, IncidentId};
use crate::text::FreeText;

/// Incidents count for so many days from when they were opened.
pub const INCIDENT_WINDOW_DAYS: u16 = 30;
/// Most incidents, and most alerts, that an assessment names; it counts them all.
pub const CIRCUMSTANCES_NAMED_MAX: usize = 5;
/// Most rules that an assessment names as broken; one more says how many there are.
pub const RULE_VIOLATIONS_MAX: usize = 50;
/// Most conflicts that an assessment tells of.
pub const CONFLICTS_TOLD_MAX: usize = 10;

words!(
    /// What a query of the system's health says.
    HealthState, "health", {
        /// The value is on the right side of its threshold.
        Healthy = "healthy",
        /// The value is on the wrong side of its threshold.
        Unhealthy = "unhealthy",
        /// There is no value, or it is too old.
        Unknown = "unknown",
    }
);

/// What is wrong around a change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Circumstances {
    /// Incidents of the last [`INCIDENT_WINDOW_DAYS`].
    #[serde(default, skip_serializing_if = "RecentIncidents::is_none")]
    pub incidents: RecentIncidents,
    /// Every query of the system's health that is configured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub health: Vec<HealthReading>,
    /// Alerts that are active on what is changed.
    #[serde(default, skip_serializing_if = "ActiveAlerts::is_none")]
    pub alerts: ActiveAlerts,
    /// Rules of the organisation's own rule sets that the change breaks, at most [`RULE_VIOLATIONS_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleViolation>,
    /// Other changes that are planned for the same time and get into its way; at most [`CONFLICTS_TOLD_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<Conflict>,
    /// The newest incident of the last [`INCIDENT_WINDOW_DAYS`] to which the same version of something that is changed
    /// has led already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_withdrawn: Option<VersionWithdrawn>,
}

/// A version that was rolled out before and led to an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionWithdrawn {
    /// When.
    pub at: Timestamp,
    /// The change that rolled it out.
    pub change: ChangeId,
    /// The incident.
    pub incident: IncidentId,
}

impl VersionWithdrawn {
    /// It in words.
    #[must_use]
    pub fn sentence(&self) -> String {
        let Self { at, change, incident } = self;
        format!("the same version was rolled out by {change} and led to {incident} at {at}")
    }
}

/// A rule of the organisation's own rule sets that a change breaks. One that could not be evaluated is broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleViolation {
    /// The rule.
    pub rule: Line,
    /// The field that breaks it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<Line>,
    /// What that field holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<FreeText>,
    /// The controls that ask for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controls: Vec<String>,
    /// What the rule says of it, or why it could not be evaluated.
    pub sentence: String,
    /// What to do about it.
    pub next_step: String,
}

impl RuleViolation {
    /// The rule, its field and its sentence. What the field holds is not repeated: it stays where it can be erased.
    pub(super) fn told(&self) -> String {
        let field = self.field.as_ref().map(|field| format!(" at `{field}`")).unwrap_or_default();
        format!("`{}`{field}: {}", self.rule, self.sentence)
    }
}

/// Incidents that were opened in the last [`INCIDENT_WINDOW_DAYS`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecentIncidents {
    /// How many were about something that is changed now.
    pub here: u32,
    /// How many of those are not resolved.
    pub open_here: u32,
    /// How many there were anywhere, those included.
    pub anywhere: u32,
    /// The latest of those about something that is changed now.
    pub named: Vec<IncidentId>,
}

/// What a query of the system's health said last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthReading {
    /// What is asked, as the settings name it.
    pub name: Line,
    /// What the answer means.
    pub state: HealthState,
    /// The value in thousandths; nothing where there is none.
    pub value_thousandths: Option<i64>,
    /// When it was read; nothing where it never was.
    pub at: Option<Timestamp>,
    /// The value beside its threshold, or why there is none.
    pub sentence: String,
}

/// Alerts that are active on what is changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActiveAlerts {
    /// How many.
    pub count: u32,
    /// How many of them are critical.
    pub critical: u32,
    /// The latest ones.
    pub named: Vec<ActiveAlert>,
}

/// An alert that is active.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActiveAlert {
    /// What is alerted.
    pub name: Line,
    /// The service or item that it is about.
    pub on: Line,
    /// Since when.
    pub since: Timestamp,
}

impl Circumstances {
    /// Whether there is nothing to tell.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// The queries of which no current value is known.
    pub(super) fn unknown_health(&self) -> Vec<&Line> {
        let unknown = self.health.iter().filter(|reading| reading.state == HealthState::Unknown);
        unknown.map(|reading| &reading.name).collect()
    }
}

impl RecentIncidents {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl ActiveAlerts {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}
