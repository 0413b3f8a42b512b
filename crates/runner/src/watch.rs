//! Watching while the plan is carried out: samples are judged as they come, breaches are handed on.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use domain::id::StepName;
use domain::rollback::{Breach, ConditionName, Judge, Verdict};
use tokio::sync::mpsc;

use crate::baseline::Baselines;
use crate::breach;
use crate::probing::{Answer, Probing, own_pace};
use crate::progress::Progress;
use crate::session::Session;

/// Most breaches that wait to be dealt with. Each monitor has one at a time for each condition.
const BREACHES_WAITING_MAX: usize = 256;

/// Asks every monitor at its pace, judges, and deals with breaches, for as long as the session lives.
pub(crate) async fn watch(session: &Session, baselines: &Baselines) -> Infallible {
    let monitors = &session.script.monitors;
    let (sender, breaches) = mpsc::channel(BREACHES_WAITING_MAX);
    let mut watcher = Watcher {
        judge: Judge::new(session.script.conditions.clone(), monitors, baselines),
        verdicts: BTreeMap::new(),
        breached: BTreeSet::new(),
        breaches: sender,
    };
    let mut probing = Probing::start(monitors, own_pace, &session.machine.context, session.interrupt());
    let judging = async {
        while let Some(answer) = probing.next().await {
            watcher.take(session, answer);
        }
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        never = judging => never,
        never = breach::respond(session, breaches) => never,
    }
}

/// What is remembered between two samples.
struct Watcher {
    judge: Judge,
    verdicts: BTreeMap<StepName, Verdict>,
    /// Breaches that have been handed on and not recovered from since.
    breached: BTreeSet<(StepName, ConditionName)>,
    breaches: mpsc::Sender<Breach>,
}

impl Watcher {
    fn take(&mut self, session: &Session, answer: Answer) {
        let Answer { sample, detail } = answer;
        session.samples.push(&sample);
        session.oven.take(&sample, &detail);
        if self.verdicts.insert(sample.monitor.clone(), sample.verdict) != Some(sample.verdict) {
            let (monitor, verdict) = (sample.monitor.clone(), sample.verdict);
            session.reporter.tell(Progress::Monitor { monitor, verdict, detail });
        }
        match self.judge.observe(&sample) {
            None => self.breached.retain(|(monitor, _)| *monitor != sample.monitor),
            Some(breach) => {
                let key = (breach.monitor.clone(), breach.condition);
                // One that cannot be handed on counts as not handed on: the next sample brings it again.
                if !self.breached.contains(&key) && self.breaches.try_send(breach).is_ok() {
                    self.breached.insert(key);
                }
            }
        }
    }
}
