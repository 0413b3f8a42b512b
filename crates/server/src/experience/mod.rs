//! What past changes teach: their rates, the ones that are alike, and the model that was trained on them.
//!
//! Read from the log when the server starts, in the background. An assessment waits for it a moment; what cannot wait
//! longer is assessed without the past, and says so. After that, every change that is closed, every finding of a review of
//! one and every change that is imported is taken in once it is written.
//!
//! Invariant: what is predicted for a change rests on what could be known when it was handed in, and nothing later.

mod advice;
mod background;
mod past;
mod reading;
mod said;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use domain::Timestamp;
use domain::change::{Outcome, ReviewFinding};
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
    /// The latest past changes.
    past: Vec<(Submission, Known)>,
    /// How many came before those.
    dropped: usize,
    said: VecDeque<Said>,
    /// The number of each change, by reference, so that one that is told twice counts once.
    told: BTreeMap<String, usize>,
    /// How many findings of reviews were taken in, of the changes of which there are any.
    findings: BTreeMap<String, usize>,
    history: History,
    similar: SimilarIndex,
    endings: Vec<Closing>,
    models: Models,
    models_version: u64,
}

/// How a past change ended.
#[derive(Debug)]
struct Closing {
    reference: String,
    outcome: Outcome,
    /// What a review found of that.
    finding: Option<ReviewFinding>,
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
    /// by now. The first one is trained when a person asks for it. What failed is tried again after the same pause.
    pub(crate) fn is_due(&self, now: Timestamp, pause: SignedDuration, growth_percent: usize) -> bool {
        let inner = self.lock();
        let Some(last) = inner.models.trained().last() else { return false };
        let is_old = now.duration_since(last.trained_at) >= pause;
        let known = inner.past.iter().filter(|(_, known)| known.known_at <= now.as_second()).count();
        let before = usize::try_from(last.known).unwrap_or(usize::MAX);
        self.training().may_begin_unasked(now, pause)
            && is_old
            && known.saturating_mul(100) >= before.saturating_mul(100 + growth_percent)
    }

    /// The past has been read. The outcomes known by now go into the rates here, so that no assessment has to wait for it.
    pub(crate) fn read(&self, now: Timestamp) {
        self.lock().history.settle(now.as_second());
        self.is_read.send_replace(true);
    }

    /// Takes past changes in, in whatever order they are told; of those that are known already only what reviews have found
    /// since.
    pub(crate) fn add(&self, past: impl IntoIterator<Item = Past>) {
        let mut inner = self.lock();
        for one in past {
            inner.add(one);
        }
        let surplus = inner.past.len().saturating_sub(TRAINED_ON_MAX);
        inner.past.drain(..surplus);
        inner.dropped += surplus;
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
    pub(crate) fn begin_training(&self, now: Timestamp) -> bool {
        self.training.begin(now)
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
        if self.told.contains_key(&past.reference) {
            return self.correct(past);
        }
        let Past { reference, submission, known, outcome, finding, said } = past;
        self.told.insert(reference.clone(), self.dropped + self.past.len());
        if !known.corrections.is_empty() {
            self.findings.insert(reference.clone(), known.corrections.len());
        }
        // A full index knows the older ones.
        if self.similar.add(&fingerprint(&submission)).is_some() {
            self.endings.push(Closing { reference, outcome, finding });
        }
        self.history.learn(&submission, &known);
        self.said.extend(said);
        if self.said.len() > SAID_MAX {
            self.said.pop_front();
        }
        self.past.push((submission, known));
    }

    /// Takes in what reviews have found of a change that is known already. Two tellings may overtake each other: the one
    /// that knows more counts.
    fn correct(&mut self, past: Past) {
        let Past { reference, submission, known, finding, said, .. } = past;
        let learned = self.findings.get(&reference).copied().unwrap_or_default();
        if known.corrections.len() <= learned {
            return;
        }
        self.history.correct(&submission, &known, learned);
        if let Some(closing) = self.endings.iter_mut().find(|closing| closing.reference == reference) {
            closing.finding = finding;
        }
        if let Some(said) = said
            && let Some(before) = self.said.iter_mut().find(|before| before.change == said.change)
        {
            before.failed = said.failed;
        }
        let place = self.told.get(&reference).and_then(|number| number.checked_sub(self.dropped));
        if let Some((_, before)) = place.and_then(|place| self.past.get_mut(place)) {
            before.corrections.clone_from(&known.corrections);
        }
        self.findings.insert(reference, known.corrections.len());
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

#[cfg(test)]
mod tests {
    use domain::number::Probability;
    use prediction::{Cell, Correction};

    use super::*;

    const DAY: i64 = 86_400;

    /// A change of the shop that was taken back on a day, with what reviews have found of it on which days.
    fn taken_back(number: u32, day: i64, found: &[(i64, bool)]) -> Past {
        let correction = |(day, failed): &(i64, bool)| Correction { at: day * DAY, failed: *failed };
        let corrections = found.iter().map(correction).collect();
        let known = Known { corrections, ..Known::new(day * DAY + WAITING_SECONDS, true) };
        let finding = found.last().map(|(_, failed)| match failed {
            true => ReviewFinding::Failed,
            false => ReviewFinding::Succeeded,
        });
        let change = format!("CHG-2026-{number:06}").parse().unwrap();
        let said = Said {
            change,
            created_at: Timestamp::from_second(day * DAY).unwrap(),
            value: Probability::ZERO,
            source: "record".to_owned(),
            known_at: known.known_at,
            failed: known.has_failed(),
        };
        Past {
            reference: change.to_string(),
            submission: Submission {
                at: day * DAY,
                requester: "ann".to_owned(),
                category: "deployment".to_owned(),
                services: vec!["shop".to_owned()],
                title: "Raise the pool".to_owned(),
                ..Submission::default()
            },
            known,
            outcome: Outcome::RolledBack,
            finding,
            said: Some(said),
        }
    }

    /// The rates of a change that is handed in on a day.
    fn rates(experience: &Experience, day: i64) -> Vec<f64> {
        let asked = taken_back(9, day, &[]).submission;
        let cells = experience.lock().cells(&asked);
        let rates = cells.into_iter().filter(|(name, _)| name.ends_with("failure_rate"));
        rates.filter_map(|(_, cell)| if let Cell::Number(rate) = cell { Some(rate) } else { None }).collect()
    }

    fn labels(experience: &Experience) -> Vec<bool> {
        experience.past().iter().map(|(_, known)| known.has_failed()).collect()
    }

    #[test]
    fn a_finding_changes_rates_and_label_from_then_on_and_a_restart_knows_the_same() {
        let live = Experience::default();
        live.add([taken_back(1, 0, &[]), taken_back(2, 5, &[])]);
        live.read(Timestamp::from_second(10 * DAY).unwrap());
        let before = rates(&live, 19);
        assert_eq!(labels(&live), [true, true]);
        live.add([taken_back(1, 0, &[(20, false)])]);
        assert_eq!(labels(&live), [false, true]);
        let after = rates(&live, 20);
        assert!(after.iter().zip(&before).all(|(after, before)| after < before), "{after:?} {before:?}");
        // Told again, or late, nothing changes.
        live.add([taken_back(1, 0, &[(20, false)]), taken_back(1, 0, &[])]);
        assert_eq!(labels(&live), [false, true]);
        live.add([taken_back(1, 0, &[(20, false), (30, true)]), taken_back(2, 5, &[(30, false)])]);
        assert_eq!(labels(&live), [true, false]);
        assert_eq!(live.said(|_| true).iter().map(|said| said.failed).collect::<Vec<_>>(), [true, false]);
        let similar = live.advise(&taken_back(9, 31, &[]).submission).similar;
        let told: Vec<_> = similar.iter().map(|one| (one.reference.as_str(), one.finding)).collect();
        let (first, second) = (Some(ReviewFinding::Failed), Some(ReviewFinding::Succeeded));
        assert!(
            told.contains(&("CHG-2026-000001", first)) && told.contains(&("CHG-2026-000002", second)),
            "{told:?}"
        );

        let restarted = Experience::default();
        restarted.add([taken_back(1, 0, &[(20, false), (30, true)]), taken_back(2, 5, &[(30, false)])]);
        restarted.read(Timestamp::from_second(31 * DAY).unwrap());
        assert_eq!(labels(&restarted), labels(&live));
        assert_eq!(restarted.said(|_| true), live.said(|_| true));
        for (one, other) in rates(&live, 40).into_iter().zip(rates(&restarted, 40)) {
            assert!((one - other).abs() < 1e-12, "{one} live, {other} after a restart");
        }
    }

    #[test]
    fn rows_of_before_a_finding_still_see_what_was_known_then() {
        let experience = Experience::default();
        let row = |experience: &Experience, number: usize| {
            History::default().table(&experience.past()).unwrap().row(number)
        };
        experience.add([taken_back(1, 0, &[]), taken_back(2, 10, &[]), taken_back(3, 30, &[])]);
        let [early, late] = [row(&experience, 1), row(&experience, 2)];
        experience.add([taken_back(1, 0, &[(20, false)])]);
        let same = |one: &[f64], other: &[f64]| {
            one.iter().zip(other).all(|(one, other)| one == other || one.is_nan() && other.is_nan())
        };
        assert!(same(&row(&experience, 1), &early), "handed in before the review");
        assert!(!same(&row(&experience, 2), &late), "handed in afterwards");
    }
}
