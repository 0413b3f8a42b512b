//! What scanners and policies object to, as a part of the factor probability. A finding only ever raises it.

use std::collections::BTreeSet;

use super::Contribution;
use crate::change::{Evidence, FindingSeverity, Line, PolicyFinding, ReportedFinding};
use crate::risk::counted;
use crate::risk::log10::tenths_of_log10;

/// What any finding of a policy adds.
const POLICY_TENTHS: i16 = 10;
/// Most that the number of findings adds; reached at ten.
const COUNT_TENTHS_MAX: i16 = 10;
/// Most tools and rules that a sentence names.
const NAMED_MAX: usize = 3;

/// What the most severe finding adds.
fn severity_tenths(severity: FindingSeverity) -> i16 {
    match severity {
        FindingSeverity::Low => 2,
        FindingSeverity::Medium => 10,
        FindingSeverity::High => 20,
        FindingSeverity::Critical => 30,
    }
}

pub(super) fn contributions(evidence: &Evidence) -> Vec<Contribution> {
    let policies = &evidence.policy_findings;
    [worst(&evidence.findings).map(|worst| scanners(evidence, worst)), by_policies(policies)]
        .into_iter()
        .flatten()
        .collect()
}

/// The most severe finding, the first of several.
pub(crate) fn worst(findings: &[ReportedFinding]) -> Option<&ReportedFinding> {
    findings.iter().rev().max_by_key(|finding| finding.counted_severity())
}

/// How many findings of each severity there are, who found them, and the worst one: `1 critical, 2 high (trivy)`.
pub(crate) fn summary(evidence: &Evidence, worst: &ReportedFinding) -> String {
    let findings = &evidence.findings;
    let mut counts: Vec<String> = Vec::new();
    for severity in FindingSeverity::ALL.iter().rev() {
        let count = findings.iter().filter(|finding| finding.severity == Some(*severity)).count();
        counts.extend((count > 0).then(|| format!("{count} {severity}")));
    }
    let unstated = findings.iter().filter(|finding| finding.severity.is_none()).count();
    let counted_as = ReportedFinding::UNSTATED;
    counts.extend((unstated > 0).then(|| format!("{unstated} of unknown severity, counted as {counted_as}")));
    let unlisted = evidence.findings_unlisted;
    counts.extend((unlisted > 0).then(|| format!("{unlisted} more that are not listed")));
    let component =
        worst.component.as_ref().map(|component| format!(" in `{component}`")).unwrap_or_default();
    let tools: BTreeSet<&Line> = findings.iter().map(|finding| &finding.tool).collect();
    let tools = list(tools.into_iter());
    format!("{}, found by {tools}; the worst is `{}`{component}", counts.join(", "), worst.rule)
}

fn scanners(evidence: &Evidence, worst: &ReportedFinding) -> Contribution {
    let count = (evidence.findings.len() as u64).saturating_add(evidence.findings_unlisted);
    let by_count = tenths_of_log10(count).min(COUNT_TENTHS_MAX);
    let sentence = format!("findings: {}", summary(evidence, worst));
    Contribution::new("findings", severity_tenths(worst.counted_severity()) + by_count, sentence)
}

fn by_policies(policies: &[PolicyFinding]) -> Option<Contribution> {
    if policies.is_empty() {
        return None;
    }
    let by_count = tenths_of_log10(policies.len() as u64).min(COUNT_TENTHS_MAX);
    let sentence = broken(policies);
    Some(Contribution::new("policy_findings", POLICY_TENTHS + by_count, sentence))
}

/// The rules that are broken, in a sentence. What a field holds is not repeated: it stays where it can be erased.
pub(crate) fn broken(policies: &[PolicyFinding]) -> String {
    let rules: Vec<String> = policies.iter().take(NAMED_MAX).map(rule).collect();
    let more = match policies.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}: {}{more}", counted(policies.len(), "policy finding"), rules.join(", "))
}

fn rule(finding: &PolicyFinding) -> String {
    let field = finding.field.as_ref().map(|field| format!(" at `{field}`")).unwrap_or_default();
    let control = finding.control.as_ref().map(|control| format!(" ({control})")).unwrap_or_default();
    format!("`{}`{field}{control}", finding.rule)
}

fn list<'a>(names: impl ExactSizeIterator<Item = &'a Line>) -> String {
    let more = names.len().saturating_sub(NAMED_MAX);
    let named: Vec<_> = names.take(NAMED_MAX).map(|name| format!("`{name}`")).collect();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", named.join(", "))
}
