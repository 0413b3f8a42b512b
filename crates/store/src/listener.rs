//! Notice of what other servers on the same PostgreSQL append. SQLite has one server and needs none.

use std::error::Error;
use std::fmt;
use std::str::FromStr;
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
    /// The writer of this process, which tells of its own growth.
    writer: i64,
}

/// Starts to listen, where there is something to listen to.
pub(crate) fn connect(
    location: &Location,
    stop: &Arc<AtomicBool>,
    writer: i64,
) -> Result<Option<Listener>, OpenError> {
    match location {
        Location::Folder(_) => Ok(None),
        Location::Url(url) => {
            let db = Database::Postgres(Box::new(Postgres::connect(url)?));
            let mut listener = Listener { db, stop: Arc::clone(stop), writer };
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
        let Some(heard) = heard else { return Ok(()) };
        match heard.parse() {
            Ok(Growth { writer, .. }) if writer == self.writer => {}
            Ok(Growth { size, .. }) => grow(log_size, size),
            // Of a release that says less.
            Err(UnknownGrowth) => self.tell(log_size)?,
        }
        Ok(())
    }

    fn tell(&mut self, log_size: &watch::Sender<u64>) -> Result<(), StoreError> {
        grow(log_size, LogHead::read(&mut self.db)?.size());
        Ok(())
    }
}

/// Tells those who wait of a log that is larger than they know.
pub(crate) fn grow(log_size: &watch::Sender<u64>, found: u64) {
    log_size.send_if_modified(|size| {
        let grown = found > *size;
        *size = found.max(*size);
        grown
    });
}

/// What a notification says: who has written, and how large the log is by now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Growth {
    pub(crate) writer: i64,
    pub(crate) size: u64,
}

/// A notification that says something else.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UnknownGrowth;

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.writer, self.size)
    }
}

impl FromStr for Growth {
    type Err = UnknownGrowth;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (writer, size) = text.split_once(' ').ok_or(UnknownGrowth)?;
        let writer = writer.parse().map_err(|_| UnknownGrowth)?;
        Ok(Self { writer, size: size.parse().map_err(|_| UnknownGrowth)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notifications_are_read_as_they_are_written() {
        let growth = Growth { writer: -5, size: 12 };
        assert_eq!(growth.to_string().parse(), Ok(growth));
        for unknown in ["", "12", "a 1", "1 -1", "1 2 3"] {
            assert_eq!(unknown.parse::<Growth>(), Err(UnknownGrowth), "{unknown}");
        }
    }
}
