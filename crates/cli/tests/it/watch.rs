//! `watch`: every entry once, as it comes, and an end that tells how the change ended. The server here has no event stream,
//! so that it polls.

use serde_json::{Value, json};

use crate::api::{Api, change_in};
use crate::program::{Place, Ran};

const CHANGE: &str = "/changes/CHG-2026-000123";

/// The change in a state with so many entries in its trail.
fn at(state: &str, entries: usize) -> Value {
    let mut change = change_in(state);
    let entry = change["audit_trail"][0].clone();
    let entries = (1..=entries).map(|version| {
        let mut entry = entry.clone();
        entry["version"] = json!(version);
        entry["details"] = json!(format!("entry number {version}."));
        entry
    });
    change["audit_trail"] = entries.collect();
    change
}

fn watch(answers: &[Value], more: &[&str]) -> Ran {
    let answers: Vec<_> = answers.iter().map(|change| (200, change.clone())).collect();
    let api = Api::start().on_each("GET", CHANGE, &answers);
    Place::with_server(&api.url).run(&[&["watch", "CHG-2026-000123"], more].concat())
}

#[test]
fn every_entry_is_shown_once_as_it_comes() {
    let ran = watch(&[at("implementing", 2), at("validating", 3), at("closed", 4)], &[]).ended_with(0);
    let shown: Vec<_> = ran.stdout.lines().filter_map(|line| line.split("entry number ").nth(1)).collect();
    assert_eq!(shown, ["1.", "2.", "3.", "4."]);
    let ran = watch(&[at("closed", 4)], &["--since", "3", "--output", "json"]).ended_with(0);
    let lines: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().map(|entry| &entry["version"]).collect::<Vec<_>>(), [4]);
}

#[test]
fn it_ends_as_the_change_does() {
    for (state, outcome, status) in [
        ("implemented", Value::Null, 0),
        ("closed", json!("partial"), 0),
        ("closed", json!("rolled_back"), 5),
        ("closed", json!("failed"), 6),
        ("rolled_back", Value::Null, 5),
        ("failed", Value::Null, 6),
        ("rejected", Value::Null, 3),
        ("cancelled", Value::Null, 3),
    ] {
        let mut change = at(state, 1);
        change["outcome"] = outcome;
        watch(&[change], &[]).ended_with(status);
    }
    watch(&[at("implementing", 1)], &["--timeout", "1"]).ended_with(4).said(&["watched for 1 s"]);
}
