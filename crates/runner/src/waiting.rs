//! Runs that wait for a person: they hold their leases, and otherwise do nothing.

use tokio::sync::watch;

/// How many runs wait for a person at one moment. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Waiting(watch::Sender<usize>);

/// One run that waits, until this is dropped.
#[derive(Debug)]
pub(crate) struct Waits(watch::Sender<usize>);

impl Waiting {
    /// One more begins to wait.
    pub(crate) fn begin(&self) -> Waits {
        self.0.send_modify(|count| *count += 1);
        Waits(self.0.clone())
    }

    pub(crate) fn count(&self) -> usize {
        *self.0.borrow()
    }

    /// Hears when the count is another one.
    pub(crate) fn subscribe(&self) -> watch::Receiver<usize> {
        self.0.subscribe()
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}
