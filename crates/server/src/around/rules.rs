//! Rules of the organisation's own rule sets: what is known of a change, by the names that such rules use.

use domain::change::{Category, Change, Line, TestResults};
use domain::risk::{RULE_VIOLATIONS_MAX, RuleViolation, has_way_back};
use domain::text::FreeText;
use policy::{RuleFacts, RuleViolation as Broken};

use crate::known::Known;
use crate::policies::InForce;

/// The environment in which a deployment is one to production.
const PRODUCTION: &str = "production";
/// Longest sentence that is recorded, in bytes.
const SENTENCE_BYTES_MAX: usize = 512;
/// Most of what a field holds that is recorded, in bytes.
const VALUE_BYTES_MAX: usize = 512;

/// The rules that a change breaks.
pub(super) fn broken(policies: &InForce, known: &Known, change: &Change) -> Vec<RuleViolation> {
    let book = policies.set.rules();
    if book.rules().is_empty() {
        return Vec::new();
    }
    let broken = book.violations(&facts(known, change));
    let mut violations: Vec<_> = broken.iter().filter_map(violation).collect();
    if let Some(more) = violations.len().checked_sub(RULE_VIOLATIONS_MAX).filter(|more| *more > 0) {
        violations.truncate(RULE_VIOLATIONS_MAX);
        violations.extend(Line::fitted("rule-sets").map(|rule| RuleViolation {
            rule,
            field: None,
            value: None,
            controls: Vec::new(),
            sentence: format!("{more} more rules are broken"),
            next_step: "correct those that are named, and look again".to_owned(),
        }));
    }
    violations
}

/// Everything about a change that rules may ask for. `docs/policies.md` lists it.
fn facts(known: &Known, change: &Change) -> RuleFacts {
    let content = &change.content;
    let tests = content.evidence.tests;
    let passed = tests.map(TestResults::all_passed);
    let environment = content.environment.as_ref().map(|name| name.as_str());
    let is_in_production = environment == Some(PRODUCTION) && content.category == Category::Deployment;
    let kind = if is_in_production { "production_deploy" } else { content.category.as_str() };
    let lines = content.evidence.churn.and_then(|churn| i64::try_from(churn.lines).ok());
    let minutes = content.plan.as_ref().and_then(|plan| plan.estimated_duration_seconds);
    let minutes = minutes.and_then(|seconds| i64::try_from(seconds.div_ceil(60)).ok());
    let texts = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let described = content.description.as_ref().unwrap_or(&content.title);
    RuleFacts::default()
        .with("change.id", change.id.to_string())
        .with("change.type", content.change_type.as_str())
        .with("change.category", content.category.as_str())
        .with("change.title", content.title.as_str())
        .with("change.requester", known.directory.name_of(&change.created_by))
        .with("change.services", texts(content.affected_services.iter().map(|name| name.as_str()).collect()))
        .with("change.items", texts(content.affected_cis.iter().map(|name| name.as_str()).collect()))
        .with("change.has_plan", content.plan.is_some())
        .with("change.has_rollback_plan", has_way_back(content))
        .with("change.has_window", content.window.is_some())
        .with("change.monitors", i64::try_from(content.monitors.len()).unwrap_or(i64::MAX))
        .with_known("change.environment", environment)
        .with_known("change.lines", lines)
        .with_known("change.schema_change", content.evidence.schema_change)
        .with_known("change.configuration_change", content.evidence.configuration_change)
        .with("task_id", change.id.to_string())
        .with("task.id", change.id.to_string())
        .with("task.type", kind)
        .with("task.description", described.as_str())
        .with("task.audit_logging", true)
        .with("audit.enabled", true)
        .with_known("task.timeout_minutes", minutes)
        .with_known("quality.tests_passed", passed)
}

fn violation(broken: &Broken<'_>) -> Option<RuleViolation> {
    let Broken { rule, field, value, problem } = broken;
    let mut sentence = match problem {
        Some(problem) => format!("{}; it cannot be evaluated: {problem}", rule.message),
        None => rule.message.clone(),
    };
    sentence.truncate(sentence.floor_char_boundary(SENTENCE_BYTES_MAX));
    let value = value.as_ref().and_then(|value| {
        let (value, _) = value.split_at(value.floor_char_boundary(VALUE_BYTES_MAX));
        FreeText::new(value).ok()
    });
    Some(RuleViolation {
        rule: Line::fitted(&rule.id)?,
        field: field.as_deref().and_then(Line::fitted),
        value,
        controls: rule.controls.clone(),
        sentence,
        next_step: rule.fix.clone(),
    })
}
