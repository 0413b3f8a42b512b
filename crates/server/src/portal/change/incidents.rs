//! Incidents that the change led to.

use api::incident::IncidentSummary;
use domain::Timestamp;
use maud::{Markup, html};

use crate::portal::format;
use crate::portal::icon::Icon;

/// The card; nothing where there is no incident.
pub(super) fn card(incidents: &[IncidentSummary], now: Timestamp) -> Markup {
    html! {
        @if !incidents.is_empty() {
            section.card aria-labelledby="incidents" {
                h2 #incidents { "Incidents" }
                ul.incidents {
                    @for incident in incidents {
                        li {
                            span.state.state-bad { (Icon::Warning.mark()) }
                            div {
                                p { code { (incident.incident_id) } " " b { (format::words(&incident.severity)) } ", " (incident.state) }
                                p { (incident.title) }
                                p.quiet {
                                    "Opened "
                                    @match incident.opened_at.parse::<Timestamp>() {
                                        Ok(at) => (format::instant(at, &format::short(at, now))),
                                        Err(_) => (incident.opened_at),
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
