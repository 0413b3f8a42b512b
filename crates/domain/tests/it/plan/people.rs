//! Where a person is asked, and what the answers do.

use domain::plan::{
    Decision, Failure, Observation, Observed, Outcome, Phase, Plan, Progress, QuestionKind, Run, RunOutcome,
    Step, StepStatus, TaskState,
};

use super::{
    ActorId, asked_back, do_step, ended, fold, manual, name, person, plan, rollback_requested, started, step,
    undo,
};

fn failed() -> Outcome {
    Outcome::Failed { failure: Failure::ExitStatus { status: 7 } }
}

fn holding(plan: &Plan, run: &Run) -> QuestionKind {
    match run.phase() {
        Phase::Holding { question } => {
            assert_eq!(question.task, do_step("a"));
            question.kind
        }
        other => panic!("not holding but {other:?} in {plan:?}"),
    }
}

/// Each answer to each question: the phase it leads to, or that it is refused.
#[test]
fn the_answers_to_every_question() {
    let manual_step = plan(vec![Step { kind: manual(), ..step("a") }, step("b")]);
    let plain = plan(vec![step("a"), step("b")]);
    let a = do_step("a");
    let cases = [
        (QuestionKind::Manual, &manual_step, vec![started(&a, 1)]),
        (QuestionKind::Unknown, &plain, vec![started(&a, 1), Observation::RunnerLost]),
        (QuestionKind::Failed, &plain, vec![started(&a, 1), ended(&a, 1, failed())]),
    ];
    let mut table = Vec::new();
    for (kind, plan, observations) in cases {
        let run = fold(plan, None, Run::start(plan, None, false), &observations);
        assert_eq!(holding(plan, &run), kind);
        for decision in Decision::ALL {
            let by = person();
            let observation =
                Observation::PersonDecided { task: a.clone(), attempt: 1, decision: *decision, by };
            let after = match run.observe(plan, None, &observation) {
                Ok(Observed::New(after)) => after,
                Ok(Observed::Already) => panic!("known"),
                Err(_) => {
                    assert_eq!(run.answer(&name("a"), *decision, &person()), None);
                    table.push(format!("{kind} {decision}: refused"));
                    continue;
                }
            };
            assert_eq!(run.answer(&name("a"), *decision, &person()), Some(observation.clone()));
            assert_eq!(after.observe(plan, None, &observation), Ok(Observed::Already));
            let next = after.next_action(plan, None);
            table.push(format!("{kind} {decision}: {}, {next}", after.phase().as_str()));
        }
    }
    insta::assert_snapshot!(table.join("\n"), @r"
    manual done: forward, execute step `b`, attempt 1
    manual redo: refused
    manual give_up: rolling_back, execute undo of step `a`, attempt 1
    unknown done: forward, execute step `b`, attempt 1
    unknown redo: forward, execute step `a`, attempt 2
    unknown give_up: rolling_back, execute undo of step `a`, attempt 1
    failed done: refused
    failed redo: forward, execute step `a`, attempt 2
    failed give_up: rolling_back, execute undo of step `a`, attempt 1
    ");
}

#[test]
fn only_a_person_says_that_a_manual_step_is_done_and_it_outlives_its_runner() {
    let plan = plan(vec![Step { kind: manual(), undo: Some(manual()), ..step("a") }, step("b")]);
    let asked = fold(&plan, None, Run::start(&plan, None, true), &[started(&do_step("a"), 1)]);
    assert_eq!(asked.step_statuses().next(), Some((&name("a"), StepStatus::Asked)));
    assert!(asked.observe(&plan, None, &ended(&do_step("a"), 1, Outcome::Succeeded)).is_err());
    assert!(asked.observe(&plan, None, &ended(&do_step("a"), 1, failed())).is_err());
    assert_eq!(asked.observe(&plan, None, &Observation::RunnerLost), Ok(Observed::Already));

    let timed_out = ended(&do_step("a"), 1, Outcome::Failed { failure: Failure::TimedOut });
    let turned = fold(&plan, None, asked.clone(), &[timed_out, started(&undo("a"), 1)]);
    assert!(turned.is_rolling_back());
    assert_eq!(turned.question().unwrap().task, undo("a"), "a manual undo is asked for too");
    let done = turned.answer(&name("a"), Decision::Done, &person()).unwrap();
    assert_eq!(fold(&plan, None, turned, &[done, Observation::RollbackEnded]).phase(), Phase::RolledBack);

    let turned = fold(&plan, None, asked, &[rollback_requested(asked_back())]);
    assert_eq!(turned.next_action(&plan, None).to_string(), "execute undo of step `a`, attempt 1");
    let stopped = TaskState::Failed { attempt: 1, failure: Failure::Cancelled };
    assert_eq!(turned.state_of(&do_step("a")), Some(&stopped), "nobody waits for the person any more");
}

#[test]
fn an_answer_that_comes_too_late_or_about_another_attempt_is_refused() {
    let plan = plan(vec![step("a"), step("b")]);
    let a = do_step("a");
    let decided =
        |attempt, decision| Observation::PersonDecided { task: a.clone(), attempt, decision, by: person() };
    let observations = [
        started(&a, 1),
        Observation::RunnerLost,
        decided(1, Decision::Redo),
        started(&a, 2),
        Observation::RunnerLost,
    ];
    let run = fold(&plan, None, Run::start(&plan, None, true), &observations);
    assert_eq!(run.observe(&plan, None, &decided(1, Decision::Redo)), Ok(Observed::Already));
    for observation in [decided(1, Decision::Done), decided(1, Decision::GiveUp), decided(3, Decision::Redo)]
    {
        assert!(run.observe(&plan, None, &observation).is_err(), "{observation}");
    }
    let turned = fold(&plan, None, run, &[rollback_requested(asked_back())]);
    for decision in [Decision::Done, Decision::Redo] {
        assert!(turned.observe(&plan, None, &decided(2, decision)).is_err(), "{decision}");
    }
}

#[test]
fn giving_up_turns_the_run_round_in_the_persons_name() {
    let plan = plan(vec![step("a"), step("b")]);
    let observations = [started(&do_step("a"), 1), ended(&do_step("a"), 1, failed())];
    let held = fold(&plan, None, Run::start(&plan, None, false), &observations);
    let answer = held.answer(&name("a"), Decision::GiveUp, &person()).unwrap();
    let turned = fold(&plan, None, held, std::slice::from_ref(&answer));
    assert_eq!(turned.cause(), Some(&asked_back()));
    assert_eq!(turned.observe(&plan, None, &answer), Ok(Observed::Already));
    let Observation::PersonDecided { task, attempt, decision, .. } = answer else { panic!("not an answer") };
    let by = ActorId::new("act_eve").unwrap();
    let of_another = Observation::PersonDecided { task, attempt, decision, by };
    assert!(turned.observe(&plan, None, &of_another).is_err());
}

#[test]
fn progress_counts_the_present_way() {
    let plan = plan(vec![step("a"), step("b"), step("c")]);
    let a_done =
        [started(&do_step("a"), 1), ended(&do_step("a"), 1, Outcome::Succeeded), started(&do_step("b"), 1)];
    let run = fold(&plan, None, Run::start(&plan, None, true), &a_done);
    let progress = |done, total, current, phase| Progress { done, total, current, phase };
    assert_eq!(run.progress(), progress(1, 3, Some(do_step("b")), "forward"));
    let run = fold(&plan, None, run, &[Observation::PauseRequested]);
    assert_eq!(run.progress(), progress(1, 3, Some(do_step("b")), "paused"));
    assert_eq!(run.outcome(), RunOutcome::Unfinished);
    let run = fold(&plan, None, run, &[ended(&do_step("b"), 1, failed())]);
    assert_eq!(run.progress(), progress(0, 2, Some(undo("b")), "rolling_back"));
    let undone = [
        started(&undo("b"), 1),
        ended(&undo("b"), 1, Outcome::Succeeded),
        started(&undo("a"), 1),
        ended(&undo("a"), 1, Outcome::Succeeded),
        Observation::RollbackEnded,
    ];
    let run = fold(&plan, None, run, &undone);
    assert_eq!(run.progress(), progress(2, 2, None, "rolled_back"));
}
