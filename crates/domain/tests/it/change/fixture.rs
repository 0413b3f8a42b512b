//! What is asked for in the stories, and the commands with which it is asked.

use std::collections::{BTreeMap, BTreeSet};

use domain::Timestamp;
use domain::actor::Role;
use domain::approval::{ApprovalSettings, Case, requirements};
use domain::canonical::Digest;
use domain::change::{
    Category, ChangeType, Command, Content, Deadline, Evidence, Outcome, Override, Source, Validation,
    ValidationCheck, Window,
};
use domain::cmdb::Cmdb;
use domain::id::{ServiceName, StepName};
use domain::plan::{
    Cause, Command as Program, Failure, Observation, Outcome as StepOutcome, Part, Plan, Rehearsable,
    Rehearsal, RehearsedTask, RollbackPlan, Step, StepKind, Strategy, Task,
};
use domain::risk::{Assessment, AssessmentFacts, History, Level, assess};
use domain::rollback::RollbackConditions;
use domain::text::FreeText;

use super::{Story, given, people, requested};

/// The commit that is rolled out.
pub(super) const COMMIT: &str = "8d3f1c2b4a5968778695a4b3c2d1e0f00112233f";
/// Token of the first runner's lease.
pub(super) const TOKEN: u64 = 7;

/// A Monday morning.
pub(super) fn start_of_story() -> Timestamp {
    "2026-03-02T09:00:00Z".parse().unwrap()
}

pub(super) fn text(words: &str) -> FreeText {
    FreeText::new(words).unwrap()
}

pub(super) fn name(words: &str) -> StepName {
    StepName::new(words).unwrap()
}

fn run(argv: &[&str]) -> StepKind {
    StepKind::Run(Program {
        argv: argv.iter().map(|&argument| argument.to_owned()).collect(),
        environment: BTreeMap::new(),
        pass_environment: Vec::new(),
        working_directory: None,
    })
}

/// A step with an undo, without retries, that may not be repeated.
fn step(words: &str) -> Step {
    Step {
        name: name(words),
        kind: run(&["./do", words]),
        undo: Some(run(&["./undo", words])),
        check: None,
        timeout_seconds: 60,
        retries: 0,
        retry_delay_millis: 0,
        idempotent: false,
        captures: Vec::new(),
        reversibility: None,
    }
}

fn manual(words: &str) -> Step {
    Step { kind: StepKind::Manual { instructions: words.to_owned() }, undo: None, ..step(words) }
}

/// A normal change in two steps, each with an undo.
pub(super) fn content() -> Content {
    let plan = Plan {
        strategy: Strategy::AllAtOnce,
        steps: vec![step("deploy"), step("switch")],
        estimated_duration_seconds: Some(900),
        maintenance_window: false,
        soak_seconds: 600,
        stages: Vec::new(),
        tolerance: None,
        runs_on: std::collections::BTreeSet::new(),
        user_acceptance: None,
    };
    Content {
        change_type: ChangeType::Normal,
        category: Category::Deployment,
        title: FreeText::title("Deploy the error recovery").unwrap(),
        description: None,
        justification: None,
        impact_assessment: None,
        testing_strategy: None,
        impact: None,
        urgency: None,
        affected_services: BTreeSet::from([ServiceName::new("cortex-chat-backend").unwrap()]),
        affected_cis: BTreeSet::new(),
        environment: None,
        plan: Some(plan),
        rollback_plan: Some(RollbackPlan {
            automated: true,
            steps: Vec::new(),
            max_duration_seconds: Some(300),
            quarantine: Vec::new(),
        }),
        monitors: Vec::new(),
        rollback_conditions: RollbackConditions::default(),
        window: None,
        source: Some(Source {
            repository: None,
            reference: None,
            commit: Some(COMMIT.to_owned()),
            artefacts: BTreeMap::new(),
        }),
        evidence: Evidence::default(),
        external_id: None,
        caused_by: None,
        on_close: domain::change::OnClose::default(),
    }
}

/// The same as an emergency.
pub(super) fn emergency_content() -> Content {
    Content { change_type: ChangeType::Emergency, ..content() }
}

/// The same in a window from 10:00 to 12:00 on the day of the story.
pub(super) fn windowed_content() -> Content {
    let hour = |hour: i64| start_of_story() + jiff::SignedDuration::from_hours(hour);
    Content { window: Some(Window { start: hour(1), end: hour(3) }), ..content() }
}

/// One step that a person carries out, before another that is taken back by a person.
pub(super) fn manual_content() -> Content {
    let plain = content();
    let steps = vec![manual("turn the key"), step("switch")];
    Content {
        plan: plain.plan.clone().map(|plan| Plan { steps, ..plan }),
        rollback_plan: plain.rollback_plan.clone().map(|plan| RollbackPlan {
            automated: false,
            steps: vec![manual("turn it back")],
            ..plan
        }),
        ..plain
    }
}

pub(super) fn digest_of(content: &Content) -> Digest {
    content.digest().unwrap()
}

/// A real assessment of `content`, held at `level`.
pub(super) fn assessment(content: &Content, level: Level) -> Assessment {
    let (cmdb, history) = (Cmdb::default(), History::default());
    let facts = AssessmentFacts {
        content,
        cmdb: &cmdb,
        history: &history,
        prediction: None,
        similar: &[],
        circumstances: &domain::risk::Circumstances::default(),
        covered_by_model: false,
    };
    Assessment { level, findings: Vec::new(), ..assess(&facts) }
}

/// The assessment of `content` at `level`, with what the approval rules make of it.
pub(super) fn assessed(content: &Content, level: Level) -> Command {
    let assessment = Box::new(assessment(content, level));
    let case = Case::of(&assessment, true);
    Command::RecordAssessment { assessment, requirements: requirements(&ApprovalSettings::default(), case) }
}

pub(super) fn approve(role: Role, content: &Content) -> Command {
    Command::Approve { role, digest: digest_of(content), conditions: Vec::new(), comment: None }
}

pub(super) fn approve_if(role: Role, content: &Content, conditions: &[&str]) -> Command {
    let conditions = conditions.iter().map(|words| text(words)).collect();
    Command::Approve { role, digest: digest_of(content), conditions, comment: None }
}

pub(super) fn reject(role: Role) -> Command {
    Command::Reject { role, reason: text("the tests do not cover it") }
}

pub(super) fn withdraw() -> Command {
    Command::WithdrawApproval { reason: text("I overlooked something") }
}

pub(super) fn satisfy(index: usize) -> Command {
    Command::SatisfyCondition { index, evidence: text("run 4711 passed"), proof: None }
}

/// Overrides what was decided automatically about what is asked for.
pub(super) fn overriding(instead: Override, content: &Content) -> Command {
    Command::Override { instead, digest: digest_of(content), reason: text("it cannot wait") }
}

/// Another level, with what the rules make of it when policy calls people in.
pub(super) fn level(level: Level) -> Override {
    let case = Case {
        routed_as: ChangeType::Normal,
        level,
        clear: false,
        health_information: false,
        irreversible: false,
        pre_approval_permitted: false,
    };
    Override::Level { level, requirements: requirements(&ApprovalSettings::default(), case) }
}

/// A change of low risk that policy did not approve without a person.
pub(super) fn low_with_a_veto(content: &Content) -> Story {
    let assessment = Box::new(assessment(content, Level::Low));
    let requirements = requirements(&ApprovalSettings::default(), Case::of(&assessment, false));
    asked_for(content.clone())
        .when(Command::RecordAssessment { assessment, requirements })
        .then("risk_assessed -> assessing")
        .when_at_once(Command::RequestApproval)
        .then("approval_requested -> awaiting_approval")
}

/// A change that was rejected because nobody decided in time.
pub(super) fn expired(content: &Content, level: Level) -> Story {
    let story = awaiting(content, level);
    let deadline = story.change.due_at(Deadline::Approval).unwrap();
    story
        .at(deadline)
        .when_at_once(Command::Expire { deadline: Deadline::Approval })
        .then("rejected -> rejected")
}

pub(super) fn amend(content: Content) -> Command {
    Command::Amend { content: Box::new(content) }
}

pub(super) fn cancel() -> Command {
    Command::Cancel { reason: text("no longer needed") }
}

/// A rehearsal in which everything went well.
pub(super) fn rehearsal(content: &Content) -> Rehearsal {
    let rehearsable = Rehearsable::of(content.plan.as_ref().unwrap(), content.rollback_plan.as_ref());
    let task = |task| RehearsedTask { task, outcome: StepOutcome::Succeeded, duration_millis: 900 };
    Rehearsal {
        digest: digest_of(content),
        target: "staging".parse().unwrap(),
        target_digest: Digest::of("test", &"staging").unwrap(),
        host: "build-7".parse().unwrap(),
        duration_millis: 4_000,
        tasks: rehearsable.tasks().map(task).collect(),
        captures: u32::try_from(rehearsable.captures()).unwrap(),
        left_out: rehearsable.left_out,
        differing: Vec::new(),
        left_in_place: Vec::new(),
    }
}

pub(super) fn rehearse(content: &Content) -> Command {
    Command::Rehearse { rehearsal: Box::new(rehearsal(content)) }
}

pub(super) fn start(content: &Content) -> Command {
    Command::Start {
        digest: digest_of(content),
        commit: Some(COMMIT.to_owned()),
        fencing_token: TOKEN,
        auto_rollback: true,
        holds: false,
    }
}

pub(super) fn start_by_hand(content: &Content) -> Command {
    Command::Start {
        digest: digest_of(content),
        commit: Some(COMMIT.to_owned()),
        fencing_token: TOKEN,
        auto_rollback: false,
        holds: false,
    }
}

pub(super) fn take_over(content: &Content, fencing_token: u64) -> Command {
    Command::TakeOver { digest: digest_of(content), commit: Some(COMMIT.to_owned()), fencing_token }
}

/// Another runner without the approved commit takes over.
pub(super) fn take_over_elsewhere(content: &Content, fencing_token: u64) -> Command {
    Command::TakeOver { digest: digest_of(content), commit: None, fencing_token }
}

pub(super) fn observe(observation: Observation) -> Command {
    Command::Observe { observation: Box::new(observation), fencing_token: TOKEN }
}

pub(super) fn finish() -> Command {
    Command::Finish { fencing_token: TOKEN }
}

pub(super) fn validation(passed: bool) -> Command {
    let check = |name: &str, passed| ValidationCheck {
        name: StepName::new(name).unwrap(),
        passed,
        detail: text("0 of 120 answers failed"),
    };
    Command::Validate { validation: Validation { checks: vec![check("health", true), check("sla", passed)] } }
}

pub(super) fn asked_back(by: &str) -> Command {
    Command::RollBack {
        cause: Cause::Person { by: people::id(by), reason: Some(text("customers complain")) },
    }
}

pub(super) fn close(outcome: Outcome) -> Command {
    Command::Close { outcome, follow_up: None, comment: None, documentation: None }
}

pub(super) fn do_step(words: &str) -> Task {
    Task::new(Part::Step, name(words))
}

pub(super) fn undo(words: &str) -> Task {
    Task::new(Part::Undo, name(words))
}

pub(super) fn started(task: &Task) -> Observation {
    Observation::Started { task: task.clone(), attempt: 1 }
}

pub(super) fn succeeded(task: &Task) -> Observation {
    ended(task, StepOutcome::Succeeded)
}

pub(super) fn failed(task: &Task) -> Observation {
    ended(task, StepOutcome::Failed { failure: Failure::ExitStatus { status: 1 } })
}

fn ended(task: &Task, outcome: StepOutcome) -> Observation {
    Observation::Ended { task: task.clone(), attempt: 1, outcome, duration_millis: 1_500, log: None }
}

/// A change that Ada has asked for.
pub(super) fn asked_for(content: Content) -> Story {
    given(requested(content, &people::ada(), false).unwrap())
}

/// A change that has been assessed and put to the authorities.
pub(super) fn awaiting(content: &Content, level: Level) -> Story {
    asked_for(content.clone())
        .when(assessed(content, level))
        .then("risk_assessed -> assessing")
        .when_at_once(Command::RequestApproval)
        .then("approval_requested -> awaiting_approval")
}

/// A change of low risk that has been approved without a person.
pub(super) fn approved(content: &Content) -> Story {
    asked_for(content.clone())
        .when(assessed(content, Level::Low))
        .then("risk_assessed -> assessing")
        .when_at_once(Command::PreApprove)
        .then("approved -> approved")
}

/// An emergency that the e-CAB has authorised.
pub(super) fn authorised_emergency() -> Story {
    let content = emergency_content();
    awaiting(&content, Level::High)
        .when(approve(Role::EcabMember, &content))
        .by(people::eve())
        .then("approved -> approved")
}

/// A change of which a runner holds the lease; a failing step is undone without asking.
pub(super) fn implementing(content: &Content) -> Story {
    approved(content).when(start(content)).by(people::runner()).then("implementation_started -> implementing")
}

/// A change of which the first step is done and the second runs.
pub(super) fn half_way() -> Story {
    let steps = [started(&do_step("deploy")), succeeded(&do_step("deploy")), started(&do_step("switch"))];
    implementing(&content()).reports(steps)
}

/// A change whose plan is done.
pub(super) fn validating() -> Story {
    half_way()
        .reports([succeeded(&do_step("switch"))])
        .when(finish())
        .by(people::runner())
        .then("implemented -> validating")
}

/// A change that waits to be closed.
pub(super) fn implemented() -> Story {
    validating().when(validation(true)).by(people::runner()).then("validated -> implemented")
}

/// A change whose rollback could not undo the first step.
pub(super) fn failed_rollback() -> Story {
    half_way()
        .when(observe(failed(&do_step("switch"))))
        .by(people::runner())
        .then("progressed, rollback_started -> rolling_back")
        .reports([
            started(&undo("switch")),
            succeeded(&undo("switch")),
            started(&undo("deploy")),
            failed(&undo("deploy")),
        ])
        .when(observe(Observation::RollbackEnded))
        .by(people::runner())
        .then("progressed, rollback_failed -> failed")
}

/// A change that was taken back.
pub(super) fn rolled_back() -> Story {
    half_way()
        .when(observe(failed(&do_step("switch"))))
        .by(people::runner())
        .then("progressed, rollback_started -> rolling_back")
        .reports([
            started(&undo("switch")),
            succeeded(&undo("switch")),
            started(&undo("deploy")),
            succeeded(&undo("deploy")),
        ])
        .when(observe(Observation::RollbackEnded))
        .by(people::runner())
        .then("progressed, rolled_back -> rolled_back")
}

impl Story {
    /// The runner reports what it saw, and the change stays where it is.
    #[track_caller]
    pub(super) fn reports<const COUNT: usize>(self, observations: [Observation; COUNT]) -> Self {
        observations.into_iter().fold(self, |story, observation| {
            let expected = format!("progressed -> {}", story.state());
            story.when(observe(observation)).by(people::runner()).then(&expected)
        })
    }
}
