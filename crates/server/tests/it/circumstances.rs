//! What is known to be wrong when a change is handed in, and how it raises the assessment.

use anyhow::{Context as _, Result, ensure};
use jiff::SignedDuration;
use serde_json::{Value, json};
use server::Signal;
use testkit::PrivatePrometheus;

use crate::harness::{Database, TestApp, eventually, on_both_databases, on_sqlite, small, text};
use crate::http::Ask;
use crate::runner::Runner;
use crate::team::{approved, in_steps, team, team_with, validate};

on_sqlite!(the_health_of_the_system_is_known_as_of_submission,);
on_both_databases!(
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
