//! The files of an export as streams of text: unpacked, bounded, and known not to be in another encoding.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use flate2::read::MultiGzDecoder;
use ruzstd::decoding::StreamingDecoder;

use super::{HistoryError, shown};

/// Most bytes of a file, unpacked: 16 GiB.
pub const INPUT_BYTES_MAX: u64 = 16 * 1024 * 1024 * 1024;
/// Most bytes of one record.
pub const RECORD_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Most files of a folder.
pub const INPUT_FILES_MAX: usize = 1_000;

const BUFFER_BYTES: usize = 64 * 1024;
const PACKED_ENDINGS: [&str; 2] = [".gz", ".zst"];
const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// A file of an export, unpacked.
pub(super) struct Input {
    pub(super) file: String,
    pub(super) reader: BufReader<Bounded>,
    pub(super) meter: Meter,
}

/// Watches how much was read: in all, and since the last record began.
#[derive(Debug, Clone, Default)]
pub(super) struct Meter {
    all: Rc<Cell<u64>>,
    record: Rc<Cell<u64>>,
}

/// A stream that ends in an error where a bound is passed.
pub(super) struct Bounded {
    inner: Box<dyn Read>,
    meter: Meter,
}

/// Marks errors of [`Bounded`].
#[derive(Debug, thiserror::Error)]
#[error("too large")]
struct TooMuch;

impl Meter {
    /// A record has been read to its end.
    pub(super) fn record_read(&self) {
        self.record.set(0);
    }

    /// The error behind one of reading, in `file`, in the record that began at `line`.
    pub(super) fn explain(&self, file: &str, line: u64, source: io::Error) -> HistoryError {
        let file = file.to_owned();
        let is_ours = source.get_ref().is_some_and(|inner| inner.is::<TooMuch>());
        match is_ours {
            true if self.all.get() > INPUT_BYTES_MAX => HistoryError::TooLarge { file },
            true => HistoryError::RecordTooLarge { file, line },
            false => HistoryError::Read { file, source },
        }
    }
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        let Meter { all, record } = &self.meter;
        for counted in [all, record] {
            counted.set(counted.get().saturating_add(u64::try_from(length).unwrap_or(u64::MAX)));
        }
        // What is read ahead belongs to the next records, hence the buffer on top.
        let record_max = RECORD_BYTES_MAX + 2 * u64::try_from(BUFFER_BYTES).unwrap_or(u64::MAX);
        if all.get() > INPUT_BYTES_MAX || record.get() > record_max {
            return Err(io::Error::other(TooMuch));
        }
        Ok(length)
    }
}

impl Input {
    /// Opens a file, unpacks it by its ending and looks at how it begins.
    pub(super) fn open(path: &Path) -> Result<Self, HistoryError> {
        let file = shown(path);
        let failed = |source| HistoryError::Read { file: file.clone(), source };
        let opened = BufReader::with_capacity(BUFFER_BYTES, File::open(path).map_err(failed)?);
        let inner: Box<dyn Read> = match path.extension().and_then(|ending| ending.to_str()) {
            Some("gz") => Box::new(MultiGzDecoder::new(opened)),
            Some("zst") => {
                let unpacked = StreamingDecoder::new(opened);
                Box::new(unpacked.map_err(|error| failed(io::Error::other(error)))?)
            }
            Some(_) | None => Box::new(opened),
        };
        let meter = Meter::default();
        let bounded = Bounded { inner, meter: meter.clone() };
        let mut reader = BufReader::with_capacity(BUFFER_BYTES, bounded);
        let start = reader.fill_buf().map_err(failed)?;
        if let Some(encoding) = foreign_encoding(start) {
            return Err(HistoryError::Encoding { file, encoding });
        }
        if start.starts_with(&BYTE_ORDER_MARK) {
            reader.consume(BYTE_ORDER_MARK.len());
        }
        Ok(Self { file, reader, meter })
    }

    /// Reads one line without its end; nothing at the end of the file. `line` is its number, for errors.
    pub(super) fn line(&mut self, line: u64, into: &mut Vec<u8>) -> Result<bool, HistoryError> {
        into.clear();
        self.meter.record_read();
        let read = self.reader.read_until(b'\n', into);
        if read.map_err(|source| self.meter.explain(&self.file, line, source))? == 0 {
            return Ok(false);
        }
        while into.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            into.pop();
        }
        Ok(true)
    }
}

/// The encoding that the first bytes of a text show, where it is not UTF-8.
fn foreign_encoding(start: &[u8]) -> Option<&'static str> {
    match start {
        [0xff, 0xfe, ..] => Some("UTF-16LE"),
        [0xfe, 0xff, ..] => Some("UTF-16BE"),
        [first, 0, ..] if *first != 0 => Some("UTF-16LE"),
        [0, second, ..] if *second != 0 => Some("UTF-16BE"),
        _ => None,
    }
}

/// The files that a path stands for: itself, or those of a folder that end so, packed or not, in the order of their
/// names.
pub(super) fn files(path: &Path, endings: &[&str]) -> Result<Vec<PathBuf>, HistoryError> {
    let failed = |source| HistoryError::Read { file: shown(path), source };
    if !fs::metadata(path).map_err(failed)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?.path();
        if has_ending(&entry, endings) && entry.is_file() {
            files.push(entry);
        }
    }
    if files.is_empty() || files.len() > INPUT_FILES_MAX {
        let endings = endings.join(", ");
        return Err(HistoryError::Folder { folder: shown(path), found: files.len(), endings });
    }
    files.sort();
    Ok(files)
}

/// Whether a file ends in one of these, packed or not.
pub(super) fn has_ending(path: &Path, endings: &[&str]) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_lowercase();
    let name = PACKED_ENDINGS.iter().find_map(|packed| name.strip_suffix(packed)).unwrap_or(&name);
    endings.iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_files_count_by_what_they_hold() {
        for (name, expected) in
            [("a.csv", true), ("a.CSV.gz", true), ("a.csv.zst", true), ("a.gz", false), ("csv", false)]
        {
            assert_eq!(has_ending(Path::new(name), &[".csv"]), expected, "{name}");
        }
    }

    #[test]
    fn other_encodings_show_in_the_first_bytes() {
        assert_eq!(foreign_encoding(b"\xff\xfei\0d\0"), Some("UTF-16LE"));
        assert_eq!(foreign_encoding(b"\0i\0d"), Some("UTF-16BE"));
        assert_eq!(foreign_encoding(b"i\0d\0"), Some("UTF-16LE"));
        assert_eq!(foreign_encoding("\u{feff}id,ä".as_bytes()), None);
        assert_eq!(foreign_encoding(b""), None);
    }

    #[test]
    fn a_line_without_end_is_not_read_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("endless.jsonl");
        let bytes = usize::try_from(RECORD_BYTES_MAX).unwrap() + 4 * BUFFER_BYTES;
        fs::write(&path, "x".repeat(bytes)).unwrap();
        let mut input = Input::open(&path).unwrap();
        let error = input.line(1, &mut Vec::new()).unwrap_err();
        assert!(matches!(error, HistoryError::RecordTooLarge { line: 1, .. }), "{error}");
    }
}
