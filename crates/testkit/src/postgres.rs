//! A PostgreSQL server in a temporary folder, reachable through a socket there and nowhere else.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context as _, bail, ensure};
use tempfile::TempDir;

/// Where Debian puts each version's programs.
const DEBIAN_FOLDER: &str = "/usr/lib/postgresql";
const USER: &str = "postgres";
/// Waits for its input to end, which it does when the process that started it ends in whatever way, and cleans up.
const WATCHDOG: &str = r#"read -r _; "$1" -D "$2/data" -m immediate -s stop; rm -rf "$2""#;

/// A running server. It is ended and its data removed when this value is dropped or the process ends.
#[derive(Debug)]
pub struct PrivatePostgres {
    programs: PathBuf,
    folder: PathBuf,
    user: User,
    watchdog: Child,
}

/// Who runs the server: PostgreSQL refuses to run as root.
#[derive(Debug, Clone, Copy)]
enum User {
    /// This process's own user.
    Own,
    /// The user of the installed package.
    Package { uid: u32, gid: u32 },
}

impl PrivatePostgres {
    /// Sets up and starts a server with the usual guarantees (`fsync` on).
    ///
    /// # Errors
    /// When PostgreSQL is not installed or does not start; the error says what to do.
    pub fn start() -> anyhow::Result<Self> {
        let programs = find_programs()?;
        let user = User::to_run_as()?;
        let folder =
            TempDir::with_prefix("cortex-change-postgres-").context("create a temporary folder")?.keep();
        if let User::Package { uid, gid } = user {
            chown(&folder, Some(uid), Some(gid)).context("give the temporary folder to PostgreSQL's user")?;
        }
        let watchdog = user
            .command(Path::new("sh"))
            .args(["-c", WATCHDOG, "sh"])
            .arg(programs.join("pg_ctl"))
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("start the watchdog")?;
        let server = Self { programs, folder, user, watchdog };
        server.initialise()?;
        Ok(server)
    }

    /// The server that all tests of this process share. Each takes a database of its own.
    ///
    /// # Errors
    /// When PostgreSQL is not installed or did not start.
    pub fn shared() -> anyhow::Result<&'static Self> {
        static SHARED: OnceLock<Result<PrivatePostgres, String>> = OnceLock::new();
        let shared = SHARED.get_or_init(|| Self::start().map_err(|error| format!("{error:#}")));
        shared.as_ref().map_err(|error| anyhow::anyhow!("{error}"))
    }

    /// Creates an empty database and gives its URL.
    ///
    /// # Errors
    /// When there is a database of that name already, or the server does not answer.
    pub fn database(&self, name: &str) -> anyhow::Result<String> {
        self.run("createdb", &["--host", self.socket_folder()?, "--username", USER, name])?;
        Ok(format!("postgresql:///{name}?host={}&user={USER}", self.socket_folder()?))
    }

    /// Runs SQL in a database and gives its output, columns separated by `|`.
    ///
    /// # Errors
    /// When the server refuses a statement.
    pub fn sql(&self, database: &str, sql: &str) -> anyhow::Result<String> {
        let host = self.socket_folder()?;
        let options = ["--no-psqlrc", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"];
        let target = ["--host", host, "--username", USER, "--dbname", database, "--command", sql];
        self.run("psql", &[options.as_slice(), target.as_slice()].concat())
    }

    fn initialise(&self) -> anyhow::Result<()> {
        let data = self.folder.join("data");
        let data = data.to_str().context("temporary folder's name is not text")?;
        let locale = ["--encoding", "UTF8", "--locale", "C.UTF-8", "--auth", "trust", "--username", USER];
        // What initdb writes need not survive anything; what tests write is synced as ever.
        self.run("initdb", &[["--no-sync", "-D", data].as_slice(), locale.as_slice()].concat())?;
        let settings =
            format!("-c listen_addresses='' -c unix_socket_directories='{}'", self.socket_folder()?);
        let settings = format!("{settings} -c max_connections=400 -c fsync=on -c synchronous_commit=on");
        let log = self.folder.join("log");
        let log = log.to_str().context("temporary folder's name is not text")?;
        self.run("pg_ctl", &["-D", data, "-l", log, "-o", &settings, "-w", "-s", "start"])
            .with_context(|| fs::read_to_string(log).unwrap_or_default())?;
        Ok(())
    }

    fn socket_folder(&self) -> anyhow::Result<&str> {
        self.folder.to_str().context("temporary folder's name is not text")
    }

    fn run(&self, program: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = self.user.command(&self.programs.join(program));
        // A server that stays must not hold this process's output, or whoever reads it waits for ever.
        let output = command
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("run {program}"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{program} failed: {}", said.trim());
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        // Nothing is left to do about a watchdog that cannot be waited for.
        let _ended = self.watchdog.wait();
    }
}

impl User {
    fn to_run_as() -> anyhow::Result<Self> {
        let own = fs::metadata("/proc/self").context("read this process's user")?.uid();
        if own != 0 {
            return Ok(Self::Own);
        }
        let users = fs::read_to_string("/etc/passwd").context("read the list of users")?;
        // name:password:uid:gid:…
        let entry = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let ids = entry.into_iter().find_map(|fields| match fields.as_slice() {
            [USER, _, uid, gid, ..] => Some((uid.parse().ok()?, gid.parse().ok()?)),
            _ => None,
        });
        let (uid, gid) =
            ids.context("user `postgres` is missing: run scripts/test, which installs PostgreSQL")?;
        Ok(Self::Package { uid, gid })
    }

    fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C.UTF-8").current_dir("/");
        if let Self::Package { uid, gid } = self {
            command.uid(uid).gid(gid);
        }
        command
    }
}

/// The programs of the newest version installed.
fn find_programs() -> anyhow::Result<PathBuf> {
    const MISSING: &str = "PostgreSQL is not installed: run scripts/test, which installs it";
    let versions = match fs::read_dir(DEBIAN_FOLDER) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => bail!(MISSING),
        versions => versions.context("list PostgreSQL's versions")?,
    };
    let versions = versions.filter_map(|entry| {
        let folder = entry.ok()?.path();
        let version: u32 = folder.file_name()?.to_str()?.parse().ok()?;
        let programs = folder.join("bin");
        programs.join("initdb").exists().then_some((version, programs))
    });
    versions.max().map(|(_, programs)| programs).context(MISSING)
}
