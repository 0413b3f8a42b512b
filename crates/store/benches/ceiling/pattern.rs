//! The rows of changes that a server has created, and the same rows under other ids.

use std::borrow::Cow;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use domain::id::ChangeId;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Row};
use store::DATABASE_FILE;

/// Most changes that are taken as patterns.
const PATTERNS_MAX: u32 = 256;
/// Distance between the keys of two years' first changes, as the store has it.
const KEYS_PER_YEAR: i64 = 10_000_000_000;
/// Number of bytes at the end of an idempotency key that make it another one.
const KEY_END_BYTES: usize = 15;
/// Number of events under one row of `tile`.
const TILE_EVENTS: u64 = 256;

/// Tables with rows of a single change, in the order in which the store writes them.
const TABLES: [&str; 7] =
    ["event", "stream", "idempotency", "outbox", "timer", "change_row", "change_service"];

/// Rows for one table.
#[derive(Debug)]
pub(crate) struct Rows<'a> {
    pub(crate) table: &'static str,
    pub(crate) rows: Vec<Vec<Value<'a>>>,
}

/// A value to be written.
#[derive(Debug, Clone)]
pub(crate) enum Value<'a> {
    Null,
    Int(i64),
    Text(Cow<'a, str>),
    Bytes(&'a [u8]),
}

/// Everything that creating one change wrote.
#[derive(Debug)]
pub(crate) struct Pattern {
    year: u16,
    rows: Vec<(&'static str, Vec<Cell>)>,
}

/// A cell of a row, and what of it is another one for every change.
#[derive(Debug)]
enum Cell {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
    LogIndex,
    ChangeKey,
    /// A text with the change's id between these.
    ChangeId(String, String),
}

/// The end of the log: what a transaction writes once.
#[derive(Debug)]
pub(crate) struct Log {
    before: u64,
    size: u64,
}

impl Log {
    /// The log as the transaction finds it.
    pub(crate) fn grown_from(before: u64) -> Self {
        Self { before, size: before }
    }

    /// Its size after the transaction.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Adds the checkpoint and the tiles that became full.
    pub(crate) fn write<'a>(&self, tables: &mut Vec<Rows<'a>>) {
        const ROOT: &[u8] = &[7; 32];
        // As long as a signed checkpoint of the default log name.
        const NOTE: &str = "cortex-change\n100000\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— cortex-change \
            Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";
        let row = vec![int(self.size), Value::Bytes(ROOT), Value::Text(NOTE.into()), Value::Int(0)];
        tables.push(Rows { table: "checkpoint", rows: vec![row] });
        let tiles = self.before / TILE_EVENTS..self.size / TILE_EVENTS;
        let rows = tiles.map(|position| vec![Value::Int(0), int(position), Value::Bytes(ROOT)]);
        tables.push(Rows { table: "tile", rows: rows.collect() });
    }
}

fn int<'a>(number: u64) -> Value<'a> {
    Value::Int(number.cast_signed())
}

impl Pattern {
    /// Adds the rows of the change with this number to the tables.
    pub(crate) fn write<'a>(&'a self, number: u64, log: &mut Log, tables: &mut Vec<Rows<'a>>) -> Result<()> {
        let id = ChangeId::new(self.year, u32::try_from(number)?)?;
        let text = id.to_string();
        for (table, cells) in &self.rows {
            let row = cells.iter().map(|cell| match cell {
                Cell::Null => Value::Null,
                Cell::Int(number) => Value::Int(*number),
                Cell::Text(text) => Value::Text(text.into()),
                Cell::Bytes(bytes) => Value::Bytes(bytes),
                Cell::LogIndex => {
                    log.size += 1;
                    int(log.size - 1)
                }
                Cell::ChangeKey => Value::Int(key_of(id)),
                Cell::ChangeId(before, after) => Value::Text([before, text.as_str(), after].concat().into()),
            });
            let row = row.collect();
            match tables.iter_mut().find(|rows| rows.table == *table) {
                Some(rows) => rows.rows.push(row),
                None => tables.push(Rows { table, rows: vec![row] }),
            }
        }
        Ok(())
    }
}

fn key_of(id: ChangeId) -> i64 {
    i64::from(id.year()) * KEYS_PER_YEAR + i64::from(id.number())
}

/// Reads the changes of an embedded database that are not closed, as creating them left them.
pub(crate) fn read(folder: &Path) -> Result<Vec<Pattern>> {
    const KEYS: &str =
        "SELECT change_key FROM change_row WHERE state <> 'closed' ORDER BY change_key LIMIT ?1";
    let db = Connection::open_with_flags(folder.join(DATABASE_FILE), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut statement = db.prepare(KEYS)?;
    let keys: Vec<i64> = statement.query_map([PATTERNS_MAX], |row| row.get(0))?.collect::<Result<_, _>>()?;
    ensure!(!keys.is_empty(), "`{}` has no change that is not closed", folder.display());
    let ids = keys.into_iter().map(|key| {
        let number = u32::try_from(key % KEYS_PER_YEAR)?;
        Ok(ChangeId::new(u16::try_from(key / KEYS_PER_YEAR)?, number)?)
    });
    let mut patterns: Vec<(ChangeId, Pattern)> = ids
        .map(|id: Result<ChangeId>| id.map(|id| (id, Pattern { year: id.year(), rows: Vec::new() })))
        .collect::<Result<_>>()?;
    for table in TABLES {
        read_table(&db, table, &mut patterns).with_context(|| format!("read `{table}`"))?;
    }
    Ok(patterns.into_iter().map(|(_, pattern)| pattern).collect())
}

/// Gives each change its rows of a table: those in which its id or its key stands.
fn read_table(db: &Connection, table: &'static str, patterns: &mut [(ChangeId, Pattern)]) -> Result<()> {
    let mut statement = db.prepare(&format!("SELECT * FROM {table}"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        for (id, pattern) in patterns.iter_mut() {
            if mentions(row, *id)? {
                let width = row.as_ref().column_count();
                let cells = (0..width).map(|at| cell(table, at, row.get_ref(at)?, *id));
                pattern.rows.push((table, cells.collect::<Result<_>>()?));
            }
        }
    }
    Ok(())
}

fn mentions(row: &Row<'_>, id: ChangeId) -> Result<bool> {
    let text = id.to_string();
    for at in 0..row.as_ref().column_count() {
        let found = match row.get_ref(at)? {
            ValueRef::Integer(number) => number == key_of(id),
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
                bytes.windows(text.len()).any(|window| window == text.as_bytes())
            }
            ValueRef::Null | ValueRef::Real(_) => false,
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

fn cell(table: &str, at: usize, value: ValueRef<'_>, id: ChangeId) -> Result<Cell> {
    Ok(match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(_) if (table, at) == ("event", 0) => Cell::LogIndex,
        ValueRef::Integer(number) if number == key_of(id) => Cell::ChangeKey,
        ValueRef::Integer(number) => Cell::Int(number),
        ValueRef::Text(bytes) => text_cell(table, at, std::str::from_utf8(bytes)?, id),
        ValueRef::Blob(bytes) => Cell::Bytes(bytes.to_owned()),
        ValueRef::Real(_) => anyhow::bail!("no column of the store is a fraction"),
    })
}

fn text_cell(table: &str, at: usize, text: &str, id: ChangeId) -> Cell {
    if (table, at) == ("idempotency", 0) {
        let kept = text.len().saturating_sub(KEY_END_BYTES);
        return Cell::ChangeId(text.get(..kept).unwrap_or_default().to_owned(), String::new());
    }
    match text.split_once(&id.to_string()) {
        Some((before, after)) => Cell::ChangeId(before.to_owned(), after.to_owned()),
        None => Cell::Text(text.to_owned()),
    }
}
