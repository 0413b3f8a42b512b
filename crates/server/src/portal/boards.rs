//! `/boards`: the open meeting with its votes, what the next one decides, who of the e-CAB is on call, which emergency
//! changes are to be reviewed, standing decisions, meetings that were held.

use api::cab::{Agenda, AgendaEntry, Board, Convened, Held, Meeting, MeetingItem, MeetingVote, Standing};
use api::ecab::{Debt, OnCall, Roster};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::Timestamp;
use domain::risk::Level;
use maud::{Markup, html};
use policy::{Action, Resource};

use super::frame::{Frame, SignedLog, document};
use super::icon::Icon;
use super::mark::{self, Size};
use super::visitor::Viewer;
use super::{format, problem, respond};
use crate::app::{App, SharedApp};
use crate::ask;
use crate::failure::Failure;
use crate::use_cases::board::awaiting;
use crate::view as told;

const TITLE: &str = "Boards";

/// What the page shows.
#[derive(Debug, Clone, PartialEq)]
struct Model {
    frame: Frame,
    now: Timestamp,
    board: Board,
    agenda: Agenda,
    standing: Vec<Standing>,
    roster: Roster,
}

/// The page.
pub(super) async fn show(State(app): State<SharedApp>, Viewer { caller, visitor }: Viewer) -> Response {
    let read = async {
        ask::about(&app, &caller, Action::Read, &Resource::System)?;
        let frame = Frame { log: SignedLog::read(&app).await?, ..visitor.frame() };
        Ok(respond::page(StatusCode::OK, view(&model(&app, frame, visitor.now).await?)))
    };
    read.await.unwrap_or_else(|failure: Failure| problem::page(&visitor, &failure))
}

async fn model(app: &App, frame: Frame, now: Timestamp) -> Result<Model, Failure> {
    let awaiting = awaiting(app).await?;
    let (known, zone) = (app.known(), &app.config.boards.zone);
    Ok(Model {
        frame,
        now,
        board: told::board(&known, zone, now),
        agenda: told::agenda(&known, zone, &awaiting, now),
        standing: told::standing(&known, now),
        roster: told::roster(&known, now),
    })
}

impl Model {
    /// The page's answer in a sentence.
    fn answer(&self) -> String {
        let items = u64::try_from(self.agenda.items.len()).unwrap_or(u64::MAX);
        let waiting = format::count(items, "change", "changes");
        let next = match (&self.board.open_meeting, &self.agenda.meeting) {
            (Some(open), _) => format!("{} is open.", open.meeting_id),
            (None, Some(next)) => format!("The CAB meets on {}, {waiting} to decide.", shown(&next.start)),
            (None, None) => "The CAB meets no more by its rule.".to_owned(),
        };
        let overdue = self.roster.debt.iter().filter(|debt| debt.overdue).count();
        let overdue = match overdue {
            0 => String::new(),
            1 => " 1 emergency change was not reviewed in time.".to_owned(),
            count => format!(" {count} emergency changes were not reviewed in time."),
        };
        format!("{next}{overdue}")
    }
}

fn view(model: &Model) -> Markup {
    let content = html! {
        div.page-head {
            h1 { (TITLE) }
            p { (model.answer()) }
        }
        @if let Some(open) = &model.board.open_meeting { (open_meeting(open, &model.board)) }
        (agenda(&model.agenda, model.now))
        (emergencies(&model.roster, model.now))
        (standing(&model.standing, model.now))
        (members(&model.board))
        (held(&model.board.held))
    };
    document(&model.frame, TITLE, &content)
}

fn open_meeting(meeting: &Meeting, board: &Board) -> Markup {
    let seats = board.seats.iter().filter(|seat| seat.votes).count();
    html! {
        section.card aria-labelledby="meeting" {
            div.card-head {
                h2 #meeting { (meeting.meeting_id) " is open" }
                p.quiet { "Quorum " (meeting.quorum) ", " (voters(seats)) ", opened by " (meeting.opened_by) }
            }
            @if seats < usize::from(meeting.quorum) { (too_few()) }
            @if let Some(reason) = &meeting.reason { p { "Extraordinary: " (reason) } }
            @if meeting.items.is_empty() { p.quiet { "Nothing waits for it." } }
            ul.plain-list { @for item in &meeting.items { (meeting_item(item)) } }
            p.quiet { "Members vote with " code { "cortex-change cab vote" } "." }
        }
    }
}

fn meeting_item(item: &MeetingItem) -> Markup {
    html! {
        li {
            h3 { a href={ "/changes/" (item.change_id) } { (item.title) } }
            p {
                (risk(&item.level, item.score)) " " span.quiet { (item.change_id) }
                @match &item.verdict {
                    Some(verdict) => { " " strong { (format::sentence(&format::words(verdict))) } },
                    None => { " " span.quiet { (format::count(item.votes.len() as u64, "vote", "votes")) } },
                }
            }
            @if let Some(hindrance) = &item.hindrance { p { "The change was not told: " (hindrance) } }
            @if !item.votes.is_empty() { ul.plain-list { @for vote in &item.votes { (cast(vote)) } } }
        }
    }
}

fn cast(vote: &MeetingVote) -> Markup {
    html! {
        li {
            (mark::actor(&vote.by, Some(domain::actor::ActorKind::Human)))
            " " strong { (format::words(&vote.vote)) } ": " (vote.rationale)
            @for condition in &vote.conditions { br; small.quiet { "Condition: " (condition) } }
        }
    }
}

fn agenda(agenda: &Agenda, now: Timestamp) -> Markup {
    html! {
        section.card aria-labelledby="agenda" {
            div.card-head {
                h2 #agenda { "Next meeting" }
                @if let Some(Convened { start, cut_off, .. }) = &agenda.meeting {
                    p.quiet { (shown(start)) ", cut-off " (shown(cut_off)) }
                }
            }
            @if agenda.items.is_empty() {
                div.empty {
                    (Icon::Check.mark())
                    p.empty-head { "Nothing waits for the CAB" }
                    p.quiet { "Changes of high and critical risk come here by themselves, the highest risk first." }
                }
            } @else {
                ul.plain-list { @for entry in &agenda.items { (agenda_entry(entry, now)) } }
            }
            @if !agenda.for_later.is_empty() {
                h3 { "After the cut-off, for the meeting after it" }
                ul.plain-list { @for entry in &agenda.for_later { (agenda_entry(entry, now)) } }
            }
            @if !agenda.for_information.is_empty() {
                h3 { "For information" }
                p.quiet { "A technical lead decides. The CAB calls one in by rejecting it." }
                ul.plain-list { @for entry in &agenda.for_information { (agenda_entry(entry, now)) } }
            }
            @if agenda.truncated { p.quiet { "More wait than are shown." } }
        }
    }
}

fn agenda_entry(entry: &AgendaEntry, now: Timestamp) -> Markup {
    html! {
        li {
            a href={ "/changes/" (entry.change_id) } { (entry.title) } " " (risk(&entry.level, entry.score))
            br;
            small.quiet {
                (entry.change_id) ", " (entry.requester)
                @if !entry.services.is_empty() { ", " (entry.services.join(", ")) }
                @if let Ok(deadline) = entry.deadline.parse::<Timestamp>() {
                    ", " (format::due(deadline, now)) ", then rejected"
                }
            }
            @if entry.waits_for_others {
                br; small.quiet { "Others decide first, in an earlier stage. Votes count if they have approved by the time the meeting is closed." }
            }
            @if entry.expires_before {
                br; strong { (Icon::Warning.mark()) " It is rejected before the meeting begins: hold an extraordinary one." }
            }
        }
    }
}

fn emergencies(roster: &Roster, now: Timestamp) -> Markup {
    html! {
        section.card aria-labelledby="ecab" {
            div.card-head {
                h2 #ecab { "e-CAB" }
                p.quiet { (format::count(roster.members.len() as u64, "member", "members")) }
            }
            @if roster.on_call.is_empty() {
                p { "Nobody is named as on call: every member may authorise an emergency." }
            } @else {
                h3 { "On call now" }
                ul.plain-list { @for one in &roster.on_call { (on_call(one)) } }
                @if !roster.covered {
                    p { (Icon::Warning.mark()) " None of them can authorise, so every member may." }
                }
            }
            h3 { "Reviews afterwards" }
            @if roster.debt.is_empty() {
                p.quiet { "No emergency change is to be reviewed." }
            } @else {
                ul.plain-list { @for one in &roster.debt { (debt(one, now)) } }
            }
        }
    }
}

fn on_call(one: &OnCall) -> Markup {
    html! {
        li {
            (mark::actor(&one.actor, Some(domain::actor::ActorKind::Human)))
            @if let Some(rotation) = &one.rotation { " " span.quiet { (rotation) } }
            @if let Some(until) = &one.until { " " span.quiet { "until " (shown(until)) } }
            @if !one.authorises { " " strong { "cannot authorise" } }
        }
    }
}

fn debt(debt: &Debt, now: Timestamp) -> Markup {
    html! {
        li {
            a href={ "/changes/" (debt.change_id) } { (debt.change_id) } ", " (debt.requesters.join(" and "))
            @if let Ok(due) = debt.due.parse::<Timestamp>() { ", " (format::due(due, now)) }
            @if debt.overdue { " " strong { "No further emergency for them until it is reviewed." } }
        }
    }
}

fn standing(decisions: &[Standing], now: Timestamp) -> Markup {
    html! {
        section.card aria-labelledby="standing" {
            h2 #standing { "Standing decisions" }
            @if decisions.is_empty() {
                p.quiet {
                    "None. With one, the CAB approves a class of changes once and for all: "
                    code { "cortex-change cab standing propose" } "."
                }
            }
            ul.plain-list {
                @for one in decisions {
                    li {
                        strong { (one.standing_id) } " " (one.title)
                        @if one.state == "proposed" {
                            " " span.quiet { "proposed, " (one.supporters.len()) " of " (one.quorum) " support it" }
                        }
                        br;
                        small.quiet {
                            "Up to " (one.level_max) " " (one.score_max)
                            @let covers: Vec<_> = one.categories.iter().chain(&one.services).chain(&one.environments).cloned().collect();
                            ": " (covers.join(", "))
                            @if let Ok(until) = one.expires_at.parse::<Timestamp>() { ", until " (format::short(until, now)) }
                        }
                        @for condition in &one.conditions { br; small.quiet { "Condition: " (condition) } }
                    }
                }
            }
        }
    }
}

fn voters(seats: usize) -> String {
    if seats == 1 { "1 member votes".to_owned() } else { format!("{seats} members vote") }
}

fn too_few() -> Markup {
    html! {
        p { "Fewer members vote than a quorum needs, so nothing can be decided. A change manager settles the board with " code { "cortex-change cab set" } "." }
    }
}

fn members(board: &Board) -> Markup {
    let seats = board.seats.iter().filter(|seat| seat.votes).count();
    html! {
        section.card aria-labelledby="members" {
            div.card-head {
                h2 #members { "Members of the CAB" }
                p.quiet { "Quorum " (board.quorum) ", " (voters(seats)) }
            }
            @if seats > 0 && seats < usize::from(board.quorum) { (too_few()) }
            @if board.seats.is_empty() {
                p.quiet {
                    "Nobody yet. An administrator grants the role " code { "cab_member" } ", a change manager settles the board with "
                    code { "cortex-change cab set" } "."
                }
            }
            ul.plain-list {
                @for seat in &board.seats {
                    li {
                        (mark::actor(&seat.actor, Some(domain::actor::ActorKind::Human)))
                        @if !seat.votes { " " span.quiet { "cannot vote without the role " code { "cab_member" } } }
                    }
                }
            }
        }
    }
}

fn held(meetings: &[Held]) -> Markup {
    html! {
        section.card aria-labelledby="held" {
            h2 #held { "Meetings held" }
            @if meetings.is_empty() { p.quiet { "None yet." } }
            ul.plain-list {
                @for one in meetings {
                    li {
                        strong { (one.meeting_id) } " " (shown(&one.opened_at)) ", "
                        (format::count(u64::from(one.items), "item", "items")) ", " (one.approved) " approved"
                        @if let Some(minutes) = &one.minutes {
                            br; small.quiet { "Minutes " code { (minutes.get(..12).unwrap_or(minutes)) } "…, see "
                                code { "cortex-change cab minutes " (one.meeting_id) } }
                        }
                    }
                }
            }
        }
    }
}

fn risk(level: &str, score: u8) -> Markup {
    match level.parse::<Level>() {
        Ok(level) => mark::risk(score, level, Size::Row),
        Err(_) => html! { (level) " " (score) },
    }
}

/// An instant of the wire, as pages write it.
fn shown(at: &str) -> String {
    at.parse::<Timestamp>().map_or_else(|_| at.to_owned(), format::date_time)
}
