//! `/changes`: which changes match, where each is, whose it is.

mod asked;
mod banner;

use std::collections::BTreeMap;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::Timestamp;
use domain::actor::ActorKind;
use domain::change::{ChangeType, StateName};
use domain::id::{ActorId, ChangeId};
use domain::risk::Level;
use maud::{Markup, html};
use policy::{Action, Resource};
use store::{ChangeFilter, ChangePage, ChangeQuery, ChangeRow};

use self::asked::{Asked, NEWEST_EVENT_FIRST, ORDERS, unreadable, written};
use self::banner::Stopped;
use super::frame::{Frame, SignedLog, document};
use super::icon::Icon;
use super::mark::{self, Size, Told};
use super::visitor::Viewer;
use super::{format, problem, respond};
use crate::app::{App, SharedApp};
use crate::ask;
use crate::failure::Failure;
use crate::known::Known;

/// Rows of one page.
const ROWS_MAX: usize = 50;
/// Services named in one row.
const SERVICES_SHOWN_MAX: usize = 2;

/// States in which somebody works on a change.
const ACTIVE: &[StateName] = &[
    StateName::Implementing,
    StateName::Interrupted,
    StateName::Validating,
    StateName::Implemented,
    StateName::RollingBack,
];
/// States that end the life of a change, or in which only closing is left.
const ENDED: &[StateName] =
    &[StateName::RolledBack, StateName::Failed, StateName::Closed, StateName::Rejected, StateName::Cancelled];
/// Views of the list that are one click away: a name and its states.
const VIEWS: &[(&str, &[StateName])] = &[
    ("All", &[]),
    ("Awaiting approval", &[StateName::AwaitingApproval]),
    ("Approved", &[StateName::Approved]),
    ("In progress", ACTIVE),
    ("Ended", ENDED),
];
/// What the page shows.
#[derive(Debug, Clone, PartialEq)]
struct Model {
    frame: Frame,
    now: Timestamp,
    asked: Asked,
    states: Vec<StateName>,
    level: Option<Level>,
    counts: BTreeMap<StateName, u64>,
    /// The stops in force, the oldest first.
    stops: Vec<Stopped>,
    /// Emergency changes of the viewer's side that were not reviewed in time.
    debts: Vec<ChangeId>,
    rows: Vec<Row>,
    /// Where the next page begins.
    next: Option<String>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    id: ChangeId,
    title: String,
    state: StateName,
    change_type: ChangeType,
    risk: Option<(u8, Level)>,
    priority: String,
    services: Vec<String>,
    requester: String,
    requester_kind: Option<ActorKind>,
    deadline: Option<Timestamp>,
    updated_at: Timestamp,
}

/// The list.
pub(super) async fn show(
    State(app): State<SharedApp>,
    Viewer { caller, visitor }: Viewer,
    query: Result<Query<Asked>, QueryRejection>,
) -> Response {
    let read = async {
        let Query(asked) = query.map_err(|error| unreadable(&error))?;
        ask::about(&app, &caller, Action::Read, &Resource::System)?;
        match named(&app, &asked).await? {
            Some(id) => Ok(respond::see_other(&format!("/changes/{id}"))),
            None => {
                let frame = Frame { log: SignedLog::read(&app).await?, ..visitor.frame() };
                let model = model(&app, &caller.id(), frame, visitor.now, asked).await?;
                Ok(respond::page(StatusCode::OK, view(&model)))
            }
        }
    };
    read.await.unwrap_or_else(|failure: Failure| problem::page(&visitor, &failure))
}

/// The change whose whole number was searched for, where there is one.
async fn named(app: &App, asked: &Asked) -> Result<Option<ChangeId>, Failure> {
    match asked.q.trim().to_uppercase().parse::<ChangeId>() {
        Ok(id) => Ok(app.store.change(id).await?.map(|row| row.change_id)),
        Err(_) => Ok(None),
    }
}

async fn model(
    app: &App,
    viewer: &ActorId,
    frame: Frame,
    now: Timestamp,
    asked: Asked,
) -> Result<Model, Failure> {
    let states = asked.states()?;
    let level = asked.level()?;
    let text = asked.q.trim();
    let filter = ChangeFilter {
        states: states.clone(),
        levels: level.into_iter().collect(),
        title_contains: (!text.is_empty()).then(|| text.to_owned()),
        ..ChangeFilter::default()
    };
    let after = match asked.cursor.as_str() {
        "" => None,
        cursor => Some(cursor.parse()?),
    };
    let query = ChangeQuery { filter, order: asked.order()?, after, limit: ROWS_MAX };
    let ChangePage { rows, next } = app.store.list_changes(query).await?;
    let counts = app.store.count_changes_by_state().await?;
    let known = app.known();
    let rows = rows.iter().map(|change| row(&known, change)).collect();
    let stops = known.stops.in_force().map(|stop| Stopped::of(&known, stop)).collect();
    let side = known.directory.side_of(viewer);
    let debts = known.debts.overdue_of(&side, now).map(|debt| debt.change).collect();
    let next = next.map(|next| next.to_string());
    Ok(Model { frame, now, asked, states, level, counts, stops, debts, rows, next })
}

fn row(known: &Known, row: &ChangeRow) -> Row {
    let requester = row.on_behalf_of.as_ref().unwrap_or(&row.requester);
    Row {
        id: row.change_id,
        title: row.title.clone(),
        state: row.state,
        change_type: row.change_type,
        risk: row.risk.map(|risk| (risk.score.get(), risk.level)),
        priority: row.priority.to_string(),
        services: row.services.iter().map(ToString::to_string).collect(),
        requester: known.directory.name_of(requester),
        requester_kind: known.directory.get(requester).map(|actor| actor.kind),
        deadline: row.deadline,
        updated_at: row.updated_at,
    }
}

impl Model {
    fn count(&self, states: &[StateName]) -> u64 {
        let counted = self.counts.iter().filter(|(state, _)| states.is_empty() || states.contains(state));
        counted.map(|(_, count)| count).sum()
    }

    /// The list's answer in a sentence.
    fn answer(&self) -> String {
        let [all, waiting, active] = [&[], &[StateName::AwaitingApproval][..], ACTIVE].map(|s| self.count(s));
        let bad = self.count(&[StateName::Interrupted, StateName::RollingBack, StateName::Failed]);
        let bad = match bad {
            0 => String::new(),
            1 => " 1 needs attention: interrupted, rolling back or failed.".to_owned(),
            _ => format!(" {bad} need attention: interrupted, rolling back or failed."),
        };
        let all = format::count(all, "change", "changes");
        format!("{all}. {waiting} awaiting approval, {active} in progress.{bad}")
    }
}

fn view(model: &Model) -> Markup {
    let is_empty = model.rows.is_empty();
    let content = html! {
        div.page-head {
            h1 { "Changes" }
            p { (model.answer()) }
        }
        (banner::stops(&model.stops, model.now))
        (banner::debts(&model.debts))
        (views(model))
        section.card aria-labelledby="list" {
            h2.sr #list { "Matching changes" }
            (filters(model))
            @if is_empty { (nothing(model)) } @else { (table(model)) (pager(model)) }
        }
    };
    document(&model.frame, "Changes", &content)
}

fn views(model: &Model) -> Markup {
    html! {
        nav.tabs aria-label="Views" {
            @for (name, states) in VIEWS {
                @let here = model.states == *states;
                @let address = Asked { state: written(states), ..Asked::default() }.address();
                a href=(address) aria-current=[here.then_some("true")] {
                    (name) " " span { (format::grouped(model.count(states))) }
                }
            }
        }
    }
}

fn filters(model: &Model) -> Markup {
    let Asked { q, .. } = &model.asked;
    html! {
        form.filters role="search" method="get" action="/changes" {
            div.field.field-wide {
                label for="q" { "Title or number" }
                input.in #q type="search" name="q" value=(q) maxlength="200" autocomplete="off";
            }
            div.field {
                label for="state" { "State" }
                select.in #state name="state" { (state_options(model)) }
            }
            div.field {
                label for="level" { "Risk" }
                select.in #level name="level" {
                    option value="" { "Any" }
                    @for level in Level::ALL {
                        option value=(level.as_str()) selected[model.level == Some(*level)] { (level.title()) }
                    }
                }
            }
            div.field {
                label for="sort" { "Order" }
                select.in #sort name="sort" {
                    @for (word, name) in ORDERS {
                        option value=(word) selected[model.asked.sort() == *word] { (name) }
                    }
                }
            }
            div.filter-actions {
                button.btn type="submit" { (Icon::Search.mark()) "Show" }
                @if model.asked.narrows() { a.btn.btn-quiet href="/changes" { "Clear" } }
            }
        }
    }
}

fn state_options(model: &Model) -> Markup {
    let groups = VIEWS.iter().filter(|(_, states)| states.len() != 1);
    let is_group = groups.clone().any(|(_, states)| model.states == **states);
    html! {
        @for (name, states) in groups {
            option value=(written(states)) selected[model.states == **states] {
                (if states.is_empty() { "Any" } else { name })
            }
        }
        @for state in StateName::ALL {
            option value=(state.as_str()) selected[model.states == [*state]] { (Told::state(*state, None).words) }
        }
        @if !is_group && model.states.len() > 1 {
            option value=(written(&model.states)) selected { "Several" }
        }
    }
}

fn table(model: &Model) -> Markup {
    html! {
        table.list role="table" {
            caption.sr { "Changes, " (order_name(model.asked.sort())) }
            thead role="rowgroup" {
                tr role="row" {
                    (column(model, "Number", Some(("-id", "id"))))
                    (column(model, "Title", None))
                    (column(model, "Risk", Some(("-risk", "risk"))))
                    (column(model, "State", None))
                    (column(model, "Type", None))
                    (column(model, "Priority", Some(("priority", "-priority"))))
                    (column(model, "Services", None))
                    (column(model, "Requester", None))
                    (column(model, "Due", None))
                    (column(model, "Last event", Some((NEWEST_EVENT_FIRST, "updated"))))
                }
            }
            tbody role="rowgroup" { @for row in &model.rows { (table_row(row, model.now)) } }
        }
    }
}

fn order_name(sort: &str) -> String {
    let name = ORDERS.iter().find(|(word, _)| *word == sort).map_or("", |(_, name)| name);
    name.to_lowercase()
}

/// A column's heading. A sortable one leads to the first of its orders, and from there to the other.
fn column(model: &Model, name: &str, orders: Option<(&str, &str)>) -> Markup {
    let Some((first, second)) = orders else {
        return html! { th scope="col" role="columnheader" { (name) } };
    };
    let sort = model.asked.sort();
    let next = if sort == first { second } else { first };
    let is_sorted = sort == first || sort == second;
    let direction = if sort.starts_with('-') { "descending" } else { "ascending" };
    let address = Asked { sort: next.to_owned(), cursor: String::new(), ..model.asked.clone() }.address();
    html! {
        th scope="col" role="columnheader" aria-sort=[is_sorted.then_some(direction)] {
            a href=(address) title=(order_name(next)) {
                (name)
                @if is_sorted { span aria-hidden="true" { (if sort.starts_with('-') { " ↓" } else { " ↑" }) } }
            }
        }
    }
}

fn table_row(row: &Row, now: Timestamp) -> Markup {
    let more = row.services.len().saturating_sub(SERVICES_SHOWN_MAX);
    html! {
        tr role="row" {
            td.number role="cell" { (row.id) }
            td.title role="cell" { a href={ "/changes/" (row.id) } { (row.title) } }
            td.at-risk role="cell" {
                @match row.risk {
                    Some((score, level)) => (mark::risk(score, level, Size::Row)),
                    None => span.quiet { "Not assessed" },
                }
            }
            td.in-state role="cell" { (Told::state(row.state, None).mark()) }
            td.of-type role="cell" { (format::words(row.change_type.as_str())) }
            td.priority role="cell" { (row.priority) }
            td.services role="cell" {
                (row.services.iter().take(SERVICES_SHOWN_MAX).cloned().collect::<Vec<_>>().join(", "))
                @if more > 0 { " and " (more) " more" }
                @if row.services.is_empty() { span.quiet { "None named" } }
            }
            td.by role="cell" { (mark::actor(&row.requester, row.requester_kind)) }
            @match row.deadline {
                Some(deadline) => td.due role="cell" { (format::due(deadline, now)) },
                None => td.no-due.quiet role="cell" { "–" },
            }
            td.age role="cell" { (format::age(row.updated_at, now)) " ago" }
        }
    }
}

fn pager(model: &Model) -> Markup {
    let first = Asked { cursor: String::new(), ..model.asked.clone() }.address();
    html! {
        nav.pager aria-label="Pages" {
            span.quiet { (format::grouped(model.rows.len() as u64)) " on this page" }
            @if !model.asked.cursor.is_empty() { a.btn href=(first) { "First page" } }
            @if let Some(next) = &model.next {
                a.btn href=(Asked { cursor: next.clone(), ..model.asked.clone() }.address()) { "Next page" }
            }
        }
    }
}

fn nothing(model: &Model) -> Markup {
    html! {
        div.empty {
            (Icon::List.mark())
            @if model.asked.narrows() {
                p.empty-head { "No change matches these filters" }
                p.quiet { (format::count(model.count(&[]), "change", "changes")) " without them." }
                p { a.btn href="/changes" { "Clear all filters" } }
            } @else {
                p.empty-head { "No changes yet" }
                p.quiet {
                    "They appear here when a person, a pipeline or an agent asks for one, for example with "
                    code { "cortex-change create" } "."
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portal::fixture::{self, NOW, at};

    fn row(number: u32, title: &str) -> Row {
        Row {
            id: ChangeId::new(2025, number).unwrap(),
            title: title.to_owned(),
            state: StateName::AwaitingApproval,
            change_type: ChangeType::Normal,
            risk: Some((72, Level::High)),
            priority: "P3".to_owned(),
            services: vec!["a".to_owned(), "b".to_owned(), "c".to_owned()],
            requester: "cortex-orchestrator".to_owned(),
            requester_kind: Some(ActorKind::Agent),
            deadline: Some(at(3_600)),
            updated_at: at(-120),
        }
    }

    fn model(asked: Asked, rows: Vec<Row>) -> Model {
        Model {
            frame: fixture::frame("/changes"),
            now: NOW,
            states: asked.states().unwrap(),
            level: asked.level().unwrap(),
            asked,
            counts: BTreeMap::from([(StateName::AwaitingApproval, 3), (StateName::Closed, 1_200)]),
            stops: Vec::new(),
            debts: Vec::new(),
            rows,
            next: None,
        }
    }

    fn asked(fields: &[(&str, &str)]) -> Asked {
        let mut asked = Asked::default();
        for (name, value) in fields {
            let field = match *name {
                "q" => &mut asked.q,
                "state" => &mut asked.state,
                "level" => &mut asked.level,
                "sort" => &mut asked.sort,
                _ => &mut asked.cursor,
            };
            (*value).clone_into(field);
        }
        asked
    }

    fn check(html: &str, parts: &[&str]) {
        for part in parts {
            assert!(html.contains(part), "{part}\n{html}");
        }
    }

    #[test]
    fn a_row_says_what_where_and_whose_and_shows_text_as_text() {
        let html = view(&model(Asked::default(), vec![row(7, "<img src=x onerror=alert(1)>")])).into_string();
        check(
            &html,
            &[
                "<a href=\"/changes/CHG-2025-000007\">&lt;img src=x onerror=alert(1)&gt;</a>",
                "<b>72</b><span>High</span>",
                "Awaiting approval",
                "a, b and 1 more",
                "cortex-orchestrator<span class=\"sr\"> (agent)</span>",
                "in 1 h<",
                "2 min</time> ago",
                "1\u{202f}203 changes. 3 awaiting approval, 0 in progress.",
            ],
        );
        assert!(!html.contains("<img") && !html.contains("style="), "{html}");
        assert_eq!(html.matches("<h1>").count(), 1);
    }

    #[test]
    fn a_stopped_line_is_said_before_everything_else() {
        let running = model(Asked::default(), vec![row(7, "x")]);
        assert!(!view(&running).into_string().contains("role=\"alert\""));
        let stop = Stopped {
            id: "STOP-7".to_owned(),
            what: "all agents".to_owned(),
            reason: "they <deploy> in a loop".to_owned(),
            set_by: "maya.okafor".to_owned(),
            set_at: at(-120),
            except_emergency: true,
        };
        let html = view(&Model { stops: vec![stop; 7], ..running }).into_string();
        let said = "<strong>STOP-7 all agents</strong>, but for emergencies: they &lt;deploy&gt; in a loop";
        check(&html, &["role=\"alert\"", "The line is stopped", said, "Set by maya.okafor", "and 2 more"]);
        assert!(html.find("The line is stopped") < html.find("<table"), "{html}");
    }

    #[test]
    fn every_control_has_a_label_and_keeps_what_was_asked_for() {
        let asked = asked(&[("q", "\"moe\""), ("state", "approved"), ("level", "high"), ("sort", "-risk")]);
        let html = view(&model(asked, vec![row(7, "x")])).into_string();
        for control in ["q", "state", "level", "sort"] {
            check(&html, &[&format!("<label for=\"{control}\">"), &format!("id=\"{control}\"")]);
        }
        check(
            &html,
            &[
                "value=\"&quot;moe&quot;\"",
                "<option value=\"approved\" selected>",
                "<option value=\"high\" selected>",
                "<option value=\"-risk\" selected>",
                "aria-sort=\"descending\"",
                "href=\"/changes?q=%22moe%22&amp;state=approved&amp;level=high&amp;sort=risk\"",
            ],
        );
    }

    #[test]
    fn an_empty_list_says_why_and_what_to_do() {
        let none = view(&model(Asked::default(), Vec::new())).into_string();
        check(&none, &["No changes yet", "cortex-change create"]);
        let no_match = view(&model(asked(&[("level", "low")]), Vec::new())).into_string();
        check(
            &no_match,
            &["No change matches these filters", "1\u{202f}203 changes without them.", "Clear all"],
        );
        assert!(!no_match.contains("<table"), "{no_match}");
    }

    #[test]
    fn pages_are_linked_with_their_filters() {
        let asked = asked(&[("q", "a b"), ("cursor", "here")]);
        let next = Some("there".to_owned());
        let html = view(&Model { next, ..model(asked, vec![row(7, "x")]) }).into_string();
        check(
            &html,
            &[
                "<a class=\"btn\" href=\"/changes?q=a+b\">First page</a>",
                "<a class=\"btn\" href=\"/changes?q=a+b&amp;cursor=there\">Next page</a>",
            ],
        );
    }

    #[test]
    fn several_states_that_are_no_view_stay_chosen() {
        let active = asked(&[("state", &written(ACTIVE))]);
        let html = view(&model(active, vec![row(7, "x")])).into_string();
        check(&html, &["aria-current=\"true\">In progress"]);
        assert!(!html.contains(">Several<"), "{html}");
        let html = view(&model(asked(&[("state", "draft,closed")]), vec![row(7, "x")])).into_string();
        check(&html, &["<option value=\"draft,closed\" selected>Several</option>"]);
    }
}
