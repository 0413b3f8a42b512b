//! The objects of a file of manifests.

use std::fs::File;
use std::io::Read as _;

use serde_json::Value;

use super::api::{ApiError, Reference};
use crate::execute::ExecutionContext;

/// Longest file, in bytes.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Most objects of one file.
const OBJECTS_MAX: usize = 200;

/// One object as the file says.
#[derive(Debug)]
pub(super) struct Manifest {
    pub(super) reference: Reference,
    pub(super) object: Value,
}

/// Reads the objects, in their order. One that names no namespace is in `namespace`.
pub(super) fn read(
    file: &str,
    namespace: &str,
    context: &ExecutionContext,
) -> Result<Vec<Manifest>, ApiError> {
    let problem = |problem: String| ApiError::Manifests { file: file.to_owned(), problem };
    let mut text = String::new();
    let opened = File::open(context.path(file))
        .and_then(|open| open.take(FILE_BYTES_MAX + 1).read_to_string(&mut text));
    let bytes = opened.map_err(|error| problem(format!("cannot be read: {error}")))?;
    if u64::try_from(bytes).map_or(true, |bytes| bytes > FILE_BYTES_MAX) {
        return Err(problem(format!("is longer than {FILE_BYTES_MAX} bytes")));
    }
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text).map_err(|error| {
        problem(format!("is not YAML: {}", error.to_string().lines().next().unwrap_or_default()))
    })?;
    let mut manifests = Vec::new();
    for document in documents.into_iter().filter(|document| !document.is_null()) {
        let items = match document.get("items").and_then(Value::as_array) {
            Some(items) if document.get("kind").and_then(Value::as_str) == Some("List") => items.clone(),
            Some(_) | None => vec![document],
        };
        for object in items {
            manifests.push(manifest(object, namespace).map_err(problem)?);
        }
    }
    match manifests.len() {
        0 => Err(problem("has no object".to_owned())),
        1..=OBJECTS_MAX => Ok(manifests),
        count => Err(problem(format!("has {count} objects: at most {OBJECTS_MAX} are applied in one step"))),
    }
}

fn manifest(mut object: Value, namespace: &str) -> Result<Manifest, String> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).map(ToOwned::to_owned);
    let missing = |field: &str| format!("has an object without `{field}`");
    let reference = Reference {
        api_version: text("/apiVersion").ok_or_else(|| missing("apiVersion"))?,
        kind: text("/kind").ok_or_else(|| missing("kind"))?,
        namespace: text("/metadata/namespace").unwrap_or_else(|| namespace.to_owned()),
        name: text("/metadata/name").ok_or_else(|| missing("metadata.name"))?,
    };
    if let Some(object) = object.as_object_mut() {
        // The cluster's own account of the object is never applied.
        object.remove("status");
    }
    Ok(Manifest { reference, object })
}
