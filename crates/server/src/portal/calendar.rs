//! `/calendar`: what is changed when, what gets in each other's way, and when nothing may be changed.

use api::calendar::{CalendarEntry, CalendarOccurrence, Schedule, ScheduledChange};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::Timestamp;
use domain::calendar::Treatment;
use domain::risk::Level;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan as _};
use maud::{Markup, html};
use policy::{Action, Resource};
use serde::Deserialize;

use super::frame::{Frame, SignedLog, document};
use super::icon::Icon;
use super::mark::{self, Size, Told};
use super::visitor::Viewer;
use super::{format, problem, respond};
use crate::app::SharedApp;
use crate::failure::Failure;
use crate::{ask, view};

/// Days of one page.
const DAYS: i64 = 7;

/// The address's query.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Asked {
    /// A day of the week that is shown: `2026-03-02`; this week when absent.
    week: String,
}

/// What the page shows.
#[derive(Debug, Clone, PartialEq)]
struct Model {
    frame: Frame,
    now: Timestamp,
    /// The Monday.
    first: Date,
    schedule: Schedule,
    entries: Vec<CalendarEntry>,
}

/// One week.
pub(super) async fn show(
    State(app): State<SharedApp>,
    Viewer { caller, visitor }: Viewer,
    query: Result<Query<Asked>, QueryRejection>,
) -> Response {
    let read = async {
        let Query(asked) = query.map_err(|error| api::FieldError::new("week", error))?;
        ask::about(&app, &caller, Action::Read, &Resource::System)?;
        let first = monday(&asked, visitor.now)?;
        let frame = Frame { log: SignedLog::read(&app).await?, ..visitor.frame() };
        let span = (instant(first), instant(first).saturating_add(days(DAYS)).unwrap_or(Timestamp::MAX));
        let known = app.known();
        let schedule = view::calendar_schedule(&known, span, visitor.now);
        let entries =
            known.calendar.entries().map(|(name, entry)| view::calendar_entry(name, entry)).collect();
        let model = Model { frame, now: visitor.now, first, schedule, entries };
        Ok(respond::page(StatusCode::OK, view(&model)))
    };
    read.await.unwrap_or_else(|failure: Failure| problem::page(&visitor, &failure))
}

fn monday(asked: &Asked, now: Timestamp) -> Result<Date, Failure> {
    let day = match asked.week.as_str() {
        "" => now.to_zoned(TimeZone::UTC).date(),
        text => text.parse().map_err(|_| {
            let given: String = text.chars().filter(|c| !c.is_control()).take(40).collect();
            api::FieldError::new("week", format!("`{given}` is not a day: expected a form like 2026-03-02"))
        })?,
    };
    let back = i64::from(day.weekday().to_monday_zero_offset());
    Ok(day.checked_sub(back.days()).unwrap_or(day))
}

fn instant(day: Date) -> Timestamp {
    day.to_zoned(TimeZone::UTC).map_or(Timestamp::MIN, |midnight| midnight.timestamp())
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(days * 24)
}

impl Model {
    /// The page's answer in a sentence.
    fn answer(&self) -> String {
        let changes = self.schedule.changes.len() as u64;
        let kept = self.schedule.changes.iter().flat_map(|change| &change.conflicts);
        let held = kept.filter(|conflict| conflict.treatment != Treatment::Ignore.as_str()).count() as u64;
        let changes =
            format::count(changes, "change is planned or under way", "changes are planned or under way");
        // Both sides of a conflict tell of it.
        match held.div_ceil(2) {
            0 => format!("{changes}. None gets in the way of another one."),
            held => format!("{changes}. {}.", format::count(held, "conflict", "conflicts")),
        }
    }
}

fn view(model: &Model) -> Markup {
    let content = html! {
        div.page-head {
            h1 { "Forward schedule of change" }
            p { (model.answer()) }
        }
        (weeks(model))
        div.with-rail {
            section.card aria-labelledby="week" {
                div.card-head {
                    h2 #week { (week_name(model.first)) }
                    p.quiet { "All times are UTC." }
                }
                div {
                    @for offset in 0..DAYS {
                        @if let Ok(day) = model.first.checked_add(offset.days()) { (one_day(model, day)) }
                    }
                }
                @if model.schedule.truncated { p.quiet { "There is more than is shown here." } }
            }
            div.stack { (conflicts(model)) (entries(model)) (subscribe()) }
        }
    };
    document(&model.frame, "Calendar", &content)
}

fn weeks(model: &Model) -> Markup {
    let week = |offset: i64| model.first.checked_add(offset.days()).unwrap_or(model.first);
    html! {
        nav.pager aria-label="Weeks" {
            a.btn href={ "/calendar?week=" (week(-DAYS)) } { "Previous week" }
            a.btn href="/calendar" { "This week" }
            a.btn href={ "/calendar?week=" (week(DAYS)) } { "Next week" }
        }
    }
}

fn week_name(first: Date) -> String {
    let last = first.checked_add((DAYS - 1).days()).unwrap_or(first);
    format!("{} to {}", first.strftime("%-d %B"), last.strftime("%-d %B %Y"))
}

fn one_day(model: &Model, day: Date) -> Markup {
    let (start, end) = (instant(day), instant(day).saturating_add(days(1)).unwrap_or(Timestamp::MAX));
    let is_today = start <= model.now && model.now < end;
    let on_it = |from: &str, to: &str| span(from, to).filter(|(from, to)| *from < end && *to > start);
    let closed = model.schedule.occurrences.iter();
    let closed = closed.filter_map(|one| Some((on_it(&one.start, &one.end)?, one)));
    let changes = model.schedule.changes.iter();
    let changes = changes.filter_map(|change| Some((on_it(&change.start, &change.end)?, change)));
    let (closed, changes): (Vec<_>, Vec<_>) = (closed.collect(), changes.collect());
    html! {
        section.day aria-current=[is_today.then_some("date")] {
            h3 { (day.strftime("%A, %-d %B")) @if is_today { ", today" } }
            @if closed.is_empty() && changes.is_empty() { p.quiet { "Nothing is planned." } }
            ul.agenda {
                @for (span, one) in &closed { li { (when(*span, (start, end))) (occurrence(one)) } }
                @for (span, change) in &changes { li { (when(*span, (start, end))) (scheduled(change)) } }
            }
        }
    }
}

fn span(from: &str, to: &str) -> Option<(Timestamp, Timestamp)> {
    Some((from.parse().ok()?, to.parse().ok()?))
}

/// The part of a time that lies on a day.
fn when((from, to): (Timestamp, Timestamp), (start, end): (Timestamp, Timestamp)) -> Markup {
    let hour = |at: Timestamp| format::instant(at, &at.strftime("%H:%M").to_string());
    html! {
        span.when {
            @if from <= start && to >= end { "All day" }
            @else if from < start { "Until " (hour(to)) }
            @else if to > end { "From " (hour(from)) }
            @else { (hour(from)) " to " (hour(to)) }
        }
    }
}

fn occurrence(one: &CalendarOccurrence) -> Markup {
    let is_freeze = one.kind == "freeze";
    let (class, icon, word) = if is_freeze {
        ("freeze", Icon::Freeze, "Freeze")
    } else {
        ("maintenance", Icon::Check, "Maintenance")
    };
    html! {
        span.what { span class=(class) { (icon.mark()) (word) " " (one.name) } span { (one.title) } }
    }
}

fn scheduled(change: &ScheduledChange) -> Markup {
    let stage = match change.stage.as_str() {
        "running" => Told::step(Icon::Run, "state state-live", "Under way"),
        "approved" => Told::step(Icon::Ready, "state state-live", "Approved"),
        _ => Told::step(Icon::Await, "state state-wait", "Not approved yet"),
    };
    let level = change.level.as_deref().and_then(|level| level.parse::<Level>().ok());
    html! {
        div {
            span.what {
                a href={ "/changes/" (change.change_id) } { (change.title) }
                (stage.mark())
                @if let (Some(score), Some(level)) = (change.score, level) { (mark::risk(score, level, Size::Row)) }
            }
            p.quiet {
                (change.change_id) ", " (change.items.join(", "))
                @if let Some(environment) = &change.environment { " in " (environment) }
            }
        }
    }
}

/// Conflicts, each told once: on the side of the younger change, which has to make way.
fn conflicts(model: &Model) -> Markup {
    let told = model.schedule.changes.iter().flat_map(|change| {
        change
            .conflicts
            .iter()
            .filter(|other| other.change_id < change.change_id)
            .map(move |other| (change, other))
    });
    let told: Vec<_> = told.collect();
    html! {
        section.card aria-labelledby="conflicts" {
            h2 #conflicts { "Conflicts" }
            @if told.is_empty() { p.quiet { "No change gets in the way of another one." } }
            ul.findings {
                @for (change, other) in &told {
                    li {
                        (Icon::Warning.mark())
                        div {
                            b { a href={ "/changes/" (change.change_id) } { (change.title) } }
                            p { (format::marked(&format::sentence(&other.reason))) }
                            @if other.treatment != Treatment::Ignore.as_str() {
                                p.quiet { "Free times: " code { "cortex-change calendar slot " (change.change_id) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn entries(model: &Model) -> Markup {
    html! {
        section.card aria-labelledby="entries" {
            h2 #entries { "Freezes and maintenance windows" }
            @if model.entries.is_empty() { p.quiet { "None is defined: changes may start at any time." } }
            ul.plain-list {
                @for entry in &model.entries {
                    li.line {
                        b { (format::words(&entry.kind)) " " (entry.name) } ": " (entry.title)
                        p.quiet {
                            (entry.starts) " " (entry.zone) ", for " (entry.duration)
                            @if let Some(rule) = &entry.rule { ", " code { (rule) } }
                            @if let Some(until) = &entry.until { ", until " (until) }
                        }
                    }
                }
            }
        }
    }
}

fn subscribe() -> Markup {
    html! {
        section.card aria-labelledby="subscribe" {
            h2 #subscribe { "In your own calendar" }
            p { "Get an address to subscribe to with " code { "cortex-change calendar feed" } "." }
        }
    }
}

#[cfg(test)]
mod tests {
    use api::slot::Conflict;

    use super::*;
    use crate::portal::fixture;

    fn model() -> Model {
        let conflict = Conflict {
            change_id: "CHG-2026-000001".to_owned(),
            title: Some("Older".to_owned()),
            stage: "approved".to_owned(),
            kind: "same_item".to_owned(),
            treatment: "deny".to_owned(),
            holds: true,
            item: "cart".to_owned(),
            other_item: "cart".to_owned(),
            host: None,
            start: "2026-03-04T22:00:00Z".to_owned(),
            end: "2026-03-04T23:00:00Z".to_owned(),
            reason: "CHG-2026-000001, approved, changes `cart` too".to_owned(),
        };
        let change = ScheduledChange {
            change_id: "CHG-2026-000002".to_owned(),
            title: "<b>Younger</b>".to_owned(),
            change_type: "normal".to_owned(),
            stage: "proposed".to_owned(),
            score: Some(45),
            level: Some("medium".to_owned()),
            items: vec!["cart".to_owned()],
            environment: Some("production".to_owned()),
            start: "2026-03-04T22:00:00Z".to_owned(),
            end: "2026-03-05T02:00:00Z".to_owned(),
            conflicts: vec![conflict],
        };
        let freeze = CalendarOccurrence {
            name: "spring".to_owned(),
            kind: "freeze".to_owned(),
            title: "spring sale".to_owned(),
            start: "2026-03-06T08:00:00Z".to_owned(),
            end: "2026-03-08T08:00:00Z".to_owned(),
        };
        let schedule = Schedule {
            from: "2026-03-02T00:00:00Z".to_owned(),
            to: "2026-03-09T00:00:00Z".to_owned(),
            occurrences: vec![freeze],
            overrides: Vec::new(),
            changes: vec![change],
            truncated: false,
        };
        let now = "2026-03-03T12:00:00Z".parse().unwrap();
        let first = monday(&Asked { week: "2026-03-08".to_owned() }, now).unwrap();
        Model { frame: fixture::frame("/calendar"), now, first, schedule, entries: Vec::new() }
    }

    #[test]
    fn a_week_shows_day_by_day_what_is_planned_and_what_is_closed() {
        let html = view(&model()).into_string();
        for part in [
            "<h2 id=\"week\">2 March to 8 March 2026</h2>",
            "Tuesday, 3 March, today",
            "1 change is planned or under way. 1 conflict.",
            "&lt;b&gt;Younger&lt;/b&gt;",
            "Not approved yet",
            "<b>45</b><span>Medium</span>",
            "From <time",
            "Until <time",
            "All day",
            "CHG-2026-000001, approved, changes <code>cart</code> too.",
            "cortex-change calendar slot CHG-2026-000002",
            "href=\"/calendar?week=2026-02-23\"",
            "href=\"/calendar?week=2026-03-09\"",
            "href=\"/calendar\" aria-current=\"page\"",
        ] {
            assert!(html.contains(part), "{part}\n{html}");
        }
        assert_eq!(html.matches("Nothing is planned.").count(), 2, "{html}");
        assert_eq!(html.matches("<h1").count(), 1);
        assert!(!html.contains("style=") && !html.contains("<script"), "{html}");
    }

    #[test]
    fn a_day_that_is_none_is_refused() {
        let asked = Asked { week: "<soon>".to_owned() };
        let refused = monday(&asked, Timestamp::UNIX_EPOCH).unwrap_err().to_string();
        assert!(refused.contains("`<soon>` is not a day"), "{refused}");
        let today = monday(&Asked::default(), Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(today.to_string(), "1969-12-29");
    }
}
