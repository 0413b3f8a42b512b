//! Asks Prometheus an instant query whose answer is one number.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::plan::HttpRequest;
use serde::Deserialize;
use serde::de::IgnoredAny;
use url::Url;

use crate::outgoing::{Outgoing, OutgoingError, OutgoingPolicy};
use crate::text::clipped;

/// Longest query, in bytes.
pub const QUERY_BYTES_MAX: usize = 4 * 1024;
/// How much of an answer is read, in bytes. One number needs a few hundred.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// How much of what Prometheus says is repeated, in characters.
const SHOWN_CHARS_MAX: usize = 200;

/// A Prometheus, or whatever answers like one.
#[derive(Debug, Clone)]
pub struct Prometheus {
    outgoing: Outgoing,
    base: Url,
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
    Vector(Vec<Series>),
}

#[derive(Deserialize)]
struct Series {
    value: Option<Sample>,
}

/// Time and value, the value as a text, because JSON has no `NaN`.
#[derive(Deserialize)]
struct Sample(IgnoredAny, String);

impl Prometheus {
    /// A Prometheus at `url`, which may lie in a private network only when `policy` allows it.
    ///
    /// # Errors
    /// When the address is none, or no client can be made.
    pub fn new(url: &str, policy: OutgoingPolicy) -> Result<Self, PrometheusError> {
        let refused = || PrometheusError::Address { url: clipped(url, SHOWN_CHARS_MAX) };
        let base = Url::parse(url).map_err(|_| refused())?;
        let is_plain = base.query().is_none() && base.username().is_empty() && base.password().is_none();
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() || !is_plain {
            return Err(refused());
        }
        Ok(Self { outgoing: Outgoing::new(policy)?, base })
    }

    /// Asks for the value of `query` now, and waits for it at most `limit`.
    ///
    /// # Errors
    /// When there is no answer in time, or it is not one finite number.
    pub async fn instant(&self, query: &str, limit: Duration) -> Result<f64, PrometheusError> {
        if query.len() > QUERY_BYTES_MAX {
            return Err(PrometheusError::QueryTooLong { bytes: query.len() });
        }
        let mut url = self.base.clone();
        url.set_path(&format!("{}/api/v1/query", self.base.path().trim_end_matches('/')));
        url.query_pairs_mut().append_pair("query", query);
        let request = HttpRequest {
            method: "GET".to_owned(),
            url: url.into(),
            headers: BTreeMap::from([("accept".to_owned(), "application/json".to_owned())]),
            body: None,
            expected_status: (200, 200),
        };
        let answer = self.outgoing.send(&request, limit, BODY_BYTES_MAX).await?;
        let status = answer.status;
        let said = |said: &str| PrometheusError::Answer { status, said: clipped(said, SHOWN_CHARS_MAX) };
        if answer.body_cut {
            return Err(said("more than one number"));
        }
        let body: Body = serde_json::from_slice(&answer.body)
            .map_err(|_| said("no answer of Prometheus to an instant query of a scalar or a vector"))?;
        match body.data.filter(|_| answer.is_expected(&request)) {
            Some(data) => data.number(),
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
        };
        let number = value.parse::<f64>().ok().filter(|number| number.is_finite());
        number.ok_or_else(|| PrometheusError::NotANumber { value: clipped(&value, SHOWN_CHARS_MAX) })
    }
}
