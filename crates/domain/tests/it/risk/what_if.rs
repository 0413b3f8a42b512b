//! What would be if facts were different: only what an assessment shows is told.

use domain::change::{Category, ChangeType, Content, PolicyFinding, TestResults};
use domain::cmdb::Cmdb;
use domain::number::Share;
use domain::risk::Level;
use domain::risk::what_if::{
    ALTERATIONS_MAX, ASSESSED_MAX, Alteration, Found, OtherTimes, SUGGESTIONS_MAX, Standing,
    SupposedRollback, lower, suppose,
};

use super::fixture::{
    assess_new, churn, empty, manual_kind, name, plan, rollback_plan, services, small_tested_change, step,
};
use crate::cmdb::services::{landscape, service};

fn shop() -> Cmdb {
    landscape(&[service("cart", 1, &[]), service("mail", 2, &[]), service("search", 2, &[])])
}

fn standing(content: &Content, cmdb: &Cmdb) -> Standing {
    let assessment = assess_new(content, cmdb);
    let needs_people = assessment.level != Level::Low || !assessment.findings.is_empty();
    Standing { level: assessment.level, needs_people, score: assessment.score }
}

fn search(content: &Content) -> Found {
    let cmdb = shop();
    lower(content, standing(content, &cmdb), &OtherTimes::default(), |supposed| {
        standing(&supposed.content, &cmdb)
    })
}

fn coverage(basis_points: i64) -> Alteration {
    Alteration::Coverage(Share::new(basis_points).unwrap())
}

fn altered(content: &Content, alterations: &[Alteration]) -> Content {
    suppose(content, alterations).remove(0).content
}

#[test]
fn what_only_lacks_tests_is_low_once_they_pass_and_nothing_more_is_asked_for() {
    let mut content = small_tested_change("mail");
    content.evidence.tests = Some(TestResults { passed: 10, failed: 2, skipped: 0 });
    let found = search(&content);
    let first = &found.suggestions[0];
    assert_eq!(first.alterations, [Alteration::Tests { passed: true }]);
    assert_eq!((first.standing.level, first.standing.needs_people), (Level::Low, false));
    let asks_for_tests =
        |alterations: &[Alteration]| alterations.contains(&Alteration::Tests { passed: true });
    let with_more =
        found.suggestions.iter().filter(|one| asks_for_tests(&one.alterations) && one.alterations.len() > 1);
    assert_eq!(with_more.count(), 0, "{found:?}");
}

#[test]
fn nothing_is_claimed_that_assessing_the_altered_request_does_not_show() {
    let cmdb = shop();
    let bare = Content {
        affected_services: services(&["cart", "mail", "search"]),
        ..empty(ChangeType::Normal, Category::Configuration)
    };
    for content in [bare, small_tested_change("cart"), small_tested_change("unknown")] {
        let before = standing(&content, &cmdb);
        let found = search(&content);
        assert!(found.assessed <= ASSESSED_MAX && found.suggestions.len() <= SUGGESTIONS_MAX);
        let mut efforts = Vec::new();
        for suggestion in found.suggestions {
            let parts = suppose(&content, &suggestion.alterations);
            let again = parts.iter().map(|part| standing(&part.content, &cmdb));
            let worst = again.max_by_key(|one| (one.level, one.needs_people, one.score)).unwrap();
            assert_eq!(worst, suggestion.standing, "{:?}", suggestion.alterations);
            assert!(worst.demands_less_than(&before));
            efforts.push(suggestion.effort);
        }
        assert!(efforts.is_sorted(), "{efforts:?}");
    }
}

#[test]
fn missing_facts_and_wide_scope_are_lifted_together() {
    let mut content = small_tested_change("mail");
    content.affected_services = services(&["mail", "search"]);
    content.evidence.coverage = None;
    content.evidence.tests = None;
    let found = search(&content);
    let split = found.suggestions.iter().find(|one| one.alterations.contains(&Alteration::OneItemEach));
    let lowered: Vec<_> =
        found.suggestions.iter().map(|one| (&one.alterations, one.standing.level)).collect();
    assert!(!lowered.is_empty() && lowered.iter().all(|(_, level)| *level < Level::High), "{lowered:?}");
    assert!(split.is_none_or(|one| one.changes == 2), "{split:?}");
}

#[test]
fn a_change_that_lacks_everything_learns_the_whole_way_and_no_step_too_many() {
    let bare = Content {
        affected_services: services(&["cart", "mail"]),
        ..empty(ChangeType::Normal, Category::Deployment)
    };
    let mut sized = bare.clone();
    sized.evidence.churn = Some(churn(900));
    let (cmdb, found) = (shop(), search(&sized));
    let whole = found.suggestions.iter().find(|one| !one.standing.needs_people).unwrap();
    assert!(whole.alterations.len() > ALTERATIONS_MAX, "{whole:?}");
    let worst = |alterations: &[Alteration]| {
        let parts = suppose(&sized, alterations);
        let assessed = parts.iter().map(|part| standing(&part.content, &cmdb));
        assessed.max_by_key(|one| (one.level, one.needs_people)).unwrap()
    };
    for left_out in 0..whole.alterations.len() {
        let mut fewer = whole.alterations.clone();
        fewer.remove(left_out);
        let standing = worst(&fewer);
        assert!(whole.standing.demands_less_than(&standing), "without {:?}", whole.alterations[left_out]);
    }
}

#[test]
fn findings_are_resolved_where_nothing_less_will_do() {
    let mut content = small_tested_change("mail");
    assert_eq!(search(&content).suggestions, []);
    content.evidence.policy_findings = vec![PolicyFinding {
        rule: "no-latest-tag".parse().unwrap(),
        field: None,
        value: None,
        control: None,
    }];
    let found = search(&content);
    assert_eq!(found.suggestions[0].alterations, [Alteration::FindingsResolved], "{found:?}");
}

#[test]
fn what_needs_no_person_needs_nothing_else() {
    let found = search(&small_tested_change("mail"));
    assert_eq!((found.suggestions.len(), found.assessed, found.is_complete), (0, 0, true));
}

#[test]
fn what_the_requester_cannot_alter_stays_as_it_is() {
    let found = search(&small_tested_change("unknown"));
    assert_eq!(found.suggestions, [], "describing a service is not the requester's to do");
    assert!(found.assessed > 0 && found.is_complete);
}

#[test]
fn a_rollback_is_automated_from_its_undos_to_its_last_step() {
    let mut content = small_tested_change("mail");
    content.plan = Some(plan(vec![step("deploy", manual_kind(), Some(manual_kind()))]));
    content.rollback_plan = Some(rollback_plan(false, vec![step("undeploy", manual_kind(), None)]));
    content.monitors.clear();
    let tenths = |content: &Content| assess_new(content, &shop()).factors.automation_level.value.get();
    assert_eq!(tenths(&content), 0);
    let automated = Alteration::Rollback(SupposedRollback::Automated);
    let cases = [
        (vec![automated.clone()], 40),
        (vec![Alteration::PlanAutomated], 40),
        (vec![Alteration::Monitored], 20),
        (vec![automated.clone(), Alteration::PlanAutomated, Alteration::Monitored], 100),
        (vec![automated, Alteration::Rollback(SupposedRollback::Manual)], 0),
    ];
    for (alterations, expected) in cases {
        let altered = altered(&content, &alterations);
        assert_eq!(tenths(&altered), expected, "{alterations:?}");
        assert!(altered.validate().is_ok(), "{alterations:?}");
    }
    content.plan = None;
    content.rollback_plan = None;
    let all = [Alteration::PlanAutomated, Alteration::Rollback(SupposedRollback::Automated)];
    assert_eq!(tenths(&altered(&content, &all)), 80);
}

#[test]
fn facts_are_altered_and_nothing_else() {
    let content = small_tested_change("cart");
    assert_eq!(altered(&content, &[]), content);
    let lines = |lines: u64| altered(&content, &[Alteration::Parts(lines)]).evidence.churn.unwrap().lines;
    assert_eq!([1, 2, 3, 0].map(lines), [40, 20, 14, 40]);
    let covered = altered(&content, &[coverage(8_000)]);
    assert_eq!(covered.evidence.coverage.unwrap().share.get(), 8_000);
    let mut two = content.clone();
    two.affected_services = services(&["cart", "mail"]);
    let parts = suppose(&two, &[Alteration::OneItemEach]);
    let named: Vec<_> = parts.iter().map(|part| part.content.affected_services.clone()).collect();
    assert_eq!(named, [services(&["cart"]), services(&["mail"])]);
    let without = altered(&two, &[Alteration::WithoutService(name("cart"))]);
    assert_eq!(without.affected_services, services(&["mail"]));
    let failing = altered(&content, &[Alteration::Tests { passed: false }]);
    assert_eq!(failing.evidence.tests.map(|tests| (tests.passed, tests.failed)), Some((119, 1)));
}
