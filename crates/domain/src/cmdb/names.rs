//! Names of items, each kept once, in one block of text with an index from name to number.
//!
//! A number is given back when nothing refers to its item any more, so that items which come and go leave nothing
//! behind.

use std::hash::{DefaultHasher, Hasher as _};

use super::index::{narrow, wide};
use super::suggest::{self, Signature};

/// Text of released names that is not worth moving the rest for.
const UNUSED_BYTES_MIN: usize = 64 * 1024;
/// Slots of the smallest index; a power of two, as every later size.
const SLOTS_MIN: usize = 16;

/// Names by number and numbers by name.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    text: String,
    spans: Vec<Span>,
    /// What suggestions are found by; beside the names, so that a search reads few bytes of each.
    signatures: Vec<Signature>,
    /// Numbers plus one by the hash of their names, with the next free slot taken on collisions; 0 is free.
    slots: Vec<u32>,
    released: Vec<u32>,
    unused_bytes: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Span {
    start: u32,
    len: u16,
}

impl Names {
    /// How many numbers there are, released ones included.
    pub(super) fn numbers(&self) -> usize {
        self.spans.len()
    }

    /// How many names there are.
    pub(super) fn len(&self) -> usize {
        self.spans.len() - self.released.len()
    }

    /// The name of a number; empty for a released one.
    pub(super) fn name(&self, number: u32) -> &str {
        let Some(span) = self.spans.get(wide(number)) else { return "" };
        let start = wide(span.start);
        self.text.get(start..start + usize::from(span.len)).unwrap_or_default()
    }

    /// The number of a name.
    pub(super) fn find(&self, name: &str) -> Option<u32> {
        self.slot_of(name).and_then(|slot| self.slots.get(slot)).map(|number| number - 1)
    }

    /// The number of a name, which gets one where it has none.
    pub(super) fn intern(&mut self, name: &str) -> u32 {
        if let Some(number) = self.find(name) {
            return number;
        }
        if (self.len() + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        let start = narrow(self.text.len());
        self.text.push_str(name);
        let len = u16::try_from(name.len()).unwrap_or_else(|_| unreachable!("names are short"));
        let (span, signature) = (Span { start, len }, Signature::of(name));
        let number = self.released.pop().unwrap_or_else(|| {
            self.spans.push(Span::default());
            self.signatures.push(signature);
            narrow(self.spans.len() - 1)
        });
        if let Some(place) = self.spans.get_mut(wide(number)) {
            *place = span;
        }
        if let Some(place) = self.signatures.get_mut(wide(number)) {
            *place = signature;
        }
        self.take_slot(number);
        number
    }

    /// Gives a number back.
    pub(super) fn release(&mut self, number: u32) {
        let Some(slot) = self.slot_of(self.name(number)) else { return };
        self.free_slot(slot);
        if let Some(span) = self.spans.get_mut(wide(number)) {
            self.unused_bytes += usize::from(span.len);
            *span = Span::default();
        }
        if let Some(signature) = self.signatures.get_mut(wide(number)) {
            *signature = Signature::default();
        }
        self.released.push(number);
        self.reclaim();
    }

    /// Numbers of names that are spelt almost like `given` and pass `accept`, the nearest first.
    pub(super) fn suggest(&self, given: &str, accept: impl Fn(u32) -> bool) -> Vec<u32> {
        suggest::nearest(given, &self.signatures, |number| self.name(number), accept)
    }

    /// Bytes of memory, with the room for growth.
    pub(super) fn memory_bytes(&self) -> usize {
        self.text.capacity()
            + self.spans.capacity() * size_of::<Span>()
            + self.signatures.capacity() * size_of::<Signature>()
            + (self.slots.capacity() + self.released.capacity()) * size_of::<u32>()
    }

    /// Where a name belongs when nothing else is in the way.
    fn home(&self, name: &str) -> usize {
        let mut hasher = DefaultHasher::new();
        hasher.write(name.as_bytes());
        let mask = self.slots.len() - 1;
        usize::try_from(hasher.finish() & u64::try_from(mask).unwrap_or(0)).unwrap_or(0)
    }

    fn after(&self, slot: usize) -> usize {
        (slot + 1) & (self.slots.len() - 1)
    }

    fn at(&self, slot: usize) -> u32 {
        self.slots.get(slot).copied().unwrap_or(0)
    }

    fn slot_of(&self, name: &str) -> Option<usize> {
        if self.slots.is_empty() {
            return None;
        }
        let mut slot = self.home(name);
        loop {
            match self.at(slot) {
                0 => return None,
                number if self.name(number - 1) == name => return Some(slot),
                _ => slot = self.after(slot),
            }
        }
    }

    /// At least a quarter of the slots is free, so the search ends.
    fn take_slot(&mut self, number: u32) {
        let mut slot = self.home(self.name(number));
        while self.at(slot) != 0 {
            slot = self.after(slot);
        }
        if let Some(place) = self.slots.get_mut(slot) {
            *place = number + 1;
        }
    }

    /// Frees a slot, and moves back into it what stands further on only because it was taken.
    fn free_slot(&mut self, slot: usize) {
        let mask = self.slots.len() - 1;
        let (mut free, mut next) = (slot, self.after(slot));
        while self.at(next) != 0 {
            let home = self.home(self.name(self.at(next) - 1));
            let from_home = next.wrapping_sub(home) & mask;
            let from_free = next.wrapping_sub(free) & mask;
            if from_home >= from_free {
                self.slots.swap(free, next);
                free = next;
            }
            next = self.after(next);
        }
        if let Some(place) = self.slots.get_mut(free) {
            *place = 0;
        }
    }

    fn grow(&mut self) {
        let taken = std::mem::take(&mut self.slots);
        self.slots = vec![0; (taken.len() * 2).max(SLOTS_MIN)];
        taken.into_iter().filter(|number| *number != 0).for_each(|number| self.take_slot(number - 1));
    }

    /// Moves the names together when more than half of the text is unused.
    fn reclaim(&mut self) {
        if self.unused_bytes < UNUSED_BYTES_MIN || self.unused_bytes * 2 < self.text.len() {
            return;
        }
        let mut text = String::with_capacity(self.text.len() - self.unused_bytes);
        for span in &mut self.spans {
            let start = wide(span.start);
            let moved = narrow(text.len());
            text.push_str(self.text.get(start..start + usize::from(span.len)).unwrap_or_default());
            span.start = moved;
        }
        self.text = text;
        self.unused_bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn names_are_found_by_their_numbers_after_any_edits(
            edits in prop::collection::vec((0_u16..300, any::<bool>()), 0..600)
        ) {
            let mut names = Names::default();
            let mut expected: BTreeMap<String, u32> = BTreeMap::new();
            for (name, is_release) in edits {
                let name = format!("item/{name}");
                if let Some(number) = expected.get(&name).copied() {
                    prop_assert_eq!(names.intern(&name), number, "a name keeps its number");
                    if is_release {
                        names.release(number);
                        expected.remove(&name);
                    }
                } else {
                    prop_assert_eq!(names.find(&name), None);
                    expected.insert(name.clone(), names.intern(&name));
                }
                prop_assert_eq!(names.len(), expected.len());
            }
            for (name, number) in &expected {
                prop_assert_eq!(names.find(name), Some(*number));
                prop_assert_eq!(names.name(*number), name);
            }
        }
    }

    #[test]
    fn names_that_come_and_go_leave_nothing_behind() {
        let mut names = Names::default();
        let kept = names.intern("kept");
        for i in 0..100_000 {
            let number = names.intern(&format!("pod/shop/cart-{i}"));
            names.release(number);
        }
        assert_eq!((names.len(), names.numbers()), (1, 2));
        assert_eq!(names.find("kept"), Some(kept));
        assert!(names.memory_bytes() < 512 * 1024, "{}", names.memory_bytes());
    }
}
