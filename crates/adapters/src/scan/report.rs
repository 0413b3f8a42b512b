//! What every report has in common: it is a bounded UTF-8 text file, and errors name a place in it.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use crate::text::clipped;

/// The largest report that is read, in bytes (64 MiB).
pub const MAX_REPORT_BYTES: u64 = 64 * 1024 * 1024;

/// How much of a wrong value a message repeats, in characters.
const MAX_SHOWN_CHARS: usize = 60;

/// Where something is wrong: a file and, where it helps, a line in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    path: PathBuf,
    line: Option<u64>,
}

impl Place {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The line, counted from 1, unless the file as a whole is meant.
    pub fn line(&self) -> Option<u64> {
        self.line
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.path.display())?;
        self.line.map_or(Ok(()), |line| write!(f, " line {line}"))
    }
}

/// Why a file could not be used as a report, whatever its format.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The operating system refused.
    #[error("cannot read {place}; check the path and its permissions")]
    Read {
        /// The file.
        place: Place,
        /// What the operating system said.
        source: io::Error,
    },
    /// More bytes than [`MAX_REPORT_BYTES`].
    #[error(
        "{place} is larger than {} MiB; split the report or leave generated and foreign files out of it",
        MAX_REPORT_BYTES / 1024 / 1024
    )]
    TooLarge {
        /// The file.
        place: Place,
    },
    /// Bytes that are not text.
    #[error("{place} is not UTF-8; write the report as UTF-8 text")]
    NotUtf8 {
        /// The line of the first wrong byte.
        place: Place,
    },
    /// A number that is negative, fractional, too large or not a number at all.
    #[error("{place}: {field} is `{found}`; it must be a whole number from {} to {}", accepted.start(), accepted.end())]
    Number {
        /// Where it stands.
        place: Place,
        /// What the number is for.
        field: &'static str,
        /// What stands there.
        found: String,
        /// What may stand there.
        accepted: RangeInclusive<u64>,
    },
}

/// The text of one report.
#[derive(Debug)]
pub(super) struct Report {
    path: PathBuf,
    text: String,
}

impl Report {
    pub(super) fn read(path: &Path) -> Result<Self, ReportError> {
        let whole = Place { path: path.to_owned(), line: None };
        let mut bytes = Vec::new();
        // One byte more than allowed tells a file of just the allowed size from a larger one.
        let result =
            File::open(path).and_then(|file| file.take(MAX_REPORT_BYTES + 1).read_to_end(&mut bytes));
        if let Err(source) = result {
            return Err(ReportError::Read { place: whole, source });
        }
        if u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_REPORT_BYTES) {
            Self::decode(path, bytes)
        } else {
            Err(ReportError::TooLarge { place: whole })
        }
    }

    fn decode(path: &Path, bytes: Vec<u8>) -> Result<Self, ReportError> {
        let path = path.to_owned();
        match String::from_utf8(bytes) {
            Ok(text) => {
                let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
                Ok(Self { path, text })
            }
            Err(error) => {
                let valid = error.as_bytes().iter().take(error.utf8_error().valid_up_to());
                let line = 1 + newlines(valid);
                Err(ReportError::NotUtf8 { place: Place { path, line: Some(line) } })
            }
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The file as a whole.
    pub(super) fn whole(&self) -> Place {
        Place { path: self.path.clone(), line: None }
    }

    /// One line of the file, counted from 1.
    pub(super) fn at(&self, line: u64) -> Place {
        Place { path: self.path.clone(), line: Some(line) }
    }

    /// Reads a whole number written in digits alone: no sign, no fraction, no exponent.
    pub(super) fn number(
        &self,
        line: u64,
        field: &'static str,
        text: &str,
        accepted: RangeInclusive<u64>,
    ) -> Result<u64, ReportError> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(number) if digits && accepted.contains(&number) => Ok(number),
            _ => Err(ReportError::Number { place: self.at(line), field, found: shown(text), accepted }),
        }
    }
}

/// How many line ends there are among `bytes`.
pub(super) fn newlines<'a>(bytes: impl IntoIterator<Item = &'a u8>) -> u64 {
    bytes.into_iter().fold(0, |count, byte| count + u64::from(*byte == b'\n'))
}

/// A value as a message may repeat it: short, on one line and without control characters.
pub(super) fn shown(text: &str) -> String {
    clipped(text, MAX_SHOWN_CHARS)
}
