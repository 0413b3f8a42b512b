//! How long each stage of a change may last before somebody must act.

use jiff::{SignedDuration, Timestamp};

use super::state::Execution;
use crate::plan::Plan;

/// Longest an assessment may last: a quarter of an hour.
pub const ASSESSMENT_SECONDS: i64 = 15 * 60;
/// Longest an interrupted change waits for a runner before it is rolled back: one hour.
pub const INTERRUPTION_SECONDS: i64 = 60 * 60;
/// Longest a finished plan waits for its validation, besides its soak time: one day.
pub const VALIDATION_SECONDS: i64 = 24 * 60 * 60;
/// Longest a rollback may last when its plan does not say: one hour.
pub const ROLLBACK_SECONDS: i64 = 60 * 60;
/// Longest a validated change waits to be closed before the system closes it: three days.
pub const CLOSING_SECONDS: i64 = 3 * 24 * 60 * 60;

/// Longest after an automatic rejection that it can be overridden: a week.
pub const OVERRIDE_SECONDS: i64 = 7 * 24 * 60 * 60;

/// The instant `seconds` after `from`; the last representable instant when that lies beyond it.
pub fn after(from: Timestamp, seconds: i64) -> Timestamp {
    from.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

/// When authorities are reminded: at half and at nine tenths of so many seconds that end at a deadline.
pub fn reminders(deadline: Timestamp, seconds: u64) -> [Timestamp; 2] {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    [seconds / 2, seconds / 10]
        .map(|before| deadline.saturating_sub(SignedDuration::from_secs(before)).unwrap_or(deadline))
}

/// When a finished plan must have been validated: its soak time, and a day.
pub fn validation(plan: &Plan, now: Timestamp) -> Timestamp {
    let soak = i64::try_from(plan.soak_seconds).unwrap_or(i64::MAX);
    after(now, soak.saturating_add(VALIDATION_SECONDS))
}

/// When a rollback that begins now counts as failed.
pub fn rollback(max_duration_seconds: Option<u64>, now: Timestamp) -> Timestamp {
    let seconds =
        max_duration_seconds.map_or(ROLLBACK_SECONDS, |given| i64::try_from(given).unwrap_or(i64::MAX));
    // A runner may have to come first.
    after(now, seconds.saturating_add(INTERRUPTION_SECONDS))
}

/// Time from the start to the end of the plan, in seconds, where it has ended.
pub fn implementation_seconds(execution: &Execution) -> Option<i64> {
    execution.finished_at.map(|finished| finished.duration_since(execution.started_at).as_secs())
}
