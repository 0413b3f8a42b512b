//! The log: streams, events, checkpoints, proofs.

use audit::{ConsistencyProof, Hash, InclusionProof, Tile, TreeHead};

use super::Store;
use crate::error::StoreError;
use crate::event::{self, StoredEvent, StoredLeaf, StreamVersion};
use crate::log::{self, ProveError, StoredCheckpoint};
use crate::name::StreamName;
use crate::streams::{self, EventPlace, StreamSet};

impl Store {
    /// Reads the events of a stream from a version on; all of them from version 1 or 0.
    ///
    /// # Errors
    /// When the stream has more than [`STREAM_EVENTS_MAX`](crate::STREAM_EVENTS_MAX) events, or the database fails.
    pub async fn read_stream(
        &self,
        stream: &StreamName,
        from_version: u64,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let stream = stream.clone();
        self.read(move |db| event::read_stream(db, &stream, from_version)).await
    }

    /// Reads the last events of a stream, in order.
    ///
    /// # Errors
    /// When more than a page is asked for, or the database fails.
    pub async fn read_stream_end(
        &self,
        stream: &StreamName,
        limit: usize,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let stream = stream.clone();
        self.read(move |db| event::read_stream_end(db, &stream, limit)).await
    }

    /// Reads the version of a stream; 0 when it does not exist.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn stream_version(&self, stream: &StreamName) -> Result<u64, StoreError> {
        let stream = stream.clone();
        self.read(move |db| event::stream_version(db, &stream)).await
    }

    /// Reads streams whose names begin with `prefix`, by name, after the one given.
    ///
    /// # Errors
    /// When more than a page is asked for, or the database fails.
    pub async fn streams(
        &self,
        prefix: &str,
        after: Option<&StreamName>,
        limit: usize,
    ) -> Result<Vec<StreamVersion>, StoreError> {
        let (prefix, after) = (prefix.to_owned(), after.cloned());
        self.read(move |db| event::streams(db, &prefix, after.as_ref(), limit)).await
    }

    /// Reads events of several streams, by stream and version, after the one given; at most
    /// [`LOG_PAGE_EVENTS_MAX`](crate::LOG_PAGE_EVENTS_MAX).
    ///
    /// # Errors
    /// When more than a page is asked for, or the database fails.
    pub async fn read_streams(
        &self,
        streams: &StreamSet,
        after: Option<&EventPlace>,
        limit: usize,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let (streams, after) = (streams.clone(), after.cloned());
        self.read(move |db| streams::read_streams(db, &streams, after.as_ref(), limit)).await
    }

    /// Reads events in log order, at most [`LOG_PAGE_EVENTS_MAX`](crate::LOG_PAGE_EVENTS_MAX).
    ///
    /// # Errors
    /// When more than a page is asked for, or the database fails.
    pub async fn read_log(&self, from_index: u64, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        self.read(move |db| event::read_log(db, from_index, limit)).await
    }

    /// Reads what the log proves of one event.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn event_leaf(&self, index: u64) -> Result<Option<StoredLeaf>, StoreError> {
        self.read(move |db| event::event_leaf(db, index)).await
    }

    /// Reads the log's size and root.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn head(&self) -> Result<TreeHead, StoreError> {
        self.read(log::head).await
    }

    /// Reads the last checkpoint; none as long as the log is empty.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn latest_checkpoint(&self) -> Result<Option<StoredCheckpoint>, StoreError> {
        self.read(log::latest_checkpoint).await
    }

    /// Reads checkpoints of at least `from_size` entries, the smallest first.
    ///
    /// # Errors
    /// When more than a page is asked for, or the database fails.
    pub async fn checkpoints(
        &self,
        from_size: u64,
        limit: usize,
    ) -> Result<Vec<StoredCheckpoint>, StoreError> {
        self.read(move |db| log::checkpoints(db, from_size, limit)).await
    }

    /// Reads the hashes of a tile; none when the log does not have that many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tile(&self, tile: Tile) -> Result<Option<Vec<Hash>>, StoreError> {
        self.read(move |db| log::tile(db, tile)).await
    }

    /// Proves that an entry is in the log of `size` entries.
    ///
    /// # Errors
    /// When there is no such entry, or the database fails.
    pub async fn inclusion_proof(&self, index: u64, size: u64) -> Result<InclusionProof, ProveError> {
        self.read(move |db| Ok(log::inclusion_proof(db, index, size))).await?
    }

    /// Proves that the log of `old` entries is the beginning of the log of `new` entries.
    ///
    /// # Errors
    /// When the log does not have those sizes, or the database fails.
    pub async fn consistency_proof(&self, old: u64, new: u64) -> Result<ConsistencyProof, ProveError> {
        self.read(move |db| Ok(log::consistency_proof(db, old, new))).await?
    }
}
