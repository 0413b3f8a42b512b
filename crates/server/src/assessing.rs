//! Assessing a change with all that is known: one way, whether the assessment is recorded or only looked at.

use domain::Timestamp;
use domain::change::Change;
use domain::risk::{Assessment, AssessmentFacts, Extent, assess_within};
use prediction::Submission;

use crate::app::App;
use crate::around::circumstances;
use crate::experience::{Advice, submission};
use crate::known::Known;

/// Assesses a change that is handed in at `at`, with what past changes say of it. They are asked about what a first
/// assessment found out of the change's reach.
pub(crate) fn assess_change(
    app: &App,
    known: &Known,
    change: &Change,
    at: Timestamp,
    advise: impl FnOnce(&Submission) -> Advice,
) -> Assessment {
    let mut history = known.endings.history(change, at);
    known.imported.add_to(&mut history, &change.content, at);
    let circumstances = circumstances(app, known, change, at);
    let facts = AssessmentFacts {
        content: &change.content,
        cmdb: &known.cmdb,
        history: &history,
        prediction: None,
        similar: &[],
        circumstances: &circumstances,
        covered_by_model: false,
    };
    let extent = Extent::of(&change.content, &known.cmdb);
    let assessment = assess_within(&facts, &extent);
    let advice = advise(&submission(change, &assessment, &known.directory, at));
    if advice.prediction.is_none() {
        return Assessment { similar: advice.similar, ..assessment };
    }
    let (prediction, similar) = (advice.prediction.as_ref(), advice.similar.as_slice());
    assess_within(&AssessmentFacts { prediction, similar, ..facts }, &extent)
}
