//! Who decides in whose place, stage by stage, when those who are asked do not, and instead of what was decided
//! automatically.

use domain::actor::Role;
use domain::change::{ActingActor, Command, Content, Deadline, Override, State};
use domain::id::ActorId;
use domain::risk::Level;
use jiff::SignedDuration;

use super::Story;
use super::fixture::{
    amend, approve, approve_if, approved, authorised_emergency, awaiting, content, emergency_content,
    expired, level, low_with_a_veto, overriding, reject, satisfy, start, start_of_story, windowed_content,
    withdraw,
};
use super::people::{
    LENT_HOURS, acting_for, ada, agent, carl, cleo, cora, dora, eve, human, id, lena, max, runner, tom,
};

fn for_lena(actor: ActingActor) -> ActingActor {
    acting_for(actor, "lena")
}

fn approvers(story: &Story) -> Vec<(ActorId, Option<ActorId>)> {
    let approvals = match &story.change.state {
        State::AwaitingApproval(awaiting) => awaiting.approvals.clone(),
        _ => story.change.authorization().unwrap().approvals.clone(),
    };
    approvals.into_iter().map(|approval| (approval.by, approval.delegated_by)).collect()
}

#[test]
fn a_delegate_decides_by_the_authority_that_was_lent_and_both_stand_in_the_record() {
    let story = awaiting(&content(), Level::Medium)
        .when(approve(Role::TechnicalLead, &content()))
        .by(dora())
        .refused_by("approver-holds-the-authority")
        .when(approve(Role::CabMember, &content()))
        .by(for_lena(dora()))
        .refused_saying(
            "delegated-authority-only-in-force: nobody has lent the actor the authority of `cab_member` for this change at \
             this time; decide by a role of your own, or see with `cortex-change approvals delegations` what was lent to you",
        )
        .when(approve(Role::TechnicalLead, &content()))
        .by(for_lena(dora()))
        .then("approved -> approved");
    assert_eq!(approvers(&story), [(id("dora"), Some(id("lena")))]);
    assert_eq!(story.last_words(), "Approved as technical lead, by the authority that act_lena delegated");
    story.when(start(&content())).by(runner()).then("implementation_started -> implementing");
    awaiting(&content(), Level::Medium)
        .when(reject(Role::TechnicalLead))
        .by(for_lena(dora()))
        .then("rejected -> rejected");
}

#[test]
fn neither_the_delegate_nor_the_delegator_is_on_the_requesters_side() {
    let lead = Role::TechnicalLead;
    let mut story = awaiting(&content(), Level::Medium);
    // The requester borrowed authority; the requester's other record lent it; and both at once.
    for actor in
        [for_lena(ada()), acting_for(dora(), "ada_other"), acting_for(human("ada_other", &[]), "lena")]
    {
        story = story
            .when(approve(lead, &content()))
            .by(actor.clone())
            .refused_by("segregation-of-duties")
            .when(reject(lead))
            .by(actor)
            .refused_by("segregation-of-duties");
    }
    // Whoever rewrote it is on that side as well, also behind a delegate.
    let longer = Content { environment: "production".parse().ok(), ..content() };
    story
        .when(amend(longer.clone()))
        .by(lena())
        .then("amended -> assessing")
        .when(super::fixture::assessed(&longer, Level::Medium))
        .then("risk_assessed -> assessing")
        .when(Command::RequestApproval)
        .then("approval_requested -> awaiting_approval")
        .when(approve(lead, &longer))
        .by(for_lena(dora()))
        .refused_by("segregation-of-duties");
}

#[test]
fn programs_are_no_delegates_and_nothing_is_lent_on() {
    let lead = approve(Role::TechnicalLead, &content());
    awaiting(&content(), Level::Medium)
        .when(lead.clone())
        .by(for_lena(agent("lena_agent")))
        .refused_by("agents-never-satisfy-a-human-gate")
        // Dora may decide for Lena; whom Dora would lend to may not, and neither may anybody for Dora.
        .when(lead.clone())
        .by(for_lena(human("zoe", Role::ALL)))
        .refused_by("delegated-authority-only-in-force")
        .when(lead)
        .by(acting_for(human("zoe", &[]), "dora"))
        .refused_by("delegated-authority-only-in-force");
}

#[test]
fn a_delegation_ends_by_itself_and_covers_only_what_it_names() {
    let lent_until = start_of_story() + SignedDuration::from_hours(LENT_HOURS);
    let high = awaiting(&content(), Level::Critical);
    high.at(lent_until - SignedDuration::from_micros(1))
        .when_at_once(approve(Role::CabMember, &content()))
        .by(acting_for(dora(), "carl"))
        .then("approved -> awaiting_approval")
        .at(lent_until)
        .when_at_once(approve(Role::CabMember, &content()))
        .by(acting_for(cora(), "carl"))
        .refused_by("delegated-authority-only-in-force");
    // Cleo lends hers for medium risk only.
    awaiting(&content(), Level::Critical)
        .when(approve(Role::Ciso, &content()))
        .by(acting_for(dora(), "cleo"))
        .refused_by("delegated-authority-only-in-force")
        .when(approve(Role::Ciso, &content()))
        .by(cleo())
        .then("approved -> awaiting_approval");
}

#[test]
fn a_delegate_and_a_delegator_are_one_person_and_so_are_two_records_of_one() {
    let lead_done = awaiting(&content(), Level::High)
        .when(approve(Role::TechnicalLead, &content()))
        .by(lena())
        .then("approved, stage_opened -> awaiting_approval");
    let cab = || approve(Role::CabMember, &content());
    let by_dora = lead_done.when(cab()).by(acting_for(dora(), "carl")).then("approved -> awaiting_approval");
    by_dora
        .clone()
        .when(cab())
        .by(carl())
        .refused_saying(
            "approvals: the actor has already approved this change; another person must give the remaining approvals",
        )
        .when(cab())
        .by(human("dora", &[Role::CabMember]))
        .refused_by("approvals")
        .when(cab())
        .by(acting_for(cora(), "carl"))
        .refused_by("approvals")
        // Carl's other record is Carl.
        .when(cab())
        .by(human("carl_at_home", &[Role::CabMember]))
        .refused_by("approvals")
        .when(cab())
        .by(cora())
        .then("approved -> approved");
    // Either of the two may take it back.
    for actor in [dora(), carl()] {
        let story =
            by_dora.clone().when(withdraw()).by(actor).then("approval_withdrawn -> awaiting_approval");
        assert_eq!(approvers(&story), [(id("lena"), None)]);
    }
    by_dora.when(withdraw()).by(cora()).refused_by("approvals");
}

#[test]
fn each_stage_has_its_own_time_and_withdrawing_wins_none() {
    let story = awaiting(&content(), Level::High);
    let opened = story.now;
    let due = |story: &Story| story.change.due_at(Deadline::Approval).unwrap();
    assert_eq!(due(&story), opened + SignedDuration::from_hours(4));
    let story = story
        .wait(SignedDuration::from_hours(3))
        .when(approve(Role::TechnicalLead, &content()))
        .by(lena())
        .then("approved, stage_opened -> awaiting_approval");
    let week = story.now + SignedDuration::from_hours(7 * 24);
    assert_eq!(due(&story), week);
    let reminder = story.change.due_at(Deadline::ApprovalReminder).unwrap();
    assert_eq!(reminder, week - SignedDuration::from_hours(84));
    assert_eq!(story.last_words(), "Stage 2 of approval opened until 2026-03-09T12:02:00Z");
    // The first stage opens again, the second keeps its time however often.
    let mut story = story.when(approve(Role::CabMember, &content())).by(carl()).accepted();
    for _ in 0..3 {
        story = story
            .wait(SignedDuration::from_hours(10))
            .when(withdraw())
            .by(lena())
            .then("approval_withdrawn -> awaiting_approval")
            .when(approve(Role::CabMember, &content()))
            .by(cora())
            .refused_by("approval-stages")
            .when(approve(Role::TechnicalLead, &content()))
            .by(lena())
            .then("approved -> awaiting_approval");
        assert_eq!(due(&story), week);
    }
    let story = story.when(approve(Role::CabMember, &content())).by(cora()).then("approved -> approved");
    // Withdrawn once it was approved, it waits for that stage again, in its own time.
    let again = story.when(withdraw()).by(lena()).then("approval_withdrawn -> awaiting_approval");
    assert_eq!(due(&again), again.now + SignedDuration::from_hours(4));
    let deadline = due(&again);
    again
        .at(deadline)
        .when_at_once(Command::Expire { deadline: Deadline::Approval })
        .then("rejected -> rejected");
}

#[test]
fn when_the_time_is_nearly_over_the_authority_above_may_decide_too() {
    let story = awaiting(&content(), Level::Medium);
    let escalation = story.change.due_at(Deadline::ApprovalEscalation).unwrap();
    let story = story
        .when(approve(Role::CabMember, &content()))
        .by(carl())
        .refused_by("approvals")
        .at(escalation)
        .when_at_once(Command::Expire { deadline: Deadline::ApprovalEscalation })
        .then("approval_escalated -> awaiting_approval");
    assert_eq!(story.change.due_at(Deadline::ApprovalEscalation), None);
    assert_eq!(story.last_words(), "The time to approve is nearly over; may decide too: cab member");
    story
        .clone()
        .when(approve(Role::Cto, &content()))
        .by(tom())
        .refused_by("approvals")
        .when(approve(Role::TechnicalLead, &content()))
        .by(lena())
        .then("approved -> approved");
    let story = story.when(approve(Role::CabMember, &content())).by(carl()).then("approved -> approved");
    assert_eq!(story.last_words(), "Approved as cab member instead of technical lead");
    story.when(start(&content())).by(runner()).then("implementation_started -> implementing");
}

#[test]
fn one_above_stands_in_for_one_person_and_the_next_stage_begins_unescalated() {
    let story = awaiting(&content(), Level::High);
    let escalate = || Command::Expire { deadline: Deadline::ApprovalEscalation };
    let story = story
        .at(start_of_story() + SignedDuration::from_mins(3 * 60 + 50))
        .when_at_once(escalate())
        .then("approval_escalated -> awaiting_approval")
        .when(approve(Role::CabMember, &content()))
        .by(carl())
        .then("approved, stage_opened -> awaiting_approval")
        .when(approve(Role::CabMember, &content()))
        .by(carl())
        .refused_by("approvals")
        .when(approve(Role::Cto, &content()))
        .by(tom())
        .refused_by("approvals");
    let escalation = story.change.due_at(Deadline::ApprovalEscalation).unwrap();
    story
        .at(escalation)
        .when_at_once(escalate())
        .then("approval_escalated -> awaiting_approval")
        .when(approve(Role::Cto, &content()))
        .by(tom())
        .then("approved -> awaiting_approval")
        .when(approve(Role::CabMember, &content()))
        .by(cora())
        .then("approved -> approved");
}

#[test]
fn an_emergency_stays_with_the_ecab() {
    let story = awaiting(&emergency_content(), Level::High);
    let escalation = story.change.due_at(Deadline::ApprovalEscalation).unwrap();
    story
        .at(escalation)
        .when_at_once(Command::Expire { deadline: Deadline::ApprovalEscalation })
        .then("nothing -> awaiting_approval")
        .when(approve(Role::Cto, &emergency_content()))
        .by(tom())
        .refused_by("approvals")
        .when(approve(Role::EcabMember, &emergency_content()))
        .by(acting_for(dora(), "eve"))
        .then("approved -> approved");
}

#[test]
fn the_authority_above_overrides_what_policy_refused_to_approve_by_itself() {
    let content = content();
    low_with_a_veto(&content)
        .when(overriding(Override::PreApproval, &content))
        .by(lena())
        .refused_by("approver-holds-the-authority")
        .when(overriding(Override::PreApproval, &content))
        .by(carl())
        .then("decision_overridden -> awaiting_approval")
        .when_at_once(approve(Role::CabMember, &content))
        .by(carl())
        .then("approved -> approved")
        .when(overriding(Override::PreApproval, &content))
        .by(carl())
        .refused_by("override");
    awaiting(&content, Level::Medium)
        .when(overriding(Override::PreApproval, &content))
        .by(carl())
        .refused_saying(
            "override: only a low risk that policy did not approve without a person is decided by the authority above; \
             see with `cortex-change approvals show` what was decided automatically",
        );
}

#[test]
fn a_rejection_by_the_clock_is_overridden_within_a_week_and_one_by_an_authority_never() {
    let content = content();
    let again = expired(&content, Level::Medium)
        .when(overriding(Override::Rejection, &content))
        .by(lena())
        .refused_by("approver-holds-the-authority")
        .when(overriding(Override::Rejection, &content))
        .by(carl())
        .then("decision_overridden -> awaiting_approval");
    assert!(
        again.last_words().starts_with("Automatic rejection (expired) overridden"),
        "{}",
        again.last_words()
    );
    assert_eq!(again.change.overrides.len(), 1);
    again.when(approve(Role::TechnicalLead, &content)).by(lena()).then("approved -> approved");
    expired(&content, Level::Medium)
        .wait(SignedDuration::from_hours(7 * 24))
        .when_at_once(overriding(Override::Rejection, &content))
        .by(carl())
        .refused_by("deadline");
    awaiting(&content, Level::Medium)
        .when(reject(Role::TechnicalLead))
        .by(lena())
        .then("rejected -> rejected")
        .when(overriding(Override::Rejection, &content))
        .by(carl())
        .refused_saying(
            "override: an authority rejected the change: only automated decisions are overridden; \
             see with `cortex-change approvals show` what was decided automatically",
        );
    // What can no longer be done in its time is not asked for again.
    let windowed = windowed_content();
    expired(&windowed, Level::Medium)
        .when(overriding(Override::Rejection, &windowed))
        .by(carl())
        .refused_by("window");
}

#[test]
fn another_level_asks_its_authorities_and_voids_what_was_approved() {
    let content = content();
    let high = awaiting(&content, Level::Medium)
        .when(approve_if(Role::TechnicalLead, &content, &["staging tests required"]))
        .by(lena())
        .then("approved -> approved")
        .when(overriding(level(Level::High), &content))
        .by(carl())
        .then("decision_overridden -> awaiting_approval");
    assert_eq!(high.change.assessment().unwrap().level, Level::High);
    assert_eq!(approvers(&high), []);
    let low = high
        .when(satisfy(0))
        .by(max())
        .then("condition_satisfied -> awaiting_approval")
        .when(overriding(level(Level::Low), &content))
        .by(carl())
        .refused_by("approver-holds-the-authority")
        .when(overriding(level(Level::Low), &content))
        .by(tom())
        .then("decision_overridden -> awaiting_approval")
        .when(start(&content))
        .by(runner())
        .refused_by("lifecycle");
    // Not even a low level does without a person.
    low.when(approve(Role::TechnicalLead, &content))
        .by(lena())
        .then("approved -> approved")
        .when(start(&content))
        .by(runner())
        .then("implementation_started -> implementing");
    awaiting(&content, Level::Medium)
        .when(overriding(level(Level::Medium), &content))
        .by(carl())
        .refused_by("override");
    let automated = match level(Level::Low) {
        Override::Level { level, mut requirements } => {
            requirements.gates.clear();
            requirements.automated = true;
            Override::Level { level, requirements }
        }
        Override::PreApproval | Override::Rejection => panic!("not a level"),
    };
    awaiting(&content, Level::Medium).when(overriding(automated, &content)).by(carl()).refused_by("override");
    let emergency = emergency_content();
    authorised_emergency().when(overriding(level(Level::Low), &emergency)).by(eve()).refused_by("override");
}

#[test]
fn nobody_overrides_a_decision_about_their_own_change_or_by_lent_authority() {
    let content = content();
    let own = |name| human(name, &[Role::CabMember]);
    for instead in [Override::Rejection, Override::PreApproval, level(Level::High)] {
        let story = match instead {
            Override::Rejection => expired(&content, Level::Medium),
            Override::PreApproval => low_with_a_veto(&content),
            Override::Level { .. } => approved(&content),
        };
        let asked = || overriding(instead.clone(), &content);
        let other = Content { environment: "production".parse().ok(), ..content.clone() };
        story
            .when(asked())
            .by(own("ada"))
            .refused_by("segregation-of-duties")
            .when(asked())
            .by(own("ada_other"))
            .refused_by("segregation-of-duties")
            .when(asked())
            .by(agent("bot"))
            .refused_by("agents-never-satisfy-a-human-gate")
            .when(asked())
            .refused_by("agents-never-satisfy-a-human-gate")
            .when(asked())
            .by(acting_for(dora(), "carl"))
            .refused_by("delegated-authority-only-in-force")
            .when(overriding(instead.clone(), &other))
            .by(carl())
            .refused_by("what-was-approved-is-what-runs");
    }
}
