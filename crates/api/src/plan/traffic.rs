//! The `traffic` step as users write it.

use std::collections::BTreeMap;

use domain::duration::format_duration_millis;
use domain::plan;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::convert::{exactly_one, millis};
use super::{FullStep, Gateway, Run};
use crate::field::{FieldError, unique_map};

/// Longest run time of a program that sets or reads weights when the plan does not say, in milliseconds.
const PROGRAM_TIMEOUT_MILLIS_DEFAULT: u64 = 30_000;

/// Shares of the traffic: exactly one of `haproxy`, `gateway` and `programs`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Traffic {
    /// HAProxy, through its runtime API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub haproxy: Option<Haproxy>,
    /// A route of the Gateway API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<Gateway>,
    /// Any other router, through two programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub programs: Option<RouterPrograms>,
    /// Target to weight. What is not named keeps its weight.
    #[serde(deserialize_with = "unique_map")]
    pub weights: BTreeMap<String, Weight>,
}

/// A weight: a whole number, or as text what becomes one when a template is filled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged, expecting = "a whole number, or `{{weight}}` or `{{rest}}` in a template")]
pub enum Weight {
    /// The number.
    Number(u32),
    /// The number as text, or a placeholder.
    Text(String),
}

impl Weight {
    fn number(&self) -> Result<u32, FieldError> {
        match self {
            Self::Number(number) => Ok(*number),
            Self::Text(text) => text.parse().map_err(|_| {
                let message = format!(
                    "`{text}` is no weight: expected a whole number; `{{{{weight}}}}` and `{{{{rest}}}}` stand for one in a canary's `shift`, where stages have whole percentages"
                );
                FieldError::new("weights", message)
            }),
        }
    }
}

/// A backend of HAProxy, whose servers are the targets.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Haproxy {
    /// Path of the socket of its runtime API, or `host:port`.
    pub address: String,
    /// The backend.
    pub backend: String,
}

/// Programs that set and print weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RouterPrograms {
    /// Sets them; finds `target=weight`, separated by spaces, in the variable `TRAFFIC_WEIGHTS`.
    pub set: Run,
    /// Prints `target=weight`, one on a line.
    pub read: Run,
    /// Longest run time of each; `30s` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
}

impl Traffic {
    pub(super) fn to_domain(&self, step: &FullStep) -> Result<plan::Traffic, FieldError> {
        let router = exactly_one(
            "haproxy, gateway and programs",
            vec![
                self.haproxy
                    .clone()
                    .map(|Haproxy { address, backend }| Ok(plan::Router::Haproxy { address, backend })),
                self.gateway.as_ref().map(|gateway| Ok(gateway.to_domain())),
                self.programs.as_ref().map(|programs| programs.to_domain(step)),
            ],
        );
        let router = router.map_err(|error| error.under("traffic"))?;
        let weight = |(target, weight): (&String, &Weight)| Ok((target.clone(), weight.number()?));
        let weights = self.weights.iter().map(weight).collect::<Result<_, FieldError>>();
        Ok(plan::Traffic { router, weights: weights.map_err(|error| error.under("traffic"))? })
    }

    pub(super) fn from_domain(traffic: &plan::Traffic) -> Self {
        let weight = |(target, weight): (&String, &u32)| (target.clone(), Weight::Number(*weight));
        let weights = traffic.weights.iter().map(weight).collect();
        match &traffic.router {
            plan::Router::Haproxy { address, backend } => {
                let haproxy = Haproxy { address: address.clone(), backend: backend.clone() };
                Self { haproxy: Some(haproxy), weights, ..Self::default() }
            }
            plan::Router::GatewayRoute { cluster, route, rule } => {
                let gateway = Gateway::from_domain(cluster, route, *rule);
                Self { gateway: Some(gateway), weights, ..Self::default() }
            }
            plan::Router::Programs { set, read, timeout_millis } => {
                let programs = RouterPrograms {
                    set: Run::from_argv(&set.argv),
                    read: Run::from_argv(&read.argv),
                    timeout: Some(format_duration_millis(*timeout_millis)),
                };
                Self { programs: Some(programs), weights, ..Self::default() }
            }
        }
    }
}

impl RouterPrograms {
    fn to_domain(&self, step: &FullStep) -> Result<plan::Router, FieldError> {
        Ok(plan::Router::Programs {
            set: step.command(&self.set),
            read: step.command(&self.read),
            timeout_millis: millis(
                "programs.timeout",
                self.timeout.as_deref(),
                PROGRAM_TIMEOUT_MILLIS_DEFAULT,
            )?,
        })
    }
}
