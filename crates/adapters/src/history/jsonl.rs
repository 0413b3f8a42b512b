//! One JSON object per line. Our own form names the facts as mappings do:
//!
//! ```json
//! {"id": "CHG0030045", "title": "Roll out cart 2.4", "services": ["cart"], "closed_at": "2025-03-02T21:30:00Z", "outcome": "successful"}
//! ```
//!
//! A line with `commit` is a change mined from a deployment repository: the commit, its author and the agents beside
//! them, files, lines, configuration items, and the commit that repaired it within a day, if one did.

use std::path::Path;

use domain::change::{Category, Outcome};
use jiff::SignedDuration;
use serde_json::{Map, Value};

use super::draft::{Draft, Ended, Wrong, shown};
use super::field::Field;
use super::input::{Input, files};
use super::reading::{Reading, Usual};
use super::time::TimeForm;
use super::{BadRow, Fault, Found, HistoryError, Item, Place};

const ENDINGS: [&str; 2] = [".jsonl", ".ndjson"];
/// Which key tells that a line is a mined commit.
const COMMIT: &str = "commit";
/// How long after a mined commit another one that repairs it marks it failed.
const REPAIRED_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// What a line says is meant as it is written.
pub(super) const USUAL: Usual = Usual {
    waiting: SignedDuration::ZERO,
    times: TimeForm::Rfc3339,
    category: Category::Other,
    separator: ";",
    outcomes: &[],
    categories: &[],
    has_spoken_names: false,
};

/// The keys of a mined commit, and what they are.
const MINED: [(&str, Field); 11] = [
    (COMMIT, Field::Id),
    ("authored_at", Field::ClosedAt),
    ("author", Field::Requester),
    ("co_authors", Field::Agents),
    ("subject", Field::Title),
    ("files", Field::Files),
    ("files_changed", Field::FilesChanged),
    ("insertions", Field::LinesAdded),
    ("deletions", Field::LinesDeleted),
    ("is_fix", Field::IsFix),
    ("is_revert", Field::IsRevert),
];

pub(super) fn open(
    path: &Path,
    reading: Reading,
) -> Result<impl Iterator<Item = Item> + use<>, HistoryError> {
    let mut inputs = files(path, &ENDINGS)?.into_iter();
    let mut lines: Option<Lines> = None;
    Ok(std::iter::from_fn(move || {
        loop {
            if let Some(found) = lines.as_mut().and_then(|lines| lines.next(&reading)) {
                return Some(found);
            }
            match Input::open(&inputs.next()?) {
                Ok(input) => lines = Some(Lines { input, number: 0, text: Vec::new(), has_failed: false }),
                Err(error) => return Some(Err(Fault::Stop(error))),
            }
        }
    }))
}

struct Lines {
    input: Input,
    number: u64,
    text: Vec<u8>,
    has_failed: bool,
}

impl Lines {
    /// The change of the next line that is not blank.
    fn next(&mut self, reading: &Reading) -> Option<Item> {
        while !self.has_failed {
            self.number += 1;
            match self.input.line(self.number, &mut self.text) {
                Ok(false) => return None,
                Ok(true) if self.text.trim_ascii().is_empty() => {}
                Ok(true) => {
                    return Some(self.change(reading).map_err(Fault::Row));
                }
                Err(error) => {
                    self.has_failed = true;
                    return Some(Err(Fault::Stop(error)));
                }
            }
        }
        None
    }

    fn change(&self, reading: &Reading) -> Result<Found, BadRow> {
        let object = object(&self.text).map_err(|message| self.bad(None, message))?;
        let is_mined = object.contains_key(COMMIT);
        let draft = if is_mined { mined(&object, reading) } else { own(&object, reading) };
        draft.and_then(|draft| draft.finish(reading)).map_err(|Wrong { field, message }| {
            let key = |field: Field| {
                let mined = MINED.iter().find(|(_, mined)| is_mined && *mined == field);
                mined.map_or(field.word(), |(key, _)| *key)
            };
            self.bad(field.map(key), message)
        })
    }

    fn bad(&self, key: Option<&str>, message: String) -> BadRow {
        let (source, record) = (self.input.file.clone(), format!("line {}", self.number));
        BadRow { place: Place { source, record, column: key.map(str::to_owned) }, message }
    }
}

fn object(line: &[u8]) -> Result<Map<String, Value>, String> {
    let text = std::str::from_utf8(line).map_err(|error| {
        let at = error.valid_up_to() + 1;
        format!("not UTF-8 at byte {at}: convert the file, for example with `iconv -f LATIN1 -t UTF-8`")
    })?;
    serde_json::from_str(text)
        .map_err(|error| format!("not a JSON object on one line: character {}: {error}", error.column()))
}

fn own(object: &Map<String, Value>, reading: &Reading) -> Result<Draft, Wrong> {
    let mut draft = reading.draft();
    for (key, value) in object {
        let field = Field::of(key).ok_or_else(|| Wrong {
            field: None,
            message: format!("`{}` is not a fact: expected some of {}", shown(key), Field::words()),
        })?;
        set(reading, &mut draft, field, value)?;
    }
    Ok(draft)
}

fn mined(object: &Map<String, Value>, reading: &Reading) -> Result<Draft, Wrong> {
    let mut draft = reading.draft();
    for (key, field) in MINED {
        if let Some(value) = object.get(key) {
            set(reading, &mut draft, field, value)?;
        }
    }
    if let Some(touched) = object.get("changes").and_then(Value::as_array) {
        for item in touched.iter().filter_map(|touched| touched.get("ci")) {
            set(reading, &mut draft, Field::Cis, item)?;
        }
    }
    draft.category = draft.category.or((draft.is_revert != Some(true)).then_some(Category::Deployment));
    let was_repaired = object.get("remediated_by").is_some_and(|by| !by.is_null());
    draft.outcome = Some(Ended::As(if was_repaired { Outcome::Failed } else { Outcome::Successful }));
    let waiting = reading.mapping.waiting.unwrap_or(REPAIRED_WITHIN);
    draft.outcome_known_at = draft.closed_at.and_then(|closed_at| closed_at.checked_add(waiting).ok());
    Ok(draft)
}

fn set(reading: &Reading, draft: &mut Draft, field: Field, value: &Value) -> Result<(), Wrong> {
    let values = texts(value).ok_or_else(|| {
        Wrong::of(field, "expected a text, a number, true, false, or a list of texts".to_owned())
    })?;
    reading.set(draft, field, &values)
}

/// The texts of a value; nothing for an object.
pub(super) fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Null => Some(Vec::new()),
        Value::Bool(truth) => Some(vec![truth.to_string()]),
        Value::Number(number) => Some(vec![number.to_string()]),
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(values) => {
            values.iter().map(texts).collect::<Option<Vec<_>>>().map(|texts| texts.concat())
        }
        Value::Object(_) => None,
    }
}
