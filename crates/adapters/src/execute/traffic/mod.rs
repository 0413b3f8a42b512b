//! `traffic`: sets the weights of a router's targets, and believes it only once the router says so.
//!
//! To add a router: its file here with `read` and `set`, its variant in `domain::plan::Router`, its arms below.

mod gateway;
mod haproxy;
mod programs;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::plan::{Router, Traffic};
use tokio_util::sync::CancellationToken;

use super::kubernetes::ApiError;
use super::{Attempt, Excerpt, ExecutionContext, bounded, other_failure};

/// Target to weight.
pub(crate) type Weights = BTreeMap<String, u32>;

/// A router that does not do or say what is needed. Texts from outside are not masked yet.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RouterError {
    #[error(
        "`{router}` cannot be reached: {cause}; check the address and that its runtime API is switched on"
    )]
    NotReached { router: String, cause: String },
    #[error("`{router}` answers `{answer}` to `{command}`")]
    Refused { router: String, command: String, answer: String },
    #[error("`{router}` does not tell the weight of `{target}`: it answers `{answer}`")]
    NoWeight { router: String, target: String, answer: String },
    #[error(transparent)]
    Cluster(#[from] ApiError),
    #[error("`{command}` {problem}")]
    Program { command: String, problem: String },
    #[error(
        "`{target}` has the weight {found} although {wanted} was set: something else sets it too, or it cannot be set"
    )]
    NotSet { target: String, found: u32, wanted: u32 },
}

pub(super) async fn execute(
    traffic: &Traffic,
    time_limit: Duration,
    context: &ExecutionContext,
    cancel: &CancellationToken,
) -> Attempt {
    let mut log = Excerpt::new(context.masker().clone());
    let work = async {
        let before = read(&traffic.router, &targets(&traffic.weights), context).await?;
        log.push_line(&format!("before: {}", in_words(&before)));
        shift(&traffic.router, &before, &traffic.weights, context).await?;
        log.push_line(&format!("now: {}", in_words(&traffic.weights)));
        Ok(())
    };
    let done: Result<Result<(), RouterError>, _> = bounded(time_limit, cancel, work).await;
    match done {
        Ok(Ok(())) => Attempt::succeeded(log.finish()),
        Ok(Err(error)) => Attempt::failed(other_failure(&context.mask(&error.to_string())), log.finish()),
        Err(failure) => Attempt::failed(failure, log.finish()),
    }
}

/// The weights of these targets now.
pub(crate) async fn read(
    router: &Router,
    targets: &BTreeSet<String>,
    context: &ExecutionContext,
) -> Result<Weights, RouterError> {
    match router {
        Router::Haproxy { address, backend } => haproxy::read(address, backend, targets, context).await,
        Router::GatewayRoute { cluster, route, rule } => {
            gateway::Rule { cluster, route, rule: *rule }.read(targets, context).await
        }
        Router::Programs { read, timeout_millis, .. } => {
            programs::read(read, Duration::from_millis(*timeout_millis), targets, context).await
        }
    }
}

/// Brings the targets to `wanted` and reads them back. Says whether anything had to be done.
pub(crate) async fn restore(
    router: &Router,
    wanted: &Weights,
    context: &ExecutionContext,
) -> Result<bool, RouterError> {
    let now = read(router, &targets(wanted), context).await?;
    if now == *wanted {
        return Ok(false);
    }
    shift(router, &now, wanted, context).await?;
    Ok(true)
}

/// As `500 stable, 0 canary`.
pub(crate) fn in_words(weights: &Weights) -> String {
    let words = weights.iter().map(|(target, weight)| format!("{target} {weight}"));
    words.collect::<Vec<_>>().join(", ")
}

async fn shift(
    router: &Router,
    before: &Weights,
    wanted: &Weights,
    context: &ExecutionContext,
) -> Result<(), RouterError> {
    match router {
        Router::Haproxy { address, backend } => {
            haproxy::set(address, backend, before, wanted, context).await?
        }
        Router::GatewayRoute { cluster, route, rule } => {
            gateway::Rule { cluster, route, rule: *rule }.set(wanted, context).await?
        }
        Router::Programs { set, timeout_millis, .. } => {
            programs::set(set, Duration::from_millis(*timeout_millis), wanted, context).await?
        }
    }
    let after = read(router, &targets(wanted), context).await?;
    let differing = wanted.iter().zip(after.values()).find(|((_, wanted), found)| wanted != found);
    match differing {
        None => Ok(()),
        Some(((target, wanted), found)) => {
            Err(RouterError::NotSet { target: target.clone(), found: *found, wanted: *wanted })
        }
    }
}

fn targets(weights: &Weights) -> BTreeSet<String> {
    weights.keys().cloned().collect()
}
