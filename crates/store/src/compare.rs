//! Whether the stored rows of views are the ones that follow from the log. Writes nothing.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::fmt;

use domain::id::CiName;

use crate::database::{Database, Value};
use crate::error::StoreError;
use crate::event::StoredEvent;
use crate::name::StreamName;
use crate::projection::{ProjectionRow, change_id, change_key, incident_id, incident_key};
use crate::query;
use crate::rebuild::{ProjectError, RebuildError, each_stream};
use crate::table::{CHANGE_CI, CHANGE_SERVICE, CI_SOURCE, Table};

/// Most differences that a comparison lists; it counts them all.
pub const DIFFERENCES_MAX: usize = 100;

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Comparison {
    /// Number of rows compared.
    pub rows: u64,
    /// Number of differences.
    pub differences: u64,
    /// The first [`DIFFERENCES_MAX`] of them.
    pub first: Vec<Difference>,
}

/// A row that is not the one that follows from the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// The log has it, the view does not.
    Missing {
        /// The row as it should be.
        expected: ProjectionRow,
    },
    /// The view says something else than the log.
    Differs {
        /// The row as it should be.
        expected: ProjectionRow,
        /// The row as it is.
        stored: ProjectionRow,
    },
    /// A record is not listed under all the words that it should be.
    Unlisted {
        /// The record's row as it should be.
        expected: ProjectionRow,
        /// Under which words.
        listing: Listing,
    },
    /// The view has a row that does not follow from the log.
    Extra {
        /// Identifier of the record.
        record: String,
    },
    /// Records are listed under words that do not follow from the log.
    ExtraEntries {
        /// Under which words.
        listing: Listing,
        /// How many entries.
        entries: u64,
    },
}

/// The words under which records are listed, so that they are found by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Listing {
    /// Changes, by their services.
    Services,
    /// Changes, by their configuration items.
    Cis,
    /// Configuration items, by their sources.
    Sources,
}

impl Listing {
    const ALL: [Self; 3] = [Self::Services, Self::Cis, Self::Sources];

    fn table(self) -> &'static Table {
        match self {
            Self::Services => &CHANGE_SERVICE,
            Self::Cis => &CHANGE_CI,
            Self::Sources => &CI_SOURCE,
        }
    }

    /// What the words are, and what is listed by them.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Services => ("services", "changes by service"),
            Self::Cis => ("configuration items", "changes by configuration item"),
            Self::Sources => ("sources", "configuration items by source"),
        }
    }

    /// The words under which a row's record is to be listed.
    fn words_of(self, row: &ProjectionRow) -> HashSet<&str> {
        match (self, row) {
            (Self::Services, ProjectionRow::Change(row)) => {
                row.services.iter().map(|name| name.as_str()).collect()
            }
            (Self::Cis, ProjectionRow::Change(row)) => row.cis.iter().map(|name| name.as_str()).collect(),
            (Self::Sources, ProjectionRow::Ci(row)) => row.sources.iter().map(|name| name.as_str()).collect(),
            (
                Self::Services | Self::Cis | Self::Sources,
                ProjectionRow::Change(_) | ProjectionRow::Incident(_) | ProjectionRow::Ci(_),
            ) => HashSet::new(),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { expected } => write!(f, "row of {} is missing", record(expected)),
            Self::Differs { expected, .. } => {
                write!(f, "row of {} is not what its events say", record(expected))
            }
            Self::Unlisted { expected, listing } => {
                write!(f, "{} is not listed under all of its {}", record(expected), listing.words().0)
            }
            Self::Extra { record } => write!(f, "row of {record} has no events"),
            Self::ExtraEntries { listing, entries } => {
                write!(f, "{entries} entries of {} have no events", listing.words().1)
            }
        }
    }
}

fn record(row: &ProjectionRow) -> String {
    match row {
        ProjectionRow::Change(row) => row.change_id.to_string(),
        ProjectionRow::Incident(row) => row.incident_id.to_string(),
        ProjectionRow::Ci(row) => row.id.to_string(),
    }
}

/// Compares all rows.
pub(crate) fn compare(
    db: &mut Database,
    project: &impl Fn(&StreamName, Vec<StoredEvent>) -> Result<Vec<ProjectionRow>, ProjectError>,
) -> Result<Comparison, RebuildError> {
    let mut comparing = Comparing::default();
    each_stream(db, project, |db, rows| rows.into_iter().try_for_each(|row| comparing.row(db, row)))?;
    comparing.look_for_extra_rows(db)?;
    Ok(comparing.found)
}

#[derive(Debug, Default)]
struct Comparing {
    found: Comparison,
    changes: HashSet<i64>,
    incidents: HashSet<i64>,
    cis: HashSet<CiName>,
    /// Number of stored entries that follow from the log.
    listed: BTreeMap<Listing, u64>,
}

impl Comparing {
    fn row(&mut self, db: &mut Database, expected: ProjectionRow) -> Result<(), StoreError> {
        self.found.rows += 1;
        let stored = match &expected {
            ProjectionRow::Change(row) => {
                self.changes.insert(change_key(row.change_id));
                query::change(db, row.change_id)?.map(|row| ProjectionRow::Change(Box::new(row)))
            }
            ProjectionRow::Incident(row) => {
                self.incidents.insert(incident_key(row.incident_id));
                query::incident(db, row.incident_id)?.map(|row| ProjectionRow::Incident(Box::new(row)))
            }
            ProjectionRow::Ci(row) => {
                self.cis.insert(row.id.clone());
                query::ci(db, &row.id)?.map(|row| ProjectionRow::Ci(Box::new(row)))
            }
        };
        let mut unlisted = Vec::new();
        for listing in Listing::ALL {
            if !self.is_listed(db, listing, &expected)? {
                unlisted.push(listing);
            }
        }
        match stored {
            None => self.add(Difference::Missing { expected }),
            Some(stored) if stored != expected => self.add(Difference::Differs { expected, stored }),
            Some(_) => unlisted.into_iter().for_each(|listing| {
                self.add(Difference::Unlisted { expected: expected.clone(), listing });
            }),
        }
        Ok(())
    }

    fn is_listed(
        &mut self,
        db: &mut Database,
        listing: Listing,
        expected: &ProjectionRow,
    ) -> Result<bool, StoreError> {
        let words = listing.words_of(expected);
        if words.is_empty() {
            return Ok(true);
        }
        let key = match expected {
            ProjectionRow::Change(row) => Value::Int(change_key(row.change_id)),
            ProjectionRow::Incident(row) => Value::Int(incident_key(row.incident_id)),
            ProjectionRow::Ci(row) => row.id.as_str().into(),
        };
        let table = listing.table();
        let [(word, _), (record, _)] = table.columns else { return Ok(true) };
        let expected = words.len() as u64;
        let words = Value::Texts(words.into_iter().map(Cow::from).collect());
        let any = db.dialect().any(word, "$1");
        let sql = format!("SELECT COUNT(*) FROM {} WHERE {any} AND {record} = $2", table.name);
        let stored = db.query_one(&sql, &[words, key], |row| row.count(0))?;
        *self.listed.entry(listing).or_default() += stored;
        Ok(stored == expected)
    }

    fn look_for_extra_rows(&mut self, db: &mut Database) -> Result<(), StoreError> {
        let mut extra = Vec::new();
        db.for_each("SELECT change_key FROM change_row ORDER BY change_key", &[], |row| {
            let key = row.int(0)?;
            if !self.changes.contains(&key) {
                extra.push(change_id(key)?.to_string());
            }
            Ok(())
        })?;
        db.for_each("SELECT incident_key FROM incident_row ORDER BY incident_key", &[], |row| {
            let key = row.int(0)?;
            if !self.incidents.contains(&key) {
                extra.push(incident_id(key)?.to_string());
            }
            Ok(())
        })?;
        db.for_each("SELECT id FROM ci_row ORDER BY id", &[], |row| {
            let id = row.parsed(0, "ci_row.id")?;
            if !self.cis.contains(&id) {
                extra.push(id.to_string());
            }
            Ok(())
        })?;
        extra.into_iter().for_each(|record| self.add(Difference::Extra { record }));
        for listing in Listing::ALL {
            let sql = format!("SELECT COUNT(*) FROM {}", listing.table().name);
            let stored = db.query_one(&sql, &[], |row| row.count(0))?;
            let listed = self.listed.get(&listing).copied().unwrap_or(0);
            if stored > listed {
                self.add(Difference::ExtraEntries { listing, entries: stored - listed });
            }
        }
        Ok(())
    }

    fn add(&mut self, difference: Difference) {
        self.found.differences += 1;
        if self.found.first.len() < DIFFERENCES_MAX {
            self.found.first.push(difference);
        }
    }
}
