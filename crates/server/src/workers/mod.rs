//! Background loops. Each is woken by a notification or a tick, reads the store, and does the idempotent next thing.
//!
//! To add one: a file here with an `async fn turn(&SharedApp) -> Result<(), Failure>`, and its line in [`ALL`].

mod follow;
mod health;
mod housekeeping;
mod learn;
mod leases;
mod outbox;
mod policies;
mod presence;
mod stops;
mod timers;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::app::SharedApp;
use crate::failure::Failure;

/// Pause after a loop failed.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(2);
const SECOND: Duration = Duration::from_secs(1);
const FIVE_SECONDS: Duration = Duration::from_secs(5);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

type Turn = for<'a> fn(&'a SharedApp) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;

/// A background loop.
struct Worker {
    name: &'static str,
    wake: Wake,
    tick: Duration,
    turn: Turn,
}

/// What wakes a loop before its tick. Deadlines and leases end by the clock, so nothing needs to.
#[derive(Clone, Copy)]
enum Wake {
    Nothing,
    Message,
    Growth,
}

/// Every loop.
const ALL: &[Worker] = &[
    Worker { name: "timers", wake: Wake::Nothing, tick: SECOND, turn: |app| Box::pin(timers::turn(app)) },
    Worker { name: "stops", wake: Wake::Nothing, tick: SECOND, turn: |app| Box::pin(stops::turn(app)) },
    Worker { name: "leases", wake: Wake::Nothing, tick: SECOND, turn: |app| Box::pin(leases::turn(app)) },
    Worker {
        name: "outbox",
        wake: Wake::Message,
        tick: FIVE_SECONDS,
        turn: |app| Box::pin(outbox::turn(app)),
    },
    Worker {
        name: "housekeeping",
        wake: Wake::Nothing,
        tick: HOUR,
        turn: |app| Box::pin(housekeeping::turn(app)),
    },
    Worker { name: "health", wake: Wake::Nothing, tick: SECOND, turn: |app| Box::pin(health::turn(app)) },
    Worker { name: "policies", wake: Wake::Nothing, tick: SECOND, turn: |app| Box::pin(policies::turn(app)) },
    Worker {
        name: "presence",
        wake: Wake::Nothing,
        tick: FIVE_SECONDS,
        turn: |app| Box::pin(presence::turn(app)),
    },
    Worker { name: "learn", wake: Wake::Nothing, tick: MINUTE, turn: |app| Box::pin(learn::turn(app)) },
    Worker {
        name: "follow",
        wake: Wake::Growth,
        tick: FIVE_SECONDS,
        turn: |app| Box::pin(follow::turn(app)),
    },
];

/// Starts every loop as an owned task; each ends with the application's shutdown.
pub(crate) fn start(app: &SharedApp, tasks: &mut tokio::task::JoinSet<()>) {
    // A server that is alone with its log has nothing to follow, and is spared the waking.
    let is_alone = app.followed.is_alone();
    for worker in ALL.iter().filter(|worker| !(is_alone && matches!(worker.wake, Wake::Growth))) {
        let app = app.clone();
        tasks.spawn(async move { run(&app, worker).await });
    }
}

async fn run(app: &SharedApp, worker: &Worker) {
    let mut size = app.store.subscribe();
    loop {
        // Registered before the store is read, so that a notification in between is not missed.
        let message = app.wake.notified();
        tokio::pin!(message);
        message.as_mut().enable();
        size.mark_unchanged();
        let pause = match (worker.turn)(app).await {
            Ok(()) => worker.tick,
            Err(failure) => {
                tracing::error!(worker = worker.name, error = %failure, "background loop failed; it goes on");
                PAUSE_AFTER_FAILURE
            }
        };
        let may_be_woken = pause == worker.tick;
        let is_woken = async {
            match worker.wake {
                Wake::Message if may_be_woken => message.await,
                // The sender lives as long as the store, whose end ends the server.
                Wake::Growth if may_be_woken && size.changed().await.is_ok() => {}
                Wake::Nothing | Wake::Message | Wake::Growth => std::future::pending().await,
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = is_woken => {}
            () = app.shutdown.cancelled() => return,
        }
    }
}
