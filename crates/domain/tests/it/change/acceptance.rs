//! User acceptance: whom the plan names accepts the result before its validation passes.

use domain::actor::Role;
use domain::change::{Command, Content, State};
use domain::plan::{Acceptor, Decision, Plan, UserAcceptance};

use super::Story;
use super::fixture::{approved, validating};
use super::fixture::{
    content, do_step, finish, implementing, name, observe, start, started, succeeded, text, validation,
};
use super::people::{agent, human, runner};

fn accepted_by(by: Acceptor) -> Content {
    let user_acceptance = Some(UserAcceptance { by, instructions: text("look at ten orders") });
    let plan = content().plan.map(|plan| Plan { user_acceptance, ..plan });
    Content { plan, ..content() }
}

fn answered(step: &str, decision: Decision, comment: Option<&str>) -> Command {
    Command::DecideStep { step: name(step), decision, comment: comment.map(text) }
}

fn accept() -> Command {
    answered("user acceptance", Decision::Done, Some("orders look right"))
}

/// Up to the end of the plan.
fn done(story: Story) -> Story {
    let reports = [
        started(&do_step("deploy")),
        succeeded(&do_step("deploy")),
        started(&do_step("switch")),
        succeeded(&do_step("switch")),
    ];
    story.reports(reports).when(finish()).by(runner()).then("implemented -> validating")
}

pub(super) fn to_be_accepted() -> Story {
    done(implementing(&accepted_by(Acceptor::Role(Role::TechnicalLead))))
}

#[test]
fn a_result_passes_only_once_a_named_person_has_accepted_it() {
    let lead = || human("nora", &[Role::TechnicalLead]);
    let story = to_be_accepted()
        .when(validation(true))
        .by(runner())
        .refused_by("user-acceptance")
        .when(accept())
        .by(agent("bot"))
        .refused_by("agents-never-satisfy-a-human-gate")
        .when(accept())
        .by(human("nina", &[Role::ChangeManager]))
        .refused_by("user-acceptance")
        .when(answered("user acceptance", Decision::Done, None))
        .by(lead())
        .refused_by("user-acceptance")
        .when(answered("user acceptance", Decision::Redo, Some("again")))
        .by(lead())
        .refused_by("plan")
        .when(answered("deploy", Decision::Done, Some("fine")))
        .by(lead())
        .refused_by("plan")
        .when(accept())
        .by(lead())
        .then("result_accepted -> validating")
        .when(accept())
        .by(lead())
        .then("nothing -> validating")
        .when(validation(true))
        .by(runner())
        .then("validated -> implemented");
    let execution = story.change.execution().unwrap();
    let checks: Vec<_> = execution.validations[0].checks.iter().map(|check| check.name.as_str()).collect();
    assert_eq!(checks.last(), Some(&"user acceptance"), "{checks:?}");
    assert_eq!(story.last_words(), "All 3 checks passed");
}

#[test]
fn a_refused_result_is_taken_back() {
    let story = to_be_accepted()
        .when(answered("user acceptance", Decision::GiveUp, Some("totals are wrong")))
        .by(human("nora", &[Role::TechnicalLead]))
        .then("validation_failed, rollback_started -> rolling_back");
    let State::RollingBack(execution) = &story.change.state else { panic!("not taken back") };
    assert_eq!(execution.validations[0].checks[0].detail.as_str(), "totals are wrong");
    assert_eq!(execution.accepted, None);
}

#[test]
fn a_check_that_failed_takes_the_change_back_whoever_has_accepted_it() {
    to_be_accepted()
        .when(validation(false))
        .by(runner())
        .then("validation_failed, rollback_started -> rolling_back");
}

#[test]
fn nobody_accepts_what_they_have_run() {
    let content = accepted_by(Acceptor::Role(Role::TechnicalLead));
    let nora = || human("nora", &[Role::TechnicalLead]);
    let story = approved(&content).when(start(&content)).by(nora());
    let mut story = story.then("implementation_started -> implementing");
    for step in ["deploy", "switch"].map(do_step) {
        for observation in [started(&step), succeeded(&step)] {
            story = story.when(observe(observation)).by(nora()).then("progressed -> implementing");
        }
    }
    story
        .when(finish())
        .by(nora())
        .then("implemented -> validating")
        .when(accept())
        .by(nora())
        .refused_by("user-acceptance")
        .when(accept())
        .by(human("nina", &[Role::TechnicalLead]))
        .then("result_accepted -> validating");
}

#[test]
fn a_team_accepts_by_its_members_and_nobody_is_asked_where_the_plan_asks_nobody() {
    let team = Acceptor::Team("shop-owners".parse().unwrap());
    done(implementing(&accepted_by(team)))
        .when(accept())
        .by(human("nora", Role::ALL))
        .refused_by("user-acceptance");
    validating().when(accept()).by(human("nora", Role::ALL)).refused_by("plan");
    for (word, expected) in [
        ("technical_lead", Acceptor::Role(Role::TechnicalLead)),
        ("shop-owners", Acceptor::Team("shop-owners".parse().unwrap())),
    ] {
        assert_eq!(word.parse(), Ok(expected.clone()));
        assert_eq!(expected.to_string(), word);
    }
    assert!("no such\nteam".parse::<Acceptor>().is_err());
}
