//! From the request to the right to start.

use domain::actor::Role;
use domain::change::{
    Category, ChangeType, Command, Content, Deadline, Outcome, Rejected, RejectionReason, State, Window,
};
use domain::plan::Plan;
use domain::risk::Level;
use jiff::SignedDuration;

use super::fixture::{
    amend, approve, approve_if, approved, asked_for, assessed, awaiting, cancel, content, digest_of, reject,
    satisfy, start, start_of_story, text, windowed_content, withdraw,
};
use super::people::{acting_for, ada, agent, carl, cleo, cora, human, lena, max, runner, tom};
use super::{Story, given, requested};

/// A change that a technical lead has approved on two conditions.
fn conditionally_approved() -> Story {
    let conditions = ["staging tests required", "the on-call engineer is told"];
    awaiting(&content(), Level::Medium)
        .when(approve_if(Role::TechnicalLead, &content(), &conditions))
        .by(lena())
        .then("approved -> approved")
}

/// A change that a technical lead and one member of the CAB have approved; another one is still to do so.
fn half_approved() -> Story {
    awaiting(&content(), Level::High)
        .when(approve(Role::TechnicalLead, &content()))
        .by(lena())
        .then("approved, stage_opened -> awaiting_approval")
        .when(approve(Role::CabMember, &content()))
        .by(carl())
        .then("approved -> awaiting_approval")
}

#[test]
fn low_risk_is_approved_without_a_person() {
    let story = approved(&content());
    let authorization = story.change.authorization().unwrap();
    assert!(authorization.approvals.is_empty() && authorization.requirements.automated);
    assert_eq!(authorization.digest, digest_of(&content()));
    story.when(start(&content())).by(runner()).then("implementation_started -> implementing");
}

#[test]
fn what_needs_a_person_is_not_approved_without_one() {
    let story =
        asked_for(content()).when(assessed(&content(), Level::Medium)).then("risk_assessed -> assessing");
    story
        .when(Command::PreApprove)
        .refused_saying("valid-approvals: approvals are outstanding; outstanding: 1 × technical_lead");
}

#[test]
fn medium_risk_is_approved_by_a_technical_lead_whose_conditions_come_first() {
    conditionally_approved()
        .when(start(&content()))
        .by(runner())
        .refused_saying(
            "conditions: conditions that are not met: 2; \
             record evidence for: staging tests required; the on-call engineer is told",
        )
        .when(satisfy(0))
        .by(max())
        .then("condition_satisfied -> approved")
        .when(start(&content()))
        .by(runner())
        .refused_by("conditions")
        .when(satisfy(1))
        .by(lena())
        .then("condition_satisfied -> approved")
        .when(start(&content()))
        .by(runner())
        .then("implementation_started -> implementing");
}

#[test]
fn a_condition_is_met_once_and_by_a_person_who_did_not_ask_for_the_change() {
    conditionally_approved()
        .when(satisfy(2))
        .by(max())
        .refused_saying(
            "conditions: condition 2 does not exist or is met already: the change has 2 conditions, counted from 0; \
             list the conditions with `cortex-change show`",
        )
        .when(satisfy(0))
        .by(runner())
        .refused_by("agents-never-satisfy-a-human-gate")
        .when(satisfy(0))
        .refused_by("agents-never-satisfy-a-human-gate")
        .when(satisfy(0))
        .by(ada())
        .refused_by("segregation-of-duties")
        .when(satisfy(0))
        .by(max())
        .then("condition_satisfied -> approved")
        .when(satisfy(0))
        .by(lena())
        .refused_by("conditions");
}

#[test]
fn high_risk_needs_a_technical_lead_and_then_two_others_of_the_cab() {
    awaiting(&content(), Level::High)
        .when(approve(Role::CabMember, &content()))
        .by(carl())
        .refused_saying(
            "approval-stages: an approval as `cab_member` belongs to a later stage, which opens once the earlier one is \
             complete; wait for the earlier stage; outstanding: 1 × technical_lead",
        )
        .when(approve(Role::TechnicalLead, &content()))
        .by(cora())
        .then("approved, stage_opened -> awaiting_approval")
        .when(approve(Role::CabMember, &content()))
        .by(cora())
        .refused_saying(
            "approvals: the actor has already approved this change; another person must give the remaining approvals",
        )
        .when(approve(Role::Ciso, &content()))
        .by(cleo())
        .refused_saying("approvals: an approval as `ciso` is not outstanding; outstanding: 2 × cab_member");
    half_approved()
        .when(approve(Role::CabMember, &content()))
        .by(carl())
        .refused_by("approvals")
        .when(approve(Role::CabMember, &content()))
        .by(cora())
        .then("approved -> approved");
}

#[test]
fn critical_risk_needs_two_of_the_cab_the_ciso_and_the_cto() {
    let story = awaiting(&content(), Level::Critical)
        .when(approve(Role::Cto, &content()))
        .by(tom())
        .then("approved -> awaiting_approval")
        .when(approve(Role::CabMember, &content()))
        .by(carl())
        .then("approved -> awaiting_approval")
        .when(approve(Role::TechnicalLead, &content()))
        .by(lena())
        .refused_by("approvals")
        .when(approve(Role::CabMember, &content()))
        .by(cora())
        .then("approved -> awaiting_approval")
        .when(approve(Role::Ciso, &content()))
        .by(cleo())
        .then("approved -> approved");
    assert_eq!(story.change.authorization().unwrap().approvals.len(), 4);
}

#[test]
fn the_requesters_side_never_decides() {
    let lead = |name| human(name, &[Role::TechnicalLead]);
    let mut story = awaiting(&content(), Level::Medium);
    for name in ["ada", "ada_other"] {
        story = story
            .when(approve(Role::TechnicalLead, &content()))
            .by(lead(name))
            .refused_saying(
                "segregation-of-duties: the requester's side may not decide about its own change; \
                 ask somebody who neither requested the change nor is acted for",
            )
            .when(reject(Role::TechnicalLead))
            .by(lead(name))
            .refused_by("segregation-of-duties");
    }
    story
        .when(approve(Role::TechnicalLead, &content()))
        .by(acting_for(lena(), "ada"))
        .refused_by("segregation-of-duties");
}

#[test]
fn the_one_for_whom_a_change_was_asked_does_not_decide_about_it() {
    let log = requested(content(), &acting_for(runner(), "lena"), false).unwrap();
    given(log)
        .when(assessed(&content(), Level::Medium))
        .then("risk_assessed -> assessing")
        .when(Command::RequestApproval)
        .then("approval_requested -> awaiting_approval")
        .when(approve(Role::TechnicalLead, &content()))
        .by(lena())
        .refused_by("segregation-of-duties");
}

#[test]
fn whoever_rewrote_a_change_does_not_decide_about_it() {
    let longer = Content { category: Category::Patch, ..content() };
    awaiting(&content(), Level::Medium)
        .when(amend(longer))
        .by(lena())
        .then("amended -> assessing")
        .when(assessed(&content(), Level::Medium))
        .then("risk_assessed -> assessing")
        .when(Command::RequestApproval)
        .then("approval_requested -> awaiting_approval")
        .when(approve(Role::TechnicalLead, &content()))
        .by(lena())
        .refused_by("segregation-of-duties")
        .when(approve(Role::TechnicalLead, &content()))
        .by(cora())
        .then("approved -> approved");
}

#[test]
fn neither_agents_nor_services_nor_the_system_decide() {
    awaiting(&content(), Level::Medium)
        .when(approve(Role::TechnicalLead, &content()))
        .by(agent("bot"))
        .refused_saying(
            "agents-never-satisfy-a-human-gate: only a human may pass a human gate; \
             ask a person who holds the role to decide",
        )
        .when(approve(Role::TechnicalLead, &content()))
        .refused_by("agents-never-satisfy-a-human-gate")
        .when(reject(Role::TechnicalLead))
        .by(agent("bot"))
        .refused_by("agents-never-satisfy-a-human-gate");
}

#[test]
fn an_approver_exercises_a_role_that_is_held_and_asked_for() {
    awaiting(&content(), Level::Medium)
        .when(approve(Role::TechnicalLead, &content()))
        .by(carl())
        .refused_saying(
            "approver-holds-the-authority: the role `technical_lead` is not held by the actor; \
             name a role you hold, or ask an administrator for the role",
        )
        .when(approve(Role::CabMember, &content()))
        .by(carl())
        .refused_by("approvals");
}

#[test]
fn an_authority_rejects_and_the_cab_may_call_in_what_it_was_told_about() {
    for (role, actor) in [(Role::TechnicalLead, lena()), (Role::CabMember, carl())] {
        let story =
            awaiting(&content(), Level::Medium).when(reject(role)).by(actor).then("rejected -> rejected");
        let State::Rejected(Rejected { reason, .. }) = story.change.state else { panic!("not rejected") };
        assert_eq!(reason, RejectionReason::Authority);
    }
    awaiting(&content(), Level::Medium).when(reject(Role::Ciso)).by(cleo()).refused_by("approvals");
}

#[test]
fn at_the_deadline_it_is_too_late_whether_or_not_the_timer_has_fired() {
    let story = awaiting(&content(), Level::Medium);
    let deadline = story.now + SignedDuration::from_hours(4);
    let expire = || Command::Expire { deadline: Deadline::Approval };
    story
        .clone()
        .at(deadline - SignedDuration::from_micros(1))
        .when_at_once(expire())
        .refused_by("deadline")
        .when_at_once(approve(Role::TechnicalLead, &content()))
        .by(lena())
        .then("approved -> approved");
    let story = story
        .at(deadline)
        .when_at_once(approve(Role::TechnicalLead, &content()))
        .by(lena())
        .refused_saying("deadline: the deadline 2026-03-02T13:01:00Z has passed; create the change again")
        .when_at_once(expire())
        .then("rejected -> rejected");
    assert_eq!(story.last_words(), "Rejected (expired): no decision before the deadline");
}

#[test]
fn an_approver_may_change_their_mind_before_the_start() {
    conditionally_approved()
        .when(withdraw())
        .by(carl())
        .refused_saying(
            "approvals: the actor has not approved this change; only one's own approval can be withdrawn",
        )
        .when(withdraw())
        .by(lena())
        .then("approval_withdrawn -> awaiting_approval")
        .when(start(&content()))
        .by(runner())
        .refused_saying(
            "lifecycle: a change that is awaiting_approval does not admit `start`; \
             `start` is accepted while the change is approved",
        )
        .when(approve(Role::TechnicalLead, &content()))
        .by(cora())
        .then("approved -> approved")
        .when(start(&content()))
        .by(runner())
        .refused_by("conditions");
}

#[test]
fn withdrawing_does_not_win_time_for_a_change_that_waits() {
    let story = half_approved();
    let deadline = story.change.due_at(Deadline::Approval).unwrap();
    let story = story
        .at(deadline + SignedDuration::from_hours(1))
        .when(withdraw())
        .by(carl())
        .then("approval_withdrawn -> awaiting_approval");
    assert_eq!(story.change.due_at(Deadline::Approval), Some(deadline));
    story.when(approve(Role::CabMember, &content())).by(carl()).refused_by("deadline");
}

#[test]
fn an_amendment_voids_approvals_and_what_is_approved_next_is_the_new_content() {
    let longer = Content { category: Category::Configuration, environment: None, ..windowed_content() };
    let story = conditionally_approved().when(amend(longer.clone())).by(ada()).then("amended -> assessing");
    assert!(story.change.authorization().is_none());
    assert_ne!(digest_of(&content()), digest_of(&longer));
    story
        .when(assessed(&longer, Level::Medium))
        .then("risk_assessed -> assessing")
        .when(Command::RequestApproval)
        .then("approval_requested -> awaiting_approval")
        .when(approve(Role::TechnicalLead, &content()))
        .by(lena())
        .refused_by("what-was-approved-is-what-runs")
        .when(approve(Role::TechnicalLead, &longer))
        .by(lena())
        .then("approved -> approved")
        .at(longer.window.unwrap().start)
        .when(start(&content()))
        .by(runner())
        .refused_by("what-was-approved-is-what-runs")
        .when(start(&longer))
        .by(runner())
        .then("implementation_started -> implementing");
}

/// The assessment is of its own moment, and what is learned from the change later is of that moment too.
#[test]
fn an_amended_change_counts_as_assessed_when_it_was_assessed_anew() {
    let patch = Content { category: Category::Patch, ..content() };
    let story = awaiting(&content(), Level::Medium).wait(SignedDuration::from_hours(30));
    let first = story.change.assessed_at.unwrap();
    assert!(first.duration_since(story.change.created_at) < SignedDuration::from_mins(5));
    let story = story
        .when(amend(patch.clone()))
        .by(ada())
        .then("amended -> assessing")
        .when(assessed(&patch, Level::Medium))
        .then("risk_assessed -> assessing");
    assert_eq!(story.change.assessed_at, Some(story.change.updated_at));
    assert!(story.change.updated_at.duration_since(first) > SignedDuration::from_hours(30));
}

#[test]
fn words_may_change_without_changing_what_is_approved_yet_approvals_are_void() {
    let reworded = Content { description: Some(text("as discussed")), ..content() };
    assert_eq!(digest_of(&content()), digest_of(&reworded));
    conditionally_approved()
        .when(amend(reworded))
        .by(ada())
        .then("amended -> assessing")
        .when(start(&content()))
        .by(runner())
        .refused_by("lifecycle");
}

#[test]
fn a_window_is_kept_to_and_one_that_is_missed_must_be_replaced() {
    let content = windowed_content();
    let window = content.window.unwrap();
    let expire = || Command::Expire { deadline: Deadline::Window };
    let story = awaiting(&content, Level::Medium)
        .when(approve(Role::TechnicalLead, &content))
        .by(lena())
        .then("approved -> approved")
        .when(start(&content))
        .by(runner())
        .refused_saying(
            "window: the window is open from 2026-03-02T10:00:00Z to 2026-03-02T12:00:00Z; \
             it is now 2026-03-02T09:03:00Z; wait for the window, or amend it and have it approved",
        )
        .when(expire())
        .refused_by("deadline");
    story
        .clone()
        .at(window.start)
        .when_at_once(start(&content))
        .by(runner())
        .then("implementation_started -> implementing");
    let story = story
        .at(window.end)
        .when_at_once(start(&content))
        .by(runner())
        .refused_by("window")
        .when_at_once(expire())
        .then("window_missed -> awaiting_approval")
        .when(approve(Role::TechnicalLead, &content))
        .by(lena())
        .refused_saying(
            "window: the window is open from 2026-03-02T10:00:00Z to 2026-03-02T12:00:00Z; \
             it is now 2026-03-02T12:01:00Z; name a later window and have it approved",
        );
    let State::AwaitingApproval(awaiting) = &story.change.state else { panic!("not awaiting approval") };
    assert_eq!(awaiting.approvals, [], "what was approved can no longer be done");
    story.when(amend(super::fixture::content())).by(ada()).then("amended -> assessing");
}

#[test]
fn a_window_that_is_over_cannot_be_asked_for() {
    let past = Window { start: start_of_story() - SignedDuration::from_hours(2), end: start_of_story() };
    let late = Content { window: Some(past), ..content() };
    assert_eq!(requested(late.clone(), &ada(), false).unwrap_err().rule(), "window");
    asked_for(content())
        .when(assessed(&content(), Level::Medium))
        .then("risk_assessed -> assessing")
        .when(Command::RequestApproval)
        .then("approval_requested -> awaiting_approval")
        .when(amend(late))
        .by(ada())
        .refused_by("window");
}

#[test]
fn a_change_is_given_up_before_the_start() {
    for story in [asked_for(content()), awaiting(&content(), Level::High), approved(&content())] {
        let story = story.when(cancel()).by(ada()).then("cancelled -> cancelled");
        assert_eq!(story.change.outcome(), Some(Outcome::Cancelled));
    }
    approved(&content())
        .when(start(&content()))
        .by(runner())
        .then("implementation_started -> implementing")
        .when(cancel())
        .by(ada())
        .refused_by("lifecycle");
}

#[test]
fn a_draft_is_written_submitted_and_only_then_assessed() {
    let draft = given(requested(content(), &ada(), true).unwrap());
    draft
        .when(assessed(&content(), Level::Low))
        .refused_by("lifecycle")
        .when(amend(Content { change_type: ChangeType::Standard, ..content() }))
        .by(ada())
        .then("amended -> draft")
        .when(Command::Submit)
        .by(ada())
        .then("submitted -> assessing")
        .when(Command::Submit)
        .by(ada())
        .refused_by("lifecycle")
        .when(Command::PreApprove)
        .refused_by("lifecycle");
}

#[test]
fn an_assessment_that_does_not_end_calls_a_person() {
    let story = asked_for(content())
        .wait(SignedDuration::from_mins(15))
        .when(Command::Expire { deadline: Deadline::Assessment })
        .then("attention_needed -> assessing");
    assert_eq!(story.last_words(), "The assessment did not end in time");
}

#[test]
fn content_that_could_not_be_carried_out_is_refused_with_its_fault() {
    let plan = content().plan.map(|plan| Plan { steps: Vec::new(), ..plan });
    let refusal = requested(Content { plan, ..content() }, &ada(), false).unwrap_err();
    assert_eq!(refusal.rule(), "content");
    assert_eq!(refusal.to_string(), "plan: `steps` is a list of 0: expected 1 to 200 steps");
}
