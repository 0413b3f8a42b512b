//! What a pipeline waits for `cortex-change create`, beside what nobody can do without: starting a program, asking git
//! once, and one request on an open connection.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bench::{Kind, Load, Options, Places, SMALL, Server, Table, median, milliseconds};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const RUNS: usize = 30;
const QUICK_RUNS: usize = 3;
const COMMITS: usize = 50;

/// Times of one of the things compared.
struct Timed {
    name: &'static str,
    millis: Vec<f64>,
}

fn main() -> Result<()> {
    let options = Options::read()?;
    let runtime = Runtime::new()?;
    let places = Places::new(Kind::Sqlite)?;
    let server = Server::start(&options.program, &places.place("served")?)?;
    let staff = runtime.block_on(server.furnish())?;
    let mut load = Load::new(server.address(), &staff.token, &[SMALL]);
    let repository = repository()?;
    let folder = repository.path();
    let create = || {
        let mut command = quiet(&options.program.display().to_string(), folder);
        command.args(["create", "--type", "normal", "--category", "deployment", "--service", "greeter"]);
        command.env("CORTEX_CHANGE_URL", server.url()).env("CORTEX_CHANGE_TOKEN", &staff.token);
        timed(command)
    };
    let version = || {
        let mut command = quiet(&options.program.display().to_string(), folder);
        command.arg("--version");
        timed(command)
    };
    let status = || {
        let mut command = quiet("git", folder);
        command.arg("status");
        timed(command)
    };
    let names = [
        "`cortex-change create`",
        "`cortex-change --version`",
        "`git status`",
        "one create on an open connection",
    ];
    let mut all = names.map(|name| Timed { name, millis: Vec::new() });
    // The first of each is not counted: it fills caches.
    for run in 0..=options.count(RUNS, QUICK_RUNS) {
        let times = [create()?, version()?, status()?, load.round(1, 1)?.took];
        for (timed, time) in all.iter_mut().zip(times).filter(|_| run > 0) {
            timed.millis.push(milliseconds(time));
        }
    }
    let created = server.changes(&staff)?;
    ensure!(created == 2 * (options.count(RUNS, QUICK_RUNS) as u64 + 1), "{created} changes were created");
    print(&all);
    Ok(())
}

fn print(all: &[Timed]) {
    let whole = all.first().map(|timed| median(&timed.millis)).unwrap_or_default();
    let mut table = Table::new(&["", "median", "lowest", "highest", "share of `create`"]);
    for Timed { name, millis } in all {
        let lowest = millis.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = millis.iter().copied().fold(0.0, f64::max);
        let times = [median(millis), lowest, highest].map(|millis| format!("{millis:.1} ms"));
        let share = format!("{:.0} %", 100.0 * median(millis) / whole);
        table.row([(*name).to_owned()].into_iter().chain(times).chain([share]));
    }
    println!("{table}");
}

/// A command that hears nothing of the environment, in which a pipeline may be running.
fn quiet(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", folder).current_dir(folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn timed(mut command: Command) -> Result<Duration> {
    let began = Instant::now();
    let status = command.status().with_context(|| format!("run {command:?}"))?;
    let took = began.elapsed();
    ensure!(status.success(), "{command:?} failed: {status}");
    Ok(took)
}

/// A small repository with some history.
fn repository() -> Result<TempDir> {
    let folder = TempDir::with_prefix("cortex-change-bench-git-")?;
    let git = |arguments: &[&str]| {
        let mut command = quiet("git", folder.path());
        command.args(["-c", "user.name=Ann", "-c", "user.email=ann@example.org"]).args(arguments);
        timed(command)
    };
    git(&["init", "--initial-branch=main"])?;
    for number in 0..COMMITS {
        let file = folder.path().join(format!("file-{}.txt", number % 10));
        std::fs::write(file, format!("line {number}\n").repeat(1 + number % 7))?;
        git(&["add", "--all"])?;
        git(&["commit", "--message", &format!("fix: turn the screw number {number}")])?;
    }
    Ok(folder)
}
