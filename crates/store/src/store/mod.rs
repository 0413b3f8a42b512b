//! The handle that the rest of the product holds: cheap to clone, asynchronous outside, threads inside.

mod effects;
mod lists;
mod logs;
mod whole;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use domain::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};

use crate::append::{Append, AppendError, Appended};
use crate::database::Database;
use crate::error::StoreError;
use crate::listener;
use crate::open::{Config, OpenError, READERS_MAX, open_reader, open_writer};
use crate::own::OwnEntries;
use crate::prepare::PreparedAppend;
use crate::thread::{self, QUEUED_READS_MAX, Read, ReadQueue};
use crate::writer::{AppendRequest, QUEUED_REQUESTS_MAX, Request, TaskFn, Writer};

/// How often a read is tried when the connection is lost.
const READ_ATTEMPTS_MAX: usize = 3;

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
    own_entries: Arc<OwnEntries>,
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
        let own_entries = Arc::<OwnEntries>::default();
        let writer = Writer::new(
            opened.db,
            Arc::clone(&config.signing_key),
            size_sender.clone(),
            Arc::clone(&own_entries),
        )?;
        if let Some(listener) = listener::connect(&config.location, &stop, writer.id())? {
            threads.push(thread::start("store-listener", move || listener.run(&size_sender))?);
        }
        let lock = opened.lock;
        threads.push(thread::start("store-writer", move || {
            writer.run(request_queue);
            // Nobody else may open the folder before the last write is done.
            drop(lock);
        })?);
        let inner =
            Inner { config, requests, reads, log_size, own_entries, threads: Mutex::new(threads), stop };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Writes what was requested so far, ends the threads and lets go of the database. Later calls are refused.
    pub async fn close(&self) {
        let mut threads =
            std::mem::take(&mut *self.inner.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let writer = threads.pop();
        self.inner.stop.store(true, Ordering::Relaxed);
        for _ in 0..self.inner.config.readers {
            let _stopped = self.inner.reads.send(None).await;
        }
        join(threads).await;
        // The last to let go is the one that may write: SQLite then copies its write-ahead log back into the file.
        let _stopped = self.inner.requests.send(Request::Stop).await;
        self.inner.requests.closed().await;
        join(writer.into_iter().collect()).await;
    }

    /// Resolves when the writer has ended, be it closed or failed. A server watches this and ends as well.
    pub async fn stopped(&self) {
        self.inner.requests.closed().await;
    }

    /// The log's size, and notice of its growth: by this process, and on PostgreSQL by every other one.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.inner.log_size.clone()
    }

    /// The first entry of the log from `index` on that was not written through this store, whether it exists yet or
    /// not. After very many turns of several servers an own entry may be taken for another's.
    pub fn next_by_others(&self, index: u64) -> u64 {
        self.inner.own_entries.next_by_others(index)
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

    /// Reads on one of the reader threads.
    async fn read<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Database) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let read: Box<dyn FnOnce(&mut Database) + Send> = Box::new(move |db| {
            let mut attempt = || db.ensure_connected().and_then(|()| work(db));
            let mut result = attempt();
            for _ in 1..READ_ATTEMPTS_MAX {
                if result.as_ref().is_err_and(StoreError::is_unavailable) {
                    result = attempt();
                }
            }
            // Nobody waiting is fine: nothing was changed.
            let _gone = reply.send(result);
        });
        self.inner.reads.send(Some(read)).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Writes on the writer thread, in a transaction with others.
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

/// Waits for threads without blocking.
async fn join(threads: Vec<JoinHandle<()>>) {
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

#[cfg(test)]
mod tests {
    use audit::SigningKey;
    use serde_json::json;

    use super::*;
    use crate::append::StreamAppend;
    use crate::name::StreamName;
    use crate::new_event::NewEvent;
    use crate::open::Location;

    fn large_event(version: u64) -> Append {
        let stream = StreamName::new("change/a").unwrap();
        let body = json!({"at": "2026-01-01T00:00:00Z", "data": "x".repeat(20_000)});
        let events = vec![NewEvent::of(&body)];
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
        limit_pages(50).await;
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
        limit_pages(500).await;
        store.append(large_event(version)).await.unwrap();
        assert_eq!(store.verify(|_| {}).await.unwrap().head.size, version + 1);
        store.close().await;
    }
}
