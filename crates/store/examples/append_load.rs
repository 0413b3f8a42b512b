//! Appends as many callers at once, and prints either the rate or, for the test that kills it, what was acknowledged.
//!
//! `append_load LOCATION CALLERS APPENDS [print]`: LOCATION is a folder or a PostgreSQL URL; each caller makes APPENDS
//! appends to a stream of its own, each with five events, a projection row and an answer to keep.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use audit::SigningKey;
use domain::change::{Category, ChangeType, StateName};
use domain::id::{ActorId, ChangeId};
use domain::priority::Priority;
use serde_json::json;
use store::{
    Append, ChangeRow, Config, Location, NewEvent, NewIdempotency, ProjectionRow, Store, StreamAppend,
    StreamName,
};
use tokio::task::JoinSet;

const EVENTS_PER_APPEND: u64 = 5;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [location, callers, appends, print @ ..] = arguments.as_slice() else {
        anyhow::bail!("usage: append_load LOCATION CALLERS APPENDS [print]");
    };
    let location = if location.contains("://") {
        Location::Url(location.clone())
    } else {
        Location::Folder(PathBuf::from(location))
    };
    let (callers, appends): (u32, u64) = (callers.parse()?, appends.parse()?);
    let print = !print.is_empty();
    let key = SigningKey::from_seed("store.test/log", [1; 32])?;
    let store = Store::open(Config::new(location, Arc::new(key))).await?;
    let begin = Instant::now();
    let mut running = JoinSet::new();
    for caller in 1..=callers {
        running.spawn(call(store.clone(), caller, appends, print));
    }
    let mut waits = Vec::new();
    while let Some(finished) = running.join_next().await {
        waits.extend(finished??);
    }
    let took = begin.elapsed();
    store.close().await;
    if !print {
        report(&mut waits, took)?;
    }
    Ok(())
}

/// Makes one caller's appends and gives how long each took.
async fn call(store: Store, caller: u32, appends: u64, print: bool) -> anyhow::Result<Vec<Duration>> {
    let id = ChangeId::new(2026, caller)?;
    let stream = StreamName::change(id);
    let mut version = store.stream_version(&stream).await?;
    let mut waits = Vec::new();
    for _ in 0..appends {
        let append = append(id, &stream, version)?;
        let begin = Instant::now();
        store.append(append).await?;
        waits.push(begin.elapsed());
        version += EVENTS_PER_APPEND;
        if print {
            let mut out = std::io::stdout().lock();
            writeln!(out, "{stream} {version}")?;
            out.flush()?;
        }
    }
    Ok(waits)
}

fn append(id: ChangeId, stream: &StreamName, expected_version: u64) -> anyhow::Result<Append> {
    let at = instant(expected_version)?;
    let events = (0..EVENTS_PER_APPEND).map(|n| {
        let data = json!({
            "title": {"$text": "Deploy new error recovery feature"},
            "services": ["cart", "checkout"],
            "digest": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "factors": {"impact": 75, "probability": 20, "complexity": 31, "coverage": 80, "automation": 100},
            "n": n,
        });
        let body = json!({"type": "change.created", "at": at.to_string(), "actor": "act_1", "policies": [], "data": data});
        NewEvent::of(&body)
    });
    let streams = vec![StreamAppend { stream: stream.clone(), expected_version, events: events.collect() }];
    let version = expected_version + EVENTS_PER_APPEND;
    let row = ChangeRow {
        change_id: id,
        state: StateName::AwaitingApproval,
        change_type: ChangeType::Normal,
        category: Category::Deployment,
        title: "Deploy new error recovery feature".to_owned(),
        requester: ActorId::new("act_1")?,
        on_behalf_of: None,
        risk: None,
        priority: Priority::P3,
        services: vec!["cart".parse()?, "checkout".parse()?],
        cis: Vec::new(),
        environment: Some("production".parse()?),
        created_at: at,
        updated_at: at,
        deadline: None,
        version,
        runs_on: Vec::new(),
        ending: None,
    };
    let answer = NewIdempotency {
        actor: ActorId::new("act_1")?,
        key: format!("{id}-{version}").parse()?,
        request_digest: domain::canonical::Digest::of_bytes(b"request"),
        status: 201,
        body: vec![b'x'; 500],
    };
    let projections = vec![ProjectionRow::Change(Box::new(row))];
    Ok(Append { streams, projections, idempotency: Some(answer), ..Append::default() })
}

fn instant(version: u64) -> anyhow::Result<domain::Timestamp> {
    Ok(domain::Timestamp::from_second(1_780_000_000 + i64::try_from(version)?)?)
}

fn report(waits: &mut [Duration], took: Duration) -> anyhow::Result<()> {
    waits.sort_unstable();
    let at = |percent: usize| waits.get((waits.len() * percent / 100).min(waits.len().saturating_sub(1)));
    let median = at(50).context("nothing was appended")?;
    let slow = at(99).context("nothing was appended")?;
    let per_second = u128::try_from(waits.len())? * 1_000_000 / took.as_micros().max(1);
    println!("{} appends in {took:.2?}: {per_second}/s, p50 {median:.2?}, p99 {slow:.2?}", waits.len());
    Ok(())
}
