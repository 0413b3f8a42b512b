//! Alerts: what a monitoring system says is wrong right now, and what it is about.
//!
//! One firing of an alert is one record: it fires once and is resolved once. Hearing the same again changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::change::Line;

/// Most services and items that one alert is about.
pub const ALERT_SUBJECTS_MAX: usize = 8;
/// Labels that name a service or an item as it is.
const NAMES: [&str; 2] = ["service", "ci"];
/// Labels that, with the label `namespace`, name an item of Kubernetes, and what it is there.
const KINDS: [(&str, &str); 5] = [
    ("deployment", "Deployment"),
    ("statefulset", "StatefulSet"),
    ("daemonset", "DaemonSet"),
    ("service", "Service"),
    ("ingress", "Ingress"),
];

/// Names of services and items that the labels of an alert may mean.
pub fn subjects(labels: &BTreeMap<String, String>) -> BTreeSet<Line> {
    let label = |name: &str| labels.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let named = NAMES.iter().filter_map(|name| label(name)).map(str::to_owned);
    let items = KINDS
        .iter()
        .filter_map(|(name, kind)| Some(format!("{kind}/{}/{}", label("namespace")?, label(name)?)));
    named.chain(items).filter_map(|name| Line::new(name).ok()).take(ALERT_SUBJECTS_MAX).collect()
}

/// Something that happened to one firing of an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", deny_unknown_fields)]
pub enum AlertEvent {
    /// It fires.
    #[serde(rename = "alert.fired")]
    Fired(FiredAlert),
    /// It fires no more.
    #[serde(rename = "alert.resolved")]
    Resolved {
        /// Since when.
        since: Timestamp,
    },
}

/// An alert that fires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FiredAlert {
    /// What is alerted.
    pub name: Line,
    /// How severe, in the monitoring system's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Line>,
    /// Names of the services and items that it is about; none where its labels name none.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub on: BTreeSet<Line>,
    /// Since when.
    pub since: Timestamp,
}

impl FiredAlert {
    /// Whether it says that it is critical.
    pub fn is_critical(&self) -> bool {
        self.severity.as_ref().is_some_and(|severity| {
            ["critical", "page", "emergency"].contains(&severity.as_str().to_ascii_lowercase().as_str())
        })
    }
}
