//! `sql`: a migration of a PostgreSQL database, in one transaction.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::plan::validate::{Field, PlanError, VALUE_BYTES_MAX};

/// Runs a script in one transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sql {
    /// What runs.
    pub script: Script,
    /// The variable of the runner's environment that holds the address of the database. Its value is never recorded.
    pub database: String,
    /// What takes the script back: tried before the script runs, in a transaction that is rolled back. Absent in an undo,
    /// and where it is not to be tried.
    pub tried_undo: Option<Script>,
}

/// Statements of SQL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "script", rename_all = "snake_case", deny_unknown_fields)]
pub enum Script {
    /// As the plan says.
    Inline {
        /// The statements.
        statements: String,
    },
    /// In a file of the working tree.
    File {
        /// Path, relative to the runner's working folder, without `..`.
        path: String,
    },
}

impl Sql {
    pub(in crate::plan) fn validate(&self, field: &Field<'_>) -> Result<(), PlanError> {
        self.script.validate(&field.at("script"))?;
        field.at("database").variable(&self.database)?;
        self.tried_undo.iter().try_for_each(|undo| undo.validate(&field.at("tried_undo")))
    }
}

impl Script {
    fn validate(&self, field: &Field<'_>) -> Result<(), PlanError> {
        match self {
            Self::Inline { statements } => {
                field.at("statements").text(statements, VALUE_BYTES_MAX)?;
                field.at("statements").value(statements)
            }
            Self::File { path } => field.at("path").relative_path(path),
        }
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inline { statements } => f.write_str(statements.trim()),
            Self::File { path } => f.write_str(path),
        }
    }
}

impl fmt::Display for Sql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on the database in {}", self.script, self.database)
    }
}
