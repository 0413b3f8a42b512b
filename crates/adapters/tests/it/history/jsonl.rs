//! JSON lines: our own form, and commits mined from a deployment repository.

use std::path::Path;

use adapters::history::{Form, Mapping};
use domain::change::{Category, Outcome};
use domain::history::ChangedBy;

use super::{Export, read};

fn lines(text: &str) -> Export {
    Export::new(Form::JsonLines, "past.jsonl", text)
}

#[test]
fn our_own_form_names_facts_as_mappings_do() {
    let told = lines(concat!(
        r#"{"id": "CHG1", "title": "Roll out", "services": ["cart"], "lines_added": 4, "tests_passed": true, "coverage_percent": 80, "#,
        r#""by": "agent", "submitted_at": "2025-03-01T08:00:00+01:00", "closed_at": "2025-03-02T21:30:00Z", "outcome": "rolled_back"}"#,
        "\n\n  \n",
        r#"{"id": "CHG2", "type": "emergency", "closed_at": "2025-03-02T21:30:00Z", "outcome": "open", "title": null}"#,
        "\n"
    ))
    .read();
    assert!(told.bad.is_empty() && told.stopped.is_none(), "{told:?}");
    assert_eq!((told.ended.len(), told.open), (1, 1));
    let change = &told.ended[0].change;
    assert_eq!((change.outcome, change.by), (Outcome::RolledBack, Some(ChangedBy::Agent)));
    assert_eq!((change.tests_passed, change.churn.lines_added), (Some(true), Some(4)));
    assert_eq!(change.submitted_at.to_string(), "2025-03-01T07:00:00Z");
}

#[test]
fn a_line_that_does_not_fit_is_named_with_its_key() {
    let bad = |line: &str| lines(&format!("\n{line}\n")).bad();
    assert!(bad("{\"id\": ").starts_with("past.jsonl, line 2: not a JSON object on one line: character"));
    assert!(bad("[1, 2]").contains("line 2: not a JSON object"));
    assert!(bad(r#"{"ID": "1"}"#).contains("`ID` is not a fact: expected some of id, title"));
    assert!(bad(r#"{"id": {"a": 1}}"#).contains("line 2, `id`: expected a text, a number"));
    assert!(bad(r#"{"id": ["a", "b"]}"#).contains("line 2, `id`: 2 values: expected one"));
    let commit = r#"{"commit": "ab", "authored_at": "2025-03-02T21:30:00-06:00", "insertions": -5}"#;
    assert!(bad(commit).contains("line 2, `insertions`: `-5` is not a count"));
    assert!(bad(r#"{"commit": "ab"}"#).contains("line 2, `authored_at`: missing"));
    let latin1 = Export::new(Form::JsonLines, "past.jsonl", b"{\"id\": \"\xfc\"}\n").bad();
    assert!(latin1.contains("line 1: not UTF-8 at byte 9"), "{latin1}");
}

#[test]
fn a_mined_commit_that_was_repaired_has_failed_and_is_known_a_day_later() {
    let told = lines(concat!(
        r#"{"commit": "ab12", "authored_at": "2025-03-02T21:30:00-06:00", "author": "ada", "co_authors": ["helper"], "subject": "Add cart", "#,
        r#""files_changed": 1, "insertions": 9, "deletions": 0, "files": ["apps/cart/a.yaml"], "changes": [{"op": "create", "ci": "Deployment/shop/cart"}], "#,
        r#""is_fix": false, "is_revert": false, "remediated_by": {"commit": "cd34", "after_seconds": 93}}"#,
        "\n",
        r#"{"commit": "cd34", "authored_at": "2025-03-02T22:30:00-06:00", "author": "ada", "co_authors": [], "subject": "Take it back", "#,
        r#""files": [], "changes": [], "is_fix": false, "is_revert": true, "remediated_by": null}"#,
    ))
    .mapped("[paths]\n\"apps/cart/\" = \"cart\"\n")
    .read();
    assert!(told.bad.is_empty(), "{told:?}");
    let [added, reverted] = told.ended.as_slice() else { panic!("{told:?}") };
    let change = &added.change;
    assert_eq!(
        (change.outcome, change.by, change.category),
        (Outcome::Failed, Some(ChangedBy::Agent), Category::Deployment)
    );
    assert_eq!(change.services.iter().next().unwrap().as_str(), "cart");
    assert_eq!(change.cis.iter().next().unwrap().as_str(), "Deployment/shop/cart");
    assert_eq!(change.outcome_known_at.to_string(), "2025-03-04T03:30:00Z");
    let change = &reverted.change;
    assert_eq!(
        (change.outcome, change.by, change.category),
        (Outcome::Successful, Some(ChangedBy::Human), Category::Rollback)
    );
    assert!(change.is_revert && !change.is_fix);
}

#[test]
fn a_deployment_repository_is_imported_whole() {
    let mined =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/history/changes/gitops.jsonl");
    if !mined.exists() {
        eprintln!("skipped: {} is not here", mined.display());
        return;
    }
    let told = read(&mined, Form::JsonLines, &Mapping::default());
    assert!(
        told.bad.is_empty() && told.stopped.is_none() && told.open == 0,
        "{:?} {:?}",
        told.bad,
        told.stopped
    );
    assert_eq!(told.ended.len(), 240);
    let changes = || told.ended.iter().map(|record| &record.change);
    assert_eq!(changes().filter(|change| change.outcome == Outcome::Failed).count(), 100);
    assert_eq!(changes().filter(|change| change.by == Some(ChangedBy::Agent)).count(), 158);
    assert_eq!(changes().filter(|change| change.is_fix).count(), 84);
    assert_eq!(changes().filter(|change| change.is_revert).count(), 4);
    assert_eq!(changes().filter(|change| change.cis.is_empty()).count(), 19);
    let lines: u64 =
        changes().map(|change| change.churn.lines_added.unwrap() + change.churn.lines_deleted.unwrap()).sum();
    assert_eq!(lines, 48_440 + 6_982);
}
