//! Asks Prometheus a query: for one number now, or for the points of a time just past.

mod arm;
mod counters;
mod question;

use std::collections::BTreeMap;
use std::time::Duration;

use domain::plan::HttpRequest;
use serde::Deserialize;
use serde::de::IgnoredAny;
use url::Url;

pub(super) use question::Asked;

use crate::outgoing::{Outgoing, OutgoingError, OutgoingPolicy};
use crate::text::clipped;

/// Longest query, in bytes.
pub const QUERY_BYTES_MAX: usize = 4 * 1024;
/// How much of an answer of one number is read, in bytes. It needs a few hundred.
const NUMBER_BYTES_MAX: usize = 64 * 1024;
/// How much of an answer with points is read, in bytes: some hundred thousand points.
const POINTS_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most series of an answer.
const SERIES_MAX: usize = 5_000;
/// How much of what Prometheus says is repeated, in characters.
const SHOWN_CHARS_MAX: usize = 200;

/// A Prometheus, or whatever answers like one.
#[derive(Debug, Clone)]
pub struct Prometheus {
    outgoing: Outgoing,
    base: Url,
    authorization: Option<String>,
}

/// Why there is no number.
#[derive(Debug, thiserror::Error)]
pub enum PrometheusError {
    /// The address of the settings cannot be used.
    #[error("`{url}` is no address of a Prometheus: expected a form like `http://prometheus:9090`")]
    Address {
        /// The address.
        url: String,
    },
    /// Longer than [`QUERY_BYTES_MAX`].
    #[error("the query has {bytes} bytes: at most {QUERY_BYTES_MAX} are accepted")]
    QueryTooLong {
        /// How long.
        bytes: usize,
    },
    /// The request was refused by our guard or failed on its way.
    #[error(transparent)]
    Outgoing(#[from] OutgoingError),
    /// Prometheus refuses, or answers something else.
    #[error("answered with status {status}: {said}")]
    Answer {
        /// The status.
        status: u16,
        /// What it says.
        said: String,
    },
    /// The query found nothing.
    #[error("the query found no data")]
    NoData,
    /// The query has several series.
    #[error("the query found {count} series: expected one, for example with `sum(…)` or `max(…)`")]
    Several {
        /// How many.
        count: usize,
    },
    /// More than fits.
    #[error("the answer has more than {max}: narrow the labels, or shorten `window`")]
    TooMuch {
        /// What was exceeded.
        max: &'static str,
    },
    /// The points of a histogram are no histogram that can be read.
    #[error("`{metric}` is no histogram with buckets: {problem}")]
    Histogram {
        /// The metric.
        metric: String,
        /// What is wrong.
        problem: String,
    },
    /// The value is no finite number.
    #[error("the value is `{value}`, which is no finite number")]
    NotANumber {
        /// The value.
        value: String,
    },
}

#[derive(Deserialize)]
struct Body {
    error: Option<String>,
    data: Option<Data>,
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data {
    Scalar(Sample),
    Vector(Vec<Single>),
    Matrix(Vec<Series>),
}

#[derive(Deserialize)]
struct Single {
    value: Option<Sample>,
}

/// Time and value, the value as a text, because JSON has no `NaN`.
#[derive(Deserialize)]
struct Sample(IgnoredAny, String);

/// A series and its points, oldest first.
#[derive(Debug, Clone, Deserialize)]
struct Series {
    metric: BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<Point>,
}

/// Seconds since 1970, and the value as a text.
#[derive(Debug, Clone, Deserialize)]
struct Point(f64, String);

impl Prometheus {
    /// A Prometheus at `url`, which may lie in a private network only when `policy` allows it.
    ///
    /// # Errors
    /// When the address is none, or no client can be made.
    pub fn new(url: &str, policy: OutgoingPolicy) -> Result<Self, PrometheusError> {
        Self::through(Outgoing::new(policy)?, url, None)
    }

    /// A Prometheus that is asked through this door, with this `Authorization`.
    fn through(
        outgoing: Outgoing,
        url: &str,
        authorization: Option<String>,
    ) -> Result<Self, PrometheusError> {
        let refused = || PrometheusError::Address { url: clipped(url, SHOWN_CHARS_MAX) };
        let base = Url::parse(url).map_err(|_| refused())?;
        let is_plain = base.query().is_none() && base.username().is_empty() && base.password().is_none();
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() || !is_plain {
            return Err(refused());
        }
        Ok(Self { outgoing, base, authorization })
    }

    /// Asks for the value of `query` now, and waits for it at most `limit`.
    ///
    /// # Errors
    /// When there is no answer in time, or it is not one finite number.
    pub async fn instant(&self, query: &str, limit: Duration) -> Result<f64, PrometheusError> {
        if query.len() > QUERY_BYTES_MAX {
            return Err(PrometheusError::QueryTooLong { bytes: query.len() });
        }
        self.ask(query, limit, NUMBER_BYTES_MAX).await?.number()
    }

    /// Asks for the points of a range, such as `up[5m]`.
    async fn points(&self, query: &str, limit: Duration) -> Result<Vec<Series>, PrometheusError> {
        match self.ask(query, limit, POINTS_BYTES_MAX).await? {
            Data::Matrix(series) if series.len() > SERIES_MAX => {
                Err(PrometheusError::TooMuch { max: "5,000 series" })
            }
            Data::Matrix(series) => Ok(series),
            Data::Scalar(_) | Data::Vector(_) => {
                Err(PrometheusError::Answer { status: 200, said: "no points of a range".to_owned() })
            }
        }
    }

    async fn ask(&self, query: &str, limit: Duration, bytes_max: usize) -> Result<Data, PrometheusError> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/api/v1/query", self.base.path().trim_end_matches('/')));
        url.query_pairs_mut().append_pair("query", query);
        let mut headers = BTreeMap::from([("accept".to_owned(), "application/json".to_owned())]);
        headers.extend(self.authorization.clone().map(|value| ("authorization".to_owned(), value)));
        let request = HttpRequest {
            method: "GET".to_owned(),
            url: url.into(),
            headers,
            body: None,
            credentials: None,
            header_variables: BTreeMap::new(),
            expected_status: (200, 200),
        };
        let answer = self.outgoing.send(&request, limit, bytes_max).await?;
        let status = answer.status;
        let said = |said: &str| PrometheusError::Answer { status, said: clipped(said, SHOWN_CHARS_MAX) };
        if answer.body_cut {
            return Err(match bytes_max {
                NUMBER_BYTES_MAX => said("more than one number"),
                _ => PrometheusError::TooMuch { max: "8 MiB" },
            });
        }
        let body: Body = serde_json::from_slice(&answer.body)
            .map_err(|_| said("no answer of Prometheus that can be read"))?;
        match body.data.filter(|_| answer.is_expected(&request)) {
            Some(data) => Ok(data),
            None => Err(said(body.error.as_deref().unwrap_or("no data"))),
        }
    }
}

impl Data {
    fn number(self) -> Result<f64, PrometheusError> {
        let Sample(_, value) = match self {
            Self::Scalar(sample) => sample,
            Self::Vector(series) if series.len() > 1 => {
                return Err(PrometheusError::Several { count: series.len() });
            }
            Self::Vector(series) => {
                series.into_iter().next().and_then(|series| series.value).ok_or(PrometheusError::NoData)?
            }
            Self::Matrix(_) => {
                let said = "points of a range: expected one number, for example `rate(…)`".to_owned();
                return Err(PrometheusError::Answer { status: 200, said });
            }
        };
        number(&value)
    }
}

/// A finite number.
fn number(value: &str) -> Result<f64, PrometheusError> {
    let number = value.parse::<f64>().ok().filter(|number| number.is_finite());
    number.ok_or_else(|| PrometheusError::NotANumber { value: clipped(value, SHOWN_CHARS_MAX) })
}
