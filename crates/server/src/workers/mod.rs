//! Background loops. Each is woken by a notification or a tick, reads the store, and does the idempotent next thing.
//!
//! To add one: a file here with an `async fn turn(&SharedApp) -> Result<(), Failure>`, and its line in [`ALL`].

mod leases;
mod outbox;
mod timers;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::app::SharedApp;
use crate::failure::Failure;

/// Pause after a loop failed.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(2);

type Turn = for<'a> fn(&'a SharedApp) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;

/// A background loop.
struct Worker {
    name: &'static str,
    tick: Duration,
    turn: Turn,
}

/// Every loop.
const ALL: &[Worker] = &[
    Worker { name: "timers", tick: Duration::from_secs(1), turn: |app| Box::pin(timers::turn(app)) },
    Worker { name: "leases", tick: Duration::from_secs(1), turn: |app| Box::pin(leases::turn(app)) },
    Worker { name: "outbox", tick: Duration::from_secs(5), turn: |app| Box::pin(outbox::turn(app)) },
];

/// Starts every loop as an owned task; each ends with the application's shutdown.
pub(crate) fn start(app: &SharedApp, tasks: &mut tokio::task::JoinSet<()>) {
    for worker in ALL {
        let app = app.clone();
        tasks.spawn(async move { run(&app, worker).await });
    }
}

async fn run(app: &SharedApp, worker: &Worker) {
    loop {
        // Registered before the store is read, so that a notification in between is not missed.
        let woken = app.wake.notified();
        tokio::pin!(woken);
        woken.as_mut().enable();
        let pause = match (worker.turn)(app).await {
            Ok(()) => worker.tick,
            Err(failure) => {
                tracing::error!(worker = worker.name, error = %failure, "background loop failed; it goes on");
                PAUSE_AFTER_FAILURE
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = woken, if pause == worker.tick => {}
            () = app.shutdown.cancelled() => return,
        }
    }
}
