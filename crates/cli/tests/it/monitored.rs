//! `implement --monitor` by the metrics of a real service that a real Prometheus scrapes: what breaks it is taken back.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use testkit::PrivatePrometheus;

use crate::program::Ran;
use crate::world::{World, tested_change};

/// Requests per second that the service says to have answered.
const RATE: f64 = 50.0;
/// Share of them that fails while it is broken.
const FAILING: f64 = 0.4;
/// Longest wait for Prometheus to have seen the service.
const PATIENCE: Duration = Duration::from_secs(60);

/// A service whose requests fail while there is a file. What it tells is worked out when it is asked.
struct Service {
    broken: PathBuf,
    asked_at: Instant,
    answered: f64,
    failed: f64,
}

impl Service {
    /// Serves `/metrics` until the process ends.
    fn start(broken: PathBuf) -> Result<SocketAddr> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let mut service = Self { broken, asked_at: Instant::now(), answered: 0.0, failed: 0.0 };
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                // Whoever hung up does not want to know.
                let _told = connection.map_err(Into::into).and_then(|stream| service.tell(stream));
            }
        });
        Ok(address)
    }

    fn tell(&mut self, mut stream: TcpStream) -> Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
        let share = if self.broken.exists() { FAILING } else { 0.0 };
        let requests = self.asked_at.elapsed().as_secs_f64() * RATE;
        self.asked_at = Instant::now();
        self.answered += requests * (1.0 - share);
        self.failed += requests * share;
        let body = format!(
            "http_requests_total{{code=\"200\"}} {:.0}\nhttp_requests_total{{code=\"503\"}} {:.0}\n",
            self.answered, self.failed
        );
        let length = body.len();
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\nconnection: close\r\n";
        Ok(write!(stream, "{head}content-length: {length}\r\n\r\n{body}")?)
    }
}

/// Waits until Prometheus has scraped the service often enough to tell a rate.
fn wait_for(world: &World, prometheus: &PrivatePrometheus) -> Result<()> {
    let address = prometheus.url().trim_start_matches("http://").to_owned();
    let since = Instant::now();
    while since.elapsed() < PATIENCE {
        let mut stream = TcpStream::connect(&address)?;
        let query = "count_over_time(http_requests_total%7Bcode=%22200%22%7D%5B1m%5D)%3E5";
        write!(stream, "GET /api/v1/query?query={query} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")?;
        if BufReader::new(stream).lines().map_while(Result::ok).any(|line| line.contains("\"value\"")) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    anyhow::bail!("Prometheus saw nothing of the service: {}", world.server_log()?)
}

/// A small, tested change that runs this line and then watches for ten seconds.
fn request(prometheus: &PrivatePrometheus, folder: &Path, run: &str) -> Value {
    let broken = folder.join("broken");
    let mut change = tested_change(&json!({
        "soak": "3s", "estimated_duration": "1m",
        "steps": [
            { "name": "release", "run": run, "undo": format!("rm -f {}", broken.display()), "idempotent": true },
            { "name": "watch", "wait": "10s" },
        ],
    }));
    change["rollback_plan"] = json!({ "automated": true, "steps": [], "max_duration": "1m" });
    change["monitors"] = json!([{ "name": "errors", "interval": "500ms", "prometheus": {
        "url": prometheus.url(), "error_rate": { "errors": { "code": "~5.." }, "window": "5s" }, "expect": "< 5%",
    } }]);
    change["rollback_conditions"] =
        json!({ "error_rate": { "threshold": "5%", "window": "30s", "action": "immediate_rollback" } });
    change
}

/// Asks for the change, has it carried out and, where that worked, validated.
fn carry_out(world: &World, token: &str, request: &Value) -> Result<(String, Ran, Option<Ran>)> {
    let file = world.folder().join("change.json");
    std::fs::write(&file, request.to_string())?;
    let created = world.run_as(token, &["create", "--file", &file.display().to_string()])?;
    ensure!(created.status == 0, "{}", created.stderr);
    let id = created.stdout.trim().to_owned();
    let implemented = world.run_as(token, &["implement", &id, "--monitor", "--auto-rollback"])?;
    let validated = match implemented.status {
        0 => Some(world.run_as(token, &["validate", &id, "--sla-check"])?),
        _ => None,
    };
    Ok((id, implemented, validated))
}

#[test]
fn a_release_that_the_metrics_show_to_be_bad_is_taken_back() -> Result<()> {
    let world = World::start(None)?;
    world.declare(&[("shop", 3)])?;
    let token = world.token("pipeline")?;
    let broken = world.folder().join("broken");
    let service = Service::start(broken.clone())?.to_string();
    let prometheus = PrivatePrometheus::scraping(&[(&service, "1")])?;
    wait_for(&world, &prometheus)?;

    let (good, implemented, validated) =
        carry_out(&world, &token, &request(&prometheus, world.folder(), "true"))?;
    ensure!(implemented.status == 0, "{}", implemented.stderr);
    let validated = validated.context("nothing was validated")?;
    ensure!(validated.status == 0, "{}", validated.stderr);
    assert_eq!(world.show(&good)?.state, "implemented");

    let breaks = format!("touch {}", broken.display());
    let (bad, implemented, _) = carry_out(&world, &token, &request(&prometheus, world.folder(), &breaks))?;
    implemented.ended_with(5).said(&["error_rate", "errors"]);
    let shown = world.show(&bad)?;
    assert_eq!(shown.state, "rolled_back");
    ensure!(!broken.exists(), "what it did is still there");
    let trail: Vec<_> = shown.audit_trail.iter().map(|entry| entry.details.as_str()).collect();
    let cause = trail.iter().find(|details| details.contains("Rollback started")).context("no rollback")?;
    ensure!(cause.contains("errors"), "{cause}");
    let incident = world.admin(&["incident", "show", shown.incidents.first().context("no incident")?])?;
    ensure!(incident.contains(&bad), "{incident}");
    Ok(())
}
