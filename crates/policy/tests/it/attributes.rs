//! A decision is told only those facts of a change that its policies read. An added policy makes it be told all of them:
//! nothing may be decided otherwise.

use std::collections::BTreeSet;

use domain::actor::Role;
use domain::change::{Category, ChangeType, StateName};
use domain::plan::Reversibility;
use domain::risk::Level;
use policy::{Action, ChangeResource, PolicyFile, PolicySet, PrincipalKind, Resource};

use crate::asked::{ANN, Asked, BOB, SHIPPED, actor, ask};

/// Applies to every action and to nobody.
const OF_NOBODY: &str = r#"@id("nobody") @title("Nobody may do anything") @fix("none")
    forbid (principal == Actor::"act_nobody", action, resource);"#;

type Edit = fn(&mut ChangeResource);

/// Each makes one fact another than usual.
const EDITS: [Edit; 35] = [
    |_| {},
    |change| change.change_type = ChangeType::Emergency,
    |change| change.change_type = ChangeType::Standard,
    |change| change.category = Category::Security,
    |change| change.state = StateName::RollingBack,
    |change| change.requester = actor(BOB),
    |change| change.asked_by_agent = true,
    |change| change.parties = BTreeSet::from([actor(BOB)]),
    |change| change.services = BTreeSet::new(),
    |change| change.environment = None,
    |change| change.compliance = BTreeSet::from(["PHI".to_owned()]),
    |change| change.level = Some(Level::High),
    |change| change.level = None,
    |change| change.score = Some(99),
    |change| change.lowest_tier = Some(0),
    |change| change.unknown_facts = true,
    |change| change.has_test_evidence = false,
    |change| change.tests_passed = false,
    |change| change.has_plan = false,
    |change| change.reversibility = Some(Reversibility::Irreversible),
    |change| change.rehearsed = true,
    |change| change.has_rollback_plan = false,
    |change| change.rollback_automated = false,
    |change| change.encryption_checked = true,
    |change| change.within_agent_budget = false,
    |change| change.policy_findings = 1,
    |change| change.approvals_outstanding = 1,
    |change| change.approved_by = BTreeSet::from([Role::Ciso]),
    |change| change.conditions_outstanding = 1,
    |change| (change.digest_matches, change.window_open) = (false, false),
    |change| (change.validated, change.runner_is_holder) = (false, false),
    |change| (change.stopped, change.in_conflict) = (true, true),
    |change| (change.in_freeze, change.outside_maintenance) = (true, true),
    |change| (change.stopped, change.in_freeze, change.goes_back) = (true, true, true),
    |change| (change.emergency_authorised, change.withdrawn_since_assessed) = (true, true),
];

#[test]
fn being_told_less_changes_no_decision() {
    let told_all = PolicySet::with_additional(&[PolicyFile { name: "ours.cedar", text: OF_NOBODY }]).unwrap();
    let askers: [fn(Asked) -> Asked; 6] = [
        Asked::by_the_system,
        |asked| asked,
        |asked| asked.role(Role::Implementer),
        |asked| asked.authority(Role::TechnicalLead),
        |asked| asked.by(ANN).authority(Role::ChangeManager),
        |asked| asked.kind(PrincipalKind::Agent).role(Role::Implementer),
    ];
    let mut verdicts = BTreeSet::new();
    let of_changes = Action::ALL.iter().map(|action| ask(*action));
    for asked in of_changes.filter(|asked| matches!(asked.resource, Resource::Change(_))) {
        for (asker, edit) in askers.iter().flat_map(|asker| EDITS.map(|edit| (asker, edit))) {
            let asked = asker(asked.clone()).change(edit);
            assert_eq!(asked.answer(&SHIPPED), asked.answer(&told_all), "{asked:?}");
            verdicts.insert(asked.verdict(&SHIPPED));
        }
    }
    // The facts above matter to many policies.
    assert!(verdicts.len() > 60, "{}: {verdicts:?}", verdicts.len());
}
