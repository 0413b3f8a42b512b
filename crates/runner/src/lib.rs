//! Carries plans out: asks the domain what is next, does it with the adapters, and reports it through the client.
//!
//! Knows: leases and their end, monitors, snapshots on this machine, and how to stop. Never does: decide what comes
//! next (`domain::plan` does), whether a sample is a breach (`domain::rollback` does) or whether anybody may (the
//! server does).
//!
//! Invariant: nothing is executed before the server has acknowledged its start, and nothing that was started runs on
//! when the lease has ended: it is stopped by this machine's own monotonic clock, whatever the network does.

mod attempt;
mod bake;
mod baseline;
mod breach;
mod carry;
mod clock;
mod comparison;
mod daemon;
mod drive;
mod error;
mod herald;
mod holder;
mod lease;
mod probing;
mod progress;
mod rehearsal;
mod run;
mod samples;
mod session;
mod settings;
mod snapshot;
mod soak;
mod stop;
mod tally;
mod waiting;
mod watch;
mod workspaces;

pub use carry::Carried;
pub use daemon::{CONCURRENCY_MAX, Daemon, DaemonSettings, News};
pub use error::{Ended, RunnerError};
pub use progress::{PROGRESS_WAITING_MAX, Progress, Reporter, Response};
pub use rehearsal::{Place, Rehearsed};
pub use run::Runner;
pub use settings::{GRACE_MAX, OnStop, Options, Settings};
pub use waiting::Waiting;
pub use workspaces::{Kept, WORKSPACES_KEPT_MAX, WorkspaceError, Workspaces};
