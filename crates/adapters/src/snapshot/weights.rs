//! The weights of a router's targets: read before the change, set again by a rollback.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::canonical::Digest;
use domain::plan::Router;
use tokio_util::sync::CancellationToken;

use super::{Item, Restored, SnapshotError};
use crate::execute::ExecutionContext;
use crate::execute::traffic::{self, RouterError, Weights};

/// Longest time that reading or setting again may take.
const ROUTER_WAIT: Duration = Duration::from_secs(120);
/// Separates the digest of weights from those of other values.
const DIGEST_LABEL: &str = "cortex-change/weights/v1";

pub(super) async fn take(
    router: &Router,
    targets: &BTreeSet<String>,
    context: &ExecutionContext,
    cancel: &CancellationToken,
) -> Result<Item, SnapshotError> {
    let weights = in_time(traffic::read(router, targets, context), context, cancel).await?;
    let digest = Digest::of(DIGEST_LABEL, &weights)
        .map_err(|error| SnapshotError::Router { reason: error.to_string() })?;
    Ok(Item::Weights { router: router.clone(), weights, digest })
}

pub(super) async fn put_back(
    router: &Router,
    weights: &Weights,
    context: &ExecutionContext,
    cancel: &CancellationToken,
) -> Result<Restored, SnapshotError> {
    let done = in_time(traffic::restore(router, weights, context), context, cancel).await?;
    Ok(if done { Restored::PutBack } else { Restored::Unchanged })
}

async fn in_time<T>(
    work: impl Future<Output = Result<T, RouterError>>,
    context: &ExecutionContext,
    cancel: &CancellationToken,
) -> Result<T, SnapshotError> {
    let failed = |reason: &str| Err(SnapshotError::Router { reason: context.mask(reason) });
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(SnapshotError::Cancelled),
        done = work => done.or_else(|error| failed(&error.to_string())),
        () = tokio::time::sleep(ROUTER_WAIT) => {
            failed(&format!("the weights could not be read and set within {} s", ROUTER_WAIT.as_secs()))
        }
    }
}
