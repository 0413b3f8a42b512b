//! Approvals: which are needed, who gave them, which conditions they set.

use api::change::{self as wire, ApprovalView, Condition, Gate, GivenApproval, OverriddenDecision, Stage};
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
    let view = &approvals.view;
    let ApprovalView { automated, required, given, outstanding, stages, deadline, .. } = view;
    html! {
        section.card aria-labelledby="approvals" {
            h2 #approvals { "Approvals" }
            @for one in &view.overrides { (overridden(one, now)) }
            @if *automated {
                p { "No person is needed: policy approves it." }
            } @else if stages.len() > 1 {
                @for stage in stages { (stage_rows(stage, outstanding, now)) }
            } @else {
                ul.gates { @for gate in required { (gate_row(gate, outstanding)) } }
                @if let Some(Ok(deadline)) = deadline.as_ref().map(|deadline| deadline.parse::<Timestamp>()) {
                    p.due { (format::due(deadline, now)) ", then rejected" }
                }
            }
            @if let Some(standing) = &view.standing {
                p { "For the approval of the CAB stands " (standing.text) "." }
            }
            @if !view.escalated_to.is_empty() {
                @let roles: Vec<_> = view.escalated_to.iter().map(|word| role(word)).collect();
                p.due { "The time is nearly over. May decide too: " (roles.join(", ")) }
            }
            @if !given.is_empty() {
                ul.given {
                    @for (given, is_current) in given.iter().zip(&approvals.is_current) {
                        (given_row(given, *is_current, &approvals.kinds, now))
                    }
                }
            }
            @if !view.conditions.is_empty() { (checklist(&view.conditions)) }
        }
    }
}

/// The stages: the gates of each, and until when those of the open one are asked.
fn stage_rows(stage: &Stage, outstanding: &[Gate], now: Timestamp) -> Markup {
    html! {
        h3 { "Stage " (stage.number) " of " (stage.of) }
        ul.gates { @for gate in &stage.required { (gate_row(gate, outstanding)) } }
        @match stage.deadline.as_ref().map(|deadline| deadline.parse::<Timestamp>()) {
            Some(Ok(deadline)) => p.due { (format::due(deadline, now)) ", then rejected" },
            _ if stage.state == "later" => p.due { "Opens once the earlier stage is complete" },
            _ => {},
        }
    }
}

/// An automated decision that somebody overrode.
fn overridden(one: &OverriddenDecision, now: Timestamp) -> Markup {
    let what = match (one.decision.as_str(), &one.from, &one.to) {
        ("level", Some(from), Some(to)) => format!("Level {from} overridden: {to}"),
        ("rejection", Some(from), _) => format!("Automatic rejection ({from}) overridden"),
        _ => "Refused automatic approval overridden".to_owned(),
    };
    html! {
        p.overridden {
            (Icon::Warning.mark()) b { (what) } ": " (one.reason)
            small.quiet {
                " " (one.by) " as " (role(&one.role)) ", "
                @match one.at.parse::<Timestamp>() {
                    Ok(at) => (format::instant(at, &format::short(at, now))),
                    Err(_) => (one.at),
                }
            }
        }
    }
}

fn checklist(conditions: &[Condition]) -> Markup {
    let met = conditions.iter().filter(|condition| condition.evidence.is_some()).count();
    html! {
        h3 { "Conditions before the start: " (met) " of " (conditions.len()) " met" }
        ul.gates { @for condition in conditions { (condition_row(condition)) } }
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
                " as " (role(&given.role))
                @if let Some(below) = &given.instead_of { " instead of " (role(below)) }
                @if let Some(other) = &given.in_place_of { " for " (other) }
                ", "
                @match given.at.parse::<Timestamp>() {
                    Ok(at) => (format::instant(at, &format::short(at, now))),
                    Err(_) => (given.at),
                }
                @if !is_current { ". Void: the content was replaced since" }
            }
        }
    }
}

/// A line of the checklist.
fn condition_row(condition: &Condition) -> Markup {
    html! {
        li {
            @match &condition.evidence {
                Some(_) => span.state.state-good { (Icon::Done.mark()) span.sr { "Met" } },
                None => span.state.state-wait { (Icon::Blank.mark()) span.sr { "Open" } },
            }
            span {
                (condition.text)
                small.quiet {
                    "Set by " (condition.set_by) ". "
                    @match &condition.evidence {
                        Some(evidence) => { "Met: " (evidence) (proof(condition)) },
                        None => { "Not met: " code { "cortex-change satisfy … " (condition.index) } },
                    }
                }
            }
        }
    }
}

/// Where evidence can be looked at. A page of others is told, not led to.
fn proof(condition: &Condition) -> Markup {
    html! {
        @if let Some(link) = &condition.link { " (" (link) ")" }
        @if let Some(digest) = &condition.sha256 { " (file with SHA-256 " code { (digest) } ")" }
        @if let Some(by) = &condition.met_by { ", said " (by) }
    }
}
