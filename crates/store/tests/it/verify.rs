//! What verification finds, and proofs.

use std::sync::{Arc, Mutex};

use audit::{LogFault, Tile};
use store::{Append, ProveError, Store, VerifyError, VerifyProgress};

use crate::harness::{TestDatabase, append_to, event, on_both_databases, signing_key, to};

on_both_databases!(
    an_untouched_log_verifies,
    a_flipped_byte_of_an_entry_is_found_and_named,
    a_flipped_byte_of_a_text_is_found_and_named,
    other_tampering_is_found,
    proofs_hold_against_the_signed_head,
    checkpoints_of_a_retired_key_are_trusted,
);

const EVENTS: u64 = 700;

/// Appends enough events for several tiles, in appends of different sizes.
async fn fill(store: &Store) {
    let mut version = 0;
    for size in (1..).take_while(|size| size * (size - 1) / 2 < EVENTS) {
        let size = size.min(EVENTS - version);
        let events = (0..size).map(|n| event(i64::try_from(version + n).unwrap(), "some words")).collect();
        store.append(append_to("change/a", version, events)).await.unwrap();
        version += size;
        if version == EVENTS {
            break;
        }
    }
}

async fn fault(database: &TestDatabase) -> VerifyError {
    let keys = vec![database.key.verifying_key().clone()];
    store::verify(&database.location, keys, |_| {}).await.unwrap_err()
}

async fn an_untouched_log_verifies(database: TestDatabase) {
    let store = database.open().await;
    let empty = store.verify(|_| {}).await.unwrap();
    assert_eq!((empty.head.size, empty.checkpoints), (0, 0));
    fill(&store).await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let seeing = Arc::clone(&seen);
    let report = store.verify(move |progress| seeing.lock().unwrap().push(progress)).await.unwrap();
    assert_eq!(report.head, store.head().await.unwrap());
    assert_eq!((report.signed_size, report.texts, report.tiles), (EVENTS, EVENTS, 2));
    assert_eq!(report.checkpoints, store.checkpoints(0, 1000).await.unwrap().len() as u64);
    assert_eq!(*seen.lock().unwrap(), [VerifyProgress { entries: EVENTS, of: EVENTS }]);
    store.close().await;
}

async fn a_flipped_byte_of_an_entry_is_found_and_named(database: TestDatabase) {
    let store = database.open().await;
    fill(&store).await;
    for (index, at) in [(0, 0), (345, 10), (EVENTS - 1, 40)] {
        let original = store.event_leaf(index).await.unwrap().unwrap().leaf;
        let mut flipped = original.clone();
        flipped[at] ^= 1;
        let set = |leaf| {
            format!("UPDATE event SET leaf = {} WHERE log_index = {index}", database.bytes_literal(leaf))
        };
        database.sql(&set(&flipped));
        let found = fault(&database).await;
        assert!(
            matches!(found, VerifyError::Log(LogFault::Altered { index: named, .. }) if named == index),
            "{found}"
        );
        // Together with its hash it is met at the next signed root.
        let hash = database.bytes_literal(audit::Hash::leaf(&flipped).as_bytes());
        database.sql(&format!("UPDATE event SET leaf_hash = {hash} WHERE log_index = {index}"));
        let found = fault(&database).await;
        let named = |from, size| (from..size).contains(&index);
        assert!(
            matches!(found, VerifyError::Log(LogFault::RootMismatch { from, size, .. }) if named(from, size))
                || matches!(found, VerifyError::Entry { index: named, .. } if named == index)
                || matches!(found, VerifyError::Tile { position, .. } if position == index / 256),
            "{found}"
        );
        let hash = database.bytes_literal(audit::Hash::leaf(&original).as_bytes());
        database.sql(&set(&original));
        database.sql(&format!("UPDATE event SET leaf_hash = {hash} WHERE log_index = {index}"));
    }
    store.verify(|_| {}).await.unwrap();
    store.close().await;
}

async fn a_flipped_byte_of_a_text_is_found_and_named(database: TestDatabase) {
    let store = database.open().await;
    fill(&store).await;
    let private = serde_json::to_string(&store.event_leaf(123).await.unwrap().unwrap().private).unwrap();
    let altered = private.replace("some words", "some lords");
    assert_ne!(private, altered);
    let altered = database.bytes_literal(altered.as_bytes());
    database.sql(&format!("UPDATE event SET private = {altered} WHERE log_index = 123"));
    let found = fault(&database).await;
    assert!(matches!(found, VerifyError::Text { index: 123, .. }), "{found}");
    let refused = store.read_log(123, 1).await.unwrap_err();
    assert!(refused.to_string().contains("entry 123"), "{refused}");
    store.close().await;
}

async fn other_tampering_is_found(database: TestDatabase) {
    let store = database.open().await;
    store
        .append(Append { streams: vec![to("change/b", 0, vec![event(1, "x")])], ..Append::default() })
        .await
        .unwrap();
    fill(&store).await;
    store.close().await;
    let zeros = database.bytes_literal(&[0; 32]);
    let tampering = [
        ("UPDATE event SET stream = 'change/c' WHERE log_index = 5".to_owned(), "entry 5"),
        ("UPDATE event SET version = 900 WHERE log_index = 5".to_owned(), "entry 5"),
        ("UPDATE stream SET version = 9 WHERE name = 'change/b'".to_owned(), "`change/b`"),
        ("DELETE FROM stream WHERE name = 'change/b'".to_owned(), "`change/b`"),
        (format!("UPDATE tile SET root = {zeros} WHERE position = 1"), "tile 1 of level 0"),
        ("DELETE FROM tile WHERE position = 0".to_owned(), "tile 0 of level 0"),
        (format!("UPDATE checkpoint SET root = {zeros} WHERE size = 1"), "checkpoint of 1 entries"),
        ("UPDATE checkpoint SET note = 'x' WHERE size = 1".to_owned(), "checkpoint of 1 entries"),
        ("DELETE FROM event WHERE log_index = 9".to_owned(), "entry 9 is missing"),
        ("DELETE FROM event WHERE log_index = 700".to_owned(), "cut off"),
    ];
    for (sql, expected) in tampering {
        let copy = database.of_the_other_kind();
        let file = copy.folder.path().join("backup");
        store::backup(&database.location, &file).await.unwrap();
        store::restore(&file, &copy.config()).await.unwrap();
        copy.sql(&sql.replace(&zeros, &copy.bytes_literal(&[0; 32])));
        let found = fault(&copy).await.to_string();
        assert!(found.contains(expected), "{sql}: {found}");
    }
}

async fn proofs_hold_against_the_signed_head(database: TestDatabase) {
    let store = database.open().await;
    fill(&store).await;
    let checkpoint = store.latest_checkpoint().await.unwrap().unwrap();
    let head = *database.key.verifying_key().verify(&checkpoint.note).unwrap().head();
    for index in [0, 1, 255, 256, 511, 512, EVENTS - 1] {
        let leaf = store.event_leaf(index).await.unwrap().unwrap();
        let proof = store.inclusion_proof(index, head.size).await.unwrap();
        proof.verify(leaf.leaf_hash, index, &head).unwrap();
    }
    for old in store.checkpoints(1, 1000).await.unwrap() {
        store.consistency_proof(old.head.size, head.size).await.unwrap().verify(&old.head, &head).unwrap();
    }
    assert!(matches!(store.inclusion_proof(EVENTS, EVENTS).await, Err(ProveError::Proof(_))));
    assert!(matches!(store.inclusion_proof(1, EVENTS + 300).await, Err(ProveError::Proof(_))));

    let leaves = store.tile(Tile::new(0, 2, 188).unwrap()).await.unwrap().unwrap();
    assert_eq!(leaves[0], store.event_leaf(512).await.unwrap().unwrap().leaf_hash);
    assert_eq!(store.tile(Tile::new(0, 2, 189).unwrap()).await.unwrap(), None);
    let full = store.tile(Tile::new(0, 1, 256).unwrap()).await.unwrap().unwrap();
    let roots = store.tile(Tile::new(1, 0, 2).unwrap()).await.unwrap().unwrap();
    assert_eq!(Some(roots[1]), audit::subtree_root(&full));
    store.close().await;
}

async fn checkpoints_of_a_retired_key_are_trusted(mut database: TestDatabase) {
    let store = database.open().await;
    store.append(append_to("change/a", 0, vec![event(1, "x")])).await.unwrap();
    store.close().await;
    let old = std::mem::replace(&mut database.key, signing_key(2));
    let refused = Store::open(database.config()).await;
    assert!(matches!(refused, Err(store::OpenError::OtherKey { size: 1 })), "{refused:?}");
    let config = store::Config { retired_keys: vec![old.verifying_key().clone()], ..database.config() };
    let store = Store::open(config).await.unwrap();
    store.append(append_to("change/a", 1, vec![event(2, "x")])).await.unwrap();
    assert_eq!(store.verify(|_| {}).await.unwrap().checkpoints, 2);
    store.close().await;
}
