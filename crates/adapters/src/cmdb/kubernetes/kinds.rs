//! What kind of item an object is.

use domain::cmdb::CiType;

/// The type of item that objects of this kind are. Kinds that are not listed are `other`; their attribute `kind` tells.
pub(super) fn ci_type(group: &str, kind: &str) -> CiType {
    match (group, kind) {
        ("apps" | "extensions", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet")
        | ("", "Pod" | "ReplicationController")
        | ("argoproj.io", "Rollout") => CiType::Workload,
        ("batch", "Job" | "CronJob") => CiType::Job,
        ("serving.knative.dev", "Service") => CiType::Function,
        ("", "Service" | "Endpoints")
        | ("networking.k8s.io" | "extensions", "Ingress")
        | (
            "traefik.io" | "traefik.containo.us",
            "IngressRoute" | "IngressRouteTCP" | "IngressRouteUDP" | "TraefikService",
        )
        | ("gateway.networking.k8s.io", "Gateway" | "HTTPRoute" | "GRPCRoute" | "TCPRoute" | "TLSRoute") => {
            CiType::Endpoint
        }
        ("", "ConfigMap") => CiType::Configuration,
        ("", "Secret") | ("bitnami.com", "SealedSecret") | ("external-secrets.io", "ExternalSecret") => {
            CiType::Secret
        }
        ("", "PersistentVolumeClaim" | "PersistentVolume") | ("storage.k8s.io", "StorageClass") => {
            CiType::Storage
        }
        ("", "ServiceAccount")
        | ("rbac.authorization.k8s.io", "Role" | "RoleBinding" | "ClusterRole" | "ClusterRoleBinding") => {
            CiType::Identity
        }
        ("", "Namespace") => CiType::Namespace,
        ("", "Node") => CiType::Host,
        ("networking.k8s.io", "NetworkPolicy") | ("cilium.io", "CiliumNetworkPolicy") => CiType::Network,
        // An Argo CD application is how things get deployed; nobody consumes it, so it is no service.
        _ => CiType::Other,
    }
}

/// Whether objects of this kind have no namespace. Of kinds that are not known here, the object itself tells.
pub(super) fn is_cluster_wide(group: &str, kind: &str) -> bool {
    matches!(
        (group, kind),
        ("", "Namespace" | "Node" | "PersistentVolume")
            | ("rbac.authorization.k8s.io", "ClusterRole" | "ClusterRoleBinding")
            | ("storage.k8s.io", "StorageClass" | "CSIDriver" | "VolumeAttachment")
            | ("apiextensions.k8s.io", "CustomResourceDefinition")
            | ("scheduling.k8s.io", "PriorityClass")
            | ("networking.k8s.io", "IngressClass")
            | ("gateway.networking.k8s.io", "GatewayClass")
            | ("cert-manager.io", "ClusterIssuer")
            | ("admissionregistration.k8s.io", _)
            | ("apiregistration.k8s.io", _)
    )
}
