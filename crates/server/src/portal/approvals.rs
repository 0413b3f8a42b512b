//! `/approvals`: what waits for approval, for whom, until when; and authority that is lent.

use api::approval::{Delegation, Say, WaitingApproval};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::Timestamp;
use domain::actor::Role;
use domain::risk::Level;
use maud::{Markup, html};
use policy::{Action, Resource};
use serde::Deserialize;
use url::form_urlencoded::Serializer;

use super::frame::{Frame, SignedLog, document};
use super::icon::Icon;
use super::mark::{self, Size};
use super::visitor::Viewer;
use super::{format, problem, respond};
use crate::app::App;
use crate::app::SharedApp;
use crate::ask;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::use_cases::delegations;
use crate::use_cases::queue::{self, WaitsFor};
use crate::view::{self, role_title};

/// Changes that are looked at for one page.
const LOOKED_AT_MAX: usize = 100;
/// For whom the page is one click away, besides the viewer: a name and the address's word.
const VIEWS: &[(&str, &str)] = &[
    ("For you", "me"),
    ("For technical leads", "technical_lead"),
    ("For the CAB", "cab_member"),
    ("For the e-CAB", "ecab_member"),
    ("All", "all"),
];

/// The address's query.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Asked {
    /// me, all or a role.
    #[serde(rename = "for")]
    waits_for: String,
    /// Where the page begins.
    cursor: String,
}

/// What the page shows.
#[derive(Debug, Clone, PartialEq)]
struct Model {
    frame: Frame,
    now: Timestamp,
    asked: Asked,
    waiting: Vec<WaitingApproval>,
    /// Where the next page begins.
    next: Option<String>,
    /// Delegations of the viewer and to them.
    delegations: Vec<Delegation>,
}

/// What waits.
pub(super) async fn show(
    State(app): State<SharedApp>,
    Viewer { caller, visitor }: Viewer,
    query: Result<Query<Asked>, QueryRejection>,
) -> Response {
    let read = async {
        let Query(asked) = query.map_err(|error| api::FieldError::new("query", error))?;
        ask::about(&app, &caller, Action::Read, &Resource::System)?;
        let frame = Frame { log: SignedLog::read(&app).await?, ..visitor.frame() };
        model(&app, &caller, frame, visitor.now, asked).await
    };
    match read.await {
        Ok(model) => respond::page(StatusCode::OK, view(&model)),
        Err(failure) => problem::page(&visitor, &failure),
    }
}

async fn model(
    app: &App,
    caller: &Caller,
    frame: Frame,
    now: Timestamp,
    asked: Asked,
) -> Result<Model, Failure> {
    let waits_for = match asked.waits_for.as_str() {
        "" | "me" => WaitsFor::Caller,
        "all" => WaitsFor::Anybody,
        word => WaitsFor::Role(word.parse().map_err(|error| api::FieldError::new("for", error))?),
    };
    let after = match asked.cursor.as_str() {
        "" => None,
        cursor => Some(cursor.parse()?),
    };
    let (found, next) = queue::waiting(app, caller, waits_for, after, LOOKED_AT_MAX).await?;
    let known = app.known();
    let waiting = found.iter().filter_map(|one| view::waiting(&known, one, now)).collect();
    let delegations = delegations::live(&known, Some(&caller.id()), now);
    let next = next.map(|cursor| cursor.to_string());
    Ok(Model { frame, now, asked, waiting, next, delegations })
}

impl Asked {
    fn waits_for(&self) -> &str {
        if self.waits_for.is_empty() { "me" } else { &self.waits_for }
    }

    fn address(&self) -> String {
        let fields = [("for", &self.waits_for), ("cursor", &self.cursor)];
        let given = fields.into_iter().filter(|(_, value)| !value.is_empty());
        let query = Serializer::new(String::new()).extend_pairs(given).finish();
        if query.is_empty() { "/approvals".to_owned() } else { format!("/approvals?{query}") }
    }
}

impl Model {
    /// The page's answer in a sentence.
    fn answer(&self) -> String {
        let whom = match self.asked.waits_for() {
            "me" => "you".to_owned(),
            "all" => "approval".to_owned(),
            word => role(word),
        };
        let more = if self.next.is_some() { " on this page" } else { "" };
        let count = u64::try_from(self.waiting.len()).unwrap_or(u64::MAX);
        let waits = if count == 1 { "waits" } else { "wait" };
        format!("{} {waits} for {whom}{more}.", format::count(count, "change", "changes"))
    }
}

/// A role's title, where the wire's word is a role.
fn role(word: &str) -> String {
    word.parse::<Role>().map_or_else(|_| word.to_owned(), |role| role_title(role).to_owned())
}

fn view(model: &Model) -> Markup {
    let content = html! {
        div.page-head {
            h1 { "Approvals" }
            p { (model.answer()) }
        }
        nav.tabs aria-label="For whom" {
            @for (name, word) in VIEWS {
                @let here = model.asked.waits_for() == *word;
                @let asked = Asked { waits_for: (*word).to_owned(), ..Asked::default() };
                a href=(asked.address()) aria-current=[here.then_some("true")] { (name) }
            }
        }
        section.card aria-labelledby="waiting" {
            h2.sr #waiting { "Waiting changes" }
            @if model.waiting.is_empty() { (nothing()) } @else { (table(model)) }
            @if let Some(next) = &model.next {
                nav.pager aria-label="Pages" {
                    a.btn href=(Asked { cursor: next.clone(), ..model.asked.clone() }.address()) { "Next page" }
                }
            }
        }
        @if !model.delegations.is_empty() { (lent(model)) }
    };
    document(&model.frame, "Approvals", &content)
}

fn table(model: &Model) -> Markup {
    html! {
        table.list role="table" {
            caption.sr { "Changes that wait for approval, the next deadline first" }
            thead role="rowgroup" {
                tr role="row" {
                    @for heading in ["Number", "Title", "Risk", "Stage", "Waits for", "Requester", "You may", "Due"] {
                        th scope="col" role="columnheader" { (heading) }
                    }
                }
            }
            tbody role="rowgroup" { @for one in &model.waiting { (row(one, model.now)) } }
        }
    }
}

fn row(one: &WaitingApproval, now: Timestamp) -> Markup {
    let mut awaited: Vec<_> =
        one.outstanding.iter().map(|gate| format!("{} × {}", gate.count, role(&gate.role))).collect();
    awaited.extend(one.escalated_to.iter().map(|word| format!("or {}", role(word))));
    let level = one.risk.as_ref().and_then(|risk| Some((risk.score, risk.level.parse::<Level>().ok()?)));
    html! {
        tr role="row" {
            td.number role="cell" { (one.change_id) }
            td.title role="cell" { a href={ "/changes/" (one.change_id) } { (one.title) } }
            td.at-risk role="cell" {
                @match level {
                    Some((score, level)) => (mark::risk(score, level, Size::Row)),
                    None => span.quiet { "Not assessed" },
                }
            }
            td role="cell" { (one.stage.number) " of " (one.stage.of) }
            td role="cell" { (awaited.join(", ")) }
            td.by role="cell" { (one.requested_by) }
            td role="cell" {
                @if one.yours.is_empty() { span.quiet { "Not yours to decide" } }
                @else { (one.yours.iter().map(say).collect::<Vec<_>>().join(", ")) }
            }
            td.due role="cell" {
                @match one.deadline.parse::<Timestamp>() {
                    Ok(deadline) => (format::due(deadline, now)),
                    Err(_) => (one.deadline),
                }
            }
        }
    }
}

fn say(say: &Say) -> String {
    match &say.in_place_of {
        Some(other) => format!("decide as {} for {other}", role(&say.role)),
        None => format!("decide as {}", role(&say.role)),
    }
}

fn nothing() -> Markup {
    html! {
        div.empty {
            (Icon::Done.mark())
            p.empty-head { "Nothing waits" }
            p.quiet { "What waits for approval appears here, the next deadline first." }
        }
    }
}

fn lent(model: &Model) -> Markup {
    html! {
        section.card aria-labelledby="delegations" {
            h2 #delegations { "Delegated authority" }
            ul.gates {
                @for one in &model.delegations {
                    @let roles: Vec<_> = one.roles.iter().map(|word| role(word)).collect();
                    @let only: Vec<_> = one.services.iter().chain(&one.levels).cloned().collect();
                    li {
                        (Icon::Person.mark())
                        span {
                            b { (one.to) } " decides for " b { (one.by) } " as " (roles.join(", "))
                            @if !only.is_empty() { ", only for " (only.join(", ")) }
                            small.quiet {
                                @if one.state == "to_come" { "From " (shown(&one.from, model.now)) ". " }
                                "Until " (shown(&one.until, model.now)) ". "
                                @if one.away { (one.by) " is away. " }
                                (format::sentence(&one.reason))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn shown(instant: &str, now: Timestamp) -> Markup {
    html! {
        @match instant.parse::<Timestamp>() {
            Ok(at) => (format::instant(at, &format::short(at, now))),
            Err(_) => (instant),
        }
    }
}

#[cfg(test)]
mod tests {
    use api::change::{Gate, RiskSummary, Stage};

    use super::*;
    use crate::portal::fixture::{self, NOW, at};

    fn waiting() -> WaitingApproval {
        let gate = Gate { role: "technical_lead".to_owned(), count: 1 };
        WaitingApproval {
            change_id: "CHG-2025-001234".to_owned(),
            change_type: "normal".to_owned(),
            title: "</a><script>alert(1)</script>".to_owned(),
            requested_by: "cortex-orchestrator".to_owned(),
            risk: Some(RiskSummary { score: 72, level: "high".to_owned() }),
            priority: "P3".to_owned(),
            affected_services: vec!["cart".to_owned()],
            environment: None,
            digest: "0".repeat(64),
            deadline: at(3_600).to_string(),
            stage: Stage {
                number: 1,
                of: 2,
                state: "open".to_owned(),
                required: vec![gate.clone()],
                seconds: 14_400,
                deadline: Some(at(3_600).to_string()),
            },
            outstanding: vec![gate],
            escalated_to: vec!["cab_member".to_owned()],
            yours: vec![Say {
                role: "technical_lead".to_owned(),
                in_place_of: Some("maya.okafor".to_owned()),
            }],
            blockers: Vec::new(),
        }
    }

    fn shown(waiting: Vec<WaitingApproval>, asked: Asked, delegations: Vec<Delegation>) -> String {
        let frame = fixture::frame("/approvals");
        let model = Model { frame, now: NOW, asked, waiting, next: None, delegations };
        view(&model).into_string()
    }

    #[test]
    fn a_row_says_until_when_whom_it_waits_for_and_what_the_viewer_may() {
        let html = shown(vec![waiting()], Asked::default(), Vec::new());
        for part in [
            "1 change waits for you.",
            "1 × technical lead, or CAB member",
            "1 of 2",
            "decide as technical lead for maya.okafor",
            "in 1 h",
            "href=\"/changes/CHG-2025-001234\"",
            "href=\"/approvals?for=cab_member\"",
            "<a href=\"/approvals\" aria-current=\"page\">",
        ] {
            assert!(html.contains(part), "{part}\n{html}");
        }
        assert!(!html.contains("<script"), "{html}");
        assert_eq!(html.matches("<h1").count(), 1);
    }

    #[test]
    fn an_empty_page_says_so_and_lent_authority_stands_below() {
        let lent = Delegation {
            delegation_id: "dlg_1".to_owned(),
            by: "maya.okafor".to_owned(),
            roles: vec!["cab_member".to_owned()],
            to: "dan.reyes".to_owned(),
            from: at(-60).to_string(),
            until: at(86_400).to_string(),
            reason: "on leave".to_owned(),
            away: true,
            services: vec!["cart".to_owned()],
            levels: Vec::new(),
            state: "in_force".to_owned(),
        };
        let asked = Asked { waits_for: "cab_member".to_owned(), ..Asked::default() };
        let html = shown(Vec::new(), asked, vec![lent]);
        for part in [
            "0 changes wait for CAB member.",
            "Nothing waits",
            "<b>dan.reyes</b> decides for <b>maya.okafor</b> as CAB member, only for cart",
            "maya.okafor is away. On leave.",
        ] {
            assert!(html.contains(part), "{part}\n{html}");
        }
    }
}
