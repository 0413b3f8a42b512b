//! What can be done, one file per subject: load, gather facts, ask policy, decide, append.
//!
//! To add one: a function here that takes the application, the caller and what is asked, and nothing of HTTP; a handler
//! in `http/` that calls it; its row in the table of routes.

pub(crate) mod actors;
pub(crate) mod alerts;
pub(crate) mod approval;
pub(crate) mod backtest;
pub(crate) mod board;
pub(crate) mod budget;
pub(crate) mod calendar;
pub(crate) mod calibrations;
pub(crate) mod catalog;
pub(crate) mod chain;
pub(crate) mod closing;
pub(crate) mod cmdb;
pub(crate) mod create;
pub(crate) mod deadlines;
pub(crate) mod delegations;
pub(crate) mod drift;
pub(crate) mod explain;
pub(crate) mod history;
pub(crate) mod implementation;
pub(crate) mod incident;
pub(crate) mod kpis;
pub(crate) mod meeting;
pub(crate) mod models;
pub(crate) mod notifications;
pub(crate) mod on_close;
pub(crate) mod policies;
pub(crate) mod presence;
pub(crate) mod problems;
pub(crate) mod queue;
pub(crate) mod refusal;
pub(crate) mod replay;
pub(crate) mod request;
pub(crate) mod roster;
pub(crate) mod slack;
pub(crate) mod slots;
pub(crate) mod stops;
pub(crate) mod suspects;
pub(crate) mod what_if;

use domain::change::Command;
use domain::id::ChangeId;
use policy::Action;

use crate::app::{App, SharedApp};
use crate::ask::Particulars;
use crate::caller::Caller;
use crate::commit::{Extras, with_change};
use crate::failure::Failure;
use crate::work::ChangeWork;

/// Decides one command of `caller` on one change and commits it. Runs to its end even when the caller goes away; a
/// refused attempt at something that matters is recorded.
///
/// # Errors
/// When policy or the life of the change refuses, there is no such change, or the store fails.
pub(crate) async fn simple(
    app: &SharedApp,
    caller: &Caller,
    id: ChangeId,
    action: Action,
    particulars: Particulars<'static>,
    command: Command,
    extras: Extras,
) -> Result<ChangeWork, Failure> {
    let (shared, caller) = (app.clone(), caller.clone());
    app.owned(async move {
        let done = with_change(&shared, &caller, id, extras, |work, _, caller| {
            work.command(&shared, caller, action, particulars, &command)
        })
        .await;
        noted(&shared, &caller, action, id, done).await
    })
    .await
}

/// Records a refused attempt, and passes the result on.
async fn noted<T>(
    app: &App,
    caller: &Caller,
    action: Action,
    id: ChangeId,
    done: Result<T, Failure>,
) -> Result<T, Failure> {
    if let Err(failure) = &done {
        refusal::note(app, caller, action, &id.to_string(), failure).await;
    }
    done
}
