//! Freezes, maintenance windows, and what is planned.

use api::Page;
use api::calendar::{CalendarEntry, CalendarTold, OverrideFreeze, RemoveEntry, Schedule};

use crate::call::Client;
use crate::error::ClientError;

impl Client {
    /// Shows what takes place between two instants.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn calendar(&self, from: Option<&str>, to: Option<&str>) -> Result<Schedule, ClientError> {
        self.get(&["calendar"]).query("from", from).query("to", to).answer().await
    }

    /// Lists the entries of the calendar.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn calendar_entries(&self) -> Result<Page<CalendarEntry>, ClientError> {
        self.get(&["calendar", "entries"]).answer().await
    }

    /// Adds a freeze or a maintenance window.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn add_calendar_entry(&self, entry: &CalendarEntry) -> Result<CalendarTold, ClientError> {
        self.post(&["calendar", "entries"]).json(entry).answer().await
    }

    /// Removes an entry.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn remove_calendar_entry(
        &self,
        name: &str,
        request: &RemoveEntry,
    ) -> Result<CalendarTold, ClientError> {
        self.post(&["calendar", "entries", name, "remove"]).json(request).answer().await
    }

    /// Excepts a change from a freeze.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn override_freeze(
        &self,
        freeze: &str,
        request: &OverrideFreeze,
    ) -> Result<CalendarTold, ClientError> {
        self.post(&["calendar", "entries", freeze, "override"]).json(request).answer().await
    }
}
