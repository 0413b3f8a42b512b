//! Tasks: the single things that a run executes, and the life of one of them.
//!
//! A step of the plan, the undo of a step and a step of the rollback plan all live the same life, so there is one
//! state machine for the three. A transition answers with `Fold`: a new state, already observed, or illegal.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::change::kind::words;
use crate::id::{ActorId, StepName};
use crate::text::FreeText;

/// Attempts after which an interrupted task is no longer repeated without a person: something about it ends runners.
pub const UNATTENDED_ATTEMPTS_MAX: u32 = 100;

words!(
    /// The part of a run to which a task belongs.
    Part, "part of a run", {
        /// A step of the plan.
        Step = "step",
        /// The undo of a step of the plan.
        Undo = "undo",
        /// A step of the rollback plan.
        RollbackStep = "rollback_step",
        /// A step that isolates the changed thing before it is taken back.
        Quarantine = "quarantine",
    }
);

words!(
    /// A person's answer about a task that waits for one.
    Decision, "decision", {
        /// It is done: the manual step was carried out, the unknown one took effect.
        Done = "done",
        /// Execute it again.
        Redo = "redo",
        /// Give it up. A step's change is rolled back; in a rollback, the task counts as failed.
        GiveUp = "give_up",
    }
);

words!(
    /// What a check found out about a task whose end nobody saw.
    Finding, "finding", {
        /// The task has taken effect.
        TookEffect = "took_effect",
        /// The task has not taken effect.
        NoEffect = "no_effect",
        /// The check cannot tell.
        CannotTell = "cannot_tell",
    }
);

words!(
    /// How a task whose end nobody saw is cleared up.
    Remedy, "remedy", {
        /// It is executed again, because twice is the same as once.
        Repeat = "repeat",
        /// Its check is asked.
        Check = "check",
        /// A person is asked.
        AskPerson = "ask_person",
    }
);

/// One thing that a run executes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Where it belongs.
    pub part: Part,
    /// The step that it is or undoes.
    pub step: StepName,
}

impl Task {
    /// A task of `part`.
    pub fn new(part: Part, step: StepName) -> Self {
        Self { part, step }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.part {
            Part::Step => write!(f, "step `{}`", self.step),
            Part::Undo => write!(f, "undo of step `{}`", self.step),
            Part::RollbackStep => write!(f, "rollback step `{}`", self.step),
            Part::Quarantine => write!(f, "quarantine step `{}`", self.step),
        }
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// It did what it should.
    Succeeded,
    /// It did not.
    Failed {
        /// Why.
        failure: Failure,
    },
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "failure", rename_all = "snake_case", deny_unknown_fields)]
pub enum Failure {
    /// The program ended with a status other than 0.
    ExitStatus {
        /// The status.
        status: i32,
    },
    /// The program was ended by a signal that we did not send.
    Signal {
        /// The signal's number.
        signal: i32,
    },
    /// Something else, for example an unexpected answer or a program that could not be started.
    Other {
        /// What.
        reason: FreeText,
    },
    /// It watched for as long as it may, and cannot say whether all is well.
    Undecided {
        /// What is missing.
        reason: FreeText,
    },
    /// A comparison says that the change makes things worse, and may not take it back by itself: a person decides.
    Advised {
        /// What it says.
        reason: FreeText,
    },
    /// It took longer than the step's timeout.
    TimedOut,
    /// It was stopped on purpose, for example by a rollback.
    Cancelled,
    /// A person gave it up.
    GivenUp {
        /// Who.
        by: ActorId,
    },
}

impl Failure {
    /// Whether repeating it without being asked makes no sense, because somebody stopped it or it has waited long enough.
    pub(super) fn is_deliberate(&self) -> bool {
        match self {
            Self::Cancelled | Self::GivenUp { .. } | Self::Undecided { .. } | Self::Advised { .. } => true,
            Self::ExitStatus { .. } | Self::Signal { .. } | Self::Other { .. } | Self::TimedOut => false,
        }
    }

    /// Whether both are the same failure. Free text is left out: it may have been erased since.
    fn is_same(&self, other: &Self) -> bool {
        let are_same_words = matches!(
            (self, other),
            (Self::Other { .. }, Self::Other { .. })
                | (Self::Undecided { .. }, Self::Undecided { .. })
                | (Self::Advised { .. }, Self::Advised { .. })
        );
        are_same_words || self == other
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExitStatus { status } => write!(f, "ended with status {status}"),
            Self::Signal { signal } => write!(f, "was ended by signal {signal}"),
            Self::Other { reason } => write!(f, "failed: {reason}"),
            Self::Undecided { reason } => write!(f, "could not be decided: {reason}"),
            Self::Advised { reason } => write!(f, "is for a person to decide: {reason}"),
            Self::TimedOut => f.write_str("timed out"),
            Self::Cancelled => f.write_str("was stopped"),
            Self::GivenUp { by } => write!(f, "was given up by {by}"),
        }
    }
}

/// How far a task has come. Attempts count from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub enum TaskState {
    /// Never begun.
    Pending,
    /// Recorded as started; its end has not been seen.
    Started {
        /// The running attempt.
        attempt: u32,
    },
    /// A manual task that a person has been asked to carry out.
    Asked {
        /// The attempt that waits.
        attempt: u32,
    },
    /// Done.
    Succeeded {
        /// The attempt that did it.
        attempt: u32,
    },
    /// Failed, and to be executed again after the step's pause.
    Retrying {
        /// The attempt that failed.
        attempt: u32,
        /// Why it failed.
        failure: Failure,
    },
    /// Failed for good, unless a person decides otherwise.
    Failed {
        /// The last attempt.
        attempt: u32,
        /// Why it failed.
        failure: Failure,
    },
    /// The runner was lost while it ran: it may have taken effect, in part or wholly.
    Unknown {
        /// The attempt whose end nobody saw.
        attempt: u32,
        /// How to clear it up.
        remedy: Remedy,
    },
    /// Failed or unknown before; its check or a person says that it may be executed again.
    Cleared {
        /// The last attempt.
        attempt: u32,
    },
}

/// What folding an observation gives.
#[derive(Debug)]
pub(super) enum Fold<T> {
    /// The observation leads here.
    New(T),
    /// It has been folded before and changes nothing.
    Already,
    /// It cannot be true here.
    Illegal,
}

impl<T> Fold<T> {
    pub(super) fn map<U>(self, f: impl FnOnce(T) -> U) -> Fold<U> {
        match self {
            Self::New(value) => Fold::New(f(value)),
            Self::Already => Fold::Already,
            Self::Illegal => Fold::Illegal,
        }
    }

    /// For an observation that cannot lead anywhere new: known before, or else illegal.
    pub(super) fn already_if(is_known: bool) -> Self {
        if is_known { Self::Already } else { Self::Illegal }
    }
}

impl TaskState {
    /// The newest attempt that was begun; 0 before the first.
    pub fn attempt(&self) -> u32 {
        match self {
            Self::Pending => 0,
            Self::Started { attempt }
            | Self::Asked { attempt }
            | Self::Succeeded { attempt }
            | Self::Retrying { attempt, .. }
            | Self::Failed { attempt, .. }
            | Self::Unknown { attempt, .. }
            | Self::Cleared { attempt } => *attempt,
        }
    }

    /// Whether it was ever begun, so that it may have left traces.
    pub fn is_begun(&self) -> bool {
        *self != Self::Pending
    }

    /// Whether it is done.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Succeeded { .. })
    }

    /// The attempt `attempt` was begun: it runs, or a person has been asked.
    pub(super) fn started(attempt: u32, is_manual: bool) -> Self {
        if is_manual { Self::Asked { attempt } } else { Self::Started { attempt } }
    }

    /// The runner saw `attempt` end. Up to `retries` failed attempts are followed by another.
    pub(super) fn ended(&self, attempt: u32, outcome: &Outcome, retries: u32) -> Fold<Self> {
        match self {
            Self::Started { attempt: current } if *current == attempt => {
                Fold::New(Self::after(attempt, outcome, retries))
            }
            // A runner may stop waiting for a person; it can never answer in the person's place.
            Self::Asked { attempt: current } if *current == attempt && outcome.ends_waiting() => {
                Fold::New(Self::after(attempt, outcome, retries))
            }
            Self::Succeeded { attempt: current } if *current == attempt => {
                Fold::already_if(*outcome == Outcome::Succeeded)
            }
            Self::Retrying { attempt: current, failure } | Self::Failed { attempt: current, failure }
                if *current == attempt =>
            {
                Fold::already_if(outcome.failure().is_some_and(|given| given.is_same(failure)))
            }
            Self::Cleared { attempt: current } if *current == attempt => {
                Fold::already_if(outcome.failure().is_some())
            }
            Self::Pending
            | Self::Started { .. }
            | Self::Asked { .. }
            | Self::Succeeded { .. }
            | Self::Retrying { .. }
            | Self::Failed { .. }
            | Self::Unknown { .. }
            | Self::Cleared { .. } => {
                // A later attempt was begun only because this one had not succeeded.
                Fold::already_if(self.is_past(attempt) && outcome.failure().is_some())
            }
        }
    }

    /// A check was asked about `attempt`.
    pub(super) fn checked(&self, attempt: u32, finding: Finding) -> Fold<Self> {
        if *self == (Self::Unknown { attempt, remedy: Remedy::Check }) {
            return Fold::New(match finding {
                Finding::TookEffect => Self::Succeeded { attempt },
                Finding::NoEffect => Self::Cleared { attempt },
                Finding::CannotTell => Self::Unknown { attempt, remedy: Remedy::AskPerson },
            });
        }
        Fold::already_if(match finding {
            Finding::TookEffect => *self == Self::Succeeded { attempt },
            Finding::NoEffect => *self == Self::Cleared { attempt } || self.is_past(attempt),
            Finding::CannotTell => *self == Self::Unknown { attempt, remedy: Remedy::AskPerson },
        })
    }

    /// A person decided about `attempt`. A failed task may be redone only where `may_redo_failed`.
    pub(super) fn decided(
        &self,
        attempt: u32,
        decision: Decision,
        by: &ActorId,
        may_redo_failed: bool,
    ) -> Fold<Self> {
        let waits = match self {
            Self::Asked { attempt: current } => *current == attempt && decision != Decision::Redo,
            Self::Unknown { attempt: current, .. } => *current == attempt,
            Self::Failed { attempt: current, .. } => {
                *current == attempt && decision == Decision::Redo && may_redo_failed
            }
            Self::Pending
            | Self::Started { .. }
            | Self::Succeeded { .. }
            | Self::Retrying { .. }
            | Self::Cleared { .. } => false,
        };
        if waits {
            return Fold::New(match decision {
                Decision::Done => Self::Succeeded { attempt },
                Decision::Redo => Self::Cleared { attempt },
                Decision::GiveUp => Self::Failed { attempt, failure: Failure::GivenUp { by: by.clone() } },
            });
        }
        Fold::already_if(match decision {
            Decision::Done => *self == Self::Succeeded { attempt },
            Decision::Redo => *self == Self::Cleared { attempt } || self.is_past(attempt),
            Decision::GiveUp => {
                *self == Self::Failed { attempt, failure: Failure::GivenUp { by: by.clone() } }
            }
        })
    }

    /// The runner was lost: a started task is unknown from now on. A person who was asked is still there.
    pub(super) fn runner_lost(&self, is_repeatable: bool, has_check: bool) -> Fold<Self> {
        let Self::Started { attempt } = *self else { return Fold::Already };
        let remedy = match (is_repeatable && attempt < UNATTENDED_ATTEMPTS_MAX, has_check) {
            (true, _) => Remedy::Repeat,
            (false, true) => Remedy::Check,
            (false, false) => Remedy::AskPerson,
        };
        Fold::New(Self::Unknown { attempt, remedy })
    }

    /// Nobody waits for the person any more.
    pub(super) fn stop_asking(&mut self, failure: Failure) {
        if let Self::Asked { attempt } = *self {
            *self = Self::Failed { attempt, failure };
        }
    }

    /// What had failed or was left waiting may be executed again.
    pub(super) fn clear_failure(&mut self) {
        if let Self::Failed { attempt, .. } = *self {
            *self = Self::Cleared { attempt };
        }
    }

    fn after(attempt: u32, outcome: &Outcome, retries: u32) -> Self {
        match outcome {
            Outcome::Succeeded => Self::Succeeded { attempt },
            Outcome::Failed { failure } if attempt <= retries && !failure.is_deliberate() => {
                Self::Retrying { attempt, failure: failure.clone() }
            }
            Outcome::Failed { failure } => Self::Failed { attempt, failure: failure.clone() },
        }
    }

    /// Whether a later attempt has been begun since.
    pub(super) fn is_past(&self, attempt: u32) -> bool {
        (1..self.attempt()).contains(&attempt)
    }
}

impl Outcome {
    /// Why it failed, if it did.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Succeeded => None,
            Self::Failed { failure } => Some(failure),
        }
    }

    fn ends_waiting(&self) -> bool {
        matches!(self.failure(), Some(Failure::TimedOut | Failure::Cancelled))
    }
}
