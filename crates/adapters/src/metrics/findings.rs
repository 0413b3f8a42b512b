//! Reads what a scanner wrote, whenever it is asked.

use std::path::PathBuf;

use domain::plan::FindingsQuestion;
use domain::rollback::{Measured, Verdict};
use jiff::Timestamp;

use super::Sampled;
use crate::clock;
use crate::execute::ExecutionContext;
use crate::scan::findings::{ReadFindings, read_findings};

/// Most findings that are named.
const SHOWN_MAX: usize = 5;

pub(super) async fn ask(question: &FindingsQuestion, context: &ExecutionContext) -> Sampled {
    let path = context.path(&question.path);
    let unknown = |detail: String| Sampled::unanswered(Verdict::Inconclusive, detail);
    let age_seconds = match age_seconds(path.clone()).await {
        Ok(seconds) => seconds,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return unknown(format!("there is no file `{}`", question.path));
        }
        Err(error) => {
            return Sampled::unanswered(Verdict::Error, format!("`{}`: {error}", question.path));
        }
    };
    if age_seconds > question.age_seconds_max {
        let max = question.age_seconds_max;
        return unknown(format!("the scan is {age_seconds} s old, at most {max} s count"));
    }
    let read = tokio::task::spawn_blocking(move || read_findings(&path)).await;
    match read {
        Ok(Ok(findings)) => judged(question, &findings),
        Ok(Err(error)) => Sampled::unanswered(Verdict::Error, context.mask(&error.to_string())),
        Err(error) => Sampled::unanswered(Verdict::Error, format!("the file could not be read: {error}")),
    }
}

async fn age_seconds(path: PathBuf) -> std::io::Result<u64> {
    let found = tokio::fs::metadata(path).await?;
    // A pipe or a device may never say anything.
    if !found.is_file() {
        return Err(std::io::Error::other("it is no regular file"));
    }
    let written = found.modified()?;
    let written = Timestamp::try_from(written).unwrap_or(Timestamp::MIN);
    // One from the future has just been written, by another clock.
    Ok(u64::try_from(clock::now().duration_since(written).as_secs()).unwrap_or(0))
}

fn judged(question: &FindingsQuestion, read: &ReadFindings) -> Sampled {
    let counts = read.findings.iter().filter(|finding| finding.counted_severity() >= question.fail_on);
    let (count, fail_on) = (counts.clone().count(), question.fail_on);
    let mut detail = format!(
        "{count} findings at or above {fail_on}, {} below, {} suppressed",
        read.findings.len() - count,
        read.suppressed
    );
    for finding in counts.take(SHOWN_MAX) {
        detail += &format!("; {}", finding.rule);
    }
    let verdict = if count == 0 { Verdict::Pass } else { Verdict::Fail };
    let measured = Some(Measured::Findings(u64::try_from(count).unwrap_or(u64::MAX)));
    Sampled { measured, ..Sampled::unanswered(verdict, detail) }
}
