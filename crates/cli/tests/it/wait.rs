//! `wait`: each way in which it ends, and what it says meanwhile. The server here has no event stream, so that it polls.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::api::{Api, change, change_in, problem};
use crate::program::Place;

const CHANGE: &str = "/changes/CHG-2026-000123";

fn wait(states: &[&str], more: &[&str]) -> crate::program::Ran {
    let answers: Vec<_> = states
        .iter()
        .map(|state| (200, if *state == "awaiting_approval" { change() } else { change_in(state) }))
        .collect();
    let api = Api::start().on_each("GET", CHANGE, &answers);
    let arguments = [&["wait", "CHG-2026-000123", "--timeout", "60"], more].concat();
    Place::with_server(&api.url).run(&arguments)
}

#[test]
fn it_ends_as_the_change_does() {
    for (state, status) in [
        ("approved", 0),
        ("implementing", 0),
        ("closed", 0),
        ("rolled_back", 0),
        ("rejected", 3),
        ("cancelled", 3),
    ] {
        let ran = wait(&[state], &[]).ended_with(status);
        assert_eq!(ran.stdout, "", "{state}");
    }
}

#[test]
fn it_says_once_what_is_outstanding_and_ends_when_it_is_done() {
    let ran = wait(&["awaiting_approval", "awaiting_approval", "approved"], &[]).ended_with(0);
    let line = "approval: 2 approvals as CAB member, each by another person; cleared by CAB member: carol, dave, until 2026-01-31 18:00:01Z";
    assert_eq!(ran.stderr.matches(line).count(), 1, "{}", ran.stderr);
    ran.said(&["CHG-2026-000123 is awaiting approval, medium risk (45)", "CHG-2026-000123 is approved"]);
}

#[test]
fn its_time_is_limited() {
    let started = Instant::now();
    let api = Api::start().on("GET", CHANGE, 200, &change());
    let ran = Place::with_server(&api.url).run(&["wait", "CHG-2026-000123", "--timeout", "1"]).ended_with(4);
    ran.said(&["waited for 1 s; still outstanding", "cleared by CAB member: carol, dave"]);
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn ready_means_that_nothing_stands_before_the_start() {
    let mut blocked = change_in("approved");
    blocked["blockers"] = change()["blockers"].clone();
    let answers = [(200, blocked.clone()), (200, blocked), (200, change_in("approved"))];
    let api = Api::start().on_each("GET", CHANGE, &answers);
    let place = Place::with_server(&api.url);
    place.run(&["wait", "CHG-2026-000123", "--timeout", "60", "--ready"]).ended_with(0);
    assert_eq!(api.asked("GET", CHANGE).len(), 3);
    // Without it an approved change is enough, and what is left is said.
    let api = Api::start().on("GET", CHANGE, 200, &answers[0].1);
    let ran = Place::with_server(&api.url).run(&["wait", "CHG-2026-000123", "--timeout", "60"]).ended_with(0);
    ran.said(&["condition: the condition is not met: staging tests passed"]);
}

#[test]
fn a_server_that_is_away_for_a_moment_is_waited_for() {
    let busy = (503, problem(503, "overloaded", "too many requests are being worked on"));
    let mut answers = vec![(200, change())];
    answers.extend(std::iter::repeat_n(busy, 5));
    answers.push((200, change_in("approved")));
    let api = Api::start().on_each("GET", CHANGE, &answers);
    Place::with_server(&api.url).run(&["wait", "CHG-2026-000123", "--timeout", "60"]).ended_with(0);
}

#[test]
fn programs_get_the_change_as_it_is_in_the_end() {
    let ran = wait(&["approved"], &["--output", "json"]).ended_with(0);
    let read: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&read["state"], &read["change_id"]), (&json!("approved"), &json!("CHG-2026-000123")));
}
