//! Random lives of changes: what is asked, by whom, when, and what policy says. Choices are small numbers that are given
//! meaning by the change as it is, so that random lives come far.

use domain::actor::Role;
use domain::authorization::{Answer, Violation};
use domain::change::{
    ActingActor, Change, Command, Content, Deadline, Outcome, Override, ReviewFinding, ReviewKind, State,
    StateName,
};
use domain::id::PolicyId;
use domain::plan::{Cause, Decision, Observation};
use domain::risk::Level;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::fixture::{
    COMMIT, amend, assessed, cancel, content, digest_of, do_step, emergency_content, level, manual_content,
    name, overriding, reject, satisfy, start_of_story, succeeded, text, validation, windowed_content,
    withdraw,
};
use super::honest::{self, Luck};
use super::people::{
    acting_for, ada, agent, carl, cleo, cora, dora, eve, human, id, lena, max, record_of, runner,
    second_runner, tom,
};
use super::table::above;

/// Most things that are asked in one life.
const MOVES_MAX: usize = 60;

/// One thing that is asked.
#[derive(Debug, Clone)]
pub(super) struct Move {
    /// What; 0 to 255 is mapped to commands.
    what: u8,
    /// By whom, where not by the one whose turn it is.
    who: u8,
    /// In which way.
    how: u8,
    /// Seconds since the last event; negative when the clock goes back.
    seconds: i64,
    /// Whether policy refuses.
    pub(super) is_denied: bool,
}

/// A life: what is asked for, by whom, and what is asked then.
#[derive(Debug, Clone)]
pub(super) struct Life {
    what: u8,
    who: u8,
    pub(super) is_draft: bool,
    pub(super) moves: Vec<Move>,
}

/// What is asked at one instant.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) command: Command,
    pub(super) actor: ActingActor,
    pub(super) now: Timestamp,
}

pub(super) fn lives() -> impl Strategy<Value = Life> {
    let seconds = prop_oneof![20 => 0_i64..600, 4 => 0_i64..100_000, 1 => -600_i64..0];
    let moves = (any::<u8>(), any::<u8>(), any::<u8>(), seconds, prop::bool::weighted(0.04))
        .prop_map(|(what, who, how, seconds, is_denied)| Move { what, who, how, seconds, is_denied });
    (any::<u8>(), any::<u8>(), prop::bool::weighted(0.2), prop::collection::vec(moves, 1..MOVES_MAX))
        .prop_map(|(what, who, is_draft, moves)| Life { what, who, is_draft, moves })
}

pub(super) fn denied() -> Answer {
    Answer::Denied {
        violations: vec![Violation {
            rule: PolicyId::new("no-changes-today").unwrap(),
            sentence: "Nothing is changed today".to_owned(),
            next_step: "wait for tomorrow".to_owned(),
            controls: Vec::new(),
        }],
    }
}

fn pick<T: Clone>(from: &[T], choice: u8) -> T {
    from[usize::from(choice) % from.len()].clone()
}

/// A review that may find something.
fn review(kind: ReviewKind, choice: u8) -> Command {
    let finding = pick(&[None, Some(ReviewFinding::Succeeded), Some(ReviewFinding::Failed)], choice);
    Command::Review { kind, text: text("seen"), finding }
}

fn contents() -> [Content; 6] {
    let bare = Content { plan: None, ..content() };
    [content(), content(), emergency_content(), windowed_content(), manual_content(), bare]
}

/// Everybody, with more roles than they need, so that only the gates keep them out.
fn everybody() -> Vec<ActingActor> {
    let all = Role::ALL;
    vec![
        ada(),
        human("ada", all),
        human("ada_other", all),
        agent("ada_agent"),
        human("ben", all),
        lena(),
        carl(),
        cora(),
        cleo(),
        tom(),
        eve(),
        max(),
        human("zoe", all),
        acting_for(human("zoe", all), "ada"),
        acting_for(human("zoe", all), "ben"),
        dora(),
        acting_for(dora(), "lena"),
        acting_for(dora(), "carl"),
        acting_for(dora(), "cleo"),
        acting_for(dora(), "eve"),
        acting_for(dora(), "ada_other"),
        acting_for(cora(), "carl"),
        acting_for(human("ada", all), "lena"),
        acting_for(agent("lena_agent"), "lena"),
        human("carl_at_home", all),
        agent("bot"),
        runner(),
        second_runner(),
        ActingActor::System,
    ]
}

impl Life {
    /// Who asks for the change.
    pub(super) fn requester(&self) -> ActingActor {
        pick(&[ada(), ada(), agent("ada_agent"), acting_for(runner(), "ben"), lena()], self.who)
    }

    /// What is asked for.
    pub(super) fn content(&self) -> Content {
        pick(&contents(), self.what)
    }
}

impl Move {
    /// What is asked of this change.
    pub(super) fn asked(&self, change: &Change) -> Asked {
        let now = change.updated_at + SignedDuration::from_secs(self.seconds);
        // Most moves bring the change forward; the others are anything.
        if self.what < 150
            && let Some(asked) = self.forward(change, now)
        {
            return asked;
        }
        let command = self.anything(change);
        Asked { command, actor: pick(&everybody(), self.who), now }
    }

    /// What brings the change forward, or back, asked by one who may.
    fn forward(&self, change: &Change, now: Timestamp) -> Option<Asked> {
        let luck = if self.how < 200 { Luck::Good } else { Luck::Bad };
        let asked = |command, actor| Some(Asked { command, actor, now });
        let expires = |deadline| {
            let now = now.max(change.due_at(deadline)?);
            Some(Asked { command: Command::Expire { deadline }, actor: ActingActor::System, now })
        };
        match &change.state {
            State::Draft => asked(Command::Submit, ada()),
            State::Assessing(domain::change::Assessing::Gathering) => {
                asked(assessed(&change.content, pick(Level::ALL, self.how)), ActingActor::System)
            }
            State::Assessing(domain::change::Assessing::Assessed { requirements, .. }) => {
                let command =
                    if requirements.automated { Command::PreApprove } else { Command::RequestApproval };
                asked(command, ActingActor::System)
            }
            State::AwaitingApproval(awaiting) => self.decision(change, awaiting, now),
            State::Approved(authorization) if authorization.unmet_conditions().next().is_some() => {
                asked(satisfy(usize::from(self.how) % authorization.conditions.len()), max())
            }
            State::Approved(_) if self.how >= 230 && change.content.window.is_some() => {
                expires(Deadline::Window)
            }
            State::Approved(_) if self.how >= 226 => {
                asked(overriding(level(pick(Level::ALL, self.what)), &change.content), above(change))
            }
            State::Approved(_) if self.how < 10 => asked(withdraw(), pick(&everybody(), self.who)),
            State::Approved(_) => {
                let now = change.content.window.map_or(now, |window| now.max(window.start));
                Some(Asked { command: start(change, luck), actor: runner(), now })
            }
            State::Implementing(execution) | State::RollingBack(execution) if self.how < 240 => {
                let holder = match &execution.runner {
                    domain::change::Runner::Held { by, .. } if *by == id("runner2") => second_runner(),
                    _ => runner(),
                };
                let token = execution.runner.fencing_token();
                if change.state_name() == StateName::RollingBack && !is_held(change) {
                    return asked(take_over(change, token + 1), second_runner());
                }
                let step = honest::report(change, luck).map(|command| (command, holder.clone()));
                let answer = honest::answer(change, luck).map(|command| (command, max()));
                let finish = (Command::Finish { fencing_token: token }, holder);
                let (command, actor) = step.or(answer).unwrap_or(finish);
                asked(command, actor)
            }
            State::Implementing(_) | State::RollingBack(_) => asked(Command::Interrupt, ActingActor::System),
            State::Interrupted(execution) if self.how < 160 => {
                asked(take_over(change, execution.runner.fencing_token() + 1), second_runner())
            }
            State::Validating(_) if self.how < 250 => asked(validation(luck == Luck::Good), runner()),
            State::Implemented(_) if self.how < 220 => asked(close(Outcome::Successful), max()),
            State::RolledBack(_) => asked(close(Outcome::RolledBack), max()),
            State::Failed(_) if self.how < 100 => asked(close(Outcome::Failed), max()),
            State::Failed(_) => asked(back(Cause::Person { by: id("max"), reason: None }), max()),
            State::Closed(_) => asked(review(ReviewKind::Retrospective, self.who), eve()),
            State::Interrupted(_) | State::Validating(_) | State::Implemented(_) => {
                honest::next_deadline(change).and_then(expires)
            }
            State::Rejected(_) if self.how < 60 => {
                asked(overriding(Override::Rejection, &change.content), above(change))
            }
            State::Rejected(_) | State::Cancelled => None,
        }
    }

    fn decision(
        &self,
        change: &Change,
        awaiting: &domain::change::Awaiting,
        now: Timestamp,
    ) -> Option<Asked> {
        let asked = |command, actor| Some(Asked { command, actor, now });
        let expires = |deadline| {
            let now = now.max(change.due_at(deadline)?);
            Some(Asked { command: Command::Expire { deadline }, actor: ActingActor::System, now })
        };
        let roles = awaiting.asked(change.digest);
        if roles.is_empty() {
            return None;
        }
        let role = pick(&roles, self.how);
        let holds = |actor: &ActingActor| match actor {
            ActingActor::Registered { roles, on_behalf_of, .. } => {
                let lender = on_behalf_of.as_ref().and_then(record_of);
                roles.contains(&role) || lender.is_some_and(|lender| lender.roles.contains(&role))
            }
            ActingActor::System => false,
        };
        let holders: Vec<_> = everybody().into_iter().filter(holds).collect();
        let actor = pick(&holders, self.who);
        match self.how {
            0..8 => asked(reject(role), actor),
            8..16 => asked(withdraw(), actor),
            16..20 => expires(Deadline::Approval),
            20..28 => expires(Deadline::ApprovalEscalation),
            28..32 => asked(overriding(Override::PreApproval, &change.content), above(change)),
            32..36 => asked(overriding(level(pick(Level::ALL, self.what)), &change.content), above(change)),
            36..70 => asked(approve(role, change, &["staging tests required"]), actor),
            _ => asked(approve(role, change, &[]), actor),
        }
    }

    /// Anything at all.
    fn anything(&self, change: &Change) -> Command {
        let how = self.how;
        let luck = if how.is_multiple_of(2) { Luck::Good } else { Luck::Bad };
        let token = change.execution().map_or(1, |execution| execution.runner.fencing_token());
        let token = pick(&[token, token + 1, token.saturating_sub(1)], how);
        let observed =
            |observation| Command::Observe { observation: Box::new(observation), fencing_token: token };
        match self.what % 28 {
            27 => {
                let instead = [Override::PreApproval, Override::Rejection, level(pick(Level::ALL, how))];
                overriding(pick(&instead, self.who), &change.content)
            }
            0 => Command::Submit,
            1 | 2 => amend(pick(&contents(), how)),
            3 => Command::Comment { text: text("soon") },
            4 => assessed(&change.content, pick(Level::ALL, how)),
            5 => Command::PreApprove,
            6 => Command::RequestApproval,
            7 => approve(pick(Role::ALL, how), change, &[]),
            8 => {
                let role = pick(Role::ALL, how);
                let digest = digest_of(&pick(&contents(), self.who));
                Command::Approve { role, digest, conditions: Vec::new(), comment: None }
            }
            9 => reject(pick(Role::ALL, how)),
            10 => withdraw(),
            11 => satisfy(usize::from(how % 4)),
            12 if how < 60 => cancel(),
            12 | 13 => start(change, luck),
            14 => Command::Start {
                digest: digest_of(&pick(&contents(), how)),
                commit: pick(&[None, Some(COMMIT.to_owned()), Some("0".repeat(40))], how),
                fencing_token: token,
                auto_rollback: true,
                holds: false,
            },
            15 => take_over(change, token),
            16 => honest::report(change, luck).unwrap_or(Command::Pause),
            17 => observed(any_observation(how)),
            18 => pick(&[Command::Pause, Command::Resume], how),
            19 => Command::DecideStep {
                step: name(pick(&["deploy", "turn the key"], how)),
                decision: pick(Decision::ALL, self.who),
                comment: None,
            },
            20 => Command::Finish { fencing_token: token },
            21 => Command::Interrupt,
            22 => validation(luck == Luck::Good),
            23 => back(pick(
                &[
                    Cause::Person { by: id("zoe"), reason: None },
                    Cause::Person { by: id("bot"), reason: None },
                    Cause::RunnerLost,
                ],
                how,
            )),
            24 => close(pick(Outcome::ALL, how)),
            25 => review(pick(ReviewKind::ALL, how), self.who),
            _ if how < 40 => Command::LinkIncident { incident: "INC-2026-000001".parse().unwrap() },
            _ => Command::Expire { deadline: pick(Deadline::ALL, how) },
        }
    }
}

fn is_held(change: &Change) -> bool {
    let runner = change.execution().map(|execution| &execution.runner);
    matches!(runner, Some(domain::change::Runner::Held { .. }))
}

fn any_observation(how: u8) -> Observation {
    pick(
        &[
            succeeded(&do_step("deploy")),
            Observation::PersonDecided {
                task: do_step("turn the key"),
                attempt: 1,
                decision: Decision::Done,
                by: id("zoe"),
            },
            Observation::RunnerLost,
            Observation::RollbackRequested { cause: Cause::StepFailed { step: name("deploy") } },
            Observation::RollbackRequested { cause: Cause::Person { by: id("zoe"), reason: None } },
            Observation::RollbackTimedOut,
            Observation::RollbackEnded,
        ],
        how,
    )
}

fn approve(role: Role, change: &Change, conditions: &[&str]) -> Command {
    let conditions = conditions.iter().map(|words| text(words)).collect();
    Command::Approve { role, digest: change.digest, conditions, comment: None }
}

fn start(change: &Change, luck: Luck) -> Command {
    Command::Start {
        digest: change.digest,
        commit: Some(COMMIT.to_owned()),
        fencing_token: 1,
        auto_rollback: luck == Luck::Good,
        holds: false,
    }
}

fn take_over(change: &Change, fencing_token: u64) -> Command {
    Command::TakeOver { digest: change.digest, commit: Some(COMMIT.to_owned()), fencing_token }
}

fn back(cause: Cause) -> Command {
    Command::RollBack { cause }
}

fn close(outcome: Outcome) -> Command {
    Command::Close { outcome, follow_up: "CHG-2026-000124".parse().ok(), comment: None, documentation: None }
}

/// When every life begins.
pub(super) fn beginning() -> Timestamp {
    start_of_story()
}
