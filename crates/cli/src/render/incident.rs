//! Incidents: one in full, or a list of them.

use api::incident::{Incident, IncidentSummary};

use super::{Lines, Table, cell, instant, words};
use crate::shell::{Paint, plain};

/// An incident in full.
pub(crate) fn in_full(incident: &Incident, paint: Paint) -> String {
    let summary = &incident.summary;
    let mut lines = Lines::default();
    lines.line(format!("{}  {}", paint.strong(plain(&summary.incident_id)), cell(&summary.title)));
    lines.line(format!("{}, {}", words(&summary.state), severity(paint, &summary.severity)));
    lines.field(paint, "change", Some(&summary.change_id));
    lines.field(paint, "opened", Some(&instant(&summary.opened_at)));
    lines.heading(paint, "Root cause");
    match &incident.root_cause {
        Some(root) => {
            lines.field(paint, "cause", Some(&root.cause));
            lines.field(paint, "remedy", Some(&root.remedy));
        }
        None => lines.line(
            "  not found yet: `cortex-change incident update ID --cause TEXT --remedy TEXT` records it",
        ),
    }
    lines.heading(paint, "Timeline");
    for entry in &incident.timeline {
        let when = paint.dim(instant(&entry.timestamp));
        lines.line(format!("  {when}  {}: {}", plain(&entry.actor), cell(&entry.details)));
    }
    lines.into_text()
}

/// A list of incidents.
pub(crate) fn list(incidents: &[IncidentSummary], paint: Paint) -> String {
    const TITLE: usize = 5;
    let mut table = Table::new(paint, &["INCIDENT", "STATE", "SEVERITY", "CHANGE", "OPENED", "TITLE"], TITLE);
    for incident in incidents {
        table.row([
            cell(&incident.incident_id),
            words(&incident.state),
            severity(paint, &incident.severity),
            cell(&incident.change_id),
            instant(&incident.opened_at),
            cell(&incident.title),
        ]);
    }
    table.into_text()
}

fn severity(paint: Paint, severity: &str) -> String {
    match severity {
        "minor" => severity.to_owned(),
        "moderate" => paint.caution(severity),
        other => paint.bad(plain(other)),
    }
}
