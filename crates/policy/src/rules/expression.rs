//! Conditions as texts: `task.timeout_minutes <= policy.max_timeout_minutes`. Names that begin with `policy.` are the rule's
//! own parameters.

mod parse;

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{Cause, Fact, RuleFacts, Verdict};
use parse::{Compare, Node, Operator};

/// Names of the rule's own parameters begin so.
const PARAMETERS: &str = "policy.";

/// A condition as a text, with its parameters.
#[derive(Debug, Clone)]
pub(super) struct Expression {
    parsed: Result<Node, String>,
    parameters: BTreeMap<String, Json>,
}

/// What a part of it comes to, or why that cannot be told.
type Evaluated = Result<Fact, Cause>;

impl Expression {
    /// Reads it. A text that cannot be read is kept: its rule is broken until it is corrected.
    pub(super) fn parse(text: &str, parameters: BTreeMap<String, Json>) -> Self {
        Self { parsed: parse::parse(text), parameters }
    }

    /// Whether it holds.
    pub(super) fn verdict(&self, facts: &RuleFacts) -> Verdict {
        match &self.parsed {
            Ok(node) => self.truth(node, facts),
            Err(problem) => Verdict::unknown(None, problem.clone()),
        }
    }

    /// Whether a part holds, where it is to be yes or no.
    fn truth(&self, node: &Node, facts: &RuleFacts) -> Verdict {
        match node {
            Node::Not(inner) => self.truth(inner, facts).not(self.cause(inner, facts)),
            Node::All(parts) => Verdict::all(parts.iter().map(|part| self.truth(part, facts))),
            Node::Any(parts) => Verdict::any(parts.iter().map(|part| self.truth(part, facts))),
            Node::Compare(left, compare, right) => self.compare(node, [left, right], *compare, facts),
            Node::Call(name, arguments) => match self.call(name, arguments, facts) {
                Ok(Fact::Truth(holds)) => Verdict::of(holds, self.cause(node, facts)),
                Ok(_) => Verdict::unknown(None, format!("`{name}` is neither yes nor no")),
                Err(cause) => Verdict::Unknown(cause),
            },
            Node::Name(_) | Node::Literal(_) | Node::Arithmetic(..) => match self.value(node, facts) {
                Ok(Fact::Truth(holds)) => Verdict::of(holds, self.cause(node, facts)),
                Ok(_) => Verdict::Unknown(Cause {
                    problem: Some("it is neither yes nor no".to_owned()),
                    ..self.cause(node, facts)
                }),
                Err(cause) => Verdict::Unknown(cause),
            },
        }
    }

    fn compare(&self, node: &Node, sides: [&Node; 2], compare: Compare, facts: &RuleFacts) -> Verdict {
        let cause = self.cause(node, facts);
        let [left, right] = sides.map(|side| self.value(side, facts));
        let (left, right) = match (left, right) {
            (Ok(left), Ok(right)) => (left, right),
            (Err(cause), _) | (_, Err(cause)) => return Verdict::Unknown(cause),
        };
        match compare {
            Compare::Equal => Verdict::of(left.text() == right.text(), cause),
            Compare::NotEqual => Verdict::of(left.text() != right.text(), cause),
            Compare::Less | Compare::LessOrEqual | Compare::Greater | Compare::GreaterOrEqual => {
                let (Some(left), Some(right)) = (number(&left), number(&right)) else {
                    let problem = Some("what is compared are no numbers".to_owned());
                    return Verdict::Unknown(Cause { problem, ..cause });
                };
                let holds = match compare {
                    Compare::Less => left < right,
                    Compare::LessOrEqual => left <= right,
                    Compare::Greater => left > right,
                    Compare::GreaterOrEqual | Compare::Equal | Compare::NotEqual => left >= right,
                };
                Verdict::of(holds, cause)
            }
        }
    }

    fn value(&self, node: &Node, facts: &RuleFacts) -> Evaluated {
        match node {
            Node::Literal(fact) => Ok(fact.clone()),
            Node::Name(name) => self.named(name, facts),
            Node::Arithmetic(left, operator, right) => {
                let sides = [left, right].map(|side| self.value(side, facts));
                let [left, right] = sides;
                let (Some(left), Some(right)) = (number(&left?), number(&right?)) else {
                    return Err(problem("what is calculated with are no numbers"));
                };
                let result = match operator {
                    Operator::Plus => left + right,
                    Operator::Minus => left - right,
                    Operator::Times => left * right,
                };
                Ok(Fact::Text(result.to_string()))
            }
            Node::Call(name, arguments) => self.call(name, arguments, facts),
            Node::Not(_) | Node::All(_) | Node::Any(_) | Node::Compare(..) => match self.truth(node, facts) {
                Verdict::Holds => Ok(Fact::Truth(true)),
                Verdict::Broken(_) => Ok(Fact::Truth(false)),
                Verdict::Unknown(cause) => Err(cause),
            },
        }
    }

    fn named(&self, name: &str, facts: &RuleFacts) -> Evaluated {
        if let Some(parameter) = name.strip_prefix(PARAMETERS) {
            let missing = || problem(&format!("the rule has no parameter `{parameter}`"));
            return self.parameters.get(parameter).and_then(fact).ok_or_else(missing);
        }
        facts.get(name).cloned().ok_or_else(|| Cause {
            field: Some(name.to_owned()),
            value: None,
            problem: Some(format!("`{name}` is not known of the change")),
        })
    }

    fn call(&self, name: &str, arguments: &[Node], facts: &RuleFacts) -> Evaluated {
        let value = |node| self.value(node, facts);
        match (name, arguments) {
            ("contains", [whole, parts]) => {
                let whole = value(whole)?;
                Ok(Fact::Truth(texts(value(parts)?).iter().any(|part| whole.contains(part))))
            }
            ("startsWith", [whole, begins]) => {
                let whole = value(whole)?.text();
                Ok(Fact::Truth(texts(value(begins)?).iter().any(|begin| whole.starts_with(begin))))
            }
            ("length", [whole]) => {
                let length = match value(whole)? {
                    Fact::List(texts) => texts.len(),
                    other => other.text().chars().count(),
                };
                Ok(Fact::Number(i64::try_from(length).unwrap_or(i64::MAX)))
            }
            _ => Err(problem(&format!("the function `{name}` is not one that is evaluated"))),
        }
    }

    /// The last field that a part speaks of, with what it holds.
    fn cause(&self, node: &Node, facts: &RuleFacts) -> Cause {
        let field = node.names().into_iter().rfind(|name| !name.starts_with(PARAMETERS));
        let value = field.and_then(|field| facts.get(field)).map(Fact::text);
        Cause { field: field.map(str::to_owned), value, problem: None }
    }
}

fn problem(text: &str) -> Cause {
    Cause { problem: Some(text.to_owned()), ..Cause::default() }
}

fn number(fact: &Fact) -> Option<f64> {
    fact.text().parse::<f64>().ok().filter(|number| number.is_finite())
}

fn texts(fact: Fact) -> Vec<String> {
    match fact {
        Fact::List(texts) => texts,
        other => vec![other.text()],
    }
}

/// A parameter as a fact.
fn fact(value: &Json) -> Option<Fact> {
    match value {
        Json::String(text) => Some(Fact::Text(text.clone())),
        Json::Bool(truth) => Some(Fact::Truth(*truth)),
        Json::Number(number) => Some(Fact::Text(number.to_string())),
        Json::Array(values) => {
            let texts: Option<Vec<String>> =
                values.iter().map(|value| fact(value).map(|fact| fact.text())).collect();
            texts.map(Fact::List)
        }
        Json::Null | Json::Object(_) => None,
    }
}
