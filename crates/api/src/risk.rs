//! Questions about risk that write nothing: what would be if facts were different.

use std::collections::BTreeSet;

use domain::Timestamp;
use domain::number::Share;
use domain::risk::what_if::{Alteration, SupposedRollback};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::change::{Gate, Risk};
use crate::field::{FieldError, parse};
use crate::request::{Window, names};

/// Facts of a change that are supposed to be different. Without any, only what would lower the demands is searched for.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WhatIfRequest {
    /// Covered share of the changed lines, in per cent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage_percent: Option<f64>,
    /// `passed` or `failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<String>,
    /// Lines added and deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<u64>,
    /// Files touched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<u64>,
    /// Whether a setting is changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration_change: Option<bool>,
    /// Whether a database schema is changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_change: Option<bool>,
    /// All services that are changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affected_services: Option<Vec<String>>,
    /// All further configuration items that are changed; an empty list for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affected_cis: Option<Vec<String>>,
    /// Where it is changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// When it is carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// When it is handed in, RFC 3339; now when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handed_in_at: Option<String>,
    /// `automated`, `manual` or `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_plan: Option<String>,
    /// Whether the plan runs without a person.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub plan_automated: bool,
    /// Whether a monitor judges the result.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub monitored: bool,
    /// Whether what scanners and policies found is resolved.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub findings_resolved: bool,
}

/// What would be if facts of a change were different. Everything in it was assessed like a change that is handed in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WhatIf {
    /// The change.
    pub change_id: String,
    /// The moment for which everything was assessed.
    pub at: String,
    /// The assessment on record, when it is another one by now, and other things worth knowing.
    pub notes: Vec<String>,
    /// The change as it is.
    pub before: Outlook,
    /// The change as it is supposed to be; absent when nothing was supposed.
    pub after: Option<Outlook>,
    /// Each supposed fact, and what it does alone.
    pub facts: Vec<SupposedFact>,
    /// What is different after.
    pub differences: Vec<Difference>,
    /// What would lower the demands on the change as it is supposed to be.
    pub lower: Lower,
}

/// An assessment and the approvals that it leads to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Outlook {
    /// The assessment.
    pub risk: Risk,
    /// The approvals that would be required.
    pub approval: RequiredApprovals,
}

/// Approvals that would be required.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequiredApprovals {
    /// Whether policy would approve it without a person.
    pub automated: bool,
    /// Gates to be passed.
    pub required: Vec<Gate>,
    /// Roles that would be told.
    pub informed: Vec<String>,
    /// Time for all gates, in seconds.
    pub deadline_seconds: u64,
}

/// A supposed fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SupposedFact {
    /// The fact, in a sentence.
    pub sentence: String,
    /// Whether it alone alters the assessment.
    pub alters: bool,
    /// The score with it alone.
    pub score: u8,
    /// The level with it alone.
    pub level: String,
}

/// Something that is different.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Difference {
    /// What.
    pub what: String,
    /// Before.
    pub before: String,
    /// After.
    pub after: String,
}

/// What would lower the demands on a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Lower {
    /// Sets of facts that would, the least effort first.
    pub suggestions: Vec<Suggestion>,
    /// How many altered requests were assessed.
    pub assessed: usize,
    /// Whether every small set of facts was tried.
    pub complete: bool,
    /// What keeps the level from being lower, and a person in it.
    pub held_by: Vec<String>,
}

/// Facts whose alteration would lower the demands, as assessing the altered request has shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Suggestion {
    /// What is altered, each in a sentence.
    pub facts: Vec<String>,
    /// The same as options of `cortex-change risk what-if`; absent where the change becomes several different ones.
    pub options: Option<String>,
    /// How much work it is, against the others; 1 is a word in the request.
    pub effort: u32,
    /// The level then; of several changes the highest.
    pub level: String,
    /// The score then; of several changes that of the one with the most demands.
    pub score: u8,
    /// Whether people would have to approve.
    pub needs_people: bool,
    /// How many changes it becomes.
    pub changes: u64,
}

impl WhatIfRequest {
    /// The supposed facts as domain values.
    ///
    /// # Errors
    /// When a value is out of range or has another form than the accepted one; the error names the field.
    pub fn to_domain(&self) -> Result<Vec<Alteration>, FieldError> {
        let services = self.affected_services.as_deref().map(|given| names("affected_services", given));
        let services = services.transpose()?;
        if services.as_ref().is_some_and(BTreeSet::is_empty) {
            return Err(FieldError::new("affected_services", "no service is named: expected at least one"));
        }
        let items = self.affected_cis.as_deref().map(|given| names("affected_cis", given)).transpose()?;
        let environment = self.environment.as_deref().map(|text| parse("environment", text)).transpose()?;
        let window = self.window.as_ref().map(Window::to_domain).transpose()?;
        let alterations = [
            self.coverage_percent.map(share).transpose()?.map(Alteration::Coverage),
            self.tests.as_deref().map(tests).transpose()?,
            self.lines.map(Alteration::Lines),
            self.files.map(Alteration::Files),
            self.configuration_change.map(Alteration::Settings),
            self.schema_change.map(Alteration::Schema),
            services.map(Alteration::Services),
            items.map(Alteration::Items),
            environment.map(Alteration::Environment),
            window.map(Alteration::Window),
            self.handed_in_at.as_deref().map(instant).transpose()?.map(Alteration::HandedIn),
            self.rollback_plan.as_deref().map(rollback).transpose()?.map(Alteration::Rollback),
            self.plan_automated.then_some(Alteration::PlanAutomated),
            self.monitored.then_some(Alteration::Monitored),
            self.findings_resolved.then_some(Alteration::FindingsResolved),
        ];
        Ok(alterations.into_iter().flatten().collect())
    }
}

fn share(percent: f64) -> Result<Share, FieldError> {
    let refused = |message: String| FieldError::new("coverage_percent", message);
    if !(0.0..=100.0).contains(&percent) {
        return Err(refused(format!("{percent} is out of range: expected a percentage from 0 to 100")));
    }
    #[expect(clippy::cast_possible_truncation, reason = "0 to 10 000 after the check above")]
    let basis_points = (percent * 100.0).round() as i64;
    Share::new(basis_points).map_err(|error| refused(error.to_string()))
}

fn tests(word: &str) -> Result<Alteration, FieldError> {
    match word {
        "passed" => Ok(Alteration::Tests { passed: true }),
        "failed" => Ok(Alteration::Tests { passed: false }),
        other => Err(FieldError::new("tests", format!("`{other}` is unknown: expected passed or failed"))),
    }
}

fn rollback(word: &str) -> Result<SupposedRollback, FieldError> {
    match word {
        "automated" => Ok(SupposedRollback::Automated),
        "manual" => Ok(SupposedRollback::Manual),
        "none" => Ok(SupposedRollback::None),
        other => {
            let message = format!("`{other}` is unknown: expected automated, manual or none");
            Err(FieldError::new("rollback_plan", message))
        }
    }
}

fn instant(text: &str) -> Result<Timestamp, FieldError> {
    let message = || format!("`{text}` is not an instant: expected a form like 2026-01-31T14:00:00Z");
    text.parse().map_err(|_| FieldError::new("handed_in_at", message()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(request: &str) -> String {
        let request: WhatIfRequest = serde_json::from_str(request).unwrap();
        request.to_domain().unwrap_err().to_string()
    }

    #[test]
    fn values_that_make_no_sense_are_refused_with_the_accepted_form() {
        let nan = WhatIfRequest { coverage_percent: Some(f64::NAN), ..WhatIfRequest::default() };
        assert_eq!(
            nan.to_domain().unwrap_err().to_string(),
            "`coverage_percent`: NaN is out of range: expected a percentage from 0 to 100"
        );
        for (request, expected) in [
            (r#"{"coverage_percent":100.5}"#, "expected a percentage from 0 to 100"),
            (r#"{"tests":"green"}"#, "`green` is unknown: expected passed or failed"),
            (r#"{"affected_services":[]}"#, "expected at least one"),
            (r#"{"affected_services":["a","A B"]}"#, "`affected_services[1]`"),
            (r#"{"rollback_plan":"yes"}"#, "expected automated, manual or none"),
            (r#"{"handed_in_at":"tonight"}"#, "expected a form like 2026-01-31T14:00:00Z"),
            (
                r#"{"window":{"start":"2026-01-31T14:00:00Z","end":"2026-01-31T13:00:00Z"}}"#,
                "the end is not after the start",
            ),
        ] {
            let said = refusal(request);
            assert!(said.contains(expected), "{request}: {said}");
        }
        let negative = serde_json::from_str::<WhatIfRequest>(r#"{"lines":-4}"#).unwrap_err();
        assert!(negative.to_string().contains("integer `-4`, expected u64"), "{negative}");
    }

    #[test]
    fn what_is_not_named_is_not_supposed() {
        assert_eq!(WhatIfRequest::default().to_domain(), Ok(vec![]));
        let request = WhatIfRequest { lines: Some(7), monitored: true, ..WhatIfRequest::default() };
        assert_eq!(request.to_domain(), Ok(vec![Alteration::Lines(7), Alteration::Monitored]));
    }
}
