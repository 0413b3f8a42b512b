//! Bakes, holds and stages with real processes.

use std::time::Duration;

use domain::plan::{Cause, Decision, RunOutcome, StepKind, Strategy, Undecided};
use runner::{Ended, OnStop, Options};
use tokio_util::sync::CancellationToken;

use crate::bench::{Bench, all, run, told, undoing};
use crate::strategies::{canary, staged};

#[tokio::test]
async fn a_canary_that_is_well_goes_on_stage_by_stage() {
    let bench = Bench::with_lease(staged(Strategy::Canary, canary(Undecided::RollBack)), 5).await;
    let (mut options, mut updates) = told();
    // Bakes watch whether or not the monitors were asked for.
    (options.auto_rollback, options.monitor) = (true, false);
    assert_eq!(bench.implement(&options).await.unwrap(), Ended::Implemented);
    assert_eq!(bench.read("state"), "new\nweight-5\nweight-100\npromoted\n");
    let told = format!("{:?}", all(&mut updates));
    assert!(told.contains("answers passed"), "a bake says what it saw: {told}");
}

#[tokio::test]
async fn a_bad_version_is_withdrawn_at_its_first_stage() {
    let mut definition = staged(Strategy::Canary, canary(Undecided::RollBack));
    // It breaks what the monitor looks at as soon as it has any traffic.
    let StepKind::Run(shift) = &mut definition.plan.steps[1].kind else { panic!("a program") };
    shift.argv[2].push_str("; touch broken");
    definition.plan.steps[1].undo = Some(run("rm -f broken; : > state"));
    let bench = Bench::with_lease(definition, 5).await;
    let ended = bench.implement(&undoing()).await.unwrap();
    let Ended::RolledBack { cause: Some(Cause::StepFailed { step }), outcome } = ended else {
        panic!("{ended:?}")
    };
    assert_eq!(step.as_str(), "bake at 5%");
    assert_eq!(outcome, RunOutcome::Undone { left_in_place: vec![] });
    assert!(!bench.exists("broken"));
    assert!(!bench.read("begun").contains("promote"), "{}", bench.read("begun"));
}

#[tokio::test]
async fn without_data_nobody_goes_on() {
    let bench = Bench::with_lease(staged(Strategy::Canary, canary(Undecided::Ask)), 5).await;
    bench.write("mute", "");
    let person = async {
        let question = bench.question().await;
        assert!(question.contains("bake at 5%"), "{question}");
        let history = bench.server.history();
        assert!(history.iter().any(|it| it.contains("could not be decided") || it.contains("failed")));
        std::fs::remove_file(bench.path("mute")).unwrap();
        bench.server.decide("bake at 5%", Decision::Redo);
    };
    let (ended, ()) = bench.implement_while(&Options::default(), person).await;
    assert_eq!(ended.unwrap(), Ended::Implemented);

    let bench = Bench::with_lease(staged(Strategy::Canary, canary(Undecided::RollBack)), 5).await;
    bench.write("mute", "");
    let ended = bench.implement(&undoing()).await.unwrap();
    assert!(matches!(ended, Ended::RolledBack { .. }), "{ended:?}");
    assert_eq!(bench.read("state"), "");
}

#[tokio::test]
async fn a_bake_that_lost_its_runner_watches_its_whole_time_again() {
    let mut definition = staged(Strategy::Canary, canary(Undecided::RollBack));
    for step in &mut definition.plan.steps {
        if let StepKind::Bake(bake) = &mut step.kind {
            bake.duration_millis = 1_500;
        }
    }
    let bench = Bench::with_lease(definition, 3).await;
    let stop = CancellationToken::new();
    let options = Options { stop: stop.clone(), on_stop: OnStop::Release, ..undoing() };
    let meanwhile = async {
        bench.observed("step `bake at 5%` started, attempt 1").await;
        stop.cancel();
    };
    let (ended, ()) = bench.implement_while(&options, meanwhile).await;
    assert_eq!(ended.unwrap(), Ended::Released);
    let began = std::time::Instant::now();
    assert_eq!(bench.implement(&undoing()).await.unwrap(), Ended::Implemented);
    assert!(began.elapsed() >= Duration::from_secs(3), "both bakes take their time");
    assert!(bench.server.history().contains(&"step `bake at 5%` started, attempt 2".to_owned()));
}
