//! The way back: what it would take or took, what leads to it.

use std::collections::BTreeMap;

use domain::change::{Change, ChangeEvent};
use domain::plan::{Part, StepStatus};
use domain::rollback::{Percent, RollbackConditions};
use maud::{Markup, html};

use super::plan::{Step, ends, steps};
use crate::known::Known;
use crate::portal::format;
use crate::record::Recorded;
use crate::view;

/// The way back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rollback {
    /// How it runs; nothing without a rollback plan.
    plan: Option<String>,
    steps: Vec<Step>,
    has_undos: bool,
    triggers: Vec<(&'static str, String, String)>,
    /// Why it was begun, where it was.
    cause: Option<String>,
    not_undone: Vec<String>,
    left_in_place: Vec<String>,
}

impl Rollback {
    pub(super) fn of(known: &Known, change: &Change, trail: &[Recorded<ChangeEvent>]) -> Self {
        let content = &change.content;
        let run = change.execution().map(|execution| &execution.run);
        let ends = ends(trail);
        let statuses: BTreeMap<_, _> = run.into_iter().flat_map(view::rollback_step_statuses).collect();
        let planned = content.rollback_plan.iter().flat_map(|plan| &plan.steps);
        let steps = planned.map(|step| {
            let status: Option<StepStatus> = statuses.get(&step.name).copied();
            Step::of(step, status, &ends, &[Part::RollbackStep])
        });
        let mut undos = content.plan.iter().flat_map(|plan| &plan.steps);
        Self {
            plan: content.rollback_plan.as_ref().map(|plan| {
                let how = if plan.runs_unattended() { "It runs by itself" } else { "It needs a person" };
                let limit = plan
                    .max_duration_seconds
                    .map(|seconds| format!(", for at most {}", format::took(seconds.saturating_mul(1_000))));
                format!("{how}{}.", limit.unwrap_or_default())
            }),
            steps: steps.collect(),
            has_undos: undos.any(|step| step.undo.is_some()),
            triggers: triggers(&content.rollback_conditions),
            cause: run.and_then(|run| run.cause()).map(|cause| view::with_names(known, &cause.to_string())),
            not_undone: run.map(|run| run.not_undone()).iter().flatten().map(ToString::to_string).collect(),
            left_in_place: run
                .into_iter()
                .flat_map(|run| run.left_in_place())
                .map(ToString::to_string)
                .collect(),
        }
    }
}

/// Each condition: what is watched, its limit, what is done.
fn triggers(conditions: &RollbackConditions) -> Vec<(&'static str, String, String)> {
    let over = |seconds: u64| format::took(seconds.saturating_mul(1_000));
    let error_rate = conditions.error_rate.as_ref().map(|condition| {
        let limit = format!("over {} for {}", Percent(condition.threshold), over(condition.window_seconds));
        ("Error rate", limit, condition.action.to_string())
    });
    let latency = conditions.latency.as_ref().map(|condition| {
        let limit = format!("over {} for {}", condition.threshold, over(condition.window_seconds));
        ("Latency", limit, condition.action.to_string())
    });
    let health = conditions.health_check.as_ref().map(|condition| {
        let limit = format!("{} failed in a row", condition.failed_checks);
        ("Health checks", limit, condition.action.to_string())
    });
    let security = conditions.security.as_ref().filter(|condition| condition.vulnerability_detected);
    let security = security
        .map(|condition| ("Vulnerability", "any that is found".to_owned(), condition.action.to_string()));
    [error_rate, latency, health, security].into_iter().flatten().collect()
}

pub(super) fn card(rollback: &Rollback) -> Markup {
    html! {
        section.card aria-labelledby="rollback" {
            h2 #rollback { "Rollback" }
            @if let Some(cause) = &rollback.cause { p { b { "Begun because " } (format::marked(cause)) "." } }
            @if !rollback.not_undone.is_empty() {
                p.bad { "Not undone: " (rollback.not_undone.join(", ")) "." }
            }
            @if !rollback.left_in_place.is_empty() {
                p { "Left in place, because nothing takes it back: " (rollback.left_in_place.join(", ")) "." }
            }
            @match (&rollback.plan, rollback.has_undos) {
                (Some(plan), true) => p.quiet { "Finished steps are undone in reverse order, then the rollback plan runs. " (plan) },
                (Some(plan), false) => p.quiet { "The rollback plan runs. " (plan) },
                (None, true) => p.quiet { "Finished steps are undone in reverse order. There is no further rollback plan." },
                (None, false) => p.quiet { "There is no rollback plan, and no step has an undo." },
            }
            @if !rollback.steps.is_empty() { (steps(&rollback.steps)) }
            @if !rollback.triggers.is_empty() {
                h3 { "What leads to it" }
                table.triggers {
                    caption.sr { "Rollback conditions" }
                    thead.sr { tr { th scope="col" { "Watched" } th scope="col" { "Limit" } th scope="col" { "Action" } } }
                    tbody {
                        @for (what, limit, action) in &rollback.triggers {
                            tr { th scope="row" { (what) } td { (limit) } td { (action.replace('_', " ")) } }
                        }
                    }
                }
            }
        }
    }
}
