//! Why policies could not be loaded.

use domain::canonical::NotCanonical;
use domain::id::InvalidId;

use crate::nesting::NESTING_MAX;
use crate::place::Place;
use crate::rules::RULES_MAX;
use crate::source::{FILE_BYTES_MAX, FILES_MAX, POLICIES_MAX};

/// Why policies could not be loaded: what is wrong, where, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// More files than are accepted.
    #[error(
        "{count} policy files are too many: at most {FILES_MAX} are accepted; put several policies into one file"
    )]
    TooManyFiles {
        /// How many were given.
        count: usize,
    },
    /// A file larger than is accepted.
    #[error("policy file `{file}` has {bytes} bytes: at most {FILE_BYTES_MAX} are accepted; split it")]
    FileTooLarge {
        /// The file's name.
        file: String,
        /// Its size.
        bytes: usize,
    },
    /// More policies than are accepted.
    #[error("{count} policies are too many: at most {POLICIES_MAX} are accepted; combine some of them")]
    TooManyPolicies {
        /// How many there are.
        count: usize,
    },
    /// More rules than are accepted.
    #[error("{count} rules are too many: at most {RULES_MAX} are accepted; remove some of them")]
    TooManyRules {
        /// How many there are.
        count: usize,
    },
    /// A rule that another file has too.
    #[error(
        "policy file `{file}`: the rule `{id}` of `{policy}` is already that of `{first}`; remove one of them"
    )]
    RuleTwice {
        /// The second file.
        file: String,
        /// The policy.
        policy: String,
        /// The rule.
        id: String,
        /// The first file.
        first: String,
    },
    /// Two files of one name, so that a place would be ambiguous.
    #[error("policy file `{file}` was given twice; rename one of the two")]
    FileTwice {
        /// The file's name.
        file: String,
    },
    /// A policy nested too deeply.
    #[error("policy file {place}: more than {NESTING_MAX} brackets and branches are open; split the policy")]
    TooDeep {
        /// Where they become too many.
        place: Place,
    },
    /// A text that is not Cedar.
    #[error("policy file {place}: {problem}; {fix}")]
    Syntax {
        /// Where.
        place: Place,
        /// What is wrong.
        problem: String,
        /// What to do about it.
        fix: String,
    },
    /// A template where a policy is expected.
    #[error(
        "policy file {place}: a template with slots is never linked; write out the principal and the resource"
    )]
    Template {
        /// Where the template begins.
        place: Place,
    },
    /// An annotation that the policy must have.
    #[error("policy file {place}: the policy has no `@{annotation}(\"…\")`; add {expected}")]
    AnnotationMissing {
        /// Where the policy begins.
        place: Place,
        /// The annotation.
        annotation: &'static str,
        /// What it states.
        expected: &'static str,
    },
    /// An annotation that is not read, probably a misspelt one.
    #[error(
        "policy file {place}: `@{annotation}` is not an annotation that is read: expected one of {accepted}"
    )]
    AnnotationUnknown {
        /// Where the policy begins.
        place: Place,
        /// The annotation.
        annotation: String,
        /// Those that are read.
        accepted: String,
    },
    /// An `@id` that is not a policy id.
    #[error("policy file {place}: the policy's `@id` is not acceptable")]
    IdInvalid {
        /// Where the policy begins.
        place: Place,
        /// Why.
        #[source]
        source: InvalidId,
    },
    /// An `@id` under which refusals appear that come from no policy.
    #[error(
        "policy file {place}: the `@id` `{id}` is reserved for refusals that come from no policy; choose another"
    )]
    IdReserved {
        /// Where the policy begins.
        place: Place,
        /// The id.
        id: String,
    },
    /// An `@id` that another policy has.
    #[error("policy file {place}: the `@id` `{id}` is already that of the policy at {first}; choose another")]
    IdTwice {
        /// Where the second policy begins.
        place: Place,
        /// The id.
        id: String,
        /// Where the first policy begins.
        first: Place,
    },
    /// A policy that does not fit the schema.
    #[error("policy file {place}: policy `{id}` does not fit the schema: {problem}; {fix}")]
    Misfit {
        /// Where.
        place: Place,
        /// The policy.
        id: String,
        /// What is wrong.
        problem: String,
        /// What to do about it.
        fix: String,
    },
    /// A name in our own code that has no acceptable form.
    #[error("a built-in name is not acceptable")]
    Name(#[from] InvalidId),
    /// Policies that are sound one by one but not together.
    #[error("the policies cannot be combined: {problem}")]
    Combination {
        /// Why.
        problem: String,
    },
    /// The digest of the policy texts could not be computed.
    #[error("the policy texts have no digest")]
    Digest(#[from] NotCanonical),
}
