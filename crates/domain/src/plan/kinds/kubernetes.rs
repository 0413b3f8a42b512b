//! `kubernetes`: changes objects of a cluster and waits until its workloads have followed.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::change::kind::words;
use crate::plan::definition::Capture;
use crate::plan::validate::{Field, PlanError};

/// Most replicas that a workload is scaled to.
pub const REPLICAS_MAX: u32 = 10_000;
/// Longest name of a context, in bytes.
const CONTEXT_BYTES_MAX: usize = 253;

/// Changes objects of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kubernetes {
    /// Which cluster.
    pub cluster: Cluster,
    /// What is done.
    pub action: KubernetesAction,
}

/// A cluster, as the runner's kubeconfig names it, and a namespace in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// A kubeconfig file, relative to the runner's working folder or absolute; as for `kubectl` when absent.
    pub kubeconfig: Option<String>,
    /// The context of the kubeconfig; the current one when absent.
    pub context: Option<String>,
    /// The namespace of objects that name none.
    pub namespace: String,
}

/// What is done in a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum KubernetesAction {
    /// Applies the objects of a file on the server's side, as the manager `cortex-change`, and waits for its workloads.
    Apply {
        /// Manifests in YAML or JSON, relative to the runner's working folder.
        file: String,
        /// Whether fields that another manager owns are taken over.
        force: bool,
    },
    /// Sets the number of replicas and waits for them.
    Scale {
        /// What is scaled.
        workload: Workload,
        /// How many replicas.
        replicas: u32,
    },
    /// Replaces every pod, a few at a time as the workload says, and waits for them.
    Restart {
        /// What is restarted.
        workload: Workload,
    },
    /// Waits until a rollout has ended and every replica is available.
    Wait {
        /// What is waited for.
        workload: Workload,
    },
}

words!(
    /// A kind of object that keeps pods running.
    WorkloadKind, "workload", {
        /// A Deployment.
        Deployment = "deployment",
        /// A StatefulSet.
        StatefulSet = "statefulset",
        /// A DaemonSet.
        DaemonSet = "daemonset",
    }
);

/// An object that keeps pods running, in the namespace of the step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// Its kind.
    pub kind: WorkloadKind,
    /// Its name.
    pub name: String,
}

/// Objects of a cluster that are saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "objects", rename_all = "snake_case", deny_unknown_fields)]
pub enum Objects {
    /// Those that a file of manifests names.
    Manifests {
        /// The file.
        file: String,
    },
    /// One workload.
    Workload {
        /// Which.
        workload: Workload,
    },
}

impl Kubernetes {
    pub(super) fn touches(&self) -> Option<Capture> {
        let objects = match &self.action {
            KubernetesAction::Apply { file, .. } => Objects::Manifests { file: file.clone() },
            KubernetesAction::Scale { workload, .. } | KubernetesAction::Restart { workload } => {
                Objects::Workload { workload: workload.clone() }
            }
            KubernetesAction::Wait { .. } => return None,
        };
        Some(Capture::Objects { cluster: self.cluster.clone(), objects })
    }

    /// Whether it can change anything outside.
    pub fn has_effect(&self) -> bool {
        match self.action {
            KubernetesAction::Apply { .. }
            | KubernetesAction::Scale { .. }
            | KubernetesAction::Restart { .. } => true,
            KubernetesAction::Wait { .. } => false,
        }
    }

    /// Whether doing it twice is by its nature the same as doing it once: a second restart replaces the pods again.
    pub fn is_idempotent(&self) -> bool {
        !matches!(self.action, KubernetesAction::Restart { .. })
    }

    pub(in crate::plan) fn validate(&self, field: &Field<'_>) -> Result<(), PlanError> {
        self.cluster.validate(field)?;
        match &self.action {
            KubernetesAction::Apply { file, .. } => field.at("file").relative_path(file),
            KubernetesAction::Scale { workload, replicas } => {
                workload.validate(field)?;
                if workload.kind == WorkloadKind::DaemonSet {
                    let expected = "a deployment or a statefulset: a daemonset has a pod on every node";
                    return Err(field.at("workload").refuse("a daemonset", expected));
                }
                let replicas_max = u64::from(REPLICAS_MAX);
                field.at("replicas").within(u64::from(*replicas), 0..=replicas_max, "replicas")
            }
            KubernetesAction::Restart { workload } | KubernetesAction::Wait { workload } => {
                workload.validate(field)
            }
        }
    }
}

impl Cluster {
    pub(in crate::plan) fn validate(&self, field: &Field<'_>) -> Result<(), PlanError> {
        self.kubeconfig.iter().try_for_each(|path| field.at("kubeconfig").path(path))?;
        self.context.iter().try_for_each(|name| field.at("context").text(name, CONTEXT_BYTES_MAX))?;
        field.at("namespace").object_name(&self.namespace)
    }
}

impl Workload {
    fn validate(&self, field: &Field<'_>) -> Result<(), PlanError> {
        field.at("workload").object_name(&self.name)
    }
}

impl Objects {
    pub(in crate::plan) fn validate(&self, field: &Field<'_>) -> Result<(), PlanError> {
        match self {
            Self::Manifests { file } => field.at("file").relative_path(file),
            Self::Workload { workload } => workload.validate(field),
        }
    }
}

impl Field<'_> {
    /// A name that an object of Kubernetes can have, so that it is one part of a path.
    pub(in crate::plan) fn object_name(&self, name: &str) -> Result<(), PlanError> {
        let is_fit = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
        let is_edge_fit = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let edges = is_edge_fit(name.bytes().next()) && is_edge_fit(name.bytes().next_back());
        if edges && name.len() <= CONTEXT_BYTES_MAX && name.bytes().all(is_fit) {
            return Ok(());
        }
        Err(self.refuse(
            crate::plan::validate::quoted(name),
            "a name of lower-case letters, digits, `-` and `.`, such as `shop-web`",
        ))
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

impl fmt::Display for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "namespace {}", self.namespace)?;
        self.context.iter().try_for_each(|context| write!(f, " of {context}"))
    }
}

impl fmt::Display for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manifests { file } => write!(f, "the objects of {file}"),
            Self::Workload { workload } => workload.fmt(f),
        }
    }
}

impl fmt::Display for Kubernetes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.action {
            KubernetesAction::Apply { file, force } => {
                write!(f, "applies {file}{}", if *force { ", by force" } else { "" })?;
            }
            KubernetesAction::Scale { workload, replicas } => write!(f, "scales {workload} to {replicas}")?,
            KubernetesAction::Restart { workload } => write!(f, "restarts {workload}")?,
            KubernetesAction::Wait { workload } => write!(f, "waits for {workload}")?,
        }
        write!(f, " in {}", self.cluster)
    }
}
