//! The policies that ship with the product.
//!
//! To add one: write `policies/<id>.cedar` with `@id`, `@title`, `@fix` and `@control`, add its line here in
//! alphabetical order, and a row in `tests/it/controls.rs` in which it alone decides. Read the changed matrix
//! snapshot, then accept it.

use crate::source::PolicyFile;

/// Where files seem to stand that ship. No added file can be named so: a file name has no slash.
pub(crate) const CORE_FOLDER: &str = "core/";

/// The schema: what policies may speak of.
pub const SCHEMA_TEXT: &str = include_str!("../policies/schema.cedarschema");

/// Name and text of the schema.
pub(crate) const SCHEMA: PolicyFile<'static> =
    PolicyFile { name: "core/schema.cedarschema", text: SCHEMA_TEXT };

macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        &[$(PolicyFile {
            name: concat!("core/", $name, ".cedar"),
            text: include_str!(concat!("../policies/", $name, ".cedar")),
        }),+]
    };
}

/// Every shipped policy file.
pub(crate) const POLICIES: &[PolicyFile<'static>] = files![
    "administrators-only",
    "agents-canary-needs-a-person-before-full-weight",
    "agents-keep-to-their-open-changes",
    "agents-keep-to-their-rate",
    "agents-never-administer",
    "agents-never-satisfy-a-human-gate",
    "approved-content-only",
    "approver-holds-the-authority",
    "auditors-read-only",
    "authority-delegated-in-person",
    "board-votes-by-its-members",
    "chains-of-programs-end",
    "close-only-with-validation",
    "conditions-before-start",
    "conflicting-changes-take-turns",
    "delegated-authority-only-in-force",
    "delegation-only-with-the-right",
    "emergency-authority",
    "emergency-by-who-is-on-call",
    "emergency-lane-closed-by-debt",
    "encryption-evidence-in-production",
    "inactive-actors-do-nothing",
    "maintenance-window-before-start",
    "models-are-for-administrators",
    "no-implementation-in-a-freeze",
    "people-link-incidents",
    "permissions",
    "phi-needs-the-hipaa-authority",
    "phi-never-auto-approved",
    "pre-approval-needs-known-facts",
    "pre-approval-needs-no-findings",
    "pre-approval-needs-passed-tests",
    "pre-approval-only-low",
    "pre-approval-within-agent-budget",
    "rollback-plan-by-level",
    "runner-identity",
    "segregation-of-duties",
    "stop-the-line",
    "stops-by-those-who-answer",
    "system-actions-only-by-the-system",
    "test-evidence-by-level",
    "tier-0-never-auto-approved",
    "token-scope",
    "tokens-only-by-their-owner",
    "valid-approvals-before-start",
    "window-before-start",
    "withdrawn-version-needs-a-new-decision",
];
