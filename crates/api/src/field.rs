//! An error that names the field.

use std::fmt;

/// A value that does not have the accepted form, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Field path, such as `implementation_plan.steps[2].timeout`.
    pub field: String,
    /// What is wrong and what is accepted.
    pub message: String,
}

impl FieldError {
    /// Names the field and what is wrong with it.
    pub fn new(field: impl Into<String>, message: impl fmt::Display) -> Self {
        Self { field: field.into(), message: message.to_string() }
    }

    /// Puts the field below another one.
    #[must_use]
    pub fn under(mut self, parent: &str) -> Self {
        let dot = if self.field.starts_with('[') || self.field.is_empty() { "" } else { "." };
        self.field = format!("{parent}{dot}{}", self.field);
        self
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.field, self.message)
    }
}

impl std::error::Error for FieldError {}

/// Parses an optional text into a domain value, naming the field on error.
pub(crate) fn parse<T>(field: &str, text: &str) -> Result<T, FieldError>
where
    T: std::str::FromStr,
    T::Err: fmt::Display,
{
    text.parse().map_err(|error| FieldError::new(field, error))
}

/// Parses an optional text into an optional domain value, naming the field on error.
pub(crate) fn parse_optional<T>(field: &str, text: Option<&str>) -> Result<Option<T>, FieldError>
where
    T: std::str::FromStr,
    T::Err: fmt::Display,
{
    text.map(|text| parse(field, text)).transpose()
}
