//! What the columns of a file of past changes mean.

use std::path::Path;

use prediction::Recipe;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::files::read_file_up_to;

/// Largest mapping, in bytes.
const MAPPING_BYTES_MAX: usize = 256 * 1024;
/// Share of a mapping's columns that a file must have for the mapping to be taken unasked.
const LIKENESS_MIN: f64 = 0.5;
/// The mappings that come with the program.
const SHIPPED: [&str; 3] = [
    include_str!("mappings/commits-fourteen-projects.toml"),
    include_str!("mappings/commits-six-projects.toml"),
    include_str!("mappings/production-config-puppet.toml"),
];

/// A mapping.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mapping {
    /// What the data are called.
    pub(crate) name: String,
    /// What stands between two cells of a line.
    #[serde(default = "comma")]
    pub(crate) delimiter: char,
    pub(crate) time: Time,
    /// Independent histories in one file, each split by its own time.
    #[serde(default)]
    pub(crate) group: Option<Group>,
    pub(crate) outcome: Outcome,
    /// Rows that are kept; all when there are no conditions.
    #[serde(default)]
    pub(crate) keep: Vec<Keep>,
    pub(crate) columns: Columns,
    #[serde(default)]
    pub(crate) derive: Derive,
    /// Figures of others on the same data, to be shown beside ours.
    #[serde(default)]
    pub(crate) reference: Vec<Reference>,
}

/// When a row happened.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Time {
    pub(crate) column: String,
    pub(crate) unit: TimeUnit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TimeUnit {
    /// Seconds since 1970.
    Seconds,
    /// Milliseconds since 1970.
    Milliseconds,
    /// A place in the order of things; nothing is known about days.
    Position,
    /// A timestamp such as `2026-03-01T12:00:00Z`, `2026-03-01 12:00` or `2026-03-01`; one without a zone is in UTC.
    Timestamp,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Group {
    pub(crate) column: String,
}

/// Whether a row failed: `1`, `true`, `yes`, or `0`, `false`, `no`, where the mapping names no words of its own.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Outcome {
    pub(crate) column: String,
    /// Words that say that it failed, in capitals or not. Beside them stand those of `succeeded`.
    #[serde(default)]
    pub(crate) failed: Vec<String>,
    /// Words that say that it did not.
    #[serde(default)]
    pub(crate) succeeded: Vec<String>,
    /// After how many days it is known. Earlier outcomes are used as facts, and slices are kept apart, by it.
    #[serde(default)]
    pub(crate) known_after_days: u32,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Keep {
    pub(crate) column: String,
    pub(crate) equals: String,
}

/// What is known about a row. Columns that a file lacks are passed over and named; those that are not listed are not
/// read.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Columns {
    pub(crate) numbers: Vec<String>,
    #[serde(default)]
    pub(crate) words: Vec<String>,
    /// What history is counted by: authors, configuration items, files.
    #[serde(default)]
    pub(crate) keys: Vec<String>,
    /// Numbers that cannot be negative.
    #[serde(default)]
    pub(crate) not_negative: Vec<String>,
    /// Numbers that are added up to the size of a change.
    #[serde(default)]
    pub(crate) size: Vec<String>,
    /// Texts that stand for a missing value, besides nothing at all.
    #[serde(default)]
    pub(crate) missing: Vec<String>,
}

/// Columns that are computed from what happened before.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Derive {
    #[serde(default)]
    failure_rates: bool,
    #[serde(default)]
    idle_days: bool,
    #[serde(default)]
    pairs: Vec<(String, String)>,
    #[serde(default)]
    ranks: Vec<String>,
    #[serde(default)]
    ratios: Vec<(String, String)>,
}

/// What somebody else reached.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reference {
    pub(crate) model: String,
    pub(crate) auc: f64,
    pub(crate) average_precision: f64,
    pub(crate) accuracy: Option<f64>,
    pub(crate) false_positive_rate: Option<f64>,
    pub(crate) brier: Option<f64>,
    pub(crate) calibration_error: Option<f64>,
    /// The shares of failures among the riskiest 5, 10 and 20 %.
    pub(crate) caught: Option<[f64; 3]>,
}

impl Mapping {
    /// Reads a mapping of the user's.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let bytes = read_file_up_to(path, MAPPING_BYTES_MAX)
            .map_err(|error| Failure::new(format!("`{shown}` cannot be read")).caused_by(&error))?;
        if bytes.len() > MAPPING_BYTES_MAX {
            return Err(Failure::new(format!("`{shown}` has more than {MAPPING_BYTES_MAX} bytes")));
        }
        let text = String::from_utf8(bytes)
            .map_err(|error| Failure::new(format!("`{shown}` is not UTF-8")).caused_by(&error))?;
        let mapping = Self::parse(&text).map_err(|error| {
            Failure::new(format!("`{shown}` is no mapping"))
                .caused_by(&error)
                .next("docs/risk-evaluation.md shows one")
        })?;
        mapping.check_words().map_err(|what| {
            Failure::new(format!("`{shown}`: {what}"))
                .accepted("both lists, with different words, or neither")
                .next("docs/risk-evaluation.md shows one")
        })?;
        if !mapping.delimiter.is_ascii() || "\"\r\n".contains(mapping.delimiter) {
            return Err(Failure::new(format!("`{shown}`: `delimiter` is {:?}", mapping.delimiter))
                .accepted("one ASCII character, such as `;` or a tab, and no quote or line break"));
        }
        if mapping.derive.failure_rates && mapping.outcome.known_after_days == 0 {
            return Err(Failure::new(format!(
                "`{shown}`: `derive.failure_rates` would know outcomes too early"
            ))
            .accepted("`outcome.known_after_days`, from 1 on, beside it")
            .next("say after how many days an outcome is known, or take the rates out"));
        }
        Ok(mapping)
    }

    fn check_words(&self) -> Result<(), String> {
        let Outcome { failed, succeeded, .. } = &self.outcome;
        if failed.is_empty() != succeeded.is_empty() {
            return Err("`outcome.failed` and `outcome.succeeded` belong together".to_owned());
        }
        let both = failed.iter().find(|word| succeeded.iter().any(|other| other.eq_ignore_ascii_case(word)));
        both.map_or(Ok(()), |word| Err(format!("`{word}` is among the words of both outcomes")))
    }

    /// The shipped mapping whose columns a file has.
    pub(crate) fn for_header(header: &[String]) -> Option<Self> {
        let fitting = SHIPPED.iter().filter_map(|text| Self::parse(text).ok());
        let liked = fitting.map(|mapping| (mapping.likeness(header), mapping));
        liked
            .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
            .max_by(|one, other| one.0.total_cmp(&other.0))
            .map(|(_, mapping)| mapping)
    }

    /// What is computed besides.
    pub(crate) fn recipe(&self) -> Recipe {
        let Derive { failure_rates, idle_days, pairs, ranks, ratios } = self.derive.clone();
        Recipe { failure_rates, idle_days, pairs, ranks, ratios }
    }

    fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// The share of the columns that a file has; 0 without time or outcome.
    fn likeness(&self, header: &[String]) -> f64 {
        let has = |name: &String| header.contains(name);
        if !has(&self.time.column) || !has(&self.outcome.column) {
            return 0.0;
        }
        let facts = || self.columns.numbers.iter().chain(&self.columns.words);
        facts().filter(|name| has(name)).count() as f64 / facts().count().max(1) as f64
    }
}

fn comma() -> char {
    ','
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_mapping_is_read_and_taken_for_its_own_columns() {
        for text in SHIPPED {
            let mapping = Mapping::parse(text).unwrap();
            let Columns { numbers, words, .. } = &mapping.columns;
            let mut header = [numbers.clone(), words.clone()].concat();
            header.extend([mapping.time.column.clone(), mapping.outcome.column.clone(), "more".to_owned()]);
            assert_eq!(Mapping::for_header(&header), Some(mapping));
        }
    }

    #[test]
    fn a_file_without_an_outcome_has_no_mapping() {
        let header: Vec<String> = ["date", "la", "ld", "project"].map(str::to_owned).to_vec();
        assert_eq!(Mapping::for_header(&header), None);
    }
}
