//! What services say: the weights of a router's targets, read before the change and set again by a rollback; values,
//! read before and compared afterwards.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::canonical::Digest;
use domain::plan::{Capture, Cluster, Objects, ReadBack, Router};
use tokio_util::sync::CancellationToken;

use super::{Item, Output, Restored, SnapshotError};
use crate::execute::ExecutionContext;
use crate::execute::flag;
use crate::execute::kubernetes::{self, Kept};
use crate::execute::traffic::{self, Weights};

/// Longest time that reading or setting again may take.
const SERVICE_WAIT: Duration = Duration::from_secs(600);
/// Separates the digest of objects from those of other values.
const OBJECTS_LABEL: &str = "cortex-change/objects/v1";
/// Separates the digest of weights from those of other values.
const DIGEST_LABEL: &str = "cortex-change/weights/v1";

/// What a capture of a service finds; nothing for captures of other things.
pub(super) async fn take(
    capture: &Capture,
    context: &ExecutionContext,
    cancel: &CancellationToken,
) -> Result<Option<Item>, SnapshotError> {
    match capture {
        Capture::Weights { router, targets } => weights(router, targets, context, cancel).await.map(Some),
        Capture::Answer { read } => answer(read, context, cancel).await.map(Some),
        Capture::Objects { cluster, objects: which } => {
            objects(cluster, which, context, cancel).await.map(Some)
        }
        Capture::File { .. } | Capture::Command { .. } => Ok(None),
    }
}

async fn weights(
    router: &Router,
    targets: &BTreeSet<String>,
    context: &ExecutionContext,
    cancel: &CancellationToken,
) -> Result<Item, SnapshotError> {
    let read = async { traffic::read(router, targets, context).await.map_err(|error| error.to_string()) };
    let weights = in_time(read, context, cancel).await?;
    let digest = Digest::of(DIGEST_LABEL, &weights)
        .map_err(|error| SnapshotError::Service { reason: error.to_string() })?;
    Ok(Item::Weights { router: router.clone(), weights, digest })
}

pub(super) async fn set_again(
    router: &Router,
    weights: &Weights,
    context: &ExecutionContext,
    cancel: &CancellationToken,
) -> Result<Restored, SnapshotError> {
    let set = async { traffic::restore(router, weights, context).await.map_err(|error| error.to_string()) };
    let done = in_time(set, context, cancel).await?;
    Ok(if done { Restored::PutBack } else { Restored::Unchanged })
}

async fn objects(
    cluster: &Cluster,
    objects: &Objects,
    context: &ExecutionContext,
    cancel: &CancellationToken,
) -> Result<Item, SnapshotError> {
    let saved =
        async { kubernetes::save(cluster, objects, context).await.map_err(|error| error.to_string()) };
    let kept = in_time(saved, context, cancel).await?;
    let digest = Digest::of(OBJECTS_LABEL, &kept)
        .map_err(|error| SnapshotError::Service { reason: error.to_string() })?;
    Ok(Item::Objects { cluster: cluster.clone(), kept, digest })
}

pub(super) async fn objects_again(
    cluster: &Cluster,
    kept: &[Kept],
    context: &ExecutionContext,
    cancel: &CancellationToken,
) -> Result<Restored, SnapshotError> {
    let put_back =
        async { kubernetes::put_back(cluster, kept, context).await.map_err(|error| error.to_string()) };
    let done = in_time(put_back, context, cancel).await?;
    Ok(if done { Restored::PutBack } else { Restored::Unchanged })
}

async fn answer(
    read: &ReadBack,
    context: &ExecutionContext,
    cancel: &CancellationToken,
) -> Result<Item, SnapshotError> {
    let output = output(read, context, cancel).await?;
    let digest = Digest::of_bytes(output.text.as_bytes());
    Ok(Item::Answer { read: read.clone(), output, digest })
}

pub(super) async fn compared(
    read: &ReadBack,
    before: &Output,
    context: &ExecutionContext,
    cancel: &CancellationToken,
) -> Result<Restored, SnapshotError> {
    let after = output(read, context, cancel).await?;
    let before = before.clone();
    Ok(if after == before { Restored::SameOutput } else { Restored::OtherOutput { before, after } })
}

async fn output(
    read: &ReadBack,
    context: &ExecutionContext,
    cancel: &CancellationToken,
) -> Result<Output, SnapshotError> {
    let text = in_time(flag::value(read, SERVICE_WAIT, context), context, cancel).await?;
    Ok(Output { exit_status: 0, text })
}

async fn in_time<T>(
    work: impl Future<Output = Result<T, String>>,
    context: &ExecutionContext,
    cancel: &CancellationToken,
) -> Result<T, SnapshotError> {
    let failed = |reason: &str| Err(SnapshotError::Service { reason: context.mask(reason) });
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(SnapshotError::Cancelled),
        done = work => done.or_else(|reason| failed(&reason)),
        () = tokio::time::sleep(SERVICE_WAIT) => {
            failed(&format!("the service did not answer within {} s", SERVICE_WAIT.as_secs()))
        }
    }
}
