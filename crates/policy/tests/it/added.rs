//! Policies that an organisation adds to the shipped ones.

use domain::actor::Role;
use domain::authorization::Answer;
use policy::{Action, PolicyFile, PolicySet, PrincipalKind};

use crate::asked::{ANN, Asked, SHIPPED, ask};

fn with(text: &str) -> PolicySet {
    PolicySet::with_additional(&[PolicyFile { name: "ours.cedar", text }]).unwrap()
}

const PERMIT_ALL: &str =
    r#"@id("anything-goes") @title("Everyone may do anything") permit (principal, action, resource);"#;

#[test]
fn an_added_forbid_restricts_further_and_is_quoted() {
    let policies = with(
        r#"@id("no-agents-in-production")
           @title("Agents change nothing in production")
           @fix("hand the change to a person")
           forbid (principal, action == Action::"start", resource)
           when { principal.kind == Kind::"agent" && resource has environment && resource.environment == "production" };"#,
    );
    let start = ask(Action::Start).role(Role::Implementer);
    assert_eq!(start.clone().verdict(&policies), "+ implementers-implement");
    let by_agent = start.kind(PrincipalKind::Agent);
    assert_eq!(by_agent.verdict(&policies), "- no-agents-in-production");
    let Answer::Denied { violations } = by_agent.answer(&policies) else { panic!("allowed") };
    assert_eq!(violations[0].sentence, "Agents change nothing in production");
    assert_eq!(violations[0].next_step, "hand the change to a person");
    assert!(violations[0].controls.is_empty());
    let elsewhere = by_agent.change(|change| change.environment = None);
    assert_eq!(elsewhere.verdict(&policies), "+ implementers-implement");
}

#[test]
fn an_added_policy_may_weigh_teams_services_and_whoever_is_named() {
    let policies = with(
        r#"@id("shop-only-by-its-team")
           @title("The shop is changed only by its team")
           @fix("ask the team")
           forbid (principal, action in [Action::"start", Action::"submit"], resource)
           when { resource.services.contains("shop") }
           unless { principal in Team::"shop" };"#,
    );
    let submit = ask(Action::Submit).by(ANN);
    assert_eq!(submit.verdict(&policies), "- shop-only-by-its-team");
    let in_team = submit.clone().principal(|principal| {
        principal.teams.insert("shop".parse().unwrap());
    });
    assert_eq!(in_team.verdict(&policies), "+ requesters-steer-their-changes");
    let other = submit.change(|change| change.services = ["cart".parse().unwrap()].into());
    assert_eq!(other.verdict(&policies), "+ requesters-steer-their-changes");
}

#[test]
fn an_added_permit_widens_by_role_and_is_named() {
    let policies = with(PERMIT_ALL);
    let cancel = ask(Action::Cancel);
    assert_eq!(cancel.verdict(&SHIPPED), "- no-permission");
    assert_eq!(cancel.verdict(&policies), "+ anything-goes");
}

#[test]
fn no_added_permit_lifts_a_shipped_control() {
    let widened = with(PERMIT_ALL);
    let gates = [
        Action::Approve,
        Action::Reject,
        Action::SatisfyCondition,
        Action::AuthoriseEmergency,
        Action::Review,
    ];
    let mut compared = 0;
    for action in Action::ALL.iter().copied() {
        for kind in PrincipalKind::ALL.iter().copied() {
            for role in Role::ALL.iter().copied() {
                for by in ["act_bob", ANN] {
                    let asked = ask(action).by(by).kind(kind).authority(role);
                    let (before, after) = (asked.verdict(&SHIPPED), asked.verdict(&widened));
                    let is_gate = gates.contains(&action);
                    assert!(
                        !(is_gate && kind != PrincipalKind::Human && after.starts_with('+')),
                        "{asked:?}: {after}"
                    );
                    assert!(!(is_gate && by == ANN && after.starts_with('+')), "{asked:?}: {after}");
                    if before.starts_with('-') && before != "- no-permission" {
                        assert_eq!(after, before, "{asked:?}");
                        compared += 1;
                    }
                }
            }
        }
    }
    assert!(compared > 500, "only {compared} refusals were compared");
}

#[test]
fn a_policy_that_fails_while_evaluated_is_a_denial() {
    let overflowing = |effect: &str| {
        with(&format!(
            r#"@id("too-many-findings") @title("Few findings") @fix("resolve them")
               {effect} (principal, action == Action::"start", resource)
               when {{ resource.policy_findings * 9223372036854775807 > 5 }};"#
        ))
    };
    for policies in [overflowing("forbid"), overflowing("permit")] {
        let start = ask(Action::Start).role(Role::Implementer).change(|change| change.policy_findings = 2);
        assert_eq!(start.verdict(&policies), "- policy-error");
        let Answer::Denied { violations } = start.answer(&policies) else { panic!("allowed") };
        assert!(violations[0].sentence.contains("too-many-findings"), "{}", violations[0].sentence);
        assert!(violations[0].sentence.contains("overflow"), "{}", violations[0].sentence);
        let also_forbidden = start.clone().change(|change| change.window_open = false);
        assert_eq!(also_forbidden.verdict(&policies), "- window-before-start policy-error");
        assert_eq!(
            start.change(|change| change.policy_findings = 0).verdict(&policies),
            "+ implementers-implement"
        );
    }
}

#[test]
fn every_form_of_action_scope_reaches_its_actions_and_no_others() {
    let verdicts = |scope: &str| -> Vec<String> {
        let policies = with(&format!(
            r#"@id("stop") @title("Stop") @fix("wait") forbid (principal, {scope}, resource);"#
        ));
        let ask = |action| -> Asked { ask(action).role(Role::Implementer) };
        [Action::Read, Action::Pause, Action::Finish].map(|action| ask(action).verdict(&policies)).to_vec()
    };
    let (read, implement) = ("+ everyone-reads", "+ implementers-implement");
    assert_eq!(verdicts("action"), ["- stop", "- stop", "- stop"]);
    assert_eq!(verdicts(r#"action == Action::"pause""#), [read, "- stop", implement]);
    assert_eq!(verdicts(r#"action in Action::"pause""#), [read, "- stop", implement]);
    assert_eq!(verdicts(r#"action in [Action::"read", Action::"finish"]"#), ["- stop", implement, "- stop"]);
}

#[test]
fn the_digest_names_texts_not_their_order() {
    let forbid =
        |id: &str| format!(r#"@id("{id}") @title("T") @fix("F") forbid (principal, action, resource);"#);
    let (a, b, c) = (forbid("a"), forbid("b"), forbid("c"));
    let file = |name, text| PolicyFile { name, text };
    let digest = |files: &[PolicyFile<'_>]| PolicySet::with_additional(files).unwrap().digest();
    let both = digest(&[file("1.cedar", &a), file("2.cedar", &b)]);
    assert_eq!(both, digest(&[file("2.cedar", &b), file("1.cedar", &a)]));
    assert_ne!(both, digest(&[file("1.cedar", &a), file("2.cedar", &c)]));
    assert_ne!(both, digest(&[file("1.cedar", &a)]));
    assert_eq!(digest(&[]), SHIPPED.digest());
}
