//! The audit log: entries, checkpoints, proofs, verification, evidence.

use ::audit::{BundleEntry, BundleFormat, EvidenceBundle, StreamHead};
use api::Page;
use api::audit::{Checkpoint, LogEntry, Verification};
use axum::Json;
use axum::extract::State;
use policy::{Action, Resource};
use serde::Deserialize;
use store::StreamName;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Authenticated, ChangePath, NoBody, Query, page_limit};
use super::problem::Rejection;
use crate::app::{App, SharedApp};
use crate::ask;
use crate::failure::Failure;
use crate::view;
use crate::work::ChangeWork;

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new()
        .routes(routes!(list_entries))
        .routes(routes!(show_checkpoint))
        .routes(routes!(verify))
        .routes(routes!(show_evidence))
}

/// Position in the log.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct LogQuery {
    /// Index of the last entry that is known; entries after it are listed.
    after: Option<u64>,
    /// Entries of a page, at most 500.
    limit: Option<u32>,
}

/// Entries of the whole log, oldest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", params(LogQuery),
    responses((status = 200, body = Page<LogEntry>)))]
async fn list_entries(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    Query(query): Query<LogQuery>,
) -> Result<Json<Page<LogEntry>>, Rejection> {
    ask::about(&app, &caller, Action::ReadAudit, &Resource::Log)?;
    let limit = page_limit(query.limit)?;
    let from = query.after.map_or(0, |after| after.saturating_add(1));
    let events = app.store.read_log(from, limit).await?;
    let is_last = events.len() < limit;
    let mut items = Vec::with_capacity(events.len());
    for event in events {
        let leaf = app.store.event_leaf(event.index).await?;
        let hash = leaf.map(|leaf| leaf.leaf_hash.to_string());
        items.push(view::log_entry(&app.known(), event, hash));
    }
    let last = items.last().map(|entry| entry.entry.log_index.to_string());
    Ok(Json(Page { items, next_cursor: last.filter(|_| !is_last) }))
}

/// The newest signed state of the log.
#[utoipa::path(get, path = "/api/v1/audit/checkpoint", tag = "audit", responses((status = 200, body = Checkpoint)))]
async fn show_checkpoint(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Checkpoint>, Rejection> {
    ask::about(&app, &caller, Action::ReadAudit, &Resource::Log)?;
    let stored = app.store.latest_checkpoint().await?;
    let stored = stored.ok_or_else(|| Failure::NotFound { what: "checkpoint", name: "latest".to_owned() })?;
    Ok(Json(Checkpoint {
        size: stored.head.size,
        root: stored.head.root.to_string(),
        note: stored.note.as_str().to_owned(),
        verifier_key: app.verifier_key.clone(),
    }))
}

/// Verify the whole log: entries, texts, tree, checkpoints, head.
#[utoipa::path(post, path = "/api/v1/audit/verify", tag = "audit", responses((status = 200, body = Verification)))]
async fn verify(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    _: NoBody,
) -> Result<Json<Verification>, Rejection> {
    ask::about(&app, &caller, Action::ReadAudit, &Resource::Log)?;
    Ok(Json(crate::verify::verify(&app.store).await?))
}

/// The evidence bundle of one change, which verifies offline.
#[utoipa::path(get, path = "/api/v1/changes/{id}/evidence", tag = "audit", params(("id" = String, Path)),
    responses((status = 200, description = "An evidence bundle", body = Object)))]
async fn show_evidence(
    State(app): State<SharedApp>,
    Authenticated(caller): Authenticated,
    ChangePath(id): ChangePath,
) -> Result<Json<EvidenceBundle>, Rejection> {
    ask::about(&app, &caller, Action::ReadAudit, &Resource::Log)?;
    let work = ChangeWork::load(&app, id).await?;
    let checkpoint = app.store.latest_checkpoint().await?;
    let checkpoint =
        checkpoint.ok_or_else(|| Failure::NotFound { what: "checkpoint", name: "latest".to_owned() })?;
    let mut streams = vec![StreamName::change(id)];
    streams.extend(work.change.incidents.iter().copied().map(StreamName::incident));
    let (mut heads, mut entries) = (Vec::new(), Vec::new());
    for stream in streams {
        let covered = bundle_entries(&app, &stream, checkpoint.head.size).await?;
        heads.push(StreamHead {
            stream: stream.to_string(),
            version: u64::try_from(covered.len()).unwrap_or(u64::MAX),
        });
        entries.extend(covered);
    }
    entries.sort_by_key(|entry| entry.index);
    Ok(Json(EvidenceBundle {
        format: BundleFormat::V1,
        change_id: id.to_string(),
        checkpoint: checkpoint.note,
        verifier_key: app.verifier_key.parse().map_err(|_| Failure::Internal("verifier key".to_owned()))?,
        streams: heads,
        entries,
    }))
}

async fn bundle_entries(app: &App, stream: &StreamName, size: u64) -> Result<Vec<BundleEntry>, Failure> {
    let mut entries = Vec::new();
    for event in app.store.read_stream(stream, 1).await? {
        if event.index >= size {
            break;
        }
        let missing = || Failure::Internal(format!("entry {} has no leaf", event.index));
        let leaf = app.store.event_leaf(event.index).await?.ok_or_else(missing)?;
        let proof = app.store.inclusion_proof(event.index, size).await;
        let proof = proof.map_err(|error| Failure::Internal(error.to_string()))?;
        entries.push(BundleEntry {
            index: leaf.index,
            leaf: String::from_utf8(leaf.leaf).map_err(|error| Failure::Internal(error.to_string()))?,
            private: leaf.private,
            proof,
        });
    }
    Ok(entries)
}
