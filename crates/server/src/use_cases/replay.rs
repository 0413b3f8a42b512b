//! Which past decisions another set of policies would have made differently.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use api::FieldError;
use domain::Timestamp;
use domain::actor::ActorEvent;
use domain::authorization::Answer;
use domain::canonical::Digest;
use domain::change::{Change, ChangeEvent, Outcome, State, StateName};
use domain::id::{ActorId, ChangeId};
use policy::{Action, Resource};
use store::{ChangeFilter, ChangeOrder, ChangeQuery, ChangeSort, Cursor};

use crate::app::{App, SharedApp};
use crate::ask;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::gates::Gates;
use crate::past::{PastQuestion, actor_at, questions};
use crate::policies::{AddedPolicies, InForce};
use crate::record::{Recorded, decode};
use crate::work::{actor_stream, load};

/// Changes replayed at once.
const PAGE_CHANGES: usize = 200;

/// What is replayed.
#[derive(Debug)]
pub(crate) struct ReplayQuery {
    /// Decisions since then.
    pub since: Timestamp,
    /// What would be added to the shipped policies.
    pub added: AddedPolicies,
    /// After which change; from the beginning when left out.
    pub after: Option<Cursor>,
}

/// What came of replaying some changes.
#[derive(Debug)]
pub(crate) struct Replay {
    /// Digest of the policies in force.
    pub in_force: Digest,
    /// Digest of the others.
    pub other: Digest,
    /// Changes that were looked at.
    pub changes: u64,
    /// Decisions that both sets were asked about.
    pub decisions: u64,
    /// Decisions that the policies in force do not answer as recorded, so that nothing can be said of them.
    pub not_reproduced: u64,
    /// Those that would have been different.
    pub differing: Vec<Differing>,
    /// Where to go on.
    pub next: Option<Cursor>,
}

/// A decision that would have been different.
#[derive(Debug)]
pub(crate) struct Differing {
    /// The change, as it is by now.
    pub change: Arc<Change>,
    /// Version of the event that it led to.
    pub version: u64,
    /// When.
    pub at: Timestamp,
    /// What was asked for.
    pub action: Action,
    /// Who asked.
    pub by: ActorId,
    /// The answer of the policies in force.
    pub was: Answer,
    /// The answer of the others.
    pub would_be: Answer,
    /// Whether the change failed or was taken back afterwards, or led to an incident.
    pub went_wrong: bool,
}

/// A change with everything that ever happened to it, and who counts as its requester's side.
struct Life {
    change: Arc<Change>,
    trail: Vec<Recorded<ChangeEvent>>,
    parties: BTreeSet<ActorId>,
    gates: Gates,
}

/// Asks the policies in force and others about a page of past decisions. Nothing is written.
///
/// # Errors
/// When policy refuses, the others are not valid, or the store fails.
pub(crate) async fn replay(app: &SharedApp, caller: &Caller, query: ReplayQuery) -> Result<Replay, Failure> {
    ask::about(app, caller, Action::ReadAudit, &Resource::Log)?;
    let ReplayQuery { since, added, after } = query;
    let filter = ChangeFilter { updated_from: Some(since), ..ChangeFilter::default() };
    let order = ChangeOrder { by: ChangeSort::Created, descending: false };
    let page = ChangeQuery { filter, order, after, limit: PAGE_CHANGES };
    let page = app.store.list_changes(page).await?;
    let mut lives = Vec::with_capacity(page.rows.len());
    for row in &page.rows {
        lives.push(life(app, row.change_id).await?);
    }
    let actors = actors(app, &lives).await?;
    let in_force = app.policies.current();
    let asking = tokio::task::spawn_blocking(move || {
        let set = added.set().map_err(|error| FieldError::new("files", error.to_string()))?;
        let other = InForce { set, added, number: None, since };
        let mut replay = Replay {
            in_force: in_force.set.digest(),
            other: other.set.digest(),
            changes: lives.len() as u64,
            decisions: 0,
            not_reproduced: 0,
            differing: Vec::new(),
            next: None,
        };
        for life in &lives {
            replay.take(life, since, &actors, [&in_force, &other])?;
        }
        Ok::<_, Failure>(replay)
    });
    let replay = asking.await.map_err(|error| Failure::Internal(error.to_string()))??;
    Ok(Replay { next: page.next, ..replay })
}

type Actors = HashMap<ActorId, Vec<Recorded<ActorEvent>>>;

impl Replay {
    fn take(
        &mut self,
        life: &Life,
        since: Timestamp,
        actors: &Actors,
        [in_force, other]: [&InForce; 2],
    ) -> Result<(), Failure> {
        for question in questions(life.change.id, &life.trail)? {
            if question.at < since {
                continue;
            }
            let then = |id| actors.get(id).and_then(|events| actor_at(id, events, question.at));
            let actor = then(&question.by);
            let delegator = question.on_behalf_of.as_ref().and_then(then);
            let (actor, lender) = (actor.as_ref(), delegator.as_ref());
            let ask = |policies| question.answer(policies, actor, lender, &life.parties, &life.gates);
            let was = ask(in_force);
            if question.was_permitted.is_some_and(|permitted| permitted != is_permitted(&was)) {
                self.not_reproduced += 1;
                continue;
            }
            self.decisions += 1;
            let would_be = ask(other);
            if is_permitted(&was) != is_permitted(&would_be) {
                self.differing.push(Differing::of(life, &question, was, would_be));
            }
        }
        Ok(())
    }
}

impl Differing {
    fn of(life: &Life, question: &PastQuestion, was: Answer, would_be: Answer) -> Self {
        Self {
            change: Arc::clone(&life.change),
            version: question.version,
            at: question.at,
            action: question.action,
            by: question.by.clone(),
            was,
            would_be,
            went_wrong: went_wrong(&life.change),
        }
    }
}

fn is_permitted(answer: &Answer) -> bool {
    matches!(answer, Answer::Allowed { .. })
}

/// Whether a change failed or was taken back, or led to an incident.
fn went_wrong(change: &Change) -> bool {
    let ended_badly = match &change.state {
        State::Closed(closed) => match closed.outcome {
            Outcome::Partial | Outcome::Failed | Outcome::RolledBack => true,
            Outcome::Successful | Outcome::Cancelled => false,
        },
        _ => {
            let state = change.state_name();
            matches!(state, StateName::RollingBack | StateName::RolledBack | StateName::Failed)
        }
    };
    ended_badly || !change.incidents.is_empty()
}

async fn life(app: &App, id: ChangeId) -> Result<Life, Failure> {
    let (change, trail) = load(app, id).await?;
    let known = app.known();
    let (parties, gates) = (ask::parties(&known, &change), Gates::of_the_past(&known, &change));
    drop(known);
    Ok(Life { change: Arc::new(change), trail, parties, gates })
}

/// Everything that ever happened to those who decided something.
async fn actors(app: &App, lives: &[Life]) -> Result<Actors, Failure> {
    let mut actors = Actors::new();
    for recorded in lives.iter().flat_map(|life| &life.trail) {
        let envelope = &recorded.envelope;
        for id in [Some(&envelope.actor), envelope.on_behalf_of.as_ref()].into_iter().flatten() {
            if *id != ActorId::system() && !actors.contains_key(id) {
                actors.insert(id.clone(), actor_events(app, id).await?);
            }
        }
    }
    Ok(actors)
}

/// Everything that ever happened to an actor.
///
/// # Errors
/// When the store or the log fails.
pub(crate) async fn actor_events(app: &App, id: &ActorId) -> Result<Vec<Recorded<ActorEvent>>, Failure> {
    let stored = app.store.read_stream(&actor_stream(id)?, 1).await?;
    Ok(stored.into_iter().map(decode).collect::<Result<_, _>>()?)
}
