//! What a review finds that the outcome of a change truly was.
//!
//! A change is closed as what was seen at the time: taken back, because a monitor fell; successful, because nothing did. A
//! review may find otherwise later. The closing outcome stays as it is, as what happened happened; what later changes are
//! judged by is what was found.

use jiff::Timestamp;

use super::kind::words;
use crate::id::ActorId;

words!(
    /// What a review finds that the outcome truly was, whatever the change was closed as.
    ReviewFinding, "finding", {
        /// The change did not fail: what it was taken back for, or what was blamed on it, was not its doing.
        Succeeded = "succeeded",
        /// The change failed: what it did harm to showed later.
        Failed = "failed",
    }
);

/// A finding that was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What was found.
    pub finding: ReviewFinding,
    /// By whom.
    pub by: ActorId,
    /// When. Nothing rests on it before.
    pub at: Timestamp,
}

impl ReviewFinding {
    /// Whether the change failed.
    pub fn is_failure(self) -> bool {
        match self {
            Self::Succeeded => false,
            Self::Failed => true,
        }
    }
}
