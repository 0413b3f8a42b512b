//! Whether the stored rows of views are the ones that follow from the log. Writes nothing.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use crate::database::{Database, Value};
use crate::error::StoreError;
use crate::event::StoredEvent;
use crate::name::StreamName;
use crate::projection::{ProjectionRow, change_id, change_key, incident_id, incident_key};
use crate::query;
use crate::rebuild::{ProjectError, RebuildError, each_stream};

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
    /// The list of changes by service lacks some of a change's services.
    Services {
        /// The change's row as it should be.
        expected: ProjectionRow,
    },
    /// The view has a row that does not follow from the log.
    Extra {
        /// Identifier of the record.
        record: String,
    },
    /// The list of changes by service has entries that do not follow from the log.
    ExtraServices {
        /// How many.
        entries: u64,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { expected } => write!(f, "row of {} is missing", record(expected)),
            Self::Differs { expected, .. } => {
                write!(f, "row of {} is not what its events say", record(expected))
            }
            Self::Services { expected } => {
                write!(f, "{} is not listed under all of its services", record(expected))
            }
            Self::Extra { record } => write!(f, "row of {record} has no events"),
            Self::ExtraServices { entries } => {
                write!(f, "{entries} entries of changes by service have no events")
            }
        }
    }
}

fn record(row: &ProjectionRow) -> String {
    match row {
        ProjectionRow::Change(row) => row.change_id.to_string(),
        ProjectionRow::Incident(row) => row.incident_id.to_string(),
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
    /// Number of stored pairs of service and change that follow from the log.
    services: u64,
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
        };
        let has_services = self.has_services(db, &expected)?;
        match stored {
            None => self.add(Difference::Missing { expected }),
            Some(stored) if stored != expected => self.add(Difference::Differs { expected, stored }),
            Some(_) if !has_services => self.add(Difference::Services { expected }),
            Some(_) => {}
        }
        Ok(())
    }

    fn has_services(&mut self, db: &mut Database, expected: &ProjectionRow) -> Result<bool, StoreError> {
        let ProjectionRow::Change(row) = expected else { return Ok(true) };
        let services: HashSet<&str> = row.services.iter().map(|service| service.as_str()).collect();
        let expected = services.len() as u64;
        let services = Value::Texts(services.into_iter().map(Cow::from).collect());
        let any = db.dialect().any("service", "$1");
        let sql = format!("SELECT COUNT(*) FROM change_service WHERE {any} AND change_key = $2");
        let key = Value::Int(change_key(row.change_id));
        let stored = db.query_one(&sql, &[services, key], |row| row.count(0))?;
        self.services += stored;
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
        extra.into_iter().for_each(|record| self.add(Difference::Extra { record }));
        let services = db.query_one("SELECT COUNT(*) FROM change_service", &[], |row| row.count(0))?;
        if services > self.services {
            self.add(Difference::ExtraServices { entries: services - self.services });
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
