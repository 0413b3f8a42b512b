//! Conditions that approvers set: gates to be met before the start, not part of what was approved.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::canonical::Digest;
use crate::id::ActorId;
use crate::text::FreeText;

/// A condition, and how it was met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// What must be so before the start.
    pub text: FreeText,
    /// The approver who set it.
    pub set_by: ActorId,
    /// How it was met; absent while it is not.
    pub met: Option<Met>,
}

/// How a condition was met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Met {
    /// Who said so.
    pub by: ActorId,
    /// When.
    pub at: Timestamp,
    /// What shows it.
    pub evidence: FreeText,
    /// Where it can be looked at.
    pub proof: Option<Proof>,
}

/// Where evidence can be looked at, besides being told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Proof {
    /// On a page.
    Link {
        /// Its address, which begins with `https://` or `http://`.
        url: FreeText,
    },
    /// In a file that somebody keeps.
    File {
        /// SHA-256 of its bytes.
        sha256: Digest,
    },
}

impl Proof {
    /// A link.
    ///
    /// # Errors
    /// When the address has another scheme, or is no text.
    pub fn link(url: &str) -> Result<Self, InvalidLink> {
        let is_web = ["https://", "http://"].iter().any(|scheme| url.starts_with(scheme));
        let is_one_word = !url.chars().any(|c| c.is_whitespace() || c.is_control());
        match FreeText::new(url) {
            Ok(url) if is_web && is_one_word => Ok(Self::Link { url }),
            Ok(_) | Err(_) => Err(InvalidLink(url.chars().take(80).filter(|c| !c.is_control()).collect())),
        }
    }
}

/// A text that is not the address of a page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the address of a page: expected one that begins with https:// or http://")]
pub struct InvalidLink(String);
