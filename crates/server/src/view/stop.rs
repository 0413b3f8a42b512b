//! Stops, in force and lifted.

use api::Page;
use api::stop as wire;
use domain::stop::{LiftedStop, Stop, StopId, StopScope};

use super::time;
use crate::known::Known;

/// The stops in force, the oldest first; with `lifted`, those that were lifted last behind them.
pub(crate) fn stops(known: &Known, lifted: bool) -> Page<wire::Stop> {
    let in_force = known.stops.in_force().map(|stop| told(known, stop));
    let lifted = known.stops.lifted().filter(|_| lifted).map(|lifted| told_lifted(known, lifted));
    Page { items: in_force.chain(lifted).collect(), next_cursor: None }
}

/// One stop, in force or lifted not long ago.
pub(crate) fn stop(known: &Known, id: StopId) -> Option<wire::Stop> {
    let lifted = || known.stops.lifted().find(|lifted| lifted.stop.id == id);
    let in_force = known.stops.get(id).map(|stop| told(known, stop));
    in_force.or_else(|| lifted().map(|lifted| told_lifted(known, lifted)))
}

/// What a stop covers, in words.
pub(crate) fn scope_in_words(known: &Known, scope: &StopScope) -> String {
    match scope {
        StopScope::Everything => "everything".to_owned(),
        StopScope::Agents => "all agents".to_owned(),
        StopScope::Actor { actor } => format!("the actor {}", known.directory.name_of(actor)),
        StopScope::Service { service } => format!("the service {service}"),
        StopScope::Tier { tier } => tier.to_string(),
    }
}

/// A stop in half a sentence: which, of what, by whom, why.
pub(crate) fn stop_in_words(known: &Known, stop: &Stop) -> String {
    let (what, by) = (scope_in_words(known, &stop.scope), known.directory.name_of(&stop.set_by));
    format!("{}, which {by} set on {what}: {}", stop.id, stop.reason)
}

fn told(known: &Known, stop: &Stop) -> wire::Stop {
    let (scope, of) = match &stop.scope {
        StopScope::Everything => ("everything", None),
        StopScope::Agents => ("agents", None),
        StopScope::Actor { actor } => ("actor", Some(known.directory.name_of(actor))),
        StopScope::Service { service } => ("service", Some(service.to_string())),
        StopScope::Tier { tier } => ("tier", Some(tier.number().to_string())),
    };
    wire::Stop {
        stop_id: stop.id.to_string(),
        scope: scope.to_owned(),
        of,
        reason: stop.reason.to_string(),
        except_emergency: stop.except_emergency,
        set_by: known.directory.name_of(&stop.set_by),
        set_at: time(stop.set_at),
        lifted: None,
    }
}

fn told_lifted(known: &Known, lifted: &LiftedStop) -> wire::Stop {
    let by = known.directory.name_of(&lifted.by);
    let ending = wire::Lifted { reason: lifted.reason.to_string(), by, at: time(lifted.at) };
    wire::Stop { lifted: Some(ending), ..told(known, &lifted.stop) }
}
