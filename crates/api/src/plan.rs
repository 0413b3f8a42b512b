//! Plans as users write them, in JSON or YAML. How they become domain values is in its own file.

mod acceptance;
mod convert;
mod flag;
mod kubernetes;
mod source;
mod spread;
mod sql;
mod strategy;
mod traffic;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

pub use acceptance::UserAcceptance;
pub use flag::{Flag, FlagService};
pub use kubernetes::{Gateway, Kubernetes};
pub use source::{Affected, Alertmanager, ErrorRate, FindingsFile, Latency, Prometheus, Saturation};
pub use sql::Sql;
pub use strategy::{
    BlueGreen, Canary, CanaryStage, Number, Rolling, Strategies, Strategy, TargetSteps, Tolerance,
};
pub use traffic::{Haproxy, RouterPrograms, Traffic, Weight};

use crate::field::{text_or_list, text_or_object, unique_map};

/// How a change is implemented.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImplementationPlan {
    /// In which order targets are changed; `all_at_once` when absent. An object is spread out into steps and stages; a
    /// text names a strategy whose steps and stages are written out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Strategy>,
    /// What is done, in order. A plain text is a step that a person does and confirms. With a strategy in full: what is
    /// done after its last stage.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// Which steps are reached as one, where a strategy is written out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<Stage>,
    /// How long it is expected to take, for example `15m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_duration: Option<String>,
    /// Whether it must run in a maintenance window.
    #[serde(default)]
    pub maintenance_window: bool,
    /// How long the result is watched after the last step, for example `5m`; not at all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soak: Option<String>,
    /// How many targets may fail without stopping it, where a strategy is written out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<Tolerance>,
    /// The labels that a runner must have to carry it out by itself: one, or a list; absent where a pipeline or a person
    /// starts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs_on: Option<Labels>,
    /// That a person accepts the result before its validation passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_acceptance: Option<UserAcceptance>,
}

/// Labels of a runner.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Labels {
    /// One label.
    One(String),
    /// Several labels, all of which it must have.
    Several(Vec<String>),
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_or_list(deserializer, "a label, or a list of labels", Self::One, Self::Several)
    }
}

/// How a change is taken back.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackPlan {
    /// Whether it runs without a person.
    #[serde(default)]
    pub automated: bool,
    /// What is done after the finished steps have been undone in reverse order.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// Longest time the whole rollback may take, for example `5m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_duration: Option<String>,
    /// What isolates the changed thing and keeps it for examination, where a breach demands quarantine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quarantine: Vec<Step>,
}

/// A part of a plan that is reached as one.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PlanStage)]
pub struct Stage {
    /// Unique within the plan.
    pub name: String,
    /// Share of the traffic that the new version gets, for example `5%`, where the stage sets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<String>,
    /// Names of its steps.
    pub steps: Vec<String>,
}

/// A step: a plain text for a person, or an object.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Step {
    /// A text: a person does it and confirms it.
    Text(String),
    /// A step in full.
    Full(Box<FullStep>),
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expecting = "a step: a text, or an object with `name` and one of run, http, wait, check, manual, \
                         traffic, flag, sql, kubernetes, hold, bake";
        text_or_object(deserializer, expecting, Self::Text, |step| Self::Full(Box::new(step)))
    }
}

/// A step in full: exactly one of `run`, `http`, `wait`, `check`, `manual`, `traffic`, `flag`, `sql`, `kubernetes`, `hold` and `bake`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FullStep {
    /// Unique within the plan.
    pub name: String,
    /// A shell line, or a program with its arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    /// A request: an address, or an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<Http>,
    /// A pause, for example `30s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<String>,
    /// Repeats a probe until it passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
    /// What a person does and confirms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manual: Option<String>,
    /// Gives targets their shares of the traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic: Option<Traffic>,
    /// What a person looks at before it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// For how long the monitors are watched before it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bake: Option<Bake>,
    /// Switches a feature flag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flag: Option<Flag>,
    /// Migrates a PostgreSQL database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql: Option<Sql>,
    /// Changes objects of a Kubernetes cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<Kubernetes>,
    /// What takes the step back; for `traffic`, `kubernetes` and a `flag` in a file, when absent, what was before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Undo>,
    /// Tells whether the step has taken effect, for a step whose end nobody saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<Check>,
    /// Longest time of one attempt; `10m` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// Repetitions after a failed attempt.
    #[serde(default)]
    pub retries: u8,
    /// Pause before a repetition; `1s` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_delay: Option<String>,
    /// Whether doing it twice is the same as doing it once.
    #[serde(default)]
    pub idempotent: bool,
    /// Variables added to a clean environment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "unique_map")]
    pub env: BTreeMap<String, String>,
    /// Names of variables passed on from the runner's environment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pass_env: Vec<String>,
    /// Folder to run in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_directory: Option<String>,
    /// What to save before the first step and to restore on rollback.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capture: Vec<Capture>,
    /// reversible, compensatable or irreversible; when absent it follows from the kind, the undo and what is captured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reversibility: Option<String>,
}

/// A person's look: a text, or an object.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Hold {
    /// What to look at; in every run.
    Text(String),
    /// In full.
    Full(FullHold),
}

impl<'de> Deserialize<'de> for Hold {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expecting = "a hold: what to look at, or an object with `instructions`";
        text_or_object(deserializer, expecting, Self::Text, Self::Full)
    }
}

/// A person's look in full.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FullHold {
    /// What to look at.
    pub instructions: String,
    /// `always`, or `demanded` for changes that an agent asked for; `always` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
}

/// A watch before it goes on: a time, or an object.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Bake {
    /// How long, for example `10m`.
    Time(String),
    /// In full.
    Full(FullBake),
}

impl<'de> Deserialize<'de> for Bake {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expecting = "a bake: a time such as `10m`, or an object with `time`";
        text_or_object(deserializer, expecting, Self::Time, Self::Full)
    }
}

/// A watch in full.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FullBake {
    /// How long, for example `10m`.
    pub time: String,
    /// How much longer at most, while it cannot be said whether all is well; as long again when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extend: Option<String>,
    /// `roll_back` or `ask`, when it cannot be said even then; `roll_back` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undecided: Option<String>,
    /// How what has changed is compared with what has not; a canary says that for all its bakes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysis: Option<Analysis>,
}

/// A statistical comparison of the two arms of every monitor that has two.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Analysis {
    /// Chance that it rolls a version back that is as good as the one before; `1%` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<String>,
    /// The smallest ratio of odds whose absence must be shown before it passes; `2x` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matters: Option<String>,
    /// What to do when the version is worse; `immediate_rollback` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// The service whose calibration it rests on; the change's only service when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Digest of that calibration; the newest of the service when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<String>,
}

/// What takes a step back: a shell line, or one of `run`, `http`, `manual`, `traffic`, `flag`, `sql`, `kubernetes`, `restore`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Undo {
    /// A shell line.
    Line(String),
    /// In full.
    Full(Box<UndoKind>),
}

impl<'de> Deserialize<'de> for Undo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expecting = "an undo: a shell line, or an object with one of run, http, manual, traffic, flag, sql, kubernetes, restore";
        text_or_object(deserializer, expecting, Self::Line, |undo| Self::Full(Box::new(undo)))
    }
}

/// An undo in full: exactly one of its fields.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UndoKind {
    /// A shell line, or a program with its arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    /// A request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<Http>,
    /// What a person does and confirms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manual: Option<String>,
    /// Shares of the traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic: Option<Traffic>,
    /// A feature flag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flag: Option<Flag>,
    /// A migration of a PostgreSQL database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql: Option<Sql>,
    /// A change of objects of a Kubernetes cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<Kubernetes>,
    /// `true` puts back what the step captures, before what was begun earlier is undone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restore: bool,
}

/// A shell line, or a program with its arguments.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Run {
    /// A line for `/bin/sh -c`.
    Shell(String),
    /// Program and arguments, without a shell.
    Argv(Vec<String>),
}

impl<'de> Deserialize<'de> for Run {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expecting = "a shell line, or a list of a program and its arguments";
        text_or_list(deserializer, expecting, Self::Shell, Self::Argv)
    }
}

/// A request: an address to `GET`, or an object.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Http {
    /// An address to `GET`, any 2xx expected.
    Url(String),
    /// In full.
    Full(HttpRequest),
}

impl<'de> Deserialize<'de> for Http {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expecting = "an address, or an object with `url`";
        text_or_object(deserializer, expecting, Self::Url, Self::Full)
    }
}

/// A request in full.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpRequest {
    /// Absolute address.
    pub url: String,
    /// Method; `GET` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Headers that are no secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "unique_map")]
    pub headers: BTreeMap<String, String>,
    /// Variable of the runner's environment that holds a bearer token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_env: Option<String>,
    /// User, where user and password are asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Variable of the runner's environment that holds the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_env: Option<String>,
    /// Further headers: name to the variable of the runner's environment that holds the value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "unique_map")]
    pub headers_env: BTreeMap<String, String>,
    /// Body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Accepted status, `200` or `200-299`; `200-299` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect_status: Option<Status>,
}

/// An accepted status, or a range of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged, expecting = "a status such as 200, or a range such as \"200-299\"")]
pub enum Status {
    /// One status.
    One(u16),
    /// First and last, as text.
    Range(String),
}

/// A repeated probe: exactly one of `http`, `run`, `prometheus`, `alertmanager` and `findings`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PlanCheck)]
pub struct Check {
    /// Passes when the answer has an expected status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<Http>,
    /// Passes when the program ends with status 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    /// Passes when a value of a Prometheus is as expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<Box<Prometheus>>,
    /// Passes when no alert is active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alertmanager: Option<Box<Alertmanager>>,
    /// Passes when a scanner has found nothing that counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub findings: Option<FindingsFile>,
    /// Longest time of one probe; `5s` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// Pause between two probes; `1s` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// Passing probes in a row that are needed; 1 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successes: Option<u32>,
}

/// Something that is watched: exactly one of `http`, `run`, `prometheus`, `alertmanager` and `findings`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Monitor {
    /// Unique within the change.
    pub name: String,
    /// Passes when the answer has an expected status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<Http>,
    /// Passes when the program ends with status 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    /// Passes when a value of a Prometheus is as expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<Box<Prometheus>>,
    /// Passes when no alert is active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alertmanager: Option<Box<Alertmanager>>,
    /// Passes when a scanner has found nothing that counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub findings: Option<FindingsFile>,
    /// Longest time of one probe; `5s` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// Pause between two probes; `1s` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
}

/// What to save before the first step: exactly one of `file` and `run`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Capture {
    /// A file, put back on rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// A program whose output is kept, and compared after a rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    /// Longest run time of the program; `5s` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What can only be compared afterwards implies no undo, so one that puts something else back is written down.
    #[test]
    fn an_undo_that_does_not_follow_from_the_kind_comes_back() {
        let step = r#"
- name: switch
  flag: {service: {set: "http://flags.example/set", read: "http://flags.example/read", expected: "on"}}
  capture: [{file: flags.json}]
  undo: {restore: true}
"#;
        let steps: Vec<Step> = serde_saphyr::from_str(step).unwrap();
        let plan = ImplementationPlan { steps, ..ImplementationPlan::default() };
        let meant = plan.to_domain().unwrap();
        assert_eq!(ImplementationPlan::from_domain(&meant).to_domain().unwrap(), meant);
    }

    /// The examples of `docs/steps.md`: lists of steps that are plans, and that come back as they were.
    #[test]
    fn the_documented_steps_are_accepted_and_come_back_as_they_were() {
        let folder = env!("CARGO_MANIFEST_DIR");
        let page = std::fs::read_to_string(format!("{folder}/../../docs/steps.md")).unwrap();
        let examples: Vec<&str> =
            page.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
        assert!(examples.len() >= 3, "{}", examples.len());
        for example in examples {
            let steps: Vec<Step> = serde_saphyr::from_str(example).unwrap_or_else(|e| panic!("{example}{e}"));
            let plan = ImplementationPlan { steps, ..ImplementationPlan::default() };
            let meant = plan.to_domain().unwrap_or_else(|error| panic!("{example}{error}"));
            meant.validate().unwrap_or_else(|error| panic!("{example}{error}"));
            let again = ImplementationPlan::from_domain(&meant);
            assert_eq!(again.to_domain().unwrap(), meant, "{example}");
        }
    }
}
