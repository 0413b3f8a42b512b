//! The core computes: whatever it needs to know of the world arrives as data.

use crate::source::Source;
use crate::{Repo, Violation};

/// Folders whose code performs no I/O, reads no clock and draws no randomness.
const PURE: [&str; 4] =
    ["crates/audit/src/", "crates/domain/src/", "crates/policy/src/", "crates/prediction/src/"];

/// Words that only code with an outside world needs.
const WORDS: [&str; 8] =
    ["async", "await", "tokio", "rand", "getrandom", "OsRng", "thread_rng", "RandomState"];

/// Modules of the standard library that reach outside the process or depend on its scheduling.
const STD_MODULES: [&str; 6] = ["env", "fs", "net", "os", "process", "thread"];

/// The sources of the pure crates name neither `WORDS` nor `STD_MODULES`, and ask nothing for the current time.
pub fn the_core_is_pure(repo: &Repo) -> Vec<Violation> {
    let pure =
        repo.sources().iter().filter(|source| PURE.iter().any(|folder| source.path().starts_with(folder)));
    pure.flat_map(impurities).collect()
}

fn impurities(source: &Source) -> Vec<Violation> {
    let impure = |line, what: &str| {
        let message = format!("{what} in a pure crate: take what it yields as a parameter");
        Violation::at(source.path(), line, message)
    };
    let words = WORDS.iter().flat_map(|word| source.find(&[word]).into_iter().map(move |line| (line, word)));
    let mut found: Vec<Violation> = words.map(|(line, word)| impure(line, &format!("`{word}`"))).collect();
    found.extend(source.find(&[":", ":", "now"]).into_iter().map(|line| impure(line, "a clock")));
    let modules = source.taken_from("std").into_iter().filter(|(name, _)| STD_MODULES.contains(name));
    found.extend(modules.map(|(name, line)| impure(line, &format!("`std::{name}`"))));
    found
}
