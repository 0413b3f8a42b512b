//! What gets in the way of a change, and when nothing does.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Another change that gets in the way of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Conflict {
    /// The other change.
    pub change_id: String,
    /// Its title, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// proposed, approved or running.
    pub stage: String,
    /// same_item, related or shared_host.
    pub kind: String,
    /// ignore, wait or deny.
    pub treatment: String,
    /// Whether it keeps the change from being started now.
    pub holds: bool,
    /// What the change changes.
    pub item: String,
    /// What the other one changes.
    pub other_item: String,
    /// What both run on, where that is the conflict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// From when they are in each other's way.
    pub start: String,
    /// Until when, as far as is known.
    pub end: String,
    /// All of it in a sentence.
    pub reason: String,
}

/// What gets in the way of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Conflicts {
    /// The change.
    pub change_id: String,
    /// From when it was looked: the beginning of its window, or now.
    pub from: String,
    /// Until when: the end of its window, or when its plan is expected to be done.
    pub to: String,
    /// At most 50, those that keep it back most first.
    pub items: Vec<Conflict>,
}

/// The earliest times at which nothing stands in the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Slots {
    /// From when it was looked.
    pub from: String,
    /// A free time that begins at or after this instant was not looked for.
    pub to: String,
    /// How long a free time must be, in seconds.
    pub duration_seconds: u64,
    /// The free times, the earliest first.
    pub slots: Vec<Slot>,
    /// The times before and between them, and what stands in their way; at most 200.
    pub passed_over: Vec<PassedOver>,
}

/// A time at which nothing stands in the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Slot {
    /// Its first instant.
    pub start: String,
    /// The first instant after it, when it is as long as was asked for.
    pub end: String,
    /// Until when nothing stands in the way, as far as was looked.
    pub free_until: String,
}

/// A time that is not free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PassedOver {
    /// From when.
    pub from: String,
    /// Until when.
    pub until: String,
    /// freeze, maintenance or conflict.
    pub kind: String,
    /// Names of the freeze, of the maintenance windows that are closed, or of the other change.
    pub names: Vec<String>,
    /// Why, in a sentence.
    pub reason: String,
}
