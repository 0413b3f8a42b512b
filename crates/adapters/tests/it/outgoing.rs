//! The guard for outgoing requests, against real listeners on the loopback address.

use std::time::Duration;

use adapters::metrics::probe;
use adapters::outgoing::{Outgoing, OutgoingError, OutgoingPolicy};
use domain::plan::source::Credentials;
use domain::plan::{HttpRequest, Probe, StepKind};
use domain::rollback::Verdict;
use tokio_util::sync::CancellationToken;

use crate::execute_workbench::{AMPLE, PATIENCE, SUCCEEDED, Workbench, get, perform, reason};
use crate::outgoing_listener::{Listener, Reply};

const BODY_BYTES_MAX: usize = 1_000;

async fn send(
    policy: OutgoingPolicy,
    request: &HttpRequest,
) -> Result<adapters::outgoing::Answer, OutgoingError> {
    Outgoing::new(policy).unwrap().send(request, PATIENCE, BODY_BYTES_MAX).await
}

#[tokio::test]
async fn a_name_that_resolves_to_a_refused_address_is_not_connected_to() {
    let listener = Listener::answering(200, "");
    let request = get(&format!("http://localhost:{}/", listener.port()));
    let error = send(OutgoingPolicy::strict(), &request).await.unwrap_err();
    assert!(matches!(&error, OutgoingError::Refused { host, .. } if host == "localhost"), "{error:?}");
    assert!(error.to_string().contains("a loopback address"), "{error}");
    assert!(listener.requests().is_empty());
    let answer = send(OutgoingPolicy::with_private_networks(), &request).await.unwrap();
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_literal_address_is_refused_unless_its_network_is_listed() {
    let listener = Listener::answering(200, "");
    let request = get(&listener.url("/"));
    let error = send(OutgoingPolicy::strict(), &request).await.unwrap_err();
    assert!(matches!(error, OutgoingError::Refused { .. }), "{error:?}");
    assert!(listener.requests().is_empty());
    let listed = OutgoingPolicy::strict().allowing(["127.0.0.0/8".parse().unwrap()]);
    assert_eq!(send(listed, &request).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_redirect_to_a_refused_address_is_an_answer_and_not_followed() {
    let inside = Listener::answering(200, "inside");
    let location = inside.url("/secret");
    let outside =
        Listener::start(move |_| Reply::Answer(307, vec![("location", location.clone())], Vec::new()));
    let answer = send(OutgoingPolicy::with_private_networks(), &get(&outside.url("/"))).await.unwrap();
    assert_eq!(answer.status, 307);
    assert!(inside.requests().is_empty());
}

#[tokio::test]
async fn a_body_without_end_is_read_up_to_the_limit() {
    let listener = Listener::start(|_| Reply::Endless);
    let answer = send(OutgoingPolicy::with_private_networks(), &get(&listener.url("/"))).await.unwrap();
    assert_eq!((answer.body.len(), answer.body_cut), (BODY_BYTES_MAX, true));
    let short = Listener::answering(200, "short");
    let answer = send(OutgoingPolicy::with_private_networks(), &get(&short.url("/"))).await.unwrap();
    assert_eq!((answer.body.as_slice(), answer.body_cut), (&b"short"[..], false));
}

#[tokio::test]
async fn a_target_that_does_not_answer_costs_the_limit_and_no_more() {
    let listener = Listener::start(|_| Reply::Silence);
    let outgoing = Outgoing::new(OutgoingPolicy::with_private_networks()).unwrap();
    let limit = Duration::from_millis(100);
    let sent =
        tokio::time::timeout(PATIENCE, outgoing.send(&get(&listener.url("/")), limit, BODY_BYTES_MAX)).await;
    assert!(matches!(sent.unwrap(), Err(OutgoingError::TimedOut { limit_millis: 100, .. })));
}

#[tokio::test]
async fn each_request_has_a_connection_of_its_own() {
    let outgoing = Outgoing::new(OutgoingPolicy::with_private_networks()).unwrap();
    let listener = Listener::answering(200, "");
    for expected in 1..=3 {
        outgoing.send(&get(&listener.url("/")), PATIENCE, BODY_BYTES_MAX).await.unwrap();
        assert_eq!(listener.requests().len(), expected);
    }
}

#[tokio::test]
async fn requests_carry_secrets_that_only_the_runner_knows() {
    let bench = Workbench::new();
    let variables =
        [("DEPLOY_TOKEN", "token-of-deploys"), ("API_KEY", "key-of-the-api"), ("WORD", "pass word")];
    let context = bench.context_with(&variables);
    let service = Listener::answering(200, "token-of-deploys and key-of-the-api were fine");
    let bearer = HttpRequest {
        credentials: Some(Credentials::Bearer { variable: "DEPLOY_TOKEN".to_owned() }),
        header_variables: [("X-Api-Key".to_owned(), "API_KEY".to_owned())].into(),
        ..get(&service.url("/deploy"))
    };
    let execution = perform(&StepKind::Http(bearer.clone()), AMPLE, &context).await;
    assert_eq!(execution.result, SUCCEEDED, "{}", execution.log);
    assert!(execution.log.ends_with("*** and *** were fine"), "{}", execution.log);
    let basic = Credentials::Basic { user: "ci".to_owned(), variable: "WORD".to_owned() };
    let monitored = Probe::Http {
        request: HttpRequest { credentials: Some(basic), ..get(&service.url("/health")) },
        timeout_millis: 5_000,
    };
    assert_eq!(probe(&monitored, &context, &CancellationToken::new()).await.verdict, Verdict::Pass);
    let heads: Vec<_> = service.requests().iter().map(|request| request.to_ascii_lowercase()).collect();
    assert!(heads[0].contains("authorization: bearer token-of-deploys\r\n"), "{heads:?}");
    assert!(heads[0].contains("x-api-key: key-of-the-api\r\n"), "{heads:?}");
    // `ci:pass word` in Base64.
    assert!(heads[1].contains("authorization: basic y2k6cgfzcyb3b3jk\r\n"), "{heads:?}");

    // Without the variables nothing is sent.
    let execution = perform(&StepKind::Http(bearer), AMPLE, &bench.context()).await;
    assert!(reason(&execution).contains("`DEPLOY_TOKEN` is not set where the runner runs"), "{execution:?}");
    let sampled = probe(&monitored, &bench.context(), &CancellationToken::new()).await;
    assert_eq!(sampled.verdict, Verdict::Error);
    assert_eq!(service.requests().len(), 2);
}
