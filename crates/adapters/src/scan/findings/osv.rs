//! OSV: the output of osv-scanner, and single records of a vulnerability.

use std::collections::BTreeSet;

use domain::change::{FindingSeverity, Line, ReportedFinding};
use serde::Deserialize;

use super::{FindingsError, MAX_FINDINGS, ReadFindings, cvss, named, parse, title};
use crate::scan::bounded::AtMost;
use crate::scan::report::Report;

/// Most entries of any other list.
const MAX_ENTRIES: usize = 25_000;

#[derive(Deserialize)]
struct Output {
    results: AtMost<Scanned, MAX_ENTRIES>,
}

#[derive(Deserialize)]
struct Scanned {
    source: Option<Source>,
    packages: Option<AtMost<Found, MAX_ENTRIES>>,
}

#[derive(Deserialize)]
struct Source {
    path: Option<String>,
}

#[derive(Deserialize)]
struct Found {
    package: Package,
    vulnerabilities: Option<AtMost<Record, MAX_FINDINGS>>,
    groups: Option<AtMost<Group, MAX_FINDINGS>>,
}

#[derive(Deserialize)]
struct Package {
    name: Option<String>,
    version: Option<String>,
}

/// Records of the same vulnerability.
#[derive(Deserialize)]
struct Group {
    ids: AtMost<String, MAX_ENTRIES>,
    max_severity: Option<String>,
}

#[derive(Deserialize)]
struct Record {
    id: String,
    withdrawn: Option<String>,
    summary: Option<String>,
    details: Option<String>,
    severity: Option<AtMost<Rating, MAX_ENTRIES>>,
    affected: Option<AtMost<Affected, MAX_ENTRIES>>,
    database_specific: Option<DatabaseSpecific>,
}

#[derive(Deserialize)]
struct Rating {
    score: String,
}

#[derive(Deserialize)]
struct Affected {
    package: Option<Package>,
}

/// Whatever a database adds; GitHub's says how severe the vulnerability is in a word.
#[derive(Deserialize)]
struct DatabaseSpecific {
    severity: Option<serde_json::Value>,
}

/// The output of osv-scanner.
pub(super) fn read_output(report: &Report) -> Result<ReadFindings, FindingsError> {
    let output: Output = parse(report, "the output of osv-scanner")?;
    let mut read = ReadFindings::default();
    for scanned in output.results.0 {
        let path = scanned.source.and_then(|source| source.path);
        for found in scanned.packages.unwrap_or_default().0 {
            found.add_to(&mut read, path.as_deref());
        }
    }
    Ok(read)
}

/// One record of a vulnerability.
pub(super) fn read_record(report: &Report) -> Result<ReadFindings, FindingsError> {
    let record: Record = parse(report, "an OSV record")?;
    if record.withdrawn.is_some() {
        return Ok(ReadFindings { findings: Vec::new(), suppressed: 1 });
    }
    let affected = record.affected.as_ref().and_then(|affected| affected.0.first());
    let component = affected.and_then(|affected| affected.package.as_ref()).and_then(Package::line);
    let finding = record.finding("osv", component, None, record.severity());
    Ok(ReadFindings { findings: vec![finding], suppressed: 0 })
}

impl Found {
    /// One finding for each vulnerability, however many databases have a record of it.
    fn add_to(self, read: &mut ReadFindings, path: Option<&str>) {
        let component = self.package.line();
        let location = path.and_then(Line::fitted);
        let groups = self.groups.unwrap_or_default().0;
        let mut told = BTreeSet::new();
        for record in self.vulnerabilities.unwrap_or_default().0 {
            let group = groups.iter().find(|group| group.ids.0.contains(&record.id));
            let first = group.and_then(|group| group.ids.0.first()).unwrap_or(&record.id);
            if record.withdrawn.is_some() {
                read.suppressed += 1;
            } else if told.insert(first.clone()) {
                let severity = group.and_then(Group::severity).or_else(|| record.severity());
                let finding = record.finding("osv-scanner", component.clone(), location.clone(), severity);
                read.findings.push(finding);
            }
        }
    }
}

impl Package {
    fn line(&self) -> Option<Line> {
        let version = self.version.as_deref().filter(|version| !version.is_empty());
        let version = version.map(|version| format!("@{version}")).unwrap_or_default();
        Line::fitted(&format!("{}{version}", self.name.as_deref()?))
    }
}

impl Group {
    fn severity(&self) -> Option<FindingSeverity> {
        cvss::of_score(self.max_severity.as_deref()?.parse().ok()?)
    }
}

impl Record {
    fn finding(
        &self,
        tool: &str,
        component: Option<Line>,
        location: Option<Line>,
        severity: Option<FindingSeverity>,
    ) -> ReportedFinding {
        let text = self.summary.as_deref().or(self.details.as_deref()).unwrap_or_default();
        ReportedFinding {
            rule: named(&self.id, super::NO_RULE),
            tool: named(tool, tool),
            severity,
            component,
            location,
            title: title(text),
        }
    }

    /// The worst that its vectors or its database say; nothing where neither does in a form that is known.
    fn severity(&self) -> Option<FindingSeverity> {
        let ratings = self.severity.as_ref().map(|ratings| ratings.0.as_slice()).unwrap_or_default();
        let by_vector = ratings.iter().filter_map(|rating| cvss::of_vector(&rating.score)).max();
        let word = self.database_specific.as_ref().and_then(|specific| specific.severity.as_ref()?.as_str());
        let by_word = word.and_then(|word| match word.to_ascii_uppercase().as_str() {
            "CRITICAL" => Some(FindingSeverity::Critical),
            "HIGH" => Some(FindingSeverity::High),
            "MODERATE" | "MEDIUM" => Some(FindingSeverity::Medium),
            "LOW" => Some(FindingSeverity::Low),
            _ => None,
        });
        by_vector.max(by_word)
    }
}
