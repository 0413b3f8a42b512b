//! Policies.

use api::policy::{Policies, Policy};

use super::{Lines, Table, cell, instant};
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
    format!("{}{}", lines.into_text(), table.into_text())
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
