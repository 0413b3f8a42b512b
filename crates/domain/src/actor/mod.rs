//! Who acts: humans, agents and services, their roles, owners and tokens.

pub mod kind;

pub use kind::{ActorKind, Role, Scope};
