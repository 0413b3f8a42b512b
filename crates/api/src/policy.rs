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
    /// Rules of the organisation's own rule sets, which are asked when a change is assessed.
    #[serde(default)]
    pub rules: Vec<PolicyRule>,
}

/// A rule of the organisation's own rule sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyRule {
    /// Its id.
    pub id: String,
    /// The policy that it is of.
    pub policy: String,
    /// What it asks for.
    pub title: String,
    /// The severity that its policy states.
    pub severity: Option<String>,
    /// The controls that ask for it.
    pub controls: Vec<String>,
    /// The file it stands in.
    pub file: String,
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

/// Which policies decided what happened to a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyExplanation {
    /// The change.
    pub change_id: String,
    /// Its events that policies decided, in order.
    pub decisions: Vec<PolicyDecision>,
}

/// An event that policies decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyDecision {
    /// When.
    pub timestamp: String,
    /// Position of the event among those of the change, from 1.
    pub version: u64,
    /// What was done, by the words of the audit trail.
    pub action: String,
    /// By whom.
    pub actor: String,
    /// What was done, in a sentence.
    pub details: String,
    /// Number of the set that was asked; absent for events of before sets were numbered.
    pub policy_set: Option<u64>,
    /// Digest of that set.
    pub digest: Option<String>,
    /// The policies that permitted it.
    pub permitted_by: Vec<PolicyReason>,
    /// Where the authorities were asked: the rules that kept the change from being approved without a person.
    pub not_automated: Vec<PolicyReason>,
}

/// What a policy said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyReason {
    /// Its `@id`.
    pub id: String,
    /// The rule in a sentence; absent where the set is not known any more.
    pub title: Option<String>,
    /// The next step for whoever is refused.
    pub fix: Option<String>,
    /// The controls that the decision is evidence for.
    pub controls: Vec<String>,
}

/// Policies to ask about past decisions in the place of those in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayRequest {
    /// Decisions at or after this instant.
    pub since: String,
    /// The files that would be added to the shipped policies; none to ask those alone.
    pub files: Vec<PolicyText>,
    /// Where to go on; from the first change when absent.
    #[serde(default)]
    pub cursor: Option<String>,
}

/// A file of policies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyText {
    /// Its name, without a folder.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// What other policies would have decided of some changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Replay {
    /// Digest of the policies in force.
    pub in_force: String,
    /// Digest of the others.
    pub other: String,
    /// Changes that were looked at.
    pub changes: u64,
    /// Decisions that both were asked about.
    pub decisions: u64,
    /// Decisions that the policies in force do not answer as recorded, of which nothing can be said.
    pub not_reproduced: u64,
    /// Decisions that would have been different.
    pub differing: Vec<DifferingDecision>,
    /// Where the next changes begin; absent after the last ones.
    pub next_cursor: Option<String>,
}

/// A decision that would have been different.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DifferingDecision {
    /// The change.
    pub change_id: String,
    /// Its title.
    pub title: String,
    /// Its state by now.
    pub state: String,
    /// How it was closed; absent while it is not.
    pub outcome: Option<String>,
    /// Whether it failed or was taken back afterwards, or led to an incident.
    pub went_wrong: bool,
    /// Position of the event that the decision led to.
    pub version: u64,
    /// When.
    pub timestamp: String,
    /// What was asked for, as policies name it.
    pub action: String,
    /// By whom.
    pub actor: String,
    /// Whether it would have been permitted; it was the other way round.
    pub would_be_permitted: bool,
    /// The policies that permit it, of whichever set does.
    pub permitted_by: Vec<String>,
    /// The rules that refuse it, of whichever set does.
    pub refused_by: Vec<PolicyReason>,
}
