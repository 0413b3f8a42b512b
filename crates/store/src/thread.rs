//! Threads of the store, and how asynchronous callers wait for them.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};

use crate::database::Database;
use crate::error::StoreError;

/// Most reads waiting for a reader. Further callers wait to be let in.
pub(crate) const QUEUED_READS_MAX: usize = 1024;

/// A read, or nothing to tell one reader to end.
pub(crate) type Read = Option<Box<dyn FnOnce(&mut Database) + Send>>;

/// Starts a named thread.
pub(crate) fn start(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StoreError> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).map_err(StoreError::unavailable)
}

/// Does blocking work on a thread of its own and waits for it.
pub(crate) async fn run<T: Send + 'static, E: From<StoreError> + Send + 'static>(
    name: &str,
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    let (reply, answer) = oneshot::channel();
    start(name, move || {
        // Nobody waiting is fine: the work is done.
        let _gone = reply.send(work());
    })?;
    answer.await.map_err(|_| StoreError::Closed)?
}

/// The reader threads' side of the queue, which they share: whoever is free takes the next read.
#[derive(Debug, Clone)]
pub(crate) struct ReadQueue(Arc<Mutex<mpsc::Receiver<Read>>>);

impl ReadQueue {
    pub(crate) fn new(reads: mpsc::Receiver<Read>) -> Self {
        Self(Arc::new(Mutex::new(reads)))
    }

    /// Carries out reads until told to end or until nobody can send any.
    pub(crate) fn serve(self, mut db: Database) {
        while let Some(read) = self.next() {
            read(&mut db);
        }
    }

    fn next(&self) -> Read {
        // A reader that panicked did so while reading, not while it held the queue.
        let mut reads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reads.blocking_recv().flatten()
    }
}
