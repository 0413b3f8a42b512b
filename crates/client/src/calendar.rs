//! Freezes, maintenance windows, and what is planned.

use api::Page;
use api::calendar::{CalendarEntry, CalendarTold, OverrideFreeze, RemoveEntry, Schedule};
use api::slot::{Conflicts, Slots};

use crate::call::Client;
use crate::error::ClientError;

/// For what a free time is looked for, how long, and where. What is left out, the server chooses.
#[derive(Debug, Clone, Default)]
pub struct SlotFilter {
    /// A change; or services.
    pub change: Option<String>,
    /// Services that are to be changed.
    pub services: Vec<String>,
    /// Where, beside services.
    pub environment: Option<String>,
    /// How long, such as `30m`.
    pub duration: Option<String>,
    /// How far ahead, such as `14d`.
    pub within: Option<String>,
    /// How many.
    pub count: Option<u8>,
}

impl Client {
    /// Shows what takes place between two instants.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn calendar(&self, from: Option<&str>, to: Option<&str>) -> Result<Schedule, ClientError> {
        self.get(&["calendar"]).query("from", from).query("to", to).answer().await
    }

    /// Shows which other changes get in the way of a change.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn conflicts(&self, change: &str) -> Result<Conflicts, ClientError> {
        self.get(&["changes", change, "conflicts"]).answer().await
    }

    /// Finds the earliest times at which nothing stands in the way.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn slots(&self, asked: &SlotFilter) -> Result<Slots, ClientError> {
        let count = asked.count.map(|count| count.to_string());
        self.get(&["calendar", "slots"])
            .query("change", asked.change.as_deref())
            .query("service", Some(asked.services.join(",").as_str()).filter(|names| !names.is_empty()))
            .query("environment", asked.environment.as_deref())
            .query("duration", asked.duration.as_deref())
            .query("within", asked.within.as_deref())
            .query("count", count.as_deref())
            .answer()
            .await
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
