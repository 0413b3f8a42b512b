//! One row of a result. A cell that is not of the expected type is damage, not a default.

use std::fmt::Display;
use std::str::FromStr;

use domain::Timestamp;
use postgres::types::FromSql;

use crate::error::StoreError;

/// A row of either database.
#[derive(Debug)]
pub(crate) enum Row<'a> {
    /// Of SQLite; valid until the next step.
    Sqlite(&'a rusqlite::Row<'a>),
    /// Of PostgreSQL.
    Postgres(&'a postgres::Row),
}

impl Row<'_> {
    pub(crate) fn int(&self, at: usize) -> Result<i64, StoreError> {
        self.get(at)
    }

    pub(crate) fn opt_int(&self, at: usize) -> Result<Option<i64>, StoreError> {
        self.get(at)
    }

    /// A number that is never negative.
    pub(crate) fn count(&self, at: usize) -> Result<u64, StoreError> {
        let value = self.int(at)?;
        u64::try_from(value).map_err(|_| StoreError::damaged(format!("negative count {value}")))
    }

    pub(crate) fn text(&self, at: usize) -> Result<String, StoreError> {
        self.get(at)
    }

    pub(crate) fn opt_text(&self, at: usize) -> Result<Option<String>, StoreError> {
        self.get(at)
    }

    pub(crate) fn bytes(&self, at: usize) -> Result<Vec<u8>, StoreError> {
        self.get(at)
    }

    /// Bytes where they lie.
    pub(crate) fn bytes_ref(&self, at: usize) -> Result<&[u8], StoreError> {
        match self {
            Self::Sqlite(row) => {
                let cell = row.get_ref(at).map_err(|error| StoreError::damaged(error.to_string()))?;
                cell.as_blob().map_err(|error| StoreError::damaged(error.to_string()))
            }
            Self::Postgres(row) => row.try_get(at).map_err(|error| StoreError::damaged(error.to_string())),
        }
    }

    pub(crate) fn opt_bytes(&self, at: usize) -> Result<Option<Vec<u8>>, StoreError> {
        self.get(at)
    }

    /// A SHA-256 hash.
    pub(crate) fn hash(&self, at: usize) -> Result<audit::Hash, StoreError> {
        audit::Hash::try_from(self.bytes(at)?.as_slice())
            .map_err(|error| StoreError::damaged(error.to_string()))
    }

    /// An instant, kept in microseconds.
    pub(crate) fn time(&self, at: usize) -> Result<Timestamp, StoreError> {
        timestamp(self.int(at)?)
    }

    pub(crate) fn opt_time(&self, at: usize) -> Result<Option<Timestamp>, StoreError> {
        self.opt_int(at)?.map(timestamp).transpose()
    }

    /// A text that has a parsed form. `column` names it when it has not.
    pub(crate) fn parsed<T: FromStr<Err: Display>>(&self, at: usize, column: &str) -> Result<T, StoreError> {
        parse(&self.text(at)?, column)
    }

    pub(crate) fn opt_parsed<T: FromStr<Err: Display>>(
        &self,
        at: usize,
        column: &str,
    ) -> Result<Option<T>, StoreError> {
        self.opt_text(at)?.map(|text| parse(&text, column)).transpose()
    }

    fn get<T: rusqlite::types::FromSql + for<'b> FromSql<'b>>(&self, at: usize) -> Result<T, StoreError> {
        match self {
            Self::Sqlite(row) => row.get(at).map_err(|error| StoreError::damaged(error.to_string())),
            Self::Postgres(row) => row.try_get(at).map_err(|error| StoreError::damaged(error.to_string())),
        }
    }
}

fn timestamp(micros: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(micros)
        .map_err(|_| StoreError::damaged(format!("{micros} microseconds are no instant")))
}

/// Parses stored text; `column` names it in the error.
pub(crate) fn parse<T: FromStr<Err: Display>>(text: &str, column: &str) -> Result<T, StoreError> {
    text.parse().map_err(|error| StoreError::damaged(format!("{column}: {error}")))
}
