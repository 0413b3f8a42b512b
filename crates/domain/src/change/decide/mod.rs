//! What a command does to a change: a pure decision.
//!
//! To add a command: a variant in `command.rs`, a row in `transition.rs`, an arm here, a function in the file of its
//! stage of life, and its events in `evolve/`.

mod acceptance;
mod approval;
mod closing;
mod deadline;
mod gate;
mod implementation;
mod overriding;
mod request;
mod rollback;

use super::action::Action;
use super::command::{Command, Facts};
use super::content::Content;
use super::event::ChangeEvent;
use super::refusal::Refusal;
use super::state::{Change, State};
use super::transition::CommandName;
use crate::authorization::Answer;
use crate::plan::Observation;

/// What a command leads to: events to record and effects to perform, in one transaction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decision {
    /// What happened.
    pub events: Vec<ChangeEvent>,
    /// What must be done because of it.
    pub actions: Vec<Action>,
}

impl Decision {
    fn new(events: Vec<ChangeEvent>, actions: Vec<Action>) -> Self {
        Self { events, actions }
    }

    fn event(event: ChangeEvent) -> Self {
        Self::new(vec![event], Vec::new())
    }

    fn then(mut self, other: Self) -> Self {
        self.events.extend(other.events);
        self.actions.extend(other.actions);
        self
    }
}

/// Decides whether a new change comes into being.
///
/// # Errors
/// When policy refuses, or the content is not one that could be approved and run.
pub fn create(content: Content, draft: bool, facts: &Facts<'_>) -> Result<Decision, Refusal> {
    require_policy(facts)?;
    request::create(content, draft, facts)
}

/// Decides what a command does to a change.
///
/// # Errors
/// When policy refuses, the state does not admit the command, or an invariant of the domain would be broken.
pub fn decide(change: &Change, command: &Command, facts: &Facts<'_>) -> Result<Decision, Refusal> {
    if !command.name().is_legal_in(change.state_name()) {
        return Err(illegal(change, command.name()));
    }
    require_policy(facts)?;
    require_clock(change, facts)?;
    dispatch(change, command, facts)
}

fn illegal(change: &Change, command: CommandName) -> Refusal {
    Refusal::IllegalTransition { state: change.state_name(), command }
}

/// Each command has its own rules; a state that a command needs the content of is matched here.
fn dispatch(change: &Change, command: &Command, facts: &Facts<'_>) -> Result<Decision, Refusal> {
    match (command, &change.state) {
        (Command::Submit, _) => request::submit(change, facts),
        (Command::Amend { content }, _) => request::amend(change, content, facts),
        (Command::Comment { text }, _) => Ok(Decision::event(ChangeEvent::Commented { text: text.clone() })),
        (Command::LinkIncident { incident }, _) => Ok(closing::link_incident(change, *incident)),
        (Command::RecordAssessment { assessment, requirements }, _) => {
            Ok(request::record_assessment(assessment, requirements))
        }
        (Command::PreApprove, State::Assessing(assessing)) => approval::pre_approve(change, assessing, facts),
        (Command::RequestApproval, State::Assessing(assessing)) => {
            approval::request_approval(assessing, facts)
        }
        (Command::Approve { .. }, State::AwaitingApproval(awaiting)) => {
            approval::approve(change, awaiting, command, facts)
        }
        (Command::Reject { role, reason }, State::AwaitingApproval(awaiting)) => {
            approval::reject(change, awaiting, *role, reason, facts)
        }
        (Command::WithdrawApproval { reason }, _) => approval::withdraw(change, reason, facts),
        (Command::SatisfyCondition { index, evidence, proof }, _) => {
            approval::satisfy_condition(change, *index, evidence, proof.as_ref(), facts)
        }
        (Command::Override { .. }, _) => overriding::decide(change, command, facts),
        (Command::Cancel { reason }, _) => Ok(request::cancel(reason)),
        (Command::Rehearse { rehearsal }, _) => request::rehearse(change, rehearsal),
        (Command::Start { .. }, State::Approved(authorization)) => {
            implementation::start(change, authorization, command, facts)
        }
        (Command::TakeOver { digest, commit, fencing_token }, _) => {
            implementation::take_over(change, *digest, commit.as_deref(), *fencing_token)
        }
        (Command::Observe { observation, fencing_token }, _) => {
            implementation::report(change, observation, *fencing_token, facts)
        }
        (Command::Pause, _) => implementation::record(change, &Observation::PauseRequested, facts),
        (Command::Resume, _) => implementation::record(change, &Observation::ResumeRequested, facts),
        (Command::DecideStep { .. }, State::Validating(execution)) => {
            acceptance::decide(change, execution, command, facts)
        }
        (Command::DecideStep { step, decision, comment }, _) => {
            let said = comment.clone().map(|text| Decision::event(ChangeEvent::Commented { text }));
            let decided = implementation::decide_step(change, step, *decision, facts)?;
            Ok(said.unwrap_or_default().then(decided))
        }
        (Command::Finish { fencing_token }, State::Implementing(execution)) => {
            implementation::finish(change, execution, *fencing_token, facts)
        }
        (Command::Interrupt, _) => implementation::interrupt(change, facts),
        (Command::Validate { validation }, State::Validating(execution)) => {
            closing::validate(change, execution, validation, facts)
        }
        (Command::RollBack { cause }, _) => rollback::start(change, cause, facts),
        (Command::Close { .. }, _) => closing::close(change, command),
        (Command::Review { kind, text, finding }, _) => closing::review(change, *kind, text, *finding, facts),
        (Command::Expire { deadline }, _) => deadline::expire(change, *deadline, facts),
        (
            Command::PreApprove
            | Command::RequestApproval
            | Command::Approve { .. }
            | Command::Reject { .. }
            | Command::Start { .. }
            | Command::Finish { .. }
            | Command::Validate { .. },
            _,
        ) => Err(illegal(change, command.name())),
    }
}

/// Nothing happens unless policy was asked and allowed it.
fn require_policy(facts: &Facts<'_>) -> Result<(), Refusal> {
    match facts.answer {
        Answer::Allowed { .. } => Ok(()),
        Answer::Denied { violations } => Err(Refusal::Policy { violations: violations.clone() }),
    }
}

/// Event time never runs backwards within a change.
fn require_clock(change: &Change, facts: &Facts<'_>) -> Result<(), Refusal> {
    let (now, last) = (facts.now, change.updated_at);
    if now < last { Err(Refusal::ClockWentBack { now, last }) } else { Ok(()) }
}
