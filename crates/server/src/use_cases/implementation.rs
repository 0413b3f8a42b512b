//! Implementing: leases, starting, taking over, progress, heartbeats, finishing.

use std::time::Duration;

use domain::Timestamp;
use domain::canonical::Digest;
use domain::change::{Change, Command, CommandName, Refusal, Runner, StateName};
use domain::id::{ChangeId, StepName};
use domain::plan::{Observation, Part, StepKind, Task, TaskState};
use domain::rollback::Verdict;
use jiff::SignedDuration;
use policy::Action;
use store::{AppendError, Guard, HolderName, ResourceName, Sample, StoreError};

use super::noted;
use crate::app::{App, SharedApp};
use crate::ask::Particulars;
use crate::caller::Caller;
use crate::commit::{Extras, with_change};
use crate::failure::Failure;
use crate::work::{self, ChangeWork};

/// What a runner brings along to begin.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    /// Unique for each runner process.
    pub holder: HolderName,
    /// Digest of what it is about to run.
    pub digest: Digest,
    /// Commit of its working tree.
    pub commit: Option<String>,
    /// Whether a failure is undone without asking.
    pub auto_rollback: bool,
}

/// What a runner says from time to time.
#[derive(Debug, Clone)]
pub(crate) struct Heartbeat {
    /// Token of its lease.
    pub fencing_token: u64,
    /// What its monitors measured.
    pub samples: Vec<Sample>,
    /// How the bake stands that is under way, if one is.
    pub standing: Option<Standing>,
}

/// How a bake stands, were it to end now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The bake.
    pub step: StepName,
    /// What would come of it.
    pub verdict: Verdict,
    /// Why, with figures.
    pub detail: String,
}

/// What the series of standings begin with, beside those of monitors.
const STANDING_MARK: &str = "bake: ";
/// For how long a standing is told: a runner says it anew with every heartbeat.
const STANDING_SECONDS: i64 = 60;
/// More standings than there are heartbeats in that time.
const STANDINGS_MAX: usize = 1_000;

/// Whether a series is of standings and of no monitor. A monitor whose name begins like that is taken for one.
pub(crate) fn is_standing(series: &StepName) -> bool {
    series.as_str().starts_with(STANDING_MARK)
}

/// The series in which the standings of a bake are kept; nothing for a name that is too long for that.
fn standings_of(step: &StepName) -> Option<StepName> {
    StepName::new(format!("{STANDING_MARK}{step}")).ok()
}

impl Standing {
    fn to_sample(&self, taken_at: Timestamp) -> Option<Sample> {
        Some(Sample {
            series: standings_of(&self.step)?,
            taken_at,
            verdict: self.verdict.as_str().to_owned(),
            value: None,
            detail: self.detail.clone(),
        })
    }
}

/// How a bake that began at `since` stands, as its runner last said.
///
/// # Errors
/// When the store fails.
pub(crate) async fn standing(
    app: &App,
    id: ChangeId,
    step: &StepName,
    since: Timestamp,
) -> Result<Option<Standing>, Failure> {
    let Some(series) = standings_of(step) else { return Ok(None) };
    let recent = app.clock.now() - SignedDuration::from_secs(STANDING_SECONDS);
    let told = app.store.samples(id, Some(&series), recent.max(since), STANDINGS_MAX).await?;
    let newest = told.into_iter().last();
    Ok(newest.and_then(|sample| {
        let verdict = sample.verdict.parse().ok()?;
        Some(Standing { step: step.clone(), verdict, detail: sample.detail })
    }))
}

/// The resource on which the runner of a change holds its lease.
///
/// # Errors
/// Never, as long as a change id is visible ASCII.
pub(crate) fn lease_resource(id: ChangeId) -> Result<ResourceName, Failure> {
    ResourceName::new(format!("change/{id}")).map_err(|error| Failure::Internal(error.to_string()))
}

/// Begins to implement, or takes over a change that has no runner. The lease is taken first and given back when the
/// change refuses; what else is written with the start may name the lease's token.
///
/// # Errors
/// When somebody else holds the lease, policy or the life of the change refuses, or the store fails.
pub(crate) async fn start(
    app: &SharedApp,
    caller: &Caller,
    id: ChangeId,
    start: Start,
    extras: impl FnOnce(u64) -> Extras + Send + 'static,
) -> Result<ChangeWork, Failure> {
    let (shared, caller) = (app.clone(), caller.clone());
    app.owned(async move {
        let resource = lease_resource(id)?;
        // Whoever may not start is refused before a lease is touched.
        let probe = probe(&shared, id).await?;
        let checked = begin(&shared, &caller, &start, &mut { probe }, u64::MAX);
        noted(&shared, &caller, Action::Start, id, checked).await?;
        let settings = &shared.config.lease;
        let ttl = Duration::from_secs(settings.seconds);
        let grace = Duration::from_secs(settings.grace_seconds);
        let lease = shared.store.lease_acquire(&resource, &start.holder, ttl, grace).await?;
        let _turn = shared.starts.lock().await;
        let done = with_change(&shared, &caller, id, extras(lease.token), |work, _, caller| {
            work.guard(Guard::Lease { resource: resource.clone(), token: lease.token });
            begin(&shared, caller, &start, work, lease.token)
        })
        .await;
        match done {
            Ok(work) => Ok(work),
            // Whether the start was recorded is not known: the lease ends by itself, and what began is interrupted then.
            Err(failure @ Failure::Append(AppendError::Store(StoreError::OutcomeUnknown(_)))) => Err(failure),
            Err(failure) => {
                let_go(&shared, &resource, lease.token).await;
                Err(failure)
            }
        }
    })
    .await
}

/// The change, and those that hold it back as they are by now: another server may have brought them to their end.
async fn probe(app: &App, id: ChangeId) -> Result<ChangeWork, Failure> {
    let work = ChangeWork::load(app, id).await?;
    let held_by = work.held_by();
    if held_by.is_empty() {
        return Ok(work);
    }
    for other in held_by {
        let (other, _) = work::load(app, other).await?;
        app.known_mut().bookings.put(&other);
    }
    ChangeWork::load(app, id).await
}

/// Decides to start, or to take over a change that has been started before.
fn begin(
    app: &App,
    caller: &Caller,
    start: &Start,
    work: &mut ChangeWork,
    token: u64,
) -> Result<(), Failure> {
    let digest = start.digest;
    let particulars = Particulars { digest: Some(digest), ..Particulars::default() };
    match work.change.state_name() {
        StateName::Interrupted | StateName::RollingBack => {
            let commit = start.commit.clone();
            let command = Command::TakeOver { digest, commit, fencing_token: token };
            work.command(app, caller, Action::TakeOver, particulars, &command)
        }
        _ => {
            let command = Command::Start {
                digest,
                commit: start.commit.clone(),
                fencing_token: token,
                auto_rollback: start.auto_rollback,
                holds: holds(app, work),
            };
            work.command(app, caller, Action::Start, particulars, &command)
        }
    }
}

/// Whether a person looks before everybody gets what is rolled out: wherever policy does not clearly say that nobody need.
fn holds(app: &App, work: &ChangeWork) -> bool {
    work.permit(app, &Caller::System, Action::PromoteUnattended).is_err()
}

/// Records what the runner observed. A repeated report of the same thing changes nothing.
///
/// # Errors
/// When the lease is lost, policy or the plan refuses, or the store fails.
pub(crate) async fn progress(
    app: &SharedApp,
    caller: &Caller,
    id: ChangeId,
    fencing_token: u64,
    observation: Observation,
    extras: Extras,
) -> Result<ChangeWork, Failure> {
    let (shared, caller) = (app.clone(), caller.clone());
    let command = Command::Observe { observation: Box::new(observation), fencing_token };
    app.owned(async move {
        let resource = lease_resource(id)?;
        with_change(&shared, &caller, id, extras, |work, _, caller| {
            work.guard(Guard::Lease { resource: resource.clone(), token: fencing_token });
            work.command(&shared, caller, Action::Progress, Particulars::default(), &command)
        })
        .await
    })
    .await
}

/// Extends the lease and keeps the samples.
///
/// # Errors
/// When the lease is lost or the caller is not the runner, or the store fails.
pub(crate) async fn heartbeat(
    app: &SharedApp,
    caller: &Caller,
    id: ChangeId,
    heartbeat: Heartbeat,
) -> Result<ChangeWork, Failure> {
    let Heartbeat { fencing_token, mut samples, standing } = heartbeat;
    let work = ChangeWork::load(app, id).await?;
    require_runner(&work, caller, fencing_token)?;
    work.permit(app, caller, Action::Progress)?;
    require_monitors(&work, &samples)?;
    let resource = lease_resource(id)?;
    let ttl = Duration::from_secs(app.config.lease.seconds);
    app.store.lease_renew(&resource, fencing_token, ttl).await?;
    // What is said of a bake that has ended meanwhile is said too late.
    let standing = standing.filter(|standing| is_baking(&work.change, &standing.step));
    samples.extend(standing.and_then(|standing| standing.to_sample(work.now)));
    if !samples.is_empty() {
        app.store.append_samples(id, samples).await?;
    }
    Ok(work)
}

/// Lets one runner at a time watch a change over its soak time, and tells for how many seconds. Nothing follows from that but
/// that others wait: whoever may validates a change with or without it.
///
/// # Errors
/// When somebody else watches it, it is not validating, policy refuses, or the store fails.
pub(crate) async fn attend(
    app: &App,
    caller: &Caller,
    id: ChangeId,
    holder: &HolderName,
) -> Result<u64, Failure> {
    let work = ChangeWork::load(app, id).await?;
    work.permit(app, caller, Action::Validate)?;
    let (state, command) = (work.change.state_name(), CommandName::Validate);
    if !command.is_legal_in(state) {
        return Err(Refusal::IllegalTransition { state, command }.into());
    }
    let resource = ResourceName::new(format!("validation/{id}"));
    let resource = resource.map_err(|error| Failure::Internal(error.to_string()))?;
    let seconds = app.config.lease.seconds;
    // Nothing is stopped when it ends, so that nobody has to wait for that.
    let grace = Duration::ZERO;
    app.store.lease_acquire(&resource, holder, Duration::from_secs(seconds), grace).await?;
    Ok(seconds)
}

/// Reports that the plan is done, and gives the lease back.
///
/// # Errors
/// When the lease is lost, the plan is not done, policy refuses, or the store fails.
pub(crate) async fn finish(
    app: &SharedApp,
    caller: &Caller,
    id: ChangeId,
    fencing_token: u64,
    extras: Extras,
) -> Result<ChangeWork, Failure> {
    let (shared, caller) = (app.clone(), caller.clone());
    app.owned(async move {
        let resource = lease_resource(id)?;
        let command = Command::Finish { fencing_token };
        let done = with_change(&shared, &caller, id, extras, |work, _, caller| {
            work.guard(Guard::Lease { resource: resource.clone(), token: fencing_token });
            work.command(&shared, caller, Action::Finish, Particulars::default(), &command)
        })
        .await;
        let work = noted(&shared, &caller, Action::Finish, id, done).await?;
        let_go(&shared, &resource, fencing_token).await;
        Ok(work)
    })
    .await
}

/// Gives the lease back. A change that is still being worked on is interrupted; anybody may take it over at once.
///
/// # Errors
/// When the caller is not the runner, or the store fails.
pub(crate) async fn release(
    app: &SharedApp,
    caller: &Caller,
    id: ChangeId,
    fencing_token: u64,
    extras: Extras,
) -> Result<ChangeWork, Failure> {
    let work = ChangeWork::load(app, id).await?;
    work.permit(app, caller, Action::Interrupt)?;
    let is_over = work.change.execution().is_some_and(|execution| {
        matches!(execution.runner, Runner::Free { last_fencing_token } if last_fencing_token == fencing_token)
    });
    if !is_over {
        require_runner(&work, caller, fencing_token)?;
    }
    // Recorded first: a change whose lease is given back while it counts as under way would wait for ever.
    let work = interrupt(app, id, fencing_token, extras).await?;
    let_go(app, &lease_resource(id)?, fencing_token).await;
    Ok(work)
}

/// Whether a bake of the plan is under way.
fn is_baking(change: &Change, step: &StepName) -> bool {
    let task = Task::new(Part::Step, step.clone());
    let is_bake = change
        .content
        .plan
        .as_ref()
        .is_some_and(|plan| matches!(task.kind_in(plan, None), Some(StepKind::Bake(_))));
    let state = change.execution().and_then(|execution| execution.run.state_of(&task));
    is_bake && matches!(state, Some(TaskState::Started { .. }))
}

/// Only the runner that the change knows of speaks for it.
fn require_runner(work: &ChangeWork, caller: &Caller, given: u64) -> Result<(), Refusal> {
    let runner = work.change.execution().map(|execution| &execution.runner);
    match runner {
        Some(Runner::Held { by, fencing_token }) if *by == caller.id() && *fencing_token == given => Ok(()),
        Some(Runner::Held { .. } | Runner::Free { .. }) | None => {
            let current = runner.map_or(0, Runner::fencing_token);
            Err(Refusal::StaleLease { given, current })
        }
    }
}

/// Only the change's own monitors have series, so that their number is bounded.
fn require_monitors(work: &ChangeWork, samples: &[Sample]) -> Result<(), Failure> {
    let monitors = &work.change.content.monitors;
    let stray = samples
        .iter()
        .enumerate()
        .find(|(_, sample)| monitors.iter().all(|monitor| monitor.name != sample.series));
    match stray {
        Some((at, sample)) => {
            let message = format!("the change has no monitor `{}`", sample.series);
            Err(api::FieldError::new(format!("samples[{at}].monitor"), message).into())
        }
        None => Ok(()),
    }
}

/// Gives a lease back. One that cannot be given back ends by itself.
async fn let_go(app: &App, resource: &ResourceName, fencing_token: u64) {
    if let Err(error) = app.store.lease_release(resource, fencing_token).await {
        tracing::warn!(%resource, %error, "a lease was not given back");
    }
}

/// Records that the runner with this token is gone. A change that has moved on is left as it is.
///
/// # Errors
/// When the life of the change refuses, or the store fails.
pub(crate) async fn interrupt(
    app: &SharedApp,
    id: ChangeId,
    fencing_token: u64,
    extras: Extras,
) -> Result<ChangeWork, Failure> {
    let shared = app.clone();
    app.owned(async move {
        with_change(&shared, &Caller::System, id, extras, |work, _, caller| {
            let is_held_by_it = work.change.execution().is_some_and(|execution| {
                matches!(&execution.runner, Runner::Held { fencing_token: held, .. } if *held == fencing_token)
            });
            let is_underway =
                matches!(work.change.state_name(), StateName::Implementing | StateName::RollingBack);
            if !is_held_by_it || !is_underway {
                return Ok(());
            }
            work.command(&shared, caller, Action::Interrupt, Particulars::default(), &Command::Interrupt)
        })
        .await
    })
    .await
}
