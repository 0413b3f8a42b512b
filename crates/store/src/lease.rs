//! Leases: who may act on something right now, by the database's clock, with a fencing token that only ever grows.
//!
//! A lease ends by itself. After that nobody holds it, and its last holder has the grace time to notice before
//! somebody else is let in. Every grant has a token larger than all earlier ones of the resource, so that whoever
//! compares tokens can tell a late holder from the present one. Rows are never deleted: a token must not come again.

use std::time::Duration;

use domain::Timestamp;

use crate::database::{Database, Row};
use crate::error::StoreError;
use crate::name::{HolderName, ResourceName};
use crate::sql::{count, duration_micros, micros};
use crate::table::LEASE;

/// Shortest lease. The clock of SQLite ticks in milliseconds.
pub const LEASE_TIME_MIN: Duration = Duration::from_millis(1);
/// Longest lease and longest grace.
pub const LEASE_TIME_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// A lease that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseGranted {
    /// What it is held on.
    pub resource: ResourceName,
    /// Who holds it.
    pub holder: HolderName,
    /// The fencing token.
    pub token: u64,
    /// Until when, by the database's clock.
    pub expires_at: Timestamp,
}

/// Why a lease was not granted or renewed.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Somebody else holds it, or held it until just now.
    #[error("lease on `{resource}` is held by `{holder}`: it can be taken over from {available_at} on")]
    HeldBy {
        /// What it is held on.
        resource: ResourceName,
        /// The present or last holder.
        holder: HolderName,
        /// When it expires or expired, by the database's clock.
        expires_at: Timestamp,
        /// When it can be taken over unless it is renewed.
        available_at: Timestamp,
    },
    /// The lease has expired, was released or was taken over.
    #[error(
        "lease on `{resource}` with token {token} is no longer held: stop, and acquire it again before going on"
    )]
    Lost {
        /// What it was held on.
        resource: ResourceName,
        /// The token that is no longer valid.
        token: u64,
    },
    /// A time that no lease can have.
    #[error("lease time {} s is not possible: 1 ms to {} s are accepted", given.as_secs(), LEASE_TIME_MAX.as_secs())]
    Time {
        /// The time given.
        given: Duration,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is known of a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseState {
    /// The last grant.
    pub granted: LeaseGranted,
    /// Whether its time is not over, by the database's clock.
    pub is_live: bool,
}

const COLUMNS: &str = "resource, holder, token, expires_at";

/// Grants a lease unless somebody else holds it or held it less than `grace` ago. The present holder gets a new token.
pub(crate) fn acquire(
    db: &mut Database,
    now: Timestamp,
    resource: &ResourceName,
    holder: &HolderName,
    ttl: Duration,
    grace: Duration,
) -> Result<Result<LeaseGranted, LeaseError>, StoreError> {
    let last = last_grant(db, resource)?;
    if let Some(LastGrant { holder: Some(last_holder), expires_at, .. }) = &last
        && last_holder != holder
    {
        let available_at = later(*expires_at, grace);
        if now < available_at {
            let (resource, holder, expires_at) = (resource.clone(), last_holder.clone(), *expires_at);
            return Ok(Err(LeaseError::HeldBy { resource, holder, expires_at, available_at }));
        }
    }
    let token = last.map_or(0, |last| last.token) + 1;
    grant(db, resource, holder, token, later(now, ttl)).map(Ok)
}

/// Extends a lease that is held.
pub(crate) fn renew(
    db: &mut Database,
    now: Timestamp,
    resource: &ResourceName,
    token: u64,
    ttl: Duration,
) -> Result<Result<LeaseGranted, LeaseError>, StoreError> {
    match last_grant(db, resource)? {
        Some(LastGrant { holder: Some(holder), token: last, expires_at })
            if last == token && expires_at > now =>
        {
            grant(db, resource, &holder, token, later(now, ttl)).map(Ok)
        }
        _ => Ok(Err(LeaseError::Lost { resource: resource.clone(), token })),
    }
}

/// Gives a lease back, so that nobody needs to wait. Gives back nothing that somebody else holds by now.
pub(crate) fn release(db: &mut Database, resource: &ResourceName, token: u64) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE lease SET holder = NULL, expires_at = 0 WHERE resource = $1 AND token = $2 AND holder IS NOT NULL";
    Ok(db.execute(SQL, &[resource.as_str().into(), count(token).into()])? > 0)
}

/// Reads what is known of a lease; none when it was never granted or was given back.
pub(crate) fn read(db: &mut Database, resource: &ResourceName) -> Result<Option<LeaseState>, StoreError> {
    let now = db.dialect().now_micros();
    let sql = format!("SELECT {COLUMNS}, {now} FROM lease WHERE resource = $1 AND holder IS NOT NULL");
    db.query_opt(&sql, &[resource.as_str().into()], |row| {
        let granted = granted(row)?;
        Ok(LeaseState { is_live: granted.expires_at > row.time(4)?, granted })
    })
}

/// Reads leases that have been over for `grace` and which nobody gave back or took over, the longest over first.
pub(crate) fn expired(
    db: &mut Database,
    grace: Duration,
    limit: usize,
) -> Result<Vec<LeaseGranted>, StoreError> {
    let now = db.dialect().now_micros();
    let sql = format!(
        "SELECT {COLUMNS} FROM lease WHERE holder IS NOT NULL AND expires_at <= {now} - $1 ORDER BY expires_at LIMIT $2"
    );
    db.query(&sql, &[duration_micros(grace).into(), count(limit as u64).into()], granted)
}

/// Refuses a time that no lease can have.
pub(crate) fn check_ttl(given: Duration) -> Result<(), LeaseError> {
    if given < LEASE_TIME_MIN { Err(LeaseError::Time { given }) } else { check_grace(given) }
}

/// Refuses a grace that is too long.
pub(crate) fn check_grace(given: Duration) -> Result<(), LeaseError> {
    if given > LEASE_TIME_MAX { Err(LeaseError::Time { given }) } else { Ok(()) }
}

struct LastGrant {
    holder: Option<HolderName>,
    token: u64,
    expires_at: Timestamp,
}

fn last_grant(db: &mut Database, resource: &ResourceName) -> Result<Option<LastGrant>, StoreError> {
    const SQL: &str = "SELECT holder, token, expires_at FROM lease WHERE resource = $1";
    db.query_opt(SQL, &[resource.as_str().into()], |row| {
        Ok(LastGrant {
            holder: row.opt_parsed(0, "lease.holder")?,
            token: row.count(1)?,
            expires_at: row.time(2)?,
        })
    })
}

fn grant(
    db: &mut Database,
    resource: &ResourceName,
    holder: &HolderName,
    token: u64,
    expires_at: Timestamp,
) -> Result<LeaseGranted, StoreError> {
    let cells = vec![
        resource.as_str().into(),
        holder.as_str().into(),
        count(token).into(),
        micros(expires_at).into(),
    ];
    db.insert(&LEASE, cells)?;
    Ok(LeaseGranted { resource: resource.clone(), holder: holder.clone(), token, expires_at })
}

fn granted(row: &Row<'_>) -> Result<LeaseGranted, StoreError> {
    Ok(LeaseGranted {
        resource: row.parsed(0, "lease.resource")?,
        holder: row.parsed(1, "lease.holder")?,
        token: row.count(2)?,
        expires_at: row.time(3)?,
    })
}

/// The instant after a time of at most [`LEASE_TIME_MAX`].
fn later(instant: Timestamp, time: Duration) -> Timestamp {
    instant.saturating_add(time).unwrap_or(Timestamp::MAX)
}
