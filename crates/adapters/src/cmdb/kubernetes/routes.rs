//! Where traffic goes: Services to workloads, ingresses and routes to Services, and what they need for it.

use domain::cmdb::RelationType;

use super::super::node::Node;
use super::edges::{Edges, Found, Target};
use super::names::{Position, hosts_in, hosts_in_value};
use super::object::Object;
use super::pods::named;
use super::selector::Selector;
use super::world::World;

const INGRESS_GROUPS: [&str; 2] = ["networking.k8s.io", "extensions"];
const TRAEFIK_GROUPS: [&str; 2] = ["traefik.io", "traefik.containo.us"];
const GATEWAY_GROUP: &str = "gateway.networking.k8s.io";
/// Middlewares of an Ingress, as `namespace-name@kubernetescrd`.
const TRAEFIK_MIDDLEWARES: &str = "traefik.ingress.kubernetes.io/router.middlewares";

pub(super) fn relate(world: &World, object: &Object, edges: &mut Edges) {
    let mut routes = Routes { world, object, edges };
    match (object.group.as_str(), object.kind.as_str()) {
        ("", "Service") => routes.service(),
        (group, "Ingress") if INGRESS_GROUPS.contains(&group) => routes.ingress(),
        (group, "IngressRoute" | "IngressRouteTCP" | "IngressRouteUDP")
            if TRAEFIK_GROUPS.contains(&group) =>
        {
            routes.ingress_route();
        }
        (group, "Middleware") if TRAEFIK_GROUPS.contains(&group) => routes.middleware(),
        (GATEWAY_GROUP, "Gateway") => routes.gateway(),
        (GATEWAY_GROUP, _) => routes.gateway_route(),
        _ => {}
    }
}

struct Routes<'a> {
    world: &'a World,
    object: &'a Object,
    edges: &'a mut Edges,
}

impl<'a> Routes<'a> {
    fn service(&mut self) {
        let object = self.object;
        if let Some(name) = object.spec(&["externalName"]) {
            for host in hosts_in_value("HOST", name.text().unwrap_or_default()) {
                if let Some(service) = self.world.service(&host, &object.namespace) {
                    let found = Found::hard(object, name.line);
                    self.edges.state_to(found, RelationType::ConnectsTo, service, "externalName");
                }
            }
            return;
        }
        let Some(node) = object.spec(&["selector"]) else {
            // Without a selector, the addresses are in an object of the same name.
            if let Some(endpoints) = self.world.find("Endpoints", &object.namespace, &object.name) {
                let found = Found::hard(object, object.place.line);
                self.edges.state_to(
                    found,
                    RelationType::DependsOn,
                    endpoints.id.clone(),
                    "Endpoints of the same name",
                );
            }
            return;
        };
        let Some(selector) = Selector::plain(node) else { return };
        let selected = self.world.selected(&object.namespace, &selector);
        if selected.is_empty() {
            self.edges.selectors_without_match += 1;
        }
        for workload in selected {
            let found = Found::hard(object, node.line);
            self.edges.state_to(found, RelationType::DependsOn, workload.id.clone(), "selector");
        }
    }

    fn ingress(&mut self) {
        let object = self.object;
        if let Some(backend) = object.spec(&["defaultBackend"]).or_else(|| object.spec(&["backend"])) {
            self.ingress_backend(backend, "default backend");
        }
        for rule in object.spec_list(&["rules"]) {
            let host = rule.text_at(&["host"]).unwrap_or("*");
            for path in rule.list_at(&["http", "paths"]) {
                let because = format!("backend of {host}{}", path.text_at(&["path"]).unwrap_or("/"));
                if let Some(backend) = path.get("backend") {
                    self.ingress_backend(backend, &because);
                }
            }
        }
        for tls in object.spec_list(&["tls"]) {
            self.refers(tls, "secretName", RelationType::Uses, "Secret", "tls");
        }
        let middlewares = object.node.at(&["metadata", "annotations", TRAEFIK_MIDDLEWARES]);
        let Some((list, line)) = middlewares.and_then(|list| Some((list.text()?, list.line))) else { return };
        let wanted: Vec<&str> =
            list.split(',').filter_map(|name| name.trim().strip_suffix("@kubernetescrd")).collect();
        for middleware in self.world.latest().filter(|other| other.kind == "Middleware") {
            if wanted.contains(&format!("{}-{}", middleware.namespace, middleware.name).as_str()) {
                let found = Found::hard(object, line);
                self.edges.state_to(
                    found,
                    RelationType::Uses,
                    middleware.id.clone(),
                    "annotation for middlewares",
                );
            }
        }
    }

    fn ingress_backend(&mut self, backend: &'a Node, because: &str) {
        // The first form is that of today, the second one that of `v1beta1`.
        let service = backend.get("service").map_or((backend, "serviceName"), |service| (service, "name"));
        self.refers(service.0, service.1, RelationType::ConnectsTo, "Service", because);
    }

    fn ingress_route(&mut self) {
        for route in self.object.spec_list(&["routes"]) {
            for service in route.list_at(&["services"]) {
                let kind = service.text_at(&["kind"]).unwrap_or("Service");
                // Names with `@` are of Traefik itself.
                if service.text_at(&["name"]).is_some_and(|name| !name.contains('@')) {
                    self.refers(service, "name", RelationType::ConnectsTo, kind, "services of a route");
                }
            }
            for middleware in route.list_at(&["middlewares"]) {
                self.refers(middleware, "name", RelationType::Uses, "Middleware", "middlewares of a route");
            }
        }
        if let Some(tls) = self.object.spec(&["tls"]) {
            self.refers(tls, "secretName", RelationType::Uses, "Secret", "tls");
        }
    }

    fn middleware(&mut self) {
        let object = self.object;
        for middleware in object.spec_list(&["chain", "middlewares"]) {
            self.refers(middleware, "name", RelationType::Uses, "Middleware", "chain");
        }
        for auth in ["basicAuth", "digestAuth"] {
            if let Some(auth) = object.spec(&[auth]) {
                self.refers(auth, "secret", RelationType::Uses, "Secret", "authentication");
            }
        }
        if let Some(service) = object.spec(&["errors", "service"]) {
            self.refers(service, "name", RelationType::ConnectsTo, "Service", "errors");
        }
        let Some(address) = object.spec(&["forwardAuth", "address"]) else { return };
        for host in hosts_in(address.text().unwrap_or_default()) {
            let service = self.world.service(&host, &object.namespace);
            if let (Some(service), Position::Authority) = (service, host.position) {
                let found = Found::hard(object, address.line);
                self.edges.state_to(found, RelationType::ConnectsTo, service, "forwardAuth");
            }
        }
    }

    fn gateway(&mut self) {
        for listener in self.object.spec_list(&["listeners"]) {
            for certificate in listener.list_at(&["tls", "certificateRefs"]) {
                let kind = certificate.text_at(&["kind"]).unwrap_or("Secret");
                self.refers(certificate, "name", RelationType::Uses, kind, "certificateRefs of a listener");
            }
        }
    }

    fn gateway_route(&mut self) {
        for parent in self.object.spec_list(&["parentRefs"]) {
            let kind = parent.text_at(&["kind"]).unwrap_or("Gateway");
            self.refers(parent, "name", RelationType::DependsOn, kind, "parentRefs");
        }
        for rule in self.object.spec_list(&["rules"]) {
            for backend in rule.list_at(&["backendRefs"]) {
                let kind = backend.text_at(&["kind"]).unwrap_or("Service");
                self.refers(backend, "name", RelationType::ConnectsTo, kind, "backendRefs of a rule");
            }
        }
    }

    /// States a relation to what a reference names, in the reference's namespace or else in the object's own.
    fn refers(
        &mut self,
        reference: &'a Node,
        key: &str,
        relation_type: RelationType,
        kind: &str,
        because: &str,
    ) {
        let Some((name, line)) = named(reference, key) else { return };
        let namespace = reference.text_at(&["namespace"]).unwrap_or(&self.object.namespace);
        self.edges.states(
            Found::hard(self.object, line),
            relation_type,
            Target { kind, namespace, name },
            because,
        );
    }
}
