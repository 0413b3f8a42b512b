//! What a run is told: by its runner, by people, by deadlines. Stored in events as it stands here.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::definition::{CAPTURES_TOTAL_MAX, MONITORS_MAX};
use super::task::{Decision, Failure, Finding, Outcome, Task};
use crate::canonical::Digest;
use crate::duration::DURATION_MILLIS_MAX;
use crate::id::{ActorId, StepName};
use crate::rollback::{ConditionName, Reaction, RollbackSpeed, Verdict};
use crate::text::{FreeText, InvalidText};

/// Longest excerpt of a task's output, in bytes. Cut with [`FreeText::excerpt`], whose mark needs some more.
pub const LOG_BYTES_MAX: usize = 8 * 1024;
/// Longest reason or explanation in an observation, in bytes.
pub const REASON_BYTES_MAX: usize = 4 * 1024;
/// What [`FreeText::excerpt`] may add to its limit, in bytes.
const EXCERPT_MARK_BYTES_MAX: usize = 64;

/// Something that happened to a run. Attempts count from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "observation", rename_all = "snake_case", deny_unknown_fields)]
pub enum Observation {
    /// Every monitor was asked before the first step, so that nothing begins unwatched.
    MonitorsAsked {
        /// One for each monitor, in the order of the change.
        answers: Vec<MonitorAnswer>,
    },
    /// Everything that the steps declare has been saved.
    SnapshotTaken {
        /// One entry for each declared capture, in the plan's order.
        captures: Vec<Captured>,
    },
    /// The snapshot could not be taken, so nothing may be started.
    SnapshotFailed {
        /// Why.
        reason: FreeText,
    },
    /// An attempt is about to be executed. Recorded first, executed then.
    Started {
        /// The task.
        task: Task,
        /// The attempt.
        attempt: u32,
    },
    /// An attempt has ended.
    Ended {
        /// The task.
        task: Task,
        /// The attempt.
        attempt: u32,
        /// How it ended.
        outcome: Outcome,
        /// How long it took, in milliseconds.
        duration_millis: u64,
        /// What it wrote, shortened and with secrets masked.
        log: Option<FreeText>,
    },
    /// A check was asked about an attempt whose end nobody saw.
    UnknownChecked {
        /// The task.
        task: Task,
        /// The attempt.
        attempt: u32,
        /// What it found.
        finding: Finding,
    },
    /// A person answered the run's question.
    PersonDecided {
        /// The task in question.
        task: Task,
        /// The attempt in question.
        attempt: u32,
        /// The answer.
        decision: Decision,
        /// Who answered.
        by: ActorId,
    },
    /// The runner is gone.
    RunnerLost,
    /// No further task may be started until resumed.
    PauseRequested,
    /// Go on.
    ResumeRequested,
    /// Take the change back; after a failed rollback and from a person: try again what failed.
    RollbackRequested {
        /// Why.
        cause: Cause,
    },
    /// The rollback has taken longer than its plan allows.
    RollbackTimedOut,
    /// Everything that was saved has been put back and compared.
    SnapshotRestored {
        /// What differs from the snapshot nevertheless; empty when everything is as before.
        differing: Vec<CaptureId>,
    },
    /// The rollback has nothing left to do. Whether it took everything back follows from what was observed before.
    RollbackEnded,
}

/// What a monitor said before the first step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MonitorAnswer {
    /// The monitor.
    pub monitor: StepName,
    /// Its last answer; `error` for one that gave none in time.
    pub verdict: Verdict,
}

/// One declared capture: the step and the position in its list, from 0.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaptureId {
    /// The step that declares it.
    pub step: StepName,
    /// Its position in the step's list, from 0.
    pub position: u16,
}

/// What a capture found. The saved bytes stay with the runner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Captured {
    /// Which capture.
    pub capture: CaptureId,
    /// Digest of the saved bytes; absent when there was no such file.
    pub digest: Option<Digest>,
}

/// Why a change is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "snake_case", deny_unknown_fields)]
pub enum Cause {
    /// A step failed for good.
    StepFailed {
        /// The step.
        step: StepName,
    },
    /// The snapshot before the first step could not be taken.
    SnapshotFailed {
        /// Why.
        reason: FreeText,
    },
    /// A rollback condition was breached.
    Breach {
        /// The condition.
        condition: ConditionName,
        /// The monitor or scan that showed it.
        monitor: StepName,
        /// The figures.
        explanation: FreeText,
        /// What the condition demands.
        reaction: Reaction,
    },
    /// The result did not pass validation.
    ValidationFailed,
    /// The result was not validated in time.
    ValidationDeadline,
    /// The runner was lost and none took over in time.
    RunnerLost,
    /// A person asked for it.
    Person {
        /// Who.
        by: ActorId,
        /// Why.
        reason: Option<FreeText>,
    },
}

impl Cause {
    /// Whether the changed thing is to be isolated and kept for examination.
    pub fn demands_quarantine(&self) -> bool {
        matches!(self, Self::Breach { reaction, .. } if reaction.quarantine)
    }

    /// Whether the running step is stopped at once or may end first.
    pub fn speed(&self) -> RollbackSpeed {
        match self {
            Self::Breach { reaction, .. } => reaction.rollback,
            Self::StepFailed { .. }
            | Self::SnapshotFailed { .. }
            | Self::ValidationFailed
            | Self::ValidationDeadline
            | Self::RunnerLost
            | Self::Person { .. } => RollbackSpeed::Immediate,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StepFailed { step } => write!(f, "step `{step}` failed"),
            Self::SnapshotFailed { reason } => write!(f, "the snapshot could not be taken: {reason}"),
            Self::Breach { condition, monitor, explanation, .. } => {
                write!(f, "monitor `{monitor}` breached `{condition}`: {explanation}")
            }
            Self::ValidationFailed => f.write_str("the validation failed"),
            Self::ValidationDeadline => f.write_str("the result was not validated in time"),
            Self::RunnerLost => f.write_str("the runner was lost and none took over in time"),
            Self::Person { by, reason: None } => write!(f, "{by} asked for it"),
            Self::Person { by, reason: Some(reason) } => write!(f, "{by} asked for it: {reason}"),
        }
    }
}

/// An observation that no honest runner makes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidObservation {
    /// More entries than a plan can declare.
    #[error("`{field}` has {given} entries: expected at most {limit}")]
    TooMany {
        /// The list.
        field: &'static str,
        /// Its length.
        given: usize,
        /// The limit.
        limit: usize,
    },
    /// A longer text than is kept.
    #[error("`{field}` is {given} bytes long: expected at most {limit}; cut it to an excerpt")]
    TooLong {
        /// The text's field.
        field: &'static str,
        /// Its length in bytes.
        given: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// A text with characters that no reader should meet, or marked as erased.
    #[error("`{field}` is not accepted: {reason}")]
    Text {
        /// The text's field.
        field: &'static str,
        /// What is wrong with it.
        reason: InvalidText,
    },
    /// A longer duration than there is.
    #[error("`duration_millis` is {given}: expected at most {DURATION_MILLIS_MAX}")]
    Duration {
        /// The given milliseconds.
        given: u64,
    },
    /// Attempts count from 1.
    #[error("`attempt` is 0: expected 1 for the first attempt")]
    Attempt,
    /// A reason that only a person's own answer can give.
    #[error("a runner cannot report that a person gave up: record the person's decision instead")]
    GivenUp,
}

impl Observation {
    /// Whether only a person can make it true, so that it is never taken from a runner's report.
    pub fn is_from_a_person(&self) -> bool {
        match self {
            Self::PersonDecided { .. } | Self::ResumeRequested => true,
            Self::RollbackRequested { cause } => matches!(cause, Cause::Person { .. }),
            Self::MonitorsAsked { .. }
            | Self::SnapshotTaken { .. }
            | Self::SnapshotFailed { .. }
            | Self::Started { .. }
            | Self::Ended { .. }
            | Self::UnknownChecked { .. }
            | Self::RunnerLost
            | Self::PauseRequested
            | Self::RollbackTimedOut
            | Self::SnapshotRestored { .. }
            | Self::RollbackEnded => false,
        }
    }

    /// Checks sizes and ranges, for an observation that came from outside. Folding recorded ones does not repeat it,
    /// so that a limit may change without making an old record unreadable.
    ///
    /// # Errors
    /// When something is larger than the limit, which the error states.
    pub fn validate(&self) -> Result<(), InvalidObservation> {
        match self {
            Self::MonitorsAsked { answers } => count("answers", answers.len(), MONITORS_MAX),
            Self::SnapshotTaken { captures } => count("captures", captures.len(), CAPTURES_TOTAL_MAX),
            Self::SnapshotRestored { differing } => count("differing", differing.len(), CAPTURES_TOTAL_MAX),
            Self::SnapshotFailed { reason } => text("reason", Some(reason), REASON_BYTES_MAX),
            Self::Started { attempt, .. }
            | Self::UnknownChecked { attempt, .. }
            | Self::PersonDecided { attempt, .. } => first_or_later(*attempt),
            Self::Ended { attempt, outcome, duration_millis, log, .. } => {
                first_or_later(*attempt)?;
                text("log", log.as_ref(), LOG_BYTES_MAX)?;
                outcome.validate()?;
                if *duration_millis > DURATION_MILLIS_MAX {
                    return Err(InvalidObservation::Duration { given: *duration_millis });
                }
                Ok(())
            }
            Self::RollbackRequested { cause } => cause.validate(),
            Self::RunnerLost
            | Self::PauseRequested
            | Self::ResumeRequested
            | Self::RollbackTimedOut
            | Self::RollbackEnded => Ok(()),
        }
    }
}

impl Outcome {
    fn validate(&self) -> Result<(), InvalidObservation> {
        match self.failure() {
            Some(Failure::Other { reason } | Failure::Undecided { reason } | Failure::Advised { reason }) => {
                text("reason", Some(reason), REASON_BYTES_MAX)
            }
            Some(Failure::GivenUp { .. }) => Err(InvalidObservation::GivenUp),
            Some(
                Failure::ExitStatus { .. } | Failure::Signal { .. } | Failure::TimedOut | Failure::Cancelled,
            )
            | None => Ok(()),
        }
    }
}

impl Cause {
    fn validate(&self) -> Result<(), InvalidObservation> {
        match self {
            Self::SnapshotFailed { reason } => text("reason", Some(reason), REASON_BYTES_MAX),
            Self::Breach { explanation, .. } => text("explanation", Some(explanation), REASON_BYTES_MAX),
            Self::Person { reason, .. } => text("reason", reason.as_ref(), REASON_BYTES_MAX),
            Self::StepFailed { .. }
            | Self::ValidationFailed
            | Self::ValidationDeadline
            | Self::RunnerLost => Ok(()),
        }
    }
}

fn count(field: &'static str, given: usize, limit: usize) -> Result<(), InvalidObservation> {
    if given > limit { Err(InvalidObservation::TooMany { field, given, limit }) } else { Ok(()) }
}

fn text(field: &'static str, value: Option<&FreeText>, limit: usize) -> Result<(), InvalidObservation> {
    let given = value.map_or(0, |text| text.as_str().len());
    if given > limit + EXCERPT_MARK_BYTES_MAX {
        return Err(InvalidObservation::TooLong { field, given, limit });
    }
    let checked = value.map_or(Ok(()), FreeText::check_foreign);
    checked.map_err(|reason| InvalidObservation::Text { field, reason })
}

fn first_or_later(attempt: u32) -> Result<(), InvalidObservation> {
    if attempt == 0 { Err(InvalidObservation::Attempt) } else { Ok(()) }
}

impl fmt::Display for MonitorAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.monitor, self.verdict)
    }
}

impl fmt::Display for Observation {
    /// A sentence for timelines and messages, without free text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MonitorsAsked { answers } => {
                let answers: Vec<_> = answers.iter().map(ToString::to_string).collect();
                write!(f, "monitors asked before the first step: {}", answers.join(", "))
            }
            Self::SnapshotTaken { captures } => write!(f, "snapshot taken, captures: {}", captures.len()),
            Self::SnapshotFailed { .. } => f.write_str("snapshot could not be taken"),
            Self::Started { task, attempt } => write!(f, "{task} started, attempt {attempt}"),
            Self::Ended { task, attempt, outcome: Outcome::Succeeded, .. } => {
                write!(f, "{task} succeeded, attempt {attempt}")
            }
            Self::Ended {
                task,
                attempt,
                outcome: Outcome::Failed { failure: Failure::Other { .. } },
                ..
            } => {
                write!(f, "{task} failed, attempt {attempt}")
            }
            Self::Ended {
                task,
                attempt,
                outcome: Outcome::Failed { failure: Failure::Undecided { .. } },
                ..
            } => {
                write!(f, "{task} could not be decided, attempt {attempt}")
            }
            Self::Ended {
                task,
                attempt,
                outcome: Outcome::Failed { failure: Failure::Advised { .. } },
                ..
            } => {
                write!(f, "{task} is for a person to decide, attempt {attempt}")
            }
            Self::Ended { task, attempt, outcome: Outcome::Failed { failure }, .. } => {
                write!(f, "{task} {failure}, attempt {attempt}")
            }
            Self::UnknownChecked { task, attempt, finding } => {
                write!(f, "{task} checked, attempt {attempt}: {finding}")
            }
            Self::PersonDecided { task, attempt, decision, by } => {
                write!(f, "{by} decided about {task}, attempt {attempt}: {decision}")
            }
            Self::RunnerLost => f.write_str("runner lost"),
            Self::PauseRequested => f.write_str("pause requested"),
            Self::ResumeRequested => f.write_str("resumption requested"),
            Self::RollbackRequested { .. } => f.write_str("rollback requested"),
            Self::RollbackTimedOut => f.write_str("rollback took too long"),
            Self::RollbackEnded => f.write_str("rollback ended"),
            Self::SnapshotRestored { differing } if differing.is_empty() => f.write_str("snapshot restored"),
            Self::SnapshotRestored { differing } => {
                write!(f, "snapshot restored, captures that differ: {}", differing.len())
            }
        }
    }
}
