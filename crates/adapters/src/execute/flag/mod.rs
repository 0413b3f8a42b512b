//! `flag`: switches a feature flag, and believes it only once it is read back.

mod edit;
mod service;

use std::path::Path;
use std::time::Duration;

use domain::plan::Flag;
use tokio_util::sync::CancellationToken;

use super::{Attempt, Excerpt, ExecutionContext, bounded, other_failure};
use crate::snapshot::{FileProblem, rewrite};

pub(crate) use service::value;

pub(super) async fn execute(
    flag: &Flag,
    time_limit: Duration,
    context: &ExecutionContext,
    cancel: &CancellationToken,
) -> Attempt {
    let mut log = Excerpt::new(context.masker().clone());
    let work = async {
        match flag {
            Flag::File { path, flag, enabled, variant } => {
                let wanted = edit::Wanted { flag: flag.clone(), enabled: *enabled, variant: variant.clone() };
                in_file(context.path(path), wanted).await
            }
            Flag::Service { set, read, expected } => {
                // Twice the step's time, so that it is the step's time that ends it.
                service::switch(set, read, expected, time_limit.saturating_mul(2), context).await
            }
        }
    };
    match bounded(time_limit, cancel, work).await {
        Ok(Ok(said)) => {
            log.push_line(&said);
            Attempt::succeeded(log.finish())
        }
        Ok(Err(reason)) => Attempt::failed(other_failure(&context.mask(&reason)), log.finish()),
        Err(failure) => Attempt::failed(failure, log.finish()),
    }
}

async fn in_file(path: impl AsRef<Path>, wanted: edit::Wanted) -> Result<String, String> {
    let path = path.as_ref().to_owned();
    let work = move || {
        let mut said = String::new();
        rewrite(&path, |content| {
            let edited = edit::switched(content, &wanted).map_err(|error| error.to_string())?;
            said = edited.said;
            Ok(edited.content)
        })
        .map(|()| said)
        .map_err(|problem| match problem {
            FileProblem::Content(reason) => format!("`{}`: {reason}", path.display()),
            FileProblem::File(error) => error.to_string(),
        })
    };
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err("the work was broken off".to_owned()))
}
