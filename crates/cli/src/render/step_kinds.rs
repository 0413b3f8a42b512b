//! Kinds of steps that know what they touch, in words.

use api::plan::{Traffic, Weight};

use super::plan::command;

/// What a `traffic` step sets, and where.
pub(super) fn traffic(traffic: &Traffic) -> String {
    let weights = traffic.weights.iter().map(|(target, weight)| match weight {
        Weight::Number(weight) => format!("{target} {weight}"),
        Weight::Text(weight) => format!("{target} {weight}"),
    });
    let mut text = weights.collect::<Vec<_>>().join(", ");
    if let Some(haproxy) = &traffic.haproxy {
        text.push_str(&format!("\nservers of {} in HAProxy at {}", haproxy.backend, haproxy.address));
    }
    if let Some(programs) = &traffic.programs {
        let timeout = programs.timeout.as_deref().unwrap_or("30s");
        text.push_str(&format!("\nset by {}", command(&programs.set)));
        text.push_str(&format!("\nread by {}, each within {timeout}", command(&programs.read)));
    }
    text
}
