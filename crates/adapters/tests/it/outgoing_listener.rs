//! A local HTTP server that answers as a test says, also badly.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// Longest request that is read, in bytes.
const REQUEST_BYTES_MAX: usize = 64 * 1024;

/// What the listener does with a request.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Answers with a status, headers and a body.
    Answer(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// Never answers.
    Silence,
    /// Closes the connection without an answer.
    Close,
    /// Promises more than it sends.
    BreakOff,
    /// Sends a body without end.
    Endless,
}

/// Runs until dropped. Every connection carries one request.
pub(crate) struct Listener {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Answers every request with what `reply` makes of its text.
    pub(crate) fn start(reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let stopped = Arc::new(AtomicBool::new(false));
        let (seen, stop) = (Arc::clone(&requests), Arc::clone(&stopped));
        let thread = std::thread::spawn(move || {
            std::thread::scope(|scope| {
                for stream in listener.incoming() {
                    if stop.load(Ordering::SeqCst) {
                        break;
                    }
                    let (reply, seen, stop) = (&reply, &seen, &stop);
                    scope.spawn(move || serve(stream.unwrap(), seen, stop, reply));
                }
            });
        });
        Self { address, requests, stopped, thread: Some(thread) }
    }

    /// Answers every request with this status and body.
    pub(crate) fn answering(status: u16, body: &str) -> Self {
        let body = body.as_bytes().to_vec();
        Self::start(move |_| Reply::Answer(status, Vec::new(), body.clone()))
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The requests so far: head and body as text.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the accepting thread.
        let _woken = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

/// An address at which nothing listens.
pub(crate) fn closed_port_url() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/", listener.local_addr().unwrap())
}

fn serve(
    mut stream: TcpStream,
    seen: &Mutex<Vec<String>>,
    stop: &AtomicBool,
    reply: &impl Fn(&str) -> Reply,
) {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let Some(request) = read_request(&mut stream) else { return };
    seen.lock().unwrap().push(request.clone());
    // A client that has gone is what several tests are about: errors while answering are its doing.
    let _sent = match reply(&request) {
        Reply::Answer(status, headers, body) => {
            let mut head =
                format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
            for (name, value) in headers {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
            head.push_str("\r\n");
            stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body))
        }
        Reply::Silence => {
            // Until the client or the test has gone, whichever is first.
            stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
            while !stop.load(Ordering::SeqCst) && !matches!(stream.read(&mut [0]), Ok(0)) {}
            Ok(())
        }
        Reply::Close => stream.shutdown(Shutdown::Both),
        Reply::BreakOff => stream.write_all(b"HTTP/1.1 200 x\r\ncontent-length: 1000\r\n\r\nhalf"),
        Reply::Endless => {
            let mut sent = stream.write_all(b"HTTP/1.1 200 x\r\nconnection: close\r\n\r\n");
            while sent.is_ok() {
                sent = stream.write_all(&[b'e'; 8192]);
            }
            Ok(())
        }
    };
}

fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes: Vec<u8> = Vec::new();
    let mut buffer = [0; 4096];
    while bytes.len() < REQUEST_BYTES_MAX {
        let length = stream.read(&mut buffer).ok().filter(|length| *length > 0)?;
        bytes.extend(buffer.iter().take(length));
        if !bytes.first()?.is_ascii_uppercase() {
            // A client that speaks TLS is told that we do not.
            let _told = stream.write_all(b"HTTP/1.1 400 x\r\n\r\n");
            return None;
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let declared = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= declared.unwrap_or(0) {
            return Some(text);
        }
    }
    None
}
