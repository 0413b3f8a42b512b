//! What may be imported of another system's changes.

use domain::Timestamp;
use domain::change::{Category, ChangeType, Outcome};
use domain::history::{CIS_MAX, COUNT_MAX, Churn, FILES_MAX, FilePath, NAMES_BYTES_MAX, PastChange};
use domain::id::CiName;
use domain::text::FreeText;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn past_change() -> PastChange {
    PastChange {
        title: Some(FreeText::title("Roll out cart 2.4").unwrap()),
        description: None,
        change_type: ChangeType::Normal,
        category: Category::Deployment,
        services: ["cart".parse().unwrap()].into(),
        cis: ["Deployment/shop/cart".parse().unwrap()].into(),
        files: [FilePath::new("deploy/cart.yaml").unwrap()].into(),
        requester: Some(FreeText::new("Ada").unwrap()),
        by: None,
        churn: Churn { lines_added: Some(40), ..Churn::default() },
        is_fix: false,
        is_revert: false,
        tests_passed: None,
        coverage: None,
        submitted_at: at("2025-03-01T09:00:00Z"),
        started_at: None,
        closed_at: at("2025-03-02T21:30:00Z"),
        outcome: Outcome::Successful,
        outcome_known_at: at("2025-03-09T21:30:00Z"),
    }
}

#[track_caller]
fn refused(alter: impl FnOnce(&mut PastChange), field: Option<&str>, says: &str) {
    let mut change = past_change();
    change.check().unwrap();
    alter(&mut change);
    let error = change.check().unwrap_err();
    assert_eq!(error.field(), field, "{error}");
    assert!(error.to_string().contains(says), "{error}");
}

#[test]
fn contradictions_are_refused_with_the_field() {
    let early = at("2025-03-01T08:59:59Z");
    refused(|change| change.closed_at = early, Some("closed_at"), "lies before submitted_at");
    refused(|change| change.started_at = Some(early), Some("started_at"), "2025-03-01T08:59:59Z");
    refused(
        |change| change.started_at = Some(at("2025-03-03T00:00:00Z")),
        Some("closed_at"),
        "lies before started_at",
    );
    refused(|change| change.outcome_known_at = early, Some("outcome_known_at"), "lies before");
    refused(|change| change.churn.files = Some(0), Some("files_changed"), "0 in all, but 1 are named");
    refused(|change| change.churn.cis = Some(0), Some("cis_changed"), "1 are named");
    refused(|change| change.churn.lines_deleted = Some(COUNT_MAX + 1), Some("lines_deleted"), "out of range");
}

#[test]
fn what_would_not_fit_an_entry_of_the_log_is_refused() {
    let long = FreeText::new("x".repeat(300)).unwrap();
    refused(|change| change.title = Some(long.clone()), Some("title"), "at most 256");
    refused(|change| change.requester = Some(long.clone()), Some("requester"), "at most 256");
    let cis = (0..=CIS_MAX).map(|number| CiName::new(format!("Pod/a/{number}")).unwrap());
    refused(|change| change.cis = cis.collect(), Some("cis"), "201 are named, at most 200");
    let files = |count, bytes: usize| {
        (0..count).map(move |number| FilePath::new(format!("{number:0bytes$}")).unwrap()).collect()
    };
    refused(|change| change.files = files(FILES_MAX + 1, 10), Some("files"), "at most 200");
    refused(|change| change.files = files(NAMES_BYTES_MAX / 500 + 1, 500), None, "name fewer");
}

#[test]
fn a_record_is_recognised_by_all_that_it_says() {
    let digest = past_change().digest();
    assert_eq!(past_change().digest(), digest);
    let altered: [fn(&mut PastChange); 4] = [
        |change| change.title = Some(FreeText::title("Roll out cart 2.5").unwrap()),
        |change| change.requester = None,
        |change| change.outcome = Outcome::Failed,
        |change| change.churn.lines_added = Some(41),
    ];
    for alter in altered {
        let mut change = past_change();
        alter(&mut change);
        assert_ne!(change.digest(), digest);
    }
}

#[test]
fn only_what_was_carried_out_has_failed_or_not() {
    let failed =
        Outcome::ALL.iter().map(|outcome| PastChange { outcome: *outcome, ..past_change() }.failed());
    assert_eq!(failed.collect::<Vec<_>>(), [Some(false), Some(true), Some(true), Some(true), None]);
}
