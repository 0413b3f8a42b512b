//! The audit log.

use api::audit::{Checkpoint, LogEntry, Verification};

use super::{Lines, Table, cell, instant, words};
use crate::shell::{Paint, plain};

/// Entries of the log.
pub(crate) fn entries(entries: &[LogEntry], paint: Paint) -> String {
    const DETAILS: usize = 5;
    let mut table = Table::new(paint, &["INDEX", "TIME", "STREAM", "ACTION", "ACTOR", "DETAILS"], DETAILS);
    for LogEntry { stream, entry, .. } in entries {
        table.row([
            entry.log_index.to_string(),
            instant(&entry.timestamp),
            cell(stream),
            words(&entry.action),
            cell(&entry.actor),
            cell(&entry.details),
        ]);
    }
    table.into_text()
}

/// The signed state of the log.
pub(crate) fn checkpoint(checkpoint: &Checkpoint, paint: Paint) -> String {
    let mut lines = Lines::default();
    lines.field(paint, "entries", Some(&checkpoint.size.to_string()));
    lines.field(paint, "root", Some(&checkpoint.root));
    lines.field(paint, "key", Some(&checkpoint.verifier_key));
    lines.line("");
    lines.line(plain(&checkpoint.note));
    lines.into_text()
}

/// The result of verifying the log.
pub(crate) fn verification(verification: &Verification, paint: Paint) -> String {
    let Verification { valid, entries, checkpoints, root, findings } = verification;
    let mut lines = Lines::default();
    if *valid {
        let sign = paint.good(paint.sign("✓", "ok:"));
        lines.line(format!("{sign} {entries} entries and {checkpoints} checkpoints are as they were signed"));
    } else {
        let sign = paint.bad(paint.sign("✗", "not ok:"));
        lines.line(format!("{sign} the log is not as it was signed: {} findings", findings.len()));
        findings.iter().for_each(|finding| lines.line(format!("  {}", cell(finding))));
    }
    lines.field(paint, "root", Some(root));
    lines.into_text()
}
