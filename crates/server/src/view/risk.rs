//! The assessment. Inside the product its numbers are whole; here they become the decimals that people read.

use api::change as wire;
use domain::number::{Factor, Probability};
use domain::risk::{
    Assessment, FactorValue, FailureProbability, Finding, Prediction, Reached, SimilarChange, SourceFact,
    SourcedTier,
};

use super::slot::conflict_in_words;

const PPM_PER_PERCENT: f64 = 10_000.0;

/// An assessment.
pub(crate) fn risk(assessment: &Assessment) -> wire::Risk {
    let Assessment { factors, blast_radius, .. } = assessment;
    wire::Risk {
        score: assessment.score.get(),
        level: assessment.level.to_string(),
        raw: thousandths(assessment.raw_thousandths),
        band_level: assessment.band_level.to_string(),
        matrix_level: assessment.matrix_level.to_string(),
        level_floors: assessment.floors.iter().map(|floor| floor.sentence.clone()).collect(),
        blast_radius: blast_radius.class.to_string(),
        blast_radius_reason: blast_radius.sentence.clone(),
        dependents_count: blast_radius.dependents_count,
        reached: blast_radius.reached.iter().map(reached).collect(),
        factors: vec![
            factor("impact", &factors.impact),
            factor("probability", &factors.probability),
            factor("complexity", &factors.complexity),
            factor("testing_coverage", &factors.testing_coverage),
            factor("automation_level", &factors.automation_level),
        ],
        probability: probability(&assessment.failure),
        similar: assessment.similar.iter().map(similar).collect(),
        compliance: assessment.compliance.iter().map(ToString::to_string).collect(),
        explanation: assessment
            .waterfall
            .iter()
            .map(|step| wire::Term {
                source: step.source.clone(),
                value: thousandths(step.thousandths),
                sentence: step.sentence.clone(),
                fact: None,
            })
            .collect(),
        missing: assessment.missing.iter().map(|missing| missing.sentence.clone()).collect(),
        findings: findings(assessment),
        conflicts: assessment.circumstances.conflicts.iter().map(conflict_in_words).collect(),
        testing_requirement: assessment.testing.to_string(),
        rollback_requirement: assessment.rollback.to_string(),
        reversibility: assessment.way_back.as_ref().map(|back| back.class.to_string()),
        irreversible_steps: assessment
            .way_back
            .iter()
            .flat_map(|back| &back.irreversible)
            .map(ToString::to_string)
            .collect(),
    }
}

fn thousandths(number: i32) -> f64 {
    f64::from(number) / 1_000.0
}

fn tenths(factor: Factor) -> f64 {
    f64::from(factor.get()) / 10.0
}

/// Percent of a probability.
pub(super) fn percent(probability: Probability) -> f64 {
    f64::from(probability.get()) / PPM_PER_PERCENT
}

fn factor(name: &str, factor: &FactorValue) -> wire::Factor {
    let contributions = factor.contributions.iter().map(|contribution| wire::Term {
        source: contribution.source.clone(),
        value: f64::from(contribution.tenths) / 10.0,
        sentence: contribution.sentence.clone(),
        fact: contribution.fact.as_ref().map(source_fact),
    });
    wire::Factor {
        name: name.to_owned(),
        value: tenths(factor.value),
        contributions: contributions.collect(),
    }
}

fn source_fact(fact: &SourceFact) -> wire::SourceFact {
    let SourceFact { at, item, source } = fact;
    wire::SourceFact { item: item.to_string(), source: source.to_string(), at: at.to_string() }
}

fn probability(failure: &FailureProbability) -> wire::Probability {
    wire::Probability {
        percent: percent(failure.value),
        interval_percent: [percent(failure.interval_low), percent(failure.interval_high)],
        source: failure.source.to_string(),
        past_changes: u64::from(failure.rests_on),
        model: failure.prediction.as_ref().map(prediction),
    }
}

fn prediction(prediction: &Prediction) -> wire::Prediction {
    let parts = prediction.parts.iter().map(|part| wire::PredictionPart {
        fact: part.fact.clone(),
        value: part.value.clone(),
        log_odds: thousandths(part.thousandths),
    });
    wire::Prediction {
        model: prediction.model.clone(),
        percent: percent(prediction.value),
        interval_percent: [percent(prediction.interval_low), percent(prediction.interval_high)],
        past_changes: u64::from(prediction.learned_from),
        doubts: prediction.doubts.clone(),
        base: thousandths(prediction.base_thousandths),
        parts: parts.collect(),
    }
}

fn similar(similar: &SimilarChange) -> wire::SimilarChange {
    wire::SimilarChange {
        change: similar.reference.clone(),
        likeness_percent: f64::from(similar.likeness.get()) / 100.0,
        outcome: similar.outcome.to_string(),
        finding: similar.finding.map(|finding| finding.to_string()),
        shared: similar.shared.iter().map(ToString::to_string).collect(),
    }
}

/// A dependent and the path that explains it: `shop (Tier 1, says catalog): payments → cart → shop`.
fn reached(reached: &Reached) -> String {
    let Reached { item, ci_type: _, tier, hops, from, path } = reached;
    let stated = |sourced: &SourcedTier| format!("{}, says {}", sourced.tier, sourced.source);
    let tier = tier.as_ref().map_or_else(|| "no tier stated".to_owned(), stated);
    let is_whole = usize::try_from(*hops).is_ok_and(|hops| path.len() == hops);
    let more = if is_whole { "" } else { " → …" };
    let path: String = path.iter().map(|hop| format!(" → {}", hop.item)).collect();
    format!("{item} ({tier}): {from}{path}{more}")
}

/// The findings; the last ones are about the rules of the organisation, each about one.
fn findings(assessment: &Assessment) -> Vec<wire::Finding> {
    let broken = &assessment.circumstances.rules;
    let own = assessment.findings.len().saturating_sub(broken.len());
    let broken = broken.iter().map(|violation| wire::BrokenRule {
        rule: violation.rule.to_string(),
        field: violation.field.as_ref().map(ToString::to_string),
        value: violation.value.as_ref().map(|value| value.as_str().to_owned()),
    });
    let broken = std::iter::repeat_n(None, own).chain(broken.map(Some));
    let told = assessment.findings.iter().zip(broken);
    told.map(|(told, broken)| wire::Finding { broken, ..finding(told) }).collect()
}

fn finding(finding: &Finding) -> wire::Finding {
    wire::Finding {
        rule: finding.rule.to_string(),
        sentence: finding.sentence.clone(),
        next_step: finding.next_step.clone(),
        control: (!finding.controls.is_empty()).then(|| finding.controls.join(", ")),
        broken: None,
    }
}

#[cfg(test)]
mod tests {
    use domain::risk::Level;

    use super::*;
    use crate::view::fixture::Story;

    #[test]
    fn contributions_add_up_to_factors_and_steps_to_the_raw_score() {
        let change = Story::awaiting(Level::Medium, |_| {}).change();
        let risk = risk(change.assessment().unwrap());
        let sum = |terms: &[wire::Term]| terms.iter().map(|term| term.value).sum::<f64>();
        assert!((sum(&risk.explanation) - risk.raw).abs() < 1e-9, "{risk:?}");
        for factor in &risk.factors {
            assert!((sum(&factor.contributions) - factor.value).abs() < 1e-9, "{factor:?}");
        }
        assert_eq!(
            risk.reached,
            ["development-master (Tier 1, says catalog): cortex-chat-backend → development-master"]
        );
        assert_eq!((risk.dependents_count, risk.level.as_str()), (1, "medium"));
        assert!(risk.probability.interval_percent[0] < risk.probability.percent);
    }

    #[test]
    fn a_path_that_was_cut_short_shows_it() {
        let change = Story::awaiting(Level::Medium, |_| {}).change();
        let mut far = change.assessment().unwrap().blast_radius.reached[0].clone();
        far.hops = 20;
        assert!(reached(&far).ends_with("development-master → …"), "{}", reached(&far));
    }
}
