//! Rehearsals: what is carried out of a plan, and that nothing of it reaches what the plan names.

use std::collections::{BTreeMap, BTreeSet};

use domain::plan::rehearsal::{Somewhere, Target};
use domain::plan::{
    Capture, Cluster, Flag, HttpRequest, Kubernetes, KubernetesAction, Plan, Rehearsable, Reversibility,
    RollbackPlan, Router, Script, Sql, Step, StepKind, Traffic, Workload, WorkloadKind,
};

use super::{command, file, manual, name, plan, rollback_plan, run, step};

fn target() -> Target {
    Target {
        name: "staging".parse().unwrap(),
        replace: BTreeMap::new(),
        variables: BTreeMap::new(),
        kubernetes: None,
        as_is: BTreeSet::new(),
        never: BTreeSet::new(),
    }
}

fn replacing(pairs: &[(&str, &str)]) -> Target {
    let pairs = pairs.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned()));
    Target { replace: pairs.collect(), ..target() }
}

fn only(kind: StepKind) -> Plan {
    let reversibility = Some(Reversibility::Irreversible);
    plan(vec![Step { kind, undo: None, reversibility, ..step("deploy") }])
}

/// What is still done where it counts, in words.
fn faults(target: &Target, plan: &Plan) -> Vec<String> {
    let faults = target.send(plan, None).err().unwrap_or_default();
    faults.iter().map(ToString::to_string).collect()
}

fn http(url: &str) -> HttpRequest {
    HttpRequest {
        method: "POST".to_owned(),
        url: url.to_owned(),
        headers: BTreeMap::from([("Host".to_owned(), "shop.example".to_owned())]),
        body: Some("shop.example".to_owned()),
        credentials: None,
        header_variables: Default::default(),
        expected_status: (200, 299),
    }
}

fn cluster(context: Option<&str>, namespace: &str) -> Cluster {
    Cluster { kubeconfig: None, context: context.map(str::to_owned), namespace: namespace.to_owned() }
}

fn scale() -> StepKind {
    let workload = Workload { kind: WorkloadKind::Deployment, name: "shop".to_owned() };
    let action = KubernetesAction::Scale { workload, replicas: 2 };
    StepKind::Kubernetes(Kubernetes { cluster: cluster(None, "shop"), action })
}

fn apply() -> StepKind {
    let action = KubernetesAction::Apply { file: "app.yaml".to_owned(), force: false };
    StepKind::Kubernetes(Kubernetes { cluster: cluster(Some("production"), "shop"), action })
}

/// Every kind that reaches something, with a target that sends it elsewhere.
fn kinds() -> Vec<(StepKind, Target)> {
    let haproxy = |address: &str| Traffic {
        router: Router::Haproxy { address: address.to_owned(), backend: "shop".to_owned() },
        weights: BTreeMap::from([("new".to_owned(), 5)]),
    };
    let migration = Sql {
        script: Script::Inline { statements: "select 1".to_owned() },
        database: "DATABASE_URL".to_owned(),
        tried_undo: None,
    };
    let given = [("DATABASE_URL".to_owned(), "STAGING_URL".to_owned())];
    let flags = Flag::File {
        path: "/etc/flags.json".to_owned(),
        flag: "new".to_owned(),
        enabled: Some(true),
        variant: None,
    };
    let elsewhere = |context: Option<&str>, namespace: Option<&str>| Target {
        kubernetes: Some(Somewhere {
            kubeconfig: None,
            context: context.map(str::to_owned),
            namespace: namespace.map(str::to_owned),
        }),
        ..target()
    };
    vec![
        (run(&["./deploy", "shop.example"]), replacing(&[("shop.example", "staging.example")])),
        (
            StepKind::Http(http("https://shop.example/hook")),
            replacing(&[("shop.example", "staging.example")]),
        ),
        (StepKind::Traffic(haproxy("10.0.0.1:9999")), replacing(&[("10.0.0.1", "10.9.0.1")])),
        (StepKind::Flag(flags), replacing(&[("/etc/", "/tmp/etc/")])),
        (StepKind::Sql(migration), Target { variables: given.into(), ..target() }),
        (scale(), elsewhere(None, Some("rehearsal"))),
        (apply(), elsewhere(Some("staging"), None)),
    ]
}

#[test]
fn nothing_is_carried_out_where_it_counts() {
    for (kind, elsewhere) in kinds() {
        let plan = only(kind.clone());
        let [fault, ..] = &faults(&target(), &plan)[..] else { panic!("{kind:?} is sent nowhere") };
        assert!(fault.contains("step `deploy`: it"), "{fault}");
        assert_eq!(faults(&elsewhere, &plan), Vec::<String>::new(), "{kind:?}");
        let sent = elsewhere.send(&plan, None).unwrap().plan;
        sent.validate().unwrap();
        let stays = matches!(kind, StepKind::Sql(_));
        assert_eq!(sent.steps[0].kind == kind, stays, "{kind:?}");
    }
}

#[test]
fn an_undo_a_rollback_step_and_a_capture_are_sent_elsewhere_too() {
    let whole = plan(vec![Step {
        kind: run(&["./deploy", "shop.example"]),
        undo: Some(run(&["./undo"])),
        captures: vec![file("/etc/app.yaml"), file("app.yaml"), file("../app.yaml")],
        ..step("deploy")
    }]);
    let rollback = rollback_plan(vec![Step { kind: run(&["./flush"]), ..step("flush") }]);
    let sent = replacing(&[("shop.example", "staging.example")]).send(&whole, Some(&rollback));
    let faults: Vec<String> = sent.unwrap_err().iter().map(ToString::to_string).collect();
    let beginnings: Vec<&str> = faults.iter().map(|fault| fault.split(": have").next().unwrap()).collect();
    assert_eq!(
        beginnings,
        [
            "undo of step `deploy`: it would be done where it counts",
            "step `deploy`: it saves `/etc/app.yaml` where it counts",
            "step `deploy`: it saves `../app.yaml` where it counts",
            "rollback step `flush`: it would be done where it counts",
        ]
    );
}

#[test]
fn a_namespace_alone_keeps_no_manifest_away() {
    let namespace = Somewhere { namespace: Some("rehearsal".to_owned()), ..Somewhere::default() };
    let elsewhere = Target { kubernetes: Some(namespace), ..target() };
    assert_eq!(faults(&elsewhere, &only(apply())).len(), 1);
    let saved = Capture::Objects {
        cluster: cluster(Some("production"), "shop"),
        objects: domain::plan::Objects::Manifests { file: "app.yaml".to_owned() },
    };
    let captures = vec![saved];
    let plan = plan(vec![Step { kind: scale(), undo: None, captures, ..step("deploy") }]);
    assert_eq!(faults(&elsewhere, &plan).len(), 1, "the scaling is elsewhere, what is saved is not");
}

#[test]
fn a_variable_of_the_runner_is_given_or_refused() {
    let mut passing = command(&["./deploy", "here"]);
    passing.pass_environment = vec!["TOKEN".to_owned(), "REGION".to_owned()];
    let plan = only(StepKind::Run(passing));
    let given = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter().map(|(name, other)| ((*name).to_owned(), (*other).to_owned()));
        Target { variables: pairs.collect(), ..target() }
    };
    let missing = faults(&given(&[("TOKEN", "STAGING_TOKEN")]), &plan);
    assert!(missing.len() == 1 && missing[0].contains("`REGION`"), "{missing:?}");
    assert!(faults(&given(&[("TOKEN", "STAGING_TOKEN"), ("REGION", "REGION")]), &plan).is_empty());
    // The same variables under the same names reach what they always reach.
    let same = faults(&given(&[("TOKEN", "TOKEN"), ("REGION", "REGION")]), &plan);
    assert!(same.len() == 1 && same[0].contains("where it counts"), "{same:?}");
}

#[test]
fn what_may_be_done_as_it_stands_is_named_and_must_exist() {
    let plan = only(run(&["./build"]));
    let named = |text: &str| Target { as_is: BTreeSet::from([name(text)]), ..target() };
    assert!(faults(&named("deploy"), &plan).is_empty());
    let unknown = faults(&named("depoly"), &plan);
    assert!(unknown.iter().any(|fault| fault.contains("no such step")), "{unknown:?}");
}

#[test]
fn what_must_never_be_left_is_looked_for_wherever_it_may_stand() {
    let replace = replacing(&[("shop.example", "staging.example")]);
    let never = Target { never: BTreeSet::from(["\"prod\"".to_owned()]), ..replace };
    let plan = only(run(&["./deploy", "shop.example", "{\"db\": \"prod\"}"]));
    let left = faults(&never, &plan);
    assert!(left.len() == 1 && left[0].contains("is left in it"), "{left:?}");
}

#[test]
fn texts_are_replaced_once_and_the_longest_first() {
    let swap = replacing(&[("blue", "green"), ("green", "blue"), ("blue.example", "rehearsal.example")]);
    let plan = only(run(&["./switch", "blue to green at blue.example: blü"]));
    let sent = swap.send(&plan, None).unwrap().plan;
    assert_eq!(sent.steps[0].kind, run(&["./switch", "green to blue at rehearsal.example: blü"]));
}

#[test]
fn what_only_a_person_can_do_is_left_out_and_named() {
    let hold = Step { kind: manual(), undo: None, ..step("look") };
    let switched = Step { undo: Some(manual()), ..step("switch") };
    let back = rollback_plan(vec![Step { kind: manual(), ..step("call") }, step("flush")]);
    let back = RollbackPlan { quarantine: rollback_plan(vec![step("keep")]).steps, ..back };
    let rehearsable = Rehearsable::of(&plan(vec![hold, switched]), Some(&back));
    let left_out: Vec<String> = rehearsable.left_out.iter().map(ToString::to_string).collect();
    assert_eq!(
        left_out,
        ["step `look`", "undo of step `switch`", "rollback step `call`", "quarantine step `keep`"]
    );
    let tasks: Vec<String> = rehearsable.tasks().map(|task| task.to_string()).collect();
    assert_eq!(tasks, ["step `switch`", "rollback step `flush`"]);
    assert!(rehearsable.rollback_plan.runs_unattended());
}
