//! `kubernetes`: changes objects through the API of a cluster and waits until its workloads have followed.

mod api;
mod manifests;
mod objects;
mod rollout;

use std::time::Duration;

use domain::plan::{Kubernetes, KubernetesAction, Workload, WorkloadKind};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{Attempt, Excerpt, ExecutionContext, bounded, other_failure};
pub(crate) use api::{Api, ApiError, Reference};
pub use objects::Kept;
pub(crate) use objects::{put_back, save};

/// Who owns the fields that steps set.
const FIELD_MANAGER: &str = "cortex-change";
/// Marks the pods of a restart: another value has the workload replace its pods.
const RESTARTED_ANNOTATION: &str = "cortex-change/restarted-at-version";

pub(super) async fn execute(
    step: &Kubernetes,
    time_limit: Duration,
    context: &ExecutionContext,
    cancel: &CancellationToken,
) -> Attempt {
    let mut log = Excerpt::new(context.masker().clone());
    let done = bounded(time_limit, cancel, carry_out(step, context, &mut log)).await;
    match done {
        Ok(Ok(())) => Attempt::succeeded(log.finish()),
        Ok(Err(error)) => Attempt::failed(other_failure(&context.mask(&error.to_string())), log.finish()),
        Err(failure) => Attempt::failed(failure, log.finish()),
    }
}

async fn carry_out(step: &Kubernetes, context: &ExecutionContext, log: &mut Excerpt) -> Result<(), ApiError> {
    let api = Api::connect(&step.cluster, context).await?;
    match &step.action {
        KubernetesAction::Apply { file, force } => {
            let manifests = manifests::read(file, &step.cluster.namespace, context)?;
            let mut workloads = Vec::new();
            for manifest in manifests {
                let resource = api.resource(&manifest.reference).await?;
                api.apply(&resource, &manifest.reference, &manifest.object, *force).await?;
                log.push_line(&format!("applied {}", manifest.reference));
                workloads.extend(manifest.reference.workload().map(|kind| (kind, manifest.reference)));
            }
            for (kind, reference) in workloads {
                rollout::wait(&api, kind, &reference, log).await?;
            }
            Ok(())
        }
        KubernetesAction::Scale { workload, replicas } => {
            let reference = reference(workload, &step.cluster.namespace);
            let resource = api.resource(&reference).await?;
            let patch = json!({ "spec": { "replicas": replicas } });
            api.merge(&resource, &reference, Some("scale"), &patch).await?;
            log.push_line(&format!("{reference} is to have {replicas} replicas"));
            rollout::wait(&api, workload.kind, &reference, log).await
        }
        KubernetesAction::Restart { workload } => {
            let reference = reference(workload, &step.cluster.namespace);
            let resource = api.resource(&reference).await?;
            let now = api
                .get(&resource, &reference)
                .await?
                .ok_or_else(|| ApiError::Missing { object: reference.to_string() })?;
            let version =
                now.pointer("/metadata/resourceVersion").and_then(Value::as_str).unwrap_or_default();
            let annotations = json!({ RESTARTED_ANNOTATION: version });
            let patch = json!({ "spec": { "template": { "metadata": { "annotations": annotations } } } });
            api.merge(&resource, &reference, None, &patch).await?;
            log.push_line(&format!("{reference} restarts"));
            rollout::wait(&api, workload.kind, &reference, log).await
        }
        KubernetesAction::Wait { workload } => {
            let reference = reference(workload, &step.cluster.namespace);
            rollout::wait(&api, workload.kind, &reference, log).await
        }
    }
}

/// Where a workload of a step is.
fn reference(workload: &Workload, namespace: &str) -> Reference {
    let kind = match workload.kind {
        WorkloadKind::Deployment => "Deployment",
        WorkloadKind::StatefulSet => "StatefulSet",
        WorkloadKind::DaemonSet => "DaemonSet",
    };
    Reference {
        api_version: "apps/v1".to_owned(),
        kind: kind.to_owned(),
        namespace: namespace.to_owned(),
        name: workload.name.clone(),
    }
}
