//! Freezes and maintenance windows, and what is planned.

use std::collections::BTreeSet;

use domain::calendar::{Entry as DomainEntry, EntryScope, Schedule as DomainSchedule};
use domain::catalog::Tier;
use domain::duration::parse_duration_seconds;
use domain::id::EntryName;
use domain::text::FreeText;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::field::{FieldError, parse, parse_optional};
use crate::slot::Conflict;

/// An entry of the calendar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CalendarEntry {
    /// Its name, unique in the calendar.
    pub name: String,
    /// freeze or maintenance.
    pub kind: String,
    /// What it is for, in a line.
    pub title: String,
    /// When it first begins, on the wall clock of its zone: 2026-12-20T00:00.
    pub starts: String,
    /// Name of the zone, such as Europe/Berlin; UTC when absent.
    #[serde(default = "utc")]
    pub zone: String,
    /// How long each occurrence takes, such as 8h or 12d.
    pub duration: String,
    /// How it recurs, as RFC 5545 writes it: FREQ=WEEKLY;BYDAY=SA. Once when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// No occurrence begins at or after this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Services that it is about; all when empty.
    #[serde(default)]
    pub services: Vec<String>,
    /// Tiers that it is about; all when empty.
    #[serde(default)]
    pub tiers: Vec<u8>,
    /// Environments that it is about; all when empty.
    #[serde(default)]
    pub environments: Vec<String>,
}

/// Removes an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveEntry {
    /// Why.
    pub reason: String,
}

/// Excepts a change from a freeze.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OverrideFreeze {
    /// The change.
    pub change_id: String,
    /// Why.
    pub reason: String,
    /// For how long, at most 7d.
    pub expires_in: String,
}

/// Which entry was added, removed or excepted from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CalendarTold {
    /// Its name.
    pub name: String,
}

/// The calendar between two instants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Schedule {
    /// The first instant.
    pub from: String,
    /// The first instant after.
    pub to: String,
    /// Freezes and maintenance windows, by their beginning.
    pub occurrences: Vec<CalendarOccurrence>,
    /// Exceptions from freezes that are not over.
    pub overrides: Vec<FreezeOverride>,
    /// The forward schedule of change: changes that are approved or wait for it and whose window lies here, and those under
    /// way, by their beginning.
    pub changes: Vec<ScheduledChange>,
    /// Whether there is more than could be looked at.
    pub truncated: bool,
}

/// One time at which an entry takes place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CalendarOccurrence {
    /// Name of the entry.
    pub name: String,
    /// freeze or maintenance.
    pub kind: String,
    /// What it is for.
    pub title: String,
    /// First instant.
    pub start: String,
    /// First instant after it.
    pub end: String,
}

/// An exception of a change from a freeze.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FreezeOverride {
    /// The freeze.
    pub freeze: String,
    /// The change.
    pub change_id: String,
    /// Why.
    pub reason: String,
    /// Who decided so.
    pub by: String,
    /// Until when.
    pub until: String,
}

/// A change with a window, or one under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScheduledChange {
    /// The change.
    pub change_id: String,
    /// Its title.
    pub title: String,
    /// standard, normal or emergency.
    #[serde(rename = "type")]
    pub change_type: String,
    /// proposed, approved or running.
    pub stage: String,
    /// 0 to 100; absent before it is assessed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<u8>,
    /// low, medium, high or critical; absent before it is assessed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// What it changes, services and items; at most 10 of them.
    pub items: Vec<String>,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// When its window opens; of one under way, when it was started.
    pub start: String,
    /// When its window ends; of one under way without a window, when it is expected to be done.
    pub end: String,
    /// Other changes that get in its way.
    pub conflicts: Vec<Conflict>,
}

impl CalendarEntry {
    /// The entry as domain value, with its name.
    ///
    /// # Errors
    /// When a field does not have the accepted form.
    pub fn to_domain(&self) -> Result<(EntryName, DomainEntry), FieldError> {
        let schedule = DomainSchedule {
            starts: local("starts", &self.starts)?,
            zone: parse("zone", &self.zone)?,
            minutes: minutes("duration", &self.duration)?,
            rule: parse_optional("rule", self.rule.as_deref())?,
            until: parse_optional("until", self.until.as_deref())?,
        };
        let tiers: Result<BTreeSet<_>, _> = self.tiers.iter().map(|tier| Tier::try_from(*tier)).collect();
        let scope = EntryScope {
            services: names("services", &self.services)?,
            tiers: tiers.map_err(|error| FieldError::new("tiers", error))?,
            environments: names("environments", &self.environments)?,
        };
        let title = FreeText::title(&*self.title).map_err(|error| FieldError::new("title", error))?;
        let entry = DomainEntry { kind: parse("kind", &self.kind)?, title, schedule, scope };
        Ok((parse("name", &self.name)?, entry))
    }
}

pub(crate) fn names<T: std::str::FromStr + Ord>(
    field: &str,
    texts: &[String],
) -> Result<BTreeSet<T>, FieldError>
where
    T::Err: std::fmt::Display,
{
    texts.iter().enumerate().map(|(at, text)| parse(&format!("{field}[{at}]"), text)).collect()
}

pub(crate) fn local(field: &str, text: &str) -> Result<jiff::civil::DateTime, FieldError> {
    let has_zone = text.ends_with(['Z', 'z', ']']);
    text.parse().ok().filter(|_| !has_zone).ok_or_else(|| {
        let given: String = text.chars().filter(|c| !c.is_control()).take(40).collect();
        let message = format!(
            "`{given}` is not a time of the wall clock: expected a form like 2026-12-20T22:00, with the zone in `zone`"
        );
        FieldError::new(field, message)
    })
}

pub(crate) fn minutes(field: &str, text: &str) -> Result<u32, FieldError> {
    let seconds = parse_duration_seconds(text).map_err(|error| FieldError::new(field, error))?;
    let whole = seconds.is_multiple_of(60).then(|| u32::try_from(seconds / 60).ok()).flatten();
    whole.ok_or_else(|| FieldError::new(field, "expected whole minutes, such as 90m, 8h or 12d"))
}

pub(crate) fn utc() -> String {
    "UTC".to_owned()
}
