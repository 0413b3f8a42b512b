//! What others act on: kept answers, timers, samples, leases, messages.

use std::time::Duration;

use domain::Timestamp;
use domain::canonical::Digest;
use domain::id::{ActorId, ChangeId, StepName};

use super::Store;
use crate::append::{StoredResponse, Timer};
use crate::error::StoreError;
use crate::lease::{self, LeaseError, LeaseGranted, LeaseState};
use crate::name::{HolderName, IdempotencyKey, MessageId, ResourceName};
use crate::outbox::{self, OutboxEntry};
use crate::presence::{self, RunnerSeen};
use crate::sample::{self, Sample};
use crate::{artifact, idempotency, timer};

impl Store {
    /// Reads the answer kept under an actor's idempotency key.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn idempotency(
        &self,
        actor: &ActorId,
        key: &IdempotencyKey,
    ) -> Result<Option<StoredResponse>, StoreError> {
        let (actor, key) = (actor.clone(), key.clone());
        self.read(move |db| idempotency::read(db, &actor, &key)).await
    }

    /// Removes answers stored before a time and tells how many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn prune_idempotency(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.write(move |db, _| idempotency::prune(db, before)).await
    }

    /// Reads the timers due at `now`, the longest due first.
    ///
    /// # Errors
    /// When more than a page is asked for, or the database fails.
    pub async fn due_timers(&self, now: Timestamp, limit: usize) -> Result<Vec<Timer>, StoreError> {
        self.read(move |db| timer::due(db, now, limit)).await
    }

    /// Reads when the next timer is due; none when there is no timer.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn next_timer_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read(timer::next_due).await
    }

    /// Keeps bytes under their SHA-256 digest, which it gives, for an event to name. The same bytes are kept once.
    ///
    /// # Errors
    /// When there are too many bytes, or the database fails.
    pub async fn put_artifact(&self, bytes: Vec<u8>) -> Result<Digest, StoreError> {
        self.write(move |db, _| artifact::put(db, &bytes)).await
    }

    /// Reads the bytes of a digest; nothing where there are none.
    ///
    /// # Errors
    /// When the bytes do not have their digest, or the database fails.
    pub async fn artifact(&self, digest: Digest) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(move |db| artifact::get(db, digest)).await
    }

    /// Adds samples to a change's series.
    ///
    /// # Errors
    /// When there are too many at once, or the database fails.
    pub async fn append_samples(&self, change: ChangeId, samples: Vec<Sample>) -> Result<(), StoreError> {
        self.write(move |db, _| sample::append(db, change, &samples)).await
    }

    /// Reads a change's samples taken at `from` or later, oldest first, of one series or of all.
    ///
    /// # Errors
    /// When more than a page is asked for, or the database fails.
    pub async fn samples(
        &self,
        change: ChangeId,
        series: Option<&StepName>,
        from: Timestamp,
        limit: usize,
    ) -> Result<Vec<Sample>, StoreError> {
        let series = series.cloned();
        self.read(move |db| sample::read(db, change, series.as_ref(), from, limit)).await
    }

    /// Takes a lease. Refused while another holder has it and until `grace` after it expired; the present holder gets
    /// a new token.
    ///
    /// # Errors
    /// When somebody else holds it, the times are not possible, or the database fails.
    pub async fn lease_acquire(
        &self,
        resource: &ResourceName,
        holder: &HolderName,
        ttl: Duration,
        grace: Duration,
    ) -> Result<LeaseGranted, LeaseError> {
        lease::check_ttl(ttl)?;
        lease::check_grace(grace)?;
        let (resource, holder) = (resource.clone(), holder.clone());
        self.write(move |db, now| lease::acquire(db, now, &resource, &holder, ttl, grace)).await?
    }

    /// Extends a lease that is held.
    ///
    /// # Errors
    /// When it is no longer held, the time is not possible, or the database fails.
    pub async fn lease_renew(
        &self,
        resource: &ResourceName,
        token: u64,
        ttl: Duration,
    ) -> Result<LeaseGranted, LeaseError> {
        lease::check_ttl(ttl)?;
        let resource = resource.clone();
        self.write(move |db, now| lease::renew(db, now, &resource, token, ttl)).await?
    }

    /// Gives a lease back and tells whether it was still this holder's, expired or not.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lease_release(&self, resource: &ResourceName, token: u64) -> Result<bool, StoreError> {
        let resource = resource.clone();
        self.write(move |db, _| lease::release(db, &resource, token)).await
    }

    /// Reads what is known of a lease; none when nobody holds it or let it expire.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lease(&self, resource: &ResourceName) -> Result<Option<LeaseState>, StoreError> {
        let resource = resource.clone();
        self.read(move |db| lease::read(db, &resource)).await
    }

    /// Reads leases that expired at least `grace` ago and were neither given back nor taken over, the longest expired
    /// first.
    ///
    /// # Errors
    /// When the grace is too long, or the database fails.
    pub async fn expired_leases(
        &self,
        grace: Duration,
        limit: usize,
    ) -> Result<Vec<LeaseGranted>, LeaseError> {
        lease::check_grace(grace)?;
        Ok(self.read(move |db| lease::expired(db, grace, limit)).await?)
    }

    /// Keeps a runner as it is now seen. Those that were not seen for the longest time make room.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn runner_seen(&self, seen: RunnerSeen) -> Result<(), StoreError> {
        self.write(move |db, _| presence::put(db, &seen)).await
    }

    /// Forgets a runner of an actor.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn runner_ended(&self, actor: &ActorId, name: &HolderName) -> Result<(), StoreError> {
        let (actor, name) = (actor.clone(), name.clone());
        self.write(move |db, _| presence::remove(db, &actor, &name)).await
    }

    /// Reads every runner that is kept, by actor and name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn runners_seen(&self) -> Result<Vec<RunnerSeen>, StoreError> {
        self.read(presence::all).await
    }

    /// Forgets runners that were not seen since `before` and tells how many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn prune_runners_seen(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.write(move |db, _| presence::prune(db, before)).await
    }

    /// Claims due messages for delivery until `visibility` has passed.
    ///
    /// # Errors
    /// When more than a page is asked for, or the database fails.
    pub async fn outbox_claim(
        &self,
        limit: usize,
        visibility: Duration,
    ) -> Result<Vec<OutboxEntry>, StoreError> {
        self.write(move |db, now| outbox::claim(db, now, limit, visibility)).await
    }

    /// Removes a message that was delivered.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn outbox_done(&self, id: &MessageId) -> Result<(), StoreError> {
        let id = id.clone();
        self.write(move |db, _| outbox::done(db, &id)).await
    }

    /// Notes a failed delivery: the message is due again at `next_at`, or becomes a dead letter after
    /// [`DELIVERY_ATTEMPTS_MAX`](crate::DELIVERY_ATTEMPTS_MAX) attempts.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn outbox_retry(
        &self,
        id: &MessageId,
        error: &str,
        next_at: Timestamp,
    ) -> Result<(), StoreError> {
        let (id, error) = (id.clone(), error.to_owned());
        self.write(move |db, now| outbox::retry(db, now, &id, &error, next_at)).await
    }

    /// Lists messages that wait to be delivered, what is due first before.
    ///
    /// # Errors
    /// When more than a page is asked for, or the database fails.
    pub async fn outbox_waiting(&self, limit: usize) -> Result<Vec<OutboxEntry>, StoreError> {
        self.read(move |db| outbox::waiting(db, limit)).await
    }

    /// Lists dead letters, the oldest first.
    ///
    /// # Errors
    /// When more than a page is asked for, or the database fails.
    pub async fn outbox_dead(&self, limit: usize) -> Result<Vec<OutboxEntry>, StoreError> {
        self.read(move |db| outbox::dead(db, limit)).await
    }

    /// Gives a dead letter all its attempts again. Tells whether there was one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn outbox_redeliver(&self, id: &MessageId) -> Result<bool, StoreError> {
        let id = id.clone();
        self.write(move |db, now| outbox::redeliver(db, now, &id)).await
    }
}
