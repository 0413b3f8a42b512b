//! Asking for pages and sending forms, header by header.

use anyhow::{Context as _, Result};

use crate::harness::TestApp;
use crate::http::{Answer, Ask};

/// A form that does not say where it comes from.
pub(super) fn form(path: &str, body: &str) -> Ask {
    Ask::new("POST", path).bytes("application/x-www-form-urlencoded", body.as_bytes().to_vec())
}

/// A form as our own pages send it.
pub(super) fn own_form(path: &str, body: &str) -> Ask {
    form(path, body).header("sec-fetch-site", "same-origin")
}

/// Signs in to look at the changes of high risk.
pub(super) async fn sign_in(app: &TestApp, token: &str) -> Result<Answer> {
    answer(app, own_form("/login", &format!("token={token}&next=%2Fchanges%3Flevel%3Dhigh"))).await
}

/// The session that an answer has begun, as the browser sends it back.
pub(super) fn session(answer: &Answer) -> Result<String> {
    let cookie = answer.header("set-cookie").context("no cookie was set")?;
    Ok(cookie.split(';').next().context("an empty cookie")?.to_owned())
}

/// Asks for a page in a session.
pub(super) async fn page(app: &TestApp, session: &str, path: &str) -> Result<Answer> {
    answer(app, Ask::get(path).header("cookie", session)).await
}

/// Sends a request that the interface's document does not describe, because a page answers it.
pub(super) async fn answer(app: &TestApp, ask: Ask) -> Result<Answer> {
    let mut opened = ask.open(app.address).await?;
    let mut body = Vec::new();
    while let Some(part) = opened.part().await? {
        body.extend_from_slice(&part);
    }
    Ok(Answer { status: opened.status, headers: opened.headers, body })
}
