//! The change advisory board.

use api::cab::{Agenda, AgendaEntry, Board, Meeting, MeetingItem, Standing};

use super::{Lines, Table, cell, instant, level, words};
use crate::shell::{Paint, plain};

/// Who is on it, when it meets and what it held.
pub(crate) fn board(board: &Board, paint: Paint) -> String {
    let mut lines = Lines::default();
    lines.heading(paint, "Change advisory board");
    let meets = &board.meets;
    let rule = meets.rule.as_deref().unwrap_or("once");
    let since = format!("{rule} from {} {}, for {}", meets.starts, meets.zone, meets.duration);
    lines.field(paint, "Meets", Some(&since));
    if !board.settled {
        lines.field(paint, "", Some("this is how it begins; `cortex-change cab set` settles it"));
    }
    lines.field(paint, "Quorum", Some(&board.quorum.to_string()));
    lines.field(paint, "Cut-off", Some(&format!("{} before the meeting", board.cut_off)));
    let seats: Vec<_> = board.seats.iter().map(|seat| seat.actor.as_str()).collect();
    let seats = if seats.is_empty() { "nobody yet".to_owned() } else { seats.join(", ") };
    lines.field(paint, "Members", Some(&seats));
    for seat in board.seats.iter().filter(|seat| !seat.votes) {
        let text = format!("{} cannot vote: the role cab_member is missing", seat.actor);
        lines.field(paint, "", Some(&text));
    }
    lines.heading(paint, "Next meetings");
    if board.next_meetings.is_empty() {
        lines.line("  none by the rule");
    }
    for next in &board.next_meetings {
        lines.line(format!("  {}, cut-off {}", instant(&next.start), instant(&next.cut_off)));
    }
    if let Some(open) = &board.open_meeting {
        lines.heading(paint, &format!("{} is open", plain(&open.meeting_id)));
        open.items.iter().for_each(|item| lines.line(format!("  {}", in_a_line(item, paint))));
        if open.items.is_empty() {
            lines.line("  nothing waits for it");
        }
    }
    if !board.held.is_empty() {
        lines.heading(paint, "Held");
        for held in &board.held {
            let (id, at) = (plain(&held.meeting_id), instant(&held.opened_at));
            lines.line(format!("  {id}  {at}  {} items, {} approved", held.items, held.approved));
        }
    }
    lines.into_text()
}

fn in_a_line(item: &MeetingItem, paint: Paint) -> String {
    let verdict = item.verdict.as_deref().map_or_else(|| format!("{} votes", item.votes.len()), words);
    let (id, title) = (plain(&item.change_id), plain(&item.title));
    format!("{id}  {} {}  {verdict}  {title}", level(paint, &item.level), item.score)
}

/// What the next meeting decides.
pub(crate) fn agenda(agenda: &Agenda, paint: Paint) -> String {
    let mut lines = Lines::default();
    match &agenda.meeting {
        Some(next) => {
            lines.heading(paint, &format!("Meeting on {}", instant(&next.start)));
            lines.line(format!("  what is requested after {} is for the next one", instant(&next.cut_off)));
        }
        None => lines.line("the board meets no more by its rule"),
    }
    let mut section = |heading: &str, entries: &[AgendaEntry], empty: Option<&str>| {
        if entries.is_empty() && empty.is_none() {
            return;
        }
        lines.heading(paint, heading);
        match empty.filter(|_| entries.is_empty()) {
            Some(empty) => lines.line(format!("  {empty}")),
            None => lines.line(entries_table(entries, paint)),
        }
    };
    section("To be decided", &agenda.items, Some("nothing waits for the board"));
    section("After the cut-off, for a later meeting", &agenda.for_later, None);
    section("For information; the board may call it in by rejecting it", &agenda.for_information, None);
    if agenda.truncated {
        lines.line("more wait than are shown");
    }
    lines.into_text()
}

fn entries_table(entries: &[AgendaEntry], paint: Paint) -> String {
    let mut table =
        Table::new(paint, &["CHANGE", "LEVEL", "SCORE", "REQUESTER", "REQUESTED", "DECIDE BY", "TITLE"], 6);
    for entry in entries {
        let deadline = instant(&entry.deadline);
        let deadline = match (entry.waits_for_others, entry.expires_before) {
            (true, _) => deadline + " (others first)",
            (false, true) => paint.bad(deadline + " (before)"),
            (false, false) => deadline,
        };
        table.row([
            paint.strong(plain(&entry.change_id)),
            level(paint, &entry.level),
            entry.score.to_string(),
            cell(&entry.requester),
            instant(&entry.requested_at),
            deadline,
            cell(&entry.title),
        ]);
    }
    table.into_text()
}

/// The minutes of a meeting, as Markdown.
pub(crate) fn minutes(meeting: &Meeting) -> String {
    let mut lines = Lines::default();
    lines.line(format!("# Minutes of {}", plain(&meeting.meeting_id)));
    lines.line("");
    match (&meeting.scheduled, &meeting.reason) {
        (Some(at), _) => lines.line(format!("- Convened for {}", instant(at))),
        (None, Some(reason)) => lines.line(format!("- Extraordinary meeting: {}", one_line(reason))),
        (None, None) => lines.line("- Extraordinary meeting"),
    }
    lines.line(format!("- Opened {} by {}", instant(&meeting.opened_at), plain(&meeting.opened_by)));
    lines.line(format!("- Quorum {}", meeting.quorum));
    if let Some(closed) = &meeting.closed {
        lines.line(format!("- Closed {} by {}", instant(&closed.at), plain(&closed.by)));
        let verified = if closed.verified { "borne out by the log" } else { "NOT borne out by the log" };
        lines.line(format!("- Digest `{}`, {verified}", plain(&closed.minutes)));
    } else {
        lines.line("- Still open");
    }
    if meeting.items.is_empty() {
        lines.line("");
        lines.line("Nothing was on the agenda.");
    }
    for item in &meeting.items {
        lines.line("");
        lines.line(format!("## {}: {}", plain(&item.change_id), one_line(&item.title)));
        lines.line("");
        lines.line(format!("- Risk {} {}", plain(&item.level), item.score));
        lines.line(format!("- Digest `{}`", plain(&item.digest)));
        let verdict = item.verdict.as_deref().map_or_else(|| "not decided yet".to_owned(), words);
        lines.line(format!("- Verdict: **{verdict}**"));
        if let Some(hindrance) = &item.hindrance {
            lines.line(format!("- The change was not told: {}", one_line(hindrance)));
        }
        for vote in &item.votes {
            let (by, how, why) = (plain(&vote.by), words(&vote.vote), one_line(&vote.rationale));
            lines.line(format!("- {by}, {}: {how}: {why}", instant(&vote.at)));
            for condition in &vote.conditions {
                lines.line(format!("  - Condition: {}", one_line(condition)));
            }
        }
    }
    lines.into_text()
}

/// A text of somebody else in one line, so that it makes no structure of its own.
fn one_line(text: &str) -> String {
    plain(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Standing decisions, one a row.
pub(crate) fn standing(decisions: &[Standing], paint: Paint) -> String {
    let mut table = Table::new(
        paint,
        &["DECISION", "STATE", "COVERS", "AT MOST", "UNTIL", "SUPPORTED BY", "CONDITIONS", "TITLE"],
        7,
    );
    for one in decisions {
        let covers = one.categories.iter().chain(&one.services).chain(&one.environments);
        let covers: Vec<_> = covers.map(|word| plain(word).into_owned()).collect();
        let supporters: Vec<_> = one.supporters.iter().map(|who| plain(who).into_owned()).collect();
        table.row([
            paint.strong(plain(&one.standing_id)),
            words(&one.state),
            covers.join(", "),
            format!("{} {}", plain(&one.level_max), one.score_max),
            instant(&one.expires_at),
            format!("{} of {}", supporters.join(", "), one.quorum),
            one.conditions.len().to_string(),
            cell(&one.title),
        ]);
    }
    table.into_text()
}
