//! Past changes as other systems tell of them, in fixtures of our own making and in mined data where it is at hand.

mod csv;
mod git;
mod jsonl;
mod servicenow;

use std::fs;
use std::path::{Path, PathBuf};

use adapters::history::{BadRow, Fault, Form, Found, HistoryError, Mapping, Record, Source, open};
use tempfile::TempDir;

/// A folder with one export.
struct Export {
    folder: TempDir,
    file: PathBuf,
    form: Form,
    mapping: Mapping,
}

/// Everything that an export tells.
#[derive(Debug, Default)]
struct Told {
    ended: Vec<Record>,
    open: usize,
    bad: Vec<BadRow>,
    stopped: Option<HistoryError>,
}

impl Export {
    fn new(form: Form, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(name);
        fs::write(&file, bytes).unwrap();
        Self { folder, file, form, mapping: Mapping::default() }
    }

    fn mapped(self, mapping: &str) -> Self {
        Self { mapping: Mapping::parse(mapping, "map.toml").unwrap(), ..self }
    }

    fn read(&self) -> Told {
        read(&self.file, self.form.clone(), &self.mapping)
    }

    /// Why it cannot be read, without the folder's name.
    fn refusal(&self) -> String {
        let told = self.read();
        let stopped = told.stopped.unwrap_or_else(|| panic!("it was read: {:?}", told.ended));
        stopped.to_string().replace(&format!("{}/", self.folder.path().display()), "")
    }

    /// The only record that does not fit, without the folder's name.
    #[track_caller]
    fn bad(&self) -> String {
        let told = self.read();
        assert!(told.stopped.is_none(), "{told:?}");
        let [bad] = told.bad.as_slice() else { panic!("one bad record, not {:?}", told.bad) };
        bad.to_string().replace(&format!("{}/", self.folder.path().display()), "")
    }
}

fn read(path: &Path, form: Form, mapping: &Mapping) -> Told {
    let now = "2026-03-02T09:00:00Z".parse().unwrap();
    let source = Source { path: path.to_owned(), form, mapping: mapping.clone(), now };
    let mut told = Told::default();
    match open(&source) {
        Err(error) => told.stopped = Some(error),
        Ok(changes) => {
            for item in changes {
                match item {
                    Ok(Found::Ended(record)) => told.ended.push(*record),
                    Ok(Found::Open) => told.open += 1,
                    Err(Fault::Row(bad)) => told.bad.push(bad),
                    Err(Fault::Stop(error)) => told.stopped = Some(error),
                }
            }
        }
    }
    told
}
