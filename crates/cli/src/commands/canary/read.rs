//! Samples of both arms from a file: CSV with a header, or one JSON object per line.

use csv::StringRecord;
use domain::canary::{Arm, Histogram, Sample, Watch};
use domain::canonical::Digest;
use serde::Deserialize;

use crate::failure::Failure;
use crate::shell::Shell;

/// Columns of a table. Those of latencies may be left out.
const COLUMNS: [&str; 5] = ["t", "n_base", "err_base", "n_can", "err_can"];
const LATENCY_COLUMNS: [&str; 2] = ["lat_base", "lat_can"];
/// Most samples of a file.
const SAMPLES_MAX: usize = 1_000_000;
/// Time that one sample covers where there is only one, in milliseconds.
const STEP_MILLIS: u64 = 1_000;
/// The largest time, in seconds (3 000 years).
const SECONDS_MAX: f64 = 1e11;
/// The accepted form, as it is told.
const ACCEPTED: &str = "a header `t,n_base,err_base,n_can,err_can`, with `lat_base,lat_can` where latencies are known, or JSON \
                        lines such as {\"t\": 0, \"baseline\": {\"requests\": 50, \"errors\": 0}, \"canary\": null}";

/// What a file holds.
#[derive(Debug)]
pub(super) struct Samples {
    pub(super) samples: Vec<Sample>,
    pub(super) watch: Watch,
    /// Of the file.
    pub(super) digest: Digest,
}

/// A sample before its time is known from the beginning.
struct Row {
    seconds: f64,
    baseline: Option<Arm>,
    canary: Option<Arm>,
}

/// A sample as a line of JSON.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LineOfJson {
    t: f64,
    baseline: Option<ArmOfJson>,
    canary: Option<ArmOfJson>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ArmOfJson {
    requests: u64,
    errors: u64,
    #[serde(default)]
    latencies_ms: Vec<f64>,
}

/// Reads a file, or standard input for `-`.
pub(super) fn samples(file: &str, shell: &Shell) -> Result<Samples, Failure> {
    let bytes = shell.read_input(file)?;
    let shown = if file == "-" { "standard input" } else { file };
    let rows = if bytes.trim_ascii_start().first() == Some(&b'{') {
        from_json(&bytes, shown)?
    } else {
        from_csv(&bytes, shown)?
    };
    if rows.is_empty() {
        return Err(Failure::new(format!("`{shown}` has no samples")).accepted(ACCEPTED));
    }
    let arms = || rows.iter().flat_map(|row| [&row.baseline, &row.canary]).flatten();
    let times = arms().any(|arm| arm.latencies.count() > 0);
    let watch = if times { Watch::ErrorsAndLatencies } else { Watch::Errors };
    Ok(Samples { samples: timed(rows, shown)?, watch, digest: Digest::of_bytes(&bytes) })
}

/// Counts time from the beginning of the first sample: `t` is when a sample begins, and it lasts as long as the first does.
fn timed(rows: Vec<Row>, shown: &str) -> Result<Vec<Sample>, Failure> {
    let begin = rows.first().map_or(0.0, |row| row.seconds);
    let step = rows.get(1).map_or(STEP_MILLIS, |row| millis(row.seconds - begin)).max(1);
    let mut samples: Vec<Sample> = Vec::with_capacity(rows.len());
    for (row, place) in rows.into_iter().zip(1..) {
        let at_millis = millis(row.seconds - begin) + step;
        if samples.last().is_some_and(|last| last.at_millis >= at_millis) {
            let seconds = row.seconds;
            return Err(Failure::new(format!(
                "`{shown}`: the time {seconds} of sample {place} does not rise"
            ))
            .accepted("each `t` larger than the one before, in seconds"));
        }
        samples.push(Sample { at_millis, baseline: row.baseline, canary: row.canary });
    }
    Ok(samples)
}

fn from_csv(bytes: &[u8], shown: &str) -> Result<Vec<Row>, Failure> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(bytes);
    let refuse = |error: &csv::Error| {
        Failure::new(format!("`{shown}` cannot be read as a table")).caused_by(error).accepted(ACCEPTED)
    };
    let header = reader.headers().map_err(|error| refuse(&error))?.clone();
    let place = |name: &str| header.iter().position(|column| column == name);
    let mut places = Vec::new();
    for name in COLUMNS {
        let missing =
            || Failure::new(format!("`{shown}`, line 1: there is no column `{name}`")).accepted(ACCEPTED);
        places.push(place(name).ok_or_else(missing)?);
    }
    let latencies = LATENCY_COLUMNS.map(place);
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| refuse(&error))?;
        let line = record.position().map_or(0, csv::Position::line);
        let cells = Cells { record: &record, shown, line };
        let [t, n_base, err_base, n_can, err_can] = places.as_slice() else { break };
        let seconds = cells.seconds(*t)?;
        let baseline =
            cells.arm((*n_base, COLUMNS[1]), (*err_base, COLUMNS[2]), (latencies[0], LATENCY_COLUMNS[0]))?;
        let canary =
            cells.arm((*n_can, COLUMNS[3]), (*err_can, COLUMNS[4]), (latencies[1], LATENCY_COLUMNS[1]))?;
        rows.push(Row { seconds, baseline, canary });
        bound(rows.len(), shown)?;
    }
    Ok(rows)
}

fn from_json(bytes: &[u8], shown: &str) -> Result<Vec<Row>, Failure> {
    let text = String::from_utf8_lossy(bytes);
    let mut rows = Vec::new();
    for (line, number) in text.lines().zip(1_u64..).filter(|(line, _)| !line.trim().is_empty()) {
        let refuse = |column: usize, why: &str| {
            Failure::new(format!("`{shown}`, line {number}, column {column}: {why}")).accepted(ACCEPTED)
        };
        let read: LineOfJson =
            serde_json::from_str(line).map_err(|error| refuse(error.column(), &error.to_string()))?;
        if !(0.0..=SECONDS_MAX).contains(&read.t) {
            return Err(refuse(1, "`t` is not a time in seconds"));
        }
        let arm = |arm: Option<ArmOfJson>, name: &str| {
            let Some(ArmOfJson { requests, errors, latencies_ms }) = arm else { return Ok(None) };
            if errors > requests {
                return Err(refuse(1, &format!("{errors} of {requests} requests of the {name} failed")));
            }
            let latencies = Histogram::of_millis(latencies_ms)
                .ok_or_else(|| refuse(1, &format!("a latency of the {name} is negative")))?;
            Ok(Some(Arm { requests, errors, latencies }))
        };
        let (baseline, canary) = (arm(read.baseline, "baseline")?, arm(read.canary, "canary")?);
        rows.push(Row { seconds: read.t, baseline, canary });
        bound(rows.len(), shown)?;
    }
    Ok(rows)
}

fn bound(rows: usize, shown: &str) -> Result<(), Failure> {
    if rows > SAMPLES_MAX {
        return Err(Failure::new(format!("`{shown}` has more than {SAMPLES_MAX} samples")));
    }
    Ok(())
}

/// A row of a table, and where it is.
struct Cells<'a> {
    record: &'a StringRecord,
    shown: &'a str,
    line: u64,
}

impl Cells<'_> {
    fn refuse(&self, place: usize, name: &str, why: &str, accepted: &str) -> Failure {
        let Self { shown, line, .. } = self;
        let column = place + 1;
        Failure::new(format!("`{shown}`, line {line}, column {column} (`{name}`): {why}")).accepted(accepted)
    }

    fn seconds(&self, place: usize) -> Result<f64, Failure> {
        let text = self.record.get(place).unwrap_or_default();
        let seconds = text.parse().ok().filter(|seconds| (0.0..=SECONDS_MAX).contains(seconds));
        seconds.ok_or_else(|| {
            self.refuse(place, "t", &format!("`{text}` is no time"), "seconds, from 0 on, such as 0 or 12.5")
        })
    }

    /// A count; nothing for an empty cell or NaN, which say that the arm could not be asked.
    fn count(&self, (place, name): (usize, &str)) -> Result<Option<u64>, Failure> {
        let text = self.record.get(place).unwrap_or_default();
        if text.is_empty() || text.eq_ignore_ascii_case("nan") || text.eq_ignore_ascii_case("null") {
            return Ok(None);
        }
        let count = text.parse().map(Some);
        count.map_err(|_| {
            let accepted = "a whole number from 0 on, or nothing where it is not known";
            self.refuse(place, name, &format!("`{text}` is no count"), accepted)
        })
    }

    fn arm(
        &self,
        requests: (usize, &str),
        errors: (usize, &str),
        latencies: (Option<usize>, &str),
    ) -> Result<Option<Arm>, Failure> {
        let (Some(all), Some(failed)) = (self.count(requests)?, self.count(errors)?) else { return Ok(None) };
        if failed > all {
            let why = format!("{failed} of {all} requests failed");
            return Err(self.refuse(errors.0, errors.1, &why, "at most as many errors as requests"));
        }
        let mut arm = Arm::counts(all, failed);
        let (Some(place), name) = latencies else { return Ok(Some(arm)) };
        for text in self.record.get(place).unwrap_or_default().split_whitespace() {
            let (millis, times) = text.split_once('*').unwrap_or((text, "1"));
            let counted = millis.parse::<f64>().ok().zip(times.parse().ok());
            if !counted.is_some_and(|(millis, times)| arm.latencies.add(millis, times)) {
                let why = format!("`{text}` is no latency");
                let accepted = "milliseconds with spaces between them, such as `12.5 40 80*3`";
                return Err(self.refuse(place, name, &why, accepted));
            }
        }
        Ok(Some(arm))
    }
}

/// Whole milliseconds of seconds that are not negative.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bounded above by SECONDS_MAX, and the conversion saturates"
)]
fn millis(seconds: f64) -> u64 {
    (seconds * 1_000.0).round().max(0.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        let read = if text.starts_with('{') {
            from_json(text.as_bytes(), "x")
        } else {
            from_csv(text.as_bytes(), "x")
        };
        let failure = read.and_then(|rows| timed(rows, "x")).unwrap_err();
        failure.render(crate::shell::Paint::without_color(true))
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_column() {
        let header = "t,n_base,err_base,n_can,err_can\n";
        for (text, told) in [
            ("t,n_base,err_base,n_can\n", "line 1: there is no column `err_can`"),
            (
                "t,n_base,err_base,n_can,err_can\n0,50,0,50,0\n1,50,x,50,0\n",
                "line 3, column 3 (`err_base`): `x` is no count",
            ),
            (&format!("{header}0,50,0,50,51\n"), "line 2, column 5 (`err_can`): 51 of 50 requests failed"),
            (&format!("{header}-1,50,0,50,1\n"), "line 2, column 1 (`t`): `-1` is no time"),
            (&format!("{header}1,50,0,50,1\n1,50,0,50,1\n"), "the time 1 of sample 2 does not rise"),
            (
                "t,n_base,err_base,n_can,err_can,lat_can\n0,5,0,5,1,7 8*x\n",
                "line 2, column 6 (`lat_can`): `8*x` is no latency",
            ),
            ("{\"t\": 0}\n{\"t\": 1, \"canary\": {\"requests\": -1, \"errors\": 0}}", "line 2, column 34"),
        ] {
            let refused = refused(text);
            assert!(refused.contains(told), "{told}: {refused}");
        }
    }

    #[test]
    fn missing_counts_are_missing_arms_and_both_forms_say_the_same() {
        let table = "t,n_base,err_base,n_can,err_can,lat_base,lat_can\n10,50,1,,,12 13.5*2,\n20,50,0,NaN,0,,\n30,5,0,6,1,,9\n";
        let lines = "{\"t\":10,\"baseline\":{\"requests\":50,\"errors\":1,\"latencies_ms\":[12,13.5,13.5]},\"canary\":null}\n\
                     {\"t\":20,\"baseline\":{\"requests\":50,\"errors\":0}}\n\n\
                     {\"t\":30,\"baseline\":{\"requests\":5,\"errors\":0},\"canary\":{\"requests\":6,\"errors\":1,\"latencies_ms\":[9]}}";
        let read = |rows: Result<Vec<Row>, Failure>| timed(rows.unwrap(), "x").unwrap();
        let from_table = read(from_csv(table.as_bytes(), "x"));
        assert_eq!(from_table, read(from_json(lines.as_bytes(), "x")));
        let times: Vec<_> = from_table.iter().map(|sample| sample.at_millis).collect();
        assert_eq!(times, [10_000, 20_000, 30_000]);
        assert!(
            from_table[0].canary.is_none()
                && from_table[1].canary.is_none()
                && from_table[2].canary.is_some()
        );
    }
}
