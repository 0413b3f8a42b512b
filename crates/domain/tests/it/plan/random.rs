//! Random plans under random observations, honest and not: what must never happen does not.

use std::collections::BTreeSet;

use domain::number::Share;
use domain::plan::{
    Action, Bake, CaptureId, Cause, Decision, Failure, Finding, Hold, HoldWhen, Member, Observation,
    Observed, Outcome, Part, Phase, Plan, Remedy, RollbackPlan, Run, Stage, Step, StepKind, Task, TaskState,
    Tolerance, Undecided,
};
use domain::text::FreeText;
use proptest::prelude::*;

use super::simulation::assert_sound;
use super::{
    ActorId, asked_back, check, checked, ended, file, manual, monitors_asked, name, plan, rollback_plan,
    rollback_requested, run, snapshot_of, started, step,
};

const NAMES: [&str; 4] = ["a", "b", "c", "d"];
/// Observations offered to each run.
const OFFERS_MAX: usize = 80;

fn any_step(text: &'static str) -> impl Strategy<Value = Step> {
    let kind = prop_oneof![
        4 => Just(run(&["./do"])),
        1 => Just(manual()),
        1 => Just(StepKind::Wait { duration_millis: 1 }),
        1 => any_bake(),
        1 => any_hold(),
    ];
    let undo = prop_oneof![1 => Just(None), 3 => Just(Some(run(&["./undo"]))), 1 => Just(Some(manual()))];
    let check = prop_oneof![Just(None), Just(Some(check()))];
    (kind, undo, check, 0..=2_u8, any::<bool>(), any::<bool>()).prop_map(
        move |(kind, undo, check, retries, idempotent, is_captured)| Step {
            kind,
            undo,
            check,
            retries,
            idempotent,
            captures: if is_captured { vec![file("app.yaml")] } else { vec![] },
            ..step(text)
        },
    )
}

fn any_bake() -> impl Strategy<Value = StepKind> {
    proptest::sample::select(Undecided::ALL).prop_map(|undecided| {
        StepKind::Bake(Bake { duration_millis: 1, extension_millis: 1, undecided, analysis: None })
    })
}

fn any_hold() -> impl Strategy<Value = StepKind> {
    proptest::sample::select(HoldWhen::ALL)
        .prop_map(|when| StepKind::Hold(Hold { instructions: "look".to_owned(), when }))
}

/// The steps as a canary would have them, with some of them in stages.
fn staged(plan: Plan, weighted: &[bool]) -> Plan {
    let stages = plan.steps.iter().zip(weighted).zip(1_i64..);
    let stages = stages.map(|((step, has_weight), number)| Stage {
        name: step.name.clone(),
        weight: has_weight.then(|| Share::new(number).unwrap()),
        steps: vec![step.name.clone()],
    });
    // Each weighted step is a target of its own, and one of them may fail.
    let targets = plan.steps.iter().zip(weighted).filter(|(_, is_target)| **is_target);
    let targets =
        targets.map(|(step, _)| Member { name: step.name.to_string(), steps: vec![step.name.clone()] });
    let targets: Vec<Member> = targets.collect();
    let tolerance = (targets.len() > 1).then_some(Tolerance { max_failures: 1, targets });
    Plan { stages: stages.collect(), tolerance, ..plan }
}

fn any_definitions() -> impl Strategy<Value = (Plan, Option<RollbackPlan>, bool)> {
    let steps = NAMES.map(any_step);
    let rollback = NAMES.map(any_step);
    let without_captures = |steps: Vec<Step>| {
        rollback_plan(steps.into_iter().map(|step| Step { captures: vec![], ..step }).collect())
    };
    let shape = (1..=NAMES.len(), 0..=2_usize, any::<bool>(), any::<bool>(), any::<[bool; 4]>());
    (steps, rollback, ["q", "r"].map(any_step), shape).prop_map(
        move |(steps, rollback, quarantine, shape)| {
            let (length, rollback_length, has_rollback_plan, auto, weighted) = shape;
            let first = |steps: [Step; 4], length| steps.into_iter().take(length).collect::<Vec<_>>();
            let rollback = has_rollback_plan.then(|| RollbackPlan {
                quarantine: without_captures(quarantine.to_vec()).steps,
                ..without_captures(first(rollback, rollback_length))
            });
            (staged(plan(first(steps, length)), &weighted), rollback, auto)
        },
    )
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        4 => Just(Outcome::Succeeded),
        2 => Just(Outcome::Failed { failure: Failure::ExitStatus { status: 1 } }),
        1 => Just(Outcome::Failed { failure: Failure::TimedOut }),
        1 => Just(Outcome::Failed { failure: Failure::Undecided { reason: FreeText::new("no data").unwrap() } }),
        1 => Just(Outcome::Failed { failure: Failure::Cancelled }),
    ]
}

fn any_finding() -> impl Strategy<Value = Finding> {
    proptest::sample::select(Finding::ALL)
}

fn any_cause() -> impl Strategy<Value = Cause> {
    let gradual = Cause::Breach {
        condition: domain::rollback::ConditionName::ErrorRate,
        monitor: name("home page"),
        explanation: domain::text::FreeText::new("6 of 10 answers failed").unwrap(),
        reaction: "gradual_rollback".parse().unwrap(),
    };
    let quarantine = Cause::Breach {
        condition: domain::rollback::ConditionName::Security,
        monitor: name("scan"),
        explanation: domain::text::FreeText::new("the scan found 1 vulnerability").unwrap(),
        reaction: "immediate_rollback + quarantine".parse().unwrap(),
    };
    prop_oneof![Just(asked_back()), Just(Cause::RunnerLost), Just(gradual), Just(quarantine)]
}

/// What is offered to a run: what an honest runner or person would say now, or anything.
#[derive(Debug, Clone)]
enum Offer {
    Honest { outcome: Outcome, finding: Finding, decision: Decision },
    Any(Observation),
}

fn any_observation() -> impl Strategy<Value = Observation> {
    let task = (proptest::sample::select(Part::ALL), proptest::sample::select(&NAMES[..]))
        .prop_map(|(part, text)| Task::new(part, name(text)));
    let decision = proptest::sample::select(Decision::ALL);
    let differing = prop_oneof![Just(vec![]), Just(vec![CaptureId { step: name("a"), position: 0 }])];
    let by = proptest::sample::select(&["act_ada", "act_eve"][..]);
    prop_oneof![
        1 => Just(monitors_asked()),
        1 => Just(Observation::SnapshotTaken { captures: vec![] }),
        1 => Just(Observation::SnapshotFailed { reason: domain::text::FreeText::new("disk full").unwrap() }),
        4 => (task.clone(), 0..4_u32).prop_map(|(task, attempt)| started(&task, attempt)),
        4 => (task.clone(), 0..4_u32, any_outcome()).prop_map(|(task, attempt, outcome)| ended(&task, attempt, outcome)),
        2 => (task.clone(), 0..4_u32, any_finding()).prop_map(|(task, attempt, finding)| checked(&task, attempt, finding)),
        2 => (task, 0..4_u32, decision, by).prop_map(|(task, attempt, decision, by)| {
            let by = ActorId::new(by).unwrap();
            Observation::PersonDecided { task, attempt, decision, by }
        }),
        4 => Just(Observation::RunnerLost),
        1 => Just(Observation::PauseRequested),
        2 => Just(Observation::ResumeRequested),
        1 => any_cause().prop_map(rollback_requested),
        1 => Just(Observation::RollbackTimedOut),
        1 => Just(Observation::RollbackEnded),
        1 => differing.prop_map(|differing| Observation::SnapshotRestored { differing }),
    ]
}

fn any_offer() -> impl Strategy<Value = Offer> {
    prop_oneof![
        3 => (any_outcome(), any_finding(), proptest::sample::select(Decision::ALL))
            .prop_map(|(outcome, finding, decision)| Offer::Honest { outcome, finding, decision }),
        1 => any_observation().prop_map(Offer::Any),
    ]
}

/// What would honestly be said next.
fn honest(plan: &Plan, run: &Run, next: Action, offer: &Offer) -> Option<Observation> {
    let (outcome, finding, decision) = match offer {
        Offer::Any(observation) => return Some(observation.clone()),
        Offer::Honest { outcome, finding, decision } => (outcome, *finding, *decision),
    };
    let running = run.task_states().find_map(|(task, state)| match state {
        TaskState::Started { attempt } => Some(ended(&task, *attempt, outcome.clone())),
        _ => None,
    });
    match next {
        Action::TakeSnapshot => Some(snapshot_of(plan)),
        Action::Execute { task, attempt, .. } => Some(started(&task, attempt)),
        Action::CheckUnknown { task, attempt, .. } => Some(checked(&task, attempt, finding)),
        Action::AskPerson { question } => run.answer(&question.task.step, decision, &super::person()),
        Action::Kill { .. } | Action::Await => running,
        Action::RestoreSnapshot => Some(Observation::SnapshotRestored { differing: vec![] }),
        Action::ReportRollbackEnded => Some(Observation::RollbackEnded),
        Action::Finish | Action::Stop => None,
    }
}

/// Tasks whose unknown attempt may be followed by another, because a check or a person said so.
#[derive(Default)]
struct Permitted(BTreeSet<(Task, u32)>);

impl Permitted {
    fn note(&mut self, observation: &Observation) {
        match observation {
            Observation::UnknownChecked { task, attempt, finding: Finding::NoEffect }
            | Observation::PersonDecided { task, attempt, decision: Decision::Redo, .. } => {
                self.0.insert((task.clone(), *attempt));
            }
            _ => {}
        }
    }

    /// An effectful task that may not be repeated never follows its own unknown attempt unasked.
    fn check(&self, definitions: (&Plan, Option<&RollbackPlan>), before: &Run, observation: &Observation) {
        let Observation::Started { task, attempt } = observation else { return };
        let Some(TaskState::Unknown { remedy, .. }) = before.state_of(task) else { return };
        let (plan, rollback) = definitions;
        let is_idempotent = task.step_in(plan, rollback).unwrap().idempotent;
        let has_effect = task.kind_in(plan, rollback).unwrap().has_effect();
        let may_repeat = task.part == Part::Undo || is_idempotent || !has_effect;
        let is_permitted = self.0.contains(&(task.clone(), attempt - 1));
        assert!(
            *remedy == Remedy::Repeat && (may_repeat || is_permitted),
            "{task} is executed twice unasked"
        );
    }
}

/// Offers observations to a run and checks every step of the way. Returns what was accepted and the run.
fn play(
    plan: &Plan,
    rollback: Option<&RollbackPlan>,
    auto: bool,
    offers: &[Offer],
) -> (Vec<Observation>, Run) {
    let mut run = Run::start(plan, rollback, auto);
    let mut permitted = Permitted::default();
    let mut accepted = Vec::new();
    for offer in offers {
        let next = run.next_action(plan, rollback);
        let Some(observation) = honest(plan, &run, next.clone(), offer) else { continue };
        let result = run.observe(plan, rollback, &observation);
        let is_honest = matches!(offer, Offer::Honest { .. });
        assert!(result.is_ok() || !is_honest, "an honest report is refused: {result:?}");
        let Ok(Observed::New(after)) = result else { continue };
        if let Observation::Started { task, attempt } = &observation {
            let is_next =
                matches!(&next, Action::Execute { task: due, attempt: n, .. } if due == task && n == attempt);
            assert!(is_next, "{task} was started out of turn");
        }
        permitted.check((plan, rollback), &run, &observation);
        permitted.note(&observation);
        assert_sound(&run, &after);
        let repeatable = matches!(after.observe(plan, rollback, &observation), Ok(Observed::Already));
        // The one request that means more the second time: a person asks again after a rollback that failed.
        let is_retry = after.phase().as_str() == "rollback_failed";
        assert!(repeatable || is_retry, "`{observation}` twice is not once");
        accepted.push(observation);
        run = after;
    }
    (accepted, run)
}

/// Nothing is isolated while an undo that leads traffic back is still to come, unless a person asks for what had failed
/// again.
fn isolated_in_time(plan: &Plan, accepted: &[Observation]) {
    let leads_traffic = |task: &Task| {
        let mut weighted = plan.stages.iter().filter(|stage| stage.weight.is_some());
        task.part == Part::Undo && weighted.any(|stage| stage.steps.contains(&task.step))
    };
    let begun: Vec<&Task> = accepted
        .iter()
        .filter_map(|observation| match observation {
            Observation::Started { task, attempt: 1 } => Some(task),
            _ => None,
        })
        .collect();
    let Some(isolated) = begun.iter().position(|task| task.part == Part::Quarantine) else { return };
    assert!(!begun[isolated..].iter().any(|task| leads_traffic(task)), "isolated under traffic: {begun:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_observations_breaks_a_promise(
        (plan, rollback, auto) in any_definitions(),
        offers in proptest::collection::vec(any_offer(), 0..OFFERS_MAX),
    ) {
        let rollback = rollback.as_ref();
        let (accepted, run) = play(&plan, rollback, auto, &offers);

        let mut replayed = Run::start(&plan, rollback, auto);
        for observation in &accepted {
            let stored = serde_json::to_string(observation).unwrap();
            let observation: Observation = serde_json::from_str(&stored).unwrap();
            let Ok(Observed::New(next)) = replayed.observe(&plan, rollback, &observation) else {
                panic!("`{observation}` was accepted before");
            };
            let sent = serde_json::to_string(&next).unwrap();
            replayed = serde_json::from_str(&sent).unwrap();
        }
        prop_assert_eq!(&replayed, &run, "replay through stored and sent form");

        let all_begun_are_undone = plan.steps.iter().all(|step| {
            let state = |part| run.state_of(&Task::new(part, step.name.clone()));
            let is_begun = state(Part::Step).is_some_and(TaskState::is_begun);
            !is_begun || step.undo.is_none() || state(Part::Undo).is_some_and(TaskState::is_done)
        });
        prop_assert!(run.phase() != Phase::RolledBack || all_begun_are_undone, "{:?}", run);
        let is_failed = matches!(run.phase(), Phase::RollbackFailed { .. });
        prop_assert!(!is_failed || !run.not_undone().is_empty(), "nothing is named: {:?}", run);
        prop_assert!(run.phase() != Phase::RolledBack || run.not_undone().is_empty(), "{:?}", run);
        isolated_in_time(&plan, &accepted);
    }

    /// Whatever has happened, an honest runner with patient people comes to an end.
    #[test]
    fn from_everywhere_there_is_a_way_to_the_end(
        (plan, rollback, auto) in any_definitions(),
        offers in proptest::collection::vec(any_offer(), 0..OFFERS_MAX),
    ) {
        let rollback = rollback.as_ref();
        let (_, mut run) = play(&plan, rollback, auto, &offers);
        let patient = |decision| Offer::Honest { outcome: Outcome::Succeeded, finding: Finding::TookEffect, decision };
        for _ in 0..OFFERS_MAX {
            let next = run.next_action(&plan, rollback);
            let observation = honest(&plan, &run, next.clone(), &patient(Decision::Done))
                .or_else(|| honest(&plan, &run, next, &patient(Decision::Redo)));
            let is_paused = run.phase() == Phase::Paused;
            let observation = observation.or(is_paused.then_some(Observation::ResumeRequested));
            let Some(observation) = observation else { break };
            let Ok(Observed::New(after)) = run.observe(&plan, rollback, &observation) else {
                panic!("`{observation}` is refused by {run:?}");
            };
            run = after;
        }
        let phase = run.phase();
        let is_over = matches!(phase, Phase::Finished | Phase::RolledBack | Phase::RollbackFailed { .. });
        prop_assert!(is_over, "{:?}", run);
    }
}
