//! Emergencies: authorised at once, reviewed by the e-CAB within a day.

use domain::actor::Role;
use domain::change::{Command, Deadline, Outcome, Retrospective, ReviewKind};
use domain::risk::Level;
use jiff::SignedDuration;

use super::Story;
use super::fixture::{
    amend, approve, asked_for, assessed, authorised_emergency, awaiting, cancel, close, content, do_step,
    emergency_content, finish, start, started, succeeded, text, validation, withdraw,
};
use super::people::{acting_for, ada, eve, human, id, lena, runner};

fn review() -> Command {
    Command::Review { kind: ReviewKind::Retrospective, text: text("the alarm came late"), finding: None }
}

fn overdue() -> Command {
    Command::Expire { deadline: Deadline::Retrospective }
}

/// An emergency whose plan is done and validated.
fn implemented() -> Story {
    authorised_emergency()
        .when(start(&emergency_content()))
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
}

#[test]
fn one_member_of_the_ecab_authorises_whatever_the_level() {
    let story = awaiting(&emergency_content(), Level::Critical);
    assert_eq!(story.change.retrospective, Retrospective::NotRequired);
    let story =
        story.when(approve(Role::EcabMember, &emergency_content())).by(eve()).then("approved -> approved");
    let by = story.now + SignedDuration::from_hours(24);
    assert_eq!(story.change.retrospective, Retrospective::Due { by, overdue: false });
}

#[test]
fn the_review_is_due_within_a_day_and_done_once() {
    let story = implemented().when(review()).by(eve()).then("reviewed -> implemented");
    let done = Retrospective::Done { at: story.now, by: id("eve"), late: false };
    assert_eq!(story.change.retrospective, done);
    story
        .when(overdue())
        .refused_by("lifecycle")
        .when(review())
        .by(lena())
        .refused_saying(
            "retrospective: no retrospective review is due: only an authorised emergency needs one, and only once; \
             add a post-implementation review instead",
        )
        .when(close(Outcome::Successful))
        .by(ada())
        .then("closed -> closed");
}

#[test]
fn an_overdue_review_stays_visible_after_closing_until_it_is_done_late() {
    let story = implemented().when(close(Outcome::Successful)).by(ada()).then("closed -> closed");
    let due = story.change.due_at(Deadline::Retrospective).unwrap();
    let story = story
        .at(due - SignedDuration::from_micros(1))
        .when_at_once(overdue())
        .refused_by("deadline")
        .at(due)
        .when_at_once(overdue())
        .then("retrospective_overdue -> closed")
        .when(overdue())
        .refused_by("lifecycle");
    assert_eq!(story.change.retrospective, Retrospective::Due { by: due, overdue: true });
    let story = story.when(review()).by(eve()).then("reviewed -> closed");
    assert!(matches!(story.change.retrospective, Retrospective::Done { late: true, .. }));
}

#[test]
fn a_review_is_late_even_when_nobody_recorded_that_it_was_overdue() {
    let story = implemented();
    let due = story.change.due_at(Deadline::Retrospective).unwrap();
    let story = story.at(due).when_at_once(review()).by(eve()).then("reviewed -> implemented");
    assert!(matches!(story.change.retrospective, Retrospective::Done { late: true, .. }));
}

#[test]
fn it_becomes_overdue_while_the_plan_still_runs() {
    let story = authorised_emergency()
        .when(start(&emergency_content()))
        .by(runner())
        .then("implementation_started -> implementing");
    let due = story.change.due_at(Deadline::Retrospective).unwrap();
    story.at(due).when_at_once(overdue()).then("retrospective_overdue -> implementing");
}

#[test]
fn what_has_not_been_done_cannot_be_reviewed() {
    authorised_emergency()
        .when(review())
        .by(eve())
        .refused_by("lifecycle")
        .when(start(&emergency_content()))
        .by(runner())
        .then("implementation_started -> implementing")
        .when(review())
        .by(eve())
        .refused_by("lifecycle");
}

#[test]
fn the_requesters_side_and_programs_do_not_review_their_emergency() {
    implemented()
        .when(review())
        .by(human("ada_other", &[Role::EcabMember]))
        .refused_by("segregation-of-duties")
        .when(review())
        .by(acting_for(eve(), "ada"))
        .refused_by("segregation-of-duties")
        .when(review())
        .by(runner())
        .refused_by("agents-never-satisfy-a-human-gate")
        .when(review())
        .refused_by("agents-never-satisfy-a-human-gate");
}

#[test]
fn without_its_authorisation_an_emergency_that_was_not_begun_needs_no_review() {
    let given_up = [
        authorised_emergency().when(withdraw()).by(eve()).then("approval_withdrawn -> awaiting_approval"),
        authorised_emergency().when(amend(content())).by(ada()).then("amended -> assessing"),
        authorised_emergency().when(cancel()).by(ada()).then("cancelled -> cancelled"),
    ];
    for story in given_up {
        assert_eq!(story.change.retrospective, Retrospective::NotRequired);
        assert_eq!(story.change.due_at(Deadline::Retrospective), None);
    }
}

#[test]
fn an_authorisation_by_policy_is_reviewed_as_well() {
    let Command::RecordAssessment { assessment, mut requirements } =
        assessed(&emergency_content(), Level::Low)
    else {
        panic!("not an assessment")
    };
    requirements.gates.clear();
    requirements.automated = true;
    let story = asked_for(emergency_content())
        .when(Command::RecordAssessment { assessment, requirements })
        .then("risk_assessed -> assessing")
        .when(Command::PreApprove)
        .then("approved -> approved");
    let by = story.now + SignedDuration::from_hours(24);
    assert_eq!(story.change.retrospective, Retrospective::Due { by, overdue: false });
}
