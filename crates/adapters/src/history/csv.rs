//! Tables with a header, by a mapping of columns to facts. Without one, the columns are named as the facts are.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};
use domain::change::Category;
use jiff::SignedDuration;

use super::draft::shown;
use super::field::Field;
use super::input::{Bounded, Input, Meter, files};
use super::reading::{Reading, Usual};
use super::time::TimeForm;
use super::{BadRow, Fault, Found, HistoryError, Item, Place};

const ENDINGS: [&str; 2] = [".csv", ".tsv"];
/// Most columns of a table.
const COLUMNS_MAX: usize = 4_096;
/// How many columns a message names.
const COLUMNS_SHOWN: usize = 50;

/// What a table says is what its mapping says it means.
pub(super) const USUAL: Usual = Usual {
    waiting: SignedDuration::ZERO,
    times: TimeForm::Rfc3339,
    category: Category::Other,
    separator: ";",
    outcomes: &[],
    categories: &[],
    has_spoken_names: false,
};

pub(super) fn open(
    path: &Path,
    reading: Reading,
) -> Result<impl Iterator<Item = Item> + use<>, HistoryError> {
    let mut tables = files(path, &ENDINGS)?.into_iter();
    let mut table: Option<Table> = None;
    let reading = reading;
    Ok(std::iter::from_fn(move || {
        loop {
            if let Some(found) = table.as_mut().and_then(|table| table.next(&reading)) {
                return Some(found);
            }
            match Table::open(&tables.next()?, &reading) {
                Ok(opened) => table = Some(opened),
                Err(error) => return Some(Err(Fault::Stop(error))),
            }
        }
    }))
}

/// One file.
pub(super) struct Table {
    file: String,
    reader: csv::Reader<io::BufReader<Bounded>>,
    meter: Meter,
    width: usize,
    /// Where the facts stand, with the names of their columns.
    places: Vec<(usize, Field, String)>,
    record: ByteRecord,
    has_failed: bool,
}

impl Table {
    /// Opens a table whose columns mean what the mapping says.
    fn open(path: &Path, reading: &Reading) -> Result<Self, HistoryError> {
        let columns = &reading.mapping.columns;
        Self::open_with(path, reading, |header| {
            if columns.is_empty() {
                return named_as_facts(header);
            }
            let place = |column: &String| header.iter().position(|name| name == column);
            columns
                .iter()
                .map(|(field, column)| {
                    let place = place(column).ok_or_else(|| no_column(column, header))?;
                    Ok((place, *field, column.clone()))
                })
                .collect()
        })
    }

    /// Opens a table whose header `find` understands.
    pub(super) fn open_with(
        path: &Path,
        reading: &Reading,
        find: impl FnOnce(&[String]) -> Result<Vec<(usize, Field, String)>, String>,
    ) -> Result<Self, HistoryError> {
        let Input { file, reader, meter } = Input::open(path)?;
        let tab = path.extension().is_some_and(|ending| ending == "tsv").then_some(b'\t');
        let delimiter = reading.mapping.delimiter.or(tab).unwrap_or(b',');
        let mut reader =
            ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(reader);
        let mut record = ByteRecord::new();
        let read = reader.read_byte_record(&mut record);
        let read = read.map_err(|error| meter.explain(&file, 1, io_error(error)))?;
        let line = record.position().map_or(1, csv::Position::line);
        let wrong = |message| HistoryError::Header { file: file.clone(), line, message };
        if !read {
            return Err(wrong("the file is empty: expected a header".to_owned()));
        }
        let header = header(&record).map_err(wrong)?;
        let places = find(&header).map_err(wrong)?;
        for needed in [Field::Id, Field::ClosedAt, Field::Outcome] {
            let is_known = places.iter().any(|(_, field, _)| *field == needed);
            if !is_known && !reading.mapping.always.contains_key(&needed) {
                let message = format!(
                    "no column is `{needed}`: say which one is under `[columns]` of the mapping; {}",
                    listed(&header)
                );
                return Err(wrong(message));
            }
        }
        let width = header.len();
        Ok(Self { file, reader, meter, width, places, record, has_failed: false })
    }

    pub(super) fn next(&mut self, reading: &Reading) -> Option<Item> {
        if self.has_failed {
            return None;
        }
        self.meter.record_read();
        let begins = self.reader.position().line();
        match self.reader.read_byte_record(&mut self.record) {
            Ok(false) => None,
            Ok(true) => Some(self.row(reading).map_err(Fault::Row)),
            Err(error) => {
                self.has_failed = true;
                Some(Err(Fault::Stop(self.meter.explain(&self.file, begins, io_error(error)))))
            }
        }
    }

    fn row(&self, reading: &Reading) -> Result<Found, BadRow> {
        if self.record.len() != self.width {
            let message = format!(
                "the row has {} cells, the header {}: expected as many",
                self.record.len(),
                self.width
            );
            return Err(self.bad(None, message));
        }
        let mut draft = reading.draft();
        for (place, field, column) in &self.places {
            let cell = self.record.get(*place).unwrap_or_default();
            let cell = std::str::from_utf8(cell).map_err(|error| {
                let message = format!(
                    "not UTF-8 at byte {}: convert the file, for example with `iconv -f LATIN1 -t UTF-8`",
                    error.valid_up_to() + 1
                );
                self.bad(Some(column), message)
            })?;
            let values = if field.is_list() { reading.split(cell) } else { vec![cell.to_owned()] };
            let set = reading.set(&mut draft, *field, &values);
            set.map_err(|wrong| self.bad(Some(column), wrong.message))?;
        }
        draft.finish(reading).map_err(|wrong| {
            let column = self.places.iter().find(|(_, field, _)| wrong.field == Some(*field));
            self.bad(column.map(|(_, _, column)| column), wrong.message)
        })
    }

    fn bad(&self, column: Option<&String>, message: String) -> BadRow {
        let line = self.record.position().map_or(0, csv::Position::line);
        let record = format!("line {line}");
        BadRow { place: Place { source: self.file.clone(), record, column: column.cloned() }, message }
    }
}

/// The error of reading behind one of the table; rows of any width and any bytes are no others.
fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

fn header(record: &ByteRecord) -> Result<Vec<String>, String> {
    if record.len() > COLUMNS_MAX {
        return Err(format!("{} columns: at most {COLUMNS_MAX} are accepted", record.len()));
    }
    let mut names = Vec::with_capacity(record.len());
    let mut seen = BTreeSet::new();
    for (place, cell) in record.iter().enumerate() {
        let name = std::str::from_utf8(cell).map_err(|_| {
            format!(
                "the name of column {} is not UTF-8: convert the file, for example with `iconv -f LATIN1 -t UTF-8`",
                place + 1
            )
        })?;
        let name = name.trim();
        if !name.is_empty() && !seen.insert(name.to_owned()) {
            return Err(format!("column `{}` appears twice: give each a name of its own", shown(name)));
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

/// Columns that are named as the facts are. Another name may be a fact misspelt, so that a mapping has to say.
fn named_as_facts(header: &[String]) -> Result<Vec<(usize, Field, String)>, String> {
    let named = header.iter().enumerate().map(|(place, name)| {
        let field = Field::of(name).ok_or_else(|| {
            format!(
                "`{}` is not a fact: expected some of {}, or a mapping that says which columns are",
                shown(name),
                Field::words()
            )
        })?;
        Ok((place, field, name.clone()))
    });
    named.collect()
}

fn no_column(column: &str, header: &[String]) -> String {
    format!("there is no column `{}`, which the mapping names; {}", shown(column), listed(header))
}

fn listed(header: &[String]) -> String {
    let names: Vec<_> = header.iter().take(COLUMNS_SHOWN).map(|name| shown(name)).collect();
    let more = if header.len() > COLUMNS_SHOWN { " and more" } else { "" };
    format!("the columns are {}{more}", names.join(", "))
}
