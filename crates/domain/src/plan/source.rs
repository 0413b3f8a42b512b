//! What monitors ask of sources that know more than one answer: metrics, alerts, the findings of scanners.
//!
//! Numbers are whole: a threshold is in millionths of the value's unit, a percentile in tenths of a percent.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::definition::Probe;
use super::validate::{Field, PlanError};
use crate::change::FindingSeverity;
use crate::change::kind::words;
use crate::duration::parse_duration_millis;

/// Most labels of a selector.
pub const LABELS_MAX: usize = 32;
/// Longest value of a label, in bytes.
pub const LABEL_BYTES_MAX: usize = 512;
/// Longest expression, in bytes.
pub const EXPRESSION_BYTES_MAX: usize = 4 * 1024;
/// Shortest and longest time that a monitor looks back over, in seconds: one day at most.
pub const LOOK_BACK_SECONDS: RangeInclusive<u64> = 1..=86_400;
/// Most services and items that alerts are looked for.
pub const ABOUT_MAX: usize = 200;
/// What stands for the services and items of the change, until the change is requested.
pub const AFFECTED: &str = "{{affected}}";
/// Characters that mean something in a regular expression.
const PATTERN_CHARACTERS: &str = r"\.+*?()|[]{}^$";
/// Most points of a range query.
pub const POINTS_MAX: u64 = 1_000;
/// Most requests that a monitor may wait for before it judges.
pub const MIN_REQUESTS_MAX: u64 = 1_000_000;
/// Requests below which a share or a percentile says nothing, when the plan does not say.
pub const MIN_REQUESTS_DEFAULT: u64 = 10;
/// Millionths in one.
const MILLION: i64 = 1_000_000;
/// Largest threshold, in whole units.
const THRESHOLD_MAX: i64 = 1_000_000_000_000;
/// What the value of a label begins with when it is a regular expression.
pub const PATTERN_MARK: char = '~';

/// Labels that a series or an alert must have. A value that begins with `~` is a regular expression for the whole value.
pub type Labels = BTreeMap<String, String>;

/// Where to ask, and as whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Absolute address, `http` or `https`.
    pub url: String,
    /// As whom; nobody when absent.
    pub credentials: Option<Credentials>,
}

/// Secrets are named, never written: the runner's environment holds them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Credentials {
    /// `Authorization: Bearer …`.
    Bearer {
        /// Variable that holds the token.
        variable: String,
    },
    /// `Authorization: Basic …`.
    Basic {
        /// The user.
        user: String,
        /// Variable that holds the password.
        variable: String,
    },
}

/// A question to a Prometheus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrometheusQuestion {
    /// Which Prometheus.
    pub source: Source,
    /// What is asked.
    pub query: MetricQuery,
    /// Labels of what has changed; of everything when empty.
    pub canary: Labels,
    /// Labels of what it is compared with; nothing when empty.
    pub baseline: Labels,
    /// What the value must be.
    pub expect: Bound,
    /// Requests below which a share or a percentile says nothing.
    pub min_requests: u64,
    /// Longest wait for the answer, in milliseconds.
    pub timeout_millis: u64,
}

/// What is asked of a Prometheus. The first two are expressions of the user's, the others are templates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum MetricQuery {
    /// An expression whose value now is one number.
    Instant {
        /// PromQL.
        expression: String,
    },
    /// An expression over the time just past.
    Range {
        /// PromQL.
        expression: String,
        /// How far back, in seconds.
        over_seconds: u64,
        /// Time between two points, in seconds.
        step_seconds: u64,
        /// How the points become one number.
        reduce: Reduce,
    },
    /// Share of requests that fail, from a counter of requests.
    ErrorRate {
        /// The counter.
        metric: String,
        /// Labels of every request that counts.
        labels: Labels,
        /// Labels that make a request a failed one.
        errors: Labels,
        /// Over how much time, in seconds.
        window_seconds: u64,
    },
    /// A percentile of how long requests take, in seconds, from a histogram.
    Latency {
        /// The histogram, without `_bucket`.
        metric: String,
        /// Labels of every request that counts.
        labels: Labels,
        /// The percentile in tenths of a percent: 990 is p99.
        per_mille: u16,
        /// Microseconds in one unit of the histogram's `le`.
        unit_micros: u64,
        /// Over how much time, in seconds.
        window_seconds: u64,
    },
    /// Used share of what there is, from gauges.
    Saturation {
        /// What is used, or the share itself where there is no limit.
        used: String,
        /// How much there is.
        limit: Option<String>,
        /// Labels of both.
        labels: Labels,
    },
}

words!(
    /// How the points of a range become one number.
    Reduce, "way to reduce a range", {
        /// The newest.
        Last = "last",
        /// Their mean.
        Mean = "mean",
        /// The smallest.
        Min = "min",
        /// The largest.
        Max = "max",
    }
);

words!(
    /// How a value is compared.
    Comparison, "comparison", {
        /// Less than.
        Below = "<",
        /// At most.
        AtMost = "<=",
        /// Greater than.
        Above = ">",
        /// At least.
        AtLeast = ">=",
    }
);

/// What a value must be to pass: `< 5%`, `<= 250ms`, `> 0.5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    /// How it is compared.
    pub comparison: Comparison,
    /// With what, in millionths of the value's unit.
    pub millionths: i64,
}

/// A question to an Alertmanager: whether an alert is active.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertQuestion {
    /// Which Alertmanager.
    pub source: Source,
    /// Labels of the alerts that count.
    pub labels: Labels,
    /// Services and items of which the alert must be about one; whatever it is about when empty.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub about: BTreeSet<String>,
    /// An alert that is always active where alerting works; without it nothing can be said.
    pub watchdog: Option<String>,
    /// Longest wait for the answer, in milliseconds.
    pub timeout_millis: u64,
}

/// A question to the file that a scanner wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FindingsQuestion {
    /// The file: SARIF, CycloneDX or OSV.
    pub path: String,
    /// From which severity on a finding counts.
    pub fail_on: FindingSeverity,
    /// Age from which the scan says nothing any more, in seconds.
    pub age_seconds_max: u64,
}

/// A bound that does not have the accepted form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{given}` is no bound: expected `<`, `<=`, `>` or `>=` and a number, share or duration, such as `< 5%`, `<= 250ms` or `> 0.5`"
)]
pub struct InvalidBound {
    given: String,
}

impl Bound {
    /// Whether `millionths` is as it must be.
    pub fn holds(self, millionths: i128) -> bool {
        let limit = i128::from(self.millionths);
        match self.comparison {
            Comparison::Below => millionths < limit,
            Comparison::AtMost => millionths <= limit,
            Comparison::Above => millionths > limit,
            Comparison::AtLeast => millionths >= limit,
        }
    }
}

impl FromStr for Bound {
    type Err = InvalidBound;

    fn from_str(text: &str) -> Result<Self, InvalidBound> {
        let invalid = || InvalidBound { given: text.chars().take(80).filter(|c| !c.is_control()).collect() };
        let (comparison, value) =
            [Comparison::AtMost, Comparison::AtLeast, Comparison::Below, Comparison::Above]
                .into_iter()
                .find_map(|comparison| Some((comparison, text.strip_prefix(comparison.as_str())?)))
                .ok_or_else(invalid)?;
        let value = value.trim();
        let millionths = match value.strip_suffix('%') {
            Some(percent) => decimal(percent.trim_end()).map(|millionths| millionths / 100),
            None => decimal(value).or_else(|| {
                let millis = parse_duration_millis(value).ok()?;
                i64::try_from(millis).ok()?.checked_mul(1_000)
            }),
        };
        Ok(Self { comparison, millionths: millionths.ok_or_else(invalid)? })
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.comparison, Millionths(self.millionths))
    }
}

/// Millionths as the shortest decimal number.
#[derive(Debug, Clone, Copy)]
pub struct Millionths(
    /// The number.
    pub i64,
);

impl fmt::Display for Millionths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, rest) = (self.0.unsigned_abs() / 1_000_000, self.0.unsigned_abs() % 1_000_000);
        if rest == 0 {
            return write!(f, "{sign}{whole}");
        }
        let decimals = format!("{rest:06}");
        write!(f, "{sign}{whole}.{}", decimals.trim_end_matches('0'))
    }
}

/// A decimal number with at most six decimals, in millionths.
fn decimal(text: &str) -> Option<i64> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(decimals) || decimals.len() > 6 {
        return None;
    }
    let whole: i64 = whole.parse().ok().filter(|whole| *whole <= THRESHOLD_MAX)?;
    let decimals: i64 = format!("{decimals:0<6}").parse().ok()?;
    Some(sign * (whole * MILLION + decimals))
}

impl Probe {
    /// Longest time until it has answered, in milliseconds.
    pub fn timeout_millis(&self) -> u64 {
        match self {
            Self::Http { timeout_millis, .. } | Self::Command { timeout_millis, .. } => *timeout_millis,
            Self::Prometheus(question) => question.timeout_millis,
            Self::Alertmanager(question) => question.timeout_millis,
            // A file is there or it is not.
            Self::Findings(_) => 0,
        }
    }
}

impl Probe {
    /// Puts the services and items of the change in the place of [`AFFECTED`], in the labels of series and in what alerts are
    /// about. Says whether anything stood for them.
    pub fn fill(&mut self, affected: &BTreeSet<String>) -> bool {
        match self {
            Self::Prometheus(question) => {
                let of_query = match &mut question.query {
                    MetricQuery::Instant { .. } | MetricQuery::Range { .. } => Vec::new(),
                    MetricQuery::ErrorRate { labels, errors, .. } => vec![labels, errors],
                    MetricQuery::Latency { labels, .. } | MetricQuery::Saturation { labels, .. } => {
                        vec![labels]
                    }
                };
                let all = of_query.into_iter().chain([&mut question.canary, &mut question.baseline]);
                // Every one of them is filled, not only the first.
                all.map(|labels| fill_labels(labels, affected)).filter(|is_filled| *is_filled).count() > 0
            }
            Self::Alertmanager(question) => {
                let is_filled = question.about.remove(AFFECTED);
                if is_filled {
                    question.about.extend(affected.iter().cloned());
                }
                fill_labels(&mut question.labels, affected) || is_filled
            }
            Self::Http { .. } | Self::Command { .. } | Self::Findings(_) => false,
        }
    }
}

/// One name stands as it is, several as a regular expression.
fn fill_labels(labels: &mut Labels, affected: &BTreeSet<String>) -> bool {
    let mut is_filled = false;
    for value in labels.values_mut().filter(|value| *value == AFFECTED) {
        is_filled = true;
        let mut names = affected.iter();
        *value = match (names.next(), names.next()) {
            (Some(only), None) if !only.starts_with(PATTERN_MARK) => only.clone(),
            _ => {
                let names: Vec<String> = affected.iter().map(|name| literal(name)).collect();
                format!("{PATTERN_MARK}{}", names.join("|"))
            }
        };
    }
    is_filled
}

/// A name as a regular expression that it alone matches.
fn literal(name: &str) -> String {
    name.chars().fold(String::new(), |mut text, character| {
        if PATTERN_CHARACTERS.contains(character) {
            text.push('\\');
        }
        text.push(character);
        text
    })
}

impl Source {
    pub(super) fn validate(&self, field: &Field<'_>) -> Result<(), PlanError> {
        field.at("url").address(&self.url)?;
        self.credentials.iter().try_for_each(|credentials| credentials.validate(field))
    }
}

impl Credentials {
    pub(super) fn validate(&self, field: &Field<'_>) -> Result<(), PlanError> {
        match self {
            Self::Bearer { variable } => field.at("token_env").variable(variable),
            Self::Basic { user, variable } => {
                field.at("user").text(user, LABEL_BYTES_MAX)?;
                field.at("password_env").variable(variable)
            }
        }
    }
}

impl PrometheusQuestion {
    pub(super) fn validate(&self, field: &Field<'_>) -> Result<(), PlanError> {
        field.at("timeout_millis").probe_timeout(self.timeout_millis)?;
        self.source.validate(field)?;
        field.at("min_requests").within(self.min_requests, 1..=MIN_REQUESTS_MAX, "requests")?;
        let (canary, baseline) = (field.at("canary"), field.at("baseline"));
        labels(&canary, &self.canary)?;
        labels(&baseline, &self.baseline)?;
        if self.query.is_expression() && !(self.canary.is_empty() && self.baseline.is_empty()) {
            let expected = "none with a `query` of one's own, which says itself what it looks at";
            return Err(canary.refuse("present", expected));
        }
        if self.canary.is_empty() && !self.baseline.is_empty() {
            return Err(canary.refuse("absent", "the labels of what has changed, beside those of `baseline`"));
        }
        if !self.canary.is_empty() && self.canary == self.baseline {
            return Err(baseline.refuse("the same as `canary`", "the labels of what it is compared with"));
        }
        self.query.validate(field)
    }
}

impl MetricQuery {
    /// Whether it is the user's own expression.
    pub fn is_expression(&self) -> bool {
        match self {
            Self::Instant { .. } | Self::Range { .. } => true,
            Self::ErrorRate { .. } | Self::Latency { .. } | Self::Saturation { .. } => false,
        }
    }

    fn validate(&self, field: &Field<'_>) -> Result<(), PlanError> {
        let window = |seconds: u64| field.at("window").within(seconds, LOOK_BACK_SECONDS, "seconds");
        match self {
            Self::Instant { expression } => field.at("query").text(expression, EXPRESSION_BYTES_MAX),
            Self::Range { expression, over_seconds, step_seconds, reduce: _ } => {
                field.at("query").text(expression, EXPRESSION_BYTES_MAX)?;
                field.at("over").within(*over_seconds, LOOK_BACK_SECONDS, "seconds")?;
                field.at("step").within(*step_seconds, 1..=*over_seconds, "seconds, within `over`")?;
                let unit = format!("points: make `step` longer than {step_seconds} seconds");
                field.at("over").within(over_seconds / step_seconds, 1..=POINTS_MAX, &unit)
            }
            Self::ErrorRate { metric, labels: all, errors, window_seconds } => {
                let field = field.at("error_rate");
                name(&field.at("metric"), metric)?;
                labels(&field.at("labels"), all)?;
                labels(&field.at("errors"), errors)?;
                if errors.is_empty() {
                    let expected = "labels that make a request a failed one, such as `code: \"~5..\"`";
                    return Err(field.at("errors").refuse("empty", expected));
                }
                window(*window_seconds)
            }
            Self::Latency { metric, labels: all, per_mille, unit_micros, window_seconds } => {
                let field = field.at("latency");
                name(&field.at("metric"), metric)?;
                labels(&field.at("labels"), all)?;
                field.at("percentile").within(u64::from(*per_mille), 1..=999, "tenths of a percent")?;
                field.at("unit").within(*unit_micros, 1..=1_000_000, "microseconds")?;
                window(*window_seconds)
            }
            Self::Saturation { used, limit, labels: all } => {
                let field = field.at("saturation");
                name(&field.at("used"), used)?;
                limit.as_deref().map_or(Ok(()), |limit| name(&field.at("limit"), limit))?;
                labels(&field.at("labels"), all)
            }
        }
    }
}

impl AlertQuestion {
    pub(super) fn validate(&self, field: &Field<'_>) -> Result<(), PlanError> {
        field.at("timeout_millis").probe_timeout(self.timeout_millis)?;
        self.source.validate(field)?;
        if self.labels.is_empty() && self.about.is_empty() {
            let expected =
                "labels of the alerts that count, such as `service: checkout`, or names in `affected`";
            return Err(field.at("labels").refuse("empty", expected));
        }
        let about = field.at("affected");
        about.count(self.about.len(), 0..=ABOUT_MAX, "names")?;
        for name in &self.about {
            refuse_unfilled(&about, name)?;
            about.text(name, LABEL_BYTES_MAX)?;
        }
        labels(&field.at("labels"), &self.labels)?;
        self.watchdog.as_deref().map_or(Ok(()), |name| field.at("watchdog").text(name, LABEL_BYTES_MAX))
    }
}

impl FindingsQuestion {
    pub(super) fn validate(&self, field: &Field<'_>) -> Result<(), PlanError> {
        field.at("file").path(&self.path)?;
        let seconds_max = crate::duration::DURATION_MILLIS_MAX / 1_000;
        field.at("max_age").within(self.age_seconds_max, 1..=seconds_max, "seconds")
    }
}

/// A metric's name.
fn name(field: &Field<'_>, name: &str) -> Result<(), PlanError> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_:".contains(&byte);
    let starts_well = name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    if starts_well && name.len() <= LABEL_BYTES_MAX && name.bytes().all(is_name) {
        return Ok(());
    }
    Err(field.refuse(super::validate::quoted(name), "the name of a metric such as `http_requests_total`"))
}

fn labels(field: &Field<'_>, labels: &Labels) -> Result<(), PlanError> {
    field.count(labels.len(), 0..=LABELS_MAX, "labels")?;
    for (name, value) in labels {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let starts_well = name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
        if !starts_well || !name.bytes().all(is_name) || name.len() > LABEL_BYTES_MAX {
            let expected = "names of letters, digits and `_`, not beginning with a digit";
            return Err(field.refuse(super::validate::quoted(name), expected));
        }
        if value.chars().any(char::is_control) {
            return Err(field.at(name).refuse("with control characters", "one line of text"));
        }
        field.at(name).bytes(value, LABEL_BYTES_MAX)?;
        refuse_unfilled(&field.at(name), value)?;
    }
    Ok(())
}

/// What stands for others and was not filled would look for nothing, and find nothing wrong.
fn refuse_unfilled(field: &Field<'_>, text: &str) -> Result<(), PlanError> {
    if text == AFFECTED {
        let expected = "names: what the change affects is filled in for `monitors` only";
        return Err(field.refuse(super::validate::quoted(AFFECTED), expected));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_change_affects_stands_as_a_name_or_as_a_pattern_of_all_of_them() {
        let filled = |names: &[&str]| {
            let mut labels = Labels::from([
                ("service".to_owned(), AFFECTED.to_owned()),
                ("code".to_owned(), "~5..".to_owned()),
            ]);
            let names = names.iter().map(ToString::to_string).collect();
            assert!(fill_labels(&mut labels, &names));
            assert_eq!(labels["code"], "~5..");
            labels["service"].clone()
        };
        assert_eq!(filled(&["shop.v2"]), "shop.v2");
        assert_eq!(filled(&["shop.v2", "cart(a)"]), r"~cart\(a\)|shop\.v2");
        assert_eq!(filled(&["~odd"]), "~~odd");
        assert!(!fill_labels(&mut Labels::from([("a".to_owned(), "b".to_owned())]), &BTreeSet::new()));
    }

    #[test]
    fn bounds_are_read_as_they_are_written() {
        for (text, millionths, shown) in [
            ("< 5%", 50_000, "< 0.05"),
            ("<=0.25 %", 2_500, "<= 0.0025"),
            ("< 250ms", 250_000, "< 0.25"),
            ("<= 1m30s", 90_000_000, "<= 90"),
            ("> 0.5", 500_000, "> 0.5"),
            (">= -3", -3_000_000, ">= -3"),
            ("< 12.000001", 12_000_001, "< 12.000001"),
        ] {
            let bound: Bound = text.parse().unwrap();
            assert_eq!((bound.millionths, bound.to_string().as_str()), (millionths, shown), "{text}");
            assert_eq!(shown.parse::<Bound>().unwrap(), bound);
        }
        for text in ["", "5%", "= 5", "< ", "< x", "< 1.2345678", "< NaN", "< inf", "< 1e9", "<< 5", "< 5 %%"]
        {
            let error = text.parse::<Bound>().unwrap_err().to_string();
            assert!(error.contains("such as `< 5%`"), "{text}: {error}");
        }
    }

    #[test]
    fn a_bound_holds_on_its_side_only() {
        let holds = |text: &str, millionths: i128| text.parse::<Bound>().unwrap().holds(millionths);
        assert!(holds("< 1", 999_999) && !holds("< 1", 1_000_000));
        assert!(holds("<= 1", 1_000_000) && !holds("<= 1", 1_000_001));
        assert!(holds("> 1", 1_000_001) && !holds("> 1", 1_000_000));
        assert!(holds(">= 1", 1_000_000) && !holds(">= 1", 999_999));
    }
}
