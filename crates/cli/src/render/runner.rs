//! Runners that were seen.

use api::runner::Runner;

use super::{Table, cell, instant};
use crate::shell::{Paint, plain};

/// Runners, one a row.
pub(crate) fn list(runners: &[Runner], paint: Paint) -> String {
    const WORKING_ON: usize = 6;
    let headings = ["RUNNER", "STATUS", "LABELS", "HOST", "BUSY", "LAST SEEN", "WORKING ON"];
    let mut table = Table::new(paint, &headings, WORKING_ON);
    for runner in runners {
        let Runner { actor, host, labels, concurrency, working_on, waiting, status, last_seen_at, .. } =
            runner;
        let busy = u32::try_from(working_on.len()).unwrap_or(u32::MAX);
        table.row([
            paint.strong(plain(actor)),
            match status.as_str() {
                "online" => paint.good("online"),
                "draining" => paint.caution("draining"),
                other => paint.bad(plain(other)),
            },
            cell(&labels.join(", ")),
            cell(host),
            format!("{} of {concurrency}", busy.saturating_sub(*waiting)),
            instant(last_seen_at),
            if working_on.is_empty() { "-".to_owned() } else { cell(&working_on.join(", ")) },
        ]);
    }
    table.into_text()
}
