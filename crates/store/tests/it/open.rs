//! What is opened, and what is refused and why.

use std::fs;

use store::{DATABASE_FILE, Location, OpenError, Store, StoreError};
use tokio::task::JoinSet;

use crate::harness::{TestDatabase, append_one, on_both_databases, stream};

on_both_databases!(
    what_was_written_is_there_after_reopening,
    a_newer_schema_is_refused,
    a_database_of_something_else_is_refused,
    a_head_that_contradicts_the_events_is_refused,
    an_empty_database_is_not_set_up_by_a_reader,
    a_closed_store_refuses_and_says_so,
);

async fn what_was_written_is_there_after_reopening(database: TestDatabase) {
    for version in 0..3 {
        let store = database.open().await;
        assert_eq!(*store.subscribe().borrow(), version);
        append_one(&store, "change/a", version).await.unwrap();
        store.close().await;
    }
}

async fn a_newer_schema_is_refused(database: TestDatabase) {
    database.open().await.close().await;
    match database.location {
        Location::Folder(_) => database.sql("PRAGMA user_version = 99"),
        Location::Url(_) => database.sql("UPDATE cortex_change_schema SET version = 99"),
    }
    let refused = Store::open(database.config()).await.unwrap_err();
    assert!(matches!(refused, OpenError::Newer { found: 99, known: store::SCHEMA_VERSION }), "{refused:?}");
    assert!(refused.to_string().contains("newer release"), "{refused}");
}

async fn a_database_of_something_else_is_refused(database: TestDatabase) {
    if let Location::Folder(folder) = &database.location {
        fs::create_dir_all(folder).unwrap();
    }
    database.sql("CREATE TABLE customers (id BIGINT)");
    let refused = Store::open(database.config()).await.unwrap_err();
    assert!(matches!(refused, OpenError::Foreign { tables: 1 }), "{refused:?}");
    database.sql("DROP TABLE customers");
    database.open().await.close().await;
}

async fn a_head_that_contradicts_the_events_is_refused(database: TestDatabase) {
    let store = database.open().await;
    append_one(&store, "change/a", 0).await.unwrap();
    append_one(&store, "change/a", 1).await.unwrap();
    store.close().await;
    database.sql("DELETE FROM event WHERE log_index = 1");
    let refused = Store::open(database.config()).await.unwrap_err();
    assert!(matches!(refused, OpenError::Damaged { source: StoreError::Damaged { .. }, .. }), "{refused:?}");
}

async fn an_empty_database_is_not_set_up_by_a_reader(database: TestDatabase) {
    let file = database.folder.path().join("backup");
    let refused = store::backup(&database.location, &file).await.unwrap_err();
    match database.location {
        Location::Folder(_) => assert!(refused.to_string().contains(DATABASE_FILE), "{refused}"),
        Location::Url(_) => assert!(refused.to_string().contains("schema version 0"), "{refused}"),
    }
    assert!(!file.exists());
    database.open().await.close().await;
}

async fn a_closed_store_refuses_and_says_so(database: TestDatabase) {
    let store = database.open().await;
    let clone = store.clone();
    store.close().await;
    clone.stopped().await;
    assert!(matches!(clone.head().await, Err(StoreError::Closed)));
    let refused = append_one(&clone, "change/a", 0).await;
    assert!(matches!(refused, Err(store::AppendError::Store(StoreError::Closed))), "{refused:?}");
    clone.close().await;
    let reopened = database.open().await;
    assert_eq!(reopened.stream_version(&stream("change/a")).await.unwrap(), 0);
    reopened.close().await;
}

#[tokio::test]
async fn one_process_at_a_time_has_a_folder() {
    let database = TestDatabase::sqlite();
    let store = database.open().await;
    let refused = Store::open(database.config()).await.unwrap_err();
    assert!(matches!(refused, OpenError::InUse { .. }), "{refused:?}");
    store.close().await;
    database.open().await.close().await;
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let database = TestDatabase::sqlite();
    let Location::Folder(folder) = &database.location else { unreachable!() };
    fs::create_dir_all(folder).unwrap();
    for content in [b"not a database, but long enough to have a header of one".repeat(100), vec![0x53; 5000]]
    {
        fs::write(folder.join(DATABASE_FILE), content).unwrap();
        let refused = Store::open(database.config()).await.unwrap_err();
        assert!(matches!(refused, OpenError::Damaged { .. }), "{refused:?}");
        assert!(refused.to_string().contains("restore a backup"), "{refused}");
    }
}

#[tokio::test]
async fn every_damaged_page_of_the_log_is_noticed() {
    const PAGES: &str = "SELECT pageno, name FROM dbstat WHERE name IN \
        ('sqlite_schema', 'event', 'sqlite_autoindex_event_1', 'stream', 'checkpoint', 'log_head') ORDER BY pageno";
    let database = TestDatabase::sqlite();
    let store = database.open().await;
    for version in 0..300 {
        append_one(&store, "change/a", version).await.unwrap();
    }
    store.close().await;
    let Location::Folder(folder) = &database.location else { unreachable!() };
    let file = folder.join(DATABASE_FILE);
    let (page_bytes, pages): (u32, Vec<(u32, String)>) = {
        let connection = rusqlite::Connection::open(&file).unwrap();
        let mut select = connection.prepare(PAGES).unwrap();
        let pages = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let page_bytes = connection.query_row("PRAGMA page_size", [], |row| row.get(0)).unwrap();
        (page_bytes, pages.map(Result::unwrap).collect())
    };
    let whole = fs::read(&file).unwrap();
    assert!(pages.len() > 20, "{pages:?}");
    for (page, table) in pages {
        let mut damaged = whole.clone();
        let page_bytes = usize::try_from(page_bytes).unwrap();
        let end = usize::try_from(page).unwrap() * page_bytes;
        damaged[end - page_bytes..end].fill(0xa5);
        fs::write(&file, damaged).unwrap();
        match Store::open(database.config()).await {
            Err(OpenError::Damaged { .. }) => {}
            Err(other) => panic!("page {page} of {table}: {other:?}"),
            Ok(store) => {
                assert!(store.verify(|_| {}).await.is_err(), "page {page} of {table}");
                store.close().await;
            }
        }
    }
}

#[tokio::test]
async fn an_unreachable_server_is_named_without_its_password() {
    let mut database = TestDatabase::sqlite();
    let url = "postgresql://someone:secret@127.0.0.1:1/nothing?connect_timeout=1&sslmode=disable";
    database.location = Location::Url(url.into());
    let refused = Store::open(database.config()).await.unwrap_err();
    assert!(matches!(refused, OpenError::Store(StoreError::Unavailable(_))), "{refused:?}");
    let not_a_url =
        store::Config { location: Location::Url("postgresql://host:port/x".into()), ..database.config() };
    let refused_url = Store::open(not_a_url).await.unwrap_err();
    assert!(matches!(refused_url, OpenError::Url { .. }), "{refused_url:?}");
    let shown = format!("{refused:?} {:?} {}", database.config(), database.location);
    assert!(shown.contains("127.0.0.1:1/nothing") && !shown.contains("secret"), "{shown}");
}

/// The end of the log and its signature belong together, also for somebody who looks while they move on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_opens_while_another_one_writes() {
    const OPENINGS: usize = 10;
    let database = TestDatabase::postgres();
    let writing = database.open().await;
    let writer = writing.clone();
    let mut writers = JoinSet::new();
    writers.spawn(async move {
        let mut version = 0;
        while append_one(&writer, "change/a", version).await.is_ok() {
            version += 1;
        }
        version
    });
    for _ in 0..OPENINGS {
        database.open().await.close().await;
    }
    writing.close().await;
    let written = writers.join_next().await.unwrap().unwrap();
    assert!(written > OPENINGS as u64, "somebody wrote meanwhile");
}
