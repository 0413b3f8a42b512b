//! A caller that is not our client: it can send whatever it likes, and looks at answers byte by byte. Every answer is
//! held against the OpenAPI document.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::contract;

/// Ends a test that hangs; nothing waits for it otherwise.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Body,
}

/// What is sent after the head.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    Nothing,
    Whole(Vec<u8>),
    /// Without a length, in chunks.
    Chunked(Vec<Vec<u8>>),
    /// Less than the announced length; then the connection is closed for writing.
    Part {
        announced: usize,
        sent: Vec<u8>,
    },
}

impl Ask {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        Self { method: method.to_owned(), path: path.to_owned(), headers: Vec::new(), body: Body::Nothing }
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    pub(crate) fn post(path: &str, body: &Value) -> Self {
        Self::new("POST", path).json(body)
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.bytes("application/json", body.to_string().into_bytes())
    }

    pub(crate) fn bytes(mut self, media_type: &str, bytes: Vec<u8>) -> Self {
        self.body = Body::Whole(bytes);
        self.header("content-type", media_type)
    }

    /// The request in short, for the one whose test it stops.
    pub(crate) fn shown(&self) -> String {
        let body = match &self.body {
            Body::Nothing => String::new(),
            Body::Whole(bytes) => String::from_utf8_lossy(bytes).chars().take(400).collect(),
            Body::Chunked(_) | Body::Part { .. } => "…".to_owned(),
        };
        format!("{} {} {body}", self.method, self.path)
    }

    /// Sends it and reads the whole answer, which must be one that the document describes.
    pub(crate) async fn send(&self, address: SocketAddr) -> Result<Answer> {
        let answer = self.clone().send_unchecked(address).await?;
        contract::check(&self.method, &self.path, &answer)
            .with_context(|| format!("{} {} answered {answer:?}", self.method, self.path))?;
        Ok(answer)
    }

    async fn send_unchecked(self, address: SocketAddr) -> Result<Answer> {
        let what = format!("{} {}", self.method, self.path);
        let whole = async {
            let mut opened = self.open(address).await?;
            let mut body = Vec::new();
            while let Some(part) = opened.part().await? {
                body.extend_from_slice(&part);
            }
            Ok(Answer { status: opened.status, headers: opened.headers, body })
        };
        tokio::time::timeout(PATIENCE, whole).await.with_context(|| format!("{what}: no answer in time"))?
    }

    /// Sends it and reads the head of the answer.
    pub(crate) async fn open(self, address: SocketAddr) -> Result<Opened> {
        let mut connection = TcpStream::connect(address).await?;
        let mut head =
            format!("{} {} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let (length, mut bytes) = match &self.body {
            Body::Nothing => (Some(0), Vec::new()),
            Body::Whole(bytes) => (Some(bytes.len()), bytes.clone()),
            Body::Part { announced, sent } => (Some(*announced), sent.clone()),
            Body::Chunked(chunks) => (None, chunks.iter().flat_map(|chunk| framed(chunk)).collect()),
        };
        match length {
            Some(length) => head.push_str(&format!("content-length: {length}\r\n\r\n")),
            None => {
                head.push_str("transfer-encoding: chunked\r\n\r\n");
                bytes.extend_from_slice(b"0\r\n\r\n");
            }
        }
        connection.write_all(head.as_bytes()).await?;
        // A server that refuses what it has seen of a body need not read the rest.
        let _refused = connection.write_all(&bytes).await;
        if matches!(self.body, Body::Part { .. }) {
            connection.shutdown().await?;
        }
        Opened::read(BufReader::new(connection)).await
    }
}

fn framed(chunk: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat()
}

/// An answer whose head was read.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    reader: BufReader<TcpStream>,
    has_ended: bool,
}

impl Opened {
    async fn read(mut reader: BufReader<TcpStream>) -> Result<Self> {
        let first = line(&mut reader).await?.context("the connection was closed without an answer")?;
        let status = first.split(' ').nth(1).context("a status line")?.parse()?;
        let mut headers = Vec::new();
        while let Some(line) = line(&mut reader).await?.filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':').context("a header")?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Ok(Self { status, headers, reader, has_ended: false })
    }

    /// The next part of the body; nothing at its end.
    pub(crate) async fn part(&mut self) -> Result<Option<Vec<u8>>> {
        if self.has_ended {
            return Ok(None);
        }
        if header(&self.headers, "transfer-encoding") == Some("chunked") {
            let length = line(&mut self.reader).await?.context("the answer broke off")?;
            let length = usize::from_str_radix(&length, 16)?;
            let mut part = vec![0; length + 2];
            self.reader.read_exact(&mut part).await?;
            part.truncate(length);
            self.has_ended = length == 0;
            return Ok((length > 0).then_some(part));
        }
        self.has_ended = true;
        let mut rest = Vec::new();
        match header(&self.headers, "content-length") {
            Some(length) if self.status != 204 => {
                rest.resize(length.parse()?, 0);
                self.reader.read_exact(&mut rest).await?;
            }
            Some(_) | None => {
                self.reader.read_to_end(&mut rest).await?;
            }
        }
        Ok(Some(rest))
    }
}

async fn line(reader: &mut BufReader<TcpStream>) -> Result<Option<String>> {
    let mut line = String::new();
    let count = reader.read_line(&mut line).await?;
    Ok((count > 0).then(|| line.trim_end_matches("\r\n").to_owned()))
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
}

/// A whole answer.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.status, self.text().chars().take(2_000).collect::<String>())
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("no JSON in {self:?}"))
    }

    /// The body of a success.
    pub(crate) fn good(self) -> Result<Value> {
        ensure!((200..300).contains(&self.status), "expected a success, got {self:?}");
        if self.body.is_empty() { Ok(Value::Null) } else { self.json() }
    }

    /// The problem of a refusal of this status and kind, which says all that problems say.
    pub(crate) fn refused(self, status: u16, kind: &str) -> Result<Value> {
        let problem = self.problem()?;
        let given = problem["type"].as_str().unwrap_or_default();
        ensure!(self.status == status, "expected {status} {kind}, got {self:?}");
        ensure!(given == format!("/docs/problems#{kind}"), "expected {kind}, got {self:?}");
        Ok(problem)
    }

    /// A problem that says what was wrong, what to do, and which request it was.
    pub(crate) fn problem(&self) -> Result<Value> {
        ensure!(self.status >= 400, "expected a refusal, got {self:?}");
        ensure!(self.header("content-type") == Some("application/problem+json"), "no problem: {self:?}");
        let problem = self.json()?;
        for field in ["type", "title", "detail", "next_step", "request_id"] {
            let Some(text) = problem[field].as_str().filter(|text| !text.is_empty()) else {
                bail!("the problem has no {field}: {self:?}");
            };
            ensure!(!text.chars().any(char::is_control), "{field} has a control character: {self:?}");
        }
        ensure!(problem["status"] == self.status, "another status than the answer's: {self:?}");
        ensure!(problem["request_id"].as_str() == self.header("x-request-id"), "another request: {self:?}");
        Ok(problem)
    }
}
