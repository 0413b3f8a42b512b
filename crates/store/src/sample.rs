//! What monitors measured during a change: series of bounded length, beside the log. What follows from them, a verdict,
//! is an event.

use domain::Timestamp;
use domain::id::{ChangeId, StepName};

use crate::database::{Database, Value};
use crate::error::StoreError;
use crate::projection::change_key;
use crate::sql::{count, micros};
use crate::table::SAMPLE;

/// Most samples kept per series; older ones make room.
pub const SAMPLES_PER_SERIES_MAX: usize = 2000;
/// Most samples taken or read at once.
pub const SAMPLES_PAGE_MAX: usize = 2000;
/// Longest detail kept, in bytes. The rest is cut off.
const DETAIL_BYTES_MAX: usize = 8 * 1024;

/// One measurement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The monitor's name within the change.
    pub series: StepName,
    /// When it was taken. A second sample of the series at the same instant is dropped.
    pub taken_at: Timestamp,
    /// What it means, in the caller's words.
    pub verdict: String,
    /// The measured number in the monitor's unit, where there is one.
    pub value: Option<i64>,
    /// What else there is to know.
    pub detail: String,
}

/// Adds samples and drops the oldest ones of series that became too long.
pub(crate) fn append(db: &mut Database, change: ChangeId, samples: &[Sample]) -> Result<(), StoreError> {
    const TRIM: &str = "DELETE FROM sample WHERE change_key = $1 AND series = $2 AND taken_at <= \
        (SELECT taken_at FROM sample WHERE change_key = $1 AND series = $2 ORDER BY taken_at DESC LIMIT 1 OFFSET $3)";
    if samples.len() > SAMPLES_PAGE_MAX {
        return Err(StoreError::TooMuch { what: "number of samples at once", limit: SAMPLES_PAGE_MAX });
    }
    let key = change_key(change);
    let cells: Vec<Value<'_>> = samples
        .iter()
        .flat_map(|sample| {
            [
                Value::Int(key),
                sample.series.as_str().into(),
                micros(sample.taken_at).into(),
                sample.verdict.as_str().into(),
                sample.value.into(),
                cut(&sample.detail).into(),
            ]
        })
        .collect();
    db.insert(&SAMPLE, cells)?;
    let mut series: Vec<&str> = samples.iter().map(|sample| sample.series.as_str()).collect();
    series.sort_unstable();
    series.dedup();
    for series in series {
        db.execute(TRIM, &[key.into(), series.into(), count(SAMPLES_PER_SERIES_MAX as u64).into()])?;
    }
    Ok(())
}

/// Reads a change's samples taken at `from` or later, oldest first, of one series or of all.
pub(crate) fn read(
    db: &mut Database,
    change: ChangeId,
    series: Option<&StepName>,
    from: Timestamp,
    limit: usize,
) -> Result<Vec<Sample>, StoreError> {
    if limit > SAMPLES_PAGE_MAX {
        return Err(StoreError::TooMuch { what: "number of samples at once", limit: SAMPLES_PAGE_MAX });
    }
    let mut select = crate::sql::Select::new(
        db.dialect(),
        "SELECT series, taken_at, verdict, value, detail FROM sample".to_owned(),
    );
    let key = select.param(change_key(change));
    select.condition(format!("change_key = {key}"));
    if let Some(series) = series {
        let series = select.param(series.as_str());
        select.condition(format!("series = {series}"));
    }
    let from = select.param(micros(from));
    select.condition(format!("taken_at >= {from}"));
    select.order_by("taken_at, series");
    select.limit(limit);
    select.run(db, |row| {
        Ok(Sample {
            series: row.parsed(0, "sample.series")?,
            taken_at: row.time(1)?,
            verdict: row.text(2)?,
            value: row.opt_int(3)?,
            detail: row.text(4)?,
        })
    })
}

fn cut(detail: &str) -> &str {
    let end = (0..=DETAIL_BYTES_MAX.min(detail.len())).rev().find(|end| detail.is_char_boundary(*end));
    end.and_then(|end| detail.get(..end)).unwrap_or_default()
}
