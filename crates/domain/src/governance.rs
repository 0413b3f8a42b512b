//! Which policies were in force when: one event for every set that a server put in force.
//!
//! What a policy says and how it is decided lies in `policy`; here is what the log says of it.

use serde::{Deserialize, Serialize};

use crate::canonical::Digest;
use crate::change::kind::words;

words!(
    /// Why a set of policies came into force.
    PutInForceBy, "cause", {
        /// A server was started with it.
        Start = "start",
        /// The folder of policies changed while the server ran.
        FolderChange = "folder_change",
    }
);

/// A file that adds to what ships.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddedFile {
    /// Its name in the folder.
    pub name: String,
    /// Digest of its text, under which the text is kept.
    pub digest: Digest,
}

/// A set of policies, as the log names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedSet {
    /// Digest of everything in it.
    pub digest: Digest,
    /// Digest of what shipped with the program.
    pub core: Digest,
    /// What the folder added, in order of the names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<AddedFile>,
}

/// One fact in the stream `policies`. The version of its entry is the number by which decisions name the set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", deny_unknown_fields)]
pub enum PolicyEvent {
    /// A server decides by this set from now on.
    #[serde(rename = "policies.in_force")]
    InForce {
        /// Which one.
        set: NamedSet,
        /// Why.
        by: PutInForceBy,
    },
}
