//! A small real service for the demo: answers over HTTP in the version that its `current` file names.
//!
//! `GET /` answers a greeting, `GET /healthz` 200 while the version is healthy and 503 while it is not. The file is
//! read for every request, so that replacing it is a deployment.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Longest request head that is read, in bytes.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Longest time for one request.
const REQUEST_TIME: Duration = Duration::from_secs(5);
/// Connections answered at once.
const CONNECTIONS_MAX: usize = 64;
/// The word in a version's file that makes it unhealthy.
pub(super) const BROKEN: &str = "broken";

/// Serves until it is ended. Prints its port first.
pub(crate) fn main(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let Some(file) = arguments.next().map(PathBuf::from) else {
        return ExitCode::from(2);
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let served = runtime.and_then(|runtime| runtime.block_on(serve(file)));
    if served.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn serve(file: PathBuf) -> std::io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    writeln!(std::io::stdout(), "{port}")?;
    std::io::stdout().flush()?;
    let mut requests = tokio::task::JoinSet::new();
    // The parent holds the other end of standard input: when it is gone, so is the service.
    let mut parent = tokio::io::stdin();
    let mut nothing = [0_u8; 1];
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted?;
                while requests.len() >= CONNECTIONS_MAX {
                    requests.join_next().await;
                }
                let file = file.clone();
                requests.spawn(async move { tokio::time::timeout(REQUEST_TIME, answer(stream, &file)).await });
            }
            _ = parent.read(&mut nothing) => return Ok(()),
        }
    }
}

async fn answer(mut stream: TcpStream, file: &Path) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut buffer = [0_u8; 1024];
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        let read = stream.read(&mut buffer).await?;
        if read == 0 || head.len() > HEAD_BYTES_MAX {
            return Ok(());
        }
        head.extend(buffer.iter().take(read));
    }
    let version = tokio::fs::read_to_string(file).await.unwrap_or_default();
    let version = version.trim();
    let is_broken = version.is_empty() || version.contains(BROKEN);
    let is_health = head.starts_with(b"GET /healthz ");
    let (status, body) = match (is_health, is_broken) {
        (true, true) => ("503 Service Unavailable", "unhealthy".to_owned()),
        (true, false) => ("200 OK", "healthy".to_owned()),
        (false, true) => ("500 Internal Server Error", format!("greeter {version}")),
        (false, false) => ("200 OK", format!("Hello from greeter {version}")),
    };
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await
}
