//! A change that another system carried out.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::name::FilePath;
use super::{
    CIS_MAX, COUNT_MAX, DESCRIPTION_BYTES_MAX, FILES_MAX, NAMES_BYTES_MAX, REQUESTER_BYTES_MAX, SERVICES_MAX,
};
use crate::Timestamp;
use crate::canonical::Digest;
use crate::change::kind::words;
use crate::change::{Category, ChangeType, Outcome};
use crate::id::{CiName, ServiceName};
use crate::number::Share;
use crate::text::{FreeText, InvalidText, TITLE_BYTES_MAX};

const DIGEST_LABEL: &str = "imported.change";

words!(
    /// Who made a change.
    ChangedBy, "maker", {
        /// A person alone.
        Human = "human",
        /// An autonomous agent, alone or together with a person.
        Agent = "agent",
    }
);

/// How much was changed, as far as it is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Churn {
    /// Lines added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines_added: Option<u64>,
    /// Lines deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines_deleted: Option<u64>,
    /// Files, also those that are not named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<u64>,
    /// Folders that directly hold one of the files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directories: Option<u64>,
    /// Configuration items, also those that are not named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cis: Option<u64>,
}

impl Churn {
    /// Lines added and deleted, together; where only one of the two is known, that.
    pub fn lines(&self) -> Option<u64> {
        match (self.lines_added, self.lines_deleted) {
            (Some(added), Some(deleted)) => Some(added.saturating_add(deleted)),
            (one, other) => one.or(other),
        }
    }
}

/// A change that another system carried out: what was known when it was submitted, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PastChange {
    /// In a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<FreeText>,
    /// The start of what was said about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<FreeText>,
    /// Its type.
    #[serde(rename = "type")]
    pub change_type: ChangeType,
    /// What kind of thing was changed.
    pub category: Category,
    /// The services that were changed.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub services: BTreeSet<ServiceName>,
    /// Configuration items that were changed, at most [`CIS_MAX`].
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub cis: BTreeSet<CiName>,
    /// Files that were changed, at most [`FILES_MAX`].
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub files: BTreeSet<FilePath>,
    /// Who asked for it, as the other system names them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester: Option<FreeText>,
    /// Whether a person or an agent made it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<ChangedBy>,
    /// How much was changed.
    pub churn: Churn,
    /// Whether it repaired something.
    pub is_fix: bool,
    /// Whether it took an earlier change back.
    pub is_revert: bool,
    /// Whether its tests passed, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests_passed: Option<bool>,
    /// The share of the changed lines that tests covered, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Share>,
    /// When it was asked for.
    pub submitted_at: Timestamp,
    /// When it began, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub closed_at: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// From when on its outcome could be known: before that it teaches nothing.
    pub outcome_known_at: Timestamp,
}

/// A past change that contradicts itself or is too large.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPastChange {
    /// A text that is not accepted.
    #[error("{field}: {source}")]
    Text {
        /// Which one.
        field: &'static str,
        /// What is wrong with it.
        source: InvalidText,
    },
    /// More names than are kept.
    #[error(
        "{field}: {given} are named, at most {limit} are kept: name the first ones and give their number"
    )]
    TooMany {
        /// Of what.
        field: &'static str,
        /// How many.
        given: usize,
        /// How many are kept.
        limit: usize,
    },
    /// Names that are too long together.
    #[error(
        "names of services, configuration items and files have {bytes} bytes together, at most {NAMES_BYTES_MAX} are kept: name fewer"
    )]
    TooLong {
        /// Their length.
        bytes: usize,
    },
    /// A count beyond what can be true.
    #[error("{field}: {given} is out of range: expected a whole number from 0 to {COUNT_MAX}")]
    Count {
        /// Of what.
        field: &'static str,
        /// The count.
        given: u64,
    },
    /// Fewer in all than are named.
    #[error("{field}: {given} in all, but {named} are named")]
    FewerThanNamed {
        /// Of what.
        field: &'static str,
        /// How many there are said to be.
        given: u64,
        /// How many are named.
        named: usize,
    },
    /// An instant before another one that it must follow.
    #[error(
        "{later} {later_at} lies before {earlier} {earlier_at}: expected the order submitted, started, closed, outcome known"
    )]
    Order {
        /// What comes first.
        earlier: &'static str,
        /// When.
        earlier_at: Timestamp,
        /// What follows it.
        later: &'static str,
        /// When.
        later_at: Timestamp,
    },
}

impl InvalidPastChange {
    /// The field that is wrong; nothing where several together are.
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::Text { field, .. }
            | Self::TooMany { field, .. }
            | Self::Count { field, .. }
            | Self::FewerThanNamed { field, .. } => Some(field),
            Self::Order { later, .. } => Some(later),
            Self::TooLong { .. } => None,
        }
    }
}

/// Recognises a record: equal for records that say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecordDigest([u8; 16]);

impl PastChange {
    /// Checks what the types leave open.
    ///
    /// # Errors
    /// When it contradicts itself or is too large for an entry of the log.
    pub fn check(&self) -> Result<(), InvalidPastChange> {
        text("title", self.title.as_ref(), TITLE_BYTES_MAX)?;
        text("description", self.description.as_ref(), DESCRIPTION_BYTES_MAX)?;
        text("requester", self.requester.as_ref(), REQUESTER_BYTES_MAX)?;
        self.check_names()?;
        self.check_counts()?;
        self.check_order()
    }

    /// Digest of everything that the record says.
    pub fn digest(&self) -> RecordDigest {
        let digest = Digest::of(DIGEST_LABEL, self);
        let digest = digest.unwrap_or_else(|error| unreachable!("texts and whole numbers: {error}"));
        let (head, _) = digest.as_bytes().split_first_chunk().unwrap_or_else(|| unreachable!("32 bytes"));
        RecordDigest(*head)
    }

    /// Whether it was carried out and did not succeed; nothing for a change that was given up before its start.
    pub fn failed(&self) -> Option<bool> {
        match self.outcome {
            Outcome::Successful => Some(false),
            Outcome::Partial | Outcome::Failed | Outcome::RolledBack => Some(true),
            Outcome::Cancelled => None,
        }
    }

    fn check_names(&self) -> Result<(), InvalidPastChange> {
        let named = [
            ("services", self.services.len(), SERVICES_MAX),
            ("cis", self.cis.len(), CIS_MAX),
            ("files", self.files.len(), FILES_MAX),
        ];
        if let Some((field, given, limit)) = named.into_iter().find(|(_, given, limit)| given > limit) {
            return Err(InvalidPastChange::TooMany { field, given, limit });
        }
        let services = self.services.iter().map(|name| name.as_str().len());
        let cis = self.cis.iter().map(|name| name.as_str().len());
        let files = self.files.iter().map(|path| path.as_str().len());
        let bytes: usize = services.chain(cis).chain(files).sum();
        if bytes > NAMES_BYTES_MAX { Err(InvalidPastChange::TooLong { bytes }) } else { Ok(()) }
    }

    fn check_counts(&self) -> Result<(), InvalidPastChange> {
        let Churn { lines_added, lines_deleted, files, directories, cis } = self.churn;
        let counts = [
            ("lines_added", lines_added, 0),
            ("lines_deleted", lines_deleted, 0),
            ("files_changed", files, self.files.len()),
            ("directories", directories, 0),
            ("cis_changed", cis, self.cis.len()),
        ];
        for (field, given, named) in counts {
            let Some(given) = given else { continue };
            if given > COUNT_MAX {
                return Err(InvalidPastChange::Count { field, given });
            }
            if usize::try_from(given).is_ok_and(|given| given < named) {
                return Err(InvalidPastChange::FewerThanNamed { field, given, named });
            }
        }
        Ok(())
    }

    fn check_order(&self) -> Result<(), InvalidPastChange> {
        let started_at = self.started_at.unwrap_or(self.submitted_at);
        let times = [
            ("submitted_at", self.submitted_at),
            ("started_at", started_at),
            ("closed_at", self.closed_at),
            ("outcome_known_at", self.outcome_known_at),
        ];
        for (at, (later, later_at)) in times.into_iter().enumerate() {
            let before = times.iter().take(at).find(|(_, earlier_at)| *earlier_at > later_at);
            if let Some((earlier, earlier_at)) = before {
                return Err(InvalidPastChange::Order { earlier, earlier_at: *earlier_at, later, later_at });
            }
        }
        Ok(())
    }
}

fn text(field: &'static str, text: Option<&FreeText>, limit: usize) -> Result<(), InvalidPastChange> {
    let Some(text) = text else { return Ok(()) };
    let bytes = text.as_str().len();
    let result =
        if bytes > limit { Err(InvalidText::TooLong { bytes, limit }) } else { text.check_foreign() };
    result.map_err(|source| InvalidPastChange::Text { field, source })
}
