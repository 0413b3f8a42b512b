//! A receiver of notifications: takes requests over HTTP, keeps them, and answers as it was told.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::harness::eventually;

/// What was received.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) path: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(given, _)| given == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Result<Value> {
        Ok(serde_json::from_str(&self.body)?)
    }
}

#[derive(Debug, Default)]
struct Shared {
    received: Vec<Received>,
    /// Statuses of the next answers; 200 when there is none left.
    statuses: VecDeque<u16>,
}

/// A receiver on a free port; gone when dropped.
pub(crate) struct Sink {
    pub(crate) address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    _tasks: JoinSet<()>,
}

impl Sink {
    /// Answers with these statuses first, and then with 200.
    pub(crate) async fn start(statuses: &[u16]) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Mutex::new(Shared {
            received: Vec::new(),
            statuses: statuses.iter().copied().collect(),
        }));
        let mut tasks = JoinSet::new();
        let kept = Arc::clone(&shared);
        tasks.spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                // One after the other: what is received stands in the order in which it came.
                let _broken_off = take(connection, &kept).await;
            }
        });
        Ok(Self { address, shared, _tasks: tasks })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Everything received so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).received.clone()
    }

    /// Waits until one of these was received, and gives all that were.
    pub(crate) async fn until(&self, what: &str, is_it: impl Fn(&Received) -> bool) -> Result<Vec<Received>> {
        eventually(what, async || {
            let found: Vec<_> = self.received().into_iter().filter(|one| is_it(one)).collect();
            Ok(Some(found).filter(|found| !found.is_empty()))
        })
        .await
    }
}

async fn take(connection: TcpStream, shared: &Mutex<Shared>) -> Result<()> {
    let mut reader = BufReader::new(connection);
    let mut line = String::new();
    reader.read_line(&mut line).await?;
    let path = line.split(' ').nth(1).context("a path")?.to_owned();
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").map_or("0", |(_, value)| value);
    let mut body = vec![0; length.parse()?];
    reader.read_exact(&mut body).await?;
    let body = String::from_utf8(body)?;
    let status = {
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.received.push(Received { path, headers, body });
        shared.statuses.pop_front().unwrap_or(200)
    };
    let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
    reader.get_mut().write_all(answer.as_bytes()).await?;
    Ok(())
}
