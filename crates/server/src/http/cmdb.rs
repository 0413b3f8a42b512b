//! The CMDB: configuration items, what they lean on, what a failure of one reaches, and editing all of it.
//!
//! An item's id is one part of the address, percent-encoded: `Deployment%2Fshop%2Fcart`.

use api::Page;
use api::cmdb::{Ci, CiHistoryEntry, CiSummary, CmdbEdit, CmdbEdited, Graph, Impact};
use axum::Json;
use axum::extract::State;
use domain::cmdb::SourceName;
use domain::id::CiName;
use policy::{Action, Resource};
use serde::Deserialize;
use store::{
    ChangeFilter, ChangeQuery, CiFilter, CiOrder, CiQuery, CiSort, EventPlace, LOG_PAGE_EVENTS_MAX,
    StreamName, StreamSet,
};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Authenticated, CiPath, JsonBody, Query, one, page_limit, words};
use super::problem::Rejection;
use crate::app::SharedApp;
use crate::ask;
use crate::failure::Failure;
use crate::known::Known;
use crate::load;
use crate::use_cases::cmdb as use_case;
use crate::view::cmdb as view;

/// Most relations between an item and what an answer about its impact tells of.
const IMPACT_DEPTH_MAX: u32 = 64;
/// The same when the request does not say.
const IMPACT_DEPTH_DEFAULT: u32 = 16;
/// Most relations between an item and the rest of its graph.
const GRAPH_DEPTH_MAX: u32 = 8;
/// The same when the request does not say.
const GRAPH_DEPTH_DEFAULT: u32 = 2;
/// How many of the last changes that named an item are shown with it.
const CHANGES_SHOWN: usize = 10;

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new()
        .routes(routes!(list_items))
        .routes(routes!(show_item))
        .routes(routes!(show_item_history))
        .routes(routes!(show_item_impact))
        .routes(routes!(show_item_graph))
        .routes(routes!(edit_cmdb))
}

/// Filter, order and position of a list of items.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ItemsQuery {
    /// Types, separated by commas.
    #[serde(rename = "type")]
    ci_type: Option<String>,
    /// Tiers, 0 to 3, separated by commas.
    tier: Option<String>,
    /// Who answers for it.
    owner: Option<String>,
    /// Where it runs.
    environment: Option<String>,
    /// planned, active or deprecated, separated by commas.
    lifecycle: Option<String>,
    /// A source that describes it.
    source: Option<String>,
    /// A part of the id.
    q: Option<String>,
    /// `false` for items that no source describes and that are only named by relations of others. Those have an id and
    /// nothing else, so that only `q`, `cursor` and `limit` go with it.
    described: Option<bool>,
    /// id, updated or tier; with `-` in front, largest first. `id` when absent.
    sort: Option<String>,
    /// Where the page begins, from the page before.
    cursor: Option<String>,
    /// Items of a page, at most 500.
    limit: Option<u32>,
}

impl ItemsQuery {
    fn to_store(&self) -> Result<CiQuery, Failure> {
        let tiers: Vec<u8> = words("tier", self.tier.as_deref())?;
        let tiers = tiers.into_iter().map(|tier| {
            tier.try_into().map_err(|error: domain::catalog::UnknownTier| api::FieldError::new("tier", error))
        });
        let source = self.source.as_deref().filter(|source| !source.is_empty()).map(SourceName::new);
        Ok(CiQuery {
            filter: CiFilter {
                types: words("type", self.ci_type.as_deref())?,
                tiers: tiers.collect::<Result<_, _>>()?,
                owner: self.owner.clone().filter(|owner| !owner.is_empty()),
                environment: one("environment", self.environment.as_deref())?,
                lifecycles: words("lifecycle", self.lifecycle.as_deref())?,
                source: source.transpose().map_err(|error| api::FieldError::new("source", error))?,
                id_contains: self.q.clone().filter(|text| !text.is_empty()),
            },
            order: order(self.sort.as_deref().unwrap_or("id"))?,
            after: one("cursor", self.cursor.as_deref())?,
            limit: page_limit(self.limit)?,
        })
    }

    /// Refuses what an item without a description cannot be asked for.
    fn require_only_names(&self) -> Result<(), Failure> {
        let given = [
            ("type", &self.ci_type),
            ("tier", &self.tier),
            ("owner", &self.owner),
            ("environment", &self.environment),
            ("lifecycle", &self.lifecycle),
            ("source", &self.source),
            ("sort", &self.sort),
        ];
        match given.into_iter().find(|(_, value)| value.is_some()) {
            None => Ok(()),
            Some((field, _)) => {
                let message = "items that are only named have an id and nothing else: leave it out";
                Err(api::FieldError::new(field, message).into())
            }
        }
    }
}

fn order(text: &str) -> Result<CiOrder, Failure> {
    let (descending, word) = text.strip_prefix('-').map_or((false, text), |word| (true, word));
    let by = match word {
        "id" => CiSort::Id,
        "updated" => CiSort::Updated,
        "tier" => CiSort::Tier,
        other => {
            let message = format!("`{other}` is not an order: expected id, updated or tier");
            return Err(api::FieldError::new("sort", message).into());
        }
    };
    Ok(CiOrder { by, descending })
}

/// List configuration items.
#[utoipa::path(get, path = "/api/v1/cmdb/items", tag = "cmdb", params(ItemsQuery),
    responses((status = 200, body = Page<CiSummary>)))]
async fn list_items(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Query(query): Query<ItemsQuery>,
) -> Result<Json<Page<CiSummary>>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    if query.described == Some(false) {
        query.require_only_names()?;
        let after: Option<CiName> = one("cursor", query.cursor.as_deref())?;
        return Ok(Json(only_named(&app.known(), &query, after.as_ref(), page_limit(query.limit)?)));
    }
    let page = app.store.list_cis(query.to_store()?).await?;
    let items = page.rows.iter().map(view::item_summary).collect();
    Ok(Json(Page { items, next_cursor: page.next.map(|cursor| cursor.to_string()) }))
}

/// Items that are known by name only, by id. They follow from the relations of others and have no rows of their own.
fn only_named(known: &Known, query: &ItemsQuery, after: Option<&CiName>, limit: usize) -> Page<CiSummary> {
    let part = query.q.as_deref().unwrap_or_default().to_ascii_lowercase();
    let names = known.cmdb.items_only_named().map(|ci| ci.name());
    let mut names: Vec<_> = names
        .filter(|name| after.is_none_or(|after| *name > after.as_str()))
        .filter(|name| part.is_empty() || name.to_ascii_lowercase().contains(&part))
        .collect();
    let has_more = names.len() > limit;
    if has_more {
        names.select_nth_unstable(limit);
        names.truncate(limit);
    }
    names.sort_unstable();
    let next_cursor = names.last().filter(|_| has_more).map(|name| (*name).to_owned());
    Page { items: names.into_iter().map(view::only_named).collect(), next_cursor }
}

/// Show an item: every fact with its source, what each source says, relations both ways, the last changes that named it.
#[utoipa::path(get, path = "/api/v1/cmdb/items/{id}", tag = "cmdb", params(("id" = String, Path)),
    responses((status = 200, body = Ci)))]
async fn show_item(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    CiPath(id): CiPath,
) -> Result<Json<Ci>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    let stored = load::items(&app.store, [&id]).await?.remove(&id).unwrap_or_default();
    if stored.version == 0 {
        known_item(&app.known(), &id)?;
    }
    let filter = ChangeFilter { ci: Some(id.clone()), ..ChangeFilter::default() };
    let query = ChangeQuery { filter, limit: CHANGES_SHOWN, ..ChangeQuery::default() };
    let changes = app.store.list_changes(query).await?;
    Ok(Json(view::item(&app.known(), &id, &stored, &changes.rows)))
}

/// The item that a source describes or a relation names.
pub(super) fn known_item<'a>(known: &'a Known, id: &CiName) -> Result<domain::cmdb::Ci<'a>, Failure> {
    known.cmdb.get(id.as_str()).ok_or_else(|| {
        let suggestions = known.cmdb.suggest(id.as_str()).into_iter().map(str::to_owned).collect();
        Failure::UnknownItem { name: id.to_string(), suggestions }
    })
}

/// Position in a history.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct HistoryQuery {
    /// Where the page begins, from the page before.
    cursor: Option<u64>,
    /// Entries of a page, at most 500.
    limit: Option<u32>,
}

/// List what happened to an item, the last event first.
#[utoipa::path(get, path = "/api/v1/cmdb/items/{id}/history", tag = "cmdb",
    params(("id" = String, Path), HistoryQuery), responses((status = 200, body = Page<CiHistoryEntry>)))]
async fn show_item_history(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    CiPath(id): CiPath,
    Query(query): Query<HistoryQuery>,
) -> Result<Json<Page<CiHistoryEntry>>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    let mut history = view::History::new(query.cursor.unwrap_or(u64::MAX), page_limit(query.limit)?);
    let stream = StreamSet::Named(vec![StreamName::ci(&id)]);
    let mut after = None;
    loop {
        let page = app.store.read_streams(&stream, after.as_ref(), LOG_PAGE_EVENTS_MAX).await?;
        let Some(last) = page.last() else { break };
        after = Some(EventPlace::of(last));
        let known = app.known();
        for stored in page {
            history.follow(&known, &crate::record::decode(stored)?);
        }
    }
    if after.is_none() {
        known_item(&app.known(), &id)?;
    }
    let (items, next) = history.finish();
    Ok(Json(Page { items, next_cursor: next.map(|version| version.to_string()) }))
}

/// How far to look for what a failure reaches.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ImpactQuery {
    /// Most relations in between, 1 to 64; 16 when absent.
    depth: Option<u32>,
    /// Whether to follow soft relations too.
    #[serde(default)]
    soft: bool,
}

/// Show what a failure of an item reaches, with the path that explains each.
#[utoipa::path(get, path = "/api/v1/cmdb/items/{id}/impact", tag = "cmdb",
    params(("id" = String, Path), ImpactQuery), responses((status = 200, body = Impact)))]
async fn show_item_impact(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    CiPath(id): CiPath,
    Query(query): Query<ImpactQuery>,
) -> Result<Json<Impact>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    let depth = depth(query.depth, IMPACT_DEPTH_DEFAULT, IMPACT_DEPTH_MAX)?;
    let known = app.known();
    let ci = known_item(&known, &id)?;
    Ok(Json(view::impact(&known.cmdb, ci, depth, query.soft)))
}

/// How far to look around.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct GraphQuery {
    /// Most relations in between, 1 to 8; 2 when absent.
    depth: Option<u32>,
    /// dependencies, dependents or both; `both` when absent.
    direction: Option<String>,
}

/// Show the surroundings of an item.
#[utoipa::path(get, path = "/api/v1/cmdb/items/{id}/graph", tag = "cmdb",
    params(("id" = String, Path), GraphQuery), responses((status = 200, body = Graph)))]
async fn show_item_graph(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    CiPath(id): CiPath,
    Query(query): Query<GraphQuery>,
) -> Result<Json<Graph>, Rejection> {
    ask::about(&app, &caller, Action::Read, &Resource::System)?;
    let depth = depth(query.depth, GRAPH_DEPTH_DEFAULT, GRAPH_DEPTH_MAX)?;
    let direction = direction(query.direction.as_deref())?;
    let known = app.known();
    let ci = known_item(&known, &id)?;
    Ok(Json(view::graph(ci, depth, direction)))
}

fn depth(given: Option<u32>, default: u32, max: u32) -> Result<u32, Failure> {
    let depth = given.unwrap_or(default);
    if (1..=max).contains(&depth) {
        return Ok(depth);
    }
    Err(api::FieldError::new("depth", format!("{depth} is out of range: expected 1 to {max}")).into())
}

fn direction(given: Option<&str>) -> Result<view::Direction, Failure> {
    use view::Direction::{Both, Dependencies, Dependents};
    let word = given.unwrap_or(Both.as_str());
    let found = [Dependencies, Dependents, Both].into_iter().find(|direction| direction.as_str() == word);
    found.ok_or_else(|| {
        let message = format!("`{word}` is not a direction: expected dependencies, dependents or both");
        api::FieldError::new("direction", message).into()
    })
}

/// Whether to write.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct EditQuery {
    /// Only tell what would be done.
    #[serde(default)]
    dry_run: bool,
}

/// Let a source describe items and withdraw others; what is not named stays as it is.
#[utoipa::path(post, path = "/api/v1/cmdb/edit", tag = "cmdb", params(EditQuery), request_body = CmdbEdit,
    responses((status = 200, body = CmdbEdited)))]
async fn edit_cmdb(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Query(query): Query<EditQuery>,
    JsonBody { value, .. }: JsonBody<CmdbEdit>,
) -> Result<Json<CmdbEdited>, Rejection> {
    let edited = use_case::edit(&app, &caller, value.to_domain()?, query.dry_run).await?;
    Ok(Json(view::edited(&edited)))
}
