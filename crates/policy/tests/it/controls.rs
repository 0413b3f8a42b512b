//! What each shipped policy decides.

use std::collections::BTreeSet;

use domain::actor::{Role, Scope};
use domain::authorization::Answer;
use domain::change::{ChangeType, Outcome, StateName};
use domain::risk::Level;
use policy::{Action, BudgetLeft, ChainStanding, Effect, PrincipalKind, Resource};

use crate::asked::{ANN, ANNS_BOT, Asked, BOB, CAROL, SHIPPED, ask};

/// For each permission, a question that it alone permits.
fn permitted_by() -> Vec<(&'static str, Asked)> {
    vec![
        ("everyone-reads", ask(Action::Read)),
        ("everyone-requests", ask(Action::Create)),
        ("everyone-reports-incidents", ask(Action::OpenIncident).kind(PrincipalKind::Agent)),
        ("requesters-steer-their-changes", ask(Action::Amend).by(ANN)),
        ("requesters-implement-their-changes", ask(Action::Start).by(ANNS_BOT).kind(PrincipalKind::Agent)),
        ("implementers-implement", ask(Action::Finish).kind(PrincipalKind::Service).role(Role::Implementer)),
        ("change-managers-steer", ask(Action::Cancel).role(Role::ChangeManager)),
        ("authorities-decide", ask(Action::Approve).authority(Role::CabMember)),
        ("delegates-decide", ask(Action::Reject).in_place_of(CAROL, Role::Ciso)),
        ("authorities-delegate", ask(Action::DelegateAuthority).role(Role::TechnicalLead)),
        (
            "administrators-end-delegations",
            ask(Action::EndDelegation).of_account(CAROL, None).role(Role::Administrator),
        ),
        ("authorities-above-override", ask(Action::OverrideDecision).authority(Role::Cto)),
        ("ecab-authorises-emergencies", ask(Action::AuthoriseEmergency).role(Role::EcabMember)),
        ("leads-confirm-steps", ask(Action::ConfirmStep).role(Role::TechnicalLead)),
        (
            "users-accept-results",
            ask(Action::ConfirmStep).change(|change| change.state = StateName::Validating),
        ),
        ("reviewers-review", ask(Action::Review).role(Role::CabMember)),
        ("responders-handle-incidents", ask(Action::UpdateIncident).role(Role::Implementer)),
        ("auditors-read-the-log", ask(Action::ReadAudit).role(Role::Auditor)),
        ("administrators-administer", ask(Action::ManageActors).role(Role::Administrator)),
        ("monitoring-reports-alerts", ask(Action::ReportAlerts).kind(PrincipalKind::Service)),
        ("administrators-manage-models", ask(Action::ManageModels).role(Role::Administrator)),
        ("owners-manage-their-tokens", ask(Action::IssueToken).of_account("act_bot", Some(BOB))),
        ("the-line-is-stopped-and-freed", ask(Action::StopLine).role(Role::Implementer)),
        ("the-calendar-is-kept", ask(Action::ManageCalendar).role(Role::ChangeManager)),
        ("the-judge-is-calibrated", ask(Action::Calibrate).role(Role::TechnicalLead)),
        ("runners-announce-themselves", ask(Action::AnnounceRunner).kind(PrincipalKind::Service)),
        ("authorities-except-from-freezes", ask(Action::OverrideFreeze).role(Role::CabMember)),
        ("the-boards-are-kept", ask(Action::ManageBoard).role(Role::ChangeManager)),
        ("the-board-meets", ask(Action::RunMeeting).role(Role::CabMember)),
        ("the-board-votes", ask(Action::Vote).role(Role::CabMember)),
        ("the-system-works", ask(Action::PreApprove).by_the_system()),
    ]
}

fn left(changes_this_hour: u32, open_changes: u32) -> Option<BudgetLeft> {
    Some(BudgetLeft { changes_this_hour, open_changes })
}

fn chain(links_without_a_person: u32, alike_before: u32) -> Option<ChainStanding> {
    Some(ChainStanding { links_without_a_person, alike_before })
}

/// The same as [`refused_by`], of boards and emergencies.
fn refused_by_boards() -> Vec<(&'static str, Asked)> {
    vec![
        (
            "board-votes-by-its-members",
            ask(Action::Vote).role(Role::CabMember).context(|c| c.board_member = Some(false)),
        ),
        ("emergency-authority", ask(Action::AuthoriseEmergency).role(Role::Ciso)),
        (
            "emergency-by-who-is-on-call",
            ask(Action::AuthoriseEmergency).role(Role::EcabMember).context(|c| c.on_call = Some(false)),
        ),
        ("emergency-lane-closed-by-debt", ask(Action::Create).context(|c| c.emergency_debt = Some(1))),
    ]
}

/// For each control, a question that it alone refuses.
fn refused_by() -> Vec<(&'static str, Asked)> {
    let mut all = refused_to_programs();
    all.extend(refused_for_want_of_scope());
    all.extend(refused_to_all());
    all
}

/// Those about how much programs may ask for.
fn refused_to_programs() -> Vec<(&'static str, Asked)> {
    let agent = PrincipalKind::Agent;
    vec![
        (
            "agents-canary-needs-a-person-before-full-weight",
            ask(Action::PromoteUnattended).by_the_system().change(|change| change.asked_by_agent = true),
        ),
        (
            "agents-keep-to-their-open-changes",
            ask(Action::Create).kind(agent).context(|c| c.budget_left = left(1, 0)),
        ),
        (
            "agents-keep-to-their-rate",
            ask(Action::Create).kind(agent).context(|c| c.budget_left = left(0, 1)),
        ),
        (
            "chains-of-programs-end",
            ask(Action::Create).kind(PrincipalKind::Service).context(|c| c.chain = chain(5, 0)),
        ),
        ("chains-of-programs-end", ask(Action::Create).kind(agent).context(|c| c.chain = chain(2, 2))),
    ]
}

fn refused_for_want_of_scope() -> Vec<(&'static str, Asked)> {
    let start = || ask(Action::Start).role(Role::Implementer);
    vec![
        (
            "token-scope-admin",
            ask(Action::ManageActors).role(Role::Administrator).without_scope(Scope::Admin),
        ),
        (
            "token-scope-alerts",
            ask(Action::ReportAlerts).kind(PrincipalKind::Service).without_scope(Scope::Alerts),
        ),
        ("token-scope-approve", ask(Action::Reject).authority(Role::Cto).without_scope(Scope::Approve)),
        ("token-scope-audit", ask(Action::ReadAudit).role(Role::Auditor).without_scope(Scope::Audit)),
        ("token-scope-calendar", ask(Action::ReadCalendar).without_scope(Scope::Calendar)),
        ("token-scope-implement", start().without_scope(Scope::Implement)),
        ("token-scope-read", ask(Action::Read).without_scope(Scope::Read)),
        ("token-scope-request", ask(Action::Create).without_scope(Scope::Request)),
    ]
}

fn refused_to_all() -> Vec<(&'static str, Asked)> {
    let pre_approve = || ask(Action::PreApprove).by_the_system();
    let start = || ask(Action::Start).role(Role::Implementer);
    let agent = PrincipalKind::Agent;
    vec![
        ("administrators-only", ask(Action::EditCmdb).role(Role::ChangeManager)),
        ("agents-never-administer", ask(Action::IssueToken).kind(agent).role(Role::Administrator)),
        ("agents-never-satisfy-a-human-gate", ask(Action::Approve).kind(agent).authority(Role::Ciso)),
        ("agents-never-satisfy-a-human-gate", ask(Action::Review).kind(agent).role(Role::ChangeManager)),
        ("approved-content-only", start().change(|change| change.digest_matches = false)),
        (
            "approver-holds-the-authority",
            ask(Action::Approve).role(Role::CabMember).context(|c| c.authority = Some(Role::Cto)),
        ),
        ("auditors-read-only", ask(Action::Comment).role(Role::Auditor)),
        (
            "close-only-with-validation",
            ask(Action::Close).role(Role::Implementer).change(|c| c.validated = false),
        ),
        ("conditions-before-start", start().change(|change| change.conditions_outstanding = 1)),
        ("conflicting-changes-take-turns", start().change(|change| change.in_conflict = true)),
        (
            "withdrawn-version-needs-a-new-decision",
            start().change(|change| change.withdrawn_since_assessed = true),
        ),
        (
            "people-link-incidents",
            ask(Action::LinkIncident).kind(PrincipalKind::Service).role(Role::Implementer),
        ),
        ("delegation-only-with-the-right", ask(Action::ActOnBehalf)),
        (
            "encryption-evidence-in-production",
            start().change(|c| c.compliance = BTreeSet::from(["PCI".to_owned()])),
        ),
        ("inactive-actors-do-nothing", ask(Action::Read).principal(|principal| principal.active = false)),
        ("maintenance-window-before-start", start().change(|change| change.outside_maintenance = true)),
        ("no-implementation-in-a-freeze", start().change(|change| change.in_freeze = true)),
        ("models-are-for-administrators", ask(Action::ManageModels).role(Role::CabMember)),
        (
            "phi-needs-the-hipaa-authority",
            start().change(|c| {
                (c.compliance, c.encryption_checked) = (BTreeSet::from(["PHI".to_owned()]), true);
            }),
        ),
        (
            "phi-never-auto-approved",
            pre_approve().change(|c| c.compliance = BTreeSet::from(["PHI".to_owned()])),
        ),
        ("pre-approval-needs-known-facts", pre_approve().change(|change| change.unknown_facts = true)),
        ("pre-approval-needs-no-findings", pre_approve().change(|change| change.policy_findings = 1)),
        ("pre-approval-needs-passed-tests", pre_approve().change(|change| change.tests_passed = false)),
        ("pre-approval-within-agent-budget", pre_approve().change(|c| c.within_agent_budget = false)),
        ("pre-approval-only-low", pre_approve().change(|change| change.score = Some(30))),
        (
            "rollback-plan-by-level",
            start().change(|c| (c.level, c.has_rollback_plan) = (Some(Level::Medium), false)),
        ),
        ("runner-identity", ask(Action::Progress).by(ANN).change(|change| change.runner_is_holder = false)),
        ("segregation-of-duties", ask(Action::Approve).by(ANN).authority(Role::TechnicalLead)),
        ("stop-the-line", start().change(|change| change.stopped = true)),
        ("stops-by-those-who-answer", ask(Action::LiftStop).kind(agent).role(Role::Implementer)),
        ("system-actions-only-by-the-system", ask(Action::PreApprove).role(Role::Administrator)),
        ("test-evidence-by-level", start().change(|change| change.tests_passed = false)),
        ("tier-0-never-auto-approved", pre_approve().change(|change| change.lowest_tier = Some(0))),
        ("tokens-only-by-their-owner", ask(Action::RevokeToken)),
        ("valid-approvals-before-start", start().change(|change| change.approvals_outstanding = 1)),
        ("window-before-start", start().change(|change| change.window_open = false)),
    ]
}

/// The same for authority that is lent.
fn refused_loans() -> Vec<(&'static str, Asked)> {
    vec![
        (
            "authority-delegated-in-person",
            ask(Action::DelegateAuthority).of_account(CAROL, None).role(Role::Cto),
        ),
        (
            "delegated-authority-only-in-force",
            ask(Action::Approve).in_place_of(CAROL, Role::CabMember).delegator(|it| it.lends = false),
        ),
    ]
}

#[test]
fn every_shipped_policy_decides_some_question_alone() {
    let mut untested: BTreeSet<(&str, Effect)> =
        SHIPPED.policies().map(|p| (p.id.as_str(), p.effect)).collect();
    for (id, asked) in permitted_by() {
        assert_eq!(asked.verdict(&SHIPPED), format!("+ {id}"), "{asked:?}");
        untested.remove(&(id, Effect::Permit));
    }
    for (id, asked) in refused_by().into_iter().chain(refused_by_boards()).chain(refused_loans()) {
        assert_eq!(asked.verdict(&SHIPPED), format!("- {id}"), "{asked:?}");
        untested.remove(&(id, Effect::Forbid));
    }
    assert!(untested.is_empty(), "no question above is decided by {untested:?} alone");
}

fn check(asked: Asked, expected: &str) {
    assert_eq!(asked.verdict(&SHIPPED), expected, "{asked:?}");
}

#[test]
fn nobody_on_the_requesters_side_decides_even_when_parties_were_not_looked_up() {
    for action in [
        Action::Approve,
        Action::Reject,
        Action::SatisfyCondition,
        Action::OverrideDecision,
        Action::AuthoriseEmergency,
        Action::Review,
    ] {
        let asked = ask(action).by(ANN).authority(Role::EcabMember).change(|change| change.parties.clear());
        check(asked, "- segregation-of-duties");
    }
}

#[test]
fn a_delegate_may_what_the_delegator_may_and_nothing_more() {
    let approve = || ask(Action::Approve).in_place_of(CAROL, Role::CabMember);
    check(approve(), "+ delegates-decide");
    check(approve().role(Role::CabMember), "+ authorities-decide delegates-decide");
    let own_is_not_exercised = approve().role(Role::Cto).context(|it| it.authority = Some(Role::Cto));
    check(own_is_not_exercised, "- approver-holds-the-authority");
    check(approve().by(ANN), "- segregation-of-duties");
    check(approve().delegator(|it| it.id = crate::asked::actor(ANN)), "- segregation-of-duties");
    check(approve().kind(PrincipalKind::Agent), "- agents-never-satisfy-a-human-gate");
    for edit in [
        (|it: &mut policy::Delegator| it.active = false) as fn(&mut policy::Delegator),
        |it| it.kind = PrincipalKind::Agent,
        |it| it.lends = false,
    ] {
        check(approve().delegator(edit), "- delegated-authority-only-in-force");
    }
    // Whoever only carries the authority of others has none to lend, and overrides nothing.
    check(ask(Action::DelegateAuthority).in_place_of(CAROL, Role::Cto), "- no-permission");
    check(ask(Action::OverrideDecision).in_place_of(CAROL, Role::Cto), "- no-permission");
    let authorise = |role| ask(Action::AuthoriseEmergency).in_place_of(CAROL, role);
    check(authorise(Role::EcabMember), "+ delegates-decide");
    check(authorise(Role::Cto), "- emergency-authority");
}

#[test]
fn an_agent_whose_budget_is_not_known_creates_nothing() {
    let asked = || ask(Action::Create).context(|context| context.budget_left = None);
    let rules = "- agents-keep-to-their-open-changes agents-keep-to-their-rate";
    check(asked().kind(PrincipalKind::Agent), rules);
    check(asked(), "+ everyone-requests");
    check(asked().kind(PrincipalKind::Service), "+ everyone-requests");
}

#[test]
fn pre_approval_treats_every_missing_fact_with_caution() {
    let check = |edit: fn(&mut policy::ChangeResource), expected| {
        check(ask(Action::PreApprove).by_the_system().change(edit), expected);
    };
    check(|change| change.score = None, "- pre-approval-only-low");
    check(|change| change.level = None, "- pre-approval-only-low");
    check(|change| change.level = Some(Level::Medium), "- pre-approval-only-low");
    check(|change| change.score = Some(29), "+ the-system-works");
    check(|change| change.within_agent_budget = false, "- pre-approval-within-agent-budget");
    check(|change| change.lowest_tier = None, "- pre-approval-needs-known-facts");
    check(|change| change.has_test_evidence = false, "- pre-approval-needs-passed-tests");
    check(
        |change| (change.lowest_tier, change.score, change.policy_findings) = (Some(0), Some(70), 2),
        "- pre-approval-needs-no-findings pre-approval-only-low tier-0-never-auto-approved",
    );
}

/// Also where its runner was lost meanwhile, so that the change counts as interrupted.
#[test]
fn what_goes_back_is_taken_over_whatever_stands_still() {
    for state in [StateName::RollingBack, StateName::Interrupted] {
        let take_over = |goes_back| {
            ask(Action::TakeOver).by(ANN).change(|change| {
                (change.state, change.goes_back) = (state, goes_back);
                (change.stopped, change.in_freeze, change.outside_maintenance) = (true, true, true);
            })
        };
        check(take_over(true), "+ requesters-implement-their-changes");
        let all = "- maintenance-window-before-start no-implementation-in-a-freeze stop-the-line";
        check(take_over(false), all);
    }
}

#[test]
fn evidence_is_asked_for_by_level() {
    let start = |level, tested, rollback| {
        ask(Action::Start).by(ANN).change(|change| {
            change.level = level;
            (change.has_test_evidence, change.tests_passed) = (tested, tested);
            change.has_rollback_plan = rollback;
        })
    };
    let fine = "+ requesters-implement-their-changes";
    check(start(Some(Level::Low), false, false), fine);
    check(start(Some(Level::Medium), false, true), fine);
    check(start(Some(Level::Medium), true, false), "- rollback-plan-by-level");
    check(start(Some(Level::High), false, true), "- test-evidence-by-level");
    check(start(Some(Level::High), true, true), fine);
    check(start(Some(Level::Critical), false, false), "- rollback-plan-by-level test-evidence-by-level");
    check(start(None, false, false), "- rollback-plan-by-level test-evidence-by-level");
    let lead = ask(Action::Approve).authority(Role::TechnicalLead);
    check(
        lead.change(|change| (change.level, change.has_rollback_plan) = (Some(Level::Medium), false)),
        "- rollback-plan-by-level",
    );
}

#[test]
fn an_authorised_emergency_needs_neither_approvals_nor_tests_but_its_content_and_a_way_back() {
    let start = |authorised| {
        ask(Action::Start).by(ANN).change(|change| {
            change.change_type = ChangeType::Emergency;
            change.emergency_authorised = authorised;
            change.level = Some(Level::Critical);
            change.approvals_outstanding = 2;
            change.tests_passed = false;
        })
    };
    check(start(true), "+ requesters-implement-their-changes");
    check(start(false), "- test-evidence-by-level valid-approvals-before-start");
    check(start(true).change(|change| change.digest_matches = false), "- approved-content-only");
    check(start(true).change(|change| change.has_rollback_plan = false), "- rollback-plan-by-level");
    let disguised = start(true).change(|change| change.change_type = ChangeType::Normal);
    check(disguised, "- test-evidence-by-level valid-approvals-before-start");
    let authorise = ask(Action::AuthoriseEmergency).role(Role::EcabMember);
    check(authorise.change(|change| change.change_type = ChangeType::Normal), "- emergency-authority");
}

#[test]
fn an_authority_must_be_one_and_be_held_and_be_named() {
    let approve = || ask(Action::Approve).role(Role::TechnicalLead).role(Role::ChangeManager);
    check(approve(), "- approver-holds-the-authority");
    check(approve().context(|c| c.authority = Some(Role::ChangeManager)), "- approver-holds-the-authority");
    check(approve().context(|c| c.authority = Some(Role::TechnicalLead)), "+ authorities-decide");
}

#[test]
fn a_change_is_closed_with_the_outcome_that_it_had() {
    let close = |outcome, validated| {
        ask(Action::Close)
            .role(Role::ChangeManager)
            .context(|context| context.outcome = outcome)
            .change(|change| change.validated = validated)
    };
    check(close(None, true), "- close-only-with-validation");
    check(close(Some(Outcome::Partial), false), "- close-only-with-validation");
    check(close(Some(Outcome::Partial), true), "+ change-managers-steer");
    check(close(Some(Outcome::RolledBack), false), "+ change-managers-steer");
    check(close(Some(Outcome::Failed), false), "+ change-managers-steer");
}

#[test]
fn tokens_belong_to_their_actor_and_its_owner() {
    check(ask(Action::IssueToken).of_account(BOB, None), "+ owners-manage-their-tokens");
    check(ask(Action::IssueToken).of_account(BOB, None).without_scope(Scope::Admin), "- token-scope-admin");
    check(
        ask(Action::RevokeToken).of_account(BOB, None).without_scope(Scope::Admin),
        "+ owners-manage-their-tokens",
    );
    let auditor = ask(Action::RevokeToken).role(Role::Auditor);
    check(auditor.clone().of_account(BOB, None), "+ owners-manage-their-tokens");
    check(auditor.of_account("act_bot", Some(BOB)), "- auditors-read-only");
    check(ask(Action::IssueToken).of_account("act_bot", Some(ANN)), "- tokens-only-by-their-owner");
}

#[test]
fn acting_for_another_needs_the_granted_right() {
    check(ask(Action::ActOnBehalf).principal(|principal| principal.delegated = true), "+ everyone-requests");
    check(ask(Action::ActOnBehalf).role(Role::Administrator), "- delegation-only-with-the-right");
}

#[test]
fn an_action_on_the_wrong_kind_of_resource_is_refused() {
    check(ask(Action::Approve).authority(Role::Cto).of(Resource::Cmdb), "- policy-error");
    check(ask(Action::Read).of(Resource::Log), "- policy-error");
    check(ask(Action::Read).of(Resource::Cmdb), "+ everyone-reads");
}

#[test]
fn a_refusal_names_the_rule_says_it_and_offers_the_next_step() {
    let Answer::Denied { violations } = ask(Action::Cancel).answer(&SHIPPED) else { panic!("allowed") };
    let [violation] = violations.as_slice() else { panic!("{violations:?}") };
    insta::assert_snapshot!(format!("{}\n{}\n{}", violation.rule, violation.sentence, violation.next_step), @r"
    no-permission
    No policy permits `cancel` here; it is permitted thus: The requester's side may submit, amend and cancel its changes; Change managers may cancel, pause, resume, validate, roll back and close any change, and settle conditions and manual steps
    have somebody do it who may, or ask an administrator for the role
    ");
    let asked = ask(Action::Approve).by(ANN).authority(Role::TechnicalLead);
    let Answer::Denied { violations } = asked.answer(&SHIPPED) else { panic!("allowed") };
    let [violation] = violations.as_slice() else { panic!("{violations:?}") };
    assert_eq!(violation.sentence, "Whoever is on the requester's side of a change never decides about it");
    assert!(violation.next_step.starts_with("have somebody outside the requester's side decide"));
    assert_eq!(violation.controls, ["SOC2:CC8.1", "SOC2:CC6.3", "ISO27001:A.5.3"]);
}

#[test]
fn every_control_says_what_it_is_evidence_for() {
    for policy in SHIPPED.policies().filter(|policy| policy.effect == Effect::Forbid) {
        assert!(!policy.controls.is_empty(), "`{}` names no control", policy.id);
        for control in &policy.controls {
            let (framework, _) = control.split_once(':').unwrap();
            assert!(["SOC2", "ISO27001", "HIPAA"].contains(&framework), "`{}` names `{control}`", policy.id);
        }
    }
}
