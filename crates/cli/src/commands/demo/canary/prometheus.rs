//! A real Prometheus in the place of the recorder: what a monitor asks in earnest.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

use super::http::{get, listen};
use super::proxy::Server;
use crate::failure::Failure;

/// What it is called wherever it is installed.
const PROGRAM: &str = "prometheus";
/// As often as the recorder reads.
const PACE: &str = "250ms";
/// Longest wait for its first answer.
const READY: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(50);

/// A running Prometheus that reads both servers' metrics.
#[derive(Debug)]
pub(super) struct Prometheus {
    /// Where it is asked.
    pub(super) address: SocketAddr,
    process: Child,
}

impl Prometheus {
    /// Starts it, with its data in a folder, and waits until it answers.
    pub(super) async fn start(folder: &Path, servers: [Server; 2]) -> Result<Self, Failure> {
        let failed = |error: &std::io::Error| {
            Failure::new(format!("`{PROGRAM}` does not start")).caused_by(error).next(
                "install Prometheus, or leave `--prometheus` out: the demo then reads the metrics itself",
            )
        };
        // Taken and given back.
        let (_, address) = listen().await.map_err(|error| failed(&error))?;
        let file = folder.join("prometheus.yml");
        std::fs::write(&file, settings(servers)).map_err(|error| failed(&error))?;
        let mut command = Command::new(PROGRAM);
        command.arg(format!("--config.file={}", file.display()));
        command.arg(format!("--storage.tsdb.path={}", folder.join("prometheus").display()));
        command.arg(format!("--web.listen-address={address}")).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().map_err(|error| failed(&error))?;
        let ready = async {
            while !get(address, "/-/ready").await.is_ok_and(|answer| answer.contains(" 200 OK")) {
                tokio::time::sleep(PAUSE).await;
            }
        };
        let late = |_| Failure::new(format!("`{PROGRAM}` is not ready after {} s", READY.as_secs()));
        tokio::time::timeout(READY, ready).await.map_err(late)?;
        Ok(Self { address, process })
    }

    /// Ends it.
    pub(super) async fn stop(mut self) {
        // It ends with this process anyway.
        let _ended = self.process.kill().await;
    }
}

fn settings(servers: [Server; 2]) -> String {
    let targets = servers.map(|(name, address)| {
        format!("      - targets: ['{address}']\n        labels: {{server: {name}}}\n")
    });
    format!(
        "scrape_configs:\n  - job_name: shop\n    scrape_interval: {PACE}\n    scrape_timeout: {PACE}\n    static_configs:\n{}",
        targets.concat()
    )
}
