//! One transaction: take the log, decide every append, write what was accepted, run the tasks, sign, commit.

use crate::append::Appended;
use crate::error::StoreError;
use crate::listener::Growth;
use crate::prepare::PreparedAppend;
use crate::sql::micros;
use crate::table::WRITER;
use crate::writer::check::Checks;
use crate::writer::head::write_tiles;
use crate::writer::rows::Rows;
use crate::writer::{Batch, Committed, Failure, LogHead, Writer};

impl Writer {
    /// Writes the batch in one transaction.
    pub(super) fn transact(&mut self, batch: &mut Batch) -> Result<Committed, Failure> {
        self.batch += 1;
        let written = self.write_all(batch);
        let committed = written.map_err(|error| {
            self.db.rollback();
            Failure::RolledBack(error)
        })?;
        match self.db.commit() {
            Ok(()) => Ok(committed),
            Err(error) if error.is_unavailable() && self.db.commit_can_be_unknown() => {
                Err(Failure::Unknown(error, committed))
            }
            Err(error) => {
                self.db.rollback();
                Err(Failure::RolledBack(error))
            }
        }
    }

    fn write_all(&mut self, batch: &mut Batch) -> Result<Committed, StoreError> {
        let db = &mut self.db;
        let appends: Vec<&PreparedAppend> = batch.appends.iter().map(|request| &request.append).collect();
        let (mut head, mut checks) = Checks::begin(db, &appends)?;
        let now = head.now();
        let mut rows = Rows::default();
        let mut appended = Vec::with_capacity(appends.len());
        for append in appends {
            let accepted = checks.accept(append);
            appended.push(accepted.map(|()| place(append, &mut head, &mut rows)));
        }
        let mut inserts = rows.inserts(db, checks.written_streams())?;
        let indexes = head.add_to(&mut inserts, &self.signing_key);
        if db.commit_can_be_unknown() {
            inserts.add(&WRITER, vec![self.id.into(), self.batch.into(), micros(now).into()]);
        }
        if !indexes.is_empty() {
            inserts.tell(&Growth { writer: self.id, size: indexes.end });
        }
        db.insert_all(&inserts)?;
        write_tiles(db, &indexes)?;
        for task in &mut batch.tasks {
            task.run(db, now)?;
        }
        Ok(Committed { appended, indexes })
    }
}

/// Gives the append's events their places in the log.
fn place<'a>(append: &'a PreparedAppend, head: &mut LogHead, rows: &mut Rows<'a>) -> Appended {
    let now = head.now();
    let first = head.size();
    for stream in &append.streams {
        for event in &stream.events {
            rows.add_event(head.size(), stream.stream.as_str(), event, now);
            head.append(event.leaf_hash);
        }
    }
    rows.add(append, now);
    let versions = append.streams.iter().map(|stream| (stream.stream.clone(), stream.new_version()));
    Appended { indexes: first..head.size(), versions: versions.collect(), at: now }
}
