//! What can be said of a past change, by the words that mappings, JSON lines and messages use.

use std::fmt;

use serde::Deserialize;

/// Declares the fields: an enum with `ALL` and `word`.
macro_rules! fields {
    ($($variant:ident = $word:literal),+ $(,)?) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        pub(super) enum Field {
            $(#[serde(rename = $word)] $variant,)+
        }

        impl Field {
            pub(super) const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub(super) fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }
    };
}

fields! {
    Id = "id",
    Title = "title",
    Description = "description",
    Type = "type",
    Category = "category",
    Services = "services",
    Cis = "cis",
    Files = "files",
    Requester = "requester",
    By = "by",
    Agents = "agents",
    LinesAdded = "lines_added",
    LinesDeleted = "lines_deleted",
    FilesChanged = "files_changed",
    Directories = "directories",
    CisChanged = "cis_changed",
    IsFix = "is_fix",
    IsRevert = "is_revert",
    RolledBack = "rolled_back",
    TestsPassed = "tests_passed",
    CoveragePercent = "coverage_percent",
    SubmittedAt = "submitted_at",
    StartedAt = "started_at",
    ClosedAt = "closed_at",
    Outcome = "outcome",
    OutcomeKnownAt = "outcome_known_at",
}

impl Field {
    /// The field of this word.
    pub(super) fn of(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.word() == word)
    }

    /// Whether it holds several values.
    pub(super) fn is_list(self) -> bool {
        matches!(self, Self::Services | Self::Cis | Self::Files | Self::Agents)
    }

    /// All words, for messages.
    pub(super) fn words() -> String {
        Self::ALL.iter().map(|field| field.word()).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
