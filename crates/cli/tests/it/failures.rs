//! Refusals and faults: what is printed, and with which status the program ends.

use serde_json::json;

use crate::api::{Api, problem};
use crate::program::{Place, Ran};

const CLOSE: &[&str] = &["close", "CHG-2026-000123", "--status", "success"];

fn refused(status: u16, kind: &str, rule: Option<&str>) -> Ran {
    let mut body = problem(status, kind, "the requester's side may not decide about its own change");
    if let Some(rule) = rule {
        body["rule"] = json!(rule);
        body["next_step"] = json!("ask somebody who neither requested the change nor is acted for");
        body["errors"] = json!([{"at": rule, "message": "segregation of duties", "next_step": "ask bob"}]);
    }
    body["request_id"] = json!("req-7");
    let api = Api::start().on("POST", "/changes/CHG-2026-000123/close", status, &body);
    Place::with_server(&api.url).run(CLOSE)
}

#[test]
fn a_refusal_names_rule_and_next_step() {
    let ran = refused(403, "refused-by-policy", Some("segregation-of-duties")).ended_with(7);
    assert_eq!(ran.stdout, "");
    insta::assert_snapshot!(ran.stderr);
}

#[test]
fn only_a_refusal_by_a_rule_about_what_may_happen_ends_with_7() {
    for (status, kind, rule, expected) in [
        (403, "refused-by-policy", Some("segregation-of-duties"), 7),
        (409, "refused", Some("valid-approvals"), 7),
        (409, "refused", Some("conditions"), 7),
        (409, "refused", Some("window"), 7),
        (409, "refused", Some("what-was-approved-is-what-runs"), 7),
        (409, "refused", Some("lifecycle"), 1),
        (409, "lease-held", Some("lease"), 1),
        (422, "invalid-content", Some("content"), 1),
        (404, "not-found", None, 1),
        (401, "unauthenticated", None, 1),
        (412, "stale-version", None, 1),
        (500, "internal", None, 1),
    ] {
        assert_eq!(refused(status, kind, rule).status, expected, "{status} {kind} {rule:?}");
    }
}

#[test]
fn without_a_token_the_way_to_one_is_told() {
    let ran = Place::new().run(CLOSE).ended_with(1);
    ran.said(&["no access token for http://127.0.0.1:8470", "CORTEX_CHANGE_TOKEN", "`cortex-change login`"]);
}

#[test]
fn a_token_is_not_sent_in_clear_text_unless_told_to() {
    let place = Place::with_server("http://change.example");
    place.run(CLOSE).ended_with(1).said(&["would get the token in clear text"]);
}

#[test]
fn a_server_that_does_not_answer_is_named() {
    let place = Place::with_server("http://127.0.0.1:1");
    place.run(CLOSE).ended_with(1).said(&["`http://127.0.0.1:1` gave no answer", "check the address"]);
}

#[test]
fn something_else_than_our_server_is_recognised() {
    let api = Api::start().on("POST", "/changes/CHG-2026-000123/close", 200, &json!({"hello": "world"}));
    Place::with_server(&api.url).run(CLOSE).ended_with(1).said(&["check that the address is the server's"]);
}
