//! The handle that the rest of the product holds: cheap to clone, asynchronous outside, threads inside.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use audit::{ConsistencyProof, Hash, InclusionProof, Tile, TreeHead};
use domain::Timestamp;
use domain::change::StateName;
use domain::id::{ActorId, ChangeId, IncidentId, StepName};
use tokio::sync::{mpsc, oneshot, watch};

use crate::append::{Append, AppendError, Appended, StoredResponse, Timer};
use crate::backup::{self, BackupError, BackupReport};
use crate::compare::{self, Comparison};
use crate::database::Database;
use crate::error::StoreError;
use crate::event::{self, StoredEvent, StoredLeaf, StreamVersion};
use crate::lease::{self, LeaseError, LeaseGranted, LeaseState};
use crate::listener;
use crate::log::{self, ProveError, StoredCheckpoint};
use crate::name::{HolderName, IdempotencyKey, MessageId, ResourceName, StreamName};
use crate::open::{Config, OpenError, READERS_MAX, open_reader, open_writer};
use crate::outbox::{self, OutboxEntry};
use crate::prepare::PreparedAppend;
use crate::projection::{ChangeRow, IncidentRow, ProjectionRow};
use crate::query::{self, ChangePage, ChangeQuery, IncidentPage, IncidentQuery};
use crate::rebuild::{self, ProjectError, RebuildError, RebuildReport};
use crate::sample::{self, Sample};
use crate::thread::{self, QUEUED_READS_MAX, Read, ReadQueue};
use crate::verify::{self, VerifyError, VerifyProgress, VerifyReport};
use crate::writer::{AppendRequest, QUEUED_REQUESTS_MAX, Request, TaskFn, Writer};
use crate::{idempotency, timer};

/// An open store.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    requests: mpsc::Sender<Request>,
    reads: mpsc::Sender<Read>,
    log_size: watch::Receiver<u64>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Tells the listener to end.
    stop: Arc<AtomicBool>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Store {
    /// Opens a store, setting it up when it is new, and starts its threads.
    ///
    /// # Errors
    /// When it cannot be reached, is in use, belongs to something else, is damaged or was written by a newer release.
    pub async fn open(config: Config) -> Result<Self, OpenError> {
        thread::run("store-open", move || Self::open_here(config)).await
    }

    fn open_here(config: Config) -> Result<Self, OpenError> {
        if !(1..=READERS_MAX).contains(&config.readers) {
            return Err(OpenError::Readers { readers: config.readers });
        }
        let opened = open_writer(&config.location, &config.trusted_keys())?;
        let (size_sender, log_size) = watch::channel(opened.log_size);
        let (requests, request_queue) = mpsc::channel(QUEUED_REQUESTS_MAX);
        let (reads, read_queue) = mpsc::channel(QUEUED_READS_MAX);
        let read_queue = ReadQueue::new(read_queue);
        let mut threads = Vec::new();
        for _ in 0..config.readers {
            let (db, queue) = (open_reader(&config.location)?, read_queue.clone());
            threads.push(thread::start("store-reader", move || queue.serve(db))?);
        }
        let stop = Arc::new(AtomicBool::new(false));
        if let Some(listener) = listener::connect(&config.location, &stop)? {
            let size_sender = size_sender.clone();
            threads.push(thread::start("store-listener", move || listener.run(&size_sender))?);
        }
        let writer = Writer::new(opened.db, Arc::clone(&config.signing_key), size_sender)?;
        let lock = opened.lock;
        threads.push(thread::start("store-writer", move || {
            writer.run(request_queue);
            // Nobody else may open the folder before the last write is done.
            drop(lock);
        })?);
        let inner = Inner { config, requests, reads, log_size, threads: Mutex::new(threads), stop };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Writes what was requested so far, ends the threads and lets go of the database. Later calls are refused.
    pub async fn close(&self) {
        let threads = std::mem::take(&mut *self.inner.threads.lock().unwrap_or_else(PoisonError::into_inner));
        self.inner.stop.store(true, Ordering::Relaxed);
        let _stopped = self.inner.requests.send(Request::Stop).await;
        self.inner.requests.closed().await;
        for _ in 0..self.inner.config.readers {
            let _stopped = self.inner.reads.send(None).await;
        }
        let joined = thread::run("store-close", move || {
            for thread in threads {
                if thread.join().is_err() {
                    tracing::error!("a thread of the store panicked");
                }
            }
            Ok::<(), StoreError>(())
        });
        if let Err(error) = joined.await {
            tracing::error!(%error, "could not wait for the store's threads");
        }
    }

    /// Resolves when the writer has ended, be it closed or failed. A server watches this and ends as well.
    pub async fn stopped(&self) {
        self.inner.requests.closed().await;
    }

    /// The log's size, and notice of its growth: by this process, and on PostgreSQL by every other one.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.inner.log_size.clone()
    }

    /// Appends events and what goes with them: all of it, durably, or nothing. It is carried out even when the caller
    /// stops waiting.
    ///
    /// # Errors
    /// When a version, guard, timer or idempotency key stands against it, an event cannot be recorded, or the database
    /// fails.
    pub async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        let append = PreparedAppend::new(append)?;
        let (reply, answer) = oneshot::channel();
        let request = Request::Append(Box::new(AppendRequest { append, reply }));
        self.inner.requests.send(request).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

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

    /// Reads a page of changes.
    ///
    /// # Errors
    /// When limit or cursor do not fit the list, or the database fails.
    pub async fn list_changes(&self, query: ChangeQuery) -> Result<ChangePage, StoreError> {
        self.read(move |db| query::changes(db, &query)).await
    }

    /// Reads one change's row.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn change(&self, id: ChangeId) -> Result<Option<ChangeRow>, StoreError> {
        self.read(move |db| query::change(db, id)).await
    }

    /// Counts all changes, by state.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_changes_by_state(&self) -> Result<BTreeMap<StateName, u64>, StoreError> {
        self.read(query::count_changes_by_state).await
    }

    /// Reads the highest number that a change of the year has; 0 when it has none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn max_change_number(&self, year: u16) -> Result<u32, StoreError> {
        self.read(move |db| query::max_change_number(db, year)).await
    }

    /// Reads a page of incidents, the last opened first.
    ///
    /// # Errors
    /// When limit or cursor do not fit the list, or the database fails.
    pub async fn list_incidents(&self, query: IncidentQuery) -> Result<IncidentPage, StoreError> {
        self.read(move |db| query::incidents(db, &query)).await
    }

    /// Reads one incident's row.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn incident(&self, id: IncidentId) -> Result<Option<IncidentRow>, StoreError> {
        self.read(move |db| query::incident(db, id)).await
    }

    /// Reads the highest number that an incident of the year has; 0 when it has none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn max_incident_number(&self, year: u16) -> Result<u32, StoreError> {
        self.read(move |db| query::max_incident_number(db, year)).await
    }

    /// Reads the answer kept under an actor's idempotency key.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn idempotency(
        &self,
        actor: &ActorId,
        key: &IdempotencyKey,
    ) -> Result<Option<StoredResponse>, StoreError> {
        let (actor, key) = (actor.clone(), key.clone());
        self.read(move |db| idempotency::read(db, &actor, &key)).await
    }

    /// Removes answers stored before a time and tells how many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn prune_idempotency(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.write(move |db, _| idempotency::prune(db, before)).await
    }

    /// Reads the timers due at `now`, the longest due first.
    ///
    /// # Errors
    /// When more than a page is asked for, or the database fails.
    pub async fn due_timers(&self, now: Timestamp, limit: usize) -> Result<Vec<Timer>, StoreError> {
        self.read(move |db| timer::due(db, now, limit)).await
    }

    /// Reads when the next timer is due; none when there is no timer.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn next_timer_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read(timer::next_due).await
    }

    /// Adds samples to a change's series.
    ///
    /// # Errors
    /// When there are too many at once, or the database fails.
    pub async fn append_samples(&self, change: ChangeId, samples: Vec<Sample>) -> Result<(), StoreError> {
        self.write(move |db, _| sample::append(db, change, &samples)).await
    }

    /// Reads a change's samples taken at `from` or later, oldest first, of one series or of all.
    ///
    /// # Errors
    /// When more than a page is asked for, or the database fails.
    pub async fn samples(
        &self,
        change: ChangeId,
        series: Option<&StepName>,
        from: Timestamp,
        limit: usize,
    ) -> Result<Vec<Sample>, StoreError> {
        let series = series.cloned();
        self.read(move |db| sample::read(db, change, series.as_ref(), from, limit)).await
    }

    /// Takes a lease. Refused while another holder has it and until `grace` after it expired; the present holder gets
    /// a new token.
    ///
    /// # Errors
    /// When somebody else holds it, the times are not possible, or the database fails.
    pub async fn lease_acquire(
        &self,
        resource: &ResourceName,
        holder: &HolderName,
        ttl: Duration,
        grace: Duration,
    ) -> Result<LeaseGranted, LeaseError> {
        lease::check_ttl(ttl)?;
        lease::check_grace(grace)?;
        let (resource, holder) = (resource.clone(), holder.clone());
        self.write(move |db, now| lease::acquire(db, now, &resource, &holder, ttl, grace)).await?
    }

    /// Extends a lease that is held.
    ///
    /// # Errors
    /// When it is no longer held, the time is not possible, or the database fails.
    pub async fn lease_renew(
        &self,
        resource: &ResourceName,
        token: u64,
        ttl: Duration,
    ) -> Result<LeaseGranted, LeaseError> {
        lease::check_ttl(ttl)?;
        let resource = resource.clone();
        self.write(move |db, now| lease::renew(db, now, &resource, token, ttl)).await?
    }

    /// Gives a lease back and tells whether it was still this holder's, expired or not.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lease_release(&self, resource: &ResourceName, token: u64) -> Result<bool, StoreError> {
        let resource = resource.clone();
        self.write(move |db, _| lease::release(db, &resource, token)).await
    }

    /// Reads what is known of a lease; none when nobody holds it or let it expire.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lease(&self, resource: &ResourceName) -> Result<Option<LeaseState>, StoreError> {
        let resource = resource.clone();
        self.read(move |db| lease::read(db, &resource)).await
    }

    /// Reads leases that expired and were neither given back nor taken over, the longest expired first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn expired_leases(&self, limit: usize) -> Result<Vec<LeaseGranted>, StoreError> {
        self.read(move |db| lease::expired(db, limit)).await
    }

    /// Claims due messages for delivery until `visibility` has passed.
    ///
    /// # Errors
    /// When more than a page is asked for, or the database fails.
    pub async fn outbox_claim(
        &self,
        limit: usize,
        visibility: Duration,
    ) -> Result<Vec<OutboxEntry>, StoreError> {
        self.write(move |db, now| outbox::claim(db, now, limit, visibility)).await
    }

    /// Removes a message that was delivered.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn outbox_done(&self, id: &MessageId) -> Result<(), StoreError> {
        let id = id.clone();
        self.write(move |db, _| outbox::done(db, &id)).await
    }

    /// Notes a failed delivery: the message is due again at `next_at`, or becomes a dead letter after
    /// [`DELIVERY_ATTEMPTS_MAX`](crate::DELIVERY_ATTEMPTS_MAX) attempts.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn outbox_retry(
        &self,
        id: &MessageId,
        error: &str,
        next_at: Timestamp,
    ) -> Result<(), StoreError> {
        let (id, error) = (id.clone(), error.to_owned());
        self.write(move |db, now| outbox::retry(db, now, &id, &error, next_at)).await
    }

    /// Lists dead letters, the oldest first.
    ///
    /// # Errors
    /// When more than a page is asked for, or the database fails.
    pub async fn outbox_dead(&self, limit: usize) -> Result<Vec<OutboxEntry>, StoreError> {
        self.read(move |db| outbox::dead(db, limit)).await
    }

    /// Gives a dead letter all its attempts again. Tells whether there was one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn outbox_redeliver(&self, id: &MessageId) -> Result<bool, StoreError> {
        let id = id.clone();
        self.write(move |db, now| outbox::redeliver(db, now, &id)).await
    }

    /// Erases the free texts of an event: the one at an RFC 6901 pointer, or all. Rows of views that showed them are
    /// replaced in the same transaction by those given. Tells how many texts were erased, or nothing when there is no
    /// such event. The log stays verifiable; backups made before still contain the texts.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn erase(
        &self,
        stream: &StreamName,
        version: u64,
        pointer: Option<&str>,
        rows: Vec<ProjectionRow>,
    ) -> Result<Option<usize>, StoreError> {
        let (stream, pointer) = (stream.clone(), pointer.map(str::to_owned));
        self.write(move |db, _| {
            let erased = event::erase(db, &stream, version, pointer.as_deref())?;
            rebuild::write_rows(db, &rows)?;
            Ok(erased)
        })
        .await
    }

    /// Replaces all rows of views by those that `project` makes of the streams' events. Nobody else writes meanwhile.
    ///
    /// # Errors
    /// When `project` fails for a stream, which leaves everything as it was, or the database fails.
    pub async fn rebuild(
        &self,
        project: impl Fn(&StreamName, Vec<StoredEvent>) -> Result<Vec<ProjectionRow>, ProjectError>
        + Send
        + 'static,
    ) -> Result<RebuildReport, RebuildError> {
        self.write(move |db, _| rebuild::rebuild(db, &project)).await?
    }

    /// Compares the stored rows of views with those that `project` makes of the streams' events. Writes nothing.
    ///
    /// # Errors
    /// When `project` fails for a stream, or the database fails.
    pub async fn compare(
        &self,
        project: impl Fn(&StreamName, Vec<StoredEvent>) -> Result<Vec<ProjectionRow>, ProjectError>
        + Send
        + 'static,
    ) -> Result<Comparison, RebuildError> {
        let location = self.inner.config.location.clone();
        thread::run("store-compare", move || {
            let mut db = open_reader(&location).map_err(Box::new)?;
            db.snapshot(|db| compare::compare(db, &project))
        })
        .await
    }

    /// Verifies the whole log as it is now: entries, texts, tree, tiles, checkpoints and head.
    ///
    /// # Errors
    /// With the first thing that is not as it was signed, or when the database fails.
    pub async fn verify(
        &self,
        progress: impl FnMut(VerifyProgress) + Send + 'static,
    ) -> Result<VerifyReport, VerifyError> {
        let config = self.inner.config.clone();
        verify::verify(&config.location, config.trusted_keys(), progress).await
    }

    /// Writes a backup of everything as it is now to a new file, while the store is in use.
    ///
    /// # Errors
    /// When the file exists or cannot be written, or the database fails.
    pub async fn backup(&self, file: &Path) -> Result<BackupReport, BackupError> {
        backup::backup(&self.inner.config.location, file).await
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Database) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let read: Box<dyn FnOnce(&mut Database) + Send> = Box::new(move |db| {
            let mut result = db.ensure_connected().and_then(|()| work(db));
            if result.as_ref().is_err_and(StoreError::is_unavailable) {
                result = db.ensure_connected().and_then(|()| work(db));
            }
            // Nobody waiting is fine: nothing was changed.
            let _gone = reply.send(result);
        });
        self.inner.reads.send(Some(read)).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Database, Timestamp) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let task = Request::Task(Box::new(TaskFn::new(work, reply)));
        self.inner.requests.send(task).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("location", &self.inner.config.location).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use audit::SigningKey;
    use serde_json::json;

    use super::*;
    use crate::append::{NewEvent, StreamAppend};
    use crate::open::Location;

    fn large_event(version: u64) -> Append {
        let stream = StreamName::new("change/a").unwrap();
        let body = json!({"at": "2026-01-01T00:00:00Z", "data": "x".repeat(20_000)});
        let events = vec![NewEvent { body }];
        Append {
            streams: vec![StreamAppend { stream, expected_version: version, events }],
            ..Append::default()
        }
    }

    #[tokio::test]
    async fn full_storage_refuses_and_passes() {
        let folder = tempfile::tempdir().unwrap();
        let key = Arc::new(SigningKey::from_seed("store.test/log", [1; 32]).unwrap());
        let store = Store::open(Config::new(Location::Folder(folder.path().to_owned()), key)).await.unwrap();
        let limit_pages = async |pages: u32| {
            let sql = format!("PRAGMA max_page_count = {pages}");
            store.write(move |db, _| db.query(&sql, &[], |_| Ok(()))).await.unwrap();
        };
        limit_pages(100).await;
        let mut version = 0;
        let refused = loop {
            match store.append(large_event(version)).await {
                Ok(_) => version += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(refused, AppendError::Store(StoreError::StorageFull(_))), "{refused:?}");
        assert!((2..20).contains(&version), "{version}");
        let stream = StreamName::new("change/a").unwrap();
        assert_eq!(
            store.stream_version(&stream).await.unwrap(),
            version,
            "reads go on, and nothing is half-written"
        );
        limit_pages(1000).await;
        store.append(large_event(version)).await.unwrap();
        assert_eq!(store.verify(|_| {}).await.unwrap().head.size, version + 1);
        store.close().await;
    }
}
