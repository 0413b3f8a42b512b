//! A runner that goes on by itself: it looks for what a runner with its labels is to carry out, and carries it out to
//! the end: start, watch, soak, validate, close, or back.
//!
//! Which change may start when is the server's to say; a change that is refused is asked for again, ever more seldom.
//! Everything is on the server: a daemon that is killed leaves nothing behind that another one cannot go on with.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use api::Page;
use api::change::ChangeSummary;
use client::{ChangeFilter, Client, ClientError};
use domain::change::StateName;
use domain::id::{ChangeId, RunnerLabel};
use tokio::sync::watch;
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::carry::{Carried, Carrier, is_over};
use crate::error::RunnerError;
use crate::herald::{Doing, Herald};
use crate::holder;
use crate::run::Runner;
use crate::settings::Options;
use crate::waiting::Waiting;
use crate::workspaces::{Kept, WORKSPACES_KEPT_MAX, Workspaces};

/// Most changes that one daemon carries out at a time.
pub const CONCURRENCY_MAX: usize = 64;
/// Changes on a page of a look for work.
const LOOK_ITEMS: u32 = 500;
/// Most pages of a look; what comes behind them is found once something before it is done.
const LOOK_PAGES_MAX: usize = 20;
/// Pause before a change that was refused is asked for again; doubled each time.
const RETRY_PAUSE_MIN: Duration = Duration::from_secs(2);
/// Longest such pause.
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(60);
/// The states in which there is something for a runner to do, the most urgent first.
const STATES: [StateName; 4] =
    [StateName::RollingBack, StateName::Interrupted, StateName::Validating, StateName::Approved];
/// Pause between two looks for working copies of changes that are over: others may have brought them to their end.
const SWEEP_PAUSE: Duration = Duration::from_secs(300);

/// What a daemon is told.
#[derive(Debug, Clone)]
pub struct DaemonSettings {
    /// What it is fit for: it carries out plans that need these labels or some of them, and no others.
    pub labels: BTreeSet<RunnerLabel>,
    /// Most changes at a time, 1 to [`CONCURRENCY_MAX`]. As many again may be held that wait for a person.
    pub concurrency: usize,
    /// Pause between two looks for work.
    pub look_pause: Duration,
    /// How long what is under way may take to end once the daemon is asked to stop; then it is left to other runners.
    pub drain: Duration,
    /// Where each change that names a commit gets a working copy of its own; without it all work in the runner's folder.
    pub workspaces: Option<Workspaces>,
}

/// What a daemon has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A change was taken on.
    Taken {
        /// The change.
        change: ChangeId,
        /// What it is.
        title: String,
    },
    /// A change cannot be carried out now; it is asked for again.
    Waits {
        /// The change.
        change: ChangeId,
        /// Why.
        reason: String,
    },
    /// The work on a change is over.
    Done {
        /// The change.
        change: ChangeId,
        /// What came of it.
        carried: Carried,
    },
    /// The server does not answer; it is asked again.
    Unreachable {
        /// Why.
        reason: String,
    },
    /// The server does not list this runner among those that are there. It works all the same.
    Unlisted {
        /// Why.
        reason: String,
    },
    /// The daemon was asked to stop and takes nothing on any more.
    Draining {
        /// How many changes are under way.
        running: usize,
    },
}

/// A runner that looks for work.
#[derive(Debug)]
pub struct Daemon {
    carrier: Carrier,
    settings: DaemonSettings,
}

/// A change that was refused.
#[derive(Debug, Clone)]
struct Refused {
    reason: String,
    again_at: Instant,
    pause: Duration,
}

type Job = (ChangeId, Result<Carried, RunnerError>);

/// What goes on at one moment.
#[derive(Debug, Default)]
struct Shift {
    jobs: JoinSet<Job>,
    /// Who works on what.
    taken: BTreeMap<ChangeId, Id>,
    refused: BTreeMap<ChangeId, Refused>,
    /// How many of them wait for a person.
    waiting: Waiting,
}

impl Daemon {
    /// A daemon that works with `runner` for the server of `client`.
    ///
    /// # Errors
    /// When no name can be made for it.
    pub fn new(client: Client, runner: Runner, settings: DaemonSettings) -> Result<Self, RunnerError> {
        let name = holder::name().map_err(RunnerError::Holder)?;
        let concurrency = settings.concurrency.clamp(1, CONCURRENCY_MAX);
        // As many again may wait for a person.
        let most = 2 * concurrency + WORKSPACES_KEPT_MAX;
        let workspaces = settings.workspaces.clone().map(|all| (all, most));
        let carrier = Carrier { client, runner, workspaces, name };
        Ok(Self { carrier, settings: DaemonSettings { concurrency, ..settings } })
    }

    /// Works until `stop` is cancelled and what was under way has ended or was left to others. `tell` hears what happens,
    /// `options` says how a change is run that is taken on now; when it stops is the daemon's own affair.
    pub async fn run(
        &self,
        stop: &CancellationToken,
        tell: impl Fn(News),
        options: impl Fn(ChangeId) -> Options,
    ) {
        let (doing, told) = watch::channel(Doing::default());
        let (Carrier { client, name, .. }, DaemonSettings { labels, concurrency, .. }) =
            (&self.carrier, &self.settings);
        let herald = Herald::new(client.clone(), name.clone(), labels, *concurrency);
        let unlisted = |reason| tell(News::Unlisted { reason });
        tokio::select! {
            biased;
            () = self.work(stop, &doing, &tell, options) => herald.end().await,
            never = herald.announce(told, unlisted) => match never {},
        }
    }

    async fn work(
        &self,
        stop: &CancellationToken,
        doing: &watch::Sender<Doing>,
        tell: impl Fn(News),
        options: impl Fn(ChangeId) -> Options,
    ) {
        let mut shift = Shift::default();
        let mut waiting = shift.waiting.subscribe();
        let release = CancellationToken::new();
        let mut look_at = Instant::now();
        let mut sweep_at = look_at;
        let mut is_reachable = true;
        loop {
            shift.show(doing, false);
            let has_room = shift.has_room(self.settings.concurrency);
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(job) = shift.jobs.join_next(), if !shift.jobs.is_empty() => {
                    shift.end(job, &tell);
                    // Whoever waited for this one may have its turn now.
                    look_at = Instant::now();
                }
                () = sleep_until(sweep_at), if self.settings.workspaces.is_some() => {
                    tokio::select! {
                        () = self.sweep(&shift) => {}
                        () = stop.cancelled() => {}
                    }
                    sweep_at = Instant::now() + SWEEP_PAUSE;
                }
                // There may be room now, or none any more.
                Ok(()) = waiting.changed() => {}
                () = sleep_until(look_at), if has_room => {
                    match self.look().await {
                        Ok(found) => {
                            is_reachable = true;
                            self.take(&mut shift, found, &release, &tell, &options);
                        }
                        Err(error) if is_reachable => {
                            is_reachable = false;
                            tell(News::Unreachable { reason: error.to_string() });
                        }
                        Err(_) => {}
                    }
                    look_at = Instant::now() + self.settings.look_pause;
                }
            }
        }
        self.drain(shift, &release, doing, &tell).await;
    }

    /// What a runner with these labels is to carry out, the most urgent first.
    async fn look(&self) -> Result<Vec<(ChangeId, StateName, ChangeSummary)>, ClientError> {
        let labels: Vec<&str> = self.settings.labels.iter().map(RunnerLabel::as_str).collect();
        let filter = ChangeFilter {
            state: Some(STATES.map(StateName::as_str).join(",")),
            runner: Some(labels.join(",")),
            sort: Some("deadline".to_owned()),
            limit: Some(LOOK_ITEMS),
            ..ChangeFilter::default()
        };
        let found = every_page(async |cursor| {
            self.carrier.client.list_changes(&ChangeFilter { cursor, ..filter.clone() }).await
        });
        let known =
            |item: ChangeSummary| Some((item.change_id.parse().ok()?, item.state.parse().ok()?, item));
        let mut found: Vec<(ChangeId, StateName, ChangeSummary)> =
            found.await?.into_iter().filter_map(known).collect();
        // The sort keeps the order of deadlines among equals.
        found.sort_by_key(|(_, state, _)| STATES.iter().position(|urgent| urgent == state));
        Ok(found)
    }

    fn take(
        &self,
        shift: &mut Shift,
        found: Vec<(ChangeId, StateName, ChangeSummary)>,
        release: &CancellationToken,
        tell: impl Fn(News),
        options: impl Fn(ChangeId) -> Options,
    ) {
        shift.refused.retain(|change, _| found.iter().any(|(id, ..)| id == change));
        for (change, state, summary) in found {
            if !shift.has_room(self.settings.concurrency) {
                return;
            }
            let is_due = shift.refused.get(&change).is_none_or(|refused| refused.again_at <= Instant::now());
            if !is_due || shift.taken.contains_key(&change) {
                continue;
            }
            if !shift.refused.contains_key(&change) {
                tell(News::Taken { change, title: summary.title });
            }
            let (stop, waiting) = (release.child_token(), shift.waiting.clone());
            let options = Options { stop, waiting, ..options(change) };
            let carrier = self.carrier.clone();
            let job = async move { (change, carrier.carry_out(change, state, options).await) };
            shift.taken.insert(change, shift.jobs.spawn(job).id());
        }
    }

    /// Removes the working copies that nobody needs: what a killed runner has left half made, and those of changes that are
    /// over. What cannot be removed now is removed another time.
    async fn sweep(&self, shift: &Shift) {
        let Some(workspaces) = &self.settings.workspaces else { return };
        let kept = match workspaces.kept().await {
            Ok(kept) => kept,
            Err(error) => return tracing::warn!(%error, "working copies are not looked through"),
        };
        for Kept { change, is_whole } in kept {
            if shift.taken.contains_key(&change) {
                continue;
            }
            let is_needed = is_whole
                && match self.carrier.client.change(&change.to_string()).await {
                    Ok(told) => !told.state.parse().is_ok_and(is_over),
                    // Who is not reached for one is not reached for the next one either.
                    Err(error) if error.is_transient() => return,
                    Err(_) => true,
                };
            if !is_needed && let Err(error) = workspaces.remove(change).await {
                tracing::warn!(%error, %change, "the working copy of a change is left on this machine");
            }
        }
    }

    /// Waits for what is under way, and leaves what takes too long to other runners.
    async fn drain(
        &self,
        mut shift: Shift,
        release: &CancellationToken,
        doing: &watch::Sender<Doing>,
        tell: impl Fn(News),
    ) {
        tell(News::Draining { running: shift.jobs.len() });
        let patience = sleep(self.settings.drain);
        tokio::pin!(patience);
        while !shift.jobs.is_empty() {
            shift.show(doing, true);
            tokio::select! {
                Some(job) = shift.jobs.join_next() => shift.end(job, &tell),
                () = &mut patience, if !release.is_cancelled() => release.cancel(),
            }
        }
    }
}

impl Shift {
    /// Shows what goes on to whoever tells it, if that is new.
    fn show(&self, doing: &watch::Sender<Doing>, is_draining: bool) {
        let working_on = self.taken.keys().copied().collect();
        let now = Doing { working_on, waiting: self.waiting.count(), is_draining };
        doing.send_if_modified(|before| {
            let is_new = *before != now;
            *before = now;
            is_new
        });
    }

    /// Whether something may be taken on. What waits for a person takes no place, as long as no more wait than may be under
    /// way: all of them may be answered at once.
    fn has_room(&self, concurrency: usize) -> bool {
        let waiting = self.waiting.count().min(concurrency);
        self.jobs.len().saturating_sub(waiting) < concurrency
    }

    /// Takes note of the end of a job. The lease of one that panicked ends by itself, and a later look finds the change
    /// interrupted.
    fn end(&mut self, job: Result<Job, tokio::task::JoinError>, tell: impl Fn(News)) {
        let (change, done) = match job {
            Ok(job) => job,
            Err(error) => {
                tracing::error!(%error, "the work on a change broke off");
                self.taken.retain(|_, id| *id != error.id());
                return;
            }
        };
        self.taken.remove(&change);
        match done {
            Ok(carried) => {
                self.refused.remove(&change);
                tell(News::Done { change, carried });
            }
            Err(error) => self.refuse(change, reason(&error), tell),
        }
    }

    fn refuse(&mut self, change: ChangeId, reason: String, tell: impl Fn(News)) {
        let before = self.refused.get(&change);
        let pause = before.map_or(RETRY_PAUSE_MIN, |before| (before.pause * 2).min(RETRY_PAUSE_MAX));
        if before.is_none_or(|before| before.reason != reason) {
            tell(News::Waits { change, reason: reason.clone() });
        }
        self.refused.insert(change, Refused { reason, again_at: Instant::now() + pause, pause });
    }
}

/// The items of every page. The most urgent may stand on the last one, and a page may be short or empty where others
/// follow, because what other labels are for is left out of it.
async fn every_page<T, E>(page: impl AsyncFn(Option<String>) -> Result<Page<T>, E>) -> Result<Vec<T>, E> {
    let (mut items, mut cursor) = (Vec::new(), None);
    for _ in 0..LOOK_PAGES_MAX {
        let Page { items: more, next_cursor } = page(cursor).await?;
        items.extend(more);
        if next_cursor.is_none() {
            break;
        }
        cursor = next_cursor;
    }
    Ok(items)
}

/// The whole of an error in a line: what it says and why.
fn reason(error: &RunnerError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[tokio::test]
    async fn a_look_goes_on_behind_pages_that_hold_nothing_for_this_runner() {
        let pages = async |cursor: Option<String>| -> Result<Page<u8>, Infallible> {
            let number: usize = cursor.map_or(0, |cursor| cursor.parse().unwrap());
            let items = if number == 2 { vec![7] } else { Vec::new() };
            Ok(Page { items, next_cursor: (number < 2).then(|| (number + 1).to_string()) })
        };
        assert_eq!(every_page(pages).await, Ok(vec![7]));
        let endless = async |_: Option<String>| -> Result<Page<u8>, Infallible> {
            Ok(Page { items: vec![1], next_cursor: Some("on".to_owned()) })
        };
        assert_eq!(every_page(endless).await.map(|items| items.len()), Ok(LOOK_PAGES_MAX));
    }
}
