//! Callers that create changes as fast as the server answers, each on a connection that it keeps.
//!
//! They share the machine with the server, so they cost as little as possible: one thread for all, requests written
//! beforehand but for the number in their idempotency key, and of an answer only status and length are looked at.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::figures::permille;

/// Longest time for one round.
const ROUND_MAX: Duration = Duration::from_secs(300);
/// Digits of the number in an idempotency key.
const KEY_DIGITS: usize = 12;
/// Largest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// What an answer begins with.
const CREATED: &[u8] = b"HTTP/1.1 201 ";

/// What is sent, and where.
#[derive(Debug)]
pub struct Load {
    address: SocketAddr,
    requests: Vec<Request>,
    /// Number of requests sent in earlier rounds.
    sent: usize,
}

/// What a round came to. Every answer was 201.
#[derive(Debug)]
pub struct Measured {
    /// From the first request to the last answer.
    pub took: Duration,
    /// Time to answer of every request, shortest first.
    times: Vec<Duration>,
}

/// A request as it is sent, but for the number in its key.
#[derive(Debug, Clone)]
struct Request {
    bytes: Vec<u8>,
    key_at: usize,
}

impl Load {
    /// Requests with these bodies in turn.
    pub fn new(address: SocketAddr, token: &str, bodies: &[&str]) -> Self {
        let requests = bodies.iter().map(|body| Request::new(address, token, body)).collect();
        Self { address, requests, sent: 0 }
    }

    /// Sends so many requests from so many callers at once.
    ///
    /// # Errors
    /// When an answer is not 201, or the round takes too long.
    pub fn round(&mut self, callers: usize, requests: usize) -> Result<Measured> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (first, end) = (self.sent, self.sent + requests);
        self.sent = end;
        runtime.block_on(async {
            let mut connections = Vec::with_capacity(callers);
            for _ in 0..callers {
                connections.push(Connection::open(self.address, self.requests.clone()).await?);
            }
            let next = Arc::new(AtomicUsize::new(first));
            let began = Instant::now();
            let mut tasks = JoinSet::new();
            for connection in connections {
                let next = Arc::clone(&next);
                tasks.spawn(async move { connection.call(&next, end).await });
            }
            let all = tokio::time::timeout(ROUND_MAX, tasks.join_all()).await;
            let all = all.with_context(|| format!("a round takes longer than {} s", ROUND_MAX.as_secs()))?;
            let took = began.elapsed();
            let mut times = Vec::with_capacity(requests);
            for of_one in all {
                times.extend(of_one?);
            }
            ensure!(times.len() == requests, "{} of {requests} requests were answered", times.len());
            times.sort_unstable();
            Ok(Measured { took, times })
        })
    }
}

impl Measured {
    /// The time within which so many of a thousand requests were answered.
    pub fn permille(&self, share: usize) -> Duration {
        permille(&self.times, share)
    }
}

impl Request {
    fn new(address: SocketAddr, token: &str, body: &str) -> Self {
        let head = format!(
            "POST /api/v1/changes HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\nidempotency-key: bench-create-",
            body.len()
        );
        let bytes = format!("{head}{:0KEY_DIGITS$}\r\n\r\n{body}", 0).into_bytes();
        Self { bytes, key_at: head.len() }
    }

    fn numbered(&mut self, number: usize) -> &[u8] {
        let digits = format!("{number:0KEY_DIGITS$}");
        if let Some(key) = self.bytes.get_mut(self.key_at..self.key_at + KEY_DIGITS) {
            key.copy_from_slice(digits.as_bytes());
        }
        &self.bytes
    }
}

struct Connection {
    stream: TcpStream,
    requests: Vec<Request>,
    answer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr, requests: Vec<Request>) -> Result<Self> {
        let stream = TcpStream::connect(address).await.context("connect")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, requests, answer: Vec::with_capacity(32 * 1024) })
    }

    async fn call(mut self, next: &AtomicUsize, end: usize) -> Result<Vec<Duration>> {
        let mut times = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= end {
                return Ok(times);
            }
            let kinds = self.requests.len();
            let request = self.requests.get_mut(number % kinds).context("nothing to send")?.numbered(number);
            let began = Instant::now();
            self.stream.write_all(request).await.context("send")?;
            self.receive().await?;
            times.push(began.elapsed());
        }
    }

    /// Reads one answer to its end.
    async fn receive(&mut self) -> Result<()> {
        self.answer.clear();
        let mut length = None;
        while length.is_none_or(|length| self.answer.len() < length) {
            ensure!(
                self.answer.len() < ANSWER_BYTES_MAX,
                "an answer is larger than {ANSWER_BYTES_MAX} bytes"
            );
            if self.stream.read_buf(&mut self.answer).await.context("receive")? == 0 {
                bail!("the server closed the connection");
            }
            if length.is_none() {
                length = length_of(&self.answer)?;
            }
        }
        if self.answer.starts_with(CREATED) {
            return Ok(());
        }
        bail!("not created: {}", String::from_utf8_lossy(&self.answer))
    }
}

/// Number of bytes of an answer with head and body; nothing as long as the head is not complete.
fn length_of(answer: &[u8]) -> Result<Option<usize>> {
    const HEAD_END: &[u8] = b"\r\n\r\n";
    const LENGTH: &str = "content-length: ";
    let Some(head) = answer.windows(HEAD_END.len()).position(|window| window == HEAD_END) else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(answer.get(..head).unwrap_or_default());
    let length = text.lines().find_map(|line| line.strip_prefix(LENGTH));
    let length: usize = length.context("an answer without length")?.parse()?;
    Ok(Some(head + HEAD_END.len() + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_complete_with_its_body() {
        let answer = b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(length_of(&answer[..answer.len() - 3]).unwrap(), None);
        assert_eq!(length_of(answer).unwrap(), Some(answer.len()));
        assert!(length_of(b"HTTP/1.1 201 Created\r\n\r\n").is_err());
    }

    #[test]
    fn percentiles_count_from_the_shortest() {
        let times = (1..=1_000).map(Duration::from_millis).collect();
        let measured = Measured { took: Duration::ZERO, times };
        assert_eq!(measured.permille(500), Duration::from_millis(501));
        assert_eq!(measured.permille(990), Duration::from_millis(991));
        assert_eq!(measured.permille(1_000), Duration::from_millis(1_000));
    }

    #[test]
    fn requests_differ_in_their_number_only() {
        let mut request = Request::new(SocketAddr::from(([127, 0, 0, 1], 80)), "cct_x", "{}");
        let first = String::from_utf8(request.numbered(1).to_vec()).unwrap();
        let last = String::from_utf8(request.numbered(999_999_999_999).to_vec()).unwrap();
        assert!(first.contains("idempotency-key: bench-create-000000000001\r\n\r\n{}"), "{first}");
        assert_eq!(first.replace("000000000001", "999999999999"), last);
    }
}
