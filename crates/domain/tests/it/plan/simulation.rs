//! A small simulator: a runner that does what the run says, in a world that can fail, be killed and be interrupted at
//! every instant. Every delivered observation is delivered twice and must be folded once.

use std::collections::BTreeMap;

use domain::id::StepName;
use domain::plan::{
    Action, CaptureId, Decision, Failure, Finding, Observation, Observed, Outcome, Part, Phase, Plan,
    QuestionKind, RollbackPlan, Run, StepKind, StepStatus, Task, TaskState,
};

use super::{checked, ended, person, snapshot_of, started};

/// More actions than any simulated run needs.
const ACTIONS_MAX: usize = 2_000;

/// What happens to the runner or the run at one instant.
#[derive(Debug, Clone)]
pub(super) enum Event {
    /// The runner is killed. A report that it was about to send is lost.
    Kill,
    /// Somebody else is heard.
    Hear(Observation),
}

/// The outside world: what has been done to it, what fails in it, and what happens at which instant.
#[derive(Debug, Clone, Default)]
pub(super) struct World {
    /// How many attempts of a task fail before one succeeds.
    pub(super) failing_attempts: BTreeMap<Task, u32>,
    /// What happens at the n-th instant.
    pub(super) events: BTreeMap<usize, Event>,
    /// Whether checks cannot tell.
    pub(super) checks_cannot_tell: bool,
    /// Captures that cannot be put back.
    pub(super) spoilt: Vec<CaptureId>,
    /// Instants so far.
    pub(super) instants: usize,
    /// Attempts that were executed, in order.
    pub(super) executed: Vec<(Task, u32)>,
    /// How often each step has taken effect and was not undone since.
    pub(super) effects: BTreeMap<StepName, u32>,
    /// Observations that were folded, in order.
    pub(super) recorded: Vec<Observation>,
}

/// Whether the runner is still alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alive {
    Yes,
    No,
}

struct Simulation<'a> {
    plan: &'a Plan,
    rollback: Option<&'a RollbackPlan>,
    world: &'a mut World,
    run: Run,
}

/// Runs a plan to its end.
pub(super) fn simulate(plan: &Plan, rollback: Option<&RollbackPlan>, auto: bool, world: &mut World) -> Run {
    proceed(plan, rollback, Run::start(plan, rollback, auto), world)
}

/// Continues a run to its end.
pub(super) fn proceed(plan: &Plan, rollback: Option<&RollbackPlan>, run: Run, world: &mut World) -> Run {
    let mut simulation = Simulation { plan, rollback, world, run };
    for _ in 0..ACTIONS_MAX {
        let action = simulation.run.next_action(plan, rollback);
        if matches!(action, Action::Finish | Action::Stop) {
            return simulation.run;
        }
        if simulation.perform(action) == Alive::No {
            simulation.take_over();
        }
    }
    panic!("no end after {ACTIONS_MAX} actions: {:?}", simulation.run);
}

impl Simulation<'_> {
    fn perform(&mut self, action: Action) -> Alive {
        match action {
            Action::TakeSnapshot => self.report(&snapshot_of(self.plan)),
            Action::Execute { task, attempt, .. } => self.execute(&task, attempt),
            Action::CheckUnknown { task, attempt, .. } => {
                let finding = self.find_out(&task);
                self.report(&checked(&task, attempt, finding))
            }
            Action::AskPerson { question } => {
                let has_effect = self.has_effect(&question.task);
                let decision = match question.kind {
                    QuestionKind::Manual => {
                        // A person remembers what has been done, whoever asks again.
                        if has_effect == (question.task.part == Part::Undo) {
                            self.take_effect(&question.task);
                        }
                        Decision::Done
                    }
                    QuestionKind::Unknown if has_effect => Decision::Done,
                    QuestionKind::Unknown => Decision::Redo,
                    QuestionKind::Failed => Decision::GiveUp,
                };
                self.report(&self.run.answer(&question.task.step, decision, &person()).unwrap())
            }
            Action::RestoreSnapshot => {
                self.report(&Observation::SnapshotRestored { differing: self.world.spoilt.clone() })
            }
            // The simulated runner executes nothing in the background: a started task is one that its killed
            // predecessor started, and everything else waits for somebody to resume.
            Action::Kill { .. } => Alive::No,
            Action::Await => self.report(&Observation::ResumeRequested),
            Action::ReportRollbackEnded => self.report(&Observation::RollbackEnded),
            Action::Finish | Action::Stop => Alive::Yes,
        }
    }

    /// Records the start, executes, records the end; may be killed in between at every instant.
    fn execute(&mut self, task: &Task, attempt: u32) -> Alive {
        if self.report(&started(task, attempt)) == Alive::No {
            return Alive::No;
        }
        if !matches!(self.run.state_of(task), Some(TaskState::Started { .. })) {
            // A manual task, or somebody else was heard first and the start was refused.
            return Alive::Yes;
        }
        if self.instant() == Alive::No {
            return Alive::No;
        }
        let is_stopped = matches!(self.run.next_action(self.plan, self.rollback), Action::Kill { .. });
        self.world.executed.push((task.clone(), attempt));
        let fails = self.world.failing_attempts.get(task).is_some_and(|failing| attempt <= *failing);
        let outcome = if is_stopped {
            Outcome::Failed { failure: Failure::Cancelled }
        } else if fails {
            Outcome::Failed { failure: Failure::ExitStatus { status: 1 } }
        } else {
            Outcome::Succeeded
        };
        // The worst case: what fails or is stopped has taken effect nevertheless, except an undo.
        if task.part == Part::Step || outcome == Outcome::Succeeded {
            self.take_effect(task);
        }
        if self.instant() == Alive::No {
            return Alive::No;
        }
        self.report(&ended(task, attempt, outcome))
    }

    /// Sends a report. It may be lost, and may be overtaken by what somebody else says.
    fn report(&mut self, observation: &Observation) -> Alive {
        let before = self.run.clone();
        if self.instant() == Alive::No {
            return Alive::No;
        }
        let is_overtaken = self.run != before;
        match self.run.observe(self.plan, self.rollback, observation) {
            Err(_) if is_overtaken => return Alive::Yes,
            Err(error) => panic!("{error}"),
            Ok(_) => self.hear(observation),
        }
        self.instant()
    }

    fn instant(&mut self) -> Alive {
        let event = self.world.events.get(&self.world.instants).cloned();
        self.world.instants += 1;
        match event {
            Some(Event::Kill) => Alive::No,
            Some(Event::Hear(observation)) => {
                if self.run.observe(self.plan, self.rollback, &observation).is_ok() {
                    self.hear(&observation);
                }
                Alive::Yes
            }
            None => Alive::Yes,
        }
    }

    fn take_over(&mut self) {
        self.hear(&Observation::RunnerLost);
    }

    /// Folds an observation, twice, and checks what must hold in every state.
    fn hear(&mut self, observation: &Observation) {
        match self.run.observe(self.plan, self.rollback, observation).unwrap() {
            Observed::New(run) => {
                self.world.recorded.push(observation.clone());
                assert_sound(&self.run, &run);
                self.run = run;
            }
            Observed::Already => {}
        }
        let again = self.run.observe(self.plan, self.rollback, observation);
        assert_eq!(again, Ok(Observed::Already), "`{observation}` is folded twice");
    }

    fn find_out(&self, task: &Task) -> Finding {
        if self.world.checks_cannot_tell {
            Finding::CannotTell
        } else if self.has_effect(task) {
            Finding::TookEffect
        } else {
            Finding::NoEffect
        }
    }

    fn has_effect(&self, task: &Task) -> bool {
        self.world.effects.get(&task.step).is_some_and(|effects| *effects > 0)
    }

    fn take_effect(&mut self, task: &Task) {
        let effects = self.world.effects.entry(task.step.clone()).or_default();
        *effects = if task.part == Part::Undo { 0 } else { *effects + 1 };
    }
}

/// What holds of every state, and of every transition.
pub(super) fn assert_sound(before: &Run, after: &Run) {
    let running = after.task_states().filter(|(_, state)| matches!(state, TaskState::Started { .. })).count();
    assert!(running <= 1, "{running} tasks at once: {after:?}");
    let is_turned = |run: &Run| run.cause().is_some();
    if is_turned(before) {
        assert!(is_turned(after), "a rollback became something else: {after:?}");
        for ((task, old), (_, new)) in before.task_states().zip(after.task_states()) {
            let begins = old.attempt() < new.attempt();
            assert!(task.part != Part::Step || !begins, "{task} begun in a rollback: {after:?}");
        }
    }
    if after.phase() == Phase::RolledBack {
        for (step, status) in after.step_statuses() {
            let is_harmless = matches!(
                status,
                StepStatus::Pending
                    | StepStatus::Undone
                    | StepStatus::LeftInPlace
                    | StepStatus::Succeeded
                    | StepStatus::Failed
                    | StepStatus::Unknown
                    | StepStatus::Retrying
            );
            assert!(is_harmless, "step `{step}` is {status} after the rollback");
        }
        for (task, state) in after.task_states() {
            assert!(task.part == Part::Step || state.is_done(), "{task} is {state:?} after the rollback");
        }
    }
}

/// What a finished simulation must have done to the world.
pub(super) fn assert_world(plan: &Plan, run: &Run, world: &World) {
    let effects = |step: &StepName| world.effects.get(step).copied().unwrap_or(0);
    for step in &plan.steps {
        let may_repeat = step.idempotent || step.retries > 0 || !step.kind.has_effect();
        let is_part = run.state_of(&super::do_step(step.name.as_str())).is_some();
        if run.phase() == Phase::Finished && is_part {
            assert!(effects(&step.name) >= 1, "`{}` never took effect", step.name);
        }
        if run.phase() == Phase::RolledBack && step.undo.is_some() {
            assert_eq!(effects(&step.name), 0, "`{}` is not undone", step.name);
        }
        assert!(may_repeat || effects(&step.name) <= 1, "`{}` took effect twice", step.name);
        let is_manual = matches!(step.kind, StepKind::Manual { .. });
        let by_program =
            world.executed.iter().filter(|(task, _)| *task == super::do_step(step.name.as_str()));
        assert!(!is_manual || by_program.count() == 0, "`{}` was executed by a program", step.name);
    }
}
