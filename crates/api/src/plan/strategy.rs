//! Strategies as users write them. What steps they are spread out into is decided by `domain`.

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::{Analysis, Bake, FullStep, Step};
use crate::field::text_or_object;

/// A strategy: a word, or one in full.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Strategy {
    /// `all_at_once`, or the word for what `stages` and `steps` write out.
    Word(String),
    /// In full.
    Full(Box<Strategies>),
}

impl<'de> Deserialize<'de> for Strategy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expecting = "a strategy: `all_at_once`, or an object with one of canary, rolling, blue_green";
        text_or_object(deserializer, expecting, Self::Word, |full| Self::Full(Box::new(full)))
    }
}

/// A strategy in full: exactly one of its fields.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Strategies {
    /// A growing share of the traffic, and a watch at each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<Canary>,
    /// One batch of targets after the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolling: Option<Rolling>,
    /// All traffic to the other side at once, while the first one is kept warm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blue_green: Option<BlueGreen>,
}

/// A growing share of the traffic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// What makes the new version ready for its first request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prepare: Vec<Step>,
    /// Sets the weight of the new version: a step with `{{weight}}`, and `{{rest}}` or `{{previous}}` where wanted.
    pub shift: Box<FullStep>,
    /// From the smallest weight to the largest.
    pub stages: Vec<CanaryStage>,
    /// How the bakes compare the two versions, as long as both have traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysis: Option<Analysis>,
}

/// One stage of a canary.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CanaryStage {
    /// Share of the traffic that the new version gets, for example `5%`.
    pub weight: String,
    /// How it is watched then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bake: Option<Bake>,
    /// `person` where a person decides before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
}

/// One batch of targets after the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rolling {
    /// What comes before the first target.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prepare: Vec<Step>,
    /// All targets, in order.
    pub targets: Vec<String>,
    /// How many at a time, or what share of all, for example `25%`; one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<Number>,
    /// How many targets, or what share of all, may fail without stopping it; none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_failures: Option<Number>,
    /// How each batch is watched before the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bake: Option<Bake>,
    /// What is done with each target: steps with `{{target}}`.
    pub steps: Vec<FullStep>,
}

/// How many targets may fail, and the steps of each.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Tolerance {
    /// So many may fail.
    pub max_failures: u16,
    /// Every target, in the order in which they are changed.
    pub targets: Vec<TargetSteps>,
}

/// One target and its steps.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetSteps {
    /// Its name.
    pub name: String,
    /// Names of its steps.
    pub steps: Vec<String>,
}

/// A number, or a share as text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged, expecting = "a number such as 2, or a share such as \"25%\"")]
pub enum Number {
    /// So many.
    Count(u16),
    /// So many of all.
    Share(String),
}

/// All traffic to the other side at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BlueGreen {
    /// What makes the idle side ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prepare: Vec<Step>,
    /// `person` where a person decides before the switch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
    /// Sends all traffic to the other side.
    pub switch: Box<FullStep>,
    /// For how long the first side is kept, and how the other one is watched meanwhile.
    pub keep_warm: Bake,
}
