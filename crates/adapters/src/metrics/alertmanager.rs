//! Asks an Alertmanager whether an alert is active. Silenced and inhibited alerts do not count: somebody knows of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::alert::subjects;
use domain::plan::source::{Labels, PATTERN_MARK};
use domain::plan::{AlertQuestion, HttpRequest};
use domain::rollback::Verdict;
use serde::Deserialize;
use url::Url;

use super::{Sampled, authorization};
use crate::execute::ExecutionContext;
use crate::text::clipped;

/// How much of an answer is read, in bytes: some thousand alerts.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most alerts that are named.
const SHOWN_MAX: usize = 5;
/// Longest name of an alert that is shown, in characters.
const NAME_CHARS_MAX: usize = 80;
/// The label that holds an alert's name.
const NAME: &str = "alertname";

#[derive(Deserialize)]
struct Alert {
    labels: BTreeMap<String, String>,
    status: Status,
}

#[derive(Deserialize)]
struct Status {
    state: String,
    #[serde(rename = "silencedBy", default)]
    silenced_by: Vec<String>,
    #[serde(rename = "inhibitedBy", default)]
    inhibited_by: Vec<String>,
}

pub(super) async fn ask(question: &AlertQuestion, limit: Duration, context: &ExecutionContext) -> Sampled {
    let mut sampled = match active(question, &question.labels, limit, context).await {
        Err(problem) => return Sampled::unanswered(Verdict::Error, problem),
        Ok(alerts) => {
            let alerts: Vec<Alert> =
                alerts.into_iter().filter(|alert| is_about(alert, &question.about)).collect();
            if alerts.is_empty() {
                Sampled::unanswered(Verdict::Pass, "no alert is active".to_owned())
            } else {
                Sampled::unanswered(Verdict::Fail, names(&alerts))
            }
        }
    };
    if let (Verdict::Pass, Some(name)) = (sampled.verdict, &question.watchdog) {
        let labels = Labels::from([(NAME.to_owned(), name.clone())]);
        sampled = match active(question, &labels, limit, context).await {
            Err(problem) => Sampled::unanswered(Verdict::Error, problem),
            Ok(alerts) if alerts.is_empty() => {
                let detail = format!("`{name}` is not active, so alerts may not arrive");
                Sampled::unanswered(Verdict::Inconclusive, detail)
            }
            Ok(_) => sampled,
        };
    }
    sampled
}

/// Whether an alert is about one of these, by the labels by which alerts that are reported to the server are, too.
fn is_about(alert: &Alert, names: &BTreeSet<String>) -> bool {
    names.is_empty() || subjects(&alert.labels).iter().any(|name| names.contains(name.as_str()))
}

/// The alerts with these labels that are active, or why that is not known.
async fn active(
    question: &AlertQuestion,
    labels: &Labels,
    limit: Duration,
    context: &ExecutionContext,
) -> Result<Vec<Alert>, String> {
    let (authorization, masker) =
        authorization(&question.source, context).map_err(|unfit| unfit.to_string())?;
    let mut headers = BTreeMap::from([("accept".to_owned(), "application/json".to_owned())]);
    headers.extend(authorization.map(|value| ("authorization".to_owned(), value)));
    let request = HttpRequest {
        method: "GET".to_owned(),
        url: address(&question.source.url, labels)?.into(),
        headers,
        body: None,
        credentials: None,
        header_variables: BTreeMap::new(),
        expected_status: (200, 200),
    };
    let answer = context.outgoing().send(&request, limit, BODY_BYTES_MAX).await;
    let answer = answer.map_err(|error| masker.mask(&error.to_string()))?;
    if !answer.is_expected(&request) {
        return Err(answer.unexpected(&request));
    }
    if answer.body_cut {
        return Err(format!("more than {BODY_BYTES_MAX} bytes of alerts: narrow the labels"));
    }
    let alerts: Vec<Alert> = serde_json::from_slice(&answer.body)
        .map_err(|_| "no answer of an Alertmanager with its interface v2".to_owned())?;
    // It was asked for these only; one that is not asked so well must not take a change back.
    let is_active = |alert: &Alert| {
        let Status { state, silenced_by, inhibited_by } = &alert.status;
        state == "active" && silenced_by.is_empty() && inhibited_by.is_empty()
    };
    Ok(alerts.into_iter().filter(is_active).collect())
}

fn address(base: &str, labels: &Labels) -> Result<Url, String> {
    let mut url = Url::parse(base).map_err(|_| "the address is none of an Alertmanager".to_owned())?;
    url.set_path(&format!("{}/api/v2/alerts", url.path().trim_end_matches('/')));
    let mut query = url.query_pairs_mut();
    query.clear();
    query.extend_pairs([("active", "true"), ("silenced", "false"), ("inhibited", "false")]);
    query.append_pair("unprocessed", "false");
    for (name, value) in labels {
        let (operator, value) =
            value.strip_prefix(PATTERN_MARK).map_or(("=", value.as_str()), |pattern| ("=~", pattern));
        let value = value.replace('\\', r"\\").replace('"', "\\\"");
        query.append_pair("filter", &format!("{name}{operator}\"{value}\""));
    }
    drop(query);
    Ok(url)
}

fn names(alerts: &[Alert]) -> String {
    let name = |alert: &Alert| {
        let name = alert.labels.get(NAME).map_or("an alert without a name", String::as_str);
        clipped(name, NAME_CHARS_MAX)
    };
    let shown: Vec<String> = alerts.iter().take(SHOWN_MAX).map(name).collect();
    let more = match alerts.len().saturating_sub(SHOWN_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("active: {}{more}", shown.join(", "))
}
