//! Reads both servers' metrics four times a second, and answers the questions of Prometheus' query API that monitors ask: the points
//! of a counter, by labels, over the time just past. A second is what Prometheus itself would read at best.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::http::{Answer, JSON, get};
use crate::clock::now;

/// Time between two readings.
const PACE: Duration = Duration::from_millis(250);
/// Most points kept of a series: a minute's.
const POINTS_MAX: usize = 240;

/// A point: seconds since 1970, and the value as it was written.
type Point = (f64, String);

/// Everything that was read.
#[derive(Debug, Clone, Default)]
pub(super) struct Recorder(Arc<Mutex<BTreeMap<Series, VecDeque<Point>>>>);

/// A metric and its labels, `__name__` among them.
type Series = BTreeMap<String, String>;

impl Recorder {
    /// Reads these servers, by name, for as long as it is waited for.
    pub(super) async fn read(self, servers: Vec<(&'static str, SocketAddr)>) {
        let mut ticks = tokio::time::interval(PACE);
        loop {
            ticks.tick().await;
            for (name, address) in &servers {
                // A server that does not answer has no point: that is what the monitors are to see.
                if let Ok(answer) = get(*address, "/metrics").await {
                    let at = now().as_millisecond();
                    self.keep(name, millis_to_seconds(at), &answer);
                }
            }
        }
    }

    fn keep(&self, server: &str, at: f64, answer: &str) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for line in answer.lines() {
            let Some((name, rest)) = line.split_once('{') else { continue };
            let Some((labels, value)) = rest.split_once("} ") else { continue };
            let mut series = matchers(labels);
            series.insert("__name__".to_owned(), name.to_owned());
            series.insert("server".to_owned(), server.to_owned());
            let points = kept.entry(series).or_default();
            points.push_back((at, value.trim().to_owned()));
            if points.len() > POINTS_MAX {
                points.pop_front();
            }
        }
    }

    /// Answers a request to `/api/v1/query`.
    pub(super) async fn answer(self, path: String) -> Answer {
        let server = "recorder";
        let query = path.split_once("query=").map(|(_, rest)| decoded(rest.split('&').next().unwrap_or("")));
        match query.as_deref().and_then(|query| self.points(query)) {
            Some(result) => {
                let data = json!({"resultType": "matrix", "result": result});
                let body = json!({"status": "success", "data": data}).to_string();
                Answer { status: "200 OK", server, kind: JSON, body }
            }
            None => {
                let error = "only the points of a selector are answered, such as `up{a=\"b\"}[10s]`";
                let body = json!({"status": "error", "errorType": "bad_data", "error": error}).to_string();
                Answer { status: "400 Bad Request", server, kind: JSON, body }
            }
        }
    }

    fn points(&self, query: &str) -> Option<Vec<Value>> {
        let (name, rest) = query.split_once('{')?;
        let (labels, range) = rest.split_once("}[")?;
        let seconds: f64 = range.strip_suffix("s]")?.parse().ok()?;
        let wanted = matchers(labels);
        let since = millis_to_seconds(now().as_millisecond()) - seconds;
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |series: &&Series| {
            series.get("__name__").is_some_and(|it| it == name)
                && wanted.iter().all(|(label, value)| series.get(label) == Some(value))
        };
        let series = kept.iter().filter(|(series, _)| fits(series)).map(|(series, points)| {
            let values: Vec<&Point> = points.iter().filter(|(at, _)| *at >= since).collect();
            json!({"metric": series, "values": values})
        });
        Some(series.collect())
    }
}

/// Labels as they stand between braces.
fn matchers(text: &str) -> Series {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().trim_matches('"').to_owned())).collect()
}

/// A query as it was before it was put into an address.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let hex = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => match (hex(rest.next()), hex(rest.next())) {
                (Some(high), Some(low)) => u8::try_from(high * 16 + low).unwrap_or(b'?'),
                _ => b'?',
            },
            other => other,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^53")]
fn millis_to_seconds(millis: i64) -> f64 {
    millis as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_read_is_answered_by_labels() {
        let recorder = Recorder::default();
        let at = millis_to_seconds(now().as_millisecond());
        recorder.keep("new", at, "HTTP/1.1 200 OK\r\n\r\nhttp_requests_total{code=\"500\"} 7\n");
        recorder.keep("old", at, "http_requests_total{code=\"500\"} 1\n");
        let path = "/api/v1/query?query=http_requests_total%7Bserver%3D%22new%22%7D%5B10s%5D".to_owned();
        let answer = recorder.clone().answer(path).await;
        assert!(answer.body.contains("\"7\"") && !answer.body.contains("\"1\""), "{}", answer.body);
        assert_eq!(recorder.answer("/api/v1/query?query=up".to_owned()).await.status, "400 Bad Request");
    }
}
