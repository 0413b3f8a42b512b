//! From domain to wire: what the API answers, and what pages are made of.
//!
//! Plain functions, one file per kind of thing. Events carry opaque ids; readable names appear here and nowhere before.

mod actor;
mod approval;
mod blocker;
mod board;
mod calendar;
mod calibration;
mod catalog;
mod chain;
mod change;
pub(crate) mod cmdb;
mod feed;
mod history;
mod incident;
mod known_problem;
mod learning;
mod log;
mod performance;
mod policy;
mod queue;
mod rehearsal;
mod risk;
mod roster;
mod run;
mod runner;
mod slot;
mod stop;
mod trail;
mod what_if;

#[cfg(test)]
pub(crate) mod fixture;

pub(crate) use actor::{actor, budget, token};
pub(crate) use approval::role_title;
pub(crate) use board::{agenda, board, meeting, standing, standing_in_words};
pub(crate) use calendar::{calendar_entry, calendar_schedule};
pub(crate) use calibration::{bound, calibration, calibrations, comparison};
pub(crate) use catalog::service;
pub(crate) use chain::chain;
pub(crate) use change::{change, summary};
pub(crate) use feed::{Origin, feed};
pub(crate) use history::history;
pub(crate) use incident::{incident, incident_summary, suspects};
pub(crate) use known_problem::{known_problem, known_problems};
pub(crate) use learning::models;
pub(crate) use log::log_entry;
pub(crate) use performance::{backtests, drift, kpis};
pub(crate) use policy::{explanation, policies, replay};
pub(crate) use queue::{approval_sheet, delegation, waiting};
pub(crate) use rehearsal::rehearsal;
pub(crate) use risk::risk;
pub(crate) use roster::{debt, on_call, roster};
pub(crate) use run::{Baking, assignment, baking, rollback_step_statuses};
pub(crate) use runner::{runner, runners};
pub(crate) use slot::{conflict, conflicts, slots};
pub(crate) use stop::{scope_in_words, stop, stop_in_words, stops};
pub(crate) use trail::{actor_name, trail_entry, with_names};
pub(crate) use what_if::what_if;

use domain::Timestamp;
use domain::id::ActorId;

use crate::known::Known;

/// An instant as the wire writes it: RFC 3339 in UTC, without a fraction where it is a whole second.
pub(crate) fn time(at: Timestamp) -> String {
    at.to_string()
}

/// The readable names of actors, in the order given.
fn names<'a>(known: &Known, ids: impl IntoIterator<Item = &'a ActorId>) -> Vec<String> {
    ids.into_iter().map(|id| known.directory.name_of(id)).collect()
}

/// Anything that is written as text, in the order given.
fn texts<T: ToString>(values: impl IntoIterator<Item = T>) -> Vec<String> {
    values.into_iter().map(|value| value.to_string()).collect()
}
