//! The guardian: what becomes of a step when the runner, or the guardian itself, is killed with `kill -9`.

use std::process::{Command as Program, Stdio};

use adapters::execute::execute;
use domain::plan::StepKind;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio_util::sync::CancellationToken;

use crate::execute_workbench::{
    AMPLE, SUCCEEDED, Workbench, all_gone, eventually, guardian_program, is_running, perform_line, reason,
    shell,
};

/// The process id of the parent, the guardian, and of the processes of a step that ignores the request to end.
const STUBBORN_STEP: &str =
    "trap '' TERM; sleep 300 & echo $PPID > pids; echo $$ >> pids; echo $! >> pids; wait; wait; wait";

#[tokio::test]
async fn a_step_and_its_children_die_with_a_runner_that_is_killed() {
    let bench = Workbench::new();
    let mut runner = Program::new(guardian_program())
        .args(["run", STUBBORN_STEP])
        .current_dir(bench.path(""))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let pids = bench.pids("pids", 3).await;
    assert!(pids.iter().all(|pid| is_running(*pid)));
    runner.kill().unwrap();
    runner.wait().unwrap();
    all_gone(&pids).await;
}

#[tokio::test]
async fn a_guarded_step_reports_to_a_runner_that_lives() {
    let bench = Workbench::new();
    let run = |line: &str| {
        let output = Program::new(guardian_program())
            .args(["run", line])
            .current_dir(bench.path(""))
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let (succeeded, printed) = run("echo hello");
    assert!(succeeded && printed.contains("hello"), "{printed}");
    let (succeeded, printed) = run("exit 9");
    assert!(!succeeded && printed.contains("ExitStatus { status: 9 }"), "{printed}");
}

#[tokio::test]
async fn a_step_dies_with_its_guardian_and_has_failed() {
    let bench = Workbench::new();
    let [_, (_, context)] = bench.contexts();
    let step = StepKind::Run(shell(STUBBORN_STEP));
    let never = CancellationToken::new();
    let (execution, pids) = tokio::join!(execute(&step, AMPLE, &context, &never), async {
        let pids = bench.pids("pids", 3).await;
        kill(Pid::from_raw(pids[0]), Signal::SIGKILL).unwrap();
        pids
    });
    let reason = reason(&execution);
    assert!(reason.contains("ended without a report"), "{reason}");
    assert!(!pids.iter().any(|pid| is_running(*pid)));
}

#[tokio::test]
async fn a_guardian_that_is_asked_to_end_goes_on_guarding() {
    let bench = Workbench::new();
    let [_, (_, context)] = bench.contexts();
    let step =
        StepKind::Run(shell("echo $PPID > pids; while ! test -e go; do sleep 0.01; done; echo guarded"));
    let never = CancellationToken::new();
    let (execution, _) = tokio::join!(execute(&step, AMPLE, &context, &never), async {
        let guardian = Pid::from_raw(bench.pids("pids", 1).await[0]);
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT] {
            kill(guardian, signal).unwrap();
        }
        bench.write("go", "");
    });
    assert_eq!((execution.result, execution.log.as_str()), (SUCCEEDED, "guarded\n"));
}

#[tokio::test]
async fn a_program_that_is_no_guardian_fails_the_step() {
    let bench = Workbench::new();
    for (program, expected) in [
        ("/bin/true", "the step's guardian `/bin/true` ended without a report"),
        ("/no/such/guardian", "step guardian: `/no/such/guardian` could not be started"),
    ] {
        let context = bench.context().with_guardian(program.into(), Vec::new());
        let execution = perform_line("touch ran", &context).await;
        let reason = reason(&execution);
        assert!(reason.starts_with(expected), "{reason}");
    }
    assert_eq!(bench.read("ran"), None);
}

#[tokio::test]
async fn a_guardian_that_is_started_by_hand_says_who_starts_it() {
    for arguments in [&["__step-guardian"][..], &["__step-guardian", "100", "/bin/true"]] {
        let output = Program::new(guardian_program()).args(arguments).stdin(Stdio::null()).output().unwrap();
        assert!(!output.status.success());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("this command is started by the runner only"), "{said}");
    }
}

#[tokio::test]
async fn no_guardian_is_left_behind() {
    let bench = Workbench::new();
    let [_, (_, context)] = bench.contexts();
    let execution = perform_line("echo $PPID > pids", &context).await;
    assert_eq!(execution.result, SUCCEEDED);
    let guardian = bench.pids("pids", 1).await[0];
    eventually("the guardian ends", || (!is_running(guardian)).then_some(())).await;
}

#[tokio::test]
async fn a_guarded_step_has_no_terminal_to_wait_at() {
    let bench = Workbench::new();
    let [_, (_, context)] = bench.contexts();
    let line = "echo $PPID > pids; cut -d ' ' -f 6,7 /proc/$$/stat; echo question > /dev/tty";
    let execution = perform_line(line, &context).await;
    let guardian = bench.pids("pids", 1).await[0];
    assert!(
        execution.log.starts_with(&format!("{guardian} 0\n")),
        "own session, no terminal: {}",
        execution.log
    );
    assert_ne!(execution.result, SUCCEEDED);
}

#[tokio::test]
async fn a_machine_without_root_certificates_can_run_steps() {
    let bench = Workbench::new();
    let output = Program::new(guardian_program())
        .args(["run", "echo hello"])
        .current_dir(bench.path(""))
        .env("SSL_CERT_FILE", bench.path("none"))
        .env("SSL_CERT_DIR", bench.path("none"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}
