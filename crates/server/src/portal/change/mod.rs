//! `/changes/{id}`: what a change is, where it is, what it waits for, whether it is safe, and what happened to it.
//!
//! To add a card: write `change/<card>.rs` with its model, its `card(&…) -> Markup` and tests, a field of [`Model`] and
//! a line in [`view`].

mod approvals;
mod details;
mod header;
mod incidents;
mod missing;
mod plan;
mod risk;
mod rollback;
mod stages;
mod timeline;

use std::collections::BTreeMap;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::Timestamp;
use domain::actor::ActorKind;
use domain::authorization::Answer;
use domain::change::{Change, ChangeEvent};
use domain::id::ChangeId;
use maud::{Markup, html};
use policy::Action;
use serde::Deserialize;
use store::{IncidentFilter, IncidentQuery, IncidentRow};

use super::frame::{Frame, SignedLog, document};
use super::visitor::{Viewer, Visitor};
use super::{problem, respond};
use crate::app::{App, SharedApp};
use crate::ask::{self, Particulars};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::known::Known;
use crate::record::Recorded;
use crate::{view, work};

/// Most incidents of one change that its page lists.
const INCIDENTS_SHOWN_MAX: usize = 50;

/// The address's query.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Asked {
    /// Show the part of the trail before this version.
    before: Option<u64>,
}

/// What the page shows.
#[derive(Debug, Clone, PartialEq)]
struct Model {
    frame: Frame,
    now: Timestamp,
    header: header::Header,
    missing: missing::Missing,
    risk: Option<risk::Risk>,
    plan: plan::Plan,
    rollback: rollback::Rollback,
    approvals: Option<approvals::Approvals>,
    details: details::Details,
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
        let Query(asked) = query.map_err(|error| api::FieldError::new("before", error))?;
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
    let parties = ask::parties(&app.known(), &change);
    let particulars = Particulars::default();
    let answer = ask::about_change(app, caller, Action::Read, &change, &parties, particulars, visitor.now);
    if let Answer::Denied { violations } = answer {
        return Err(Failure::Denied(violations));
    }
    let filter = IncidentFilter { change_id: Some(id), ..IncidentFilter::default() };
    let query = IncidentQuery { filter, after: None, limit: INCIDENTS_SHOWN_MAX };
    let incidents = app.store.list_incidents(query).await?.rows;
    let frame = Frame { log: SignedLog::read(app).await?, ..visitor.frame() };
    let seen = Seen { change: &change, trail: &trail, incidents: &incidents, now: visitor.now };
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
    now: Timestamp,
}

impl Model {
    fn of(known: &Known, frame: Frame, seen: &Seen<'_>, asked: Asked) -> Self {
        let Seen { change, trail, incidents, now } = *seen;
        // The trail is shown in parts, so only the shown part is turned into words.
        let told = view::change(known, change, &[], now);
        let timeline = timeline::Timeline::of(known, trail, asked.before, frame.log);
        Self {
            now,
            header: header::Header::of(known, change, trail, &told),
            missing: missing::Missing::of(&told),
            risk: change.assessment().map(risk::Risk::of),
            plan: plan::Plan::of(change, trail),
            rollback: rollback::Rollback::of(known, change, trail),
            approvals: approvals::Approvals::of(known, &told),
            details: details::Details::of(known, change, &told),
            incidents: incidents.iter().map(view::incident_summary).collect(),
            timeline,
            frame,
        }
    }
}

fn view(model: &Model) -> Markup {
    let Model { now, header, .. } = model;
    let content = html! {
        (header::card(header, *now))
        (missing::card(&model.missing, *now))
        div.with-rail {
            div.stack {
                @if let Some(risk) = &model.risk { (risk::card(risk)) }
                (plan::card(&model.plan))
                (rollback::card(&model.rollback))
            }
            div.stack {
                @if let Some(approvals) = &model.approvals { (approvals::card(approvals, *now)) }
                (incidents::card(&model.incidents, *now))
                (details::card(&model.details, *now))
            }
        }
        (timeline::card(&model.timeline, &header.id, *now))
    };
    document(&model.frame, &format!("{} {}", header.id, header.title), &content)
}
