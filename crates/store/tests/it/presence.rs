//! Runners that have announced themselves.

use std::collections::BTreeSet;

use domain::id::ActorId;
use store::{RUNNERS_MAX, RUNNERS_PER_ACTOR_MAX, RunnerSeen, Store};
use tokio::task::JoinSet;

use crate::harness::{TestDatabase, at, on_both_databases};

on_both_databases!(
    a_runner_is_kept_as_it_was_last_seen,
    those_that_were_not_seen_for_the_longest_time_make_room,
    a_database_of_the_first_schema_is_brought_up_to_date,
);

fn actor(number: usize) -> ActorId {
    ActorId::new(format!("act_{number}")).unwrap()
}

fn seen(actor: ActorId, name: &str, seconds: i64) -> RunnerSeen {
    RunnerSeen {
        actor,
        name: name.parse().unwrap(),
        host: "höst 7".to_owned(),
        version: "0.1.0".to_owned(),
        labels: ["eu", "docker"].map(|label| label.parse().unwrap()).into(),
        concurrency: 4,
        working_on: ["CHG-2026-000001", "CHG-2026-000002"].map(|change| change.parse().unwrap()).into(),
        waiting: 1,
        draining: false,
        first_seen_at: at(0),
        seen_at: at(seconds),
    }
}

async fn names(store: &Store) -> Vec<String> {
    store.runners_seen().await.unwrap().iter().map(|runner| runner.name.to_string()).collect()
}

async fn a_runner_is_kept_as_it_was_last_seen(database: TestDatabase) {
    let store = database.open().await;
    let first = seen(actor(1), "host-1", 1);
    let other = seen(actor(2), "host-1", 2);
    for runner in [&first, &other] {
        store.runner_seen(runner.clone()).await.unwrap();
    }
    assert_eq!(store.runners_seen().await.unwrap(), [first.clone(), other.clone()]);
    let later = RunnerSeen { draining: true, working_on: BTreeSet::new(), seen_at: at(9), ..first.clone() };
    // When it was seen first stays.
    store.runner_seen(RunnerSeen { first_seen_at: at(9), ..later.clone() }).await.unwrap();
    assert_eq!(store.runners_seen().await.unwrap(), [later.clone(), other.clone()]);
    assert_eq!(store.prune_runners_seen(at(2)).await.unwrap(), 0);
    assert_eq!(store.prune_runners_seen(at(3)).await.unwrap(), 1);
    store.close().await;

    let store = database.open().await;
    assert_eq!(store.runners_seen().await.unwrap(), std::slice::from_ref(&later));
    store.runner_ended(&other.actor, &later.name).await.unwrap();
    assert_eq!(names(&store).await, ["host-1"], "one of another actor");
    store.runner_ended(&later.actor, &later.name).await.unwrap();
    assert!(names(&store).await.is_empty());
    store.close().await;
}

async fn those_that_were_not_seen_for_the_longest_time_make_room(database: TestDatabase) {
    let store = database.open().await;
    let own = i64::try_from(RUNNERS_PER_ACTOR_MAX).unwrap();
    for number in 0..own + 1 {
        store.runner_seen(seen(actor(0), &format!("r{number:03}"), number)).await.unwrap();
    }
    let kept = names(&store).await;
    assert_eq!((kept.len(), kept[0].as_str()), (RUNNERS_PER_ACTOR_MAX, "r001"));
    let mut together = JoinSet::new();
    for number in 1..=RUNNERS_MAX {
        let store = store.clone();
        together.spawn(async move { store.runner_seen(seen(actor(number), "r", 500)).await.unwrap() });
    }
    together.join_all().await;
    let all = store.runners_seen().await.unwrap();
    assert_eq!(all.len(), RUNNERS_MAX);
    assert!(all.iter().all(|runner| runner.actor != actor(0)), "the one with the most is not kept longer");
    store.close().await;
}

async fn a_database_of_the_first_schema_is_brought_up_to_date(database: TestDatabase) {
    database.open().await.close().await;
    database.sql("DROP TABLE runner_seen");
    database.sql("ALTER TABLE change_row DROP COLUMN finding");
    match database.location {
        store::Location::Folder(_) => database.sql("PRAGMA user_version = 1"),
        store::Location::Url(_) => database.sql("UPDATE cortex_change_schema SET version = 1"),
    }
    let store = database.open().await;
    store.runner_seen(seen(actor(1), "host-1", 1)).await.unwrap();
    assert_eq!(names(&store).await, ["host-1"]);
    store.close().await;
}
