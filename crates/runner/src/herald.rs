//! Says that a daemon is there, what it is fit for and what it works on, for as long as it runs. Nothing depends on being
//! heard.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use api::runner::{ANNOUNCE_SECONDS, AnnounceRunner};
use client::{Client, ClientError};
use domain::id::{ChangeId, RunnerLabel};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::holder;

/// Pause before something new is told: what else is new by then is told with it.
const NEWS_PAUSE: Duration = Duration::from_millis(500);
/// Longest time in which the end is told.
const END_PATIENCE: Duration = Duration::from_secs(2);

/// What a daemon does at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Doing {
    pub(crate) working_on: BTreeSet<ChangeId>,
    pub(crate) waiting: usize,
    pub(crate) is_draining: bool,
}

/// The voice of a daemon.
#[derive(Debug)]
pub(crate) struct Herald {
    client: Client,
    name: String,
    labels: Vec<String>,
    concurrency: u32,
}

impl Herald {
    pub(crate) fn new(
        client: Client,
        name: String,
        labels: &BTreeSet<RunnerLabel>,
        concurrency: usize,
    ) -> Self {
        let labels = labels.iter().map(ToString::to_string).collect();
        Self { client, name, labels, concurrency: u32::try_from(concurrency).unwrap_or(u32::MAX) }
    }

    /// Tells what the daemon does, again and again; `unheard` hears once why the server does not want to know.
    pub(crate) async fn announce(
        &self,
        mut doing: watch::Receiver<Doing>,
        unheard: impl Fn(String),
    ) -> Infallible {
        let mut is_refused = false;
        loop {
            let now = doing.borrow_and_update().clone();
            let state = if now.is_draining { "draining" } else { "looking" };
            match self.say(&now, state).await {
                Ok(()) => is_refused = false,
                // A server that does not answer is noticed where work is looked for.
                Err(error) if error.is_transient() => tracing::debug!(%error, "not announced"),
                Err(error) if !is_refused => {
                    is_refused = true;
                    unheard(error.to_string());
                }
                Err(_) => {}
            }
            tokio::select! {
                () = sleep(Duration::from_secs(ANNOUNCE_SECONDS)) => {}
                Ok(()) = doing.changed() => sleep(NEWS_PAUSE).await,
            }
        }
    }

    /// Tells that the daemon has ended. Where nobody hears it, the runner is forgotten by itself.
    pub(crate) async fn end(&self) {
        if timeout(END_PATIENCE, self.say(&Doing::default(), "ended")).await.is_err() {
            tracing::debug!("the end was not announced");
        }
    }

    async fn say(&self, doing: &Doing, state: &str) -> Result<(), ClientError> {
        let seen = AnnounceRunner {
            host: holder::host(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            labels: self.labels.clone(),
            concurrency: self.concurrency,
            working_on: doing.working_on.iter().map(ToString::to_string).collect(),
            waiting: u32::try_from(doing.waiting).unwrap_or(u32::MAX),
            state: state.to_owned(),
        };
        self.client.announce_runner(&self.name, &seen).await.map(|_told| ())
    }
}
