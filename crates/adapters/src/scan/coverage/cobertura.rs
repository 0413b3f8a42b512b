//! Cobertura XML, as coverage.py, gcovr, Istanbul and coverlet write it.
//!
//! Read are `<class filename>` and every `<line number hits>` in it. The same line usually appears under its method and
//! under its class, and one file may hold several classes: the greatest number of hits counts. The summary attributes
//! (`line-rate` and so on) are not read; only lines are evidence.

use super::{Coverage, CoverageError, Found};
use crate::scan::report::Report;
use crate::scan::xml::{Element, Node, XmlReader};

/// How many `<source>` folders are tried.
const MAX_SOURCES: usize = 64;

pub(super) fn read(report: &Report, coverage: &mut Coverage) -> Result<(), CoverageError> {
    let mut xml = XmlReader::new(report);
    let mut is_root = true;
    let mut file: Option<String> = None;
    let mut source: Option<String> = None;
    loop {
        match xml.next()? {
            Node::Open(element) => {
                let name = element.name();
                match (name.as_str(), &file) {
                    (_, _) if is_root && name != "coverage" => return Err(unknown(&element)),
                    ("source", _) => source = Some(String::new()),
                    ("class", _) => file = Some(element.required("filename")?),
                    ("line", Some(path)) => record(report, coverage, path, &element)?,
                    // Clover has the same outermost element and other contents.
                    ("line" | "project", None) => return Err(unknown(&element)),
                    _ => {}
                }
                is_root = false;
            }
            Node::Text(text) => {
                if let Some(source) = &mut source {
                    source.push_str(&text);
                }
            }
            Node::Close(name) if name == "class" => file = None,
            Node::Close(name) if name == "source" => {
                let folder = source.take().unwrap_or_default();
                if coverage.sources.len() >= MAX_SOURCES {
                    let place = report.whole();
                    return Err(CoverageError::TooMany { place, what: "source folders", limit: MAX_SOURCES });
                }
                coverage.sources.push(folder.trim().to_owned());
            }
            Node::Close(_) => {}
            Node::End => return Ok(()),
        }
    }
}

fn record(
    report: &Report,
    coverage: &mut Coverage,
    path: &str,
    element: &Element<'_>,
) -> Result<(), CoverageError> {
    let line = report.number(element.line(), "number", &element.required("number")?, 1..=u64::MAX)?;
    let hits = report.number(element.line(), "hits", &element.required("hits")?, 0..=u64::MAX)?;
    coverage.record(Found { report, report_line: element.line(), path }, line, hits)
}

fn unknown(element: &Element<'_>) -> CoverageError {
    CoverageError::UnknownFormat { place: element.place(), found: format!("`<{}>`", element.name()) }
}
