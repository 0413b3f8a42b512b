//! Lost answers, wrong answers, and what is never shown.

use anyhow::Result;
use api::command::ReasonRequest;
use api::request::ChangeRequest;
use client::{ATTEMPTS_MAX, Client, ClientError, RESPONSE_BYTES_MAX};

use crate::scripted::{Answer, Scripted, TOKEN, json};

const CATALOG: &str = r#"{"services":[]}"#;

fn busy() -> Answer {
    Answer::Full(503, "text/html", "<h1>busy</h1>".to_owned())
}

#[tokio::test]
async fn reading_is_repeated_until_there_is_an_answer() -> Result<()> {
    let server = Scripted::start([Answer::Nothing, busy(), Answer::Half, json(200, CATALOG)]).await?;
    assert!(server.client()?.catalog().await?.services.is_empty());
    assert_eq!(server.lines().len(), 4);
    Ok(())
}

#[tokio::test]
async fn repetition_ends() -> Result<()> {
    let server = Scripted::start([]).await?;
    let error = server.client()?.catalog().await.unwrap_err();
    assert!(matches!(error, ClientError::Unreachable { attempts: ATTEMPTS_MAX, .. }), "{error:?}");
    assert!(error.to_string().contains("gave no answer in 4 attempts"), "{error}");
    assert!(error.is_transient());

    let server = Scripted::start((0..9).map(|_| busy())).await?;
    let error = server.client()?.catalog().await.unwrap_err();
    assert!(matches!(error, ClientError::Unexpected { status: 503, .. }), "{error:?}");
    assert!(error.is_transient());
    assert_eq!(server.lines().len(), 4);
    Ok(())
}

#[tokio::test]
async fn what_may_have_happened_is_not_asked_for_again() -> Result<()> {
    let server = Scripted::start([Answer::Nothing, json(200, "{}")]).await?;
    let reason = ReasonRequest { reason: "because".to_owned() };
    let error = server.client()?.cancel("CHG-2026-000001", &reason).await.unwrap_err();
    assert!(matches!(error, ClientError::Unreachable { attempts: 1, .. }), "{error:?}");
    assert_eq!(server.lines().len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_request_with_a_key_is_repeated_with_the_same_key() -> Result<()> {
    let refusal = r#"{"type":"/docs/problems#content","title":"x","status":422,"detail":"no title"}"#;
    let server = Scripted::start([Answer::Nothing, Answer::Half, json(422, refusal)]).await?;
    let error = server.client()?.create_change(&ChangeRequest::default(), "key-1").await.unwrap_err();
    assert_eq!(error.problem().map(|problem| problem.kind_name()), Some("content"));
    assert!(!error.is_transient());
    let asked = server.asked();
    assert_eq!(asked.len(), 3);
    assert!(asked.iter().all(|asked| asked.head.contains("idempotency-key: key-1")));
    assert!(asked.iter().all(|again| again.body == asked[0].body));
    Ok(())
}

#[tokio::test]
async fn a_refusal_is_not_repeated() -> Result<()> {
    let refusal =
        r#"{"type":"/docs/problems#lease","title":"x","status":409,"detail":"stale","rule":"lease"}"#;
    let server = Scripted::start([json(409, refusal), json(200, CATALOG)]).await?;
    let error = server.client()?.catalog().await.unwrap_err();
    assert_eq!(error.problem().and_then(|problem| problem.rule.as_deref()), Some("lease"));
    assert_eq!(server.lines().len(), 1);
    Ok(())
}

#[tokio::test]
async fn contention_passes_and_a_conflict_does_not() -> Result<()> {
    for (kind, is_transient) in [("contended", true), ("lifecycle", false)] {
        let refusal = format!(r#"{{"type":"/docs/problems#{kind}","title":"x","status":409,"detail":"x"}}"#);
        let server = Scripted::start((0..9).map(|_| json(409, &refusal))).await?;
        let error = server.client()?.catalog().await.unwrap_err();
        assert_eq!(error.is_transient(), is_transient, "{kind}");
        assert_eq!(server.lines().len(), if is_transient { 4 } else { 1 }, "{kind}");
    }
    Ok(())
}

#[tokio::test]
async fn an_answer_of_something_else_is_named_as_such() -> Result<()> {
    let page = Answer::Full(200, "text/html", "<html>\u{1b}[2Jsign in</html>".to_owned());
    let server = Scripted::start([page]).await?;
    let error = server.client()?.catalog().await.unwrap_err().to_string();
    assert!(error.contains("answered with status 200") && error.contains("sign in"), "{error}");
    assert!(!error.contains('\u{1b}'), "control characters do not reach a terminal: {error}");

    let server = Scripted::start([json(404, r#"{"status":418}"#)]).await?;
    let error = server.client()?.catalog().await.unwrap_err();
    assert!(matches!(error, ClientError::Unexpected { status: 404, .. }), "{error:?}");
    Ok(())
}

#[tokio::test]
async fn a_redirect_is_not_followed() -> Result<()> {
    let server = Scripted::start([Answer::Full(307, "text/plain", String::new())]).await?;
    let error = server.client()?.catalog().await.unwrap_err();
    assert!(matches!(error, ClientError::Unexpected { status: 307, .. }), "{error:?}");
    assert_eq!(server.lines().len(), 1);
    Ok(())
}

#[tokio::test]
async fn an_endless_answer_is_given_up() -> Result<()> {
    let body = format!("\"{}\"", "x".repeat(RESPONSE_BYTES_MAX));
    let server = Scripted::start([json(200, &body)]).await?;
    let error = server.client()?.catalog().await.unwrap_err();
    assert!(matches!(error, ClientError::TooLarge { limit: RESPONSE_BYTES_MAX, .. }), "{error:?}");
    Ok(())
}

#[tokio::test]
async fn the_token_is_shown_nowhere() -> Result<()> {
    let echo = Answer::Full(502, "text/plain", format!("upstream refused: Bearer {TOKEN}"));
    let server = Scripted::start((0..9).map(|_| echo.clone())).await?;
    let client = server.client()?;
    let error = client.catalog().await.unwrap_err();
    let unreachable = Scripted::start([]).await?.client()?.catalog().await.unwrap_err();
    for text in [
        format!("{client:?}"),
        format!("{error:?}"),
        error.to_string(),
        format!("{unreachable:?}"),
        format!("{:?}", Client::new("https://change.example", "not-a-token").unwrap_err()),
    ] {
        assert!(!text.contains(TOKEN) && !text.contains("not-a-token"), "{text}");
    }
    assert!(error.to_string().contains("Bearer ***"), "{error}");
    Ok(())
}

#[test]
fn a_text_that_is_not_a_token_is_refused() {
    for (token, fault) in [
        ("", "is empty"),
        ("secret", "does not begin with `cct_`"),
        ("cct_a b", "contains blanks"),
        ("cct_a\n", "contains blanks"),
        (&format!("cct_{}", "a".repeat(600)), "is too long"),
    ] {
        let error = Client::new("https://change.example", token).unwrap_err().to_string();
        assert!(error.contains(fault), "{error}");
    }
}
