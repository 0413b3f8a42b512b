//! Timers and outgoing messages.

use std::time::Duration;

use serde_json::json;
use store::{Append, DELIVERY_ATTEMPTS_MAX, MessageId, OutboxMessage, Store, Timer, TimerOp};

use crate::harness::{TestDatabase, append_to, at, event, eventually, on_both_databases, stream};

on_both_databases!(
    timers_are_set_moved_and_cancelled_with_their_events,
    a_timer_set_and_consumed_by_one_append_is_the_new_one,
    messages_are_claimed_once_and_removed_when_delivered,
    a_claim_that_is_not_reported_runs_out,
    a_message_that_keeps_failing_becomes_a_dead_letter,
);

fn timer(id: &str, seconds: i64) -> Timer {
    let payload = json!({"seconds": seconds});
    Timer {
        id: id.parse().unwrap(),
        stream: stream("change/a"),
        kind: "deadline".into(),
        due_at: at(seconds),
        payload,
    }
}

async fn timers_are_set_moved_and_cancelled_with_their_events(database: TestDatabase) {
    let store = database.open().await;
    let set =
        ["a", "b", "c"].into_iter().zip([30, 10, 20]).map(|(id, s)| TimerOp::Set(timer(id, s))).collect();
    store.append(Append { timers: set, ..append_to("change/a", 0, vec![event(1, "x")]) }).await.unwrap();
    let due = store.due_timers(at(20), 10).await.unwrap();
    assert_eq!(due, [timer("b", 10), timer("c", 20)]);
    assert_eq!(store.due_timers(at(100), 1).await.unwrap(), [timer("b", 10)]);

    let ops = vec![
        TimerOp::Set(timer("a", 5)),
        TimerOp::Cancel { id: "b".parse().unwrap() },
        TimerOp::Cancel { id: "never-set".parse().unwrap() },
    ];
    store.append(Append { timers: ops, ..Append::default() }).await.unwrap();
    assert_eq!(store.due_timers(at(100), 10).await.unwrap(), [timer("a", 5), timer("c", 20)]);

    let refused =
        Append { timers: vec![TimerOp::Set(timer("d", 1))], ..append_to("change/a", 0, vec![event(1, "x")]) };
    store.append(refused).await.unwrap_err();
    assert_eq!(store.next_timer_due().await.unwrap(), Some(at(5)), "a refused append sets no timer");
    store.close().await;
}

async fn a_timer_set_and_consumed_by_one_append_is_the_new_one(database: TestDatabase) {
    let store = database.open().await;
    store.append(Append { timers: vec![TimerOp::Set(timer("a", 5))], ..Append::default() }).await.unwrap();
    let again = Append {
        consume_timer: Some("a".parse().unwrap()),
        timers: vec![TimerOp::Set(timer("a", 50))],
        ..append_to("change/a", 0, vec![event(6, "fired, and due again")])
    };
    store.append(again).await.unwrap();
    assert_eq!(store.due_timers(at(100), 10).await.unwrap(), [timer("a", 50)]);
    store.close().await;
}

async fn send(store: &Store, ids: &[&str]) {
    let outbox = ids.iter().map(|id| message(id)).collect();
    store.append(Append { outbox, ..Append::default() }).await.unwrap();
}

fn message(id: &str) -> OutboxMessage {
    OutboxMessage {
        id: id.parse().unwrap(),
        topic: "mail".into(),
        payload: json!({"to": id}),
        not_before: at(0),
    }
}

async fn messages_are_claimed_once_and_removed_when_delivered(database: TestDatabase) {
    let store = database.open().await;
    send(&store, &["m1", "m2", "m3"]).await;
    // The same message again is the same message.
    send(&store, &["m2"]).await;
    let much_later =
        OutboxMessage { not_before: "2999-01-01T00:00:00Z".parse().unwrap(), ..message("later") };
    store.append(Append { outbox: vec![much_later], ..Append::default() }).await.unwrap();

    let hour = Duration::from_secs(3600);
    let (one, two) = tokio::join!(store.outbox_claim(2, hour), store.outbox_claim(2, hour));
    let (one, two) = (one.unwrap(), two.unwrap());
    let mut claimed: Vec<&str> = one.iter().chain(&two).map(|message| message.id.as_str()).collect();
    claimed.sort_unstable();
    assert_eq!(claimed, ["m1", "m2", "m3"], "nobody claims what another has claimed, and nothing too early");
    assert!(one.iter().chain(&two).all(|m| m.attempts == 1 && m.payload == json!({"to": m.id.as_str()})));
    for message in one.iter().chain(&two) {
        store.outbox_done(&message.id).await.unwrap();
    }
    assert_eq!(store.outbox_claim(10, hour).await.unwrap(), []);
    store.close().await;
}

async fn a_claim_that_is_not_reported_runs_out(database: TestDatabase) {
    let store = database.open().await;
    send(&store, &["m1"]).await;
    assert_eq!(store.outbox_claim(10, Duration::from_millis(20)).await.unwrap().len(), 1);
    eventually("the message is claimed again", || async {
        let claimed = store.outbox_claim(10, Duration::from_secs(3600)).await.unwrap();
        claimed.iter().any(|message| message.id.as_str() == "m1" && message.attempts == 2)
    })
    .await;
    store.close().await;
}

async fn a_message_that_keeps_failing_becomes_a_dead_letter(database: TestDatabase) {
    let store = database.open().await;
    send(&store, &["m1"]).await;
    let id: MessageId = "m1".parse().unwrap();
    for attempt in 1..=DELIVERY_ATTEMPTS_MAX {
        assert_eq!(store.outbox_dead(10).await.unwrap(), []);
        let claimed = store.outbox_claim(10, Duration::from_secs(3600)).await.unwrap();
        assert_eq!(claimed.iter().map(|message| message.attempts).collect::<Vec<_>>(), [attempt]);
        store.outbox_retry(&id, &format!("refused\n{attempt}"), at(0)).await.unwrap();
    }
    assert_eq!(store.outbox_claim(10, Duration::from_secs(3600)).await.unwrap(), []);
    let dead = store.outbox_dead(10).await.unwrap();
    assert_eq!(dead[0].last_error.as_deref(), Some("refused12"));
    assert!(store.outbox_redeliver(&id).await.unwrap());
    assert!(!store.outbox_redeliver(&id).await.unwrap(), "it is not dead any more");
    assert_eq!(store.outbox_dead(10).await.unwrap(), []);
    assert_eq!(store.outbox_claim(10, Duration::ZERO).await.unwrap()[0].attempts, 1);

    // A worker that dies over the message every time never reports a failure; the claims count.
    for _ in 0..DELIVERY_ATTEMPTS_MAX {
        store.outbox_claim(10, Duration::ZERO).await.unwrap();
    }
    assert_eq!(store.outbox_dead(10).await.unwrap().len(), 1);
    store.close().await;
}
