//! Whether a plan, a rollback plan or a list of monitors can be carried out at all.
//!
//! Checked once, when a change is created or amended. Definitions are plain data so that they have one canonical form;
//! what a type cannot say, such as "at least one step", is said here. The first fault found is reported.

mod http;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;

use super::definition::{
    CAPTURES_MAX, CAPTURES_TOTAL_MAX, Capture, Check, Command, LABELS_MAX, MONITORS_MAX, Monitor, Plan,
    Probe, RETRIES_MAX, RollbackPlan, STEP_TIMEOUT_SECONDS_MAX, STEPS_MAX, Step, StepKind,
};
use super::source::MetricQuery;
use super::strategy::{Analysis, Hold, Strategy};
use crate::duration::DURATION_MILLIS_MAX;
use crate::id::StepName;
use crate::plan::kinds::TARGETS_MAX;
use crate::plan::reversibility::Reversibility;

/// Longest time the result is watched after the last step, in seconds: seven days.
pub const SOAK_SECONDS_MAX: u64 = 7 * 86_400;
/// Longest time a rollback may be given, in seconds: one day.
pub const ROLLBACK_SECONDS_MAX: u64 = 86_400;
/// Longest pause before a repetition, in milliseconds: one hour.
pub const RETRY_DELAY_MILLIS_MAX: u64 = 3_600_000;
/// Shortest pause between two questions, in milliseconds.
pub const INTERVAL_MILLIS_MIN: u64 = 100;
/// Longest pause between two questions, in milliseconds: one hour.
pub const INTERVAL_MILLIS_MAX: u64 = 3_600_000;
/// Longest wait for the answer to one question, in milliseconds: ten minutes.
pub const PROBE_TIMEOUT_MILLIS_MAX: u64 = 600_000;
/// Most passing answers in a row that a check may need.
pub const SUCCESSES_MAX: u32 = 1_000;
/// Smallest and largest chance of a false rollback, in basis points: up to a tenth.
pub const BUDGET_BASIS_POINTS: RangeInclusive<u64> = 1..=1_000;
/// Smallest and largest ratio of odds that matters, in hundredths.
pub const MATTERS_HUNDREDTHS: RangeInclusive<u64> = 150..=1_000;
/// Most arguments of a program, its name included.
pub const ARGUMENTS_MAX: usize = 256;
/// Most variables or headers.
pub const ENTRIES_MAX: usize = 128;
/// Longest argument, value, body or instruction, in bytes.
pub const VALUE_BYTES_MAX: usize = 64 * 1024;
/// Longest address or path, in bytes.
pub const PATH_BYTES_MAX: usize = 2_048;
/// Accepted methods.
pub const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
/// The variable that holds our own token, which no step may see.
const OWN_TOKEN_VARIABLE: &str = "CORTEX_CHANGE_TOKEN";

/// What is wrong with a plan: where, which field, what it is, and the accepted form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: `{field}` is {given}: expected {expected}")]
pub struct PlanError {
    /// The plan, step or monitor.
    pub place: Place,
    /// Path of the field within it.
    pub field: String,
    /// What it is.
    pub given: String,
    /// What is accepted.
    pub expected: String,
}

/// Where a fault is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The plan itself.
    Plan,
    /// A step of the plan.
    Step(StepName),
    /// The rollback plan itself.
    RollbackPlan,
    /// A step of the rollback plan.
    RollbackStep(StepName),
    /// The list of monitors.
    Monitors,
    /// A monitor.
    Monitor(StepName),
    /// The rollback conditions.
    RollbackConditions,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan => f.write_str("plan"),
            Self::Step(name) => write!(f, "step `{name}`"),
            Self::RollbackPlan => f.write_str("rollback plan"),
            Self::RollbackStep(name) => write!(f, "rollback step `{name}`"),
            Self::Monitors => f.write_str("monitors"),
            Self::Monitor(name) => write!(f, "monitor `{name}`"),
            Self::RollbackConditions => f.write_str("rollback conditions"),
        }
    }
}

impl Plan {
    /// Checks that the plan can be carried out.
    ///
    /// # Errors
    /// The first fault, with its place and the accepted form.
    pub fn validate(&self) -> Result<(), PlanError> {
        let plan = Field::root(&Place::Plan);
        plan.at("steps").count(self.steps.len(), 1..=STEPS_MAX, "steps")?;
        plan.at("steps").unique(self.steps.iter().map(|step| &step.name))?;
        if let Some(seconds) = self.estimated_duration_seconds {
            let seconds_max = DURATION_MILLIS_MAX / 1_000;
            plan.at("estimated_duration_seconds").within(seconds, 1..=seconds_max, "seconds")?;
        }
        plan.at("soak_seconds").within(self.soak_seconds, 0..=SOAK_SECONDS_MAX, "seconds")?;
        plan.at("runs_on").count(self.runs_on.len(), 0..=LABELS_MAX, "labels")?;
        let captures = self.steps.iter().map(|step| step.captures.len()).sum();
        plan.at("captures").count(captures, 0..=CAPTURES_TOTAL_MAX, "captures in all steps")?;
        self.validate_stages(&plan.at("stages"))?;
        if let Some(tolerance) = &self.tolerance {
            let field = plan.at("tolerance");
            if self.strategy != Strategy::Rolling {
                return Err(field.refuse("present", "none but with the strategy `rolling`"));
            }
            tolerance.validate(&self.steps, &field)?;
        }
        self.steps.iter().try_for_each(|step| step.validate(&Field::root(&Place::Step(step.name.clone()))))
    }
}

impl Plan {
    /// Stages name steps of the plan, each step once and in order, and weights grow: it is shown which weight is next, and
    /// what leads traffic is taken back first.
    fn validate_stages(&self, stages: &Field<'_>) -> Result<(), PlanError> {
        stages.count(self.stages.len(), 0..=STEPS_MAX, "stages")?;
        stages.unique(self.stages.iter().map(|stage| &stage.name))?;
        let mut rest = self.steps.iter();
        let mut before = None;
        for stage in &self.stages {
            let field = stages.at(stage.name.as_str());
            for name in &stage.steps {
                if !rest.any(|step| step.name == *name) {
                    let expected = "names of the plan's steps, in the plan's order, each in one stage";
                    return Err(field.at("steps").refuse(format!("a list with `{name}`"), expected));
                }
            }
            if stage.weight.is_some() && stage.weight <= before {
                return Err(field.at("weight").refuse("not above the one before", "weights that grow"));
            }
            before = stage.weight.or(before);
        }
        let is_bake = |step: &Step| matches!(step.kind, StepKind::Bake(_));
        match self.strategy {
            Strategy::AllAtOnce if !self.stages.is_empty() => {
                Err(stages.refuse("present", "none with the strategy `all_at_once`"))
            }
            Strategy::Canary | Strategy::BlueGreen if !self.steps.iter().any(is_bake) => {
                let expected = "at least one with a bake: without one nothing is watched before it goes on";
                Err(stages.refuse("without any bake", expected))
            }
            Strategy::AllAtOnce | Strategy::Rolling | Strategy::Canary | Strategy::BlueGreen => Ok(()),
        }
    }

    /// Whether any of its steps succeeds only when everything that is watched is well.
    pub fn bakes(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.kind, StepKind::Bake(_)))
    }
}

impl RollbackPlan {
    /// Checks that the rollback plan can be carried out. It may have no steps: the undos are then all there is.
    ///
    /// # Errors
    /// The first fault, with its place and the accepted form.
    pub fn validate(&self) -> Result<(), PlanError> {
        let plan = Field::root(&Place::RollbackPlan);
        plan.at("steps").count(self.steps.len(), 0..=STEPS_MAX, "steps")?;
        plan.at("quarantine").count(self.quarantine.len(), 0..=STEPS_MAX, "steps")?;
        let every_step = || self.quarantine.iter().chain(&self.steps);
        plan.at("steps").unique(every_step().map(|step| &step.name))?;
        if let Some(seconds) = self.max_duration_seconds {
            plan.at("max_duration_seconds").within(seconds, 1..=ROLLBACK_SECONDS_MAX, "seconds")?;
        }
        for step in every_step() {
            let place = Place::RollbackStep(step.name.clone());
            let field = Field::root(&place);
            step.validate(&field)?;
            if step.undo.is_some() {
                return Err(field.at("undo").refuse("present", "none: a rollback step is not undone"));
            }
            if matches!(step.kind, StepKind::Hold(_) | StepKind::Bake(_)) {
                let expected = "any other: a rollback neither holds nor bakes";
                return Err(field.at("kind").refuse("a hold or a bake", expected));
            }
            if !step.captures.is_empty() {
                let expected = "none: everything is saved before the plan's first step; declare it there";
                return Err(field.at("captures").refuse("present", expected));
            }
        }
        Ok(())
    }
}

impl Monitor {
    /// Whether its answers count what has changed and what has not side by side.
    pub fn has_two_arms(&self) -> bool {
        let Probe::Prometheus(question) = &self.probe else { return false };
        let counts = matches!(question.query, MetricQuery::ErrorRate { .. } | MetricQuery::Latency { .. });
        counts && !question.baseline.is_empty()
    }

    /// Checks the monitors of a change.
    ///
    /// # Errors
    /// The first fault, with its place and the accepted form.
    pub fn validate_all(monitors: &[Self]) -> Result<(), PlanError> {
        let list = Field::root(&Place::Monitors);
        list.at("monitors").count(monitors.len(), 0..=MONITORS_MAX, "monitors")?;
        list.at("monitors").unique(monitors.iter().map(|monitor| &monitor.name))?;
        monitors.iter().try_for_each(|monitor| {
            let place = Place::Monitor(monitor.name.clone());
            let field = Field::root(&place);
            field.at("interval_millis").interval(monitor.interval_millis)?;
            monitor.probe.validate(&field.at("probe"))
        })
    }
}

impl Plan {
    /// Checks that a bake has something to watch: without monitors it could never succeed.
    ///
    /// # Errors
    /// When the plan bakes and nothing is watched.
    pub fn validate_watch(&self, monitors: &[Monitor]) -> Result<(), PlanError> {
        if self.bakes() && monitors.is_empty() {
            let expected = "at least one: a bake succeeds only when what is watched is well";
            return Err(Field::root(&Place::Monitors).at("monitors").refuse("empty", expected));
        }
        if self.analyses().next().is_some() && !monitors.iter().any(Monitor::has_two_arms) {
            let expected = "at least one that asks a Prometheus for `error_rate` or `latency` with `canary` and \
                            `baseline`: an analysis compares the two";
            return Err(Field::root(&Place::Monitors).at("monitors").refuse("without two arms", expected));
        }
        Ok(())
    }
}

impl Step {
    fn validate(&self, field: &Field<'_>) -> Result<(), PlanError> {
        field.at("timeout_seconds").within(self.timeout_seconds, 1..=STEP_TIMEOUT_SECONDS_MAX, "seconds")?;
        field.at("retries").within(u64::from(self.retries), 0..=u64::from(RETRIES_MAX), "retries")?;
        let delay = field.at("retry_delay_millis");
        delay.within(self.retry_delay_millis, 0..=RETRY_DELAY_MILLIS_MAX, "milliseconds")?;
        self.kind.validate(field, self.timeout_seconds)?;
        match &self.undo {
            None => {}
            Some(StepKind::Restore) => self.validate_restore(&field.at("undo"))?,
            Some(StepKind::Hold(_) | StepKind::Bake(_)) => {
                let expected = "any other: nothing is waited for in an undo";
                return Err(field.at("undo").refuse("a hold or a bake", expected));
            }
            Some(undo) => undo.validate(&field.at("undo"), self.timeout_seconds)?,
        }
        if let Some(check) = &self.check {
            check.validate(&field.at("check"))?;
        }
        self.validate_reversibility(&field.at("reversibility"))?;
        field.at("captures").count(self.captures.len(), 0..=CAPTURES_MAX, "captures")?;
        self.captures.iter().try_for_each(|capture| capture.validate(&field.at("captures")))
    }

    /// A step may not say that it can be taken back where nothing does.
    fn validate_reversibility(&self, field: &Field<'_>) -> Result<(), PlanError> {
        let is_taken_back = self.undo.is_some() || !self.captures.is_empty() || !self.kind.has_effect();
        match self.reversibility {
            Some(Reversibility::Reversible) if !is_taken_back => {
                let expected = "an `undo` or a `capture` beside it: nothing takes the step back";
                Err(field.refuse("`reversible`", expected))
            }
            None | Some(Reversibility::Compensatable)
                if matches!(self.kind, StepKind::Sql(_)) && self.undo.is_none() =>
            {
                let given = if self.reversibility.is_none() { "absent" } else { "`compensatable`" };
                let expected =
                    "an `undo` beside it, or `irreversible`: a migration says how it is taken back";
                Err(field.refuse(given, expected))
            }
            Some(Reversibility::Irreversible) if !self.kind.has_effect() => {
                Err(field.refuse("`irreversible`", "none: the step changes nothing"))
            }
            Some(Reversibility::Reversible | Reversibility::Compensatable | Reversibility::Irreversible)
            | None => Ok(()),
        }
    }

    fn validate_restore(&self, field: &Field<'_>) -> Result<(), PlanError> {
        if self.captures.iter().any(Capture::can_be_put_back) {
            return Ok(());
        }
        Err(field.refuse("`restore`", "it only where the step captures something that can be put back"))
    }
}

impl StepKind {
    fn validate(&self, field: &Field<'_>, timeout_seconds: u64) -> Result<(), PlanError> {
        match self {
            Self::Run(command) => command.validate(field),
            Self::Http(request) => request.validate(field),
            Self::Wait { duration_millis } => {
                let millis_max = timeout_seconds.saturating_mul(1_000);
                let unit = "milliseconds, within the step's timeout";
                field.at("duration_millis").within(*duration_millis, 1..=millis_max, unit)
            }
            Self::Check(check) => check.validate(field),
            Self::Manual { instructions } | Self::Hold(Hold { instructions, .. }) => {
                field.at("instructions").text(instructions, VALUE_BYTES_MAX)
            }
            Self::Traffic(traffic) => traffic.validate(field),
            Self::Flag(flag) => flag.validate(field),
            Self::Sql(sql) => sql.validate(field),
            Self::Kubernetes(kubernetes) => kubernetes.validate(field),
            Self::Restore => Err(field.at("kind").refuse("`restore`", "it as the `undo` of a step only")),
            Self::Bake(bake) => {
                let millis_max = timeout_seconds.saturating_mul(1_000);
                let unit = "milliseconds, within the step's timeout";
                field.at("duration_millis").within(bake.duration_millis, 1..=millis_max, unit)?;
                let rest_max = millis_max.saturating_sub(bake.duration_millis);
                field.at("extension_millis").within(bake.extension_millis, 0..=rest_max, unit)?;
                bake.analysis.as_ref().map_or(Ok(()), |analysis| analysis.validate(&field.at("analysis")))
            }
        }
    }
}

impl Analysis {
    fn validate(&self, field: &Field<'_>) -> Result<(), PlanError> {
        let (budget, matters) = (u64::from(self.budget.get()), u64::from(self.matters_hundredths));
        field.at("budget").within(budget, BUDGET_BASIS_POINTS, "basis points")?;
        field.at("matters").within(matters, MATTERS_HUNDREDTHS, "hundredths")
    }
}

impl Check {
    fn validate(&self, field: &Field<'_>) -> Result<(), PlanError> {
        field.at("interval_millis").interval(self.interval_millis)?;
        let successes = u64::from(self.successes);
        field.at("successes").within(successes, 1..=u64::from(SUCCESSES_MAX), "passing answers")?;
        self.probe.validate(&field.at("probe"))
    }
}

impl Probe {
    fn validate(&self, field: &Field<'_>) -> Result<(), PlanError> {
        match self {
            Self::Http { request, timeout_millis } => {
                field.at("timeout_millis").probe_timeout(*timeout_millis)?;
                request.validate(&field.at("request"))
            }
            Self::Command { command, timeout_millis } => {
                field.at("timeout_millis").probe_timeout(*timeout_millis)?;
                command.validate(&field.at("command"))
            }
            Self::Prometheus(question) => question.validate(&field.at("prometheus")),
            Self::Alertmanager(question) => question.validate(&field.at("alertmanager")),
            Self::Findings(question) => question.validate(&field.at("findings")),
        }
    }
}

impl Command {
    pub(super) fn validate(&self, field: &Field<'_>) -> Result<(), PlanError> {
        let argv = field.at("argv");
        argv.count(self.argv.len(), 1..=ARGUMENTS_MAX, "arguments, the program first")?;
        if self.argv.first().is_some_and(|program| program.trim().is_empty()) {
            return Err(argv.refuse("empty in its first place", "a program"));
        }
        self.argv.iter().try_for_each(|argument| argv.value(argument))?;
        let environment = field.at("environment");
        environment.count(self.environment.len(), 0..=ENTRIES_MAX, "variables")?;
        for (name, value) in &self.environment {
            environment.variable(name)?;
            environment.value(value)?;
        }
        let passed = field.at("pass_environment");
        passed.count(self.pass_environment.len(), 0..=ENTRIES_MAX, "variables")?;
        self.pass_environment.iter().try_for_each(|name| passed.variable(name))?;
        match &self.working_directory {
            Some(path) => field.at("working_directory").relative_path(path),
            None => Ok(()),
        }
    }
}

impl Capture {
    fn validate(&self, field: &Field<'_>) -> Result<(), PlanError> {
        match self {
            Self::File { path } => field.at("path").path(path),
            Self::Command { command, timeout_millis } => {
                field.at("timeout_millis").probe_timeout(*timeout_millis)?;
                command.validate(&field.at("command"))
            }
            Self::Weights { router, targets } => {
                field.at("targets").count(targets.len(), 1..=TARGETS_MAX, "targets")?;
                targets.iter().try_for_each(|target| field.at("targets").target(target))?;
                router.validate(&field.at("router"))
            }
            Self::Objects { cluster, objects } => {
                cluster.validate(&field.at("cluster"))?;
                objects.validate(&field.at("objects"))
            }
            Self::Answer { read } => read.validate(field),
        }
    }
}

/// A field under examination.
///
/// It borrows whatever leads to it: nearly every field is in order, and its path is put together only where one is not.
pub(crate) struct Field<'a> {
    place: &'a Place,
    parent: Option<&'a Field<'a>>,
    name: &'a str,
}

impl<'a> Field<'a> {
    pub(crate) fn root(place: &'a Place) -> Self {
        Self { place, parent: None, name: "" }
    }

    pub(crate) fn at<'b>(&'b self, name: &'b str) -> Field<'b> {
        Field { place: self.place, parent: Some(self), name }
    }

    pub(crate) fn refuse(&self, given: impl Into<String>, expected: impl Into<String>) -> PlanError {
        let (place, field) = (self.place.clone(), self.full_name());
        PlanError { place, field, given: given.into(), expected: expected.into() }
    }

    fn full_name(&self) -> String {
        let before = self.parent.map(Field::full_name).filter(|before| !before.is_empty());
        before.map_or_else(|| self.name.to_owned(), |before| format!("{before}.{}", self.name))
    }

    pub(crate) fn within(&self, value: u64, range: RangeInclusive<u64>, unit: &str) -> Result<(), PlanError> {
        if range.contains(&value) {
            return Ok(());
        }
        Err(self.refuse(format!("`{value}`"), format!("{} to {} {unit}", range.start(), range.end())))
    }

    pub(super) fn count(
        &self,
        value: usize,
        range: RangeInclusive<usize>,
        unit: &str,
    ) -> Result<(), PlanError> {
        if range.contains(&value) {
            return Ok(());
        }
        let given = format!("a list of {value}");
        Err(self.refuse(given, format!("{} to {} {unit}", range.start(), range.end())))
    }

    fn unique<'b>(&self, names: impl Iterator<Item = &'b StepName>) -> Result<(), PlanError> {
        let mut seen = BTreeSet::new();
        for name in names {
            if !seen.insert(name) {
                return Err(
                    self.refuse(format!("a list with two named `{name}`"), "a different name for each")
                );
            }
        }
        Ok(())
    }

    fn interval(&self, millis: u64) -> Result<(), PlanError> {
        self.within(millis, INTERVAL_MILLIS_MIN..=INTERVAL_MILLIS_MAX, "milliseconds")
    }

    pub(super) fn probe_timeout(&self, millis: u64) -> Result<(), PlanError> {
        self.within(millis, 1..=PROBE_TIMEOUT_MILLIS_MAX, "milliseconds")
    }

    pub(super) fn bytes(&self, text: &str, limit: usize) -> Result<(), PlanError> {
        if text.len() > limit {
            let given = format!("{} bytes long", text.len());
            return Err(self.refuse(given, format!("at most {limit} bytes")));
        }
        Ok(())
    }

    /// An argument or a variable's value: no operating system accepts a zero byte in one.
    pub(super) fn value(&self, text: &str) -> Result<(), PlanError> {
        if text.contains('\0') {
            return Err(self.refuse("with a zero byte", "text without zero bytes"));
        }
        self.bytes(text, VALUE_BYTES_MAX)
    }

    pub(super) fn text(&self, text: &str, limit: usize) -> Result<(), PlanError> {
        if text.trim().is_empty() {
            return Err(self.refuse("empty", "at least one word"));
        }
        self.bytes(text, limit)
    }

    pub(super) fn variable(&self, name: &str) -> Result<(), PlanError> {
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let starts_well = name.bytes().next().is_some_and(|b| !b.is_ascii_digit());
        if !starts_well || name.len() > PATH_BYTES_MAX || !name.bytes().all(is_name) {
            let expected = "names of letters, digits and `_`, not beginning with a digit";
            return Err(self.refuse(quoted(name), expected));
        }
        if name == OWN_TOKEN_VARIABLE {
            return Err(
                self.refuse(quoted(name), "any other variable: a step never sees the runner's own token")
            );
        }
        Ok(())
    }

    pub(super) fn path(&self, path: &str) -> Result<(), PlanError> {
        if path.is_empty() || path.chars().any(char::is_control) {
            return Err(self.refuse("empty or with control characters", "a path such as `deploy/app.yaml`"));
        }
        self.bytes(path, PATH_BYTES_MAX)
    }

    pub(super) fn relative_path(&self, path: &str) -> Result<(), PlanError> {
        self.path(path)?;
        if path.starts_with('/') || path.split('/').any(|part| part == "..") {
            let expected = "a folder below the runner's working folder, without `..`";
            return Err(self.refuse(quoted(path), expected));
        }
        Ok(())
    }

    /// Whether it looks like an absolute address; what it leads to is for the sender to judge.
    pub(super) fn address(&self, url: &str) -> Result<(), PlanError> {
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        let authority = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or("");
        let is_clean = !url.chars().any(|c| c.is_control() || c.is_whitespace());
        if authority.is_empty() || authority.starts_with(':') || !is_clean {
            let expected = "an absolute address such as `https://shop.example/health`";
            return Err(self.refuse(quoted(url), expected));
        }
        if authority.contains('@') {
            let expected = "an address without user name and password: plans are kept in the log";
            return Err(self.refuse("an address with credentials", expected));
        }
        self.bytes(url, PATH_BYTES_MAX)
    }
}

/// The text in backticks, shortened and without control characters.
pub(super) fn quoted(text: &str) -> String {
    let shortened: String = text.chars().take(80).filter(|c| !c.is_control()).collect();
    format!("`{shortened}`")
}
