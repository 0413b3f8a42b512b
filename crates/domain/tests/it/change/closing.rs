//! Closing, and what may be added when the life of a change is over.

use domain::change::{Closed, Command, Deadline, Outcome, ReviewFinding, ReviewKind, State, StateName};
use domain::id::ChangeId;
use domain::risk::Level;
use jiff::SignedDuration;

use super::fixture::{
    awaiting, cancel, close, content, failed_rollback, implemented, reject, rolled_back, text,
};
use super::people::{ada, lena, max, runner};
use super::{Story, change_id};

fn partial(follow_up: Option<ChangeId>) -> Command {
    Command::Close { outcome: Outcome::Partial, follow_up, comment: None, documentation: None }
}

fn review(finding: Option<ReviewFinding>) -> Command {
    Command::Review {
        kind: ReviewKind::PostImplementation,
        text: text("next time in smaller steps"),
        finding,
    }
}

fn post_implementation_review() -> Command {
    review(None)
}

#[test]
fn a_change_that_nobody_closes_is_closed_by_the_system_and_marked_so() {
    let expire = || Command::Expire { deadline: Deadline::Closing };
    let story = implemented();
    let due = story.now + SignedDuration::from_hours(3 * 24);
    let story = story
        .at(due - SignedDuration::from_micros(1))
        .when_at_once(expire())
        .refused_by("deadline")
        .at(due)
        .when_at_once(expire())
        .then("closed -> closed");
    assert_eq!(story.change.outcome(), Some(Outcome::Successful));
    let words = "Change successful, closed by the system because nobody did in time";
    assert_eq!(story.last_words(), words);
}

#[test]
fn a_partial_change_names_the_one_that_completes_it() {
    let other: ChangeId = "CHG-2026-000124".parse().unwrap();
    let story = implemented()
        .when(partial(None))
        .by(ada())
        .refused_saying(
            "outcome: a partial change needs a follow-up change; \
             create the change that completes this one and name it as `follow_up`",
        )
        .when(partial(Some(change_id())))
        .by(ada())
        .refused_by("outcome")
        .when(partial(Some(other)))
        .by(ada())
        .then("closed -> closed");
    let State::Closed(Closed { follow_up, .. }) = story.change.state else { panic!("not closed") };
    assert_eq!(follow_up, Some(other));
}

#[test]
fn an_outcome_says_what_happened() {
    let check = |story: fn() -> Story, accepted: &[Outcome]| {
        for outcome in Outcome::ALL {
            let command = Command::Close {
                outcome: *outcome,
                follow_up: "CHG-2026-000124".parse().ok(),
                comment: None,
                documentation: None,
            };
            let step = story().when(command).by(ada());
            if accepted.contains(outcome) {
                step.then("closed -> closed");
            } else {
                step.refused_by("outcome");
            }
        }
    };
    check(implemented, &[Outcome::Successful, Outcome::Partial]);
    check(rolled_back, &[Outcome::RolledBack]);
    check(failed_rollback, &[Outcome::Failed]);
}

#[test]
fn reviews_and_remarks_are_added_after_the_end_and_nothing_else() {
    let ends = [
        implemented().when(close(Outcome::Successful)).by(ada()).then("closed -> closed"),
        awaiting(&content(), Level::Medium)
            .when(reject(domain::actor::Role::TechnicalLead))
            .by(lena())
            .then("rejected -> rejected"),
        awaiting(&content(), Level::Medium).when(cancel()).by(ada()).then("cancelled -> cancelled"),
    ];
    for story in ends {
        let state = story.state();
        assert!(state.is_final());
        let story = story
            .when(post_implementation_review())
            .by(lena())
            .then(&format!("reviewed -> {state}"))
            .when(Command::Comment { text: text("thank you") })
            .by(ada())
            .then(&format!("commented -> {state}"))
            .when(close(Outcome::Successful))
            .by(ada())
            .refused_by("lifecycle");
        assert_eq!(story.change.reviews, 1);
    }
}

#[test]
fn nothing_is_reviewed_before_it_is_done() {
    awaiting(&content(), Level::Medium).when(post_implementation_review()).by(lena()).refused_saying(
        "lifecycle: a change that is awaiting_approval does not admit `review`; `review` is accepted while \
         the change is validating, implemented, rolled_back, failed, closed, rejected, cancelled",
    );
}

#[test]
fn a_review_may_find_otherwise_than_the_change_was_closed_as_and_the_last_one_holds() {
    let closed = rolled_back().when(close(Outcome::RolledBack)).by(ada()).then("closed -> closed");
    assert_eq!(closed.change.found(), None);
    let story = closed.when(review(Some(ReviewFinding::Succeeded))).by(lena()).then("reviewed -> closed");
    assert_eq!(
        story.last_words(),
        "Post-implementation review, which finds that the change succeeded: next time in smaller steps"
    );
    let digest = story.change.digest;
    let first = story.now;
    let story = story
        .when(review(None))
        .by(lena())
        .then("reviewed -> closed")
        .when(review(Some(ReviewFinding::Failed)))
        .by(max())
        .then("reviewed -> closed");
    assert_eq!(story.change.outcome(), Some(Outcome::RolledBack), "how it was closed stays");
    let findings: Vec<_> = story
        .change
        .findings
        .iter()
        .map(|found| (found.finding, found.by.as_str().to_owned(), found.at >= first))
        .collect();
    let expected = [(ReviewFinding::Succeeded, "act_lena"), (ReviewFinding::Failed, "act_max")];
    assert_eq!(findings, expected.map(|(finding, by)| (finding, by.to_owned(), true)));
    assert_eq!(story.change.found().map(|found| found.finding), Some(ReviewFinding::Failed));
    assert_eq!((story.change.reviews, story.change.digest), (3, digest));
}

#[test]
fn only_a_person_outside_the_requesters_side_finds_otherwise() {
    let finding = || review(Some(ReviewFinding::Succeeded));
    let closed = || rolled_back().when(close(Outcome::RolledBack)).by(ada()).then("closed -> closed");
    closed().when(finding()).by(ada()).refused_by("segregation-of-duties");
    closed().when(finding()).by(runner()).refused_by("agents-never-satisfy-a-human-gate");
    // Words alone overrule nothing.
    closed().when(review(None)).by(ada()).then("reviewed -> closed");
}

#[test]
fn what_is_not_closed_has_no_outcome_to_find() {
    let finding = || review(Some(ReviewFinding::Failed));
    implemented().when(finding()).by(lena()).refused_saying(
        "finding: a change that is implemented was not closed as anything, so no review can find otherwise; \
         leave the finding out, or close the change first",
    );
    let cancelled =
        awaiting(&content(), Level::Medium).when(cancel()).by(ada()).then("cancelled -> cancelled");
    cancelled.when(finding()).by(lena()).refused_saying(
        "finding: a change that is cancelled was not closed as anything, so no review can find otherwise; \
         leave the finding out: the change was never started",
    );
}

#[test]
fn an_incident_is_linked_once() {
    let link = |id: &str| Command::LinkIncident { incident: id.parse().unwrap() };
    let story = implemented()
        .when(link("INC-2026-000001"))
        .by(lena())
        .then("incident_linked -> implemented")
        .when(link("INC-2026-000001"))
        .by(lena())
        .then("nothing -> implemented")
        .when(link("INC-2026-000002"))
        .by(lena())
        .then("incident_linked -> implemented");
    assert_eq!(story.change.incidents.len(), 2);
    assert_eq!(story.state(), StateName::Implemented);
}
