//! The implementation plan: its steps, where each is, how long it took, what it wrote.

use std::collections::BTreeMap;

use api::calibration::Comparison;
use domain::change::{Change, ChangeEvent};
use domain::id::RunnerLabel;
use domain::plan::source::Labels;
use domain::plan::{
    self, Hold, HoldWhen, MetricQuery, Observation, Part, Probe, PrometheusQuestion, StepKind, StepStatus,
    Task,
};
use maud::{Markup, html};

use crate::portal::format;
use crate::portal::icon::Icon;
use crate::portal::mark::Told;
use crate::record::Recorded;

/// The implementation plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Plan {
    facts: Vec<String>,
    steps: Vec<Step>,
    monitors: Vec<String>,
    /// Targets that failed while the others went on.
    failed_targets: Vec<String>,
}

/// One step and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    name: String,
    does: String,
    undo: Option<String>,
    /// Where it is; nothing before the start.
    status: Option<StepStatus>,
    ends: Vec<End>,
}

/// How the last attempt of a step, or of its undo, ended.
#[derive(Debug, Clone, PartialEq, Eq)]
struct End {
    is_undo: bool,
    attempt: u32,
    took_millis: u64,
    failure: Option<String>,
    log: Option<String>,
}

impl Plan {
    pub(super) fn of(
        change: &Change,
        trail: &[Recorded<ChangeEvent>],
        comparison: Option<&Comparison>,
    ) -> Self {
        let Some(plan) = &change.content.plan else {
            return Self::default();
        };
        let ends = ends(trail);
        let run = change.execution().map(|execution| &execution.run);
        let statuses: BTreeMap<_, _> = run.into_iter().flat_map(|run| run.step_statuses()).collect();
        let steps = plan.steps.iter().map(|step| {
            let status = statuses.get(&step.name).copied();
            Step::of(step, status, &ends, &[Part::Step, Part::Undo])
        });
        Self {
            facts: facts(plan, change).into_iter().chain(comparison.map(compared)).collect(),
            steps: steps.collect(),
            monitors: change.content.monitors.iter().map(monitor).collect(),
            failed_targets: run.iter().flat_map(|run| run.failed_targets()).map(str::to_owned).collect(),
        }
    }
}

/// Whether what the plan compares takes a worse version back by itself, and why.
fn compared(Comparison { armed, reason, .. }: &Comparison) -> String {
    let word = if *armed { "armed" } else { "not armed, a person decides" };
    format!("Automatic rollback by comparison is {word}: {reason}")
}

impl Step {
    /// A step with what happened to it in `parts` of the run.
    pub(super) fn of(step: &plan::Step, status: Option<StepStatus>, ends: &Ends<'_>, parts: &[Part]) -> Self {
        let tasks = parts.iter().map(|part| Task::new(*part, step.name.clone()));
        let ends = tasks.filter_map(|task| ends.0.get(&task).map(|observation| (task.part, *observation)));
        Self {
            name: step.name.to_string(),
            does: does(&step.kind),
            undo: step.undo.as_ref().map(does),
            status,
            ends: ends.filter_map(|(part, observation)| end(part, observation)).collect(),
        }
    }
}

/// The last end of each task.
pub(super) struct Ends<'a>(BTreeMap<Task, &'a Observation>);

/// Finds the last end of each task in a trail.
pub(super) fn ends(trail: &[Recorded<ChangeEvent>]) -> Ends<'_> {
    let ends = trail.iter().filter_map(|recorded| {
        let ChangeEvent::Progressed { observation } = &recorded.event else { return None };
        let Observation::Ended { task, .. } = observation.as_ref() else { return None };
        Some((task.clone(), observation.as_ref()))
    });
    Ends(ends.collect())
}

fn end(part: Part, observation: &Observation) -> Option<End> {
    let Observation::Ended { attempt, outcome, duration_millis, log, .. } = observation else { return None };
    let failure = match outcome {
        plan::Outcome::Succeeded => None,
        plan::Outcome::Failed { failure } => Some(failure.to_string()),
    };
    Some(End {
        is_undo: part == Part::Undo,
        attempt: *attempt,
        took_millis: *duration_millis,
        failure,
        log: log.as_ref().map(ToString::to_string),
    })
}

fn facts(plan: &plan::Plan, change: &Change) -> Vec<String> {
    let mut facts = vec![format!("Strategy: {}", plan.strategy.as_str().replace('_', " "))];
    if let Some(seconds) = plan.estimated_duration_seconds {
        facts.push(format!("expected to take {}", format::took(seconds.saturating_mul(1_000))));
    }
    if let Some(tolerance) = &plan.tolerance {
        let targets = tolerance.targets.len();
        facts.push(format!("{} of {targets} targets may fail", tolerance.max_failures));
    }
    if plan.soak_seconds > 0 {
        facts.push(format!(
            "watched for {} afterwards",
            format::took(plan.soak_seconds.saturating_mul(1_000))
        ));
    }
    if !plan.runs_on.is_empty() {
        let labels: Vec<&str> = plan.runs_on.iter().map(RunnerLabel::as_str).collect();
        facts.push(format!("carried out by a runner with {}", labels.join(", ")));
    }
    if let Some(execution) = change.execution() {
        let rollback = if execution.run.auto_rollback() { "automatic" } else { "only when asked for" };
        facts.push(format!("rollback {rollback}"));
    }
    facts
}

/// What a step does, in a line.
fn does(kind: &StepKind) -> String {
    match kind {
        StepKind::Run(command) => format!("Runs {}", line(&command.argv)),
        StepKind::Http(request) => format!("Sends {} {}", request.method, request.url),
        StepKind::Wait { duration_millis } => format!("Waits {}", format::took(*duration_millis)),
        StepKind::Check(check) => format!("Repeats until it passes: {}", probe(&check.probe)),
        StepKind::Manual { instructions } => format!("A person does this: {instructions}"),
        StepKind::Traffic(traffic) => format!("Sets the traffic weights of {traffic}"),
        StepKind::Flag(flag) => format!("Switches the flag {flag}"),
        StepKind::Sql(sql) => format!("Migrates: {sql}"),
        StepKind::Kubernetes(kubernetes) => format!("Kubernetes: {kubernetes}"),
        StepKind::Restore => "Puts back what was saved before the first step".to_owned(),
        StepKind::Hold(Hold { instructions, when: HoldWhen::Always }) => {
            format!("A person decides: {instructions}")
        }
        StepKind::Hold(Hold { instructions, when: HoldWhen::Demanded }) => {
            format!("Where an agent asked for the change, a person decides: {instructions}")
        }
        StepKind::Bake(bake) => format!(
            "Watches for {}, at most {} longer, and goes on only when all is well",
            format::took(bake.duration_millis),
            format::took(bake.extension_millis)
        ),
    }
}

fn probe(probe: &Probe) -> String {
    match probe {
        Probe::Http { request, .. } => format!("{} {}", request.method, request.url),
        Probe::Command { command, .. } => line(&command.argv),
        Probe::Prometheus(question) => asked(question),
        Probe::Alertmanager(question) => {
            let about: Vec<&str> = question.about.iter().map(String::as_str).collect();
            let about = if about.is_empty() { String::new() } else { format!(" about {}", about.join(", ")) };
            let with = if question.labels.is_empty() {
                String::new()
            } else {
                format!(" with {}", labels(&question.labels))
            };
            format!("no active alert{about}{with}")
        }
        Probe::Findings(question) => {
            format!("no finding at or above {} in {}", question.fail_on, question.path)
        }
    }
}

/// What is asked of a Prometheus, and what the answer must be.
fn asked(question: &PrometheusQuestion) -> String {
    let what = match &question.query {
        MetricQuery::Instant { expression } => expression.clone(),
        MetricQuery::Range { expression, over_seconds, reduce, .. } => {
            format!("{reduce} of {expression} over {}", format::took(over_seconds.saturating_mul(1_000)))
        }
        MetricQuery::ErrorRate { metric, labels: all, .. } => {
            format!("error rate of {metric} with {}", labels(all))
        }
        MetricQuery::Latency { metric, labels: all, per_mille, .. } => {
            format!("p{}.{} of {metric} with {}", per_mille / 10, per_mille % 10, labels(all))
        }
        MetricQuery::Saturation { used, labels: all, .. } => {
            format!("saturation by {used} with {}", labels(all))
        }
    };
    let of = |name: &str, arm: &Labels| {
        if arm.is_empty() { String::new() } else { format!(", {name} {}", labels(arm)) }
    };
    let arms = [of("of", &question.canary), of("against", &question.baseline)].concat();
    format!("{what}{arms} must be {}", question.expect)
}

fn labels(labels: &Labels) -> String {
    if labels.is_empty() {
        return "any labels".to_owned();
    }
    let all: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    all.join(", ")
}

/// A program with its arguments; a shell line as it was written.
fn line(argv: &[String]) -> String {
    match argv {
        [shell, flag, line] if shell == "/bin/sh" && flag == "-c" => line.clone(),
        argv => argv.join(" "),
    }
}

fn monitor(monitor: &plan::Monitor) -> String {
    format!("{}: {}, every {}", monitor.name, probe(&monitor.probe), format::took(monitor.interval_millis))
}

pub(super) fn card(plan: &Plan) -> Markup {
    let done = plan.steps.iter().filter(|step| step.status == Some(StepStatus::Succeeded)).count();
    let has_started = plan.steps.iter().any(|step| step.status.is_some());
    html! {
        section.card aria-labelledby="plan" {
            div.card-head {
                h2 #plan { "Implementation plan" }
                @if has_started { p.quiet { (done) " of " (plan.steps.len()) " steps done" } }
            }
            @if plan.steps.is_empty() {
                p.quiet { "There is none. Without a plan the change cannot start." }
            } @else {
                p.quiet { (format::sentence(&plan.facts.join(", "))) }
                @if !plan.failed_targets.is_empty() {
                    p.bad { "Failed, and left behind as the plan tolerates it: " (plan.failed_targets.join(", ")) "." }
                }
                (steps(&plan.steps))
            }
            @if !plan.monitors.is_empty() {
                h3 { "Watched throughout" }
                ul.plain-list { @for monitor in &plan.monitors { li { code.line { (monitor) } } } }
            }
        }
    }
}

/// Steps in order, each with where it is.
pub(super) fn steps(steps: &[Step]) -> Markup {
    html! {
        ol.steps {
            @for step in steps {
                li {
                    (told(step.status).bare_mark())
                    div {
                        p.step-head {
                            b { (step.name) }
                            span.quiet { (told(step.status).words) }
                        }
                        p.line { (step.does) }
                        @if let Some(undo) = &step.undo { p.line.quiet { "Undo: " (undo) } }
                        @for end in &step.ends { (ending(end)) }
                    }
                }
            }
        }
    }
}

fn ending(end: &End) -> Markup {
    let what = if end.is_undo { "Undo" } else { "Attempt" };
    html! {
        p.quiet {
            (what) " " (end.attempt) " took " (format::took(end.took_millis))
            @if let Some(failure) = &end.failure { " and " span.bad { (failure) } }
            "."
        }
        @if let Some(log) = &end.log {
            details {
                summary { "What it wrote" }
                pre tabindex="0" { (log) }
            }
        }
    }
}

/// A step's status as it is told. A step of a change that has not started is ahead.
fn told(status: Option<StepStatus>) -> Told {
    match status {
        None | Some(StepStatus::Pending) => Told::step(Icon::Blank, "state", "Not begun"),
        Some(StepStatus::Started) => Told::step(Icon::Run, "state state-live", "Under way"),
        Some(StepStatus::Asked) => Told::step(Icon::Await, "state state-wait", "Waits for a person"),
        Some(StepStatus::Succeeded) => Told::step(Icon::Done, "state state-good", "Done"),
        Some(StepStatus::Retrying) => Told::step(Icon::Run, "state state-wait", "Failed, to be repeated"),
        Some(StepStatus::Failed) => Told::step(Icon::Broken, "state state-bad", "Failed"),
        Some(StepStatus::Unknown) => Told::step(Icon::Lost, "state state-bad", "Nobody saw it end"),
        Some(StepStatus::Undoing) => Told::step(Icon::Back, "state state-wait", "Being undone"),
        Some(StepStatus::Undone) => Told::step(Icon::Back, "state state-bad", "Undone"),
        Some(StepStatus::UndoFailed) => Told::step(Icon::Broken, "state state-bad", "Could not be undone"),
        Some(StepStatus::UndoUnknown) => Told::step(Icon::Lost, "state state-bad", "Nobody saw its undo end"),
        Some(StepStatus::Skipped) => Told::step(Icon::Blank, "state state-wait", "Left out"),
        Some(StepStatus::LeftInPlace) => Told::step(Icon::Warning, "state state-wait", "Left in place"),
    }
}
