//! Actors: pages that are complete while others register, and names that are given once.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use serde_json::json;
use tokio::task::JoinSet;

use crate::bad_input::{Case, case, check};
use crate::faults::second_server;
use crate::harness::{Database, Person, TestApp, on_both_databases, on_sqlite, text};
use crate::http::Ask;

on_both_databases!(actors_come_in_pages, a_name_is_given_once);
on_sqlite!(a_page_of_actors_has_its_bounds);

fn register(name: &str, kind: &str, more: &serde_json::Value) -> Ask {
    let mut request = more.clone();
    request["name"] = json!(name);
    request["kind"] = json!(kind);
    Ask::post("/api/v1/actors", &request)
}

async fn actors_come_in_pages(database: Database) -> Result<()> {
    const ACTORS: usize = 8;
    let app = TestApp::start_on(database, |_| {}).await?;
    let root = app.root();
    let mut before = BTreeSet::from([root.name.clone()]);
    for number in 0..ACTORS - 1 {
        let name = format!("person-{number}");
        root.send(register(&name, "human", &json!({}))).await?.good()?;
        before.insert(name);
    }
    for limit in [1, 3, ACTORS, 500] {
        let (mut seen, mut ids, mut cursor) = (Vec::new(), Vec::new(), String::new());
        loop {
            let page = root.get(&format!("/api/v1/actors?limit={limit}{cursor}")).await?;
            let items = page["items"].as_array().context("items")?;
            assert!((1..=limit).contains(&items.len()), "{page}");
            seen.extend(items.iter().map(|actor| text(&actor["name"]).to_owned()));
            ids.extend(items.iter().map(|actor| text(&actor["actor_id"]).to_owned()));
            // Between any two pages somebody joins.
            let name = format!("late-{limit}-{}", seen.len());
            root.send(register(&name, "human", &json!({}))).await?.good()?;
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert!(ids.is_sorted_by(|a, b| a < b), "{limit}: {ids:?}");
        assert!(seen.into_iter().collect::<BTreeSet<_>>().is_superset(&before), "{limit}");
    }
    app.stop().await
}

async fn a_page_of_actors_has_its_bounds(database: Database) -> Result<()> {
    let app = TestApp::start_on(database, |_| {}).await?;
    let root = app.root();
    let bad = |query: &str, says: &str| -> Case {
        case(Ask::get(&format!("/api/v1/actors?{query}")), 422, "invalid-field", says)
    };
    let cases = vec![
        bad("limit=0", "expected 1 to 500"),
        bad("limit=501", "expected 1 to 500"),
        bad("limit=many", "`query`"),
        bad("cursor=%20", "`cursor`"),
        bad("page=2", "`query`"),
    ];
    check(&app, &root, cases).await?;
    app.stop().await
}

/// Sends both requests at once, and tells how many were granted; a refusal says that the name is taken.
async fn race(name: &str, asks: [(&Person, Ask); 2]) -> Result<usize> {
    let [(one, first), (other, second)] = asks;
    let (first, second) = tokio::join!(one.send(first), other.send(second));
    let mut granted = 0;
    for answer in [first?, second?] {
        if answer.status == 201 {
            granted += 1;
        } else {
            let problem = answer.refused(409, "exists")?;
            assert!(text(&problem["detail"]).contains(name), "{problem}");
        }
    }
    Ok(granted)
}

async fn a_name_is_given_once(database: Database) -> Result<()> {
    let app = TestApp::start_on(database, |_| {}).await?;
    let root = app.root();
    for number in 0..10 {
        let name = format!("person-{number}");
        let alias = json!({ "alias_of": "bootstrap-admin" });
        let asks = [register(&name, "human", &json!({})), register(&name, "human", &alias)];
        assert_eq!(race(&name, asks.map(|ask| (&root, ask))).await?, 1, "{name}");
    }
    let listed = root.get("/api/v1/actors").await?;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(11));
    app.verified().await?;
    app.stop().await
}

/// The embedded database has one server, which its folder's lock sees to; these two share PostgreSQL.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_servers_one_gives_a_name() -> Result<()> {
    const NAMES: usize = 30;
    let app = TestApp::start_on(Database::postgres()?, |_| {}).await?;
    let folder = tempfile::tempdir()?;
    let (second, there) = second_server(&app, folder.path()).await?;
    let here = app.root();
    for number in 0..NAMES {
        let name = format!("person-{number}");
        let alias = json!({ "alias_of": "bootstrap-admin" });
        let asks = [
            (&here, register(&name, "human", &json!({}))),
            (&there, register(&name, "human", &if number % 2 == 0 { json!({}) } else { alias })),
        ];
        assert_eq!(race(&name, asks).await?, 1, "{name}");
    }
    // Different names do not stand in each other's way, however many come at once.
    let mut writers = JoinSet::new();
    for number in 0..NAMES {
        for person in [here.clone(), there.clone()] {
            let name = format!("{}-{number}", person.address.port());
            writers.spawn(async move { person.send(register(&name, "human", &json!({}))).await?.good() });
        }
    }
    while let Some(registered) = writers.join_next().await {
        registered??;
    }
    app.verified().await?;
    // Whoever starts now reads the same names, and gives none of them again.
    let third_folder = tempfile::tempdir()?;
    let (third, elsewhere) = second_server(&app, third_folder.path()).await?;
    for person in [&here, &elsewhere] {
        let listed = person.get("/api/v1/actors?limit=500").await?;
        let names = listed["items"].as_array().context("items")?.iter().map(|actor| text(&actor["name"]));
        let names = names.collect::<Vec<_>>();
        assert_eq!(
            (names.len(), names.iter().collect::<BTreeSet<_>>().len()),
            (1 + 3 * NAMES, 1 + 3 * NAMES)
        );
        person.send(register("person-7", "human", &json!({}))).await?.refused(409, "exists")?;
    }
    elsewhere.send(register("newcomer", "human", &json!({}))).await?.good()?;
    here.send(register("newcomer", "human", &json!({}))).await?.refused(409, "exists")?;
    for server in [second, third] {
        server.shutdown();
        server.stopped().await?;
    }
    app.stop().await
}
