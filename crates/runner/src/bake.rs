//! Bakes: what is watched must be well for a time before the plan goes on.
//!
//! The monitors ask throughout; from the moment a bake begins their answers are also counted here, on their own, so that
//! nothing from before it counts for or against it. Only *well* lets the plan go on: every monitor has answered often
//! enough, freshly and as it should, and every condition is judged and kept. A failure that no condition tolerates ends
//! the bake at once. What cannot be said yet is waited for, up to the bake's extension.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use adapters::execute::{Execution, ExecutionContext, Performed};
use api::run::BakeStanding;
use domain::canary::Arming;
use domain::id::StepName;
use domain::plan::observation::REASON_BYTES_MAX;
use domain::plan::{Bake, Failure, Observation, Outcome};
use domain::rollback::{Breach, Health, Judge, RollbackConditions, Sample, Verdict};
use domain::text::FreeText;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::baseline::Baselines;
use crate::clock;
use crate::comparison::Comparison;
use crate::progress::{Progress, Response};
use crate::session::Session;
use crate::tally::Tally;

/// Longest time between two looks at what the answers say: an answer may be missing.
const LOOK_PAUSE: Duration = Duration::from_secs(1);

/// Longest reason that is told with a heartbeat, in bytes.
const TOLD_BYTES_MAX: usize = 1024;

/// Where the answers of the bake under way are counted, if one is.
#[derive(Debug, Default)]
pub(crate) struct Oven {
    baselines: Mutex<Baselines>,
    counted: Mutex<Option<Counted>>,
    news: Notify,
}

/// The answers since a bake began.
#[derive(Debug)]
struct Counted {
    step: StepName,
    judge: Judge,
    tallies: BTreeMap<StepName, Tally>,
    tolerates_failures: bool,
    comparison: Option<Comparison>,
    breach: Option<String>,
    worse: Option<Breach>,
}

/// What the answers say.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Standing {
    /// All is well.
    Well(String),
    /// The canary is worse than what it is compared with.
    Worse(Breach),
    /// Something is not, and no later answer changes that.
    Failed(String),
    /// The newest answers are not as they should be, which may pass.
    Unwell(String),
    /// It cannot be said.
    Unknown(String),
}

impl Oven {
    /// Keeps what the monitors' answers took before the change.
    pub(crate) fn know(&self, baselines: &Baselines) {
        lock(&self.baselines).clone_from(baselines);
    }

    /// Counts an answer, where a bake is under way.
    pub(crate) fn take(&self, sample: &Sample, detail: &str) {
        if let Some(counted) = lock(&self.counted).as_mut() {
            counted.add(sample, detail);
            self.news.notify_one();
        }
    }

    fn begin(&self, session: &Session, (step, attempt): (&StepName, u32), bake: &Bake) {
        let script = &session.script;
        let judge = Judge::new(script.conditions.clone(), &script.monitors, &lock(&self.baselines));
        let tallies = script.monitors.iter().map(|monitor| (monitor.name.clone(), Tally::default()));
        *lock(&self.counted) = Some(Counted {
            step: step.clone(),
            judge,
            tallies: tallies.collect(),
            tolerates_failures: tolerates_failures(&script.conditions),
            comparison: Comparison::of(
                bake,
                &script.monitors,
                script.calibration.as_ref(),
                (attempt, clock::now()),
            ),
            breach: None,
            worse: None,
        });
    }

    fn end(&self) {
        *lock(&self.counted) = None;
    }

    /// What is to be told of the bake under way, if one is: were it to end now.
    pub(crate) fn told(&self, context: &ExecutionContext) -> Option<BakeStanding> {
        let (step, standing) = lock(&self.counted).as_ref().map(|it| (it.step.clone(), it.standing()))?;
        let (verdict, detail) = match standing {
            Standing::Well(figures) => (Verdict::Pass, figures),
            Standing::Worse(breach) => (Verdict::Fail, breach.to_string()),
            Standing::Failed(why) | Standing::Unwell(why) => (Verdict::Fail, why),
            Standing::Unknown(why) => (Verdict::Inconclusive, why),
        };
        let detail = FreeText::excerpt(&context.mask(&detail), TOLD_BYTES_MAX).as_str().to_owned();
        Some(BakeStanding { step: step.to_string(), verdict: verdict.to_string(), detail })
    }

    fn standing(&self) -> Standing {
        let nothing = || Standing::Unknown("nothing is watched".to_owned());
        lock(&self.counted).as_ref().map_or_else(nothing, Counted::standing)
    }
}

impl Counted {
    fn add(&mut self, sample: &Sample, detail: &str) {
        if let Some(tally) = self.tallies.get_mut(&sample.monitor) {
            tally.add(sample, detail);
        }
        if let Some(breach) = self.judge.observe(sample) {
            self.breach.get_or_insert_with(|| breach.to_string());
        }
        if let Some(breach) = self.comparison.as_mut().and_then(|comparison| comparison.observe(sample)) {
            self.worse.get_or_insert(breach);
        }
    }

    fn standing(&self) -> Standing {
        if let Some(breach) = &self.worse {
            return Standing::Worse(breach.clone());
        }
        if let Some(breach) = &self.breach {
            return Standing::Failed(breach.clone());
        }
        let figures =
            |(monitor, tally): (&StepName, &Tally)| format!("monitor `{monitor}`: {}", tally.detail());
        let is_compared =
            |monitor: &StepName| self.comparison.as_ref().is_some_and(|it| it.compares(monitor));
        let has_failed = |(monitor, tally): &(&StepName, &Tally)| {
            tally.has_failed() && !self.tolerates_failures && !is_compared(monitor)
        };
        if let Some(failed) = self.tallies.iter().find(has_failed) {
            return Standing::Failed(figures(failed));
        }
        if let Some(scarce) = self.tallies.iter().find(|(_, tally)| !tally.is_enough()) {
            return Standing::Unknown(figures(scarce));
        }
        if let Some(missing) = self.comparison.as_ref().and_then(Comparison::missing) {
            return Standing::Unknown(missing);
        }
        match self.judge.health(clock::now()) {
            Health::Healthy => {
                let opinions = self.comparison.iter().flat_map(Comparison::opinions);
                let lines: Vec<String> = opinions.chain(self.tallies.iter().map(figures)).collect();
                Standing::Well(lines.join("\n"))
            }
            Health::Unhealthy { why } => Standing::Unwell(why),
            Health::Unknown { why } => Standing::Unknown(why),
        }
    }
}

/// Where no share or row of failures was agreed on, none is tolerated.
fn tolerates_failures(conditions: &RollbackConditions) -> bool {
    conditions.error_rate.is_some() || conditions.health_check.is_some()
}

/// Watches until it can be said whether all is well, or for as long as the bake may take.
pub(crate) async fn execute(
    session: &Session,
    (step, attempt): (&StepName, u32),
    bake: &Bake,
    time_limit: Duration,
    cancel: &CancellationToken,
) -> Execution {
    let began = Instant::now();
    session.oven.begin(session, (step, attempt), bake);
    let (outcome, log) = tokio::select! {
        biased;
        () = cancel.cancelled() => (Outcome::Failed { failure: Failure::Cancelled }, String::new()),
        () = sleep_until(began + time_limit) => (Outcome::Failed { failure: Failure::TimedOut }, String::new()),
        ended = watched(session, bake, began) => ended,
    };
    session.oven.end();
    Execution { result: Performed::Ended(outcome), duration: began.elapsed(), log }
}

async fn watched(session: &Session, bake: &Bake, began: Instant) -> (Outcome, String) {
    let until = began + Duration::from_millis(bake.duration_millis);
    let at_latest = until + Duration::from_millis(bake.extension_millis);
    loop {
        let now = Instant::now();
        let standing = session.oven.standing();
        match standing {
            Standing::Worse(breach) => return worse(session, breach).await,
            Standing::Failed(why) => return failed(&why),
            Standing::Well(figures) if now >= until => return (Outcome::Succeeded, figures),
            Standing::Unwell(why) if now >= at_latest => return failed(&why),
            Standing::Unknown(why) if now >= at_latest => {
                let reason = FreeText::excerpt(&why, REASON_BYTES_MAX);
                return (Outcome::Failed { failure: Failure::Undecided { reason } }, String::new());
            }
            Standing::Well(_) | Standing::Unwell(_) | Standing::Unknown(_) => {}
        }
        let next = if now < until { until } else { at_latest };
        tokio::select! {
            () = session.oven.news.notified() => {}
            () = sleep_until(next.min(now + LOOK_PAUSE)) => {}
        }
    }
}

/// Has the change taken back as the analysis demands, where a failure is taken back without asking. What is not known to keep
/// its budget of false alarms on this service only advises: a person decides.
async fn worse(session: &Session, breach: Breach) -> (Outcome, String) {
    if let Some(Arming::NotArmed { reason }) = &session.script.arming {
        let why = format!("{breach}; a comparison alone does not roll back here: {reason}");
        let reason = FreeText::excerpt(&why, REASON_BYTES_MAX);
        return (Outcome::Failed { failure: Failure::Advised { reason } }, why);
    }
    let view = session.view();
    if view.run.auto_rollback() {
        let observation = Observation::RollbackRequested { cause: breach.cause() };
        if session.report(view.version, observation).await.is_ok() {
            let log = breach.to_string();
            session.reporter.tell(Progress::Breached { breach, response: Response::RolledBack });
            return (Outcome::Failed { failure: Failure::Cancelled }, log);
        }
    }
    failed(&breach.to_string())
}

fn failed(why: &str) -> (Outcome, String) {
    let reason = FreeText::excerpt(why, REASON_BYTES_MAX);
    (Outcome::Failed { failure: Failure::Other { reason } }, String::new())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
