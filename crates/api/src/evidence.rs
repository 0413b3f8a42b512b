//! Size, tests and author as they come with a request.

use domain::change as d;
use domain::change::files::FILES_LISTED_MAX;
use domain::change::reported::{FINDINGS_MAX, POLICY_FINDINGS_MAX};
use domain::history::COUNT_MAX;
use domain::number::Share;
use domain::text::FreeText;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::field::{FieldError, parse, parse_optional};

/// Facts about a change's size, tests and author. What is absent is named in the assessment and taken cautiously.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// How much is changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub churn: Option<Churn>,
    /// Files that are touched: at most 1,000, those with the most changed lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<ChangedFile>,
    /// How many files are touched in all; those that are listed when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files_total: Option<u64>,
    /// Covered share, in per cent from 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage_percent: Option<f64>,
    /// What the share is of: `changed_lines`, `whole_project` or `declared`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage_basis: Option<String>,
    /// Counts of test cases by result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<Tests>,
    /// The report of a check that data stay encrypted at rest and in transit: its name, link or digest, on one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption_check: Option<String>,
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
    /// What scanners object to: at most 100, the most severe ones. No finding ever lowers a risk.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<ReportedFinding>,
    /// How many more findings there are, none more severe than those that are listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub findings_unlisted: Option<u64>,
    /// What policies of others object to: at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policy_findings: Vec<PolicyFinding>,
}

/// Something that a scanner objects to. Every text is one line of at most 256 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportedFinding {
    /// The vulnerability or the scanner's rule, for example `CVE-2024-3094`.
    pub rule: String,
    /// The scanner.
    pub tool: String,
    /// critical, high, medium or low; counts as high when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// The package or component that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// The file, and where known the line, that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// A rule of somebody's policy that the change breaks. Every text is one line of at most 256 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyFinding {
    /// The rule.
    pub rule: String,
    /// The field that breaks it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What that field holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The control that asks for it, for example `PCI-DSS:6.4`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<String>,
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

/// A file that is touched.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangedFile {
    /// Its path in the repository, after the change; at most 512 bytes.
    pub path: String,
    /// Lines added plus lines deleted.
    #[serde(default)]
    pub lines: u64,
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
        self.check_counts()?;
        let evidence = d::Evidence {
            churn: self.churn.as_ref().map(|churn| d::Churn {
                lines: churn.lines,
                files: churn.files,
                directories: churn.directories,
            }),
            files: self.files()?,
            coverage: self.coverage()?,
            tests: self.tests.as_ref().map(|tests| d::TestResults {
                passed: tests.passed,
                failed: tests.failed,
                skipped: tests.skipped,
            }),
            encryption: parse_optional("encryption_check", self.encryption_check.as_deref())?,
            configuration_change: self.configuration_change,
            schema_change: self.schema_change,
            author: self.author.as_ref().map(|author| d::AuthorFacts {
                commits: author.commits,
                commits_to_these_files: author.commits_to_these_files,
                is_lower_bound: author.is_lower_bound,
            }),
            is_fix: self.is_fix,
            is_revert: self.is_revert,
            findings: each("findings", &self.findings, FINDINGS_MAX, ReportedFinding::to_domain)?,
            findings_unlisted: self.findings_unlisted.unwrap_or(0),
            policy_findings: each(
                "policy_findings",
                &self.policy_findings,
                POLICY_FINDINGS_MAX,
                PolicyFinding::to_domain,
            )?,
        };
        evidence.validate().map_err(|error| FieldError::new("findings", error))?;
        Ok(evidence)
    }

    /// Counts are whole numbers that every reader keeps exactly, and do not contradict each other.
    fn check_counts(&self) -> Result<(), FieldError> {
        let churn = self.churn.as_ref().map(|churn| {
            [
                ("churn.lines", churn.lines),
                ("churn.files", churn.files),
                ("churn.directories", churn.directories),
            ]
        });
        let tests = self.tests.as_ref().map(|tests| {
            [("tests.passed", tests.passed), ("tests.failed", tests.failed), ("tests.skipped", tests.skipped)]
        });
        let author = self.author.as_ref().map(|author| {
            [
                ("author.commits", author.commits),
                ("author.commits_to_these_files", author.commits_to_these_files),
            ]
        });
        let counts = churn.into_iter().flatten().chain(tests.into_iter().flatten());
        let counts = counts.chain(author.into_iter().flatten());
        let counts = counts.chain(self.files.iter().map(|file| ("files", file.lines)));
        for (field, count) in counts {
            if count > COUNT_MAX {
                let message = format!("{count} is out of range: expected a whole number up to {COUNT_MAX}");
                return Err(FieldError::new(field, message));
            }
        }
        let Some(Churn { lines, files, directories }) = self.churn else { return Ok(()) };
        let named = self.files_total.unwrap_or(self.files.len() as u64);
        if (files == 0 && lines > 0) || directories > files {
            let message =
                format!("{lines} lines in {files} files of {directories} directories contradict each other");
            return Err(FieldError::new("churn", message));
        }
        if named > files {
            let message = format!("{named} files contradict the {files} of `churn`: state the same");
            return Err(FieldError::new("files", message));
        }
        Ok(())
    }

    fn files(&self) -> Result<Option<d::ChangedFiles>, FieldError> {
        if self.files.is_empty() && self.files_total.is_none() {
            return Ok(None);
        }
        let files = each("files", &self.files, FILES_LISTED_MAX, ChangedFile::to_domain)?;
        let total = self.files_total.unwrap_or(files.len() as u64);
        d::ChangedFiles::new(&files, total).map(Some).map_err(|error| FieldError::new("files", error))
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
            if self.coverage_basis.is_some() {
                let message = "says of what, and `coverage_percent` does not say how much: give both or none";
                return Err(FieldError::new("coverage_basis", message));
            }
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
        // A list that was erased is none.
        let files = evidence.files.iter().flat_map(d::ChangedFiles::listed).map(ChangedFile::of);
        let files: Vec<_> = files.collect();
        Self {
            churn: evidence.churn.map(|churn| Churn {
                lines: churn.lines,
                files: churn.files,
                directories: churn.directories,
            }),
            files_total: evidence.files.as_ref().map(d::ChangedFiles::total).filter(|_| !files.is_empty()),
            files,
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
            encryption_check: evidence.encryption.as_ref().map(ToString::to_string),
            configuration_change: evidence.configuration_change,
            schema_change: evidence.schema_change,
            author: evidence.author.map(|author| Author {
                commits: author.commits,
                commits_to_these_files: author.commits_to_these_files,
                is_lower_bound: author.is_lower_bound,
            }),
            is_fix: evidence.is_fix,
            is_revert: evidence.is_revert,
            findings: evidence.findings.iter().map(ReportedFinding::from_domain).collect(),
            findings_unlisted: Some(evidence.findings_unlisted).filter(|count| *count > 0),
            policy_findings: evidence.policy_findings.iter().map(PolicyFinding::from_domain).collect(),
        }
    }
}

/// Reads every entry of a list that is not too long, naming the one that is wrong.
fn each<T, D>(
    field: &str,
    entries: &[T],
    max: usize,
    read: impl Fn(&T) -> Result<D, FieldError>,
) -> Result<Vec<D>, FieldError> {
    if entries.len() > max {
        let message = format!("{} entries are more than the {max} accepted", entries.len());
        return Err(FieldError::new(field, message));
    }
    let entries = entries.iter().enumerate();
    entries.map(|(at, entry)| read(entry).map_err(|error| error.under(&format!("{field}[{at}]")))).collect()
}

fn title(field: &str, text: Option<&str>) -> Result<Option<FreeText>, FieldError> {
    text.map(|text| FreeText::title(text).map_err(|error| FieldError::new(field, error))).transpose()
}

impl ChangedFile {
    fn of((path, lines): (&str, u64)) -> Self {
        Self { path: path.to_owned(), lines }
    }

    fn to_domain(&self) -> Result<d::ChangedFile, FieldError> {
        Ok(d::ChangedFile { path: parse("path", &self.path)?, lines: self.lines })
    }
}

impl ReportedFinding {
    fn to_domain(&self) -> Result<d::ReportedFinding, FieldError> {
        Ok(d::ReportedFinding {
            rule: parse("rule", &self.rule)?,
            tool: parse("tool", &self.tool)?,
            severity: parse_optional("severity", self.severity.as_deref())?,
            component: parse_optional("component", self.component.as_deref())?,
            location: parse_optional("location", self.location.as_deref())?,
            title: title("title", self.title.as_deref())?,
        })
    }

    /// The finding as it came.
    pub fn from_domain(finding: &d::ReportedFinding) -> Self {
        let line = |line: &Option<d::Line>| line.as_ref().map(ToString::to_string);
        Self {
            rule: finding.rule.to_string(),
            tool: finding.tool.to_string(),
            severity: finding.severity.map(|severity| severity.to_string()),
            component: line(&finding.component),
            location: line(&finding.location),
            title: finding.title.as_ref().map(ToString::to_string),
        }
    }
}

impl PolicyFinding {
    fn to_domain(&self) -> Result<d::PolicyFinding, FieldError> {
        Ok(d::PolicyFinding {
            rule: parse("rule", &self.rule)?,
            field: parse_optional("field", self.field.as_deref())?,
            value: title("value", self.value.as_deref())?,
            control: parse_optional("control", self.control.as_deref())?,
        })
    }

    fn from_domain(finding: &d::PolicyFinding) -> Self {
        let line = |line: &Option<d::Line>| line.as_ref().map(ToString::to_string);
        Self {
            rule: finding.rule.to_string(),
            field: line(&finding.field),
            value: finding.value.as_ref().map(ToString::to_string),
            control: line(&finding.control),
        }
    }
}
