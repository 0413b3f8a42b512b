//! `flag` steps in real files and by requests to a service that keeps flags.

use std::os::unix::fs::PermissionsExt;
use std::sync::Mutex;

use adapters::snapshot::{Restored, SnapshotId, SnapshotStore};
use domain::plan::{Flag, ReadBack, StepKind};
use tokio_util::sync::CancellationToken;

use crate::execute_workbench::{AMPLE, SUCCEEDED, Workbench, get, perform, reason};
use crate::outgoing_listener::{Listener, Reply};

const FLAGS: &str = r#"{ "flags": {
  "checkout": {"state": "ENABLED", "variants": {"on": true,  "off": false}, "defaultVariant": "off"},
  "search": {"state": "DISABLED", "variants": {"on": 1, "off": 0}, "defaultVariant": "off"} } }
"#;

fn in_file(flag: &str, enabled: Option<bool>, variant: Option<&str>) -> StepKind {
    let (path, variant) = ("flags.json".to_owned(), variant.map(ToOwned::to_owned));
    StepKind::Flag(Flag::File { path, flag: flag.to_owned(), enabled, variant })
}

#[tokio::test]
async fn a_flag_in_a_file_is_switched_and_the_file_put_back_byte_for_byte() {
    let bench = Workbench::new();
    bench.write("flags.json", FLAGS);
    std::fs::set_permissions(bench.path("flags.json"), std::fs::Permissions::from_mode(0o640)).unwrap();
    let step = in_file("checkout", None, Some("on"));
    let store = SnapshotStore::open(bench.path("snapshots")).unwrap();
    let (context, never) = (bench.context(), CancellationToken::new());
    let id = SnapshotId { change: "CHG-2026-000123".parse().unwrap(), run: 1 };
    let snapshot = store.take(id, &[step.touches().unwrap()], &context, &never).await.unwrap();

    let execution = perform(&step, AMPLE, &context).await;
    assert_eq!((execution.result, execution.log.as_str()), (SUCCEEDED, "checkout: off -> on\n"));
    let expected = FLAGS.replacen(r#""defaultVariant": "off""#, r#""defaultVariant": "on""#, 1);
    assert_eq!(bench.read("flags.json").unwrap(), expected);
    let mode = std::fs::metadata(bench.path("flags.json")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o640);

    let report = store.restore(&snapshot, &context, &never).await;
    assert_eq!(report.items[0].result, Restored::PutBack);
    assert_eq!(bench.read("flags.json").unwrap(), FLAGS);
    let left: Vec<_> =
        std::fs::read_dir(bench.path(".")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[tokio::test]
async fn a_flag_that_cannot_be_switched_leaves_the_file_alone() {
    let bench = Workbench::new();
    let execution = perform(&in_file("checkout", Some(true), None), AMPLE, &bench.context()).await;
    assert!(reason(&execution).ends_with("flags.json`: there is no such file"), "{execution:?}");
    bench.write("flags.json", FLAGS);
    for (step, expected) in [
        (in_file("cart", Some(true), None), "it has no flag `cart` below `flags`"),
        (
            in_file("search", Some(true), Some("blue")),
            "the flag `search` has no variant `blue`: it has on, off",
        ),
    ] {
        let execution = perform(&step, AMPLE, &bench.context()).await;
        assert!(reason(&execution).ends_with(expected), "{execution:?}");
        assert_eq!(bench.read("flags.json").unwrap(), FLAGS);
    }
}

/// Takes what it is sent, and tells it from the second question on.
fn flag_service(is_deaf: bool) -> Listener {
    let state = Mutex::new(("false".to_owned(), 0));
    Listener::start(move |request| {
        let mut state = state.lock().unwrap();
        if request.starts_with("PUT") {
            if !is_deaf {
                *state = (request.rsplit("\r\n\r\n").next().unwrap().to_owned(), 0);
            }
            return Reply::Answer(204, Vec::new(), Vec::new());
        }
        state.1 += 1;
        let told = if state.1 > 1 { state.0.as_str() } else { "false" };
        let answer = format!(r#"{{"flag": {{"name": "checkout", "enabled": {told}}}}}"#);
        Reply::Answer(200, Vec::new(), answer.into_bytes())
    })
}

fn by_service(listener: &Listener, pointer: &str) -> StepKind {
    let mut set = get(&listener.url("/flags/checkout"));
    set.method = "PUT".to_owned();
    set.body = Some("true".to_owned());
    set.headers.insert("authorization".to_owned(), "Bearer plan-secret-token".to_owned());
    let read = ReadBack { request: get(&listener.url("/flags/checkout")), pointer: pointer.to_owned() };
    StepKind::Flag(Flag::Service { set: Box::new(set), read: Box::new(read), expected: "true".to_owned() })
}

#[tokio::test]
async fn a_flag_of_a_service_counts_as_switched_once_the_service_says_so() {
    let bench = Workbench::new();
    let listener = flag_service(false);
    let step = by_service(&listener, "/flag/enabled");
    let store = SnapshotStore::open(bench.path("snapshots")).unwrap();
    let (context, never) = (bench.context(), CancellationToken::new());
    let id = SnapshotId { change: "CHG-2026-000123".parse().unwrap(), run: 1 };
    let snapshot = store.take(id, &[step.touches().unwrap()], &context, &never).await.unwrap();
    let execution = perform(&step, AMPLE, &context).await;
    assert_eq!(execution.result, SUCCEEDED, "{execution:?}");
    assert!(!execution.log.contains("secret"), "{}", execution.log);
    let report = store.restore(&snapshot, &context, &never).await;
    assert!(
        matches!(report.items[0].result, Restored::OtherOutput { .. }),
        "compared, and not put back by itself"
    );

    let deaf = flag_service(true);
    let execution = perform(&by_service(&deaf, "/flag/enabled"), AMPLE, &context).await;
    assert!(reason(&execution).contains("says `false` afterwards, expected `true`"), "{execution:?}");
    let execution = perform(&by_service(&listener, "/flag/nothing"), AMPLE, &context).await;
    assert!(reason(&execution).contains("answers nothing at `/flag/nothing`"), "{execution:?}");
}
