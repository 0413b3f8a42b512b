//! Policies.

use api::policy::{DifferingDecision, Policies, Policy, PolicyExplanation, PolicyReason, Replay};

use super::{Lines, Table, cell, instant, words};
use crate::commands::policy::Told;
use crate::shell::{Paint, plain};

/// The policies in force.
pub(crate) fn list(policies: &Policies, paint: Paint) -> String {
    const RULE: usize = 3;
    let mut table = Table::new(paint, &["POLICY", "EFFECT", "FROM", "RULE"], RULE);
    for policy in &policies.items {
        table.row([cell(&policy.id), policy.effect.clone(), origin(policy), cell(&policy.title)]);
    }
    let mut lines = Lines::default();
    let number = policies.policy_set.map_or_else(|| "-".to_owned(), |number| number.to_string());
    lines.line(format!("policy set {number}, in force since {}", instant(&policies.in_force_since)));
    lines.field(paint, "digest", Some(&policies.digest));
    lines.field(paint, "shipped", Some(&policies.core_digest));
    for file in &policies.added {
        lines.field(paint, "added", Some(&format!("{} {}", file.name, file.digest)));
    }
    lines.line("");
    let mut rules = Table::new(paint, &["RULE AT ASSESSMENT", "OF", "FROM", "SAYS"], RULE);
    for rule in &policies.rules {
        rules.row([cell(&rule.id), cell(&rule.policy), cell(&rule.file), cell(&rule.title)]);
    }
    let rules = if policies.rules.is_empty() { String::new() } else { format!("\n{}", rules.into_text()) };
    format!("{}{}{rules}", lines.into_text(), table.into_text())
}

/// Cases that were asked.
pub(crate) fn cases(cases: &[Told], paint: Paint) -> String {
    let mut lines = Lines::default();
    for case in cases {
        let verdict = if case.holds { paint.good("ok") } else { paint.bad("FAILED") };
        lines.line(format!("{verdict}  {}:{}  {}", plain(&case.file), case.line, plain(&case.name)));
    }
    let held = cases.iter().filter(|case| case.holds).count();
    lines.line(format!("{held} of {} cases are answered as expected", cases.len()));
    lines.into_text()
}

/// One policy with its text.
pub(crate) fn in_full(policy: &Policy, paint: Paint) -> String {
    let mut lines = Lines::default();
    lines.line(format!("{}  {}", paint.strong(plain(&policy.id)), policy.effect));
    lines.field(paint, "rule", Some(&policy.title));
    lines.field(paint, "next step", policy.fix.as_deref());
    let controls = Some(policy.controls.join(", ")).filter(|controls| !controls.is_empty());
    lines.field(paint, "controls", controls.as_deref());
    lines.field(paint, "stands in", Some(&format!("{} line {}", policy.file, policy.line)));
    lines.line("");
    lines.line(plain(&policy.text));
    lines.into_text()
}

fn origin(policy: &Policy) -> String {
    if policy.core { "shipped".to_owned() } else { cell(&policy.file) }
}

/// Which policies decided what happened to a change.
pub(crate) fn explanation(explanation: &PolicyExplanation, paint: Paint) -> String {
    let mut lines = Lines::default();
    lines.line(paint.strong(plain(&explanation.change_id)));
    for decided in &explanation.decisions {
        lines.line("");
        let set = decided.policy_set.map_or_else(String::new, |number| format!(", policy set {number}"));
        let (at, action) = (instant(&decided.timestamp), words(&decided.action));
        lines.line(format!(
            "{}. {at}  {} by {}{set}",
            decided.version,
            paint.strong(action),
            plain(&decided.actor)
        ));
        lines.line(format!("   {}", plain(&decided.details)));
        decided.permitted_by.iter().for_each(|reason| told(&mut lines, "permitted by", reason, paint));
        decided.not_automated.iter().for_each(|reason| told(&mut lines, "a person decides", reason, paint));
    }
    lines.into_text()
}

fn told(lines: &mut Lines, label: &str, reason: &PolicyReason, paint: Paint) {
    let title = reason.title.as_deref().unwrap_or("not known any more; its set is named in the log");
    let controls = match reason.controls.as_slice() {
        [] => String::new(),
        controls => format!(" [{}]", controls.join(", ")),
    };
    lines.line(format!(
        "   {} {}: {}",
        paint.dim(format!("{label}:")),
        plain(&reason.id),
        plain(&format!("{title}{controls}"))
    ));
    if let Some(fix) = &reason.fix {
        lines.line(format!("      {} {}", paint.dim("next:"), plain(fix)));
    }
}

/// Which past decisions other policies would have made differently.
pub(crate) fn replay(replay: &Replay, paint: Paint) -> String {
    let mut lines = Lines::default();
    let went_wrong = replay.differing.iter().filter(|one| one.went_wrong).count();
    lines.line(format!(
        "{} of {} decisions about {} changes would have been different; {went_wrong} of those are about changes that went wrong",
        replay.differing.len(),
        replay.decisions,
        replay.changes
    ));
    lines.field(paint, "in force", Some(&replay.in_force));
    lines.field(paint, "other", Some(&replay.other));
    if replay.not_reproduced > 0 {
        let count = replay.not_reproduced;
        lines.line(format!(
            "  nothing is said of {count} decisions, which the policies in force would not repeat as they were recorded"
        ));
    }
    for one in &replay.differing {
        lines.line("");
        differing(&mut lines, one, paint);
    }
    lines.into_text()
}

fn differing(lines: &mut Lines, one: &DifferingDecision, paint: Paint) {
    let verdict = if one.would_be_permitted {
        paint.caution("would be permitted")
    } else {
        paint.bad("would be refused")
    };
    let (at, action) = (instant(&one.timestamp), words(&one.action));
    lines.line(format!(
        "{}  {at}  {action} by {}: {verdict}",
        paint.strong(plain(&one.change_id)),
        plain(&one.actor)
    ));
    lines.line(format!("   {}", plain(&one.title)));
    let ended = one.outcome.as_deref().unwrap_or(&one.state);
    let ended = if one.went_wrong { paint.bad(words(ended)) } else { words(ended) };
    lines.line(format!("   {} {ended}", paint.dim("came to:")));
    let permitted: Vec<&str> = one.permitted_by.iter().map(String::as_str).collect();
    lines.line(format!("   {} {}", paint.dim("permitted by:"), plain(&permitted.join(", "))));
    one.refused_by.iter().for_each(|reason| told(lines, "refused by", reason, paint));
}
