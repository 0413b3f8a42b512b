use adapters::scan::sarif::{Finding, Findings, Level, MAX_RESULTS_PER_RUN, Severity, read_sarif};
use serde_json::{Value, json};

use super::{Written, message};

fn findings(log: &Value) -> Findings {
    let report = Written::new("scan.sarif", log.to_string());
    read_sarif(&report.path).unwrap()
}

fn refusal(content: impl AsRef<[u8]>) -> String {
    let report = Written::new("scan.sarif", content);
    message(&read_sarif(&report.path).unwrap_err(), &report.path)
}

/// A log of one completed scan with these rules and results.
fn log(rules: Value, results: Value) -> Value {
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "scanner", "version": "1", "rules": rules}},
            "invocations": [{"executionSuccessful": true}],
            "results": results,
        }],
    })
}

fn only(log: &Value) -> Finding {
    let found = findings(log);
    let [finding] = found.all() else { panic!("{found:?}") };
    finding.clone()
}

#[test]
fn a_finding_has_rule_level_severity_message_and_location() {
    let rules = json!([{"id": "SQLI", "properties": {"security-severity": "9.8", "tags": ["security"]}}]);
    let results = json!([{
        "ruleId": "SQLI",
        "ruleIndex": 0,
        "level": "error",
        "message": {"text": "query built from input\n"},
        "locations": [
            {"physicalLocation": {"artifactLocation": {"uri": "src/db.py"}, "region": {"startLine": 12}}},
            {"unknown": true},
        ],
        "suppressions": null,
    }]);
    let finding = only(&log(rules, results));
    assert_eq!(finding.rule_id.as_deref(), Some("SQLI"));
    assert_eq!(finding.level, Level::Error);
    assert_eq!(finding.security_severity.unwrap().tenths(), 98);
    assert_eq!(finding.severity(), Some(Severity::Critical));
    assert_eq!(finding.message, "query built from input ");
    assert_eq!((finding.path.as_deref(), finding.line), (Some("src/db.py"), Some(12)));
    assert_eq!(finding.tool, "scanner");
}

#[test]
fn the_level_is_the_results_or_the_rules_or_a_warning() {
    let rules = json!([{"id": "A", "defaultConfiguration": {"level": "note"}}, {"id": "B"}, {"id": "C", "defaultConfiguration": {}}]);
    for (result, expected) in [
        (json!({"ruleId": "A", "level": "error"}), Level::Error),
        (json!({"ruleId": "A"}), Level::Note),
        (json!({"ruleId": "A/sub/rule"}), Level::Note),
        (json!({"ruleIndex": 0}), Level::Note),
        (json!({"rule": {"index": 0}}), Level::Note),
        (json!({"rule": {"id": "A"}, "ruleIndex": -1}), Level::Note),
        (json!({"ruleId": "A", "kind": "fail"}), Level::Note),
        (json!({"ruleId": "A", "kind": "informational"}), Level::None),
        (json!({"ruleId": "A", "kind": "pass"}), Level::None),
        (json!({"ruleId": "B"}), Level::Warning),
        (json!({"ruleId": "C"}), Level::Warning),
        (json!({"ruleId": "unknown", "ruleIndex": 99}), Level::Warning),
        (json!({}), Level::Warning),
    ] {
        assert_eq!(only(&log(rules.clone(), json!([result]))).level, expected, "{result}");
    }
}

#[test]
fn rules_of_extensions_are_found() {
    let mut log = log(json!([{"id": "A", "defaultConfiguration": {"level": "note"}}]), json!([]));
    log["runs"][0]["tool"]["extensions"] = json!([{"name": "pack", "rules": [{"id": "X", "messageStrings": {"m": {"text": "from the rule"}}, "defaultConfiguration": {"level": "error"}}]}]);
    log["runs"][0]["results"] =
        json!([{"rule": {"index": 0, "toolComponent": {"index": 0}}, "message": {"id": "m"}}]);
    let finding = only(&log);
    assert_eq!((finding.level, finding.rule_id.as_deref()), (Level::Error, Some("X")));
    assert_eq!(finding.message, "from the rule");
}

#[test]
fn security_severities_fall_into_bands() {
    for (text, expected) in [
        (json!("10.0"), Severity::Critical),
        (json!("9"), Severity::Critical),
        (json!(9.0), Severity::Critical),
        (json!("8.99"), Severity::High),
        (json!("7.0"), Severity::High),
        (json!("6.9"), Severity::Medium),
        (json!("4.0"), Severity::Medium),
        (json!("3.9"), Severity::Low),
        (json!("0.0"), Severity::Low),
    ] {
        let result = json!([{"level": "error", "properties": {"security-severity": text}}]);
        assert_eq!(only(&log(json!([]), result)).severity(), Some(expected), "{text}");
    }
    for text in [
        json!("NaN"),
        json!("-1.0"),
        json!("10.1"),
        json!("10.01"),
        json!("99999"),
        json!("7."),
        json!(""),
        json!("high"),
        json!(true),
        json!("1.x"),
    ] {
        let rules = json!([{"id": "A", "properties": {"security-severity": text}}]);
        let shown = text.as_str().map_or_else(|| text.to_string(), str::to_owned);
        assert_eq!(
            refusal(log(rules, json!([{"ruleId": "A"}])).to_string()),
            format!(
                "`scan.sarif`: `security-severity` of `A` is `{shown}`; it must be a decimal number from 0.0 to 10.0"
            )
        );
    }
}

#[test]
fn thresholds_select_findings_of_that_severity_or_worse() {
    let results = json!([
        {"ruleId": "none", "level": "none"},
        {"ruleId": "note", "level": "note"},
        {"ruleId": "warning", "level": "warning"},
        {"ruleId": "error", "level": "error"},
        {"ruleId": "critical", "level": "note", "properties": {"security-severity": "9.1"}},
        {"ruleId": "refined", "level": "error", "properties": {"security-severity": "4.1"}},
    ]);
    let found = findings(&log(json!([]), results));
    for (threshold, expected) in [
        ("low", vec!["note", "warning", "error", "critical", "refined"]),
        ("note", vec!["note", "warning", "error", "critical", "refined"]),
        ("medium", vec!["warning", "error", "critical", "refined"]),
        ("high", vec!["error", "critical"]),
        ("error", vec!["error", "critical"]),
        ("critical", vec!["critical"]),
    ] {
        let selected: Vec<_> = found
            .at_or_above(threshold.parse().unwrap())
            .filter_map(|finding| finding.rule_id.as_deref())
            .collect();
        assert_eq!(selected, expected, "{threshold}");
    }
    assert_eq!(
        "severe".parse::<Severity>().unwrap_err().to_string(),
        "`severe` is not a severity; give critical, high (or error), medium (or warning) or low (or note)"
    );
}

#[test]
fn accepted_suppressions_are_counted_and_left_out() {
    let results = json!([
        {"ruleId": "by comment", "suppressions": [{"kind": "inSource"}]},
        {"ruleId": "accepted", "suppressions": [{"kind": "external", "status": "accepted"}]},
        {"ruleId": "rejected", "suppressions": [{"kind": "external", "status": "rejected"}]},
        {"ruleId": "in doubt", "suppressions": [{"kind": "inSource"}, {"kind": "external", "status": "underReview"}]},
        {"ruleId": "never", "suppressions": []},
        {"ruleId": "gone", "baselineState": "absent"},
        {"ruleId": "old", "baselineState": "unchanged"},
    ]);
    let found = findings(&log(json!([]), results));
    let left: Vec<_> = found.all().iter().filter_map(|finding| finding.rule_id.as_deref()).collect();
    assert_eq!(left, ["rejected", "in doubt", "never", "old"]);
    assert_eq!(found.suppressed(), 2);
}

#[test]
fn a_completed_scan_without_findings_is_clean_and_several_runs_add_up() {
    let clean = findings(&log(json!([]), json!([])));
    assert_eq!((clean.all().len(), clean.suppressed(), clean.tools()), (0, 0, &["scanner".to_owned()][..]));
    let mut two = log(json!([]), json!([{"ruleId": "A"}]));
    two["runs"] = json!([two["runs"][0], two["runs"][0]]);
    assert_eq!((findings(&two).all().len(), findings(&two).tools().len()), (2, 2));
}

#[test]
fn logs_that_show_no_completed_scan_are_refused() {
    let good = log(json!([]), json!([]));
    let with = |pointer: &str, value: Value| {
        let mut changed = good.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        changed.to_string()
    };
    for (content, expected) in [
        (
            String::new(),
            "`scan.sarif` line 1 is not a SARIF 2.1.0 log; have the scanner write SARIF 2.1.0 as JSON: EOF",
        ),
        ("[]".to_owned(), "is not a SARIF 2.1.0 log"),
        ("<sarif/>".to_owned(), "is not a SARIF 2.1.0 log"),
        ("{}".to_owned(), "`scan.sarif`: the SARIF version is ``; it must be `2.1.0`"),
        (with("/version", json!("2.0.0")), "`scan.sarif`: the SARIF version is `2.0.0`; it must be `2.1.0`"),
        ("{\"version\":\"2.1.0\"}".to_owned(), "`scan.sarif` has no `runs`, so it shows no scan"),
        (with("/runs", Value::Null), "`scan.sarif` has no `runs`"),
        (with("/runs", json!([])), "`scan.sarif` has no `runs`"),
        (
            with("/runs/0/results", Value::Null),
            "the run of `scanner` has no `results`, so the scan did not finish; run it again",
        ),
        (
            with("/runs/0/invocations/0/executionSuccessful", json!(false)),
            "`scan.sarif`: the scan of `scanner` did not finish (`executionSuccessful` is false); run it again",
        ),
        (with("/runs/0/results", json!({})), "invalid type: map, expected a list of at most 25000 entries"),
        (with("/runs/0/results", json!([{"level": "fatal"}])), "unknown variant `fatal`, expected one of"),
        (
            with("/runs/0/results", json!([{"ruleIndex": 1.5}])),
            "invalid type: floating point `1.5`, expected i64",
        ),
        (with("/runs/0/tool", json!({})), "missing field `driver`"),
    ] {
        let refused = refusal(&content);
        assert!(refused.contains(expected), "{content}: {refused}");
    }
    let lines = "{\n \"version\": \"2.1.0\",\n \"runs\": 1\n}".to_owned();
    assert!(refusal(lines).starts_with("`scan.sarif` line 3 is not a SARIF 2.1.0 log"));
}

#[test]
fn oversized_deep_and_garbled_logs_are_refused() {
    let results = vec![json!({}); MAX_RESULTS_PER_RUN + 1];
    let refused = refusal(log(json!([]), json!(results)).to_string());
    assert!(refused.contains("invalid length 25001, expected a list of at most 25000 entries"), "{refused}");
    let nested = "[".repeat(100_000);
    let deep = log(json!([{"properties": {"security-severity": "deep"}}]), json!([]))
        .to_string()
        .replace("\"deep\"", &nested);
    assert!(refusal(deep).contains("recursion limit exceeded"));
    assert!(refusal(format!("{{\"unknown\":{nested}")).contains("EOF while parsing"));
    assert!(refusal(b"{\"version\":\n\"\xff\"}").contains("line 2 is not UTF-8"));
    let good = log(json!([]), json!([{"ruleId": "A", "message": {"text": "x".repeat(2_000)}}])).to_string();
    for length in 0..good.len() {
        assert!(refusal(&good[..length]).contains("is not a SARIF 2.1.0 log"), "{length} bytes");
    }
    let report = Written::new("scan.sarif", good);
    assert_eq!(
        read_sarif(&report.path).unwrap().all()[0].message.chars().count(),
        501,
        "500 and an ellipsis"
    );
}
