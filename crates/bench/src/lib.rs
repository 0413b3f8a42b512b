//! What the benchmarks under `benches/` share: a server in a process of its own, callers that load it, logs of any
//! length, and figures as Markdown.
//!
//! Knows: how to measure the product from outside. Never does: anything in the product; nothing depends on it.
//!
//! Each benchmark prints a section of `docs/benchmarks.md` to standard output and says on standard error what it is
//! doing. `scripts/bench` builds and runs them all.
//!
//! Invariant: a figure counts only when everything behind it was checked (every answer was 201, every change is still
//! there after the server was killed); every round is bounded in number and time; nothing listens but on loopback.

mod catalogue;
mod ceiling;
mod figures;
mod landscape;
mod lifetime;
mod load;
mod options;
mod place;
mod processor;
mod replica;
mod requests;
mod server;

pub use catalogue::catalogue;
pub use ceiling::Ceiling;
pub use figures::{Table, median, milliseconds, permille, rate, shown, spread};
pub use landscape::{Random, ci_description, ci_name, ci_source, landscape};
pub use load::{Load, Measured};
pub use options::Options;
pub use place::{Kind, Place, Places};
pub use processor::{own_processor_time, thread_time};
pub use replica::{Replica, append_all};
pub use requests::{LARGE, SMALL, mixed};
pub use server::{Server, Staff};
