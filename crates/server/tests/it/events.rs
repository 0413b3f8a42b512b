//! The stream of events: everything once and in order, to those who may see it, until the server stops.

use std::collections::VecDeque;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::harness::{
    Database, Person, SERVICES, TestApp, eventually, on_both_databases, on_sqlite, small, text,
};
use crate::http::{Ask, Opened, PATIENCE};
use crate::team::team;

on_both_databases!(a_stream_resumes_without_gap_or_repetition,);
on_sqlite!(
    a_stream_can_be_of_one_change,
    only_auditors_see_actors_and_refused_attempts,
    subscribers_are_limited_and_make_room,
    shutting_down_ends_streams,
    a_revoked_token_sees_nothing_more,
);

/// A stream of events that is read.
struct Following {
    opened: Opened,
    unread: String,
    waiting: VecDeque<Event>,
}

#[derive(Debug, Clone, PartialEq)]
struct Event {
    id: u64,
    kind: String,
    data: Value,
}

/// Follows events with this query, and this `Last-Event-ID`.
async fn follow(person: &Person, query: &str, last: Option<u64>) -> Result<Following> {
    let ask = Ask::get(&format!("/api/v1/events{query}")).token(&person.token);
    let ask = last.iter().fold(ask, |ask, last| ask.header("last-event-id", &last.to_string()));
    let opened = ask.open(person.address).await?;
    ensure!(opened.status == 200, "{opened:?}");
    Ok(Following { opened, unread: String::new(), waiting: VecDeque::new() })
}

impl Following {
    /// The next event; nothing when the stream has ended.
    async fn next(&mut self) -> Result<Option<Event>> {
        while self.waiting.is_empty() {
            let part =
                tokio::time::timeout(PATIENCE, self.opened.part()).await.context("no event in time")??;
            let Some(part) = part else { return Ok(None) };
            self.unread.push_str(std::str::from_utf8(&part)?);
            while let Some((event, rest)) = self.unread.split_once("\n\n") {
                self.waiting.extend(parse(event)?);
                self.unread = rest.to_owned();
            }
        }
        Ok(self.waiting.pop_front())
    }

    async fn expect(&mut self) -> Result<Event> {
        self.next().await?.context("the stream has ended")
    }
}

/// An event; nothing for a sign of life.
fn parse(text: &str) -> Result<Option<Event>> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let Some(data) = field("data") else { return Ok(None) };
    let kind = field("event").context("a kind")?.to_owned();
    Ok(Some(Event { id: field("id").context("an id")?.parse()?, kind, data: serde_json::from_str(data)? }))
}

async fn a_stream_resumes_without_gap_or_repetition(database: Database) -> Result<()> {
    const WRITERS: usize = 4;
    const CHANGES: usize = 12;
    const EVENTS_PER_CHANGE: usize = 3;
    const EVENTS_PER_CONNECTION: usize = 7;
    let (app, ann, _) = team(database).await?;
    let before = app.log_size().await? - 1;
    let mut writers = JoinSet::new();
    for _ in 0..WRITERS {
        let ann = ann.clone();
        writers.spawn(async move {
            for _ in 0..CHANGES {
                ann.create(&small("greeter")).await?;
            }
            anyhow::Ok(())
        });
    }
    let (mut seen, mut last) = (Vec::new(), before);
    while seen.len() < WRITERS * CHANGES * EVENTS_PER_CHANGE {
        let mut following = follow(&ann, "", Some(last)).await?;
        for _ in 0..EVENTS_PER_CONNECTION.min(WRITERS * CHANGES * EVENTS_PER_CHANGE - seen.len()) {
            let event = following.expect().await?;
            last = event.id;
            seen.push(event);
        }
    }
    while let Some(written) = writers.join_next().await {
        written??;
    }
    // Everything since then was about changes, so that the ids are all that were given.
    let ids: Vec<_> = seen.iter().map(|event| event.id).collect();
    assert_eq!(ids, (before + 1..=last).collect::<Vec<_>>());
    let path = format!("/api/v1/audit?limit=500&after={before}");
    let log = app.root().get(&path).await?;
    for (event, entry) in seen.iter().zip(log["items"].as_array().context("entries")?) {
        assert_eq!((&event.data["stream"], &event.data["details"]), (&entry["stream"], &entry["details"]));
        assert_eq!((json!(event.id), json!(event.kind)), (entry["log_index"].clone(), entry["type"].clone()));
    }
    app.stop().await
}

async fn a_stream_can_be_of_one_change(database: Database) -> Result<()> {
    let (app, ann, _) = team(database).await?;
    let wanted = ann.create(&small("greeter")).await?;
    let id = text(&wanted["change_id"]);
    let mut following = follow(&ann, &format!("?stream=change/{id}"), None).await?;
    ann.create(&small("greeter")).await?;
    ann.act(id, "comments", &json!({ "text": "of this one" })).await?;
    let event = following.expect().await?;
    assert_eq!(
        (text(&event.data["stream"]), text(&event.data["details"])),
        (format!("change/{id}").as_str(), "of this one")
    );
    assert_eq!((text(&event.data["action"]), text(&event.data["actor"])), ("commented", "ann"));
    // From its beginning, when asked so.
    let mut whole = follow(&ann, &format!("?stream=change/{id}&after=0"), None).await?;
    let mut actions = Vec::new();
    for _ in 0..4 {
        actions.push(text(&whole.expect().await?.data["action"]).to_owned());
    }
    assert_eq!(actions, ["created", "risk_assessed", "approved", "commented"]);
    app.stop().await
}

async fn only_auditors_see_actors_and_refused_attempts(database: Database) -> Result<()> {
    let app = TestApp::start_on(database, |_| {}).await?;
    app.services(&SERVICES).await?;
    let ann = app.person("ann", &["technical_lead"]).await?;
    let auditor = app.person("auditor", &["auditor"]).await?;
    let reader = app.token("auditor", &["read"]).await?;
    let start = app.log_size().await? - 1;
    let change = ann.create(&small("identity")).await?;
    let id = text(&change["change_id"]);
    let path = format!("/api/v1/changes/{id}/approve");
    ann.refused(&path, &json!({ "digest": change["digest"] }), 403, "refused-by-policy").await?;
    app.person("newcomer", &[]).await?;
    ann.act(id, "comments", &json!({ "text": "the end" })).await?;
    let kinds = async |person: &Person| -> Result<Vec<String>> {
        let mut following = follow(person, "", Some(start)).await?;
        let mut kinds = Vec::new();
        while kinds.last().is_none_or(|kind| kind != "change.commented") {
            kinds.push(following.expect().await?.kind);
        }
        Ok(kinds)
    };
    let of_changes =
        ["change.created", "change.risk_assessed", "change.approval_requested", "change.commented"];
    assert_eq!(kinds(&ann).await?, of_changes);
    assert_eq!(kinds(&reader).await?, of_changes, "the role alone is not enough: the token lacks the scope");
    let mut all = of_changes[..3].to_vec();
    all.extend(["security.refused", "actor.registered", "directory.actor_added", "actor.token_issued"]);
    all.push("change.commented");
    assert_eq!(kinds(&auditor).await?, all);
    app.stop().await
}

async fn subscribers_are_limited_and_make_room(database: Database) -> Result<()> {
    let app = TestApp::start_on(database, |config| config.limits.event_subscribers = 2).await?;
    let root = app.root();
    let (first, _second) = (follow(&root, "", None).await?, follow(&root, "", None).await?);
    root.send(Ask::get("/api/v1/events")).await?.refused(503, "overloaded")?;
    drop(first);
    // The server notices that a subscriber has gone when it next says something.
    let _third = eventually("a place is free", async || {
        root.post("/api/v1/catalog", &json!({ "services": [{ "name": "noise", "tier": 3 }] })).await?;
        root.post("/api/v1/catalog", &json!({ "services": [], "retire": ["noise"] })).await?;
        let opened = Ask::get("/api/v1/events").token(&root.token).open(root.address).await?;
        Ok((opened.status == 200).then_some(opened))
    })
    .await?;
    app.stop().await
}

async fn shutting_down_ends_streams(database: Database) -> Result<()> {
    // So long that waiting for it would end the test.
    let app = TestApp::start_on(database, |config| config.limits.shutdown_seconds = 3_600).await?;
    let mut following = follow(&app.root(), "", None).await?;
    app.shut_down();
    assert_eq!(following.next().await?, None);
    tokio::time::timeout(PATIENCE, app.stop()).await.context("the server does not stop")?
}

async fn a_revoked_token_sees_nothing_more(database: Database) -> Result<()> {
    let (app, ann, _) = team(database).await?;
    let issued = json!({ "scopes": ["read"], "label": "short-lived" });
    let issued = app.root().post("/api/v1/actors/ann/tokens", &issued).await?;
    let reader = Person { token: text(&issued["token"]).to_owned(), ..ann.clone() };
    let mut following = follow(&reader, "", None).await?;
    ann.create(&small("greeter")).await?;
    for _ in 0..3 {
        following.expect().await?;
    }
    let path = format!("/api/v1/actors/ann/tokens/{}", text(&issued["token_id"]));
    ann.send(Ask::new("DELETE", &path)).await?.good()?;
    ann.create(&small("greeter")).await?;
    assert_eq!(following.next().await?, None);
    app.stop().await
}
