//! Requests for changes: the specification's JSON as it stands, with further optional fields.

use std::collections::{BTreeMap, BTreeSet};

use domain::Timestamp;
use domain::change as d;
use domain::change::content::{AFFECTED_MAX, ARTEFACTS_MAX};
use domain::duration::{format_duration_millis, parse_duration_millis};
use domain::rollback::{self as r, Percent};
use domain::text::FreeText;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::evidence::Evidence;
use crate::field::{FieldError, parse, parse_optional, unique_map};
use crate::on_close::OnClose;
use crate::plan::{ImplementationPlan, Monitor, RollbackPlan};

/// A request for a change: what is asked for. An amendment replaces all of it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeRequest {
    /// The identifier that another system gave to this change; kept as `external_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_id: Option<String>,
    /// What led to it: `task:` and an identifier of one's own, a change, or an incident. Where a program names nothing, and
    /// what it asks about has an open incident, that is taken. An amendment leaves it as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caused_by: Option<String>,
    /// The caller's name or that of someone it may act for; the caller when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
    /// Whether the change is still being written.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub draft: bool,
    /// `standard`, `normal` or `emergency`.
    #[serde(rename = "type")]
    pub change_type: String,
    /// deployment, configuration, security, infrastructure, patch, update, inventory, documentation, data, integration,
    /// rollback or other.
    pub category: String,
    /// One line.
    pub title: String,
    /// What is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Why it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub justification: Option<String>,
    /// What it may affect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impact_assessment: Option<String>,
    /// How it was and will be tested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub testing_strategy: Option<String>,
    /// critical, high, medium or low.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impact: Option<String>,
    /// critical, high, medium or low.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urgency: Option<String>,
    /// How it is implemented.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub implementation_plan: Option<ImplementationPlan>,
    /// How it is taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_plan: Option<RollbackPlan>,
    /// What is watched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub monitors: Vec<Monitor>,
    /// What leads to a rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_conditions: Option<RollbackConditions>,
    /// Services that are changed.
    #[serde(default)]
    pub affected_services: Vec<String>,
    /// Configuration items that are changed.
    #[serde(default)]
    pub affected_cis: Vec<String>,
    /// Where it is changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// When it may be started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// What is rolled out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Size, tests, author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// What is brought up to date when it is closed as successful; a part of what is approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_close: Option<OnClose>,
}

/// A span of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// First instant, RFC 3339.
    pub start: String,
    /// First instant after the window, RFC 3339.
    pub end: String,
}

/// What is rolled out, by digest.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// Branch or tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Full commit hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Artefact name to digest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "unique_map")]
    pub artefacts: BTreeMap<String, String>,
}

/// What leads to a rollback, as the specification writes it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackConditions {
    /// Too many probes fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_rate: Option<RateCondition>,
    /// Answers take too long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<RateCondition>,
    /// Health checks fail in a row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCondition>,
    /// A vulnerability is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security: Option<SecurityCondition>,
}

/// A threshold over a window of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RateCondition {
    /// `5%` for error rates; `2x_baseline` or `250ms` for latency.
    pub threshold: String,
    /// For example `5m`.
    pub window: String,
    /// `immediate_rollback`, `gradual_rollback`, each also `+ quarantine`.
    pub action: String,
}

/// Failures in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HealthCondition {
    /// How many.
    pub failed_checks: u32,
    /// What to do.
    pub action: String,
}

/// Whether a vulnerability leads to a rollback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecurityCondition {
    /// Whether a found vulnerability counts.
    pub vulnerability_detected: bool,
    /// What to do.
    pub action: String,
}

fn text(field: &str, text: Option<&str>) -> Result<Option<FreeText>, FieldError> {
    text.map(|text| FreeText::new(text).map_err(|error| FieldError::new(field, error))).transpose()
}

pub(crate) fn names<T>(field: &str, names: &[String]) -> Result<BTreeSet<T>, FieldError>
where
    T: std::str::FromStr + Ord,
    T::Err: std::fmt::Display,
{
    if names.len() > AFFECTED_MAX {
        let message =
            format!("{} entries are more than the {AFFECTED_MAX} accepted: name the services", names.len());
        return Err(FieldError::new(field, message));
    }
    let mut set = BTreeSet::new();
    for (at, name) in names.iter().enumerate() {
        if !set.insert(parse(&format!("{field}[{at}]"), name)?) {
            return Err(FieldError::new(format!("{field}[{at}]"), format!("`{name}` is named twice")));
        }
    }
    Ok(set)
}

impl ChangeRequest {
    /// The content as a domain value.
    ///
    /// # Errors
    /// When a field does not have the accepted form.
    pub fn to_domain(&self) -> Result<d::Content, FieldError> {
        let monitor = |(at, monitor): (usize, &Monitor)| {
            monitor.to_domain().map_err(|error| error.under(&format!("monitors[{at}]")))
        };
        let mut monitors: Vec<_> = self.monitors.iter().enumerate().map(monitor).collect::<Result<_, _>>()?;
        self.fill(&mut monitors)?;
        let plan = self.implementation_plan.as_ref().map(ImplementationPlan::to_domain).transpose();
        let rollback_plan = self.rollback_plan.as_ref().map(RollbackPlan::to_domain).transpose();
        Ok(d::Content {
            change_type: parse("type", &self.change_type)?,
            category: parse("category", &self.category)?,
            title: FreeText::title(self.title.as_str()).map_err(|error| FieldError::new("title", error))?,
            description: text("description", self.description.as_deref())?,
            justification: text("justification", self.justification.as_deref())?,
            impact_assessment: text("impact_assessment", self.impact_assessment.as_deref())?,
            testing_strategy: text("testing_strategy", self.testing_strategy.as_deref())?,
            impact: parse_optional("impact", self.impact.as_deref())?,
            urgency: parse_optional("urgency", self.urgency.as_deref())?,
            affected_services: names("affected_services", &self.affected_services)?,
            affected_cis: names("affected_cis", &self.affected_cis)?,
            environment: parse_optional("environment", self.environment.as_deref())?,
            plan: plan.map_err(|error| error.under("implementation_plan"))?,
            rollback_plan: rollback_plan.map_err(|error| error.under("rollback_plan"))?,
            monitors,
            rollback_conditions: self.conditions()?,
            window: self.window.as_ref().map(Window::to_domain).transpose()?,
            source: self.source.as_ref().map(Source::to_domain).transpose()?,
            evidence: self
                .evidence
                .as_ref()
                .map(|evidence| evidence.to_domain().map_err(|error| error.under("evidence")))
                .transpose()?
                .unwrap_or_else(d::Evidence::default),
            external_id: text("change_id", self.change_id.as_deref())?,
            caused_by: parse_optional("caused_by", self.caused_by.as_deref())?
                .map(|cause| d::cause::CausedBy { cause, is_inferred: false }),
            on_close: self
                .on_close
                .as_ref()
                .map(|on_close| on_close.to_domain().map_err(|error| error.under("on_close")))
                .transpose()?
                .unwrap_or_default(),
        })
    }

    /// Has monitors look at the services and items of the change where they say so.
    fn fill(&self, monitors: &mut [domain::plan::Monitor]) -> Result<(), FieldError> {
        let affected: BTreeSet<String> =
            self.affected_services.iter().chain(&self.affected_cis).cloned().collect();
        for (at, monitor) in monitors.iter_mut().enumerate() {
            if monitor.probe.fill(&affected) && affected.is_empty() {
                let message = "looks at what the change affects, and it names no service and no item: name them, or give `labels`";
                return Err(FieldError::new(format!("monitors[{at}]"), message));
            }
        }
        Ok(())
    }

    fn conditions(&self) -> Result<r::RollbackConditions, FieldError> {
        let conditions = self.rollback_conditions.as_ref().map(RollbackConditions::to_domain).transpose();
        Ok(conditions
            .map_err(|error| error.under("rollback_conditions"))?
            .unwrap_or_else(r::RollbackConditions::default))
    }

    /// The content as users write it.
    pub fn from_domain(content: &d::Content) -> Self {
        let text = |text: &Option<FreeText>| text.as_ref().map(ToString::to_string);
        Self {
            change_id: None,
            caused_by: content.caused_by.as_ref().map(|caused_by| caused_by.cause.to_string()),
            requested_by: None,
            draft: false,
            change_type: content.change_type.to_string(),
            category: content.category.to_string(),
            title: content.title.to_string(),
            description: text(&content.description),
            justification: text(&content.justification),
            impact_assessment: text(&content.impact_assessment),
            testing_strategy: text(&content.testing_strategy),
            impact: content.impact.map(|impact| impact.as_str().to_owned()),
            urgency: content.urgency.map(|urgency| urgency.as_str().to_owned()),
            implementation_plan: content.plan.as_ref().map(ImplementationPlan::from_domain),
            rollback_plan: content.rollback_plan.as_ref().map(RollbackPlan::from_domain),
            monitors: content.monitors.iter().map(Monitor::from_domain).collect(),
            rollback_conditions: RollbackConditions::from_domain(&content.rollback_conditions),
            affected_services: content.affected_services.iter().map(ToString::to_string).collect(),
            affected_cis: content.affected_cis.iter().map(ToString::to_string).collect(),
            environment: content.environment.as_ref().map(ToString::to_string),
            window: content
                .window
                .map(|window| Window { start: window.start.to_string(), end: window.end.to_string() }),
            source: content.source.as_ref().map(Source::from_domain),
            evidence: (content.evidence != d::Evidence::default())
                .then(|| Evidence::from_domain(&content.evidence)),
            on_close: OnClose::from_domain(&content.on_close),
        }
    }
}

impl Window {
    pub(crate) fn to_domain(&self) -> Result<d::Window, FieldError> {
        let instant = |field: &str, text: &str| {
            text.parse::<Timestamp>().map_err(|_| {
                FieldError::new(
                    field,
                    format!("`{text}` is not an instant: expected a form like 2026-01-31T14:00:00Z"),
                )
            })
        };
        let window = d::Window {
            start: instant("window.start", &self.start)?,
            end: instant("window.end", &self.end)?,
        };
        if window.start >= window.end {
            return Err(FieldError::new("window", "the end is not after the start"));
        }
        Ok(window)
    }
}

impl Source {
    fn to_domain(&self) -> Result<d::Source, FieldError> {
        if self.artefacts.len() > ARTEFACTS_MAX {
            return Err(FieldError::new("source.artefacts", format!("more than {ARTEFACTS_MAX} entries")));
        }
        if let Some(commit) = &self.commit {
            let is_hash = matches!(commit.len(), 40 | 64)
                && commit.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
            if !is_hash {
                let message =
                    format!("`{commit}` is not a full commit hash: expected 40 or 64 hexadecimal digits");
                return Err(FieldError::new("source.commit", message));
            }
        }
        Ok(d::Source {
            repository: self.repository.clone(),
            reference: self.branch.clone(),
            commit: self.commit.clone(),
            artefacts: self.artefacts.clone(),
        })
    }

    fn from_domain(source: &d::Source) -> Self {
        Self {
            repository: source.repository.clone(),
            branch: source.reference.clone(),
            commit: source.commit.clone(),
            artefacts: source.artefacts.clone(),
        }
    }
}

impl RollbackConditions {
    fn to_domain(&self) -> Result<r::RollbackConditions, FieldError> {
        let error_rate = self.error_rate.as_ref().map(|condition| {
            Ok(r::ErrorRate {
                threshold: parse::<Percent>("threshold", &condition.threshold)?.0,
                window_seconds: window_seconds(&condition.window)?,
                action: parse("action", &condition.action)?,
            })
        });
        let latency = self.latency.as_ref().map(|condition| {
            Ok(r::Latency {
                threshold: parse("threshold", &condition.threshold)?,
                window_seconds: window_seconds(&condition.window)?,
                action: parse("action", &condition.action)?,
            })
        });
        let health_check = self.health_check.as_ref().map(|condition| {
            let action = parse("action", &condition.action)?;
            Ok(r::HealthCheck { failed_checks: condition.failed_checks, action })
        });
        let security = self.security.as_ref().map(|condition| {
            let action = parse("action", &condition.action)?;
            Ok(r::Security { vulnerability_detected: condition.vulnerability_detected, action })
        });
        let under = |parent: &'static str| move |error: FieldError| error.under(parent);
        Ok(r::RollbackConditions {
            error_rate: error_rate.transpose().map_err(under("error_rate"))?,
            latency: latency.transpose().map_err(under("latency"))?,
            health_check: health_check.transpose().map_err(under("health_check"))?,
            security: security.transpose().map_err(under("security"))?,
        })
    }

    /// The conditions as users write them; nothing where none is set.
    fn from_domain(conditions: &r::RollbackConditions) -> Option<Self> {
        if *conditions == r::RollbackConditions::default() {
            return None;
        }
        let window = |seconds: u64| format_duration_millis(seconds.saturating_mul(1_000));
        Some(Self {
            error_rate: conditions.error_rate.map(|condition| RateCondition {
                threshold: Percent(condition.threshold).to_string(),
                window: window(condition.window_seconds),
                action: condition.action.to_string(),
            }),
            latency: conditions.latency.map(|condition| RateCondition {
                threshold: condition.threshold.to_string(),
                window: window(condition.window_seconds),
                action: condition.action.to_string(),
            }),
            health_check: conditions.health_check.map(|condition| HealthCondition {
                failed_checks: condition.failed_checks,
                action: condition.action.to_string(),
            }),
            security: conditions.security.map(|condition| SecurityCondition {
                vulnerability_detected: condition.vulnerability_detected,
                action: condition.action.to_string(),
            }),
        })
    }
}

fn window_seconds(text: &str) -> Result<u64, FieldError> {
    let millis = parse_duration_millis(text).map_err(|error| FieldError::new("window", error))?;
    if millis == 0 || millis % 1_000 != 0 {
        return Err(FieldError::new("window", "expected whole seconds, for example `30s` or `5m`"));
    }
    Ok(millis / 1_000)
}
