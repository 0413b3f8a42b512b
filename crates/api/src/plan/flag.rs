//! The `flag` step as users write it.

use domain::plan;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Http;
use super::convert::exactly_one;
use crate::field::FieldError;

/// A feature flag: in a `file`, or by a `service`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Flag {
    /// A file of flag definitions as flagd reads it, JSON or YAML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The flag in the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether it is evaluated at all; as it is when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// The variant that is given by default; as it is when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// A service that is asked to switch it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<FlagService>,
}

/// A request that switches a flag, and one that tells whether it is so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FlagService {
    /// Switches it.
    pub set: Http,
    /// Asks for it.
    pub read: Http,
    /// Where the answer says it, as a JSON pointer; the whole answer when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// What it must say: a text as it is, anything else as JSON.
    pub expected: String,
}

impl Flag {
    pub(super) fn to_domain(&self) -> Result<plan::Flag, FieldError> {
        exactly_one(
            "file and service",
            vec![
                self.file.as_ref().map(|path| self.in_file(path)),
                self.service.as_ref().map(|service| match self {
                    Self { name: None, enabled: None, variant: None, .. } => service.to_domain(),
                    Self { .. } => {
                        Err(FieldError::new("", "`name`, `enabled` and `variant` belong to a `file`"))
                    }
                }),
            ],
        )
        .map_err(|error| error.under("flag"))
    }

    fn in_file(&self, path: &str) -> Result<plan::Flag, FieldError> {
        let flag =
            self.name.clone().ok_or_else(|| FieldError::new("name", "expected the name of the flag"))?;
        let (enabled, variant) = (self.enabled, self.variant.clone());
        Ok(plan::Flag::File { path: path.to_owned(), flag, enabled, variant })
    }

    pub(super) fn from_domain(flag: &plan::Flag) -> Self {
        match flag {
            plan::Flag::File { path, flag, enabled, variant } => Self {
                file: Some(path.clone()),
                name: Some(flag.clone()),
                enabled: *enabled,
                variant: variant.clone(),
                service: None,
            },
            plan::Flag::Service { set, read, expected } => {
                let service = FlagService {
                    set: Http::from_domain(set),
                    read: Http::from_domain(&read.request),
                    at: (!read.pointer.is_empty()).then(|| read.pointer.clone()),
                    expected: expected.clone(),
                };
                Self { service: Some(service), ..Self::default() }
            }
        }
    }
}

impl FlagService {
    fn to_domain(&self) -> Result<plan::Flag, FieldError> {
        let pointer = self.at.clone().unwrap_or_default();
        let read = Box::new(plan::ReadBack { request: self.read.to_domain()?, pointer });
        let set = Box::new(self.set.to_domain()?);
        Ok(plan::Flag::Service { set, read, expected: self.expected.clone() })
    }
}
