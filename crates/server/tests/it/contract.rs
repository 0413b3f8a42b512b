//! Holds answers against the OpenAPI document: no status, media type or property that it does not describe.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Map, Value};

use crate::http::Answer;

/// The document, as JSON.
pub(crate) fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| serde_json::to_value(server::openapi()).unwrap())
}

/// Every operation: method in capitals, path as the document writes it, and the operation.
pub(crate) fn operations() -> impl Iterator<Item = (String, &'static str, &'static Value)> {
    let paths = document()["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (method.to_uppercase(), path.as_str(), operation))
    })
}

/// Checks an answer to a request. Addresses that the document does not have are not its business.
pub(crate) fn check(method: &str, path: &str, answer: &Answer) -> Result<()> {
    let path = path.split('?').next().unwrap_or(path);
    let found = operations().find(|(known, template, _)| known == method && is_at(template, path));
    let Some((_, _, operation)) = found else { return Ok(()) };
    let responses = operation["responses"].as_object().context("responses")?;
    let response = match responses.get(&answer.status.to_string()) {
        Some(response) => response,
        None => {
            ensure!(answer.status >= 400, "status {} is not in the document", answer.status);
            responses.get("default").context("no default response in the document")?
        }
    };
    let Some(content) = response.get("content").and_then(Value::as_object) else {
        ensure!(answer.body.is_empty(), "the document knows no body");
        return Ok(());
    };
    let media_type = answer.header("content-type").unwrap_or("none").split(';').next().unwrap_or("none");
    let described =
        content.get(media_type).with_context(|| format!("media type {media_type} is not in the document"))?;
    if media_type.ends_with("json") {
        let schema = &described["schema"];
        conforms(schema, &answer.json()?, "answer")?;
    }
    Ok(())
}

fn is_at(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    let is_same = |(wanted, given): (&&str, &&str)| wanted.starts_with('{') || wanted == given;
    template.len() == path.len() && template.iter().zip(&path).all(is_same)
}

/// Checks a value against a schema. A keyword that is not known here is an error, so that none is passed over.
fn conforms(schema: &Value, value: &Value, at: &str) -> Result<()> {
    let schema = resolved(schema)?;
    for keyword in schema.keys() {
        const KNOWN: [&str; 17] = [
            "type",
            "properties",
            "required",
            "items",
            "oneOf",
            "allOf",
            "enum",
            "additionalProperties",
            "propertyNames",
            "format",
            "minimum",
            "maximum",
            "description",
            "minItems",
            "maxItems",
            "default",
            "title",
        ];
        ensure!(KNOWN.contains(&keyword.as_str()), "{at}: the check does not know the keyword {keyword}");
    }
    if let Some(options) = schema.get("oneOf").and_then(Value::as_array) {
        let fitting = options.iter().any(|option| conforms(option, value, at).is_ok());
        ensure!(fitting, "{at}: {value} is none of the alternatives");
        return Ok(());
    }
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        ensure!(words.contains(value), "{at}: {value} is not one of {words:?}");
    }
    of_type(schema, value, at)?;
    if let Value::Array(items) = value
        && let Some(schema) = schema.get("items")
    {
        for (index, item) in items.iter().enumerate() {
            conforms(schema, item, &format!("{at}[{index}]"))?;
        }
    }
    match value {
        Value::Object(fields) => object(schema, fields, at),
        _ => Ok(()),
    }
}

fn of_type(schema: &Map<String, Value>, value: &Value, at: &str) -> Result<()> {
    let types: Vec<&str> = match schema.get("type") {
        None => return Ok(()),
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        Some(other) => bail!("{at}: the type is {other}"),
    };
    let fits = types.iter().any(|name| match *name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    });
    ensure!(fits, "{at}: {value} is not {types:?}");
    Ok(())
}

/// An object has everything that is required and nothing that is not described.
fn object(schema: &Map<String, Value>, fields: &Map<String, Value>, at: &str) -> Result<()> {
    let (mut described, mut required, mut is_open) = (Map::new(), BTreeSet::new(), false);
    gather(schema, &mut described, &mut required, &mut is_open)?;
    for name in &required {
        ensure!(fields.contains_key(name), "{at}: {name} is missing");
    }
    for (name, value) in fields {
        match described.get(name) {
            Some(schema) => conforms(schema, value, &format!("{at}.{name}"))?,
            None => ensure!(is_open, "{at}: {name} is not in the document"),
        }
    }
    Ok(())
}

/// Collects the properties of an object and of everything it is composed of.
fn gather(
    schema: &Map<String, Value>,
    described: &mut Map<String, Value>,
    required: &mut BTreeSet<String>,
    is_open: &mut bool,
) -> Result<()> {
    let properties = schema.get("properties").and_then(Value::as_object);
    let parts = schema.get("allOf").and_then(Value::as_array);
    // An object without a single property is described as anything.
    *is_open |= properties.is_none() && parts.is_none();
    *is_open |=
        schema.get("additionalProperties").is_some_and(|additional| *additional != Value::Bool(false));
    described.extend(properties.into_iter().flatten().map(|(name, schema)| (name.clone(), schema.clone())));
    let names = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    required.extend(names.filter_map(Value::as_str).map(str::to_owned));
    for part in parts.into_iter().flatten() {
        gather(resolved(part)?, described, required, is_open)?;
    }
    Ok(())
}

fn resolved(schema: &Value) -> Result<&Map<String, Value>> {
    let schema = schema.as_object().context("a schema")?;
    match schema.get("$ref").and_then(Value::as_str) {
        None => Ok(schema),
        Some(reference) => {
            let pointer = reference.trim_start_matches('#');
            resolved(document().pointer(pointer).with_context(|| format!("{reference} is not there"))?)
        }
    }
}
