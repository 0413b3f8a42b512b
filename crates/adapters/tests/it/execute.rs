//! The `run` step against real processes. Each test runs both ways, directly and through a guardian, where it matters.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use adapters::execute::{LOG_BYTES_MAX, Performed, execute};
use domain::plan::{Command, Failure, Outcome, StepKind};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::execute_workbench::{
    AMPLE, CANCELLED, GRACE, PATIENCE, SUCCEEDED, TIMED_OUT, Workbench, all_gone, ended_with, is_running,
    perform, perform_line, program, reason, shell,
};

#[tokio::test]
async fn a_program_that_ends_well_succeeds_and_its_output_is_kept_in_order() {
    let bench = Workbench::new();
    for (way, context) in bench.contexts() {
        let execution = perform_line("echo out; echo err >&2; echo end", &context).await;
        assert_eq!(execution.result, SUCCEEDED, "{way}");
        assert_eq!(execution.log, "out\nerr\nend\n", "{way}");
        assert!(execution.duration > Duration::ZERO && execution.duration < PATIENCE, "{way}");
    }
}

#[tokio::test]
async fn status_and_signal_of_a_failing_program_are_reported() {
    let bench = Workbench::new();
    for (way, context) in bench.contexts() {
        let execution = perform_line("echo why; exit 3", &context).await;
        assert_eq!(execution.result, ended_with(3), "{way}");
        assert_eq!(execution.log, "why\n", "{way}");
        let execution = perform_line("kill -KILL $$", &context).await;
        assert_eq!(
            execution.result,
            Performed::Ended(Outcome::Failed { failure: Failure::Signal { signal: 9 } }),
            "{way}"
        );
    }
}

#[tokio::test]
async fn a_program_that_cannot_start_fails_with_the_next_step() {
    let bench = Workbench::new();
    bench.write("data", "not a program");
    let data = bench.path("data");
    for (way, context) in bench.contexts() {
        for (argv, expected) in [
            (&["no-such-program-here"][..], "there is no such program; give its full path or extend `PATH`"),
            (&[data.to_str().unwrap()], "permission denied; check that it is an executable file"),
            (&[], "`argv` is empty"),
        ] {
            let execution = perform(&StepKind::Run(program(argv)), AMPLE, &context).await;
            assert!(reason(&execution).contains(expected), "{way}: {execution:?}");
        }
        let elsewhere = Command { working_directory: Some("gone".to_owned()), ..shell("true") };
        let execution = perform(&StepKind::Run(elsewhere), AMPLE, &context).await;
        assert!(reason(&execution).starts_with("`working_directory` `gone` is not a folder"), "{way}");
    }
}

#[tokio::test]
async fn a_program_runs_in_the_folder_that_the_plan_names() {
    let bench = Workbench::new();
    std::fs::create_dir(bench.path("inner")).unwrap();
    bench.write("inner/own", "#!/bin/sh\necho own program\n");
    std::fs::set_permissions(bench.path("inner/own"), std::fs::Permissions::from_mode(0o755)).unwrap();
    for (way, context) in bench.contexts() {
        let inside = Command { working_directory: Some("inner".to_owned()), ..shell("pwd -P") };
        let execution = perform(&StepKind::Run(inside), AMPLE, &context).await;
        assert_eq!(
            execution.log.trim(),
            bench.path("inner").canonicalize().unwrap().to_str().unwrap(),
            "{way}"
        );
        let own = Command { working_directory: Some("inner".to_owned()), ..program(&["./own"]) };
        assert_eq!(perform(&StepKind::Run(own), AMPLE, &context).await.log, "own program\n", "{way}");
    }
}

#[tokio::test]
async fn the_environment_is_clean_except_for_what_the_plan_asks_for() {
    let bench = Workbench::new();
    let context = bench.context_with(&[
        ("HOME", "/somewhere"),
        ("LANG", "C.UTF-8"),
        ("UNASKED", "x"),
        ("CORTEX_CHANGE_TOKEN", "cct_abcdefgh"),
        ("PASSED_ON", "from the runner"),
    ]);
    let mut command = program(&["env"]);
    command.environment.insert("GIVEN".to_owned(), "from the plan".to_owned());
    command.pass_environment.push("PASSED_ON".to_owned());
    let execution = perform(&StepKind::Run(command), AMPLE, &context).await;
    let mut names: Vec<&str> =
        execution.log.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    names.sort_unstable();
    assert_eq!(names, ["GIVEN", "HOME", "LANG", "PASSED_ON", "PATH"]);
    assert!(execution.log.contains("GIVEN=from the plan\n"), "{}", execution.log);
    assert!(execution.log.contains("PASSED_ON=***\n"), "{}", execution.log);
}

#[tokio::test]
async fn our_own_tokens_are_given_to_no_program() {
    let bench = Workbench::new();
    let context =
        bench.context_with(&[("CORTEX_CHANGE_TOKEN", "cct_abcdefgh"), ("CORTEX_CHANGE_TOKEN_2", "x")]);
    for name in ["CORTEX_CHANGE_TOKEN", "CORTEX_CHANGE_TOKEN_2"] {
        let mut passed = shell("touch ran");
        passed.pass_environment.push(name.to_owned());
        let mut given = shell("touch ran");
        given.environment.insert(name.to_owned(), "x".to_owned());
        for command in [passed, given] {
            let execution = perform(&StepKind::Run(command), AMPLE, &context).await;
            let expected = format!("the variable `{name}` is not given to programs");
            assert!(reason(&execution).starts_with(&expected), "{execution:?}");
        }
    }
    assert_eq!(bench.read("ran"), None);
}

#[tokio::test]
async fn variables_that_are_missing_or_misnamed_are_refused() {
    let bench = Workbench::new();
    let mut missing = shell("touch ran");
    missing.pass_environment.push("NOT_THERE".to_owned());
    let mut misnamed = shell("touch ran");
    misnamed.environment.insert("A=B".to_owned(), "x".to_owned());
    for (command, expected) in
        [(missing, "the variable `NOT_THERE` is not set"), (misnamed, "`A=B` is not a variable name")]
    {
        let execution = perform(&StepKind::Run(command), AMPLE, &bench.context()).await;
        assert!(reason(&execution).starts_with(expected), "{execution:?}");
    }
    assert_eq!(bench.read("ran"), None);
}

#[tokio::test]
async fn standard_input_is_empty() {
    let bench = Workbench::new();
    for (way, context) in bench.contexts() {
        let execution = perform_line("cat; echo read", &context).await;
        assert_eq!(execution.log, "read\n", "{way}");
    }
}

#[tokio::test]
async fn secrets_are_masked_in_logs() {
    let bench = Workbench::new();
    let context = bench.context_with(&[("DEPLOY_PASSWORD", "runner-secret"), ("PLAIN", "passed-secret")]);
    let mut command = shell("echo runner-secret $PLAIN $API_KEY; echo postgres://app:inline@db; exit 1");
    command.pass_environment.push("PLAIN".to_owned());
    command.environment.insert("API_KEY".to_owned(), "plan-secret".to_owned());
    let execution = perform(&StepKind::Run(command), AMPLE, &context).await;
    assert_eq!(execution.log, "*** *** ***\npostgres://app:***@db\n");
}

#[tokio::test]
async fn a_flood_of_output_neither_blocks_the_program_nor_fills_the_memory() {
    let bench = Workbench::new();
    for (way, context) in bench.contexts() {
        let execution =
            perform_line("echo begin; yes line | head -c 100000000; echo; echo end", &context).await;
        assert_eq!(execution.result, SUCCEEDED, "{way}");
        assert!(execution.log.starts_with("begin\nline\n") && execution.log.ends_with("\nend\n"), "{way}");
        let cut = 6 + 100_000_000 + 5 - LOG_BYTES_MAX;
        assert!(execution.log.contains(&format!("\n[… {cut} bytes cut …]\n")), "{way}");
        assert!(execution.log.len() < LOG_BYTES_MAX + 100, "{way}: {}", execution.log.len());
    }
}

/// Three generations that all ignore the request to end.
const STUBBORN_TREE: &str = "
    trap '' TERM
    echo $$ >> pids
    ( trap '' TERM; sh -c 'echo $$ >> pids; sleep 300 & echo $! >> pids; wait' & wait ) &
    sleep 300 &
    echo $! >> pids
    wait; wait; wait";

#[tokio::test]
async fn a_tree_that_ignores_the_request_to_end_is_killed_when_the_time_is_over() {
    for way in 0..2 {
        let bench = Workbench::new();
        let (way, context) = bench.contexts().into_iter().nth(way).unwrap();
        let execution = perform(&StepKind::Run(shell(STUBBORN_TREE)), Duration::from_secs(1), &context).await;
        assert_eq!(execution.result, TIMED_OUT, "{way}");
        assert!(execution.duration >= Duration::from_secs(1) + GRACE, "{way}: {:?}", execution.duration);
        let pids = bench.pids("pids", 4).await;
        assert!(!pids.iter().any(|pid| is_running(*pid)), "{way}: {pids:?}");
    }
}

#[tokio::test]
async fn a_tree_that_ignores_the_request_to_end_is_killed_on_cancel() {
    for way in 0..2 {
        let bench = Workbench::new();
        let (way, context) = bench.contexts().into_iter().nth(way).unwrap();
        let cancel = CancellationToken::new();
        let step = StepKind::Run(shell(STUBBORN_TREE));
        let (execution, pids) = tokio::join!(execute(&step, AMPLE, &context, &cancel), async {
            let pids = bench.pids("pids", 4).await;
            cancel.cancel();
            pids
        });
        assert_eq!(execution.result, CANCELLED, "{way}");
        assert!(!pids.iter().any(|pid| is_running(*pid)), "{way}: {pids:?}");
    }
}

#[tokio::test]
async fn a_program_that_heeds_the_request_to_end_may_tidy_up() {
    for way in 0..2 {
        let bench = Workbench::new();
        let (way, context) = bench.contexts().into_iter().nth(way).unwrap();
        let context = context.with_grace(PATIENCE);
        let cancel = CancellationToken::new();
        let step = StepKind::Run(shell(
            "trap 'echo tidy > done; exit 0' TERM; echo $$ > pids; while :; do sleep 0.05; done",
        ));
        let (execution, _) = tokio::join!(execute(&step, AMPLE, &context, &cancel), async {
            bench.pids("pids", 1).await;
            cancel.cancel();
        });
        assert_eq!(execution.result, CANCELLED, "{way}");
        assert_eq!(bench.read("done").as_deref(), Some("tidy\n"), "{way}");
        assert!(execution.duration < PATIENCE, "{way}: did not wait for the whole grace");
    }
}

#[tokio::test]
async fn children_that_outlive_their_parent_and_hold_the_output_open_are_ended() {
    for way in 0..2 {
        let bench = Workbench::new();
        let (way, context) = bench.contexts().into_iter().nth(way).unwrap();
        let execution = perform_line("sleep 300 & echo $! > pids; echo started", &context).await;
        assert_eq!(execution.result, SUCCEEDED, "{way}");
        assert!(execution.log.starts_with("started\n"), "{way}: {}", execution.log);
        assert!(execution.log.contains("left running were ended"), "{way}: {}", execution.log);
        assert!(execution.duration < PATIENCE, "{way}");
        let pids = bench.pids("pids", 1).await;
        assert!(!is_running(pids[0]), "{way}");
    }
}

#[tokio::test]
async fn a_service_in_a_session_of_its_own_stays_and_does_not_hold_the_step_up() {
    for way in 0..2 {
        let bench = Workbench::new();
        let (way, context) = bench.contexts().into_iter().nth(way).unwrap();
        let line = "setsid sh -c 'echo $$ > pids; exec sleep 300' & while ! test -s pids; do sleep 0.01; done; echo started";
        let started = Instant::now();
        let execution = perform_line(line, &context).await;
        assert_eq!(execution.result, SUCCEEDED, "{way}");
        assert!(execution.log.contains("holds the output open"), "{way}: {}", execution.log);
        assert!(started.elapsed() < PATIENCE, "{way}");
        let pids = bench.pids("pids", 1).await;
        assert!(is_running(pids[0]), "{way}");
        kill(Pid::from_raw(pids[0]), Signal::SIGKILL).unwrap();
    }
}

#[tokio::test]
async fn a_dropped_execution_leaves_no_process() {
    for way in 0..2 {
        let bench = Workbench::new();
        let (_, context) = bench.contexts().into_iter().nth(way).unwrap();
        let pids = {
            let step = StepKind::Run(shell(STUBBORN_TREE));
            let never = CancellationToken::new();
            tokio::select! {
                execution = execute(&step, AMPLE, &context, &never) => panic!("{execution:?}"),
                pids = bench.pids("pids", 4) => pids,
            }
        };
        all_gone(&pids).await;
    }
}

#[tokio::test]
async fn many_steps_at_once_do_not_disturb_each_other() {
    let bench = Workbench::new();
    let [_, (_, context)] = bench.contexts();
    let mut steps = JoinSet::new();
    for n in 0..8 {
        let context = context.clone();
        steps.spawn(
            async move { (n, perform_line(&format!("sleep 0.{n}; echo {n}; exit {n}"), &context).await) },
        );
    }
    for (n, execution) in steps.join_all().await {
        let expected = if n == 0 { SUCCEEDED } else { ended_with(n) };
        assert_eq!((execution.result, execution.log), (expected, format!("{n}\n")));
    }
}
