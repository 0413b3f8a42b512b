//! `/changes/{id}`: what a change is, where it is, what it waits for, whether it is safe, and what happened to it.
//!
//! To add a card: write `change/<card>.rs` with its model, its `card(&…) -> Markup` and tests, a field of [`Model`] and
//! a line in [`view`].

mod approvals;
mod conflicts;
mod details;
mod ending;
mod header;
mod incidents;
mod items;
mod missing;
mod plan;
mod rehearsal;
mod risk;
mod rollback;
mod stages;
mod timeline;
mod watching;

use std::collections::BTreeMap;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::Timestamp;
use domain::actor::ActorKind;
use domain::authorization::Answer;
use domain::change::{Change, ChangeEvent, StateName};
use domain::id::{ChangeId, CiName};
use maud::{Markup, html};
use policy::Action;
use serde::Deserialize;
use store::{IncidentFilter, IncidentQuery, IncidentRow};

use super::frame::{Frame, LIVE_SECONDS, SignedLog, document};
use super::visitor::{Viewer, Visitor};
use super::{problem, respond};
use crate::app::{App, SharedApp};
use crate::ask::{self, Particulars, Subject};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::gates::Gates;
use crate::known::Known;
use crate::load::{self, StoredItem};
use crate::record::Recorded;
use crate::use_cases::implementation::{self, Standing};
use crate::{view, work};

/// Most incidents of one change that its page lists.
const INCIDENTS_SHOWN_MAX: usize = 50;

/// The address's query.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Asked {
    /// Show the part of the trail before this version.
    before: Option<u64>,
    /// Whether the page of a change under way is kept up to date; it is unless this says no.
    live: Option<bool>,
}

/// What the page shows.
#[derive(Debug, Clone, PartialEq)]
struct Model {
    frame: Frame,
    now: Timestamp,
    /// Whether the page is kept up to date; nothing where there is nothing to wait for.
    live: Option<bool>,
    header: header::Header,
    missing: missing::Missing,
    risk: Option<risk::Risk>,
    watching: Option<watching::Watching>,
    plan: plan::Plan,
    rollback: rollback::Rollback,
    rehearsal: Option<rehearsal::Rehearsal>,
    approvals: Option<approvals::Approvals>,
    conflicts: conflicts::Conflicts,
    items: items::Items,
    details: details::Details,
    ending: Option<ending::Ending>,
    incidents: Vec<api::incident::IncidentSummary>,
    timeline: timeline::Timeline,
}

/// Kinds of the actors that a page names, by readable name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Kinds(BTreeMap<String, ActorKind>);

impl Kinds {
    /// The kinds of those among `names` that are known.
    fn of<'a>(known: &Known, names: impl IntoIterator<Item = &'a String>) -> Self {
        let kind = |name: &&String| known.directory.named(name).map(|actor| actor.kind);
        let kinds = names.into_iter().filter_map(|name| Some((name.clone(), kind(&name)?)));
        Self(kinds.collect())
    }

    fn get(&self, name: &str) -> Option<ActorKind> {
        self.0.get(name).copied()
    }
}

/// One change.
pub(super) async fn show(
    State(app): State<SharedApp>,
    Viewer { caller, visitor }: Viewer,
    Path(name): Path<String>,
    query: Result<Query<Asked>, QueryRejection>,
) -> Response {
    let read = async {
        let Query(asked) = query.map_err(|error| api::FieldError::new("before or live", error))?;
        model(&app, &caller, &visitor, &name, asked).await
    };
    match read.await {
        Ok(model) => respond::page(StatusCode::OK, view(&model)),
        Err(failure) => problem::page(&visitor, &failure),
    }
}

async fn model(
    app: &App,
    caller: &Caller,
    visitor: &Visitor,
    name: &str,
    asked: Asked,
) -> Result<Model, Failure> {
    let id = parse(name)?;
    let (change, trail) = work::load(app, id).await?;
    let (parties, gates) = {
        let known = app.known();
        (ask::parties(&known, &change), Gates::of(&known, &change, visitor.now))
    };
    let subject = Subject { change: &change, parties: &parties, gates: &gates, now: visitor.now };
    let ruling = ask::about_change(app, caller, Action::Read, subject, Particulars::default());
    if let Answer::Denied { violations } = ruling.answer {
        return Err(Failure::Denied(violations));
    }
    let filter = IncidentFilter { change_id: Some(id), ..IncidentFilter::default() };
    let query = IncidentQuery { filter, after: None, limit: INCIDENTS_SHOWN_MAX };
    let incidents = app.store.list_incidents(query).await?.rows;
    let frame = Frame { log: SignedLog::read(app).await?, ..visitor.frame() };
    let items = load::items(&app.store, &items::names(&change)).await?;
    let standing = match view::baking(&change, &trail) {
        Some(baking) => implementation::standing(app, id, &baking.step, baking.since).await?,
        None => None,
    };
    let (incidents, items, now) = (&incidents[..], &items, visitor.now);
    let seen = Seen { change: &change, trail: &trail, incidents, items, standing, now };
    Ok(Model::of(&app.known(), frame, &seen, asked))
}

fn parse(name: &str) -> Result<ChangeId, Failure> {
    const SHOWN_CHARS_MAX: usize = 80;
    let shown = name.chars().filter(|c| !c.is_control()).take(SHOWN_CHARS_MAX).collect();
    name.parse().map_err(|_| Failure::NotFound { what: "change", name: shown })
}

/// What was read for the page.
struct Seen<'a> {
    change: &'a Change,
    trail: &'a [Recorded<ChangeEvent>],
    incidents: &'a [IncidentRow],
    items: &'a BTreeMap<CiName, StoredItem>,
    /// How the bake stands that is under way.
    standing: Option<Standing>,
    now: Timestamp,
}

impl Model {
    fn of(known: &Known, frame: Frame, seen: &Seen<'_>, asked: Asked) -> Self {
        let Seen { change, trail, incidents, items, standing, now } = seen;
        let now = *now;
        let frame = Frame { is_live: is_under_way(change) && asked.is_live(), ..frame };
        // The trail is shown in parts, so only the shown part is turned into words.
        let told = view::change(known, change, &[], now);
        let timeline = timeline::Timeline::of(known, trail, asked.before, frame.log);
        Self {
            now,
            live: is_under_way(change).then(|| asked.is_live()),
            header: header::Header::of(known, change, trail, &told),
            missing: missing::Missing::of(&told),
            risk: change.assessment().map(risk::Risk::of),
            watching: watching::Watching::of(change, trail, standing.clone()),
            plan: plan::Plan::of(change, trail, view::comparison(known, change).as_ref()),
            rollback: rollback::Rollback::of(known, change, trail),
            rehearsal: rehearsal::Rehearsal::of(known, change),
            approvals: approvals::Approvals::of(known, &told),
            conflicts: conflicts::Conflicts::of(known, change, now),
            items: items::Items::of(known, change, items),
            details: details::Details::of(known, change, &told),
            ending: ending::Ending::of(change, trail),
            incidents: incidents.iter().map(view::incident_summary).collect(),
            timeline,
            frame,
        }
    }
}

impl Asked {
    /// Who reads older entries or asked for it is not interrupted.
    fn is_live(self) -> bool {
        self.live.unwrap_or(self.before.is_none())
    }
}

/// Whether a runner works on the change, or is expected to.
fn is_under_way(change: &Change) -> bool {
    match change.state_name() {
        StateName::Implementing | StateName::Interrupted | StateName::Validating | StateName::RollingBack => {
            true
        }
        StateName::Draft
        | StateName::Assessing
        | StateName::AwaitingApproval
        | StateName::Approved
        | StateName::Implemented
        | StateName::RolledBack
        | StateName::Failed
        | StateName::Closed
        | StateName::Rejected
        | StateName::Cancelled => false,
    }
}

/// Says that the page is kept up to date, and how to have it otherwise.
fn live(is_live: bool, id: &str) -> Markup {
    html! {
        p.live role="status" {
            @if is_live {
                "Under way: this page is up to date every " (LIVE_SECONDS) " seconds. "
                a href=(format!("/changes/{id}?live=false")) { "Stop that" }
            } @else {
                "Under way: this page stays as it is. "
                a href=(format!("/changes/{id}")) { "Keep it up to date" }
            }
        }
    }
}

fn view(model: &Model) -> Markup {
    let Model { now, header, .. } = model;
    let content = html! {
        (header::card(header, *now))
        @if let Some(is_live) = model.live { (live(is_live, &header.id)) }
        (missing::card(&model.missing, *now))
        div.with-rail {
            div.stack {
                @if let Some(risk) = &model.risk { (risk::card(risk)) }
                @if let Some(watching) = &model.watching { (watching::card(watching, *now)) }
                (plan::card(&model.plan))
                (rollback::card(&model.rollback))
            }
            div.stack {
                @if let Some(approvals) = &model.approvals { (approvals::card(approvals, *now)) }
                @if let Some(rehearsal) = &model.rehearsal { (rehearsal::card(rehearsal, *now)) }
                (conflicts::card(&model.conflicts))
                (items::card(&model.items))
                @if let Some(ending) = &model.ending { (ending::card(ending)) }
                (incidents::card(&model.incidents, *now))
                (details::card(&model.details, *now))
            }
        }
        (timeline::card(&model.timeline, &header.id, *now))
    };
    document(&model.frame, &format!("{} {}", header.id, header.title), &content)
}

#[cfg(test)]
mod tests {
    use domain::actor::Role;
    use domain::change::RejectionReason;
    use domain::incident::{IncidentState, Severity};
    use domain::plan::{Cause, Failure as StepFailure, Observation, Outcome, Part};
    use domain::risk::Level;

    use super::*;
    use crate::portal::fixture::{self, Story, at, deployer, lead, text};

    fn shown(story: &Story, now: Timestamp, asked: Asked) -> String {
        let known = fixture::known();
        let change = story.change();
        let incidents = [IncidentRow {
            incident_id: "INC-2025-000003".parse().unwrap(),
            change_id: Some(change.id),
            state: IncidentState::Open,
            severity: Severity::Moderate,
            title: "rolled back".to_owned(),
            opened_at: at(700),
            updated_at: at(700),
            version: 1,
        }];
        let has_incident = !change.incidents.is_empty();
        let incidents = if has_incident { &incidents[..] } else { &[] };
        let log = Some(SignedLog { size: 48_213, at: at(60) });
        let frame = Frame { log, ..fixture::frame("/changes/CHG-2025-001234") };
        let items = BTreeMap::new();
        let (trail, items) = (&story.trail[..], &items);
        let seen = Seen { change: &change, trail, incidents, items, standing: None, now };
        view(&Model::of(&known, frame, &seen, asked)).into_string()
    }

    fn check(html: &str, parts: &[&str]) {
        for part in parts {
            assert!(html.contains(part), "{part}\n{html}");
        }
    }

    #[test]
    fn a_waiting_change_says_what_is_missing_and_who_can_clear_it() {
        let html = shown(&Story::awaiting(Level::Medium, |_| {}), at(60), Asked::default());
        check(
            &html,
            &[
                "<title>CHG-2025-001234 Deploy new development-master error recovery feature · Cortex Change</title>",
                "Waits for 1 approval as technical lead.",
                "<b>45</b><span>Medium risk</span>",
                "Priority P4",
                "Cleared by technical lead: tech-lead@cortex.ai.",
                "in 3 h 59 min",
                "technical lead: 0 of 1",
                "Why the risk score is 45",
                "development-master (Tier 1, says catalog): cortex-chat-backend → development-master",
                "Covered by the checkpoint over 48\u{202f}213 entries, signed 30 Dec 2025, 18:01:00 UTC.",
                "Entry 10",
                "aria-current=\"step\"",
            ],
        );
        assert_eq!(html.matches("<h1").count(), 1);
        assert!(!html.contains("style=") && !html.contains("<script"), "{html}");
    }

    #[test]
    fn what_is_changed_stands_with_what_the_cmdb_knows_of_it() {
        let story = Story::awaiting(Level::Medium, |content| {
            content.affected_cis = ["nobody-knows-it".parse().unwrap()].into();
        });
        let html = shown(&story, at(60), Asked::default());
        check(
            &html,
            &[
                "What is changed",
                "1 item fails with it",
                "owner unknown",
                "<span class=\"tier tier-unknown\" title=\"Nobody states its tier\">T?</span>",
                "Not in the CMDB: counted as Tier 1",
            ],
        );
        assert_eq!(html.matches("Not in the CMDB").count(), 1, "{html}");
    }

    #[test]
    fn a_prediction_stands_with_its_reasons_doubts_and_similar_changes() {
        let html = shown(&Story::predicted(), at(60), Asked::default());
        check(
            &html,
            &[
                "Why model v3 says 12.0\u{202f}%",
                "between 4.0 and 31.0\u{202f}%",
                "1\u{202f}700 past changes",
                "Not sure: </b>too few changes like it are known",
                "Category failure rate",
                "+0.90",
                "−0.25",
                "Words of title and description",
                "example-past/EX1",
                "74\u{202f}% alike",
                "state state-bad",
                "Rolled back",
                "cart, redis</p>",
                "href=\"/changes/CHG-2025-000017\"",
            ],
        );
    }

    #[test]
    fn text_of_others_is_shown_as_text() {
        let story = Story::awaiting(Level::Medium, |content| {
            content.title = text("</title><script>alert(1)</script>");
            content.description = Some(text("<b>bold</b>"));
        });
        let html = shown(&story, at(60), Asked::default());
        assert!(!html.contains("<script") && !html.contains("<b>bold"), "{html}");
        check(&html, &["&lt;b&gt;bold&lt;/b&gt;", "&lt;/title&gt;&lt;script&gt;"]);
    }

    #[test]
    fn the_page_of_a_change_under_way_is_kept_up_to_date_until_somebody_says_no() {
        const REFRESH: &str = "<meta http-equiv=\"refresh\" content=\"3\">";
        let running = Story::started();
        let asked = |before, live| shown(&running, at(600), Asked { before, live });
        check(&asked(None, None), &[REFRESH, "href=\"/changes/CHG-2025-001234?live=false\""]);
        check(&asked(Some(2), Some(true)), &[REFRESH]);
        for still in [asked(None, Some(false)), asked(Some(2), None)] {
            check(&still, &["Keep it up to date"]);
            assert!(!still.contains("http-equiv"), "{still}");
        }
        let waiting = shown(&Story::awaiting(Level::Medium, |_| {}), at(60), Asked::default());
        assert!(!waiting.contains("http-equiv") && !waiting.contains("Under way:"), "{waiting}");
    }

    #[test]
    fn a_running_change_shows_each_step_with_what_it_wrote() {
        let story = Story::started().executed(500, Part::Step, "deploy", Outcome::Succeeded);
        let html = shown(&story, at(600), Asked::default());
        check(
            &html,
            &[
                "In progress: 1 of 2 steps done, now step <code>smoke test</code>, run by cortex-deployer.",
                "1 of 2 steps done",
                "Attempt 1 took 2.4 s.",
                "deploy: done &lt;b&gt;quickly&lt;/b&gt;",
                "Runs make deploy",
                "Undo: Runs make undeploy",
                "staging tests required",
                "Met: run 9127 passed",
                "over 2x_baseline for 10 min",
            ],
        );
        assert!(!html.contains("What is missing"), "{html}");
    }

    #[test]
    fn a_rolled_back_change_says_why_and_names_its_incident() {
        let failure = StepFailure::ExitStatus { status: 2 };
        let cause = Cause::StepFailed { step: "deploy".parse().unwrap() };
        let story = Story::started()
            .executed(500, Part::Step, "deploy", Outcome::Failed { failure })
            .then(&deployer(), 502, ChangeEvent::RollbackStarted { cause, deadline: at(9_000) })
            .executed(510, Part::Undo, "deploy", Outcome::Succeeded)
            .executed(520, Part::RollbackStep, "flush cache", Outcome::Succeeded)
            .then(&deployer(), 530, ChangeEvent::RolledBack)
            .then(
                &deployer(),
                530,
                ChangeEvent::IncidentLinked { incident: "INC-2025-000003".parse().unwrap() },
            );
        let html = shown(&story, at(600), Asked::default());
        check(
            &html,
            &[
                "Everything was taken back: step <code>deploy</code> failed.",
                "ended with status 2",
                "Undone",
                "Undo 1 took 2.4 s.",
                "INC-2025-000003",
                "Moderate",
                "<b>Rolled back</b>",
            ],
        );
        assert!(!html.contains("<b>Validated</b>"), "{html}");
    }

    #[test]
    fn a_rejected_change_tells_its_reason_and_ends_there() {
        let rejected =
            ChangeEvent::Rejected { reason: RejectionReason::Authority, text: text("not in December") };
        let story = Story::awaiting(Level::High, |_| {}).then(&lead(), 90, rejected);
        let html = shown(&story, at(100), Asked::default());
        check(&html, &["Rejected (authority): not in December.", "<li class=\"end\">"]);
        assert!(!html.contains("<b>Started</b>"), "{html}");
    }

    #[test]
    fn a_question_to_a_person_is_what_is_missing() {
        let story = Story::started().observed(
            500,
            Observation::Started {
                task: domain::plan::Task::new(Part::Step, "deploy".parse().unwrap()),
                attempt: 1,
            },
        );
        let lost = story.observed(600, Observation::RunnerLost);
        let html = shown(&lost, at(700), Asked::default());
        check(
            &html,
            &[
                "What is missing",
                "Nobody saw step <code>deploy</code> end, attempt 1: say whether it has taken effect.",
            ],
        );
    }

    #[test]
    fn a_void_approval_is_marked_and_a_long_trail_comes_in_parts() {
        let mut story = Story::awaiting(Level::High, |_| {}).approved(
            &fixture::id("act_maya"),
            Role::CabMember,
            60,
            &[],
            false,
        );
        for seconds in 0..150 {
            story =
                story.then(&lead(), 100 + seconds, ChangeEvent::Commented { text: text("still looking") });
        }
        let html = shown(&story, at(600), Asked::default());
        check(&html, &["100 of 154 entries.", "href=\"/changes/CHG-2025-001234?before=55#trail\">Older</a>"]);
        let older = shown(&story, at(600), Asked { before: Some(55), live: None });
        check(&older, &["54 of 154 entries.", ">Newest</a>", "Change request submitted"]);
        assert!(!older.contains(">Older<"), "{older}");
    }

    #[test]
    fn a_number_that_is_none_is_not_found() {
        let failure = parse("CHG-2025-1<script>").unwrap_err();
        assert_eq!(failure.to_string(), "there is no change `CHG-2025-1<script>`");
    }
}
