//! Plans that cannot be carried out are refused with place, field and accepted form.

use domain::plan::source::Credentials;
use domain::plan::{
    Capture, Check, Command, HttpRequest, Monitor, Plan, PlanError, Probe, RollbackPlan, Router, Step,
    StepKind, Traffic,
};

use super::{check, command, file, manual, name, plan, rollback_plan, run, step};

fn request(url: &str) -> HttpRequest {
    HttpRequest {
        method: "GET".to_owned(),
        url: url.to_owned(),
        headers: [("Accept".to_owned(), "*/*".to_owned())].into(),
        body: None,
        credentials: None,
        header_variables: Default::default(),
        expected_status: (200, 299),
    }
}

fn http(request: HttpRequest) -> Step {
    Step { kind: StepKind::Http(request), ..step("a") }
}

fn runs(command: Command) -> Step {
    Step { kind: StepKind::Run(command), ..step("a") }
}

fn probe(timeout_millis: u64) -> Probe {
    Probe::Http { request: request("https://shop.example/health"), timeout_millis }
}

fn refusals(errors: impl IntoIterator<Item = Result<(), PlanError>>) -> String {
    errors.into_iter().map(|error| format!("{}\n", error.unwrap_err())).collect()
}

#[test]
fn a_plan_that_uses_everything_is_accepted() {
    let full = Step {
        check: Some(check()),
        retries: 20,
        captures: vec![
            file("/etc/app.yaml"),
            Capture::Command { command: command(&["kubectl", "get", "pods"]), timeout_millis: 5_000 },
        ],
        ..http(request("http://127.0.0.1:8470/api?x=1"))
    };
    let environment = Command {
        environment: [("LEVEL_2".to_owned(), String::new())].into(),
        pass_environment: vec!["HOME".to_owned()],
        working_directory: Some("deploy/production".to_owned()),
        ..command(&["/bin/sh", "-c", "true"])
    };
    let steps = vec![
        full,
        Step { name: name("b"), ..runs(environment) },
        Step { kind: StepKind::Wait { duration_millis: 60_000 }, ..step("c") },
        Step { kind: StepKind::Check(check()), ..step("d") },
        Step { kind: manual(), ..step("e") },
    ];
    let plan = Plan { estimated_duration_seconds: Some(900), soak_seconds: 300, ..plan(steps) };
    assert_eq!(plan.validate(), Ok(()));
    assert_eq!(rollback_plan(vec![step("r")]).validate(), Ok(()));
    assert_eq!(RollbackPlan { automated: false, ..rollback_plan(vec![]) }.validate(), Ok(()));
}

#[test]
fn refused_plans() {
    let good = || plan(vec![step("a")]);
    let many = plan((0..201).map(|at| step(&format!("step {at}"))).collect());
    let captures =
        plan((0..11).map(|at| Step { captures: vec![file("x"); 50], ..step(&format!("{at}")) }).collect());
    insta::assert_snapshot!(refusals([
        plan(vec![]).validate(),
        many.validate(),
        plan(vec![step("a"), step("b"), step("a")]).validate(),
        Plan { estimated_duration_seconds: Some(0), ..good() }.validate(),
        Plan { soak_seconds: 8 * 86_400, ..good() }.validate(),
        captures.validate(),
    ]), @r"
    plan: `steps` is a list of 0: expected 1 to 200 steps
    plan: `steps` is a list of 201: expected 1 to 200 steps
    plan: `steps` is a list with two named `a`: expected a different name for each
    plan: `estimated_duration_seconds` is `0`: expected 1 to 31622400 seconds
    plan: `soak_seconds` is `691200`: expected 0 to 604800 seconds
    plan: `captures` is a list of 550: expected 0 to 500 captures in all steps
    ");
}

#[test]
fn refused_steps() {
    let check_with = |interval_millis, successes| Step {
        check: Some(Check { interval_millis, successes, ..check() }),
        ..step("a")
    };
    let steps = [
        Step { timeout_seconds: 0, ..step("a") },
        Step { timeout_seconds: 86_401, ..step("a") },
        Step { retries: 21, ..step("a") },
        Step { retry_delay_millis: 3_600_001, ..step("a") },
        Step { kind: run(&[]), ..step("a") },
        Step { undo: Some(run(&[" "])), ..step("a") },
        Step { kind: run(&["echo", "a\0b"]), ..step("a") },
        Step { kind: run(&["echo", &"x".repeat(65_537)]), ..step("a") },
        Step { kind: StepKind::Wait { duration_millis: 0 }, ..step("a") },
        Step { kind: StepKind::Wait { duration_millis: 60_001 }, ..step("a") },
        Step { kind: StepKind::Manual { instructions: " \n".to_owned() }, ..step("a") },
        Step { captures: vec![file("x"); 51], ..step("a") },
        Step { captures: vec![file("")], ..step("a") },
        Step {
            captures: vec![Capture::Command { command: command(&["x"]), timeout_millis: 0 }],
            ..step("a")
        },
        check_with(99, 1),
        check_with(1_000, 0),
        runs(Command { environment: [("A B".to_owned(), String::new())].into(), ..command(&["x"]) }),
        runs(Command { pass_environment: vec!["1A".to_owned()], ..command(&["x"]) }),
        runs(Command { pass_environment: vec!["CORTEX_CHANGE_TOKEN".to_owned()], ..command(&["x"]) }),
        runs(Command { working_directory: Some("/etc".to_owned()), ..command(&["x"]) }),
        runs(Command { working_directory: Some("a/../../b".to_owned()), ..command(&["x"]) }),
    ];
    insta::assert_snapshot!(refusals(steps.map(|step| plan(vec![step]).validate())), @r"
    step `a`: `timeout_seconds` is `0`: expected 1 to 86400 seconds
    step `a`: `timeout_seconds` is `86401`: expected 1 to 86400 seconds
    step `a`: `retries` is `21`: expected 0 to 20 retries
    step `a`: `retry_delay_millis` is `3600001`: expected 0 to 3600000 milliseconds
    step `a`: `argv` is a list of 0: expected 1 to 256 arguments, the program first
    step `a`: `undo.argv` is empty in its first place: expected a program
    step `a`: `argv` is with a zero byte: expected text without zero bytes
    step `a`: `argv` is 65537 bytes long: expected at most 65536 bytes
    step `a`: `duration_millis` is `0`: expected 1 to 60000 milliseconds, within the step's timeout
    step `a`: `duration_millis` is `60001`: expected 1 to 60000 milliseconds, within the step's timeout
    step `a`: `instructions` is empty: expected at least one word
    step `a`: `captures` is a list of 51: expected 0 to 50 captures
    step `a`: `captures.path` is empty or with control characters: expected a path such as `deploy/app.yaml`
    step `a`: `captures.timeout_millis` is `0`: expected 1 to 600000 milliseconds
    step `a`: `check.interval_millis` is `99`: expected 100 to 3600000 milliseconds
    step `a`: `check.successes` is `0`: expected 1 to 1000 passing answers
    step `a`: `environment` is `A B`: expected names of letters, digits and `_`, not beginning with a digit
    step `a`: `pass_environment` is `1A`: expected names of letters, digits and `_`, not beginning with a digit
    step `a`: `pass_environment` is `CORTEX_CHANGE_TOKEN`: expected any other variable: a step never sees the runner's own token
    step `a`: `working_directory` is `/etc`: expected a folder below the runner's working folder, without `..`
    step `a`: `working_directory` is `a/../../b`: expected a folder below the runner's working folder, without `..`
    ");
}

fn haproxy(address: &str, backend: &str) -> Router {
    Router::Haproxy { address: address.to_owned(), backend: backend.to_owned() }
}

fn shifts(router: Router, weights: &[(&str, u32)]) -> Step {
    let weights = weights.iter().map(|(target, weight)| ((*target).to_owned(), *weight)).collect();
    Step { kind: StepKind::Traffic(Traffic { router, weights }), undo: None, ..step("a") }.safeguarded()
}

#[test]
fn refused_traffic() {
    let socket = || haproxy("/run/haproxy.sock", "shop");
    let programs =
        |timeout_millis| Router::Programs { set: command(&["set"]), read: command(&[]), timeout_millis };
    assert_eq!(plan(vec![shifts(socket(), &[("stable", 256), ("canary", 0)])]).validate(), Ok(()));
    let many: Vec<String> = (0..65).map(|at| format!("t{at}")).collect();
    let many: Vec<(&str, u32)> = many.iter().map(|name| (name.as_str(), 1)).collect();
    let steps = [
        shifts(socket(), &[]),
        shifts(socket(), &many),
        shifts(socket(), &[("canary", 257)]),
        shifts(socket(), &[("canary 1; shutdown sessions server shop/stable #", 1)]),
        shifts(haproxy("shop.example", "shop"), &[("canary", 1)]),
        shifts(haproxy("shop.example:0", "shop"), &[("canary", 1)]),
        shifts(haproxy("shop.example:99", "shop/x"), &[("canary", 1)]),
        shifts(programs(0), &[("canary", 1_000_000)]),
        shifts(programs(1), &[("canary", 1_000_000)]),
        Step { kind: StepKind::Restore, ..step("a") },
        Step { undo: Some(StepKind::Restore), ..step("a") },
        Step {
            undo: Some(StepKind::Restore),
            captures: vec![Capture::Command { command: command(&["x"]), timeout_millis: 1 }],
            ..step("a")
        },
    ];
    insta::assert_snapshot!(refusals(steps.map(|step| plan(vec![step]).validate())), @r"
    step `a`: `weights` is a list of 0: expected 1 to 64 targets
    step `a`: `weights` is a list of 65: expected 1 to 64 targets
    step `a`: `weights.canary` is `257`: expected 0 to 256 as weight
    step `a`: `weights` is `canary 1; shutdown sessions server shop/stable #`: expected names of letters, digits, `-`, `_`, `.` and `:`
    step `a`: `router.address` is `shop.example`: expected the path of a socket such as `/run/haproxy/admin.sock`, or `host:port`
    step `a`: `router.address` is `shop.example:0`: expected the path of a socket such as `/run/haproxy/admin.sock`, or `host:port`
    step `a`: `router.backend` is `shop/x`: expected names of letters, digits, `-`, `_`, `.` and `:`
    step `a`: `router.timeout_millis` is `0`: expected 1 to 600000 milliseconds
    step `a`: `router.read.argv` is a list of 0: expected 1 to 256 arguments, the program first
    step `a`: `kind` is `restore`: expected it as the `undo` of a step only
    step `a`: `undo` is `restore`: expected it only where the step captures something that can be put back
    step `a`: `undo` is `restore`: expected it only where the step captures something that can be put back
    ");
    let restored = Step { undo: Some(StepKind::Restore), captures: vec![file("x")], ..step("a") };
    assert_eq!(plan(vec![restored]).validate(), Ok(()));
}

#[test]
fn refused_requests() {
    let good = || request("https://shop.example/");
    let header = |name: &str, value: &str| HttpRequest {
        headers: [(name.to_owned(), value.to_owned())].into(),
        ..good()
    };
    let steps = [
        HttpRequest { method: "get".to_owned(), ..good() },
        HttpRequest { expected_status: (299, 200), ..good() },
        HttpRequest { expected_status: (0, 600), ..good() },
        HttpRequest { body: Some("x".repeat(65_537)), ..good() },
        header("Bad Name", "x"),
        header("Authorization", "Bearer abc"),
        HttpRequest { header_variables: [("X-Api-Key".to_owned(), "API-KEY".to_owned())].into(), ..good() },
        HttpRequest {
            header_variables: [("accept".to_owned(), "KIND".to_owned())].into(),
            ..header("Accept", "text/plain")
        },
        HttpRequest {
            credentials: Some(Credentials::Bearer { variable: "TOKEN".to_owned() }),
            header_variables: [("Authorization".to_owned(), "OTHER".to_owned())].into(),
            ..good()
        },
        header("Accept", "two\nlines"),
        request("shop.example/health"),
        request("ftp://shop.example/"),
        request("https:///health"),
        request("https://:80/health"),
        request("https://shop.example/a b"),
        request("https://user:secret@shop.example/"),
        request(&format!("https://shop.example/{}", "x".repeat(2_048))),
    ];
    insta::assert_snapshot!(refusals(steps.map(|request| plan(vec![http(request)]).validate())), @r"
    step `a`: `method` is `get`: expected one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS
    step `a`: `expected_status` is `299` to `200`: expected a first and a last status from 100 to 599, such as 200 to 299
    step `a`: `expected_status` is `0` to `600`: expected a first and a last status from 100 to 599, such as 200 to 299
    step `a`: `body` is 65537 bytes long: expected at most 65536 bytes
    step `a`: `headers` is `Bad Name`: expected header names such as `Content-Type`
    step `a`: `headers.Authorization` is a secret in the plan: expected `token_env`, `user` and `password_env`, or `headers_env`, which name the variable that holds the secret where the runner runs: a plan is read by many and kept for ever
    step `a`: `headers_env.X-Api-Key` is `API-KEY`: expected names of letters, digits and `_`, not beginning with a digit
    step `a`: `headers_env` is `accept` a second time: expected every header once
    step `a`: `headers_env` is `Authorization` a second time: expected every header once
    step `a`: `headers.Accept` is too long or not one line: expected one line of at most 65536 bytes
    step `a`: `url` is `shop.example/health`: expected an absolute address such as `https://shop.example/health`
    step `a`: `url` is `ftp://shop.example/`: expected an absolute address such as `https://shop.example/health`
    step `a`: `url` is `https:///health`: expected an absolute address such as `https://shop.example/health`
    step `a`: `url` is `https://:80/health`: expected an absolute address such as `https://shop.example/health`
    step `a`: `url` is `https://shop.example/a b`: expected an absolute address such as `https://shop.example/health`
    step `a`: `url` is an address with credentials: expected an address without user name and password: plans are kept in the log
    step `a`: `url` is 2069 bytes long: expected at most 2048 bytes
    ");
}

#[test]
fn refused_rollback_plans() {
    let with = |step: Step| RollbackPlan {
        automated: true,
        steps: vec![step],
        max_duration_seconds: None,
        quarantine: Vec::new(),
    };
    let without_undo = || Step { undo: None, ..step("r") };
    insta::assert_snapshot!(refusals([
        RollbackPlan { max_duration_seconds: Some(0), ..rollback_plan(vec![]) }.validate(),
        rollback_plan(vec![step("r"), step("r")]).validate(),
        with(step("r")).validate(),
        with(Step { captures: vec![file("x")], ..without_undo() }).validate(),
        with(Step { timeout_seconds: 0, ..without_undo() }).validate(),
    ]), @r"
    rollback plan: `max_duration_seconds` is `0`: expected 1 to 86400 seconds
    rollback plan: `steps` is a list with two named `r`: expected a different name for each
    rollback step `r`: `undo` is present: expected none: a rollback step is not undone
    rollback step `r`: `captures` is present: expected none: everything is saved before the plan's first step; declare it there
    rollback step `r`: `timeout_seconds` is `0`: expected 1 to 86400 seconds
    ");
}

#[test]
fn monitors() {
    let monitor = |text: &str| Monitor { name: name(text), probe: probe(1_000), interval_millis: 5_000 };
    assert_eq!(Monitor::validate_all(&[]), Ok(()));
    assert_eq!(Monitor::validate_all(&[monitor("home"), monitor("basket")]), Ok(()));
    let many: Vec<Monitor> = (0..51).map(|at| monitor(&format!("m{at}"))).collect();
    insta::assert_snapshot!(refusals([
        Monitor::validate_all(&many),
        Monitor::validate_all(&[monitor("home"), monitor("home")]),
        Monitor::validate_all(&[Monitor { interval_millis: 10, ..monitor("home") }]),
        Monitor::validate_all(&[Monitor { probe: probe(600_001), ..monitor("home") }]),
    ]), @r"
    monitors: `monitors` is a list of 51: expected 0 to 50 monitors
    monitors: `monitors` is a list with two named `home`: expected a different name for each
    monitor `home`: `interval_millis` is `10`: expected 100 to 3600000 milliseconds
    monitor `home`: `probe.timeout_millis` is `600001`: expected 1 to 600000 milliseconds
    ");
}
