//! Size, tests and author as they come with a request.

use domain::change as d;
use domain::number::Share;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::field::FieldError;

/// Facts about a change's size, tests and author. What is absent is named in the assessment and taken cautiously.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// How much is changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub churn: Option<Churn>,
    /// Covered share, in per cent from 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage_percent: Option<f64>,
    /// What the share is of: `changed_lines`, `whole_project` or `declared`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage_basis: Option<String>,
    /// Counts of test cases by result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<Tests>,
    /// Whether a setting is changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration_change: Option<bool>,
    /// Whether a database schema is changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_change: Option<bool>,
    /// What is known of the author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Author>,
    /// Whether the author says that this repairs something.
    #[serde(default)]
    pub is_fix: bool,
    /// Whether this takes back an earlier change.
    #[serde(default)]
    pub is_revert: bool,
}

/// Size of a change to files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Churn {
    /// Lines added plus lines deleted.
    pub lines: u64,
    /// Files touched.
    pub files: u64,
    /// Directories that contain a touched file.
    pub directories: u64,
}

/// Counts of test cases by result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Tests {
    /// Passed.
    pub passed: u64,
    /// Failed or ended in an error.
    pub failed: u64,
    /// Not run.
    #[serde(default)]
    pub skipped: u64,
}

/// What the repository's history says of the author.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Author {
    /// Earlier commits by the same author.
    pub commits: u64,
    /// Earlier commits by the same author to the files now touched.
    #[serde(default)]
    pub commits_to_these_files: u64,
    /// Whether the counts are lower bounds.
    #[serde(default)]
    pub is_lower_bound: bool,
}

impl Evidence {
    /// The evidence as a domain value.
    ///
    /// # Errors
    /// When a number is out of range or a word is unknown.
    pub fn to_domain(&self) -> Result<d::Evidence, FieldError> {
        Ok(d::Evidence {
            churn: self.churn.as_ref().map(|churn| d::Churn {
                lines: churn.lines,
                files: churn.files,
                directories: churn.directories,
            }),
            coverage: self.coverage()?,
            tests: self.tests.as_ref().map(|tests| d::TestResults {
                passed: tests.passed,
                failed: tests.failed,
                skipped: tests.skipped,
            }),
            configuration_change: self.configuration_change,
            schema_change: self.schema_change,
            author: self.author.as_ref().map(|author| d::AuthorFacts {
                commits: author.commits,
                commits_to_these_files: author.commits_to_these_files,
                is_lower_bound: author.is_lower_bound,
            }),
            is_fix: self.is_fix,
            is_revert: self.is_revert,
        })
    }

    fn coverage(&self) -> Result<Option<d::Coverage>, FieldError> {
        let basis = match self.coverage_basis.as_deref() {
            None | Some("declared") => d::CoverageBasis::Declared,
            Some("changed_lines") => d::CoverageBasis::ChangedLines,
            Some("whole_project") => d::CoverageBasis::WholeProject,
            Some(other) => {
                let message =
                    format!("`{other}` is unknown: expected changed_lines, whole_project or declared");
                return Err(FieldError::new("coverage_basis", message));
            }
        };
        let Some(percent) = self.coverage_percent else {
            return Ok(None);
        };
        if !(0.0..=100.0).contains(&percent) {
            let message = format!("{percent} is out of range: expected a percentage from 0 to 100");
            return Err(FieldError::new("coverage_percent", message));
        }
        #[expect(clippy::cast_possible_truncation, reason = "0 to 10 000 after the check above")]
        let basis_points = (percent * 100.0).round() as i64;
        let share = Share::new(basis_points).map_err(|error| FieldError::new("coverage_percent", error))?;
        Ok(Some(d::Coverage { share, basis }))
    }

    /// The evidence as it came.
    pub fn from_domain(evidence: &d::Evidence) -> Self {
        Self {
            churn: evidence.churn.map(|churn| Churn {
                lines: churn.lines,
                files: churn.files,
                directories: churn.directories,
            }),
            coverage_percent: evidence.coverage.map(|coverage| f64::from(coverage.share.get()) / 100.0),
            coverage_basis: evidence.coverage.map(|coverage| {
                match coverage.basis {
                    d::CoverageBasis::ChangedLines => "changed_lines",
                    d::CoverageBasis::WholeProject => "whole_project",
                    d::CoverageBasis::Declared => "declared",
                }
                .to_owned()
            }),
            tests: evidence.tests.map(|tests| Tests {
                passed: tests.passed,
                failed: tests.failed,
                skipped: tests.skipped,
            }),
            configuration_change: evidence.configuration_change,
            schema_change: evidence.schema_change,
            author: evidence.author.map(|author| Author {
                commits: author.commits,
                commits_to_these_files: author.commits_to_these_files,
                is_lower_bound: author.is_lower_bound,
            }),
            is_fix: evidence.is_fix,
            is_revert: evidence.is_revert,
        }
    }
}
