//! The assessment: score, level and what they demand, with every fact and every missing fact behind them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::blast_radius::BlastRadius;
use super::circumstances::Circumstances;
use super::counted;
use super::factors::{Factors, worst};
use super::finding::{Finding, findings};
use super::history::History;
use super::level::{Level, LevelFloor, RollbackRequirement, TestingRequirement};
use super::matrix::{ProbabilityBand, matrix_level};
use super::missing::MissingFact;
use super::prediction::{Prediction, SIMILAR_MAX, SimilarChange};
use super::probability::{FailureProbability, estimate};
use super::scope::Scope;
use super::score::{WaterfallStep, clamp, waterfall};
use crate::catalog::Tier;
use crate::change::{ChangeType, Content, Evidence, FindingSeverity};
use crate::cmdb::{Cmdb, ComplianceScope};
use crate::number::RiskScore;
use crate::plan::WayBack;

/// Everything an assessment looks at. Time is in `history`, whose counts are by age.
#[derive(Debug, Clone, Copy)]
pub struct AssessmentFacts<'a> {
    /// The request.
    pub content: &'a Content,
    /// What is known of services and other configuration items.
    pub cmdb: &'a Cmdb,
    /// How earlier changes like it ended.
    pub history: &'a History,
    /// What a trained model says; nothing where there is none.
    pub prediction: Option<&'a Prediction>,
    /// Past changes like it, the most alike first.
    pub similar: &'a [SimilarChange],
    /// What is wrong around the change.
    pub circumstances: &'a Circumstances,
    /// Whether a standard change model covers the request. A standard change that none covers is a normal one.
    pub covered_by_model: bool,
}

/// How risky a change is, why, and what that demands besides approvals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assessment {
    /// The level by the score's band.
    pub band_level: Level,
    /// How far a failure would reach.
    pub blast_radius: BlastRadius,
    /// What was wrong around the change when it was assessed.
    #[serde(default, skip_serializing_if = "Circumstances::is_none")]
    pub circumstances: Circumstances,
    /// Rule books that what is changed or reached falls under.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub compliance: BTreeSet<ComplianceScope>,
    /// The factors of the formula.
    pub factors: Factors,
    /// How probable a failure is.
    pub failure: FailureProbability,
    /// What the request falls short of.
    pub findings: Vec<Finding>,
    /// Rules that keep the level from being lower.
    pub floors: Vec<LevelFloor>,
    /// The level: the highest of band, matrix and floors.
    pub level: Level,
    /// The level by blast radius and probability.
    pub matrix_level: Level,
    /// Facts that are missing, and the cautious values that took their places.
    pub missing: Vec<MissingFact>,
    /// The score before it was rounded and held between 0 and 100, in thousandths; it still orders what is above 100.
    pub raw_thousandths: i32,
    /// Whether there must be a way back.
    pub rollback: RollbackRequirement,
    /// As which type the change is routed; `standard` only when a standard change model covers it.
    pub routed_as: ChangeType,
    /// The score, 0 to 100.
    pub score: RiskScore,
    /// Past changes like it, the most alike first; at most [`SIMILAR_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub similar: Vec<SimilarChange>,
    /// The tests that must have passed.
    pub testing: TestingRequirement,
    /// The formula step by step; the steps add up to `raw_thousandths`.
    pub waterfall: Vec<WaterfallStep>,
    /// How completely the plan can be taken back; nothing where there is no plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way_back: Option<WayBack>,
}

impl Assessment {
    /// The assessment in a line, as the audit trail writes it: `Risk score: 45 (Medium)`.
    pub fn summary(&self) -> String {
        format!("Risk score: {} ({})", self.score, self.level.title())
    }
}

/// What a change touches and how far a failure of it would reach: worked out once, however often it is assessed with other
/// facts about the past.
#[derive(Debug)]
pub struct Extent<'a> {
    content: &'a Content,
    scope: Scope<'a>,
    blast_radius: BlastRadius,
}

impl<'a> Extent<'a> {
    /// That of a change in a landscape.
    pub fn of(content: &'a Content, cmdb: &'a Cmdb) -> Self {
        let scope = Scope::of(content, cmdb);
        let blast_radius = BlastRadius::of(&scope, content.evidence.churn, cmdb);
        Self { content, scope, blast_radius }
    }
}

/// Assesses a change.
pub fn assess(facts: &AssessmentFacts<'_>) -> Assessment {
    assess_within(facts, &Extent::of(facts.content, facts.cmdb))
}

/// Assesses a change whose extent is known: that of the same content in the same landscape.
pub fn assess_within(facts: &AssessmentFacts<'_>, extent: &Extent<'_>) -> Assessment {
    let Extent { content, scope, blast_radius } = extent;
    let routed_as = routed_as(content.change_type, facts.covered_by_model);
    let estimate = estimate(routed_as, content, facts.history, facts.prediction);
    let (factors, mut missing) = Factors::weigh(content, scope, blast_radius, &estimate, facts.circumstances);
    missing.extend(facts.history.missing());
    let waterfall = waterfall(&factors);
    let raw_thousandths = waterfall.iter().map(|step| step.thousandths).sum();
    let score = clamp(raw_thousandths);
    let band_level = Level::of_score(score);
    let probability_band = ProbabilityBand::of_factor(factors.probability.value);
    let matrix_level = matrix_level(blast_radius.class, probability_band);
    let mut floors = floors(&missing, blast_radius, facts.prediction);
    floors.extend(findings_floor(&content.evidence));
    floors.extend(policies_floor(&content.evidence));
    floors.extend(rules_floor(facts.circumstances));
    let level = floors
        .iter()
        .map(|floor| floor.level)
        .chain([band_level, matrix_level])
        .max()
        .unwrap_or(Level::Critical);
    let (testing, rollback) = demands(routed_as, level);
    Assessment {
        score,
        raw_thousandths,
        factors,
        waterfall,
        level,
        band_level,
        matrix_level,
        floors,
        routed_as,
        blast_radius: blast_radius.clone(),
        compliance: scope.reach.compliance().cloned().collect(),
        failure: estimate.failure,
        similar: facts.similar.iter().take(SIMILAR_MAX).cloned().collect(),
        circumstances: facts.circumstances.clone(),
        missing,
        testing,
        rollback,
        way_back: content.plan.as_ref().map(|plan| plan.way_back(content.rollback_plan.as_ref())),
        findings: findings(content, routed_as, level, facts.circumstances),
    }
}

fn routed_as(declared: ChangeType, covered_by_model: bool) -> ChangeType {
    match declared {
        ChangeType::Standard if covered_by_model => ChangeType::Standard,
        ChangeType::Standard | ChangeType::Normal => ChangeType::Normal,
        ChangeType::Emergency => ChangeType::Emergency,
    }
}

fn floors(
    missing: &[MissingFact],
    blast_radius: &BlastRadius,
    prediction: Option<&Prediction>,
) -> Vec<LevelFloor> {
    let mut floors = Vec::new();
    if !missing.is_empty() {
        let sentence =
            format!("what is not known is never low risk: {} missing", counted(missing.len(), "fact"));
        floors.push(LevelFloor { level: Level::Medium, sentence });
    }
    if blast_radius.highest_tier == Tier::Zero {
        let sentence = "a change that reaches Tier 0 is never low risk".to_owned();
        floors.push(LevelFloor { level: Level::Medium, sentence });
    }
    if let Some(doubt) = prediction.and_then(|prediction| prediction.doubts.first()) {
        let sentence = format!("a model that is not sure leaves the decision to a person: {doubt}");
        floors.push(LevelFloor { level: Level::Medium, sentence });
    }
    floors
}

/// A known hole is never low risk, and a critical one is for the authorities of high risks.
fn findings_floor(evidence: &Evidence) -> Option<LevelFloor> {
    let worst = worst(&evidence.findings)?;
    let (level, rule) = match worst.counted_severity() {
        FindingSeverity::Low | FindingSeverity::Medium => return None,
        FindingSeverity::High => (Level::Medium, "a finding of high severity is never low risk"),
        FindingSeverity::Critical => (Level::High, "a critical finding is at least high risk"),
    };
    Some(LevelFloor { level, sentence: format!("{rule}: `{}` of `{}`", worst.rule, worst.tool) })
}

fn policies_floor(evidence: &Evidence) -> Option<LevelFloor> {
    let count = evidence.policy_findings.len();
    let sentence =
        format!("what a policy objects to is never low risk: {}", counted(count, "policy finding"));
    (count > 0).then_some(LevelFloor { level: Level::Medium, sentence })
}

fn rules_floor(circumstances: &Circumstances) -> Option<LevelFloor> {
    let count = circumstances.rules.len();
    let sentence =
        format!("what breaks a rule of the organisation is never low risk: {}", counted(count, "rule"));
    (count > 0).then_some(LevelFloor { level: Level::Medium, sentence })
}

/// The tests and the way back that are demanded. A standard change's model vouches for both.
fn demands(routed_as: ChangeType, level: Level) -> (TestingRequirement, RollbackRequirement) {
    match routed_as {
        ChangeType::Standard => (TestingRequirement::NotApplicable, RollbackRequirement::NotApplicable),
        ChangeType::Normal | ChangeType::Emergency => (level.testing(), level.rollback()),
    }
}
