//! What the graph keeps of each source's description of each item: type, tier, rule books, digest and time, without
//! the texts.

use super::description::{CiType, ComplianceScope, Description, DescriptionDigest, SourceName};
use super::index::{narrow, wide};
use crate::Timestamp;
use crate::catalog::Tier;

/// Marks the end of a list of facts.
const NONE: u32 = u32::MAX;
/// Rule books have one bit each; the last bit stands for all further ones together.
const SCOPE_BITS: usize = 64;

/// One source's description of one item.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fact {
    /// The next fact of the same item.
    next: u32,
    pub(super) source: u16,
    pub(super) ci_type: CiType,
    pub(super) tier: Option<Tier>,
    at_micros: i64,
    pub(super) compliance: u64,
    digest: DescriptionDigest,
}

impl Fact {
    pub(super) fn at(&self) -> Timestamp {
        Timestamp::from_microsecond(self.at_micros)
            .unwrap_or_else(|error| unreachable!("taken from a timestamp: {error}"))
    }

    pub(super) fn says_the_same(&self, description: &Description) -> bool {
        self.digest == description.digest()
    }
}

/// The facts of all items: for each item a list, one fact for each source that describes it.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    facts: Vec<Fact>,
    released: Vec<u32>,
    /// The first fact of each item.
    first: Vec<u32>,
    sources: Vec<Source>,
    scopes: Vec<ComplianceScope>,
}

#[derive(Debug, Clone)]
struct Source {
    name: SourceName,
    is_person: bool,
    /// How many items it describes; a source without any gives its place to the next new one.
    items: u32,
}

impl Facts {
    /// The facts of an item with their numbers, in no particular order.
    pub(super) fn of(&self, item: u32) -> impl Iterator<Item = (u32, &Fact)> {
        let mut next = self.first.get(wide(item)).copied().unwrap_or(NONE);
        std::iter::from_fn(move || {
            let number = next;
            let fact = self.facts.get(wide(number))?;
            next = fact.next;
            Some((number, fact))
        })
    }

    /// Every item that `source` describes, with the fact.
    pub(super) fn items_of(&self, source: u16) -> impl Iterator<Item = u32> {
        let items = 0..narrow(self.first.len());
        items.filter(move |item| self.of(*item).any(|(_, fact)| fact.source == source))
    }

    /// Whether any source describes the item.
    pub(super) fn is_described(&self, item: u32) -> bool {
        self.first.get(wide(item)).is_some_and(|first| *first != NONE)
    }

    /// The most trusted fact of an item for which `answer` has one.
    pub(super) fn best<T>(&self, item: u32, answer: impl Fn(&Fact) -> Option<T>) -> Option<(T, &Fact)> {
        let mut best: Option<(T, &Fact)> = None;
        for (_, fact) in self.of(item) {
            let is_better = best.as_ref().is_none_or(|(_, other)| self.is_before(fact, other));
            if is_better && let Some(value) = answer(fact) {
                best = Some((value, fact));
            }
        }
        best
    }

    /// Whether a fact is more trusted than another: the same order as of the full statements.
    pub(super) fn is_before(&self, fact: &Fact, other: &Fact) -> bool {
        let rank = |fact: &Fact| (!self.is_person(fact.source), std::cmp::Reverse(fact.at_micros));
        let by_source = || self.source(fact.source).cmp(self.source(other.source));
        rank(fact).cmp(&rank(other)).then_with(by_source).is_lt()
    }

    pub(super) fn is_person(&self, source: u16) -> bool {
        self.sources.get(usize::from(source)).is_some_and(|source| source.is_person)
    }

    pub(super) fn source(&self, source: u16) -> &SourceName {
        let source = self.sources.get(usize::from(source));
        &source.unwrap_or_else(|| unreachable!("facts name known sources")).name
    }

    pub(super) fn find_source(&self, name: &SourceName) -> Option<u16> {
        let place = self.sources.iter().position(|source| source.name == *name && source.items > 0)?;
        u16::try_from(place).ok()
    }

    /// How many sources describe anything.
    pub(super) fn sources(&self) -> impl Iterator<Item = (&SourceName, u32)> {
        self.sources.iter().filter(|source| source.items > 0).map(|source| (&source.name, source.items))
    }

    /// The rule books behind the bits.
    pub(super) fn scopes(&self, bits: u64) -> impl Iterator<Item = &ComplianceScope> {
        let has = move |place: usize| bits & (1 << place.min(SCOPE_BITS - 1)) != 0;
        self.scopes.iter().enumerate().filter(move |(place, _)| has(*place)).map(|(_, scope)| scope)
    }

    /// Whether the rule book is known already.
    pub(super) fn knows_scope(&self, scope: &ComplianceScope) -> bool {
        self.scopes.contains(scope)
    }

    pub(super) fn scopes_count(&self) -> usize {
        self.scopes.len()
    }

    /// Keeps what a source says of an item instead of what it said before; gives the number of the fact.
    pub(super) fn put(&mut self, item: u32, description: &Description, at: Timestamp) -> u32 {
        let source = self.intern_source(&description.source);
        let compliance = description.compliance.iter().fold(0, |bits, scope| bits | self.intern_scope(scope));
        let known = self.of(item).find(|(_, fact)| fact.source == source).map(|(number, _)| number);
        let fact = Fact {
            next: NONE,
            source,
            ci_type: description.ci_type,
            tier: description.tier,
            at_micros: at.as_microsecond(),
            compliance,
            digest: description.digest(),
        };
        if let Some(number) = known {
            if let Some(place) = self.facts.get_mut(wide(number)) {
                *place = Fact { next: place.next, ..fact };
            }
            return number;
        }
        self.count_item(source, 1);
        self.prepend(item, fact)
    }

    /// Forgets what a source says of an item; gives the number of the fact.
    pub(super) fn remove(&mut self, item: u32, source: &SourceName) -> Option<u32> {
        let source = self.find_source(source)?;
        let mut before = None;
        let (number, next) = self.of(item).find_map(|(number, fact)| {
            let is_it = fact.source == source;
            if !is_it {
                before = Some(number);
            }
            is_it.then_some((number, fact.next))
        })?;
        let link = match before {
            Some(before) => self.facts.get_mut(wide(before)).map(|fact| &mut fact.next),
            None => self.first.get_mut(wide(item)),
        };
        if let Some(link) = link {
            *link = next;
        }
        self.count_item(source, -1);
        self.released.push(number);
        Some(number)
    }

    /// Bytes of memory, with the room for growth.
    pub(super) fn memory_bytes(&self) -> usize {
        self.facts.capacity() * size_of::<Fact>()
            + (self.released.capacity() + self.first.capacity()) * size_of::<u32>()
            + self.sources.capacity() * size_of::<Source>()
            + self.scopes.capacity() * size_of::<ComplianceScope>()
    }

    fn prepend(&mut self, item: u32, fact: Fact) -> u32 {
        if wide(item) >= self.first.len() {
            self.first.resize(wide(item) + 1, NONE);
        }
        let number = self.released.pop().unwrap_or_else(|| {
            self.facts.push(fact);
            narrow(self.facts.len() - 1)
        });
        if let (Some(place), Some(first)) = (self.facts.get_mut(wide(number)), self.first.get_mut(wide(item)))
        {
            *place = Fact { next: *first, ..fact };
            *first = number;
        }
        number
    }

    fn intern_source(&mut self, name: &SourceName) -> u16 {
        let known = self.sources.iter().position(|source| source.name == *name);
        let free = || self.sources.iter().position(|source| source.items == 0);
        let source = Source { name: name.clone(), is_person: name.is_person(), items: 0 };
        let place = match known.or_else(free) {
            Some(place) => place,
            None => {
                self.sources.push(source.clone());
                self.sources.len() - 1
            }
        };
        if known.is_none()
            && let Some(slot) = self.sources.get_mut(place)
        {
            *slot = source;
        }
        u16::try_from(place).unwrap_or_else(|_| unreachable!("the number of sources is limited"))
    }

    fn count_item(&mut self, source: u16, difference: i32) {
        if let Some(source) = self.sources.get_mut(usize::from(source)) {
            source.items = source.items.saturating_add_signed(difference);
        }
    }

    fn intern_scope(&mut self, scope: &ComplianceScope) -> u64 {
        let place = self.scopes.iter().position(|known| known == scope).unwrap_or_else(|| {
            self.scopes.push(scope.clone());
            self.scopes.len() - 1
        });
        1 << place.min(SCOPE_BITS - 1)
    }
}
