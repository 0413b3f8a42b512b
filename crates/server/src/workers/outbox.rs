//! Delivers notifications, at least once each, with stable ids.

use std::time::Duration;

use domain::Timestamp;
use domain::canonical::Digest;
use futures_util::future::join_all;
use jiff::SignedDuration;
use store::MessageId;

use crate::app::{App, SharedApp};
use crate::failure::Failure;
use crate::notify::{Claimed, claimed};

/// Messages taken at once. They are sent at the same time, so that a channel that does not answer delays no other.
const PAGE_MESSAGES: usize = 50;
/// How long a claimed message is left alone: longer than any channel waits for an answer.
const VISIBILITY: Duration = Duration::from_secs(60);
/// First pause before a repetition; it doubles with every attempt.
const PAUSE_FIRST_MILLIS: i64 = 5_000;
/// Longest pause before a repetition.
const PAUSE_MILLIS_MAX: i64 = 3_600_000;

/// Delivers every due message.
pub(super) async fn turn(app: &SharedApp) -> Result<(), Failure> {
    while !app.notifier.is_empty() && !app.shutdown.is_cancelled() {
        let entries = app.store.outbox_claim(PAGE_MESSAGES, VISIBILITY).await?;
        let is_last = entries.len() < PAGE_MESSAGES;
        let parcels = claimed(entries);
        for done in join_all(parcels.iter().map(|parcel| deliver(app, parcel))).await {
            done?;
        }
        if is_last {
            break;
        }
    }
    Ok(())
}

async fn deliver(app: &App, parcel: &Claimed) -> Result<(), Failure> {
    let delivered = app.notifier.deliver(parcel, app.clock.now()).await;
    // All parts of a digest are tried again at the same time, so that they stay together.
    let tried = parcel.entries.iter().map(|entry| entry.attempts).max().unwrap_or(1);
    let first = parcel.entries.first().map(|entry| &entry.id);
    let next = first.map(|id| next_attempt(app.clock.now(), id, tried));
    for entry in &parcel.entries {
        match (&delivered, next) {
            (Err(error), Some(next)) => {
                tracing::warn!(message = %entry.id, error, attempts = entry.attempts, "a notification was not delivered");
                app.store.outbox_retry(&entry.id, error, next).await?;
            }
            (Ok(()), _) | (Err(_), None) => app.store.outbox_done(&entry.id).await?,
        }
    }
    Ok(())
}

/// When a message is sent again: after a pause that doubles, between half of it and the whole, so that what failed
/// together does not come back together. The id decides where between, so that no randomness is needed.
fn next_attempt(now: Timestamp, id: &MessageId, attempts: u64) -> Timestamp {
    let doublings = u32::try_from(attempts.saturating_sub(1).min(16)).unwrap_or(16);
    let pause = PAUSE_FIRST_MILLIS.saturating_mul(1_i64 << doublings).min(PAUSE_MILLIS_MAX);
    let [byte, ..] = *Digest::of_bytes(format!("{id}/{attempts}").as_bytes()).as_bytes();
    let half = pause / 2;
    let millis = half + half * i64::from(byte) / i64::from(u8::MAX);
    now.saturating_add(SignedDuration::from_millis(millis)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn pause_millis(id: &str, attempts: u64) -> i64 {
        let id = MessageId::new(id).unwrap();
        next_attempt(Timestamp::UNIX_EPOCH, &id, attempts).as_millisecond()
    }

    #[test]
    fn pauses_double_up_to_an_hour_and_differ_between_messages() {
        for (attempts, longest) in [(1, 5_000), (2, 10_000), (3, 20_000), (11, 3_600_000), (400, 3_600_000)] {
            let pauses: BTreeSet<_> =
                (0..50).map(|number| pause_millis(&format!("msg_{number}"), attempts)).collect();
            assert!(pauses.len() > 30, "{attempts}: {pauses:?}");
            assert!(
                pauses.iter().all(|pause| (longest / 2..=longest).contains(pause)),
                "{attempts}: {pauses:?}"
            );
        }
    }
}
