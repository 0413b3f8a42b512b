//! Who acts: humans, agents and services, their roles, owners and tokens.

pub mod budget;
pub mod delegation;
pub mod directory;
pub mod kind;
pub mod lifecycle;

pub use budget::{AgentEvent, Budget, TrackRecord, Trust};
pub use delegation::{Delegate, Delegation, DelegationScope};
pub use directory::Directory;
pub use kind::{ActorKind, Role, Scope};
pub use lifecycle::{
    Actor, ActorCommand, ActorEvent, ActorRefusal, DirectoryEvent, Registration, Token, decide, evolve,
    register,
};
