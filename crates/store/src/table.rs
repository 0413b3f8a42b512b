//! Every table of the store: name, columns in order, and what a second row with the same key means. Inserts, backup,
//! restore and rebuild all read this list, so a new column has one place in Rust besides its migration.

/// A table.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// Names and kinds, in the order in which values are given.
    pub(crate) columns: &'static [(&'static str, Kind)],
    /// Order in which a backup lists the rows.
    pub(crate) order: &'static str,
    pub(crate) on_conflict: OnConflict,
}

impl Table {
    /// Names of all columns, to be read in their order.
    pub(crate) fn column_list(&self) -> String {
        self.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Int,
    Text,
    Bytes,
}

/// What happens to a row whose key is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnConflict {
    /// It is a mistake.
    Fail,
    /// The first one stays.
    Ignore,
    /// The last one counts; columns in `constant` keep their first value.
    Replace { key: &'static [&'static str], constant: &'static [&'static str] },
}

use Kind::{Bytes, Int, Text};

/// One row; see `LogHead`. Not backed up: it follows from the events.
pub(crate) const LOG_HEAD: Table = Table {
    name: "log_head",
    columns: &[("id", Int), ("size", Int), ("frontier", Bytes), ("last_at", Int)],
    order: "id",
    on_conflict: OnConflict::Replace { key: &["id"], constant: &[] },
};

pub(crate) const EVENT: Table = Table {
    name: "event",
    columns: &[
        ("log_index", Int),
        ("stream", Text),
        ("version", Int),
        ("recorded_at", Int),
        ("leaf", Bytes),
        ("leaf_hash", Bytes),
        ("private", Bytes),
    ],
    order: "log_index",
    on_conflict: OnConflict::Fail,
};

pub(crate) const STREAM: Table = Table {
    name: "stream",
    columns: &[("name", Text), ("version", Int), ("last_at", Int)],
    order: "name",
    on_conflict: OnConflict::Replace { key: &["name"], constant: &[] },
};

pub(crate) const CHECKPOINT: Table = Table {
    name: "checkpoint",
    columns: &[("size", Int), ("root", Bytes), ("note", Text), ("signed_at", Int)],
    order: "size",
    on_conflict: OnConflict::Fail,
};

pub(crate) const TILE: Table = Table {
    name: "tile",
    columns: &[("level", Int), ("position", Int), ("root", Bytes)],
    order: "level, position",
    on_conflict: OnConflict::Fail,
};

pub(crate) const TIMER: Table = Table {
    name: "timer",
    columns: &[("id", Text), ("stream", Text), ("kind", Text), ("due_at", Int), ("payload", Text)],
    order: "id",
    on_conflict: OnConflict::Replace { key: &["id"], constant: &[] },
};

pub(crate) const OUTBOX: Table = Table {
    name: "outbox",
    columns: &[
        ("id", Text),
        ("topic", Text),
        ("payload", Text),
        ("created_at", Int),
        ("attempts", Int),
        ("next_attempt_at", Int),
        ("last_error", Text),
        ("dead_at", Int),
    ],
    order: "id",
    on_conflict: OnConflict::Ignore,
};

pub(crate) const IDEMPOTENCY: Table = Table {
    name: "idempotency",
    columns: &[
        ("id", Text),
        ("request_digest", Bytes),
        ("status", Int),
        ("body", Bytes),
        ("created_at", Int),
    ],
    order: "id",
    on_conflict: OnConflict::Fail,
};

pub(crate) const LEASE: Table = Table {
    name: "lease",
    columns: &[("resource", Text), ("holder", Text), ("token", Int), ("expires_at", Int)],
    order: "resource",
    on_conflict: OnConflict::Replace { key: &["resource"], constant: &[] },
};

pub(crate) const SAMPLE: Table = Table {
    name: "sample",
    columns: &[
        ("change_key", Int),
        ("series", Text),
        ("taken_at", Int),
        ("verdict", Text),
        ("value", Int),
        ("detail", Text),
    ],
    order: "change_key, series, taken_at",
    on_conflict: OnConflict::Ignore,
};

pub(crate) const ARTIFACT: Table = Table {
    name: "artifact",
    columns: &[("digest", Text), ("content", Bytes)],
    order: "digest",
    on_conflict: OnConflict::Ignore,
};

pub(crate) const CHANGE_ROW: Table = Table {
    name: "change_row",
    columns: &[
        ("change_key", Int),
        ("state", Text),
        ("change_type", Text),
        ("category", Text),
        ("title", Text),
        ("title_folded", Text),
        ("requester", Text),
        ("on_behalf_of", Text),
        ("risk_score", Int),
        ("risk_raw", Int),
        ("risk_level", Text),
        ("priority", Int),
        ("services", Text),
        ("cis", Text),
        ("environment", Text),
        ("created_at", Int),
        ("updated_at", Int),
        ("deadline", Int),
        ("version", Int),
        ("runs_on", Text),
        ("outcome", Text),
        ("closed_at", Int),
        ("finding", Text),
    ],
    order: "change_key",
    on_conflict: OnConflict::Replace { key: &["change_key"], constant: &["created_at"] },
};

pub(crate) const CHANGE_SERVICE: Table = Table {
    name: "change_service",
    columns: &[("service", Text), ("change_key", Int)],
    order: "service, change_key",
    on_conflict: OnConflict::Ignore,
};

pub(crate) const CHANGE_CI: Table = Table {
    name: "change_ci",
    columns: &[("ci", Text), ("change_key", Int)],
    order: "ci, change_key",
    on_conflict: OnConflict::Ignore,
};

pub(crate) const CI_ROW: Table = Table {
    name: "ci_row",
    columns: &[
        ("id", Text),
        ("ci_type", Text),
        ("tier", Int),
        ("owner", Text),
        ("environment", Text),
        ("lifecycle", Text),
        ("sources", Text),
        ("version", Int),
        ("updated_at", Int),
    ],
    order: "id",
    on_conflict: OnConflict::Replace { key: &["id"], constant: &[] },
};

pub(crate) const CI_SOURCE: Table = Table {
    name: "ci_source",
    columns: &[("source", Text), ("id", Text)],
    order: "source, id",
    on_conflict: OnConflict::Ignore,
};

pub(crate) const INCIDENT_ROW: Table = Table {
    name: "incident_row",
    columns: &[
        ("incident_key", Int),
        ("change_key", Int),
        ("state", Text),
        ("severity", Text),
        ("title", Text),
        ("opened_at", Int),
        ("updated_at", Int),
        ("version", Int),
    ],
    order: "incident_key",
    on_conflict: OnConflict::Replace { key: &["incident_key"], constant: &["opened_at"] },
};

/// The tables whose rows follow from the log.
pub(crate) const VIEWS: [&Table; 6] =
    [&CHANGE_ROW, &CHANGE_SERVICE, &CHANGE_CI, &INCIDENT_ROW, &CI_ROW, &CI_SOURCE];

/// Not backed up: it only concerns servers that are running.
pub(crate) const WRITER: Table = Table {
    name: "writer",
    columns: &[("id", Int), ("batch", Int), ("written_at", Int)],
    order: "id",
    on_conflict: OnConflict::Replace { key: &["id"], constant: &[] },
};

/// Not backed up: it only concerns runners that are running.
pub(crate) const RUNNER_SEEN: Table = Table {
    name: "runner_seen",
    columns: &[
        ("actor", Text),
        ("name", Text),
        ("host", Text),
        ("version", Text),
        ("labels", Text),
        ("concurrency", Int),
        ("working_on", Text),
        ("waiting", Int),
        ("draining", Int),
        ("first_seen_at", Int),
        ("seen_at", Int),
    ],
    order: "actor, name",
    on_conflict: OnConflict::Replace { key: &["actor", "name"], constant: &["first_seen_at"] },
};

/// The tables that a backup carries, in an order in which they can be restored. `log_head` is not among them: it
/// follows from the events.
pub(crate) const BACKED_UP: [&Table; 16] = [
    &EVENT,
    &STREAM,
    &CHECKPOINT,
    &TILE,
    &TIMER,
    &OUTBOX,
    &IDEMPOTENCY,
    &LEASE,
    &SAMPLE,
    &ARTIFACT,
    &CHANGE_ROW,
    &CHANGE_SERVICE,
    &CHANGE_CI,
    &CI_ROW,
    &CI_SOURCE,
    &INCIDENT_ROW,
];
