//! Where the log ends, and the lock on it.

use std::ops::Range;

use audit::{Frontier, Hash, SigningKey, Tile};
use domain::Timestamp;

use crate::database::{Database, Inserts, Row};
use crate::error::StoreError;
use crate::sql::{count, micros};
use crate::table::{CHECKPOINT, LOG_HEAD, TILE};

/// The end of the log, held by the transaction that read it: nobody else writes anything until it ends.
#[derive(Debug)]
pub(crate) struct LogHead {
    frontier: Frontier,
    /// Size when the transaction began.
    size_before: u64,
    now: Timestamp,
}

impl LogHead {
    /// Reads the end of the log, which this transaction has taken: frontier and size, a column that is not read, and the
    /// time of the last entry and now, from column `first` on.
    pub(super) fn of_row(row: &Row<'_>, first: usize) -> Result<Self, StoreError> {
        let frontier = frontier(row.count(first + 1)?, row.bytes_ref(first)?)?;
        let (last_at, now) = (row.time(first + 3)?, row.time(first + 4)?);
        // The database's clock may be set back; the log's time does not follow.
        Ok(Self { size_before: frontier.size(), frontier, now: now.max(last_at) })
    }

    /// Time of this transaction.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Number of entries so far; also the index of the next one.
    pub(crate) fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Adds an entry.
    pub(crate) fn append(&mut self, leaf_hash: Hash) {
        self.frontier.append(leaf_hash);
    }

    /// Adds the rows of the new end with its checkpoint, and gives the range of the new entries.
    pub(crate) fn add_to(&self, inserts: &mut Inserts<'_>, key: &SigningKey) -> Range<u64> {
        let head = self.frontier.head();
        let new = self.size_before..head.size;
        if new.is_empty() {
            return new;
        }
        let (size, now) = (count(head.size), micros(self.now));
        inserts.add(&LOG_HEAD, vec![1.into(), size.into(), self.frontier.to_bytes().into(), now.into()]);
        let (root, note) = (head.root.as_bytes().to_vec(), key.sign(&head));
        inserts.add(&CHECKPOINT, vec![size.into(), root.into(), note.as_str().to_owned().into(), now.into()]);
        new
    }

    /// Reads the end of the log without taking it.
    pub(crate) fn read(db: &mut Database) -> Result<Frontier, StoreError> {
        const SQL: &str = "SELECT size, frontier FROM log_head WHERE id = 1";
        db.query_one(SQL, &[], |row| frontier(row.count(0)?, &row.bytes(1)?))
    }
}

fn frontier(size: u64, bytes: &[u8]) -> Result<Frontier, StoreError> {
    let frontier = Frontier::from_bytes(bytes)
        .map_err(|error| StoreError::damaged(format!("log_head.frontier: {error}")))?;
    if frontier.size() == size {
        return Ok(frontier);
    }
    Err(StoreError::damaged(format!("log_head states {size} entries, its frontier {}", frontier.size())))
}

/// Writes the tiles that became full with new entries, which are written already.
pub(super) fn write_tiles(db: &mut Database, new: &Range<u64>) -> Result<(), StoreError> {
    for tile in Tile::completed_between(new.start, new.end) {
        let hashes = tile_hashes(db, tile)?;
        let root = audit::subtree_root(&hashes)
            .ok_or_else(|| StoreError::damaged(format!("hashes of {tile} are missing")))?;
        let (level, position) = (i64::from(tile.level()), count(tile.index()));
        db.insert(&TILE, vec![level.into(), position.into(), root.as_bytes().as_slice().into()])?;
    }
    Ok(())
}

/// Reads the hashes that a tile lists: leaf hashes of events, or roots of the tiles below. There are fewer than its
/// width when some are missing.
pub(crate) fn tile_hashes(db: &mut Database, tile: Tile) -> Result<Vec<Hash>, StoreError> {
    const LEAVES: &str =
        "SELECT leaf_hash FROM event WHERE log_index >= $1 AND log_index < $2 ORDER BY log_index";
    const TILES: &str =
        "SELECT root FROM tile WHERE level = $1 AND position >= $2 AND position < $3 ORDER BY position";
    let first = tile.index() * u64::from(audit::TILE_WIDTH_MAX);
    let (first, end) = (count(first), count(first + u64::from(tile.width())));
    match tile.level().checked_sub(1) {
        None => db.query(LEAVES, &[first.into(), end.into()], |row| row.hash(0)),
        Some(below) => {
            db.query(TILES, &[i64::from(below).into(), first.into(), end.into()], |row| row.hash(0))
        }
    }
}
