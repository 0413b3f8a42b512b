//! Views made anew from the log, and compared with it.

use domain::change::StateName;
use serde_json::json;
use store::{
    Append, ChangeQuery, ChangeRow, CiQuery, CiRow, Difference, IncidentQuery, NewEvent, ProjectError,
    ProjectionRow, RebuildError, Store, StoredEvent, StreamName,
};

use crate::harness::{TestDatabase, append_to, at, change_row, ci_row, incident_row, on_both_databases};

on_both_databases!(
    rebuilt_rows_equal_those_written_with_the_events,
    differences_from_the_log_are_found_and_mended,
    a_projection_that_fails_changes_nothing,
);

/// A small projection: the number of a change or incident is in its first event, the state in the last.
fn project(stream: &StreamName, events: Vec<StoredEvent>) -> Result<Vec<ProjectionRow>, ProjectError> {
    let Some(last) = events.last() else { return Err("a stream without events".into()) };
    let number = u32::try_from(events[0].body["number"].as_u64().ok_or("no number")?)?;
    let version = events.len() as u64;
    let updated_at = last.body["at"].as_str().ok_or("no time")?.parse()?;
    if stream.as_str().starts_with("change/") {
        let state = last.body["state"].as_str().ok_or("no state")?.parse()?;
        return Ok(vec![ProjectionRow::Change(Box::new(ChangeRow {
            state,
            updated_at,
            version,
            ..change_row(number)
        }))]);
    }
    if stream.as_str().starts_with("incident/") {
        let row = store::IncidentRow { updated_at, version, ..incident_row(number) };
        return Ok(vec![ProjectionRow::Incident(Box::new(row))]);
    }
    if let Some(id) = stream.as_ci() {
        return Ok(vec![ProjectionRow::Ci(Box::new(CiRow { updated_at, version, ..ci_row(id.as_str()) }))]);
    }
    Ok(vec![])
}

/// Appends an event and the row that follows from it, as a use-case does.
async fn happen(store: &Store, name: &str, version: u64, number: u32, state: StateName) {
    let seconds = i64::from(number) + i64::try_from(version).unwrap();
    let body = json!({"at": at(seconds).to_string(), "number": number, "state": state.as_str()});
    let name: StreamName = name.parse().unwrap();
    let mut events = store.read_stream(&name, 0).await.unwrap();
    let new = StoredEvent {
        index: 0,
        stream: name.clone(),
        version: version + 1,
        recorded_at: at(0),
        body: body.clone(),
    };
    events.push(new);
    let projections = project(&name, events).unwrap();
    let append = Append { projections, ..append_to(name.as_str(), version, vec![NewEvent::of(&body)]) };
    store.append(append).await.unwrap();
}

async fn fill(store: &Store) {
    for number in 1..=30 {
        let name = format!("change/{number}");
        happen(store, &name, 0, number, StateName::Draft).await;
        for version in 1..u64::from(number % 4) {
            happen(store, &name, version, number, StateName::Approved).await;
        }
    }
    happen(store, "incident/1", 0, 1, StateName::Draft).await;
    happen(store, "ci/Deployment/shop/cart", 0, 1, StateName::Draft).await;
    happen(store, "ci/Deployment/shop/cart", 1, 1, StateName::Draft).await;
    happen(store, "ci/Service/shop/cart", 0, 1, StateName::Draft).await;
    happen(store, "catalog", 0, 1, StateName::Draft).await;
}

async fn rows(store: &Store) -> (Vec<ChangeRow>, Vec<store::IncidentRow>, Vec<CiRow>) {
    let changes = store.list_changes(ChangeQuery::default()).await.unwrap();
    let incidents = store.list_incidents(IncidentQuery::default()).await.unwrap();
    (changes.rows, incidents.rows, store.list_cis(CiQuery::default()).await.unwrap().rows)
}

async fn rebuilt_rows_equal_those_written_with_the_events(database: TestDatabase) {
    let store = database.open().await;
    fill(&store).await;
    let before = rows(&store).await;
    let comparison = store.compare(project).await.unwrap();
    assert_eq!((comparison.rows, comparison.differences), (33, 0), "{:?}", comparison.first);
    let events = store.head().await.unwrap().size;
    let report = store.rebuild(project).await.unwrap();
    assert_eq!((report.streams, report.events, report.rows), (34, events, 33));
    assert_eq!(rows(&store).await, before);
    assert_eq!(store.compare(project).await.unwrap().differences, 0);
    store.close().await;
}

async fn differences_from_the_log_are_found_and_mended(database: TestDatabase) {
    let store = database.open().await;
    fill(&store).await;
    let before = rows(&store).await;
    database.sql("UPDATE change_row SET state = 'closed' WHERE change_key = 20260000000003");
    database.sql("DELETE FROM change_row WHERE change_key = 20260000000005");
    database.sql("DELETE FROM incident_row");
    database.sql("DELETE FROM change_service WHERE change_key = 20260000000007 AND service = 'cart'");
    database.sql(
        "INSERT INTO incident_row SELECT 20260000000009, change_key, 'open', 'major', title, 1, 1, 1 \
        FROM change_row WHERE change_key = 20260000000001",
    );
    database.sql("INSERT INTO change_service (service, change_key) VALUES ('ghost', 1), ('ghost', 2)");
    database.sql("DELETE FROM change_ci WHERE change_key = 20260000000008");
    database.sql("UPDATE ci_row SET tier = 0 WHERE id = 'Deployment/shop/cart'");
    database.sql("DELETE FROM ci_source WHERE id = 'Service/shop/cart'");
    database.sql(
        "INSERT INTO ci_row SELECT 'ghost', ci_type, tier, owner, environment, lifecycle, sources, 1, 1 \
        FROM ci_row WHERE id = 'Service/shop/cart'",
    );
    database.sql("INSERT INTO ci_source (source, id) VALUES ('nobody', 'ghost')");

    let comparison = store.compare(project).await.unwrap();
    let found: Vec<String> = comparison.first.iter().map(Difference::to_string).collect();
    assert_eq!(
        found,
        [
            "row of CHG-2026-000003 is not what its events say",
            "row of CHG-2026-000005 is missing",
            "CHG-2026-000007 is not listed under all of its services",
            "CHG-2026-000008 is not listed under all of its configuration items",
            "row of Deployment/shop/cart is not what its events say",
            "Service/shop/cart is not listed under all of its sources",
            "row of INC-2026-000001 is missing",
            "row of INC-2026-000009 has no events",
            "row of ghost has no events",
            "2 entries of changes by service have no events",
            "1 entries of configuration items by source have no events",
        ]
    );
    assert_eq!(comparison.differences, 11);
    store.rebuild(project).await.unwrap();
    assert_eq!(rows(&store).await, before);
    assert_eq!(store.compare(project).await.unwrap().differences, 0);
    store.close().await;
}

async fn a_projection_that_fails_changes_nothing(database: TestDatabase) {
    let store = database.open().await;
    fill(&store).await;
    let before = rows(&store).await;
    let failing = |stream: &StreamName, events| match stream.as_str() {
        "change/4" => Err("cannot be read".into()),
        _ => project(stream, events),
    };
    let refused = store.rebuild(failing).await;
    let Err(RebuildError::Project { stream, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(stream.as_str(), "change/4");
    assert!(matches!(store.compare(failing).await, Err(RebuildError::Project { .. })));
    assert_eq!(rows(&store).await, before);
    happen(&store, "change/31", 0, 31, StateName::Draft).await;
    store.close().await;
}
