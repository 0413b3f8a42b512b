//! Models that predict failures.

use api::learning::{Models, TrainedModel};

use super::{Lines, Table, cell, instant, words};
use crate::shell::Paint;

/// So many digits of the digest of the rows are shown: enough to see whether two models learned from the same ones.
const DIGEST_SHOWN: usize = 12;

/// All models, the newest first, and which one is asked.
pub(crate) fn models(models: &Models, paint: Paint) -> String {
    let headings = [
        "VERSION",
        "TRAINED",
        "LEARNER",
        "LEARNED FROM",
        "DATA",
        "AUC",
        "AP",
        "BRIER",
        "CALIBRATION",
        "VERDICT",
    ];
    let mut table = Table::new(paint, &headings, 2);
    for model in &models.items {
        table.row(row(model, models, paint));
    }
    let mut lines = Lines::default();
    lines.line(table.into_text());
    let asked = match (models.asked, models.pinned) {
        (Some(version), true) => format!("model {version} is asked, as a person chose"),
        (Some(version), false) => format!("model {version} is asked"),
        (None, _) => "no model is asked: probabilities come from the record of past changes".to_owned(),
    };
    lines.line(format!("{asked}; {} past changes are known", models.past_changes));
    lines.into_text()
}

fn row(model: &TrainedModel, models: &Models, paint: Paint) -> [String; 10] {
    let later = &model.later;
    let version = model.version.to_string();
    let is_asked = models.asked == Some(model.version);
    let base = format!("{:.4} (base rate {:.4})", later.brier, later.brier_of_base_rate);
    [
        if is_asked { paint.strong(version) } else { version },
        instant(&model.trained_at),
        cell(&model.candidate),
        format!("{} ({} failed)", model.learned_from, model.failures),
        model.data.chars().take(DIGEST_SHOWN).collect(),
        format!("{:.3}", later.auc),
        format!("{:.3}", later.average_precision),
        base,
        format!("{:.4}", later.calibration_error),
        words(&model.verdict),
    ]
}
