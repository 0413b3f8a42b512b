//! Incidents of the last days, and what each was about: what whoever reported it named, and the services and items of the
//! change that led to it.

use std::collections::{BTreeMap, HashSet};

use domain::Timestamp;
use domain::change::{Content, Source};
use domain::id::{ActorId, ChangeId, CiName, IncidentId};
use domain::incident::{Incident, IncidentState};
use domain::risk::{CIRCUMSTANCES_NAMED_MAX, INCIDENT_WINDOW_DAYS, RecentIncidents, VersionWithdrawn};
use jiff::SignedDuration;
use store::IncidentRow;

/// Most incidents that are read when the server starts, the latest ones.
pub(crate) const INCIDENTS_LOADED_MAX: usize = 2_000;

/// The latest incidents.
#[derive(Debug, Default)]
pub(crate) struct Incidents(BTreeMap<(Timestamp, IncidentId), Entry>);

/// One incident.
#[derive(Debug)]
struct Entry {
    version: u64,
    is_open: bool,
    /// Who reported it; nothing where a rollback opened it.
    reported_by: Option<ActorId>,
    /// The change that led to it, once that is known.
    change: Option<ChangeId>,
    /// What it was about; nothing where that cannot be read, which counts as everything.
    names: Option<HashSet<String>>,
    /// What that change rolled out.
    source: Option<Source>,
}

fn window() -> SignedDuration {
    SignedDuration::from_hours(24 * i64::from(INCIDENT_WINDOW_DAYS))
}

fn names(content: &Content) -> impl Iterator<Item = &str> {
    let services = content.affected_services.iter().map(|name| name.as_str());
    services.chain(content.affected_cis.iter().map(|name| name.as_str()))
}

impl Incidents {
    /// Takes an incident in, with the content of the change that led to it. One that is known already, as it is now.
    pub(crate) fn put(&mut self, incident: &Incident, content: Option<&Content>) {
        let changed = content.into_iter().flat_map(names);
        let affected = incident.affected.iter().map(CiName::as_str);
        let entry = Entry {
            version: incident.version,
            is_open: incident.is_unresolved(),
            reported_by: incident.reported_by().cloned(),
            change: incident.change,
            names: Some(affected.chain(changed).map(str::to_owned).collect()),
            source: content.and_then(|content| content.source.clone()),
        };
        self.add(incident.opened_at, incident.id, entry);
    }

    /// Takes an incident of a list in whose log cannot be read.
    pub(crate) fn put_unread(&mut self, row: &IncidentRow) {
        let entry = Entry {
            version: row.version,
            is_open: is_open(row.state),
            reported_by: None,
            change: row.change_id,
            names: None,
            source: None,
        };
        self.add(row.opened_at, row.incident_id, entry);
    }

    fn add(&mut self, opened_at: Timestamp, id: IncidentId, entry: Entry) {
        if self.0.get(&(opened_at, id)).is_some_and(|known| known.version >= entry.version) {
            return;
        }
        self.0.insert((opened_at, id), entry);
        // What no later assessment counts is forgotten.
        let begin = opened_at.saturating_sub(window()).unwrap_or(Timestamp::MIN);
        while self.0.first_key_value().is_some_and(|((opened_at, _), _)| *opened_at < begin) {
            self.0.pop_first();
        }
    }

    /// Takes in how an incident goes on that is known already, or one that somebody reports without a change.
    pub(crate) fn follow(&mut self, incident: &Incident) {
        match self.0.get_mut(&(incident.opened_at, incident.id)) {
            Some(known) if known.version < incident.version => {
                known.version = incident.version;
                known.is_open = incident.is_unresolved();
            }
            Some(_) => {}
            None if incident.change.is_none() => self.put(incident, None),
            None => {}
        }
    }

    /// How many incidents an actor has reported that are not resolved.
    pub(crate) fn unresolved_of(&self, reporter: &ActorId) -> usize {
        self.0.values().filter(|entry| entry.is_open && entry.reported_by.as_ref() == Some(reporter)).count()
    }

    /// The newest open incident of something that this content is about, of which is known which change led to it.
    pub(crate) fn newest_open(&self, content: &Content) -> Option<IncidentId> {
        let is_about = |known: &HashSet<String>| names(content).any(|name| known.contains(name));
        let mut newest_first =
            self.0.iter().rev().filter(|(_, entry)| entry.is_open && entry.change.is_some());
        let found = newest_first.find(|(_, entry)| entry.names.as_ref().is_some_and(is_about));
        found.map(|((_, id), _)| *id)
    }

    /// The newest incident of the last days to which the same version of something that this content changes has led.
    pub(crate) fn version_withdrawn(&self, content: &Content, at: Timestamp) -> Option<VersionWithdrawn> {
        let source = content.source.as_ref()?;
        let begin = at.saturating_sub(window()).unwrap_or(Timestamp::MIN);
        let mut latest = self.0.iter().rev().take_while(|((opened_at, _), _)| *opened_at >= begin);
        let is_same = |entry: &Entry| {
            let is_about = |known: &HashSet<String>| names(content).any(|name| known.contains(name));
            entry.source.as_ref().is_some_and(|before| is_same_version(before, source))
                && entry.names.as_ref().is_some_and(is_about)
        };
        let ((opened_at, id), entry) = latest.find(|(_, entry)| is_same(entry))?;
        Some(VersionWithdrawn { at: *opened_at, change: entry.change?, incident: *id })
    }

    /// The incidents that bear on a change with this content at `at`.
    pub(crate) fn recent(&self, content: &Content, at: Timestamp) -> RecentIncidents {
        let begin = at.saturating_sub(window()).unwrap_or(Timestamp::MIN);
        let all = self.0.iter().rev().skip_while(|((opened_at, _), _)| *opened_at > at);
        let changed: HashSet<&str> = names(content).collect();
        let is_about = |names: &HashSet<String>| {
            // Whichever names fewer things is gone through.
            if changed.len() < names.len() {
                changed.iter().any(|name| names.contains(*name))
            } else {
                names.iter().any(|name| changed.contains(name.as_str()))
            }
        };
        let mut recent = RecentIncidents::default();
        for ((_, id), entry) in all.take_while(|((opened_at, _), _)| *opened_at >= begin) {
            recent.anywhere = recent.anywhere.saturating_add(1);
            if entry.names.as_ref().is_none_or(is_about) {
                recent.here = recent.here.saturating_add(1);
                recent.open_here = recent.open_here.saturating_add(u32::from(entry.is_open));
                if recent.named.len() < CIRCUMSTANCES_NAMED_MAX {
                    recent.named.push(*id);
                }
            }
        }
        recent
    }
}

/// Whether two changes roll the same thing out: the same commit, or an artefact of the same digest.
fn is_same_version(one: &Source, other: &Source) -> bool {
    let has_commit = one.commit.is_some() && one.commit == other.commit;
    // By digest alone: what an artefact is called is up to whoever asks.
    let has_artefact =
        || one.artefacts.values().any(|digest| other.artefacts.values().any(|it| it == digest));
    has_commit || has_artefact()
}

fn is_open(state: IncidentState) -> bool {
    match state {
        IncidentState::Open | IncidentState::Investigating => true,
        IncidentState::Resolved | IncidentState::Closed => false,
    }
}

#[cfg(test)]
mod tests {
    use domain::incident::{IncidentEvent, Severity, evolve};
    use domain::risk::Level;
    use domain::text::FreeText;
    use std::collections::BTreeSet;

    use super::*;
    use crate::view::fixture::Story;

    #[test]
    fn an_incident_counts_for_thirty_days_and_for_what_it_was_about() {
        let release = |commit: Option<&str>, artefacts: &[(&str, &str)]| {
            let artefacts = artefacts.iter().map(|(name, digest)| ((*name).to_owned(), (*digest).to_owned()));
            let commit = commit.map(|letter| letter.repeat(40));
            Some(Source { repository: None, reference: None, commit, artefacts: artefacts.collect() })
        };
        let here =
            Story::awaiting(Level::Medium, |content| content.source = release(Some("a"), &[])).change();
        let mut elsewhere = here.content.clone();
        elsewhere.affected_services = ["elsewhere".parse().unwrap()].into();
        elsewhere.affected_cis.clear();
        let opened_at: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        let event = IncidentEvent::Opened {
            change: Some(here.id),
            affected: BTreeSet::new(),
            began_at: None,
            severity: Severity::Moderate,
            title: FreeText::new("rolled back").unwrap(),
            text: FreeText::new("error rate 12 %").unwrap(),
        };
        let id = "INC-2026-000001".parse().unwrap();
        let incident = evolve(None, id, opened_at, &ActorId::system(), &event).unwrap();
        let mut incidents = Incidents::default();
        incidents.put(&incident, Some(&here.content));
        incidents.put(&incident, Some(&here.content));
        let counts = |content: &Content, hours: i64| {
            let recent = incidents.recent(content, opened_at + SignedDuration::from_hours(hours));
            (recent.here, recent.open_here, recent.anywhere, recent.named.len())
        };
        assert_eq!(counts(&here.content, -1), (0, 0, 0, 0));
        assert_eq!(counts(&here.content, 0), (1, 1, 1, 1));
        assert_eq!(counts(&here.content, 30 * 24), (1, 1, 1, 1));
        assert_eq!(counts(&here.content, 30 * 24 + 1), (0, 0, 0, 0));
        assert_eq!(counts(&elsewhere, 1), (0, 0, 1, 0));

        // The version that led to it is remembered for as long, where it was rolled out and nowhere else.
        let withdrawn = |content: &Content, hours: i64| {
            incidents.version_withdrawn(content, opened_at + SignedDuration::from_hours(hours))
        };
        let known = VersionWithdrawn { at: opened_at, change: here.id, incident: id };
        assert_eq!(withdrawn(&here.content, 30 * 24), Some(known.clone()));
        assert_eq!(withdrawn(&here.content, 30 * 24 + 1), None);
        assert_eq!(withdrawn(&elsewhere, 1), None);
        let other = |source| Content { source, ..here.content.clone() };
        assert_eq!(withdrawn(&other(release(Some("b"), &[])), 1), None);
        assert_eq!(withdrawn(&other(None), 1), None);
        let later = Incident { version: incident.version + 1, ..incident.clone() };
        incidents.put(&later, Some(&other(release(None, &[("image", "sha256:1")]))));
        let asked = |name: &str, digest: &str| {
            incidents.version_withdrawn(&other(release(None, &[(name, digest)])), opened_at)
        };
        assert_eq!(
            [asked("image", "sha256:1"), asked("image:retry", "sha256:1"), asked("image", "sha256:2")],
            [Some(known.clone()), Some(known), None]
        );
    }
}
