//! Backup and restore, from each kind of database into the other.

use std::fs;

use serde_json::json;
use sha2::{Digest as _, Sha256};
use store::{
    Append, BackupError, OutboxMessage, ProjectionRow, RestoreError, Sample, Store, Timer, TimerOp,
    VerifyError,
};

use crate::harness::{
    TestDatabase, answer, append_one, append_to, at, change_row, ci_row, event, incident_row,
    on_both_databases, signing_key, stream,
};

on_both_databases!(
    a_backup_moves_to_the_other_database_and_back,
    a_backup_is_of_one_moment_while_the_store_is_in_use,
    an_altered_or_incomplete_backup_is_refused,
    a_backup_of_the_first_schema_is_restored,
    a_backup_is_restored_only_into_an_empty_database,
    a_backup_never_replaces_a_file,
);

/// Writes something into every table.
async fn fill(store: &Store) {
    let timer = Timer {
        id: "t".parse().unwrap(),
        stream: stream("change/a"),
        kind: "deadline".into(),
        due_at: at(9),
        payload: json!({"a": [1, "ü\u{0}\n"]}),
    };
    let message = OutboxMessage {
        id: "m".parse().unwrap(),
        topic: "mail".into(),
        payload: json!({"to": "x"}),
        not_before: at(0),
    };
    for n in 0..300 {
        let append = Append {
            projections: vec![
                ProjectionRow::Change(Box::new(change_row(n + 1))),
                ProjectionRow::Incident(Box::new(incident_row(n + 1))),
                ProjectionRow::Ci(Box::new(ci_row(&format!("Deployment/shop/{n}")))),
            ],
            timers: vec![TimerOp::Set(timer.clone())],
            outbox: vec![message.clone()],
            idempotency: Some(answer(1, &format!("key-{n}"), "body")),
            ..append_to("change/a", u64::from(n), vec![event(i64::from(n), "some \"words\"\n")])
        };
        store.append(append).await.unwrap();
    }
    store.lease_acquire(&"r".parse().unwrap(), &"h".parse().unwrap(), HOUR, HOUR).await.unwrap();
    let sample = Sample {
        series: "errors".parse().unwrap(),
        taken_at: at(1),
        verdict: "pass".into(),
        value: None,
        detail: String::new(),
    };
    store.append_samples(change_row(1).change_id, vec![sample]).await.unwrap();
}

const HOUR: std::time::Duration = std::time::Duration::from_secs(3600);

async fn a_backup_moves_to_the_other_database_and_back(database: TestDatabase) {
    let store = database.open().await;
    fill(&store).await;
    let first = database.folder.path().join("first");
    let report = store.backup(&first).await.unwrap();
    assert_eq!(report.head, store.head().await.unwrap());
    assert_eq!(report.bytes, fs::metadata(&first).unwrap().len());
    store.close().await;

    let other = database.of_the_other_kind();
    let restored = store::restore(&first, &other.config()).await.unwrap();
    assert_eq!((restored.rows, restored.verified.head), (report.rows, report.head));
    let second = database.folder.path().join("second");
    store::backup(&other.location, &second).await.unwrap();
    assert!(fs::read(&first).unwrap() == fs::read(&second).unwrap(), "not a byte differs");

    let store = other.open().await;
    append_one(&store, "change/a", 300).await.unwrap();
    assert_eq!(store.verify(|_| {}).await.unwrap().head.size, 301);
    assert_eq!(
        store.lease_acquire(&"r".parse().unwrap(), &"h".parse().unwrap(), HOUR, HOUR).await.unwrap().token,
        2
    );
    store.close().await;
}

async fn a_backup_is_of_one_moment_while_the_store_is_in_use(database: TestDatabase) {
    let store = database.open().await;
    fill(&store).await;
    let file = database.folder.path().join("backup");
    let writing = async {
        for version in 300..400 {
            append_one(&store, "change/a", version).await.unwrap();
        }
    };
    let (report, ()) = tokio::join!(store.backup(&file), writing);
    let other = database.of_the_other_kind();
    let restored = store::restore(&file, &other.config()).await.unwrap();
    assert_eq!(restored.verified.head, report.unwrap().head);
    assert!((300..=400).contains(&restored.verified.head.size));
    store.close().await;
}

async fn an_altered_or_incomplete_backup_is_refused(database: TestDatabase) {
    let store = database.open().await;
    fill(&store).await;
    let file = database.folder.path().join("backup");
    store.backup(&file).await.unwrap();
    store.close().await;
    let whole = fs::read_to_string(&file).unwrap();
    let other = database.of_the_other_kind();
    let altered = database.folder.path().join("altered");
    let without_last_line = &whole[..whole.trim_end().rfind('\n').unwrap() + 1];
    let cases = [
        ("altered", whole.replacen("change/a", "change/b", 1)),
        ("a row less", whole.replacen(whole.lines().nth(5).unwrap(), "", 1)),
        ("cut off", whole[..whole.len() / 2].to_owned()),
        ("without its end", without_last_line.to_owned()),
        ("with more at its end", format!("{whole}{whole}")),
        ("empty", String::new()),
        ("something else", "{\"name\": \"left-pad\"}\n".to_owned()),
        ("no text", "\u{0}\u{1}\n".repeat(10)),
    ];
    for (what, content) in cases {
        fs::write(&altered, content).unwrap();
        let refused = store::restore(&altered, &other.config()).await.unwrap_err();
        assert!(matches!(refused, RestoreError::Damaged { .. }), "{what}: {refused:?}");
    }
    fs::write(&altered, whole.replacen("\"format_version\":1", "\"format_version\":2,\"more\":0", 1))
        .unwrap();
    let refused = store::restore(&altered, &other.config()).await.unwrap_err();
    assert!(matches!(refused, RestoreError::Version { format: 2, schema: 3 }), "{refused:?}");
    let missing = store::restore(&database.folder.path().join("missing"), &other.config()).await.unwrap_err();
    assert!(matches!(missing, RestoreError::File { .. }), "{missing:?}");

    let other_key = store::Config { signing_key: signing_key(2), ..other.config() };
    let refused = store::restore(&file, &other_key).await.unwrap_err();
    let RestoreError::Verify(fault) = &refused else { panic!("{refused:?}") };
    assert!(matches!(**fault, VerifyError::Checkpoint { size: 1 }), "{refused:?}");
    store::restore(&file, &other.config()).await.expect("after every refusal the database is still empty");
}

/// A backup as it was written before changes had findings.
fn without_findings(body: &str) -> String {
    let mut is_of_changes = false;
    let line = |line: &str| {
        let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
        if let Some(table) = value.get("table") {
            is_of_changes = table == "change_row";
        }
        let cells = if value.is_array() { value.as_array_mut() } else { value["columns"].as_array_mut() };
        match cells {
            Some(cells) if is_of_changes => {
                cells.pop();
                // The order of the fields is that in which they are written.
                let cells = serde_json::to_string(cells).unwrap();
                if line.starts_with('[') {
                    format!("{cells}\n")
                } else {
                    format!("{{\"table\":\"change_row\",\"columns\":{cells}}}\n")
                }
            }
            _ => format!("{line}\n"),
        }
    };
    body.lines().map(line).collect()
}

async fn a_backup_of_the_first_schema_is_restored(database: TestDatabase) {
    let store = database.open().await;
    fill(&store).await;
    let file = database.folder.path().join("backup");
    store.backup(&file).await.unwrap();
    store.close().await;
    let whole = fs::read_to_string(&file).unwrap();
    let (body, trailer) = whole.split_at(whole.trim_end().rfind('\n').unwrap() + 1);
    let trailer: serde_json::Value = serde_json::from_str(trailer).unwrap();
    let other = database.of_the_other_kind();
    for (schema, is_restored) in [(0, false), (store::SCHEMA_VERSION + 1, false), (1, true)] {
        let own = format!("\"schema_version\":{}", store::SCHEMA_VERSION);
        let body = body.replacen(&own, &format!("\"schema_version\":{schema}"), 1);
        let body = if schema == 1 { without_findings(&body) } else { body };
        let sha256 = audit::Hash::from_bytes(Sha256::digest(&body).into()).to_string();
        let trailer = json!({ "rows": trailer["rows"], "sha256": sha256 });
        let altered = database.folder.path().join(format!("schema-{schema}"));
        fs::write(&altered, format!("{body}{trailer}\n")).unwrap();
        let restored = store::restore(&altered, &other.config()).await;
        assert_eq!(restored.is_ok(), is_restored, "{schema}: {restored:?}");
    }
    let restored = other.open().await;
    assert_eq!(restored.change(change_row(7).change_id).await.unwrap(), Some(change_row(7)));
    restored.close().await;
}

async fn a_backup_is_restored_only_into_an_empty_database(database: TestDatabase) {
    let store = database.open().await;
    fill(&store).await;
    let file = database.folder.path().join("backup");
    store.backup(&file).await.unwrap();
    store.close().await;
    let refused = store::restore(&file, &database.config()).await.unwrap_err();
    assert!(matches!(refused, RestoreError::NotEmpty { table: "event" }), "{refused:?}");
}

async fn a_backup_never_replaces_a_file(database: TestDatabase) {
    let store = database.open().await;
    let file = database.folder.path().join("backup");
    fs::write(&file, "precious").unwrap();
    let refused = store.backup(&file).await.unwrap_err();
    assert!(matches!(refused, BackupError::Exists { .. }), "{refused:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    let nowhere = database.folder.path().join("nowhere/backup");
    let refused = store.backup(&nowhere).await.unwrap_err();
    assert!(matches!(refused, BackupError::File { .. }), "{refused:?}");
    let left: Vec<_> =
        fs::read_dir(database.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name == "backup" || name == "data"), "{left:?}");
    store.close().await;
}
