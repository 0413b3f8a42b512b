//! The evidence of one change in one file: its entries, proofs that they are in the log, and the log's signed head.
//!
//! What a verified bundle shows: each entry is in the log that the key's owner signed, nothing in it was altered, and
//! no entry of the stated streams is missing up to the stated versions. What it cannot show: that nothing was added
//! to those streams after the versions it states.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::commitment::{PrivateText, UnsealError, unseal};
use crate::hash::{Hash, quoted};
use crate::note::{SignedNote, VerifyingKey};
use crate::proof::{InclusionProof, ProofError};

/// Longest bundle that is read, in bytes.
pub const BUNDLE_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Most entries in one bundle.
pub const ENTRIES_MAX: usize = 100_000;
/// A change's own stream is this followed by the change's id.
pub const CHANGE_STREAM_PREFIX: &str = "change/";

/// Everything needed to check what happened to one change, without access to the server that recorded it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceBundle {
    /// Which release of the format this is.
    pub format: BundleFormat,
    /// The change that the bundle is about.
    pub change_id: String,
    /// The signed head of the log that the proofs lead to.
    pub checkpoint: SignedNote,
    /// The key that signed the head. Believed only as far as the reader knows it from elsewhere.
    pub verifier_key: VerifyingKey,
    /// The streams that the bundle covers, and how far.
    pub streams: Vec<StreamHead>,
    /// The entries of those streams, by rising index.
    pub entries: Vec<BundleEntry>,
}

/// Releases of the bundle format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BundleFormat {
    /// The first one.
    #[serde(rename = "cortex-change/evidence-bundle/v1")]
    V1,
}

/// A stream and the version of its last entry in the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamHead {
    /// Name of the stream.
    pub stream: String,
    /// Version of the stream's last entry; the first one has version 1.
    pub version: u64,
}

/// One entry with the proof that it is in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleEntry {
    /// Index of the entry in the log.
    pub index: u64,
    /// The stored bytes: the sealed entry as RFC 8785 canonical JSON.
    pub leaf: String,
    /// The entry's texts that have not been erased.
    pub private: Vec<PrivateText>,
    /// Proof that the leaf is at the index in the checkpoint's log.
    pub proof: InclusionProof,
}

/// What a bundle shows, after every check.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedBundle {
    /// The change.
    pub change_id: String,
    /// The log's signed head.
    pub checkpoint: Checkpoint,
    /// Whether the reader's own key signed the head. When false, the bundle only agrees with itself: compare its
    /// verifier key with one from a source you trust.
    pub key_trusted: bool,
    /// The entries with their texts put back, by rising index.
    pub entries: Vec<VerifiedEntry>,
}

/// One entry of a verified bundle.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedEntry {
    /// Index of the entry in the log.
    pub index: u64,
    /// The stream it belongs to.
    pub stream: String,
    /// Its version within the stream.
    pub version: u64,
    /// The entry as it was recorded, erased texts marked.
    pub value: Value,
}

/// A bundle that does not show what it claims.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Too long to be read.
    #[error("bundle has {bytes} bytes: at most {BUNDLE_BYTES_MAX} are read")]
    TooLong {
        /// Length in bytes.
        bytes: usize,
    },
    /// Not a bundle.
    #[error("bundle is not JSON of the evidence bundle format")]
    Json(#[source] serde_json::Error),
    /// Signed by another key than the trusted one.
    #[error("bundle is signed by `{found}`, the trusted key is `{trusted}`")]
    OtherKey {
        /// The bundle's key.
        found: Box<VerifyingKey>,
        /// The reader's key.
        trusted: Box<VerifyingKey>,
    },
    /// The log's head does not verify.
    #[error("checkpoint of the bundle does not verify")]
    Checkpoint(#[source] CheckpointError),
    /// More entries than one bundle may have.
    #[error("bundle has {entries} entries: at most {ENTRIES_MAX} are accepted")]
    TooManyEntries {
        /// Number of entries.
        entries: usize,
    },
    /// A stream is stated twice.
    #[error("stream `{stream}` is stated twice")]
    StreamTwice {
        /// The stream.
        stream: String,
    },
    /// The change's own stream is not among the bundle's.
    #[error("bundle of change `{change_id}` does not cover the stream `{CHANGE_STREAM_PREFIX}{change_id}`")]
    ForeignChange {
        /// The change that the bundle claims to be about.
        change_id: String,
    },
    /// A stream ends before or after the version stated.
    #[error(
        "stream `{stream}` ends at version {found}, the bundle states {stated}: entries are missing at its end"
    )]
    StreamEnd {
        /// The stream.
        stream: String,
        /// The version that the bundle states.
        stated: u64,
        /// The version of the last entry; 0 when there is none.
        found: u64,
    },
    /// Something is wrong with one entry.
    #[error("entry {index} does not verify")]
    Entry {
        /// Index of the entry in the log.
        index: u64,
        /// What is wrong.
        #[source]
        fault: EntryFault,
    },
}

/// What can be wrong with one entry of a bundle.
#[derive(Debug, thiserror::Error)]
pub enum EntryFault {
    /// Entries are not in log order.
    #[error("it stands after entry {previous}: entries are listed by rising index")]
    Order {
        /// Index of the entry before it.
        previous: u64,
    },
    /// The leaf is not at its index in the log.
    #[error("its bytes are not at its index in the signed log")]
    Proof(#[source] ProofError),
    /// The leaf is not JSON.
    #[error("its bytes are not JSON")]
    NotJson(#[source] serde_json::Error),
    /// The leaf can be read in more than one way.
    #[error("its bytes are not canonical JSON, so that two readers could read them differently")]
    NotCanonical,
    /// The leaf does not say where it belongs.
    #[error("it has no text `stream` and positive whole number `version`")]
    NoPlace,
    /// The entry belongs to a stream that the bundle does not state.
    #[error("its stream `{stream}` is not among those that the bundle states")]
    OtherStream {
        /// The entry's stream.
        stream: String,
    },
    /// An entry is missing before this one, or this one is here twice.
    #[error("it has version {found} of stream `{stream}` where version {expected} is next")]
    Version {
        /// The entry's stream.
        stream: String,
        /// The version that comes next in the stream.
        expected: u64,
        /// The entry's version.
        found: u64,
    },
    /// A text does not belong to the entry.
    #[error("its texts do not belong to it")]
    Text(#[source] UnsealError),
}

impl EvidenceBundle {
    /// Reads a bundle.
    ///
    /// # Errors
    /// When the bytes are too many or not of the bundle's format.
    pub fn from_json(json: &[u8]) -> Result<Self, BundleError> {
        if json.len() > BUNDLE_BYTES_MAX {
            return Err(BundleError::TooLong { bytes: json.len() });
        }
        serde_json::from_slice(json).map_err(BundleError::Json)
    }

    /// Writes the bundle, laid out for people.
    ///
    /// # Errors
    /// When the bundle is longer than what [`EvidenceBundle::from_json`] reads.
    pub fn to_json(&self) -> Result<String, BundleError> {
        let json = serde_json::to_string_pretty(self).map_err(BundleError::Json)?;
        if json.len() > BUNDLE_BYTES_MAX {
            return Err(BundleError::TooLong { bytes: json.len() });
        }
        Ok(json)
    }

    /// Checks everything that the bundle claims. `trusted_key` is the log's key from a source that the reader trusts.
    ///
    /// # Errors
    /// The first claim that does not hold, with the entry it is about.
    pub fn verify(&self, trusted_key: Option<&VerifyingKey>) -> Result<VerifiedBundle, BundleError> {
        let key = trusted_key.unwrap_or(&self.verifier_key);
        if *key != self.verifier_key {
            let (found, trusted) = (Box::new(self.verifier_key.clone()), Box::new(key.clone()));
            return Err(BundleError::OtherKey { found, trusted });
        }
        let checkpoint = key.verify(&self.checkpoint).map_err(BundleError::Checkpoint)?;
        if self.entries.len() > ENTRIES_MAX {
            return Err(BundleError::TooManyEntries { entries: self.entries.len() });
        }
        let mut versions = self.stated_streams()?;
        let mut entries: Vec<VerifiedEntry> = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            let previous = entries.last().map(|entry| entry.index);
            let verified = entry
                .verify(previous, &checkpoint, &mut versions)
                .map_err(|fault| BundleError::Entry { index: entry.index, fault })?;
            entries.push(verified);
        }
        for StreamHead { stream, version } in &self.streams {
            let found = versions.get(stream.as_str()).copied().unwrap_or(0);
            if found != *version {
                return Err(BundleError::StreamEnd { stream: quoted(stream), stated: *version, found });
            }
        }
        Ok(VerifiedBundle {
            change_id: self.change_id.clone(),
            checkpoint,
            key_trusted: trusted_key.is_some(),
            entries,
        })
    }

    /// The stated streams, each at version 0: none of its entries has been met yet.
    fn stated_streams(&self) -> Result<BTreeMap<&str, u64>, BundleError> {
        let mut versions = BTreeMap::new();
        for StreamHead { stream, version: _ } in &self.streams {
            if versions.insert(stream.as_str(), 0).is_some() {
                return Err(BundleError::StreamTwice { stream: quoted(stream) });
            }
        }
        if !versions.contains_key(format!("{CHANGE_STREAM_PREFIX}{}", self.change_id).as_str()) {
            return Err(BundleError::ForeignChange { change_id: quoted(&self.change_id) });
        }
        Ok(versions)
    }
}

impl BundleEntry {
    /// Checks one entry and moves its stream on to the entry's version.
    fn verify(
        &self,
        previous: Option<u64>,
        checkpoint: &Checkpoint,
        versions: &mut BTreeMap<&str, u64>,
    ) -> Result<VerifiedEntry, EntryFault> {
        if let Some(previous) = previous.filter(|previous| *previous >= self.index) {
            return Err(EntryFault::Order { previous });
        }
        let leaf_hash = Hash::leaf(self.leaf.as_bytes());
        self.proof.verify(leaf_hash, self.index, checkpoint.head()).map_err(EntryFault::Proof)?;
        let public: Value = serde_json::from_str(&self.leaf).map_err(EntryFault::NotJson)?;
        if serde_json_canonicalizer::to_string(&public).ok().as_ref() != Some(&self.leaf) {
            return Err(EntryFault::NotCanonical);
        }
        let (stream, version) = place(&public).ok_or(EntryFault::NoPlace)?;
        let Some(head) = versions.get_mut(stream.as_str()) else {
            return Err(EntryFault::OtherStream { stream: quoted(&stream) });
        };
        if version != *head + 1 {
            return Err(EntryFault::Version { stream: quoted(&stream), expected: *head + 1, found: version });
        }
        *head = version;
        let value = unseal(public, self.private.clone()).map_err(EntryFault::Text)?;
        Ok(VerifiedEntry { index: self.index, stream, version, value })
    }
}

/// The stream and version that an entry says it has.
fn place(entry: &Value) -> Option<(String, u64)> {
    let stream = entry.get("stream")?.as_str()?;
    let version = entry.get("version")?.as_u64().filter(|version| *version > 0)?;
    Some((stream.to_owned(), version))
}
