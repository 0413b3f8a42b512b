//! Reading JSON and YAML with limits, and errors that say where.

use serde::de::DeserializeOwned;

/// Largest accepted file, in bytes.
pub const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Deepest accepted nesting.
pub const DEPTH_MAX: usize = 64;

/// Why a text cannot be read as what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Not UTF-8.
    #[error("byte {at} is not valid UTF-8: save the text as UTF-8")]
    Encoding {
        /// Position of the first bad byte, from 0.
        at: usize,
    },
    /// Longer than the limit.
    #[error("{bytes} bytes are more than the {limit} accepted")]
    TooLarge {
        /// Length in bytes.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// Nested deeper than the limit.
    #[error("nested deeper than {DEPTH_MAX} levels at byte {at}")]
    TooDeep {
        /// Where the limit was passed.
        at: usize,
    },
    /// Syntax or form.
    #[error("`{field}`: {message}")]
    Form {
        /// Field path; `.` for the whole text.
        field: String,
        /// What is wrong, with line and column.
        message: String,
    },
}

/// Reads JSON.
///
/// # Errors
/// When the text is too long, too deep, not UTF-8, not JSON, or not of the expected form.
pub fn json<T: DeserializeOwned>(bytes: &[u8], limit: usize) -> Result<T, ReadError> {
    let text = checked_text(bytes, limit)?;
    check_depth(text)?;
    // Keeping track of where one is costs as much as reading: that is done once more, where something is wrong.
    serde_json::from_str(text).map_err(|error| {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
            Ok(_) => ReadError::Form { field: ".".to_owned(), message: error.to_string() },
            Err(error) => {
                ReadError::Form { field: error.path().to_string(), message: error.inner().to_string() }
            }
        }
    })
}

/// Reads YAML.
///
/// # Errors
/// When the text is too long, not UTF-8, not YAML, or not of the expected form.
pub fn yaml<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ReadError> {
    let text = checked_text(bytes, FILE_BYTES_MAX)?;
    serde_saphyr::from_str(text)
        .map_err(|error| ReadError::Form { field: ".".to_owned(), message: error.to_string() })
}

fn checked_text(bytes: &[u8], limit: usize) -> Result<&str, ReadError> {
    if bytes.len() > limit {
        return Err(ReadError::TooLarge { bytes: bytes.len(), limit });
    }
    std::str::from_utf8(bytes).map_err(|error| ReadError::Encoding { at: error.valid_up_to() })
}

/// Refuses deep nesting before anything is built from it.
fn check_depth(text: &str) -> Result<(), ReadError> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (true, b'"') => in_string = false,
            (true, _) => {}
            (false, b'"') => in_string = true,
            (false, b'{' | b'[') => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return Err(ReadError::TooDeep { at });
                }
            }
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            (false, _) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::ChangeRequest;

    fn check(text: &[u8], expected: &str) {
        let error = json::<ChangeRequest>(text, 4096).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn rubbish_is_named_with_its_place() {
        check(b"", "EOF while parsing");
        check(b"{\"title\": \"x\"", "EOF while parsing");
        check(b"\xff\xfe", "byte 0 is not valid UTF-8");
        check(b"[object Object]", "expected value at line 1 column 2");
        check(br#"{"title":"a","title":"b"}"#, "duplicate field `title`");
        check(br#"{"titel":"a"}"#, "unknown field `titel`");
        check(br#"{"title":7}"#, "`title`: invalid type: integer `7`, expected a string");
        let step = |step: &str| format!(r#"{{"implementation_plan":{{"steps":[{step}]}}}}"#).into_bytes();
        check(
            &step(r#"{"name":"a","runn":"b"}"#),
            "`implementation_plan.steps[0].runn`: unknown field `runn`",
        );
        check(
            &step(r#"{"name":"a","retries":300}"#),
            "`implementation_plan.steps[0].retries`: invalid value",
        );
        check(
            &step(r#"{"name":"a","http":{"url":7}}"#),
            "`implementation_plan.steps[0].http.url`: invalid type",
        );
        check(&step(r#"{"name":"a","env":{"A":"1","A":"2"}}"#), "duplicate field `A`");
        check(&step("7"), "expected a step: a text, or an object");
        check(&[b'['; 3000], "nested deeper than 64 levels");
        check(&[b' '; 5000], "more than the 4096 accepted");
        check(br#"{"type":"normal","category":"other","title":"x"} x"#, "trailing characters");
    }

    #[test]
    fn yaml_refuses_duplicate_and_unknown_keys() {
        let error = yaml::<crate::plan::RollbackPlan>(b"automated: true\nautomated: false\n").unwrap_err();
        assert!(error.to_string().contains("automated"), "{error}");
        let error = yaml::<crate::plan::RollbackPlan>(b"automatic: true\n").unwrap_err();
        assert!(error.to_string().contains("automatic"), "{error}");
    }
}
