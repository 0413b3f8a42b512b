//! Incidents, in lists and in full.

use api::incident as wire;
use domain::incident::suspects::{Suspect, Trouble};
use domain::incident::{Incident, RootCause, TimelineEntry};
use store::{ChangeRow, IncidentRow};

use super::{time, with_names};
use crate::known::Known;
use crate::use_cases::suspects::Answer;

/// An incident in a list.
pub(crate) fn incident_summary(row: &IncidentRow) -> wire::IncidentSummary {
    wire::IncidentSummary {
        incident_id: row.incident_id.to_string(),
        change_id: row.change_id.map(|id| id.to_string()),
        state: row.state.to_string(),
        severity: row.severity.to_string(),
        title: row.title.clone(),
        opened_at: time(row.opened_at),
        updated_at: time(row.updated_at),
    }
}

/// An incident in full.
pub(crate) fn incident(known: &Known, incident: &Incident) -> wire::Incident {
    let problems = known.problems.behind(incident.id);
    let problems = problems.map(|problem| super::known_problem::behind(known, problem));
    wire::Incident {
        summary: wire::IncidentSummary {
            incident_id: incident.id.to_string(),
            change_id: incident.change.map(|id| id.to_string()),
            state: incident.state.to_string(),
            severity: incident.severity.to_string(),
            title: incident.title.to_string(),
            opened_at: time(incident.opened_at),
            updated_at: time(incident.updated_at),
        },
        version: incident.version,
        affected: incident.affected.iter().map(ToString::to_string).collect(),
        began_at: time(incident.began_at),
        timeline: incident.timeline.iter().map(|entry| timeline_entry(known, entry)).collect(),
        root_cause: root_cause(known, &incident.root_cause),
        problems: problems.collect(),
    }
}

/// The changes that may have led to a trouble.
pub(crate) fn suspects(trouble: &Trouble, answer: Answer) -> wire::Suspects {
    let suspect = |(suspect, row): (Suspect, ChangeRow)| wire::Suspect {
        change_id: suspect.change.to_string(),
        title: row.title,
        state: row.state.to_string(),
        points: suspect.points,
        distance: suspect.distance,
        reasons: suspect
            .reasons
            .into_iter()
            .map(|(points, reason)| wire::Reason { points, reason })
            .collect(),
    };
    wire::Suspects {
        of: trouble.items.iter().map(ToString::to_string).collect(),
        at: time(trouble.at),
        items: answer.suspects.into_iter().map(suspect).collect(),
        looked_at: u64::try_from(answer.looked_at).unwrap_or(u64::MAX),
        is_cut: answer.is_cut,
    }
}

pub(super) fn timeline_entry(known: &Known, entry: &TimelineEntry) -> wire::TimelineEntry {
    wire::TimelineEntry {
        timestamp: time(entry.at),
        actor: known.directory.name_of(&entry.by),
        details: with_names(known, entry.text.as_str()),
    }
}

fn root_cause(known: &Known, root_cause: &RootCause) -> Option<wire::RootCause> {
    match root_cause {
        RootCause::Pending => None,
        RootCause::Recorded { cause, remedy, .. } => Some(wire::RootCause {
            cause: with_names(known, cause.as_str()),
            remedy: with_names(known, remedy.as_str()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use domain::incident::{IncidentEvent, Severity, evolve};

    use super::*;
    use crate::view::fixture::{self, at, lead, text};

    #[test]
    fn an_incident_is_told_with_names_and_its_cause_once_it_is_known() {
        let id = "INC-2025-000007".parse().unwrap();
        let opened = IncidentEvent::Opened {
            change: Some("CHG-2025-001234".parse().unwrap()),
            affected: ["shop".parse().unwrap()].into(),
            began_at: Some(at(0)),
            severity: Severity::Moderate,
            title: text("rolled back"),
            text: text("act_lead asked for it"),
        };
        let known = fixture::known();
        let before = evolve(None, id, at(1), &domain::id::ActorId::system(), &opened).unwrap();
        let told = incident(&known, &before);
        assert_eq!(told.timeline[0].details, "tech-lead@cortex.ai asked for it");
        assert_eq!(told.timeline[0].actor, "cortex-change-manager");
        assert_eq!(told.root_cause, None);
        assert_eq!(
            (&told.affected[..], told.began_at.as_str()),
            (&["shop".to_owned()][..], "2025-12-30T18:00:00Z")
        );
        let recorded =
            IncidentEvent::RootCauseRecorded { cause: text("a limit"), remedy: text("act_lead raised it") };
        let after = evolve(Some(before), id, at(9), &lead(), &recorded).unwrap();
        let told = incident(&known, &after);
        let cause = told.root_cause.unwrap();
        assert_eq!((&*cause.cause, &*cause.remedy), ("a limit", "tech-lead@cortex.ai raised it"));
        assert_eq!((told.summary.updated_at.as_str(), told.version), ("2025-12-30T18:00:09Z", 2));
    }
}
