//! Security findings as SARIF 2.1.0, which most scanners write.
//!
//! SARIF is an outside standard with room for extensions, so unknown keys are passed over; what is read must have its
//! type. A log that does not show a completed scan is refused: "no findings" must mean that a scan looked and found
//! none.

mod log;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use super::bounded::AtMost;
use super::report::{Place, Report, ReportError, shown};
use crate::text::clipped;
pub use log::{Level, MAX_RESULTS_PER_RUN, MAX_RULES_PER_TOOL, MAX_RUNS, MAX_TOOL_EXTENSIONS};

/// The one version that is read.
const VERSION: &str = "2.1.0";
/// How much of a finding's message is kept, in characters.
const MAX_MESSAGE_CHARS: usize = 500;

/// Why a SARIF log could not be used.
#[derive(Debug, thiserror::Error)]
pub enum SarifError {
    /// Not a readable, bounded text file.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// Not JSON, or something in it has the wrong type.
    #[error("{place} is not a SARIF {VERSION} log; have the scanner write SARIF {VERSION} as JSON")]
    Malformed {
        /// The place in the file.
        place: Place,
        /// What the JSON reader said.
        source: serde_json::Error,
    },
    /// Some other version, or none.
    #[error("{place}: the SARIF version is `{found}`; it must be `{VERSION}`")]
    Version {
        /// The file.
        place: Place,
        /// What it says.
        found: String,
    },
    /// No scan at all.
    #[error("{place} has no `runs`, so it shows no scan; have the scanner write the log again")]
    NoRuns {
        /// The file.
        place: Place,
    },
    /// A run without results, which is not the same as a run with an empty list of them.
    #[error("{place}: the run of `{tool}` has no `results`, so the scan did not finish; run it again")]
    NoResults {
        /// The file.
        place: Place,
        /// The scanner.
        tool: String,
    },
    /// The scanner says that it failed.
    #[error("{place}: the scan of `{tool}` did not finish (`executionSuccessful` is false); run it again")]
    Unfinished {
        /// The file.
        place: Place,
        /// The scanner.
        tool: String,
    },
    /// A severity that is not a number from 0 to 10.
    #[error(
        "{place}: `security-severity` of `{rule}` is `{found}`; it must be a decimal number from 0.0 to 10.0"
    )]
    SecuritySeverity {
        /// The file.
        place: Place,
        /// The rule.
        rule: String,
        /// What it says.
        found: String,
    },
}

/// How bad a finding is, on the scale that thresholds are given in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// A security severity below 4, or a note.
    Low,
    /// A security severity from 4, or a warning.
    Medium,
    /// A security severity from 7, or an error.
    High,
    /// A security severity from 9.
    Critical,
}

/// A threshold that is no severity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not a severity; give critical, high (or error), medium (or warning) or low (or note)")]
pub struct UnknownSeverity {
    found: String,
}

impl FromStr for Severity {
    type Err = UnknownSeverity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "critical" => Ok(Self::Critical),
            "high" | "error" => Ok(Self::High),
            "medium" | "warning" => Ok(Self::Medium),
            "low" | "note" => Ok(Self::Low),
            _ => Err(UnknownSeverity { found: shown(text) }),
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        })
    }
}

/// A security severity from 0.0 to 10.0, as CVSS has it, in tenths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecuritySeverity {
    tenths: u8,
}

impl SecuritySeverity {
    const MAX_TENTHS: u8 = 100;
    const CRITICAL_FROM_TENTHS: u8 = 90;
    const HIGH_FROM_TENTHS: u8 = 70;
    const MEDIUM_FROM_TENTHS: u8 = 40;

    /// 0 to 100.
    pub fn tenths(self) -> u8 {
        self.tenths
    }

    /// The band that it lies in.
    pub fn severity(self) -> Severity {
        match self.tenths {
            Self::CRITICAL_FROM_TENTHS.. => Severity::Critical,
            Self::HIGH_FROM_TENTHS.. => Severity::High,
            Self::MEDIUM_FROM_TENTHS.. => Severity::Medium,
            _ => Severity::Low,
        }
    }

    /// Digits with at most one point; further decimals are cut off.
    fn parse(text: &str) -> Option<Self> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(decimals) {
            return None;
        }
        let tenth: u8 = decimals.get(..1)?.parse().ok()?;
        let tenths = whole.parse::<u8>().ok()?.checked_mul(10)?.checked_add(tenth)?;
        let above = tenths == Self::MAX_TENTHS && decimals.bytes().any(|digit| digit != b'0');
        (tenths <= Self::MAX_TENTHS && !above).then_some(Self { tenths })
    }
}

/// Something that a scanner objects to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule, as the scanner names it.
    pub rule_id: Option<String>,
    /// The level, from the result, the rule or the standard's default.
    pub level: Level,
    /// The security severity, if the result or its rule has one.
    pub security_severity: Option<SecuritySeverity>,
    /// What the scanner says, at most 500 characters.
    pub message: String,
    /// The file, as the scanner gives it.
    pub path: Option<String>,
    /// The line, counted from 1.
    pub line: Option<u64>,
    /// The scanner.
    pub tool: String,
}

impl Finding {
    /// The security severity where there is one, since it is the finer judgement, or else the level. `None` is a
    /// finding of level `none` without a security severity.
    pub fn severity(&self) -> Option<Severity> {
        let of_level = match self.level {
            Level::None => None,
            Level::Note => Some(Severity::Low),
            Level::Warning => Some(Severity::Medium),
            Level::Error => Some(Severity::High),
        };
        self.security_severity.map(SecuritySeverity::severity).or(of_level)
    }
}

/// What the completed scans of one log found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings {
    tools: Vec<String>,
    findings: Vec<Finding>,
    suppressed: u64,
}

impl Findings {
    /// The scanners, one per run.
    pub fn tools(&self) -> &[String] {
        &self.tools
    }

    /// All findings that are not suppressed.
    pub fn all(&self) -> &[Finding] {
        &self.findings
    }

    /// How many results were left out because somebody accepted them.
    pub fn suppressed(&self) -> u64 {
        self.suppressed
    }

    /// The findings of this severity or a worse one.
    pub fn at_or_above(&self, threshold: Severity) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.severity() >= Some(threshold))
    }
}

/// Reads one SARIF log.
pub fn read_sarif(path: &Path) -> Result<Findings, SarifError> {
    read(&Report::read(path)?)
}

/// Reads the SARIF log that a report is.
pub(super) fn read(report: &Report) -> Result<Findings, SarifError> {
    let log: log::Log = serde_json::from_str(report.text()).map_err(|source| {
        let place = if source.line() == 0 { report.whole() } else { report.at(line_number(source.line())) };
        SarifError::Malformed { place, source }
    })?;
    let version = log.version.unwrap_or_default();
    if version != VERSION {
        return Err(SarifError::Version { place: report.whole(), found: shown(&version) });
    }
    let runs = log.runs.unwrap_or_default().0;
    if runs.is_empty() {
        return Err(SarifError::NoRuns { place: report.whole() });
    }
    let mut findings = Findings { tools: Vec::new(), findings: Vec::new(), suppressed: 0 };
    for run in runs {
        findings.add_run(report, run)?;
    }
    Ok(findings)
}

pub(super) fn line_number(line: usize) -> u64 {
    u64::try_from(line).unwrap_or(u64::MAX)
}

impl Findings {
    fn add_run(&mut self, report: &Report, run: log::Run) -> Result<(), SarifError> {
        let tool = run.tool.driver.name.clone().unwrap_or_else(|| "an unnamed tool".to_owned());
        let invocations = run.invocations.unwrap_or_default().0;
        if invocations.iter().any(|invocation| invocation.execution_successful == Some(false)) {
            return Err(SarifError::Unfinished { place: report.whole(), tool: shown(&tool) });
        }
        let Some(AtMost(results)) = run.results else {
            return Err(SarifError::NoResults { place: report.whole(), tool: shown(&tool) });
        };
        let rules = Rules::of(&run.tool);
        for result in results {
            if result.is_suppressed() {
                self.suppressed += 1;
            } else if !result.is_absent() {
                self.findings.push(finding(report, &rules, &tool, result)?);
            }
        }
        self.tools.push(tool);
        Ok(())
    }
}

fn finding(
    report: &Report,
    rules: &Rules<'_>,
    tool: &str,
    result: log::ScanResult,
) -> Result<Finding, SarifError> {
    let rule = rules.of_result(&result);
    let rule_id = result.rule_id().or(rule.and_then(|rule| rule.id.as_deref())).map(str::to_owned);
    let security_severity = match result.security_severity(rule) {
        None => None,
        Some(text) => {
            Some(SecuritySeverity::parse(text.trim()).ok_or_else(|| SarifError::SecuritySeverity {
                place: report.whole(),
                rule: rule_id.as_deref().map_or_else(|| "a result without a rule".to_owned(), shown),
                found: shown(&text),
            })?)
        }
    };
    let level = result.level_under(rule);
    let message = result.message_text(rule).unwrap_or_default();
    let (path, line) = result.location();
    Ok(Finding {
        level,
        security_severity,
        message: clipped(message, MAX_MESSAGE_CHARS),
        path: path.map(str::to_owned),
        line,
        rule_id,
        tool: tool.to_owned(),
    })
}

/// The rules of a tool and its extensions, to be found by position or by id.
struct Rules<'a> {
    driver: &'a [log::Rule],
    extensions: Vec<&'a [log::Rule]>,
    by_id: BTreeMap<&'a str, &'a log::Rule>,
}

impl<'a> Rules<'a> {
    fn of(tool: &'a log::Tool) -> Self {
        let driver = tool.driver.rules();
        let extensions: Vec<_> = tool.extensions().iter().map(log::Component::rules).collect();
        let mut by_id = BTreeMap::new();
        for rule in driver.iter().chain(extensions.iter().copied().flatten()) {
            if let Some(id) = rule.id.as_deref() {
                by_id.entry(id).or_insert(rule);
            }
        }
        Self { driver, extensions, by_id }
    }

    fn of_result(&self, result: &log::ScanResult) -> Option<&'a log::Rule> {
        let rules = match result.extension_index() {
            Some(extension) => self.extensions.get(extension).copied().unwrap_or_default(),
            None => self.driver,
        };
        let by_position = result.rule_index().and_then(|index| rules.get(index));
        by_position.or_else(|| self.by_id(result.rule_id()?))
    }

    /// A rule's id may be followed by `/` and a part that only the result has.
    fn by_id(&self, mut id: &str) -> Option<&'a log::Rule> {
        loop {
            if let Some(rule) = self.by_id.get(id) {
                return Some(rule);
            }
            (id, _) = id.rsplit_once('/')?;
        }
    }
}
