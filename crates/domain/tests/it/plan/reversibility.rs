//! How completely steps and plans can be taken back.

use domain::plan::{Capture, Reversibility, Router, Step, StepKind, Traffic};

use super::{check, command, file, manual, name, plan, rollback_plan, step};

fn moves_traffic() -> Step {
    let router = Router::Haproxy { address: "/run/haproxy.sock".to_owned(), backend: "shop".to_owned() };
    let traffic = Traffic { router, weights: [("canary".to_owned(), 10)].into() };
    Step { kind: StepKind::Traffic(traffic), undo: None, ..step("shift") }.safeguarded()
}

#[test]
fn the_class_of_a_step_follows_from_its_kind_and_its_undo() {
    use Reversibility::{Compensatable, Irreversible, Reversible};
    let bare = || Step { undo: None, ..step("a") };
    let output = Capture::Command { command: command(&["version"]), timeout_millis: 1 };
    let own = |class| Some(class);
    for (step, alone, with_rollback_steps) in [
        (Step { kind: StepKind::Wait { duration_millis: 1 }, ..bare() }, Reversible, Reversible),
        (Step { kind: StepKind::Check(check()), ..bare() }, Reversible, Reversible),
        (moves_traffic(), Reversible, Reversible),
        (Step { undo: Some(manual()), ..moves_traffic() }, Compensatable, Compensatable),
        (step("a"), Compensatable, Compensatable),
        (Step { captures: vec![file("x")], ..bare() }, Compensatable, Compensatable),
        (Step { captures: vec![output], ..bare() }, Compensatable, Compensatable),
        (bare(), Irreversible, Compensatable),
        (Step { kind: manual(), ..bare() }, Irreversible, Compensatable),
        (Step { reversibility: own(Irreversible), ..step("a") }, Irreversible, Irreversible),
        (Step { reversibility: own(Reversible), ..step("a") }, Reversible, Reversible),
    ] {
        assert_eq!((step.class(false), step.class(true)), (alone, with_rollback_steps), "{step:?}");
    }
}

#[test]
fn a_plan_is_as_irreversible_as_its_worst_step_and_names_those_that_say_so() {
    let drop = Step { reversibility: Some(Reversibility::Irreversible), ..step("drop the table") };
    let steps = plan(vec![moves_traffic(), drop, Step { undo: None, ..step("deploy") }]);
    let back = steps.way_back(Some(&rollback_plan(vec![step("r")])));
    assert_eq!((back.class, back.irreversible), (Reversibility::Irreversible, vec![name("drop the table")]));
    assert_eq!(plan(vec![moves_traffic()]).way_back(None).class, Reversibility::Reversible);
    assert_eq!(plan(vec![moves_traffic(), step("a")]).way_back(None).class, Reversibility::Compensatable);
}

#[test]
fn a_step_may_not_claim_what_cannot_be() {
    let refusal = |step: Step| plan(vec![step]).validate().unwrap_err().to_string();
    let claims = |class, step: Step| Step { reversibility: Some(class), undo: None, ..step };
    assert_eq!(
        refusal(claims(Reversibility::Reversible, step("a"))),
        "step `a`: `reversibility` is `reversible`: expected an `undo` or a `capture` beside it: nothing takes the step back"
    );
    let wait = Step { kind: StepKind::Wait { duration_millis: 1 }, ..step("a") };
    assert_eq!(
        refusal(claims(Reversibility::Irreversible, wait)),
        "step `a`: `reversibility` is `irreversible`: expected none: the step changes nothing"
    );
}
