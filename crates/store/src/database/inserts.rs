//! Rows for several tables, written together.

use super::Value;
use crate::listener::Growth;
use crate::table::{OnConflict, Table};

/// Rows to be inserted, table after table.
#[derive(Debug, Default)]
pub(crate) struct Inserts<'a> {
    tables: Vec<TableRows<'a>>,
    growth: Option<String>,
}

/// Rows of one table.
#[derive(Debug)]
pub(super) struct TableRows<'a> {
    pub(super) table: &'static Table,
    /// What a row means whose key is there already.
    pub(super) on_conflict: OnConflict,
    /// The cells, row after row.
    pub(super) values: Vec<Value<'a>>,
}

impl<'a> Inserts<'a> {
    /// Adds rows, given one after the other as flat values. Each table comes at most once.
    pub(crate) fn add(&mut self, table: &'static Table, values: Vec<Value<'a>>) {
        self.add_rows(table, table.on_conflict, values);
    }

    /// Adds rows of which the caller knows that their keys are not there: that need not be looked up again.
    pub(crate) fn add_new(&mut self, table: &'static Table, values: Vec<Value<'a>>) {
        self.add_rows(table, OnConflict::Fail, values);
    }

    fn add_rows(&mut self, table: &'static Table, on_conflict: OnConflict, values: Vec<Value<'a>>) {
        assert!(values.len().is_multiple_of(table.columns.len()), "rows of `{}` are complete", table.name);
        let kinds = table.columns.iter().map(|(_, kind)| *kind).cycle();
        assert!(
            values.iter().zip(kinds).all(|(value, kind)| value.is(kind)),
            "cells of `{}` fit",
            table.name
        );
        debug_assert!(
            self.tables.iter().all(|rows| (rows.table.name, rows.on_conflict) != (table.name, on_conflict)),
            "`{}` comes once",
            table.name
        );
        if !values.is_empty() {
            self.tables.push(TableRows { table, on_conflict, values });
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

    /// Every table with its rows.
    pub(super) fn iter(&self) -> impl Iterator<Item = &TableRows<'a>> {
        self.tables.iter()
    }
}
