//! CycloneDX: a bill of materials, or a statement beside one, that lists vulnerabilities.

use std::collections::BTreeMap;

use domain::change::{FindingSeverity, ReportedFinding};
use serde::Deserialize;

use super::{FindingsError, MAX_FINDINGS, ReadFindings, cvss, named, parse, title};
use crate::scan::bounded::AtMost;
use crate::scan::report::Report;

const FORM: &str = "CycloneDX with `vulnerabilities`";
/// Most components of a list.
const MAX_COMPONENTS: usize = 250_000;
/// Most ratings, tools or affected components of one entry that are read.
const MAX_DETAILS: usize = 10_000;

#[derive(Deserialize)]
struct Bom {
    metadata: Option<Metadata>,
    components: Option<AtMost<Component, MAX_COMPONENTS>>,
    vulnerabilities: Option<AtMost<Vulnerability, MAX_FINDINGS>>,
}

#[derive(Deserialize)]
struct Metadata {
    tools: Option<Tools>,
}

/// A list up to version 1.4, an object since.
#[derive(Deserialize)]
#[serde(untagged)]
enum Tools {
    Listed(Vec<Tool>),
    Described { components: Option<Vec<Tool>> },
}

#[derive(Deserialize)]
struct Tool {
    name: Option<String>,
}

#[derive(Deserialize)]
struct Component {
    #[serde(rename = "bom-ref")]
    reference: Option<String>,
    name: Option<String>,
    version: Option<String>,
    components: Option<AtMost<Component, MAX_COMPONENTS>>,
}

#[derive(Deserialize)]
struct Vulnerability {
    id: Option<String>,
    ratings: Option<AtMost<Rating, MAX_DETAILS>>,
    description: Option<String>,
    detail: Option<String>,
    analysis: Option<Analysis>,
    affects: Option<AtMost<Affected, MAX_DETAILS>>,
}

#[derive(Deserialize)]
struct Rating {
    score: Option<f64>,
    severity: Option<Severity>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Severity {
    Critical,
    High,
    Medium,
    Low,
    Info,
    None,
    Unknown,
}

#[derive(Deserialize)]
struct Analysis {
    state: Option<State>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Resolved,
    ResolvedWithPedigree,
    Exploitable,
    InTriage,
    FalsePositive,
    NotAffected,
}

#[derive(Deserialize)]
struct Affected {
    #[serde(rename = "ref")]
    reference: String,
}

pub(super) fn read(report: &Report) -> Result<ReadFindings, FindingsError> {
    let bom: Bom = parse(report, FORM)?;
    let Some(AtMost(vulnerabilities)) = bom.vulnerabilities else {
        return Err(FindingsError::NoVulnerabilities { place: report.whole() });
    };
    let tool = bom.metadata.and_then(Metadata::tool).unwrap_or_default();
    let mut names = BTreeMap::new();
    collect(bom.components, &mut names);
    let mut read = ReadFindings::default();
    for vulnerability in vulnerabilities {
        if vulnerability.is_no_problem() {
            read.suppressed += 1;
        } else {
            read.findings.push(vulnerability.finding(&tool, &names));
        }
    }
    Ok(read)
}

/// The names of all components, those within others too.
fn collect(components: Option<AtMost<Component, MAX_COMPONENTS>>, names: &mut BTreeMap<String, String>) {
    for component in components.unwrap_or_default().0 {
        let version = component.version.map(|version| format!("@{version}")).unwrap_or_default();
        if let (Some(reference), Some(name)) = (component.reference, component.name) {
            names.insert(reference, format!("{name}{version}"));
        }
        collect(component.components, names);
    }
}

impl Metadata {
    fn tool(self) -> Option<String> {
        let tools = match self.tools? {
            Tools::Listed(tools) => tools,
            Tools::Described { components } => components.unwrap_or_default(),
        };
        tools.into_iter().find_map(|tool| tool.name)
    }
}

impl Vulnerability {
    fn is_no_problem(&self) -> bool {
        match self.analysis.as_ref().and_then(|analysis| analysis.state) {
            Some(
                State::Resolved | State::ResolvedWithPedigree | State::FalsePositive | State::NotAffected,
            ) => true,
            Some(State::Exploitable | State::InTriage) | None => false,
        }
    }

    fn finding(&self, tool: &str, names: &BTreeMap<String, String>) -> ReportedFinding {
        let affected = self.affects.as_ref().map(|affects| affects.0.as_slice()).unwrap_or_default();
        let component = affected.first().map(|first| {
            let name = names.get(&first.reference).unwrap_or(&first.reference);
            match affected.len() - 1 {
                0 => name.clone(),
                more => format!("{name} and {more} more"),
            }
        });
        let text = self.description.as_deref().or(self.detail.as_deref()).unwrap_or_default();
        ReportedFinding {
            rule: named(self.id.as_deref().unwrap_or_default(), super::NO_RULE),
            tool: named(tool, "cyclonedx"),
            severity: self.severity(),
            component: component.as_deref().and_then(domain::change::Line::fitted),
            location: None,
            title: title(text),
        }
    }

    /// The worst of the ratings; nothing where none of them says.
    fn severity(&self) -> Option<FindingSeverity> {
        let ratings = self.ratings.as_ref().map(|ratings| ratings.0.as_slice()).unwrap_or_default();
        ratings.iter().filter_map(Rating::severity).max()
    }
}

impl Rating {
    fn severity(&self) -> Option<FindingSeverity> {
        match self.severity {
            Some(Severity::Critical) => Some(FindingSeverity::Critical),
            Some(Severity::High) => Some(FindingSeverity::High),
            Some(Severity::Medium) => Some(FindingSeverity::Medium),
            Some(Severity::Low | Severity::Info | Severity::None) => Some(FindingSeverity::Low),
            Some(Severity::Unknown) | None => self.score.and_then(cvss::of_score),
        }
    }
}
