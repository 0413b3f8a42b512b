//! The audit trail in the specification's words.

use domain::actor::Role;
use domain::change::{ChangeEvent, Command, Outcome, trail};
use domain::risk::Level;
use domain::text::{FreeText, TEXT_BYTES_MAX};

use super::fixture::{
    approve_if, asked_for, assessed, content, do_step, finish, satisfy, start, started, succeeded, text,
    validation,
};
use super::people::{lena, max, runner};

/// The specification's example: who did what, in which order. Steps of the plan are entries between them.
#[test]
fn a_successful_change_reads_like_the_specifications_example() {
    let conditions = ["staging tests required"];
    let story = asked_for(content())
        .when(assessed(&content(), Level::Medium))
        .then("risk_assessed -> assessing")
        .when_at_once(Command::RequestApproval)
        .then("approval_requested -> awaiting_approval")
        .when(approve_if(Role::TechnicalLead, &content(), &conditions))
        .by(lena())
        .then("approved -> approved")
        .when(satisfy(0))
        .by(max())
        .then("condition_satisfied -> approved")
        .when(start(&content()))
        .by(runner())
        .then("implementation_started -> implementing")
        .reports([
            started(&do_step("deploy")),
            succeeded(&do_step("deploy")),
            started(&do_step("switch")),
            succeeded(&do_step("switch")),
        ])
        .when(finish())
        .by(runner())
        .then("implemented -> validating")
        .when(validation(true))
        .by(runner())
        .then("validated -> implemented")
        .when(Command::Close {
            outcome: Outcome::Successful,
            follow_up: None,
            comment: Some(text("CMDB updated")),
            documentation: None,
        })
        .by(max())
        .then("closed -> closed");
    let line = |entry: &super::Entry| {
        let trail::Entry { action, details } = trail::entry(&entry.event);
        format!("{} {action} {}: {details}", entry.at, entry.by)
    };
    let lines: Vec<_> = story.log.iter().map(line).collect();
    insta::assert_snapshot!(lines.join("\n"));
    let actions: Vec<_> = story.log.iter().map(|entry| trail::action(&entry.event)).collect();
    let named = ["created", "risk_assessed", "approved", "implemented", "validated", "closed"];
    let in_order: Vec<_> = actions.iter().filter(|action| named.contains(action)).copied().collect();
    assert_eq!(in_order, named);
}

#[test]
fn a_long_remark_is_cut_at_a_character() {
    let long = "é".repeat(TEXT_BYTES_MAX / 2);
    let details = trail::entry(&ChangeEvent::Commented { text: FreeText::new(&long).unwrap() }).details;
    assert_eq!(details, format!("{}…", "é".repeat(512)));
}

#[test]
fn a_validation_counts_its_checks() {
    let words = |command| {
        let Command::Validate { mut validation } = command else { panic!("not a validation") };
        let both = trail::entry(&ChangeEvent::Validated {
            validation: validation.clone(),
            deadline: domain::Timestamp::UNIX_EPOCH,
        });
        validation.checks.truncate(1);
        let one =
            trail::entry(&ChangeEvent::Validated { validation, deadline: domain::Timestamp::UNIX_EPOCH });
        [both.details, one.details]
    };
    assert_eq!(words(validation(true)), ["All 2 checks passed", "The check passed"]);
}
