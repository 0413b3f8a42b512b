//! Verification of everything that the log promises, on one unchanging state of the database.
//!
//! Budget: one pass over the events where the database has them, two hashes per entry and one per text; 8 µs of processor
//! for an entry of two and a half kilobytes, and 40 µs for a signature. Memory for the hashes of a page and the sizes and
//! roots of the checkpoints.

use std::borrow::Cow;

use audit::{Hash, LogFault, LogVerifier, TILE_WIDTH_MAX, TextsError, TreeHead, UnsealError, VerifyingKey};
use serde::Deserialize;

use crate::database::Database;
use crate::error::StoreError;
use crate::event::{self, LOG_PAGE_EVENTS_MAX, LeafRow};
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
        let page = verify_page(db, &mut log, next)?;
        for leaf_hash in &page.leaf_hashes {
            tiles.entry(db, *leaf_hash)?;
        }
        next += page.leaf_hashes.len() as u64;
        texts += page.texts;
        if page.leaf_hashes.is_empty() {
            break;
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

/// What the tiles and the report need of a page of entries.
#[derive(Debug)]
struct Page {
    leaf_hashes: Vec<Hash>,
    texts: u64,
}

/// Verifies entries while the database hands them over, without copying them.
fn verify_page(db: &mut Database, log: &mut LogVerifier, from_index: u64) -> Result<Page, VerifyError> {
    let mut page = Page { leaf_hashes: Vec::with_capacity(LOG_PAGE_EVENTS_MAX), texts: 0 };
    let mut verified = Ok(());
    event::each_leaf(db, from_index, LOG_PAGE_EVENTS_MAX, |entry| {
        if verified.is_ok() {
            let in_log = log.entry(entry.index, entry.leaf, &entry.leaf_hash);
            verified = in_log.map_err(VerifyError::from).and_then(|()| verify_entry(&entry));
            page.leaf_hashes.push(entry.leaf_hash);
            page.texts += entry.private.len() as u64;
        }
        Ok(())
    })?;
    verified.map(|()| page)
}

/// Where an entry says that it belongs; nothing else of it is read.
#[derive(Debug, Deserialize)]
struct Place<'a> {
    #[serde(borrow)]
    stream: Cow<'a, str>,
    version: u64,
}

fn verify_entry(entry: &LeafRow<'_>) -> Result<(), VerifyError> {
    let LeafRow { index, stream, version, leaf, private, .. } = entry;
    let damaged = |what| VerifyError::Entry { index: *index, stream: stream.clone(), what };
    let place: Place<'_> = serde_json::from_slice(leaf).map_err(|error| damaged(error.to_string()))?;
    if (place.stream.as_ref(), place.version) != (stream.as_str(), *version) {
        let what = format!("it is stored as version {version} of that stream and says something else");
        return Err(damaged(what));
    }
    if private.is_empty() {
        return Ok(());
    }
    audit::check_texts(leaf, private).map_err(|error| match error {
        TextsError::NotJson(error) => damaged(error.to_string()),
        TextsError::Text(source) => VerifyError::Text { index: *index, source },
    })
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
