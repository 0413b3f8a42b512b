//! What an approval is bound to.

use domain::change::{ChangeEvent, ChangeType, Content, Evidence, PolicyFinding, Window};
use domain::plan::{Plan, RollbackPlan};
use domain::priority::Magnitude;
use domain::rollback::RollbackConditions;
use domain::text::FreeText;
use jiff::SignedDuration;

use super::events::{stored_change_event, stored_content};
use super::fixture::digest_of;
use crate::risk::findings::finding;

/// The stored content with one part changed.
fn with(change: impl FnOnce(&mut Content)) -> Content {
    let mut content = stored_content();
    change(&mut content);
    assert_ne!(content, stored_content(), "the part is changed");
    content
}

fn words() -> Option<FreeText> {
    Some(FreeText::new("other words").unwrap())
}

fn policy_finding(field: Option<&str>) -> PolicyFinding {
    let field = field.map(|field| field.parse().unwrap());
    PolicyFinding { rule: "two-replicas".parse().unwrap(), field, value: words(), control: None }
}

fn plan(content: &mut Content) -> &mut Plan {
    content.plan.as_mut().unwrap()
}

#[test]
fn the_digest_of_a_stored_content_never_changes() {
    let ChangeEvent::Created { digest, content, .. } = stored_change_event("change.created.v1") else {
        panic!("not a creation")
    };
    assert_eq!(content.digest().unwrap(), digest);
    let golden = "d1ab5a40dedcb2c6e51306a6f16219b1d296fe91bf425c6ddb6bd314f668b468";
    assert_eq!(digest.to_string(), golden);
}

#[test]
fn everything_that_runs_and_what_it_runs_on_changes_the_digest() {
    let source = |content: &mut Content, commit: &str| {
        content.source.as_mut().unwrap().commit = Some(commit.to_owned());
    };
    let variants = [
        with(|it| it.change_type = ChangeType::Emergency),
        with(|it| it.affected_services.clear()),
        with(|it| it.affected_services = ["cortex-chat-frontend".parse().unwrap()].into()),
        with(|it| it.affected_cis.clear()),
        with(|it| it.environment = None),
        with(|it| it.environment = Some("staging".parse().unwrap())),
        with(|it| it.plan = None),
        with(|it| plan(it).steps.swap(0, 1)),
        with(|it| plan(it).steps[0].timeout_seconds += 1),
        with(|it| plan(it).steps[0].retries += 1),
        with(|it| plan(it).steps[0].idempotent ^= true),
        with(|it| plan(it).steps[0].undo = None),
        with(|it| plan(it).steps[0].check = None),
        with(|it| plan(it).steps[0].captures.clear()),
        with(|it| drop(plan(it).steps.pop())),
        with(|it| plan(it).soak_seconds += 1),
        with(|it| plan(it).runs_on.extend(["eu".parse().unwrap()])),
        with(|it| plan(it).maintenance_window ^= true),
        with(|it| it.rollback_plan = None),
        with(|it| {
            let by_hand = RollbackPlan { automated: false, ..it.rollback_plan.clone().unwrap() };
            it.rollback_plan = Some(by_hand);
        }),
        with(|it| drop(it.monitors.pop())),
        with(|it| it.monitors[0].interval_millis += 1),
        with(|it| it.rollback_conditions = RollbackConditions::default()),
        with(|it| it.window = None),
        with(|it| {
            let Window { start, end } = it.window.unwrap();
            it.window = Some(Window { start, end: end + SignedDuration::from_micros(1) });
        }),
        with(|it| it.source = None),
        with(|it| source(it, &"0".repeat(40))),
        with(|it| it.source.as_mut().unwrap().artefacts.clear()),
        with(|it| it.evidence.findings = vec![finding("CVE-1", None)]),
        with(|it| it.evidence.findings = vec![finding("CVE-2", None)]),
        with(|it| {
            it.evidence.findings = vec![finding("CVE-2", None)];
            it.evidence.findings_unlisted = 1;
        }),
        with(|it| it.evidence.policy_findings = vec![policy_finding(None)]),
        with(|it| it.evidence.policy_findings = vec![policy_finding(Some("replicas"))]),
    ];
    let mut digests: Vec<_> = variants.iter().map(digest_of).collect();
    digests.push(digest_of(&stored_content()));
    let count = digests.len();
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), count, "each of them has a digest of its own");
}

#[test]
fn words_and_most_evidence_do_not_change_the_digest() {
    let variants = [
        with(|it| it.title = FreeText::title("Another title").unwrap()),
        with(|it| it.description = words()),
        with(|it| it.justification = words()),
        with(|it| it.impact_assessment = words()),
        with(|it| it.testing_strategy = words()),
        with(|it| it.impact = Some(Magnitude::Critical)),
        with(|it| it.urgency = None),
        with(|it| it.evidence = Evidence::default()),
        with(|it| it.external_id = words()),
        with(|it| it.source.as_mut().unwrap().repository = None),
        with(|it| it.source.as_mut().unwrap().reference = Some("refs/heads/release".to_owned())),
    ];
    for content in &variants {
        assert_eq!(digest_of(content), digest_of(&stored_content()), "{content:?}");
    }
}

#[test]
fn content_is_bounded_and_its_window_has_an_inside() {
    let many = (0..=domain::change::content::AFFECTED_MAX).map(|n| format!("service-{n}").parse().unwrap());
    let crowded = with(|it| it.affected_services = many.collect());
    assert_eq!(
        crowded.validate().unwrap_err().to_string(),
        "10003 services and configuration items are more than the 10000 accepted: name the services"
    );
    let inverted = with(|it| {
        let Window { start, .. } = it.window.unwrap();
        it.window = Some(Window { start, end: start });
    });
    assert_eq!(
        inverted.validate().unwrap_err().to_string(),
        "the window ends at 2026-03-05T14:00:00Z, which is not after its start 2026-03-05T14:00:00Z"
    );
    assert_eq!(stored_content().validate(), Ok(()));
}
