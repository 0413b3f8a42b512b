//! A private HAProxy: one frontend, one backend whose servers the test names, and its runtime API.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tempfile::TempDir;

/// Longest time until it takes connections.
const READY: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(20);
/// Debian's program, also where its folder is not in `PATH`.
const PROGRAM: &str = "/usr/sbin/haproxy";
/// The backend's name.
const BACKEND: &str = "shop";
/// Waits for its input to end, which it does when the process that started it ends in whatever way, and cleans up.
const WATCHDOG: &str = r#""$1" -db -f "$2/haproxy.cfg" & read -r _; kill -9 $!; rm -rf "$2""#;

/// A running proxy. It is ended and its folder removed when this value is dropped or the process ends.
#[derive(Debug)]
pub struct PrivateHaproxy {
    folder: PathBuf,
    frontend: SocketAddr,
    runtime: SocketAddr,
    watchdog: Child,
}

impl PrivateHaproxy {
    /// Starts a proxy that divides what it is asked among `servers`, by name, address and weight.
    ///
    /// # Errors
    /// When HAProxy is not installed or did not start.
    pub fn start(servers: &[(&str, SocketAddr, u32)]) -> anyhow::Result<Self> {
        if !Path::new(PROGRAM).exists() {
            bail!("HAProxy is not installed: run scripts/test, which installs it");
        }
        // Kept beyond this value: the watchdog removes it.
        let folder = TempDir::new().context("make a folder")?.keep();
        let (frontend, runtime) = (free_address()?, free_address()?);
        let servers: String = servers
            .iter()
            .map(|(name, address, weight)| format!("  server {name} {address} weight {weight}\n"))
            .collect();
        let settings = format!(
            "global\n  stats socket {folder}/admin.sock mode 600 level admin\n  stats socket ipv4@{runtime} level \
             admin\ndefaults\n  mode http\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\nfrontend \
             in\n  bind {frontend}\n  default_backend {BACKEND}\nbackend {BACKEND}\n  balance roundrobin\n{servers}",
            folder = folder.display()
        );
        fs::write(folder.join("haproxy.cfg"), settings).context("write its settings")?;
        let watchdog = Command::new("/bin/sh")
            .args(["-c", WATCHDOG, "watchdog", PROGRAM])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("start the watchdog")?;
        let proxy = Self { folder, frontend, runtime, watchdog };
        let started = Instant::now();
        while TcpStream::connect(frontend).is_err() {
            if started.elapsed() > READY {
                bail!("HAProxy did not start: run `haproxy -c -f` on its settings");
            }
            thread::sleep(PAUSE);
        }
        Ok(proxy)
    }

    /// Where requests go in.
    #[must_use]
    pub fn frontend(&self) -> SocketAddr {
        self.frontend
    }

    /// The name of its backend.
    #[must_use]
    pub fn backend(&self) -> &'static str {
        BACKEND
    }

    /// The socket of its runtime API.
    #[must_use]
    pub fn socket(&self) -> String {
        format!("{}/admin.sock", self.folder.display())
    }

    /// The address of its runtime API.
    #[must_use]
    pub fn runtime(&self) -> SocketAddr {
        self.runtime
    }
}

impl Drop for PrivateHaproxy {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        // Nothing is left to do about a watchdog that cannot be waited for.
        let _ended = self.watchdog.wait();
    }
}

fn free_address() -> anyhow::Result<SocketAddr> {
    let free = TcpListener::bind("127.0.0.1:0").context("find a free port")?;
    free.local_addr().context("find a free port")
}
