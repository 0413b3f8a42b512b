//! The weighted proxy before the two servers: HAProxy where it is installed, else a small one of our own that takes the two commands
//! of HAProxy's runtime API that a `traffic` step sends.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use super::http::listen;
use crate::failure::Failure;

/// The backend's name.
pub(super) const BACKEND: &str = "shop";
/// Where Debian and others put HAProxy.
const PROGRAMS: [&str; 3] = ["/usr/sbin/haproxy", "/usr/local/sbin/haproxy", "/usr/bin/haproxy"];
/// Longest wait for it to take connections.
const READY: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);
/// Longest line of a command, in bytes.
const CONNECTIONS_MAX: usize = 512;

/// A server behind the proxy.
pub(super) type Server = (&'static str, SocketAddr);

/// A running proxy.
#[derive(Debug)]
pub(super) struct Proxy {
    /// What it is.
    pub(super) name: &'static str,
    /// Where requests go in.
    pub(super) frontend: SocketAddr,
    /// Where its weights are set.
    pub(super) runtime: SocketAddr,
    haproxy: Option<Child>,
}

impl Proxy {
    /// Starts the best there is, with all traffic to the first server. What is not a process of its own runs in `tasks`.
    pub(super) async fn start(
        folder: &Path,
        servers: [Server; 2],
        tasks: &mut JoinSet<()>,
    ) -> Result<Self, Failure> {
        let failed =
            |error: &std::io::Error| Failure::new("the demo's proxy does not start").caused_by(error);
        let installed = PROGRAMS.iter().find(|program| Path::new(program).exists());
        match installed {
            Some(program) => haproxy(program, folder, servers).await,
            None => own(servers, tasks).await.map_err(|error| failed(&error)),
        }
    }

    /// Ends it.
    pub(super) async fn stop(mut self) {
        if let Some(haproxy) = &mut self.haproxy {
            // It ends with this process anyway.
            let _ended = haproxy.kill().await;
        }
    }
}

async fn haproxy(program: &str, folder: &Path, servers: [Server; 2]) -> Result<Proxy, Failure> {
    let failed = |error: &std::io::Error| Failure::new("HAProxy does not start").caused_by(error);
    // Taken and given back.
    let (_, frontend) = listen().await.map_err(|error| failed(&error))?;
    let (_, runtime) = listen().await.map_err(|error| failed(&error))?;
    let [(first, first_at), (second, second_at)] = servers;
    let settings = format!(
        "global\n  stats socket ipv4@{runtime} level admin\ndefaults\n  mode http\n  timeout connect 5s\n  timeout client \
         30s\n  timeout server 30s\nfrontend in\n  bind {frontend}\n  default_backend {BACKEND}\nbackend {BACKEND}\n  balance \
         roundrobin\n  server {first} {first_at} weight 100\n  server {second} {second_at} weight 0\n"
    );
    let file = folder.join("haproxy.cfg");
    std::fs::write(&file, settings).map_err(|error| failed(&error))?;
    let mut command = Command::new(program);
    command.arg("-db").arg("-f").arg(&file).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().map_err(|error| failed(&error))?;
    let ready = async {
        while TcpStream::connect(frontend).await.is_err() {
            tokio::time::sleep(PAUSE).await;
        }
    };
    let late = |_| Failure::new("HAProxy takes no connections");
    tokio::time::timeout(READY, ready).await.map_err(late)?;
    Ok(Proxy { name: "HAProxy", frontend, runtime, haproxy: Some(child) })
}

/// Weights and what each server is owed: the one that is owed most is next.
#[derive(Debug, Default)]
struct Balance {
    weights: [i64; 2],
    owed: [i64; 2],
}

impl Balance {
    fn next(&mut self) -> usize {
        let total: i64 = self.weights.iter().sum();
        for (owed, weight) in self.owed.iter_mut().zip(&self.weights) {
            *owed += weight;
        }
        let [first, second] = &mut self.owed;
        let (chosen, owed) = if second > first { (1, second) } else { (0, first) };
        *owed -= total;
        chosen
    }
}

async fn own(servers: [Server; 2], tasks: &mut JoinSet<()>) -> std::io::Result<Proxy> {
    let (requests, frontend) = listen().await?;
    let (commands, runtime) = listen().await?;
    let balance = Arc::new(Mutex::new(Balance { weights: [100, 0], owed: [0, 0] }));
    tasks.spawn(divide(requests, servers, Arc::clone(&balance)));
    tasks.spawn(obey(commands, servers, balance));
    Ok(Proxy { name: "a small proxy of the demo's own", frontend, runtime, haproxy: None })
}

async fn divide(listener: TcpListener, servers: [Server; 2], balance: Arc<Mutex<Balance>>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if connections.len() >= CONNECTIONS_MAX {
            connections.join_next().await;
        }
        let Ok((mut client, _)) = listener.accept().await else { continue };
        let chosen = balance.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some((_, address)) = servers.get(chosen).copied() else { continue };
        connections.spawn(async move {
            if let Ok(mut server) = TcpStream::connect(address).await {
                // A connection that breaks is the client's to notice.
                let _copied = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            }
        });
    }
}

/// `get weight shop/new` and `set weight shop/new 25`, one on a connection.
async fn obey(listener: TcpListener, servers: [Server; 2], balance: Arc<Mutex<Balance>>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        if stream.read_line(&mut line).await.is_err() {
            continue;
        }
        let answer = told(&line, servers, &mut balance.lock().unwrap_or_else(PoisonError::into_inner));
        let mut stream = stream.into_inner();
        // Whoever asks and does not wait does not get the answer.
        let _told = stream.write_all(answer.as_bytes()).await;
        let _shut = stream.shutdown().await;
    }
}

fn told(line: &str, servers: [Server; 2], balance: &mut Balance) -> String {
    let mut words = line.split_whitespace();
    let (verb, what, target) = (words.next(), words.next(), words.next().unwrap_or_default());
    let name = target.strip_prefix(BACKEND).and_then(|rest| rest.strip_prefix('/'));
    let at = servers.iter().position(|(server, _)| Some(*server) == name);
    let weight = at.and_then(|at| balance.weights.get_mut(at));
    match (verb, what, weight) {
        (Some("get"), Some("weight"), Some(weight)) => format!("{weight} (initial 0)\n\n"),
        (Some("set"), Some("weight"), Some(weight)) => {
            match words.next().and_then(|word| word.parse().ok()) {
                Some(wanted @ 0..=256) => {
                    *weight = wanted;
                    "\n".to_owned()
                }
                Some(_) | None => "Weight can only be 0 to 256.\n\n".to_owned(),
            }
        }
        _ => "No such server.\n\n".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_divided_by_weight_and_weights_are_taken_as_haproxy_takes_them() {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let servers = [("old", address), ("new", address)];
        let mut balance = Balance { weights: [100, 0], owed: [0, 0] };
        assert_eq!((0..50).filter(|_| balance.next() == 1).count(), 0);
        assert_eq!(told("set weight shop/new 25\n", servers, &mut balance), "\n");
        assert_eq!(told("set weight shop/old 75\n", servers, &mut balance), "\n");
        assert_eq!(told("get weight shop/new\n", servers, &mut balance), "25 (initial 0)\n\n");
        assert_eq!((0..100).filter(|_| balance.next() == 1).count(), 25);
        assert!(told("set weight shop/new 257\n", servers, &mut balance).contains("0 to 256"));
        assert!(told("set weight shop/other 1\n", servers, &mut balance).contains("No such server"));
    }
}
