//! Conditions with a type: `{"field": "task.type", "type": "not_equals", "value": "production_deploy"}`.

use serde::Deserialize;
use serde_json::Value;

use super::pattern::Pattern;
use super::{Cause, Fact, RuleFacts, Verdict};

/// A condition, or several of them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Condition {
    #[serde(rename = "type")]
    kind: String,
    field: Option<String>,
    value: Option<Value>,
    #[serde(default)]
    conditions: Vec<Condition>,
}

impl Condition {
    /// The same condition about a field, where it names none itself.
    pub(super) fn about(mut self, field: Option<String>) -> Self {
        self.field = self.field.or(field);
        self
    }

    /// Whether it holds; `around` is the field of the condition that it is a part of.
    pub(super) fn verdict(&self, around: Option<&str>, facts: &RuleFacts) -> Verdict {
        let field = self.field.as_deref().or(around);
        let parts = self.conditions.iter().map(|part| part.verdict(field, facts));
        match (self.kind.as_str(), field) {
            ("all", _) if self.conditions.is_empty() => Verdict::unknown(field, "it lists no conditions"),
            ("all", _) => Verdict::all(parts),
            ("any", _) => Verdict::any(parts),
            ("not", _) => Verdict::all(parts).not(self.cause(field, facts)),
            (_, None) => Verdict::unknown(None, format!("the condition `{}` names no field", self.kind)),
            (_, Some(field)) => self.of_field(field, facts),
        }
    }

    fn of_field(&self, field: &str, facts: &RuleFacts) -> Verdict {
        let cause = self.cause(Some(field), facts);
        let holds = match self.kind.as_str() {
            "exists" => return Verdict::of(facts.has(field), cause),
            "not_exists" => return Verdict::of(!facts.has(field), cause),
            kind => match facts.get(field) {
                None => Err(format!("`{field}` is not known of the change")),
                Some(fact) => compare(kind, fact, self.value.as_ref()),
            },
        };
        match holds {
            Ok(holds) => Verdict::of(holds, cause),
            Err(problem) => Verdict::Unknown(Cause { problem: Some(problem), ..cause }),
        }
    }

    fn cause(&self, field: Option<&str>, facts: &RuleFacts) -> Cause {
        let value = field.and_then(|field| facts.get(field)).map(Fact::text);
        Cause { field: field.map(str::to_owned), value, problem: None }
    }
}

/// Whether a fact compares as it should, or why that cannot be told.
fn compare(kind: &str, fact: &Fact, value: Option<&Value>) -> Result<bool, String> {
    let value = value.ok_or_else(|| format!("the condition `{kind}` has no value"))?;
    let text =
        || plain(value).ok_or_else(|| format!("the value of `{kind}` is neither text, number nor truth"));
    match kind {
        "equals" => Ok(fact.text() == text()?),
        "not_equals" => Ok(fact.text() != text()?),
        "contains" => Ok(fact.contains(&text()?)),
        "not_contains" => Ok(!fact.contains(&text()?)),
        "in" => is_among(fact, value),
        "not_in" => is_among(fact, value).map(|is_among| !is_among),
        "less_than" => Ok(number(&fact.text())? < number(&text()?)?),
        "less_or_equal" => Ok(number(&fact.text())? <= number(&text()?)?),
        "greater_than" => Ok(number(&fact.text())? > number(&text()?)?),
        "greater_or_equal" => Ok(number(&fact.text())? >= number(&text()?)?),
        "regex" => Ok(Pattern::parse(&text()?)?.finds(&fact.text())),
        other => Err(format!("the condition `{other}` is not one that is known")),
    }
}

fn is_among(fact: &Fact, value: &Value) -> Result<bool, String> {
    let values = value.as_array().ok_or("the values to be among are no list")?;
    let text = fact.text();
    Ok(values.iter().filter_map(plain).any(|value| value == text))
}

/// A single value as text: rule sets write numbers and truths in quotes or without.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn number(text: &str) -> Result<f64, String> {
    let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    number.ok_or_else(|| format!("`{text}` is not a number"))
}
