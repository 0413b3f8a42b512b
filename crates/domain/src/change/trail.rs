//! The audit trail in the specification's words: an action name and a sentence for every event.

use super::command::ReviewKind;
use super::event::{ChangeEvent, Grounds, Overridden};
use super::review::ReviewFinding;
use super::state::Validation;
use crate::actor::Role;
use crate::approval::Proof;
use crate::plan::{Outcome, Rehearsal};
use crate::text::FreeText;

/// Longest `details` sentence, in bytes.
const DETAILS_BYTES_MAX: usize = 1024;

/// One entry of the audit trail, without its time and actor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What was done, in the past tense: `created`, `risk_assessed`, `approved`, …
    pub action: &'static str,
    /// What was done, in a sentence.
    pub details: String,
}

/// Names an event and puts it into a sentence.
pub fn entry(event: &ChangeEvent) -> Entry {
    let action = action(event);
    let mut details = details(event);
    if details.len() > DETAILS_BYTES_MAX {
        details.truncate(details.floor_char_boundary(DETAILS_BYTES_MAX));
        details.push('…');
    }
    Entry { action, details }
}

/// The action name, following the specification.
pub fn action(event: &ChangeEvent) -> &'static str {
    match event {
        ChangeEvent::Created { .. } => "created",
        ChangeEvent::Submitted => "submitted",
        ChangeEvent::Amended { .. } => "amended",
        ChangeEvent::Commented { .. } => "commented",
        ChangeEvent::RiskAssessed { .. } => "risk_assessed",
        ChangeEvent::ApprovalRequested { .. } => "approval_requested",
        ChangeEvent::Approved { .. } => "approved",
        ChangeEvent::StageOpened { .. } => "stage_opened",
        ChangeEvent::ApprovalEscalated { .. } => "approval_escalated",
        ChangeEvent::DecisionOverridden { .. } => "decision_overridden",
        ChangeEvent::Rejected { .. } => "rejected",
        ChangeEvent::ApprovalWithdrawn { .. } => "approval_withdrawn",
        ChangeEvent::ConditionSatisfied { .. } => "condition_satisfied",
        ChangeEvent::Cancelled { .. } => "cancelled",
        ChangeEvent::Rehearsed { .. } => "rehearsed",
        ChangeEvent::ImplementationStarted { .. } => "implementation_started",
        ChangeEvent::TakenOver { .. } => "taken_over",
        ChangeEvent::Progressed { .. } => "progressed",
        ChangeEvent::Interrupted { .. } => "interrupted",
        ChangeEvent::Implemented { .. } => "implemented",
        ChangeEvent::ResultAccepted { .. } => "result_accepted",
        ChangeEvent::Validated { .. } => "validated",
        ChangeEvent::ValidationFailed { .. } => "validation_failed",
        ChangeEvent::RollbackStarted { .. } => "rollback_started",
        ChangeEvent::RolledBack => "rolled_back",
        ChangeEvent::RollbackFailed { .. } => "rollback_failed",
        ChangeEvent::Closed { .. } => "closed",
        ChangeEvent::Reviewed { .. } => "reviewed",
        ChangeEvent::RetrospectiveOverdue => "retrospective_overdue",
        ChangeEvent::WindowMissed { .. } => "window_missed",
        ChangeEvent::AttentionNeeded { .. } => "attention_needed",
        ChangeEvent::IncidentLinked { .. } => "incident_linked",
    }
}

fn details(event: &ChangeEvent) -> String {
    match event {
        ChangeEvent::Created { draft: false, .. } => "Change request submitted".to_owned(),
        ChangeEvent::Created { draft: true, .. } => "Draft created".to_owned(),
        ChangeEvent::Submitted => "Draft submitted".to_owned(),
        ChangeEvent::Amended { .. } => "Content replaced; earlier approvals are void".to_owned(),
        ChangeEvent::Commented { text } | ChangeEvent::AttentionNeeded { text } => text.as_str().to_owned(),
        ChangeEvent::RiskAssessed { assessment, requirements } => match &requirements.standing {
            Some(standing) => {
                let (summary, decision) = (assessment.summary(), standing.decision);
                format!("{summary}; the standing decision {decision} stands for the approval of the CAB")
            }
            None => assessment.summary(),
        },
        ChangeEvent::ApprovalRequested { deadline } => format!("Approval requested until {deadline}"),
        ChangeEvent::Approved { grounds, complete, .. } => approved(grounds, *complete),
        ChangeEvent::StageOpened { stage, deadline } => {
            format!("Stage {} of approval opened until {deadline}", u16::from(*stage) + 1)
        }
        ChangeEvent::ApprovalEscalated { to } => {
            let roles: Vec<_> = to.iter().map(|role| title(*role)).collect();
            format!("The time to approve is nearly over; may decide too: {}", roles.join(", "))
        }
        ChangeEvent::DecisionOverridden { role, overridden, reason } => {
            format!("{} as {}: {reason}", overriding(overridden), title(*role))
        }
        ChangeEvent::Rejected { reason, text } => format!("Rejected ({reason}): {text}"),
        ChangeEvent::ApprovalWithdrawn { reason, .. } => format!("Approval withdrawn: {reason}"),
        ChangeEvent::ConditionSatisfied { index, evidence, proof } => {
            format!("Condition {index} met: {evidence}{}", looked_at(proof.as_ref()))
        }
        ChangeEvent::Cancelled { reason } => format!("Cancelled: {reason}"),
        ChangeEvent::Rehearsed { rehearsal } => rehearsed(rehearsal),
        ChangeEvent::ImplementationStarted { auto_rollback, .. } => {
            let rollback = if *auto_rollback { "automatic" } else { "manual" };
            format!("Implementation started, rollback {rollback}")
        }
        ChangeEvent::TakenOver { .. } => "Another runner took over".to_owned(),
        ChangeEvent::Progressed { observation } => capitalised(&observation.to_string()),
        ChangeEvent::Interrupted { deadline } => {
            format!("The runner is gone; to be taken over before {deadline}")
        }
        ChangeEvent::Implemented { .. } => "Deployment completed successfully".to_owned(),
        ChangeEvent::ResultAccepted { text } => format!("Result accepted: {text}"),
        ChangeEvent::Validated { validation, .. } => match validation.checks.len() {
            1 => "The check passed".to_owned(),
            count => format!("All {count} checks passed"),
        },
        ChangeEvent::ValidationFailed { validation } => failed_checks(validation),
        ChangeEvent::RollbackStarted { cause, .. } => format!("Rollback started: {cause}"),
        ChangeEvent::RolledBack => "Everything was undone".to_owned(),
        ChangeEvent::RollbackFailed { reason, .. } => format!("Rollback failed: {reason}"),
        ChangeEvent::Closed { outcome, comment, documentation, by_deadline, .. } => {
            let by = if *by_deadline { ", closed by the system because nobody did in time" } else { "" };
            let comment = comment.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
            let documented =
                documentation.as_ref().map(|proof| format!("; documented{}", looked_at(Some(proof))));
            let documented = documented.unwrap_or_default();
            format!("Change {}{by}{comment}{documented}", outcome.as_str().replace('_', " "))
        }
        ChangeEvent::Reviewed { kind, text, finding } => reviewed(*kind, text, *finding),
        ChangeEvent::RetrospectiveOverdue => "The retrospective review is overdue".to_owned(),
        ChangeEvent::WindowMissed { .. } => {
            "The window passed before the start; a new approval is needed".to_owned()
        }
        ChangeEvent::IncidentLinked { incident } => format!("Incident {incident} linked"),
    }
}

fn reviewed(kind: ReviewKind, text: &FreeText, finding: Option<ReviewFinding>) -> String {
    let found = finding.map(|finding| format!(", which finds that the change {finding}"));
    let kind = capitalised(&kind.as_str().replace('_', "-"));
    format!("{kind} review{}: {text}", found.unwrap_or_default())
}

fn failed_checks(validation: &Validation) -> String {
    let failed: Vec<_> = validation.checks.iter().filter(|check| !check.passed).collect();
    let names: Vec<_> = failed.iter().map(|check| format!("{}: {}", check.name, check.detail)).collect();
    format!("{} of {} checks failed: {}", failed.len(), validation.checks.len(), names.join("; "))
}

fn rehearsed(rehearsal: &Rehearsal) -> String {
    let Rehearsal { target, host, tasks, .. } = rehearsal;
    let failed = tasks.iter().filter(|rehearsed| rehearsed.outcome != Outcome::Succeeded).count();
    let ended = if rehearsal.passed() {
        format!("{} steps and undos succeeded, everything saved is as before", tasks.len())
    } else {
        format!(
            "{failed} of {} steps and undos failed, differing: {}",
            tasks.len(),
            rehearsal.differing.len()
        )
    };
    format!("Rehearsed on {target} from {host}: {ended}")
}

fn approved(grounds: &Grounds, complete: bool) -> String {
    match grounds {
        Grounds::Automated => {
            "Approved automatically: low risk, tests passed, no policy violation".to_owned()
        }
        Grounds::Authority { approval, conditions, comment } => {
            let mut text = format!("Approved as {}", title(approval.role));
            if let Some(below) = approval.instead_of {
                text = format!("{text} instead of {}", title(below));
            }
            if let Some(other) = &approval.delegated_by {
                text = format!("{text}, by the authority that {other} delegated");
            }
            if !conditions.is_empty() {
                let conditions: Vec<_> = conditions.iter().map(ToString::to_string).collect();
                text = format!("{text} with conditions: {}", conditions.join("; "));
            }
            if let Some(comment) = comment {
                text = format!("{text} ({comment})");
            }
            if !complete {
                text.push_str("; further approvals are outstanding");
            }
            text
        }
    }
}

/// Where evidence can be looked at, behind it.
fn looked_at(proof: Option<&Proof>) -> String {
    match proof {
        Some(Proof::Link { url }) => format!(" ({url})"),
        Some(Proof::File { sha256 }) => format!(" (file with SHA-256 {sha256})"),
        None => String::new(),
    }
}

fn overriding(overridden: &Overridden) -> String {
    match overridden {
        Overridden::PreApproval => "Refused automatic approval overridden".to_owned(),
        Overridden::Rejection { was, deadline } => {
            format!("Automatic rejection ({was}) overridden, approval requested until {deadline}")
        }
        Overridden::Level { from, to, deadline, .. } => {
            format!("Level {from} overridden: {to}, approval requested until {deadline}")
        }
    }
}

fn title(role: Role) -> String {
    role.as_str().replace('_', " ")
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
