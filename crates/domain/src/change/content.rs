//! What a requester asks for, and the digest to which approvals are bound.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::cause::CausedBy;
use super::evidence::Evidence;
use super::kind::{Category, ChangeType};
use super::on_close::{InvalidOnClose, OnClose};
use super::reported::{FindingSeverity, Line, TooManyFindings};
use crate::canonical::{self, Digest, NotCanonical};
use crate::id::{CiName, EnvironmentName, ServiceName};
use crate::plan::{Monitor, Plan, PlanError, RollbackPlan};
use crate::priority::Magnitude;
use crate::rollback::RollbackConditions;
use crate::text::FreeText;

/// Most services or configuration items that one change may name.
pub const AFFECTED_MAX: usize = 10_000;
/// Most bytes of the names of those services and items as they are written down: an event has to fit an entry of the log.
pub const AFFECTED_BYTES_MAX: usize = 48 * 1024;
/// Quotes and comma around each name, in bytes.
const NAME_MARKS_BYTES: usize = 3;
/// Most artefacts that one change may name.
pub const ARTEFACTS_MAX: usize = 256;

/// Separates content digests from all other digests.
pub const DIGEST_LABEL: &str = "cortex-change/approved-content/v1";

/// Everything a requester says about a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// ITIL change type.
    pub change_type: ChangeType,
    /// What kind of thing is changed.
    pub category: Category,
    /// One line.
    pub title: FreeText,
    /// What is done.
    pub description: Option<FreeText>,
    /// Why it is done.
    pub justification: Option<FreeText>,
    /// What it may affect, in the requester's words.
    pub impact_assessment: Option<FreeText>,
    /// How it was and will be tested, in the requester's words.
    pub testing_strategy: Option<FreeText>,
    /// Declared impact.
    pub impact: Option<Magnitude>,
    /// Declared urgency.
    pub urgency: Option<Magnitude>,
    /// Services that are changed.
    pub affected_services: BTreeSet<ServiceName>,
    /// Configuration items that are changed.
    pub affected_cis: BTreeSet<CiName>,
    /// Where it is changed.
    pub environment: Option<EnvironmentName>,
    /// How it is implemented.
    pub plan: Option<Plan>,
    /// How it is taken back.
    pub rollback_plan: Option<RollbackPlan>,
    /// What is watched.
    pub monitors: Vec<Monitor>,
    /// What leads to a rollback.
    pub rollback_conditions: RollbackConditions,
    /// When it may be implemented; absent means at any time.
    pub window: Option<Window>,
    /// The commit and artefacts that are rolled out.
    pub source: Option<Source>,
    /// Size, tests, author.
    pub evidence: Evidence,
    /// The identifier that another system gave to this change.
    pub external_id: Option<FreeText>,
    /// What led to it, as far as that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caused_by: Option<CausedBy>,
    /// What is brought up to date when it is closed as successful.
    #[serde(default, skip_serializing_if = "OnClose::is_empty")]
    pub on_close: OnClose,
}

/// A span of time in which implementation may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// First instant.
    pub start: Timestamp,
    /// First instant after the window.
    pub end: Timestamp,
}

impl Window {
    /// Whether `at` lies in the window.
    pub fn contains(self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }
}

/// What is rolled out, by digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Repository, as the requester names it.
    pub repository: Option<String>,
    /// Branch or tag.
    pub reference: Option<String>,
    /// Full commit hash, lower-case hexadecimal.
    pub commit: Option<String>,
    /// Artefact name to digest, for example an image to its `sha256:…`.
    pub artefacts: BTreeMap<String, String>,
}

/// The part of a content to which an approval is bound.
#[derive(Serialize)]
struct Bound<'a> {
    change_type: ChangeType,
    affected_services: &'a BTreeSet<ServiceName>,
    affected_cis: &'a BTreeSet<CiName>,
    environment: &'a Option<EnvironmentName>,
    plan: &'a Option<Plan>,
    rollback_plan: &'a Option<RollbackPlan>,
    monitors: &'a [Monitor],
    rollback_conditions: &'a RollbackConditions,
    window: Option<Window>,
    commit: Option<&'a str>,
    artefacts: Option<&'a BTreeMap<String, String>>,
    /// Left out where there are none, as in all contents from before findings were handed in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<BoundFinding<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    findings_unlisted: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    policy_findings: Vec<BoundPolicyFinding<'a>>,
    #[serde(skip_serializing_if = "OnClose::is_empty")]
    on_close: &'a OnClose,
}

/// A scanner's finding without its words.
#[derive(Serialize)]
struct BoundFinding<'a> {
    rule: &'a Line,
    tool: &'a Line,
    severity: Option<FindingSeverity>,
    component: Option<&'a Line>,
    location: Option<&'a Line>,
}

/// A policy's finding without what the field holds.
#[derive(Serialize)]
struct BoundPolicyFinding<'a> {
    rule: &'a Line,
    field: Option<&'a Line>,
    control: Option<&'a Line>,
}

/// A content that could not be approved and run as it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidContent {
    /// In the plan, the rollback plan, the monitors or the rollback conditions; the error names the place.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// In what is brought up to date at the end.
    #[error(transparent)]
    OnClose(#[from] InvalidOnClose),
    /// More findings than are accepted.
    #[error(transparent)]
    Findings(#[from] TooManyFindings),
    /// More services or configuration items than are accepted.
    #[error(
        "{given} services and configuration items are more than the {AFFECTED_MAX} accepted: name the services"
    )]
    TooManyAffected {
        /// How many are named.
        given: usize,
    },
    /// Services or configuration items whose names are longer together than what is accepted.
    #[error(
        "the names of {given} services and configuration items have {bytes} bytes together, at most {AFFECTED_BYTES_MAX} are \
         accepted: name the services that contain them, or split the change"
    )]
    AffectedTooLong {
        /// How many are named.
        given: usize,
        /// How long the names are.
        bytes: usize,
    },
    /// A window that ends before it begins.
    #[error("the window ends at {end}, which is not after its start {start}")]
    Window {
        /// Start of the window.
        start: Timestamp,
        /// End of the window.
        end: Timestamp,
    },
}

impl Content {
    /// Checks what a request's single fields cannot: bounds, plans, and that the parts fit together.
    ///
    /// # Errors
    /// When the content could not be approved and run; the error names the part.
    pub fn validate(&self) -> Result<(), InvalidContent> {
        let given = self.affected_services.len().saturating_add(self.affected_cis.len());
        if given > AFFECTED_MAX {
            return Err(InvalidContent::TooManyAffected { given });
        }
        let services = self.affected_services.iter().map(|name| name.as_str().len());
        let names = services.chain(self.affected_cis.iter().map(|name| name.as_str().len()));
        let bytes = names.map(|bytes| bytes + NAME_MARKS_BYTES).sum();
        if bytes > AFFECTED_BYTES_MAX {
            return Err(InvalidContent::AffectedTooLong { given, bytes });
        }
        if let Some(window) = self.window.filter(|window| window.start >= window.end) {
            return Err(InvalidContent::Window { start: window.start, end: window.end });
        }
        self.on_close.validate(|item| self.affects(item))?;
        self.evidence.validate()?;
        self.plan.as_ref().map_or(Ok(()), Plan::validate)?;
        self.rollback_plan.as_ref().map_or(Ok(()), RollbackPlan::validate)?;
        Monitor::validate_all(&self.monitors)?;
        self.plan.as_ref().map_or(Ok(()), |plan| plan.validate_watch(&self.monitors))?;
        Ok(self.rollback_conditions.validate()?)
    }

    /// Whether it names an item, or a service of that name.
    fn affects(&self, item: &CiName) -> bool {
        self.affected_cis.contains(item)
            || self.affected_services.iter().any(|service| service.as_str() == item.as_str())
    }

    /// Digest of what would run and on what: type, scope, plan, rollback plan, monitors, rollback conditions, window,
    /// commit and artefacts, what scanners and policies object to, and what is brought up to date at the end. Words such as title and description are not part of
    /// it.
    ///
    /// # Errors
    /// When the content has no canonical form.
    pub fn digest(&self) -> Result<Digest, NotCanonical> {
        Digest::of(DIGEST_LABEL, &self.bound())
    }

    /// What the digest is over, as canonical JSON: whole, exactly as it is approved and as it will run.
    ///
    /// # Errors
    /// When the content has no canonical form.
    pub fn canonical(&self) -> Result<String, NotCanonical> {
        let json = canonical::to_vec(&self.bound())?;
        String::from_utf8(json).map_err(|error| NotCanonical::Value(error.to_string()))
    }

    fn bound(&self) -> Bound<'_> {
        let evidence = &self.evidence;
        let findings = evidence.findings.iter().map(|finding| BoundFinding {
            rule: &finding.rule,
            tool: &finding.tool,
            severity: finding.severity,
            component: finding.component.as_ref(),
            location: finding.location.as_ref(),
        });
        let policy_findings = evidence.policy_findings.iter().map(|finding| BoundPolicyFinding {
            rule: &finding.rule,
            field: finding.field.as_ref(),
            control: finding.control.as_ref(),
        });
        Bound {
            change_type: self.change_type,
            affected_services: &self.affected_services,
            affected_cis: &self.affected_cis,
            environment: &self.environment,
            plan: &self.plan,
            rollback_plan: &self.rollback_plan,
            monitors: &self.monitors,
            rollback_conditions: &self.rollback_conditions,
            window: self.window,
            commit: self.source.as_ref().and_then(|source| source.commit.as_deref()),
            artefacts: self.source.as_ref().map(|source| &source.artefacts),
            findings: findings.collect(),
            findings_unlisted: Some(evidence.findings_unlisted).filter(|count| *count > 0),
            policy_findings: policy_findings.collect(),
            on_close: &self.on_close,
        }
    }
}
