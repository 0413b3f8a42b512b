//! Findings of scanners, in whatever of the common forms a scanner writes them: SARIF 2.1.0, CycloneDX with
//! `vulnerabilities`, the output of osv-scanner, and single OSV records. What the file holds says which it is.
//!
//! What somebody has marked as no problem (suppressed, not affected, withdrawn) is counted and left out. A file that does
//! not show that anything was looked for is refused.

mod cvss;
mod cyclonedx;
mod osv;

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::path::Path;

use domain::change::reported::{FINDINGS_BYTES_MAX, FINDINGS_MAX};
use domain::change::{FindingSeverity, Line, ReportedFinding};
use domain::text::{FreeText, TITLE_BYTES_MAX};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::report::{Place, Report, ReportError};
use super::sarif::{self, SarifError, Severity};

/// Most findings that one file may hold.
pub const MAX_FINDINGS: usize = 25_000;
/// What a finding without a rule is called.
const NO_RULE: &str = "unnamed rule";

/// Why a file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum FindingsError {
    /// Not a readable, bounded text file.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// A SARIF log that cannot be used.
    #[error(transparent)]
    Sarif(#[from] SarifError),
    /// None of the accepted forms.
    #[error(
        "{place} is no file of findings; hand over SARIF 2.1.0 (`runs`), CycloneDX JSON (`bomFormat`), the JSON of \
         osv-scanner (`results`) or an OSV record (`id` and `affected`)"
    )]
    Unrecognised {
        /// The file.
        place: Place,
    },
    /// Not JSON, or a field does not have its type.
    #[error("{place} is not {form}: `{field}`")]
    Malformed {
        /// The place in the file.
        place: Place,
        /// What it should be.
        form: &'static str,
        /// The field that is wrong.
        field: String,
        /// What the JSON reader said.
        source: serde_json::Error,
    },
    /// A bill of materials that shows no scan.
    #[error(
        "{place} has no `vulnerabilities`, so it shows no scan; have the scanner write them into the file"
    )]
    NoVulnerabilities {
        /// The file.
        place: Place,
    },
}

/// What a file of findings holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadFindings {
    /// Everything that counts.
    pub findings: Vec<ReportedFinding>,
    /// How many were left out because somebody marked them as no problem.
    pub suppressed: u64,
}

/// The findings of a change: the most severe ones, and how many more there are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MostSevere {
    /// The most severe ones, those first.
    pub listed: Vec<ReportedFinding>,
    /// How many others there are, none more severe than those listed.
    pub unlisted: u64,
}

/// What tells the forms apart.
#[derive(Deserialize)]
struct Probe {
    runs: Option<IgnoredAny>,
    #[serde(rename = "bomFormat")]
    bom_format: Option<IgnoredAny>,
    results: Option<IgnoredAny>,
    id: Option<IgnoredAny>,
    affected: Option<IgnoredAny>,
}

/// Reads one file.
///
/// # Errors
/// When it cannot be read, is none of the accepted forms, or shows no scan; the error names the file and the field.
pub fn read_findings(path: &Path) -> Result<ReadFindings, FindingsError> {
    let report = Report::read(path)?;
    let probe: Probe = parse(&report, "a JSON object")?;
    if probe.runs.is_some() {
        Ok(of_sarif(&sarif::read(&report)?))
    } else if probe.bom_format.is_some() {
        cyclonedx::read(&report)
    } else if probe.results.is_some() {
        osv::read_output(&report)
    } else if probe.id.is_some() && probe.affected.is_some() {
        osv::read_record(&report)
    } else {
        Err(FindingsError::Unrecognised { place: report.whole() })
    }
}

impl MostSevere {
    /// Picks from `findings`, each of which counts once. The worst are listed, as many as a change may have.
    pub fn of(findings: impl IntoIterator<Item = ReportedFinding>) -> Self {
        let key = |finding: &ReportedFinding| {
            (finding.rule.clone(), finding.tool.clone(), finding.component.clone(), finding.location.clone())
        };
        let mut all: Vec<_> = findings.into_iter().collect();
        all.sort_by_key(|finding| Reverse(finding.counted_severity()));
        let mut seen = BTreeSet::new();
        all.retain(|finding| seen.insert(key(finding)));
        let mut bytes = 0;
        let fits = |finding: &&ReportedFinding| {
            bytes += finding.bytes();
            bytes <= FINDINGS_BYTES_MAX
        };
        let listed = all.iter().take(FINDINGS_MAX).take_while(fits).count();
        let unlisted = u64::try_from(all.len() - listed).unwrap_or(u64::MAX);
        all.truncate(listed);
        Self { listed: all, unlisted }
    }
}

fn of_sarif(log: &sarif::Findings) -> ReadFindings {
    let finding = |finding: &sarif::Finding| {
        let location = finding.path.as_ref().map(|path| match finding.line {
            Some(line) => format!("{path}:{line}"),
            None => path.clone(),
        });
        ReportedFinding {
            rule: named(finding.rule_id.as_deref().unwrap_or_default(), NO_RULE),
            tool: named(&finding.tool, "an unnamed tool"),
            // A finding of level `none` is still one.
            severity: Some(finding.severity().map_or(FindingSeverity::Low, Severity::counted)),
            component: None,
            location: location.as_deref().and_then(Line::fitted),
            title: title(&finding.message),
        }
    };
    ReadFindings { findings: log.all().iter().map(finding).collect(), suppressed: log.suppressed() }
}

impl Severity {
    fn counted(self) -> FindingSeverity {
        match self {
            Self::Low => FindingSeverity::Low,
            Self::Medium => FindingSeverity::Medium,
            Self::High => FindingSeverity::High,
            Self::Critical => FindingSeverity::Critical,
        }
    }
}

/// Reads JSON into what it should be; an error names the field and the line.
fn parse<T: DeserializeOwned>(report: &Report, form: &'static str) -> Result<T, FindingsError> {
    let mut deserializer = serde_json::Deserializer::from_str(report.text());
    let malformed = |field: String, source: serde_json::Error| {
        let place = match source.line() {
            0 => report.whole(),
            line => report.at(sarif::line_number(line)),
        };
        FindingsError::Malformed { place, form, field, source }
    };
    let read = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let field = error.path().to_string();
        malformed(field, error.into_inner())
    })?;
    deserializer.end().map_err(|error| malformed(".".to_owned(), error))?;
    Ok(read)
}

/// A name that another program gave, made to fit.
fn named(text: &str, otherwise: &str) -> Line {
    Line::fitted(text)
        .or_else(|| Line::fitted(otherwise))
        .unwrap_or_else(|| unreachable!("`{otherwise}` fits"))
}

/// The first line of what another program wrote.
fn title(text: &str) -> Option<FreeText> {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    let clean: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let end = clean.floor_char_boundary(TITLE_BYTES_MAX);
    FreeText::title(clean.split_at(end).0).ok()
}
