//! Runners that are killed and people who interfere, at every instant.

use domain::id::StepName;
use domain::plan::{
    Action, Cause, Failure, Finding, Observation, Observed, Outcome, Part, Phase, Plan, QuestionKind,
    RollbackPlan, Run, Step, StepKind, StepStatus, TaskState,
};
use domain::rollback::{ConditionName, Reaction, RollbackSpeed};
use domain::text::FreeText;

use super::simulation::{Event, World, assert_sound, assert_world, simulate};
use super::{
    asked_back, check, checked, do_step, ended, file, fold, manual, name, person, plan, rollback_plan,
    rollback_requested, started, step, undo,
};

/// One step of each temper.
fn mixed() -> (Plan, RollbackPlan) {
    let steps = vec![
        Step { captures: vec![file("app.yaml")], ..step("plain") },
        Step { idempotent: true, ..step("idempotent") },
        Step { check: Some(check()), ..step("checkable") },
        Step { kind: manual(), undo: Some(manual()), ..step("manual") },
        Step { kind: StepKind::Wait { duration_millis: 5 }, undo: None, ..step("wait") },
        Step { undo: None, ..step("no undo") },
    ];
    (plan(steps), rollback_plan(vec![Step { check: Some(check()), ..step("redeploy") }, step("switch")]))
}

fn gradual() -> Cause {
    Cause::Breach {
        condition: ConditionName::Latency,
        monitor: name("home page"),
        explanation: FreeText::new("the median took 2s, the limit is 1s").unwrap(),
        reaction: Reaction { rollback: RollbackSpeed::Gradual, quarantine: false },
    }
}

/// Instants of a run in which nothing happens.
fn instants(world: &World) -> usize {
    let (plan, rollback) = mixed();
    let mut world = world.clone();
    let run = simulate(&plan, Some(&rollback), true, &mut world);
    assert_world(&plan, &run, &world);
    world.instants
}

/// Worlds in which the run goes forward to its end, turns round at its last step, and cannot ask its checks.
fn worlds() -> [World; 3] {
    let mut failing = World::default();
    failing.failing_attempts.insert(do_step("no undo"), 1);
    let forgetful = World { checks_cannot_tell: true, ..failing.clone() };
    [World::default(), failing, forgetful]
}

#[test]
fn a_runner_killed_at_any_two_instants_is_taken_over_and_the_run_comes_to_the_same_end() {
    let (plan, rollback) = mixed();
    for world in worlds() {
        let undisturbed = simulate(&plan, Some(&rollback), true, &mut world.clone()).outcome();
        let instants = instants(&world);
        for first in 0..instants {
            for second in first..instants + 8 {
                let mut world = world.clone();
                world.events.insert(first, Event::Kill);
                world.events.insert(second, Event::Kill);
                let run = simulate(&plan, Some(&rollback), true, &mut world);
                // A step that would have failed counts as done when a person finds, in its runner's place, that it is.
                let is_cleared_up = !world.failing_attempts.is_empty() && run.phase() == Phase::Finished;
                assert!(
                    run.outcome() == undisturbed || is_cleared_up,
                    "killed at {first} and {second}: {run:?}"
                );
                assert_world(&plan, &run, &world);
            }
        }
    }
}

#[test]
fn a_rollback_requested_at_any_instant_takes_everything_back() {
    let (plan, rollback) = mixed();
    for world in worlds() {
        for at in 0..instants(&world) {
            for cause in [asked_back(), gradual()] {
                for killed in 0..12 {
                    let mut world = world.clone();
                    world.events.insert(at, Event::Hear(rollback_requested(cause.clone())));
                    world.events.insert(at + 1 + killed, Event::Kill);
                    let run = simulate(&plan, Some(&rollback), true, &mut world);
                    // At the last instants of a run that goes well it is finished before anybody is heard.
                    let is_late = run.phase() == Phase::Finished && run.cause().is_none();
                    assert!(run.phase() == Phase::RolledBack || is_late, "requested at {at}: {run:?}");
                    assert_world(&plan, &run, &world);
                }
            }
        }
    }
}

#[test]
fn a_pause_at_any_instant_starts_nothing_until_somebody_resumes() {
    let (plan, rollback) = mixed();
    for world in worlds() {
        let undisturbed = simulate(&plan, Some(&rollback), true, &mut world.clone()).outcome();
        for at in 0..instants(&world) {
            let mut world = world.clone();
            world.events.insert(at, Event::Hear(Observation::PauseRequested));
            let run = simulate(&plan, Some(&rollback), true, &mut world);
            assert_eq!(run.outcome(), undisturbed, "paused at {at}");
            let paused = world.recorded.iter().skip_while(|it| **it != Observation::PauseRequested);
            let mut paused = paused.take_while(|it| **it != Observation::ResumeRequested);
            // What turns the run round while it is paused ends the pause too.
            let is_forward = |it: &&Observation| matches!(it, Observation::Started { task, .. } if task.part == Part::Step);
            assert_eq!(paused.find(is_forward), None, "paused at {at}");
        }
    }
}

#[test]
fn what_was_observed_once_is_never_folded_again_however_late_it_is_repeated() {
    let (plan, rollback) = mixed();
    for world in worlds() {
        for killed in 0..instants(&world) {
            let mut world = world.clone();
            world.events.insert(killed, Event::Kill);
            let last = simulate(&plan, Some(&rollback), true, &mut world);
            let mut run = Run::start(&plan, Some(&rollback), true);
            for (index, observation) in world.recorded.iter().enumerate() {
                run = fold(&plan, Some(&rollback), run, std::slice::from_ref(observation));
                for earlier in &world.recorded[..=index] {
                    let again = run.observe(&plan, Some(&rollback), earlier);
                    // A runner may be lost twice; that is news while something runs.
                    let is_news =
                        *earlier == Observation::RunnerLost && matches!(again, Ok(Observed::New(_)));
                    assert!(is_news || !matches!(again, Ok(Observed::New(_))), "`{earlier}` after {index}");
                }
            }
            assert_eq!(run, last, "replaying the record gives the same run");
        }
    }
}

#[test]
fn an_unknown_step_is_repeated_checked_or_asked_about() {
    let next_after_loss = |step: Step| {
        let plan = plan(vec![step]);
        let observations = [started(&do_step("a"), 1), Observation::RunnerLost];
        let run = fold(&plan, None, Run::start(&plan, None, true), &observations);
        assert_eq!(run.step_statuses().next(), Some((&name("a"), StepStatus::Unknown)));
        let action = run.next_action(&plan, None);
        (plan, run, action)
    };
    let (.., action) = next_after_loss(Step { idempotent: true, ..step("a") });
    assert!(matches!(action, Action::Execute { attempt: 2, delay_millis: 0, .. }), "{action:?}");

    let (plan, run, action) = next_after_loss(Step { check: Some(check()), ..step("a") });
    assert!(matches!(action, Action::CheckUnknown { attempt: 1, .. }), "{action:?}");
    let after = |finding| fold(&plan, None, run.clone(), &[checked(&do_step("a"), 1, finding)]);
    assert_eq!(after(Finding::TookEffect).phase(), Phase::Finished);
    let action = after(Finding::NoEffect).next_action(&plan, None);
    assert!(matches!(action, Action::Execute { attempt: 2, .. }), "{action:?}");
    assert_eq!(after(Finding::CannotTell).question().unwrap().kind, QuestionKind::Unknown);

    let (plan, run, action) = next_after_loss(step("a"));
    assert!(matches!(action, Action::AskPerson { .. }), "{action:?}");
    assert!(run.observe(&plan, None, &started(&do_step("a"), 2)).is_err());
}

#[test]
fn a_step_that_ends_its_runners_again_and_again_is_not_repeated_for_ever() {
    let plan = plan(vec![Step { idempotent: true, ..step("a") }]);
    let mut run = Run::start(&plan, None, true);
    let mut attempts = 0;
    while let Action::Execute { task, attempt, .. } = run.next_action(&plan, None) {
        attempts = attempt;
        assert!(attempts <= domain::plan::task::UNATTENDED_ATTEMPTS_MAX);
        run = fold(&plan, None, run, &[started(&task, attempt), Observation::RunnerLost]);
    }
    assert_eq!(attempts, domain::plan::task::UNATTENDED_ATTEMPTS_MAX);
    assert_eq!(run.question().unwrap().kind, QuestionKind::Unknown);
}

#[test]
fn an_immediate_rollback_stops_the_running_step_and_a_gradual_one_lets_it_end() {
    let plan = plan(vec![Step { retries: 3, ..step("a") }]);
    let running = fold(&plan, None, Run::start(&plan, None, true), &[started(&do_step("a"), 1)]);
    let next = |run: &Run| run.next_action(&plan, None);

    let slow = fold(&plan, None, running.clone(), &[rollback_requested(gradual())]);
    assert_eq!(next(&slow), Action::Await);
    let faster = fold(&plan, None, slow.clone(), &[rollback_requested(asked_back())]);
    assert_eq!(next(&faster), Action::Kill { task: do_step("a"), attempt: 1 });
    assert_eq!(faster.cause(), Some(&gradual()), "the first cause stays");

    for failure in [None, Some(Failure::Cancelled), Some(Failure::TimedOut)] {
        let outcome = failure.map_or(Outcome::Succeeded, |failure| Outcome::Failed { failure });
        let ended = fold(&plan, None, slow.clone(), &[ended(&do_step("a"), 1, outcome)]);
        let action = next(&ended);
        assert!(
            matches!(&action, Action::Execute { task, .. } if *task == undo("a")),
            "no retry: {action:?}"
        );
        let state = ended.state_of(&do_step("a")).unwrap();
        assert!(!matches!(state, TaskState::Retrying { .. }), "{state:?}");
        assert_sound(&slow, &ended);
    }
}

#[test]
fn what_a_check_finds_out_after_the_rollback_is_refused() {
    let plan = plan(vec![Step { check: Some(check()), undo: None, ..step("a") }]);
    let rollback = rollback_plan(vec![]);
    let observations = [
        started(&do_step("a"), 1),
        Observation::RunnerLost,
        rollback_requested(asked_back()),
        Observation::RollbackEnded,
    ];
    let run = fold(&plan, Some(&rollback), Run::start(&plan, Some(&rollback), true), &observations);
    assert_eq!(run.not_undone(), [name("a")], "nothing could take it back");
    assert!(run.observe(&plan, Some(&rollback), &checked(&do_step("a"), 1, Finding::TookEffect)).is_err());
}

#[test]
fn an_interrupted_undo_is_repeated_because_undos_can_be() {
    let plan = plan(vec![step("a")]);
    let observations = [
        started(&do_step("a"), 1),
        Observation::RunnerLost,
        rollback_requested(asked_back()),
        started(&undo("a"), 1),
        Observation::RunnerLost,
    ];
    let run = fold(&plan, None, Run::start(&plan, None, true), &observations);
    assert_eq!(run.step_statuses().next(), Some((&name("a"), StepStatus::UndoUnknown)));
    let action = run.next_action(&plan, None);
    assert!(
        matches!(&action, Action::Execute { task, attempt: 2, .. } if task.part == Part::Undo),
        "{action:?}"
    );
}

#[test]
fn an_unknown_rollback_step_is_not_repeated_without_being_asked_about() {
    let (plan, rollback) = (plan(vec![step("a")]), rollback_plan(vec![step("switch")]));
    let rollback = Some(&rollback);
    let switch = super::rollback_step("switch");
    let observations = [
        started(&do_step("a"), 1),
        rollback_requested(asked_back()),
        ended(&do_step("a"), 1, Outcome::Failed { failure: Failure::Cancelled }),
        started(&undo("a"), 1),
        ended(&undo("a"), 1, Outcome::Succeeded),
        started(&switch, 1),
        Observation::RunnerLost,
    ];
    let run = fold(&plan, rollback, Run::start(&plan, rollback, true), &observations);
    assert_eq!(run.question().unwrap().kind, QuestionKind::Unknown);
    assert!(matches!(run.phase(), Phase::RollingBack { .. }));
    let after = |decision| {
        let answer = run.answer(&name("switch"), decision, &person()).unwrap();
        let run = fold(&plan, rollback, run.clone(), &[answer]);
        (run.next_action(&plan, rollback).to_string(), run.not_undone())
    };
    use domain::plan::Decision;
    let end = "report the end of the rollback".to_owned();
    let redo = "execute rollback step `switch`, attempt 2".to_owned();
    assert_eq!(after(Decision::Done), (end.clone(), vec![]));
    assert_eq!(after(Decision::GiveUp), (end, vec![name("switch")]));
    assert_eq!(after(Decision::Redo), (redo, vec![name("switch")]));
}

#[test]
fn a_report_of_another_outcome_or_from_a_lost_runner_is_refused() {
    let plan = plan(vec![Step { retries: 1, ..step("a") }, step("b")]);
    let a = do_step("a");
    let failed = |status| Outcome::Failed { failure: Failure::ExitStatus { status } };
    let observe = |run: &Run, observation: &Observation| run.observe(&plan, None, observation);
    let start = fold(&plan, None, Run::start(&plan, None, true), &[started(&a, 1)]);

    let lost = fold(&plan, None, start.clone(), &[Observation::RunnerLost]);
    assert!(observe(&lost, &ended(&a, 1, Outcome::Succeeded)).is_err());

    let retrying = fold(&plan, None, start, &[ended(&a, 1, failed(1))]);
    assert_eq!(observe(&retrying, &ended(&a, 1, failed(1))), Ok(Observed::Already));
    assert!(observe(&retrying, &ended(&a, 1, failed(2))).is_err());
    assert!(observe(&retrying, &ended(&a, 1, Outcome::Succeeded)).is_err());
    assert!(observe(&retrying, &started(&a, 3)).is_err());
    assert!(observe(&retrying, &started(&do_step("b"), 1)).is_err());

    let done = fold(&plan, None, retrying, &[started(&a, 2), ended(&a, 2, Outcome::Succeeded)]);
    assert_eq!(observe(&done, &ended(&a, 1, failed(1))), Ok(Observed::Already));
    let error = observe(&done, &ended(&a, 2, failed(1))).unwrap_err().to_string();
    assert_eq!(
        error,
        "`step `a` ended with status 1, attempt 2` does not fit a run that is forward, where the next action is to \
         execute step `b`, attempt 1: read the run again and do what it says next"
    );
    assert_eq!(done.state_of(&a), Some(&TaskState::Succeeded { attempt: 2 }));
    let unknown = do_step(StepName::new("z").unwrap().as_str());
    assert!(observe(&done, &started(&unknown, 1)).is_err());
}
