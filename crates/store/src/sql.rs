//! A `SELECT` put together from optional conditions, with its placeholders numbered as they are mentioned.

use std::borrow::Cow;
use std::time::Duration;

use domain::Timestamp;

use crate::database::{Database, Row, Value};
use crate::dialect::Dialect;
use crate::error::StoreError;

/// A statement in the making.
#[derive(Debug)]
pub(crate) struct Select<'a> {
    dialect: Dialect,
    text: String,
    conditions: usize,
    params: Vec<Value<'a>>,
}

impl<'a> Select<'a> {
    /// Begins with columns and table.
    pub(crate) fn new(dialect: Dialect, text: String) -> Self {
        Self { dialect, text, conditions: 0, params: Vec::new() }
    }

    /// Adds a value and gives its placeholder, to be mentioned in the next condition.
    pub(crate) fn param(&mut self, value: impl Into<Value<'a>>) -> String {
        self.params.push(value.into());
        format!("${}", self.params.len())
    }

    /// Adds a condition that must hold as well.
    pub(crate) fn condition(&mut self, condition: impl AsRef<str>) {
        self.text.push_str(if self.conditions == 0 { " WHERE " } else { " AND " });
        self.text.push_str(condition.as_ref());
        self.conditions += 1;
    }

    /// Adds the condition that a column has one of the values, or none when there are no values.
    pub(crate) fn one_of(&mut self, column: &str, values: Vec<String>) {
        if !values.is_empty() {
            let placeholder = self.param(Value::Texts(values.into_iter().map(Cow::from).collect()));
            self.condition(self.dialect.any(column, &placeholder));
        }
    }

    /// Sets the order.
    pub(crate) fn order_by(&mut self, order: &str) {
        self.text.push_str(" ORDER BY ");
        self.text.push_str(order);
    }

    /// Sets the number of rows.
    pub(crate) fn limit(&mut self, rows: usize) {
        let limit = self.param(count(rows as u64));
        self.text.push_str(" LIMIT ");
        self.text.push_str(&limit);
    }

    /// Runs the statement.
    pub(crate) fn run<T>(
        &self,
        db: &mut Database,
        read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        db.query(&self.text, &self.params, read)
    }
}

/// An instant as it is stored.
pub(crate) fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

/// A duration as instants are stored. None of ours reaches the end of a signed 64-bit column.
pub(crate) fn duration_micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// A count as it is stored. No count of ours reaches the end of a signed 64-bit column.
pub(crate) fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
