//! What is known to be wrong when a change is handed in, and how it raises the assessment.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::harness::{Database, on_both_databases, small, text};
use crate::http::Ask;
use crate::team::team;

on_both_databases!(findings_are_recorded_raise_the_risk_and_are_bound_to_the_approval,);

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
