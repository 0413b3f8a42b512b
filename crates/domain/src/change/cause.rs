//! What led to a change, and when a chain of such causes is cut.
//!
//! A task leads to a change, that to an incident, that to an emergency change, and so on. Among people such a chain is
//! ordinary. Among programs that answer each other it may be a loop, which ends only where somebody cuts it.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::content::Content;
use super::reported::Line;
use crate::actor::ActorKind;
use crate::id::{ActorId, ChangeId, IncidentId};

/// Most links that are followed backwards. A chain that is longer counts as this long.
pub const CHAIN_LINKS_MAX: usize = 16;

/// What led to a change, one step back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A task of the requester's own, by the identifier that it has there. A chain begins with one.
    Task(Line),
    /// Another change, of which this one is a part or a consequence.
    Change(ChangeId),
    /// An incident, and so the change that led to that.
    Incident(IncidentId),
}

/// A text that names no cause.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{given}` names no cause: expected a change like CHG-2026-000001, an incident like INC-2026-000001, or `task:` and an identifier"
)]
pub struct InvalidCause {
    given: String,
}

impl fmt::Display for Cause {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Task(id) => write!(out, "task:{id}"),
            Self::Change(id) => id.fmt(out),
            Self::Incident(id) => id.fmt(out),
        }
    }
}

impl FromStr for Cause {
    type Err = InvalidCause;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidCause { given: text.chars().take(80).collect() };
        if let Some(task) = text.strip_prefix("task:") {
            return Line::new(task).map(Self::Task).map_err(|_| invalid());
        }
        let change = text.parse().map(Self::Change);
        change.or_else(|_| text.parse().map(Self::Incident)).map_err(|_| invalid())
    }
}

/// A cause, and whether the requester named it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CausedBy {
    /// The cause.
    pub cause: Cause,
    /// Whether it was found because a program asked for a change of something that has an open incident.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_inferred: bool,
}

/// A change that led, over others or at once, to one that is about to be created.
#[derive(Debug)]
pub struct Link<'a> {
    /// Who asked for it.
    pub by: &'a ActorId,
    /// What kind of actor that is.
    pub kind: ActorKind,
    /// What was asked for.
    pub content: &'a Content,
}

/// How a change about to be created stands in its chain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Standing {
    /// Changes before it, back to the last one that a person asked for.
    pub links_without_a_person: u32,
    /// How many of them were asked for by the same side, of the same category, about something that this one is about too.
    pub alike_before: u32,
}

impl Standing {
    /// Looks back along a chain, the nearest link first.
    pub fn of<'a>(
        links: impl IntoIterator<Item = Link<'a>>,
        side: &BTreeSet<ActorId>,
        content: &Content,
    ) -> Self {
        let mut standing = Self::default();
        for link in links.into_iter().take(CHAIN_LINKS_MAX) {
            if link.kind == ActorKind::Human {
                break;
            }
            standing.links_without_a_person += 1;
            let is_alike = side.contains(link.by)
                && link.content.category == content.category
                && is_about_the_same(link.content, content);
            standing.alike_before += u32::from(is_alike);
        }
        standing
    }
}

fn is_about_the_same(one: &Content, other: &Content) -> bool {
    !one.affected_services.is_disjoint(&other.affected_services)
        || !one.affected_cis.is_disjoint(&other.affected_cis)
}
