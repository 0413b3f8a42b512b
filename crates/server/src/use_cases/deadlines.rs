//! What happens when a deadline passes: once, by consuming its timer in the same append.

use domain::change::{Command, Deadline, Refusal};
use domain::id::ChangeId;
use policy::Action;
use store::{Append, AppendError, Timer, TimerId, TimerOp};

use crate::app::SharedApp;
use crate::ask::Particulars;
use crate::caller::Caller;
use crate::commit::{Extras, with_change};
use crate::failure::Failure;

/// Lets a due timer take effect. One that has been overtaken by events is removed.
///
/// # Errors
/// When the store or the log fails; the timer stays then.
pub(crate) async fn fire(app: &SharedApp, timer: &Timer) -> Result<(), Failure> {
    let parsed =
        timer.id.as_str().split_once('/').and_then(|(id, deadline)| {
            Some((id.parse::<ChangeId>().ok()?, deadline.parse::<Deadline>().ok()?))
        });
    let Some((id, deadline)) = parsed else {
        tracing::error!(timer = %timer.id, "a timer of an unknown kind is removed");
        return remove(app, timer.id.clone()).await;
    };
    let extras = Extras { consume_timer: Some(timer.id.clone()), ..Extras::default() };
    let command = Command::Expire { deadline };
    let shared = app.clone();
    let done = app
        .owned(async move {
            with_change(&shared, &Caller::System, id, extras, |work, _, caller| {
                work.command(&shared, caller, Action::Expire, Particulars::default(), &command)
            })
            .await
        })
        .await;
    match done {
        Ok(_) | Err(Failure::Append(AppendError::TimerGone { .. })) => Ok(()),
        Err(Failure::Refused(Refusal::IllegalTransition { .. })) => remove(app, timer.id.clone()).await,
        // The change's clock is ahead of its timer by less than a tick: the next tick finds it due.
        Err(Failure::Refused(Refusal::DeadlineNotPassed)) => Ok(()),
        Err(failure) => Err(failure),
    }
}

async fn remove(app: &SharedApp, id: TimerId) -> Result<(), Failure> {
    let append = Append { timers: vec![TimerOp::Cancel { id }], ..Append::default() };
    app.append(append).await?;
    Ok(())
}
