//! `create`: what is sent, what is printed, what the following steps are handed.

use serde_json::{Value, json};

use crate::api::{Api, change_in, problem};
use crate::program::Place;

const PLAN: &str = "\
affected_services: [cart]
environment: production
implementation_plan:
  steps:
    - name: deploy
      run: ./deploy.sh
      undo: ./deploy.sh --previous
rollback_plan: {automated: true}
";
const COVERAGE: &str = "SF:src/pay.rs\nDA:1,1\nDA:2,0\nend_of_record\n";
const JUNIT: &str = "<testsuite><testcase name='a'/><testcase name='b'/></testsuite>";

fn api() -> Api {
    Api::start().on("POST", "/changes", 201, &change_in("approved"))
}

/// A checkout with two commits, a plan and reports.
fn checkout(place: &Place) -> String {
    place.git(&["init", "--quiet", "--initial-branch=main"]);
    place.git(&["remote", "add", "origin", "https://user:password@git.example/shop/cart.git"]);
    place.write("README.md", "cart\n");
    place.git(&["add", "."]);
    place.git(&["commit", "--quiet", "--message=Begin"]);
    std::fs::create_dir(place.path().join("src")).unwrap();
    place.write("src/pay.rs", "fn pay() {}\nfn repeat() {}\n");
    place.write("settings.toml", "retries = 3\n");
    place.write(".cortex-change.yaml", PLAN);
    place.git(&["add", "."]);
    place.git(&["commit", "--quiet", "--message=Fix payments without an answer\n\nThey are repeated."]);
    place.git(&["rev-parse", "HEAD"])
}

fn sent(api: &Api) -> Value {
    let asked = api.asked("POST", "/changes");
    assert_eq!(asked.len(), 1);
    asked[0].body.clone()
}

#[test]
fn the_pipelines_command_needs_no_more_than_git_knows() {
    let api = api();
    let place = Place::with_server(&api.url);
    let commit = checkout(&place);
    place.write("lcov.info", COVERAGE);
    place.write("junit.xml", JUNIT);
    let ran = place
        .run(&[
            "create",
            "--type",
            "normal",
            "--category",
            "deployment",
            "--service",
            "cart-backend",
            "--branch",
            "refs/heads/main",
            "--commit",
            &commit,
            "--coverage",
            "lcov.info",
            "--test-results",
            "junit.xml",
        ])
        .ended_with(0);
    assert_eq!(ran.stdout, "CHG-2026-000123\n");
    let mut sent = sent(&api);
    assert_eq!(sent["source"]["commit"], json!(commit));
    let description = sent["description"].as_str().unwrap().to_owned();
    assert!(description.starts_with("They are repeated.\n\nCommit "), "{description}");
    assert!(description.contains(&format!("Commit {} by Ada Lovelace, ", &commit[..12])), "{description}");
    sent["source"]["commit"] = json!("COMMIT");
    sent["description"] = json!("DESCRIPTION");
    insta::assert_json_snapshot!(sent);
}

#[test]
fn following_steps_are_handed_the_id() {
    let api = api();
    let place = Place::with_server(&api.url)
        .variable("GITHUB_ENV", "github-env")
        .variable("GITHUB_OUTPUT", "github-output");
    checkout(&place);
    place.write("github-env", "OTHER=1");
    place.run(&["create", "--type", "normal", "--category", "deployment"]).ended_with(0);
    assert_eq!(place.read("github-env"), "OTHER=1\nchange_id=CHG-2026-000123\n");
    assert_eq!(place.read("github-output"), "change_id=CHG-2026-000123\n");
    assert!(!place.path().join("cortex-change.env").exists());
}

#[test]
fn gitlab_gets_a_dotenv_file() {
    let api = api();
    let place = Place::with_server(&api.url).variable("GITLAB_CI", "true");
    checkout(&place);
    place.run(&["create", "--type", "normal", "--category", "deployment"]).ended_with(0);
    assert_eq!(place.read("cortex-change.env"), "change_id=CHG-2026-000123\n");
}

#[test]
fn a_created_change_that_cannot_be_handed_over_is_still_printed() {
    let api = api();
    let place = Place::with_server(&api.url).variable("GITHUB_ENV", "missing/folder/env");
    checkout(&place);
    let ran = place.run(&["create", "--type", "normal", "--category", "deployment"]).ended_with(1);
    assert_eq!(ran.stdout, "CHG-2026-000123\n");
    ran.said(&["CHG-2026-000123 was created", "missing/folder/env", "it gives the same change"]);
}

#[test]
fn one_run_of_a_pipeline_asks_with_one_key_and_people_with_a_new_one_each_time() {
    let key = |variables: &[(&str, &str)]| {
        let api = api();
        let place = variables
            .iter()
            .fold(Place::with_server(&api.url), |place, (name, value)| place.variable(name, value));
        let arguments =
            ["create", "--type", "normal", "--category", "deployment", "--title", "x", "--service", "cart"];
        place.run(&arguments).ended_with(0);
        api.asked("POST", "/changes")[0].header("idempotency-key").unwrap().to_owned()
    };
    let run = [("GITHUB_RUN_ID", "7"), ("GITHUB_RUN_ATTEMPT", "1"), ("GITHUB_JOB", "deploy")];
    assert_eq!(key(&run), key(&run));
    assert!(key(&run).starts_with("pipeline-"));
    assert_ne!(key(&[]), key(&[]));
}

#[test]
fn without_a_checkout_everything_that_is_missing_is_named_at_once() {
    let place = Place::with_server("http://127.0.0.1:1");
    let ran = place.run(&["create"]).ended_with(2);
    insta::assert_snapshot!(ran.stderr);
}

#[test]
fn without_a_checkout_flags_give_the_facts() {
    let api = api();
    let place = Place::with_server(&api.url).variable("GITHUB_REPOSITORY", "shop/cart");
    let commit = "1".repeat(40);
    place
        .run(&[
            "create",
            "--type",
            "emergency",
            "--category",
            "security",
            "--ci",
            "K8S-CART",
            "--title",
            "Close the hole",
            "--commit",
            &commit,
            "--window",
            "2026-01-31T14:00:00Z/2026-01-31T16:00:00Z",
            "--artefact",
            "cart=sha256:77aa",
        ])
        .ended_with(0);
    insta::assert_json_snapshot!(sent(&api));
}

#[test]
fn a_whole_request_is_sent_as_it_is_read_from_json_yaml_or_standard_input() {
    let request = json!({
        "change_id": "EXT-1", "type": "normal", "category": "deployment", "title": "From a file",
        "affected_services": ["cart"], "affected_cis": [],
    });
    let yaml = "change_id: EXT-1\ntype: normal\ncategory: deployment\ntitle: From a file\naffected_services: [cart]\naffected_cis: []\n";
    for (file, text, input) in [
        ("request.json", request.to_string(), ""),
        ("request.yaml", yaml.to_owned(), ""),
        ("-", String::new(), yaml),
    ] {
        let api = api();
        let place = Place::with_server(&api.url);
        checkout(&place);
        if file != "-" {
            place.write(file, &text);
        }
        place.run_with_input(&["create", "--file", file], input).ended_with(0);
        assert_eq!(sent(&api), request, "{file}");
    }
}

#[test]
fn flags_count_more_than_the_file() {
    let api = api();
    let place = Place::with_server(&api.url);
    place.write(
        "request.yaml",
        "type: normal\ncategory: deployment\ntitle: From a file\naffected_services: [cart]\n",
    );
    place.run(&["create", "--file", "request.yaml", "--title", "Typed", "--draft"]).ended_with(0);
    let sent = sent(&api);
    assert_eq!(
        (&sent["title"], &sent["draft"], &sent["type"]),
        (&json!("Typed"), &json!(true), &json!("normal"))
    );
}

#[test]
fn input_that_cannot_be_used_is_named_and_nothing_is_sent() {
    let check = |name: &str, text: &str, arguments: &[&str], expected: &[&str]| {
        let api = api();
        let place = Place::with_server(&api.url);
        checkout(&place);
        place.write(name, text);
        let ran =
            place.run(&[&["create", "--type", "normal", "--category", "deployment"], arguments].concat());
        let ran = ran.ended_with(1).said(expected);
        assert_eq!(ran.stdout, "");
        assert_eq!(api.all_asked(), [""; 0], "{name}");
    };
    check(
        "request.json",
        "[object Object]",
        &["--file", "request.json"],
        &["`request.json` cannot be used", "line 1 column 2"],
    );
    check("request.json", r#"{"titel": "x"}"#, &["--file", "request.json"], &["unknown field `titel`"]);
    check(
        "plan.yaml",
        "implementation_plan:\n  stepz: []\n",
        &["--plan", "plan.yaml"],
        &["plan.yaml", "stepz", "line 2"],
    );
    check(
        "plan.yaml",
        "monitors:\n  - name: m\n",
        &["--plan", "plan.yaml"],
        &["monitors[0]", "one of http, run, prometheus"],
    );
    check(
        "x",
        "",
        &["--plan", "missing.yaml"],
        &["there is no `", "missing.yaml`", "`cortex-change init` writes one"],
    );
    check("lcov.info", "", &["--coverage", "lcov.info"], &["lcov.info"]);
    check("junit.xml", "<testsuite>", &["--test-results", "junit.xml"], &["junit.xml"]);
    check("x", "", &["--commit", "deadbeef"], &["`deadbeef` names no commit in this repository"]);
    check("x", "", &["--title", "two\nlines"], &["at title:", "text has several lines"]);
}

#[test]
fn reports_that_a_build_has_not_left_behind_are_said_to_be_unknown() {
    let api = api();
    let place = Place::with_server(&api.url);
    checkout(&place);
    place.write(".cortex-change.yaml", &format!("{PLAN}coverage: lcov.info\ntest_results: [a.xml, b.xml]\n"));
    place.write("a.xml", JUNIT);
    place
        .run(&["create", "--type", "normal", "--category", "deployment"])
        .ended_with(0)
        .said(&["lcov.info` is not there", "b.xml` is not there"]);
    let evidence = &sent(&api)["evidence"];
    // A part of the results could hide the failures in the rest.
    assert!(evidence.get("tests").is_none() && evidence.get("coverage_percent").is_none(), "{evidence}");
}

#[test]
fn a_reused_key_is_the_servers_refusal() {
    let mut body = problem(422, "idempotency-key-reused", "the idempotency key was used for another request");
    body["next_step"] = json!("use a new key for a new request");
    let api = Api::start().on("POST", "/changes", 422, &body);
    let place = Place::with_server(&api.url);
    let ran = place.run(&[
        "create",
        "--type",
        "normal",
        "--category",
        "other",
        "--title",
        "x",
        "--service",
        "cart",
        "--idempotency-key",
        "mine",
    ]);
    ran.ended_with(1).said(&["was used for another request", "next: use a new key"]);
    assert_eq!(api.asked("POST", "/changes")[0].header("idempotency-key"), Some("mine"));
}

#[test]
fn the_files_with_the_most_lines_are_listed_and_all_are_counted() {
    let api = api();
    let place = Place::with_server(&api.url);
    checkout(&place);
    for number in 0..1_005 {
        place.write(&format!("file-{number:04}"), &"line\n".repeat(1 + number % 3));
    }
    place.git(&["add", "."]);
    place.git(&["commit", "--quiet", "--message=Add much"]);
    place.run(&["create", "--type", "normal", "--category", "deployment"]).ended_with(0);
    let evidence = &sent(&api)["evidence"];
    let files = evidence["files"].as_array().unwrap();
    assert_eq!((files.len(), &evidence["files_total"]), (1_000, &json!(1_005)));
    assert_eq!(files[0], json!({"path": "file-0002", "lines": 3}));
    assert_eq!(files[999], json!({"path": "file-0987", "lines": 1}));
}

#[test]
fn findings_of_scanners_are_handed_in_the_worst_first() {
    let api = api();
    let place = Place::with_server(&api.url);
    checkout(&place);
    place.write(
        "semgrep.sarif",
        r#"{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "semgrep"}}, "results": [
            {"ruleId": "SQLI", "level": "warning", "message": {"text": "query from input"}}]}]}"#,
    );
    place.write(
        "bom.json",
        r#"{"bomFormat": "CycloneDX", "vulnerabilities": [
            {"id": "CVE-1", "ratings": [{"severity": "critical"}]},
            {"id": "CVE-2", "analysis": {"state": "not_affected"}}]}"#,
    );
    let arguments = ["create", "--type", "normal", "--category", "deployment"];
    let findings = ["--findings", "semgrep.sarif", "--findings", "bom.json"];
    place
        .run(&[&arguments[..], &findings[..]].concat())
        .ended_with(0)
        .said(&["findings that somebody marked as no problem are not handed in: 1"]);
    let evidence = &sent(&api)["evidence"];
    assert_eq!(
        evidence["findings"],
        json!([
            {"rule": "CVE-1", "tool": "cyclonedx", "severity": "critical"},
            {"rule": "SQLI", "tool": "semgrep", "severity": "medium", "title": "query from input"},
        ])
    );
    assert!(evidence.get("findings_unlisted").is_none() && evidence.get("churn").is_some(), "{evidence}");

    place.write("notes.json", "{}");
    let ran = place.run(&[&arguments[..], &["--findings", "notes.json"]].concat()).ended_with(1);
    ran.said(&["notes.json` is no file of findings; hand over SARIF 2.1.0"]);
    let ran = place.run(&[&arguments[..], &["--findings", "missing.json"]].concat()).ended_with(1);
    ran.said(&["cannot read `", "missing.json`"]);
}
