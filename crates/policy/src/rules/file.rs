//! Files with rules, in the two forms that are read: one policy with typed conditions, or several with expressions.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::condition::Condition;
use super::expression::Expression;
use super::{Rule, Test};
use crate::error::LoadError;
use crate::place::Place;
use crate::source::{FILE_BYTES_MAX, PolicyFile};

/// What a file holds; keys that say nothing of when a rule is broken are not read.
#[derive(Debug, Deserialize)]
struct File {
    #[serde(flatten)]
    alone: Option<Policy>,
    policies: Option<Vec<Policy>>,
}

#[derive(Debug, Deserialize)]
struct Policy {
    policy_id: String,
    #[serde(default = "yes")]
    enabled: bool,
    severity: Option<String>,
    #[serde(default)]
    frameworks: Vec<String>,
    #[serde(default)]
    controls: Vec<String>,
    #[serde(default)]
    metadata: Metadata,
    rules: Vec<Stated>,
}

#[derive(Debug, Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    compliance_frameworks: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Stated {
    rule_id: String,
    #[serde(default)]
    description: String,
    field: Option<String>,
    condition: Asked,
    #[serde(default)]
    params: BTreeMap<String, Value>,
    message: Option<String>,
    remediation: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Asked {
    Expression(String),
    Condition(Condition),
}

fn yes() -> bool {
    true
}

/// The rules of a file whose policies are enabled.
pub(super) fn read(file: PolicyFile<'_>) -> Result<Vec<Rule>, LoadError> {
    if file.text.len() > FILE_BYTES_MAX {
        return Err(LoadError::FileTooLarge { file: file.name.to_owned(), bytes: file.text.len() });
    }
    let refused = |place: Place, problem: String| {
        LoadError::Syntax {
        place,
        problem,
        fix: "write one policy with `policy_id` and `rules`, or `policies` with several; each rule has `rule_id` and `condition`"
            .to_owned(),
    }
    };
    let read: File = serde_json::from_str(file.text).map_err(|error| {
        let place = Place { file: file.name.to_owned(), line: error.line(), column: error.column() };
        refused(place, error.to_string())
    })?;
    let begin = || Place { file: file.name.to_owned(), line: 1, column: 1 };
    let policies = match (read.alone, read.policies) {
        (Some(policy), None) => vec![policy],
        (None, Some(policies)) => policies,
        (Some(_), Some(_)) => return Err(refused(begin(), "both forms are mixed".to_owned())),
        (None, None) => return Err(refused(begin(), "no policy with rules is there".to_owned())),
    };
    let enabled = policies.into_iter().filter(|policy| policy.enabled);
    Ok(enabled.flat_map(|policy| policy.rules(file.name)).collect())
}

impl Policy {
    fn rules(self, file: &str) -> Vec<Rule> {
        let Self { policy_id, severity, frameworks, controls, metadata, rules, .. } = self;
        let frameworks = [frameworks, metadata.compliance_frameworks].concat();
        let rule = |stated: Stated| Rule {
            controls: controls_of(&stated.rule_id, &frameworks, &controls),
            message: stated.message.unwrap_or_else(|| stated.description.clone()),
            fix: stated.remediation.unwrap_or_else(|| {
                "correct what the rule names, or ask the authorities to accept it".to_owned()
            }),
            title: stated.description,
            test: match stated.condition {
                Asked::Condition(condition) => Test::Condition(condition.about(stated.field)),
                Asked::Expression(text) => Test::Expression(Expression::parse(&text, stated.params)),
            },
            id: stated.rule_id,
            policy: policy_id.clone(),
            severity: severity.clone(),
            file: file.to_owned(),
        };
        rules.into_iter().map(rule).collect()
    }
}

/// The controls that ask for a rule: the one that its id names, else all of its policy's, else the rule books alone.
fn controls_of(id: &str, frameworks: &[String], controls: &[String]) -> Vec<String> {
    let framework = match frameworks {
        [one] => format!("{}:", one.to_uppercase()),
        _ => String::new(),
    };
    let named = controls.iter().find(|control| id.ends_with(control.as_str()));
    match (named, controls) {
        (Some(control), _) => vec![format!("{framework}{control}")],
        (None, []) => frameworks.to_vec(),
        (None, controls) => controls.iter().map(|control| format!("{framework}{control}")).collect(),
    }
}
