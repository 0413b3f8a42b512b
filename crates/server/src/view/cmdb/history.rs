//! What happened to an item, the last event first.

use std::collections::VecDeque;

use api::cmdb as wire;
use domain::cmdb::CiEvent;

use super::difference::fields;
use super::time;
use crate::known::Known;
use crate::load::StoredItem;
use crate::record::Recorded;

/// The last entries before a version, put together while an item's events are read in order.
#[derive(Debug)]
pub(crate) struct History {
    before: u64,
    limit: usize,
    stored: StoredItem,
    entries: VecDeque<wire::CiHistoryEntry>,
    is_cut: bool,
}

impl History {
    /// Begins with nothing: at most `limit` entries before the event of version `before`.
    pub(crate) fn new(before: u64, limit: usize) -> Self {
        let (stored, entries) = (StoredItem::default(), VecDeque::with_capacity(limit));
        Self { before, limit, stored, entries, is_cut: false }
    }

    /// Takes the item's next event in.
    pub(crate) fn follow(&mut self, known: &Known, recorded: &Recorded<CiEvent>) {
        if recorded.version >= self.before {
            return;
        }
        let statements = self.stored.item.statements();
        let (action, source, after) = match &recorded.event {
            CiEvent::Described { description } => ("described", &description.source, Some(description)),
            CiEvent::Withdrawn { source } => ("withdrawn", source, None),
        };
        let before = statements.get(source).map(|statement| &statement.description);
        if self.entries.len() == self.limit {
            self.entries.pop_back();
            self.is_cut = true;
        }
        self.entries.push_front(wire::CiHistoryEntry {
            version: recorded.version,
            log_index: recorded.index,
            timestamp: time(recorded.envelope.at),
            actor: known.directory.name_of(&recorded.envelope.actor),
            action: action.to_owned(),
            source: source.to_string(),
            fields: fields(before, after),
        });
        self.stored.follow(recorded);
    }

    /// The entries, the last first, and the version before which more are to be asked for.
    pub(crate) fn finish(self) -> (Vec<wire::CiHistoryEntry>, Option<u64>) {
        let next = self.entries.back().filter(|_| self.is_cut).map(|entry| entry.version);
        (self.entries.into(), next)
    }
}
