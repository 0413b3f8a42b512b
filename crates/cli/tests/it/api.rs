//! A server that answers as it is told and keeps what it was asked. The real one is tested elsewhere; here it is about
//! what the program sends, and what it makes of each answer.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
}

/// What the server says to a request.
#[derive(Debug, Clone)]
struct Told {
    method: &'static str,
    path: String,
    answers: VecDeque<(u16, Value)>,
}

#[derive(Debug, Default)]
struct State {
    told: Vec<Told>,
    asked: Vec<Asked>,
}

/// The server.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

impl Api {
    /// Starts it on a free port. It ends with the test's process.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::<Mutex<State>>::default();
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(stream.unwrap(), &shared);
            }
        });
        Self { url, state }
    }

    /// Tells it what to answer.
    pub(crate) fn on(self, method: &'static str, path: &str, status: u16, body: &Value) -> Self {
        self.on_each(method, path, &[(status, body.clone())])
    }

    /// Tells it what to answer the first time, the second time, and so on; the last answer stays.
    pub(crate) fn on_each(self, method: &'static str, path: &str, answers: &[(u16, Value)]) -> Self {
        let told =
            Told { method, path: format!("/api/v1{path}"), answers: answers.iter().cloned().collect() };
        self.state.lock().unwrap().told.push(told);
        self
    }

    /// The requests to a path, in order.
    pub(crate) fn asked(&self, method: &str, path: &str) -> Vec<Asked> {
        let path = format!("/api/v1{path}");
        let state = self.state.lock().unwrap();
        state.asked.iter().filter(|asked| asked.method == method && asked.path == path).cloned().collect()
    }

    /// Every request, as method and path.
    pub(crate) fn all_asked(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        state.asked.iter().map(|asked| format!("{} {}", asked.method, asked.path)).collect()
    }
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

fn answer(stream: TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let Some(asked) = read(&mut reader) else { return };
    let (status, body) = {
        let mut state = state.lock().unwrap();
        let told = state.told.iter_mut().find(|told| told.method == asked.method && told.path == asked.path);
        let answer = told.map(|told| {
            if told.answers.len() > 1 { told.answers.pop_front().unwrap() } else { told.answers[0].clone() }
        });
        state.asked.push(asked);
        answer.unwrap_or_else(|| (404, problem(404, "not-found", "there is no such thing")))
    };
    let text = body.to_string();
    let kind = if status < 400 { "application/json" } else { "application/problem+json" };
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        text.len()
    );
    // A client that is gone needs no answer.
    let _gone = { stream }.write_all(format!("{head}{text}").as_bytes());
}

fn read(reader: &mut impl BufRead) -> Option<Asked> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_owned(), value.to_owned()));
    }
    let asked = Asked { method, path, headers, body: Value::Null };
    let length = asked.header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    Some(Asked { body, ..asked })
}

/// A problem as the server states it.
pub(crate) fn problem(status: u16, kind: &str, detail: &str) -> Value {
    json!({"type": format!("/docs/problems#{kind}"), "title": "Problem", "status": status, "detail": detail})
}

/// A change in full, waiting for approval.
pub(crate) fn change() -> Value {
    serde_json::from_str(include_str!("fixtures/change.json")).unwrap()
}

/// The same change in another state.
pub(crate) fn change_in(state: &str) -> Value {
    let mut change = change();
    change["state"] = json!(state);
    if state != "awaiting_approval" {
        change["blockers"] = json!([]);
    }
    change
}
