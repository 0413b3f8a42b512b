//! `flag`: switches a feature flag, in a file that a flag service reads or by a request to one.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::plan::definition::{Capture, HttpRequest};
use crate::plan::validate::{Field, PlanError, quoted};

/// Longest name of a flag or a variant, in bytes.
const NAME_BYTES_MAX: usize = 256;
/// Longest expected value, in bytes.
const EXPECTED_BYTES_MAX: usize = 4 * 1024;

/// Switches a feature flag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "in", rename_all = "snake_case", deny_unknown_fields)]
pub enum Flag {
    /// In a file of flag definitions as flagd reads it, JSON or YAML. Everything else in it stays as it is.
    File {
        /// Path, relative to the runner's working folder or absolute.
        path: String,
        /// The flag.
        flag: String,
        /// Whether it is evaluated at all; as it is when absent.
        enabled: Option<bool>,
        /// The variant that is given by default; as it is when absent.
        variant: Option<String>,
    },
    /// By a request to a service, which is then asked whether it is so.
    Service {
        /// Switches it.
        set: Box<HttpRequest>,
        /// Asks for it.
        read: Box<ReadBack>,
        /// What the answer must say afterwards.
        expected: String,
    },
}

/// A value in the JSON that a service answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadBack {
    /// Asks for it.
    pub request: HttpRequest,
    /// Where the value stands, as a JSON pointer; the whole answer when empty.
    pub pointer: String,
}

impl Flag {
    pub(super) fn touches(&self) -> Capture {
        match self {
            Self::File { path, .. } => Capture::File { path: path.clone() },
            Self::Service { read, .. } => Capture::Answer { read: ReadBack::clone(read) },
        }
    }

    pub(in crate::plan) fn validate(&self, field: &Field<'_>) -> Result<(), PlanError> {
        match self {
            Self::File { path, flag, enabled, variant } => {
                field.at("path").path(path)?;
                field.at("flag").text(flag, NAME_BYTES_MAX)?;
                if enabled.is_none() && variant.is_none() {
                    return Err(field.refuse("without `enabled` and `variant`", "at least one of them"));
                }
                variant.iter().try_for_each(|variant| field.at("variant").text(variant, NAME_BYTES_MAX))
            }
            Self::Service { set, read, expected } => {
                set.validate(&field.at("set"))?;
                read.validate(&field.at("read"))?;
                field.at("expected").bytes(expected, EXPECTED_BYTES_MAX)
            }
        }
    }
}

impl ReadBack {
    pub(in crate::plan) fn validate(&self, field: &Field<'_>) -> Result<(), PlanError> {
        self.request.validate(field)?;
        let pointer = field.at("pointer");
        if !self.pointer.is_empty() && !self.pointer.starts_with('/') {
            return Err(pointer.refuse(quoted(&self.pointer), "a JSON pointer such as `/flag/enabled`"));
        }
        pointer.bytes(&self.pointer, NAME_BYTES_MAX)
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, flag, enabled, variant } => {
                write!(f, "{flag} in {path}:")?;
                let state = enabled.map(|enabled| if enabled { " enabled" } else { " disabled" });
                f.write_str(state.unwrap_or_default())?;
                variant.iter().try_for_each(|variant| write!(f, " variant {variant}"))
            }
            Self::Service { set, expected, .. } => {
                write!(f, "{} {}, then {expected}", set.method, set.url)
            }
        }
    }
}
