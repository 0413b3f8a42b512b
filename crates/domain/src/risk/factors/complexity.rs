//! Complexity: how much is changed, and whether settings or a database schema are.

use super::{Contribution, FactorValue, Weighed};
use crate::change::{Category, Content};
use crate::risk::blast_radius::PART_LINES_LIMIT;
use crate::risk::log10::tenths_of_log10;
use crate::risk::missing::{Fact, MissingFact};
use crate::risk::scope::Scope;

/// Lines that unknown churn counts as.
const UNKNOWN_CHURN_LINES: u64 = PART_LINES_LIMIT;
/// Every change has some complexity.
const BASE_TENTHS: i16 = 10;
/// Most that the number of services and configuration items adds; reached at one hundred.
const BREADTH_TENTHS_MAX: i16 = 20;
/// What changing a setting adds.
const CONFIGURATION_TENTHS: i16 = 10;
/// What changing a database schema adds.
const SCHEMA_TENTHS: i16 = 20;

pub(super) fn weigh(content: &Content, scope: &Scope<'_>) -> Weighed {
    let mut missing = Vec::new();
    let base = Contribution::new("base", BASE_TENTHS, "every change has some complexity");
    let contributions = vec![
        base,
        churn(content, &mut missing),
        breadth(scope),
        configuration(content, &mut missing),
        schema(content, &mut missing),
    ];
    Weighed { factor: FactorValue::of(contributions), missing }
}

fn churn(content: &Content, missing: &mut Vec<MissingFact>) -> Contribution {
    let lines = content.evidence.churn.map_or(UNKNOWN_CHURN_LINES, |churn| churn.lines);
    let tenths = tenths_of_log10(lines.saturating_add(1));
    if content.evidence.churn.is_some() {
        return Contribution::new("churn", tenths, format!("lines changed: {lines}"));
    }
    let sentence = format!(
        "how many lines change is not known: counted as {lines}; `cortex-change create` in the repository finds out"
    );
    missing.push(MissingFact::of_request(Fact::Churn, sentence));
    Contribution::new("churn", tenths, format!("lines changed: not known, counted as {lines}"))
}

fn breadth(scope: &Scope<'_>) -> Contribution {
    let things = scope.things();
    let tenths = tenths_of_log10(u64::try_from(things).unwrap_or(u64::MAX)).min(BREADTH_TENTHS_MAX);
    Contribution::new("breadth", tenths, format!("services and configuration items changed: {things}"))
}

/// When the request does not say whether settings change, its category decides.
fn configuration(content: &Content, missing: &mut Vec<MissingFact>) -> Contribution {
    let is_likely = match content.category {
        Category::Configuration
        | Category::Security
        | Category::Infrastructure
        | Category::Integration
        | Category::Other => true,
        Category::Deployment
        | Category::Patch
        | Category::Update
        | Category::Inventory
        | Category::Documentation
        | Category::Data
        | Category::Rollback => false,
    };
    let question =
        Question { fact: Fact::ConfigurationChange, what: "a setting", tenths: CONFIGURATION_TENTHS };
    question.answer(content, content.evidence.configuration_change, is_likely, missing)
}

/// When the request does not say whether a schema changes, its category decides.
fn schema(content: &Content, missing: &mut Vec<MissingFact>) -> Contribution {
    let is_likely = match content.category {
        Category::Data | Category::Other => true,
        Category::Deployment
        | Category::Configuration
        | Category::Security
        | Category::Infrastructure
        | Category::Patch
        | Category::Update
        | Category::Inventory
        | Category::Documentation
        | Category::Integration
        | Category::Rollback => false,
    };
    let question = Question { fact: Fact::SchemaChange, what: "a database schema", tenths: SCHEMA_TENTHS };
    question.answer(content, content.evidence.schema_change, is_likely, missing)
}

/// A question that the request answers with yes, with no, or not at all.
struct Question {
    fact: Fact,
    what: &'static str,
    tenths: i16,
}

impl Question {
    fn answer(
        &self,
        content: &Content,
        stated: Option<bool>,
        is_likely: bool,
        missing: &mut Vec<MissingFact>,
    ) -> Contribution {
        let (what, source) = (self.what, self.fact.as_str());
        let tenths = if stated.unwrap_or(is_likely) { self.tenths } else { 0 };
        let not = if tenths > 0 { "" } else { "not " };
        if stated.is_some() {
            return Contribution::new(source, tenths, format!("{what} is {not}changed"));
        }
        let counted = format!("counted as {not}changed, because the category is {}", content.category);
        let sentence = format!("whether {what} is changed is not stated: {counted}");
        missing.push(MissingFact::of_request(self.fact, format!("{sentence}; state `{source}`")));
        Contribution::new(source, tenths, sentence)
    }
}
