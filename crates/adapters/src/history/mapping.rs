//! What the columns and words of an export mean:
//!
//! ```toml
//! delimiter = ";"                     # between cells; a comma when left out
//! separator = ","                     # between the values of a list in one cell; `;` when left out
//! agents = ["deploy-bot"]             # names and addresses that are agents; those that end in `[bot]` always are
//!
//! [columns]                           # fact = "column"; without this table columns are named as facts
//! id = "number"
//! closed_at = "finished"
//! outcome = "result"
//!
//! [always]                            # for changes that say nothing themselves
//! type = "normal"
//! services = ["cart"]
//!
//! [words.outcome]                     # what the export's words mean; others must be ours; "*" stands for all others
//! "1" = "failed"
//! "0" = "successful"
//! "pending" = "open"                  # has not ended: left out
//! [words.services]
//! "n/a" = ""                          # says nothing; also for configuration items
//!
//! [times]
//! form = "epoch_seconds"              # or `epoch_millis`, `rfc3339`, or a pattern such as `%d.%m.%Y %H:%M`
//! zone = "Europe/Vienna"              # of patterns without an offset; UTC when left out
//! outcome_known_after = "7d"          # how long after its end a change may still turn out to have failed
//!
//! [paths]                             # files that begin so belong to this service
//! "apps/cart/" = "cart"
//! ```

use std::collections::{BTreeMap, BTreeSet};

use domain::duration::{InvalidDuration, parse_duration_seconds};
use domain::id::ServiceName;
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::field::Field;
use super::reading::Dictionary;
use super::time::TimeForm;

/// Most bytes of a mapping.
const MAPPING_BYTES_MAX: usize = 1024 * 1024;

/// What the columns and words of an export mean, and what holds for all its changes. Nothing by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping {
    pub(super) delimiter: Option<u8>,
    pub(super) separator: Option<String>,
    pub(super) agents: BTreeSet<String>,
    pub(super) columns: BTreeMap<Field, String>,
    pub(super) always: BTreeMap<Field, Vec<String>>,
    pub(super) words: Words,
    pub(super) times: Option<TimeForm>,
    pub(super) zone: Option<TimeZone>,
    pub(super) waiting: Option<SignedDuration>,
    /// Longer beginnings first.
    pub(super) paths: Vec<(String, ServiceName)>,
}

/// What words mean, for each fact that is a word.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) outcome: Dictionary,
    pub(super) change_type: Dictionary,
    pub(super) category: Dictionary,
    pub(super) by: Dictionary,
    pub(super) services: Dictionary,
    pub(super) cis: Dictionary,
}

/// Why a mapping cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    /// Not a mapping in TOML.
    #[error("`{file}` is not a mapping; correct the place that is named")]
    Toml {
        /// The file.
        file: String,
        /// What is wrong, with its line.
        source: Box<toml::de::Error>,
    },
    /// Larger than a mapping can be.
    #[error("`{file}` has more than {MAPPING_BYTES_MAX} bytes: expected a mapping in TOML")]
    TooLarge {
        /// The file.
        file: String,
    },
    /// A delimiter that is not one byte.
    #[error("`{file}`, `delimiter`: `{given}` is not one ASCII character")]
    Delimiter {
        /// The file.
        file: String,
        /// The delimiter.
        given: char,
    },
    /// A separator of lists that separates nothing.
    #[error("`{file}`, `separator`: expected at least one character, such as `;`")]
    Separator {
        /// The file.
        file: String,
    },
    /// A form of times that is not known.
    #[error(
        "`{file}`, `times.form`: `{given}` is not a form of times: expected rfc3339, epoch_seconds, epoch_millis, or a pattern such as `%Y-%m-%d %H:%M`"
    )]
    TimeForm {
        /// The file.
        file: String,
        /// The form.
        given: String,
    },
    /// A time zone that is not known.
    #[error(
        "`{file}`, `times.zone`: `{given}` is not a time zone: expected a name such as `Europe/Vienna` or `UTC`"
    )]
    Zone {
        /// The file.
        file: String,
        /// The zone.
        given: String,
    },
    /// A waiting period that is no duration.
    #[error("`{file}`, `times.outcome_known_after`")]
    Waiting {
        /// The file.
        file: String,
        /// What is wrong with it.
        source: InvalidDuration,
    },
}

/// The file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    delimiter: Option<char>,
    separator: Option<String>,
    agents: BTreeSet<String>,
    columns: BTreeMap<Field, String>,
    always: BTreeMap<Field, OneOrMore>,
    words: WrittenWords,
    times: WrittenTimes,
    paths: BTreeMap<String, ServiceName>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a text or a list of texts")]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenWords {
    outcome: BTreeMap<String, String>,
    #[serde(rename = "type")]
    change_type: BTreeMap<String, String>,
    category: BTreeMap<String, String>,
    by: BTreeMap<String, String>,
    services: BTreeMap<String, String>,
    cis: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenTimes {
    form: Option<String>,
    zone: Option<String>,
    outcome_known_after: Option<String>,
}

impl Mapping {
    /// Reads a mapping in TOML; `file` is named in errors.
    ///
    /// # Errors
    /// When it is not one, with the place.
    pub fn parse(text: &str, file: &str) -> Result<Self, MappingError> {
        let named = || file.to_owned();
        if text.len() > MAPPING_BYTES_MAX {
            return Err(MappingError::TooLarge { file: named() });
        }
        let written: Written = toml::from_str(text)
            .map_err(|source| MappingError::Toml { file: named(), source: Box::new(source) })?;
        let Written { delimiter, separator, agents, columns, always, words, times, paths } = written;
        let delimiter = delimiter.map(|given| {
            u8::try_from(given)
                .ok()
                .filter(u8::is_ascii)
                .ok_or_else(|| MappingError::Delimiter { file: named(), given })
        });
        if separator.as_ref().is_some_and(String::is_empty) {
            return Err(MappingError::Separator { file: named() });
        }
        let form = times.form.map(|given| {
            TimeForm::parse(&given).ok_or_else(|| MappingError::TimeForm { file: named(), given })
        });
        let zone = times
            .zone
            .map(|given| TimeZone::get(&given).map_err(|_| MappingError::Zone { file: named(), given }));
        let waiting = times.outcome_known_after.map(|given| {
            let seconds = parse_duration_seconds(&given)
                .map_err(|source| MappingError::Waiting { file: named(), source })?;
            Ok(SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX)))
        });
        let mut paths: Vec<_> = paths.into_iter().collect();
        paths.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        Ok(Self {
            delimiter: delimiter.transpose()?,
            separator,
            agents: agents.into_iter().map(|name| name.to_lowercase()).collect(),
            columns,
            always: always.into_iter().map(|(field, values)| (field, values.into())).collect(),
            words: words.into(),
            times: form.transpose()?,
            zone: zone.transpose()?,
            waiting: waiting.transpose()?,
            paths,
        })
    }
}

impl From<OneOrMore> for Vec<String> {
    fn from(values: OneOrMore) -> Self {
        match values {
            OneOrMore::One(value) => vec![value],
            OneOrMore::More(values) => values,
        }
    }
}

impl From<WrittenWords> for Words {
    fn from(written: WrittenWords) -> Self {
        let read = |words: BTreeMap<String, String>| {
            Dictionary(words.into_iter().map(|(word, meaning)| (word.to_lowercase(), meaning)).collect())
        };
        let WrittenWords { outcome, change_type, category, by, services, cis } = written;
        Self {
            outcome: read(outcome),
            change_type: read(change_type),
            category: read(category),
            by: read(by),
            services: read(services),
            cis: read(cis),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, says: &[&str]) {
        let error = Mapping::parse(text, "map.toml").unwrap_err();
        let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        let told = format!("{error}: {source}");
        assert!(says.iter().all(|part| told.contains(part)), "{told}");
    }

    #[test]
    fn a_mapping_that_does_not_fit_is_refused_with_the_place() {
        refused("[columns]\nnumber = \"id\"\n", &["map.toml", "line 2", "number", "outcome_known_at"]);
        refused("[column]\nid = \"number\"\n", &["line 1", "column"]);
        refused("[always]\ntype = 3\n", &["line 2", "a text or a list"]);
        refused("[paths]\n\"a/\" = \"not a name\"\n", &["line 2", "service name"]);
        refused("delimiter = \"é\"", &["delimiter", "ASCII"]);
        refused("separator = \"\"", &["separator", "at least one"]);
        refused("[times]\nform = \"iso\"", &["times.form", "`iso`", "epoch_seconds"]);
        refused("[times]\nzone = \"Vienna\"", &["times.zone", "Europe/Vienna"]);
        refused("[times]\noutcome_known_after = \"a week\"", &["outcome_known_after", "15m"]);
    }

    #[test]
    fn longer_beginnings_of_paths_go_first() {
        let mapping =
            Mapping::parse("[paths]\n\"apps/\" = \"platform\"\n\"apps/cart/\" = \"cart\"\n", "m").unwrap();
        let services: Vec<_> = mapping.paths.iter().map(|(_, service)| service.as_str()).collect();
        assert_eq!(services, ["cart", "platform"]);
    }
}
