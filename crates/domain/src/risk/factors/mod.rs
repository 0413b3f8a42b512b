//! The five factors of the score, one per file.
//!
//! To add one: write `factors/<factor>.rs` with a function that returns a [`Weighed`], add its field to [`Factors`]
//! and its line to [`Factors::weigh`], and its place in the formula to `score.rs`; the explanation snapshot in
//! `tests/it/risk.rs` then shows what it changes.

mod automation;
mod circumstances;
mod complexity;
mod findings;
mod impact;
mod probability;
mod testing;

pub use automation::has_way_back;
pub(super) use findings::{broken, summary, worst};

use serde::{Deserialize, Serialize};

use super::blast_radius::BlastRadius;
use super::circumstances::Circumstances;
use super::in_range;
use super::missing::MissingFact;
use super::probability::Estimate;
use super::scope::Scope;
use super::source_fact::SourceFact;
use crate::change::Content;
use crate::number::Factor;

/// One named part of a factor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contribution {
    /// The record of the CMDB that it rests on, when it rests on one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fact: Option<SourceFact>,
    /// Why.
    pub sentence: String,
    /// What contributes, for example `declared_impact`.
    pub source: String,
    /// How much, in tenths; may be negative.
    pub tenths: i16,
}

impl Contribution {
    pub(super) fn new(source: &str, tenths: i16, sentence: impl Into<String>) -> Self {
        Self { source: source.to_owned(), tenths, sentence: sentence.into(), fact: None }
    }

    fn resting_on(self, fact: SourceFact) -> Self {
        Self { fact: Some(fact), ..self }
    }
}

/// A factor and the contributions that add up to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactorValue {
    /// What it is made of.
    pub contributions: Vec<Contribution>,
    /// The factor.
    pub value: Factor,
}

impl FactorValue {
    /// Adds the contributions up. Where the sum leaves the range of a factor, one more contribution brings it back.
    pub(super) fn of(mut contributions: Vec<Contribution>) -> Self {
        let sum: i16 = contributions.iter().map(|contribution| contribution.tenths).sum();
        let tenths = sum.clamp(0, i16::from(Factor::MAX.get()));
        if tenths != sum {
            contributions.push(Contribution::new("limit", tenths - sum, "a factor lies between 0 and 10"));
        }
        Self { value: in_range(Factor::new(i64::from(tenths))), contributions }
    }
}

/// A factor, and the facts it lacked.
#[derive(Debug)]
struct Weighed {
    factor: FactorValue,
    missing: Vec<MissingFact>,
}

/// The factors of the formula.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Factors {
    /// How bad a failure would be.
    pub impact: FactorValue,
    /// How probable a failure is.
    pub probability: FactorValue,
    /// How much is changed, and of what kind.
    pub complexity: FactorValue,
    /// How much of it tests have shown to work.
    pub testing_coverage: FactorValue,
    /// How much of it goes without hands.
    pub automation_level: FactorValue,
}

impl Factors {
    /// Weighs each factor, and lists the facts that were missing.
    pub(super) fn weigh(
        content: &Content,
        scope: &Scope<'_>,
        blast_radius: &BlastRadius,
        estimate: &Estimate,
        circumstances: &Circumstances,
    ) -> (Self, Vec<MissingFact>) {
        let mut missing = Vec::new();
        let mut take = |weighed: Weighed| {
            missing.extend(weighed.missing);
            weighed.factor
        };
        let factors = Self {
            impact: take(impact::weigh(content, scope, blast_radius)),
            probability: take(probability::weigh(content, estimate, circumstances)),
            complexity: take(complexity::weigh(content, scope)),
            testing_coverage: take(testing::weigh(&content.evidence)),
            automation_level: take(automation::weigh(content)),
        };
        (factors, missing)
    }
}
