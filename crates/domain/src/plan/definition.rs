//! What a plan says. Durations are whole milliseconds or seconds, so that a plan has one canonical form.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::acceptance::UserAcceptance;
use super::source::{AlertQuestion, Credentials, FindingsQuestion, PrometheusQuestion};
use super::strategy::{Bake, Hold, HoldWhen, Stage, Strategy};
use crate::id::{RunnerLabel, StepName};
use crate::plan::kinds::{Cluster, Flag, Kubernetes, Objects, ReadBack, Router, Sql, Traffic};
use crate::plan::reversibility::Reversibility;
use crate::plan::tolerance::Tolerance;

/// Most steps of a plan, and of a rollback plan.
pub const STEPS_MAX: usize = 200;
/// Most monitors of a change.
pub const MONITORS_MAX: usize = 50;
/// Most captures of a step.
pub const CAPTURES_MAX: usize = 50;
/// Most captures of a plan.
pub const CAPTURES_TOTAL_MAX: usize = 500;
/// Most labels that a plan may ask of its runner.
pub const LABELS_MAX: usize = 16;
/// Longest time one step attempt may take, in seconds: one day.
pub const STEP_TIMEOUT_SECONDS_MAX: u64 = 86_400;
/// Time one step attempt may take when the plan does not say, in seconds.
pub const STEP_TIMEOUT_SECONDS_DEFAULT: u64 = 600;
/// Most repetitions of a failing step.
pub const RETRIES_MAX: u8 = 20;

/// How a change is implemented.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// In which order the targets are changed.
    pub strategy: Strategy,
    /// What is done, in order. At least one step; names are unique.
    pub steps: Vec<Step>,
    /// How long the requester expects it to take, in seconds.
    pub estimated_duration_seconds: Option<u64>,
    /// Whether it must run in a maintenance window.
    pub maintenance_window: bool,
    /// How long the result is watched after the last step, in seconds.
    pub soak_seconds: u64,
    /// Which steps are reached as one, where the strategy has such parts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<Stage>,
    /// How many targets may fail without stopping it, where the strategy has targets and any may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<Tolerance>,
    /// The labels of the runner that is to carry it out by itself; none where a pipeline or a person starts it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub runs_on: BTreeSet<RunnerLabel>,
    /// That a person accepts the result before its validation passes; none where nobody is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_acceptance: Option<UserAcceptance>,
}

/// How a change is taken back after its steps' own undos.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollbackPlan {
    /// Whether it runs without a person.
    pub automated: bool,
    /// What is done, in order, after the finished steps have been undone in reverse order.
    pub steps: Vec<Step>,
    /// Longest time the whole rollback may take, in seconds.
    pub max_duration_seconds: Option<u64>,
    /// What isolates the changed thing and keeps it for examination, where a breach demands it. It is done before
    /// anything but the traffic is taken back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quarantine: Vec<Step>,
}

impl RollbackPlan {
    /// Whether it runs to its end without a person: it is declared automated and none of its steps waits for one.
    pub fn runs_unattended(&self) -> bool {
        self.automated && self.steps.iter().chain(&self.quarantine).all(|step| !step.kind.is_manual())
    }
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Unique within its plan.
    pub name: StepName,
    /// What is done.
    pub kind: StepKind,
    /// What takes it back; absent means that the step needs or has no undo.
    pub undo: Option<StepKind>,
    /// Tells whether the step has taken effect, for a step whose end nobody saw.
    pub check: Option<Check>,
    /// Longest time of one attempt, in seconds.
    pub timeout_seconds: u64,
    /// Repetitions after a failed attempt.
    pub retries: u8,
    /// Pause before a repetition, in milliseconds.
    pub retry_delay_millis: u64,
    /// Whether doing it twice is the same as doing it once.
    pub idempotent: bool,
    /// What to save before the first step and to restore on rollback.
    pub captures: Vec<Capture>,
    /// What the step says of itself; absent where it follows from its kind and its undo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reversibility: Option<Reversibility>,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum StepKind {
    /// Runs a program.
    Run(Command),
    /// Sends a request.
    Http(HttpRequest),
    /// Lets time pass.
    Wait {
        /// How long, in milliseconds.
        duration_millis: u64,
    },
    /// Repeats a check until it passes or the step's timeout is over.
    Check(Check),
    /// A person does something and confirms it.
    Manual {
        /// What to do.
        instructions: String,
    },
    /// Gives targets their shares of the traffic.
    Traffic(Traffic),
    /// Switches a feature flag.
    Flag(Flag),
    /// Migrates a database.
    Sql(Sql),
    /// Changes objects of a Kubernetes cluster.
    Kubernetes(Kubernetes),
    /// As an undo only: puts back what the step saved before the first step.
    Restore,
    /// A person looks and decides whether to go on.
    Hold(Hold),
    /// Watches for a time, and succeeds only when all is well.
    Bake(Bake),
}

impl StepKind {
    /// Whether a person carries it out, so that no program can report it as done.
    pub fn is_manual(&self) -> bool {
        matches!(self, Self::Manual { .. } | Self::Hold(_))
    }

    /// Whether it is part of a run only where that was demanded when the run began.
    pub fn holds_on_demand(&self) -> bool {
        matches!(self, Self::Hold(Hold { when: HoldWhen::Demanded, .. }))
    }

    /// What a person is told to do, where a person carries it out.
    pub fn instructions(&self) -> Option<&str> {
        match self {
            Self::Manual { instructions } | Self::Hold(Hold { instructions, .. }) => Some(instructions),
            Self::Run(_)
            | Self::Http(_)
            | Self::Wait { .. }
            | Self::Check(_)
            | Self::Traffic(_)
            | Self::Flag(_)
            | Self::Sql(_)
            | Self::Kubernetes(_)
            | Self::Restore
            | Self::Bake(_) => None,
        }
    }

    /// Whether it can change anything outside. Waiting and looking, a person's look included, cannot, so they may always be repeated and leave
    /// nothing to undo.
    pub fn has_effect(&self) -> bool {
        match self {
            Self::Run(_)
            | Self::Http(_)
            | Self::Manual { .. }
            | Self::Traffic(_)
            | Self::Flag(_)
            | Self::Sql(_)
            | Self::Restore => true,
            Self::Kubernetes(kubernetes) => kubernetes.has_effect(),
            Self::Wait { .. } | Self::Check(_) | Self::Hold(_) | Self::Bake(_) => false,
        }
    }

    /// Whether doing it twice is by its nature the same as doing it once.
    pub fn is_idempotent(&self) -> bool {
        match self {
            Self::Wait { .. }
            | Self::Check(_)
            | Self::Traffic(_)
            | Self::Restore
            | Self::Hold(_)
            | Self::Bake(_) => true,
            Self::Kubernetes(kubernetes) => kubernetes.is_idempotent(),
            Self::Flag(flag) => matches!(flag, Flag::File { .. }),
            Self::Run(_) | Self::Http(_) | Self::Manual { .. } | Self::Sql(_) => false,
        }
    }
}

/// A program to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// Program and arguments, without a shell. A shell line is `["/bin/sh", "-c", line]`.
    pub argv: Vec<String>,
    /// Variables added to a clean environment.
    pub environment: BTreeMap<String, String>,
    /// Names of variables passed on from the runner's environment; their values are masked in logs.
    pub pass_environment: Vec<String>,
    /// Folder to run in, relative to the runner's working folder.
    pub working_directory: Option<String>,
}

/// A request to send and the answer to expect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpRequest {
    /// Upper-case method.
    pub method: String,
    /// Absolute address, `http` or `https`.
    pub url: String,
    /// Header name to value. No secrets: they would be in the log.
    pub headers: BTreeMap<String, String>,
    /// What is sent as `Authorization`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Credentials>,
    /// Header name to the variable of the runner's environment that holds its value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub header_variables: BTreeMap<String, String>,
    /// Body as text.
    pub body: Option<String>,
    /// First and last accepted status.
    pub expected_status: (u16, u16),
}

/// A repeated question whose answer must be yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What is asked.
    pub probe: Probe,
    /// Pause between two questions, in milliseconds.
    pub interval_millis: u64,
    /// Passing answers in a row that are needed.
    pub successes: u32,
}

/// One question to the outside world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "probe", rename_all = "snake_case", deny_unknown_fields)]
pub enum Probe {
    /// Passes when the answer has an expected status in time.
    Http {
        /// The request and the expected answer.
        request: HttpRequest,
        /// Longest wait for the answer, in milliseconds.
        timeout_millis: u64,
    },
    /// Passes when the program ends with status 0 in time.
    Command {
        /// The program.
        command: Command,
        /// Longest run time, in milliseconds.
        timeout_millis: u64,
    },
    /// Passes when a value of a Prometheus is as expected.
    Prometheus(PrometheusQuestion),
    /// Passes when no alert is active.
    Alertmanager(AlertQuestion),
    /// Passes when a scanner has found nothing that counts.
    Findings(FindingsQuestion),
}

/// Something that is watched while a change is implemented and soaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Monitor {
    /// Unique within the change.
    pub name: StepName,
    /// What is asked.
    pub probe: Probe,
    /// Pause between two questions, in milliseconds.
    pub interval_millis: u64,
}

/// What to save before the first step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "capture", rename_all = "snake_case", deny_unknown_fields)]
pub enum Capture {
    /// A file's bytes and mode, or that it does not exist. Put back on rollback.
    File {
        /// Path, relative to the runner's working folder or absolute.
        path: String,
    },
    /// A program's output, for the record and to compare after a rollback.
    Command {
        /// The program.
        command: Command,
        /// Longest run time, in milliseconds.
        timeout_millis: u64,
    },
    /// The weights of a router's targets. Put back on rollback.
    Weights {
        /// Who divides the traffic.
        router: Router,
        /// The targets.
        targets: BTreeSet<String>,
    },
    /// Objects of a Kubernetes cluster, or that they do not exist. Put back on rollback.
    Objects {
        /// Which cluster.
        cluster: Cluster,
        /// Which objects.
        objects: Objects,
    },
    /// A value that a service answers, to compare after a rollback.
    Answer {
        /// Where it stands.
        read: ReadBack,
    },
}

impl Capture {
    /// Whether it can be put back, as opposed to compared only.
    pub fn can_be_put_back(&self) -> bool {
        match self {
            Self::File { .. } | Self::Weights { .. } | Self::Objects { .. } => true,
            Self::Command { .. } | Self::Answer { .. } => false,
        }
    }
}
