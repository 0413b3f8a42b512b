//! Free text and personal identifiers, which a person may later ask to have erased.
//!
//! In a stored event such a value is written as `{"$text": "…"}`. The store replaces it by a salted commitment before
//! the bytes enter the log and keeps text and salt beside it, so that erasing the text leaves the log verifiable.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize};

use crate::id::ActorName;

/// Longest accepted free text, in bytes.
pub const TEXT_BYTES_MAX: usize = 16 * 1024;
/// Longest accepted title, in bytes.
pub const TITLE_BYTES_MAX: usize = 256;

/// The only key of an object that stands for a free text in an event.
pub const TEXT_KEY: &str = "$text";
/// The only key of an object that stands for an erased text in an event that was read.
pub const ERASED_KEY: &str = "$erased";
/// What readers find where a text was erased.
pub const ERASED: &str = "[erased]";

/// A text that is too long, empty where it may not be, or carries characters that no reader should meet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// Longer than the limit.
    #[error("text is {bytes} bytes long: at most {limit} are accepted; shorten it or link to it")]
    TooLong {
        /// Length of the given text in bytes.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// Nothing but blanks.
    #[error("text is empty: write at least one word")]
    Empty,
    /// More than one line where one is accepted.
    #[error("text has several lines: expected one")]
    SeveralLines,
    /// A control character other than tab and line feed.
    #[error("text contains the control character U+{code:04X}: only tab and line feed are accepted")]
    Control {
        /// The Unicode code point found.
        code: u32,
    },
    /// Marked as erased by somebody else than the store.
    #[error("text is marked as erased: write the text itself, or leave it out")]
    Erased,
}

/// Free text or a personal identifier: present, or erased with its commitment left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreeText(Content);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Present(String),
    Erased(String),
}

impl FreeText {
    /// Checks and wraps a text of at most [`TEXT_BYTES_MAX`] bytes. Carriage returns before line feeds are dropped.
    ///
    /// # Errors
    /// When the text is empty, too long or carries control characters.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidText> {
        Self::within(text.into(), TEXT_BYTES_MAX)
    }

    /// Checks and wraps a one-line title of at most [`TITLE_BYTES_MAX`] bytes.
    ///
    /// # Errors
    /// When the title is empty, too long, has several lines or carries control characters.
    pub fn title(text: impl Into<String>) -> Result<Self, InvalidText> {
        let text = text.into();
        if text.contains('\n') {
            return Err(InvalidText::SeveralLines);
        }
        Self::within(text, TITLE_BYTES_MAX)
    }

    /// Wraps output of a program: control characters are replaced, the middle is cut when it is longer than `limit` bytes.
    pub fn excerpt(text: &str, limit: usize) -> Self {
        let clean: String = text
            .chars()
            .map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{FFFD}' } else { c })
            .collect();
        if clean.len() <= limit {
            return Self(Content::Present(clean));
        }
        let (head, rest) = clean.split_at(clean.floor_char_boundary(limit / 2));
        let (middle, tail) = rest.split_at(rest.ceil_char_boundary(rest.len() - limit / 2));
        let text = format!("{head}\n[… {} bytes cut …]\n{tail}", middle.len());
        Self(Content::Present(text))
    }

    /// Checks and wraps a text of at most `limit` bytes.
    pub(crate) fn within(text: String, limit: usize) -> Result<Self, InvalidText> {
        let text = if text.contains("\r\n") { text.replace("\r\n", "\n") } else { text };
        if text.len() > limit {
            return Err(InvalidText::TooLong { bytes: text.len(), limit });
        }
        if text.trim().is_empty() {
            return Err(InvalidText::Empty);
        }
        refuse_control(&text)?;
        Ok(Self(Content::Present(text)))
    }

    /// Checks a text that came from outside in its stored form, as a part of something larger.
    ///
    /// # Errors
    /// When the text is marked as erased or carries control characters.
    pub fn check_foreign(&self) -> Result<(), InvalidText> {
        match &self.0 {
            Content::Present(text) => refuse_control(text),
            Content::Erased(_) => Err(InvalidText::Erased),
        }
    }

    /// The text, or `[erased]` where it has been erased.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Content::Present(text) => text,
            Content::Erased(_) => ERASED,
        }
    }

    /// Whether the text has been erased.
    pub fn is_erased(&self) -> bool {
        matches!(self.0, Content::Erased(_))
    }
}

fn refuse_control(text: &str) -> Result<(), InvalidText> {
    match text.chars().find(|c| c.is_control() && *c != '\n' && *c != '\t') {
        Some(c) => Err(InvalidText::Control { code: u32::from(c) }),
        None => Ok(()),
    }
}

impl From<ActorName> for FreeText {
    /// A name is short, is not empty and carries no control characters.
    fn from(name: ActorName) -> Self {
        Self(Content::Present(name.into()))
    }
}

impl fmt::Display for FreeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for FreeText {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match &self.0 {
            Content::Present(text) => map.serialize_entry(TEXT_KEY, text)?,
            Content::Erased(commitment) => map.serialize_entry(ERASED_KEY, commitment)?,
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for FreeText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = FreeText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "an object with the single key `{TEXT_KEY}` or `{ERASED_KEY}`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<FreeText, A::Error> {
                use serde::de::Error;
                let Some((key, value)) = map.next_entry::<String, String>()? else {
                    return Err(A::Error::custom("expected one key"));
                };
                let content = match key.as_str() {
                    TEXT_KEY => Content::Present(value),
                    ERASED_KEY => Content::Erased(value),
                    other => return Err(A::Error::unknown_field(other, &[TEXT_KEY, ERASED_KEY])),
                };
                if map.next_key::<String>()?.is_some() {
                    return Err(A::Error::custom("expected one key"));
                }
                Ok(FreeText(content))
            }
        }
        deserializer.deserialize_map(TextVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_text_is_marked_in_stored_form_and_reads_back() {
        let text = FreeText::new("restart the worker").unwrap();
        let stored = serde_json::to_string(&text).unwrap();
        assert_eq!(stored, r#"{"$text":"restart the worker"}"#);
        assert_eq!(serde_json::from_str::<FreeText>(&stored).unwrap(), text);
        let erased: FreeText = serde_json::from_str(r#"{"$erased":"ab"}"#).unwrap();
        assert!(erased.is_erased());
        assert_eq!(erased.as_str(), "[erased]");
    }

    #[test]
    fn control_characters_blanks_and_excess_are_refused() {
        assert_eq!(FreeText::new("  \n"), Err(InvalidText::Empty));
        assert_eq!(FreeText::new("a\u{1b}[31m"), Err(InvalidText::Control { code: 0x1b }));
        assert!(FreeText::new("x".repeat(TEXT_BYTES_MAX + 1)).is_err());
        assert_eq!(FreeText::title("two\nlines"), Err(InvalidText::SeveralLines));
        assert_eq!(FreeText::new("a\r\nb").unwrap().as_str(), "a\nb");
    }

    #[test]
    fn a_text_in_stored_form_is_accepted_from_outside_only_as_it_could_have_been_written() {
        let foreign = |stored: &str| serde_json::from_str::<FreeText>(stored).unwrap().check_foreign();
        assert_eq!(foreign(r#"{"$text":"two\nlines"}"#), Ok(()));
        assert_eq!(foreign(r#"{"$text":"\u001b[31m"}"#), Err(InvalidText::Control { code: 0x1b }));
        assert_eq!(foreign(r#"{"$erased":"ab"}"#), Err(InvalidText::Erased));
        assert_eq!(FreeText::excerpt("\u{1b}[31m", 10).check_foreign(), Ok(()));
    }

    #[test]
    fn an_excerpt_keeps_both_ends_and_stays_valid_text() {
        let long = "é".repeat(1000);
        let excerpt = FreeText::excerpt(&long, 101);
        assert!(excerpt.as_str().starts_with('é') && excerpt.as_str().ends_with('é'));
        assert!(excerpt.as_str().contains("bytes cut"));
        assert_eq!(FreeText::excerpt("ok\u{7}", 10).as_str(), "ok\u{FFFD}");
    }
}
