//! Incidents: one in full, or a list of them.

use api::incident::{Incident, IncidentSummary, Suspects};

use super::{Lines, Table, cell, instant, words};
use crate::shell::{Paint, plain};

/// An incident in full.
pub(crate) fn in_full(incident: &Incident, paint: Paint) -> String {
    let summary = &incident.summary;
    let mut lines = Lines::default();
    lines.line(format!("{}  {}", paint.strong(plain(&summary.incident_id)), cell(&summary.title)));
    lines.line(format!("{}, {}", words(&summary.state), severity(paint, &summary.severity)));
    lines.field(paint, "change", summary.change_id.as_deref());
    let affected = (!incident.affected.is_empty()).then(|| incident.affected.join(", "));
    lines.field(paint, "of", affected.as_deref());
    if incident.began_at != summary.opened_at && !incident.began_at.is_empty() {
        lines.field(paint, "began", Some(&instant(&incident.began_at)));
    }
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
    if !incident.problems.is_empty() {
        lines.heading(paint, "Problems behind it");
    }
    for problem in &incident.problems {
        let (id, title) = (paint.strong(plain(&problem.problem_id)), cell(&problem.title));
        lines.line(format!("  {id}  {title}, {}", words(&problem.state)));
        lines.field(paint, "workaround", problem.known_error.as_ref().map(|known| known.workaround.as_str()));
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
            cell(incident.change_id.as_deref().unwrap_or("–")),
            instant(&incident.opened_at),
            cell(&incident.title),
        ]);
    }
    table.into_text()
}

/// The changes that may have led to a trouble, each with its reasons.
pub(crate) fn suspects(suspects: &Suspects, paint: Paint) -> String {
    let mut lines = Lines::default();
    let of = suspects.of.join(", ");
    lines.line(format!("What changed before the trouble of {} at {}", plain(&of), instant(&suspects.at)));
    for suspect in &suspects.items {
        let id = paint.strong(plain(&suspect.change_id));
        lines.line(format!(
            "{:>4}  {id}  {}, {}",
            suspect.points,
            cell(&suspect.title),
            words(&suspect.state)
        ));
        for reason in &suspect.reasons {
            lines.line(format!("      {:>4}  {}", reason.points, plain(&reason.reason)));
        }
    }
    let more = if suspects.is_cut { ", the ones that were touched last" } else { "" };
    lines.line(format!("{} changes were looked at{more}.", suspects.looked_at));
    lines.into_text()
}

fn severity(paint: Paint, severity: &str) -> String {
    match severity {
        "minor" => severity.to_owned(),
        "moderate" => paint.caution(severity),
        other => paint.bad(plain(other)),
    }
}
