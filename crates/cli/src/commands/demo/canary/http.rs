//! As much HTTP as the demo needs: one request, one answer, and the connection is over.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Longest request head that is read, in bytes.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;
/// Longest time for one request.
const REQUEST_TIME: Duration = Duration::from_secs(5);
/// Connections answered at once.
const CONNECTIONS_MAX: usize = 512;

pub(super) const JSON: &str = "application/json";
/// The text format of Prometheus.
pub(super) const METRICS: &str = "text/plain; version=0.0.4";

/// What is answered.
pub(super) struct Answer {
    pub(super) status: &'static str,
    /// Who answers.
    pub(super) server: &'static str,
    /// Media type of the body.
    pub(super) kind: &'static str,
    pub(super) body: String,
}

/// A free port of this machine, listened on.
pub(super) async fn listen() -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Answers every request by its path, for as long as it is waited for.
pub(super) async fn serve<F, A>(listener: TcpListener, answer: F)
where
    F: Fn(String) -> A + Clone + Send + 'static,
    A: Future<Output = Answer> + Send,
{
    let mut requests = JoinSet::new();
    loop {
        while requests.try_join_next().is_some() {}
        if requests.len() >= CONNECTIONS_MAX {
            requests.join_next().await;
        }
        // One connection that cannot be taken is the client's loss.
        let Ok((stream, _)) = listener.accept().await else { continue };
        let answer = answer.clone();
        requests.spawn(async move { tokio::time::timeout(REQUEST_TIME, respond(stream, answer)).await });
    }
}

async fn respond<F, A>(mut stream: TcpStream, answer: F) -> std::io::Result<()>
where
    F: Fn(String) -> A,
    A: Future<Output = Answer>,
{
    let mut head = Vec::new();
    let mut buffer = [0_u8; 2048];
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        let read = stream.read(&mut buffer).await?;
        if read == 0 || head.len() > HEAD_BYTES_MAX {
            return Ok(());
        }
        head.extend(buffer.iter().take(read));
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or("/").to_owned();
    let Answer { status, server, kind, body } = answer(path).await;
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\nserver: {server}\r\ncontent-length: {length}\r\nconnection: \
         close\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await
}

/// The whole answer to a `GET`, head and body.
pub(super) async fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let fetch = async {
        let mut stream = TcpStream::connect(address).await?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut text = String::new();
        stream.take(ANSWER_BYTES_MAX).read_to_string(&mut text).await?;
        Ok(text)
    };
    let late = |_| std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer in time");
    tokio::time::timeout(REQUEST_TIME, fetch).await.map_err(late)?
}
