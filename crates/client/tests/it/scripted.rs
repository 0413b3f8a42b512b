//! A server that gives prepared answers, one for each connection, and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use client::Client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

pub(crate) const TOKEN: &str = "cct_a-secret-of-the-test";

/// What happens to a request.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// It is answered with this status, media type and body.
    Full(u16, &'static str, String),
    /// Half of a body is sent, then the connection is closed.
    Half,
    /// The connection is closed without a word.
    Nothing,
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Method and target, such as `GET /api/v1/whoami`.
    pub(crate) line: String,
    /// The rest of the head, in lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

pub(crate) struct Scripted {
    pub(crate) address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    _tasks: JoinSet<()>,
}

pub(crate) fn json(status: u16, body: &str) -> Answer {
    Answer::Full(status, "application/json", body.to_owned())
}

impl Scripted {
    /// Gives the answers in order; a connection beyond them is closed without a word.
    pub(crate) async fn start(answers: impl IntoIterator<Item = Answer>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let mut answers: VecDeque<Answer> = answers.into_iter().collect();
        let log = Arc::clone(&asked);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answer = answers.pop_front().unwrap_or(Answer::Nothing);
                // A connection that breaks is the client's business, which the test looks at.
                if let Ok(request) = serve(stream, answer).await {
                    log.lock().unwrap().push(request);
                }
            }
        });
        Ok(Self { address, asked, _tasks: tasks })
    }

    pub(crate) fn client(&self) -> Result<Client> {
        Ok(Client::new(&self.address, TOKEN)?)
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Method and target of every request.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }
}

async fn serve(mut stream: TcpStream, answer: Answer) -> Result<Asked> {
    let request = read_request(&mut stream).await?;
    match answer {
        Answer::Full(status, media_type, body) => {
            let head = format!(
                "HTTP/1.1 {status} Status\r\ncontent-type: {media_type}\r\nlocation: https://elsewhere.example/\r\n\
                 connection: close\r\n"
            );
            // An event stream has no length: it ends with the connection.
            let length = match media_type {
                "text/event-stream" => String::new(),
                _ => format!("content-length: {}\r\n", body.len()),
            };
            stream.write_all(format!("{head}{length}\r\n{body}").as_bytes()).await?;
        }
        Answer::Half => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"actor_id\":").await?;
        }
        Answer::Nothing => {}
    }
    stream.shutdown().await?;
    Ok(request)
}

async fn read_request(stream: &mut TcpStream) -> Result<Asked> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        anyhow::ensure!(stream.read_buf(&mut bytes).await? > 0, "closed within the head");
    };
    let head = String::from_utf8(bytes[..head_end].to_vec())?;
    let (line, head) = head.split_once("\r\n").context("a head")?;
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(Ok(0), str::parse)?;
    while bytes.len() < head_end + 4 + length {
        anyhow::ensure!(stream.read_buf(&mut bytes).await? > 0, "closed within the body");
    }
    let body = String::from_utf8(bytes[head_end + 4..].to_vec())?;
    let line = line.trim_end_matches(" HTTP/1.1").to_owned();
    Ok(Asked { line, head, body })
}
