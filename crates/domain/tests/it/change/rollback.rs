//! Taking a change back: by itself, by a person, too late, and again.

use domain::change::{Command, Deadline, Outcome, Runner};
use domain::id::StepName;
use domain::incident::Severity;
use domain::plan::{Cause, Decision, Observation, Part, Task};
use domain::rollback::{ConditionName, Reaction, RollbackSpeed};
use jiff::SignedDuration;

use super::Story;
use super::fixture::{
    TOKEN, asked_back, close, content, do_step, failed, failed_rollback, half_way, implemented, implementing,
    manual_content, name, observe, rolled_back, started, succeeded, take_over, text, undo, validating,
    validation,
};
use super::people::{ada, agent, lena, max, runner, second_runner};

fn expire() -> Command {
    Command::Expire { deadline: Deadline::Rollback }
}

fn is_without_runner(story: &Story) -> bool {
    matches!(story.change.execution().unwrap().runner, Runner::Free { last_fencing_token: TOKEN })
}

/// A change that is being taken back; the second step's undo has not begun.
fn rolling_back() -> Story {
    half_way()
        .when(observe(failed(&do_step("switch"))))
        .by(runner())
        .then("progressed, rollback_started -> rolling_back")
}

#[test]
fn a_failing_step_is_taken_back_and_the_change_closes_as_rolled_back() {
    let story = rolling_back();
    assert_eq!(story.opened(), Some(Severity::Moderate));
    assert_eq!(story.last_words(), "Rollback started: step `switch` failed");
    let story = rolled_back();
    assert!(is_without_runner(&story));
    story
        .when(close(Outcome::Successful))
        .by(ada())
        .refused_saying(
            "outcome: a change that is rolled_back cannot close as successful; accepted: rolled_back",
        )
        .when(close(Outcome::RolledBack))
        .by(ada())
        .then("closed -> closed");
}

#[test]
fn a_breach_that_the_runner_reports_takes_the_change_back() {
    let breach = Cause::Breach {
        condition: ConditionName::ErrorRate,
        monitor: name("home page"),
        explanation: text("6 of 10 answers failed"),
        reaction: Reaction { rollback: RollbackSpeed::Immediate, quarantine: false },
    };
    let story = half_way()
        .when(observe(Observation::RollbackRequested { cause: breach }))
        .by(runner())
        .then("progressed, rollback_started -> rolling_back");
    let words = "Rollback started: monitor `home page` breached `error_rate`: 6 of 10 answers failed";
    assert_eq!(story.last_words(), words);
}

#[test]
fn a_change_is_taken_back_at_the_request_of_whoever_asks_and_of_nobody_else() {
    for story in [half_way(), validating(), implemented()] {
        let story = story
            .when(asked_back("lena"))
            .by(agent("bot"))
            .refused_by("agents-never-satisfy-a-human-gate")
            .when(asked_back("act_system"))
            .refused_by("agents-never-satisfy-a-human-gate")
            .when(asked_back("lena"))
            .by(lena())
            .then("rollback_started -> rolling_back");
        assert_eq!(story.opened(), Some(Severity::Moderate));
        assert_eq!(story.last_words(), "Rollback started: act_lena asked for it: customers complain");
    }
}

#[test]
fn a_finished_change_that_is_taken_back_waits_for_a_runner() {
    let story = implemented().when(asked_back("max")).by(max()).then("rollback_started -> rolling_back");
    assert!(is_without_runner(&story));
    story
        .when(observe(started(&undo("switch"))))
        .by(runner())
        .refused_by("lease")
        .when(Command::Interrupt)
        .then("nothing -> rolling_back")
        .when(take_over(&content(), TOKEN))
        .by(second_runner())
        .refused_by("lease")
        .when(take_over(&manual_content(), TOKEN + 1))
        .by(second_runner())
        .refused_by("what-was-approved-is-what-runs")
        .when(take_over(&content(), TOKEN + 1))
        .by(second_runner())
        .then("taken_over -> rolling_back");
}

#[test]
fn a_failed_validation_takes_the_change_back() {
    let story = validating()
        .when(validation(false))
        .by(runner())
        .then("validation_failed, rollback_started -> rolling_back");
    assert_eq!(story.opened(), Some(Severity::Moderate));
    assert_eq!(story.change.execution().unwrap().run.cause(), Some(&Cause::ValidationFailed));
}

#[test]
fn a_validation_that_nobody_made_in_time_takes_the_change_back() {
    let expire = || Command::Expire { deadline: Deadline::Validation };
    let story = validating();
    let due = story.now + SignedDuration::from_hours(24) + SignedDuration::from_mins(10);
    assert_eq!(story.change.due_at(Deadline::Validation), Some(due), "a day after the soak");
    let story = story
        .at(due - SignedDuration::from_micros(1))
        .when_at_once(expire())
        .refused_saying("deadline: the deadline has not passed; wait for the deadline")
        .at(due)
        .when_at_once(expire())
        .then("rollback_started -> rolling_back");
    assert_eq!(story.change.execution().unwrap().run.cause(), Some(&Cause::ValidationDeadline));
}

#[test]
fn what_could_not_be_undone_is_a_major_incident_that_a_person_may_try_again() {
    let story = failed_rollback();
    assert_eq!(story.opened(), Some(Severity::Major));
    assert_eq!(story.last_words(), "Rollback failed: not undone: deploy");
    let automatic = Command::RollBack { cause: Cause::RunnerLost };
    let story = story
        .when(asked_back("bot"))
        .by(agent("bot"))
        .refused_by("agents-never-satisfy-a-human-gate")
        .when(automatic.clone())
        .refused_by("agents-never-satisfy-a-human-gate")
        .when(automatic)
        .by(lena())
        .refused_by("agents-never-satisfy-a-human-gate")
        .when(asked_back("lena"))
        .by(lena())
        .then("rollback_started -> rolling_back");
    assert_eq!(story.opened(), None, "the incident is open already");
    let by_second = |observation: Observation| Command::Observe {
        observation: Box::new(observation),
        fencing_token: TOKEN + 1,
    };
    let again = Observation::Started { task: undo("deploy"), attempt: 2 };
    let done = Observation::Ended {
        task: undo("deploy"),
        attempt: 2,
        outcome: domain::plan::Outcome::Succeeded,
        duration_millis: 10,
        log: None,
    };
    story
        .when(take_over(&content(), TOKEN + 1))
        .by(second_runner())
        .then("taken_over -> rolling_back")
        .when(by_second(again))
        .by(second_runner())
        .then("progressed -> rolling_back")
        .when(by_second(done))
        .by(second_runner())
        .then("progressed -> rolling_back")
        .when(by_second(Observation::RollbackEnded))
        .by(second_runner())
        .then("progressed, rolled_back -> rolled_back");
}

#[test]
fn what_could_not_be_undone_closes_as_failed() {
    failed_rollback()
        .when(close(Outcome::RolledBack))
        .by(ada())
        .refused_by("outcome")
        .when(close(Outcome::Failed))
        .by(ada())
        .then("closed -> closed");
}

#[test]
fn a_rollback_that_does_not_end_in_time_has_failed_and_can_be_tried_again() {
    let story = rolling_back().reports([started(&undo("switch"))]);
    let due = story.change.due_at(Deadline::Rollback).unwrap();
    let story = story
        .at(due - SignedDuration::from_micros(1))
        .when_at_once(expire())
        .refused_by("deadline")
        .at(due)
        .when_at_once(expire())
        .then("progressed, progressed, progressed, rollback_failed -> failed");
    assert_eq!(story.opened(), Some(Severity::Major));
    let words = "Rollback failed: the rollback did not end in time; not undone: switch, deploy";
    assert_eq!(story.last_words(), words);
    assert!(is_without_runner(&story));
    let story = story
        .when(observe(succeeded(&undo("switch"))))
        .by(runner())
        .refused_by("lifecycle")
        .when(asked_back("lena"))
        .by(lena())
        .then("rollback_started -> rolling_back")
        .when(take_over(&content(), TOKEN + 1))
        .by(runner())
        .then("taken_over -> rolling_back");
    let run = &story.change.execution().unwrap().run;
    let next = run.next_action(story.change.content.plan.as_ref().unwrap(), None);
    assert_eq!(next.to_string(), "execute undo of step `switch`, attempt 2");
}

#[test]
fn a_rollback_with_nothing_left_to_do_has_succeeded_at_its_deadline() {
    let undone = rolling_back().reports([
        started(&undo("switch")),
        succeeded(&undo("switch")),
        started(&undo("deploy")),
        succeeded(&undo("deploy")),
    ]);
    let due = undone.change.due_at(Deadline::Rollback).unwrap();
    let interrupted = undone.clone().when(Command::Interrupt).then("interrupted -> interrupted");
    for story in [undone, interrupted] {
        let story = story.at(due).when_at_once(expire());
        let story = story.then("progressed, progressed, rolled_back -> rolled_back");
        assert_eq!(story.opened(), None);
    }
}

#[test]
fn a_person_takes_back_what_only_a_person_can() {
    let turn_back = Task::new(Part::RollbackStep, StepName::new("turn it back").unwrap());
    let decided =
        || Command::DecideStep { step: name("turn it back"), decision: Decision::Done, comment: None };
    implementing(&manual_content())
        .reports([started(&do_step("turn the key"))])
        .when(Command::DecideStep { step: name("turn the key"), decision: Decision::GiveUp, comment: None })
        .by(lena())
        .then("progressed, rollback_started -> rolling_back")
        .reports([started(&turn_back)])
        .when(decided())
        .by(agent("bot"))
        .refused_by("agents-never-satisfy-a-human-gate")
        .when(decided())
        .by(lena())
        .then("progressed -> rolling_back")
        .when(observe(Observation::RollbackEnded))
        .by(runner())
        .then("progressed, rolled_back -> rolled_back");
}
