//! What is known to be wrong when a change is handed in, and how it raises the assessment.

use anyhow::{Context as _, Result, ensure};
use jiff::SignedDuration;
use serde_json::{Value, json};
use server::Signal;
use testkit::PrivatePrometheus;

use crate::bad_input::{case, check};
use crate::harness::{Database, TestApp, eventually, on_both_databases, on_sqlite, small, text};
use crate::http::Ask;
use crate::runner::Runner;
use crate::team::{approved, in_steps, team, team_with, validate};

on_sqlite!(
    what_makes_no_sense_is_refused_with_its_place,
    what_is_strange_but_possible_is_taken_cautiously,
    alerts_that_make_no_sense_are_refused,
    the_health_of_the_system_is_known_as_of_submission,
);
on_both_databases!(
    alerts_on_what_is_changed_count_until_they_are_resolved,
    recent_incidents_of_what_is_changed_count,
    findings_are_recorded_raise_the_risk_and_are_bound_to_the_approval,
    files_of_our_own_changes_are_learned_from,
);

fn with_evidence(fields: Value) -> Value {
    let mut request = small("greeter");
    let evidence = request["evidence"].as_object_mut();
    if let (Some(evidence), Value::Object(fields)) = (evidence, fields) {
        evidence.extend(fields);
    }
    request
}

/// The parts of the factor probability that come from `source`.
fn parts<'a>(change: &'a Value, source: &str) -> Vec<&'a Value> {
    let factors = change["risk"]["factors"].as_array();
    let factor = factors.and_then(|all| all.iter().find(|factor| factor["name"] == "probability"));
    let parts = factor.and_then(|factor| factor["contributions"].as_array());
    parts.into_iter().flatten().filter(|part| part["source"] == source).collect()
}

fn rules(change: &Value) -> Vec<&str> {
    let findings = change["risk"]["findings"].as_array();
    findings.into_iter().flatten().map(|finding| text(&finding["rule"])).collect()
}

async fn findings_are_recorded_raise_the_risk_and_are_bound_to_the_approval(
    database: Database,
) -> Result<()> {
    let (app, ann, _) = team(database).await?;
    let clean = ann.create(&small("greeter")).await?;
    assert_eq!((text(&clean["state"]), text(&clean["risk"]["level"])), ("approved", "low"));

    let findings = json!({
        "findings": [
            {"rule": "CVE-2024-3094", "tool": "trivy", "severity": "critical", "component": "xz@5.6.0", "title": "backdoor"},
            {"rule": "SQLI", "tool": "semgrep", "location": "src/db.py:12"},
        ],
        "findings_unlisted": 7,
        "policy_findings": [
            {"rule": "two-replicas", "field": "spec.replicas", "value": "1", "control": "PCI-DSS:6.4"},
        ],
    });
    let found = ann.create(&with_evidence(findings.clone())).await?;
    assert_eq!((text(&found["state"]), text(&found["risk"]["level"])), ("awaiting_approval", "high"));
    for (field, value) in findings.as_object().context("an object")? {
        assert_eq!(&found["evidence"][field], value, "{field} comes back as it was handed in");
    }
    assert_eq!(rules(&found), ["vulnerabilities-reported", "policy-violated"]);
    let [part] = parts(&found, "findings")[..] else { anyhow::bail!("no part of findings: {found}") };
    let sentence = text(&part["sentence"]);
    ensure!(sentence.contains("1 critical, 1 of unknown severity, counted as high, 7 more"), "{sentence}");
    ensure!(
        sentence.contains("found by `semgrep`, `trivy`; the worst is `CVE-2024-3094` in `xz@5.6.0`"),
        "{sentence}"
    );
    assert_eq!(parts(&found, "policy_findings").len(), 1);
    ensure!(found["digest"] != clean["digest"], "findings are part of what is approved");

    // Amending them away is another content: assessed anew, with another digest.
    let id = text(&found["change_id"]);
    let ask = Ask::new("PUT", &format!("/api/v1/changes/{id}")).json(&small("greeter"));
    let version = found["version"].as_u64().context("a version")?;
    let amended = ann.send(ask.header("if-match", &format!("\"{version}\""))).await?.good()?;
    assert_eq!((text(&amended["risk"]["level"]), &amended["digest"]), ("low", &clean["digest"]));
    assert_eq!(app.verified().await?["valid"], json!(true));
    app.stop().await
}

async fn files_of_our_own_changes_are_learned_from(database: Database) -> Result<()> {
    let (mut app, ann, lead) = team(database).await?;
    let touching = |files: Value, total: Value| {
        let mut request = in_steps(&json!([{"name": "one", "run": "true", "undo": "true"}]));
        request["evidence"]["churn"]["files"] = json!(5_000);
        request["evidence"]["files"] = files;
        request["evidence"]["files_total"] = total;
        request
    };
    let files = json!([{"path": "src/payments/ledger.rs", "lines": 90}, {"path": "docs/a b.md", "lines": 2}]);
    let first = touching(files.clone(), json!(5_000));
    let id = approved(&ann, &lead, &first).await?;
    let recorded = ann.change(&id).await?;
    assert_eq!(
        (&recorded["evidence"]["files"], &recorded["evidence"]["files_total"]),
        (&files, &json!(5_000))
    );
    let mut runner = Runner::start(&ann, &id, true).await?;
    runner.work(|_| false).await?;
    runner.finish().await?;
    validate(&ann, &id, true).await?;
    ann.act(&id, "close", &json!({ "status": "success" })).await?;

    let alike = |change: &Value| {
        let similar = change["risk"]["similar"].as_array().cloned().unwrap_or_default();
        let shared = similar.iter().find(|similar| similar["change"] == id.as_str());
        shared.is_some_and(|similar| {
            let shared = similar["shared"].as_array();
            shared.is_some_and(|shared| shared.contains(&json!("src/payments/ledger.rs")))
        })
    };
    let same = touching(json!([{"path": "src/payments/ledger.rs"}]), Value::Null);
    let others = touching(json!([{"path": "src/elsewhere.rs"}]), Value::Null);
    ensure!(alike(&ann.create(&same).await?), "the file is what the two share");
    ensure!(!alike(&ann.create(&others).await?), "these share no file");
    // What was learned is read from the log again.
    app.halt().await?;
    app.revive().await?;
    let ann = app.token("ann", &["request", "read"]).await?;
    ensure!(alike(&ann.create(&same).await?), "the file is known after a restart");
    app.verified().await?;
    app.stop().await
}

async fn recent_incidents_of_what_is_changed_count(database: Database) -> Result<()> {
    let (mut app, ann, lead) = team(database).await?;
    let one = in_steps(&json!([{"name": "one", "run": "true", "undo": "true"}]));
    assert_eq!(parts(&ann.create(&small("greeter")).await?, "incidents_elsewhere").len(), 0);
    let id = approved(&ann, &lead, &one).await?;
    let mut runner = Runner::start(&ann, &id, true).await?;
    runner.work(|_| false).await?;
    runner.finish().await?;
    let failed = validate(&ann, &id, false).await?;
    let incident = text(&failed["incidents"][0]).to_owned();

    let said = |change: &Value, source: &str| -> Vec<String> {
        parts(change, source).into_iter().map(|part| text(&part["sentence"]).to_owned()).collect()
    };
    let open = format!("incidents of what is changed in the last 30 days: 1, not resolved: 1 ({incident})");
    let here = ann.create(&one).await?;
    assert_eq!(said(&here, "recent_incidents"), std::slice::from_ref(&open));
    assert_eq!(parts(&here, "recent_incidents")[0]["value"], json!(1.0));
    let elsewhere = ann.create(&small("greeter")).await?;
    assert_eq!(said(&elsewhere, "recent_incidents"), Vec::<String>::new());
    assert_eq!(
        said(&elsewhere, "incidents_elsewhere"),
        ["incidents of anything else in the last 30 days: 1"]
    );
    // The same is read from the log.
    app.halt().await?;
    app.revive().await?;
    let ann = app.token("ann", &["request", "read"]).await?;
    assert_eq!(said(&ann.create(&one).await?, "recent_incidents"), [open]);
    let resolve = Ask::new("PATCH", &format!("/api/v1/incidents/{incident}"));
    let lead = app.token("lead", &["implement"]).await?;
    lead.send(resolve.json(&json!({ "state": "resolved" }))).await?.good()?;
    let resolved = ann.create(&one).await?;
    ensure!(said(&resolved, "recent_incidents")[0].contains("1, not resolved: 0"), "{resolved}");
    app.verified().await?;
    app.stop().await
}

/// The change as it is assessed once the health of the system says so.
async fn once_health_says(app: &TestApp, words: &str) -> Result<Value> {
    let ann = app.token("ann", &["request", "read"]).await?;
    eventually(&format!("health that says `{words}`"), async || {
        let change = ann.create(&small("greeter")).await?;
        let says = parts(&change, "system_health").iter().any(|part| text(&part["sentence"]).contains(words));
        Ok(says.then_some(change))
    })
    .await
}

async fn the_health_of_the_system_is_known_as_of_submission(database: Database) -> Result<()> {
    let prometheus = PrivatePrometheus::start()?;
    let signal = |name: &str, query: &str, most: Option<f64>, least: Option<f64>| Signal {
        name: name.to_owned(),
        query: query.to_owned(),
        healthy_at_most: most,
        healthy_at_least: least,
    };
    let url = prometheus.url();
    let (app, _, _) = team_with(database, move |config| {
        config.health.prometheus = Some(url);
        config.health.allow_private_network = true;
        config.health.interval_seconds = 5;
        config.health.signals = vec![
            signal("errors", "vector(0.25)", Some(0.5), None),
            signal("replicas", "scalar(vector(2))", None, Some(3.0)),
            signal("lost", "up", Some(1.0), None),
            signal("nan", "vector(0) / 0", Some(1.0), None),
            signal("infinite", "vector(1) / 0", Some(1.0), None),
            signal(
                "several",
                "vector(1) or label_replace(vector(2), \"a\", \"b\", \"\", \"\")",
                Some(1.0),
                None,
            ),
            signal("broken", "sum(", Some(1.0), None),
        ];
    })
    .await?;
    let change = once_health_says(&app, "`errors` is healthy").await?;
    let readings: Vec<_> = parts(&change, "system_health")
        .into_iter()
        .map(|part| {
            let sentence = text(&part["sentence"]);
            let (sentence, _) = sentence.split_once(", read at 2026-").unwrap_or((sentence, ""));
            format!("{} {sentence}", part["value"])
        })
        .collect();
    insta::assert_snapshot!(readings.join("\n"));
    assert_eq!((text(&change["state"]), text(&change["risk"]["level"])), ("awaiting_approval", "medium"));
    let missing = change["risk"]["missing"].to_string();
    ensure!(missing.contains("the health of the system is not known by 5 queries"), "{missing}");

    // An answer that is too old is none, and neither is one that does not come.
    app.pass(SignedDuration::from_secs(16));
    once_health_says(&app, "`errors` is unknown: the last answer is older than 3 intervals").await?;
    once_health_says(&app, "`errors` is healthy").await?;
    drop(prometheus);
    once_health_says(&app, "`errors` is unknown: `127.0.0.1` could not be reached").await?;
    app.verified().await?;
    app.stop().await
}

/// What Alertmanager 0.27 posts, as it is.
fn notification(status: &str, service: &str, ends_at: &str) -> Value {
    json!({
        "receiver": "change",
        "status": status,
        "alerts": [{
            "status": status,
            "labels": {
                "alertname": "HighErrorRate", "instance": "10.0.0.7:8080", "job": "greeter", "service": service,
                "namespace": "shop", "deployment": "greeter", "severity": "critical",
            },
            "annotations": {"summary": "5 % of requests fail", "runbook_url": "https://runbooks.example/errors"},
            "startsAt": "2026-03-02T08:15:30.123Z",
            "endsAt": ends_at,
            "generatorURL": "http://prometheus.example/graph?g0.expr=errors",
            "fingerprint": "9a3f1b2c4d5e6f70",
        }],
        "groupLabels": {"alertname": "HighErrorRate"},
        "commonLabels": {"alertname": "HighErrorRate", "severity": "critical"},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example",
        "version": "4",
        "groupKey": "{}:{alertname=\"HighErrorRate\"}",
        "truncatedAlerts": 0,
    })
}

const FIRING_ENDS: &str = "0001-01-01T00:00:00Z";

async fn alerts_on_what_is_changed_count_until_they_are_resolved(database: Database) -> Result<()> {
    let (mut app, ann, _) = team(database).await?;
    app.register("alertmanager", "service", &json!({ "owner": "ann" })).await?;
    let monitoring = app.token("alertmanager", &["alerts"]).await?;
    let firing = notification("firing", "greeter", FIRING_ENDS);
    let said = |change: &Value| -> Vec<String> {
        parts(change, "alerts").into_iter().map(|part| text(&part["sentence"]).to_owned()).collect()
    };
    let clean = ann.create(&small("greeter")).await?;
    assert_eq!(said(&clean), Vec::<String>::new());
    let taken = monitoring.post("/api/v1/alerts", &firing).await?;
    assert_eq!(taken, json!({ "fired": 1, "resolved": 0, "unchanged": 0 }));
    // Alertmanager repeats itself; nothing is written for it.
    let size = app.log_size().await?;
    let again = monitoring.post("/api/v1/alerts", &firing).await?;
    assert_eq!(again, json!({ "fired": 0, "resolved": 0, "unchanged": 1 }));
    assert_eq!(app.log_size().await?, size);

    let alerted = "active alerts on what is changed: 1, critical: 1 (`HighErrorRate` on `greeter` since 2026-03-02T08:15:30.123Z)";
    let during = ann.create(&small("greeter")).await?;
    assert_eq!(
        (said(&during), &parts(&during, "alerts")[0]["value"]),
        (vec![alerted.to_owned()], &json!(2.0))
    );
    assert_eq!(said(&ann.create(&small("reports")).await?), Vec::<String>::new());
    app.halt().await?;
    app.revive().await?;
    let ann = app.token("ann", &["request", "read"]).await?;
    assert_eq!(said(&ann.create(&small("greeter")).await?), [alerted]);

    let monitoring = app.token("alertmanager", &["alerts"]).await?;
    let resolved = notification("resolved", "greeter", "2026-03-02T09:00:00Z");
    let taken = monitoring.post("/api/v1/alerts", &resolved).await?;
    assert_eq!(taken, json!({ "fired": 0, "resolved": 1, "unchanged": 0 }));
    assert_eq!(said(&ann.create(&small("greeter")).await?), Vec::<String>::new());
    // What comes late does not fire it again.
    for late in [&firing, &resolved] {
        let taken = monitoring.post("/api/v1/alerts", late).await?;
        assert_eq!(taken, json!({ "fired": 0, "resolved": 0, "unchanged": 1 }));
    }
    // The token is good for nothing else, and others are not good for this.
    monitoring.refused("/api/v1/changes", &small("greeter"), 403, "refused-by-policy").await?;
    ann.refused("/api/v1/alerts", &firing, 403, "refused-by-policy").await?;
    app.verified().await?;
    app.stop().await
}

async fn alerts_that_make_no_sense_are_refused(database: Database) -> Result<()> {
    let (app, _, _) = team(database).await?;
    let altered = |path: &[&str], value: Value| {
        let mut body = notification("firing", "greeter", FIRING_ENDS);
        let place = path.iter().fold(&mut body, |place, part| match part.parse::<usize>() {
            Ok(index) => &mut place[index],
            Err(_) => &mut place[part],
        });
        *place = value;
        Ask::post("/api/v1/alerts", &body)
    };
    let bad = |path: &[&str], value, says| case(altered(path, value), 422, "invalid-field", says);
    let unreadable = |path: &[&str], value, says| case(altered(path, value), 400, "unreadable-body", says);
    let one = notification("firing", "greeter", FIRING_ENDS)["alerts"][0].clone();
    let cases = vec![
        bad(&["version"], json!("3"), "`version`: `3` is not accepted: expected `4`"),
        bad(
            &["alerts", "0", "status"],
            json!("sad"),
            "`alerts[0].status`: `sad` is unknown: expected firing or resolved",
        ),
        bad(&["alerts", "0", "startsAt"], json!("NaN"), "`alerts[0].startsAt`: `NaN` is not an instant"),
        bad(
            &["alerts", "0", "fingerprint"],
            json!("../x"),
            "`alerts[0].fingerprint`: expected 1 to 64 letters and digits",
        ),
        bad(&["alerts"], json!(vec![one; 501]), "`alerts`: 501 entries are more than the 500 accepted"),
        unreadable(&["alerts"], json!({}), "`alerts`: invalid type: map"),
        unreadable(
            &["alerts", "0", "labels", "severity"],
            json!(5),
            "`alerts[0].labels.severity`: invalid type: integer `5`",
        ),
    ];
    check(&app, &app.root(), cases).await?;
    app.stop().await
}

#[rustfmt::skip]
async fn what_makes_no_sense_is_refused_with_its_place(database: Database) -> Result<()> {
    let (app, ann, _) = team(database).await?;
    let ask = |fields: Value| Ask::post("/api/v1/changes", &with_evidence(fields));
    let bad = |fields, says| case(ask(fields), 422, "invalid-field", says);
    let unreadable = |fields, says| case(ask(fields), 400, "unreadable-body", says);
    let churn = |lines: i64, files: u64, directories: u64| json!({"churn": {"lines": lines, "files": files, "directories": directories}});
    let finding = |field: &str, value: Value| {
        let mut finding = json!({"rule": "CVE-1", "tool": "trivy"});
        finding[field] = value;
        json!({ "findings": [finding] })
    };
    let long = json!({"rule": "x".repeat(256), "tool": "y".repeat(250)});
    let infinite = small("greeter").to_string().replacen("95.0", "1e999", 1);
    let many_items = json!((0..9_999).map(|number| format!("Deployment/shop/item-{number}")).collect::<Vec<_>>());
    let mut crowded = small("greeter");
    crowded["affected_cis"] = many_items;
    let cases = vec![
        unreadable(churn(-5, 1, 1), "`evidence.churn.lines`: invalid value: integer `-5`"),
        unreadable(json!({"churn": {"lines": 1.5, "files": 1, "directories": 1}}), "`evidence.churn.lines`: invalid type: floating point `1.5`"),
        unreadable(json!({"coverage_percent": "NaN"}), "`evidence.coverage_percent`: invalid type: string \"NaN\""),
        unreadable(json!({"tests": {"passed": "all", "failed": 0}}), "`evidence.tests.passed`: invalid type: string"),
        case(Ask::new("POST", "/api/v1/changes").bytes("application/json", infinite.into_bytes()), 400, "unreadable-body", "`evidence.coverage_percent`: number out of range"),
        bad(churn(i64::MAX, 1, 1), "`evidence.churn.lines`: 9223372036854775807 is out of range"),
        bad(churn(40, 0, 0), "`evidence.churn`: 40 lines in 0 files of 0 directories contradict each other"),
        bad(churn(40, 1, 2), "`evidence.churn`: 40 lines in 1 files of 2 directories contradict each other"),
        bad(json!({"tests": {"passed": 2_000_000_000_u64, "failed": 0}}), "`evidence.tests.passed`: 2000000000 is out of range"),
        bad(json!({"coverage_percent": null, "coverage_basis": "changed_lines"}), "`evidence.coverage_basis`: says of what"),
        bad(json!({"files": [{"path": "a"}, {"path": "b"}, {"path": "c"}]}), "`evidence.files`: 3 files contradict the 2 of `churn`"),
        bad(json!({"files": [{"path": "a"}, {"path": "a"}]}), "`evidence.files`: `a` is listed twice"),
        bad(json!({"files": [{"path": "a\nb"}]}), "`evidence.files[0].path`: `ab` is not the path of a file"),
        bad(json!({"files_total": 2}), "`evidence.files`: no file is listed"),
        unreadable(json!({"findings": "none"}), "`evidence.findings`: invalid type: string \"none\", expected a sequence"),
        unreadable(finding("rule", json!(7)), "`evidence.findings[0].rule`: invalid type: integer `7`, expected a string"),
        unreadable(finding("cvss", json!(9.8)), "`evidence.findings[0].cvss`: unknown field `cvss`"),
        unreadable(json!({"findings_unlisted": -1}), "`evidence.findings_unlisted`: invalid value: integer `-1`"),
        unreadable(json!({"policy_findings": [{"field": "x"}]}), "missing field `rule`"),
        bad(finding("severity", json!("awful")), "`evidence.findings[0].severity`: `awful` is not a severity: expected one of low, medium, high, critical"),
        bad(finding("rule", json!("")), "`evidence.findings[0].rule`: `` is not accepted: expected 1 to 256 bytes on one line"),
        bad(finding("location", json!("a\nb")), "`evidence.findings[0].location`: `ab` is not accepted"),
        bad(finding("title", json!("a\u{0}b")), "`evidence.findings[0].title`: text contains the control character U+0000"),
        bad(json!({"findings": vec![json!({"rule": "A", "tool": "t"}); 101]}), "`evidence.findings`: 101 entries are more than the 100 accepted"),
        bad(json!({"findings": vec![long; 25]}), "`evidence.findings`: rules, tools, components and locations of findings have 12650 bytes together"),
        bad(json!({"findings_unlisted": 3}), "`evidence.findings`: 3 findings are counted and none is listed"),
        bad(json!({"policy_findings": vec![json!({"rule": "A"}); 51]}), "`evidence.policy_findings`: 51 entries are more than the 50 accepted"),
        case(Ask::post("/api/v1/changes", &crowded), 422, "invalid-content", "the names of 10000 services and configuration items have "),
    ];
    check(&app, &ann, cases).await?;
    app.stop().await
}

async fn what_is_strange_but_possible_is_taken_cautiously(database: Database) -> Result<()> {
    let (app, ann, _) = team(database).await?;
    // No test ran, whatever the coverage says.
    let untested =
        with_evidence(json!({"tests": {"passed": 0, "failed": 0, "skipped": 9}, "coverage_percent": 100.0}));
    let untested = ann.create(&untested).await?;
    ensure!(rules(&untested).contains(&"tests-not-passed"), "{untested}");
    assert_eq!(text(&untested["state"]), "awaiting_approval");
    // Nothing changes, and yet it is a change.
    let empty = with_evidence(json!({"churn": {"lines": 0, "files": 0, "directories": 0}}));
    assert_eq!(text(&ann.create(&empty).await?["risk"]["level"]), "low");
    // Thousands of items that nobody has described: each of the first few named, all of them counted as Tier 1.
    let mut crowded = small("greeter");
    crowded["affected_cis"] = json!((0..3_000).map(|number| format!("item-{number}")).collect::<Vec<_>>());
    let crowded = ann.create(&crowded).await?;
    let missing = crowded["risk"]["missing"].to_string();
    ensure!(missing.contains("3000 configuration items not described anywhere"), "{missing}");
    ensure!(missing.contains("and 2980 more"), "{missing}");
    assert_ne!(text(&crowded["risk"]["level"]), "low");
    app.verified().await?;
    app.stop().await
}
