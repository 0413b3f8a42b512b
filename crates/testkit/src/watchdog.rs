//! A server that ends with whoever started it, in whatever way that ends.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// Longest time until a server is ready.
const READY: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);
/// Longest wait for one answer.
const ANSWER: Duration = Duration::from_secs(5);

/// A running server and the shell that watches over it.
#[derive(Debug)]
pub(crate) struct Watched {
    address: String,
    watchdog: Child,
}

impl Watched {
    /// Starts `script` in `sh` with a folder as `$1` and a free address as `$2`, and waits until `/-/ready` answers. The
    /// script waits for the end of its input, and then ends the server and removes the folder.
    pub(crate) fn start(name: &str, script: &str, folder: &Path) -> anyhow::Result<Self> {
        let free = TcpListener::bind("127.0.0.1:0").context("find a free port")?;
        let address = free.local_addr().context("find a free port")?.to_string();
        drop(free);
        let watchdog = Command::new("/bin/sh")
            .args(["-c", script, "watchdog"])
            .arg(folder)
            .arg(&address)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("start the watchdog")?;
        let server = Self { address, watchdog };
        let started = Instant::now();
        while !server.is_ready() {
            if started.elapsed() > READY {
                bail!("{name} did not start: run scripts/test, which installs it");
            }
            thread::sleep(PAUSE);
        }
        Ok(server)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn is_ready(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(&self.address) else { return false };
        let asked = stream.set_read_timeout(Some(ANSWER)).is_ok()
            && stream.write_all(b"GET /-/ready HTTP/1.0\r\n\r\n").is_ok();
        let mut answer = String::new();
        asked && stream.read_to_string(&mut answer).is_ok() && answer.contains("200 OK")
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        // Nothing is left to do about a watchdog that cannot be waited for.
        let _ended = self.watchdog.wait();
    }
}
