//! Many callers at once, and several servers on one database.

use std::collections::BTreeSet;

use store::{Append, AppendError, Store, Timer, TimerOp};
use tokio::task::JoinSet;

use crate::harness::{
    TestDatabase, answer, append_one, append_to, at, event, eventually, on_both_databases, stream, to,
};

on_both_databases!(
    of_many_who_append_the_same_version_exactly_one_wins,
    requests_that_come_together_are_committed_together,
    of_many_with_the_same_key_exactly_one_is_carried_out,
    a_timer_takes_effect_once,
    a_refused_request_fails_alone,
);

const CALLERS: usize = 32;

async fn of_many_who_append_the_same_version_exactly_one_wins(database: TestDatabase) {
    const ROUNDS: u64 = 20;
    let store = database.open().await;
    for version in 0..ROUNDS {
        let mut callers = JoinSet::new();
        for _ in 0..CALLERS {
            let store = store.clone();
            callers.spawn(async move { append_one(&store, "change/a", version).await });
        }
        let results = callers.join_all().await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "version {version}");
        let conflicts = results.iter().filter(|result| {
            matches!(result, Err(AppendError::VersionConflict { expected, actual, .. })
                if *expected == version && *actual == version + 1)
        });
        assert_eq!(conflicts.count(), CALLERS - 1, "version {version}");
    }
    assert_eq!(store.read_stream(&stream("change/a"), 0).await.unwrap().len() as u64, ROUNDS);
    store.verify(|_| {}).await.unwrap();
    store.close().await;
}

async fn requests_that_come_together_are_committed_together(database: TestDatabase) {
    const APPENDS: u64 = 20;
    let store = database.open().await;
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let store = store.clone();
        callers.spawn(async move {
            let mut indexes = Vec::new();
            for version in 0..APPENDS {
                let appended = append_one(&store, &format!("change/{caller}"), version).await.unwrap();
                indexes.extend(appended.indexes);
            }
            indexes
        });
    }
    let indexes: BTreeSet<u64> = callers.join_all().await.into_iter().flatten().collect();
    let total = CALLERS as u64 * APPENDS;
    assert_eq!(indexes, (0..total).collect(), "indexes are dense and nobody shares one");
    let checkpoints = store.checkpoints(0, 1000).await.unwrap().len() as u64;
    assert!(checkpoints < total / 2, "{checkpoints} commits for {total} appends");
    store.verify(|_| {}).await.unwrap();
    store.close().await;
}

async fn of_many_with_the_same_key_exactly_one_is_carried_out(database: TestDatabase) {
    let store = database.open().await;
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let store = store.clone();
        callers.spawn(async move {
            let append = Append {
                idempotency: Some(answer(1, "same-key", &format!("answer {caller}"))),
                ..append_to(&format!("change/{caller}"), 0, vec![event(1, "x")])
            };
            (caller, store.append(append).await)
        });
    }
    let results = callers.join_all().await;
    let winners: Vec<usize> =
        results.iter().filter(|(_, result)| result.is_ok()).map(|(caller, _)| *caller).collect();
    let [winner] = winners[..] else { panic!("{winners:?}") };
    for (caller, result) in results.into_iter().filter(|(caller, _)| *caller != winner) {
        let Err(AppendError::IdempotentReplay(kept)) = result else { panic!("{caller}: {result:?}") };
        assert_eq!(kept.body, format!("answer {winner}").into_bytes());
    }
    assert_eq!(store.head().await.unwrap().size, 1);
    store.close().await;
}

async fn a_timer_takes_effect_once(database: TestDatabase) {
    let store = database.open().await;
    let id: store::TimerId = "deadline/1".parse().unwrap();
    let timer = Timer {
        id: id.clone(),
        stream: stream("change/a"),
        kind: "deadline".into(),
        due_at: at(5),
        payload: serde_json::json!({"n": 1}),
    };
    let set =
        Append { timers: vec![TimerOp::Set(timer.clone())], ..append_to("change/a", 0, vec![event(1, "x")]) };
    store.append(set).await.unwrap();
    assert_eq!(store.due_timers(at(4), 10).await.unwrap(), []);
    assert_eq!(store.due_timers(at(5), 10).await.unwrap(), [timer]);
    assert_eq!(store.next_timer_due().await.unwrap(), Some(at(5)));
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (store, id) = (store.clone(), id.clone());
        callers.spawn(async move {
            let fire = Append {
                consume_timer: Some(id),
                ..append_to(&format!("fired/{caller}"), 0, vec![event(1, "x")])
            };
            store.append(fire).await
        });
    }
    let results = callers.join_all().await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    let gone = results
        .iter()
        .filter(|result| matches!(result, Err(AppendError::TimerGone { id: gone }) if *gone == id));
    assert_eq!(gone.count(), CALLERS - 1);
    assert_eq!(store.next_timer_due().await.unwrap(), None);
    store.close().await;
}

async fn a_refused_request_fails_alone(database: TestDatabase) {
    let store = database.open().await;
    database.refuse_events_of("poison", "P0001");
    for round in 0..5 {
        let mut callers = JoinSet::new();
        for caller in 0..CALLERS {
            let store = store.clone();
            let name = if caller == 7 { "poison".to_owned() } else { format!("change/{round}/{caller}") };
            callers.spawn(async move { (caller, append_one(&store, &name, 0).await) });
        }
        for (caller, result) in callers.join_all().await {
            match caller {
                7 => assert!(
                    matches!(result, Err(AppendError::Store(store::StoreError::Refused(_)))),
                    "{result:?}"
                ),
                _ => assert!(result.is_ok(), "{caller}: {result:?}"),
            }
        }
    }
    let too_many = store.outbox_claim(100_000, std::time::Duration::ZERO);
    let (refused, appended) = tokio::join!(too_many, append_one(&store, "change/last", 0));
    assert!(matches!(refused, Err(store::StoreError::TooMuch { .. })), "{refused:?}");
    appended.unwrap();
    assert_eq!(store.head().await.unwrap().size, 5 * (CALLERS as u64 - 1) + 1);
    store.verify(|_| {}).await.unwrap();
    store.close().await;
}

/// Appends to streams of its own until `total` events are in the log.
async fn append_many(store: &Store, server: &str, appends: u64) {
    let mut callers = JoinSet::new();
    for caller in 0..8 {
        let (store, name) = (store.clone(), format!("{server}/{caller}"));
        callers.spawn(async move {
            for version in 0..appends {
                append_one(&store, &name, version).await.unwrap();
            }
        });
    }
    callers.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_servers_share_one_postgresql() {
    let database = TestDatabase::postgres();
    let (one, two) = (database.open().await, database.open().await);
    let heard = one.subscribe();
    tokio::join!(append_many(&one, "one", 20), append_many(&two, "two", 20));
    assert_eq!(one.head().await.unwrap().size, 320);
    one.verify(|_| {}).await.unwrap();
    // A stream that the other server wrote to conflicts like one's own.
    append_one(&one, "shared", 0).await.unwrap();
    let refused = append_one(&two, "shared", 0).await;
    assert!(matches!(refused, Err(AppendError::VersionConflict { actual: 1, .. })), "{refused:?}");
    two.append(Append { streams: vec![to("shared", 1, vec![event(9, "x")])], ..Append::default() })
        .await
        .unwrap();
    eventually("the first server hears of the second one's append", || async { *heard.borrow() == 322 })
        .await;
    one.close().await;
    two.close().await;
}
