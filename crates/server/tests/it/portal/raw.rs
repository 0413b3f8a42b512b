//! Plain HTTP/1.1 over a socket, so that a test decides about every header.

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::TestApp;

/// A request to a page.
#[derive(Debug, Clone, Default)]
pub(super) struct Ask {
    headers: Vec<(&'static str, String)>,
    form: Option<String>,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
    headers: Vec<(String, String)>,
}

impl Ask {
    /// A plain request.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// A form as our own pages send it.
    pub(super) fn form(body: &str) -> Self {
        Self::foreign_form(body).header("Sec-Fetch-Site", "same-origin")
    }

    /// A form that does not say where it comes from.
    pub(super) fn foreign_form(body: &str) -> Self {
        let form = Self { form: Some(body.to_owned()), ..Self::default() };
        form.header("Content-Type", "application/x-www-form-urlencoded")
    }

    /// One more header.
    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// The cookie that `answer` has set.
    pub(super) fn with_cookie_of(self, answer: &Answer) -> Result<Self> {
        let cookie = answer.header("set-cookie").context("no cookie was set")?;
        let pair = cookie.split(';').next().context("an empty cookie")?.to_owned();
        Ok(self.header("Cookie", &pair))
    }

    /// Sends it to `path`.
    pub(super) async fn send(&self, app: &TestApp, path: &str) -> Result<Answer> {
        let url = app.url();
        let host = url.trim_start_matches("http://");
        let method = if self.form.is_some() { "POST" } else { "GET" };
        let form = self.form.as_deref().unwrap_or_default();
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("Content-Length: {}\r\n\r\n{form}", form.len()));
        let mut stream = TcpStream::connect(host).await?;
        stream.write_all(text.as_bytes()).await?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await?;
        Answer::parse(&String::from_utf8(bytes)?)
    }
}

impl Answer {
    fn parse(text: &str) -> Result<Self> {
        let (head, body) = text.split_once("\r\n\r\n").context("no end of the headers")?;
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("no status")?.parse()?;
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        Ok(Self { status, body: body.to_owned(), headers })
    }

    /// A header's value, by its name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }
}
