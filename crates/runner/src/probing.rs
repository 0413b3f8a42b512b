//! Monitors at work: each asks its probe at its pace.

use std::time::Duration;

use adapters::execute::ExecutionContext;
use adapters::metrics::{Asker, Sampled};
use domain::plan::Monitor;
use domain::rollback::Sample;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::clock;

/// Most samples that wait to be judged; then monitors wait.
const WAITING_MAX: usize = 1_000;

/// Monitors that ask until this is dropped or cancelled.
#[derive(Debug)]
pub(crate) struct Probing {
    samples: mpsc::Receiver<Answer>,
    _monitors: JoinSet<()>,
}

/// A monitor's answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) sample: Sample,
    /// What was answered, in words.
    pub(crate) detail: String,
}

impl Probing {
    /// Starts every monitor. `pace` says how much time passes from one question to the next.
    pub(crate) fn start(
        monitors: &[Monitor],
        pace: impl Fn(&Monitor) -> Duration,
        context: &ExecutionContext,
        cancel: &CancellationToken,
    ) -> Self {
        let (sender, samples) = mpsc::channel(WAITING_MAX);
        let mut tasks = JoinSet::new();
        for monitor in monitors {
            let pace = pace(monitor);
            tasks.spawn(ask(monitor.clone(), pace, context.clone(), cancel.clone(), sender.clone()));
        }
        Self { samples, _monitors: tasks }
    }

    /// The next answer of any monitor; nothing when all of them have stopped.
    pub(crate) async fn next(&mut self) -> Option<Answer> {
        self.samples.recv().await
    }
}

async fn ask(
    monitor: Monitor,
    pace: Duration,
    context: ExecutionContext,
    cancel: CancellationToken,
    answers: mpsc::Sender<Answer>,
) {
    let mut asker = Asker::new(monitor.probe.clone());
    while !cancel.is_cancelled() {
        let (began, at) = (Instant::now(), clock::now());
        let sampled = asker.ask(&context, &cancel).await;
        if cancel.is_cancelled() {
            return;
        }
        let Sampled { verdict, latency_micros, measured, detail } = sampled;
        let sample = Sample { monitor: monitor.name.clone(), at, verdict, latency_micros, measured };
        if answers.send(Answer { sample, detail }).await.is_err() {
            return;
        }
        tokio::select! {
            () = sleep_until(began + pace) => {}
            () = cancel.cancelled() => return,
        }
    }
}

/// How often a monitor asks while a change is implemented and soaks.
pub(crate) fn own_pace(monitor: &Monitor) -> Duration {
    Duration::from_millis(monitor.interval_millis)
}
