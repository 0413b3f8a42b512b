//! The stored form of observations: once written it must stay readable.

use domain::canonical::Digest;
use domain::plan::{CaptureId, Captured, Cause, Decision, Failure, Finding, Observation, Outcome};
use domain::rollback::{ConditionName, Reaction, RollbackSpeed};
use domain::text::FreeText;

use super::{
    asked_back, checked, do_step, ended, monitors_asked, name, person, rollback_requested, rollback_step,
    started, undo,
};

fn text(text: &str) -> FreeText {
    FreeText::new(text).unwrap()
}

fn capture() -> CaptureId {
    CaptureId { step: name("a"), position: 0 }
}

/// One of each observation, outcome and cause.
fn samples() -> Vec<Observation> {
    let failures = [
        Failure::ExitStatus { status: 1 },
        Failure::Signal { signal: 11 },
        Failure::Other { reason: text("no such program") },
        Failure::TimedOut,
        Failure::Cancelled,
    ];
    let breach = Cause::Breach {
        condition: ConditionName::ErrorRate,
        monitor: name("home page"),
        explanation: text("6 of 10 answers failed"),
        reaction: Reaction { rollback: RollbackSpeed::Gradual, quarantine: true },
    };
    let causes = [
        Cause::StepFailed { step: name("a") },
        Cause::SnapshotFailed { reason: text("disk full") },
        breach,
        Cause::ValidationFailed,
        Cause::ValidationDeadline,
        Cause::RunnerLost,
        asked_back(),
        Cause::Person { by: person(), reason: Some(text("customers complain")) },
    ];
    let digest = Some(Digest::of_bytes(b"abc"));
    let log = Some(text("done"));
    let mut samples = vec![
        monitors_asked(),
        Observation::SnapshotTaken {
            captures: vec![
                Captured { capture: capture(), digest },
                Captured { capture: capture(), digest: None },
            ],
        },
        Observation::SnapshotFailed { reason: text("disk full") },
        started(&do_step("a"), 1),
        Observation::Ended {
            task: rollback_step("r"),
            attempt: 2,
            outcome: Outcome::Succeeded,
            duration_millis: 1_500,
            log,
        },
        checked(&do_step("a"), 1, Finding::TookEffect),
        Observation::PersonDecided {
            task: do_step("a"),
            attempt: 1,
            decision: Decision::GiveUp,
            by: person(),
        },
        Observation::RunnerLost,
        Observation::PauseRequested,
        Observation::ResumeRequested,
        Observation::RollbackTimedOut,
        Observation::RollbackEnded,
        Observation::SnapshotRestored { differing: vec![capture()] },
    ];
    samples.extend(failures.map(|failure| ended(&undo("a"), 1, Outcome::Failed { failure })));
    samples.extend(causes.map(rollback_requested));
    samples
}

#[test]
fn the_stored_form_of_every_observation() {
    let lines: Vec<String> = samples()
        .iter()
        .map(|observation| {
            let stored = serde_json::to_string(observation).unwrap();
            assert_eq!(serde_json::from_str::<Observation>(&stored).unwrap(), *observation);
            assert_eq!(observation.validate(), Ok(()));
            stored
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn every_observation_reads_as_a_sentence_without_free_text() {
    let lines: Vec<String> = samples().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn unknown_fields_and_words_are_refused() {
    for stored in [
        r#"{"observation":"started","task":{"part":"step","step":"a"},"attempt":1,"extra":true}"#,
        r#"{"observation":"started","task":{"part":"stage","step":"a"},"attempt":1}"#,
        r#"{"observation":"begun"}"#,
    ] {
        assert!(serde_json::from_str::<Observation>(stored).is_err(), "{stored}");
    }
}

#[test]
fn what_no_honest_runner_reports_is_refused_with_the_limit() {
    let a = do_step("a");
    let long = FreeText::excerpt(&"x".repeat(100_000), 50_000);
    let with = |duration_millis, log| Observation::Ended {
        task: a.clone(),
        attempt: 1,
        outcome: Outcome::Succeeded,
        duration_millis,
        log,
    };
    let other = |reason| ended(&a, 1, Outcome::Failed { failure: Failure::Other { reason } });
    let given_up = ended(&a, 1, Outcome::Failed { failure: Failure::GivenUp { by: person() } });
    let many = Observation::SnapshotRestored { differing: vec![capture(); 501] };
    let refused =
        [started(&a, 0), with(u64::MAX, None), with(0, Some(long.clone())), other(long), given_up, many];
    let messages: Vec<String> = refused.iter().map(|it| it.validate().unwrap_err().to_string()).collect();
    insta::assert_snapshot!(messages.join("\n"), @r"
    `attempt` is 0: expected 1 for the first attempt
    `duration_millis` is 18446744073709551615: expected at most 31622400000
    `log` is 50027 bytes long: expected at most 8192; cut it to an excerpt
    `reason` is 50027 bytes long: expected at most 4096; cut it to an excerpt
    a runner cannot report that a person gave up: record the person's decision instead
    `differing` has 501 entries: expected at most 500
    ");
    let longest = FreeText::excerpt(&"x".repeat(100_000), domain::plan::observation::LOG_BYTES_MAX);
    assert_eq!(with(0, Some(longest)).validate(), Ok(()), "an excerpt cut to the limit is accepted");
}

#[test]
fn only_a_person_can_say_what_is_a_persons_to_say() {
    let of_people: Vec<String> =
        samples().iter().filter(|it| it.is_from_a_person()).map(ToString::to_string).collect();
    insta::assert_snapshot!(of_people.join("\n"), @r"
    act_ada decided about step `a`, attempt 1: give_up
    resumption requested
    rollback requested
    rollback requested
    ");
}
