//! The runner is gone.

use domain::change::{Command, Deadline, Runner};
use domain::incident::Severity;
use domain::plan::{Cause, Decision, Observation};
use jiff::SignedDuration;

use super::Story;
use super::fixture::{
    TOKEN, asked_back, content, do_step, failed, half_way, name, observe, started, succeeded, take_over,
    take_over_elsewhere, undo,
};
use super::people::{id, lena, runner, second_runner};

fn expire(deadline: Deadline) -> Command {
    Command::Expire { deadline }
}

/// The runner is lost while the second step runs.
fn interrupted() -> Story {
    half_way().when(Command::Interrupt).then("interrupted -> interrupted")
}

/// The runner is lost while the second step is undone.
fn interrupted_rollback() -> Story {
    half_way()
        .when(observe(failed(&do_step("switch"))))
        .by(runner())
        .then("progressed, rollback_started -> rolling_back")
        .reports([started(&undo("switch"))])
        .when(Command::Interrupt)
        .then("interrupted -> interrupted")
}

#[test]
fn another_runner_takes_over_clears_up_what_nobody_saw_end_and_finishes() {
    let report = |observation: Observation| Command::Observe {
        observation: Box::new(observation),
        fencing_token: TOKEN + 1,
    };
    let story = interrupted()
        .when(observe(succeeded(&do_step("switch"))))
        .by(runner())
        .refused_by("lifecycle")
        .when(take_over(&content(), TOKEN))
        .by(second_runner())
        .refused_by("lease")
        .when(take_over_elsewhere(&content(), TOKEN + 1))
        .by(second_runner())
        .refused_by("what-was-approved-is-what-runs")
        .when(take_over(&content(), TOKEN + 1))
        .by(second_runner())
        .then("taken_over -> implementing")
        .when(observe(succeeded(&do_step("switch"))))
        .by(runner())
        .refused_by("lease")
        .when(report(succeeded(&do_step("switch"))))
        .by(second_runner())
        .refused_by("plan")
        .when(Command::DecideStep { step: name("switch"), decision: Decision::Done, comment: None })
        .by(lena())
        .then("progressed -> implementing")
        .when(Command::Finish { fencing_token: TOKEN + 1 })
        .by(second_runner())
        .then("implemented -> validating");
    let runner = &story.change.execution().unwrap().runner;
    assert_eq!(*runner, Runner::Free { last_fencing_token: TOKEN + 1 });
}

#[test]
fn nobody_takes_over_from_a_runner_that_is_there() {
    half_way().when(take_over(&content(), TOKEN + 1)).by(second_runner()).refused_by("lifecycle");
    interrupted()
        .when(take_over(&content(), TOKEN + 1))
        .by(second_runner())
        .then("taken_over -> implementing")
        .when(take_over(&content(), TOKEN + 2))
        .by(runner())
        .refused_by("lifecycle");
    half_way()
        .when(asked_back("lena"))
        .by(lena())
        .then("rollback_started -> rolling_back")
        .when(take_over(&content(), TOKEN + 1))
        .by(second_runner())
        .refused_by("lease");
}

#[test]
fn what_nobody_takes_over_is_taken_back_after_an_hour() {
    let story = interrupted();
    let due = story.now + SignedDuration::from_hours(1);
    let story = story
        .at(due - SignedDuration::from_micros(1))
        .when_at_once(expire(Deadline::Interruption))
        .refused_by("deadline")
        .at(due)
        .when_at_once(expire(Deadline::Interruption))
        .then("rollback_started -> rolling_back");
    assert_eq!(story.change.execution().unwrap().run.cause(), Some(&Cause::RunnerLost));
    assert_eq!(story.opened(), Some(Severity::Moderate));
    story.when(expire(Deadline::Interruption)).refused_by("lifecycle");
}

#[test]
fn each_interruption_has_its_own_hour() {
    let story = interrupted();
    let first = story.change.due_at(Deadline::Interruption).unwrap();
    story
        .wait(SignedDuration::from_mins(50))
        .when(take_over(&content(), TOKEN + 1))
        .by(second_runner())
        .then("taken_over -> implementing")
        .when(Command::Interrupt)
        .then("interrupted -> interrupted")
        .at(first)
        .when_at_once(expire(Deadline::Interruption))
        .refused_by("deadline");
}

#[test]
fn a_person_need_not_wait_to_take_back_an_interrupted_change() {
    interrupted().when(asked_back("lena")).by(lena()).then("rollback_started -> rolling_back");
}

#[test]
fn an_interrupted_rollback_goes_on_backwards_only() {
    let story = interrupted_rollback();
    story
        .clone()
        .when(asked_back("lena"))
        .by(lena())
        .then("nothing -> interrupted")
        .when(take_over_elsewhere(&content(), TOKEN + 1))
        .by(second_runner())
        .then("taken_over -> rolling_back");
    let interrupted = story.change.due_at(Deadline::Interruption).unwrap();
    let story = story
        .at(interrupted)
        .when_at_once(expire(Deadline::Interruption))
        .then("attention_needed -> interrupted");
    assert_eq!(story.last_words(), "Nobody has taken over the interrupted rollback");
    assert_eq!(story.opened(), None);
    let story = story.when(expire(Deadline::Interruption)).refused_by("lifecycle");
    let due = story.change.due_at(Deadline::Rollback).unwrap();
    let story = story
        .at(due)
        .when_at_once(expire(Deadline::Rollback))
        .then("progressed, progressed, rollback_failed -> failed");
    assert_eq!(story.opened(), Some(Severity::Major));
}

#[test]
fn a_runner_that_was_lost_twice_is_lost_once() {
    let story = interrupted();
    assert_eq!(story.log.last().unwrap().by, id("system"));
    story.when(Command::Interrupt).refused_by("lifecycle");
}
