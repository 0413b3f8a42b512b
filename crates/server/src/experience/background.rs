//! Work on the past that takes its time, one piece of a kind at once: whether it is under way, and what came of it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::Timestamp;
use jiff::SignedDuration;

/// One kind of work.
#[derive(Debug)]
pub(crate) struct Background<T>(Mutex<Progress<T>>);

/// Whether it is under way, and how it ended last.
#[derive(Debug, Clone)]
pub(crate) struct Progress<T> {
    /// Whether it is under way.
    pub is_under_way: bool,
    /// When it was begun the last time, since the server was started.
    pub begun_at: Option<Timestamp>,
    /// Why nothing came of it the last time.
    pub last_failure: Option<String>,
    /// What came of it the last time that something did.
    pub last: Option<T>,
}

impl<T> Progress<T> {
    /// Whether it may be begun without anybody asking: it is not under way, and what failed has been left alone for a while.
    pub(crate) fn may_begin_unasked(&self, now: Timestamp, pause: SignedDuration) -> bool {
        let has_paused = self.begun_at.is_none_or(|begun_at| now.duration_since(begun_at) >= pause);
        !self.is_under_way && (self.last_failure.is_none() || has_paused)
    }
}

impl<T> Default for Background<T> {
    fn default() -> Self {
        Self(Mutex::new(Progress { is_under_way: false, begun_at: None, last_failure: None, last: None }))
    }
}

impl<T: Clone> Background<T> {
    /// Whether it may begin; then it is under way until it is told to have ended.
    pub(crate) fn begin(&self, now: Timestamp) -> bool {
        let mut progress = self.lock();
        let may_begin = !std::mem::replace(&mut progress.is_under_way, true);
        if may_begin {
            progress.begun_at = Some(now);
        }
        may_begin
    }

    /// It has ended, with a result or with the reason why there is none.
    pub(crate) fn end(&self, result: Result<T, String>) {
        let mut progress = self.lock();
        progress.is_under_way = false;
        match result {
            Ok(result) => {
                progress.last = Some(result);
                progress.last_failure = None;
            }
            Err(failure) => progress.last_failure = Some(failure),
        }
    }

    /// Whether it is under way, and how it ended last.
    pub(crate) fn progress(&self) -> Progress<T> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Progress<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_is_tried_again_after_a_pause() {
        let pause = SignedDuration::from_hours(24);
        let begun_at = Timestamp::UNIX_EPOCH;
        let may_begin = |work: &Background<()>, hours: i64| {
            work.progress().may_begin_unasked(begun_at + SignedDuration::from_hours(hours), pause)
        };
        let work = Background::default();
        assert!(may_begin(&work, 0));
        assert!(work.begin(begun_at));
        assert!(!may_begin(&work, 48), "it is under way");
        assert!(!work.begin(begun_at));
        work.end(Err("too few changes".to_owned()));
        assert_eq!([23, 24].map(|hours| may_begin(&work, hours)), [false, true]);
        assert!(work.begin(begun_at));
        work.end(Ok(()));
        assert!(may_begin(&work, 0), "a success asks for no pause");
    }
}
