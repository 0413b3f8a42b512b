//! `traffic`: gives targets their shares of the traffic.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::kubernetes::Cluster;
use crate::plan::definition::Command;
use crate::plan::validate::{Field, PlanError, quoted};

/// Most targets of one step.
pub const TARGETS_MAX: usize = 64;
/// Greatest weight of a target.
pub const WEIGHT_MAX: u32 = 1_000_000;
/// Last rule of a route; the API allows 16.
const RULE_MAX: u16 = 15;
/// Greatest weight that HAProxy knows.
const HAPROXY_WEIGHT_MAX: u32 = 256;
/// Longest name of a target, a backend, a route or a namespace, in bytes.
const NAME_BYTES_MAX: usize = 253;

/// Gives targets their shares of the traffic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traffic {
    /// Who divides the traffic.
    pub router: Router,
    /// Target to weight. A target that is not named keeps its weight.
    pub weights: BTreeMap<String, u32>,
}

/// Who divides the traffic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "router", rename_all = "snake_case", deny_unknown_fields)]
pub enum Router {
    /// HAProxy, through its runtime API.
    Haproxy {
        /// Path of its socket, or `host:port`.
        address: String,
        /// The backend whose servers are the targets.
        backend: String,
    },
    /// A rule of an HTTPRoute of the Gateway API, whose backends are the targets.
    GatewayRoute {
        /// The cluster and the namespace of the route.
        cluster: Cluster,
        /// The route.
        route: String,
        /// The position of the rule, from 0.
        rule: u16,
    },
    /// Programs that set and print the weights.
    Programs {
        /// Sets them: it finds `target=weight`, separated by spaces, in the variable `TRAFFIC_WEIGHTS`.
        set: Command,
        /// Prints `target=weight`, one on a line.
        read: Command,
        /// Longest run time of each, in milliseconds.
        timeout_millis: u64,
    },
}

impl Traffic {
    pub(in crate::plan) fn validate(&self, field: &Field<'_>) -> Result<(), PlanError> {
        let weights = field.at("weights");
        weights.count(self.weights.len(), 1..=TARGETS_MAX, "targets")?;
        let weight_max = match &self.router {
            Router::Haproxy { .. } => HAPROXY_WEIGHT_MAX,
            Router::GatewayRoute { .. } | Router::Programs { .. } => WEIGHT_MAX,
        };
        for (target, weight) in &self.weights {
            weights.target(target)?;
            weights.at(target).within(u64::from(*weight), 0..=u64::from(weight_max), "as weight")?;
        }
        self.router.validate(&field.at("router"))
    }
}

impl Router {
    pub(in crate::plan) fn validate(&self, field: &Field<'_>) -> Result<(), PlanError> {
        match self {
            Self::Haproxy { address, backend } => {
                field.at("address").path(address)?;
                let is_socket = address.contains('/');
                let port = address.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
                if !is_socket && !matches!(port, Some(Ok(1..))) {
                    let expected = "the path of a socket such as `/run/haproxy/admin.sock`, or `host:port`";
                    return Err(field.at("address").refuse(quoted(address), expected));
                }
                field.at("backend").target(backend)
            }
            Self::GatewayRoute { cluster, route, rule } => {
                cluster.validate(field)?;
                field.at("route").object_name(route)?;
                field.at("rule").within(u64::from(*rule), 0..=u64::from(RULE_MAX), "as position")
            }
            Self::Programs { set, read, timeout_millis } => {
                field.at("timeout_millis").probe_timeout(*timeout_millis)?;
                set.validate(&field.at("set"))?;
                read.validate(&field.at("read"))
            }
        }
    }
}

impl fmt::Display for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Haproxy { backend, .. } => write!(f, "HAProxy backend {backend}"),
            Self::GatewayRoute { cluster, route, .. } => write!(f, "HTTPRoute {route} in {cluster}"),
            Self::Programs { set, .. } => f.write_str(&set.argv.join(" ")),
        }
    }
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.router)?;
        for (at, (target, weight)) in self.weights.iter().enumerate() {
            write!(f, "{} {target} {weight}", if at == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl Field<'_> {
    /// A name that can stand in a command of a router: nothing in it begins another word or command there.
    pub(in crate::plan) fn target(&self, name: &str) -> Result<(), PlanError> {
        let is_fit = |b: u8| b.is_ascii_alphanumeric() || b"-_.:".contains(&b);
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(is_fit) {
            return Err(self.refuse(quoted(name), "names of letters, digits, `-`, `_`, `.` and `:`"));
        }
        Ok(())
    }
}
