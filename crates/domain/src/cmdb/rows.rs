//! Lists of numbers, one for each row, in one block of memory: compressed sparse rows that can be edited in place.
//!
//! A row has some room at its end; where that runs out, the row moves to the end of the block with twice the room, and
//! what it leaves behind is reclaimed when half of the block is unused. So an entry is there as soon as it is pushed,
//! pushing costs a constant on average, and no edit waits for the whole graph to be laid out anew. (A frozen block with
//! a layer of edits over it would save the room, but merging the two stops every reader for as long as a build takes.)
//!
//! Removing looks through a short row. From a long one (everything runs on one cluster) it only notes what is gone,
//! and clears the row when an eighth of it is: so moving all dependents of a hub costs no more than moving each.

use std::collections::{BTreeMap, BTreeSet};

use super::index::{narrow, wide};

/// Rows of at most so many entries are looked through for the entry to remove.
const SHORT_ROW_MAX: usize = 512;
/// A long row is cleared when one of so many entries is noted as removed.
const REMOVED_SHARE: usize = 8;
/// A block with fewer unused places than this is not worth laying out anew.
const UNUSED_MIN: usize = 4_096;

/// Lists of distinct numbers.
#[derive(Debug, Clone, Default)]
pub(super) struct Rows {
    entries: Vec<u32>,
    rows: Vec<Row>,
    /// Places of the block that belong to no row.
    unused: usize,
    /// Entries that still stand in their long row but are gone.
    removed: BTreeMap<u32, BTreeSet<u32>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Row {
    start: u32,
    len: u32,
    room: u32,
}

impl Rows {
    /// The entries of a row, in no particular order.
    pub(super) fn get(&self, row: u32) -> impl Iterator<Item = u32> {
        let removed = if self.removed.is_empty() { None } else { self.removed.get(&row) };
        let stands = move |entry: &u32| removed.is_none_or(|removed| !removed.contains(entry));
        self.slice(row).iter().copied().filter(stands)
    }

    /// Whether a row has no entries.
    pub(super) fn is_empty(&self, row: u32) -> bool {
        self.get(row).next().is_none()
    }

    /// Adds an entry that the row does not have.
    pub(super) fn push(&mut self, row: u32, entry: u32) {
        if self.take_back(row, entry) {
            return;
        }
        let at = self.row(row);
        if at.len == at.room {
            self.widen(row);
        }
        let at = self.row(row);
        let place = wide(at.start) + wide(at.len);
        if let Some(slot) = self.entries.get_mut(place) {
            *slot = entry;
        }
        self.place(row, Row { len: at.len + 1, ..at });
        self.reclaim();
    }

    /// Removes an entry.
    pub(super) fn remove(&mut self, row: u32, entry: u32) {
        if self.row(row).len > narrow(SHORT_ROW_MAX) {
            let removed = self.removed.entry(row).or_default();
            removed.insert(entry);
            if removed.len() * REMOVED_SHARE > wide(self.row(row).len) {
                self.clear_removed(row);
            }
            return;
        }
        let at = self.row(row);
        let Some(found) = self.slice(row).iter().position(|other| *other == entry) else { return };
        let (start, len) = (wide(at.start), wide(at.len));
        self.entries.swap(start + found, start + len - 1);
        self.place(row, Row { len: at.len - 1, ..at });
    }

    /// Makes `entries` the whole row.
    pub(super) fn set(&mut self, row: u32, entries: &[u32]) {
        self.removed.remove(&row);
        let mut at = self.row(row);
        if entries.len() > wide(at.room) {
            self.unused += wide(at.room);
            let start = narrow(self.entries.len());
            self.entries.resize(self.entries.len() + entries.len(), 0);
            at = Row { start, len: 0, room: narrow(entries.len()) };
        }
        let start = wide(at.start);
        if let Some(places) = self.entries.get_mut(start..start + entries.len()) {
            places.copy_from_slice(entries);
        }
        self.place(row, Row { len: narrow(entries.len()), ..at });
        self.reclaim();
    }

    /// Bytes of memory, with the room for growth.
    pub(super) fn memory_bytes(&self) -> usize {
        let removed: usize = self.removed.values().map(BTreeSet::len).sum();
        self.entries.capacity() * size_of::<u32>()
            + self.rows.capacity() * size_of::<Row>()
            + removed * 2 * size_of::<u32>()
    }

    fn row(&self, row: u32) -> Row {
        self.rows.get(wide(row)).copied().unwrap_or_default()
    }

    fn slice(&self, row: u32) -> &[u32] {
        let at = self.row(row);
        let start = wide(at.start);
        self.entries.get(start..start + wide(at.len)).unwrap_or_default()
    }

    fn place(&mut self, row: u32, at: Row) {
        let index = wide(row);
        if index >= self.rows.len() {
            self.rows.resize(index + 1, Row::default());
        }
        if let Some(slot) = self.rows.get_mut(index) {
            *slot = at;
        }
    }

    /// Gives a full row twice the room: where it lies, when it is the last of the block, otherwise at the end.
    fn widen(&mut self, row: u32) {
        let at = self.row(row);
        let room = (at.room * 2).max(2);
        let (start, end) = (wide(at.start), wide(at.start) + wide(at.room));
        if at.room > 0 && end == self.entries.len() {
            self.entries.resize(start + wide(room), 0);
            self.place(row, Row { room, ..at });
            return;
        }
        let moved = Row { start: narrow(self.entries.len()), len: at.len, room };
        self.entries.extend_from_within(start..start + wide(at.len));
        self.entries.resize(wide(moved.start) + wide(room), 0);
        self.unused += wide(at.room);
        self.place(row, moved);
    }

    /// Whether the entry stood in its row, noted as removed, and counts again.
    fn take_back(&mut self, row: u32, entry: u32) -> bool {
        let Some(removed) = self.removed.get_mut(&row) else { return false };
        let was_removed = removed.remove(&entry);
        if removed.is_empty() {
            self.removed.remove(&row);
        }
        was_removed
    }

    fn clear_removed(&mut self, row: u32) {
        let Some(removed) = self.removed.remove(&row) else { return };
        let mut kept = self.slice(row).to_vec();
        kept.retain(|entry| !removed.contains(entry));
        self.set(row, &kept);
    }

    /// Lays the block out anew, each row as long as it is, when more than half of it is unused.
    fn reclaim(&mut self) {
        if self.unused < UNUSED_MIN || self.unused * 2 < self.entries.len() {
            return;
        }
        let live: usize = self.rows.iter().map(|row| wide(row.len)).sum();
        let mut entries = Vec::with_capacity(live + live / 4);
        for row in &mut self.rows {
            let start = wide(row.start);
            let moved = narrow(entries.len());
            entries.extend_from_slice(self.entries.get(start..start + wide(row.len)).unwrap_or_default());
            *row = Row { start: moved, len: row.len, room: row.len };
        }
        self.entries = entries;
        self.unused = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Edit {
        Toggle(u32, u32),
        Set(u32, BTreeSet<u32>),
    }

    fn any_edit() -> impl Strategy<Value = Edit> {
        prop_oneof![
            8 => (0_u32..4, 0_u32..2_000).prop_map(|(row, entry)| Edit::Toggle(row, entry)),
            1 => (0_u32..4, prop::collection::btree_set(0_u32..2_000, 0..1_500))
                .prop_map(|(row, entries)| Edit::Set(row, entries)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn rows_equal_sets_after_any_edits(edits in prop::collection::vec(any_edit(), 0..400)) {
            let mut rows = Rows::default();
            let mut sets: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
            for edit in edits {
                match edit {
                    Edit::Toggle(row, entry) => {
                        let set = sets.entry(row).or_default();
                        if set.insert(entry) {
                            rows.push(row, entry);
                        } else {
                            set.remove(&entry);
                            rows.remove(row, entry);
                        }
                    }
                    Edit::Set(row, entries) => {
                        rows.set(row, &entries.iter().copied().collect::<Vec<_>>());
                        sets.insert(row, entries);
                    }
                }
            }
            for row in 0..4 {
                let given: Vec<_> = rows.get(row).collect();
                let as_set: BTreeSet<_> = given.iter().copied().collect();
                prop_assert_eq!(given.len(), as_set.len(), "no entry twice");
                prop_assert_eq!(rows.is_empty(row), as_set.is_empty());
                prop_assert_eq!(as_set, sets.remove(&row).unwrap_or_default());
            }
        }
    }

    #[test]
    fn moving_every_entry_from_one_row_to_another_leaves_a_bounded_block() {
        let mut rows = Rows::default();
        let count = 20_000;
        (0..count).for_each(|entry| rows.push(0, entry));
        for round in 0..4 {
            let (from, to) = (round % 2, 1 - round % 2);
            for entry in 0..count {
                rows.remove(from, entry);
                rows.push(to, entry);
            }
            assert!(rows.is_empty(from));
            assert_eq!(rows.get(to).count(), wide(count));
        }
        assert!(rows.memory_bytes() < wide(count) * size_of::<u32>() * 8, "{}", rows.memory_bytes());
    }
}
