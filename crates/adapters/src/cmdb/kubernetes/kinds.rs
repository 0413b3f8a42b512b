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

/// How much of the objects of a kind a cluster is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Asked {
    /// The whole objects.
    Documents,
    /// Their metadata.
    Metadata,
    /// Nothing: the cluster keeps them for itself.
    Nothing,
}

/// How much of the objects of a kind a cluster is asked for. Documents are those that the mapping reads further than the
/// metadata; a Secret is never among them.
pub(in super::super) fn asked(group: &str, kind: &str) -> Asked {
    match (group, kind) {
        (
            "",
            "Pod"
            | "ReplicationController"
            | "Service"
            | "ConfigMap"
            | "PersistentVolumeClaim"
            | "PersistentVolume"
            | "ServiceAccount",
        )
        | ("apps", "Deployment" | "StatefulSet" | "DaemonSet")
        | ("batch", "Job" | "CronJob")
        | ("argoproj.io", "Rollout" | "Application")
        | ("serving.knative.dev", "Service")
        | ("networking.k8s.io", "Ingress" | "NetworkPolicy")
        | ("policy", "PodDisruptionBudget")
        | ("autoscaling", "HorizontalPodAutoscaler")
        | ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding")
        | ("external-secrets.io", "ExternalSecret")
        | ("cert-manager.io", "Certificate")
        | ("gateway.networking.k8s.io" | "traefik.io" | "traefik.containo.us", _) => Asked::Documents,
        ("", "Event" | "ComponentStatus" | "PodTemplate")
        | ("apps", "ControllerRevision")
        | ("storage.k8s.io", "CSINode" | "CSIStorageCapacity" | "VolumeAttachment")
        | (
            "events.k8s.io"
            | "coordination.k8s.io"
            | "discovery.k8s.io"
            | "metrics.k8s.io"
            | "certificates.k8s.io"
            | "flowcontrol.apiserver.k8s.io"
            | "apiregistration.k8s.io",
            _,
        ) => Asked::Nothing,
        _ => Asked::Metadata,
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
