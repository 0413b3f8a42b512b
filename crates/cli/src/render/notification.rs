//! Notifications that were not delivered yet.

use api::notification::Notification;

use super::{Table, cell, instant};
use crate::shell::Paint;

/// A list of notifications.
pub(crate) fn list(items: &[Notification], paint: Paint) -> String {
    const ERROR: usize = 6;
    let heads = ["ID", "CHANNEL", "EVENT", "SUBJECT", "DUE", "TRIED", "LAST ERROR"];
    let mut table = Table::new(paint, &heads, ERROR);
    for item in items {
        table.row([
            cell(&item.id),
            cell(&item.channel),
            cell(&item.event),
            cell(item.subject.as_deref().unwrap_or("-")),
            instant(&item.due_at),
            item.attempts.to_string(),
            cell(item.last_error.as_deref().unwrap_or("-")),
        ]);
    }
    table.into_text()
}
