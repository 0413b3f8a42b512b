//! Objects of a cluster as they were: saved before a change, put back by a rollback, compared afterwards.

use std::time::Duration;

use domain::plan::{Cluster, Objects};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::time::sleep;

use super::api::{Api, ApiError, Reference};
use super::{manifests, reference};
use crate::execute::{Excerpt, ExecutionContext};

/// Attempts to put an object back that something else changes at the same time.
const ATTEMPTS_MAX: u32 = 100;
const ATTEMPT_PAUSE: Duration = Duration::from_millis(300);
/// What the cluster writes into an object's metadata, another one each time.
const OWN_METADATA: [&str; 8] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
];
/// What a controller counts in an annotation.
const OWN_ANNOTATION: &str = "deployment.kubernetes.io/revision";

/// One object as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// Which object.
    pub(crate) object: Reference,
    /// The object as JSON, without what the cluster writes into it; absent when it did not exist.
    pub(crate) before: Option<String>,
}

/// The objects as they are now.
pub(crate) async fn save(
    cluster: &Cluster,
    objects: &Objects,
    context: &ExecutionContext,
) -> Result<Vec<Kept>, ApiError> {
    let api = Api::connect(cluster, context).await?;
    let references = match objects {
        Objects::Manifests { file } => {
            let manifests = manifests::read(file, &cluster.namespace, context)?;
            manifests.into_iter().map(|manifest| manifest.reference).collect()
        }
        Objects::Workload { workload } => vec![reference(workload, &cluster.namespace)],
    };
    let mut kept = Vec::with_capacity(references.len());
    for object in references {
        let resource = api.resource(&object).await?;
        let before = api.get(&resource, &object).await?;
        kept.push(Kept { before: before.map(|found| essence(found).to_string()), object });
    }
    Ok(kept)
}

/// Makes every object what it was, the last one first, and waits for workloads. Says whether anything had to be done.
pub(crate) async fn put_back(
    cluster: &Cluster,
    kept: &[Kept],
    context: &ExecutionContext,
) -> Result<bool, ApiError> {
    let api = Api::connect(cluster, context).await?;
    let mut done = false;
    for Kept { object, before } in kept.iter().rev() {
        let before = before.as_deref().and_then(|text| serde_json::from_str(text).ok());
        done |= put_back_one(&api, object, before.as_ref(), context).await?;
    }
    Ok(done)
}

async fn put_back_one(
    api: &Api,
    object: &Reference,
    before: Option<&Value>,
    context: &ExecutionContext,
) -> Result<bool, ApiError> {
    let resource = api.resource(object).await?;
    for attempt in 0..ATTEMPTS_MAX {
        if attempt > 0 {
            sleep(ATTEMPT_PAUSE).await;
        }
        let now = api.get(&resource, object).await?;
        let (before, exists) = match (before, &now) {
            (None, None) => return Ok(attempt > 0),
            (None, Some(_)) => {
                api.delete(&resource, object).await?;
                continue;
            }
            (Some(before), now) => (before, now.is_some()),
        };
        if now.clone().map(essence).as_ref() == Some(before) {
            if let Some(kind) = object.workload().filter(|_| attempt > 0) {
                super::rollout::wait(api, kind, object, &mut Excerpt::new(context.masker().clone())).await?;
            }
            return Ok(attempt > 0);
        }
        let version = now.as_ref().and_then(|now| now.pointer("/metadata/resourceVersion"));
        let wanted = at_version(before.clone(), version);
        let written = api.put(&resource, object, &wanted, exists).await?;
        if written.is_some_and(|written| essence(written) != *before) {
            return Err(ApiError::NotAsBefore { object: object.to_string() });
        }
    }
    Err(ApiError::Restless { object: object.to_string() })
}

/// The object with the version that it must still be at.
fn at_version(mut object: Value, version: Option<&Value>) -> Value {
    if let (Some(metadata), Some(version)) = (metadata_of(&mut object), version) {
        metadata.insert("resourceVersion".to_owned(), version.clone());
    }
    object
}

/// The object without what the cluster writes into it.
fn essence(mut object: Value) -> Value {
    if let Some(metadata) = metadata_of(&mut object) {
        metadata.retain(|name, _| !OWN_METADATA.contains(&name.as_str()));
        if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
            annotations.remove(OWN_ANNOTATION);
            if annotations.is_empty() {
                metadata.remove("annotations");
            }
        }
    }
    if let Value::Object(fields) = &mut object {
        fields.remove("status");
    }
    object
}

fn metadata_of(object: &mut Value) -> Option<&mut Map<String, Value>> {
    object.get_mut("metadata").and_then(Value::as_object_mut)
}
