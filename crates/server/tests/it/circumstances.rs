//! What is known to be wrong when a change is handed in, and how it raises the assessment.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::harness::{Database, on_both_databases, small, text};
use crate::http::Ask;
use crate::runner::Runner;
use crate::team::{approved, in_steps, team, validate};

on_both_databases!(
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
