//! The API of a cluster: objects by reference, as JSON, with the few verbs that steps need.

use std::fmt;
use std::time::Duration;

use domain::plan::{Cluster, WorkloadKind};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind, Request};
use kube::discovery::{Scope, pinned_kind};
use kube::{Client, Error};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::FIELD_MANAGER;
use crate::cmdb::{ClusterAccess, ClusterError, cluster_config};
use crate::execute::ExecutionContext;
use crate::text::clipped;

/// Longest wait for one answer.
const ANSWER_WAIT: Duration = Duration::from_secs(30);
/// How much of a message of the API is repeated, in characters.
const MESSAGE_CHARS_MAX: usize = 600;
const NOT_FOUND: u16 = 404;
const CONFLICT: u16 = 409;

/// What goes wrong between a step and a cluster.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("{source}: {}", cause(source))]
    Access {
        #[from]
        source: ClusterError,
    },
    #[error("the file `{file}` {problem}")]
    Manifests { file: String, problem: String },
    #[error("{object} does not exist")]
    Missing { object: String },
    #[error("the cluster does not know the kind of {object}: {told}")]
    Kind { object: String, told: String },
    #[error(
        "{object} is not changed, because others own some of its fields: {told}; let them go there, or say `force: true`"
    )]
    Conflict { object: String, told: String },
    #[error("{object}: the API answers: {told}")]
    Refused { object: String, told: String },
    #[error("{object}: the rollout has failed: {why}")]
    RolloutFailed { object: String, why: String },
    #[error("{object} is not as before after it was put back: something else changes it")]
    NotAsBefore { object: String },
    #[error("{object} changes all the time and could not be put back: try again")]
    Restless { object: String },
}

/// The innermost cause of a failed access.
fn cause(error: &ClusterError) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    clipped(&cause.to_string(), MESSAGE_CHARS_MAX)
}

/// One object of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reference {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Reference {
    /// Which kind of workload it is, if it is one.
    pub(super) fn workload(&self) -> Option<WorkloadKind> {
        match (self.api_version.as_str(), self.kind.as_str()) {
            ("apps/v1", "Deployment") => Some(WorkloadKind::Deployment),
            ("apps/v1", "StatefulSet") => Some(WorkloadKind::StatefulSet),
            ("apps/v1", "DaemonSet") => Some(WorkloadKind::DaemonSet),
            _ => None,
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}` in `{}`", self.kind, self.name, self.namespace)
    }
}

/// A kind that the cluster serves.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    kind: ApiResource,
    scope: Scope,
}

/// A connection to a cluster.
#[derive(Clone)]
pub(crate) struct Api {
    client: Client,
}

impl Api {
    pub(crate) async fn connect(cluster: &Cluster, context: &ExecutionContext) -> Result<Self, ApiError> {
        let kubeconfig = cluster.kubeconfig.as_ref().map(|path| context.path(path));
        let access = ClusterAccess { kubeconfig, context: cluster.context.clone() };
        let config = cluster_config(&access).await?;
        let client = Client::try_from(config).map_err(|error| ClusterError::Client(Box::new(error)))?;
        Ok(Self { client })
    }

    /// What the cluster knows of an object's kind.
    pub(crate) async fn resource(&self, object: &Reference) -> Result<Resource, ApiError> {
        let (group, version) = object.api_version.split_once('/').unwrap_or(("", &object.api_version));
        let kind = GroupVersionKind::gvk(group, version, &object.kind);
        let unknown = |told| ApiError::Kind { object: object.to_string(), told };
        let found = tokio::time::timeout(ANSWER_WAIT, pinned_kind(&self.client, &kind)).await;
        let found =
            found.map_err(|_elapsed| unknown(format!("no answer within {} s", ANSWER_WAIT.as_secs())))?;
        let (kind, capabilities) = found.map_err(|error| unknown(told(&error)))?;
        Ok(Resource { kind, scope: capabilities.scope })
    }

    /// The object as it is now, if it exists.
    pub(crate) async fn get(
        &self,
        resource: &Resource,
        object: &Reference,
    ) -> Result<Option<Value>, ApiError> {
        let request = resource.path(object).get(&object.name, &Default::default());
        match self.ask(object, request).await {
            Ok(value) => Ok(Some(value)),
            Err(Answered::Status(NOT_FOUND, _)) => Ok(None),
            Err(answered) => Err(answered.refused(object)),
        }
    }

    /// Applies what is wanted on the server's side. An object that carries a resource version must still be at it.
    pub(crate) async fn apply(
        &self,
        resource: &Resource,
        object: &Reference,
        wanted: &Value,
        force: bool,
    ) -> Result<Value, ApiError> {
        let params = PatchParams { force, ..PatchParams::apply(FIELD_MANAGER) };
        let request = resource.path(object).patch(&object.name, &params, &Patch::Apply(wanted));
        match self.ask(object, request).await {
            Ok(value) => Ok(value),
            Err(Answered::Status(CONFLICT, told)) => {
                Err(ApiError::Conflict { object: object.to_string(), told })
            }
            Err(answered) => Err(answered.refused(object)),
        }
    }

    /// Merges a patch into the object or one of its subresources.
    pub(crate) async fn merge(
        &self,
        resource: &Resource,
        object: &Reference,
        subresource: Option<&str>,
        patch: &Value,
    ) -> Result<Value, ApiError> {
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let (path, patch) = (resource.path(object), Patch::Merge(patch));
        let request = match subresource {
            Some(subresource) => path.patch_subresource(subresource, &object.name, &params, &patch),
            None => path.patch(&object.name, &params, &patch),
        };
        self.ask(object, request).await.map_err(|answered| answered.refused(object))
    }

    /// Makes the object what is given. `None` when somebody else has changed it since that was read.
    pub(crate) async fn put(
        &self,
        resource: &Resource,
        object: &Reference,
        wanted: &Value,
        exists: bool,
    ) -> Result<Option<Value>, ApiError> {
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let body = wanted.to_string().into_bytes();
        let path = resource.path(object);
        let request =
            if exists { path.replace(&object.name, &params, body) } else { path.create(&params, body) };
        match self.ask(object, request).await {
            Ok(value) => Ok(Some(value)),
            Err(Answered::Status(CONFLICT, _)) => Ok(None),
            Err(answered) => Err(answered.refused(object)),
        }
    }

    /// Removes the object and what belongs to it.
    pub(crate) async fn delete(&self, resource: &Resource, object: &Reference) -> Result<(), ApiError> {
        let request = resource.path(object).delete(&object.name, &DeleteParams::background());
        match self.ask(object, request).await {
            Ok(_) | Err(Answered::Status(NOT_FOUND, _)) => Ok(()),
            Err(answered) => Err(answered.refused(object)),
        }
    }

    async fn ask(
        &self,
        object: &Reference,
        request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<Value, Answered> {
        let request = request.map_err(|error| Answered::Other(error.to_string()))?;
        let answered = tokio::time::timeout(ANSWER_WAIT, self.client.request::<Value>(request)).await;
        match answered {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(Error::Api(status))) => Err(Answered::Status(status.code, told(&Error::Api(status)))),
            Ok(Err(error)) => Err(Answered::Other(told(&error))),
            Err(_elapsed) => {
                let seconds = ANSWER_WAIT.as_secs();
                Err(Answered::Other(format!("nothing within {seconds} s about {object}")))
            }
        }
    }
}

impl Resource {
    /// Where objects of this kind are found.
    fn path(&self, object: &Reference) -> Request {
        let namespace = match self.scope {
            Scope::Namespaced => Some(object.namespace.as_str()),
            Scope::Cluster => None,
        };
        let root = if self.kind.group.is_empty() { "/api" } else { "/apis" };
        let ApiResource { api_version, plural, .. } = &self.kind;
        Request::new(match namespace {
            Some(namespace) => format!("{root}/{api_version}/namespaces/{namespace}/{plural}"),
            None => format!("{root}/{api_version}/{plural}"),
        })
    }
}

/// An answer other than the object.
#[derive(Debug)]
enum Answered {
    Status(u16, String),
    Other(String),
}

impl Answered {
    fn refused(self, object: &Reference) -> ApiError {
        let (Self::Status(_, told) | Self::Other(told)) = self;
        ApiError::Refused { object: object.to_string(), told }
    }
}

/// What the API says, in short.
fn told(error: &Error) -> String {
    let told = match error {
        Error::Api(status) => format!("{} {}", status.code, status.message),
        other => {
            let mut cause: &dyn std::error::Error = other;
            while let Some(source) = cause.source() {
                cause = source;
            }
            cause.to_string()
        }
    };
    clipped(&told, MESSAGE_CHARS_MAX)
}
