//! What is known about a change's size, tests and author: facts that the assessment weighs.

use serde::{Deserialize, Serialize};

use super::files::ChangedFiles;
use super::reported::{self, Line, PolicyFinding, ReportedFinding, TooManyFindings};
use crate::number::Share;

/// Facts that came with the request. A fact that is absent is named in the assessment and takes its cautious value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// How much is changed.
    pub churn: Option<Churn>,
    /// Which files are touched; absent in requests from before they were handed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<ChangedFiles>,
    /// How much of it the tests cover.
    pub coverage: Option<Coverage>,
    /// How the tests ended.
    pub tests: Option<TestResults>,
    /// What shows that data stay encrypted at rest and in transit: the report of a check, by name, link or digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Line>,
    /// Whether a setting is changed.
    pub configuration_change: Option<bool>,
    /// Whether a database schema is changed.
    pub schema_change: Option<bool>,
    /// What is known of the author.
    pub author: Option<AuthorFacts>,
    /// Whether the author says that this repairs something.
    pub is_fix: bool,
    /// Whether this takes back an earlier change.
    pub is_revert: bool,
    /// What scanners object to, the most severe ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<ReportedFinding>,
    /// How many more findings there are, none more severe than those that are listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub findings_unlisted: u64,
    /// What policies object to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policy_findings: Vec<PolicyFinding>,
}

impl Evidence {
    /// Checks what single values cannot: how many findings there are.
    ///
    /// # Errors
    /// When there are more than an entry of the log holds.
    pub fn validate(&self) -> Result<(), TooManyFindings> {
        reported::check(&self.findings, self.findings_unlisted, &self.policy_findings)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands the field over by reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Size of a change to files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Churn {
    /// Lines added plus lines deleted.
    pub lines: u64,
    /// Files touched.
    pub files: u64,
    /// Directories that contain a touched file.
    pub directories: u64,
}

/// Test coverage, and what it is a share of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coverage {
    /// The covered share.
    pub share: Share,
    /// Lines the share is of.
    pub basis: CoverageBasis,
}

/// Lines that a coverage share is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CoverageBasis {
    /// The changed lines that can be executed.
    ChangedLines,
    /// All lines of the project, because no changed line can be executed.
    WholeProject,
    /// The requester stated a number without a report.
    Declared,
}

/// Counts of test cases by result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestResults {
    /// Passed.
    pub passed: u64,
    /// Failed or ended in an error.
    pub failed: u64,
    /// Not run.
    pub skipped: u64,
}

impl TestResults {
    /// Whether at least one test ran and none failed.
    pub fn all_passed(self) -> bool {
        self.passed > 0 && self.failed == 0
    }
}

/// What the repository's history says of the author.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorFacts {
    /// Earlier commits by the same author.
    pub commits: u64,
    /// Earlier commits by the same author to the files now touched.
    pub commits_to_these_files: u64,
    /// Whether the history was cut short, so that the counts are lower bounds.
    pub is_lower_bound: bool,
}
