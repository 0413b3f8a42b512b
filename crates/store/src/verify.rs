//! Verification of everything that the log promises, on one unchanging state of the database.
//!
//! Budget: one pass over the events in pages, two hashes per entry and one per text; memory for a page and the sizes and
//! roots of the checkpoints.

use audit::{Hash, LogFault, LogVerifier, TILE_WIDTH_MAX, TreeHead, UnsealError, VerifyingKey};
use serde_json::Value as Json;

use crate::database::Database;
use crate::error::StoreError;
use crate::event::{self, LOG_PAGE_EVENTS_MAX, StoredLeaf};
use crate::log::{self, CHECKPOINTS_PAGE_MAX, StoredCheckpoint};
use crate::name::StreamName;
use crate::open::{Location, OpenError, open_reader};
use crate::sql::count;
use crate::thread;

/// How far a verification has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyProgress {
    /// Number of entries checked.
    pub entries: u64,
    /// Number of entries of the log.
    pub of: u64,
}

/// What a verification that found no fault has checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyReport {
    /// Size and root of the log.
    pub head: TreeHead,
    /// Number of signed checkpoints that the log agrees with.
    pub checkpoints: u64,
    /// Number of entries that the last checkpoint covers.
    pub signed_size: u64,
    /// Number of texts that match their commitments.
    pub texts: u64,
    /// Number of full tiles.
    pub tiles: u64,
}

/// The first thing that is not as it was signed.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// An entry was altered, the tree does not lead to a signed root, or entries are missing.
    #[error(transparent)]
    Log(#[from] LogFault),
    /// A text beside the log is not the one committed to.
    #[error("entry {index}: a text beside it was altered")]
    Text {
        /// Index of the entry.
        index: u64,
        /// Which text.
        #[source]
        source: UnsealError,
    },
    /// An entry's bytes or the columns beside them cannot be read or contradict each other.
    #[error("entry {index} of `{stream}` is damaged: {what}")]
    Entry {
        /// Index of the entry.
        index: u64,
        /// The stream it is stored under.
        stream: StreamName,
        /// What is wrong.
        what: String,
    },
    /// A checkpoint that no known key signed.
    #[error(
        "checkpoint of {size} entries is not signed by a known key: it was altered, or its key is not configured"
    )]
    Checkpoint {
        /// The checkpoint's size.
        size: u64,
    },
    /// A tile that is not the one of its entries.
    #[error("tile {position} of level {level} was altered or is missing: proofs cannot be made from it")]
    Tile {
        /// The tile's level.
        level: usize,
        /// The tile's position.
        position: u64,
    },
    /// A stream whose versions have gaps or whose row contradicts its events.
    #[error(
        "versions of stream `{stream}` are not those of its events: an entry or the stream's row was altered"
    )]
    Stream {
        /// The stream.
        stream: String,
    },
    /// The database could not be opened.
    #[error(transparent)]
    Open(#[from] Box<OpenError>),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Verifies the log at a place, while a server may be using it.
///
/// # Errors
/// With the first thing that is not as it was signed, or when the database fails.
pub async fn verify(
    location: &Location,
    trusted_keys: Vec<VerifyingKey>,
    mut progress: impl FnMut(VerifyProgress) + Send + 'static,
) -> Result<VerifyReport, VerifyError> {
    let location = location.clone();
    thread::run("store-verify", move || {
        let mut db = open_reader(&location).map_err(Box::new)?;
        db.snapshot(|db| verify_all(db, &trusted_keys, &mut progress))
    })
    .await
}

/// Verifies everything within the present transaction.
pub(crate) fn verify_all(
    db: &mut Database,
    trusted_keys: &[VerifyingKey],
    progress: &mut dyn FnMut(VerifyProgress),
) -> Result<VerifyReport, VerifyError> {
    let head = log::head(db)?;
    let mut log = LogVerifier::new(signed_heads(db, trusted_keys)?)?;
    let mut tiles = Tiles::default();
    let mut texts = 0;
    let mut next = 0;
    loop {
        let page = event::leaves(db, next, LOG_PAGE_EVENTS_MAX)?;
        let Some(last) = page.last() else { break };
        next = last.index + 1;
        for entry in page {
            log.entry(entry.index, &entry.leaf, &entry.leaf_hash)?;
            tiles.entry(db, entry.leaf_hash)?;
            texts += entry.private.len() as u64;
            verify_entry(entry)?;
        }
        progress(VerifyProgress { entries: next, of: head.size });
    }
    let log = log.finish(&head)?;
    verify_streams(db)?;
    let (checkpoints, signed_size) = (log.checkpoints, log.signed_size);
    Ok(VerifyReport { head, checkpoints, signed_size, texts, tiles: tiles.full })
}

fn signed_heads(
    db: &mut Database,
    trusted_keys: &[VerifyingKey],
) -> Result<Vec<audit::Checkpoint>, VerifyError> {
    let mut signed = Vec::new();
    let mut next = 0;
    loop {
        let page = log::checkpoints(db, next, CHECKPOINTS_PAGE_MAX)?;
        let Some(last) = page.last() else { return Ok(signed) };
        next = last.head.size + 1;
        for StoredCheckpoint { head, note, .. } in page {
            let checkpoint = trusted_keys.iter().find_map(|key| key.verify(&note).ok());
            let checkpoint = checkpoint.filter(|checkpoint| *checkpoint.head() == head);
            signed.push(checkpoint.ok_or(VerifyError::Checkpoint { size: head.size })?);
        }
    }
}

fn verify_entry(entry: StoredLeaf) -> Result<(), VerifyError> {
    let StoredLeaf { index, stream, version, leaf, private, .. } = entry;
    let public: Json = match serde_json::from_slice(&leaf) {
        Ok(public) => public,
        Err(error) => return Err(VerifyError::Entry { index, stream, what: error.to_string() }),
    };
    let stored = (Some(stream.as_str()), Some(version));
    if (public.get("stream").and_then(Json::as_str), public.get("version").and_then(Json::as_u64)) != stored {
        let what = format!("it is stored as version {version} of that stream and says something else");
        return Err(VerifyError::Entry { index, stream, what });
    }
    audit::unseal(public, private).map(|_| ()).map_err(|source| VerifyError::Text { index, source })
}

fn verify_streams(db: &mut Database) -> Result<(), VerifyError> {
    const SQL: &str = "SELECT e.stream FROM \
        (SELECT stream, COUNT(*) AS events, MAX(version) AS last FROM event GROUP BY stream) e \
        LEFT JOIN stream s ON s.name = e.stream \
        WHERE e.events <> e.last OR s.version IS NULL OR s.version <> e.last ORDER BY e.stream LIMIT 1";
    match db.query_opt(SQL, &[], |row| row.text(0))? {
        Some(stream) => Err(VerifyError::Stream { stream }),
        None => Ok(()),
    }
}

/// Recomputes the roots of full tiles while the entries go by, with one unfinished tile per level in memory.
#[derive(Debug, Default)]
struct Tiles {
    levels: Vec<Vec<Hash>>,
    positions: Vec<u64>,
    full: u64,
}

impl Tiles {
    fn entry(&mut self, db: &mut Database, leaf_hash: Hash) -> Result<(), VerifyError> {
        const SQL: &str = "SELECT root FROM tile WHERE level = $1 AND position = $2";
        let mut hash = leaf_hash;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
                self.positions.push(0);
            }
            let (Some(hashes), Some(position)) = (self.levels.get_mut(level), self.positions.get_mut(level))
            else {
                break;
            };
            hashes.push(hash);
            if hashes.len() < usize::from(TILE_WIDTH_MAX) {
                break;
            }
            let root = audit::subtree_root(hashes);
            hashes.clear();
            let params = [count(level as u64).into(), count(*position).into()];
            let stored = db.query_opt(SQL, &params, |row| row.hash(0))?;
            match root {
                Some(root) if stored == Some(root) => hash = root,
                _ => return Err(VerifyError::Tile { level, position: *position }),
            }
            *position += 1;
            self.full += 1;
        }
        Ok(())
    }
}
