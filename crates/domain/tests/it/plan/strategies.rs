//! Strategies: what they are spread out into, and how the steps of each come to an end whatever fails.

use domain::number::Share;
use domain::plan::strategy::{Batch, BlueGreen, Canary, CanaryStage, Filling, Rolling, Spread, Unspreadable};
use domain::plan::{
    Action, Bake, Cause, Decision, Failure, HoldWhen, Observation, Observed, Outcome, Part, Phase, Plan,
    RollbackPlan, Run, RunOutcome, StageStatus, Step, StepKind, StepStatus, Strategy, Task, Undecided,
};
use domain::rollback::ConditionName;
use domain::text::FreeText;

use super::simulation::{Event, World, assert_world, simulate};
use super::{
    do_step, ended, fold, name, person, plan, rollback_plan, rollback_requested, run, started, step, undo,
};

fn share(percent: i64) -> Share {
    Share::new(percent * 100).unwrap()
}

fn bake(undecided: Undecided) -> Bake {
    Bake { duration_millis: 60_000, extension_millis: 30_000, undecided, analysis: None }
}

fn shift(filling: &Filling<'_>) -> Result<Step, Unspreadable> {
    let line = filling.fill("./weight {{weight}} {{rest}} {{previous}}");
    Ok(Step { kind: run(&[&line]), undo: Some(run(&["./weight 0"])), ..step("shift") })
}

fn canary_of(stages: &[(i64, bool)], undecided: Undecided) -> Result<Spread, Unspreadable> {
    let stage = |(percent, hold): &(i64, bool)| CanaryStage {
        weight: share(*percent),
        bake: Some(bake(undecided)),
        hold: *hold,
    };
    let canary = Canary {
        prepare: vec![step("start")],
        stages: stages.iter().map(stage).collect(),
        analysis: None,
        promote: vec![step("retire")],
    };
    canary.spread(shift)
}

fn rolling_of(targets: &[&str], batch: Batch) -> Result<Spread, Unspreadable> {
    tolerant_of(targets, batch, Batch::Count(0))
}

fn tolerant_of(targets: &[&str], batch: Batch, max_failures: Batch) -> Result<Spread, Unspreadable> {
    let rolling = Rolling {
        prepare: vec![step("fetch")],
        targets: targets.iter().map(ToString::to_string).collect(),
        batch,
        max_failures,
        bake: Some(bake(Undecided::RollBack)),
        finish: vec![step("announce")],
    };
    rolling.spread(|filling| {
        let on =
            |text: &str| Step { kind: run(&[&filling.fill("./on {{target}}")]), ..step(&filling.fill(text)) };
        Ok(vec![on("drain {{target}}"), on("update {{target}}")])
    })
}

fn blue_green() -> Spread {
    let keep_warm = bake(Undecided::RollBack);
    let (prepare, retire) = (vec![step("start green")], vec![step("stop blue")]);
    BlueGreen { prepare, hold: true, switch: step("switch"), keep_warm, retire }.spread().unwrap()
}

fn staged(strategy: Strategy, spread: Spread) -> Plan {
    let plan = Plan { strategy, stages: spread.stages, tolerance: spread.tolerance, ..plan(spread.steps) };
    plan.validate().unwrap();
    plan
}

fn canary() -> Plan {
    staged(Strategy::Canary, canary_of(&[(5, false), (100, false)], Undecided::RollBack).unwrap())
}

/// Three targets, of which one may fail.
fn tolerant() -> Plan {
    let targets = ["web-1", "web-2", "web-3"];
    staged(Strategy::Rolling, tolerant_of(&targets, Batch::Count(2), Batch::Count(1)).unwrap())
}

/// One plan of each strategy.
fn every_strategy() -> [Plan; 4] {
    [
        plan(vec![step("a"), step("b")]),
        canary(),
        staged(Strategy::Rolling, rolling_of(&["web-1", "web-2"], Batch::Count(1)).unwrap()),
        staged(Strategy::BlueGreen, blue_green()),
    ]
}

fn shown(spread: &Spread) -> String {
    let does = |step: &Step| match &step.kind {
        StepKind::Run(command) => command.argv.join(" "),
        StepKind::Hold(hold) => format!("hold {}: {}", hold.when, hold.instructions),
        StepKind::Bake(bake) => {
            format!("bake {} ms, timeout {} s", bake.duration_millis, step.timeout_seconds)
        }
        other => panic!("{other:?}"),
    };
    let stage = |step: &Step| {
        let stage = spread.stages.iter().find(|stage| stage.steps.contains(&step.name));
        stage.map_or_else(String::new, |stage| format!(" [{stage}]"))
    };
    let lines = spread.steps.iter().map(|step| format!("{}{}: {}\n", step.name, stage(step), does(step)));
    lines.collect()
}

#[test]
fn a_canary_sets_a_weight_and_bakes_stage_by_stage() {
    let spread = canary_of(&[(5, false), (50, true), (100, false)], Undecided::RollBack).unwrap();
    insta::assert_snapshot!(shown(&spread), @r"
    start: ./do start
    shift 5% [5%]: ./weight 5 95 0
    bake at 5% [5%]: bake 60000 ms, timeout 150 s
    hold before 50% [50%]: hold always: The new version has 5% of the traffic. Look at how it does there, then decide whether it gets 50%.
    shift 50% [50%]: ./weight 50 50 5
    bake at 50% [50%]: bake 60000 ms, timeout 150 s
    hold before 100% [100%]: hold demanded: The new version has 50% of the traffic. Look at how it does there, then decide whether it gets 100%.
    shift 100% [100%]: ./weight 100 0 50
    bake at 100% [100%]: bake 60000 ms, timeout 150 s
    retire: ./do retire
    ");
    // Where no stage gives it to everybody, the promotion does.
    let partial = canary_of(&[(50, false)], Undecided::RollBack).unwrap();
    let hold = partial.steps.iter().find(|step| step.name.as_str() == "hold before promotion").unwrap();
    assert!(hold.kind.holds_on_demand());
}

#[test]
fn a_rolling_change_goes_batch_by_batch() {
    insta::assert_snapshot!(shown(&rolling_of(&["web-1", "web-2", "web-3"], Batch::Share(share(50))).unwrap()), @r"
    fetch: ./do fetch
    drain web-1 [batch 1]: ./on web-1
    update web-1 [batch 1]: ./on web-1
    drain web-2 [batch 1]: ./on web-2
    update web-2 [batch 1]: ./on web-2
    bake after batch 1 [batch 1]: bake 60000 ms, timeout 150 s
    drain web-3 [batch 2]: ./on web-3
    update web-3 [batch 2]: ./on web-3
    bake after batch 2 [batch 2]: bake 60000 ms, timeout 150 s
    announce: ./do announce
    ");
}

#[test]
fn blue_green_keeps_the_first_side_warm() {
    insta::assert_snapshot!(shown(&blue_green()), @r"
    start green: ./do start green
    hold before the switch [switch]: hold always: The idle side is ready. Look at it, then decide whether all traffic is switched to it.
    switch [switch]: ./do switch
    keep warm [switch]: bake 60000 ms, timeout 150 s
    stop blue: ./do stop blue
    ");
}

#[test]
fn what_is_no_strategy_is_refused() {
    let refused = |spread: Result<Spread, Unspreadable>| spread.unwrap_err().to_string();
    assert_eq!(refused(canary_of(&[], Undecided::Ask)), "`stages` has 0 entries: expected 1 to 50");
    for stages in [[(50, false), (50, false)], [(50, false), (5, false)]] {
        let message = refused(canary_of(&stages, Undecided::Ask));
        assert!(message.contains("comes after 50%: expected weights that grow"), "{message}");
    }
    assert!(refused(canary_of(&[(0, false)], Undecided::Ask)).contains("0% comes after 0%"));
    for targets in [&["a", "a"][..], &["a b"], &["$(reboot)"], &["-rf"], &[""]] {
        assert!(refused(rolling_of(targets, Batch::Count(1))).contains("is not accepted"), "{targets:?}");
    }
    assert!(refused(rolling_of(&[], Batch::Count(1))).contains("expected 1 to 100"));
    for batch in [Batch::Count(0), Batch::Share(share(0))] {
        assert!(refused(rolling_of(&["a"], batch)).contains("expected a number of targets"), "{batch:?}");
    }
}

#[test]
fn stages_that_do_not_fit_the_steps_are_refused() {
    let broken = |change: fn(&mut Plan)| {
        let mut plan = canary();
        change(&mut plan);
        plan.validate().unwrap_err().to_string()
    };
    let check = |message: String, expected: &str| assert!(message.contains(expected), "{message}");
    check(broken(|plan| plan.stages[0].steps.push(name("nothing"))), "a list with `nothing`");
    check(broken(|plan| plan.stages.reverse()), "in the plan's order");
    check(broken(|plan| plan.stages[1].weight = Some(share(1))), "weights that grow");
    check(broken(|plan| plan.strategy = Strategy::AllAtOnce), "none with the strategy");
    check(
        broken(|plan| {
            plan.steps.retain(|step| !matches!(step.kind, StepKind::Bake(_)));
            plan.stages.clear();
        }),
        "nothing is watched before it goes on",
    );
    let watched = canary().validate_watch(&[]).unwrap_err().to_string();
    assert!(watched.contains("at least one: a bake"), "{watched}");
    let waiting = RollbackPlan { steps: vec![canary().steps[2].clone()], ..rollback_plan(vec![]) };
    check(waiting.validate().unwrap_err().to_string(), "a rollback neither holds nor bakes");
}

/// Every strategy, every step, and each way in which it can go wrong there: in the end everything is as it was.
#[test]
fn whatever_goes_wrong_at_whichever_step_everything_is_taken_back() {
    for plan in every_strategy() {
        for at in 0..plan.steps.len() {
            let failing = do_step(plan.steps[at].name.as_str());
            if plan.steps[at].kind.is_manual() {
                continue;
            }
            let mut world = World::default();
            world.failing_attempts.insert(failing, u32::MAX);
            let run = simulate(&plan, None, true, &mut world);
            assert_eq!(
                run.outcome(),
                RunOutcome::Undone { left_in_place: vec![] },
                "{} at {at}",
                plan.strategy
            );
            assert_world(&plan, &run, &world);
        }
    }
}

/// A runner that is killed at any instant, before or after a report, is taken over to the same end.
#[test]
fn a_runner_killed_at_any_instant_is_taken_over() {
    for plan in every_strategy() {
        let plan = Plan { steps: plan.steps.into_iter().map(repeatable).collect(), ..plan };
        for breaks in [false, true] {
            let failing = do_step(plan.steps[plan.steps.len() - 1].name.as_str());
            let world = || {
                let mut world = World::default();
                if breaks {
                    world.failing_attempts.insert(failing.clone(), u32::MAX);
                }
                world
            };
            let mut undisturbed = world();
            let expected = simulate(&plan, None, true, &mut undisturbed).outcome();
            for instant in 0..undisturbed.instants {
                let mut world = world();
                world.events.insert(instant, Event::Kill);
                let run = simulate(&plan, None, true, &mut world);
                assert_eq!(run.outcome(), expected, "{} killed at {instant}", plan.strategy);
                assert_world(&plan, &run, &world);
            }
        }
    }
}

fn repeatable(step: Step) -> Step {
    Step { idempotent: step.kind.has_effect(), ..step }
}

/// A rollback asked for at any instant skips everything that waits, and restores everything.
#[test]
fn a_rollback_at_any_instant_waits_for_nobody() {
    for plan in every_strategy() {
        let plan = Plan { steps: plan.steps.into_iter().map(repeatable).collect(), ..plan };
        let mut undisturbed = World::default();
        simulate(&plan, None, true, &mut undisturbed);
        for instant in 0..undisturbed.instants {
            let mut world = World::default();
            let request = rollback_requested(Cause::Person { by: person(), reason: None });
            world.events.insert(instant, Event::Hear(request));
            let run = simulate(&plan, None, true, &mut world);
            let is_back = matches!(run.outcome(), RunOutcome::Undone { .. } | RunOutcome::NothingDone);
            assert!(is_back, "{} asked back at {instant}: {:?}", plan.strategy, run.outcome());
            let turned =
                world.recorded.iter().position(|it| matches!(it, Observation::RollbackRequested { .. }));
            let after = &world.recorded[turned.unwrap()..];
            let begins_to_wait = |observation: &Observation| matches!(observation, Observation::Started { task, .. } if task.part == Part::Step);
            assert!(!after.iter().any(begins_to_wait), "{} at {instant}: {after:?}", plan.strategy);
            assert_world(&plan, &run, &world);
        }
    }
}

#[test]
fn a_gradual_rollback_does_not_wait_for_the_end_of_a_bake() {
    let plan = canary();
    let begun = baking(&plan);
    let gradual = Cause::Breach {
        condition: ConditionName::Latency,
        monitor: name("front"),
        explanation: FreeText::new("slow").unwrap(),
        reaction: "gradual_rollback".parse().unwrap(),
    };
    let run = fold(&plan, None, begun, &[rollback_requested(gradual)]);
    assert_eq!(run.next_action(&plan, None), Action::Kill { task: do_step("bake at 5%"), attempt: 1 });
}

/// The canary at its first bake.
fn baking(plan: &Plan) -> Run {
    let (start, shift, bake) = (do_step("start"), do_step("shift 5%"), do_step("bake at 5%"));
    let observations = [
        started(&start, 1),
        ended(&start, 1, Outcome::Succeeded),
        started(&shift, 1),
        ended(&shift, 1, Outcome::Succeeded),
        started(&bake, 1),
    ];
    fold(plan, None, Run::start(plan, None, true), &observations)
}

fn undecided() -> Outcome {
    Outcome::Failed { failure: Failure::Undecided { reason: FreeText::new("no data").unwrap() } }
}

#[test]
fn a_bake_that_cannot_be_decided_never_goes_on_by_itself() {
    let ended = |plan: &Plan| {
        let run = baking(plan);
        fold(plan, None, run, &[ended(&do_step("bake at 5%"), 1, undecided())])
    };
    let plan = canary();
    assert!(matches!(ended(&plan).phase(), Phase::RollingBack { cause: Cause::StepFailed { .. } }));

    let asking = canary_of(&[(5, false), (100, false)], Undecided::Ask).unwrap();
    let plan = staged(Strategy::Canary, asking);
    let run = ended(&plan);
    let question = run.question().unwrap();
    assert_eq!(question.task, do_step("bake at 5%"));
    assert_eq!(run.answer(&name("bake at 5%"), Decision::Done, &person()), None, "nobody can call it well");
    let again = run.answer(&name("bake at 5%"), Decision::Redo, &person()).unwrap();
    let Ok(Observed::New(again)) = run.observe(&plan, None, &again) else { panic!("refused") };
    assert!(matches!(again.next_action(&plan, None), Action::Execute { attempt: 2, .. }));
}

#[test]
fn what_a_comparison_only_advises_is_always_for_a_person_to_decide() {
    let advised = Outcome::Failed { failure: Failure::Advised { reason: FreeText::new("worse").unwrap() } };
    for undecided in Undecided::ALL {
        let spread = canary_of(&[(5, false), (100, false)], *undecided).unwrap();
        let plan = staged(Strategy::Canary, spread);
        let run = fold(&plan, None, baking(&plan), &[ended(&do_step("bake at 5%"), 1, advised.clone())]);
        assert_eq!(run.question().unwrap().task, do_step("bake at 5%"), "{undecided}");
        assert_eq!(
            run.answer(&name("bake at 5%"), Decision::Done, &person()),
            None,
            "nobody can call it well"
        );
        let given_up = run.answer(&name("bake at 5%"), Decision::GiveUp, &person()).unwrap();
        let Ok(Observed::New(back)) = run.observe(&plan, None, &given_up) else { panic!("refused") };
        assert!(matches!(back.phase(), Phase::RollingBack { cause: Cause::Person { .. } }));
    }
}

#[test]
fn a_hold_on_demand_is_part_of_the_run_only_where_it_was_demanded() {
    let plan = canary();
    let hold = do_step("hold before 100%");
    assert_eq!(Run::start(&plan, None, true).state_of(&hold), None);
    let held = Run::start_held(&plan, None, true, true);
    assert!(held.state_of(&hold).is_some());
    assert_eq!(plan.steps.iter().filter(|step| step.kind.holds_on_demand()).count(), 1);
    assert_eq!(held.progress().total, Run::start(&plan, None, true).progress().total + 1);
    let is_demanded =
        |step: &Step| matches!(&step.kind, StepKind::Hold(hold) if hold.when == HoldWhen::Demanded);
    assert!(plan.steps.iter().any(is_demanded));
}

#[test]
fn stages_tell_where_the_run_is() {
    let plan = canary();
    let statuses = |run: &Run| run.stage_statuses(&plan).into_iter().map(|(_, it)| it).collect::<Vec<_>>();
    use StageStatus::{Baking, Passed, Pending, TakenBack, UnderWay};
    assert_eq!(statuses(&Run::start(&plan, None, true)), [Pending, Pending]);
    let run = baking(&plan);
    assert_eq!(statuses(&run), [Baking, Pending]);
    let passed = fold(&plan, None, run.clone(), &[ended(&do_step("bake at 5%"), 1, Outcome::Succeeded)]);
    assert_eq!(statuses(&passed), [Passed, Pending]);
    let further = fold(&plan, None, passed, &[started(&do_step("shift 100%"), 1)]);
    assert_eq!(statuses(&further), [Passed, UnderWay]);
    let failed = Outcome::Failed { failure: Failure::ExitStatus { status: 1 } };
    let back = fold(&plan, None, run, &[ended(&do_step("bake at 5%"), 1, failed)]);
    assert_eq!(statuses(&back), [TakenBack, Pending]);
}

#[test]
fn what_is_isolated_has_no_traffic_and_still_exists() {
    let plan = canary();
    let rollback =
        RollbackPlan { quarantine: rollback_plan(vec![step("keep")]).steps, ..rollback_plan(vec![]) };
    let vulnerable = |reaction: &str| {
        rollback_requested(Cause::Breach {
            condition: ConditionName::Security,
            monitor: name("scan"),
            explanation: FreeText::new("1 vulnerability").unwrap(),
            reaction: reaction.parse().unwrap(),
        })
    };
    let bake = do_step("bake at 5%");
    let order = |rollback: &RollbackPlan, reaction: &str| {
        let begun = baking(&plan);
        let stopped = ended(&bake, 1, Outcome::Failed { failure: Failure::Cancelled });
        let mut run = fold(&plan, Some(rollback), begun, &[vulnerable(reaction), stopped]);
        let mut order = Vec::new();
        while let Action::Execute { task, attempt, .. } = run.next_action(&plan, Some(rollback)) {
            let done = [started(&task, attempt), ended(&task, attempt, Outcome::Succeeded)];
            run = fold(&plan, Some(rollback), run, &done);
            order.push(task);
        }
        (order, run.quarantine())
    };
    let keep = Task::new(Part::Quarantine, name("keep"));
    let (isolated, said) = order(&rollback, "immediate_rollback + quarantine");
    assert_eq!(isolated, [undo("shift 5%"), keep, undo("start")]);
    assert_eq!(said, Some("the changed thing is isolated and kept for examination"));
    let (plain, said) = order(&rollback, "immediate_rollback");
    assert_eq!((plain, said), (vec![undo("shift 5%"), undo("start")], None));
    let (_, said) = order(&rollback_plan(vec![]), "immediate_rollback + quarantine");
    assert!(said.unwrap().contains("has no quarantine steps"), "{said:?}");
}

/// Whatever fails for good, the targets that may fail do not stop it, and everything else takes all of it back.
#[test]
fn as_many_targets_fail_as_may_at_every_pair_of_steps() {
    let plan = tolerant();
    let target = |step: &Step| {
        let targets = &plan.tolerance.as_ref().unwrap().targets;
        targets.iter().find(|member| member.steps.contains(&step.name)).map(|member| member.name.as_str())
    };
    for first in &plan.steps {
        for second in &plan.steps {
            let mut world = World::default();
            for step in [first, second] {
                world.failing_attempts.insert(do_step(step.name.as_str()), u32::MAX);
            }
            let run = simulate(&plan, None, true, &mut world);
            let at = format!("{} and {}", first.name, second.name);
            match (target(first), target(second)) {
                (Some(one), Some(other)) if one == other => {
                    assert_eq!(run.outcome(), RunOutcome::AllSucceeded, "{at}");
                    assert_eq!(run.failed_targets(), [one], "{at}");
                    assert_left_out(&plan, &run, &world);
                }
                _ => {
                    assert_eq!(run.outcome(), RunOutcome::Undone { left_in_place: vec![] }, "{at}");
                    assert!(run.failed_targets().is_empty(), "{at}");
                    assert_world(&plan, &run, &world);
                }
            }
        }
    }
}

/// After the first failure of a target nothing more was done on it, and everything was done on the others.
fn assert_left_out(plan: &Plan, run: &Run, world: &World) {
    for member in &plan.tolerance.as_ref().unwrap().targets {
        let executed: Vec<_> = member
            .steps
            .iter()
            .map(|name| world.executed.iter().filter(|(task, _)| task.step == *name).count())
            .collect();
        let is_failed = run.failed_targets().contains(&member.name.as_str());
        let statuses: Vec<_> = run.step_statuses().filter(|(name, _)| member.steps.contains(name)).collect();
        let failed = statuses.iter().position(|(_, status)| *status == StepStatus::Failed);
        assert_eq!(failed.is_some(), is_failed, "{statuses:?}");
        let done = failed.map_or(member.steps.len(), |at| at + 1);
        assert!(executed[..done].iter().all(|count| *count == 1), "{executed:?}");
        assert!(executed[done..].iter().all(|count| *count == 0), "{executed:?}");
        assert!(statuses[done..].iter().all(|(_, status)| *status == StepStatus::Skipped), "{statuses:?}");
    }
    let stages = run.stage_statuses(plan);
    assert!(stages.iter().all(|(_, status)| *status == StageStatus::Passed), "{stages:?}");
    assert_eq!(run.progress().done, run.progress().total);
}

/// A runner that is killed at any instant while a target fails is taken over to the same end.
#[test]
fn a_runner_killed_while_a_target_fails_goes_on_without_it() {
    let plan = tolerant();
    let plan = Plan { steps: plan.steps.into_iter().map(repeatable).collect(), ..plan };
    let world = || {
        let mut world = World::default();
        world.failing_attempts.insert(do_step("update web-2"), u32::MAX);
        world
    };
    let mut undisturbed = world();
    assert_eq!(simulate(&plan, None, true, &mut undisturbed).failed_targets(), ["web-2"]);
    for instant in 0..undisturbed.instants {
        let mut world = world();
        world.events.insert(instant, Event::Kill);
        let run = simulate(&plan, None, true, &mut world);
        assert_eq!(run.outcome(), RunOutcome::AllSucceeded, "killed at {instant}");
        assert_eq!(run.failed_targets(), ["web-2"], "killed at {instant}");
    }
    // And taken back at any instant, with the failed target.
    for instant in 0..undisturbed.instants {
        let mut world = world();
        let request = rollback_requested(Cause::Person { by: person(), reason: None });
        world.events.insert(instant, Event::Hear(request));
        let run = simulate(&plan, None, true, &mut world);
        let is_back = matches!(run.outcome(), RunOutcome::Undone { .. } | RunOutcome::NothingDone);
        assert!(is_back, "asked back at {instant}: {:?}", run.outcome());
        assert_world(&plan, &run, &world);
    }
}

/// Where nothing is taken back without asking, only a failure too many asks, and what a person has redone counts no more.
#[test]
fn a_person_is_asked_about_the_failure_that_is_one_too_many() {
    let plan = tolerant();
    let failed = |step: &str| {
        let failure = Failure::ExitStatus { status: 1 };
        [started(&do_step(step), 1), ended(&do_step(step), 1, Outcome::Failed { failure })]
    };
    let done = |step: &str| [started(&do_step(step), 1), ended(&do_step(step), 1, Outcome::Succeeded)];
    let begun = [done("fetch"), failed("drain web-1"), done("drain web-2")].concat();
    let run = fold(&plan, None, Run::start(&plan, None, false), &begun);
    assert_eq!((run.question(), run.failed_targets()), (None, vec!["web-1"]));
    let run = fold(&plan, None, run, &failed("update web-2"));
    assert_eq!(run.question().map(|question| question.task), Some(do_step("update web-2")));
    let again = run.answer(&name("update web-2"), Decision::Redo, &person()).unwrap();
    let run = fold(&plan, None, run, &[again]);
    assert!(matches!(run.next_action(&plan, None), Action::Execute { attempt: 2, .. }));
    let given_up = fold(&plan, None, run, &[started(&do_step("update web-2"), 2)]);
    assert_eq!(given_up.failed_targets(), ["web-1"]);
}

/// Otherwise an answer about it could begin a second step beside the one that is running.
#[test]
fn a_target_that_is_left_behind_is_nobodys_to_decide() {
    let plan = tolerant();
    let failure = Outcome::Failed { failure: Failure::ExitStatus { status: 1 } };
    let begun = [
        started(&do_step("fetch"), 1),
        ended(&do_step("fetch"), 1, Outcome::Succeeded),
        started(&do_step("drain web-1"), 1),
        ended(&do_step("drain web-1"), 1, failure),
        started(&do_step("drain web-2"), 1),
    ];
    let run = fold(&plan, None, Run::start(&plan, None, false), &begun);
    for &decision in Decision::ALL {
        let task = do_step("drain web-1");
        let answer = Observation::PersonDecided { task, attempt: 1, decision, by: person() };
        let refused = run.observe(&plan, None, &answer).unwrap_err().to_string();
        assert!(refused.contains("the next action is to wait"), "{decision}: {refused}");
    }
}

#[test]
fn a_tolerance_that_fits_no_plan_is_refused() {
    let refused = |spread: Result<Spread, Unspreadable>| spread.unwrap_err().to_string();
    let of = |max_failures| tolerant_of(&["a", "b", "c"], Batch::Count(1), max_failures);
    assert!(refused(of(Batch::Count(3))).contains("`max_failures` is 3 of 3 targets"));
    assert!(refused(of(Batch::Share(share(100)))).contains("expected fewer than there are"));
    assert_eq!(of(Batch::Share(share(70))).unwrap().tolerance.unwrap().max_failures, 2, "rounded down");
    assert_eq!(of(Batch::Share(share(20))).unwrap().tolerance, None);
    let broken = |change: fn(&mut Plan)| {
        let mut plan = tolerant();
        change(&mut plan);
        plan.validate().unwrap_err().to_string()
    };
    let check = |message: String, expected: &str| assert!(message.contains(expected), "{message}");
    check(broken(|plan| plan.tolerance.as_mut().unwrap().max_failures = 3), "fewer than there are");
    check(broken(|plan| plan.tolerance.as_mut().unwrap().max_failures = 0), "1 to 2");
    check(
        broken(|plan| plan.tolerance.as_mut().unwrap().targets[1].name = "web-1".to_owned()),
        "different names",
    );
    check(broken(|plan| plan.tolerance.as_mut().unwrap().targets.reverse()), "in the plan's order");
    check(broken(|plan| plan.tolerance.as_mut().unwrap().targets[0].steps.push(name("fetch"))), "`fetch`");
    let mut canary = canary();
    canary.tolerance = tolerant().tolerance;
    check(canary.validate().unwrap_err().to_string(), "none but with the strategy `rolling`");
}
