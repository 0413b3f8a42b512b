//! Work on the past that takes its time, one piece of a kind at once: whether it is under way, and what came of it.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// One kind of work.
#[derive(Debug)]
pub(crate) struct Background<T>(Mutex<Progress<T>>);

/// Whether it is under way, and how it ended last.
#[derive(Debug, Clone)]
pub(crate) struct Progress<T> {
    /// Whether it is under way.
    pub is_under_way: bool,
    /// Why nothing came of it the last time.
    pub last_failure: Option<String>,
    /// What came of it the last time that something did.
    pub last: Option<T>,
}

impl<T> Default for Background<T> {
    fn default() -> Self {
        Self(Mutex::new(Progress { is_under_way: false, last_failure: None, last: None }))
    }
}

impl<T: Clone> Background<T> {
    /// Whether it may begin; then it is under way until it is told to have ended.
    pub(crate) fn begin(&self) -> bool {
        let mut progress = self.lock();
        !std::mem::replace(&mut progress.is_under_way, true)
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
