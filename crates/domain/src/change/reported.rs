//! What scanners and policy engines object to, as it was handed in with the request.
//!
//! Handing findings in never lowers a risk: none may mean that nothing was found or that nobody looked. The most severe
//! ones are listed one by one; how many more there are is counted.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::kind::words;
use crate::text::FreeText;

/// Most findings of scanners that one change lists.
pub const FINDINGS_MAX: usize = 100;
/// Most findings of policies that one change lists.
pub const POLICY_FINDINGS_MAX: usize = 50;
/// Most bytes of what the listed findings name, without titles and values: they have to fit an entry of the log beside
/// plan and scope.
pub const FINDINGS_BYTES_MAX: usize = 12 * 1024;
/// Most findings that are counted beside the listed ones.
pub const FINDINGS_UNLISTED_MAX: u64 = 1_000_000;

words!(
    /// How severe a finding of a scanner is.
    FindingSeverity, "severity", {
        /// A CVSS score below 4, or a note.
        Low = "low",
        /// A CVSS score from 4, or a warning.
        Medium = "medium",
        /// A CVSS score from 7, or an error.
        High = "high",
        /// A CVSS score from 9.
        Critical = "critical",
    }
);

/// Something that a scanner objects to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportedFinding {
    /// The vulnerability or the scanner's rule, for example `CVE-2024-3094`.
    pub rule: Line,
    /// The scanner.
    pub tool: Line,
    /// How severe; nothing where the scanner does not say, which counts as [`ReportedFinding::UNSTATED`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<FindingSeverity>,
    /// The package or component that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<Line>,
    /// The file, and where known the line, that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Line>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<FreeText>,
}

/// A rule of somebody's policy that the change breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyFinding {
    /// The rule.
    pub rule: Line,
    /// The field that breaks it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<Line>,
    /// What that field holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<FreeText>,
    /// The control that asks for it, for example `PCI-DSS:6.4`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<Line>,
}

/// More findings, or longer ones, than an entry of the log holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TooManyFindings {
    /// Too many of a kind.
    #[error("{given} {what} are more than the {max} accepted: {next_step}")]
    Count {
        /// Of what kind.
        what: &'static str,
        /// How many.
        given: u64,
        /// How many are accepted.
        max: u64,
        /// What to do.
        next_step: &'static str,
    },
    /// Too long together.
    #[error(
        "rules, tools, components and locations of findings have {bytes} bytes together, at most {FINDINGS_BYTES_MAX} \
         are accepted: list the most severe ones and count the others in `findings_unlisted`"
    )]
    Bytes {
        /// How long.
        bytes: usize,
    },
    /// Some are counted although none is listed.
    #[error(
        "{unlisted} findings are counted and none is listed: list the most severe ones, by which the risk is weighed"
    )]
    OnlyCounted {
        /// How many.
        unlisted: u64,
    },
}

impl ReportedFinding {
    /// What a severity that is not stated counts as.
    pub const UNSTATED: FindingSeverity = FindingSeverity::High;

    /// The severity that counts.
    pub fn counted_severity(&self) -> FindingSeverity {
        self.severity.unwrap_or(Self::UNSTATED)
    }

    /// How long its names are together, in bytes.
    pub fn bytes(&self) -> usize {
        bytes([Some(&self.rule), Some(&self.tool), self.component.as_ref(), self.location.as_ref()])
    }
}

impl PolicyFinding {
    fn bytes(&self) -> usize {
        bytes([Some(&self.rule), self.field.as_ref(), self.control.as_ref()])
    }
}

fn bytes<const COUNT: usize>(lines: [Option<&Line>; COUNT]) -> usize {
    lines.into_iter().flatten().map(|line| line.as_str().len()).sum()
}

/// Checks that findings fit an entry of the log.
pub(super) fn check(
    findings: &[ReportedFinding],
    unlisted: u64,
    policies: &[PolicyFinding],
) -> Result<(), TooManyFindings> {
    let (listed_max, policies_max) = (FINDINGS_MAX as u64, POLICY_FINDINGS_MAX as u64);
    let count_others = "list the most severe ones and count the others in `findings_unlisted`";
    for (what, given, max, next_step) in [
        ("findings", findings.len() as u64, listed_max, count_others),
        ("counted findings", unlisted, FINDINGS_UNLISTED_MAX, "split the change"),
        ("policy findings", policies.len() as u64, policies_max, "split the change, or name each rule once"),
    ] {
        if given > max {
            return Err(TooManyFindings::Count { what, given, max, next_step });
        }
    }
    if findings.is_empty() && unlisted > 0 {
        return Err(TooManyFindings::OnlyCounted { unlisted });
    }
    let findings = findings.iter().map(ReportedFinding::bytes);
    let bytes = findings.chain(policies.iter().map(PolicyFinding::bytes)).sum();
    if bytes > FINDINGS_BYTES_MAX { Err(TooManyFindings::Bytes { bytes }) } else { Ok(()) }
}

/// A short text on one line, as another program writes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Line(String);

/// A text that is not one short line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{given}` is not accepted: expected 1 to {} bytes on one line, without blanks around",
    Line::BYTES_MAX
)]
pub struct InvalidLine {
    given: String,
}

impl Line {
    /// Longest accepted text, in bytes.
    pub const BYTES_MAX: usize = 256;
    /// How much of a refused text an error repeats, in characters.
    const SHOWN_CHARS_MAX: usize = 80;
    /// Ends a text that was cut.
    const CUT: &str = "…";

    /// Checks and wraps a text.
    ///
    /// # Errors
    /// When it is empty, too long, has blanks around it or control characters in it.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidLine> {
        let text = text.into();
        let is_line = text.trim() == text && !text.chars().any(char::is_control);
        if text.is_empty() || text.len() > Self::BYTES_MAX || !is_line {
            let given = text.chars().filter(|c| !c.is_control()).take(Self::SHOWN_CHARS_MAX).collect();
            return Err(InvalidLine { given });
        }
        Ok(Self(text))
    }

    /// What another program wrote, made to fit: control characters become blanks, what is too long is cut. Nothing where
    /// nothing is left.
    pub fn fitted(text: &str) -> Option<Self> {
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let text = text.trim();
        if text.len() <= Self::BYTES_MAX {
            return Self::new(text).ok();
        }
        let (kept, _) = text.split_at(text.floor_char_boundary(Self::BYTES_MAX - Self::CUT.len()));
        Self::new(format!("{}{}", kept.trim_end(), Self::CUT)).ok()
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Line {
    type Err = InvalidLine;

    fn from_str(text: &str) -> Result<Self, InvalidLine> {
        Self::new(text)
    }
}

impl TryFrom<String> for Line {
    type Error = InvalidLine;

    fn try_from(text: String) -> Result<Self, InvalidLine> {
        Self::new(text)
    }
}

impl From<Line> for String {
    fn from(line: Line) -> String {
        line.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_short_and_one_and_foreign_text_is_made_to_fit() {
        for text in ["", " x", "x\n", "a\u{7}b", &"x".repeat(257)] {
            assert!(Line::new(text).unwrap_err().to_string().contains("1 to 256 bytes"), "{text:?}");
        }
        assert_eq!(Line::fitted("  two\nlines ").unwrap().as_str(), "two lines");
        assert_eq!(Line::fitted(" \n"), None);
        let cut = Line::fitted(&"変".repeat(200)).unwrap();
        assert!(cut.as_str().len() <= Line::BYTES_MAX && cut.as_str().ends_with("変…"));
    }
}
