//! A private Prometheus without targets: it answers queries about nothing but itself and what a query computes.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tempfile::TempDir;

/// Longest time until it is ready.
const READY: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);
/// Longest wait for one answer.
const ANSWER: Duration = Duration::from_secs(5);
/// Waits for its input to end, which it does when the process that started it ends in whatever way, and cleans up.
const WATCHDOG: &str = r#"prometheus --config.file="$1/prometheus.yml" --storage.tsdb.path="$1/data" \
  --web.listen-address="$2" --log.level=error & read -r _; kill -9 $!; rm -rf "$1""#;

/// A running server. It is ended and its data removed when this value is dropped or the process ends.
#[derive(Debug)]
pub struct PrivatePrometheus {
    address: String,
    watchdog: Child,
}

impl PrivatePrometheus {
    /// Starts a server and waits until it is ready.
    ///
    /// # Errors
    /// When Prometheus is not installed or did not start.
    pub fn start() -> anyhow::Result<Self> {
        // Kept beyond this value: the watchdog removes it.
        let folder = TempDir::new().context("make a folder")?.keep();
        fs::write(folder.join("prometheus.yml"), "scrape_configs: []\n").context("write its settings")?;
        let free = TcpListener::bind("127.0.0.1:0").context("find a free port")?;
        let address = free.local_addr().context("find a free port")?.to_string();
        drop(free);
        let watchdog = Command::new("/bin/sh")
            .args(["-c", WATCHDOG, "watchdog"])
            .arg(&folder)
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
                bail!("Prometheus did not start: run scripts/test, which installs it");
            }
            thread::sleep(PAUSE);
        }
        Ok(server)
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
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

impl Drop for PrivatePrometheus {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        // Nothing is left to do about a watchdog that cannot be waited for.
        let _ended = self.watchdog.wait();
    }
}
