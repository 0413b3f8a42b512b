//! The secret that says who we are.

use std::fmt;

use reqwest::header::HeaderValue;

use crate::ClientError;

/// How every token begins.
const PREFIX: &str = "cct_";
/// Longest token, in bytes.
const TOKEN_BYTES_MAX: usize = 512;

/// A bearer token. Shown nowhere.
#[derive(Clone)]
pub(crate) struct Token {
    text: String,
    header: HeaderValue,
}

impl Token {
    pub(crate) fn parse(text: &str) -> Result<Self, ClientError> {
        let refuse = |problem| Err(ClientError::Token { problem });
        if text.is_empty() {
            return refuse("is empty");
        }
        if !text.starts_with(PREFIX) {
            return refuse("does not begin with `cct_`");
        }
        if text.len() > TOKEN_BYTES_MAX {
            return refuse("is too long");
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return refuse("contains blanks or characters that no token has");
        }
        let Ok(mut header) = HeaderValue::from_str(&format!("Bearer {text}")) else {
            return refuse("cannot be sent in a header");
        };
        header.set_sensitive(true);
        Ok(Self { text: text.to_owned(), header })
    }

    pub(crate) fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    /// The text without this token, for excerpts of answers that may repeat what was sent.
    pub(crate) fn mask(&self, text: &str) -> String {
        text.replace(&self.text, "***")
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}
