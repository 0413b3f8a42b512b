//! The generated parts of `docs/lifecycle.md`: what the code does, compared with what the page says.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use domain::approval::{ApprovalSettings, Period};
use domain::change::{CommandName, Deadline, StateName, deadlines};
use domain::duration::format_duration_millis;

use super::table::{Edge, edges};

/// Set to have the page written anew instead of compared.
const UPDATE_VARIABLE: &str = "UPDATE_DOCS";

/// Changes of state as a Mermaid diagram: one arrow for each pair of states, with the events that lead along it.
fn diagram() -> String {
    let position = |state| StateName::ALL.iter().position(|other| *other == state);
    let mut arrows: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for Edge { from, event, to } in edges() {
        arrows.entry((position(from), from, position(to), to)).or_default().push(event);
    }
    let mut text =
        "```mermaid\nstateDiagram-v2\n    [*] --> draft: created\n    [*] --> assessing: created\n"
            .to_owned();
    for ((_, from, _, to), events) in arrows {
        writeln!(text, "    {from} --> {to}: {}", events.join(", ")).unwrap();
    }
    for state in StateName::ALL.iter().filter(|state| state.is_final()) {
        writeln!(text, "    {state} --> [*]").unwrap();
    }
    text + "```\n"
}

/// For each state the commands that it admits, besides those that every state admits.
fn commands() -> String {
    let mut text = "| state | admits |\n| --- | --- |\n".to_owned();
    for state in StateName::ALL {
        let admitted = CommandName::ALL.iter().filter(|command| command.is_legal_in(*state));
        let particular = admitted.filter(|command| command.legal_in() != StateName::ALL);
        let words: Vec<_> = particular.map(|command| format!("`{command}`")).collect();
        writeln!(text, "| `{state}` | {} |", words.join(", ")).unwrap();
    }
    text
}

/// Each deadline: where it runs, how long, and what happens then. Times for approvals are the default settings.
fn deadline_table() -> String {
    let seconds = |seconds: i64| format_duration_millis(u64::try_from(seconds).unwrap() * 1_000);
    let period = |period: Period| format_duration_millis(period.seconds() * 1_000);
    let settings = ApprovalSettings::default();
    let mut text = "| deadline | runs while | passes after | then |\n| --- | --- | --- | --- |\n".to_owned();
    for deadline in Deadline::ALL {
        let (runs_while, after, then) = match deadline {
            Deadline::Assessment => {
                ("`assessing`", seconds(deadlines::ASSESSMENT_SECONDS), "a person is called")
            }
            Deadline::Approval => (
                "`awaiting_approval`",
                format!(
                    "{} for medium risk, {} for the technical lead of a high one and {} for the CAB then, {} for critical \
                     risk, {} for emergencies",
                    period(settings.medium.deadline_seconds),
                    period(settings.high.leads_deadline_seconds),
                    period(settings.high.deadline_seconds),
                    period(settings.critical.deadline_seconds),
                    period(settings.emergency.deadline_seconds)
                ),
                "the change is rejected as `expired`",
            ),
            Deadline::ApprovalReminder => {
                ("`awaiting_approval`", "half of that time".to_owned(), "those who are asked are told again")
            }
            Deadline::ApprovalEscalation => (
                "`awaiting_approval`",
                "nine tenths of that time".to_owned(),
                "it is escalated: the authority above is told and may decide too",
            ),
            Deadline::Window => (
                "`approved`",
                "the end of the window".to_owned(),
                "a new window must be asked for and approved",
            ),
            Deadline::Interruption => (
                "`interrupted`",
                seconds(deadlines::INTERRUPTION_SECONDS),
                "what went forward is taken back; for what went back a person is called",
            ),
            Deadline::Validation => (
                "`validating`",
                format!("the soak time and {}", seconds(deadlines::VALIDATION_SECONDS)),
                "the change is taken back",
            ),
            Deadline::Rollback => (
                "`rolling_back`, also while interrupted",
                format!(
                    "`max_duration` of the rollback plan, {} when it says none, and {} for a runner to come",
                    seconds(deadlines::ROLLBACK_SECONDS),
                    seconds(deadlines::INTERRUPTION_SECONDS)
                ),
                "the rollback has failed, unless everything was undone",
            ),
            Deadline::Closing => (
                "`implemented`",
                seconds(deadlines::CLOSING_SECONDS),
                "the system closes the change as `successful` and marks it so",
            ),
            Deadline::Retrospective => (
                "an emergency is authorised and not reviewed",
                period(settings.emergency.retrospective_seconds),
                "the review is overdue",
            ),
        };
        writeln!(text, "| {deadline} | {runs_while} | {after} | {then} |").unwrap();
    }
    text
}

/// The page with the text between the marks of a part replaced.
fn with_part(page: &str, part: &str, text: &str) -> String {
    let begin = format!("<!-- generated: {part} -->\n");
    let (before, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("`{begin}` is missing"));
    let (_, after) = rest.split_once("<!-- end -->\n").unwrap_or_else(|| panic!("{part} has no end"));
    format!("{before}{begin}{text}<!-- end -->\n{after}")
}

#[test]
fn the_lifecycle_page_shows_what_the_code_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/lifecycle.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let parts = [("diagram", diagram()), ("commands", commands()), ("deadlines", deadline_table())];
    let expected = parts.iter().fold(page.clone(), |page, (part, text)| with_part(&page, part, text));
    if std::env::var_os(UPDATE_VARIABLE).is_some() {
        std::fs::write(&path, &expected).unwrap();
        return;
    }
    assert!(page == expected, "docs/lifecycle.md is out of date: run the test with {UPDATE_VARIABLE}=1");
}
