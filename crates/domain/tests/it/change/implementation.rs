//! From the start to the end of the plan.

use domain::change::{Command, Content, Outcome};
use domain::plan::{Cause, Decision, Observation, RollbackPlan};

use super::fixture::{
    COMMIT, TOKEN, approved, close, content, do_step, failed, finish, half_way, implementing, manual_content,
    name, observe, start, start_by_hand, started, succeeded, text, undo, validating, validation,
};
use super::people::{ada, agent, cora, id, lena, runner, second_runner};

fn decide_step(step: &str, decision: Decision) -> Command {
    Command::DecideStep { step: name(step), decision, comment: None }
}

#[test]
fn a_low_risk_change_goes_all_the_way() {
    let story = approved(&content())
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
        .when(close(Outcome::Successful))
        .by(ada())
        .then("closed -> closed");
    assert_eq!(story.change.outcome(), Some(Outcome::Successful));
    let execution = story.change.execution().unwrap();
    assert_eq!(domain::change::deadlines::implementation_seconds(execution), Some(300));
}

#[test]
fn only_what_was_approved_is_started() {
    let other = Content { environment: Some("production".parse().unwrap()), ..content() };
    let with_commit = |commit: Option<&str>| {
        let Command::Start { digest, fencing_token, auto_rollback, .. } = start(&content()) else {
            panic!("not a start")
        };
        Command::Start {
            digest,
            commit: commit.map(str::to_owned),
            fencing_token,
            auto_rollback,
            holds: false,
        }
    };
    approved(&content())
        .when(start(&other))
        .by(runner())
        .refused_by("what-was-approved-is-what-runs")
        .when(with_commit(Some("0000000000000000000000000000000000000000")))
        .by(runner())
        .refused_saying(&format!(
            "what-was-approved-is-what-runs: the working tree is at commit \
             `0000000000000000000000000000000000000000`, approved is `{COMMIT}`; \
             check out {COMMIT} with no local modifications, or amend the change and have it approved"
        ))
        .when(with_commit(None))
        .by(runner())
        .refused_by("what-was-approved-is-what-runs")
        .when(with_commit(Some(COMMIT)))
        .by(runner())
        .then("implementation_started -> implementing");
}

#[test]
fn without_a_plan_there_is_nothing_to_start() {
    let bare = Content { plan: None, rollback_plan: None, ..content() };
    approved(&bare).when(start(&bare)).by(runner()).refused_saying(
        "implementation-plan: the change has no implementation plan; \
         add a plan: `cortex-change init` writes one, `cortex-change amend ID --plan FILE` adds it",
    );
}

#[test]
fn only_the_holder_of_the_current_lease_reports() {
    let with_token = |fencing_token| Command::Observe {
        observation: Box::new(succeeded(&do_step("switch"))),
        fencing_token,
    };
    half_way()
        .when(with_token(TOKEN - 1))
        .by(runner())
        .refused_saying("lease: the lease token 6 is not current: 7 is; stop: another runner has taken over")
        .when(with_token(TOKEN + 1))
        .by(runner())
        .refused_by("lease")
        .when(with_token(TOKEN))
        .by(second_runner())
        .refused_by("lease")
        .when(with_token(TOKEN))
        .by(runner())
        .then("progressed -> implementing")
        .when(finish())
        .by(second_runner())
        .refused_by("lease")
        .when(Command::Finish { fencing_token: TOKEN - 1 })
        .by(runner())
        .refused_by("lease")
        .when(finish())
        .by(runner())
        .then("implemented -> validating")
        .when(with_token(TOKEN))
        .by(runner())
        .refused_by("lifecycle");
}

#[test]
fn a_report_that_is_repeated_is_recorded_once() {
    let story =
        half_way().when(observe(succeeded(&do_step("deploy")))).by(runner()).then("nothing -> implementing");
    assert_eq!(story.change.version, u64::try_from(story.log.len()).unwrap());
}

#[test]
fn a_report_that_cannot_be_true_is_refused() {
    implementing(&content())
        .when(observe(started(&do_step("switch"))))
        .by(runner())
        .refused_by("plan")
        .when(observe(Observation::Started { task: do_step("deploy"), attempt: 0 }))
        .by(runner())
        .refused_by("plan");
}

#[test]
fn the_log_of_a_step_carries_nothing_that_would_disturb_its_readers() {
    for (log, expected) in [
        (r#"{"$text":"\u001b[2J"}"#, "text contains the control character U+001B"),
        (r#"{"$erased":"5f"}"#, "text is marked as erased"),
    ] {
        let log = serde_json::from_str(log).unwrap();
        let report = Observation::Ended {
            task: do_step("switch"),
            attempt: 1,
            outcome: domain::plan::Outcome::Succeeded,
            duration_millis: 10,
            log: Some(log),
        };
        let words = half_way().when(observe(report)).by(runner()).refusal().to_string();
        assert!(words.starts_with(&format!("`log` is not accepted: {expected}")), "{words}");
    }
}

#[test]
fn a_runner_cannot_report_what_only_a_person_or_the_product_can_know() {
    let decided = Observation::PersonDecided {
        task: do_step("deploy"),
        attempt: 1,
        decision: Decision::Done,
        by: id("lena"),
    };
    let asked_back = Observation::RollbackRequested { cause: Cause::Person { by: id("lena"), reason: None } };
    for observation in [
        decided,
        asked_back,
        Observation::ResumeRequested,
        Observation::PauseRequested,
        Observation::RunnerLost,
    ] {
        half_way().when(observe(observation)).by(runner()).refused_by("plan");
    }
}

#[test]
fn a_plan_is_not_finished_before_its_last_step() {
    half_way().when(finish()).by(runner()).refused_saying(
        "plan: the plan is not done: it is forward; let the runner finish the plan, or roll back",
    );
}

#[test]
fn a_paused_plan_starts_nothing_until_it_is_resumed() {
    implementing(&content())
        .when(Command::Pause)
        .by(ada())
        .then("progressed -> implementing")
        .when(observe(started(&do_step("deploy"))))
        .by(runner())
        .refused_by("plan")
        .when(Command::Pause)
        .by(ada())
        .then("nothing -> implementing")
        .when(Command::Resume)
        .by(ada())
        .then("progressed -> implementing")
        .reports([started(&do_step("deploy"))]);
}

#[test]
fn a_manual_step_is_confirmed_by_a_person_only() {
    let done = || decide_step("turn the key", Decision::Done);
    implementing(&manual_content())
        .when(done())
        .by(lena())
        .refused_saying(
            "plan: step `turn the key` does not wait for such a decision; \
             see with `cortex-change show` what waits for a person",
        )
        .reports([started(&do_step("turn the key"))])
        .when(observe(succeeded(&do_step("turn the key"))))
        .by(runner())
        .refused_by("plan")
        .when(done())
        .by(agent("bot"))
        .refused_by("agents-never-satisfy-a-human-gate")
        .when(done())
        .refused_by("agents-never-satisfy-a-human-gate")
        .when(decide_step("turn the key", Decision::Redo))
        .by(lena())
        .refused_by("plan")
        .when(done())
        .by(lena())
        .then("progressed -> implementing")
        .reports([started(&do_step("switch"))]);
}

#[test]
fn without_automatic_rollback_a_failed_step_holds_for_a_person() {
    let held = approved(&content())
        .when(start_by_hand(&content()))
        .by(runner())
        .then("implementation_started -> implementing")
        .reports([started(&do_step("deploy")), failed(&do_step("deploy"))]);
    let redone = held.clone().when(decide_step("deploy", Decision::Redo)).by(cora());
    redone
        .then("progressed -> implementing")
        .reports([Observation::Started { task: do_step("deploy"), attempt: 2 }]);
    let story = held
        .when(decide_step("deploy", Decision::GiveUp))
        .by(cora())
        .then("progressed, rollback_started -> rolling_back")
        .reports([started(&undo("deploy")), succeeded(&undo("deploy"))])
        .when(observe(Observation::RollbackEnded))
        .by(runner())
        .then("progressed, rolled_back -> rolled_back");
    let cause = story.change.execution().unwrap().run.cause();
    assert_eq!(cause, Some(&Cause::Person { by: id("cora"), reason: None }));
}

#[test]
fn a_rollback_that_needs_a_person_is_never_begun_without_one() {
    let by_hand = content().rollback_plan.map(|plan| RollbackPlan { automated: false, ..plan });
    let content = Content { rollback_plan: by_hand, ..content() };
    implementing(&content)
        .reports([started(&do_step("deploy")), failed(&do_step("deploy"))])
        .when(decide_step("deploy", Decision::GiveUp))
        .by(lena())
        .then("progressed, rollback_started -> rolling_back");
}

#[test]
fn a_snapshot_that_cannot_be_taken_ends_the_implementation_before_its_first_step() {
    use domain::plan::{Capture, Plan};
    let captured = content().plan.map(|mut plan| {
        plan.steps[0].captures = vec![Capture::File { path: "app.yaml".to_owned() }];
        Plan { ..plan }
    });
    let content = Content { plan: captured, ..content() };
    implementing(&content)
        .when(observe(Observation::SnapshotFailed { reason: text("disk full") }))
        .by(runner())
        .then("progressed, rollback_started -> rolling_back")
        .when(observe(Observation::RollbackEnded))
        .by(runner())
        .then("progressed, rolled_back -> rolled_back");
}

#[test]
fn nothing_that_was_checked_is_nothing_that_was_validated() {
    let nothing = domain::change::Validation { checks: Vec::new() };
    validating().when(Command::Validate { validation: nothing }).by(runner()).refused_saying(
        "validation: a validation without a single check validates nothing; \
         add monitors or checks to the plan, or state at least one check and how it ended",
    );
}

#[test]
fn time_never_runs_backwards() {
    let story = half_way();
    let earlier = story.change.updated_at - jiff::SignedDuration::from_micros(1);
    let refusal = story.at(earlier).when_at_once(Command::Pause).by(ada());
    refusal.refused_by("clock");
}
