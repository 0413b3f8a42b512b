//! Who may do what: Cedar policies, the facts they are asked about, and answers with reasons.
//!
//! Knows: the shipped policies with their schema, how an organisation adds its own, how typed facts become Cedar
//! entities, and how a decision becomes an [`Answer`](domain::authorization::Answer) that names the rule, says it in a
//! sentence and offers the next step; and which rules of an organisation's own rule sets what is known of a change breaks.
//! Never does: input or output, looking facts up, deciding who must approve.
//!
//! Nothing here is permitted by default. A question that does not fit the schema and a policy that fails while it is
//! evaluated are denials, although Cedar alone would skip such a policy and go on.
//!
//! Budget: one warm decision costs at most 50 µs. Policies are split by action when they are loaded, so that a
//! decision evaluates only those whose scope names its action; entities are built from typed values, never from JSON.
//! `cargo run --release -p policy --example decision_cost` prints the cost beside the budget.
//!
//! Invariant: `policy` performs no I/O; added policies can forbid more and permit more, but never lift a shipped
//! `forbid`; whatever is not answered with a clear yes is denied.

mod action;
mod attributes;
mod entities;
mod error;
mod memory;
mod nesting;
mod place;
mod question;
mod rules;
mod set;
mod shipped;
mod source;

pub use action::Action;
pub use error::LoadError;
pub use place::Place;
pub use question::{
    ActorResource, BudgetLeft, ChainStanding, ChangeResource, Context, Delegator, IncidentResource,
    Principal, PrincipalKind, Question, Resource,
};
pub use rules::{Fact, RULES_MAX, Rule, RuleBook, RuleFacts, Violation as RuleViolation};
pub use set::{Effect, NO_PERMISSION, POLICY_ERROR, PolicyInfo, PolicySet};
pub use shipped::SCHEMA_TEXT as SCHEMA;
pub use source::{FILE_BYTES_MAX, FILES_MAX, POLICIES_MAX, PolicyFile};
