//! `traffic` steps against a real HAProxy and against programs: the shares are measured, not believed.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use adapters::snapshot::{Restored, Snapshot, SnapshotId, SnapshotStore};
use domain::plan::{Router, Step, StepKind, Traffic};
use testkit::PrivateHaproxy;
use tokio_util::sync::CancellationToken;

use crate::execute_workbench::{AMPLE, SUCCEEDED, Workbench, perform, reason, shell};
use crate::outgoing_listener::Listener;

/// Requests of one measurement.
const REQUESTS: u32 = 200;

/// Two versions of a service behind a real proxy.
pub(crate) struct Shop {
    _stable: Listener,
    _canary: Listener,
    pub(crate) proxy: PrivateHaproxy,
}

impl Shop {
    pub(crate) fn open() -> Self {
        let (stable, canary) = (Listener::answering(200, "stable"), Listener::answering(200, "canary"));
        let at = |listener: &Listener| SocketAddr::from(([127, 0, 0, 1], listener.port()));
        let proxy =
            PrivateHaproxy::start(&[("stable", at(&stable), 100), ("canary", at(&canary), 0)]).unwrap();
        Self { _stable: stable, _canary: canary, proxy }
    }

    pub(crate) fn step(&self, address: &str, weights: &[(&str, u32)]) -> StepKind {
        let (address, backend) = (address.to_owned(), self.proxy.backend().to_owned());
        StepKind::Traffic(Traffic { router: Router::Haproxy { address, backend }, weights: named(weights) })
    }

    /// How many of a hundred requests the canary answers.
    pub(crate) fn canary_percent(&self) -> u32 {
        let answers = (0..REQUESTS).map(|_| self.ask()).filter(|body| body == "canary").count();
        u32::try_from(answers).unwrap() * 100 / REQUESTS
    }

    fn ask(&self) -> String {
        let mut stream = TcpStream::connect(self.proxy.frontend()).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.rsplit("\r\n\r\n").next().unwrap().to_owned()
    }
}

fn named(weights: &[(&str, u32)]) -> BTreeMap<String, u32> {
    weights.iter().map(|(target, weight)| ((*target).to_owned(), *weight)).collect()
}

fn snapshots(bench: &Workbench) -> SnapshotStore {
    SnapshotStore::open(bench.path("snapshots")).unwrap()
}

async fn taken(bench: &Workbench, kind: &StepKind) -> Snapshot {
    let id = SnapshotId { change: "CHG-2026-000123".parse().unwrap(), run: 1 };
    let captures = [kind.touches().unwrap()];
    snapshots(bench).take(id, &captures, &bench.context(), &CancellationToken::new()).await.unwrap()
}

async fn put_back(bench: &Workbench, snapshot: &Snapshot) -> Restored {
    let report = snapshots(bench).restore(snapshot, &bench.context(), &CancellationToken::new()).await;
    report.items.into_iter().next().unwrap().result
}

#[tokio::test]
async fn the_share_of_requests_follows_the_weights() {
    let (bench, shop) = (Workbench::new(), Shop::open());
    assert_eq!(shop.canary_percent(), 0);
    let (socket, address) = (shop.proxy.socket(), shop.proxy.runtime().to_string());
    for (percent, through) in [(10, &socket), (50, &address), (100, &socket), (0, &address)] {
        let step = shop.step(through, &[("stable", 100 - percent), ("canary", percent)]);
        let execution = perform(&step, AMPLE, &bench.context()).await;
        assert_eq!(execution.result, SUCCEEDED, "{execution:?}");
        let now = format!("now: canary {percent}, stable {}\n", 100 - percent);
        assert!(execution.log.ends_with(&now), "{}", execution.log);
        let measured = shop.canary_percent();
        assert!(measured.abs_diff(percent) <= 2, "{percent} % wanted, {measured} % measured");
    }
}

#[tokio::test]
async fn what_was_before_is_put_back_and_measured() {
    let (bench, shop) = (Workbench::new(), Shop::open());
    let step = shop.step(&shop.proxy.socket(), &[("stable", 0), ("canary", 256)]);
    let snapshot = taken(&bench, &step).await;
    assert_eq!(perform(&step, AMPLE, &bench.context()).await.result, SUCCEEDED);
    assert_eq!(shop.canary_percent(), 100);
    assert_eq!(put_back(&bench, &snapshot).await, Restored::PutBack);
    assert_eq!(shop.canary_percent(), 0);
    assert_eq!(put_back(&bench, &snapshot).await, Restored::Unchanged);
}

#[tokio::test]
async fn a_router_that_does_not_do_it_is_told_with_its_own_words() {
    let (bench, shop) = (Workbench::new(), Shop::open());
    let gone = bench.path("gone.sock").display().to_string();
    let socket = shop.proxy.socket();
    for (step, expected) in [
        (
            shop.step(&socket, &[("beta", 1)]),
            "does not tell the weight of `shop/beta`: it answers `No such server.`",
        ),
        (shop.step(&gone, &[("stable", 1)]), "gone.sock` cannot be reached: No such file or directory"),
        (shop.step("169.254.169.254:80", &[("stable", 1)]), "is refused: 169.254.169.254 is a link-local"),
        (shop.step("shop", &[("stable", 1)]), "is not `host:port`"),
    ] {
        let execution = perform(&step, AMPLE, &bench.context()).await;
        assert!(reason(&execution).contains(expected), "{execution:?}");
    }
    // The proxy takes 256 at most; what it was is still what it is.
    let execution = perform(&shop.step(&socket, &[("stable", 257)]), AMPLE, &bench.context()).await;
    assert!(reason(&execution).contains("to `set weight shop/stable 257`"), "{execution:?}");
    assert_eq!(shop.canary_percent(), 0);
}

#[tokio::test]
async fn programs_can_stand_for_a_router() {
    let bench = Workbench::new();
    bench.write("weights", "old=100\nnew=0\n");
    let step = |weights: &[(&str, u32)]| {
        let router = Router::Programs {
            set: shell("for pair in $TRAFFIC_WEIGHTS; do echo $pair; done > weights"),
            read: shell("cat weights"),
            timeout_millis: 10_000,
        };
        StepKind::Traffic(Traffic { router, weights: named(weights) })
    };
    let half = step(&[("old", 50), ("new", 50)]);
    let snapshot = taken(&bench, &half).await;
    assert_eq!(perform(&half, AMPLE, &bench.context()).await.result, SUCCEEDED);
    assert_eq!(bench.read("weights").unwrap(), "new=50\nold=50\n");
    assert_eq!(put_back(&bench, &snapshot).await, Restored::PutBack);
    assert_eq!(bench.read("weights").unwrap(), "new=0\nold=100\n");

    let execution = perform(&step(&[("other", 1)]), AMPLE, &bench.context()).await;
    assert!(reason(&execution).contains("does not tell the weight of `other`"), "{execution:?}");
    let router = Router::Programs { set: shell("true"), read: shell("cat weights"), timeout_millis: 10_000 };
    let deaf = StepKind::Traffic(Traffic { router, weights: named(&[("new", 7)]) });
    let execution = perform(&deaf, AMPLE, &bench.context()).await;
    assert!(reason(&execution).contains("`new` has the weight 0 although 7 was set"), "{execution:?}");
}

/// A step that declares no undo has everything saved and put back; one that declares it keeps it.
#[test]
fn a_traffic_step_is_safeguarded_by_itself() {
    let router = Router::Haproxy { address: "/run/haproxy.sock".to_owned(), backend: "shop".to_owned() };
    let kind = StepKind::Traffic(Traffic { router, weights: named(&[("canary", 10)]) });
    let step = Step {
        name: "shift".parse().unwrap(),
        kind: kind.clone(),
        undo: None,
        check: None,
        timeout_seconds: 60,
        retries: 0,
        retry_delay_millis: 0,
        idempotent: false,
        captures: Vec::new(),
        reversibility: None,
    };
    let guarded = step.clone().safeguarded();
    assert_eq!(guarded.undo, Some(StepKind::Restore));
    assert_eq!(guarded.captures, [kind.touches().unwrap()]);
    assert_eq!(guarded.clone().safeguarded(), guarded);
    let own = Step { undo: Some(kind.clone()), ..step }.safeguarded();
    assert_eq!((own.undo, own.captures), (Some(kind.clone()), vec![kind.touches().unwrap()]));
}
