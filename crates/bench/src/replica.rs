//! Changes that a real server has recorded, appended again under other ids: logs of any length with real content, and
//! the store's work without the server's.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use client::Client;
use domain::Timestamp;
use domain::canonical::Digest;
use domain::change::StateName;
use domain::id::{ActorId, ChangeId};
use serde_json::{Value, json};
use store::{
    Append, ChangeFilter, ChangeOrder, ChangeQuery, ChangeRow, ChangeSort, Guard, IdempotencyKey, NewEvent,
    NewIdempotency, ProjectionRow, STREAMS_PAGE_MAX, Store, StreamAppend, StreamName, TIMERS_PAGE_MAX, Timer,
    TimerId, TimerOp,
};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::lifetime;
use crate::load::Load;
use crate::place::{Kind, Place, Places};
use crate::requests::{SMALL, mixed};
use crate::server::Server;

/// Number of created changes that serve as patterns.
const CREATED: usize = 64;
/// Number of closed changes that serve as patterns.
const CLOSED: usize = 4;
const CALLERS: usize = 4;

/// Patterns of changes, and the database that they came from.
#[derive(Debug)]
pub struct Replica {
    /// The database that the patterns came from; no server has it open.
    pub place: Place,
    created: Vec<Pattern>,
    closed: Vec<Pattern>,
    /// Streams that changes rest on: actors and the CMDB.
    base: Base,
    _places: Places,
}

/// Streams with the bodies of their events.
type Base = Vec<(StreamName, Vec<Value>)>;

/// A recorded change.
#[derive(Debug)]
struct Pattern {
    row: ChangeRow,
    events: Vec<Value>,
    timers: Vec<Timer>,
    guards: Vec<Guard>,
}

impl Replica {
    /// Has a server record some changes and reads what it wrote.
    ///
    /// # Errors
    /// When the server refuses something or the store fails.
    pub fn record(runtime: &Runtime, program: &Path) -> Result<Self> {
        let places = Places::new(Kind::Sqlite)?;
        let place = places.place("patterns")?;
        let server = Server::start(program, &place)?;
        let staff = runtime.block_on(server.furnish())?;
        Load::new(server.address(), &staff.token, &mixed()).round(CALLERS, CREATED)?;
        runtime.block_on(close_some(&staff.client))?;
        server.kill()?;
        let (base, patterns) = runtime.block_on(read(&place))?;
        let (closed, created): (Vec<_>, Vec<_>) =
            patterns.into_iter().partition(|pattern| pattern.row.state == StateName::Closed);
        ensure!((created.len(), closed.len()) == (CREATED, CLOSED), "the patterns are not those asked for");
        Ok(Self { place, created, closed, base, _places: places })
    }

    /// Events and bytes of their leaves that creating one change leads to, on average.
    pub fn events_and_bytes(&self) -> (f64, f64) {
        let events = self.created.iter().flat_map(|pattern| &pattern.events);
        let (count, bytes) =
            events.fold((0, 0), |(count, bytes), event| (count + 1, bytes + event.to_string().len()));
        let changes = self.created.len() as f64;
        (f64::from(count) / changes, bytes as f64 / changes)
    }

    /// Writes what every change rests on into an empty store.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn lay_base(&self, store: &Store) -> Result<()> {
        for (stream, events) in &self.base {
            let events = events.iter().map(NewEvent::of).collect();
            let stream = StreamAppend { stream: stream.clone(), expected_version: 0, events };
            store.append(Append { streams: vec![stream], ..Append::default() }).await?;
        }
        Ok(())
    }

    /// What creating the change with this number writes.
    ///
    /// # Errors
    /// When there is no such number.
    pub fn created(&self, number: u32) -> Result<Append> {
        pattern(&self.created, number)?.append(number)
    }

    /// What a change with this number has written by the time it is closed, all at once.
    ///
    /// # Errors
    /// When there is no such number.
    pub fn closed(&self, number: u32) -> Result<Append> {
        pattern(&self.closed, number)?.append(number)
    }

    /// Fills an empty store until its log has at least so many entries: as many closed changes as open ones.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn fill(self: &Arc<Self>, store: &Store, entries: usize, callers: usize) -> Result<()> {
        self.lay_base(store).await?;
        let pair = events_of(&self.created(0)?) + events_of(&self.closed(0)?);
        let changes = u32::try_from(2 * entries.div_ceil(pair))?;
        let replica = Arc::clone(self);
        let append =
            move |number| if number % 2 == 0 { replica.created(number) } else { replica.closed(number) };
        append_all(store, 0..changes, callers, append).await?;
        Ok(())
    }
}

/// Appends from so many callers at once, each waiting for its own, and tells how long it took.
///
/// # Errors
/// When the store refuses an append.
pub async fn append_all(
    store: &Store,
    numbers: Range<u32>,
    callers: usize,
    append: impl Fn(u32) -> Result<Append> + Clone + Send + 'static,
) -> Result<Duration> {
    let next = Arc::new(AtomicU32::new(numbers.start));
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..callers {
        let (store, next, append, end) = (store.clone(), Arc::clone(&next), append.clone(), numbers.end);
        tasks.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= end {
                    return anyhow::Ok(());
                }
                store.append(append(number)?).await?;
            }
        });
    }
    tasks.join_all().await.into_iter().collect::<Result<()>>()?;
    Ok(began.elapsed())
}

fn events_of(append: &Append) -> usize {
    append.streams.iter().map(|stream| stream.events.len()).sum()
}

fn pattern(patterns: &[Pattern], number: u32) -> Result<&Pattern> {
    let at = usize::try_from(number)? % patterns.len().max(1);
    patterns.get(at).context("there are no patterns")
}

impl Pattern {
    fn append(&self, number: u32) -> Result<Append> {
        let id = ChangeId::new(self.row.change_id.year(), number + 1)?;
        let stream = StreamName::change(id);
        let events = self.events.iter().map(NewEvent::of).collect();
        let timers = self.timers.iter().map(|timer| {
            let renamed = timer.id.as_str().replace(&self.row.change_id.to_string(), &id.to_string());
            Ok(TimerOp::Set(Timer { id: TimerId::new(renamed)?, stream: stream.clone(), ..timer.clone() }))
        });
        let idempotency = NewIdempotency {
            actor: self.row.requester.clone(),
            key: IdempotencyKey::new(format!("bench-create-{number:012}"))?,
            request_digest: Digest::of_bytes(b""),
            status: 201,
            body: json!({"change_id": id.to_string()}).to_string().into_bytes(),
        };
        Ok(Append {
            timers: timers.collect::<Result<_>>()?,
            guards: self.guards.clone(),
            projections: vec![ProjectionRow::Change(Box::new(ChangeRow {
                change_id: id,
                ..self.row.clone()
            }))],
            streams: vec![StreamAppend { stream, expected_version: 0, events }],
            idempotency: Some(idempotency),
            ..Append::default()
        })
    }
}

async fn close_some(client: &Client) -> Result<()> {
    let request = serde_json::from_str(SMALL)?;
    for number in 0..CLOSED {
        let change = client.create_change(&request, &format!("bench-close-{number}")).await?;
        lifetime::complete(client, &change.change_id).await.context("close a change")?;
    }
    Ok(())
}

async fn read(place: &Place) -> Result<(Base, Vec<Pattern>)> {
    let store = place.open().await?;
    let base = base(&store).await?;
    let patterns = patterns(&store, &base).await?;
    store.close().await;
    Ok((base, patterns))
}

async fn base(store: &Store) -> Result<Base> {
    let mut names = vec![StreamName::new("cmdb")?];
    names
        .extend(store.streams("actor/", None, STREAMS_PAGE_MAX).await?.into_iter().map(|found| found.stream));
    let mut base = Vec::with_capacity(names.len());
    for name in names {
        let events = store.read_stream(&name, 0).await?;
        base.push((name, events.into_iter().map(|event| event.body).collect()));
    }
    Ok(base)
}

async fn patterns(store: &Store, base: &Base) -> Result<Vec<Pattern>> {
    let query = ChangeQuery {
        filter: ChangeFilter::default(),
        order: ChangeOrder { by: ChangeSort::Id, descending: false },
        after: None,
        limit: 2 * CREATED,
    };
    let timers = store.due_timers(Timestamp::MAX, TIMERS_PAGE_MAX).await?;
    let mut patterns = Vec::new();
    for row in store.list_changes(query).await?.rows {
        let stream = StreamName::change(row.change_id);
        let events = store.read_stream(&stream, 0).await?.into_iter().map(|event| event.body).collect();
        let timers = timers.iter().filter(|timer| timer.stream == stream).cloned().collect();
        let guards = guards(base, &row.requester);
        patterns.push(Pattern { row, events, timers, guards });
    }
    Ok(patterns)
}

/// What a server checks in the transaction of a create: the CMDB's version and the requester's.
fn guards(base: &Base, requester: &ActorId) -> Vec<Guard> {
    let requester = format!("actor/{requester}");
    let read = base.iter().filter(|(stream, _)| ["cmdb", requester.as_str()].contains(&stream.as_str()));
    let guard = |(stream, events): &(StreamName, Vec<Value>)| Guard::StreamVersion {
        stream: stream.clone(),
        version: events.len() as u64,
    };
    read.map(guard).collect()
}
