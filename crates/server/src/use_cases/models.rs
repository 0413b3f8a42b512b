//! Training models, and choosing the one that is asked.

use domain::Timestamp;
use domain::canonical::Digest;
use domain::learning::{ChosenBy, ModelEvent, ModelFigures, Models, TrainedModel, Verdict};
use policy::{Action, Resource};
use prediction::metrics::brier;
use prediction::{
    COMPARED_FAILURES_MIN, COMPARED_ROWS_MIN, FAILURES_MIN, Figures, History, Known, LearnError, Model,
    Profile, ROWS_MIN, Slices, SplitRule, Submission, Surroundings, TableError, candidates, compare, figures,
    outcomes, train as learn_best,
};
use store::{StreamAppend, StreamName};

use super::refusal;
use crate::app::{App, SharedApp};
use crate::ask;
use crate::caller::Caller;
use crate::commit::single;
use crate::experience::{Champion, probability};
use crate::failure::Failure;
use crate::record::{Envelope, decode, encode};
use crate::work::actor_guard;

/// Learned from up to this share of the past by time, chosen and calibrated up to the second; the rest is what models
/// are compared on.
const SPLIT: SplitRule = SplitRule { train_until: 0.75, validation_until: 0.85, by_group: false };

/// Why no model came of a training.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrainingError {
    /// Too little to learn from, or values that cannot be learned from.
    #[error("nothing can be learned yet: {0}; import past changes with `cortex-change history import`")]
    Learn(#[from] LearnError),
    /// Too little to calibrate on. A model that was not calibrated says nothing of probabilities.
    #[error(
        "only {rows} later changes with {failures} failures are known to calibrate on, at least {ROWS_MIN} with {FAILURES_MIN} failures and as many successes are needed; import more with `cortex-change history import`, or wait until more outcomes are known"
    )]
    Uncalibrated {
        /// Later changes whose outcomes were known in time.
        rows: u64,
        /// Failures among them.
        failures: u64,
    },
    /// The rows do not fit.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The model cannot be kept.
    #[error(transparent)]
    Model(#[from] prediction::ModelError),
    /// What it learned from cannot be kept.
    #[error(transparent)]
    Profile(#[from] prediction::ProfileError),
    /// The server refuses or fails.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// A model and what is known of it.
struct Learned {
    model: Model,
    bytes: Vec<u8>,
    /// What it learned from, in counts.
    profile: Vec<u8>,
    later: ModelFigures,
    verdict: Verdict,
}

/// When a model was trained, from how much, and under which names it is kept.
struct Trained {
    at: Timestamp,
    known: usize,
    artifact: Digest,
    profile: Digest,
    version: u32,
}

/// Reports nothing: the server's log has the begin and the end.
struct Quiet;

impl Surroundings for Quiet {
    fn seconds(&self) -> f64 {
        0.0
    }

    fn say(&self, _doing: &str) {}
}

/// Begins to train a model on everything whose outcome is known by now. It goes on when the caller has gone; what came
/// of it is among the models then.
///
/// # Errors
/// When policy refuses, or a training is under way.
pub(crate) async fn train(app: &SharedApp, caller: &Caller) -> Result<(), Failure> {
    permit(app, caller).await?;
    if !app.experience.begin_training(app.clock.now()) {
        return Err(Failure::Overloaded("a model is being trained: wait for it"));
    }
    let (shared, caller) = (app.clone(), caller.clone());
    app.tasks.spawn(async move {
        let trained = trained(&shared, &caller).await;
        if let Err(failure) = &trained {
            tracing::warn!(error = %failure, "no model came of a training");
        }
        shared.experience.end_training(trained.err().map(|failure| failure.to_string()));
    });
    Ok(())
}

async fn trained(app: &SharedApp, caller: &Caller) -> Result<(), TrainingError> {
    app.experience.whole().await;
    let now = app.clock.now();
    let past: Vec<_> =
        app.experience.past().into_iter().filter(|(_, known)| known.known_at <= now.as_second()).collect();
    let champion = app.experience.champion();
    let known = past.len();
    let learning = move || learn(&past, champion.as_deref());
    let learned = tokio::task::spawn_blocking(learning).await;
    let learned = learned.map_err(|error| Failure::Internal(error.to_string()))??;
    let artifact = app.store.put_artifact(learned.bytes).await.map_err(Failure::from)?;
    let profile = app.store.put_artifact(learned.profile).await.map_err(Failure::from)?;
    let (models, version) = app.experience.models();
    let known = Trained { at: now, known, artifact, profile, version: models.next_version() };
    let model = described(&learned.model, known, learned.later, learned.verdict)?;
    let mut events = vec![ModelEvent::Trained { model: Box::new(model.clone()) }];
    if models.yields_to(model.verdict) {
        events.push(ModelEvent::Chosen { version: Some(model.version), by: ChosenBy::Comparison });
    }
    record(app, caller, version, &events).await?;
    if events.len() > 1 {
        app.experience.ask(Some(Champion { version: model.version, model: learned.model }));
    }
    Ok(())
}

/// Asks the model of a version from now on, whatever comparisons say; with none, whichever wins the next comparison, and
/// no model until then.
///
/// # Errors
/// When policy refuses or there is no such model.
pub(crate) async fn choose(app: &SharedApp, caller: &Caller, version: Option<u32>) -> Result<(), Failure> {
    permit(app, caller).await?;
    let (models, stream_version) = app.experience.models();
    let champion = match version {
        Some(version) => Some(champion(app, &models, version).await?),
        None => None,
    };
    let chosen = ModelEvent::Chosen { version, by: ChosenBy::Person };
    record(app, caller, stream_version, &[chosen]).await?;
    app.experience.ask(champion);
    Ok(())
}

/// Reads the stream of models, and the model that is asked.
///
/// # Errors
/// When the store fails, or the model is not what the log says.
pub(crate) async fn refresh(app: &App) -> Result<(), Failure> {
    let (_, known) = app.experience.models();
    for stored in app.store.read_stream(&stream()?, known.saturating_add(1)).await? {
        let recorded = decode::<ModelEvent>(stored)?;
        app.experience.apply_model(&recorded.event, recorded.version);
    }
    let (models, _) = app.experience.models();
    let wanted = models.champion().map(|model| model.version);
    if wanted != app.experience.asked() {
        let champion = match wanted {
            Some(version) => Some(champion(app, &models, version).await?),
            None => None,
        };
        app.experience.ask(champion);
    }
    Ok(())
}

async fn permit(app: &App, caller: &Caller) -> Result<(), Failure> {
    let asked = ask::about(app, caller, Action::ManageModels, &Resource::System);
    if let Err(failure) = &asked {
        refusal::note(app, caller, Action::ManageModels, "models", failure).await;
    }
    asked.map(|_| ())
}

async fn champion(app: &App, models: &Models, version: u32) -> Result<Champion, Failure> {
    let missing = || Failure::NotFound { what: "model", name: version.to_string() };
    let known = models.get(version).ok_or_else(missing)?;
    let bytes = app.store.artifact(known.artifact).await?.ok_or_else(missing)?;
    let model = Model::from_bytes(&bytes).map_err(|error| Failure::Internal(error.to_string()))?;
    Ok(Champion { version, model })
}

async fn record(app: &App, caller: &Caller, version: u64, events: &[ModelEvent]) -> Result<(), Failure> {
    let ruling = ask::about(app, caller, Action::ManageModels, &Resource::System)?;
    let envelope = Envelope {
        at: app.clock.now(),
        actor: caller.id(),
        on_behalf_of: None,
        decided_by: ruling.decided_by(),
    };
    let encoded = events.iter().map(|event| encode(&envelope, event)).collect();
    let part = StreamAppend { stream: stream()?, expected_version: version, events: encoded };
    app.append(single(part, actor_guard(caller)?.into_iter().collect())).await?;
    for (at, event) in (version.saturating_add(1)..).zip(events) {
        app.experience.apply_model(event, at);
    }
    Ok(())
}

fn stream() -> Result<StreamName, Failure> {
    StreamName::new("model").map_err(|error| Failure::Internal(error.to_string()))
}

/// Learns from the past, and compares what was learned with the model that is asked so far.
fn learn(past: &[(Submission, Known)], champion: Option<&Champion>) -> Result<Learned, TrainingError> {
    let table = History::default().table(past)?;
    let failures = past.iter().filter(|(_, known)| known.has_failed()).count();
    let (model, _) = learn_best(&table, SPLIT, &candidates(failures), &Quiet)?;
    require_calibrated(&model)?;
    let bytes = model.to_bytes()?;
    // What could not be read back must not be kept.
    let model = Model::from_bytes(&bytes)?;
    let Slices { train, validation, test: later } = SPLIT.split(&table);
    let profile = Profile::of(&model, &table, &[train, validation].concat(), &later).to_bytes()?;
    let failed = outcomes(&table, &later);
    let probabilities: Vec<f64> = later
        .iter()
        .map(|&row| model.probability(&model.raw_of(&table, row), prediction::Moment::of(&table, row)))
        .collect();
    let told = figures(&probabilities, &failed);
    let base = share(model.origin().failures, model.origin().rows);
    let brier_of_base_rate = brier(&vec![base; failed.len()], &failed);
    let enough = told.rows >= COMPARED_ROWS_MIN as u64 && told.failures >= COMPARED_FAILURES_MIN as u64;
    let verdict = match champion {
        _ if !enough => Verdict::TooFewToTell,
        Some(champion) => match compare(&champion.model, &model, &table, &later).verdict {
            prediction::Verdict::Replace => Verdict::Replace,
            prediction::Verdict::Keep => Verdict::Keep,
            prediction::Verdict::TooFewToTell => Verdict::TooFewToTell,
        },
        None if told.brier < brier_of_base_rate => Verdict::First,
        None => Verdict::Keep,
    };
    let count = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
    let later = ModelFigures {
        changes: count(told.rows),
        failures: count(told.failures),
        auc: probability(told.auc),
        average_precision: probability(told.average_precision),
        brier: probability(told.brier),
        brier_of_base_rate: probability(brier_of_base_rate),
        calibration_error: probability(told.calibration_error),
    };
    Ok(Learned { model, bytes, profile, later, verdict })
}

fn require_calibrated(model: &Model) -> Result<(), TrainingError> {
    let Figures { rows, failures, .. } = model.origin().validation;
    let fewest = FAILURES_MIN as u64;
    if rows < ROWS_MIN as u64 || failures < fewest || rows.saturating_sub(failures) < fewest {
        return Err(TrainingError::Uncalibrated { rows, failures });
    }
    Ok(())
}

fn described(
    model: &Model,
    trained: Trained,
    later: ModelFigures,
    verdict: Verdict,
) -> Result<TrainedModel, Failure> {
    let origin = model.origin();
    let at = |seconds| Timestamp::from_second(seconds).unwrap_or(Timestamp::MIN);
    let data =
        origin.data_digest.parse().map_err(|_| Failure::Internal("digest of a model's data".into()))?;
    Ok(TrainedModel {
        version: trained.version,
        trained_at: trained.at,
        known: u32::try_from(trained.known).unwrap_or(u32::MAX),
        artifact: trained.artifact,
        data,
        candidate: origin.candidate.clone(),
        learned_from: u32::try_from(origin.rows).unwrap_or(u32::MAX),
        failures: u32::try_from(origin.failures).unwrap_or(u32::MAX),
        from: at(origin.from),
        until: at(origin.until),
        later,
        verdict,
        profile: Some(trained.profile),
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts of changes are far below what a float tells apart")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use domain::risk::{Prediction, SimilarChange};

    use super::*;
    use crate::experience::{Experience, Past};

    const DAY: i64 = 86_400;

    /// Past changes of two services: of one, about every third failed; of the other, one in fifty.
    fn past(count: i64) -> Vec<Past> {
        let one = |number: i64| {
            let is_shaky = number % 2 == 0;
            let chance = u64::try_from(number).unwrap().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
            let failed = chance % 100 < if is_shaky { 33 } else { 2 };
            let service = if is_shaky { "cart" } else { "mail" };
            Past {
                reference: format!("old/{number}"),
                submission: Submission {
                    at: number * DAY / 10,
                    change_type: "normal".to_owned(),
                    category: "deployment".to_owned(),
                    requester: format!("act_{}", number % 7),
                    services: vec![service.to_owned()],
                    title: format!("Release {service} {number}"),
                    ..Submission::default()
                },
                said: None,
                known: Known::new(number * DAY / 10 + DAY, failed),
                finding: None,
                outcome: if failed {
                    domain::change::Outcome::RolledBack
                } else {
                    domain::change::Outcome::Successful
                },
            }
        };
        (0..count).map(one).collect()
    }

    /// What the past says of a change of that service.
    fn asked(experience: &Experience, service: &str) -> (Option<Prediction>, Vec<SimilarChange>) {
        let services = vec![service.to_owned()];
        let advice =
            experience.advise(&Submission { at: 400 * DAY, services, ..past(1)[0].submission.clone() });
        (advice.prediction, advice.similar)
    }

    #[test]
    fn what_failed_before_is_predicted_to_fail_again_and_the_reasons_add_up() {
        let experience = Experience::default();
        experience.add(past(3_000));
        experience.add(past(3_000));
        assert_eq!(experience.len(), 3_000, "what is told twice counts once");
        let early = asked(&experience, "cart").1;
        assert_eq!(early, [], "what is not read to its end says nothing");
        experience.read(Timestamp::from_second(300 * DAY).unwrap());
        assert_eq!(asked(&experience, "cart").0, None, "no model is asked yet");
        let learned = learn(&experience.past(), None).unwrap();
        assert_eq!(learned.verdict, Verdict::First);
        assert!(learned.later.brier < learned.later.brier_of_base_rate, "{:?}", learned.later);
        let model = Model::from_bytes(&learned.bytes).unwrap();
        experience.ask(Some(Champion { version: 1, model }));
        let [shaky, steady] = ["cart", "mail"].map(|service| asked(&experience, service).0.unwrap());
        assert!(shaky.value.get() > 2 * steady.value.get(), "{shaky:?}\n{steady:?}");
        for said in [&shaky, &steady] {
            let log_odds: i32 =
                said.base_thousandths + said.parts.iter().map(|part| part.thousandths).sum::<i32>();
            let odds = (f64::from(log_odds) / 1e3).exp();
            let expected = f64::from(said.value.get()) / 1e6;
            assert!((odds / (1.0 + odds) - expected).abs() < 0.005, "{odds} {said:?}");
        }
        let similar = asked(&experience, "cart").1;
        assert_eq!(similar.len(), domain::risk::SIMILAR_MAX);
        assert!(similar.iter().all(|one| one.shared.iter().any(|shared| shared.as_str() == "cart")));
    }

    #[test]
    fn what_becomes_known_too_late_to_calibrate_on_makes_no_model() {
        let experience = Experience::default();
        let late = |one: Past| Past { known: Known { known_at: 400 * DAY, ..one.known.clone() }, ..one };
        let (early, later): (Vec<_>, Vec<_>) =
            past(3_000).into_iter().partition(|one| one.submission.at < 200 * DAY);
        experience.add(early.into_iter().chain(later.into_iter().map(late)));
        let error = learn(&experience.past(), None).map(|_| ()).unwrap_err();
        assert!(matches!(error, TrainingError::Uncalibrated { rows: 0, .. }), "{error}");
    }

    #[test]
    fn too_little_is_nothing_to_learn_from() {
        let experience = Experience::default();
        experience.add(past(20));
        let error = learn(&experience.past(), None).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("cortex-change history import"), "{error}");
    }
}
