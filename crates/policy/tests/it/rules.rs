//! Rule sets in JSON: what is broken by which facts, and that nothing which cannot be evaluated passes.

use std::fs;
use std::path::Path;

use policy::{Fact, PolicyFile, PolicySet, RuleFacts};

/// A rule set with these rules.
fn set(rules: &str) -> PolicySet {
    let text =
        format!(r#"{{"policy_id": "p", "frameworks": ["soc2"], "controls": ["CC8.1"], "rules": [{rules}]}}"#);
    PolicySet::with_additional(&[PolicyFile { name: "rules.json", text: &text }]).unwrap()
}

fn typed(condition: &str) -> PolicySet {
    set(&format!(r#"{{"rule_id": "R", "field": "change.title", "condition": {condition}}}"#))
}

fn expression(text: &str) -> PolicySet {
    let params = r#"{"most": 3, "share": 0.5, "words": ["red", "blue"]}"#;
    set(&format!(r#"{{"rule_id": "R", "condition": "{text}", "params": {params}}}"#))
}

fn facts() -> RuleFacts {
    RuleFacts::default()
        .with("change.title", "paint it blue")
        .with("change.lines", 4_i64)
        .with("change.tested", false)
        .with("change.services", vec!["cart".to_owned(), "shop".to_owned()])
}

/// What the one rule comes to: nothing where it holds, else its field, its value and why it cannot be evaluated.
fn verdict(set: &PolicySet) -> String {
    match set.rules().violations(&facts()).as_slice() {
        [] => "holds".to_owned(),
        [violation] => {
            let of = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            let why = violation.problem.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            format!("{} = {}{why}", of(&violation.field), of(&violation.value))
        }
        several => panic!("{several:?}"),
    }
}

#[track_caller]
fn check(set: PolicySet, expected: &str) {
    assert_eq!(verdict(&set), expected);
}

#[test]
fn typed_conditions_are_evaluated() {
    let title = "change.title = paint it blue";
    check(typed(r#"{"type": "contains", "value": "blue"}"#), "holds");
    check(typed(r#"{"type": "not_contains", "value": "blue"}"#), title);
    check(typed(r#"{"type": "in", "value": ["paint it blue", "x"]}"#), "holds");
    check(typed(r#"{"type": "not_in", "value": ["paint it blue", "x"]}"#), title);
    check(typed(r#"{"type": "regex", "value": "^paint [a-z]+ blue$"}"#), "holds");
    check(typed(r#"{"type": "equals", "field": "change.tested", "value": "true"}"#), "change.tested = false");
    check(typed(r#"{"type": "equals", "field": "change.tested", "value": false}"#), "holds");
    check(typed(r#"{"type": "less_or_equal", "field": "change.lines", "value": "3"}"#), "change.lines = 4");
    check(typed(r#"{"type": "greater_than", "field": "change.lines", "value": 3.5}"#), "holds");
    check(typed(r#"{"type": "contains", "field": "change.services", "value": "shop"}"#), "holds");
    check(typed(r#"{"type": "exists", "field": "change"}"#), "holds");
    check(typed(r#"{"type": "exists", "field": "change.ticket"}"#), "change.ticket = -");
    check(typed(r#"{"type": "not_exists", "field": "chang"}"#), "holds");
    let any = |first: &str, second: &str| {
        let condition =
            |value| format!(r#"{{"type": "equals", "field": "change.lines", "value": "{value}"}}"#);
        typed(&format!(r#"{{"type": "any", "conditions": [{}, {}]}}"#, condition(first), condition(second)))
    };
    check(any("9", "4"), "holds");
    check(any("8", "9"), "change.lines = 4");
}

#[test]
fn expressions_are_evaluated() {
    check(expression("change.lines <= policy.most"), "change.lines = 4");
    check(expression("change.lines >= policy.most * policy.share + 2"), "holds");
    check(expression("change.tested == true || change.lines > 3"), "holds");
    check(expression("!change.tested && change.lines != 5"), "holds");
    check(expression("change.tested"), "change.tested = false");
    check(expression("!contains(change.title, policy.words)"), "change.title = paint it blue");
    check(expression("!contains(change.title, ['green', 'grey'])"), "holds");
    check(expression("length(change.title) >= 10 && startsWith(change.title, 'paint')"), "holds");
    check(expression("(change.lines - 1) * 2 == 6"), "holds");
}

#[test]
fn what_cannot_be_evaluated_is_a_violation() {
    check(
        typed(r#"{"type": "not_equals", "field": "worker_type", "value": "x"}"#),
        "worker_type = -: `worker_type` is not known of the change",
    );
    check(
        typed(r#"{"type": "sounds_like", "value": "x"}"#),
        "change.title = paint it blue: the condition `sounds_like` is not one that is known",
    );
    check(
        typed(r#"{"type": "less_than", "value": "3"}"#),
        "change.title = paint it blue: `paint it blue` is not a number",
    );
    check(typed(r#"{"type": "all", "conditions": []}"#), "change.title = -: it lists no conditions");
    check(
        typed(r#"{"type": "regex", "value": "(a|b)"}"#),
        "change.title = paint it blue: the pattern `(a|b)` uses `(`, which is not evaluated",
    );
    let unknown = typed(
        r#"{"type": "any", "conditions": [
            {"field": "worker_type", "type": "not_equals", "value": "scan"},
            {"field": "change.tested", "type": "equals", "value": "true"}]}"#,
    );
    check(unknown, "worker_type = -: `worker_type` is not known of the change");
    check(expression("task.nothing <= 3"), "task.nothing = -: `task.nothing` is not known of the change");
    check(expression("!task.nothing"), "task.nothing = -: `task.nothing` is not known of the change");
    check(expression("change.lines <= policy.least"), "- = -: the rule has no parameter `least`");
    check(expression("all(change.services, s => s)"), "- = -: `=> s)` is not evaluated");
    check(expression("guess(change.lines)"), "- = -: the function `guess` is not one that is evaluated");
    check(expression("change.lines <="), "- = -: the condition ends too early");
    check(expression(&"(".repeat(100)), "- = -: the condition is nested deeper than 32 levels");
}

#[test]
fn a_rule_names_the_control_that_asks_for_it_and_a_disabled_policy_asks_nothing() {
    let rules = r#"{"rule_id": "SOC2-CC8.1", "condition": "false", "message": "No", "remediation": "Do"}"#;
    let book = set(rules);
    let [violation] = book.rules().violations(&facts()).try_into().unwrap();
    assert_eq!(violation.rule.controls, ["SOC2:CC8.1"]);
    assert_eq!((violation.rule.message.as_str(), violation.rule.fix.as_str()), ("No", "Do"));
    assert_ne!(book.digest(), book.core_digest());
    let disabled = r#"{"policies": [{"policy_id": "p", "enabled": false, "rules": [{"rule_id": "R", "condition": "false"}]}]}"#;
    let disabled = PolicySet::with_additional(&[PolicyFile { name: "rules.json", text: disabled }]).unwrap();
    assert!(disabled.rules().rules().is_empty());
}

#[test]
fn a_file_of_another_form_is_refused_with_its_place() {
    let refused = |text: &str| {
        let file = PolicyFile { name: "x.json", text };
        PolicySet::with_additional(&[file]).map(|_| ()).unwrap_err().to_string()
    };
    for (text, expected) in [
        ("{\n \"policy_id\": }", "`x.json` line 2 column 15"),
        ("{}", "no policy with rules is there"),
        (r#"{"queue": {"max": 3}}"#, "write one policy with `policy_id` and `rules`"),
        (r#"{"policy_id": "p", "rules": [{"rule_id": "R"}]}"#, "`x.json` line 1"),
        (
            r#"{"policies": [{"policy_id": "p", "rules": [{"rule_id": "R", "condition": "true"}, {"rule_id": "R", "condition": "true"}]}]}"#,
            "the rule `R` of `p` is already that of `x.json`",
        ),
    ] {
        let error = refused(text);
        assert!(error.contains(expected), "{error}");
    }
}

/// The governance of a real platform, where its files lie beside this repository.
#[test]
fn the_rule_sets_of_a_real_platform_are_read_whole() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/policy/k3s");
    let definitions = root.join("policies/policy-definitions");
    let Ok(folder) = fs::read_dir(&definitions) else {
        println!("skipped: {} is not there", definitions.display());
        return;
    };
    let mut paths: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    paths.push(root.join("governance/policies/policy-definitions.json"));
    paths.sort();
    let texts: Vec<(String, String)> = paths
        .iter()
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    let files: Vec<_> = texts.iter().map(|(name, text)| PolicyFile { name, text }).collect();
    let book = PolicySet::with_additional(&files).unwrap().rules().clone();
    assert_eq!(book.rules().len(), 27 + 18);
    let deployment = |tested: bool| {
        RuleFacts::default()
            .with("task.type", "production_deploy")
            .with("quality.tests_passed", tested)
            .with("approval.approval_id", Fact::Text("APR-1".to_owned()))
    };
    let broken = |facts: &RuleFacts| -> Vec<String> {
        let violations = book.violations(facts);
        violations.iter().filter(|violation| violation.problem.is_none()).map(|v| v.rule.id.clone()).collect()
    };
    assert!(broken(&deployment(false)).contains(&"SOC2-CC8.1".to_owned()));
    assert!(!broken(&deployment(true)).contains(&"SOC2-CC8.1".to_owned()));
    assert!(!broken(&deployment(true)).contains(&"SOC2-CC7.2".to_owned()));
    let unapproved = RuleFacts::default().with("task.type", "production_deploy");
    assert!(broken(&unapproved).contains(&"SOC2-CC7.2".to_owned()));
    assert_eq!(book.violations(&RuleFacts::default()).len(), 44, "of nothing nearly nothing can be told");
}
