//! Series of samples.

use domain::id::{ChangeId, StepName};
use store::{SAMPLES_PER_SERIES_MAX, Sample};

use crate::harness::{TestDatabase, at, on_both_databases};

on_both_databases!(samples_are_read_by_series_and_time, a_series_keeps_the_last_samples);

fn sample(series: &str, seconds: i64) -> Sample {
    Sample {
        series: StepName::new(series).unwrap(),
        taken_at: at(seconds),
        verdict: "pass".into(),
        value: (seconds % 2 == 0).then_some(seconds),
        detail: "200 OK".into(),
    }
}

async fn samples_are_read_by_series_and_time(database: TestDatabase) {
    let store = database.open().await;
    let change: ChangeId = "CHG-2026-000001".parse().unwrap();
    let taken = vec![sample("errors", 2), sample("latency", 1), sample("errors", 1)];
    store.append_samples(change, taken).await.unwrap();
    store.append_samples("CHG-2026-000002".parse().unwrap(), vec![sample("errors", 1)]).await.unwrap();
    let long = Sample { detail: "é".repeat(5_000), ..sample("errors", 3) };
    store.append_samples(change, vec![long, sample("errors", 2)]).await.unwrap();

    let all = store.samples(change, None, at(0), 100).await.unwrap();
    assert_eq!(all[..3], [sample("errors", 1), sample("latency", 1), sample("errors", 2)]);
    assert_eq!(all[3].detail, "é".repeat(4_096));
    let errors = StepName::new("errors").unwrap();
    assert_eq!(store.samples(change, Some(&errors), at(2), 1).await.unwrap(), [sample("errors", 2)]);
    assert!(store.samples(change, None, at(0), 2001).await.is_err());
    store.close().await;
}

async fn a_series_keeps_the_last_samples(database: TestDatabase) {
    let store = database.open().await;
    let change: ChangeId = "CHG-2026-000001".parse().unwrap();
    let most = i64::try_from(SAMPLES_PER_SERIES_MAX).unwrap();
    store.append_samples(change, (0..most).map(|n| sample("errors", n)).collect()).await.unwrap();
    store.append_samples(change, vec![sample("latency", 0)]).await.unwrap();
    store.append_samples(change, (most..most + 5).map(|n| sample("errors", n)).collect()).await.unwrap();
    let errors = StepName::new("errors").unwrap();
    let kept = store.samples(change, Some(&errors), at(0), SAMPLES_PER_SERIES_MAX).await.unwrap();
    assert_eq!(kept.len(), SAMPLES_PER_SERIES_MAX);
    assert_eq!((&kept[0], &kept[kept.len() - 1]), (&sample("errors", 5), &sample("errors", most + 4)));
    assert_eq!(store.samples(change, None, at(0), 1).await.unwrap(), [sample("latency", 0)]);
    store.close().await;
}
