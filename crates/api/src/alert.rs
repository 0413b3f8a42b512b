//! Alerts in the form in which Alertmanager posts them to a webhook (version 4).
//!
//! It is an outside format, so what is not known is passed over; what is read must have its form.

use std::collections::BTreeMap;

use domain::Timestamp;
use domain::alert::{FiredAlert, subjects};
use domain::canonical::Digest;
use domain::change::Line;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::field::FieldError;

/// Most alerts of one notification.
pub const ALERTS_MAX: usize = 500;
/// Most labels of one alert.
const LABELS_MAX: usize = 128;
/// The one version that is read.
const VERSION: &str = "4";
/// Longest fingerprint, in bytes.
const FINGERPRINT_BYTES_MAX: usize = 64;
const FINGERPRINT_LABEL: &str = "cortex-change/alert-labels/v1";
const UNNAMED: &str = "unnamed alert";

/// A notification of Alertmanager.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct AlertNotification {
    /// Version of the format: `4`.
    pub version: String,
    /// The alerts: at most 500.
    pub alerts: Vec<Alert>,
}

/// An alert that fires, or does so no more.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// `firing` or `resolved`.
    pub status: String,
    /// `alertname` and `severity`; `service`, `ci`, or `deployment` and the like with `namespace`, name what it is about.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// When it began, RFC 3339.
    pub starts_at: String,
    /// When it ended, RFC 3339; of no meaning while it fires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<String>,
    /// Recognises the alert by its labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

/// What became of a notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertsTaken {
    /// Alerts that fire and were not known to.
    pub fired: u64,
    /// Alerts that fire no more.
    pub resolved: u64,
    /// Alerts of which nothing new was said.
    pub unchanged: u64,
}

/// One firing of an alert, as it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldAlert {
    /// Recognises the alert by its labels.
    pub fingerprint: String,
    /// The alert.
    pub alert: FiredAlert,
    /// Since when it fires no more; nothing while it does.
    pub resolved: Option<Timestamp>,
}

impl AlertNotification {
    /// The alerts as domain values.
    ///
    /// # Errors
    /// When a field does not have the accepted form.
    pub fn to_domain(&self) -> Result<Vec<ToldAlert>, FieldError> {
        if self.version != VERSION {
            let given: String = self.version.chars().take(40).collect();
            let message =
                format!("`{given}` is not accepted: expected `{VERSION}`, as Alertmanager writes it");
            return Err(FieldError::new("version", message));
        }
        if self.alerts.len() > ALERTS_MAX {
            let message = format!(
                "{} entries are more than the {ALERTS_MAX} accepted: set `max_alerts` of the webhook",
                self.alerts.len()
            );
            return Err(FieldError::new("alerts", message));
        }
        let alerts = self.alerts.iter().enumerate();
        alerts
            .map(|(at, alert)| alert.to_domain().map_err(|error| error.under(&format!("alerts[{at}]"))))
            .collect()
    }
}

impl Alert {
    fn to_domain(&self) -> Result<ToldAlert, FieldError> {
        if self.labels.len() > LABELS_MAX {
            let message = format!("{} labels are more than the {LABELS_MAX} accepted", self.labels.len());
            return Err(FieldError::new("labels", message));
        }
        let since = instant("startsAt", &self.starts_at)?;
        let resolved = match self.status.as_str() {
            "firing" => None,
            "resolved" => Some(self.ends_at.as_deref().map_or(Ok(since), |text| instant("endsAt", text))?),
            other => {
                let given: String = other.chars().take(40).collect();
                let message = format!("`{given}` is unknown: expected firing or resolved");
                return Err(FieldError::new("status", message));
            }
        };
        let label = |name: &str| self.labels.get(name).and_then(|value| Line::fitted(value));
        let unnamed = || Line::fitted(UNNAMED).unwrap_or_else(|| unreachable!("`{UNNAMED}` is a line"));
        let name = label("alertname").unwrap_or_else(unnamed);
        let alert = FiredAlert { name, severity: label("severity"), on: subjects(&self.labels), since };
        Ok(ToldAlert { fingerprint: self.fingerprint()?, alert, resolved })
    }

    /// What Alertmanager calls it, or where it does not say, the digest of the labels.
    fn fingerprint(&self) -> Result<String, FieldError> {
        let Some(given) = &self.fingerprint else {
            let digest = Digest::of(FINGERPRINT_LABEL, &self.labels);
            return digest.map(|digest| digest.to_string()).map_err(|error| FieldError::new("labels", error));
        };
        let is_word = !given.is_empty()
            && given.len() <= FINGERPRINT_BYTES_MAX
            && given.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_word {
            return Ok(given.clone());
        }
        let message = format!("expected 1 to {FINGERPRINT_BYTES_MAX} letters and digits");
        Err(FieldError::new("fingerprint", message))
    }
}

fn instant(field: &str, text: &str) -> Result<Timestamp, FieldError> {
    let read = text.parse::<Timestamp>();
    read.map_err(|_| {
        let given: String = text.chars().filter(|c| !c.is_control()).take(40).collect();
        let message = format!("`{given}` is not an instant: expected a form like 2026-01-31T14:00:00Z");
        FieldError::new(field, message)
    })
}
