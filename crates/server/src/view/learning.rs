//! Models. Inside the product their figures are millionths; here they become the decimals that people read.

use api::learning as wire;
use domain::learning::{ModelFigures, Models, TrainedModel};
use domain::number::Probability;

use crate::experience::Experience;

/// All models.
pub(crate) fn models(experience: &Experience) -> wire::Models {
    let (models, _): (Models, u64) = experience.models();
    let training = experience.training();
    wire::Models {
        items: models.trained().iter().rev().map(model).collect(),
        asked: models.champion().map(|model| model.version),
        pinned: models.is_pinned(),
        past_changes: u64::try_from(experience.len()).unwrap_or(u64::MAX),
        training: training.is_under_way,
        last_failure: training.last_failure,
    }
}

fn model(model: &TrainedModel) -> wire::TrainedModel {
    wire::TrainedModel {
        version: model.version,
        trained_at: model.trained_at.to_string(),
        candidate: model.candidate.clone(),
        learned_from: model.learned_from,
        failures: model.failures,
        from: model.from.to_string(),
        until: model.until.to_string(),
        artifact: model.artifact.to_string(),
        data: model.data.to_string(),
        later: figures(&model.later),
        verdict: model.verdict.to_string(),
    }
}

fn figures(figures: &ModelFigures) -> wire::ModelFigures {
    wire::ModelFigures {
        changes: figures.changes,
        failures: figures.failures,
        auc: decimal(figures.auc),
        average_precision: decimal(figures.average_precision),
        brier: decimal(figures.brier),
        brier_of_base_rate: decimal(figures.brier_of_base_rate),
        calibration_error: decimal(figures.calibration_error),
    }
}

fn decimal(millionths: Probability) -> f64 {
    f64::from(millionths.get()) / 1e6
}
