//! What holds for every kind of step that changes something: it can be repeated, as after a lost runner, and undone, also
//! twice; and kinds that know what they touch are put back by themselves.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use adapters::execute::ExecutionContext;
use adapters::snapshot::{Restored, SnapshotId, SnapshotStore};
use domain::plan::{
    Command, Flag, KubernetesAction, Probe, ReadBack, Router, Script, Sql, StepKind, Traffic,
};
use tokio_util::sync::CancellationToken;

use crate::execute_contract::{check, deployment, flag, furnished, http, sql, traffic};
use crate::execute_workbench::{AMPLE, SUCCEEDED, Workbench, get, perform, shell};
use crate::kubernetes_server::{SharedCluster, manifest};
use crate::outgoing_listener::{Listener, Reply};
use crate::traffic::Shop;

/// A step, its undo, and whether the step has taken effect.
struct Case<'a> {
    name: &'static str,
    step: StepKind,
    undo: StepKind,
    is_done: Seen<'a>,
}

/// How it is seen that a step has taken effect.
enum Seen<'a> {
    /// By a step that succeeds then.
    By(Box<StepKind>),
    /// By looking at what it works on.
    At(Box<dyn Fn() -> bool + 'a>),
}

impl Case<'_> {
    async fn is_done(&self, context: &ExecutionContext) -> bool {
        match &self.is_done {
            Seen::By(step) => perform(step, Duration::from_secs(1), context).await.result == SUCCEEDED,
            Seen::At(look) => look(),
        }
    }

    /// Done twice, undone twice, done and undone again. What is repeated is told so, as by a runner that takes over.
    async fn play(&self, context: &ExecutionContext) {
        let name = self.name;
        for (action, times, done) in
            [(&self.step, 2, true), (&self.undo, 2, false), (&self.step, 1, true), (&self.undo, 1, false)]
        {
            for time in 0..times {
                let context = if time == 0 { context.clone() } else { context.repeated() };
                let execution = perform(action, AMPLE, &context).await;
                assert_eq!(execution.result, SUCCEEDED, "{name} {time}: {execution:?}");
                assert_eq!(self.is_done(&context).await, done, "{name} {time}");
            }
        }
    }
}

/// A store of names over HTTP: PUT adds, DELETE removes, both as often as one likes.
fn name_store() -> Listener {
    let names = Mutex::new(BTreeSet::new());
    Listener::start(move |request| {
        let mut words = request.split(' ').map(str::to_owned);
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let mut names = names.lock().unwrap();
        let status = match method.as_str() {
            "PUT" => {
                if names.insert(path) {
                    201
                } else {
                    200
                }
            }
            "DELETE" => {
                if names.remove(&path) {
                    200
                } else {
                    204
                }
            }
            _ if names.contains(&path) => 200,
            _ => 404,
        };
        Reply::Answer(status, Vec::new(), Vec::new())
    })
}

/// A service that keeps the flag that was put last.
fn flag_service() -> Listener {
    let kept = Mutex::new("false".to_owned());
    Listener::start(move |request| {
        let mut kept = kept.lock().unwrap();
        if request.starts_with("PUT") {
            kept.clone_from(&request.rsplit("\r\n\r\n").next().unwrap().to_owned());
        }
        Reply::Answer(200, Vec::new(), format!(r#"{{"enabled": {kept}}}"#).into_bytes())
    })
}

fn flag_of_a_service(service: &Listener, enabled: &str) -> StepKind {
    let mut set = get(&service.url("/flags/checkout"));
    (set.method, set.body) = ("PUT".to_owned(), Some(enabled.to_owned()));
    let read = ReadBack { request: get(&service.url("/flags/checkout")), pointer: "/enabled".to_owned() };
    StepKind::Flag(Flag::Service { set: Box::new(set), read: Box::new(read), expected: enabled.to_owned() })
}

fn asked_of_database(line: &str) -> StepKind {
    let command = Command { pass_environment: vec!["DATABASE_URL".to_owned()], ..shell(line) };
    let probe = Probe::Command { command, timeout_millis: 10_000 };
    StepKind::Check(domain::plan::Check { probe, interval_millis: 100, successes: 1 })
}

/// Sets the share of `canary`.
fn shift(router: &Router, canary: u32) -> StepKind {
    let weights = [("stable".to_owned(), 100 - canary), ("canary".to_owned(), canary)].into();
    StepKind::Traffic(Traffic { router: router.clone(), weights })
}

#[tokio::test]
async fn every_kind_can_be_repeated_and_undone_also_twice() {
    let (_bench, context) = furnished("contract_repeat");
    let (names, flags) = (name_store(), flag_service());
    let url = names.url("/flag");
    let tried = |statements: &str, undo: &str| {
        let [script, undo] = [statements, undo].map(|it| Script::Inline { statements: it.to_owned() });
        StepKind::Sql(Sql { script, database: "DATABASE_URL".to_owned(), tried_undo: Some(undo) })
    };
    let table = |name: &str| {
        asked_of_database(&format!("psql --no-psqlrc \"$DATABASE_URL\" --command 'table {name}'"))
    };
    let by = |name, step, undo, seen| Case { name, step, undo, is_done: Seen::By(Box::new(seen)) };
    let file = StepKind::Run(shell("touch flag"));
    for case in [
        by("run", file, StepKind::Run(shell("rm -f flag")), check("test -e flag", 1)),
        by("http", http("PUT", &url), http("DELETE", &url), http("GET", &url)),
        by("traffic of programs", traffic(100), traffic(0), check("grep -qx new=100 weights", 1)),
        by(
            "flag in a file",
            flag("on"),
            flag("off"),
            check(r#"grep -q '"defaultVariant": "on"' flags.json"#, 1),
        ),
        Case {
            name: "flag of a service",
            step: flag_of_a_service(&flags, "true"),
            undo: flag_of_a_service(&flags, "false"),
            is_done: Seen::At(Box::new(|| {
                flags.requests().iter().rfind(|it| it.starts_with("PUT")).unwrap().ends_with("true")
            })),
        },
        by("sql", sql("create table if not exists made ()"), sql("drop table if exists made"), table("made")),
        by(
            "sql whose undo is tried",
            tried("create table if not exists tried ()", "drop table if exists tried"),
            sql("drop table if exists tried"),
            table("tried"),
        ),
    ] {
        case.play(&context).await;
    }
    // The other kinds change nothing, so they can be repeated and are their own undo.
    for step in [StepKind::Wait { duration_millis: 1 }, check("true", 2)] {
        for _ in 0..3 {
            assert_eq!(perform(&step, AMPLE, &context).await.result, SUCCEEDED);
        }
    }
}

#[tokio::test]
async fn what_is_done_to_a_cluster_can_be_repeated_and_undone_also_twice() {
    let (bench, cluster) = (Workbench::new(), SharedCluster::start());
    let shop = || deployment("shop");
    let apply = |image: &str| {
        let file = format!("{}.json", image.replace(':', "-"));
        bench.write(&file, &manifest("shop", image).to_string());
        cluster.step(KubernetesAction::Apply { file, force: true })
    };
    let scale = |replicas| cluster.step(KubernetesAction::Scale { workload: shop(), replicas });
    let route = Router::GatewayRoute { cluster: cluster.cluster(), route: "shop".to_owned(), rule: 0 };
    let spec_has = |text: &'static str| -> Box<dyn Fn() -> bool + '_> {
        let cluster = &cluster;
        Box::new(move || cluster.spec("shop").contains(text))
    };
    let cases = [
        Case {
            name: "kubernetes apply",
            step: apply("shop:2"),
            undo: apply("shop:1"),
            is_done: Seen::At(spec_has("shop:2")),
        },
        Case {
            name: "kubernetes scale",
            step: scale(2),
            undo: scale(1),
            is_done: Seen::At(spec_has("\"replicas\":2")),
        },
        Case {
            name: "traffic of an HTTPRoute",
            step: shift(&route, 10),
            undo: shift(&route, 0),
            is_done: Seen::At(Box::new(|| cluster.rules().contains("\"weight\":90"))),
        },
    ];
    let context = bench.context();
    for case in cases {
        case.play(&context).await;
    }
    // A restart leads to no other state, and so is its own undo: each time every pod is replaced.
    for _ in 0..3 {
        let before = cluster.spec("shop");
        let restart = cluster.step(KubernetesAction::Restart { workload: shop() });
        assert_eq!(perform(&restart, AMPLE, &context.repeated()).await.result, SUCCEEDED);
        assert_ne!(cluster.spec("shop"), before);
    }
}

#[tokio::test]
async fn weights_of_a_real_proxy_can_be_repeated_and_undone_also_twice() {
    let (bench, shop) = (Workbench::new(), Shop::open());
    let share = |canary| shop.step(&shop.proxy.socket(), &[("stable", 100 - canary), ("canary", canary)]);
    let case = Case {
        name: "traffic of HAProxy",
        step: share(50),
        undo: share(0),
        is_done: Seen::At(Box::new(|| shop.canary_percent() > 40)),
    };
    case.play(&bench.context()).await;
}

/// Kinds that know what they touch: what was before is put back without an undo of their own, also twice, and also where
/// the step was repeated in between.
#[tokio::test]
async fn every_kind_that_knows_what_it_touches_is_put_back_by_itself() {
    let (bench, context) = furnished("contract_restore");
    let store = SnapshotStore::open(bench.path("snapshots")).unwrap();
    let never = CancellationToken::new();
    let cluster = SharedCluster::start();
    let scale = cluster.step(KubernetesAction::Scale { workload: deployment("shop"), replicas: 2 });
    let weights = || bench.read("weights").unwrap();
    let flags = || bench.read("flags.json").unwrap();
    let replicas = || cluster.spec("shop");
    let kinds: [(_, _, &dyn Fn() -> String); 3] =
        [("traffic", traffic(100), &weights), ("flag", flag("on"), &flags), ("kubernetes", scale, &replicas)];
    for (run, (name, step, touched)) in (1..).zip(kinds) {
        let id = SnapshotId { change: "CHG-2026-000123".parse().unwrap(), run };
        let before = touched();
        let snapshot = store.take(id, &[step.touches().unwrap()], &context, &never).await.unwrap();
        for times in [0, 1, 2] {
            for _ in 0..times {
                assert_eq!(perform(&step, AMPLE, &context).await.result, SUCCEEDED, "{name}");
                assert_ne!(touched(), before, "{name}");
            }
            let first = if times == 0 { Restored::Unchanged } else { Restored::PutBack };
            for expected in [first, Restored::Unchanged] {
                let report = store.restore(&snapshot, &context, &never).await;
                assert_eq!(report.items[0].result, expected, "{name} {times}");
                assert_eq!(touched(), before, "{name} {times}");
            }
        }
    }
}
