//! Changes that other systems carried out, read from what those systems export, one file for each form.
//!
//! Reading is streaming: a record is held while it is turned into a [`Record`], whatever the size of the export. Nothing
//! is guessed: a record that does not fit is a [`BadRow`] with its place and the accepted form, and whoever reads decides
//! whether the others are of use without it. Texts are cut to what is kept, lists too, with the number of all.
//!
//! To add one: a file here with an iterator over [`Item`]s that fills `draft::Draft`s, a variant of [`Form`], its arm in
//! [`open`], and its cases in `tests/it/history/`.

mod csv;
mod draft;
mod field;
mod git;
mod input;
mod jsonl;
mod mapping;
mod reading;
mod servicenow;
mod time;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use domain::Timestamp;
use domain::history::{ExternalId, PastChange};

use crate::git::GitError;
pub use git::GitSettings;
pub use input::{INPUT_BYTES_MAX, INPUT_FILES_MAX, RECORD_BYTES_MAX};
pub use mapping::{Mapping, MappingError};

use reading::Reading;

/// The form in which a system tells of its changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// A table with a header.
    Csv,
    /// One JSON object per line: our own form, or commits as they were mined from a deployment repository.
    JsonLines,
    /// An export of ServiceNow's table `change_request`, as CSV or JSON.
    ServiceNow,
    /// The commits of a deployed branch.
    Git(GitSettings),
}

/// What is to be read.
#[derive(Debug, Clone)]
pub struct Source {
    /// A file, a folder of files, or a checkout.
    pub path: PathBuf,
    /// In which form.
    pub form: Form,
    /// What its columns and words mean, and what holds for all its changes.
    pub mapping: Mapping,
    /// The current time: nothing can have ended after it.
    pub now: Timestamp,
}

/// A change of another system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What that system calls it.
    pub id: ExternalId,
    /// The change.
    pub change: PastChange,
}

/// What one record of an export tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A change that has ended.
    Ended(Box<Record>),
    /// A change that is still under way, from which nothing can be learned yet.
    Open,
}

/// What is read next: a change, or why there is none.
pub type Item = Result<Found, Fault>;

/// Why there is no change.
#[derive(Debug)]
pub enum Fault {
    /// This record does not fit; the following ones may.
    Row(BadRow),
    /// Nothing more can be read.
    Stop(HistoryError),
}

/// A record that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct BadRow {
    /// Where.
    pub place: Place,
    /// What is wrong, and the accepted form.
    pub message: String,
}

/// A place in an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file or checkout, as it was named.
    pub source: String,
    /// The record: the number of its line, or the id of a commit.
    pub record: String,
    /// The column or key, where one alone is wrong.
    pub column: Option<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.source, self.record)?;
        self.column.iter().try_for_each(|column| write!(f, ", `{column}`"))
    }
}

/// Why an export cannot be read, or not any further.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The operating system refused, or a packed file is damaged.
    #[error("cannot read `{file}`; check that it exists, is readable and, if packed, complete")]
    Read {
        /// The file.
        file: String,
        /// What the operating system or the unpacker said.
        source: io::Error,
    },
    /// More than [`INPUT_BYTES_MAX`] bytes.
    #[error("`{file}` has more than {INPUT_BYTES_MAX} bytes unpacked; split it by time")]
    TooLarge {
        /// The file.
        file: String,
    },
    /// A record of more than [`RECORD_BYTES_MAX`] bytes.
    #[error(
        "`{file}`, line {line}: a record has more than {RECORD_BYTES_MAX} bytes; look for a quote that is not closed"
    )]
    RecordTooLarge {
        /// The file.
        file: String,
        /// The line where it begins.
        line: u64,
    },
    /// Not text in UTF-8.
    #[error(
        "`{file}` is in {encoding}: expected UTF-8; convert it, for example with `iconv -f {encoding} -t UTF-8`"
    )]
    Encoding {
        /// The file.
        file: String,
        /// What it seems to be.
        encoding: &'static str,
    },
    /// A header that does not fit.
    #[error("`{file}`, line {line}: {message}")]
    Header {
        /// The file.
        file: String,
        /// Its line.
        line: u64,
        /// What is wrong with it.
        message: String,
    },
    /// A folder without a file of this form, or with too many.
    #[error("`{folder}` has {found} files that end in {endings}: expected 1 to {INPUT_FILES_MAX}")]
    Folder {
        /// The folder.
        folder: String,
        /// How many there are.
        found: usize,
        /// The endings of this form.
        endings: String,
    },
    /// JSON that is not an export.
    #[error(
        "`{file}`, line {line}: not an export of `change_request`: expected an object with the list `records` or `result`"
    )]
    NotAnExport {
        /// The file.
        file: String,
        /// Where it departs from that.
        line: u64,
    },
    /// What the mapping says of every change is not accepted.
    #[error("the mapping, under `[always]`, `{field}`: {message}")]
    Always {
        /// The fact.
        field: &'static str,
        /// What is wrong, and the accepted form.
        message: String,
    },
    /// A clone in which earlier commits are missing.
    #[error(
        "`{folder}` is a shallow clone, which lacks earlier commits; run `git fetch --unshallow` there first"
    )]
    Shallow {
        /// Where it is.
        folder: String,
    },
    /// Git cannot say.
    #[error(transparent)]
    Git(#[from] GitError),
}

/// The changes of an export, one after the other.
pub struct PastChanges(Box<dyn Iterator<Item = Item>>);

impl fmt::Debug for PastChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PastChanges")
    }
}

impl Iterator for PastChanges {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        self.0.next()
    }
}

/// Opens an export.
///
/// # Errors
/// When it cannot be read at all.
pub fn open(source: &Source) -> Result<PastChanges, HistoryError> {
    let Source { path, form, mapping, now } = source;
    let reading = |usual| Reading::new(mapping, usual, *now);
    Ok(PastChanges(match form {
        Form::Csv => Box::new(csv::open(path, reading(csv::USUAL)?)?),
        Form::JsonLines => Box::new(jsonl::open(path, reading(jsonl::USUAL)?)?),
        Form::ServiceNow => Box::new(servicenow::open(path, reading(servicenow::usual())?)?),
        Form::Git(settings) => Box::new(git::open(path, settings, reading(git::USUAL)?)?),
    }))
}

/// A file as messages name it.
fn shown(path: &Path) -> String {
    path.display().to_string()
}
