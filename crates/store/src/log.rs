//! The log as others verify it: its head, its signed checkpoints, its tiles and proofs from them.

use audit::{ConsistencyProof, InclusionProof, ProofError, SignedNote, Tile, TileHashes, TreeHead};
use domain::Timestamp;

use crate::database::{Database, Row};
use crate::error::StoreError;
use crate::sql::count;
use crate::writer::{LogHead, tile_hashes};

/// Most checkpoints in one page.
pub const CHECKPOINTS_PAGE_MAX: usize = 1000;

const COLUMNS: &str = "size, root, note, signed_at";

/// A signed head of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCheckpoint {
    /// Size and root as stored beside the note.
    pub head: TreeHead,
    /// The signed note.
    pub note: SignedNote,
    /// When it was signed, by the database's clock.
    pub signed_at: Timestamp,
}

/// A proof that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// The log does not have the entry or size, or a hash is missing.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads the head.
pub(crate) fn head(db: &mut Database) -> Result<TreeHead, StoreError> {
    Ok(LogHead::read(db)?.head())
}

/// Reads the last checkpoint; none as long as the log is empty.
pub(crate) fn latest_checkpoint(db: &mut Database) -> Result<Option<StoredCheckpoint>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM checkpoint ORDER BY size DESC LIMIT 1");
    db.query_opt(&sql, &[], stored_checkpoint)
}

/// Reads checkpoints of at least `from_size` entries, the smallest first.
pub(crate) fn checkpoints(
    db: &mut Database,
    from_size: u64,
    limit: usize,
) -> Result<Vec<StoredCheckpoint>, StoreError> {
    if limit > CHECKPOINTS_PAGE_MAX {
        return Err(StoreError::TooMuch {
            what: "number of checkpoints of a page",
            limit: CHECKPOINTS_PAGE_MAX,
        });
    }
    let sql = format!("SELECT {COLUMNS} FROM checkpoint WHERE size >= $1 ORDER BY size LIMIT $2");
    db.query(&sql, &[count(from_size).into(), count(limit as u64).into()], stored_checkpoint)
}

fn stored_checkpoint(row: &Row<'_>) -> Result<StoredCheckpoint, StoreError> {
    Ok(StoredCheckpoint {
        head: TreeHead { size: row.count(0)?, root: row.hash(1)? },
        note: SignedNote::from_text(row.text(2)?),
        signed_at: row.time(3)?,
    })
}

/// Reads the hashes of a tile; none when the log does not have that many.
pub(crate) fn tile(db: &mut Database, tile: Tile) -> Result<Option<Vec<audit::Hash>>, StoreError> {
    let hashes = tile_hashes(db, tile)?;
    Ok((hashes.len() == usize::from(tile.width())).then_some(hashes))
}

/// Proves that an entry is in the log of `size` entries.
pub(crate) fn inclusion_proof(
    db: &mut Database,
    index: u64,
    size: u64,
) -> Result<InclusionProof, ProveError> {
    with_hashes(db, size, |hashes| InclusionProof::build(index, size, hashes))
}

/// Proves that the log of `old` entries is the beginning of the log of `new` entries.
pub(crate) fn consistency_proof(
    db: &mut Database,
    old: u64,
    new: u64,
) -> Result<ConsistencyProof, ProveError> {
    with_hashes(db, new, |hashes| ConsistencyProof::build(old, new, hashes))
}

fn with_hashes<T>(
    db: &mut Database,
    size: u64,
    build: impl FnOnce(&mut dyn FnMut(audit::Node) -> Option<audit::Hash>) -> Result<T, ProofError>,
) -> Result<T, ProveError> {
    // A proof is built from a plain function; what the database has to say is kept aside and comes first.
    let mut failed = None;
    let mut hashes = TileHashes::new(size, |wanted| match tile(db, wanted) {
        Ok(hashes) => hashes,
        Err(error) => {
            failed.get_or_insert(error);
            None
        }
    });
    let proof = build(&mut |node| hashes.hash(node));
    drop(hashes);
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(proof?),
    }
}
