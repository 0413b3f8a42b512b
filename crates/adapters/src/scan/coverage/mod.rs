//! Test coverage: which executable lines ran, and what share of the changed ones.
//!
//! Formats are told apart by content, never by file name. Shares are whole numbers, rounded down.
//!
//! To add a format: a file here that calls `Coverage::record` for each line, one arm in [`read_coverage`], one line in
//! [`ACCEPTED_FORMATS`].

mod cobertura;
mod lcov;
mod paths;

use std::collections::BTreeMap;
use std::path::Path;

use super::report::{Place, Report, ReportError, shown};
use super::xml::XmlError;
use crate::git::ChangedLines;
use paths::{Matcher, Owner};

/// How many source files one report may name.
pub const MAX_COVERED_FILES: usize = 100_000;
/// How many executable lines one report may name.
pub const MAX_EXECUTABLE_LINES: usize = 5_000_000;
/// What [`read_coverage`] reads, as messages say it.
pub const ACCEPTED_FORMATS: &str = "lcov (`SF:`, `DA:`, `end_of_record`) or Cobertura XML (`<coverage>`)";

const BASIS_POINTS: u64 = 10_000;
/// How many equally good repository files a message names.
const MAX_CANDIDATES_SHOWN: usize = 5;

/// Why a coverage report could not be used.
#[derive(Debug, thiserror::Error)]
pub enum CoverageError {
    /// Not a readable, bounded text file, or a wrong number in it.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// Not usable XML.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// Neither of the formats.
    #[error("{place}: found {found}, which is not a known coverage report; accepted are {ACCEPTED_FORMATS}")]
    UnknownFormat {
        /// Where that became clear.
        place: Place,
        /// What stands there instead.
        found: String,
    },
    /// A line that is not a record, or a record in the wrong place.
    #[error("{place}: `{found}` {problem}")]
    Record {
        /// The line.
        place: Place,
        /// Its text.
        found: String,
        /// What is wrong, and the accepted form.
        problem: &'static str,
    },
    /// The report ended within the record of a source file.
    #[error(
        "{place}: the file ends before `end_of_record`; it is truncated, have the tool write the report again"
    )]
    Truncated {
        /// Where the open section starts.
        place: Place,
    },
    /// Well-formed, but without a single executable line.
    #[error(
        "{place} holds no executable line, so it says nothing about coverage; accepted are {ACCEPTED_FORMATS}"
    )]
    NoData {
        /// The file.
        place: Place,
    },
    /// More entries than are read.
    #[error("{place}: more than {limit} {what}; leave generated and foreign files out of the report")]
    TooMany {
        /// The first entry too many.
        place: Place,
        /// What there is too much of.
        what: &'static str,
        /// How many are read.
        limit: usize,
    },
    /// The report could mean one of several files.
    #[error(
        "{place}: `{reported}` could be any of {candidates} in the repository; \
         write paths relative to the repository root"
    )]
    AmbiguousPath {
        /// The file.
        place: Place,
        /// The path as the report gives it.
        reported: String,
        /// The repository files that match equally well.
        candidates: String,
    },
    /// Several entries of the report claim to be the same file.
    #[error(
        "{place}: both `{first}` and `{second}` match `{path}` in the repository; leave foreign files out of the report"
    )]
    ContestedPath {
        /// The file.
        place: Place,
        /// The path in the repository.
        path: String,
        /// One entry.
        first: String,
        /// Another one.
        second: String,
    },
}

/// The lines that a coverage tool could have seen running, and how often it did. There is at least one.
#[derive(Debug)]
pub struct Coverage {
    /// The report itself, for messages.
    place: Place,
    /// Where the report says that relative paths start.
    sources: Vec<String>,
    /// Hits by line, by path as the report spells it.
    files: BTreeMap<String, BTreeMap<u64, u64>>,
    executable_lines: usize,
}

/// Where a report speaks about which source file.
#[derive(Clone, Copy)]
struct Found<'a> {
    report: &'a Report,
    report_line: u64,
    path: &'a str,
}

impl Found<'_> {
    fn place(self) -> Place {
        self.report.at(self.report_line)
    }
}

/// Which lines a share was taken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CoverageBasis {
    /// The executable ones among the changed lines.
    ChangedLines,
    /// Every line of the report, because no changed line is executable.
    WholeProject,
}

/// How many of some executable lines were covered. There is at least one executable line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CoveredShare {
    covered: u64,
    executable: u64,
    basis: CoverageBasis,
}

impl CoveredShare {
    /// How many lines ran at least once.
    pub fn covered(self) -> u64 {
        self.covered
    }

    /// How many lines could have run: at least one.
    pub fn executable(self) -> u64 {
        self.executable
    }

    /// Which lines were looked at.
    pub fn basis(self) -> CoverageBasis {
        self.basis
    }

    /// The share in hundredths of a percent, 0 to 10000, rounded down: only full coverage is 10000.
    pub fn basis_points(self) -> u16 {
        let points = self.covered.saturating_mul(BASIS_POINTS).checked_div(self.executable);
        points.and_then(|points| u16::try_from(points).ok()).unwrap_or(0)
    }

    fn count(lines: impl Iterator<Item = bool>, basis: CoverageBasis) -> Self {
        lines.fold(Self { covered: 0, executable: 0, basis }, |share, covered| Self {
            covered: share.covered + u64::from(covered),
            executable: share.executable + 1,
            basis,
        })
    }
}

/// Reads a coverage report, whichever of the known formats it is in.
pub fn read_coverage(path: &Path) -> Result<Coverage, CoverageError> {
    let report = Report::read(path)?;
    let mut coverage = Coverage::empty(report.whole());
    let start = report.text().trim_start();
    if start.is_empty() {
        return Err(CoverageError::NoData { place: report.whole() });
    } else if start.starts_with('<') {
        cobertura::read(&report, &mut coverage)?;
    } else {
        lcov::read(&report, &mut coverage)?;
    }
    if coverage.executable_lines == 0 {
        return Err(CoverageError::NoData { place: report.whole() });
    }
    Ok(coverage)
}

impl Coverage {
    fn empty(place: Place) -> Self {
        Self { place, sources: Vec::new(), files: BTreeMap::new(), executable_lines: 0 }
    }

    /// Notes one executable line. A line that is reported repeatedly keeps its greatest number of hits.
    fn record(&mut self, found: Found<'_>, line: u64, hits: u64) -> Result<(), CoverageError> {
        let too_many = |what, limit| Err(CoverageError::TooMany { place: found.place(), what, limit });
        if self.files.len() >= MAX_COVERED_FILES && !self.files.contains_key(found.path) {
            return too_many("source files", MAX_COVERED_FILES);
        }
        let lines = self.files.entry(found.path.to_owned()).or_default();
        if let Some(known) = lines.get_mut(&line) {
            *known = hits.max(*known);
            return Ok(());
        }
        if self.executable_lines >= MAX_EXECUTABLE_LINES {
            return too_many("executable lines", MAX_EXECUTABLE_LINES);
        }
        lines.insert(line, hits);
        self.executable_lines += 1;
        Ok(())
    }

    /// The executable lines and their hits, by path as the report spells it.
    pub fn files(&self) -> impl Iterator<Item = (&str, &BTreeMap<u64, u64>)> {
        self.files.iter().map(|(path, lines)| (path.as_str(), lines))
    }

    /// The covered share of everything in the report.
    pub fn of_whole_project(&self) -> CoveredShare {
        let lines = self.files.values().flat_map(BTreeMap::values).map(|hits| *hits > 0);
        CoveredShare::count(lines, CoverageBasis::WholeProject)
    }

    /// The covered share of the changed lines that are executable, or of the whole project when none is.
    ///
    /// A path in the report belongs to the repository file with which it shares the longest ending. When that is
    /// not one file, or two paths claim the same file, and the file was changed, then this is an error: a guess could
    /// count another file's coverage.
    pub fn of_changed_lines(&self, changed: &ChangedLines) -> Result<CoveredShare, CoverageError> {
        let matcher = Matcher::new(changed, self.files.keys(), &self.sources);
        let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
        let mut lines = Vec::new();
        for (reported, hits_by_line) in &self.files {
            let path = match matcher.owner(reported) {
                Owner::Unknown => continue,
                Owner::File(path) => path,
                Owner::Ambiguous(paths) if paths.iter().any(|path| changed.includes_file(path)) => {
                    return Err(self.ambiguous(reported, &paths));
                }
                Owner::Ambiguous(_) => continue,
            };
            if !changed.includes_file(path) {
                continue;
            }
            if let Some(first) = owners.insert(path, reported) {
                return Err(self.contested(path, first, reported));
            }
            let executable = hits_by_line.iter().filter(|(line, _)| changed.includes_line(path, **line));
            lines.extend(executable.map(|(_, hits)| *hits > 0));
        }
        if lines.is_empty() {
            return Ok(self.of_whole_project());
        }
        Ok(CoveredShare::count(lines.into_iter(), CoverageBasis::ChangedLines))
    }

    fn ambiguous(&self, reported: &str, paths: &[&str]) -> CoverageError {
        let named: Vec<String> =
            paths.iter().take(MAX_CANDIDATES_SHOWN).map(|path| format!("`{}`", shown(path))).collect();
        let more = paths.len().saturating_sub(MAX_CANDIDATES_SHOWN);
        let candidates = match more {
            0 => named.join(", "),
            more => format!("{} and {more} more", named.join(", ")),
        };
        CoverageError::AmbiguousPath { place: self.place.clone(), reported: shown(reported), candidates }
    }

    fn contested(&self, path: &str, first: &str, second: &str) -> CoverageError {
        CoverageError::ContestedPath {
            place: self.place.clone(),
            path: path.to_owned(),
            first: shown(first),
            second: shown(second),
        }
    }
}
