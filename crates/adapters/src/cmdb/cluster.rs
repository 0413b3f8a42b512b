//! A live Kubernetes cluster, through its API, with the same mapping as manifests.
//!
//! Every kind that the cluster serves is listed page by page, except for what the cluster keeps for itself. Whole
//! objects are asked for only where the mapping reads more than their metadata; of all other kinds, secrets among them,
//! the API is asked for metadata alone, so that no value of a secret ever leaves it.

// `kube` needs one version of the API to be chosen by a feature of this crate, whose types are not used here.
use k8s_openapi as _;

use std::path::PathBuf;
use std::time::Duration;

use kube::api::ListParams;
use kube::config::{InferConfigError, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::core::Request;
use kube::discovery::{ApiResource, group, verbs};
use kube::{Client, Config, Error};

use domain::cmdb::SourceName;

use super::kubernetes::{self, Asked, NotAnObject, Object, asked};
use super::node::{self, Node, Value};
use super::{Imported, Problem};
use crate::text::clipped;

/// Objects on one page. The API keeps objects of at most 1.5 MB, which bounds a page.
const PAGE_OBJECTS: u32 = 100;
/// Most objects of a cluster that are listed.
pub const OBJECTS_MAX: usize = 500_000;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// How much of a message of the API is repeated, in characters.
const MESSAGE_CHARS_MAX: usize = 200;
/// The group of the first kinds, which has no name.
const CORE_GROUP: &str = "";

/// How to reach a cluster. Where nothing is said, it is as for `kubectl`: `KUBECONFIG`, then `~/.kube/config`, then the
/// account of the pod that this runs in.
#[derive(Debug, Clone, Default)]
pub struct ClusterAccess {
    /// A kubeconfig file.
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig, where it is not the current one.
    pub context: Option<String>,
}

/// Why a cluster cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The kubeconfig is missing, unreadable or lacks the context.
    #[error("cannot use the kubeconfig; check its path and context with `kubectl config get-contexts`")]
    Kubeconfig(#[source] Box<KubeconfigError>),
    /// Neither a kubeconfig nor a pod's account.
    #[error("there is no access to a cluster; name a kubeconfig, or run in a pod with a service account")]
    NoAccess(#[source] Box<InferConfigError>),
    /// The client cannot be made from the configuration.
    #[error("cannot use the access to the cluster; check certificates and user in the kubeconfig")]
    Client(#[source] Box<Error>),
    /// The API does not answer what kinds it has.
    #[error(
        "cannot ask {cluster} for its kinds; check that it can be reached and that the account is accepted"
    )]
    Unreachable {
        /// Which cluster.
        cluster: String,
        /// What came of it.
        source: Box<Error>,
    },
}

/// Lists a cluster's objects and describes them.
pub(super) async fn read(
    source: &SourceName,
    access: &ClusterAccess,
    imported: &mut Imported,
) -> Result<(), ClusterError> {
    let config = config(access).await?;
    let cluster = format!("cluster {}", config.cluster_url.host().unwrap_or_default());
    let client = Client::try_from(config).map_err(|error| ClusterError::Client(Box::new(error)))?;
    let mut lister = Lister { client, cluster, objects: Vec::new(), imported };
    lister.all().await?;
    let Lister { objects, .. } = lister;
    kubernetes::describe(source, objects, imported);
    Ok(())
}

/// The configuration of a client of the cluster.
pub(crate) async fn config(access: &ClusterAccess) -> Result<Config, ClusterError> {
    let unusable = |error| ClusterError::Kubeconfig(Box::new(error));
    let options = KubeConfigOptions { context: access.context.clone(), ..KubeConfigOptions::default() };
    let mut config = match &access.kubeconfig {
        Some(path) => {
            let kubeconfig = Kubeconfig::read_from(path).map_err(unusable)?;
            Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(unusable)?
        }
        None if access.context.is_some() => Config::from_kubeconfig(&options).await.map_err(unusable)?,
        None => Config::infer().await.map_err(|error| ClusterError::NoAccess(Box::new(error)))?,
    };
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = Some(ANSWER_TIMEOUT);
    config.reset_reader_on_write = true;
    Ok(config)
}

struct Lister<'a> {
    client: Client,
    cluster: String,
    objects: Vec<Object>,
    imported: &'a mut Imported,
}

impl Lister<'_> {
    /// Lists every kind. A group or kind that cannot be listed is a problem; the others still come in.
    async fn all(&mut self) -> Result<(), ClusterError> {
        let groups = self.client.list_api_groups().await.map_err(|source| ClusterError::Unreachable {
            cluster: self.cluster.clone(),
            source: Box::new(source),
        })?;
        let named = groups.groups.into_iter().map(|group| group.name);
        for name in std::iter::once(CORE_GROUP.to_owned()).chain(named) {
            let group = match group(&self.client, &name).await {
                Ok(group) => group,
                Err(error) => {
                    self.problem(
                        format!("the group `{name}` cannot be looked up: {}", told(&error)),
                        "see whether its API service is available",
                    );
                    continue;
                }
            };
            for (resource, capabilities) in group.recommended_resources() {
                if capabilities.supports_operation(verbs::LIST) {
                    self.kind(&resource).await;
                }
            }
        }
        Ok(())
    }

    async fn kind(&mut self, resource: &ApiResource) {
        let asked = asked(&resource.group, &resource.kind);
        if asked == Asked::Nothing {
            return;
        }
        let mut params = ListParams::default().limit(PAGE_OBJECTS);
        loop {
            let page = match self.page(resource, asked, &params).await {
                Ok(page) => page,
                Err(what) => {
                    let what = format!("{} cannot be listed to the end: {what}", resource.plural);
                    return self.problem(what, "allow the account to list them, or import again");
                }
            };
            let next = page.text_at(&["metadata", "continue"]).unwrap_or_default().to_owned();
            let items = match page.value {
                Value::Map(entries) => {
                    entries.into_iter().find(|(key, _)| key.text == "items").map(|(_, items)| items)
                }
                Value::Null | Value::Text { .. } | Value::List(_) => None,
            };
            if let Some(Node { value: Value::List(items), .. }) = items {
                items.into_iter().for_each(|item| self.object(item, resource));
            }
            if self.objects.len() >= OBJECTS_MAX {
                return self.problem(
                    format!("more than {OBJECTS_MAX} objects"),
                    "import manifests folder by folder instead",
                );
            }
            if next.is_empty() {
                return;
            }
            params = ListParams::default().limit(PAGE_OBJECTS).continue_token(&next);
        }
    }

    async fn page(&self, resource: &ApiResource, asked: Asked, params: &ListParams) -> Result<Node, String> {
        let request = Request::new(path(resource));
        let request = match asked {
            Asked::Documents => request.list(params),
            Asked::Metadata | Asked::Nothing => request.list_metadata(params),
        };
        let request = request.map_err(|error| error.to_string())?;
        let text = self.client.request_text(request).await.map_err(|error| told(&error))?;
        node::json_without_lines(&text).map_err(|error| error.what)
    }

    fn object(&mut self, node: Node, resource: &ApiResource) {
        let listed_as = (resource.api_version.as_str(), resource.kind.as_str());
        match Object::new(node, &self.cluster, Some(listed_as)) {
            Ok(object) => self.objects.push(object),
            Err(NotAnObject::Foreign) => self.imported.skipped.no_item += 1,
            Err(NotAnObject::Incomplete { what, next_step, .. }) => self.problem(what, next_step),
        }
    }

    fn problem(&mut self, what: String, next_step: &str) {
        let (file, next_step) = (self.cluster.clone(), next_step.to_owned());
        self.imported.report(Problem { file, line: None, what, next_step });
    }
}

/// Where the objects of all namespaces are listed.
fn path(resource: &ApiResource) -> String {
    let root = if resource.group.is_empty() { "/api" } else { "/apis" };
    format!("{root}/{}/{}", resource.api_version, resource.plural)
}

/// What the API says, in short.
fn told(error: &Error) -> String {
    let told = match error {
        Error::Api(status) => format!("it answers {} {}", status.code, status.message),
        other => other.to_string(),
    };
    clipped(&told, MESSAGE_CHARS_MAX)
}
