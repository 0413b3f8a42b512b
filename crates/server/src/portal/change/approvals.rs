//! Approvals: which are needed, who gave them, which conditions they set.

use api::change::{self as wire, ApprovalView, Condition, Gate, GivenApproval};
use domain::Timestamp;
use maud::{Markup, html};

use super::Kinds;
use super::header::role;
use crate::known::Known;
use crate::portal::icon::Icon;
use crate::portal::{format, mark};

/// Approvals, required and given.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Approvals {
    view: ApprovalView,
    kinds: Kinds,
    is_current: Vec<bool>,
}

impl Approvals {
    pub(super) fn of(known: &Known, told: &wire::Change) -> Option<Self> {
        let view = told.approval.clone()?;
        let kinds = Kinds::of(known, view.given.iter().map(|given| &given.by));
        let is_current = view.given.iter().map(|given| given.digest == told.digest).collect();
        Some(Self { view, kinds, is_current })
    }
}

pub(super) fn card(approvals: &Approvals, now: Timestamp) -> Markup {
    let ApprovalView { automated, required, given, outstanding, conditions, deadline, standing } =
        &approvals.view;
    html! {
        section.card aria-labelledby="approvals" {
            h2 #approvals { "Approvals" }
            @if *automated {
                p { "No person is needed: policy approves it." }
            } @else {
                ul.gates { @for gate in required { (gate_row(gate, outstanding)) } }
            }
            @if let Some(standing) = standing {
                p { "For the approval of the CAB stands " (standing.text) "." }
            }
            @if let Some(Ok(deadline)) = deadline.as_ref().map(|deadline| deadline.parse::<Timestamp>()) {
                p.due { (format::due(deadline, now)) ", then rejected" }
            }
            @if !given.is_empty() {
                ul.given {
                    @for (given, is_current) in given.iter().zip(&approvals.is_current) {
                        (given_row(given, *is_current, &approvals.kinds, now))
                    }
                }
            }
            @if !conditions.is_empty() {
                h3 { "Conditions before the start" }
                ul.gates { @for condition in conditions { (condition_row(condition)) } }
            }
        }
    }
}

fn gate_row(gate: &Gate, outstanding: &[Gate]) -> Markup {
    let missing = outstanding.iter().find(|open| open.role == gate.role).map_or(0, |open| open.count);
    let given = gate.count.saturating_sub(missing);
    html! {
        li {
            @if missing == 0 { span.state.state-good { (Icon::Done.mark()) } }
            @else { span.state.state-wait { (Icon::Await.mark()) } }
            span { (role(&gate.role)) ": " (given) " of " (gate.count) }
        }
    }
}

fn given_row(given: &GivenApproval, is_current: bool, kinds: &Kinds, now: Timestamp) -> Markup {
    html! {
        li {
            (mark::actor(&given.by, kinds.get(&given.by)))
            span.quiet {
                " as " (role(&given.role)) ", "
                @match given.at.parse::<Timestamp>() {
                    Ok(at) => (format::instant(at, &format::short(at, now))),
                    Err(_) => (given.at),
                }
                @if !is_current { ". Void: the content was replaced since" }
            }
        }
    }
}

fn condition_row(condition: &Condition) -> Markup {
    html! {
        li {
            @match &condition.evidence {
                Some(_) => span.state.state-good { (Icon::Done.mark()) },
                None => span.state.state-wait { (Icon::Await.mark()) },
            }
            span {
                (condition.text)
                small.quiet {
                    "Set by " (condition.set_by) ". "
                    @match &condition.evidence {
                        Some(evidence) => { "Met: " (evidence) },
                        None => "Not met.",
                    }
                }
            }
        }
    }
}
