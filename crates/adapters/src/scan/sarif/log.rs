//! The parts of a SARIF log that are read, as the standard names them.
//!
//! Writers leave out what they do not know or write `null`, so nearly everything is optional here; what is missing and
//! needed is refused one level up. The limits are those of GitHub code scanning, which scanners already keep to.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::Value;

use crate::scan::bounded::AtMost;

/// How many runs a log may hold.
pub const MAX_RUNS: usize = 20;
/// How many results a run may hold.
pub const MAX_RESULTS_PER_RUN: usize = 25_000;
/// How many rules a tool or one of its extensions may have.
pub const MAX_RULES_PER_TOOL: usize = 25_000;
/// How many extensions a tool may have.
pub const MAX_TOOL_EXTENSIONS: usize = 100;
/// How many invocations a run, and suppressions a result, may have.
const MAX_DETAILS: usize = 1_000;

/// How serious a result is, in the words of the standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Seriousness does not apply.
    None,
    /// A minor problem or an opportunity.
    Note,
    /// A problem.
    Warning,
    /// A serious problem.
    Error,
}

/// A list of which only the first entry is kept.
#[derive(Debug, Default)]
struct First<T>(Option<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for First<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FirstVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for FirstVisitor<T> {
            type Value = Option<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let first = list.next_element()?;
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(first)
            }
        }

        deserializer.deserialize_seq(FirstVisitor(PhantomData)).map(Self)
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Log {
    pub(super) version: Option<String>,
    pub(super) runs: Option<AtMost<Run, MAX_RUNS>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Run {
    pub(super) tool: Tool,
    pub(super) invocations: Option<AtMost<Invocation, MAX_DETAILS>>,
    pub(super) results: Option<AtMost<ScanResult, MAX_RESULTS_PER_RUN>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Tool {
    pub(super) driver: Component,
    extensions: Option<AtMost<Component, MAX_TOOL_EXTENSIONS>>,
}

impl Tool {
    pub(super) fn extensions(&self) -> &[Component] {
        self.extensions.as_ref().map(|extensions| extensions.0.as_slice()).unwrap_or_default()
    }
}

/// A tool or an extension of it.
#[derive(Debug, Deserialize)]
pub(super) struct Component {
    pub(super) name: Option<String>,
    rules: Option<AtMost<Rule, MAX_RULES_PER_TOOL>>,
}

impl Component {
    pub(super) fn rules(&self) -> &[Rule] {
        self.rules.as_ref().map(|rules| rules.0.as_slice()).unwrap_or_default()
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rule {
    pub(super) id: Option<String>,
    default_configuration: Option<Configuration>,
    message_strings: Option<serde_json::Map<String, Value>>,
    properties: Option<Properties>,
}

#[derive(Debug, Deserialize)]
struct Configuration {
    level: Option<Level>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Invocation {
    pub(super) execution_successful: Option<bool>,
}

/// The one property that is read from a bag of any.
#[derive(Debug, Deserialize)]
struct Properties {
    #[serde(rename = "security-severity")]
    security_severity: Option<Value>,
}

impl Properties {
    /// The text of it; scanners write a string or a number.
    fn security_severity(&self) -> Option<String> {
        match &self.security_severity {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(other) => Some(other.to_string()),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ScanResult {
    rule_id: Option<String>,
    rule_index: Option<i64>,
    rule: Option<RuleReference>,
    level: Option<Level>,
    kind: Option<Kind>,
    message: Option<Message>,
    locations: Option<First<Location>>,
    suppressions: Option<AtMost<Suppression, MAX_DETAILS>>,
    baseline_state: Option<BaselineState>,
    properties: Option<Properties>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RuleReference {
    id: Option<String>,
    index: Option<i64>,
    tool_component: Option<ComponentReference>,
}

#[derive(Debug, Deserialize)]
struct ComponentReference {
    index: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Kind {
    NotApplicable,
    Pass,
    Fail,
    Review,
    Open,
    Informational,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum BaselineState {
    New,
    Unchanged,
    Updated,
    Absent,
}

#[derive(Debug, Deserialize)]
struct Suppression {
    status: Option<SuppressionStatus>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum SuppressionStatus {
    Accepted,
    UnderReview,
    Rejected,
}

#[derive(Debug, Deserialize)]
struct Message {
    text: Option<String>,
    id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: Option<PhysicalLocation>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: Option<ArtifactLocation>,
    region: Option<Region>,
}

#[derive(Debug, Deserialize)]
struct ArtifactLocation {
    uri: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: Option<u64>,
}

impl ScanResult {
    pub(super) fn rule_id(&self) -> Option<&str> {
        self.rule_id.as_deref().or_else(|| self.rule.as_ref()?.id.as_deref())
    }

    /// The position of the rule in its component; the standard writes -1 for "unknown".
    pub(super) fn rule_index(&self) -> Option<usize> {
        let index = self.rule.as_ref().and_then(|rule| rule.index).or(self.rule_index)?;
        usize::try_from(index).ok()
    }

    /// The position of the extension that the rule belongs to, unless it is the tool's own.
    pub(super) fn extension_index(&self) -> Option<usize> {
        usize::try_from(self.rule.as_ref()?.tool_component.as_ref()?.index?).ok()
    }

    /// The message's text itself, or the rule's text that it refers to.
    pub(super) fn message_text<'a>(&'a self, rule: Option<&'a Rule>) -> Option<&'a str> {
        let message = self.message.as_ref()?;
        let of_rule = || rule?.message_strings.as_ref()?.get(message.id.as_deref()?)?.get("text")?.as_str();
        message.text.as_deref().or_else(of_rule)
    }

    /// The security severity of the result itself, or else of its rule, as it is written.
    pub(super) fn security_severity(&self, rule: Option<&Rule>) -> Option<String> {
        let of_rule = || rule?.properties.as_ref()?.security_severity();
        self.properties.as_ref().and_then(Properties::security_severity).or_else(of_rule)
    }

    /// The level as sections 3.27.9 and 3.27.10 of the standard derive it.
    pub(super) fn level_under(&self, rule: Option<&Rule>) -> Level {
        let is_failure = matches!(self.kind, None | Some(Kind::Fail));
        let of_rule = || rule?.default_configuration.as_ref()?.level;
        match self.level {
            Some(level) => level,
            None if is_failure => of_rule().unwrap_or(Level::Warning),
            None => Level::None,
        }
    }

    /// There is a suppression, and nobody rejected it or is still thinking about it.
    pub(super) fn is_suppressed(&self) -> bool {
        let suppressions = self.suppressions.as_ref().map(|list| list.0.as_slice()).unwrap_or_default();
        let accepted = |status| matches!(status, None | Some(SuppressionStatus::Accepted));
        !suppressions.is_empty() && suppressions.iter().all(|suppression| accepted(suppression.status))
    }

    /// Whether it is only mentioned because an earlier scan had found it.
    pub(super) fn is_absent(&self) -> bool {
        self.baseline_state == Some(BaselineState::Absent)
    }

    pub(super) fn location(&self) -> (Option<&str>, Option<u64>) {
        let location = self.locations.as_ref().and_then(|locations| locations.0.as_ref());
        let Some(physical) = location.and_then(|location| location.physical_location.as_ref()) else {
            return (None, None);
        };
        let uri = physical.artifact_location.as_ref().and_then(|artifact| artifact.uri.as_deref());
        (uri, physical.region.as_ref().and_then(|region| region.start_line))
    }
}
