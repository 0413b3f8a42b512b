//! What holds for every kind of step: it can be cancelled, ends in time, can be repeated and undone, also twice.

use std::net::TcpListener;
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use adapters::execute::{ExecutionContext, Performed, execute};
use domain::plan::{
    Check, Cluster, Flag, KubernetesAction, Probe, ReadBack, Router, Script, Sql, StepKind, Traffic,
    Workload, WorkloadKind,
};
use testkit::PrivatePostgres;
use tokio_util::sync::CancellationToken;

use crate::execute_workbench::{
    AMPLE, CANCELLED, PATIENCE, SUCCEEDED, TIMED_OUT, Workbench, eventually, get, perform, reason, shell,
};
use crate::kubernetes_server::{SHARED, kubeconfig, manifest};
use crate::outgoing_listener::{Listener, Reply};

/// Long enough that a step which waits for it has not been stopped.
const LONG: Duration = Duration::from_secs(300);
/// Takes connections and never says anything.
static MUTE: LazyLock<TcpListener> = LazyLock::new(|| TcpListener::bind("127.0.0.1:0").unwrap());
/// Time limit of the steps that must reach it.
const SHORT: Duration = Duration::from_millis(300);

pub(crate) fn check(line: &str, successes: u32) -> StepKind {
    let probe = Probe::Command { command: shell(line), timeout_millis: 10_000 };
    StepKind::Check(Check { probe, interval_millis: 20, successes })
}

pub(crate) fn http(method: &str, url: &str) -> StepKind {
    let mut request = get(url);
    request.method = method.to_owned();
    StepKind::Http(request)
}

/// Sets the weight of `new`, in a file that stands for a router.
pub(crate) fn traffic(weight: u32) -> StepKind {
    let router = Router::Programs {
        set: shell("echo $TRAFFIC_WEIGHTS > weights"),
        read: shell("cat weights"),
        timeout_millis: 60_000,
    };
    StepKind::Traffic(Traffic { router, weights: [("new".to_owned(), weight)].into() })
}

pub(crate) fn flag(variant: &str) -> StepKind {
    let (path, flag) = ("flags.json".to_owned(), "checkout".to_owned());
    StepKind::Flag(Flag::File { path, flag, enabled: None, variant: Some(variant.to_owned()) })
}

pub(crate) fn sql(statements: &str) -> StepKind {
    let script = Script::Inline { statements: statements.to_owned() };
    StepKind::Sql(Sql { script, database: "DATABASE_URL".to_owned(), tried_undo: None })
}

/// A folder with what the steps here work on, and the address of a database.
pub(crate) fn furnished(database: &str) -> (Workbench, ExecutionContext) {
    let bench = Workbench::new();
    bench.write("weights", "new=0\n");
    let flags = r#"{"flags": {"checkout": {"variants": {"on": 1, "off": 0}, "defaultVariant": "off"}}}"#;
    bench.write("flags.json", flags);
    let address = PrivatePostgres::shared().unwrap().database(database).unwrap();
    let context = bench.context_with(&[("DATABASE_URL", &address)]);
    (bench, context)
}

pub(crate) fn deployment(name: &str) -> Workload {
    Workload { kind: WorkloadKind::Deployment, name: name.to_owned() }
}

/// A step of every kind that would take very long. `manual` takes no time of ours: see its own test.
fn endless_steps(bench: &Workbench, listener: &Listener) -> Vec<(&'static str, StepKind)> {
    let stuck = "stuck.json";
    bench.write(stuck, &manifest("stuck", "shop:stuck").to_string());
    vec![
        ("run", StepKind::Run(shell("sleep 300"))),
        ("http", http("GET", &listener.url("/"))),
        ("wait", StepKind::Wait { duration_millis: 300_000 }),
        ("check that fails", check("false", 1)),
        ("check that hangs", check("sleep 300", 1)),
        (
            "traffic of programs",
            slow_router(Router::Programs {
                set: shell("true"),
                read: shell("sleep 300"),
                timeout_millis: 600_000,
            }),
        ),
        (
            "traffic of HAProxy",
            slow_router(Router::Haproxy {
                address: MUTE.local_addr().unwrap().to_string(),
                backend: "shop".to_owned(),
            }),
        ),
        (
            "flag of a service",
            StepKind::Flag(Flag::Service {
                set: Box::new(get(&listener.url("/"))),
                read: Box::new(ReadBack { request: get(&listener.url("/")), pointer: String::new() }),
                expected: String::new(),
            }),
        ),
        ("sql", sql("select pg_sleep(300)")),
        ("kubernetes wait", SHARED.step(KubernetesAction::Wait { workload: deployment("stuck") })),
        ("kubernetes apply", SHARED.step(KubernetesAction::Apply { file: stuck.to_owned(), force: true })),
        (
            "kubernetes scale",
            SHARED.step(KubernetesAction::Scale { workload: deployment("stuck"), replicas: 3 }),
        ),
        ("kubernetes restart", SHARED.step(KubernetesAction::Restart { workload: deployment("stuck") })),
        (
            "traffic of an HTTPRoute",
            slow_router(Router::GatewayRoute {
                cluster: mute_cluster(bench),
                route: "shop".to_owned(),
                rule: 0,
            }),
        ),
    ]
}

/// A cluster that takes connections and never says anything.
fn mute_cluster(bench: &Workbench) -> Cluster {
    bench.write("mute.json", &kubeconfig(&format!("http://{}", MUTE.local_addr().unwrap())));
    let kubeconfig = Some("mute.json".to_owned());
    Cluster { kubeconfig, context: None, namespace: "cortex-test".to_owned() }
}

fn slow_router(router: Router) -> StepKind {
    StepKind::Traffic(Traffic { router, weights: [("new".to_owned(), 1)].into() })
}

#[tokio::test]
async fn every_kind_ends_when_its_time_is_over() {
    let (bench, context) = furnished("contract_time");
    let listener = Listener::start(|_| Reply::Silence);
    for (name, step) in endless_steps(&bench, &listener) {
        let execution = perform(&step, SHORT, &context).await;
        assert_eq!(execution.result, TIMED_OUT, "{name}: {execution:?}");
        assert!(execution.duration >= SHORT && execution.duration < PATIENCE, "{name}: {execution:?}");
    }
}

#[tokio::test]
async fn every_kind_can_be_cancelled_while_it_runs() {
    let (bench, context) = furnished("contract_cancel");
    let listener = Listener::start(|_| Reply::Silence);
    for (name, step) in endless_steps(&bench, &listener) {
        let cancel = CancellationToken::new();
        let (execution, ()) = tokio::join!(execute(&step, LONG, &context, &cancel), async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            cancel.cancel();
        });
        assert_eq!(execution.result, CANCELLED, "{name}: {execution:?}");
        assert!(execution.duration < PATIENCE, "{name}: {execution:?}");
    }
}

#[tokio::test]
async fn a_step_that_was_cancelled_beforehand_is_not_carried_out() {
    let (bench, context) = furnished("contract_beforehand");
    let listener = Listener::answering(200, "");
    let cancelled = CancellationToken::new();
    cancelled.cancel();
    let instant = [("traffic", traffic(7)), ("flag", flag("on")), ("sql", sql("create table made ()"))];
    let before = (bench.read("weights"), bench.read("flags.json"));
    for (name, step) in endless_steps(&bench, &listener).into_iter().chain(instant) {
        let execution = execute(&step, LONG, &context, &cancelled).await;
        assert_eq!(execution.result, CANCELLED, "{name}");
        assert!(execution.duration < PATIENCE, "{name}");
    }
    let touch = StepKind::Run(shell("touch ran"));
    assert_eq!(execute(&touch, LONG, &context, &cancelled).await.result, CANCELLED);
    assert_eq!(bench.read("ran"), None);
    assert_eq!((bench.read("weights"), bench.read("flags.json")), before);
    let made = perform(&sql("select * from made"), AMPLE, &context).await;
    assert!(reason(&made).contains("does not exist"), "{made:?}");
    assert!(listener.requests().is_empty());
}

#[tokio::test]
async fn a_manual_step_is_handed_to_a_person_and_nothing_is_done() {
    let bench = Workbench::new();
    let step = StepKind::Manual { instructions: "press the button".to_owned() };
    for _ in 0..2 {
        let execution = perform(&step, SHORT, &bench.context()).await;
        assert_eq!(execution.result, Performed::NeedsPerson { instructions: "press the button".to_owned() });
        assert_eq!(execution.log, "");
    }
}

#[tokio::test]
async fn a_check_needs_its_passes_in_a_row() {
    let bench = Workbench::new();
    // Passes on every question but the third: two in a row, a failure, then three in a row.
    let line = "echo x >> asked; test $(wc -l < asked) -ne 3";
    let execution = perform(&check(line, 3), AMPLE, &bench.context()).await;
    assert_eq!(execution.result, SUCCEEDED);
    let verdicts: Vec<&str> = execution.log.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(verdicts, ["pass", "pass", "fail", "pass", "pass", "pass"]);
}

#[tokio::test]
async fn a_check_whose_question_cannot_be_asked_never_passes() {
    let bench = Workbench::new();
    let probe = Probe::Command {
        command: crate::execute_workbench::program(&["no-such-program"]),
        timeout_millis: 100,
    };
    let step = StepKind::Check(Check { probe, interval_millis: 0, successes: 0 });
    let execution = perform(&step, SHORT, &bench.context()).await;
    assert_eq!(execution.result, TIMED_OUT);
    assert!(execution.log.starts_with("error: `no-such-program` could not be started"), "{}", execution.log);
}

#[tokio::test]
async fn a_check_by_request_waits_for_the_service() {
    let bench = Workbench::new();
    let asked = Mutex::new(0);
    let listener = Listener::start(move |_| {
        let mut asked = asked.lock().unwrap();
        *asked += 1;
        Reply::Answer(if *asked < 3 { 503 } else { 200 }, Vec::new(), Vec::new())
    });
    let probe = Probe::Http { request: get(&listener.url("/health")), timeout_millis: 5_000 };
    let step = StepKind::Check(Check { probe, interval_millis: 20, successes: 2 });
    let execution = perform(&step, AMPLE, &bench.context()).await;
    assert_eq!(execution.result, SUCCEEDED, "{execution:?}");
    assert_eq!(listener.requests().len(), 4);
}

#[tokio::test]
async fn a_request_sends_what_the_plan_says_and_keeps_the_answer() {
    let bench = Workbench::new();
    let listener = Listener::start(|request| {
        Reply::Answer(202, Vec::new(), format!("got {request}\n{}", "x ".repeat(10_000)).into_bytes())
    });
    let mut request = get(&listener.url("/deploy?version=2"));
    request.method = "POST".to_owned();
    request.body = Some("hello".to_owned());
    request.headers.insert("x-api-key".to_owned(), "plan-secret".to_owned());
    request.headers.insert("authorization".to_owned(), "Custom other-secret".to_owned());
    let execution = perform(&StepKind::Http(request), AMPLE, &bench.context()).await;
    assert_eq!(execution.result, SUCCEEDED);
    let sent = listener.requests().pop().unwrap();
    assert!(
        sent.starts_with("POST /deploy?version=2 HTTP/1.1\r\n") && sent.ends_with("\r\n\r\nhello"),
        "{sent}"
    );
    assert!(sent.contains("x-api-key: plan-secret\r\n"), "{sent}");
    let log = &execution.log;
    assert!(
        log.starts_with(&format!("POST {}\nstatus 202 after ", listener.url("/deploy?version=2"))),
        "{log}"
    );
    assert!(log.contains("got POST /deploy") && log.contains("hello"), "{log}");
    assert!(log.contains("x-api-key: ***") && !log.contains("secret"), "{log}");
    assert!(log.ends_with("[the rest of the answer was not read]\n") && log.len() < 5_000, "{}", log.len());
}

#[tokio::test]
async fn a_request_whose_answer_is_not_the_expected_one_fails() {
    let bench = Workbench::new();
    let target = Listener::answering(200, "");
    let location = target.url("/");
    let redirect =
        Listener::start(move |_| Reply::Answer(302, vec![("location", location.clone())], Vec::new()));
    let unwell = Listener::answering(503, "down for maintenance");
    for (listener, status) in [(&unwell, 503), (&redirect, 302)] {
        let execution = perform(&StepKind::Http(get(&listener.url("/"))), AMPLE, &bench.context()).await;
        assert_eq!(reason(&execution), format!("answered with status {status}, expected 200 to 299"));
    }
    assert!(target.requests().is_empty(), "redirects are not followed");
    let execution = perform(&StepKind::Http(get(&unwell.url("/"))), AMPLE, &bench.context()).await;
    assert!(execution.log.contains("down for maintenance"), "{}", execution.log);
}

#[tokio::test]
async fn a_cancelled_check_ends_the_program_it_was_asking() {
    let bench = Workbench::new();
    let cancel = CancellationToken::new();
    let context = bench.context();
    let step = check("echo $$ > pids; exec sleep 300", 1);
    let (execution, pids) = tokio::join!(execute(&step, LONG, &context, &cancel), async {
        let pids = bench.pids("pids", 1).await;
        cancel.cancel();
        pids
    });
    assert_eq!(execution.result, CANCELLED);
    eventually("the program ends", || (!crate::execute_workbench::is_running(pids[0])).then_some(())).await;
}
