//! Rule sets that an organisation has already, as JSON files beside the Cedar policies.
//!
//! They permit and forbid nothing. Their rules are asked when a change is assessed; each that is broken is a finding there,
//! which calls a person in. A rule that cannot be evaluated, because a change has no such field or because of how it is
//! written, counts as broken.

mod condition;
mod expression;
mod facts;
mod file;
mod pattern;

pub use facts::{Fact, RuleFacts};

use condition::Condition;
use expression::Expression;

use crate::error::LoadError;
use crate::source::PolicyFile;

/// Most rules in all.
pub const RULES_MAX: usize = 1_000;
/// Ending of the files that hold rules.
const ENDING: &str = ".json";

/// Every rule of the organisation's own rule sets.
#[derive(Debug, Clone, Default)]
pub struct RuleBook(Vec<Rule>);

/// A rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its `rule_id`.
    pub id: String,
    /// The `policy_id` of the set that it is of.
    pub policy: String,
    /// What it asks for, in words.
    pub title: String,
    /// What is said when it is broken.
    pub message: String,
    /// What to do then.
    pub fix: String,
    /// The severity that its set states.
    pub severity: Option<String>,
    /// The controls that ask for it, for example `SOC2:CC8.1`.
    pub controls: Vec<String>,
    /// The file it stands in.
    pub file: String,
    test: Test,
}

/// How a rule is evaluated.
#[derive(Debug, Clone)]
enum Test {
    Condition(Condition),
    Expression(Expression),
}

/// What became of evaluating a part of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Holds,
    Broken(Cause),
    /// It cannot be told, which is as bad.
    Unknown(Cause),
}

/// Where a rule is broken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Cause {
    field: Option<String>,
    value: Option<String>,
    /// Why it cannot be evaluated.
    problem: Option<String>,
}

/// A rule that a change breaks.
#[derive(Debug)]
pub struct Violation<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// The field that breaks it.
    pub field: Option<String>,
    /// What that field holds.
    pub value: Option<String>,
    /// Why the rule cannot be evaluated, where that is what breaks it.
    pub problem: Option<String>,
}

impl RuleBook {
    /// Whether a file holds rules, by its name.
    pub(crate) fn is_of(file: &PolicyFile<'_>) -> bool {
        file.name.ends_with(ENDING)
    }

    pub(crate) fn read(files: &[PolicyFile<'_>]) -> Result<Self, LoadError> {
        let mut rules: Vec<Rule> = Vec::new();
        for file in files {
            for rule in file::read(*file)? {
                let twice = rules.iter().find(|other| other.id == rule.id && other.policy == rule.policy);
                if let Some(first) = twice {
                    let (policy, first) = (rule.policy, first.file.clone());
                    return Err(LoadError::RuleTwice { file: rule.file, policy, id: rule.id, first });
                }
                rules.push(rule);
            }
        }
        if rules.len() > RULES_MAX {
            Err(LoadError::TooManyRules { count: rules.len() })
        } else {
            Ok(Self(rules))
        }
    }

    /// Every rule, in order of the files.
    pub fn rules(&self) -> &[Rule] {
        &self.0
    }

    /// The rules that are broken by what is known.
    pub fn violations(&self, facts: &RuleFacts) -> Vec<Violation<'_>> {
        self.0.iter().filter_map(|rule| rule.violation(facts)).collect()
    }
}

impl Rule {
    fn violation(&self, facts: &RuleFacts) -> Option<Violation<'_>> {
        let verdict = match &self.test {
            Test::Condition(condition) => condition.verdict(None, facts),
            Test::Expression(expression) => expression.verdict(facts),
        };
        match verdict {
            Verdict::Holds => None,
            Verdict::Broken(Cause { field, value, problem })
            | Verdict::Unknown(Cause { field, value, problem }) => {
                Some(Violation { rule: self, field, value, problem })
            }
        }
    }
}

impl Verdict {
    fn of(holds: bool, cause: Cause) -> Self {
        if holds { Self::Holds } else { Self::Broken(cause) }
    }

    fn unknown(field: Option<&str>, problem: impl Into<String>) -> Self {
        Self::Unknown(Cause { field: field.map(str::to_owned), value: None, problem: Some(problem.into()) })
    }

    /// All must hold. What is broken for certain is told before what cannot be told.
    fn all(parts: impl Iterator<Item = Self>) -> Self {
        parts.fold(Self::Holds, |whole, part| match (whole, part) {
            (Self::Broken(cause), _) | (_, Self::Broken(cause)) => Self::Broken(cause),
            (Self::Unknown(cause), _) | (_, Self::Unknown(cause)) => Self::Unknown(cause),
            (Self::Holds, Self::Holds) => Self::Holds,
        })
    }

    /// One must hold; none of nothing does. The last part tells what is lacking: those before it say when it is not asked.
    fn any(parts: impl Iterator<Item = Self>) -> Self {
        let nothing = Self::unknown(None, "it lists no conditions");
        parts
            .reduce(|whole, part| match (whole, part) {
                (Self::Holds, _) | (_, Self::Holds) => Self::Holds,
                (_, Self::Unknown(cause)) | (Self::Unknown(cause), _) => Self::Unknown(cause),
                (Self::Broken(_), Self::Broken(cause)) => Self::Broken(cause),
            })
            .unwrap_or(nothing)
    }

    /// The opposite; what cannot be told stays so.
    fn not(self, cause: Cause) -> Self {
        match self {
            Self::Holds => Self::Broken(cause),
            Self::Broken(_) => Self::Holds,
            Self::Unknown(cause) => Self::Unknown(cause),
        }
    }
}
