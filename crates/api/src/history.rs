//! Importing changes that another system carried out, and what has been imported.

use std::collections::{BTreeMap, BTreeSet};

use domain::Timestamp;
use domain::change::{Category, ChangeType};
use domain::history::{Churn, ExternalId, FilePath, PastChange, SourceSystem};
use domain::number::Share;
use domain::text::FreeText;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::field::{FieldError, parse, parse_optional};

/// Most changes of one import. A longer history is imported in several.
pub const IMPORT_CHANGES_MAX: usize = 500;

/// Basis points per cent.
const BASIS_POINTS: f64 = 100.0;

/// Changes of one system. What is recorded already in the same words stays as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HistoryImport {
    /// The system that carried them out, for example `servicenow`.
    pub source: String,
    /// The changes, at most 500.
    pub changes: Vec<ImportedChange>,
}

/// A change that another system carried out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportedChange {
    /// What that system calls it, for example `CHG0030045`, or the id of a commit.
    pub id: String,
    /// In a line, at most 256 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The start of what was said about it, at most 4096 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// standard, normal or emergency; `normal` when absent.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub change_type: Option<String>,
    /// deployment, configuration, …; `other` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// The services that were changed, at most 100.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    /// Configuration items that were changed, at most 200.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cis: Vec<String>,
    /// Files that were changed, at most 200.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// Who asked for it, as that system names them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester: Option<String>,
    /// human or agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Lines added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines_added: Option<u64>,
    /// Lines deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines_deleted: Option<u64>,
    /// Files, also those that are not named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files_changed: Option<u64>,
    /// Folders that directly hold one of the files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directories: Option<u64>,
    /// Configuration items, also those that are not named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cis_changed: Option<u64>,
    /// Whether it repaired something.
    #[serde(default)]
    pub is_fix: bool,
    /// Whether it took an earlier change back.
    #[serde(default)]
    pub is_revert: bool,
    /// Whether its tests passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests_passed: Option<bool>,
    /// The share of the changed lines that tests covered, 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage_percent: Option<f64>,
    /// When it was asked for, in RFC 3339; when it ended, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitted_at: Option<String>,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// When it ended.
    pub closed_at: String,
    /// successful, partial, failed, rolled_back or cancelled.
    pub outcome: String,
    /// From when on the outcome could be known; when it ended, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome_known_at: Option<String>,
}

/// What an import did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HistoryImported {
    /// The system.
    pub source: String,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// Changes that were not known.
    pub new: u64,
    /// Changes whose record was altered since.
    pub changed: u64,
    /// Changes that are recorded in the same words.
    pub unchanged: u64,
}

/// What has been imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HistorySummary {
    /// By system, in the order of their names.
    pub sources: Vec<HistorySource>,
}

/// What has been imported from one system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HistorySource {
    /// The system.
    pub source: String,
    /// All its changes.
    pub changes: u64,
    /// How many ended how.
    pub outcomes: BTreeMap<String, u64>,
    /// When the first of them ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_closed_at: Option<String>,
    /// When the last of them ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_closed_at: Option<String>,
    /// When a change was last recorded.
    pub last_imported_at: String,
}

/// An import as domain values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainImport {
    /// The system.
    pub source: SourceSystem,
    /// The changes, in the order in which they were given.
    pub changes: Vec<(ExternalId, PastChange)>,
}

impl TryFrom<HistoryImport> for DomainImport {
    type Error = FieldError;

    fn try_from(import: HistoryImport) -> Result<Self, FieldError> {
        let HistoryImport { source, changes } = import;
        let source = parse("source", &source)?;
        if changes.len() > IMPORT_CHANGES_MAX {
            let message =
                format!("{} changes: at most {IMPORT_CHANGES_MAX} are imported at once", changes.len());
            return Err(FieldError::new("changes", message));
        }
        let mut seen = BTreeSet::new();
        let mut read = Vec::with_capacity(changes.len());
        for (at, change) in changes.iter().enumerate() {
            let place = |error: FieldError| error.under(&format!("changes[{at}]"));
            let (id, change) = change.read().map_err(place)?;
            if !seen.insert(id.clone()) {
                return Err(place(FieldError::new("id", format!("`{id}` is given twice: expected once"))));
            }
            read.push((id, change));
        }
        Ok(Self { source, changes: read })
    }
}

impl ImportedChange {
    /// The change as domain values.
    fn read(&self) -> Result<(ExternalId, PastChange), FieldError> {
        let time = |field: &'static str, text: &Option<String>| {
            text.as_deref().map(|text| instant(field, text)).transpose()
        };
        let closed_at = instant("closed_at", &self.closed_at)?;
        let change = PastChange {
            title: text("title", self.title.as_deref())?,
            description: text("description", self.description.as_deref())?,
            change_type: parse_optional("type", self.change_type.as_deref())?.unwrap_or(ChangeType::Normal),
            category: parse_optional("category", self.category.as_deref())?.unwrap_or(Category::Other),
            services: each("services", &self.services)?,
            cis: each("cis", &self.cis)?,
            files: each::<FilePath>("files", &self.files)?,
            requester: text("requester", self.requester.as_deref())?,
            by: parse_optional("by", self.by.as_deref())?,
            churn: Churn {
                lines_added: self.lines_added,
                lines_deleted: self.lines_deleted,
                files: self.files_changed,
                directories: self.directories,
                cis: self.cis_changed,
            },
            is_fix: self.is_fix,
            is_revert: self.is_revert,
            tests_passed: self.tests_passed,
            coverage: self.coverage_percent.map(share).transpose()?,
            submitted_at: time("submitted_at", &self.submitted_at)?.unwrap_or(closed_at),
            started_at: time("started_at", &self.started_at)?,
            closed_at,
            outcome: parse("outcome", &self.outcome)?,
            outcome_known_at: time("outcome_known_at", &self.outcome_known_at)?.unwrap_or(closed_at),
        };
        let field = |error: &domain::history::InvalidPastChange| error.field().unwrap_or_default();
        change.check().map_err(|error| FieldError::new(field(&error), &error))?;
        Ok((parse("id", &self.id)?, change))
    }

    /// A change as requests say it.
    pub fn of(id: &ExternalId, change: &PastChange) -> Self {
        let said = |text: &Option<FreeText>| text.as_ref().map(ToString::to_string);
        Self {
            id: id.to_string(),
            title: said(&change.title),
            description: said(&change.description),
            change_type: Some(change.change_type.to_string()),
            category: Some(change.category.to_string()),
            services: change.services.iter().map(ToString::to_string).collect(),
            cis: change.cis.iter().map(ToString::to_string).collect(),
            files: change.files.iter().map(ToString::to_string).collect(),
            requester: said(&change.requester),
            by: change.by.map(|by| by.to_string()),
            lines_added: change.churn.lines_added,
            lines_deleted: change.churn.lines_deleted,
            files_changed: change.churn.files,
            directories: change.churn.directories,
            cis_changed: change.churn.cis,
            is_fix: change.is_fix,
            is_revert: change.is_revert,
            tests_passed: change.tests_passed,
            coverage_percent: change.coverage.map(|share| f64::from(share.get()) / BASIS_POINTS),
            submitted_at: Some(change.submitted_at.to_string()),
            started_at: change.started_at.map(|at| at.to_string()),
            closed_at: change.closed_at.to_string(),
            outcome: change.outcome.to_string(),
            outcome_known_at: Some(change.outcome_known_at.to_string()),
        }
    }
}

fn instant(field: &str, text: &str) -> Result<Timestamp, FieldError> {
    text.parse().map_err(|_| {
        let message = format!("`{text}` is not an instant: expected RFC 3339 such as `2025-03-02T21:30:00Z`");
        FieldError::new(field, message)
    })
}

fn text(field: &str, text: Option<&str>) -> Result<Option<FreeText>, FieldError> {
    text.map(FreeText::new).transpose().map_err(|error| FieldError::new(field, error))
}

fn each<T>(field: &str, texts: &[String]) -> Result<BTreeSet<T>, FieldError>
where
    T: std::str::FromStr + Ord,
    T::Err: std::fmt::Display,
{
    texts.iter().enumerate().map(|(at, text)| parse(&format!("{field}[{at}]"), text)).collect()
}

fn share(percent: f64) -> Result<Share, FieldError> {
    // Written out and read again: a rounded number below 10 000 is a whole one.
    let points = format!("{:.0}", percent * BASIS_POINTS).parse().ok();
    let share =
        points.filter(|_| (0.0..=100.0).contains(&percent)).and_then(|points| Share::new(points).ok());
    share.ok_or_else(|| {
        FieldError::new(
            "coverage_percent",
            format!("{percent} is out of range: expected a number from 0 to 100"),
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn import(change: &Value) -> Result<DomainImport, FieldError> {
        let changes = vec![serde_json::from_value(change.clone()).unwrap()];
        HistoryImport { source: "servicenow".to_owned(), changes }.try_into()
    }

    fn full() -> Value {
        json!({
            "id": "CHG0030045", "title": "Roll out cart 2.4", "description": "Behind a flag", "type": "emergency",
            "category": "deployment", "services": ["cart"], "cis": ["Deployment/shop/cart"], "files": ["a/b.yaml"],
            "requester": "Ada", "by": "agent", "lines_added": 4, "lines_deleted": 0, "files_changed": 3,
            "directories": 1, "cis_changed": 2, "is_fix": true, "is_revert": false, "tests_passed": true,
            "coverage_percent": 81.57, "submitted_at": "2025-03-01T09:00:00Z", "started_at": "2025-03-02T20:00:00Z",
            "closed_at": "2025-03-02T21:30:00Z", "outcome": "failed", "outcome_known_at": "2025-03-09T21:30:00Z"
        })
    }

    #[test]
    fn what_was_read_is_said_again_in_the_same_words() {
        let DomainImport { changes, .. } = import(&full()).unwrap();
        let (id, change) = &changes[0];
        assert_eq!(serde_json::to_value(ImportedChange::of(id, change)).unwrap(), full());
        let little = json!({ "id": "1", "closed_at": "2025-03-02T21:30:00Z", "outcome": "successful" });
        let DomainImport { changes, .. } = import(&little).unwrap();
        let (id, change) = &changes[0];
        let said = ImportedChange::of(id, change).read().unwrap();
        assert_eq!((&said.0, &said.1), (id, change));
    }

    #[test]
    fn what_does_not_fit_is_named_with_its_place() {
        let refused = |field: &str, value: Value, at: &str, says: &str| {
            let mut change = full();
            change[field] = value;
            let error = import(&change).unwrap_err();
            assert_eq!(error.field, at, "{error}");
            assert!(error.message.contains(says), "{error}");
        };
        refused("closed_at", json!("yesterday"), "changes[0].closed_at", "RFC 3339");
        refused(
            "closed_at",
            json!("2025-03-01T08:00:00Z"),
            "changes[0].closed_at",
            "lies before submitted_at",
        );
        refused("outcome", json!("meh"), "changes[0].outcome", "rolled_back");
        refused("coverage_percent", json!(100.1), "changes[0].coverage_percent", "0 to 100");
        refused("services", json!(["a", "b c"]), "changes[0].services[1]", "service name");
        refused("title", json!("x".repeat(257)), "changes[0].title", "at most 256");
        refused("files_changed", json!(0), "changes[0].files_changed", "1 are named");
        let twice: Vec<ImportedChange> =
            [full(), full()].map(|change| serde_json::from_value(change).unwrap()).into();
        let error = DomainImport::try_from(HistoryImport { source: "a".to_owned(), changes: twice.clone() })
            .unwrap_err();
        assert_eq!(error.field, "changes[1].id");
        let many = twice.iter().cycle().take(IMPORT_CHANGES_MAX + 1).cloned().collect();
        let error =
            DomainImport::try_from(HistoryImport { source: "a".to_owned(), changes: many }).unwrap_err();
        assert_eq!(error.field, "changes");
        let error =
            DomainImport::try_from(HistoryImport { source: "A b".to_owned(), changes: vec![] }).unwrap_err();
        assert_eq!(error.field, "source");
    }
}
