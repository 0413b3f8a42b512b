//! Every state against every command: each decided for real and compared with the transition table.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use domain::actor::Role;
use domain::approval::Requirements;
use domain::change::{
    ActingActor, Action, Change, Command, CommandName, Deadline, Decision, Outcome, Override, Refusal,
    ReviewFinding, ReviewKind, StateName, decide, trail,
};
use domain::id::ChangeId;
use domain::plan::{Cause, Decision as Answer, Observation};
use domain::risk::Level;
use jiff::SignedDuration;

use super::acceptance::to_be_accepted;
use super::fixture::{
    amend, approve, approve_if, approved, asked_back, asked_for, assessed, authorised_emergency, awaiting,
    cancel, close, content, do_step, emergency_content, expired, failed, failed_rollback, half_way,
    implemented, implementing, level, low_with_a_veto, manual_content, name, observe, overriding, rehearse,
    reject, rolled_back, satisfy, start, started, succeeded, take_over, text, undo, validating, validation,
    windowed_content, withdraw,
};
use super::honest::{self, Luck};
use super::people::{ada, carl, cora, eve, lena, runner, second_runner, tom};
use super::{Entry, Story, allowed, facts, given, parties, replay, requested};

/// A state of a change, with what matters about it besides its name.
struct Row {
    detail: &'static str,
    story: Story,
}

/// Something that is asked, by somebody who may ask it.
struct Column {
    detail: String,
    command: Command,
    actor: ActingActor,
}

/// What came of asking.
pub(super) struct Cell {
    pub(super) state: StateName,
    pub(super) command: CommandName,
    pub(super) result: Result<(Vec<Edge>, String), Refusal>,
}

/// A change of state, by the event that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Edge {
    pub(super) from: StateName,
    pub(super) event: &'static str,
    pub(super) to: StateName,
}

fn rows() -> Vec<Row> {
    let row = |detail, story| Row { detail, story };
    let mut rows = vec![
        row("", given(requested(content(), &ada(), true).unwrap())),
        row("facts being gathered", asked_for(content())),
        row("assessed low", asked_for(content()).when(assessed(&content(), Level::Low)).accepted()),
        row("assessed medium", asked_for(content()).when(assessed(&content(), Level::Medium)).accepted()),
        row("medium", awaiting(&content(), Level::Medium)),
        row("an emergency", awaiting(&emergency_content(), Level::High)),
        row("low, with a veto", low_with_a_veto(&content())),
        row("high, approved by one of three on a condition", half_approved()),
        row("automatically", approved(&content())),
        row("automatically, in a window", approved(&windowed_content())),
        row("by an authority, on a condition", conditionally_approved()),
        row("an emergency", authorised_emergency()),
    ];
    rows.extend(rows_of_execution());
    rows.extend([
        row("", implemented().when(close(Outcome::Successful)).by(ada()).accepted()),
        row("an emergency that is not reviewed", closed_emergency()),
        row("", awaiting(&content(), Level::Medium).when(reject(Role::TechnicalLead)).by(lena()).accepted()),
        row("expired", expired(&content(), Level::Medium)),
        row("", asked_for(content()).when(cancel()).by(ada()).accepted()),
    ]);
    rows
}

fn rows_of_execution() -> Vec<Row> {
    let row = |detail, story| Row { detail, story };
    let turn_key = started(&do_step("turn the key"));
    let give_up = Command::DecideStep { step: name("turn the key"), decision: Answer::GiveUp, comment: None };
    let all_done = half_way().reports([succeeded(&do_step("switch"))]);
    let taken_back = half_way().when(observe(failed(&do_step("switch")))).by(runner()).accepted();
    let with_question = implementing(&manual_content()).reports([turn_key]);
    let person_asked = with_question.clone().when(give_up).by(lena()).accepted();
    let person_asked = person_asked.when_honest(Luck::Good);
    let undone = [
        started(&undo("switch")),
        succeeded(&undo("switch")),
        started(&undo("deploy")),
        succeeded(&undo("deploy")),
    ];
    let spoilt = [
        started(&undo("switch")),
        failed(&undo("switch")),
        started(&undo("deploy")),
        succeeded(&undo("deploy")),
    ];
    let unattended = implemented().when(asked_back("lena")).by(lena()).accepted();
    vec![
        row("a step runs", half_way()),
        row("a person is asked", with_question),
        row("paused", implementing(&content()).when(Command::Pause).by(ada()).accepted()),
        row("every step is done", all_done.clone()),
        row("an emergency", started_emergency()),
        row("going forward", half_way().when(Command::Interrupt).accepted()),
        row("every step is done", all_done.when(Command::Interrupt).accepted()),
        row(
            "everything is undone",
            taken_back.clone().reports(undone.clone()).when(Command::Interrupt).accepted(),
        ),
        row("rolling back", taken_back.clone().when(Command::Interrupt).accepted()),
        row("", validating()),
        row("to be accepted", to_be_accepted()),
        row("", implemented()),
        row("to be begun", taken_back.clone()),
        row("a person is asked", person_asked),
        row("without a runner", unattended),
        row("everything is undone", taken_back.clone().reports(undone)),
        row("not everything is undone", taken_back.reports(spoilt)),
        row("", rolled_back()),
        row("an emergency", taken_back_emergency([Luck::Good, Luck::Good])),
        row("", failed_rollback()),
        row("an emergency", taken_back_emergency([Luck::Good, Luck::Bad])),
    ]
}

fn half_approved() -> Story {
    let command = approve_if(Role::TechnicalLead, &content(), &["staging tests required"]);
    awaiting(&content(), Level::High).when(command).by(lena()).accepted()
}

fn conditionally_approved() -> Story {
    let command = approve_if(Role::TechnicalLead, &content(), &["staging tests required"]);
    awaiting(&content(), Level::Medium).when(command).by(lena()).accepted()
}

fn started_emergency() -> Story {
    authorised_emergency().when(start(&emergency_content())).by(runner()).accepted()
}

/// An emergency of which both steps were begun, and undone with this luck.
fn taken_back_emergency(luck: [Luck; 2]) -> Story {
    let deployed = [started(&do_step("deploy")), succeeded(&do_step("deploy")), started(&do_step("switch"))];
    let failed = started_emergency().reports(deployed).when_honest(Luck::Bad);
    let undone = luck.into_iter().fold(failed, |story, luck| story.when_honest(luck).when_honest(luck));
    undone.when_honest(Luck::Good)
}

fn closed_emergency() -> Story {
    let mut story = started_emergency();
    while honest::observation(&story.change, Luck::Good).is_some() {
        story = story.when_honest(Luck::Good);
    }
    let story = story.when(super::fixture::finish()).by(runner()).accepted();
    let story = story.when(validation(true)).by(runner()).accepted();
    story.when(close(Outcome::Successful)).by(ada()).accepted()
}

/// Every command in a valid form for this change, some in several.
fn columns(change: &Change) -> Vec<Column> {
    let content = &change.content;
    let with = |detail: &str, command, actor| Column { detail: detail.to_owned(), command, actor };
    let column = |command, actor| with("", command, actor);
    let system = || ActingActor::System;
    let token = change.execution().map_or(0, |execution| execution.runner.fencing_token());
    let report = |luck| honest::report(change, luck).unwrap_or_else(|| observe(Observation::RollbackEnded));
    let asked = if change.state_name() == StateName::Validating { "user acceptance" } else { "switch" };
    let (step, comment) = (name(asked), Some(text("looked at")));
    let undecided = Command::DecideStep { step, decision: Answer::Done, comment };
    let decision = |luck| honest::answer(change, luck).unwrap_or_else(|| undecided.clone());
    let follow_up: Option<ChangeId> = "CHG-2026-000124".parse().ok();
    let partial = Command::Close { outcome: Outcome::Partial, follow_up, comment: None, documentation: None };
    let review = |kind, finding| Command::Review { kind, text: text("next time in smaller steps"), finding };
    let (lead, ecab) = (approve(Role::TechnicalLead, content), approve(Role::EcabMember, content));
    let mut columns = vec![
        column(Command::Submit, ada()),
        column(amend(super::fixture::content()), ada()),
        column(Command::Comment { text: text("soon") }, ada()),
        column(assessed(content, Level::Low), system()),
        column(Command::PreApprove, system()),
        column(Command::RequestApproval, system()),
        with("as technical lead", lead, cora()),
        with("as e-CAB", ecab, eve()),
        column(reject(Role::TechnicalLead), cora()),
        column(withdraw(), lena()),
        column(satisfy(0), cora()),
        with("refused automatic approval", overriding(Override::PreApproval, content), above(change)),
        with("rejection", overriding(Override::Rejection, content), above(change)),
        with("level", overriding(level(other_level(change)), content), above(change)),
        column(cancel(), ada()),
        column(rehearse(content), ada()),
        column(start(content), runner()),
        column(take_over(content, token + 1), second_runner()),
        with("good", report(Luck::Good), runner()),
        with("bad", report(Luck::Bad), runner()),
        column(Command::Pause, ada()),
        column(Command::Resume, ada()),
        with("good", decision(Luck::Good), lena()),
        with("give up", decision(Luck::Bad), lena()),
        column(Command::Finish { fencing_token: token }, runner()),
        column(Command::Interrupt, system()),
        with("passed", validation(true), runner()),
        with("failed", validation(false), runner()),
        with("by a person", asked_back("lena"), lena()),
        with("by itself", Command::RollBack { cause: Cause::ValidationFailed }, system()),
        with("partial", partial, ada()),
        with("after the implementation", review(ReviewKind::PostImplementation, None), lena()),
        with("with a finding", review(ReviewKind::PostImplementation, Some(ReviewFinding::Failed)), lena()),
        with("of an emergency", review(ReviewKind::Retrospective, None), lena()),
        column(Command::LinkIncident { incident: "INC-2026-000001".parse().unwrap() }, lena()),
    ];
    let outcomes = [Outcome::Successful, Outcome::Failed, Outcome::RolledBack];
    columns.extend(outcomes.map(|outcome| with(outcome.as_str(), close(outcome), ada())));
    let expire =
        |deadline: &Deadline| with(deadline.as_str(), Command::Expire { deadline: *deadline }, system());
    columns.extend(Deadline::ALL.iter().map(expire));
    columns
}

/// Who may override what was decided automatically.
pub(super) fn above(change: &Change) -> ActingActor {
    match change.requirements().map(Requirements::overridden_by) {
        Some(Role::Cto) => tom(),
        Some(Role::EcabMember) => eve(),
        Some(_) | None => carl(),
    }
}

fn other_level(change: &Change) -> Level {
    let is_high = change.assessment().is_some_and(|assessment| assessment.level == Level::High);
    if is_high { Level::Medium } else { Level::High }
}

impl Story {
    /// The runner reports what it sees next.
    #[track_caller]
    fn when_honest(self, luck: Luck) -> Self {
        let command = honest::report(&self.change, luck).unwrap();
        self.when(command).by(runner()).accepted()
    }
}

/// Asks at the deadline where one is meant, and a minute later otherwise; within a window where there is one.
fn ask(story: &Story, column: &Column) -> Cell {
    let change = &story.change;
    let due_at = match &column.command {
        Command::Expire { deadline } => change.due_at(*deadline),
        Command::Start { .. } => change.content.window.map(|window| window.start),
        _ => None,
    };
    let now = due_at.unwrap_or(change.updated_at + SignedDuration::from_mins(1));
    let (parties, answer) = (parties(), allowed());
    let decided = decide(change, &column.command, &facts(now, &column.actor, &parties, &answer));
    let result = decided.map(|Decision { events, actions }| {
        let mut log = story.log.clone();
        let mut edges = Vec::new();
        let words: Vec<_> = events.iter().map(trail::action).collect();
        for event in events {
            let (from, action) = (replay(&log).state_name(), trail::action(&event));
            log.push(Entry { at: now, by: column.actor.id(), on_behalf_of: None, event });
            edges.push(Edge { from, event: action, to: replay(&log).state_name() });
        }
        let words = if words.is_empty() { "nothing".to_owned() } else { words.join(", ") };
        let effects: Vec<_> = actions.iter().map(effect).collect();
        let effects = if effects.is_empty() { String::new() } else { format!(" [{}]", effects.join(", ")) };
        (edges, format!("{words} -> {}{effects}", replay(&log).state_name()))
    });
    Cell { state: change.state_name(), command: column.command.name(), result }
}

fn effect(action: &Action) -> String {
    match action {
        Action::SetTimer { deadline, .. } => format!("set {deadline}"),
        Action::CancelTimer { deadline } => format!("cancel {deadline}"),
        Action::Notify { notice } => format!("tell {}", notice.as_str()),
        Action::OpenIncident { severity, .. } => format!("open {severity} incident"),
    }
}

/// Every cell of the table.
pub(super) fn cells() -> Vec<Cell> {
    rows()
        .iter()
        .flat_map(|row| {
            columns(&row.story.change).iter().map(|column| ask(&row.story, column)).collect::<Vec<_>>()
        })
        .collect()
}

/// Every change of state that some command leads to.
pub(super) fn edges() -> BTreeSet<Edge> {
    let results = cells().into_iter().filter_map(|cell| cell.result.ok());
    results.flat_map(|(edges, _)| edges).filter(|edge| edge.from != edge.to).collect()
}

/// For each state: what every command leads to, or the rule that refuses it. Commands that the state does not admit
/// stand together at the end.
#[test]
fn every_state_and_every_command() {
    let mut table = String::new();
    for Row { detail, story } in rows() {
        let detail = if detail.is_empty() { String::new() } else { format!(", {detail}") };
        writeln!(table, "{}{detail}", story.state()).unwrap();
        let mut illegal = Vec::new();
        for column in columns(&story.change) {
            let name = format!("{} {}", column.command.name(), column.detail).trim_end().to_owned();
            match ask(&story, &column).result {
                Ok((_, words)) => writeln!(table, "  {name}: {words}").unwrap(),
                Err(Refusal::IllegalTransition { .. }) => {
                    let is_legal = column.command.name().is_legal_in(story.state());
                    let name = if is_legal { name } else { column.command.name().to_string() };
                    if !illegal.contains(&name) {
                        illegal.push(name);
                    }
                }
                Err(refusal) => writeln!(table, "  {name}: refused by {}", refusal.rule()).unwrap(),
            }
        }
        writeln!(table, "  not admitted: {}\n", illegal.join(", ")).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn decisions_and_the_transition_table_say_the_same() {
    let cells = cells();
    for state in StateName::ALL {
        for command in CommandName::ALL {
            let mut asked =
                cells.iter().filter(|cell| (cell.state, cell.command) == (*state, *command)).peekable();
            assert!(asked.peek().is_some(), "{command} is never asked of a change that is {state}");
            if command.is_legal_in(*state) {
                assert!(asked.any(|cell| cell.result.is_ok()), "{command} is never accepted while {state}");
            } else {
                let is_illegal = |cell: &Cell| {
                    matches!(&cell.result, Err(Refusal::IllegalTransition { state: named, command: asked })
                        if named == state && asked == command)
                };
                assert!(asked.all(is_illegal), "{command} is not refused as illegal while {state}");
            }
        }
    }
}

#[test]
fn nothing_leads_out_of_a_final_state_and_every_other_is_left() {
    let edges = edges();
    for state in StateName::ALL {
        let is_override =
            |edge: &Edge| edge.from == StateName::Rejected && edge.event == "decision_overridden";
        let is_left = edges.iter().any(|edge| edge.from == *state && !is_override(edge));
        assert_eq!(is_left, !state.is_final(), "{state}");
        let is_entered = edges.iter().any(|edge| edge.to == *state);
        assert!(is_entered || *state == StateName::Draft, "{state}");
    }
}
