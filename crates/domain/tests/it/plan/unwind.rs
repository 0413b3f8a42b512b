//! Failing at every step, and what is then taken back.

use domain::id::StepName;
use domain::plan::{
    Action, CaptureId, Failure, Observation, Outcome, Phase, Plan, RollbackPlan, Run, RunOutcome, Step,
    StepKind, StepStatus, Task,
};

use super::simulation::{World, assert_world, proceed, simulate};
use super::{
    asked_back, do_step, ended, file, fold, manual, name, plan, rollback_plan, rollback_requested,
    rollback_step, snapshot_of, started, step, undo,
};

/// Always, for all that a test waits for.
const ALWAYS: u32 = u32::MAX;
const NAMES: [&str; 4] = ["a", "b", "c", "d"];

fn attempts(task: &Task, count: u32) -> impl Iterator<Item = (Task, u32)> {
    (1..=count).map(|attempt| (task.clone(), attempt))
}

#[test]
fn a_failure_at_every_step_unwinds_what_was_begun_in_reverse_order() {
    for length in 1..=NAMES.len() {
        for failing in 0..length {
            for with_undo in 0..1_u32 << length {
                for retries in 0..=2_u8 {
                    fails_and_unwinds(length, failing, with_undo, retries);
                }
            }
        }
    }
}

/// `with_undo` says by bit which steps have an undo.
fn fails_and_unwinds(length: usize, failing: usize, with_undo: u32, retries: u8) {
    let has_undo = |index: usize| with_undo & (1 << index) != 0;
    let steps = NAMES[..length].iter().enumerate().map(|(index, text)| {
        let step = Step { retries, ..step(text) };
        if has_undo(index) { step } else { Step { undo: None, ..step } }
    });
    let plan = plan(steps.collect());
    let mut world = World::default();
    world.failing_attempts.insert(do_step(NAMES[failing]), ALWAYS);

    let run = simulate(&plan, None, true, &mut world);

    let begun = &NAMES[..=failing];
    let mut expected: Vec<(Task, u32)> = begun[..failing].iter().map(|text| (do_step(text), 1)).collect();
    expected.extend(attempts(&do_step(begun[failing]), u32::from(retries) + 1));
    let undone: Vec<&str> =
        (0..=failing).rev().filter(|index| has_undo(*index)).map(|at| NAMES[at]).collect();
    expected.extend(undone.iter().map(|text| (undo(text), 1)));
    assert_eq!(world.executed, expected);

    let left: Vec<StepName> =
        (0..=failing).filter(|index| !has_undo(*index)).map(|at| name(NAMES[at])).collect();
    assert_eq!(run.left_in_place(), left);
    let outcome = if undone.is_empty() {
        RunOutcome::PartlyUndone { not_undone: left.clone(), left_in_place: left }
    } else {
        RunOutcome::Undone { left_in_place: left }
    };
    assert_eq!(run.outcome(), outcome);
    assert_world(&plan, &run, &world);
}

#[test]
fn a_step_that_fails_less_often_than_it_may_is_retried_after_its_pause_and_succeeds() {
    let plan = plan(vec![step("a"), Step { retries: 2, ..step("b") }, step("c")]);
    let mut world = World::default();
    world.failing_attempts.insert(do_step("b"), 2);
    let run = simulate(&plan, None, true, &mut world);
    assert_eq!(run.outcome(), RunOutcome::AllSucceeded);
    let b: Vec<_> =
        world.executed.iter().filter(|(task, _)| *task == do_step("b")).map(|(_, n)| *n).collect();
    assert_eq!(b, [1, 2, 3]);

    let before_retry = fold(&plan, None, Run::start(&plan, None, true), &world.recorded[..4]);
    let action = before_retry.next_action(&plan, None);
    assert!(
        matches!(action, Action::Execute { attempt: 2, delay_millis: 2_000, timeout_seconds: 60, .. }),
        "{action:?}"
    );
}

#[test]
fn a_timeout_is_a_failure_and_what_was_stopped_on_purpose_is_not_retried() {
    let plan = plan(vec![Step { retries: 1, ..step("a") }]);
    let first = |failure| {
        let observations = [started(&do_step("a"), 1), ended(&do_step("a"), 1, Outcome::Failed { failure })];
        fold(&plan, None, Run::start(&plan, None, true), &observations)
    };
    assert_eq!(first(Failure::TimedOut).phase(), Phase::Forward);
    assert!(first(Failure::Cancelled).is_rolling_back());

    let second =
        [started(&do_step("a"), 2), ended(&do_step("a"), 2, Outcome::Failed { failure: Failure::TimedOut })];
    assert!(fold(&plan, None, first(Failure::TimedOut), &second).is_rolling_back());
}

#[test]
fn a_failing_undo_does_not_keep_the_others_from_restoring_and_only_it_is_tried_again() {
    for (failing, failing_name) in NAMES.into_iter().enumerate() {
        let plan = plan(NAMES.iter().map(|text| Step { retries: 1, ..step(text) }).collect());
        let mut world = World::default();
        world.failing_attempts.insert(do_step("d"), ALWAYS);
        world.failing_attempts.insert(undo(failing_name), 2);

        let failed = simulate(&plan, None, true, &mut world);
        let not_undone = vec![name(failing_name)];
        assert_eq!(failed.not_undone(), not_undone);
        assert_eq!(failed.outcome(), RunOutcome::PartlyUndone { not_undone, left_in_place: vec![] });
        let statuses: Vec<_> = failed.step_statuses().map(|(_, status)| status).collect();
        for (index, status) in statuses.into_iter().enumerate() {
            assert_eq!(status == StepStatus::UndoFailed, index == failing);
            assert_eq!(status == StepStatus::Undone, index != failing);
        }

        world.executed.clear();
        let again = fold(&plan, None, failed, &[rollback_requested(asked_back())]);
        let undone = proceed(&plan, None, again, &mut world);
        assert_eq!(world.executed, [(undo(failing_name), 3)]);
        assert_eq!(undone.outcome(), RunOutcome::Undone { left_in_place: vec![] });
        assert_world(&plan, &undone, &world);
    }
}

/// Two steps of which the first saves a file, and a rollback plan of two steps.
fn with_everything() -> (Plan, RollbackPlan) {
    let plan = plan(vec![Step { captures: vec![file("app.yaml")], ..step("a") }, step("b")]);
    (plan, rollback_plan(vec![step("redeploy"), step("switch")]))
}

#[test]
fn after_the_undos_come_the_rollback_plan_and_then_the_snapshot() {
    let (plan, rollback) = with_everything();
    let mut world = World::default();
    world.failing_attempts.insert(do_step("b"), ALWAYS);
    let run = simulate(&plan, Some(&rollback), true, &mut world);
    let order: Vec<Task> = world.executed.into_iter().map(|(task, _)| task).collect();
    let expected = [
        do_step("a"),
        do_step("b"),
        undo("b"),
        undo("a"),
        rollback_step("redeploy"),
        rollback_step("switch"),
    ];
    assert_eq!(order, expected);
    assert_eq!(world.recorded.first(), Some(&snapshot_of(&plan)));
    let restored = Observation::SnapshotRestored { differing: vec![] };
    assert_eq!(world.recorded[world.recorded.len() - 2..], [restored, Observation::RollbackEnded]);
    assert_eq!(run.outcome(), RunOutcome::Undone { left_in_place: vec![] });
}

#[test]
fn a_failing_rollback_step_stops_those_that_build_on_it_but_the_snapshot_is_restored() {
    let (plan, rollback) = with_everything();
    let mut world = World::default();
    world.failing_attempts.insert(do_step("a"), ALWAYS);
    world.failing_attempts.insert(rollback_step("redeploy"), 1);
    let failed = simulate(&plan, Some(&rollback), true, &mut world);
    assert_eq!(failed.not_undone(), [name("redeploy"), name("switch")]);
    let restored = Observation::SnapshotRestored { differing: vec![] };
    assert_eq!(world.recorded[world.recorded.len() - 2..], [restored, Observation::RollbackEnded]);

    world.executed.clear();
    let again = fold(&plan, Some(&rollback), failed, &[rollback_requested(asked_back())]);
    let undone = proceed(&plan, Some(&rollback), again, &mut world);
    assert_eq!(world.executed, [(rollback_step("redeploy"), 2), (rollback_step("switch"), 1)]);
    assert_eq!(undone.phase(), Phase::RolledBack);
}

#[test]
fn a_capture_that_differs_after_the_rollback_makes_it_fail() {
    let (plan, rollback) = with_everything();
    let mut world = World { spoilt: vec![CaptureId { step: name("a"), position: 0 }], ..World::default() };
    world.failing_attempts.insert(do_step("b"), ALWAYS);
    let failed = simulate(&plan, Some(&rollback), true, &mut world);
    assert_eq!(failed.not_undone(), [name("a")]);

    world.spoilt.clear();
    let again = fold(&plan, Some(&rollback), failed, &[rollback_requested(asked_back())]);
    assert_eq!(again.next_action(&plan, Some(&rollback)), Action::RestoreSnapshot);
    assert_eq!(proceed(&plan, Some(&rollback), again, &mut world).phase(), Phase::RolledBack);
}

#[test]
fn without_a_snapshot_nothing_starts_and_nothing_has_to_be_undone() {
    let (plan, rollback) = with_everything();
    let start = Run::start(&plan, Some(&rollback), false);
    assert_eq!(start.next_action(&plan, Some(&rollback)), Action::TakeSnapshot);
    assert!(start.observe(&plan, Some(&rollback), &started(&do_step("a"), 1)).is_err());
    let incomplete = Observation::SnapshotTaken { captures: vec![] };
    assert!(start.observe(&plan, Some(&rollback), &incomplete).is_err());

    let reason = domain::text::FreeText::new("app.yaml: permission denied").unwrap();
    let failed = fold(&plan, Some(&rollback), start, &[Observation::SnapshotFailed { reason }]);
    assert_eq!(failed.next_action(&plan, Some(&rollback)), Action::ReportRollbackEnded);
    let ended = fold(&plan, Some(&rollback), failed, &[Observation::RollbackEnded]);
    assert_eq!(ended.outcome(), RunOutcome::NothingDone);
}

#[test]
fn a_finished_run_can_still_be_taken_back() {
    let (plan, rollback) = with_everything();
    let mut world = World::default();
    let finished = simulate(&plan, Some(&rollback), false, &mut world);
    assert_eq!(finished.phase(), Phase::Finished);
    let turned =
        fold(&plan, Some(&rollback), finished, &[rollback_requested(domain::plan::Cause::ValidationFailed)]);
    let undone = proceed(&plan, Some(&rollback), turned, &mut world);
    assert_eq!(undone.phase(), Phase::RolledBack);
    assert_world(&plan, &undone, &world);
}

#[test]
fn waiting_and_looking_leave_nothing_behind() {
    let wait = Step { kind: StepKind::Wait { duration_millis: 10 }, undo: None, ..step("wait") };
    let plan = plan(vec![wait, Step { kind: StepKind::Check(super::check()), undo: None, ..step("look") }]);
    let mut world = World::default();
    world.failing_attempts.insert(do_step("look"), ALWAYS);
    let run = simulate(&plan, None, true, &mut world);
    assert_eq!(run.outcome(), RunOutcome::Undone { left_in_place: vec![] });
}

#[test]
fn a_rollback_that_takes_too_long_is_stopped_and_can_be_continued_by_a_person() {
    let (plan, rollback) = with_everything();
    let rollback = Some(&rollback);
    let mut world = World::default();
    world.failing_attempts.insert(do_step("a"), ALWAYS);
    let begun = [snapshot_of(&plan), started(&do_step("a"), 1)];
    let failure = Failure::ExitStatus { status: 1 };
    let failed = ended(&do_step("a"), 1, Outcome::Failed { failure });
    let run = fold(&plan, rollback, Run::start(&plan, rollback, true), &begun);
    let run = fold(&plan, rollback, run, &[failed, started(&undo("a"), 1), Observation::RollbackTimedOut]);
    assert_eq!(run.next_action(&plan, rollback), Action::Kill { task: undo("a"), attempt: 1 });

    let stopped = ended(&undo("a"), 1, Outcome::Failed { failure: Failure::Cancelled });
    let run = fold(&plan, rollback, run, &[stopped, Observation::RollbackEnded]);
    assert_eq!(run.phase().as_str(), "rollback_failed");
    assert!(run.is_overdue());
    assert_eq!(run.not_undone(), [name("a"), name("redeploy"), name("switch")]);

    let automatic = run.observe(&plan, rollback, &rollback_requested(domain::plan::Cause::RunnerLost));
    assert_eq!(automatic, Ok(domain::plan::Observed::Already), "nothing automatic tries for ever");
    let again = fold(&plan, rollback, run, &[rollback_requested(asked_back())]);
    assert_eq!(proceed(&plan, rollback, again, &mut world).phase(), Phase::RolledBack);
}

#[test]
fn a_rollback_plan_that_needs_a_person_is_not_begun_without_one() {
    let declared = RollbackPlan { automated: false, ..rollback_plan(vec![]) };
    let by_hand = rollback_plan(vec![Step { kind: manual(), ..step("r") }]);
    let plan = plan(vec![step("a")]);
    let failure = Failure::ExitStatus { status: 1 };
    let observations = [started(&do_step("a"), 1), ended(&do_step("a"), 1, Outcome::Failed { failure })];
    for rollback in [declared, by_hand] {
        let run = fold(&plan, Some(&rollback), Run::start(&plan, Some(&rollback), true), &observations);
        assert!(matches!(run.phase(), Phase::Holding { .. }), "{rollback:?}");
    }
}
