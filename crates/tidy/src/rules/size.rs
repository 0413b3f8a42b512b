//! Functions fit on a screen and files stay readable. What is larger is listed in a ratchet that only shrinks.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{Repo, Violation};

/// The longest function, from `fn` to its closing brace.
pub const FUNCTION_LINES_MAX: usize = 70;

/// The longest file.
pub const FILE_LINES_MAX: usize = 600;

/// Where the exceptions are listed.
pub const RATCHET: &str = "crates/tidy/ratchet.toml";

/// Endings of the files that people write as programs. Data and generated files may be long.
const PROGRAMS: [&str; 6] = [".rs", ".cedar", ".css", ".js", ".sh", ".sql"];

/// What is larger than allowed today, with its lines: files by path, functions by `path::name`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ratchet {
    #[serde(default)]
    files: BTreeMap<String, usize>,
    #[serde(default)]
    functions: BTreeMap<String, usize>,
}

/// No function and no file is longer than allowed, unless [`RATCHET`] lists exactly its length.
pub fn functions_and_files_are_small(repo: &Repo) -> Vec<Violation> {
    let ratchet = match toml::from_str::<Ratchet>(repo.text(RATCHET).unwrap_or_default()) {
        Ok(ratchet) => ratchet,
        Err(error) => return vec![Violation::of(RATCHET, format!("not a list of lengths: {error}"))],
    };
    let mut found = compare(&long_functions(repo), &ratchet.functions, FUNCTION_LINES_MAX);
    found.extend(compare(&long_files(repo), &ratchet.files, FILE_LINES_MAX));
    found
}

/// A thing that is longer than allowed.
struct Long {
    path: String,
    line: usize,
    lines: usize,
}

fn long_files(repo: &Repo) -> BTreeMap<String, Long> {
    let programs =
        repo.texts().iter().filter(|(path, _)| PROGRAMS.iter().any(|ending| path.ends_with(ending)));
    let measured = programs.map(|(path, text)| (path, text.lines().count()));
    let long = measured.filter(|(_, lines)| *lines > FILE_LINES_MAX);
    long.map(|(path, lines)| (path.clone(), Long { path: path.clone(), line: 1, lines })).collect()
}

/// Long functions by `path::name`. Those of one name in one file count together, so that none hides behind another.
fn long_functions(repo: &Repo) -> BTreeMap<String, Long> {
    let mut long = BTreeMap::new();
    for source in repo.sources() {
        for function in source.functions() {
            if function.lines <= FUNCTION_LINES_MAX {
                continue;
            }
            let key = format!("{}::{}", source.path(), function.name);
            let first = Long { path: source.path().to_owned(), line: function.line, lines: 0 };
            long.entry(key).or_insert(first).lines += function.lines;
        }
    }
    long
}

fn compare(long: &BTreeMap<String, Long>, listed: &BTreeMap<String, usize>, max: usize) -> Vec<Violation> {
    let mut found = Vec::new();
    for (key, Long { path, line, lines }) in long {
        let message = match listed.get(key) {
            None => format!("`{key}` has {lines} lines, {max} are allowed: split it"),
            Some(allowed) if lines > allowed => {
                format!("`{key}` grew from {allowed} to {lines} lines: split it")
            }
            Some(allowed) if lines < allowed => {
                found.push(Violation::of(
                    RATCHET,
                    format!("`{key}` shrank from {allowed} to {lines}: lower its entry"),
                ));
                continue;
            }
            Some(_) => continue,
        };
        found.push(Violation::at(path, *line, message));
    }
    let idle = listed.keys().filter(|key| !long.contains_key(*key));
    found.extend(
        idle.map(|key| Violation::of(RATCHET, format!("`{key}` is within {max} lines: remove its entry"))),
    );
    found
}
