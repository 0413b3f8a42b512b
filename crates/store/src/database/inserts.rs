//! Rows for several tables, written together.

use super::Value;
use crate::table::Table;

/// Rows to be inserted, table after table.
#[derive(Debug, Default)]
pub(crate) struct Inserts<'a>(Vec<(&'static Table, Vec<Value<'a>>)>);

impl<'a> Inserts<'a> {
    /// Adds rows, given one after the other as flat values. Each table comes at most once.
    pub(crate) fn add(&mut self, table: &'static Table, values: Vec<Value<'a>>) {
        assert!(values.len().is_multiple_of(table.columns.len()), "rows of `{}` are complete", table.name);
        let kinds = table.columns.iter().map(|(_, kind)| *kind).cycle();
        assert!(
            values.iter().zip(kinds).all(|(value, kind)| value.is(kind)),
            "cells of `{}` fit",
            table.name
        );
        debug_assert!(
            self.0.iter().all(|(other, _)| other.name != table.name),
            "`{}` comes once",
            table.name
        );
        if !values.is_empty() {
            self.0.push((table, values));
        }
    }

    /// The tables that get rows.
    pub(super) fn tables(&self) -> impl Iterator<Item = &'static Table> {
        self.0.iter().map(|(table, _)| *table)
    }

    /// Every table with its rows.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static Table, &[Value<'a>])> {
        self.0.iter().map(|(table, values)| (*table, values.as_slice()))
    }
}
