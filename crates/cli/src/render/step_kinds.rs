//! Kinds of steps that know what they touch, in words.

use api::plan::{Flag, Kubernetes, Sql, Traffic, Weight};

use super::plan::{command, request};

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
    if let Some(gateway) = &traffic.gateway {
        let place = place(gateway.namespace.as_ref(), gateway.context.as_ref(), gateway.kubeconfig.as_ref());
        text.push_str(&format!("\nbackends of rule {} of HTTPRoute {}{place}", gateway.rule, gateway.route));
    }
    if let Some(programs) = &traffic.programs {
        let timeout = programs.timeout.as_deref().unwrap_or("30s");
        text.push_str(&format!("\nset by {}", command(&programs.set)));
        text.push_str(&format!("\nread by {}, each within {timeout}", command(&programs.read)));
    }
    text
}

/// What a `kubernetes` step does, and where.
pub(super) fn kubernetes(step: &Kubernetes) -> String {
    let force = if step.force { ", taking fields over from others" } else { "" };
    let apply = step.apply.as_ref().map(|file| format!("apply {file}{force}"));
    let scale =
        || step.scale.as_ref().map(|what| format!("scale {what} to {}", step.replicas.unwrap_or_default()));
    let restart = || step.restart.as_ref().map(|what| format!("restart {what}"));
    let wait = || step.wait.as_ref().map(|what| format!("wait for {what}"));
    let does = apply.or_else(scale).or_else(restart).or_else(wait).unwrap_or_default();
    format!("{does}{}", place(step.namespace.as_ref(), step.context.as_ref(), step.kubeconfig.as_ref()))
}

/// Where in which cluster.
fn place(namespace: Option<&String>, context: Option<&String>, kubeconfig: Option<&String>) -> String {
    let mut text = format!("\nin the namespace {}", namespace.map_or("default", String::as_str));
    if let Some(context) = context {
        text.push_str(&format!(" of the context {context}"));
    }
    if let Some(kubeconfig) = kubeconfig {
        text.push_str(&format!(" of {kubeconfig}"));
    }
    text
}

/// What a `flag` step switches, and where.
pub(super) fn flag(flag: &Flag) -> String {
    if let Some(service) = &flag.service {
        let at = service.at.as_deref().map(|at| format!(" at {at}")).unwrap_or_default();
        let (set, read) = (request(&service.set), request(&service.read));
        return format!("{set}\nthen {read}\nsays {}{at}", service.expected);
    }
    let name = flag.name.as_deref().unwrap_or_default();
    let mut text = format!("{name} in {}", flag.file.as_deref().unwrap_or_default());
    if let Some(enabled) = flag.enabled {
        text.push_str(if enabled { ", enabled" } else { ", disabled" });
    }
    if let Some(variant) = &flag.variant {
        text.push_str(&format!(", {variant} by default"));
    }
    text
}

/// What a `sql` step runs, and where.
pub(super) fn sql(sql: &Sql) -> String {
    let script = sql.file.as_deref().or(sql.statements.as_deref()).unwrap_or_default().trim();
    let database =
        sql.database.as_deref().map(|name| format!("\non the database in {name}")).unwrap_or_default();
    let untried = if sql.try_undo == Some(false) { "\nits undo is not tried first" } else { "" };
    format!("{script}{database}{untried}")
}
