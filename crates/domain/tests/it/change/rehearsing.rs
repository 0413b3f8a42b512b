//! Rehearsals: evidence of what is asked for now, and of nothing else.

use domain::change::{Change, Command};
use domain::plan::{Failure, Outcome, Part, Rehearsal};
use domain::risk::Level;

use super::fixture::{amend, awaiting, content, implementing, rehearsal, rehearse, text};
use super::people::{ada, runner};

fn with(change: impl FnOnce(&mut Rehearsal)) -> Command {
    let mut rehearsal = rehearsal(&content());
    change(&mut rehearsal);
    Command::Rehearse { rehearsal: Box::new(rehearsal) }
}

fn is_current(change: &Change) -> bool {
    change.rehearsed.as_ref().is_some_and(|rehearsed| rehearsed.rehearsal.digest == change.digest)
}

#[test]
fn evidence_is_given_before_the_approval_and_goes_out_of_date_with_the_content() {
    let story = awaiting(&content(), Level::Medium)
        .when(rehearse(&content()))
        .by(runner())
        .then("rehearsed -> awaiting_approval");
    assert_eq!(
        story.last_words(),
        "Rehearsed on staging from build-7: 4 steps and undos succeeded, everything saved is as before"
    );
    let rehearsed = story.change.rehearsed.clone().unwrap();
    assert!(rehearsed.rehearsal.passed() && is_current(&story.change));
    assert_eq!((rehearsed.by, rehearsed.at), (runner().id(), story.now));
    let mut other = content();
    other.plan.as_mut().unwrap().steps.pop();
    let story = story.when(amend(other)).by(ada()).accepted();
    assert!(!is_current(&story.change) && story.change.rehearsed.is_some());
    story.when(rehearse(&content())).by(runner()).refused_by("what-was-approved-is-what-runs");
}

#[test]
fn what_cannot_be_evidence_of_the_plan_is_refused() {
    let story = awaiting(&content(), Level::Medium);
    let refused = |command| {
        let _unchanged = story.clone().when(command).by(runner()).refused_by("content");
    };
    refused(with(|rehearsal| rehearsal.tasks.clear()));
    refused(with(|rehearsal| drop(rehearsal.tasks.pop())));
    refused(with(|rehearsal| rehearsal.tasks[0].task.step = "something else".parse().unwrap()));
    refused(with(|rehearsal| rehearsal.tasks.push(rehearsal.tasks[0].clone())));
    refused(with(|rehearsal| rehearsal.left_out.push(rehearsal.tasks[0].task.clone())));
    refused(with(|rehearsal| rehearsal.captures = 1));
    refused(with(|rehearsal| rehearsal.left_in_place.push("something else".parse().unwrap())));
    refused(with(|rehearsal| {
        let reason = text(&"long ".repeat(2_000));
        rehearsal.tasks[0].outcome = Outcome::Failed { failure: Failure::Other { reason } };
    }));
    implementing(&content()).when(rehearse(&content())).by(runner()).refused_by("lifecycle");
}

#[test]
fn a_rehearsal_that_failed_says_what_and_need_not_have_come_to_the_rest() {
    let failed = with(|rehearsal| {
        rehearsal.tasks.retain(|rehearsed| rehearsed.task.step.as_str() == "deploy");
        let first = rehearsal.tasks.first_mut().unwrap();
        assert_eq!(first.task.part, Part::Step);
        first.outcome = Outcome::Failed { failure: Failure::ExitStatus { status: 3 } };
    });
    let story = awaiting(&content(), Level::Medium).when(failed).by(runner()).accepted();
    assert_eq!(
        story.last_words(),
        "Rehearsed on staging from build-7: 1 of 2 steps and undos failed, differing: 0"
    );
    assert!(!story.change.rehearsed.unwrap().rehearsal.passed());
}
