//! Figures: in the form that Prometheus reads, and true.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;

use crate::harness::{Database, on_sqlite, small};
use crate::http::Ask;
use crate::team::team;

on_sqlite!(figures_parse_and_are_true, made_up_methods_are_counted_as_one,);

/// The samples of an OpenMetrics text, by name and labels as they are written. Refuses what Prometheus would.
fn parse(text: &str) -> Result<BTreeMap<String, f64>> {
    let (mut samples, mut families) = (BTreeMap::new(), BTreeMap::new());
    let (body, end) = text.trim_end().rsplit_once('\n').context("lines")?;
    ensure!(end == "# EOF", "no end: {end}");
    for line in body.lines() {
        if let Some(meta) = line.strip_prefix("# ") {
            let mut words = meta.splitn(3, ' ');
            let (word, family, rest) =
                (words.next(), words.next().context("a name")?, words.next().context("a text")?);
            match word {
                Some("HELP") => ensure!(rest.ends_with('.'), "{line}"),
                Some("TYPE") => {
                    let known = ["counter", "gauge", "histogram"].contains(&rest);
                    ensure!(known && families.insert(family.to_owned(), rest.to_owned()).is_none(), "{line}");
                }
                _ => bail!("{line}"),
            }
            continue;
        }
        let (name, value) = line.rsplit_once(' ').context("a value")?;
        let base = name.split('{').next().unwrap_or_default();
        let family = ["_total", "_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| base.strip_suffix(end))
            .unwrap_or(base);
        ensure!(families.contains_key(family), "{line}: no type");
        ensure!(samples.insert(name.to_owned(), value.parse()?).is_none(), "{line}: twice");
    }
    Ok(samples)
}

async fn figures_parse_and_are_true(database: Database) -> Result<()> {
    let (app, ann, _) = team(database).await?;
    let figures = async || -> Result<BTreeMap<String, f64>> {
        let answer = ann.send(Ask::get("/metrics")).await?;
        let media_type = answer.header("content-type").context("a media type")?;
        assert_eq!(media_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
        parse(&answer.text())
    };
    let before = figures().await?;
    for _ in 0..3 {
        ann.create(&small("greeter")).await?;
    }
    ann.create(&small("identity")).await?;
    ann.send(Ask::get("/api/v1/changes/CHG-2026-000077")).await?.refused(404, "not-found")?;
    let after = figures().await?;
    let grown = |name: &str| after.get(name).unwrap_or(&0.0) - before.get(name).unwrap_or(&0.0);
    assert_eq!(grown("cortex_change_changes{state=\"approved\"}"), 3.0);
    assert_eq!(grown("cortex_change_changes{state=\"awaiting_approval\"}"), 1.0);
    assert_eq!(after["cortex_change_changes{state=\"closed\"}"], 0.0, "states without a change are told too");
    assert_eq!(grown("cortex_change_change_events_total{action=\"created\"}"), 4.0);
    assert_eq!(grown("cortex_change_change_events_total{action=\"approved\"}"), 3.0);
    let requests = |method: &str, route: &str, status: u16| {
        format!(
            "cortex_change_http_requests_total{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}}"
        )
    };
    assert_eq!(grown(&requests("POST", "/api/v1/changes", 201)), 4.0);
    assert_eq!(grown(&requests("GET", "/api/v1/changes/{id}", 404)), 1.0);
    // Six requests and the first reading of the figures itself.
    assert_eq!(grown("cortex_change_http_request_duration_seconds_count"), 6.0);
    let buckets: Vec<_> =
        after.iter().filter(|(name, _)| name.contains("_bucket{")).map(|(_, count)| *count).collect();
    assert_eq!(buckets.len(), 12);
    #[expect(clippy::cast_precision_loss, reason = "a small number of entries")]
    let size = app.log_size().await? as f64;
    assert_eq!(after["cortex_change_log_size"], size);
    assert_eq!((after["cortex_change_cmdb_items"], after["cortex_change_cmdb_items_only_named"]), (4.0, 0.0));
    assert!(after["cortex_change_cmdb_memory_bytes"] > 0.0);
    assert_eq!(after["cortex_change_event_subscribers"], 0.0);
    let follower = Ask::get("/api/v1/events").token(&ann.token).open(ann.address).await?;
    assert_eq!(figures().await?["cortex_change_event_subscribers"], 1.0);
    drop(follower);
    app.stop().await
}

async fn made_up_methods_are_counted_as_one(database: Database) -> Result<()> {
    let (app, ann, _) = team(database).await?;
    for number in 0..20 {
        let ask = Ask::new(&format!("BREW{number}"), "/api/v1/changes").json(&json!({}));
        ann.send(ask).await?.refused(405, "method-not-allowed")?;
    }
    let figures = parse(&ann.send(Ask::get("/metrics")).await?.text())?;
    let brewed: Vec<_> = figures.iter().filter(|(name, _)| name.contains("405")).collect();
    assert_eq!(brewed.len(), 1, "{brewed:?}");
    assert_eq!(*brewed[0].1, 20.0);
    app.stop().await
}
