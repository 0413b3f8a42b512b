//! `implement` and `validate`: what they refuse before anything runs, and what they hand in. Real runs are told by the
//! pipeline's tests.

use serde_json::{Value, json};

use crate::api::{Api, change, change_in};
use crate::program::{Place, Ran};

const CHANGE: &str = "/changes/CHG-2026-000123";
const VALIDATE: &str = "/changes/CHG-2026-000123/validate";
const CLEAN_SCAN: &str =
    r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"scanner"}},"results":[]}]}"#;

/// A checkout with one commit, whose id is returned.
fn checkout(place: &Place) -> String {
    place.git(&["init", "--quiet"]);
    place.write("deploy.sh", "true\n");
    place.git(&["add", "."]);
    place.git(&["commit", "--quiet", "--message=Begin"]);
    place.git(&["rev-parse", "HEAD"])
}

fn implement(change: &Value, place: impl FnOnce(Place) -> Place) -> (Ran, Vec<String>) {
    let api = Api::start().on("GET", CHANGE, 200, change);
    let place = place(Place::with_server(&api.url));
    let ran = place.run(&["implement", "CHG-2026-000123", "--monitor", "--auto-rollback"]);
    let others = api.all_asked().into_iter().filter(|asked| *asked != format!("GET /api/v1{CHANGE}"));
    (ran, others.collect())
}

#[test]
fn a_change_without_a_plan_is_told_how_to_get_one() {
    let mut without = change_in("approved");
    without.as_object_mut().unwrap().remove("implementation_plan");
    let (ran, others) = implement(&without, |place| place);
    ran.ended_with(1).said(&[
        "has no implementation plan",
        "`cortex-change init`",
        "`cortex-change amend ID --plan",
    ]);
    assert!(others.is_empty(), "{others:?}");
}

#[test]
fn a_change_that_is_not_approved_is_not_run() {
    for state in ["draft", "awaiting_approval", "rejected", "cancelled"] {
        let mut unapproved = change();
        unapproved["state"] = json!(state);
        let (ran, others) = implement(&unapproved, |place| place);
        ran.ended_with(7).said(&[
            "not approved",
            "at outstanding: approval: 2 approvals",
            "cortex-change wait",
        ]);
        assert!(others.is_empty(), "{others:?}");
    }
}

#[test]
fn a_change_waits_for_its_turn_when_it_shall() {
    const CONFLICTS: &str = "/changes/CHG-2026-000123/conflicts";
    let mut approved = change_in("approved");
    approved.as_object_mut().unwrap().remove("source");
    let held = json!({
        "change_id": "CHG-2026-000123", "from": "2026-03-02T09:00:00Z", "to": "2026-03-02T09:15:00Z",
        "items": [{
            "change_id": "CHG-2026-000007", "stage": "running", "kind": "same_item", "treatment": "deny", "holds": true,
            "item": "cart", "other_item": "cart", "start": "2026-03-02T09:00:00Z", "end": "2026-03-02T10:00:00Z",
            "reason": "CHG-2026-000007, running, changes `cart` too",
        }],
    });
    let mut free = held.clone();
    free["items"] = json!([]);
    let api =
        Api::start().on("GET", CHANGE, 200, &approved).on_each("GET", CONFLICTS, &[(200, held), (200, free)]);
    let place = Place::with_server(&api.url);
    let ran = place.run(&["implement", "CHG-2026-000123", "--wait-turn", "1m"]);
    ran.said(&["CHG-2026-000123 waits for CHG-2026-000007, running, changes `cart` too"]);
    assert_eq!(api.asked("GET", CONFLICTS).len(), 2);
    // Who does not wait asks the server at once.
    let api = Api::start().on("GET", CHANGE, 200, &approved);
    Place::with_server(&api.url).run(&["implement", "CHG-2026-000123"]);
    assert!(api.asked("GET", CONFLICTS).is_empty());
}

#[test]
fn monitors_that_a_bake_asks_are_not_said_to_be_left_alone() {
    let mut approved = change_in("approved");
    approved.as_object_mut().unwrap().remove("source");
    approved["monitors"] = json!([{"name": "home", "http": "http://shop.example/"}]);
    let said = |approved: &Value| {
        let api = Api::start().on("GET", CHANGE, 200, approved);
        Place::with_server(&api.url).run(&["implement", "CHG-2026-000123", "--auto-rollback"]).stderr
    };
    let left_alone = "no monitor is asked";
    assert!(said(&approved).contains(left_alone), "{}", said(&approved));
    approved["implementation_plan"]["steps"] = json!([{"name": "watch", "bake": "1m"}]);
    assert!(!said(&approved).contains(left_alone), "{}", said(&approved));
}

#[test]
fn only_the_approved_commit_is_run() {
    let of_commit = |commit: &str| {
        let mut approved = change_in("approved");
        approved["source"]["commit"] = json!(commit);
        approved
    };
    let (ran, others) = implement(&of_commit(&"1".repeat(40)), |place| place);
    ran.ended_with(7).said(&["was approved, but this folder is no git checkout"]);
    assert!(others.is_empty(), "{others:?}");

    let (ran, others) = implement(&of_commit(&"1".repeat(40)), |place| {
        checkout(&place);
        place
    });
    ran.ended_with(7).said(&["was approved, but", "is checked out", "`git checkout 1111"]);
    assert!(others.is_empty(), "{others:?}");

    let place = Place::new();
    let commit = checkout(&place);
    place.write("deploy.sh", "rm everything\n");
    place.write("new.txt", "a file that git does not know\n");
    let api = Api::start().on("GET", CHANGE, 200, &of_commit(&commit));
    let place = place.variable("CORTEX_CHANGE_URL", &api.url).variable("CORTEX_CHANGE_TOKEN", "cct_x");
    let ran = place.run(&["implement", "CHG-2026-000123"]).ended_with(7);
    assert!(!ran.stderr.contains("new.txt"), "{}", ran.stderr);
    ran.said(&["1 files of the working tree differ from the approved commit", "deploy.sh"]);
}

/// A server whose change is validating, and is `after` once it was validated.
fn validating(after: &str) -> Api {
    let answers = [(200, change_in("validating")), (200, change_in(after))];
    Api::start().on_each("GET", CHANGE, &answers).on("POST", VALIDATE, 200, &change_in(after))
}

fn handed_in(api: &Api) -> Vec<Value> {
    api.asked("POST", VALIDATE).into_iter().map(|asked| asked.body).collect()
}

#[test]
fn a_clean_scan_passes() {
    let api = validating("implemented");
    let place = Place::with_server(&api.url);
    place.write("scan.sarif", CLEAN_SCAN);
    place.run(&["validate", "CHG-2026-000123", "--security-scan"]).ended_with(0);
    let detail = "findings at or above medium: 0; below: 0; suppressed: 0; scanned by scanner";
    let checks = json!({"checks": [{"name": "security scan scan.sarif", "passed": true, "detail": detail}]});
    assert_eq!(handed_in(&api), [checks]);
}

#[test]
fn a_scan_that_is_missing_or_broken_fails_the_check() {
    for scan in [None, Some("{"), Some(r#"{"version":"2.1.0","runs":[]}"#)] {
        let api = validating("rolling_back");
        let place = Place::with_server(&api.url);
        scan.iter().for_each(|text| place.write("scan.sarif", text));
        let ran =
            place.run(&["validate", "CHG-2026-000123", "--security-scan", "--no-rollback"]).ended_with(6);
        ran.said(&[
            "the validation failed and CHG-2026-000123 is rolling back",
            "cortex-change rollback CHG-2026-000123",
        ]);
        assert_eq!(handed_in(&api)[0]["checks"][0]["passed"], json!(false), "{scan:?}");
    }
}

#[test]
fn a_mistyped_scan_takes_nothing_back() {
    let api = validating("rolling_back");
    let place = Place::with_server(&api.url);
    let ran = place.run(&["validate", "CHG-2026-000123", "--security-scan", "scna.sarif"]).ended_with(1);
    ran.said(&["there is no file", "scna.sarif"]);
    assert!(api.all_asked().is_empty());
}

#[test]
fn what_is_not_being_validated_is_not_watched_first() {
    let api = Api::start().on("GET", CHANGE, 200, &change_in("approved"));
    let ran = Place::with_server(&api.url).run(&["validate", "CHG-2026-000123", "--sla-check"]).ended_with(1);
    ran.said(&["CHG-2026-000123 is approved, there is nothing to validate", "cortex-change implement"]);
}
