//! Checks of the repository itself, run by `cargo test -p tidy`.
//!
//! Knows: every text file of the checkout, as data, and the house rules over it. Never does: build or change anything,
//! or ask another program. Licences, bans and duplicate versions are `deny.toml`'s, lints are clippy's; what is here
//! is what neither can say.
//!
//! Invariant: a rule is a plain function of a [`Repo`], so a test can hand it a bad snippet and see it object.

pub mod manifest;
pub mod repo;
pub mod rules;
pub mod source;

use std::fmt;

pub use repo::Repo;

/// One place where the repository breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    path: String,
    line: usize,
    message: String,
}

impl Violation {
    /// A violation at a line, counted from 1. The message says what is wrong and what to do instead.
    pub fn at(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }

    /// A violation by a file as a whole.
    pub fn of(path: &str, message: impl Into<String>) -> Self {
        Self::at(path, 1, message)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}
