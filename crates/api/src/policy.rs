//! The policies in force.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The policies in force, and why what their folder holds is not where it is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Policies {
    /// Number by which decisions name the set: the version of its entry in the stream `policies` of the log.
    pub policy_set: Option<u64>,
    /// SHA-256 over the names and texts of everything in the set.
    pub digest: String,
    /// The same over what ships with the program.
    pub core_digest: String,
    /// When the set came into force.
    pub in_force_since: String,
    /// Files of the folder that are part of it.
    pub added: Vec<AddedFile>,
    /// Why the folder as it is now is not in force; absent when it is.
    pub held: Option<HeldPolicies>,
    /// Every policy, in order of the ids.
    pub items: Vec<Policy>,
}

/// A file that adds to the shipped policies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AddedFile {
    /// Its name in the folder.
    pub name: String,
    /// SHA-256 of its text.
    pub digest: String,
}

/// A folder of policies that is invalid, so that the earlier set stays in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeldPolicies {
    /// When that was found.
    pub since: String,
    /// What is wrong, where, and what to do.
    pub problem: String,
}

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Policy {
    /// Its `@id`.
    pub id: String,
    /// permit or forbid.
    pub effect: String,
    /// The rule in a sentence.
    pub title: String,
    /// The next step for whoever is refused; absent where there is none.
    pub fix: Option<String>,
    /// The controls that its decisions are evidence for.
    pub controls: Vec<String>,
    /// Whether it ships with the program.
    pub core: bool,
    /// The file it stands in.
    pub file: String,
    /// The line it begins at, from 1.
    pub line: u64,
    /// Its text.
    pub text: String,
}
