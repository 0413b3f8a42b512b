//! Notice of what other servers on the same PostgreSQL append. SQLite has one server and needs none.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use crate::database::{Database, Postgres};
use crate::error::StoreError;
use crate::open::{Location, OpenError};
use crate::writer::LogHead;

/// How long one wait for a notification lasts; the listener ends within this time.
const WAIT: Duration = Duration::from_millis(250);

/// A connection that hears of the log's growth.
#[derive(Debug)]
pub(crate) struct Listener {
    db: Database,
    stop: Arc<AtomicBool>,
}

/// Starts to listen, where there is something to listen to.
pub(crate) fn connect(location: &Location, stop: &Arc<AtomicBool>) -> Result<Option<Listener>, OpenError> {
    match location {
        Location::Folder(_) => Ok(None),
        Location::Url(url) => {
            let db = Database::Postgres(Box::new(Postgres::connect(url)?));
            let mut listener = Listener { db, stop: Arc::clone(stop) };
            listener.listen()?;
            Ok(Some(listener))
        }
    }
}

impl Listener {
    /// Passes on the log's size until told to stop.
    pub(crate) fn run(mut self, log_size: &watch::Sender<u64>) {
        while !self.stop.load(Ordering::Relaxed) {
            if let Err(error) = self.wait(log_size) {
                let error: &(dyn Error + 'static) = &error;
                tracing::warn!(error, "not hearing of other servers' events: listening again");
                // What was missed meanwhile is read once the connection is back.
                let again = self
                    .db
                    .ensure_connected()
                    .and_then(|()| self.listen())
                    .and_then(|()| self.tell(log_size));
                if let Err(error) = again {
                    let error: &(dyn Error + 'static) = &error;
                    tracing::debug!(error, "still not listening");
                }
            }
        }
    }

    fn listen(&mut self) -> Result<(), StoreError> {
        self.db.script("LISTEN cortex_change_log")
    }

    fn wait(&mut self, log_size: &watch::Sender<u64>) -> Result<(), StoreError> {
        let heard = match &mut self.db {
            Database::Sqlite(_) => None,
            Database::Postgres(db) => db.wait_for_notification(WAIT)?,
        };
        if heard.is_some() { self.tell(log_size) } else { Ok(()) }
    }

    fn tell(&mut self, log_size: &watch::Sender<u64>) -> Result<(), StoreError> {
        let found = LogHead::read(&mut self.db)?.size();
        log_size.send_if_modified(|size| {
            let grown = found > *size;
            *size = found.max(*size);
            grown
        });
        Ok(())
    }
}
