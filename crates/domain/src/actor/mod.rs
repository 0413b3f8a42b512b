//! Who acts: humans, agents and services, their roles, owners and tokens.

pub mod budget;
pub mod directory;
pub mod kind;
pub mod lifecycle;

pub use budget::{AgentEvent, Budget, TrackRecord, Trust};
pub use directory::Directory;
pub use kind::{ActorKind, Role, Scope};
pub use lifecycle::{
    Actor, ActorCommand, ActorEvent, ActorRefusal, DirectoryEvent, Registration, Token, decide, evolve,
    register,
};
