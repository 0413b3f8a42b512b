//! Exports of ServiceNow's table `change_request`: CSV with the names or the English labels of its columns, or JSON as the
//! export and the table interface write it.
//!
//! What was planned is not taken for what happened: planned times, the declared risk and the backout plan say nothing
//! about how a change went. A record without a close code counts by its state.

use std::io::{self, BufRead, Read};
use std::path::Path;

use domain::change::Category;
use jiff::SignedDuration;
use serde::Deserialize as _;
use serde_json::{Map, Value};

use super::csv::Table;
use super::draft::Wrong;
use super::field::Field;
use super::input::{Bounded, Input, Meter, files, has_ending};
use super::jsonl::texts;
use super::reading::{Meaning, Reading, Usual};
use super::time::TimeForm;
use super::{BadRow, Fault, Found, HistoryError, Item, Place};

const ENDINGS: [&str; 2] = [".csv", ".json"];
/// Keys under which an export holds its records.
const LISTS: [&str; 2] = ["records", "result"];
/// How an export writes instants, in the zone of whoever exported.
const TIME_PATTERN: &str = "%Y-%m-%d %H:%M:%S";

/// Column, English label, and what it is. Of several columns for one fact, the last one that says something counts.
const COLUMNS: [(&str, &str, Field); 15] = [
    ("number", "number", Field::Id),
    ("short_description", "short description", Field::Title),
    ("description", "description", Field::Description),
    ("type", "type", Field::Type),
    ("category", "category", Field::Category),
    ("business_service", "service", Field::Services),
    ("cmdb_ci", "configuration item", Field::Cis),
    ("requested_by", "requested by", Field::Requester),
    ("sys_created_on", "created", Field::SubmittedAt),
    ("opened_at", "opened", Field::SubmittedAt),
    ("work_start", "actual start date", Field::StartedAt),
    ("work_end", "actual end date", Field::ClosedAt),
    ("closed_at", "closed", Field::ClosedAt),
    ("state", "state", Field::Outcome),
    ("close_code", "close code", Field::Outcome),
];

/// Close codes, and states for records that have none: a closed record without a close code says nothing.
const OUTCOMES: [Meaning; 22] = [
    ("successful_issues", "partial"),
    ("successful with issues", "partial"),
    ("unsuccessful", "failed"),
    ("canceled", "cancelled"),
    ("4", "cancelled"),
    ("closed", ""),
    ("3", ""),
    ("new", "open"),
    ("-5", "open"),
    ("assess", "open"),
    ("-4", "open"),
    ("authorize", "open"),
    ("-3", "open"),
    ("scheduled", "open"),
    ("-2", "open"),
    ("implement", "open"),
    ("-1", "open"),
    ("review", "open"),
    ("0", "open"),
    ("on hold", "open"),
    ("work in progress", "open"),
    ("pending", "open"),
];

/// The categories that ServiceNow ships.
const CATEGORIES: [Meaning; 9] = [
    ("applications software", "deployment"),
    ("software", "deployment"),
    ("system software", "update"),
    ("hardware", "infrastructure"),
    ("network", "infrastructure"),
    ("telecom", "infrastructure"),
    ("service", "configuration"),
    ("database", "data"),
    ("db2", "data"),
];

pub(super) fn usual() -> Usual {
    Usual {
        waiting: SignedDuration::ZERO,
        times: TimeForm::Pattern(TIME_PATTERN.to_owned()),
        category: Category::Other,
        separator: ",",
        outcomes: &OUTCOMES,
        categories: &CATEGORIES,
        has_spoken_names: true,
    }
}

pub(super) fn open(
    path: &Path,
    reading: Reading,
) -> Result<impl Iterator<Item = Item> + use<>, HistoryError> {
    let mut exports = files(path, &ENDINGS)?.into_iter();
    let mut export: Option<Export> = None;
    Ok(std::iter::from_fn(move || {
        loop {
            if let Some(found) = export.as_mut().and_then(|export| export.next(&reading)) {
                return Some(found);
            }
            match Export::open(&exports.next()?, &reading) {
                Ok(opened) => export = Some(opened),
                Err(error) => return Some(Err(Fault::Stop(error))),
            }
        }
    }))
}

enum Export {
    Csv(Box<Table>),
    Json(Box<Records>),
}

impl Export {
    fn open(path: &Path, reading: &Reading) -> Result<Self, HistoryError> {
        if has_ending(path, &[".json"]) {
            return Records::open(path, reading).map(|records| Self::Json(Box::new(records)));
        }
        let columns = columns(reading);
        let table = Table::open_with(path, reading, |header| Ok(places(&columns, header)));
        table.map(|table| Self::Csv(Box::new(table)))
    }

    fn next(&mut self, reading: &Reading) -> Option<Item> {
        match self {
            Self::Csv(table) => table.next(reading),
            Self::Json(records) => records.next(reading),
        }
    }
}

/// The columns of an export with their labels, those of the mapping last so that they count before the others.
fn columns(reading: &Reading) -> Vec<(String, String, Field)> {
    let usual = COLUMNS.iter().map(|(name, label, field)| ((*name).to_owned(), (*label).to_owned(), *field));
    let mapped = reading.mapping.columns.iter();
    usual.chain(mapped.map(|(field, column)| (column.clone(), column.clone(), *field))).collect()
}

fn places(columns: &[(String, String, Field)], header: &[String]) -> Vec<(usize, Field, String)> {
    let place = |(name, label, field): &(String, String, Field)| {
        let fits = |column: &String| column.eq_ignore_ascii_case(name) || column.eq_ignore_ascii_case(label);
        let place = header.iter().position(fits)?;
        Some((place, *field, header.get(place)?.clone()))
    };
    columns.iter().filter_map(place).collect()
}

/// The records of an export in JSON, one after the other.
struct Records {
    file: String,
    reader: Lined,
    meter: Meter,
    columns: Vec<(String, String, Field)>,
    is_first: bool,
    has_ended: bool,
}

/// A stream that counts its lines.
struct Lined {
    inner: io::BufReader<Bounded>,
    line: u64,
}

impl Read for Lined {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        let read = buffer.get(..length).unwrap_or_default();
        let lines = read.iter().filter(|byte| **byte == b'\n').count();
        self.line = self.line.saturating_add(u64::try_from(lines).unwrap_or(u64::MAX));
        Ok(length)
    }
}

impl Lined {
    /// The next byte that is no blank, without taking it; nothing at the end.
    fn peek(&mut self) -> io::Result<Option<u8>> {
        loop {
            let Some(next) = self.inner.fill_buf()?.first().copied() else { return Ok(None) };
            if !next.is_ascii_whitespace() {
                return Ok(Some(next));
            }
            self.skip()?;
        }
    }

    fn skip(&mut self) -> io::Result<()> {
        self.read_exact(&mut [0])
    }

    /// Whether `expected` comes next, and takes it then.
    fn takes(&mut self, expected: u8) -> io::Result<bool> {
        let is_next = self.peek()? == Some(expected);
        if is_next {
            self.skip()?;
        }
        Ok(is_next)
    }
}

impl Records {
    fn open(path: &Path, reading: &Reading) -> Result<Self, HistoryError> {
        let Input { file, reader, meter } = Input::open(path)?;
        let reader = Lined { inner: reader, line: 1 };
        let columns = columns(reading);
        let mut records = Self { file, reader, meter, columns, is_first: true, has_ended: false };
        if records.find_list().map_err(|source| records.explain(source))? {
            Ok(records)
        } else {
            Err(records.not_an_export())
        }
    }

    /// Reads up to the records: `[`, or `{"records": [`.
    fn find_list(&mut self) -> io::Result<bool> {
        if self.reader.takes(b'[')? {
            return Ok(true);
        }
        if !self.reader.takes(b'{')? || self.reader.peek()? != Some(b'"') {
            return Ok(false);
        }
        let mut json = serde_json::Deserializer::from_reader(&mut self.reader);
        let Ok(key) = String::deserialize(&mut json) else { return Ok(false) };
        Ok(LISTS.contains(&key.as_str()) && self.reader.takes(b':')? && self.reader.takes(b'[')?)
    }

    fn next(&mut self, reading: &Reading) -> Option<Item> {
        if self.has_ended {
            return None;
        }
        self.meter.record_read();
        let line = self.reader.line;
        match self.object() {
            Ok(Some(object)) => Some(self.change(&object, line, reading).map_err(Fault::Row)),
            Ok(None) => {
                self.has_ended = true;
                None
            }
            Err(error) => {
                self.has_ended = true;
                Some(Err(Fault::Stop(error)))
            }
        }
    }

    /// The next record; nothing at the end of the list.
    fn object(&mut self) -> Result<Option<Map<String, Value>>, HistoryError> {
        let next = self.advance().map_err(|source| self.explain(source))?;
        match next {
            Some(b']') => return Ok(None),
            Some(b'{') => {}
            Some(_) | None => return Err(self.not_an_export()),
        }
        self.is_first = false;
        let mut json = serde_json::Deserializer::from_reader(&mut self.reader);
        let object = Map::deserialize(&mut json);
        object
            .map(Some)
            .map_err(|error| if error.is_io() { self.explain(error.into()) } else { self.not_an_export() })
    }

    /// Goes to the next record and tells how it begins; nothing where there is neither a record nor the list's end.
    fn advance(&mut self) -> io::Result<Option<u8>> {
        let next = self.reader.peek()?;
        match next {
            Some(b',') if !self.is_first => {
                self.reader.skip()?;
                self.reader.peek()
            }
            Some(b'{') if !self.is_first => Ok(None),
            _ => Ok(next),
        }
    }

    fn change(&self, object: &Map<String, Value>, line: u64, reading: &Reading) -> Result<Found, BadRow> {
        let mut draft = reading.draft();
        for (name, label, field) in &self.columns {
            let Some((key, value)) = [name, label].into_iter().find_map(|key| Some((key, object.get(key)?)))
            else {
                continue;
            };
            let wrong = |message: &str| Wrong::of(*field, message);
            let set = of_value(value)
                .ok_or_else(|| wrong("expected a text, or an object with `display_value` or `value`"))
                .and_then(|text| {
                    let values = if field.is_list() { reading.split(&text) } else { vec![text] };
                    reading.set(&mut draft, *field, &values)
                });
            set.map_err(|wrong| self.bad(line, Some(key), wrong.message))?;
        }
        draft.finish(reading).map_err(|wrong| {
            let column = self.columns.iter().find(|(_, _, field)| wrong.field == Some(*field));
            self.bad(line, column.map(|(name, _, _)| name), wrong.message)
        })
    }

    fn bad(&self, line: u64, column: Option<&String>, message: String) -> BadRow {
        let place =
            Place { source: self.file.clone(), record: format!("line {line}"), column: column.cloned() };
        BadRow { place, message }
    }

    fn not_an_export(&self) -> HistoryError {
        HistoryError::NotAnExport { file: self.file.clone(), line: self.reader.line }
    }

    fn explain(&self, source: io::Error) -> HistoryError {
        self.meter.explain(&self.file, self.reader.line, source)
    }
}

/// The text of a value: what people see of a reference, or its value.
fn of_value(value: &Value) -> Option<String> {
    let shown = match value {
        Value::Object(reference) => {
            let shown = reference.get("display_value").filter(|shown| !shown.is_null());
            shown.or_else(|| reference.get("value"))?
        }
        other => other,
    };
    texts(shown).map(|texts| texts.join(","))
}
