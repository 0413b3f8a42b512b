//! From the first failing answer of what is watched to the first action that takes the change back: server, runner and
//! service each in a process or thread of its own, over HTTP on loopback, with every report on disk before the next step.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use api::request::ChangeRequest;
use bench::{Options, Places, SMALL, Server, Staff, Table, median, milliseconds};
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const RUNS: usize = 30;
const QUICK_RUNS: usize = 3;
/// Longest wait for something that must happen.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two looks: what is measured is a hundred times as long.
const LOOK: Duration = Duration::from_micros(500);
/// How often the monitor asks, in milliseconds.
const INTERVAL_MILLIS: u64 = 100;
/// Questions that pass before the service fails.
const PASSING: Duration = Duration::from_millis(300);

/// Times of one rollback.
struct Reaction {
    /// From the service's failure to the first answer that tells of it.
    seen: Duration,
    /// From that answer to the first undo.
    undone: Duration,
}

fn main() -> Result<()> {
    let options = Options::read()?;
    let runtime = Runtime::new()?;
    for kind in &options.databases {
        let places = Places::new(*kind)?;
        let mut reactions = Vec::new();
        // The first is not counted: it fills caches. Each has a server of its own, because a program whose changes are taken
        // back again and again is stopped by policy.
        for run in 0..=options.count(RUNS, QUICK_RUNS) {
            let server = Server::start(&options.program, &places.place(&format!("served_{run}"))?)?;
            let staff = runtime.block_on(server.furnish())?;
            let reaction = react(&options.program, &server, &staff, &runtime)?;
            if run > 0 {
                reactions.push(reaction);
            }
        }
        println!("On {kind}:\n");
        print(&reactions);
    }
    Ok(())
}

fn print(reactions: &[Reaction]) {
    let mut table = Table::new(&["from", "to", "median", "lowest", "highest"]);
    let mut row = |from: &str, to: &str, of: fn(&Reaction) -> Duration| {
        let millis: Vec<f64> = reactions.iter().map(|reaction| milliseconds(of(reaction))).collect();
        let lowest = millis.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = millis.iter().copied().fold(0.0, f64::max);
        let times = [median(&millis), lowest, highest].map(|millis| format!("{millis:.0} ms"));
        table.row([from.to_owned(), to.to_owned()].into_iter().chain(times));
    };
    row("the failure", "the first failing answer", |it| it.seen);
    row("the first failing answer", "the first undo", |it| it.undone);
    row("the failure", "the first undo", |it| it.seen + it.undone);
    println!("{table}");
}

/// One change that is taken back because what it is watched by fails.
fn react(program: &Path, server: &Server, staff: &Staff, runtime: &Runtime) -> Result<Reaction> {
    let folder = TempDir::with_prefix("cortex-change-bench-react-")?;
    let service = Service::start()?;
    let request = request(&service.url, folder.path())?;
    let change = runtime.block_on(staff.client.create_change(&request, "react"))?;
    ensure!(change.state == "approved", "the change is {}", change.state);
    let mut runner = implement(program, server, staff, &change.change_id, folder.path())?;
    let measured = measure(&service, folder.path());
    runner.wait()?;
    let reaction = measured?;
    let change = runtime.block_on(staff.client.change(&change.change_id))?;
    ensure!(change.state == "rolled_back", "the change is {} in the end", change.state);
    Ok(reaction)
}

fn measure(service: &Service, folder: &Path) -> Result<Reaction> {
    wait("the first step", || folder.join("deployed").exists().then_some(()))?;
    std::thread::sleep(PASSING);
    let failed = Instant::now();
    service.fails.store(true, Ordering::SeqCst);
    let answered = wait("a failing answer", || service.answered())?;
    wait("the undo", || folder.join("undone").exists().then_some(()))?;
    let undone = Instant::now();
    Ok(Reaction { seen: answered.duration_since(failed), undone: undone.duration_since(answered) })
}

/// A change whose second step lasts until it is stopped.
fn request(url: &str, folder: &Path) -> Result<ChangeRequest> {
    let mut request: serde_json::Map<String, serde_json::Value> = serde_json::from_str(SMALL)?;
    let file = |name: &str| folder.join(name).display().to_string();
    let steps = json!({"steps": [
        {"name": "deploy", "run": ["touch", file("deployed")], "undo": {"run": ["touch", file("undone")]}},
        {"name": "settle", "run": ["sleep", "120"]},
    ]});
    let monitors = json!([{"name": "health", "http": url, "interval": format!("{INTERVAL_MILLIS}ms")}]);
    let conditions = json!({"health_check": {"failed_checks": 1, "action": "immediate_rollback"}});
    request.insert("implementation_plan".to_owned(), steps);
    request.insert("monitors".to_owned(), monitors);
    request.insert("rollback_conditions".to_owned(), conditions);
    request.remove("source");
    Ok(serde_json::from_value(request.into())?)
}

fn implement(program: &Path, server: &Server, staff: &Staff, id: &str, folder: &Path) -> Result<Child> {
    let mut command = Command::new(program);
    command.args(["implement", id, "--monitor", "--auto-rollback"]);
    command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", folder).current_dir(folder);
    command.env("CORTEX_CHANGE_URL", server.url()).env("CORTEX_CHANGE_TOKEN", &staff.token);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command.spawn()?)
}

fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> Result<T> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if let Some(found) = look() {
            return Ok(found);
        }
        std::thread::sleep(LOOK);
    }
    bail!("{what} has not come within {} s", PATIENCE.as_secs())
}

/// What is watched: answers 200 until it fails, then 500.
struct Service {
    url: String,
    fails: Arc<AtomicBool>,
    answered: Arc<Mutex<Option<Instant>>>,
}

impl Service {
    fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}/health", listener.local_addr()?);
        let service = Self { url, fails: Arc::default(), answered: Arc::default() };
        let (fails, answered) = (Arc::clone(&service.fails), Arc::clone(&service.answered));
        // It ends with the process: nothing asks it any more when its change is over.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let bad = fails.load(Ordering::SeqCst);
                // A caller that has gone is the runner's doing.
                let _sent = answer(stream, if bad { "500 Broken" } else { "200 Fine" });
                if bad {
                    let mut first = answered.lock().unwrap_or_else(PoisonError::into_inner);
                    first.get_or_insert_with(Instant::now);
                }
            }
        });
        Ok(service)
    }

    fn answered(&self) -> Option<Instant> {
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn answer(mut stream: TcpStream, status: &str) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            length => request.extend(buffer.iter().take(length)),
        }
    }
    write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
}
