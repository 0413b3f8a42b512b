use adapters::scan::findings::{MAX_FINDINGS, MostSevere, ReadFindings, read_findings};
use domain::change::reported::{FINDINGS_BYTES_MAX, FINDINGS_MAX};
use domain::change::{FindingSeverity, ReportedFinding};
use serde_json::{Value, json};

use super::{Written, message};

fn read(content: &Value) -> ReadFindings {
    read_findings(&Written::new("findings.json", content.to_string()).path).unwrap()
}

fn refusal(content: impl AsRef<[u8]>) -> String {
    let report = Written::new("findings.json", content);
    message(&read_findings(&report.path).unwrap_err(), &report.path)
}

/// `CVE-1 (tool) critical in component at location: title`.
fn shown(finding: &ReportedFinding) -> String {
    let ReportedFinding { rule, tool, severity, component, location, title } = finding;
    let severity = severity.map_or("unknown", FindingSeverity::as_str);
    let component = component.as_ref().map(|text| format!(" in {text}")).unwrap_or_default();
    let location = location.as_ref().map(|text| format!(" at {text}")).unwrap_or_default();
    let title = title.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
    format!("{rule} ({tool}) {severity}{component}{location}{title}")
}

fn all(content: &Value) -> Vec<String> {
    read(content).findings.iter().map(shown).collect()
}

#[test]
fn a_sarif_log_is_recognised() {
    let log = json!({"version": "2.1.0", "runs": [{
        "tool": {"driver": {"name": "semgrep"}},
        "results": [
            {"ruleId": "SQLI", "level": "error", "message": {"text": "query from input\nmore"}, "locations": [
                {"physicalLocation": {"artifactLocation": {"uri": "src/db.py"}, "region": {"startLine": 12}}}]},
            {"level": "none", "message": {"text": " "}},
            {"ruleId": "OLD", "suppressions": [{"kind": "external"}]},
        ],
    }]});
    assert_eq!(
        all(&log),
        ["SQLI (semgrep) high at src/db.py:12: query from input more", "unnamed rule (semgrep) low"]
    );
    assert_eq!(read(&log).suppressed, 1);
}

#[test]
fn a_bill_of_materials_gives_components_and_the_worst_rating() {
    let bom = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.5",
        "metadata": {"tools": {"components": [{"type": "application", "name": "trivy"}]}},
        "components": [
            {"bom-ref": "a", "name": "openssl", "version": "3.0.1", "components": [{"bom-ref": "b", "name": "zlib"}]},
        ],
        "vulnerabilities": [
            {"id": "CVE-1", "ratings": [{"severity": "low"}, {"severity": "critical"}], "affects": [{"ref": "a"}, {"ref": "b"}],
             "description": "\n  heap overflow\nmore"},
            {"id": "CVE-2", "ratings": [{"severity": "unknown", "score": 7.5}], "affects": [{"ref": "b"}]},
            {"id": "CVE-3", "affects": [{"ref": "urn:elsewhere"}], "analysis": {"state": "in_triage"}},
            {"id": "CVE-4", "ratings": [{"severity": "critical"}], "analysis": {"state": "not_affected"}},
        ],
    });
    assert_eq!(
        all(&bom),
        [
            "CVE-1 (trivy) critical in openssl@3.0.1 and 1 more: heap overflow",
            "CVE-2 (trivy) high in zlib",
            "CVE-3 (trivy) unknown in urn:elsewhere",
        ]
    );
    assert_eq!(read(&bom).suppressed, 1);
    let old = json!({"bomFormat": "CycloneDX", "metadata": {"tools": [{"name": "grype"}]}, "vulnerabilities": [{"id": "X"}]});
    assert_eq!(all(&old), ["X (grype) unknown"]);
}

#[test]
fn the_output_of_osv_scanner_counts_a_vulnerability_once_whatever_it_is_called() {
    let record = |id: &str, extra: Value| {
        let mut record =
            json!({"id": id, "summary": format!("about {id}"), "modified": "2024-01-01T00:00:00Z"});
        record.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        record
    };
    let output = json!({"results": [{
        "source": {"path": "/src/Cargo.lock", "type": "lockfile"},
        "packages": [{
            "package": {"name": "time", "version": "0.1.0", "ecosystem": "crates.io"},
            "vulnerabilities": [
                record("GHSA-1", json!({"database_specific": {"severity": "MODERATE"}})),
                record("RUSTSEC-1", json!({})),
                record("GHSA-2", json!({"database_specific": {"severity": "MODERATE"}})),
                record("GHSA-3", json!({"severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]})),
                record("GHSA-4", json!({"severity": [{"type": "CVSS_V4", "score": "CVSS:4.0/AV:N"}]})),
                record("GHSA-5", json!({"withdrawn": "2024-02-01T00:00:00Z"})),
            ],
            "groups": [
                {"ids": ["RUSTSEC-1", "GHSA-1"], "max_severity": "8.1"},
                {"ids": ["GHSA-2"], "max_severity": ""},
            ],
        }],
    }]});
    assert_eq!(
        all(&output),
        [
            "GHSA-1 (osv-scanner) high in time@0.1.0 at /src/Cargo.lock: about GHSA-1",
            "GHSA-2 (osv-scanner) medium in time@0.1.0 at /src/Cargo.lock: about GHSA-2",
            "GHSA-3 (osv-scanner) critical in time@0.1.0 at /src/Cargo.lock: about GHSA-3",
            "GHSA-4 (osv-scanner) unknown in time@0.1.0 at /src/Cargo.lock: about GHSA-4",
        ]
    );
    assert_eq!(read(&output).suppressed, 1);
    assert_eq!(all(&json!({"results": []})), Vec::<String>::new());
}

#[test]
fn a_single_record_is_a_finding() {
    let record = json!({
        "id": "GHSA-c3h9", "schema_version": "1.4.0", "details": "Long\ntext",
        "affected": [{"package": {"ecosystem": "PyPI", "name": "flask"}}],
        "database_specific": {"severity": "HIGH", "cwe_ids": []},
    });
    assert_eq!(all(&record), ["GHSA-c3h9 (osv) high in flask: Long"]);
}

#[test]
fn what_is_no_file_of_findings_is_refused_with_file_and_field() {
    let many: Vec<_> = (0..=MAX_FINDINGS).map(|number| json!({"id": number.to_string()})).collect();
    let nested = |depth| format!("{}{}", "{\"components\": [".repeat(depth), "]}".repeat(depth));
    let deep = format!("{{\"bomFormat\": \"\", \"components\": [{}]}}", nested(1_000));
    let bad: Vec<(String, &[&str])> = vec![
        (String::new(), &["`findings.json` line 1 is not a JSON object", "EOF"]),
        ("<xml/>".into(), &["line 1 is not a JSON object", "expected value"]),
        ("[]".into(), &["is not a JSON object"]),
        (
            "{}".into(),
            &["`findings.json` is no file of findings; hand over SARIF 2.1.0 (`runs`), CycloneDX JSON"],
        ),
        (json!({"id": "CVE-1"}).to_string(), &["is no file of findings"]),
        (
            json!({"bomFormat": "CycloneDX", "components": []}).to_string(),
            &["has no `vulnerabilities`, so it shows no scan"],
        ),
        (
            json!({"bomFormat": "CycloneDX", "vulnerabilities": {}}).to_string(),
            &["`vulnerabilities`", "invalid type: map"],
        ),
        (
            json!({"bomFormat": "CycloneDX", "vulnerabilities": [{"id": "A"}, {"id": 5}]}).to_string(),
            &["`vulnerabilities[1].id`", "invalid type: integer `5`, expected a string"],
        ),
        (
            json!({"bomFormat": "CycloneDX", "vulnerabilities": [{"ratings": [{"severity": "awful"}]}]})
                .to_string(),
            &[
                "`vulnerabilities[0].ratings[0].severity`",
                "unknown variant `awful`, expected one of `critical`",
            ],
        ),
        (
            json!({"bomFormat": "CycloneDX", "vulnerabilities": many}).to_string(),
            &["`vulnerabilities", "expected a list of at most 25000 entries"],
        ),
        (
            json!({"results": [{"packages": [{}]}]}).to_string(),
            &["`results[0].packages[0]", "missing field `package`"],
        ),
        (json!({"results": null, "runs": null}).to_string(), &["is no file of findings"]),
        (json!({"id": 7, "affected": []}).to_string(), &["is not an OSV record: `id`"]),
        (json!({"version": "1.0", "runs": []}).to_string(), &["the SARIF version is `1.0`"]),
        (deep, &["recursion limit exceeded"]),
    ];
    for (content, says) in bad {
        let said = refusal(&content);
        for words in says {
            let start: String = content.chars().take(80).collect();
            assert!(said.contains(words), "`{words}` is not in `{said}` about {start}");
        }
    }
    assert!(refusal(b"\xff\xfe").contains("is not UTF-8"));
}

#[test]
fn the_most_severe_are_listed_and_the_others_counted() {
    let vulnerability = |number: usize, severity: &str, text: &str| json!({"id": format!("CVE-{number}{text}"), "ratings": [{"severity": severity}]});
    let of = |list: Vec<Value>| {
        MostSevere::of(read(&json!({"bomFormat": "CycloneDX", "vulnerabilities": list})).findings)
    };
    let mut list: Vec<_> = (0..300).map(|number| vulnerability(number, "medium", "")).collect();
    list.push(vulnerability(299, "critical", ""));
    list.push(vulnerability(7, "low", ""));
    let MostSevere { listed, unlisted } = of(list);
    assert_eq!((listed.len(), unlisted), (FINDINGS_MAX, 200));
    assert_eq!(
        (shown(&listed[0]), shown(&listed[1])),
        ("CVE-299 (cyclonedx) critical".to_owned(), "CVE-0 (cyclonedx) medium".to_owned())
    );
    let long = of((0..90).map(|number| vulnerability(number, "low", &"x".repeat(230))).collect());
    let bytes: usize = long.listed.iter().map(ReportedFinding::bytes).sum();
    assert!(bytes <= FINDINGS_BYTES_MAX && bytes > FINDINGS_BYTES_MAX - 300, "{bytes}");
    assert_eq!(long.listed.len() as u64 + long.unlisted, 90);
}
