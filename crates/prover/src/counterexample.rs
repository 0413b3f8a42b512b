//! A request that the policies allow although a property says that they never do.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use cedar_policy::{Authorizer, Decision, PolicySet};
use cedar_policy_symcc::Env;
use serde::Serialize;
use serde_json::Value;

use crate::property::Property;

/// The request, and what the ordinary engine says to it.
#[derive(Debug, Serialize)]
pub(crate) struct Counterexample {
    /// Who asks.
    pub(crate) principal: String,
    /// For what.
    pub(crate) action: String,
    /// Of what.
    pub(crate) resource: String,
    /// The request's context.
    pub(crate) context: BTreeMap<String, String>,
    /// Attributes and parents of whoever and whatever takes part, by name.
    pub(crate) entities: BTreeMap<String, Value>,
    /// Whether the ordinary engine allows it too, asked about the same request.
    pub(crate) replayed: bool,
    /// The policies because of which the ordinary engine answers so.
    pub(crate) because_of: Vec<String>,
}

impl Counterexample {
    pub(crate) fn new(policies: &PolicySet, property: &Property, found: &Env) -> Result<Self> {
        let Env { request, entities } = found;
        let ask = |set: &PolicySet| Authorizer::new().is_authorized(request, set, entities);
        let answer = ask(policies);
        let is_allowed = |decision| decision == Decision::Allow;
        let replayed = is_allowed(answer.decision()) && is_allowed(ask(&property.forbidden).decision());
        let mut because_of: Vec<String> = answer.diagnostics().reason().map(ToString::to_string).collect();
        because_of.sort();
        let part = |uid: Option<&cedar_policy::EntityUid>| {
            uid.map(ToString::to_string).context("the solver left a part of the request open")
        };
        let principal = part(request.principal())?;
        let resource = part(request.resource())?;
        let mut told = BTreeMap::new();
        for entity in entities.iter().filter(|entity| {
            let name = entity.uid().to_string();
            name == principal || name == resource
        }) {
            let mut json = entity.to_json_value().context("an entity of the solver has no JSON")?;
            if let Some(fields) = json.as_object_mut() {
                fields.remove("uid");
                fields.remove("tags");
            }
            told.insert(entity.uid().to_string(), named(&json));
        }
        let mut context = BTreeMap::new();
        if let Some(given) = request.context() {
            context.extend(given.to_json_value().ok().and_then(members).unwrap_or_default());
        }
        Ok(Self {
            principal,
            action: part(request.action())?,
            resource,
            context,
            entities: told,
            replayed,
            because_of,
        })
    }
}

/// The JSON with entities as policies write them: `Role::"ciso"`.
fn named(json: &Value) -> Value {
    match json {
        Value::Array(items) => items.iter().map(named).collect(),
        Value::Object(members) => {
            let uid = members.get("__entity").and_then(Value::as_object).unwrap_or(members);
            match (uid.len(), uid.get("type"), uid.get("id")) {
                (2, Some(Value::String(kind)), Some(id)) => Value::from(format!("{kind}::{id}")),
                _ => members.iter().map(|(key, value)| (key.clone(), named(value))).collect(),
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => json.clone(),
    }
}

fn members(json: Value) -> Option<BTreeMap<String, String>> {
    let Value::Object(members) = json else { return None };
    Some(members.into_iter().map(|(key, value)| (key, named(&value).to_string())).collect())
}
