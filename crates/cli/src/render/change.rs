//! Changes: one in full, or a list of them.

use api::audit::TrailEntry;
use api::calibration::Comparison;
use api::change::{
    ApprovalView, Blocker, Change, ChangeSummary, Condition, Gate, Implementation, OverriddenDecision, Stage,
};
use api::on_close::CiUpdate;
use api::request::Source;

use super::{Lines, Table, cell, instant, level, plan, rehearsal, risk, span, state, watching, words};
use crate::clock;
use crate::shell::{Paint, plain};

/// Columns of an audit entry's action and actor.
const ACTION_COLUMNS: usize = 18;
const ACTOR_COLUMNS: usize = 22;
/// Digits of a commit id that are shown.
const SHORT_ID_DIGITS: usize = 12;

/// A change in full.
pub(crate) fn in_full(change: &Change, paint: Paint) -> String {
    let mut lines = Lines::default();
    header(&mut lines, change, paint);
    if let Some(assessment) = &change.risk {
        risk::summary(&mut lines, assessment, paint);
    }
    if let Some(view) = &change.approval {
        approval(&mut lines, view, paint);
    }
    missing(&mut lines, change, paint);
    plan::everything_that_runs(&mut lines, &change.request, paint);
    if let Some(evidence) = &change.rehearsal {
        rehearsal::section(&mut lines, evidence, paint);
    }
    comparison(&mut lines, change, paint);
    if let Some(progress) = &change.implementation {
        implementation(&mut lines, progress, paint);
    }
    aftermath(&mut lines, change, paint);
    lines.heading(paint, "Audit trail");
    for entry in &change.audit_trail {
        lines.line(format!("  {}", trail_entry(entry, paint)));
    }
    lines.into_text()
}

/// An entry of the trail in a line.
pub(crate) fn trail_entry(entry: &TrailEntry, paint: Paint) -> String {
    let pad =
        |text: &str, columns| console::pad_str(text, columns, console::Alignment::Left, None).into_owned();
    format!(
        "{}  {} {} {}",
        paint.dim(instant(&entry.timestamp)),
        pad(&words(&entry.action), ACTION_COLUMNS),
        pad(&plain(&entry.actor), ACTOR_COLUMNS),
        cell(&entry.details)
    )
}

/// What stands before a decision: who asks for what, why, how risky it is, and how far approval has come.
pub(crate) fn before_approval(lines: &mut Lines, change: &Change, paint: Paint) {
    header(lines, change, paint);
    if let Some(assessment) = &change.risk {
        risk::summary(lines, assessment, paint);
    }
    if let Some(view) = &change.approval {
        approval(lines, view, paint);
    }
}

/// What is missing, with the command that clears each of it.
pub(crate) fn missing(lines: &mut Lines, change: &Change, paint: Paint) {
    blockers(lines, &change.blockers, paint);
    awaits_runner(lines, change, paint);
}

/// What an approver must have seen: who asks for what, why, how risky it is, and everything that would run.
pub(crate) fn for_approval(change: &Change, paint: Paint) -> String {
    let mut lines = Lines::default();
    header(&mut lines, change, paint);
    if let Some(assessment) = &change.risk {
        risk::summary(&mut lines, assessment, paint);
    }
    plan::everything_that_runs(&mut lines, &change.request, paint);
    if let Some(evidence) = &change.rehearsal {
        rehearsal::section(&mut lines, evidence, paint);
    }
    comparison(&mut lines, change, paint);
    if let Some(view) = &change.approval {
        approval(&mut lines, view, paint);
    }
    lines.into_text()
}

/// One line about where a change is.
pub(crate) fn in_a_line(change: &Change, paint: Paint) -> String {
    let risk =
        change.risk.as_ref().map(|risk| format!(", {} risk ({})", level(paint, &risk.level), risk.score));
    format!("{} is {}{}", plain(&change.change_id), state(paint, &change.state), risk.unwrap_or_default())
}

/// Each thing that stands between a change and its start, on a line of its own.
pub(crate) fn outstanding(change: &Change) -> Vec<String> {
    change.blockers.iter().map(blocker).collect()
}

/// A list of changes.
pub(crate) fn list(changes: &[ChangeSummary], paint: Paint) -> String {
    const TITLE: usize = 6;
    let headings = ["CHANGE", "STATE", "TYPE", "RISK", "PRIORITY", "UPDATED", "TITLE"];
    let mut table = Table::new(paint, &headings, TITLE);
    for change in changes {
        let risk =
            change.risk.as_ref().map(|risk| format!("{:>3} {}", risk.score, level(paint, &risk.level)));
        table.row([
            cell(&change.change_id),
            state(paint, &change.state),
            cell(&change.change_type),
            risk.unwrap_or_else(|| "-".to_owned()),
            change.priority.as_deref().map_or_else(|| "-".to_owned(), cell),
            instant(&change.updated_at),
            cell(&change.title),
        ]);
    }
    table.into_text()
}

/// Why no runner takes the change on by itself, where none does.
fn awaits_runner(lines: &mut Lines, change: &Change, paint: Paint) {
    let Some(awaits) = &change.awaits_runner else { return };
    lines.heading(paint, "Nobody takes it on");
    lines.line(format!("  {}", plain(awaits)));
    let by_hand = format!("cortex-change implement {}", plain(&change.change_id));
    lines.line(format!("  see `cortex-change runner list`; whoever may can start it with `{by_hand}`"));
}

/// Whether what the plan compares takes a worse version back by itself, and why.
fn comparison(lines: &mut Lines, change: &Change, paint: Paint) {
    let Some(Comparison { armed, reason, .. }) = &change.comparison else { return };
    lines.heading(paint, "Automatic rollback by comparison");
    let word = if *armed { paint.good("armed") } else { paint.caution("not armed, a person decides") };
    lines.line(format!("  {word}: {}", plain(reason)));
}

fn header(lines: &mut Lines, change: &Change, paint: Paint) {
    let request = &change.request;
    lines.line(format!("{}  {}", paint.strong(plain(&change.change_id)), cell(&request.title)));
    let outcome = change.outcome.as_ref().or(change.rejection.as_ref());
    let found = change.found.as_ref().map(|found| format!("; the review found: {}", words(&found.finding)));
    let outcome = outcome.map(|outcome| format!(" ({}{})", words(outcome), found.unwrap_or_default()));
    let priority = change.priority.as_deref().map(|priority| format!(", {priority}"));
    lines.line(format!(
        "{}{}: {} {}{}",
        state(paint, &change.state),
        outcome.unwrap_or_default(),
        words(&request.change_type),
        words(&request.category),
        priority.unwrap_or_default()
    ));
    let created = match &change.on_behalf_of {
        Some(other) => format!("{} by {} for {other}", instant(&change.created_at), change.created_by),
        None => format!("{} by {}", instant(&change.created_at), change.created_by),
    };
    lines.field(paint, "created", Some(&created));
    lines.field(paint, "services", joined(&request.affected_services).as_deref());
    lines.field(paint, "CIs", joined(&request.affected_cis).as_deref());
    lines.field(paint, "environment", request.environment.as_deref());
    let window = request
        .window
        .as_ref()
        .map(|window| format!("{} to {}", instant(&window.start), instant(&window.end)));
    lines.field(paint, "window", window.as_deref());
    lines.field(paint, "source", request.source.as_ref().and_then(source).as_deref());
    lines.field(paint, "caused by", request.caused_by.as_deref());
    lines.field(paint, "external id", change.external_id.as_deref());
    if let Some(on_close) = &request.on_close {
        let items: Vec<_> = on_close.cmdb.iter().map(|(name, update)| at_the_end(name, update)).collect();
        lines.field(paint, "at the end", (!items.is_empty()).then(|| items.join("; ")).as_deref());
        lines.field(paint, "documents", on_close.documentation.as_deref());
    }
    lines.field(paint, "digest", Some(&change.digest));
    let texts =
        [&request.description, &request.justification, &request.impact_assessment, &request.testing_strategy];
    let text: Vec<_> = texts.into_iter().flatten().map(String::as_str).collect();
    if !text.is_empty() {
        let writer = change.on_behalf_of.as_ref().unwrap_or(&change.created_by);
        lines.foreign(paint, writer, &text.join("\n\n"));
    }
}

fn source(source: &Source) -> Option<String> {
    let commit = source.commit.as_deref().map(|commit| commit.get(..SHORT_ID_DIGITS).unwrap_or(commit));
    let mut parts: Vec<String> = [source.repository.as_deref(), source.branch.as_deref(), commit]
        .into_iter()
        .flatten()
        .map(str::to_owned)
        .collect();
    parts.extend(source.artefacts.iter().map(|(name, digest)| format!("{name} {digest}")));
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn joined(names: &[String]) -> Option<String> {
    (!names.is_empty()).then(|| names.join(", "))
}

fn approval(lines: &mut Lines, view: &ApprovalView, paint: Paint) {
    lines.heading(paint, "Approval");
    if view.automated {
        lines.line("  by policy, without a person");
    }
    if let Some(standing) = &view.standing {
        let sign = paint.good(paint.sign("✓", "+"));
        lines.line(format!("  {sign} as CAB member by {}", cell(&standing.text)));
    }
    for one in &view.overrides {
        overridden(lines, one, paint);
    }
    if view.stages.len() > 1 {
        view.stages.iter().for_each(|one| stage(lines, one, paint));
    }
    for given in &view.given {
        let place = given.in_place_of.as_ref().map(|other| format!(" for {other}"));
        let instead = given.instead_of.as_ref().map(|below| format!(" instead of {}", words(below)));
        let by = format!(
            "{} as {}{}{}",
            given.by,
            words(&given.role),
            instead.unwrap_or_default(),
            place.unwrap_or_default()
        );
        lines.line(format!("  {} {}, {}", paint.good(paint.sign("✓", "+")), plain(&by), instant(&given.at)));
    }
    // Those of later stages stand with their stage.
    let is_later = |role: &str| {
        let mut later = view.stages.iter().filter(|stage| stage.state == "later");
        later.any(|stage| stage.required.iter().any(|gate| gate.role == role))
    };
    for gate in view.outstanding.iter().filter(|gate| !is_later(&gate.role)) {
        lines.line(format!("  {} {}", paint.caution(paint.sign("○", "-")), awaited(gate)));
    }
    for role in &view.escalated_to {
        let sentence = format!("the time is nearly over: {} may decide too", words(role));
        lines.line(format!("  {} {sentence}", paint.caution(paint.sign("●", "*"))));
    }
    if !view.conditions.is_empty() {
        let met = view.conditions.iter().filter(|condition| condition.evidence.is_some()).count();
        lines.line(format!("  conditions, {met} of {} met:", view.conditions.len()));
    }
    for one in &view.conditions {
        condition(lines, one, paint);
    }
    lines.field(paint, "until", view.deadline.as_deref().map(instant).as_deref());
}

fn awaited(gate: &Gate) -> String {
    let people = if gate.count == 1 { "one person".to_owned() } else { format!("{} people", gate.count) };
    format!("awaits {people} as {}", words(&gate.role))
}

fn stage(lines: &mut Lines, stage: &Stage, paint: Paint) {
    let sign = match stage.state.as_str() {
        "complete" => paint.good(paint.sign("✓", "+")),
        "open" => paint.caution(paint.sign("●", "*")),
        _ => paint.dim(paint.sign("○", "-")),
    };
    let gates: Vec<_> =
        stage.required.iter().map(|gate| format!("{} × {}", gate.count, words(&gate.role))).collect();
    let until = stage.deadline.as_deref().map(|deadline| format!(", until {}", instant(deadline)));
    lines.line(format!(
        "  {sign} stage {} of {}: {}, {} to decide; {}{}",
        stage.number,
        stage.of,
        gates.join(", "),
        span(stage.seconds),
        words(&stage.state),
        until.unwrap_or_default()
    ));
}

fn overridden(lines: &mut Lines, one: &OverriddenDecision, paint: Paint) {
    let what = match (&one.from, &one.to) {
        (Some(from), Some(to)) => format!("level {} overridden: {}", words(from), words(to)),
        (Some(from), None) => format!("{} overridden ({})", words(&one.decision), words(from)),
        (None, _) => format!("refused {} overridden", words(&one.decision)),
    };
    let (by, reason) = (plain(&one.by), cell(&one.reason));
    lines.line(format!("  {} {what} by {by} as {}: {reason}", paint.bad("!"), words(&one.role)));
}

/// A line of the checklist.
fn condition(lines: &mut Lines, condition: &Condition, paint: Paint) {
    let Condition { index, text, set_by, evidence, link, sha256, met_by, met_at, .. } = condition;
    let Some(evidence) = evidence else {
        let how = format!("not met: see `cortex-change satisfy ID {index}`");
        lines.line(format!("  [ ] {index} {}; set by {}; {}", cell(text), plain(set_by), paint.caution(how)));
        return;
    };
    let file = sha256.as_ref().map(|digest| format!("file with SHA-256 {digest}"));
    let proof = link.clone().or(file).map(|proof| format!(" ({})", cell(&proof)));
    let by = met_by.as_deref().map(|by| format!(", said {}", plain(by)));
    let at = met_at.as_deref().map(|at| format!(", {}", instant(at)));
    lines.line(format!(
        "  [{}] {index} {}; set by {}; met: {}{}{}{}",
        paint.good("x"),
        cell(text),
        plain(set_by),
        cell(evidence),
        proof.unwrap_or_default(),
        by.unwrap_or_default(),
        at.unwrap_or_default()
    ));
}

fn blockers(lines: &mut Lines, blockers: &[Blocker], paint: Paint) {
    if blockers.is_empty() {
        return;
    }
    lines.heading(paint, "Outstanding before the start");
    for one in blockers {
        lines.line(format!("  {} {}", paint.caution(paint.sign("○", "-")), blocker(one)));
        if let Some(command) = &one.next_command {
            lines.line(format!("      {}", paint.dim(plain(command))));
        }
    }
}

fn blocker(blocker: &Blocker) -> String {
    let until = blocker.deadline.as_deref().map(|deadline| format!(", until {}", instant(deadline)));
    format!(
        "{}: {}; cleared by {}{}",
        words(&blocker.kind),
        cell(&blocker.missing),
        cell(&blocker.cleared_by),
        until.unwrap_or_default()
    )
}

fn implementation(lines: &mut Lines, progress: &Implementation, paint: Paint) {
    lines.heading(
        paint,
        &format!("Implementation: {}, {} of {} done", words(&progress.phase), progress.done, progress.total),
    );
    lines.field(paint, "runner", progress.runner.as_deref());
    lines.field(paint, "started", Some(&instant(&progress.started_at)));
    lines.field(paint, "finished", progress.finished_at.as_deref().map(instant).as_deref());
    lines.field(paint, "now", progress.current.as_deref());
    lines.field(paint, "waits for", progress.waiting_for.as_deref());
    lines.field(paint, "stages", watching::stages(&progress.stages).as_deref());
    if let Some(bake) = &progress.bake {
        lines.field(paint, "bake", Some(&watching::time_left(bake, clock::now())));
        lines.field(paint, "judge", watching::verdict(bake).as_deref());
    }
    lines.field(paint, "quarantine", progress.quarantine.as_deref());
    let rollback = if progress.auto_rollback { "without asking" } else { "when somebody asks for it" };
    lines.field(paint, "rollback", Some(rollback));
    lines.field(paint, "left behind", joined(&progress.failed_targets).as_deref());
    lines.field(paint, "taken back", progress.rollback_cause.as_deref());
    for step in &progress.steps {
        let (sign, what) = step_sign(paint, &step.status);
        lines.line(format!("  {sign} {}: {what}", cell(&step.name)));
    }
    if !progress.not_undone.is_empty() {
        lines.field(paint, "not undone", Some(&progress.not_undone.join(", ")));
    }
}

/// How a step's status looks.
fn step_sign(paint: Paint, status: &str) -> (String, String) {
    let sign = match status {
        "succeeded" | "undone" => paint.good(paint.sign("✓", "+")),
        "failed" | "undo_failed" | "unknown" | "undo_unknown" => paint.bad(paint.sign("✗", "x")),
        "pending" => paint.dim(paint.sign("○", "-")),
        _ => paint.caution(paint.sign("●", "*")),
    };
    (sign, words(status))
}

fn aftermath(lines: &mut Lines, change: &Change, paint: Paint) {
    let Change { retrospective, incidents, follow_up, found, .. } = change;
    if retrospective.is_none() && incidents.is_empty() && follow_up.is_none() && found.is_none() {
        return;
    }
    lines.heading(paint, "Afterwards");
    let review = change
        .retrospective
        .as_ref()
        .map(|review| format!("{}, {}", words(&review.state), instant(&review.at)));
    lines.field(paint, "review", review.as_deref());
    let found = found
        .as_ref()
        .map(|found| format!("{}, {} by {}", words(&found.finding), instant(&found.at), found.by));
    lines.field(paint, "found", found.as_deref());
    lines.field(paint, "incidents", joined(&change.incidents).as_deref());
    lines.field(paint, "follow-up", change.follow_up.as_deref());
}
/// What the CMDB says of an item once the change is closed as successful.
fn at_the_end(name: &str, update: &CiUpdate) -> String {
    let lifecycle = update.lifecycle.iter().map(|lifecycle| format!("lifecycle {lifecycle}"));
    let attributes = update.attributes.iter().map(|(name, value)| format!("{name} {value}"));
    format!("{name} is {}", lifecycle.chain(attributes).collect::<Vec<_>>().join(", "))
}
