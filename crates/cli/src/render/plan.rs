//! Plans as approvers and readers see them: everything that would run, and nothing left out.

use api::plan::{
    Alertmanager, Bake, Capture, Check, FindingsFile, FullHold, FullStep, Hold, Http, ImplementationPlan,
    Monitor, Prometheus, RollbackPlan, Run, Status, Step, Strategy, Undo, UndoKind,
};
use api::request::{ChangeRequest, RateCondition, RollbackConditions};

use super::step_kinds::{flag, kubernetes, sql, traffic};
use super::{Lines, words};
use crate::shell::{Paint, plain};

/// How a step is undone that declares nothing and needs nothing.
const SAVED: &str = "puts back what was saved before the first step";

/// Everything of a request that runs or decides about what runs.
pub(crate) fn everything_that_runs(lines: &mut Lines, request: &ChangeRequest, paint: Paint) {
    match &request.implementation_plan {
        Some(plan) => implementation_plan(lines, plan, paint),
        None => {
            lines.heading(paint, "Plan");
            lines.line("  none: add one with `cortex-change amend ID --plan FILE`");
        }
    }
    if let Some(plan) = &request.rollback_plan {
        rollback_plan(lines, plan, paint);
    }
    if !request.monitors.is_empty() {
        lines.heading(paint, "Monitors");
        request.monitors.iter().for_each(|one| monitor(lines, one, paint));
    }
    if let Some(conditions) = &request.rollback_conditions {
        rollback_conditions(lines, conditions, paint);
    }
}

fn implementation_plan(lines: &mut Lines, plan: &ImplementationPlan, paint: Paint) {
    let mut about = vec![words(strategy(plan.strategy.as_ref()))];
    about.extend(plan.estimated_duration.as_ref().map(|time| format!("about {time}")));
    about.extend(plan.soak.as_ref().map(|time| format!("watched for {time} afterwards")));
    about.extend(plan.maintenance_window.then(|| "in a maintenance window".to_owned()));
    lines.heading(paint, &format!("Plan: {}", plain(&about.join(", "))));
    if !plan.stages.is_empty() {
        let stages = plan.stages.iter().map(|stage| stage.name.as_str()).collect::<Vec<_>>();
        lines.line(format!("  stages: {}", plain(&stages.join(" → "))));
    }
    if let Some(tolerance) = &plan.tolerance {
        lines.line(format!("  {} of {} targets may fail", tolerance.max_failures, tolerance.targets.len()));
    }
    steps(lines, &plan.steps, paint);
}

fn strategy(strategy: Option<&Strategy>) -> &str {
    match strategy {
        None => "all_at_once",
        Some(Strategy::Word(word)) => word,
        Some(Strategy::Full(full)) if full.canary.is_some() => "canary",
        Some(Strategy::Full(full)) if full.rolling.is_some() => "rolling",
        Some(Strategy::Full(_)) => "blue_green",
    }
}

fn rollback_plan(lines: &mut Lines, plan: &RollbackPlan, paint: Paint) {
    let by = if plan.automated { "without a person" } else { "started by a person" };
    let limit = plan.max_duration.as_ref().map(|time| format!(", within {time}")).unwrap_or_default();
    lines.heading(paint, &format!("Rollback plan: {by}{}", plain(&limit)));
    if plan.steps.is_empty() {
        lines.line("  undoes the finished steps in reverse order");
    } else {
        lines.line("  undoes the finished steps in reverse order, then:");
        steps(lines, &plan.steps, paint);
    }
    if !plan.quarantine.is_empty() {
        lines.line("  where quarantine is demanded, as soon as the traffic is led back:");
        steps(lines, &plan.quarantine, paint);
    }
}

fn steps(lines: &mut Lines, steps: &[Step], paint: Paint) {
    for (at, step) in steps.iter().enumerate() {
        match step {
            Step::Text(text) => {
                lines.line(format!("  {:>2}  {}", at + 1, paint.strong("by a person")));
                detail(lines, paint, "does", text);
            }
            Step::Full(step) => full_step(lines, at + 1, step, paint),
        }
    }
}

fn full_step(lines: &mut Lines, number: usize, step: &FullStep, paint: Paint) {
    lines.line(format!("  {number:>2}  {}", paint.strong(plain(&step.name))));
    if let Some(run) = &step.run {
        detail(lines, paint, "run", &command(run));
    }
    if let Some(http) = &step.http {
        detail(lines, paint, "http", &request(http));
    }
    if let Some(time) = &step.wait {
        detail(lines, paint, "wait", time);
    }
    if let Some(probe) = &step.check {
        detail(lines, paint, "check", &check(probe));
    }
    if let Some(instructions) = &step.manual {
        detail(lines, paint, "by a person", instructions);
    }
    kinds_that_know_what_they_touch(lines, step, paint);
    match &step.hold {
        Some(Hold::Full(FullHold { instructions, when: Some(when) })) if when == "demanded" => {
            detail(
                lines,
                paint,
                "hold",
                &format!("a person decides, where an agent asked for the change: {instructions}"),
            );
        }
        Some(Hold::Full(FullHold { instructions, .. }) | Hold::Text(instructions)) => {
            detail(lines, paint, "hold", &format!("a person decides: {instructions}"));
        }
        None => {}
    }
    if let Some(watch) = &step.bake {
        detail(lines, paint, "bake", &baked(watch));
    }
    match &step.undo {
        Some(undo) => detail(lines, paint, "undo", &undone_by(undo)),
        None if step.traffic.is_some()
            || changes_cluster(step)
            || step.flag.as_ref().is_some_and(|flag| flag.file.is_some()) =>
        {
            detail(lines, paint, "undo", SAVED)
        }
        None if step.run.is_some() || step.http.is_some() || step.flag.is_some() || step.sql.is_some() => {
            detail(lines, paint, "undo", "none: stays in place")
        }
        None => {}
    }
    if let Some(probe) = &step.verify {
        detail(lines, paint, "verify", &check(probe));
    }
    for (name, value) in &step.env {
        detail(lines, paint, "variable", &format!("{name}={value}"));
    }
    if !step.pass_env.is_empty() {
        detail(lines, paint, "passes on", &step.pass_env.join(", "));
    }
    if let Some(folder) = &step.working_directory {
        detail(lines, paint, "folder", folder);
    }
    for capture in &step.capture {
        detail(lines, paint, "saves", &captured(capture));
    }
    if let Some(class) = &step.reversibility {
        detail(lines, paint, "taken back", &format!("it says of itself: {class}"));
    }
    detail(lines, paint, "limits", &limits(step));
}

fn baked(bake: &Bake) -> String {
    let full = match bake {
        Bake::Time(time) => return format!("watches for {time} and goes on only when all is well"),
        Bake::Full(full) => full,
    };
    let mut text = format!("watches for {}", full.time);
    if let Some(extend) = &full.extend {
        text.push_str(&format!(", {extend} longer while it cannot be said whether all is well"));
    }
    if let Some(analysis) = &full.analysis {
        let or = |text: &Option<String>, default: &str| text.clone().unwrap_or_else(|| default.to_owned());
        text.push_str(&format!(
            "; the two versions are compared: {} when it is worse, falsely with a chance of {}, and a pass only when {} the odds of failing are ruled out",
            words(&or(&analysis.action, "immediate_rollback")),
            or(&analysis.budget, "1%"),
            or(&analysis.matters, "2x")
        ));
    }
    match full.undecided.as_deref() {
        Some("ask") => text.push_str(", then a person is asked"),
        Some(_) | None => text.push_str(", then it has failed"),
    }
    text
}

fn kinds_that_know_what_they_touch(lines: &mut Lines, step: &FullStep, paint: Paint) {
    if let Some(shares) = &step.traffic {
        detail(lines, paint, "traffic", &traffic(shares));
    }
    if let Some(switched) = &step.flag {
        detail(lines, paint, "flag", &flag(switched));
    }
    if let Some(objects) = &step.kubernetes {
        detail(lines, paint, "kubernetes", &kubernetes(objects));
    }
    if let Some(migration) = &step.sql {
        detail(lines, paint, "sql", &sql(migration));
    }
}

/// Whether a step changes something in a cluster, which is then saved.
fn changes_cluster(step: &FullStep) -> bool {
    step.kubernetes.as_ref().is_some_and(|objects| objects.wait.is_none())
}

fn limits(step: &FullStep) -> String {
    let mut limits = vec![format!("{} an attempt", step.timeout.as_deref().unwrap_or("10m"))];
    if step.retries > 0 {
        let delay = step.retry_delay.as_deref().unwrap_or("1s");
        limits.push(format!("{} repetitions, {delay} between", step.retries));
    }
    if step.idempotent {
        limits.push("may be repeated".to_owned());
    }
    limits.join(", ")
}

fn monitor(lines: &mut Lines, monitor: &Monitor, paint: Paint) {
    let interval = monitor.interval.as_deref().unwrap_or("1s");
    let Monitor { name: _, http, run, prometheus, alertmanager, findings, timeout: _, interval: _ } = monitor;
    let asks = asked(prometheus.as_deref(), alertmanager.as_deref(), findings.as_ref())
        .unwrap_or_else(|| question(http.as_ref(), run.as_ref()));
    lines.line(format!("  {}  every {}", paint.strong(plain(&monitor.name)), plain(interval)));
    detail(lines, paint, "asks", &asks);
}

fn rollback_conditions(lines: &mut Lines, conditions: &RollbackConditions, paint: Paint) {
    lines.heading(paint, "Taken back when");
    let rate = |condition: &RateCondition| {
        format!("over {} in {}: {}", condition.threshold, condition.window, words(&condition.action))
    };
    lines.field(paint, "error rate", conditions.error_rate.as_ref().map(rate).as_deref());
    lines.field(paint, "latency", conditions.latency.as_ref().map(rate).as_deref());
    let health = conditions.health_check.as_ref().map(|condition| {
        format!("{} failed checks in a row: {}", condition.failed_checks, words(&condition.action))
    });
    lines.field(paint, "health check", health.as_deref());
    let security = conditions
        .security
        .as_ref()
        .filter(|condition| condition.vulnerability_detected)
        .map(|condition| format!("a vulnerability is found: {}", words(&condition.action)));
    lines.field(paint, "security", security.as_deref());
}

/// A labelled line below a step; further lines of the value are indented alike.
fn detail(lines: &mut Lines, paint: Paint, label: &str, value: &str) {
    let label = console::pad_str(label, 11, console::Alignment::Left, None).into_owned();
    let value = plain(value).trim_end().replace('\n', &format!("\n      {}", " ".repeat(12)));
    lines.line(format!("      {} {value}", paint.dim(label)));
}

/// A command as it would be typed: arguments with blanks are quoted.
pub(super) fn command(run: &Run) -> String {
    match run {
        Run::Shell(line) => line.clone(),
        Run::Argv(arguments) => {
            let quoted = arguments.iter().map(|argument| {
                let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
                if !argument.is_empty() && argument.chars().all(is_plain) {
                    argument.clone()
                } else {
                    format!("'{}'", argument.replace('\'', r"'\''"))
                }
            });
            quoted.collect::<Vec<_>>().join(" ")
        }
    }
}

pub(super) fn request(http: &Http) -> String {
    match http {
        Http::Url(url) => format!("GET {url}"),
        Http::Full(request) => {
            let mut text = format!("{} {}", request.method.as_deref().unwrap_or("GET"), request.url);
            for (name, value) in &request.headers {
                text.push_str(&format!("\n{name}: {value}"));
            }
            if let Some(variable) = &request.token_env {
                text.push_str(&format!("\nauthorization: the token in ${variable} where the runner runs"));
            }
            if let Some((user, variable)) = request.user.as_ref().zip(request.password_env.as_ref()) {
                text.push_str(&format!(
                    "\nauthorization: {user} with the password in ${variable} where the runner runs"
                ));
            }
            for (name, variable) in &request.headers_env {
                text.push_str(&format!("\n{name}: what ${variable} holds where the runner runs"));
            }
            if let Some(body) = &request.body {
                text.push_str(&format!("\n{body}"));
            }
            match &request.expect_status {
                Some(Status::One(status)) => text.push_str(&format!("\nexpects {status}")),
                Some(Status::Range(range)) => text.push_str(&format!("\nexpects {range}")),
                None => {}
            }
            text
        }
    }
}

fn question(http: Option<&Http>, run: Option<&Run>) -> String {
    http.map(request).or_else(|| run.map(command)).unwrap_or_else(|| "nothing".to_owned())
}

/// What a source of metrics, alerts or findings is asked, with all of its fields.
fn asked(
    prometheus: Option<&Prometheus>,
    alertmanager: Option<&Alertmanager>,
    findings: Option<&FindingsFile>,
) -> Option<String> {
    let prometheus = prometheus.map(|question| ("prometheus", serde_json::to_value(question)));
    let alertmanager = alertmanager.map(|question| ("alertmanager", serde_json::to_value(question)));
    let findings = findings.map(|question| ("findings", serde_json::to_value(question)));
    let (source, fields) = prometheus.or(alertmanager).or(findings)?;
    let mut text = source.to_owned();
    for (name, value) in fields.ok()?.as_object()? {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        text.push_str(&format!("\n{name}: {value}"));
    }
    Some(text)
}

fn check(check: &Check) -> String {
    let times = check.successes.filter(|times| *times > 1).map(|times| format!(", {times} times in a row"));
    let every = check.interval.as_deref().unwrap_or("1s");
    format!(
        "{} every {every}{}",
        asked(check.prometheus.as_deref(), check.alertmanager.as_deref(), check.findings.as_ref())
            .unwrap_or_else(|| question(check.http.as_ref(), check.run.as_ref())),
        times.unwrap_or_default()
    )
}

fn undone_by(undo: &Undo) -> String {
    match undo {
        Undo::Line(line) => line.clone(),
        Undo::Full(undo) => {
            let UndoKind {
                run,
                http,
                manual,
                traffic: shares,
                flag: switched,
                sql: migration,
                kubernetes: objects,
                restore,
            } = undo.as_ref();
            let by_person = manual.as_ref().map(|instructions| format!("by a person: {instructions}"));
            let by_shares = || shares.as_ref().map(|shares| format!("traffic: {}", traffic(shares)));
            let by_flag = || switched.as_ref().map(|switched| format!("flag: {}", flag(switched)));
            let by_cluster =
                || objects.as_ref().map(|objects| format!("kubernetes: {}", kubernetes(objects)));
            let by_sql = || migration.as_ref().map(|migration| format!("sql: {}", sql(migration)));
            let by_itself = || restore.then(|| SAVED.to_owned());
            let by_program = || question(http.as_ref(), run.as_ref());
            by_person
                .or_else(by_shares)
                .or_else(by_flag)
                .or_else(by_sql)
                .or_else(by_cluster)
                .or_else(by_itself)
                .unwrap_or_else(by_program)
        }
    }
}

fn captured(capture: &Capture) -> String {
    match (&capture.file, &capture.run) {
        (Some(file), _) => format!("the file {file}"),
        (None, Some(run)) => format!("the output of {}", command(run)),
        (None, None) => "nothing".to_owned(),
    }
}
