//! What an append writes, and what refuses it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::json;
use store::{
    Append, AppendError, EventError, Guard, GuardClock, IdempotencyKey, NewEvent, ProjectionRow, StoreError,
    StreamName,
};

use crate::harness::{
    TestDatabase, actor, answer, append_one, append_to, at, body, change_row, event, eventually,
    on_both_databases, stream, to,
};

on_both_databases!(
    events_read_back_as_they_were_written,
    free_text_lies_beside_the_log,
    a_conflict_refuses_the_whole_append,
    a_guard_notices_a_stream_that_moved_on,
    a_guard_looks_at_the_clock_when_it_is_written,
    event_time_never_runs_backwards_within_a_stream,
    what_cannot_be_recorded_is_refused_and_named,
    a_repeated_request_is_given_the_first_answer,
    an_append_may_have_no_events,
    an_append_is_bounded,
    an_append_is_written_although_its_caller_went_away,
    streams_are_listed_by_prefix,
    erased_text_is_gone_and_the_log_still_verifies,
);

async fn events_read_back_as_they_were_written(database: TestDatabase) {
    let store = database.open().await;
    let mut log_size = store.subscribe();
    let events = vec![event(1, "first"), event(2, "second")];
    let streams = vec![to("change/a", 0, events), to("change/b", 0, vec![event(1, "other")])];
    let appended = store.append(Append { streams, ..Append::default() }).await.unwrap();
    assert_eq!(appended.indexes, 0..3);
    assert_eq!(appended.versions, [(stream("change/a"), 2), (stream("change/b"), 1)]);
    log_size.changed().await.unwrap();
    assert_eq!(*log_size.borrow(), 3);

    let read = store.read_stream(&stream("change/a"), 0).await.unwrap();
    let bodies: Vec<_> = read.iter().map(|event| event.body.clone()).collect();
    assert_eq!(bodies, [body(1, "first"), body(2, "second")]);
    assert_eq!(read.iter().map(|event| (event.index, event.version)).collect::<Vec<_>>(), [(0, 1), (1, 2)]);
    assert!(read.iter().all(|event| event.recorded_at == appended.at && event.stream == stream("change/a")));
    assert_eq!(store.read_stream(&stream("change/a"), 2).await.unwrap(), read[1..]);
    assert_eq!(store.read_stream_end(&stream("change/a"), 1).await.unwrap(), read[1..]);
    assert_eq!(store.read_stream(&stream("change/none"), 1).await.unwrap(), []);
    assert_eq!(store.stream_version(&stream("change/a")).await.unwrap(), 2);
    assert_eq!(store.stream_version(&stream("change/none")).await.unwrap(), 0);

    let page = store.read_log(1, 2).await.unwrap();
    assert_eq!(page.iter().map(|event| event.index).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(page[1].stream, stream("change/b"));
    assert!(matches!(store.read_log(0, 1001).await, Err(StoreError::TooMuch { limit: 1000, .. })));
    let head = store.head().await.unwrap();
    let checkpoint = store.latest_checkpoint().await.unwrap().unwrap();
    assert_eq!(*database.key.verifying_key().verify(&checkpoint.note).unwrap().head(), head);
    assert_eq!(head.size, 3);
    store.close().await;
}

async fn free_text_lies_beside_the_log(database: TestDatabase) {
    let store = database.open().await;
    store.append(append_to("change/a", 0, vec![event(1, "secret words")])).await.unwrap();
    let leaf = store.event_leaf(0).await.unwrap().unwrap();
    let text = String::from_utf8(leaf.leaf.clone()).unwrap();
    assert!(!text.contains("secret"), "{text}");
    assert!(text.contains(r#""stream":"change/a""#) && text.contains(r#""version":1"#), "{text}");
    assert_eq!(leaf.private.len(), 1);
    assert_eq!(
        (leaf.private[0].pointer.as_str(), leaf.private[0].text.as_str()),
        ("/data/text", "secret words")
    );
    assert_eq!(audit::Hash::leaf(&leaf.leaf), leaf.leaf_hash);
    assert_eq!(store.event_leaf(1).await.unwrap(), None);
    // The same words again have another salt, so nobody can tell from the log that they are the same.
    store.append(append_to("change/a", 1, vec![event(1, "secret words")])).await.unwrap();
    let again = store.event_leaf(1).await.unwrap().unwrap();
    assert_ne!(again.private[0].salt, leaf.private[0].salt);
    store.close().await;
}

async fn a_conflict_refuses_the_whole_append(database: TestDatabase) {
    let store = database.open().await;
    append_one(&store, "change/a", 0).await.unwrap();
    let streams = vec![to("change/b", 0, vec![event(1, "x")]), to("change/a", 0, vec![event(1, "x")])];
    let projections = vec![ProjectionRow::Change(Box::new(change_row(1)))];
    let refused = store.append(Append { streams, projections, ..Append::default() }).await;
    let Err(AppendError::VersionConflict { stream: conflicting, expected: 0, actual: 1 }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(conflicting, stream("change/a"));
    assert_eq!(store.stream_version(&stream("change/b")).await.unwrap(), 0);
    assert_eq!(store.change("CHG-2026-000001".parse().unwrap()).await.unwrap(), None);
    assert_eq!(store.head().await.unwrap().size, 1);
    store.close().await;
}

async fn a_guard_notices_a_stream_that_moved_on(database: TestDatabase) {
    let store = database.open().await;
    append_one(&store, "freeze", 0).await.unwrap();
    let guarded = |version| Append {
        guards: vec![Guard::StreamVersion { stream: stream("freeze"), version }],
        ..append_to("change/a", 0, vec![event(1, "x")])
    };
    let refused = store.append(guarded(0)).await;
    assert!(
        matches!(refused, Err(AppendError::VersionConflict { expected: 0, actual: 1, .. })),
        "{refused:?}"
    );
    store.append(guarded(1)).await.unwrap();
    store.close().await;
}

async fn a_guard_looks_at_the_clock_when_it_is_written(database: TestDatabase) {
    let store = database.open().await;
    let now = Arc::new(AtomicI64::new(10));
    let guarded = |version| {
        let now = Arc::clone(&now);
        let clock = GuardClock::new(move || at(now.fetch_add(1, Ordering::SeqCst)));
        let guards = vec![Guard::Before { instant: at(11), clock }];
        Append { guards, ..append_to("change/a", version, vec![event(1, "x")]) }
    };
    store.append(guarded(0)).await.unwrap();
    // Whatever the event says of its time, it is later now.
    let refused = store.append(guarded(1)).await;
    assert!(matches!(refused, Err(AppendError::TooLate { instant }) if instant == at(11)), "{refused:?}");
    assert_eq!(store.stream_version(&stream("change/a")).await.unwrap(), 1);
    store.close().await;
}

async fn event_time_never_runs_backwards_within_a_stream(database: TestDatabase) {
    let store = database.open().await;
    store.append(append_to("change/a", 0, vec![event(10, "x")])).await.unwrap();
    let refused = store.append(append_to("change/a", 1, vec![event(9, "x")])).await;
    let Err(AppendError::ClockWentBack { at: given, last, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!((given, last), (at(9), at(10)));
    let refused = store.append(append_to("change/a", 1, vec![event(11, "x"), event(10, "x")])).await;
    assert!(matches!(refused, Err(AppendError::ClockWentBack { .. })), "{refused:?}");
    store.append(append_to("change/a", 1, vec![event(10, "same time"), event(12, "x")])).await.unwrap();
    store.append(append_to("change/b", 0, vec![event(1, "another stream")])).await.unwrap();
    store.close().await;
}

async fn what_cannot_be_recorded_is_refused_and_named(database: TestDatabase) {
    let store = database.open().await;
    let mut deep = json!(1);
    for _ in 0..100 {
        deep = json!([deep]);
    }
    let when = at(1).to_string();
    let bodies = [
        (json!([1]), "not an object"),
        (json!({"type": "x"}), "`at`"),
        (json!({"at": 5}), "`at`"),
        (json!({"at": "yesterday"}), "`at`"),
        (json!({"at": when, "stream": "x"}), "`stream`"),
        (json!({"at": when, "version": 1}), "`version`"),
        (json!({"at": when, "x": {"$sha256": "00"}}), "`$sha256`"),
        (json!({"at": when, "x": {"$text": 5}}), "/x"),
        (json!({"at": when, "x": deep}), "levels deep"),
        (json!({"at": when, "x": "y".repeat(70_000)}), "70"),
    ];
    for (body, expected) in bodies {
        let refused = store.append(append_to("change/a", 0, vec![NewEvent::of(&body)])).await.unwrap_err();
        let AppendError::InvalidEvent { version: 1, source, .. } = &refused else { panic!("{refused:?}") };
        assert!(source.to_string().contains(expected), "{source}");
    }
    let huge = NewEvent::of(&json!({"at": when, "x": "y".repeat(70_000)}));
    let refused = store.append(append_to("change/a", 0, vec![huge])).await;
    assert!(matches!(refused, Err(AppendError::InvalidEvent { source: EventError::TooLarge { .. }, .. })));
    let texts = json!({"at": when, "x": {"$text": "y".repeat(5_000_000)}});
    let refused = store.append(append_to("change/a", 0, vec![NewEvent::of(&texts)])).await;
    assert!(matches!(
        refused,
        Err(AppendError::InvalidEvent { source: EventError::TextTooLarge { .. }, .. })
    ));
    assert_eq!(store.head().await.unwrap().size, 0);
    store.close().await;
}

async fn a_repeated_request_is_given_the_first_answer(database: TestDatabase) {
    let store = database.open().await;
    let keyed = |number, name, body| Append {
        idempotency: Some(answer(number, "key-1", body)),
        ..append_to(name, 0, vec![event(1, "x")])
    };
    store.append(keyed(1, "change/a", "first")).await.unwrap();
    let refused = store.append(keyed(1, "change/b", "second")).await;
    let Err(AppendError::IdempotentReplay(kept)) = refused else { panic!("{refused:?}") };
    assert_eq!((kept.status, kept.body.as_slice()), (201, b"first".as_slice()));
    assert_eq!(kept.request_digest, domain::canonical::Digest::of_bytes(b"first"));
    assert_eq!(store.stream_version(&stream("change/b")).await.unwrap(), 0);
    store.append(keyed(2, "change/b", "another actor's")).await.unwrap();

    let key = IdempotencyKey::new("key-1").unwrap();
    assert_eq!(store.idempotency(&actor(1), &key).await.unwrap(), Some(*kept.clone()));
    assert_eq!(store.idempotency(&actor(3), &key).await.unwrap(), None);
    assert_eq!(store.prune_idempotency(kept.created_at).await.unwrap(), 0);
    let later = kept.created_at + std::time::Duration::from_secs(3600);
    assert_eq!(store.prune_idempotency(later).await.unwrap(), 2);
    assert_eq!(store.idempotency(&actor(1), &key).await.unwrap(), None);
    store.close().await;
}

async fn an_append_may_have_no_events(database: TestDatabase) {
    let store = database.open().await;
    append_one(&store, "change/a", 0).await.unwrap();
    let only_answer = Append { idempotency: Some(answer(1, "key-1", "refused")), ..Append::default() };
    let appended = store.append(only_answer).await.unwrap();
    assert_eq!((appended.indexes, appended.versions), (1..1, vec![]));
    let without = store.append(append_to("change/a", 1, vec![])).await.unwrap();
    assert_eq!(without.versions, [(stream("change/a"), 1)]);
    assert_eq!(store.checkpoints(0, 10).await.unwrap().len(), 1);
    store.close().await;
}

async fn an_append_is_bounded(database: TestDatabase) {
    let store = database.open().await;
    let many = (0..1001).map(|_| event(1, "x")).collect();
    let refused = store.append(append_to("change/a", 0, many)).await;
    assert!(
        matches!(refused, Err(AppendError::Store(StoreError::TooMuch { limit: 1000, .. }))),
        "{refused:?}"
    );
    let refused = store.append(append_to("change/a", u64::MAX, vec![event(1, "x"), event(1, "x")])).await;
    assert!(matches!(refused, Err(AppendError::Store(StoreError::TooMuch { .. }))), "{refused:?}");
    let twice = vec![to("change/a", 0, vec![event(1, "x")]), to("change/a", 1, vec![event(1, "x")])];
    let refused = store.append(Append { streams: twice, ..Append::default() }).await;
    assert!(matches!(refused, Err(AppendError::StreamTwice { .. })), "{refused:?}");
    let most = (0..1000).map(|_| event(1, "x")).collect();
    assert_eq!(store.append(append_to("change/a", 0, most)).await.unwrap().indexes, 0..1000);
    store.close().await;
}

async fn an_append_is_written_although_its_caller_went_away(database: TestDatabase) {
    let store = database.open().await;
    {
        let mut append = Box::pin(append_one(&store, "change/a", 0));
        // Polled once: the request is handed over, the answer not yet there.
        tokio::select! {
            biased;
            _ = &mut append => {}
            () = std::future::ready(()) => {}
        }
    }
    eventually("the abandoned append is written", || async {
        store.stream_version(&stream("change/a")).await.unwrap() == 1
    })
    .await;
    store.close().await;
}

async fn streams_are_listed_by_prefix(database: TestDatabase) {
    let store = database.open().await;
    for name in ["change/b", "Change/x", "change/a", "changes", "change/a~b", "actor/1", "change/C"] {
        append_one(&store, name, 0).await.unwrap();
    }
    let names =
        |page: Vec<store::StreamVersion>| -> Vec<StreamName> { page.into_iter().map(|s| s.stream).collect() };
    let all = names(store.streams("change/", None, 1000).await.unwrap());
    assert_eq!(all, ["change/C", "change/a", "change/a~b", "change/b"].map(stream));
    let page = names(store.streams("change/", Some(&stream("change/a")), 1).await.unwrap());
    assert_eq!(page, [stream("change/a~b")]);
    assert_eq!(store.streams("", None, 1000).await.unwrap().len(), 7);
    let first = &store.streams("actor/", None, 1).await.unwrap()[0];
    assert_eq!((first.version, first.last_at), (1, at(0)));
    store.close().await;
}

async fn erased_text_is_gone_and_the_log_still_verifies(database: TestDatabase) {
    let store = database.open().await;
    let two = json!({"at": at(1).to_string(), "a": {"$text": "one"}, "b": {"$text": "two"}});
    let first = Append {
        projections: vec![ProjectionRow::Change(Box::new(change_row(1)))],
        ..append_to("change/a", 0, vec![NewEvent::of(&two)])
    };
    store.append(first).await.unwrap();
    let name = stream("change/a");
    let row = ProjectionRow::Change(Box::new(store::ChangeRow { title: "[erased]".into(), ..change_row(1) }));
    assert_eq!(store.erase(&name, 1, Some("/a"), vec![row]).await.unwrap(), Some(1));
    let body = store.read_stream(&name, 0).await.unwrap().remove(0).body;
    assert!(body["a"]["$erased"].is_string() && body["b"]["$text"] == "two", "{body}");
    assert_eq!(store.change(change_row(1).change_id).await.unwrap().unwrap().title, "[erased]");
    assert_eq!(store.erase(&name, 1, Some("/a"), vec![]).await.unwrap(), Some(0));
    assert_eq!(store.erase(&name, 1, None, vec![]).await.unwrap(), Some(1));
    assert_eq!(store.erase(&name, 2, None, vec![]).await.unwrap(), None);
    assert_eq!(store.verify(|_| {}).await.unwrap().texts, 0);
    store.close().await;
}
