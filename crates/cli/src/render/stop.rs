//! Stops.

use api::stop::Stop;

use super::{Table, cell, instant};
use crate::shell::{Paint, plain};

/// What a stop covers, in words.
pub(crate) fn scope(stop: &Stop) -> String {
    let of = stop.of.as_deref().map(plain).unwrap_or_default();
    match stop.scope.as_str() {
        "everything" => "everything".to_owned(),
        "agents" => "all agents".to_owned(),
        "tier" => format!("Tier {of}"),
        other => format!("{} {of}", plain(other)),
    }
}

/// Stops, one a row.
pub(crate) fn list(stops: &[Stop], paint: Paint) -> String {
    let mut table =
        Table::new(paint, &["STOP", "COVERS", "REASON", "EMERGENCIES", "SET BY", "SET", "LIFTED"], 2);
    for stop in stops {
        let lifted =
            stop.lifted.as_ref().map(|lifted| format!("{} by {}", instant(&lifted.at), plain(&lifted.by)));
        table.row([
            paint.strong(plain(&stop.stop_id)),
            scope(stop),
            cell(&stop.reason),
            if stop.except_emergency { "go on" } else { "stopped too" }.to_owned(),
            cell(&stop.set_by),
            instant(&stop.set_at),
            lifted.unwrap_or_else(|| paint.bad("in force")),
        ]);
    }
    table.into_text()
}
