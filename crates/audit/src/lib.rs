//! The tamper-evident log: what it takes to write one, prove things from it and verify it.
//!
//! Knows: the RFC 6962 Merkle tree over stored entries, C2SP tiles, signed checkpoints, inclusion and consistency
//! proofs, salted commitments for text that may later be erased, evidence bundles that verify offline, and the
//! verification of a whole log. Never does: input or output, reading a clock, choosing a salt or a key; those arrive
//! as data. It does not know what a change is: an entry is bytes with a `stream` and a `version`.
//!
//! Life of an entry: [`seal`] moves its free text beside it, the caller writes the rest as canonical JSON (the
//! *leaf*), [`Hash::leaf`] hashes it, [`Frontier::append`] grows the tree, and [`SigningKey::sign`] signs the new head
//! once per batch.
//!
//! Invariant: `audit` is pure; everything it accepts from outside is bounded, and what does not verify is an error
//! that says which entry, node or signature is wrong.

mod bundle;
mod checkpoint;
mod commitment;
mod entries;
mod frontier;
mod hash;
mod note;
mod proof;
mod texts;
mod tile;
mod tree;
mod verify;

pub use bundle::{
    BUNDLE_BYTES_MAX, BundleEntry, BundleError, BundleFormat, CHANGE_STREAM_PREFIX, ENTRIES_MAX, EntryFault,
    EvidenceBundle, StreamHead, VerifiedBundle, VerifiedEntry,
};
pub use checkpoint::{Checkpoint, CheckpointError};
pub use commitment::{
    COMMITMENT_KEY, DEPTH_MAX, ERASED_KEY, PrivateText, SALT_BYTES, SealError, Sealed, Sealer, TEXT_KEY,
    TEXTS_MAX, TooDeep, UnsealError, commit, is_reserved_key, seal, unseal,
};
pub use entries::{ENTRY_BYTES_MAX, EntriesError, decode_entries, encode_entries};
pub use frontier::{Frontier, FrontierError};
pub use hash::{Hash, HashLengthError, ParseHashError};
pub use note::{KeyError, NOTE_BYTES_MAX, NoteError, SIGNATURES_MAX, SignedNote, SigningKey, VerifyingKey};
pub use proof::{ConsistencyProof, InclusionProof, ProofError};
pub use texts::{TextsError, check_texts};
pub use tile::{TILE_LEVEL_MAX, TILE_WIDTH_MAX, Tile, TileError, TileHashes};
pub use tree::{LOG_SIZE_MAX, Node, TreeHead, leaf_source, subtree_root};
pub use verify::{LogFault, LogVerifier, VerifiedLog};
