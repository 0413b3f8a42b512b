//! What changed before a trouble: the changes that were at work within the last days, ranked.

use domain::Timestamp;
use domain::calendar;
use domain::change::{Change, State, StateName};
use domain::incident::suspects::{self, Candidate, LOOK_BACK_DAYS, Suspect, Trouble};
use jiff::SignedDuration;
use store::{ChangeFilter, ChangeOrder, ChangeQuery, ChangeRow, ChangeSort};

use crate::app::App;
use crate::failure::Failure;
use crate::work;

/// Most changes whose events are read, those that were touched last.
const READ_MAX: usize = 200;
/// Every state of a change that was started.
const STARTED: [StateName; 8] = [
    StateName::Implementing,
    StateName::Interrupted,
    StateName::Validating,
    StateName::Implemented,
    StateName::RollingBack,
    StateName::RolledBack,
    StateName::Failed,
    StateName::Closed,
];

/// The changes that may have led to a trouble.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The likeliest first, each with what lists show of it.
    pub suspects: Vec<(Suspect, ChangeRow)>,
    /// How many changes were looked at.
    pub looked_at: usize,
    /// Whether there were more than are looked at.
    pub is_cut: bool,
}

/// Ranks what was changed before `trouble`.
///
/// # Errors
/// When the store or the log fails.
pub(crate) async fn rank(app: &App, trouble: &Trouble) -> Result<Answer, Failure> {
    let from = trouble.at.saturating_sub(SignedDuration::from_hours(24 * LOOK_BACK_DAYS));
    let filter = ChangeFilter {
        states: STARTED.to_vec(),
        created_before: trouble.at.saturating_add(SignedDuration::from_mins(1)).ok(),
        updated_from: Some(from.unwrap_or(Timestamp::MIN)),
        ..ChangeFilter::default()
    };
    let order = ChangeOrder { by: ChangeSort::Updated, descending: true };
    let page = app.store.list_changes(ChangeQuery { filter, order, after: None, limit: READ_MAX }).await?;
    let mut candidates = Vec::with_capacity(page.rows.len());
    for row in &page.rows {
        let (change, trail) = work::load(app, row.change_id).await?;
        let watched = suspects::watched(trail.iter().map(|recorded| &recorded.event));
        candidates.extend(candidate(&change, watched));
    }
    let ranked = suspects::rank(trouble, &candidates, &app.known().cmdb);
    let row = |suspect: Suspect| {
        let row = page.rows.iter().find(|row| row.change_id == suspect.change)?;
        Some((suspect, row.clone()))
    };
    Ok(Answer {
        suspects: ranked.into_iter().filter_map(row).collect(),
        looked_at: candidates.len(),
        is_cut: page.next.is_some(),
    })
}

/// A change that was started, as far as a ranking asks.
fn candidate(change: &Change, watched: Option<String>) -> Option<Candidate> {
    let (execution, closed_at) = match &change.state {
        State::Closed(closed) => (&closed.execution, Some(closed.at)),
        State::Draft
        | State::Assessing(_)
        | State::AwaitingApproval(_)
        | State::Approved(_)
        | State::Implementing(_)
        | State::Interrupted(_)
        | State::Validating(_)
        | State::Implemented(_)
        | State::RollingBack(_)
        | State::RolledBack(_)
        | State::Failed(_)
        | State::Rejected(_)
        | State::Cancelled => (change.execution()?, None),
    };
    let is_over = matches!(&change.state, State::RolledBack(_) | State::Failed(_));
    let over_at = closed_at.or_else(|| is_over.then_some(change.updated_at));
    Some(Candidate {
        change: change.id,
        items: calendar::items(change),
        started_at: execution.started_at,
        ended_at: execution.finished_at.or(over_at),
        risk: change.assessment().map(|assessment| (assessment.score, assessment.level)),
        watched,
    })
}
