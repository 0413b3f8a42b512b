//! The head of the page: number, title, the answer in a sentence, the facts one looks for first, the way so far.

use api::change as wire;
use domain::Timestamp;
use domain::change::{Change, ChangeEvent, Outcome, StateName};
use domain::risk::Level;
use maud::{Markup, html};

use super::Kinds;
use super::stages::{self, Stage};
use crate::known::Known;
use crate::portal::format;
use crate::portal::mark::{self, Size, Told};
use crate::record::Recorded;
use crate::view;

/// The head of the page.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Header {
    /// The change's number.
    pub(super) id: String,
    /// Its title.
    pub(super) title: String,
    answer: String,
    description: Option<String>,
    state: StateName,
    outcome: Option<Outcome>,
    risk: Option<(u8, Level)>,
    priority: String,
    kind: String,
    requester: String,
    kinds: Kinds,
    services: Vec<(String, Option<u8>)>,
    stages: Vec<Stage>,
}

/// Services that the head names.
const SERVICES_SHOWN_MAX: usize = 6;

impl Header {
    pub(super) fn of(
        known: &Known,
        change: &Change,
        trail: &[Recorded<ChangeEvent>],
        told: &wire::Change,
    ) -> Self {
        let content = &change.content;
        let requester = told.on_behalf_of.as_ref().unwrap_or(&told.created_by);
        let services = content.affected_services.iter();
        Self {
            id: told.change_id.clone(),
            title: content.title.to_string(),
            answer: answer(known, change, trail, told),
            description: told.request.description.clone(),
            state: change.state_name(),
            outcome: change.outcome(),
            risk: change.assessment().map(|assessment| (assessment.score.get(), assessment.level)),
            priority: told.priority.clone().unwrap_or_default(),
            kind: format!("{}, {}", format::words(content.change_type.as_str()), content.category),
            requester: requester.clone(),
            kinds: Kinds::of(known, [requester]),
            services: services.map(|name| (name.to_string(), tier_of(known, name.as_str()))).collect(),
            stages: stages::of(change, trail),
        }
    }
}

/// Where the change is and what follows, in a sentence.
fn answer(known: &Known, change: &Change, trail: &[Recorded<ChangeEvent>], told: &wire::Change) -> String {
    let cause = told.implementation.as_ref().and_then(|run| run.rollback_cause.as_deref());
    let cause = cause.map_or_else(String::new, |cause| format!(": {cause}"));
    match change.state_name() {
        StateName::Draft => "A draft. It is assessed once it is submitted.".to_owned(),
        StateName::Assessing => "Submitted. Its risk is being assessed.".to_owned(),
        StateName::AwaitingApproval => waiting(told),
        StateName::Approved => match told.blockers.len() {
            0 => "Approved. It may start now.".to_owned(),
            1 => "Approved. One thing is missing before it may start.".to_owned(),
            count => format!("Approved. {count} things are missing before it may start."),
        },
        StateName::Implementing => working(told),
        StateName::Interrupted => {
            "The runner is gone. Another may take over; if none does in time, it is rolled back.".to_owned()
        }
        StateName::Validating => "The plan is done. Its result is being validated.".to_owned(),
        StateName::Implemented => "Done and validated. It waits to be closed.".to_owned(),
        StateName::RollingBack => format::sentence(&format!("everything is being taken back{cause}")),
        StateName::RolledBack => format::sentence(&format!("everything was taken back{cause}")),
        StateName::Failed => format::sentence(&format!("it could not be taken back wholly{cause}")),
        StateName::Closed => format!("{}{}", ended(known, trail), otherwise(told)),
        StateName::Rejected | StateName::Cancelled => ended(known, trail),
    }
}

fn waiting(told: &wire::Change) -> String {
    let outstanding = told.approval.iter().flat_map(|approval| &approval.outstanding);
    let gates: Vec<_> = outstanding
        .map(|gate| match (gate.count, role(&gate.role)) {
            (1, title) => format!("1 approval as {title}"),
            (count, title) => format!("{count} approvals as {title}"),
        })
        .collect();
    format!("Waits for {}.", gates.join(" and "))
}

/// A role's title, where the wire's word is a role.
pub(super) fn role(word: &str) -> String {
    word.parse().map_or_else(|_| word.to_owned(), |role| view::role_title(role).to_owned())
}

fn working(told: &wire::Change) -> String {
    let Some(run) = &told.implementation else { return "In progress.".to_owned() };
    if let Some(question) = &run.waiting_for {
        return format::sentence(&format!("holding for a person: {question}"));
    }
    let at = run.current.as_ref().map_or_else(String::new, |task| format!(", now {task}"));
    let by = run.runner.as_ref().map_or_else(String::new, |runner| format!(", run by {runner}"));
    let pause = if run.phase == "paused" { "Paused" } else { "In progress" };
    format!("{pause}: {} of {} steps done{at}{by}.", run.done, run.total)
}

/// How a finished change ended, as its trail says.
fn ended(known: &Known, trail: &[Recorded<ChangeEvent>]) -> String {
    let is_ending = |event: &ChangeEvent| {
        matches!(
            event,
            ChangeEvent::Closed { .. } | ChangeEvent::Rejected { .. } | ChangeEvent::Cancelled { .. }
        )
    };
    let last = trail.iter().rev().find(|recorded| is_ending(&recorded.event));
    last.map_or_else(String::new, |last| format::sentence(&view::trail_entry(known, last).details))
}

/// What a review found of the end, where one has said so. Both stand: how it was closed, and what was found.
fn otherwise(told: &wire::Change) -> String {
    let found = told.found.as_ref();
    let told = |found: &wire::ReviewFinding| {
        format!(" The review of {} found that it {}.", found.by, format::words(&found.finding).to_lowercase())
    };
    found.map(told).unwrap_or_default()
}

pub(super) fn card(header: &Header, now: Timestamp) -> Markup {
    let Header { id, title, state, outcome, services, .. } = header;
    let more = services.len().saturating_sub(SERVICES_SHOWN_MAX);
    html! {
        section.card.head-card aria-labelledby="title" {
            nav.crumb aria-label="Breadcrumb" {
                ol {
                    li { a href="/changes" { "Changes" } }
                    li aria-current="page" { code { (id) } }
                }
            }
            h1 #title { (title) }
            p.answer { (format::marked(&header.answer)) }
            ul.facts aria-label="Facts" {
                @if let Some((score, level)) = header.risk { li { (mark::risk(score, level, Size::Head)) } }
                li { (Told::state(*state, *outcome).mark()) }
                li { span.badge { "Priority " (header.priority) } }
                li { span.badge { (header.kind) } }
                li { (mark::actor(&header.requester, header.kinds.get(&header.requester))) }
                @for (name, tier) in services.iter().take(SERVICES_SHOWN_MAX) { li { (service(name, *tier)) } }
                @if more > 0 { li.quiet { "and " (more) " more services" } }
            }
            @if let Some(description) = &header.description { p.prose { (description) } }
            (stages::list(&header.stages, now))
        }
    }
}

/// The tier of a service, where a source states it.
fn tier_of(known: &Known, name: &str) -> Option<u8> {
    known.cmdb.described(name)?.tier().map(|stated| stated.tier.number())
}

/// A service with its tier, where a source states it.
pub(super) fn service(name: &str, tier: Option<u8>) -> Markup {
    html! {
        span.service {
            @match tier {
                Some(tier) => span class={ "tier tier-" (tier) } title={ "Tier " (tier) } { "T" (tier) },
                None => span.tier.tier-unknown title="Nobody states its tier" { "T?" },
            }
            (name)
        }
    }
}
