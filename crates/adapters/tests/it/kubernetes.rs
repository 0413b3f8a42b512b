//! `kubernetes` steps against a server that keeps objects as the API does, and against a real cluster where
//! `CORTEX_TEST_KUBECONFIG` names one.

use std::time::Duration;

use adapters::execute::{Execution, ExecutionContext};
use adapters::snapshot::{Restored, Snapshot, SnapshotId, SnapshotStore};
use domain::plan::{
    Cluster, Kubernetes, KubernetesAction, Router, StepKind, Traffic, Workload, WorkloadKind,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::execute_workbench::{AMPLE, SUCCEEDED, TIMED_OUT, Workbench, perform, reason};
use crate::kubernetes_server::KubernetesServer;

const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/cortex-test/deployments/shop";
const CONFIG: &str = "/api/v1/namespaces/cortex-test/configmaps/shop";
const ROUTE: &str = "/apis/gateway.networking.k8s.io/v1/namespaces/cortex-test/httproutes/shop";

fn manifests(image: &str, replicas: u32) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: shop}}\ndata: {{greeting: hello}}\n---\napiVersion: apps/v1\nkind: \
         Deployment\nmetadata: {{name: shop}}\nspec:\n  replicas: {replicas}\n  selector: {{matchLabels: {{app: shop}}}}\n  \
         template:\n    metadata: {{labels: {{app: shop}}}}\n    spec: {{containers: [{{name: shop, image: '{image}'}}]}}\n"
    )
}

fn shop() -> Workload {
    Workload { kind: WorkloadKind::Deployment, name: "shop".to_owned() }
}

/// A folder, a context and a cluster to work on.
struct Site {
    bench: Workbench,
    context: ExecutionContext,
    kubeconfig: String,
    run: std::cell::Cell<u64>,
}

impl Site {
    fn at(server: &KubernetesServer) -> Self {
        let bench = Workbench::new();
        let kubeconfig = server.kubeconfig(&bench);
        Self { context: bench.context(), bench, kubeconfig, run: 1.into() }
    }

    fn cluster(&self) -> Cluster {
        Cluster {
            kubeconfig: Some(self.kubeconfig.clone()),
            context: None,
            namespace: "cortex-test".to_owned(),
        }
    }

    fn step(&self, action: KubernetesAction) -> StepKind {
        StepKind::Kubernetes(Kubernetes { cluster: self.cluster(), action })
    }

    /// Applies what the file says by then.
    fn apply(&self, image: &str, replicas: u32, force: bool) -> StepKind {
        self.bench.write("shop.yaml", &manifests(image, replicas));
        self.step(KubernetesAction::Apply { file: "shop.yaml".to_owned(), force })
    }

    async fn done(&self, step: &StepKind) -> Execution {
        let execution = perform(step, AMPLE, &self.context).await;
        assert_eq!(execution.result, SUCCEEDED, "{execution:?}");
        execution
    }

    async fn saved(&self, step: &StepKind) -> Snapshot {
        let id = SnapshotId {
            change: "CHG-2026-000123".parse().unwrap(),
            run: self.run.replace(self.run.get() + 1),
        };
        let captures = [step.touches().unwrap()];
        self.store().take(id, &captures, &self.context, &CancellationToken::new()).await.unwrap()
    }

    async fn restored(&self, snapshot: &Snapshot) -> Restored {
        let report = self.store().restore(snapshot, &self.context, &CancellationToken::new()).await;
        report.items.into_iter().next().unwrap().result
    }

    fn store(&self) -> SnapshotStore {
        SnapshotStore::open(self.bench.path("snapshots")).unwrap()
    }
}

/// Whatever the cluster: what was applied, scaled and restarted is put back, also twice, and what was not there is gone.
async fn exercise(site: &Site) {
    let apply = site.apply("registry.k8s.io/pause:3.10", 2, false);
    let nothing = site.saved(&apply).await;
    let log = site.done(&apply).await.log;
    assert!(log.contains("applied Deployment `shop`") && log.ends_with("is rolled out\n"), "{log}");
    site.done(&apply).await;
    let scale = |replicas| site.step(KubernetesAction::Scale { workload: shop(), replicas });
    let two = site.saved(&scale(3)).await;
    site.done(&scale(3)).await;
    site.done(&site.step(KubernetesAction::Restart { workload: shop() })).await;
    site.done(&site.step(KubernetesAction::Wait { workload: shop() })).await;
    assert_eq!(site.restored(&two).await, Restored::PutBack);
    assert_eq!(site.restored(&two).await, Restored::Unchanged);
    assert_eq!(site.restored(&nothing).await, Restored::PutBack);
    assert_eq!(site.restored(&nothing).await, Restored::Unchanged);
}

#[tokio::test]
async fn what_steps_do_to_a_cluster_is_put_back() {
    let server = KubernetesServer::start();
    exercise(&Site::at(&server)).await;
    assert_eq!((server.object(DEPLOYMENT), server.object(CONFIG)), (None, None));
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the machine that tests says whether it has a cluster")]
async fn a_real_cluster_does_the_same() {
    let Ok(kubeconfig) = std::env::var("CORTEX_TEST_KUBECONFIG") else {
        eprintln!(
            "skipped: CORTEX_TEST_KUBECONFIG names no kubeconfig of a cluster with a namespace `cortex-test`"
        );
        return;
    };
    let bench = Workbench::new();
    exercise(&Site { context: bench.context(), bench, kubeconfig, run: 1.into() }).await;
}

#[tokio::test]
async fn fields_of_others_are_left_alone_unless_the_plan_says_so() {
    let server = KubernetesServer::start();
    let site = Site::at(&server);
    let theirs = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "shop", "labels": {"team": "cart"}},
        "data": {"greeting": "good day"} });
    server.given(CONFIG, "helm", theirs.clone());
    let execution = perform(&site.apply("shop:1", 1, false), AMPLE, &site.context).await;
    assert!(reason(&execution).contains(r#"conflict with "helm": .data.greeting"#), "{execution:?}");
    assert!(reason(&execution).contains("say `force: true`"), "{execution:?}");
    assert_eq!(server.object(CONFIG).unwrap()["data"], theirs["data"]);

    let force = site.apply("shop:1", 1, true);
    let before = site.saved(&force).await;
    site.done(&force).await;
    let taken = server.object(CONFIG).unwrap();
    assert_eq!(
        (&taken["data"]["greeting"], &taken["metadata"]["labels"]["team"]),
        (&json!("hello"), &json!("cart"))
    );
    assert_eq!(
        taken["metadata"]["managedFields"],
        json!([{"manager": "cortex-change", "operation": "Apply"}, {"manager": "helm", "operation": "Apply"}])
    );
    assert_eq!(site.restored(&before).await, Restored::PutBack);
    assert_eq!(server.object(CONFIG).unwrap()["data"], theirs["data"]);
    assert_eq!(server.object(DEPLOYMENT), None);
}

#[tokio::test]
async fn a_rollout_is_followed_to_its_end_or_to_the_reason_why_it_has_none() {
    let server = KubernetesServer::start();
    let site = Site::at(&server);
    let log = site.done(&site.apply("shop:1", 3, false)).await.log;
    for line in ["0 of 3 new, 3 old", "1 of 3 new, 2 old", "2 of 3 new, 1 old", "is rolled out"] {
        assert!(log.contains(line), "{line}: {log}");
    }
    let execution = perform(&site.apply("shop:broken", 3, false), AMPLE, &site.context).await;
    assert!(reason(&execution).ends_with("the rollout has failed: no such image"), "{execution:?}");
    let stuck = site.apply("shop:stuck", 3, false);
    let execution = perform(&stuck, Duration::from_secs(2), &site.context).await;
    assert_eq!(execution.result, TIMED_OUT, "{execution:?}");
    assert!(execution.log.contains("0 of 3 new"), "{}", execution.log);
    let missing =
        site.step(KubernetesAction::Wait { workload: Workload { name: "gone".to_owned(), ..shop() } });
    let execution = perform(&missing, AMPLE, &site.context).await;
    assert!(
        reason(&execution).contains("Deployment `gone` in `cortex-test` does not exist"),
        "{execution:?}"
    );
}

#[tokio::test]
async fn a_file_or_a_cluster_that_cannot_be_used_is_told() {
    let server = KubernetesServer::start();
    let site = Site::at(&server);
    let apply = || site.step(KubernetesAction::Apply { file: "shop.yaml".to_owned(), force: false });
    for (text, expected) in [
        ("", "has no object"),
        ("kind: [", "is not YAML"),
        ("kind: ConfigMap", "has an object without `apiVersion`"),
        ("apiVersion: v1\nkind: Gadget\nmetadata: {name: x}", "does not know the kind of Gadget `x`"),
    ] {
        site.bench.write("shop.yaml", text);
        let execution = perform(&apply(), AMPLE, &site.context).await;
        assert!(reason(&execution).contains(expected), "{execution:?}");
    }
    site.bench.write("kubeconfig", "{}");
    let execution = perform(&apply(), AMPLE, &site.context).await;
    assert!(reason(&execution).contains("kubeconfig"), "{execution:?}");
}

#[tokio::test]
async fn weights_of_a_gateway_route_are_set_and_nothing_else_of_it() {
    let server = KubernetesServer::start();
    let site = Site::at(&server);
    let backend = |name: &str, weight: Value| json!({"name": name, "port": 80, "weight": weight});
    let rules = |stable: u32, canary: u32| {
        json!([
            {"matches": [{"path": {"value": "/"}}], "backendRefs": [backend("stable", stable.into()), backend("canary", canary.into())]},
            {"backendRefs": [backend("canary", 7.into())]},
        ])
    };
    let route = json!({ "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "shop"},
        "spec": {"hostnames": ["shop.example"], "rules": rules(100, 0)} });
    server.given(ROUTE, "helm", route);
    let shift = |target: &str, weight| {
        let router = Router::GatewayRoute { cluster: site.cluster(), route: "shop".to_owned(), rule: 0 };
        let weights = [("stable".to_owned(), 100 - weight), (target.to_owned(), weight)].into();
        StepKind::Traffic(Traffic { router, weights })
    };
    let step = shift("canary", 10);
    let before = site.saved(&step).await;
    let log = site.done(&step).await.log;
    assert_eq!(log, "before: canary 0, stable 100\nnow: canary 10, stable 90\n");
    let spec = server.object(ROUTE).unwrap()["spec"].clone();
    assert_eq!(spec, json!({"hostnames": ["shop.example"], "rules": rules(90, 10)}));
    for expected in [Restored::PutBack, Restored::Unchanged] {
        assert_eq!(site.restored(&before).await, expected);
        assert_eq!(server.object(ROUTE).unwrap()["spec"]["rules"], rules(100, 0));
    }
    let execution = perform(&shift("beta", 10), AMPLE, &site.context).await;
    assert!(
        reason(&execution).contains("HTTPRoute shop` does not tell the weight of `beta`"),
        "{execution:?}"
    );
}
