//! Every kind of state against every kind of observation, as one reviewed table.

use std::fmt::Write as _;

use domain::plan::{
    CaptureId, Cause, Decision, Failure, Finding, Observation, Observed, Outcome, Plan, RollbackPlan, Run,
    Step,
};
use domain::text::FreeText;

use super::{
    asked_back, check, checked, do_step, ended, file, fold, manual, monitors_asked, name, person, plan,
    rollback_plan, rollback_requested, rollback_step, snapshot_of, started, step, undo,
};

/// A step that is captured and retried once, and one that a person carries out.
fn definitions() -> (Plan, RollbackPlan) {
    let first = Step { retries: 1, captures: vec![file("app.yaml")], check: Some(check()), ..step("a") };
    let second = Step { kind: manual(), undo: None, ..step("b") };
    (plan(vec![first, second]), rollback_plan(vec![step("r")]))
}

fn failed() -> Outcome {
    Outcome::Failed { failure: Failure::ExitStatus { status: 1 } }
}

fn decided(decision: Decision) -> Observation {
    Observation::PersonDecided { task: do_step("a"), attempt: 1, decision, by: person() }
}

/// Named states, each reached by observations after one that was reached before.
fn states(plan: &Plan, rollback: &RollbackPlan) -> Vec<(&'static str, Run)> {
    let (a, b) = (do_step("a"), do_step("b"));
    let after =
        |run: &Run, observations: &[Observation]| fold(plan, Some(rollback), run.clone(), observations);
    let restored = Observation::SnapshotRestored { differing: vec![] };
    let spoilt =
        Observation::SnapshotRestored { differing: vec![CaptureId { step: name("a"), position: 0 }] };

    let begin = Run::start(plan, Some(rollback), false);
    let watched = after(&begin, &[monitors_asked()]);
    let ready = after(&watched, &[snapshot_of(plan)]);
    let paused = after(&ready, &[Observation::PauseRequested]);
    let running = after(&ready, &[started(&a, 1)]);
    let retrying = after(&running, &[ended(&a, 1, failed())]);
    let held = after(&retrying, &[started(&a, 2), ended(&a, 2, failed())]);
    let lost = after(&running, &[Observation::RunnerLost]);
    let unclear = after(&lost, &[checked(&a, 1, Finding::CannotTell)]);
    let cleared = after(&lost, &[checked(&a, 1, Finding::NoEffect)]);
    let asked = after(&running, &[ended(&a, 1, Outcome::Succeeded), started(&b, 1)]);
    let finished = after(&asked, &[asked.answer(&name("b"), Decision::Done, &person()).unwrap()]);
    let stopping = after(&running, &[rollback_requested(asked_back())]);
    let undoing = after(&asked, &[rollback_requested(asked_back()), started(&undo("a"), 1)]);
    let unwinding =
        after(&undoing, &[ended(&undo("a"), 1, Outcome::Succeeded), started(&rollback_step("r"), 1)]);
    let restoring = after(&unwinding, &[ended(&rollback_step("r"), 1, Outcome::Succeeded)]);
    let ending = after(&restoring, &[restored]);
    let rolled_back = after(&ending, &[Observation::RollbackEnded]);
    let failed = after(&restoring, &[spoilt, Observation::RollbackEnded]);
    vec![
        ("before the snapshot", begin),
        ("watched, before the snapshot", watched),
        ("ready", ready),
        ("paused", paused),
        ("step running", running),
        ("step retrying", retrying),
        ("step failed for good", held),
        ("step unknown", lost),
        ("step unknown to its check", unclear),
        ("step cleared", cleared),
        ("manual step asked for", asked),
        ("finished", finished),
        ("step being stopped", stopping),
        ("undo running", undoing),
        ("rollback step running", unwinding),
        ("to be restored", restoring),
        ("to be ended", ending),
        ("rolled back", rolled_back),
        ("rollback failed", failed),
    ]
}

fn observations(plan: &Plan) -> Vec<Observation> {
    let reason = FreeText::new("disk full").unwrap();
    let (a, b, undo, r) = (do_step("a"), do_step("b"), undo("a"), rollback_step("r"));
    vec![
        monitors_asked(),
        snapshot_of(plan),
        Observation::SnapshotFailed { reason },
        started(&a, 1),
        started(&a, 2),
        started(&b, 1),
        started(&undo, 1),
        started(&r, 1),
        ended(&a, 1, Outcome::Succeeded),
        ended(&a, 1, failed()),
        ended(&b, 1, Outcome::Succeeded),
        ended(&undo, 1, Outcome::Succeeded),
        ended(&undo, 1, failed()),
        ended(&r, 1, failed()),
        checked(&a, 1, Finding::TookEffect),
        checked(&a, 1, Finding::NoEffect),
        checked(&a, 1, Finding::CannotTell),
        decided(Decision::Done),
        decided(Decision::Redo),
        decided(Decision::GiveUp),
        Observation::RunnerLost,
        Observation::PauseRequested,
        Observation::ResumeRequested,
        rollback_requested(asked_back()),
        rollback_requested(Cause::RunnerLost),
        Observation::RollbackTimedOut,
        Observation::SnapshotRestored { differing: vec![] },
        Observation::RollbackEnded,
    ]
}

/// Per state: every observation that does something, with what it leads to, and those that are known already. What is
/// not listed is refused.
#[test]
fn every_state_and_every_observation() {
    let (plan, rollback) = definitions();
    let mut table = String::new();
    for (state, run) in states(&plan, &rollback) {
        let next = run.next_action(&plan, Some(&rollback));
        writeln!(table, "{state} ({}): {next}", run.phase().as_str()).unwrap();
        for observation in observations(&plan) {
            match run.observe(&plan, Some(&rollback), &observation) {
                Ok(Observed::New(after)) => {
                    let next = after.next_action(&plan, Some(&rollback));
                    writeln!(table, "  {observation} -> {}: {next}", after.phase().as_str()).unwrap();
                }
                Ok(Observed::Already) => writeln!(table, "  {observation} = known").unwrap(),
                Err(_) => {}
            }
        }
    }
    insta::assert_snapshot!(table);
}
