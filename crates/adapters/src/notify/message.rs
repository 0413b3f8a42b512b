//! What a channel is given to send.

use domain::Timestamp;
use domain::actor::Role;
use domain::canonical::Digest;
use domain::change::{ChangeType, Notice, StateName};
use domain::id::{ChangeId, IncidentId};
use domain::incident::{IncidentState, Severity};
use domain::risk::Level;
use serde::{Deserialize, Serialize};

/// One thing that people are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// What about.
    pub kind: Notice,
    /// When it happened.
    pub at: Timestamp,
    /// The change it is about, as it was then.
    pub change: Option<ChangeFacts>,
    /// The incident it is about, as it was then.
    pub incident: Option<IncidentFacts>,
    /// The roles that it concerns.
    pub audience: Vec<Role>,
    /// The page to look at.
    pub link: Option<String>,
}

/// A change, as people are told of it. Title and requester are other people's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeFacts {
    /// Its identifier.
    pub change_id: ChangeId,
    /// One line.
    pub title: String,
    /// Its ITIL type.
    pub change_type: ChangeType,
    /// Where it is in its life.
    pub state: StateName,
    /// How risky it is, where it was assessed.
    pub level: Option<Level>,
    /// The same, 0 to 100.
    pub score: Option<u8>,
    /// Who asked for it.
    pub requester: String,
    /// What it affects.
    pub services: Vec<String>,
    /// Digest of what runs.
    pub digest: Digest,
    /// The roles that have yet to decide.
    pub asked: Vec<Role>,
    /// Who could decide, by name: those who hold such a role, and those to whom one of them has lent it.
    #[serde(default)]
    pub deciders: Vec<String>,
    /// Until when they may.
    pub deadline: Option<Timestamp>,
}

/// An incident, as people are told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncidentFacts {
    /// Its identifier.
    pub incident_id: IncidentId,
    /// One line.
    pub title: String,
    /// How bad.
    pub severity: Severity,
    /// Where it is in its life.
    pub state: IncidentState,
}

/// Messages that are sent together, under one stable id.
#[derive(Debug, Clone, Copy)]
pub struct Parcel<'a> {
    /// The id: the same whenever the same messages are sent.
    pub id: &'a str,
    /// The messages, the oldest first; several make a digest.
    pub messages: &'a [Message],
    /// When they are sent.
    pub at: Timestamp,
}

impl Message {
    /// What happened, in a few words.
    pub fn what(&self) -> &'static str {
        match self.kind {
            Notice::ApprovalRequested => "A decision is asked for",
            Notice::ApprovalReminder => "A decision is still asked for: half of the time is over",
            Notice::ApprovalEscalated => "A decision is overdue soon: nine tenths of the time are over",
            Notice::Approved => "Approved",
            Notice::Rejected => "Rejected",
            Notice::Cancelled => "Cancelled",
            Notice::Started => "Implementation has begun",
            Notice::Interrupted => "The runner is gone",
            Notice::RollbackStarted => "The change is being taken back",
            Notice::RolledBack => "The change was taken back",
            Notice::RollbackFailed => "The change could not be taken back",
            Notice::Closed => "Closed",
            Notice::AttentionNeeded => "Somebody must look at this",
            Notice::IncidentOpened => "An incident was opened",
            Notice::IncidentWorsened => "An incident became worse",
            Notice::IncidentResolved => "An incident was resolved",
            Notice::Test => "This is a test of the channel",
        }
    }

    /// What it is about: the incident or change, with its title.
    pub fn subject(&self) -> String {
        match (&self.incident, &self.change) {
            (Some(incident), _) => format!("{} {}", incident.incident_id, incident.title),
            (None, Some(change)) => format!("{} {}", change.change_id, change.title),
            (None, None) => "Cortex Change".to_owned(),
        }
    }

    /// What happened and to what, in a line.
    pub fn headline(&self) -> String {
        format!("{}: {}", self.what(), self.subject())
    }

    /// The facts worth showing, each with its name.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = Vec::new();
        if let Some(incident) = &self.incident {
            facts.push(("Severity", incident.severity.to_string()));
            facts.push(("State", incident.state.to_string()));
        }
        let Some(change) = &self.change else { return facts };
        if self.incident.is_some() {
            facts.push(("Change", format!("{} {}", change.change_id, change.title)));
        }
        let risk = change.level.map(|level| match change.score {
            Some(score) => format!("{level}, score {score} of 100"),
            None => level.to_string(),
        });
        facts.push(("Risk", risk.unwrap_or_else(|| "not assessed yet".to_owned())));
        facts.push(("Type", change.change_type.to_string()));
        facts.push(("Requester", change.requester.clone()));
        if !change.services.is_empty() {
            facts.push(("Services", change.services.join(", ")));
        }
        if !change.asked.is_empty() {
            facts.push(("Asked", words(&change.asked)));
        }
        if !change.deciders.is_empty() {
            facts.push(("May decide", change.deciders.join(", ")));
        }
        if let Some(deadline) = change.deadline {
            facts.push(("Decide until", deadline.to_string()));
        }
        facts
    }
}

/// Roles as people say them.
fn words(roles: &[Role]) -> String {
    roles.iter().map(|role| role.as_str().replace('_', " ")).collect::<Vec<_>>().join(", ")
}
