//! However the process ends, `kill -9` at any instant included: nothing that was acknowledged is missing.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use store::Location;

use crate::harness::{TestDatabase, append_one, on_both_databases, stream};

on_both_databases!(what_was_acknowledged_survives_kill);

const KILLS: usize = 5;
const CALLERS: &str = "8";

async fn what_was_acknowledged_survives_kill(database: TestDatabase) {
    let mut acknowledged: BTreeMap<String, u64> = BTreeMap::new();
    for kill in 1..=KILLS {
        for (name, version) in append_until_killed(&database, kill * 37) {
            acknowledged.insert(name, version);
        }
        let store = database.open().await;
        for (name, version) in &acknowledged {
            let events = store.read_stream(&stream(name), 0).await.unwrap();
            assert!(
                events.len() as u64 >= *version,
                "{name}: {version} acknowledged, {} there",
                events.len()
            );
            assert_eq!(events.len() % 5, 0, "an append is there as a whole or not at all");
        }
        store.verify(|_| {}).await.unwrap();
        store.close().await;
    }
    assert!(acknowledged.len() > 1, "several callers were under way");
}

#[tokio::test]
async fn a_closed_store_is_whole_in_its_one_file() {
    let database = TestDatabase::sqlite();
    let store = database.open().await;
    append_one(&store, "change/a", 0).await.unwrap();
    store.close().await;
    let Location::Folder(folder) = &database.location else { unreachable!("a folder") };
    let files =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let logs: Vec<_> = files.filter(|name| name.ends_with("-wal")).collect();
    assert!(logs.is_empty(), "{logs:?} were not copied back");
}

/// Starts a process that appends, kills it after some acknowledgements and gives all that it printed.
fn append_until_killed(database: &TestDatabase, acknowledgements: usize) -> Vec<(String, u64)> {
    let location = match &database.location {
        Location::Folder(folder) => folder.to_str().unwrap(),
        Location::Url(url) => url,
    };
    let mut child = Command::new(append_load())
        .args([location, CALLERS, "100000", "print"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the example is built: run `cargo build -p store --example append_load`");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut seen: Vec<String> = lines.by_ref().take(acknowledgements).map(Result::unwrap).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    // What was printed before the kill counts; a line that was cut off does not.
    seen.extend(lines.map_while(Result::ok));
    assert!(seen.len() >= acknowledgements, "the process ended by itself after {} lines", seen.len());
    let parse = |line: &String| {
        let (name, version) = line.split_once(' ')?;
        Some((name.to_owned(), version.parse().ok()?))
    };
    seen.iter().filter_map(parse).collect()
}

/// The example beside this test's own program.
fn append_load() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().and_then(|deps| deps.parent()).unwrap().join("examples/append_load")
}
