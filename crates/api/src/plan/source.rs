//! What monitors ask of a Prometheus, an Alertmanager or a scanner's file, as users write it.

use std::collections::{BTreeMap, BTreeSet};

use domain::change::FindingSeverity;
use domain::duration::{format_duration_millis, parse_duration_seconds};
use domain::plan::source::{AFFECTED, Bound, Credentials, MIN_REQUESTS_DEFAULT, Millionths, Reduce, Source};
use domain::plan::{AlertQuestion, FindingsQuestion, MetricQuery, PrometheusQuestion};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::field::{FieldError, parse, parse_optional, unique_map};

/// The counter of requests that most libraries have.
const REQUESTS_METRIC: &str = "http_requests_total";
/// The histogram of latencies that most libraries have, without `_bucket`.
const LATENCY_METRIC: &str = "http_request_duration_seconds";
/// How far templates look back when the plan does not say, in seconds.
const WINDOW_SECONDS_DEFAULT: u64 = 60;
/// Time between two points of a range when the plan does not say, in seconds.
const STEP_SECONDS_DEFAULT: u64 = 15;
/// Age from which a scan says nothing when the plan does not say, in seconds: one day.
const SCAN_SECONDS_MAX_DEFAULT: u64 = 86_400;
/// Units that latencies are measured in, in microseconds.
const UNITS: [(&str, u64); 3] = [("seconds", 1_000_000), ("milliseconds", 1_000), ("microseconds", 1)];

type Labels = BTreeMap<String, String>;

/// A question to a Prometheus: exactly one of `query`, `error_rate`, `latency` and `saturation`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Prometheus {
    /// Its address.
    pub url: String,
    /// Variable of the runner's environment that holds a bearer token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_env: Option<String>,
    /// User, where it asks for user and password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Variable of the runner's environment that holds the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_env: Option<String>,
    /// PromQL whose value is one number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Looks back so far with `query`, for example `5m`; only at the present when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<String>,
    /// Time between two points of `over`; `15s` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// How the points of `over` become one number: last, mean, min or max; `mean` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reduce: Option<String>,
    /// The share of requests that fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_rate: Option<ErrorRate>,
    /// How long requests take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latency>,
    /// How much of what there is is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saturation: Option<Saturation>,
    /// Labels of what has changed; everything when absent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "unique_map")]
    pub canary: Labels,
    /// Labels of what it is compared with.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "unique_map")]
    pub baseline: Labels,
    /// What the value must be, for example `< 5%` or `<= 250ms`.
    pub expect: String,
    /// Requests below which nothing is judged; 10 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_requests: Option<u64>,
}

/// The share of requests that fail.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorRate {
    /// The counter of requests; `http_requests_total` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// Labels of every request that counts; a value that begins with `~` is a regular expression.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "unique_map")]
    pub labels: Labels,
    /// Labels that make a request a failed one, for example `code: "~5.."`.
    #[serde(deserialize_with = "unique_map")]
    pub errors: Labels,
    /// Over how much time; `1m` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
}

/// How long requests take.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// The histogram without `_bucket`; `http_request_duration_seconds` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// Labels of every request that counts; a value that begins with `~` is a regular expression.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "unique_map")]
    pub labels: Labels,
    /// Which percentile, for example 99 or 99.9.
    pub percentile: f64,
    /// Unit of the histogram: seconds, milliseconds or microseconds; seconds when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Over how much time; `1m` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
}

/// How much of what there is is used.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Saturation {
    /// The gauge of what is used, or of the share itself.
    pub used: String,
    /// The gauge of how much there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// Labels of both; a value that begins with `~` is a regular expression.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "unique_map")]
    pub labels: Labels,
}

/// A question to an Alertmanager: whether an alert is active.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Alertmanager {
    /// Its address.
    pub url: String,
    /// Variable of the runner's environment that holds a bearer token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_env: Option<String>,
    /// User, where it asks for user and password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Variable of the runner's environment that holds the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_env: Option<String>,
    /// Labels of the alerts that count; a value that begins with `~` is a regular expression.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "unique_map")]
    pub labels: Labels,
    /// `true` for the alerts about a service or item of the change, or names of others; `true` when absent and there are no `labels`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affected: Option<Affected>,
    /// Name of an alert that is always active where alerting works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watchdog: Option<String>,
}

/// What alerts must be about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged, expecting = "true, or a list of names of services and items")]
pub enum Affected {
    /// Whether it is the services and items of the change.
    OfTheChange(bool),
    /// These services and items.
    Names(BTreeSet<String>),
}

/// The file that a scanner wrote: SARIF, CycloneDX or OSV.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FindingsFile {
    /// The file, relative to the runner's working folder or absolute.
    pub file: String,
    /// From which severity on a finding counts; `high` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_on: Option<String>,
    /// Age from which the scan says nothing any more; `24h` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<String>,
}

impl Prometheus {
    pub(super) fn to_domain(&self, timeout_millis: u64) -> Result<PrometheusQuestion, FieldError> {
        let own = self.query.as_deref().map(|expression| self.expression(expression));
        let query = super::convert::exactly_one(
            "query, error_rate, latency and saturation",
            vec![
                own,
                self.error_rate.as_ref().map(ErrorRate::to_domain),
                self.latency.as_ref().map(Latency::to_domain),
                self.saturation.as_ref().map(|it| Ok(it.to_domain())),
            ],
        )?;
        if self.query.is_none() {
            for (field, given) in [("over", &self.over), ("step", &self.step), ("reduce", &self.reduce)] {
                if given.is_some() {
                    return Err(FieldError::new(field, "belongs to `query`: templates have `window`"));
                }
            }
        }
        Ok(PrometheusQuestion {
            source: source(&self.url, &self.token_env, &self.user, &self.password_env)?,
            query,
            canary: self.canary.clone(),
            baseline: self.baseline.clone(),
            expect: parse("expect", &self.expect)?,
            min_requests: self.min_requests.unwrap_or(MIN_REQUESTS_DEFAULT),
            timeout_millis,
        })
    }

    fn expression(&self, expression: &str) -> Result<MetricQuery, FieldError> {
        let expression = expression.to_owned();
        let Some(over) = &self.over else {
            return match (&self.step, &self.reduce) {
                (None, None) => Ok(MetricQuery::Instant { expression }),
                (Some(_), _) => Err(FieldError::new("step", "belongs to `over`")),
                (None, Some(_)) => Err(FieldError::new("reduce", "belongs to `over`")),
            };
        };
        Ok(MetricQuery::Range {
            expression,
            over_seconds: seconds("over", Some(over), 0)?,
            step_seconds: seconds("step", self.step.as_deref(), STEP_SECONDS_DEFAULT)?,
            reduce: parse_optional("reduce", self.reduce.as_deref())?.unwrap_or(Reduce::Mean),
        })
    }

    pub(super) fn from_domain(question: &PrometheusQuestion) -> Self {
        let (token_env, user, password_env) = credentials(question.source.credentials.as_ref());
        let mut wire = Self {
            url: question.source.url.clone(),
            token_env,
            user,
            password_env,
            canary: question.canary.clone(),
            baseline: question.baseline.clone(),
            expect: expected(question),
            min_requests: Some(question.min_requests),
            ..Self::default()
        };
        match &question.query {
            MetricQuery::Instant { expression } => wire.query = Some(expression.clone()),
            MetricQuery::Range { expression, over_seconds, step_seconds, reduce } => {
                wire.query = Some(expression.clone());
                wire.over = Some(duration(*over_seconds));
                wire.step = Some(duration(*step_seconds));
                wire.reduce = Some(reduce.to_string());
            }
            MetricQuery::ErrorRate { metric, labels, errors, window_seconds } => {
                wire.error_rate = Some(ErrorRate {
                    metric: Some(metric.clone()),
                    labels: labels.clone(),
                    errors: errors.clone(),
                    window: Some(duration(*window_seconds)),
                });
            }
            MetricQuery::Latency { metric, labels, per_mille, unit_micros, window_seconds } => {
                let unit = UNITS.iter().find(|(_, micros)| micros == unit_micros).map(|(unit, _)| *unit);
                wire.latency = Some(Latency {
                    metric: Some(metric.clone()),
                    labels: labels.clone(),
                    percentile: f64::from(*per_mille) / 10.0,
                    unit: unit.map(str::to_owned),
                    window: Some(duration(*window_seconds)),
                });
            }
            MetricQuery::Saturation { used, limit, labels } => {
                let (used, limit, labels) = (used.clone(), limit.clone(), labels.clone());
                wire.saturation = Some(Saturation { used, limit, labels });
            }
        }
        wire
    }
}

/// The bound in the unit that one would write it in.
fn expected(question: &PrometheusQuestion) -> String {
    let Bound { comparison, millionths } = question.expect;
    let latency = matches!(question.query, MetricQuery::Latency { .. });
    let share = matches!(question.query, MetricQuery::ErrorRate { .. } | MetricQuery::Saturation { .. });
    match u64::try_from(millionths) {
        Ok(micros) if latency && micros % 1_000 == 0 => {
            format!("{comparison} {}", format_duration_millis(micros / 1_000))
        }
        Ok(_) if share => match millionths.checked_mul(100) {
            Some(percent) => format!("{comparison} {}%", Millionths(percent)),
            None => question.expect.to_string(),
        },
        Ok(_) | Err(_) => question.expect.to_string(),
    }
}

impl ErrorRate {
    fn to_domain(&self) -> Result<MetricQuery, FieldError> {
        Ok(MetricQuery::ErrorRate {
            metric: self.metric.clone().unwrap_or_else(|| REQUESTS_METRIC.to_owned()),
            labels: self.labels.clone(),
            errors: self.errors.clone(),
            window_seconds: seconds("error_rate.window", self.window.as_deref(), WINDOW_SECONDS_DEFAULT)?,
        })
    }
}

impl Latency {
    fn to_domain(&self) -> Result<MetricQuery, FieldError> {
        let unit = self.unit.as_deref().unwrap_or("seconds");
        let unit_micros = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, micros)| *micros);
        let unknown = || {
            FieldError::new(
                "latency.unit",
                format!("`{unit}`: expected seconds, milliseconds or microseconds"),
            )
        };
        Ok(MetricQuery::Latency {
            metric: self.metric.clone().unwrap_or_else(|| LATENCY_METRIC.to_owned()),
            labels: self.labels.clone(),
            per_mille: per_mille(self.percentile)?,
            unit_micros: unit_micros.ok_or_else(unknown)?,
            window_seconds: seconds("latency.window", self.window.as_deref(), WINDOW_SECONDS_DEFAULT)?,
        })
    }
}

/// Tenths of a percent. The number is read as it is written, so that no rounding hides another percentile.
fn per_mille(percentile: f64) -> Result<u16, FieldError> {
    let text = percentile.to_string();
    let (whole, tenths) = text.split_once('.').unwrap_or((&text, "0"));
    let number = |part: &str| part.parse::<u16>().ok();
    let per_mille = match (number(whole), number(tenths).filter(|_| tenths.len() == 1)) {
        (Some(whole), Some(tenths)) if whole < 100 => whole * 10 + tenths,
        _ => 0,
    };
    if per_mille == 0 {
        let message =
            format!("`{text}`: expected more than 0 and less than 100 with at most one decimal, such as 99");
        return Err(FieldError::new("latency.percentile", message));
    }
    Ok(per_mille)
}

impl Saturation {
    fn to_domain(&self) -> MetricQuery {
        let Self { used, limit, labels } = self.clone();
        MetricQuery::Saturation { used, limit, labels }
    }
}

impl Alertmanager {
    pub(super) fn to_domain(&self, timeout_millis: u64) -> Result<AlertQuestion, FieldError> {
        Ok(AlertQuestion {
            source: source(&self.url, &self.token_env, &self.user, &self.password_env)?,
            labels: self.labels.clone(),
            about: match &self.affected {
                Some(Affected::Names(names)) => names.clone(),
                None if !self.labels.is_empty() => BTreeSet::new(),
                Some(Affected::OfTheChange(false)) => BTreeSet::new(),
                Some(Affected::OfTheChange(true)) | None => BTreeSet::from([AFFECTED.to_owned()]),
            },
            watchdog: self.watchdog.clone(),
            timeout_millis,
        })
    }

    pub(super) fn from_domain(question: &AlertQuestion) -> Self {
        let (token_env, user, password_env) = credentials(question.source.credentials.as_ref());
        let (url, labels) = (question.source.url.clone(), question.labels.clone());
        let affected = (!question.about.is_empty()).then(|| Affected::Names(question.about.clone()));
        Self { url, token_env, user, password_env, labels, affected, watchdog: question.watchdog.clone() }
    }
}

impl FindingsFile {
    pub(super) fn to_domain(&self) -> Result<FindingsQuestion, FieldError> {
        let fail_on = parse_optional("fail_on", self.fail_on.as_deref())?;
        Ok(FindingsQuestion {
            path: self.file.clone(),
            fail_on: fail_on.unwrap_or(FindingSeverity::High),
            age_seconds_max: seconds("max_age", self.max_age.as_deref(), SCAN_SECONDS_MAX_DEFAULT)?,
        })
    }

    pub(super) fn from_domain(question: &FindingsQuestion) -> Self {
        Self {
            file: question.path.clone(),
            fail_on: Some(question.fail_on.to_string()),
            max_age: Some(duration(question.age_seconds_max)),
        }
    }
}

fn source(
    url: &str,
    token_env: &Option<String>,
    user: &Option<String>,
    password_env: &Option<String>,
) -> Result<Source, FieldError> {
    Ok(Source { url: url.to_owned(), credentials: read_credentials(token_env, user, password_env)? })
}

/// What is sent as `Authorization`: by a token, or by user and password.
pub(super) fn read_credentials(
    token_env: &Option<String>,
    user: &Option<String>,
    password_env: &Option<String>,
) -> Result<Option<Credentials>, FieldError> {
    Ok(match (token_env.clone(), user.clone(), password_env.clone()) {
        (None, None, None) => None,
        (Some(variable), None, None) => Some(Credentials::Bearer { variable }),
        (None, Some(user), Some(variable)) => Some(Credentials::Basic { user, variable }),
        (None, Some(_), None) => return Err(FieldError::new("password_env", "is missing beside `user`")),
        (None, None, Some(_)) => return Err(FieldError::new("user", "is missing beside `password_env`")),
        (Some(_), _, _) => {
            return Err(FieldError::new(
                "token_env",
                "expected this, or `user` and `password_env`, not both",
            ));
        }
    })
}

pub(super) fn credentials(
    credentials: Option<&Credentials>,
) -> (Option<String>, Option<String>, Option<String>) {
    match credentials {
        None => (None, None, None),
        Some(Credentials::Bearer { variable }) => (Some(variable.clone()), None, None),
        Some(Credentials::Basic { user, variable }) => (None, Some(user.clone()), Some(variable.clone())),
    }
}

fn seconds(field: &str, text: Option<&str>, default: u64) -> Result<u64, FieldError> {
    text.map_or(Ok(default), |text| {
        parse_duration_seconds(text).map_err(|error| FieldError::new(field, error))
    })
}

fn duration(seconds: u64) -> String {
    format_duration_millis(seconds.saturating_mul(1_000))
}

#[cfg(test)]
mod tests {
    use crate::plan::Monitor;

    fn monitor(yaml: &str) -> Result<domain::plan::Monitor, String> {
        let monitor: Monitor = serde_saphyr::from_str(yaml).map_err(|error| error.to_string())?;
        let mut monitor = monitor.to_domain().map_err(|error| error.to_string())?;
        monitor.probe.fill(&std::collections::BTreeSet::from(["shop".to_owned()]));
        domain::plan::Monitor::validate_all(std::slice::from_ref(&monitor))
            .map_err(|error| error.to_string())?;
        Ok(monitor)
    }

    #[test]
    fn what_users_write_comes_back_the_same() {
        for yaml in [
            "{name: a, prometheus: {url: 'http://p:9090', query: 'up', expect: '>= 1'}}",
            "{name: a, prometheus: {url: 'http://p:9090', query: up, over: 5m, reduce: max, expect: '< 3'}}",
            "{name: a, prometheus: {url: 'http://p', token_env: T, error_rate: {errors: {code: '~5..'}}, expect: '< 5%', \
             canary: {version: '2'}, baseline: {version: '1'}}}",
            "{name: a, prometheus: {url: 'http://p', user: me, password_env: P, latency: {percentile: 99.9, unit: milliseconds}, \
             expect: '<= 250ms'}}",
            "{name: a, prometheus: {url: 'http://p', saturation: {used: used_bytes, limit: limit_bytes}, expect: '< 90%'}}",
            "{name: a, alertmanager: {url: 'http://a', labels: {service: shop}, watchdog: Watchdog}}",
            "{name: a, alertmanager: {url: 'http://a', labels: {severity: page}, affected: [shop, Deployment/shop/cart]}}",
            "{name: a, alertmanager: {url: 'http://a'}}",
            "{name: a, findings: {file: scan.sarif, fail_on: critical, max_age: 1h}}",
        ] {
            let read = monitor(yaml).unwrap_or_else(|error| panic!("{yaml}: {error}"));
            let again = Monitor::from_domain(&read);
            assert_eq!(again.to_domain().unwrap(), read, "{yaml}");
        }
        let bound = |yaml: &str| match Monitor::from_domain(&monitor(yaml).unwrap()).prometheus {
            Some(prometheus) => prometheus.expect,
            None => panic!("not of a Prometheus"),
        };
        let rate = "{name: a, prometheus: {url: 'http://p', error_rate: {errors: {code: '~5..'}}, expect: '< 0.025'}}";
        assert_eq!(bound(rate), "< 2.5%");
        let latency = "{name: a, prometheus: {url: 'http://p', latency: {percentile: 50}, expect: '< 0.25'}}";
        assert_eq!(bound(latency), "< 250ms");
    }

    #[test]
    fn what_cannot_be_asked_is_refused_with_the_field() {
        for (yaml, expected) in [
            ("{url: 'http://p', expect: '< 1'}", "expected one of query, error_rate, latency and saturation"),
            ("{url: 'http://p', query: up, saturation: {used: x}, expect: '< 1'}", "expected exactly one of"),
            ("{url: 'http://p', query: up}", "expect"),
            ("{url: 'http://p', query: up, expect: '5%'}", "such as `< 5%`"),
            ("{url: 'http://p', query: up, step: 5s, expect: '< 1'}", "`prometheus.step`: belongs to `over`"),
            ("{url: 'http://p', query: up, over: 1m, step: 5m, expect: '< 1'}", "within `over`"),
            (
                "{url: 'http://p', query: up, canary: {a: b}, expect: '< 1'}",
                "which says itself what it looks at",
            ),
            ("{url: 'http://u:p@p', query: up, expect: '< 1'}", "without user name and password"),
            (
                "{url: 'http://p', token_env: CORTEX_CHANGE_TOKEN, query: up, expect: '< 1'}",
                "any other variable",
            ),
            ("{url: 'http://p', token_env: T, user: u, query: up, expect: '< 1'}", "not both"),
            ("{url: 'http://p', error_rate: {errors: {}}, expect: '< 1'}", "labels that make a request"),
            (
                "{url: 'http://p', error_rate: {metric: 'a{', errors: {a: b}}, expect: '< 1'}",
                "the name of a metric",
            ),
            ("{url: 'http://p', error_rate: {errors: {'a-b': c}}, expect: '< 1'}", "names of letters"),
            ("{url: 'http://p', latency: {percentile: 100}, expect: '< 1s'}", "less than 100"),
            ("{url: 'http://p', latency: {percentile: 99.99}, expect: '< 1s'}", "at most one decimal"),
            (
                "{url: 'http://p', latency: {percentile: 99}, canary: {a: b}, baseline: {a: b}, expect: '< 1s'}",
                "compared with",
            ),
            (
                "{url: 'http://p', latency: {percentile: 99}, baseline: {a: b}, expect: '< 1s'}",
                "what has changed",
            ),
            (
                "{url: 'http://p', latency: {percentile: 99}, min_requests: 0, expect: '< 1s'}",
                "1 to 1000000 requests",
            ),
        ] {
            let error = monitor(&format!("{{name: a, prometheus: {yaml}}}")).unwrap_err();
            assert!(error.contains(expected), "{yaml}: {error}");
        }
        let unfilled = b"steps: [{name: a, check: {alertmanager: {url: 'http://a'}}}]";
        let plan: crate::plan::ImplementationPlan = crate::read::yaml(unfilled).unwrap();
        let error = plan.to_domain().unwrap().validate().unwrap_err().to_string();
        assert!(error.contains("filled in for `monitors` only"), "{error}");
        let error = monitor("{name: a, alertmanager: {url: 'http://a', affected: false}}").unwrap_err();
        assert!(error.contains("labels of the alerts that count"), "{error}");
    }
}
