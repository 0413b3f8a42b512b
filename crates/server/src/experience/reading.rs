//! Reading the past from the log: once, a page at a time, whatever asks for it.
//!
//! Budget: one page of events, and the [`TRAINED_ON_MAX`] latest past changes, as they are told in the order of their
//! submission. Older ones are told as soon as later ones take their places.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use domain::change::{Change, State};
use domain::history::HistoryEvent;
use domain::id::ChangeId;
use store::{EventPlace, LOG_PAGE_EVENTS_MAX, StoredEvent, StreamName, StreamSet};

use super::{Past, TRAINED_ON_MAX};
use crate::app::App;
use crate::failure::Failure;
use crate::imported::{CHANGE_PREFIX, SYSTEM_PREFIX};
use crate::record::{Recorded, decode};
use crate::work;

/// Reads every past change, imported ones and ours.
///
/// # Errors
/// When the store or the log fails.
pub(crate) async fn read(app: &App) -> Result<(), Failure> {
    let mut latest = Latest::of(TRAINED_ON_MAX);
    for prefix in [SYSTEM_PREFIX, CHANGE_PREFIX] {
        imported(app, prefix, &mut latest).await?;
    }
    for closed in app.store.closed_changes().await? {
        latest.extend(closed_change(app, closed.change_id).await?);
    }
    app.experience.add(latest.in_order());
    app.known_mut().imported.read();
    app.experience.read(app.clock.now());
    Ok(())
}

async fn imported(app: &App, prefix: &str, latest: &mut Latest) -> Result<(), Failure> {
    let streams = StreamSet::WithPrefix(prefix.to_owned());
    let mut after = None;
    // Of a record that was altered, the last version counts; versions follow each other.
    let mut newest: Option<(StreamName, Past)> = None;
    loop {
        let page = app.store.read_streams(&streams, after.as_ref(), LOG_PAGE_EVENTS_MAX).await?;
        let Some(last) = page.last() else { break };
        after = Some(EventPlace::of(last));
        for (stream, recorded) in decoded(page)? {
            let told = Past::told_by(&recorded.event).map(|past| (stream.clone(), past));
            let Recorded { envelope, event, version, .. } = recorded;
            app.known_mut().imported.take(&stream, version, envelope.at, &event);
            let before = std::mem::replace(&mut newest, told);
            latest.extend(before.filter(|(before, _)| *before != stream).map(|(_, past)| past));
        }
        app.experience.add(latest.older.drain(..));
    }
    latest.extend(newest.map(|(_, past)| past));
    Ok(())
}

type Told = (StreamName, Recorded<HistoryEvent>);

fn decoded(page: Vec<StoredEvent>) -> Result<Vec<Told>, Failure> {
    page.into_iter().map(|stored| Ok((stored.stream.clone(), decode(stored)?))).collect()
}

async fn closed_change(app: &App, id: ChangeId) -> Result<Option<Past>, Failure> {
    let (change, _): (Change, _) = work::load(app, id).await?;
    debug_assert!(matches!(change.state, State::Closed(_)), "{id} is not closed");
    Ok(Past::of(&change, &app.known().directory))
}

/// The latest past changes, and those that had to make room for them.
#[derive(Debug)]
struct Latest {
    most: usize,
    kept: BinaryHeap<Reverse<BySubmission>>,
    older: Vec<Past>,
}

impl Latest {
    fn of(most: usize) -> Self {
        Self { most, kept: BinaryHeap::new(), older: Vec::new() }
    }

    fn extend(&mut self, past: impl IntoIterator<Item = Past>) {
        for past in past {
            self.kept.push(Reverse(BySubmission(past)));
            if self.kept.len() > self.most {
                self.older.extend(self.kept.pop().map(|Reverse(BySubmission(oldest))| oldest));
            }
        }
    }

    /// All that were not told yet, the earliest first: of several that are alike, the last one told is preferred.
    fn in_order(self) -> impl Iterator<Item = Past> {
        let kept = self.kept.into_sorted_vec().into_iter().rev();
        self.older.into_iter().chain(kept.map(|Reverse(BySubmission(past))| past))
    }
}

/// By the time of submission, then by reference, so that the order never depends on who told first.
#[derive(Debug)]
struct BySubmission(Past);

impl BySubmission {
    fn key(&self) -> (i64, &str) {
        (self.0.submission.at, &self.0.reference)
    }
}

impl Ord for BySubmission {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for BySubmission {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for BySubmission {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for BySubmission {}

#[cfg(test)]
mod tests {
    use domain::change::Outcome;
    use prediction::{Known, Submission};

    use super::*;

    fn past(at: i64) -> Past {
        Past {
            reference: at.to_string(),
            submission: Submission { at, ..Submission::default() },
            known: Known::new(at, false),
            outcome: Outcome::Successful,
            finding: None,
            said: None,
        }
    }

    #[test]
    fn the_latest_are_kept_in_order_and_older_ones_told_before_them() {
        let mut latest = Latest::of(3);
        latest.extend([5, 2, 9, 1, 7].map(past));
        let told: Vec<i64> = latest.older.drain(..).map(|past| past.submission.at).collect();
        assert_eq!(told, [1, 2]);
        latest.extend([past(8)]);
        let told: Vec<i64> = latest.in_order().map(|past| past.submission.at).collect();
        assert_eq!(told, [5, 7, 8, 9]);
    }
}
