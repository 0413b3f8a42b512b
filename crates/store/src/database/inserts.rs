//! Rows for several tables, written together.

use super::Value;
use crate::listener::Growth;
use crate::table::Table;

/// Rows to be inserted, table after table.
#[derive(Debug, Default)]
pub(crate) struct Inserts<'a> {
    tables: Vec<(&'static Table, Vec<Value<'a>>)>,
    growth: Option<String>,
}

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
            self.tables.iter().all(|(other, _)| other.name != table.name),
            "`{}` comes once",
            table.name
        );
        if !values.is_empty() {
            self.tables.push((table, values));
        }
    }

    /// Has the log's growth told to other servers when the transaction commits, where there can be any.
    pub(crate) fn tell(&mut self, growth: &Growth) {
        self.growth = Some(growth.to_string());
    }

    /// What is told to other servers.
    pub(super) fn told(&self) -> Option<&str> {
        self.growth.as_deref()
    }

    /// The tables that get rows.
    pub(super) fn tables(&self) -> impl Iterator<Item = &'static Table> {
        self.tables.iter().map(|(table, _)| *table)
    }

    /// Every table with its rows.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static Table, &[Value<'a>])> {
        self.tables.iter().map(|(table, values)| (*table, values.as_slice()))
    }
}
