//! A server as its users run it: the built program in a process of its own.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use api::actor::{IssueToken, RegisterActor, Rights};
use client::Client;

use crate::catalogue::catalogue;
use crate::place::Place;
use crate::processor;

/// Longest wait for a server to be ready.
const START_MAX: Duration = Duration::from_secs(60);
/// Pause between two looks at whether it is ready.
const LOOK_PAUSE: Duration = Duration::from_micros(200);
/// Longest wait for an answer to a look.
const LOOK_MAX: Duration = Duration::from_secs(5);
/// How the line with the first administrator's token begins.
const TOKEN_LINE: &str = "bootstrap token: ";

/// A running server. It is killed when this value is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Held open, so that the server can always write there.
    output: BufReader<ChildStdout>,
    address: SocketAddr,
    bootstrap_token: Option<String>,
    started_in: Duration,
}

/// Who asks for changes.
#[derive(Debug)]
pub struct Staff {
    /// Token of a pipeline.
    pub token: String,
    /// The same as a client.
    pub client: Client,
}

impl Server {
    /// Starts the program and waits until it is ready.
    ///
    /// # Errors
    /// When it cannot be run, ends, or is not ready in time.
    pub fn start(program: &Path, place: &Place) -> Result<Self> {
        let is_first = !place.folder.join(server::KEY_FILE).exists();
        let address = free_address()?;
        let mut command = Command::new(program);
        command.arg("serve").arg("--listen").arg(address.to_string()).arg("--data").arg(&place.folder);
        if let Some(url) = &place.url {
            command.arg("--database-url").arg(url);
        }
        // Settings of whoever runs the benchmark are not its subject.
        command.env_clear().current_dir(&place.folder);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let began = Instant::now();
        let mut child = command.spawn().with_context(|| format!("run `{}`", program.display()))?;
        let output = BufReader::new(child.stdout.take().context("no standard output")?);
        let mut server = Self { child, output, address, bootstrap_token: None, started_in: Duration::ZERO };
        server.wait_until_ready(began)?;
        server.started_in = began.elapsed();
        if is_first {
            server.bootstrap_token = Some(server.read_token()?);
        }
        Ok(server)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address for clients.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Time from the start of the process to the first 200 from `/readyz`.
    pub fn started_in(&self) -> Duration {
        self.started_in
    }

    /// Processor time of the process so far, in user and kernel mode.
    ///
    /// # Errors
    /// When the process has ended.
    pub fn processor_time(&self) -> Result<Duration> {
        processor::time_of(&self.child.id().to_string())
    }

    /// Number of changes that it counts.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn changes(&self, staff: &Staff) -> Result<u64> {
        let (status, text) =
            get(self.address, "/metrics", &format!("authorization: Bearer {}\r\n", staff.token))?;
        ensure!(status == 200, "/metrics answers {status}");
        let counts = text.lines().filter(|line| line.starts_with("cortex_change_changes{"));
        counts.map(|line| Ok(line.rsplit(' ').next().unwrap_or_default().parse::<u64>()?)).sum()
    }

    /// Its first administrator. For a server on an empty database.
    ///
    /// # Errors
    /// When the server was set up before.
    pub fn administrator(&self) -> Result<Client> {
        let token = self.bootstrap_token.as_deref().context("the server was set up before")?;
        Ok(Client::new(&self.url(), token)?)
    }

    /// Kills it, as a crash would.
    ///
    /// # Errors
    /// When it has ended already.
    pub fn kill(mut self) -> Result<()> {
        ensure!(self.child.try_wait()?.is_none(), "the server has ended by itself");
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Declares the services, registers a pipeline and gives it a token. For a server on an empty database.
    ///
    /// # Errors
    /// When the server refuses something.
    pub async fn furnish(&self) -> Result<Staff> {
        let admin = self.administrator()?;
        admin.apply_catalog(&catalogue(), false).await?;
        let actor = |name: &str, kind: &str, owner: Option<&str>| RegisterActor {
            name: name.to_owned(),
            kind: kind.to_owned(),
            owner: owner.map(str::to_owned),
            alias_of: None,
            rights: Rights::default(),
        };
        admin.register_actor(&actor("owner", "human", None)).await?;
        admin.register_actor(&actor("pipeline", "service", Some("owner"))).await?;
        let scopes = ["read", "request", "implement"].map(str::to_owned).to_vec();
        let request = IssueToken { scopes, expires_in: Some("30d".to_owned()), label: "pipeline".to_owned() };
        let token = admin.issue_token("pipeline", &request).await?.token;
        let client = Client::new(&self.url(), &token)?;
        Ok(Staff { token, client })
    }

    fn wait_until_ready(&mut self, began: Instant) -> Result<()> {
        while began.elapsed() < START_MAX {
            if get(self.address, "/readyz", "").is_ok_and(|(status, _)| status == 200) {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended at its start: {status}");
            }
            std::thread::sleep(LOOK_PAUSE);
        }
        bail!("the server is not ready after {} s", START_MAX.as_secs())
    }

    fn read_token(&mut self) -> Result<String> {
        let mut line = String::new();
        while self.output.read_line(&mut line)? > 0 {
            if let Some(token) = line.trim_end().strip_prefix(TOKEN_LINE) {
                return Ok(token.to_owned());
            }
            line.clear();
        }
        bail!("the server ended without a line `{TOKEN_LINE}…`")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have been killed already.
        let _gone = self.child.kill();
        let _ended = self.child.wait();
    }
}

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// One request on a connection of its own: status and body.
fn get(address: SocketAddr, path: &str, headers: &str) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&address, LOOK_MAX)?;
    stream.set_read_timeout(Some(LOOK_MAX))?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n{headers}connection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no answer")?;
    let status = head.split(' ').nth(1).context("no status")?.parse()?;
    Ok((status, body.to_owned()))
}
