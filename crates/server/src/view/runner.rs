//! Runners that were seen, and whether one of them takes a change on.

use std::collections::BTreeSet;

use api::Page;
use api::runner as wire;
use domain::Timestamp;
use domain::actor::Role;
use domain::change::{Change, State};
use domain::id::{ActorId, RunnerLabel};
use store::RunnerSeen;

use super::{texts, time};
use crate::ask::parties;
use crate::known::Known;
use crate::presence::{Standing, forgotten_before};

/// A runner as it stands at `now`.
pub(crate) fn runner(known: &Known, seen: &RunnerSeen, now: Timestamp) -> wire::Runner {
    wire::Runner {
        name: seen.name.to_string(),
        actor: known.directory.name_of(&seen.actor),
        host: seen.host.clone(),
        version: seen.version.clone(),
        labels: texts(&seen.labels),
        concurrency: seen.concurrency,
        working_on: texts(&seen.working_on),
        waiting: seen.waiting,
        status: Standing::of(seen, now).as_str().to_owned(),
        first_seen_at: time(seen.first_seen_at),
        last_seen_at: time(seen.seen_at),
    }
}

/// The runners of the last day that have all of these labels: by readable names, those that are there first.
pub(crate) fn runners(known: &Known, labels: &BTreeSet<RunnerLabel>, now: Timestamp) -> Page<wire::Runner> {
    let before = forgotten_before(now);
    let seen = known.presence.fit(labels).filter(|seen| seen.seen_at >= before);
    let mut items: Vec<_> = seen.map(|seen| runner(known, seen, now)).collect();
    items.sort_by(|one, other| {
        let key = |runner: &wire::Runner| (runner.status == Standing::Offline.as_str(), runner.actor.clone());
        key(one).cmp(&key(other)).then_with(|| one.name.cmp(&other.name))
    });
    Page { items, next_cursor: None }
}

/// Why no runner takes a change on that is approved for runners with labels; nothing where one may and can.
pub(super) fn awaits_runner(known: &Known, change: &Change, now: Timestamp) -> Option<String> {
    let State::Approved(_) = &change.state else { return None };
    let labels = &change.content.plan.as_ref()?.runs_on;
    if labels.is_empty() {
        return None;
    }
    let side = parties(known, change);
    let may = |actor: &ActorId| {
        let actor = known.directory.get(actor).filter(|actor| actor.active);
        actor.is_some_and(|actor| actor.roles.contains(&Role::Implementer) || side.contains(&actor.id))
    };
    let before = forgotten_before(now);
    let fit = || known.presence.fit(labels).filter(|seen| seen.seen_at >= before);
    if fit().any(|seen| Standing::of(seen, now) == Standing::Online && may(&seen.actor)) {
        return None;
    }
    let names = texts(labels).join(", ");
    let what = if labels.len() == 1 { "label" } else { "labels" };
    let Some(newest) = fit().filter(|seen| may(&seen.actor)).max_by_key(|seen| seen.seen_at) else {
        return Some(match fit().next() {
            None => format!("no runner with the {what} {names} has been seen"),
            Some(seen) => {
                let name = known.directory.name_of(&seen.actor);
                format!("no runner with the {what} {names} may carry it out: {name} is no implementer")
            }
        });
    };
    let who = format!("{} on {}", known.directory.name_of(&newest.actor), newest.host);
    Some(match Standing::of(newest, now) {
        Standing::Draining => {
            format!("no runner with the {what} {names} takes it on: {who} takes nothing on any more")
        }
        Standing::Online | Standing::Offline => {
            let at = time(newest.seen_at);
            format!("no runner with the {what} {names} is online: {who} was last seen at {at}")
        }
    })
}
