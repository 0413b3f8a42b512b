//! What every request and every worker shares.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use domain::Timestamp;
use domain::id::{ActorId, ChangeId, IncidentId};
use store::{Append, AppendError, Appended, Store};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::around::Health;
use crate::clock::Clock;
use crate::config::Config;
use crate::experience::Experience;
use crate::failure::Failure;
use crate::follow::Followed;
use crate::known::Known;
use crate::metrics::Metrics;
use crate::notify::Notifier;
use crate::policies::Policies;

/// What every request and every worker shares.
#[derive(Debug)]
pub(crate) struct App {
    /// Settings.
    pub config: Config,
    /// The one place that reads the clock.
    pub clock: Clock,
    /// The log and everything beside it.
    pub store: Store,
    /// The policies in force.
    pub policies: Policies,
    /// The text form of the key that verifies checkpoints.
    pub verifier_key: String,
    /// Counters and timings.
    pub metrics: Metrics,
    /// Tells that there are messages to deliver.
    pub wake: Notify,
    /// Who is told of what, and how.
    pub notifier: Notifier,
    /// Places for requests that are worked on at once.
    pub seats: Semaphore,
    /// Ends everything.
    pub shutdown: CancellationToken,
    /// Work that must come to its end even when its caller has gone.
    pub tasks: TaskTracker,
    /// How far what other servers write is known.
    pub followed: Followed,
    /// How healthy the system is.
    pub health: Health,
    /// What past changes teach.
    pub experience: Experience,
    /// Places for rankings of what may have led to a trouble: each reads many changes.
    pub rankings: Semaphore,
    /// Held by the one registration that is under way: all of them write to one stream, and need not race for it here.
    pub registrations: tokio::sync::Mutex<()>,
    /// Held by the one start that is under way, for the same reason.
    pub starts: tokio::sync::Mutex<()>,
    known: RwLock<Known>,
    change_numbers: Numbers,
    incident_numbers: Numbers,
    refusals: Mutex<HashMap<ActorId, (i64, u32)>>,
}

/// The last number given out in each year.
#[derive(Debug, Default)]
struct Numbers(Mutex<HashMap<u16, u32>>);

/// Most rankings of suspects at once.
const RANKINGS_MAX: usize = 2;
/// Most actors whose refused attempts are counted at once.
const REFUSAL_COUNTERS_MAX: usize = 10_000;
const HOUR_SECONDS: i64 = 3_600;

/// Everything that [`App::new`] needs.
#[derive(Debug)]
pub(crate) struct Parts {
    /// Settings.
    pub config: Config,
    /// The clock.
    pub clock: Clock,
    /// The open store.
    pub store: Store,
    /// The policies in force.
    pub policies: Policies,
    /// The text form of the key that verifies checkpoints.
    pub verifier_key: String,
    /// What was folded from the log.
    pub known: Known,
    /// How far what other servers write is known.
    pub followed: Followed,
    /// Who is told of what, and how.
    pub notifier: Notifier,
    /// How healthy the system is.
    pub health: Health,
}

impl App {
    /// Puts the parts together.
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { config, clock, store, policies, verifier_key, known, followed, notifier, health } = parts;
        let seats = Semaphore::new(config.limits.concurrent_requests);
        Self {
            config,
            clock,
            store,
            policies,
            verifier_key,
            metrics: Metrics::default(),
            wake: Notify::new(),
            notifier,
            seats,
            shutdown: CancellationToken::new(),
            tasks: TaskTracker::new(),
            rankings: Semaphore::new(RANKINGS_MAX),
            followed,
            health,
            experience: Experience::default(),
            known: RwLock::new(known),
            change_numbers: Numbers::default(),
            incident_numbers: Numbers::default(),
            refusals: Mutex::new(HashMap::new()),
            registrations: tokio::sync::Mutex::new(()),
            starts: tokio::sync::Mutex::new(()),
        }
    }

    /// What is kept in memory. Held for a synchronous piece of work only.
    pub(crate) fn known(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is kept in memory, to move it on.
    pub(crate) fn known_mut(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` to its end even when the caller goes away, so that a client that hangs up leaves nothing half done.
    ///
    /// # Errors
    /// What `work` answers; an internal failure when it panicked.
    pub(crate) async fn owned<T, F>(&self, work: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        let handle = self.tasks.spawn(work);
        handle.await.map_err(|error| Failure::Internal(error.to_string()))?
    }

    /// The next free change id of the year of `now`. Uniqueness is the log's: two servers may propose the same one,
    /// the second append conflicts and proposes again after [`App::learn_numbers`].
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn next_change_id(&self, now: Timestamp) -> Result<ChangeId, Failure> {
        let year = year_of(now);
        if !self.change_numbers.knows(year) {
            self.change_numbers.learn(year, self.store.max_change_number(year).await?);
        }
        ChangeId::new(year, self.change_numbers.next(year))
            .map_err(|error| Failure::Internal(error.to_string()))
    }

    /// Gives a change id back that was not used, so that the sequence has no gap. Only the last one given out can be.
    pub(crate) fn give_back(&self, id: ChangeId) {
        self.change_numbers.give_back(id.year(), id.number());
    }

    /// The next free incident id of the year of `now`.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn next_incident_id(&self, now: Timestamp) -> Result<IncidentId, Failure> {
        let year = year_of(now);
        if !self.incident_numbers.knows(year) {
            self.incident_numbers.learn(year, self.store.max_incident_number(year).await?);
        }
        IncidentId::new(year, self.incident_numbers.next(year))
            .map_err(|error| Failure::Internal(error.to_string()))
    }

    /// Takes note of the numbers that others gave out. Numbers that this server gave out stay given out, so that what
    /// is under way here does not collide with itself.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn learn_numbers(&self) -> Result<(), Failure> {
        let year = year_of(self.clock.now());
        self.change_numbers.learn(year, self.store.max_change_number(year).await?);
        self.incident_numbers.learn(year, self.store.max_incident_number(year).await?);
        Ok(())
    }

    /// Appends, and takes note of what was written.
    ///
    /// # Errors
    /// When the store refuses or fails.
    pub(crate) async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        let has_messages = !append.outbox.is_empty();
        let appended = self.store.append(append).await?;
        if has_messages {
            self.wake.notify_waiters();
        }
        Ok(appended)
    }

    /// Whether one more refused attempt of `actor` is recorded this hour.
    pub(crate) fn admits_refusal(&self, actor: &ActorId, now: Timestamp) -> bool {
        let hour = now.as_second().div_euclid(HOUR_SECONDS);
        let mut counters = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if counters.len() >= REFUSAL_COUNTERS_MAX {
            counters.retain(|_, (counted_hour, _)| *counted_hour == hour);
        }
        let counter = counters.entry(actor.clone()).or_insert((hour, 0));
        if counter.0 != hour {
            *counter = (hour, 0);
        }
        counter.1 = counter.1.saturating_add(1);
        counter.1 <= self.config.limits.refusals_recorded_per_hour
    }
}

fn year_of(now: Timestamp) -> u16 {
    let year = now.to_zoned(jiff::tz::TimeZone::UTC).year();
    u16::try_from(year).unwrap_or(u16::MAX)
}

impl Numbers {
    fn lock(&self) -> MutexGuard<'_, HashMap<u16, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn knows(&self, year: u16) -> bool {
        self.lock().contains_key(&year)
    }

    fn learn(&self, year: u16, last: u32) {
        let mut numbers = self.lock();
        let known = numbers.entry(year).or_insert(last);
        *known = (*known).max(last);
    }

    fn next(&self, year: u16) -> u32 {
        let mut numbers = self.lock();
        let last = numbers.entry(year).or_insert(0);
        *last = last.saturating_add(1);
        *last
    }

    fn give_back(&self, year: u16, number: u32) {
        if let Some(last) = self.lock().get_mut(&year).filter(|last| **last == number) {
            *last -= 1;
        }
    }
}

/// The shared application, as handlers take it.
pub(crate) type SharedApp = Arc<App>;
