//! What past changes teach: their rates, the ones that are alike, and the model that was trained on them.
//!
//! Read from the log when the server starts, in the background. An assessment waits for it a moment; what cannot wait
//! longer is assessed without the past, and says so. After that, every change that is closed and every one that is
//! imported is taken in once it is written.
//!
//! Invariant: what is predicted for a change rests on what could be known when it was handed in, and nothing later.

mod advice;
mod background;
mod past;
mod reading;
mod said;

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use domain::Timestamp;
use domain::change::Outcome;
use domain::learning::{ModelEvent, Models};
use jiff::SignedDuration;
use prediction::similar::{Fingerprint, SimilarIndex, Subject};
use prediction::{History, Known, Model, Stretch, Submission};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Duration, Instant};

use said::SAID_MAX;

pub(crate) use advice::{Advice, probability};
pub(crate) use background::{Background, Progress};
pub(crate) use past::{Past, WAITING_SECONDS, submission};
pub(crate) use reading::read;
pub(crate) use said::Said;

/// Most past changes that a model is trained on, the latest ones. Rates and similar changes know older ones too.
const TRAINED_ON_MAX: usize = 200_000;
/// So long after the start of the server, assessments wait for the past.
const PATIENCE: Duration = Duration::from_secs(2);

/// What past changes teach.
#[derive(Debug)]
pub(crate) struct Experience {
    inner: Mutex<Inner>,
    champion: RwLock<Option<Arc<Champion>>>,
    is_read: watch::Sender<bool>,
    patient_until: Instant,
    training: Background<()>,
    /// How models would have done on the past.
    pub backtests: Background<Backtest>,
    /// Whoever works through all of the past holds it, so that only one does at a time.
    pub whole_past: Semaphore,
}

/// How models would have done on the past, had they been trained again and again as time went on.
#[derive(Debug, Clone)]
pub(crate) struct Backtest {
    /// When it was begun.
    pub at: Timestamp,
    /// Past changes whose outcome was known then.
    pub changes: u64,
    /// Failures among them.
    pub failures: u64,
    /// Stretches of time, each with the share of failures that was known before it.
    pub stretches: Vec<(Stretch, f64)>,
}

/// The model that is asked.
#[derive(Debug)]
pub(crate) struct Champion {
    /// Its version.
    pub version: u32,
    /// The model.
    pub model: Model,
}

#[derive(Debug, Default)]
struct Inner {
    /// The latest past changes, by reference, so that one that is told twice counts once.
    past: Vec<(Submission, Known)>,
    said: VecDeque<Said>,
    told: BTreeSet<String>,
    history: History,
    similar: SimilarIndex,
    endings: Vec<(String, Outcome)>,
    models: Models,
    models_version: u64,
}

impl Default for Experience {
    fn default() -> Self {
        Self {
            inner: Mutex::default(),
            champion: RwLock::default(),
            is_read: watch::Sender::new(false),
            patient_until: Instant::now() + PATIENCE,
            training: Background::default(),
            backtests: Background::default(),
            whole_past: Semaphore::new(1),
        }
    }
}

impl Experience {
    /// Waits until the past has been read, however long it is.
    pub(crate) async fn whole(&self) {
        // The sender lives as long as this.
        let mut is_read = self.is_read.subscribe();
        let _read = is_read.wait_for(|is_read| *is_read).await;
    }

    /// Waits until the past has been read, or the server has been up for a moment.
    pub(crate) async fn ready(&self) {
        let _late = tokio::time::timeout_at(self.patient_until, self.whole()).await;
    }

    /// Whether the past has been read.
    pub(crate) fn is_ready(&self) -> bool {
        *self.is_read.borrow()
    }

    /// Whether a model should be trained anew: there was one, its last successor is old enough, and enough more is known
    /// by now. The first one is trained when a person asks for it.
    pub(crate) fn is_due(&self, now: Timestamp, pause: SignedDuration, growth_percent: usize) -> bool {
        let inner = self.lock();
        let Some(last) = inner.models.trained().last() else { return false };
        let is_old = now.duration_since(last.trained_at) >= pause;
        let known = inner.past.iter().filter(|(_, known)| known.known_at <= now.as_second()).count();
        let before = usize::try_from(last.known).unwrap_or(usize::MAX);
        is_old && known.saturating_mul(100) >= before.saturating_mul(100 + growth_percent)
    }

    /// The past has been read. The outcomes known by now go into the rates here, so that no assessment has to wait for it.
    pub(crate) fn read(&self, now: Timestamp) {
        self.lock().history.settle(now.as_second());
        self.is_read.send_replace(true);
    }

    /// Takes past changes in, in whatever order they are told; those that are known already change nothing.
    pub(crate) fn add(&self, past: impl IntoIterator<Item = Past>) {
        let mut inner = self.lock();
        for one in past {
            inner.add(one);
        }
        let surplus = inner.past.len().saturating_sub(TRAINED_ON_MAX);
        inner.past.drain(..surplus);
    }

    /// How many past changes are known.
    pub(crate) fn len(&self) -> usize {
        self.lock().endings.len()
    }

    /// The past changes that a model is trained on, by their submission.
    pub(crate) fn past(&self) -> Vec<(Submission, Known)> {
        let mut past = self.lock().past.clone();
        past.sort_by_key(|(submission, _)| submission.at);
        past
    }

    /// The models, and the version of their stream.
    pub(crate) fn models(&self) -> (Models, u64) {
        let inner = self.lock();
        (inner.models.clone(), inner.models_version)
    }

    /// Takes an event of the stream of models in, unless it is known already.
    pub(crate) fn apply_model(&self, event: &ModelEvent, version: u64) {
        let mut inner = self.lock();
        if version > inner.models_version {
            inner.models.evolve(event);
            inner.models_version = version;
        }
    }

    /// The version of the model that is asked at present.
    pub(crate) fn asked(&self) -> Option<u32> {
        self.champion().map(|champion| champion.version)
    }

    /// Puts a model in the place of the one that is asked.
    pub(crate) fn ask(&self, champion: Option<Champion>) {
        *self.champion.write().unwrap_or_else(PoisonError::into_inner) = champion.map(Arc::new);
    }

    /// The model that is asked at present.
    pub(crate) fn champion(&self) -> Option<Arc<Champion>> {
        self.champion.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a training may begin; then one is under way until it is told to have ended.
    pub(crate) fn begin_training(&self) -> bool {
        self.training.begin()
    }

    /// A training has ended, with a model or with the reason why there is none.
    pub(crate) fn end_training(&self, failure: Option<String>) {
        self.training.end(failure.map_or(Ok(()), Err));
    }

    /// Whether a model is being trained, and how the last training ended.
    pub(crate) fn training(&self) -> Progress<()> {
        self.training.progress()
    }

    /// What was said of changes, in the order in which they ended.
    pub(crate) fn said(&self, is_asked: impl Fn(&Said) -> bool) -> Vec<Said> {
        self.lock().said.iter().filter(|said| is_asked(said)).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn add(&mut self, past: Past) {
        let Past { reference, submission, known, outcome, said } = past;
        if !self.told.insert(reference.clone()) {
            return;
        }
        // A full index knows the older ones.
        if self.similar.add(&fingerprint(&submission)).is_some() {
            self.endings.push((reference, outcome));
        }
        self.history.learn(&submission, known);
        self.said.extend(said);
        if self.said.len() > SAID_MAX {
            self.said.pop_front();
        }
        self.past.push((submission, known));
    }
}

fn fingerprint(submission: &Submission) -> Fingerprint {
    let services: Vec<&str> = submission.services.iter().map(String::as_str).collect();
    let items: Vec<&str> = submission.cis.iter().map(String::as_str).collect();
    let files: Vec<&str> = submission.files.iter().map(|(path, _)| path.as_str()).collect();
    Fingerprint::of(&Subject {
        services: &services,
        items: &items,
        files: &files,
        category: &submission.category,
        title: &submission.title,
        description: &submission.description,
    })
}
