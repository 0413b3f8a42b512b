//! `approve`: nobody approves what they were not shown.

use serde_json::json;

use crate::api::{Api, change, change_in};
use crate::program::Place;

const CHANGE: &str = "/changes/CHG-2026-000123";
const APPROVE: &str = "/changes/CHG-2026-000123/approve";

fn api() -> Api {
    Api::start().on("GET", CHANGE, 200, &change()).on("POST", APPROVE, 200, &change_in("approved"))
}

#[test]
fn what_will_run_is_shown_and_its_digest_is_what_is_approved() {
    let api = api();
    let ran = Place::with_server(&api.url)
        .run(&[
            "approve",
            "CHG-2026-000123",
            "--yes",
            "--as",
            "cab_member",
            "--condition",
            "backup made",
            "--comment",
            "ok",
        ])
        .ended_with(0);
    let body = &api.asked("POST", APPROVE)[0].body;
    let expected = json!({"role": "cab_member", "digest": change()["digest"], "conditions": ["backup made"], "comment": "ok"});
    assert_eq!(*body, expected);
    insta::assert_snapshot!(ran.stderr);
}

#[test]
fn quiet_does_not_hide_what_is_approved() {
    let ran =
        Place::with_server(&api().url).run(&["approve", "CHG-2026-000123", "--yes", "--quiet"]).ended_with(0);
    ran.said(&["./deploy.sh --version 2", "written by ann@shop.example, not checked by anybody"]);
}

#[test]
fn without_a_terminal_there_is_no_approval_by_accident() {
    let api = api();
    let place = Place::with_server(&api.url);
    place
        .run_with_input(&["approve", "CHG-2026-000123"], "y\n")
        .ended_with(2)
        .said(&["no terminal", "`--yes`"]);
    assert!(api.asked("POST", APPROVE).is_empty());
}

#[test]
fn a_digest_that_was_seen_elsewhere_is_sent_without_further_question() {
    let api = api();
    let digest = "0".repeat(64);
    Place::with_server(&api.url).run(&["approve", "CHG-2026-000123", "--digest", &digest]).ended_with(0);
    assert_eq!(api.asked("POST", APPROVE)[0].body, json!({"digest": digest}));
    assert!(api.asked("GET", CHANGE).is_empty());
}
