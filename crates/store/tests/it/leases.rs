//! Leases, their tokens, and appends that rely on them.

use std::time::Duration;

use store::{Append, AppendError, Guard, HolderName, LeaseError, ResourceName, Store};

use crate::harness::{TestDatabase, append_to, event, eventually, on_both_databases};

on_both_databases!(
    a_lease_has_one_holder_and_tokens_only_grow,
    a_takeover_waits_for_expiry_and_grace,
    of_many_who_want_a_lease_one_gets_it,
    an_append_with_a_stale_token_is_refused,
    impossible_times_are_refused,
);

const HOUR: Duration = Duration::from_secs(3600);
const INSTANT: Duration = Duration::from_millis(1);

fn resource() -> ResourceName {
    "change/CHG-2026-000001".parse().unwrap()
}

fn holder(name: &str) -> HolderName {
    name.parse().unwrap()
}

async fn wait_for_expiry(store: &Store) {
    eventually("the lease expires", || async { !store.lease(&resource()).await.unwrap().unwrap().is_live })
        .await;
}

async fn a_lease_has_one_holder_and_tokens_only_grow(database: TestDatabase) {
    let store = database.open().await;
    assert_eq!(store.lease(&resource()).await.unwrap(), None);
    let first = store.lease_acquire(&resource(), &holder("r1"), HOUR, HOUR).await.unwrap();
    assert_eq!(first.token, 1);
    let refused = store.lease_acquire(&resource(), &holder("r2"), HOUR, INSTANT).await;
    let Err(LeaseError::HeldBy { holder: by, expires_at, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!((by, expires_at), (holder("r1"), first.expires_at));

    let renewed = store.lease_renew(&resource(), 1, HOUR * 2).await.unwrap();
    assert!(renewed.expires_at > first.expires_at && renewed.token == 1);
    let again = store.lease_acquire(&resource(), &holder("r1"), HOUR, HOUR).await.unwrap();
    assert_eq!(again.token, 2, "its own holder gets a new token, which fences the old one");
    let lost = store.lease_renew(&resource(), 1, HOUR).await;
    assert!(matches!(lost, Err(LeaseError::Lost { token: 1, .. })), "{lost:?}");

    assert!(!store.lease_release(&resource(), 1).await.unwrap(), "a stale token gives nothing back");
    assert!(store.lease_release(&resource(), 2).await.unwrap());
    assert_eq!(store.lease(&resource()).await.unwrap(), None);
    let next = store.lease_acquire(&resource(), &holder("r2"), HOUR, HOUR).await.unwrap();
    assert_eq!(next.token, 3, "no wait after a release, and no token twice");
    store.close().await;

    let reopened = database.open().await;
    let state = reopened.lease(&resource()).await.unwrap().unwrap();
    assert_eq!((state.granted, state.is_live), (next, true));
    reopened.close().await;
}

async fn a_takeover_waits_for_expiry_and_grace(database: TestDatabase) {
    let store = database.open().await;
    store.lease_acquire(&resource(), &holder("r1"), INSTANT, HOUR).await.unwrap();
    wait_for_expiry(&store).await;
    assert_eq!(store.expired_leases(HOUR, 10).await.unwrap(), [], "its grace is not over");
    let expired = store.expired_leases(Duration::ZERO, 10).await.unwrap();
    assert_eq!(expired.iter().map(|lease| lease.token).collect::<Vec<_>>(), [1]);
    let lost = store.lease_renew(&resource(), 1, HOUR).await;
    assert!(matches!(lost, Err(LeaseError::Lost { .. })), "{lost:?}");
    let refused = store.lease_acquire(&resource(), &holder("r2"), HOUR, HOUR).await;
    let Err(LeaseError::HeldBy { expires_at, available_at, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(available_at, expires_at + HOUR, "the last holder still has its grace");
    let taken = store.lease_acquire(&resource(), &holder("r2"), HOUR, Duration::ZERO).await.unwrap();
    assert_eq!((taken.token, taken.holder), (2, holder("r2")));
    assert_eq!(store.expired_leases(Duration::ZERO, 10).await.unwrap(), []);
    store.close().await;
}

async fn of_many_who_want_a_lease_one_gets_it(database: TestDatabase) {
    let store = database.open().await;
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..32 {
        let store = store.clone();
        callers.spawn(async move {
            store.lease_acquire(&resource(), &holder(&format!("r{caller}")), HOUR, HOUR).await.is_ok()
        });
    }
    assert_eq!(callers.join_all().await.into_iter().filter(|granted| *granted).count(), 1);
    store.close().await;
}

async fn an_append_with_a_stale_token_is_refused(database: TestDatabase) {
    let store = database.open().await;
    let progress = |token, version| Append {
        guards: vec![Guard::Lease { resource: resource(), token }],
        ..append_to("change/a", version, vec![event(1, "step done")])
    };
    let lost = |result| matches!(result, Err(AppendError::LeaseLost { .. }));
    assert!(lost(store.append(progress(1, 0)).await), "never granted");
    store.lease_acquire(&resource(), &holder("r1"), HOUR, HOUR).await.unwrap();
    store.append(progress(1, 0)).await.unwrap();
    store.lease_acquire(&resource(), &holder("r1"), INSTANT, HOUR).await.unwrap();
    assert!(lost(store.append(progress(1, 1)).await), "another token was given out since");
    wait_for_expiry(&store).await;
    assert!(lost(store.append(progress(2, 1)).await), "expired");
    store.lease_release(&resource(), 2).await.unwrap();
    assert!(lost(store.append(progress(2, 1)).await), "given back");
    store.close().await;
}

async fn impossible_times_are_refused(database: TestDatabase) {
    let store = database.open().await;
    let day = HOUR * 24;
    for (ttl, grace) in [(Duration::ZERO, HOUR), (day + INSTANT, HOUR), (HOUR, day + INSTANT)] {
        let refused = store.lease_acquire(&resource(), &holder("r1"), ttl, grace).await;
        assert!(matches!(refused, Err(LeaseError::Time { .. })), "{refused:?}");
    }
    assert!(matches!(store.lease_renew(&resource(), 1, Duration::ZERO).await, Err(LeaseError::Time { .. })));
    store.close().await;
}
