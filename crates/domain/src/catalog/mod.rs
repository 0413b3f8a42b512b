//! The service catalogue: which services exist, how critical each is and what depends on what.
//!
//! One aggregate in the stream `catalog`. [`Catalog::declare`] and its siblings compare a file with what is known and
//! say which events make the difference; [`Catalog::evolve`] folds them.
//!
//! Invariant: names in a catalogue are unique and every dependency leads to a catalogued service other than itself.
//! Cycles exist in reality and are accepted; every traversal visits a service once.

mod declaration;
mod error;
mod event;
mod graph;
mod reach;
mod service;
mod suggest;

pub use error::CatalogError;
pub use event::CatalogEvent;
pub use graph::Catalog;
pub use reach::Reach;
pub use service::{Dependency, Service, Strength, Tier, UnknownTier};

/// Most services in a catalogue.
pub const SERVICES_MAX: usize = 100_000;
/// Most dependencies of one service.
pub const DEPENDENCIES_MAX: usize = 1_000;
