//! What waits for approval: for one person, for a role, or at all.

use domain::actor::Role;
use domain::change::{Change, State, StateName};
use domain::id::ChangeId;
use store::{ChangeFilter, ChangeOrder, ChangeQuery, ChangeSort, Cursor};

use crate::app::App;
use crate::caller::Caller;
use crate::deciders::{Electorate, Say};
use crate::failure::Failure;
use crate::work;

/// For whom something waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WaitsFor {
    /// For whoever asks, by own roles or by lent authority.
    Caller,
    /// For holders of a role.
    Role(Role),
    /// For anybody.
    Anybody,
}

/// A change that waits for authorities.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// The change.
    pub change: Change,
    /// In which ways whoever asks may approve it now.
    pub says: Vec<Say>,
}

/// Changes that wait, the next deadline first, and where to go on. Of the `limit` changes that were looked at, those that
/// wait for somebody else are left out, so that a page may be short although more follow.
///
/// # Errors
/// When the store or the log fails, or the cursor is of another list.
pub(crate) async fn waiting(
    app: &App,
    caller: &Caller,
    waits_for: WaitsFor,
    after: Option<Cursor>,
    limit: usize,
) -> Result<(Vec<Waiting>, Option<Cursor>), Failure> {
    let states = vec![StateName::AwaitingApproval];
    let filter = ChangeFilter { states, ..ChangeFilter::default() };
    let order = ChangeOrder { by: ChangeSort::Deadline, descending: false };
    let page = app.store.list_changes(ChangeQuery { filter, order, after, limit }).await?;
    let mut items = Vec::new();
    for row in &page.rows {
        let one = look_at(app, caller, row.change_id).await?;
        items.extend(one.filter(|one| waits_for.is_met(one)));
    }
    Ok((items, page.next))
}

/// A change and what the caller has to say about it; nothing about one that waits for nobody.
///
/// # Errors
/// When there is no such change, or the store or the log fails.
pub(crate) async fn look_at(app: &App, caller: &Caller, id: ChangeId) -> Result<Option<Waiting>, Failure> {
    let (change, _) = work::load(app, id).await?;
    let says = match (&change.state, caller.actor()) {
        (State::AwaitingApproval(awaiting), Some(actor)) => {
            Electorate::of(&app.known(), &change, awaiting, app.clock.now()).says_of(actor)
        }
        (State::AwaitingApproval(_), None) => Vec::new(),
        _ => return Ok(None),
    };
    Ok(Some(Waiting { change, says }))
}

impl WaitsFor {
    fn is_met(self, waiting: &Waiting) -> bool {
        match self {
            Self::Caller => !waiting.says.is_empty(),
            Self::Role(role) => match &waiting.change.state {
                State::AwaitingApproval(awaiting) => awaiting.asked(waiting.change.digest).contains(&role),
                _ => false,
            },
            Self::Anybody => true,
        }
    }
}
