//! What would be if facts of a change were different: a request with altered facts, to be assessed like any other.
//!
//! Nothing is estimated here. What an alteration leads to is known only from assessing the altered request, and
//! [`lower`] claims nothing else.
//!
//! To add one: its variant of [`Alteration`], how it alters a request, its sentence, and, where a requester can bring
//! it about, its line in `levers.rs`.

mod levers;
mod search;
mod stand_in;

use std::collections::BTreeSet;

use jiff::Timestamp;

pub use levers::OtherTimes;
pub use search::{ALTERATIONS_MAX, ASSESSED_MAX, Found, SUGGESTIONS_MAX, Standing, Suggestion, lower};

use crate::change::{Churn, Content, Coverage, CoverageBasis, TestResults, Window};
use crate::id::{CiName, EnvironmentName, ServiceName};
use crate::number::Share;
use stand_in::{run_implementation, run_monitor, run_rollback};

/// A fact of a request that is supposed to be different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alteration {
    /// So much of the changed lines is covered by tests.
    Coverage(Share),
    /// Whether the tests passed.
    Tests {
        /// Passed, or one failed.
        passed: bool,
    },
    /// So many lines change.
    Lines(u64),
    /// So many files change.
    Files(u64),
    /// Whether a setting is changed.
    Settings(bool),
    /// Whether a database schema is changed.
    Schema(bool),
    /// These services are changed, and no others.
    Services(BTreeSet<ServiceName>),
    /// These configuration items are changed, and no others.
    Items(BTreeSet<CiName>),
    /// One service is left to a change of its own.
    WithoutService(ServiceName),
    /// Every service and every other item gets a change of its own.
    OneItemEach,
    /// The lines come in so many changes of equal size.
    Parts(u64),
    /// It is changed there.
    Environment(EnvironmentName),
    /// It is carried out then.
    Window(Window),
    /// It is handed in then.
    HandedIn(Timestamp),
    /// How it is taken back.
    Rollback(SupposedRollback),
    /// The plan runs without a person.
    PlanAutomated,
    /// A monitor judges the result.
    Monitored,
    /// What scanners and policies found is resolved.
    FindingsResolved,
}

/// How a change is supposed to be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SupposedRollback {
    /// Without a person.
    Automated,
    /// By a person.
    Manual,
    /// Not at all.
    None,
}

/// A request with altered facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Supposed {
    /// The request.
    pub content: Content,
    /// When it is handed in, unless that is now.
    pub handed_in: Option<Timestamp>,
}

/// The requests that a change becomes: one, or several where it is split by item.
pub fn suppose(content: &Content, alterations: &[Alteration]) -> Vec<Supposed> {
    let mut altered = Supposed { content: content.clone(), handed_in: None };
    for alteration in alterations {
        alteration.alter(&mut altered);
    }
    if !alterations.contains(&Alteration::OneItemEach) {
        return vec![altered];
    }
    let Supposed { content: Content { affected_services, affected_cis, .. }, .. } = &altered;
    let only = |services: BTreeSet<ServiceName>, items: BTreeSet<CiName>| {
        let mut part = altered.clone();
        part.content.affected_services = services;
        part.content.affected_cis = items;
        part
    };
    let services = affected_services.iter().map(|name| only([name.clone()].into(), BTreeSet::new()));
    services.chain(affected_cis.iter().map(|name| only(BTreeSet::new(), [name.clone()].into()))).collect()
}

impl Alteration {
    fn alter(&self, supposed: &mut Supposed) {
        let content = &mut supposed.content;
        let evidence = &mut content.evidence;
        match self {
            Self::Coverage(share) => {
                let basis = evidence.coverage.map_or(CoverageBasis::Declared, |coverage| coverage.basis);
                evidence.coverage = Some(Coverage { share: *share, basis });
            }
            Self::Tests { passed } => evidence.tests = Some(results(evidence.tests, *passed)),
            Self::Lines(lines) => evidence.churn = Some(Churn { lines: *lines, ..churn(evidence.churn) }),
            Self::Files(files) => {
                evidence.churn = evidence.churn.map(|churn| Churn { files: *files, ..churn })
            }
            Self::Settings(changed) => evidence.configuration_change = Some(*changed),
            Self::Schema(changed) => evidence.schema_change = Some(*changed),
            Self::Services(services) => content.affected_services.clone_from(services),
            Self::Items(items) => content.affected_cis.clone_from(items),
            Self::WithoutService(name) => {
                content.affected_services.remove(name);
            }
            // Which request is meant is known only once all other facts are: see `suppose`.
            Self::OneItemEach => {}
            Self::Parts(parts) => {
                let part = |churn: Churn| Churn { lines: churn.lines.div_ceil((*parts).max(1)), ..churn };
                evidence.churn = evidence.churn.map(part);
            }
            Self::Environment(name) => content.environment = Some(name.clone()),
            Self::Window(window) => content.window = Some(*window),
            Self::HandedIn(at) => supposed.handed_in = Some(*at),
            Self::Rollback(SupposedRollback::Automated) => run_rollback(content),
            Self::Rollback(SupposedRollback::Manual) => {
                if let Some(plan) = &mut content.rollback_plan {
                    plan.automated = false;
                }
            }
            Self::Rollback(SupposedRollback::None) => content.rollback_plan = None,
            Self::PlanAutomated => run_implementation(content),
            Self::Monitored => run_monitor(content),
            Self::FindingsResolved => {
                evidence.findings.clear();
                evidence.findings_unlisted = 0;
                evidence.policy_findings.clear();
            }
        }
    }

    /// What is different, as a person would say it.
    pub fn sentence(&self) -> String {
        match self {
            Self::Coverage(share) => format!("tests cover {share} of the changed lines"),
            Self::Tests { passed: true } => "all tests pass".to_owned(),
            Self::Tests { passed: false } => "a test fails".to_owned(),
            Self::Lines(lines) => format!("it changes {lines} lines"),
            Self::Files(files) => format!("it changes {files} files"),
            Self::Settings(true) => "it changes a setting".to_owned(),
            Self::Settings(false) => "it changes no setting, and says so".to_owned(),
            Self::Schema(true) => "it changes a database schema".to_owned(),
            Self::Schema(false) => "it changes no database schema, and says so".to_owned(),
            Self::Services(services) => format!("it changes the services {}", listed(services)),
            Self::Items(items) if items.is_empty() => "it names no further configuration item".to_owned(),
            Self::Items(items) => format!("it changes the configuration items {}", listed(items)),
            Self::WithoutService(name) => format!("`{name}` is left to a change of its own"),
            Self::OneItemEach => "every service and item gets a change of its own".to_owned(),
            Self::Parts(parts) => format!("the lines come in {parts} changes of equal size"),
            Self::Environment(name) => format!("it is made in {name}"),
            Self::Window(window) => format!("it is carried out from {} to {}", window.start, window.end),
            Self::HandedIn(at) => format!("it is handed in at {at}"),
            Self::Rollback(SupposedRollback::Automated) => "it is taken back without a person".to_owned(),
            Self::Rollback(SupposedRollback::Manual) => "a person takes it back".to_owned(),
            Self::Rollback(SupposedRollback::None) => "there is no rollback plan".to_owned(),
            Self::PlanAutomated => "its plan runs without a person".to_owned(),
            Self::Monitored => "a monitor judges the result".to_owned(),
            Self::FindingsResolved => "what scanners and policies found is resolved".to_owned(),
        }
    }
}

/// As many tests as were run, at least one; one of them failed unless all passed.
fn results(known: Option<TestResults>, passed: bool) -> TestResults {
    let ran = known.map_or(0, |tests| tests.passed.saturating_add(tests.failed)).max(1);
    let failed = u64::from(!passed);
    TestResults { passed: ran - failed, failed, skipped: known.map_or(0, |tests| tests.skipped) }
}

fn churn(known: Option<Churn>) -> Churn {
    known.unwrap_or(Churn { lines: 0, files: 1, directories: 1 })
}

fn listed<T: ToString>(names: &BTreeSet<T>) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{}`", name.to_string())).collect();
    quoted.join(", ")
}
