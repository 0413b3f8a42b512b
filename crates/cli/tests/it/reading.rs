//! What people and programs read: text for the former, the server's own JSON for the latter.

use serde_json::{Value, json};

use crate::api::{Api, change, change_in};
use crate::program::Place;

const CHANGE: &str = "/changes/CHG-2026-000123";

fn summary(change: &Value) -> Value {
    let fields = [
        "change_id",
        "state",
        "type",
        "category",
        "title",
        "priority",
        "affected_services",
        "environment",
        "created_at",
        "updated_at",
        "version",
    ];
    let mut summary: Value =
        fields.iter().map(|field| ((*field).to_owned(), change[*field].clone())).collect();
    summary["requested_by"] = change["created_by"].clone();
    summary["risk"] = json!({"score": change["risk"]["score"], "level": change["risk"]["level"]});
    summary["deadline"] = Value::Null;
    summary
}

fn shown(change: &Value, arguments: &[&str]) -> String {
    let api = Api::start().on("GET", CHANGE, 200, change);
    Place::with_server(&api.url).run(arguments).ended_with(0).stdout
}

#[test]
fn a_change_is_shown_in_full() {
    insta::assert_snapshot!(shown(&change(), &["show", "CHG-2026-000123"]));
}

#[test]
fn a_change_that_was_taken_back_is_shown_in_full() {
    let mut change = change_in("rolled_back");
    change["incidents"] = json!(["INC-2026-000007"]);
    change["retrospective"] = json!({"state": "overdue", "at": "2026-02-01T14:00:00Z"});
    change["implementation"] = json!({
        "runner": null, "started_at": "2026-01-31T16:00:00Z", "finished_at": null, "auto_rollback": true,
        "phase": "rolled_back", "done": 1, "total": 1, "current": null, "waiting_for": null,
        "steps": [
            {"part": "step", "name": "deploy", "status": "undone"},
            {"part": "step", "name": "migrate", "status": "left_in_place"},
            {"part": "step", "name": "answers", "status": "failed"},
            {"part": "step", "name": "step 4", "status": "pending"},
        ],
        "rollback_cause": "step `answers` failed",
    });
    let text = shown(&change, &["show", "CHG-2026-000123"]);
    let start = text.find("Implementation").unwrap();
    insta::assert_snapshot!(&text[start..text.find("Audit trail").unwrap()]);
}

#[test]
fn programs_get_the_servers_json() {
    let text = shown(&change(), &["show", "CHG-2026-000123", "--output", "json"]);
    let read: Value = serde_json::from_str(&text).unwrap();
    for (name, value) in change().as_object().unwrap() {
        assert_eq!(&read[name], value, "{name}");
    }
    let risk = shown(&change(), &["risk", "CHG-2026-000123", "--output", "json"]);
    assert_eq!(serde_json::from_str::<Value>(&risk).unwrap(), change()["risk"]);
}

#[test]
fn a_risk_is_shown_with_every_term() {
    insta::assert_snapshot!(shown(&change(), &["risk", "CHG-2026-000123"]));
}

#[test]
fn a_draft_has_no_risk() {
    let mut draft = change_in("draft");
    draft["risk"] = Value::Null;
    let api = Api::start().on("GET", CHANGE, 200, &draft);
    let ran = Place::with_server(&api.url).run(&["risk", "CHG-2026-000123"]).ended_with(1);
    ran.said(&["CHG-2026-000123 is draft and has no assessment", "cortex-change submit CHG-2026-000123"]);
}

#[test]
fn colours_and_signs_are_for_terminals_that_want_them() {
    let api = Api::start().on("GET", CHANGE, 200, &change());
    let place = Place::with_server(&api.url);
    let plain = place.run(&["show", "CHG-2026-000123"]).stdout;
    assert!(!plain.contains('\u{1b}'), "nothing of a change may reach the terminal as an escape sequence");
    assert!(place.run(&["show", "CHG-2026-000123", "--color", "always"]).stdout.contains("\u{1b}["));
    let ascii = Place::with_server(&api.url).variable("LC_ALL", "C").run(&["show", "CHG-2026-000123"]).stdout;
    assert!(!ascii.contains(['█', '✓', '○', '│']), "{ascii}");
}

#[test]
fn lists_follow_filters_orders_and_pages() {
    let (first, second) = (summary(&change()), summary(&change_in("closed")));
    let page = |item: &Value, next: Value| json!({"items": [item], "next_cursor": next});
    let query = "state=awaiting_approval&level=medium&sort=-risk&limit=";
    let api = Api::start()
        .on("GET", &format!("/changes?{query}50"), 200, &page(&first, json!("c2")))
        .on("GET", &format!("/changes?{query}500"), 200, &page(&first, json!("c2")))
        .on(
            "GET",
            "/changes?state=awaiting_approval&level=medium&sort=-risk&cursor=c2&limit=500",
            200,
            &page(&second, Value::Null),
        );
    let place = Place::with_server(&api.url);
    let arguments = ["list", "--state", "awaiting_approval", "--level", "medium", "--sort", "-risk"];
    let ran = place.run(&arguments).ended_with(0).said(&["there are more: `--all`, or `--cursor c2`"]);
    assert_eq!(ran.stdout.lines().count(), 2);
    let all = place.run(&[&arguments[..], &["--all"]].concat()).ended_with(0);
    insta::assert_snapshot!(all.stdout);
    let json = place.run(&[&arguments[..], &["--all", "--output", "json"]].concat()).ended_with(0).stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json, json!({"items": [first, second], "next_cursor": null}));
}

#[test]
fn a_list_of_nothing_says_so() {
    let nothing = json!({"items": [], "next_cursor": null});
    let api = Api::start().on("GET", "/changes?state=failed&limit=50", 200, &nothing);
    let ran = Place::with_server(&api.url).run(&["list", "--state", "failed"]).ended_with(0);
    assert_eq!(ran.said(&["no change is like that"]).stdout, "");
}

#[test]
fn an_incident_is_shown_with_its_timeline() {
    let incident = json!({
        "incident_id": "INC-2026-000007", "change_id": "CHG-2026-000123", "state": "open", "severity": "moderate",
        "title": "CHG-2026-000123 was rolled back", "opened_at": "2026-01-31T16:05:00Z", "updated_at": "2026-01-31T16:05:00Z",
        "version": 1, "root_cause": null,
        "timeline": [{"timestamp": "2026-01-31T16:05:00Z", "actor": "system", "details": "opened by a rollback"}],
    });
    let api = Api::start().on("GET", "/incidents/INC-2026-000007", 200, &incident);
    let ran = Place::with_server(&api.url).run(&["incident", "show", "INC-2026-000007"]).ended_with(0);
    insta::assert_snapshot!(ran.stdout);
}

#[test]
fn a_log_that_does_not_verify_fails_the_command() {
    let verification = |valid: bool, findings: &[&str]| json!({"valid": valid, "entries": 12, "checkpoints": 3, "root": "ab".repeat(32), "findings": findings});
    let api = Api::start().on_each(
        "POST",
        "/audit/verify",
        &[
            (200, verification(true, &[])),
            (200, verification(false, &["entry 7: the stored bytes do not have their hash"])),
        ],
    );
    let place = Place::with_server(&api.url);
    let good = place.run(&["audit", "verify"]).ended_with(0).stdout;
    assert!(good.contains("12 entries and 3 checkpoints are as they were signed"), "{good}");
    let bad = place.run(&["audit", "verify"]).ended_with(1).stdout;
    assert!(bad.contains("not as it was signed") && bad.contains("entry 7"), "{bad}");
}
