//! What happens when history is imported.

use serde::{Deserialize, Serialize};

use super::{ExternalId, PastChange, RequesterKey, SourceSystem};
use crate::text::FreeText;

/// One fact about imported history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", deny_unknown_fields)]
pub enum HistoryEvent {
    /// A system is imported from for the first time. In the stream `history/<system>`.
    #[serde(rename = "history.source_added")]
    SourceAdded {
        /// The system.
        source: SourceSystem,
        /// Makes the keys of its requesters. It lies beside the log like a free text, so that no key can be traced back
        /// once it is erased.
        salt: FreeText,
    },
    /// A past change was imported, or its record was altered there since. In the stream `imported/<system>/<id>`.
    #[serde(rename = "history.imported")]
    Imported {
        /// The system.
        source: SourceSystem,
        /// What that system calls it.
        external_id: ExternalId,
        /// Stands for its requester.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        requester_key: Option<RequesterKey>,
        /// The change.
        change: Box<PastChange>,
    },
}
