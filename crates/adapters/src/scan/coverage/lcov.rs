//! lcov tracefiles, as geninfo, `llvm-cov export`, Istanbul and coverage.py write them.
//!
//! Read are `SF` (a source file), `DA` (a line and its hits) and `end_of_record`. Records about functions and branches
//! are passed over, and so are records of later lcov versions: they look alike, capital letters and a colon.

use super::{Coverage, CoverageError, Found};
use crate::scan::report::{Report, shown};

/// The section of one source file.
#[derive(Clone, Copy)]
struct Section<'a> {
    path: &'a str,
    line: u64,
}

pub(super) fn read(report: &Report, coverage: &mut Coverage) -> Result<(), CoverageError> {
    let mut section: Option<Section<'_>> = None;
    let mut known_format = false;
    for (line, text) in (1..).zip(report.text().lines()) {
        let text = text.trim_end();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let (key, value) = match text.split_once(':') {
            Some((key, value)) if is_key(key) => (key, value),
            None if text == "end_of_record" => (text, ""),
            _ if known_format => {
                return Err(wrong(report, line, text, "is not an lcov record (`KEY:value`)"));
            }
            _ => {
                let place = report.at(line);
                return Err(CoverageError::UnknownFormat { place, found: format!("`{}`", shown(text)) });
            }
        };
        known_format = true;
        match (key, section) {
            ("SF", None) if value.is_empty() => {
                return Err(wrong(report, line, text, "names no source file (`SF:path`)"));
            }
            ("SF", None) => section = Some(Section { path: value, line }),
            ("SF", Some(open)) => return Err(CoverageError::Truncated { place: report.at(open.line) }),
            ("end_of_record", Some(_)) => section = None,
            ("DA", Some(open)) => {
                let (number, hits) = line_data(report, line, text, value)?;
                coverage.record(Found { report, report_line: line, path: open.path }, number, hits)?;
            }
            ("DA" | "end_of_record", None) => {
                return Err(wrong(
                    report,
                    line,
                    text,
                    "stands outside a source file; `SF:path` must come first",
                ));
            }
            _ => {}
        }
    }
    match section {
        Some(open) => Err(CoverageError::Truncated { place: report.at(open.line) }),
        None => Ok(()),
    }
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// `line,hits` or `line,hits,checksum`.
fn line_data(report: &Report, line: u64, text: &str, value: &str) -> Result<(u64, u64), CoverageError> {
    let mut fields = value.splitn(3, ',');
    let (Some(number), Some(hits)) = (fields.next(), fields.next()) else {
        return Err(wrong(
            report,
            line,
            text,
            "is incomplete; it must be `DA:line,hits` or `DA:line,hits,checksum`",
        ));
    };
    let number = report.number(line, "the line number", number, 1..=u64::MAX)?;
    let hits = report.number(line, "the hit count", hits, 0..=u64::MAX)?;
    Ok((number, hits))
}

fn wrong(report: &Report, line: u64, text: &str, problem: &'static str) -> CoverageError {
    CoverageError::Record { place: report.at(line), found: shown(text), problem }
}
