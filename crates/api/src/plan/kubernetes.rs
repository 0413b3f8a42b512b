//! The `kubernetes` step as users write it.

use domain::plan;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::convert::exactly_one;
use crate::field::{FieldError, parse};

/// The namespace of objects when nothing is said.
const NAMESPACE_DEFAULT: &str = "default";

/// A change of objects of a cluster: exactly one of `apply`, `scale`, `restart` and `wait`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Kubernetes {
    /// A file of manifests, applied on the server's side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apply: Option<String>,
    /// Whether `apply` takes fields over that another manager owns.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
    /// A workload to scale, such as `deployment/shop`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<String>,
    /// How many replicas `scale` wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u32>,
    /// A workload whose pods are replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<String>,
    /// A workload whose rollout is waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<String>,
    /// The namespace; `default` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The context of the kubeconfig; the current one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// A kubeconfig file; as for `kubectl` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubeconfig: Option<String>,
}

/// A route of the Gateway API, whose backends are the targets.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Gateway {
    /// The HTTPRoute.
    pub route: String,
    /// The position of the rule whose backends get weights, from 0; 0 when absent.
    #[serde(default)]
    pub rule: u16,
    /// The namespace; `default` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The context of the kubeconfig; the current one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// A kubeconfig file; as for `kubectl` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubeconfig: Option<String>,
}

fn cluster(
    namespace: Option<&String>,
    context: Option<&String>,
    kubeconfig: Option<&String>,
) -> plan::Cluster {
    let namespace = namespace.map_or(NAMESPACE_DEFAULT, String::as_str).to_owned();
    plan::Cluster { kubeconfig: kubeconfig.cloned(), context: context.cloned(), namespace }
}

/// `deployment/shop`.
fn workload(field: &str, text: &str) -> Result<plan::Workload, FieldError> {
    let parts = text.split_once('/');
    let (kind, name) = parts.ok_or_else(|| {
        FieldError::new(field, "expected `deployment/NAME`, `statefulset/NAME` or `daemonset/NAME`")
    })?;
    Ok(plan::Workload { kind: parse(field, kind)?, name: name.to_owned() })
}

impl Kubernetes {
    pub(super) fn to_domain(&self) -> Result<plan::Kubernetes, FieldError> {
        use plan::KubernetesAction as Action;
        let action = exactly_one(
            "apply, scale, restart and wait",
            vec![
                self.apply.clone().map(|file| Ok(Action::Apply { file, force: self.force })),
                self.scale.as_deref().map(|text| {
                    let missing = || FieldError::new("replicas", "expected how many replicas are wanted");
                    let replicas = self.replicas.ok_or_else(missing)?;
                    Ok(Action::Scale { workload: workload("scale", text)?, replicas })
                }),
                self.restart
                    .as_deref()
                    .map(|text| Ok(Action::Restart { workload: workload("restart", text)? })),
                self.wait.as_deref().map(|text| Ok(Action::Wait { workload: workload("wait", text)? })),
            ],
        );
        let action = action.map_err(|error| error.under("kubernetes"))?;
        if self.force && self.apply.is_none() {
            return Err(FieldError::new("kubernetes.force", "expected with `apply` only"));
        }
        if self.replicas.is_some() && self.scale.is_none() {
            return Err(FieldError::new("kubernetes.replicas", "expected with `scale` only"));
        }
        let cluster = cluster(self.namespace.as_ref(), self.context.as_ref(), self.kubeconfig.as_ref());
        Ok(plan::Kubernetes { cluster, action })
    }

    pub(super) fn from_domain(step: &plan::Kubernetes) -> Self {
        use plan::KubernetesAction as Action;
        let plan::Cluster { kubeconfig, context, namespace } = step.cluster.clone();
        let mut written = Self { namespace: Some(namespace), context, kubeconfig, ..Self::default() };
        match &step.action {
            Action::Apply { file, force } => (written.apply, written.force) = (Some(file.clone()), *force),
            Action::Scale { workload, replicas } => {
                (written.scale, written.replicas) = (Some(workload.to_string()), Some(*replicas));
            }
            Action::Restart { workload } => written.restart = Some(workload.to_string()),
            Action::Wait { workload } => written.wait = Some(workload.to_string()),
        }
        written
    }
}

impl Gateway {
    pub(super) fn to_domain(&self) -> plan::Router {
        let cluster = cluster(self.namespace.as_ref(), self.context.as_ref(), self.kubeconfig.as_ref());
        plan::Router::GatewayRoute { cluster, route: self.route.clone(), rule: self.rule }
    }

    pub(super) fn from_domain(cluster: &plan::Cluster, route: &str, rule: u16) -> Self {
        let plan::Cluster { kubeconfig, context, namespace } = cluster.clone();
        Self { route: route.to_owned(), rule, namespace: Some(namespace), context, kubeconfig }
    }
}
