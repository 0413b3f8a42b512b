//! What every crate looks like from outside.

use crate::{Repo, Violation};

/// The one integration binary of a crate; each further one would link the whole workspace again.
const INTEGRATION_BINARY: &str = "it/main.rs";

/// How a crate's first file states what always holds in it.
const INVARIANT: &str = "//! Invariant: ";

/// A crate's integration tests are modules of `tests/it/main.rs`.
pub fn one_integration_binary(repo: &Repo) -> Vec<Violation> {
    let mut found = Vec::new();
    for of in repo.crates() {
        if of.manifest.declares_tests {
            let message =
                format!("a `[[test]]` target by hand: the one binary is `tests/{INTEGRATION_BINARY}`");
            found.push(Violation::of(&of.manifest_path(), message));
        }
        let tests = of.path("tests/");
        let inside = repo.sources().iter().filter_map(|source| source.path().strip_prefix(&tests));
        let binaries = inside.filter(|path| match path.split_once('/') {
            None => true,
            Some((_, file)) => file == "main.rs" && *path != INTEGRATION_BINARY,
        });
        found.extend(binaries.map(|path| {
            let message =
                format!("a second integration binary: make it a module of `tests/{INTEGRATION_BINARY}`");
            Violation::of(&format!("{tests}{path}"), message)
        }));
    }
    found
}

/// The first file of a crate has a line `//! Invariant: …`.
pub fn invariants_are_stated(repo: &Repo) -> Vec<Violation> {
    let mut found = Vec::new();
    for of in repo.crates() {
        let first = ["src/lib.rs", "src/main.rs"]
            .map(|file| of.path(file))
            .into_iter()
            .find(|file| repo.exists(file));
        let Some(path) = first else {
            found.push(Violation::of(
                &of.manifest_path(),
                "neither `src/lib.rs` nor `src/main.rs` is there: add one",
            ));
            continue;
        };
        let states = |line: &str| line.strip_prefix(INVARIANT).is_some_and(|what| !what.trim().is_empty());
        if !repo.text(&path).unwrap_or_default().lines().any(states) {
            let message = format!("the crate does not say what always holds in it: add `{INVARIANT}…`");
            found.push(Violation::of(&path, message));
        }
    }
    found
}
