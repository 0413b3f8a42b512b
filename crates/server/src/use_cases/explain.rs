//! Which policies decided what happened to a change.

use std::collections::BTreeMap;

use domain::authorization::{Answer, Violation};
use domain::canonical::Digest;
use domain::change::ChangeEvent;
use domain::governance::{NamedSet, PolicyEvent};
use domain::id::{ChangeId, PolicyId};
use policy::{Action, PolicyInfo, Resource};

use super::policies::stream;
use crate::app::App;
use crate::ask;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::gates::Gates;
use crate::past::questions;
use crate::policies::{AddedPolicies, InForce};
use crate::record::{Recorded, decode};
use crate::work::load;

/// Most earlier sets that are read again for one explanation; policies of others are named without their words.
const SETS_MAX: usize = 8;

/// Why a change got where it is, as far as policies decided.
#[derive(Debug)]
pub(crate) struct Explanation {
    /// The change.
    pub change: ChangeId,
    /// Its events that policies decided, in order.
    pub decisions: Vec<Decided>,
}

/// An event that policies decided.
#[derive(Debug)]
pub(crate) struct Decided {
    /// The event.
    pub recorded: Recorded<ChangeEvent>,
    /// Digest of the set that was asked, where it is recorded.
    pub set: Option<Digest>,
    /// The policies that permitted it, with what they say where that is still known.
    pub policies: Vec<(PolicyId, Option<PolicyInfo>)>,
    /// Where the authorities were asked: the rules that kept it from being approved without a person, as that set answers
    /// when asked again.
    pub not_automated: Vec<Violation>,
}

/// A set that decided something.
#[derive(Debug)]
struct KnownSet {
    digest: Digest,
    /// Its policies, where they are still known.
    in_force: Option<InForce>,
}

/// Explains which policies decided each event of a change.
///
/// # Errors
/// When policy refuses, there is no such change, or the store or the log fails.
pub(crate) async fn explain(app: &App, caller: &Caller, id: ChangeId) -> Result<Explanation, Failure> {
    ask::about(app, caller, Action::Read, &Resource::System)?;
    let (change, trail) = load(app, id).await?;
    let (parties, gates) = {
        let known = app.known();
        (ask::parties(&known, &change), Gates::of_the_past(&known, &change))
    };
    let sets = sets(app, &trail).await?;
    let automation = questions(id, &trail)?.into_iter().filter(|asked| asked.action == Action::PreApprove);
    let automation: BTreeMap<u64, _> = automation.map(|asked| (asked.version, asked)).collect();
    let current = app.policies.current();
    let mut decisions = Vec::new();
    for recorded in trail {
        let number = recorded.envelope.decided_by.policy_set;
        let known = number.and_then(|number| sets.get(&number));
        let set = known.and_then(|known| known.in_force.as_ref()).unwrap_or(&current);
        let info = |id: &PolicyId| set.set.policies().find(|policy| policy.id == *id).cloned();
        let named = recorded.envelope.decided_by.policies.iter();
        let policies: Vec<_> = named.map(|id| (id.clone(), info(id))).collect();
        let asked = automation.get(&recorded.version);
        let not_automated = match asked.map(|asked| asked.answer(set, None, None, &parties, &gates)) {
            Some(Answer::Denied { violations }) => violations,
            Some(Answer::Allowed { .. }) | None => Vec::new(),
        };
        if !policies.is_empty() {
            let set = known.map(|known| known.digest);
            decisions.push(Decided { recorded, set, policies, not_automated });
        }
    }
    Ok(Explanation { change: id, decisions })
}

/// The sets that decided something of a trail, by number.
async fn sets(app: &App, trail: &[Recorded<ChangeEvent>]) -> Result<BTreeMap<u64, KnownSet>, Failure> {
    let current = app.policies.current();
    let stream = stream()?;
    let mut sets = BTreeMap::new();
    for number in trail.iter().filter_map(|recorded| recorded.envelope.decided_by.policy_set) {
        if sets.contains_key(&number) {
            continue;
        }
        let Some(stored) = app.store.read_stream(&stream, number).await?.into_iter().next() else { continue };
        let PolicyEvent::InForce { set, .. } = decode::<PolicyEvent>(stored)?.event;
        let may_read = set.core == current.set.core_digest() && sets.len() < SETS_MAX;
        let in_force = if may_read { read(app, &set).await? } else { None };
        sets.insert(number, KnownSet { digest: set.digest, in_force });
    }
    Ok(sets)
}

/// A set as it was, from the texts that were kept of it; nothing when one of them is gone.
async fn read(app: &App, named: &NamedSet) -> Result<Option<InForce>, Failure> {
    let mut texts = Vec::with_capacity(named.added.len());
    for file in &named.added {
        let Some(bytes) = app.store.artifact(file.digest).await? else { return Ok(None) };
        let Ok(text) = String::from_utf8(bytes) else { return Ok(None) };
        texts.push((file.name.clone(), text));
    }
    let added = AddedPolicies::of(texts);
    let reading = tokio::task::spawn_blocking(move || added.set().map(|set| (set, added)));
    let read = reading.await.map_err(|error| Failure::Internal(error.to_string()))?;
    let in_force = |(set, added)| InForce { set, added, number: None, since: app.clock.now() };
    Ok(read.ok().map(in_force).filter(|read| read.set.digest() == named.digest))
}
