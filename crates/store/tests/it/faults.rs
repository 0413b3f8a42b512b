//! Full storage and lost connections: refused or mended, never half-written, and the store stays up.

use store::{AppendError, StoreError};
use tokio::task::JoinSet;

use crate::harness::{TestDatabase, append_one, stream};

/// What a server with a full disk answers. (SQLite's full storage is tested beside the store, which can limit its file.)
#[tokio::test]
async fn a_full_disk_of_the_server_refuses_and_passes() {
    let database = TestDatabase::postgres();
    let store = database.open().await;
    append_one(&store, "change/a", 0).await.unwrap();
    database.refuse_events_of("change/a", "53100");
    let refused = append_one(&store, "change/a", 1).await;
    assert!(matches!(refused, Err(AppendError::Store(StoreError::StorageFull(_)))), "{refused:?}");
    assert_eq!(store.stream_version(&stream("change/a")).await.unwrap(), 1, "reads go on");
    append_one(&store, "change/b", 0).await.unwrap();
    database.sql("DROP TRIGGER refuse ON event");
    append_one(&store, "change/a", 1).await.unwrap();
    store.verify(|_| {}).await.unwrap();
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_connections_lose_nothing_and_repeat_nothing() {
    const APPENDS: u64 = 60;
    const CALLERS: u64 = 8;
    const APPENDS_PER_CUT: u64 = 20;
    let database = TestDatabase::postgres();
    let store = database.open().await;
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let store = store.clone();
        callers.spawn(async move {
            for version in 0..APPENDS {
                append_one(&store, &format!("change/{caller}"), version).await.unwrap();
                store.stream_version(&stream("change/0")).await.unwrap();
            }
        });
    }
    let mut log_size = store.subscribe();
    let mut cuts = 0;
    while !callers.is_empty() {
        let size = *log_size.borrow();
        // Ends every connection to this database but its own.
        database.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
        cuts += 1;
        // The next cut comes once the store works again.
        let mut working = std::pin::pin!(log_size.wait_for(|now| *now >= size + APPENDS_PER_CUT));
        loop {
            tokio::select! {
                _ = &mut working => break,
                joined = callers.join_next() => match joined {
                    Some(caller) => caller.unwrap(),
                    None => break,
                },
            }
        }
    }
    assert!(cuts > 5, "{cuts}");
    assert_eq!(store.head().await.unwrap().size, CALLERS * APPENDS);
    store.verify(|_| {}).await.unwrap();
    store.close().await;
}
