//! One connection to either database, with the few operations that the store needs.
//!
//! A closed enum rather than a trait: there are two databases, and whoever adds a third is led to every place by the
//! compiler. All of it is synchronous and belongs to one thread; nothing is awaited inside a transaction because
//! nothing can be.

mod inserts;
mod postgres;
mod row;
mod sqlite;
mod value;

pub(crate) use self::inserts::Inserts;
pub(crate) use self::postgres::Postgres;
pub(crate) use row::{Row, parse};
pub(crate) use sqlite::{Access, Sqlite};
pub(crate) use value::Value;

use crate::dialect::Dialect;
use crate::error::StoreError;
use crate::table::Table;

/// Most statements kept prepared on one connection.
const PREPARED_STATEMENTS_MAX: usize = 256;

/// A connection.
#[derive(Debug)]
pub(crate) enum Database {
    /// The embedded database.
    Sqlite(Sqlite),
    /// A PostgreSQL server.
    Postgres(Box<Postgres>),
}

impl Database {
    /// Which SQL it speaks.
    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Runs several statements without parameters.
    pub(crate) fn script(&mut self, sql: &str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(db) => db.script(sql),
            Self::Postgres(db) => db.script(sql),
        }
    }

    /// Runs a statement and tells how many rows it touched.
    pub(crate) fn execute(&mut self, sql: &str, params: &[Value<'_>]) -> Result<u64, StoreError> {
        check_placeholders(sql, params.len());
        match self {
            Self::Sqlite(db) => db.execute(sql, params),
            Self::Postgres(db) => db.execute(sql, params),
        }
    }

    /// Runs a statement and reads every row it returns.
    pub(crate) fn query<T>(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
        mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut rows = Vec::new();
        self.for_each(sql, params, |row| {
            rows.push(read(row)?);
            Ok(())
        })?;
        Ok(rows)
    }

    /// Runs a statement and hands over its rows one after the other, without holding them all.
    pub(crate) fn for_each(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
        mut read: impl FnMut(&Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        check_placeholders(sql, params.len());
        match self {
            Self::Sqlite(db) => db.for_each(sql, params, &mut read),
            Self::Postgres(db) => db.for_each(sql, params, &mut read),
        }
    }

    /// Runs a statement that returns at most one row.
    pub(crate) fn query_opt<T>(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
        read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.query(sql, params, read)?.into_iter().next())
    }

    /// Runs a statement that returns one row.
    pub(crate) fn query_one<T>(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
        read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.query_opt(sql, params, read)?
            .ok_or_else(|| StoreError::damaged(format!("a row that must exist is missing: {sql}")))
    }

    /// Inserts rows into one table, given one after the other as flat values.
    pub(crate) fn insert(&mut self, table: &'static Table, values: Vec<Value<'_>>) -> Result<(), StoreError> {
        let mut inserts = Inserts::default();
        inserts.add(table, values);
        self.insert_all(&inserts)
    }

    /// Inserts rows into several tables, of which none sees the others' new rows.
    pub(crate) fn insert_all(&mut self, inserts: &Inserts<'_>) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(db) => inserts.iter().try_for_each(|rows| db.insert(rows)),
            Self::Postgres(db) => db.insert(inserts),
        }
    }

    /// Opens a transaction that writes.
    pub(crate) fn begin_write(&mut self) -> Result<(), StoreError> {
        self.script(self.dialect().begin_write())
    }

    /// Opens a transaction that writes and takes the log for it, in one round trip.
    pub(crate) fn begin_write_of_log(&mut self) -> Result<(), StoreError> {
        let (begin, take) = (self.dialect().begin_write(), self.dialect().take_log());
        match take {
            Some(take) => self.script(&format!("{begin}; {take}")),
            None => self.script(begin),
        }
    }

    /// Takes the log for this transaction: nobody else writes anything until it ends.
    pub(crate) fn take_log(&mut self) -> Result<(), StoreError> {
        self.dialect().take_log().map_or(Ok(()), |take| self.script(take))
    }

    /// Opens a transaction that reads one unchanging state.
    pub(crate) fn begin_snapshot(&mut self) -> Result<(), StoreError> {
        self.script(self.dialect().begin_snapshot())
    }

    /// Makes the transaction's writes durable.
    pub(crate) fn commit(&mut self) -> Result<(), StoreError> {
        self.script("COMMIT")
    }

    /// Ends the transaction without effect. That there is none any more is no failure.
    pub(crate) fn rollback(&mut self) {
        if let Err(error) = self.script("ROLLBACK") {
            tracing::debug!(%error, "rollback without a transaction");
        }
    }

    /// Runs `work` in a transaction, which commits when it succeeds.
    pub(crate) fn transaction<T, E: From<StoreError>>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        self.begin_write()?;
        let result = work(self).and_then(|value| self.commit().map(|()| value).map_err(E::from));
        if result.is_err() {
            self.rollback();
        }
        result
    }

    /// Runs `work` on one unchanging state of the database.
    pub(crate) fn snapshot<T, E: From<StoreError>>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        self.begin_snapshot()?;
        let result = work(self);
        self.rollback();
        result
    }

    /// Connects again when the connection is lost.
    pub(crate) fn ensure_connected(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(db) => db.ensure_connected(),
        }
    }

    /// Whether a commit can succeed although its answer is lost.
    pub(crate) fn commit_can_be_unknown(&self) -> bool {
        match self {
            Self::Sqlite(_) => false,
            Self::Postgres(_) => true,
        }
    }
}

/// SQLite numbers `$1` by where it appears first, PostgreSQL by its digits. Statements are written so that both mean
/// the same: the first mentions are in order and there is a value for each.
fn check_placeholders(sql: &str, params: usize) {
    debug_assert_eq!(placeholders_in_order(sql), Some(params), "placeholders of: {sql}");
}

/// The number of placeholders, or `None` when their first mentions are not in order.
fn placeholders_in_order(sql: &str) -> Option<usize> {
    let mut highest = 0;
    for mention in sql.split('$').skip(1) {
        let digits: String = mention.chars().take_while(char::is_ascii_digit).collect();
        let number: usize = digits.parse().ok()?;
        if number > highest + 1 || number == 0 {
            return None;
        }
        highest = highest.max(number);
    }
    Some(highest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_numbered_by_first_mention() {
        assert_eq!(placeholders_in_order("SELECT 1"), Some(0));
        assert_eq!(placeholders_in_order("a = $1 AND b = $2 OR a > $1"), Some(2));
        assert_eq!(placeholders_in_order("a = $2 AND b = $1"), None);
        assert_eq!(placeholders_in_order("a = $1 AND b = $3"), None);
        assert_eq!(placeholders_in_order("a = $ 1"), None);
        let twelve: String = (1..=12).map(|n| format!("${n}, ")).collect();
        assert_eq!(placeholders_in_order(&twelve), Some(12));
    }
}
