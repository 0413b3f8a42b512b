//! Logging in, actors, tokens, the catalogue.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::api::{Api, problem};
use crate::program::{Place, TOKEN};

fn actor() -> serde_json::Value {
    json!({
        "actor_id": "act_1", "name": "bob@shop.example", "kind": "human", "owner": null, "alias_of": null,
        "roles": ["technical_lead"], "teams": [], "may_act_for": [], "active": true, "version": 1,
        "registered_at": "2026-01-31T14:00:00Z",
    })
}

fn caller() -> serde_json::Value {
    let mut caller = actor();
    caller["scopes"] = json!(["read", "approve"]);
    caller
}

#[test]
fn a_login_is_confirmed_by_the_server_and_kept_for_the_owner_alone() {
    let api = Api::start().on("GET", "/whoami", 200, &caller());
    let place = Place::new().variable("CORTEX_CHANGE_URL", &api.url);
    let ran = place.run_with_input(&["login", "--token-stdin"], &format!("{TOKEN}\n")).ended_with(0);
    assert_eq!(ran.stdout, "");
    let file = place.path().join(".config/cortex-change/login.toml");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

    place.run(&["whoami"]).ended_with(0);
    let sent = api.asked("GET", "/whoami");
    assert_eq!(sent.last().unwrap().header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
    // Another server does not get it.
    place
        .run(&["whoami", "--url", "http://127.0.0.1:1"])
        .ended_with(1)
        .said(&["no access token for http://127.0.0.1:1"]);
}

#[test]
fn a_login_that_the_server_does_not_confirm_is_not_kept() {
    let api =
        Api::start().on("GET", "/whoami", 401, &problem(401, "unauthenticated", "the token is not known"));
    let place = Place::new().variable("CORTEX_CHANGE_URL", &api.url);
    place.run_with_input(&["login", "--token-stdin"], TOKEN).ended_with(1).said(&["the token is not known"]);
    place.run(&["login"]).ended_with(2).said(&["no terminal", "--token-stdin"]);
    place
        .run_with_input(&["login", "--token-stdin"], "hunter2")
        .ended_with(1)
        .said(&["does not begin with `cct_`"]);
    assert!(!place.path().join(".config").exists());
}

#[test]
fn an_issued_token_is_the_only_thing_on_standard_output() {
    let issued = json!({"token_id": "tok_1", "token": "cct_new", "expires_at": "2026-05-01T00:00:00Z"});
    let api = Api::start().on("POST", "/actors/bob/tokens", 201, &issued);
    let arguments = [
        "token",
        "issue",
        "bob",
        "--scope",
        "read",
        "--scope",
        "approve",
        "--label",
        "laptop",
        "--expires-in",
        "30d",
    ];
    let ran = Place::with_server(&api.url).run(&arguments).ended_with(0);
    assert_eq!(ran.stdout, "cct_new\n");
    assert!(!ran.stderr.contains("cct_"), "{}", ran.stderr);
    let expected = json!({"scopes": ["read", "approve"], "expires_in": "30d", "label": "laptop"});
    assert_eq!(api.asked("POST", "/actors/bob/tokens")[0].body, expected);
}

#[test]
fn every_page_of_actors_is_listed() {
    let other = |id: &str| {
        let mut other = actor();
        other["actor_id"] = json!(id);
        other["name"] = json!(format!("{id}@shop.example"));
        other
    };
    let page = |ids: [&str; 2], next: Option<&str>| json!({"items": ids.map(other), "next_cursor": next});
    let api = Api::start()
        .on("GET", "/actors?limit=500", 200, &page(["act_1", "act_2"], Some("act_2")))
        .on("GET", "/actors?cursor=act_2&limit=500", 200, &page(["act_3", "act_4"], Some("act_4")))
        .on("GET", "/actors?cursor=act_4&limit=500", 200, &page(["act_5", "act_6"], None));
    let place = Place::with_server(&api.url);
    let listed = place.run(&["actor", "list", "--output", "json"]).ended_with(0).stdout;
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let ids: Vec<_> = listed["items"].as_array().unwrap().iter().map(|actor| &actor["actor_id"]).collect();
    assert_eq!(ids, ["act_1", "act_2", "act_3", "act_4", "act_5", "act_6"]);
    assert_eq!(listed["next_cursor"], serde_json::Value::Null);
}

#[test]
fn rights_are_replaced_as_a_whole_and_never_taken_away_by_accident() {
    let api = Api::start().on("PATCH", "/actors/bob", 200, &actor());
    let place = Place::with_server(&api.url);
    place.run(&["actor", "rights", "bob", "--role", "cab_member", "--team", "cart"]).ended_with(0);
    place.run(&["actor", "rights", "bob", "--none"]).ended_with(0);
    place.run(&["actor", "deactivate", "bob", "--reason", "left"]).ended_with(0);
    let bodies: Vec<_> = api.asked("PATCH", "/actors/bob").into_iter().map(|asked| asked.body).collect();
    let expected = [
        json!({"rights": {"roles": ["cab_member"], "teams": ["cart"], "may_act_for": []}}),
        json!({"rights": {"roles": [], "teams": [], "may_act_for": []}}),
        json!({"active": false, "reason": "left"}),
    ];
    assert_eq!(bodies, expected);
}

#[test]
fn a_catalogue_is_applied_from_a_file_that_is_checked_first() {
    let applied = json!({"declared": ["cart"], "retired": [], "unchanged": 2});
    let api = Api::start().on("POST", "/catalog?dry_run=true", 200, &applied);
    let place = Place::with_server(&api.url);
    place.write("services.yaml", "services:\n  - name: cart\n    tier: 2\n    depends_on: [redis]\n");
    let ran = place.run(&["catalog", "apply", "services.yaml", "--dry-run"]).ended_with(0);
    ran.said(&["would be done: declared cart; nothing retired; 2 unchanged"]);
    place.write("services.yaml", "services:\n  - name: cart\n    teir: 2\n");
    place.run(&["catalog", "apply", "services.yaml"]).ended_with(1).said(&[
        "services.yaml",
        "teir",
        "line 3",
    ]);
    assert_eq!(api.all_asked().len(), 1);
}

fn notification(id: &str) -> serde_json::Value {
    json!({
        "id": id, "channel": "ops", "event": "change.approved", "subject": "CHG-2026-000001", "attempts": 12,
        "created_at": "2026-01-31T14:00:00Z", "due_at": "2026-01-31T15:00:00Z", "last_error": "nobody is there",
    })
}

#[test]
fn notifications_are_listed_tried_and_sent_again() {
    let listed = json!({ "channels": [{ "name": "ops", "kind": "webhook" }], "waiting": [] });
    let dead = json!({ "items": [notification("msg_1"), notification("msg_2")] });
    let api = Api::start()
        .on("GET", "/notifications", 200, &listed)
        .on("GET", "/notifications/dead", 200, &dead)
        .on("POST", "/notifications/msg_1/redeliver", 200, &json!(null))
        .on("POST", "/notifications/msg_2/redeliver", 200, &json!(null))
        .on(
            "POST",
            "/notifications/test",
            200,
            &json!({ "channel": "ops", "delivered": false, "error": "no answer" }),
        );
    let place = Place::with_server(&api.url);
    place.run(&["notify", "list"]).ended_with(0).said(&["ops (webhook)", "nothing waits"]);
    let shown = place.run(&["notify", "dead"]).ended_with(0).stdout;
    assert!(shown.contains("msg_1") && shown.contains("nobody is there"), "{shown}");
    let redelivered = place.run(&["notify", "redeliver", "--all", "--output", "json"]).ended_with(0).stdout;
    let redelivered: serde_json::Value = serde_json::from_str(&redelivered).unwrap();
    assert_eq!(redelivered, json!({ "redelivered": ["msg_1", "msg_2"] }));
    assert_eq!(api.asked("POST", "/notifications/msg_2/redeliver").len(), 1);
    place.run(&["notify", "redeliver"]).ended_with(2);
    place
        .run(&["notify", "test", "ops"])
        .ended_with(1)
        .said(&["`ops` did not take the message", "no answer"]);
}
