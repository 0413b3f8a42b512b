//! A server as a process of its own, a git repository to release from, and the people who may act.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use api::change::Change;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::Ran;

const PROGRAM: &str = env!("CARGO_BIN_EXE_cortex-change");

/// A server, a repository, and their folder.
pub(crate) struct World {
    folder: TempDir,
    url: String,
    admin_token: String,
    server: Child,
}

impl Drop for World {
    fn drop(&mut self) {
        // A server that has ended already needs no end.
        let _ended = self.server.kill().and_then(|()| self.server.wait());
    }
}

impl World {
    /// Starts a server on the embedded database, or on the PostgreSQL at this address.
    pub(crate) fn start(database_url: Option<String>) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let log = std::fs::File::create(folder.path().join("server.log"))?;
        let mut command = Command::new(PROGRAM);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(folder.path().join("server"));
        if let Some(url) = database_url {
            command.args(["--database-url", &url]);
        }
        command.current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut server = command.spawn()?;
        let stdout = server.stdout.take().context("no standard output")?;
        let (mut url, mut admin_token) = (None, None);
        let mut lines = BufReader::new(stdout).lines();
        while url.is_none() || admin_token.is_none() {
            let line = lines.next().context("the server ended at its start")??;
            url = line.strip_prefix("listening on ").map(str::to_owned).or(url);
            admin_token = line.strip_prefix("bootstrap token: ").map(str::to_owned).or(admin_token);
        }
        // Whatever else it prints is read, so that it never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        let (url, admin_token) = url.zip(admin_token).context("no address and token")?;
        Ok(Self { folder, url, admin_token, server })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn repository(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    /// What the server has written to its log.
    pub(crate) fn server_log(&self) -> Result<String> {
        let mut text = String::new();
        std::fs::File::open(self.folder.path().join("server.log"))?.read_to_string(&mut text)?;
        Ok(text)
    }

    /// Runs the program as the first administrator; its standard output.
    pub(crate) fn admin(&self, arguments: &[&str]) -> Result<String> {
        let ran = self.run_as_admin(arguments)?;
        ensure!(ran.status == 0, "`{}`: {}\n{}", arguments.join(" "), ran.stderr, self.server_log()?);
        Ok(ran.stdout)
    }

    /// Runs the program as the first administrator, whatever comes of it.
    pub(crate) fn run_as_admin(&self, arguments: &[&str]) -> Result<Ran> {
        self.run_as(&self.admin_token, arguments)
    }

    /// Runs the program with a token, whatever comes of it.
    pub(crate) fn run_as(&self, token: &str, arguments: &[&str]) -> Result<Ran> {
        let output = Command::new(PROGRAM)
            .args(arguments)
            .current_dir(self.folder.path())
            .env("LANG", "C.UTF-8")
            .env("CORTEX_CHANGE_URL", &self.url)
            .env("CORTEX_CHANGE_TOKEN", token)
            .stdin(Stdio::null())
            .output()?;
        Ok(Ran {
            status: output.status.code().context("ended by a signal")?,
            stdout: String::from_utf8(output.stdout)?,
            stderr: String::from_utf8(output.stderr)?,
        })
    }

    /// Declares services without dependencies, as a file applied by the program.
    pub(crate) fn declare(&self, services: &[(&str, u8)]) -> Result<()> {
        let lines: Vec<_> =
            services.iter().map(|(name, tier)| format!("  - {{name: {name}, tier: {tier}}}\n")).collect();
        std::fs::write(self.folder.path().join("services.yaml"), format!("services:\n{}", lines.concat()))?;
        self.admin(&["catalog", "apply", "services.yaml"])?;
        Ok(())
    }

    /// Registers a pipeline with an owner and gives it a token for requesting and implementing.
    pub(crate) fn token(&self, name: &str) -> Result<String> {
        self.admin(&["actor", "add", "owner", "--kind", "human"])?;
        self.admin(&["actor", "add", name, "--kind", "service", "--owner", "owner"])?;
        let scopes = ["--scope", "read", "--scope", "request", "--scope", "implement"];
        let issue = [&["token", "issue", name, "--label", "pipeline"], scopes.as_slice()].concat();
        Ok(self.admin(&issue)?.trim().to_owned())
    }

    /// Registers a person with a role; a token for reading, requesting and deciding.
    pub(crate) fn person(&self, name: &str, role: &str) -> Result<String> {
        self.admin(&["actor", "add", name, "--kind", "human", "--role", role])?;
        let scopes = ["--scope", "read", "--scope", "request", "--scope", "approve"];
        let issue = [&["token", "issue", name, "--label", "laptop"], scopes.as_slice()].concat();
        Ok(self.admin(&issue)?.trim().to_owned())
    }

    pub(crate) fn show(&self, id: &str) -> Result<Change> {
        Ok(serde_json::from_str(&self.admin(&["show", id, "--output", "json"])?)?)
    }

    /// A repository with two releases, the second of them small and tested; its commit.
    pub(crate) fn commit_a_release(&self) -> Result<String> {
        let repository = self.repository();
        std::fs::create_dir_all(repository.join("src"))?;
        self.git(&["init", "--quiet", "--initial-branch", "main"])?;
        let lines = |release: u32| {
            (1..=20).map(|line| format!("line {line} of release {release}\n")).collect::<String>()
        };
        std::fs::write(repository.join("src/chat.py"), lines(1))?;
        std::fs::write(repository.join(".cortex-change.yaml"), plan())?;
        std::fs::write(repository.join(".gitignore"), "deployed\n")?;
        std::fs::write(repository.join("lcov.info"), coverage())?;
        std::fs::write(
            repository.join("junit.xml"),
            "<testsuite tests=\"2\"><testcase name=\"a\"/><testcase name=\"b\"/></testsuite>\n",
        )?;
        std::fs::write(repository.join("scan.sarif"), scan())?;
        self.git(&["add", "--all"])?;
        self.git(&["commit", "--quiet", "--message", "Release 1"])?;
        std::fs::write(repository.join("src/chat.py"), lines(2))?;
        self.git(&["commit", "--quiet", "--all", "--message", "Answer faster\n\nThe second release."])?;
        Ok(self.git(&["rev-parse", "HEAD"])?.trim().to_owned())
    }

    /// Runs git in the repository.
    pub(crate) fn git(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new("git")
            .args(["-c", "user.name=Dev", "-c", "user.email=dev@example.com"])
            .args(arguments)
            .current_dir(self.repository())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .stdin(Stdio::null())
            .output()?;
        ensure!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }
}

/// A small, tested change of the shop with this plan, which needs no person.
pub(crate) fn tested_change(plan: &Value) -> Value {
    json!({
        "type": "normal", "category": "deployment", "title": "Deploy the shop", "description": "A small change",
        "impact": "low", "urgency": "low", "affected_services": ["shop"], "environment": "staging",
        "implementation_plan": plan,
        "evidence": {
            "churn": { "lines": 4, "files": 1, "directories": 1 }, "coverage_percent": 95.0,
            "coverage_basis": "changed_lines", "tests": { "passed": 12, "failed": 0, "skipped": 0 },
            "configuration_change": false, "schema_change": false,
            "author": { "commits": 230, "commits_to_these_files": 17 },
        },
    })
}

/// How the repository is deployed: a file that stands for the running release.
fn plan() -> &'static str {
    "implementation_plan:
  estimated_duration: 1m
  soak: 1s
  steps:
    - name: deploy
      run: echo 'release 2' > deployed
      undo: rm -f deployed
      idempotent: true
      verify:
        run: test -s deployed
rollback_plan:
  automated: true
  max_duration: 1m
monitors:
  - name: deployed
    run: test -d .
    interval: 200ms
rollback_conditions:
  health_check:
    failed_checks: 3
    action: immediate_rollback
coverage: lcov.info
test_results: [junit.xml]
security_scans: [scan.sarif]
"
}

/// Every line of the changed file is covered.
fn coverage() -> String {
    let lines: String = (1..=20).map(|line| format!("DA:{line},1\n")).collect();
    format!("TN:\nSF:src/chat.py\n{lines}LF:20\nLH:20\nend_of_record\n")
}

/// A scan that found nothing.
fn scan() -> &'static str {
    r#"{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "scanner"}}, "results": []}]}"#
}
