//! What the server keeps in memory of changes that other systems carried out: which record of each is the newest, and
//! how they ended, as far as assessments ask.
//!
//! They bear on the record of a service and of a category, and are marked there as imported; the base rate of a type and
//! the record of a requester are about our own changes alone. An ending counts from the day on which it could be known.
//!
//! Budget: about 150 bytes a change, and one entry for each day and service on which any ended.

use std::collections::{BTreeMap, HashMap};

use domain::Timestamp;
use domain::canonical::Digest;
use domain::change::{Category, Content, Outcome};
use domain::history::{ExternalId, HistoryEvent, PastChange, RecordDigest, SourceSystem};
use domain::id::ServiceName;
use domain::risk::{Age, History, Record};
use store::{StoredEvent, StreamName};

use crate::failure::Failure;
use crate::record::decode;

/// Most changes that are imported from all systems together.
pub(crate) const IMPORTED_MAX: usize = 2_000_000;

/// Streams of systems.
pub(crate) const SYSTEM_PREFIX: &str = "history/";
/// Streams of their changes.
pub(crate) const CHANGE_PREFIX: &str = "imported/";
/// Stands in a stream's name before the digest of an id that would not fit there.
const DIGEST_MARK: &str = "sha256:";
const DAY_SECONDS: i64 = 86_400;

/// Changes of other systems.
#[derive(Debug, Default)]
pub(crate) struct Imported {
    /// Whether the log has been read to its end.
    is_read: bool,
    records: HashMap<Key, Entry>,
    systems: BTreeMap<SourceSystem, System>,
    services: Services,
    by_category: HashMap<Category, Days>,
    by_service: HashMap<u32, Days>,
}

/// Recognises a stream: the first half of the digest of its name.
type Key = [u8; 16];

/// The newest record of one change.
#[derive(Debug)]
struct Entry {
    version: u64,
    digest: RecordDigest,
    outcome: Outcome,
    category: Category,
    closed_at: Timestamp,
    known_at: Timestamp,
    services: Box<[u32]>,
}

/// What is known of one system.
#[derive(Debug, Default)]
struct System {
    salt: Option<String>,
    summary: Summary,
}

/// What has been imported from one system.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    /// How many changes ended how.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// When the first and the last of them ended. An altered record may have moved them outwards, never inwards.
    pub closed: Option<(Timestamp, Timestamp)>,
    /// When a change was last recorded.
    pub last_imported_at: Timestamp,
}

/// The numbers of services: a name is kept once.
#[derive(Debug, Default)]
struct Services(HashMap<ServiceName, u32>);

/// Changes and failures by the days on which they ended and on which that could be known.
#[derive(Debug, Default)]
struct Days(BTreeMap<(i64, i64), (u32, u32)>);

/// What is recorded of a change already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    /// Version of its stream.
    pub version: u64,
    /// What its newest record says.
    pub digest: RecordDigest,
}

/// The stream of a system.
///
/// # Errors
/// Never, as long as the names of systems are shorter than those of streams.
pub(crate) fn system_stream(source: &SourceSystem) -> Result<StreamName, Failure> {
    StreamName::new(format!("{SYSTEM_PREFIX}{source}")).map_err(|error| Failure::Internal(error.to_string()))
}

/// The stream of a change: by its id, or by the digest of an id that does not fit there.
///
/// # Errors
/// Never, as long as the names of systems are shorter than those of streams.
pub(crate) fn change_stream(source: &SourceSystem, id: &ExternalId) -> Result<StreamName, Failure> {
    let plain = StreamName::new(format!("{CHANGE_PREFIX}{source}/{id}"));
    let fits = plain.ok().filter(|_| !id.as_str().starts_with(DIGEST_MARK));
    fits.map_or_else(
        || {
            let digest = Digest::of_bytes(id.as_str().as_bytes());
            StreamName::new(format!("{CHANGE_PREFIX}{source}/{DIGEST_MARK}{digest}"))
                .map_err(|error| Failure::Internal(error.to_string()))
        },
        Ok,
    )
}

/// Whether a stream is about imported history.
pub(crate) fn is_history(stream: &StreamName) -> bool {
    stream.as_str().starts_with(SYSTEM_PREFIX) || stream.as_str().starts_with(CHANGE_PREFIX)
}

impl Imported {
    /// Takes an event in, unless it or a later one of its stream is known.
    ///
    /// # Errors
    /// When the event cannot be read.
    pub(crate) fn apply(&mut self, stored: StoredEvent) -> Result<(), Failure> {
        let stream = stored.stream.clone();
        let recorded = decode::<HistoryEvent>(stored)?;
        self.take(&stream, recorded.version, recorded.envelope.at, &recorded.event);
        Ok(())
    }

    /// Takes an event in that was read or written as `version` of its stream.
    pub(crate) fn take(&mut self, stream: &StreamName, version: u64, at: Timestamp, event: &HistoryEvent) {
        match event {
            HistoryEvent::SourceAdded { source, salt } => {
                let system = self.systems.entry(source.clone()).or_default();
                system.salt.get_or_insert_with(|| salt.to_string());
            }
            HistoryEvent::Imported { source, change, .. } => {
                let key = key_of(stream);
                let before = self.records.get(&key);
                if before.is_some_and(|entry| entry.version >= version) {
                    return;
                }
                if let Some(before) = self.records.remove(&key) {
                    self.count(source, &before, Days::remove, |count| count.saturating_sub(1));
                }
                let entry = self.entry(version, change);
                self.count(source, &entry, Days::add, |count| count.saturating_add(1));
                self.records.insert(key, entry);
                let summary = &mut self.systems.entry(source.clone()).or_default().summary;
                summary.last_imported_at = summary.last_imported_at.max(at);
                let (first, last) = summary.closed.unwrap_or((change.closed_at, change.closed_at));
                summary.closed = Some((first.min(change.closed_at), last.max(change.closed_at)));
            }
        }
    }

    /// What is recorded of the change that has this stream.
    pub(crate) fn find(&self, stream: &StreamName) -> Option<Known> {
        let entry = self.records.get(&key_of(stream))?;
        Some(Known { version: entry.version, digest: entry.digest })
    }

    /// The log has been read to its end.
    pub(crate) fn read(&mut self) {
        self.is_read = true;
    }

    /// How many changes have been imported.
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// Makes the keys of a system's requesters; none for a system that is not known.
    pub(crate) fn salt(&self, source: &SourceSystem) -> Option<&str> {
        self.systems.get(source)?.salt.as_deref()
    }

    /// What has been imported from each system, by name.
    pub(crate) fn summaries(&self) -> impl Iterator<Item = (&SourceSystem, &Summary)> {
        self.systems.iter().map(|(source, system)| (source, &system.summary))
    }

    /// Adds how changes of other systems ended to the records that bear on a change, as of `at`; says so when not all of
    /// them have been read yet.
    pub(crate) fn add_to(&self, history: &mut History, content: &Content, at: Timestamp) {
        history.is_incomplete |= !self.is_read;
        if let Some(days) = self.by_category.get(&content.category) {
            days.add_to(&mut history.category, at);
        }
        for service in &content.affected_services {
            let days = self.services.0.get(service).and_then(|number| self.by_service.get(number));
            if let Some(days) = days {
                days.add_to(history.services.entry(service.clone()).or_default(), at);
            }
        }
    }

    fn entry(&mut self, version: u64, change: &PastChange) -> Entry {
        let services = change.services.iter().map(|service| self.services.number(service)).collect();
        Entry {
            version,
            digest: change.digest(),
            outcome: change.outcome,
            category: change.category,
            closed_at: change.closed_at,
            known_at: change.outcome_known_at,
            services,
        }
    }

    /// Counts an entry in or out, wherever it counts. What was given up before its start teaches nothing.
    fn count(
        &mut self,
        source: &SourceSystem,
        entry: &Entry,
        days: fn(&mut Days, (i64, i64), bool),
        outcomes: fn(u64) -> u64,
    ) {
        let summary = &mut self.systems.entry(source.clone()).or_default().summary;
        let counted = summary.outcomes.entry(entry.outcome).or_default();
        *counted = outcomes(*counted);
        let failed = match entry.outcome {
            Outcome::Successful => false,
            Outcome::Partial | Outcome::Failed | Outcome::RolledBack => true,
            Outcome::Cancelled => return,
        };
        let day = |at: Timestamp| at.as_second().div_euclid(DAY_SECONDS);
        // Known from the next midnight on: never before it could be.
        let at = (day(entry.closed_at), day(entry.known_at).saturating_add(1));
        days(self.by_category.entry(entry.category).or_default(), at, failed);
        for service in &entry.services {
            days(self.by_service.entry(*service).or_default(), at, failed);
        }
    }
}

impl Services {
    fn number(&mut self, service: &ServiceName) -> u32 {
        let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        match self.0.get(service) {
            Some(number) => *number,
            None => *self.0.entry(service.clone()).or_insert(next),
        }
    }
}

impl Days {
    fn add(&mut self, at: (i64, i64), failed: bool) {
        let (changes, failures) = self.0.entry(at).or_default();
        *changes = changes.saturating_add(1);
        *failures = failures.saturating_add(u32::from(failed));
    }

    fn remove(&mut self, at: (i64, i64), failed: bool) {
        let Some((changes, failures)) = self.0.get_mut(&at) else { return };
        *changes = changes.saturating_sub(1);
        *failures = failures.saturating_sub(u32::from(failed));
        if *changes == 0 {
            self.0.remove(&at);
        }
    }

    fn add_to(&self, record: &mut Record, at: Timestamp) {
        let start =
            |day: i64| Timestamp::from_second(day.saturating_mul(DAY_SECONDS)).unwrap_or(Timestamp::MIN);
        let known = self.0.iter().filter(|((_, known), _)| start(*known) <= at);
        for ((closed, _), (changes, failures)) in known {
            record.add_imported(Age::of(start(*closed), at), *changes, *failures);
        }
    }
}

fn key_of(stream: &StreamName) -> Key {
    let digest = Digest::of_bytes(stream.as_str().as_bytes());
    let (head, _) = digest.as_bytes().split_first_chunk().unwrap_or_else(|| unreachable!("32 bytes"));
    *head
}

#[cfg(test)]
mod tests {
    use domain::change::ChangeType;
    use domain::history::Churn;
    use domain::text::FreeText;

    use super::*;
    use crate::view::fixture;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_second(1_740_000_000 + day * DAY_SECONDS).unwrap()
    }

    fn change(outcome: Outcome, closed: i64, known: i64) -> PastChange {
        PastChange {
            title: None,
            description: None,
            change_type: ChangeType::Normal,
            category: Category::Deployment,
            services: ["cart".parse().unwrap()].into(),
            cis: std::collections::BTreeSet::new(),
            files: std::collections::BTreeSet::new(),
            requester: None,
            by: None,
            churn: Churn::default(),
            is_fix: false,
            is_revert: false,
            tests_passed: None,
            coverage: None,
            submitted_at: at(closed),
            started_at: None,
            closed_at: at(closed),
            outcome,
            outcome_known_at: at(known),
        }
    }

    fn take(imported: &mut Imported, id: &str, version: u64, change: PastChange) {
        let (source, external_id) = ("shop.git".parse().unwrap(), id.parse().unwrap());
        let stream = change_stream(&source, &external_id).unwrap();
        let change = Box::new(change);
        let event = HistoryEvent::Imported { source, external_id, requester_key: None, change };
        imported.take(&stream, version, at(500), &event);
    }

    /// Changes, failures and imported ones of the service `cart` and of deployments, as of a day.
    fn counted(imported: &Imported, day: i64) -> [(u32, u32, u32); 2] {
        let mut content =
            fixture::Story::awaiting(domain::risk::Level::Medium, |_| {}).change().content.clone();
        content.category = Category::Deployment;
        content.affected_services = ["cart".parse().unwrap()].into();
        let mut history = History::default();
        imported.add_to(&mut history, &content, at(day));
        let of = |record: Record| (record.total().changes, record.total().failures, record.imported);
        [of(history.services.values().copied().next().unwrap_or_default()), of(history.category)]
    }

    #[test]
    fn endings_count_from_when_they_could_be_known_and_what_was_given_up_never() {
        let mut imported = Imported::default();
        take(&mut imported, "1", 1, change(Outcome::Failed, 10, 17));
        take(&mut imported, "2", 1, change(Outcome::Successful, 10, 17));
        take(&mut imported, "3", 1, change(Outcome::Cancelled, 10, 10));
        assert_eq!(counted(&imported, 17), [(0, 0, 0); 2]);
        assert_eq!(counted(&imported, 18), [(2, 1, 2); 2]);
        let (_, summary) = imported.summaries().next().unwrap();
        assert_eq!(summary.outcomes.values().sum::<u64>(), 3);
        assert_eq!(summary.closed, Some((at(10), at(10))));
    }

    #[test]
    fn an_altered_record_takes_the_place_of_the_earlier_one_and_nothing_counts_twice() {
        let mut imported = Imported::default();
        take(&mut imported, "1", 1, change(Outcome::Successful, 10, 10));
        take(&mut imported, "1", 1, change(Outcome::Successful, 10, 10));
        assert_eq!(counted(&imported, 20), [(1, 0, 1); 2]);
        take(&mut imported, "1", 2, change(Outcome::RolledBack, 11, 12));
        take(&mut imported, "1", 1, change(Outcome::Successful, 10, 10));
        assert_eq!(counted(&imported, 20), [(1, 1, 1); 2]);
        assert_eq!(imported.len(), 1);
        let stream = change_stream(&"shop.git".parse().unwrap(), &"1".parse().unwrap()).unwrap();
        let known = imported.find(&stream).unwrap();
        assert_eq!((known.version, known.digest), (2, change(Outcome::RolledBack, 11, 12).digest()));
    }

    #[test]
    fn until_the_log_is_read_to_its_end_the_records_are_called_incomplete() {
        let mut imported = Imported::default();
        let content = fixture::Story::awaiting(domain::risk::Level::Medium, |_| {}).change().content.clone();
        for is_incomplete in [true, false] {
            let mut history = History::default();
            imported.add_to(&mut history, &content, at(0));
            assert_eq!(history.is_incomplete, is_incomplete);
            imported.read();
        }
    }

    #[test]
    fn ids_that_do_not_fit_the_name_of_a_stream_are_digested_and_stay_apart() {
        let stream = |id: &str| change_stream(&"a".parse().unwrap(), &id.parse().unwrap()).unwrap();
        assert_eq!(stream("CHG1").as_str(), "imported/a/CHG1");
        let digested = stream("with blanks");
        assert!(digested.as_str().starts_with("imported/a/sha256:"), "{digested}");
        let mimic = digested.as_str().trim_start_matches("imported/a/").to_owned();
        assert_ne!(stream(&mimic), digested);
        assert_ne!(stream(&"x".repeat(250)), stream(&"x".repeat(251)));
        assert!(is_history(&digested) && !is_history(&StreamName::new("change/x").unwrap()));
    }

    #[test]
    fn the_first_salt_of_a_system_stays() {
        let mut imported = Imported::default();
        let source: SourceSystem = "a".parse().unwrap();
        let stream = system_stream(&source).unwrap();
        for salt in ["first", "second"] {
            let salt = FreeText::new(salt).unwrap();
            imported.take(&stream, 1, at(0), &HistoryEvent::SourceAdded { source: source.clone(), salt });
        }
        assert_eq!(imported.salt(&source), Some("first"));
    }
}
