//! Runners that have announced themselves: who is there, what it is fit for, what it works on. It is what was seen, beside
//! the log: nothing follows from it, and it is forgotten.

use std::collections::BTreeSet;

use domain::Timestamp;
use domain::id::{ActorId, ChangeId, RunnerLabel};

use crate::database::{Database, Row};
use crate::error::StoreError;
use crate::name::HolderName;
use crate::projection::{list_text, parse_list};
use crate::sql::{count, micros};
use crate::table::RUNNER_SEEN;

/// Most runners that are kept; those that were not seen for the longest time make room.
pub const RUNNERS_MAX: usize = 1_000;
/// Most runners of one actor that are kept, so that one actor does not make all others make room.
pub const RUNNERS_PER_ACTOR_MAX: usize = 100;

/// A runner as it was last seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunnerSeen {
    /// Who it is.
    pub actor: ActorId,
    /// Its own name, unique for each process.
    pub name: HolderName,
    /// The machine that it runs on, in its own words.
    pub host: String,
    /// The release that it is of.
    pub version: String,
    /// What it is fit for.
    pub labels: BTreeSet<RunnerLabel>,
    /// How many changes it carries out at a time.
    pub concurrency: u32,
    /// The changes that it works on.
    pub working_on: BTreeSet<ChangeId>,
    /// How many of them wait for a person and take none of its places.
    pub waiting: u32,
    /// Whether it takes nothing on any more.
    pub draining: bool,
    /// When it was first seen.
    pub first_seen_at: Timestamp,
    /// When it was last seen.
    pub seen_at: Timestamp,
}

/// Keeps a runner as it is now seen, and makes room where there are too many.
pub(crate) fn put(db: &mut Database, seen: &RunnerSeen) -> Result<(), StoreError> {
    const TRIM_OWN: &str = "DELETE FROM runner_seen WHERE actor = $1 AND (actor, name) IN \
        (SELECT actor, name FROM runner_seen WHERE actor = $1 ORDER BY seen_at DESC, name LIMIT $2 OFFSET $3)";
    const TRIM: &str = "DELETE FROM runner_seen WHERE (actor, name) IN \
        (SELECT actor, name FROM runner_seen ORDER BY seen_at DESC, actor, name LIMIT $1 OFFSET $2)";
    let changes: Vec<String> = seen.working_on.iter().map(ToString::to_string).collect();
    let cells = vec![
        seen.actor.as_str().into(),
        seen.name.as_str().into(),
        seen.host.as_str().into(),
        seen.version.as_str().into(),
        list_text(seen.labels.iter().map(RunnerLabel::as_str)).into(),
        i64::from(seen.concurrency).into(),
        list_text(changes.iter().map(String::as_str)).into(),
        i64::from(seen.waiting).into(),
        i64::from(seen.draining).into(),
        micros(seen.first_seen_at).into(),
        micros(seen.seen_at).into(),
    ];
    db.insert(&RUNNER_SEEN, cells)?;
    let (own, all) = (count(RUNNERS_PER_ACTOR_MAX as u64), count(RUNNERS_MAX as u64));
    db.execute(TRIM_OWN, &[seen.actor.as_str().into(), all.into(), own.into()])?;
    db.execute(TRIM, &[all.into(), all.into()])?;
    Ok(())
}

/// Forgets a runner that has said that it ends.
pub(crate) fn remove(db: &mut Database, actor: &ActorId, name: &HolderName) -> Result<(), StoreError> {
    const SQL: &str = "DELETE FROM runner_seen WHERE actor = $1 AND name = $2";
    db.execute(SQL, &[actor.as_str().into(), name.as_str().into()]).map(|_removed| ())
}

/// Forgets runners that were not seen since `before` and tells how many.
pub(crate) fn prune(db: &mut Database, before: Timestamp) -> Result<u64, StoreError> {
    db.execute("DELETE FROM runner_seen WHERE seen_at < $1", &[micros(before).into()])
}

/// Reads every runner that is kept.
pub(crate) fn all(db: &mut Database) -> Result<Vec<RunnerSeen>, StoreError> {
    let sql = format!("SELECT {} FROM runner_seen ORDER BY actor, name", RUNNER_SEEN.column_list());
    db.query(&sql, &[], seen)
}

/// Reads a row of [`RUNNER_SEEN`], all columns in order.
fn seen(row: &Row<'_>) -> Result<RunnerSeen, StoreError> {
    Ok(RunnerSeen {
        actor: row.parsed(0, "runner_seen.actor")?,
        name: row.parsed(1, "runner_seen.name")?,
        host: row.text(2)?,
        version: row.text(3)?,
        labels: parse_list(&row.text(4)?, "runner_seen.labels")?.into_iter().collect(),
        concurrency: small(row, 5)?,
        working_on: parse_list(&row.text(6)?, "runner_seen.working_on")?.into_iter().collect(),
        waiting: small(row, 7)?,
        draining: row.int(8)? != 0,
        first_seen_at: row.time(9)?,
        seen_at: row.time(10)?,
    })
}

fn small(row: &Row<'_>, at: usize) -> Result<u32, StoreError> {
    u32::try_from(row.count(at)?).map_err(|error| StoreError::damaged(format!("runner_seen: {error}")))
}
