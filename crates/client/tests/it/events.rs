//! Following what happens.

use std::pin::pin;

use anyhow::Result;
use client::{ClientError, EventFilter};
use futures_util::StreamExt;

use crate::scripted::{Answer, Scripted, json};

fn event(index: u64) -> String {
    let entry = serde_json::json!({
        "stream": "change/CHG-2026-000001", "leaf_hash": "00", "timestamp": "2026-01-01T00:00:00Z",
        "action": "approved", "actor": "ann", "details": "approved", "version": 3, "log_index": index,
        "type": "change.approved", "data": {},
    });
    format!("id: {index}\nevent: change.approved\ndata: {entry}\n\n")
}

fn stream(events: impl IntoIterator<Item = u64>) -> Answer {
    let body = events.into_iter().map(event).collect::<String>();
    Answer::Full(200, "text/event-stream", format!(": here\n\n{body}"))
}

#[tokio::test]
async fn a_break_is_resumed_after_the_last_event_and_nothing_comes_twice() -> Result<()> {
    let answers = [stream([4, 5]), Answer::Nothing, stream([5, 6]), stream([7])];
    let server = Scripted::start(answers).await?;
    let filter = EventFilter { stream: Some("change/CHG-2026-000001".to_owned()), after: Some(3) };
    let mut events = pin!(server.client()?.events(filter));
    for expected in 4..=7 {
        let event = events.next().await.expect("an event")?;
        assert_eq!((event.index, event.event_type.as_str()), (expected, "change.approved"));
        assert_eq!(event.entry.entry.log_index, expected);
    }
    let asked = server.asked();
    let line = "GET /api/v1/events?stream=change%2FCHG-2026-000001";
    assert!(asked.iter().all(|asked| asked.line == line), "{asked:?}");
    let after = |index: u64| format!("last-event-id: {index}");
    // The last one is recorded when its connection has been closed, which nobody has waited for.
    for (asked, seen) in asked.iter().zip([3, 5, 5, 6]) {
        assert!(asked.head.contains(&after(seen)), "{seen}: {}", asked.head);
    }
    assert!(asked.len() >= 3);
    Ok(())
}

#[tokio::test]
async fn a_server_that_was_never_there_is_reported_at_once() -> Result<()> {
    let server = Scripted::start([]).await?;
    let mut events = pin!(server.client()?.events(EventFilter::default()));
    let first = events.next().await.expect("an error");
    assert!(matches!(first, Err(ClientError::Unreachable { attempts: 1, .. })), "{first:?}");
    assert!(events.next().await.is_none(), "the stream ends after its first error");
    Ok(())
}

#[tokio::test]
async fn a_refusal_ends_the_stream() -> Result<()> {
    let refusal =
        r#"{"type":"/docs/problems#token","title":"x","status":401,"detail":"the token was revoked"}"#;
    let server = Scripted::start([stream([0]), json(401, refusal)]).await?;
    let mut events = pin!(server.client()?.events(EventFilter::default()));
    assert_eq!(events.next().await.expect("an event")?.index, 0);
    let error = events.next().await.expect("an error").unwrap_err();
    assert_eq!(error.to_string(), "the token was revoked");
    assert!(events.next().await.is_none());
    Ok(())
}

#[tokio::test]
async fn an_event_that_is_none_of_ours_ends_the_stream() -> Result<()> {
    for body in ["id: x\ndata: {}\n\n", "data: {}\n\n", "id: 1\ndata: {}\n\n", "id: 1\ndata: nonsense\n\n"] {
        let server = Scripted::start([Answer::Full(200, "text/event-stream", body.to_owned())]).await?;
        let mut events = pin!(server.client()?.events(EventFilter::default()));
        let first = events.next().await.expect("an error");
        assert!(matches!(first, Err(ClientError::Unexpected { .. })), "{body}: {first:?}");
    }
    Ok(())
}
