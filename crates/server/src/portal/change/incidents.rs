//! Incidents that the change led to.

use api::incident::IncidentSummary;
use domain::Timestamp;
use maud::{Markup, html};

use crate::portal::trouble;

/// The card; nothing where there is no incident.
pub(super) fn card(incidents: &[IncidentSummary], now: Timestamp) -> Markup {
    html! {
        @if !incidents.is_empty() {
            section.card aria-labelledby="incidents" {
                h2 #incidents { "Incidents" }
                ul.incidents { @for incident in incidents { (trouble::incident(incident, now)) } }
            }
        }
    }
}
