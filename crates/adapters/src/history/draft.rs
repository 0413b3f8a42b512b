//! A past change while its facts are collected: cut to what is kept, completed, checked.

use std::collections::BTreeSet;

use domain::Timestamp;
use domain::change::{Category, ChangeType, Outcome};
use domain::history::{
    CIS_MAX, ChangedBy, Churn, DESCRIPTION_BYTES_MAX, ExternalId, FILES_MAX, FilePath, NAMES_BYTES_MAX,
    PastChange, REQUESTER_BYTES_MAX,
};
use domain::id::{CiName, ServiceName};
use domain::number::Share;
use domain::text::{FreeText, TITLE_BYTES_MAX};

use super::field::Field;
use super::reading::Reading;
use super::{Found, Record};
use crate::git::Intent;
use crate::text::clipped;

/// How much of a wrong value a message repeats, in characters.
const SHOWN_CHARS: usize = 60;

/// A wrong value as messages repeat it.
pub(super) fn shown(text: &str) -> String {
    clipped(text, SHOWN_CHARS)
}

/// How a record says that a change ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    As(Outcome),
    /// Not yet.
    Open,
}

/// What is wrong with a record, and with which of its facts, where it is one.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) field: Option<Field>,
    pub(super) message: String,
}

impl Wrong {
    pub(super) fn of(field: Field, message: impl Into<String>) -> Self {
        Self { field: Some(field), message: message.into() }
    }
}

/// A past change while its facts are collected.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) change_type: Option<ChangeType>,
    pub(super) category: Option<Category>,
    pub(super) services: BTreeSet<ServiceName>,
    pub(super) cis: BTreeSet<CiName>,
    pub(super) files: BTreeSet<String>,
    pub(super) requester: String,
    pub(super) by: Option<ChangedBy>,
    pub(super) churn: Churn,
    pub(super) is_fix: Option<bool>,
    pub(super) is_revert: Option<bool>,
    pub(super) was_rolled_back: bool,
    pub(super) tests_passed: Option<bool>,
    pub(super) coverage: Option<Share>,
    pub(super) submitted_at: Option<Timestamp>,
    pub(super) started_at: Option<Timestamp>,
    pub(super) closed_at: Option<Timestamp>,
    pub(super) outcome: Option<Ended>,
    pub(super) outcome_known_at: Option<Timestamp>,
}

impl Draft {
    /// The change with everything completed that follows from what is known.
    ///
    /// # Errors
    /// When something is missing or contradicts something else.
    pub(super) fn finish(mut self, reading: &Reading) -> Result<Found, Wrong> {
        let id =
            ExternalId::new(self.id.as_str()).map_err(|error| Wrong::of(Field::Id, error.to_string()))?;
        let outcome = match self.outcome {
            Some(Ended::As(Outcome::Failed)) if self.was_rolled_back => Outcome::RolledBack,
            Some(Ended::As(outcome)) => outcome,
            Some(Ended::Open) => return Ok(Found::Open),
            None => return Err(missing(Field::Outcome, "how it ended, or that it has not ended")),
        };
        let closed_at = self.closed_at.ok_or_else(|| missing(Field::ClosedAt, "when it ended"))?;
        if closed_at > reading.now {
            return Err(Wrong::of(Field::ClosedAt, format!("{closed_at} lies in the future")));
        }
        let outcome_known_at = match self.outcome_known_at {
            Some(known_at) => known_at,
            None => closed_at.saturating_add(reading.waiting).unwrap_or(closed_at),
        };
        self.services.extend(self.files.iter().filter_map(|file| reading.service_of(file)).cloned());
        let (cis, files) = self.keep_names();
        let intent = Intent::of(&self.title, &self.description);
        let is_revert = self.is_revert.unwrap_or(matches!(intent, Intent::Revert { .. }));
        let category = if is_revert {
            self.category.unwrap_or(Category::Rollback)
        } else {
            reading.category(self.category)
        };
        let change = PastChange {
            title: line(&self.title, TITLE_BYTES_MAX),
            description: text(&self.description, DESCRIPTION_BYTES_MAX),
            change_type: self.change_type.unwrap_or(ChangeType::Normal),
            category,
            services: self.services,
            cis,
            files,
            requester: line(&self.requester, REQUESTER_BYTES_MAX),
            by: self.by,
            churn: self.churn,
            is_fix: self.is_fix.unwrap_or(matches!(intent, Intent::Fix)),
            is_revert,
            tests_passed: self.tests_passed,
            coverage: self.coverage,
            submitted_at: self.submitted_at.or(self.started_at).unwrap_or(closed_at),
            started_at: self.started_at,
            closed_at,
            outcome,
            outcome_known_at,
        };
        change.check().map_err(|error| Wrong {
            field: error.field().and_then(Field::of),
            message: error.to_string(),
        })?;
        Ok(Found::Ended(Box::new(Record { id, change })))
    }

    /// As many names as are kept, and the number of all in the churn.
    fn keep_names(&mut self) -> (BTreeSet<CiName>, BTreeSet<FilePath>) {
        let churn = &mut self.churn;
        if !self.files.is_empty() {
            let folders: BTreeSet<_> = self
                .files
                .iter()
                .map(|file| file.rsplit_once('/').map_or("", |(folder, _)| folder))
                .collect();
            churn.directories.get_or_insert(count(folders.len()));
            churn.files.get_or_insert(count(self.files.len()));
        }
        if !self.cis.is_empty() {
            churn.cis.get_or_insert(count(self.cis.len()));
        }
        let mut room: usize = NAMES_BYTES_MAX;
        room = room.saturating_sub(self.services.iter().map(|name| name.as_str().len()).sum());
        let mut fits = |bytes: usize| match room.checked_sub(bytes) {
            Some(rest) => {
                room = rest;
                true
            }
            None => false,
        };
        let cis = std::mem::take(&mut self.cis).into_iter().take(CIS_MAX);
        let cis = cis.filter(|ci| fits(ci.as_str().len())).collect();
        let files = self.files.iter().filter_map(|file| FilePath::new(file.as_str()).ok()).take(FILES_MAX);
        let files = files.filter(|file| fits(file.as_str().len())).collect();
        (cis, files)
    }
}

fn missing(field: Field, what: &str) -> Wrong {
    Wrong::of(field, format!("missing: expected `{field}`, {what}"))
}

pub(super) fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// One line of at most `limit` bytes; nothing when it is blank.
fn line(given: &str, limit: usize) -> Option<FreeText> {
    let clean: String = given.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    text(&clean, limit)
}

/// The start of a text, at most `limit` bytes; nothing when it is blank.
fn text(given: &str, limit: usize) -> Option<FreeText> {
    const CUT: &str = "…";
    let given = given.trim().replace("\r\n", "\n");
    let clean = if given.len() <= limit {
        given
    } else {
        let (start, _) = given.split_at(given.floor_char_boundary(limit.saturating_sub(CUT.len())));
        format!("{start}{CUT}")
    };
    let clean: String = clean.chars().map(|c| if is_allowed(c) { c } else { ' ' }).collect();
    FreeText::new(clean).ok()
}

fn is_allowed(character: char) -> bool {
    !character.is_control() || character == '\n' || character == '\t'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters_and_cleaned() {
        let shown = |given: &str, limit| line(given, limit).map(|text| text.to_string());
        assert_eq!(shown(" two\nlines\u{1b}[31m ", 50).as_deref(), Some("two lines [31m"));
        assert_eq!(shown("ééééé", 8).as_deref(), Some("éé…"));
        assert_eq!(shown("ééééé", 10).as_deref(), Some("ééééé"));
        assert_eq!(shown(" \u{7} ", 10), None);
        assert_eq!(text("a\r\nb\u{85}c", 10).unwrap().as_str(), "a\nb c");
    }
}
