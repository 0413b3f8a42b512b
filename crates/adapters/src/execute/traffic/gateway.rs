//! A route of the Gateway API: the weights of the backends of one of its rules.

use std::collections::BTreeSet;

use domain::plan::Cluster;
use serde_json::{Value, json};

use super::{RouterError, Weights};
use crate::execute::ExecutionContext;
use crate::execute::kubernetes::{Api, ApiError, Reference};

const API_VERSION: &str = "gateway.networking.k8s.io/v1";
/// The weight of a backend that has none.
const WEIGHT_DEFAULT: u64 = 1;

/// One rule of one route.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) route: &'a str,
    /// Its position, from 0.
    pub(super) rule: u16,
}

impl Rule<'_> {
    pub(super) async fn read(
        self,
        targets: &BTreeSet<String>,
        context: &ExecutionContext,
    ) -> Result<Weights, RouterError> {
        let api = Api::connect(self.cluster, context).await?;
        let route = self.route(&api).await?;
        let backends = self.backends(&route);
        let weight_of = |target: &String| {
            let backend =
                backends.iter().flat_map(|list| list.iter()).find(|backend| name_of(backend) == Some(target));
            let weight =
                backend.and_then(|backend| backend.get("weight").map_or(Some(WEIGHT_DEFAULT), Value::as_u64));
            let weight = weight.and_then(|weight| u32::try_from(weight).ok());
            weight.map(|weight| (target.clone(), weight)).ok_or_else(|| RouterError::NoWeight {
                router: format!("HTTPRoute {}", self.route),
                target: target.clone(),
                answer: format!("rule {} has other backends", self.rule),
            })
        };
        targets.iter().map(weight_of).collect()
    }

    /// Applies the rules as they are, with other weights, at the version at which they were read: the list of rules is
    /// one field, so it cannot be applied in part.
    pub(super) async fn set(self, wanted: &Weights, context: &ExecutionContext) -> Result<(), RouterError> {
        let api = Api::connect(self.cluster, context).await?;
        let route = self.route(&api).await?;
        let mut rules = route.pointer("/spec/rules").cloned().unwrap_or_default();
        let backends =
            rules.pointer_mut(&format!("/{}/backendRefs", self.rule)).and_then(Value::as_array_mut);
        for backend in backends.into_iter().flatten() {
            let weight = name_of(backend).and_then(|name| wanted.get(name)).copied();
            if let (Some(weight), Some(backend)) = (weight, backend.as_object_mut()) {
                backend.insert("weight".to_owned(), weight.into());
            }
        }
        let object = self.reference();
        let version = route.pointer("/metadata/resourceVersion").cloned().unwrap_or_default();
        let metadata =
            json!({ "name": object.name, "namespace": object.namespace, "resourceVersion": version });
        let applied = json!({
            "apiVersion": API_VERSION,
            "kind": object.kind,
            "metadata": metadata,
            "spec": { "rules": rules },
        });
        let resource = api.resource(&object).await?;
        api.apply(&resource, &object, &applied, true).await?;
        Ok(())
    }

    async fn route(self, api: &Api) -> Result<Value, ApiError> {
        let object = self.reference();
        let resource = api.resource(&object).await?;
        let missing = || ApiError::Missing { object: object.to_string() };
        api.get(&resource, &object).await?.ok_or_else(missing)
    }

    fn backends(self, route: &Value) -> Option<&Vec<Value>> {
        route.pointer(&format!("/spec/rules/{}/backendRefs", self.rule))?.as_array()
    }

    fn reference(self) -> Reference {
        Reference {
            api_version: API_VERSION.to_owned(),
            kind: "HTTPRoute".to_owned(),
            namespace: self.cluster.namespace.clone(),
            name: self.route.to_owned(),
        }
    }
}

fn name_of(backend: &Value) -> Option<&str> {
    backend.get("name").and_then(Value::as_str)
}
