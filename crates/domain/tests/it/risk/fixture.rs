//! Requests and landscapes that the risk tests are about.

use std::collections::BTreeSet;

use domain::change::{Category, ChangeType, Churn, Content, Coverage, CoverageBasis, Evidence, TestResults};
use domain::cmdb::Cmdb;
use domain::id::{CiName, ServiceName, StepName};
use domain::number::Share;
use domain::plan::{Command, Monitor, Plan, Probe, RollbackPlan, Step, StepKind, Strategy};
use domain::risk::{Assessment, AssessmentFacts, Count, History, Record, assess};
use domain::rollback::RollbackConditions;
use domain::text::FreeText;

pub(crate) fn name(text: &str) -> ServiceName {
    ServiceName::new(text).unwrap()
}

pub(crate) fn services(names: &[&str]) -> BTreeSet<ServiceName> {
    names.iter().map(|text| name(text)).collect()
}

pub(crate) fn cis(names: &[&str]) -> BTreeSet<CiName> {
    names.iter().map(|text| CiName::new(*text).unwrap()).collect()
}

/// A request that says nothing but its type: what remains of one that could not be read.
pub(crate) fn empty(change_type: ChangeType, category: Category) -> Content {
    Content {
        change_type,
        category,
        title: FreeText::title("a change").unwrap(),
        description: None,
        justification: None,
        impact_assessment: None,
        testing_strategy: None,
        impact: None,
        urgency: None,
        affected_services: BTreeSet::new(),
        affected_cis: BTreeSet::new(),
        environment: None,
        plan: None,
        rollback_plan: None,
        monitors: Vec::new(),
        rollback_conditions: RollbackConditions::default(),
        window: None,
        source: None,
        evidence: Evidence::default(),
        external_id: None,
        caused_by: None,
        on_close: domain::change::OnClose::default(),
    }
}

/// A normal deployment of 40 lines, 95 % covered by passing tests, implemented, validated and taken back automatically.
pub(crate) fn small_tested_change(service: &str) -> Content {
    Content {
        affected_services: services(&[service]),
        plan: Some(plan(vec![run("deploy")])),
        rollback_plan: Some(rollback_plan(true, vec![run("undeploy")])),
        monitors: vec![monitor()],
        evidence: Evidence {
            churn: Some(churn(40)),
            coverage: Some(coverage(9_500)),
            tests: Some(TestResults { passed: 120, failed: 0, skipped: 3 }),
            configuration_change: Some(false),
            schema_change: Some(false),
            ..Evidence::default()
        },
        ..empty(ChangeType::Normal, Category::Deployment)
    }
}

/// The example request of the specification.
pub(crate) fn specification_example() -> Content {
    use domain::priority::Magnitude;
    Content {
        impact: Some(Magnitude::Medium),
        urgency: Some(Magnitude::Medium),
        affected_services: services(&["cortex-chat-backend", "youtube-ingestion"]),
        affected_cis: cis(&["K8S-CORTEX-CHAT", "REDIS-CORTEX-SYSTEM"]),
        plan: Some(plan(vec![run("deploy")])),
        rollback_plan: Some(rollback_plan(true, vec![run("undeploy")])),
        ..empty(ChangeType::Normal, Category::Deployment)
    }
}

pub(crate) fn churn(lines: u64) -> Churn {
    Churn { lines, files: 3, directories: 1 }
}

pub(crate) fn coverage(basis_points: i64) -> Coverage {
    Coverage { share: Share::new(basis_points).unwrap(), basis: CoverageBasis::ChangedLines }
}

pub(crate) fn plan(steps: Vec<Step>) -> Plan {
    Plan {
        strategy: Strategy::AllAtOnce,
        steps,
        estimated_duration_seconds: Some(900),
        maintenance_window: false,
        soak_seconds: 60,
        stages: Vec::new(),
        tolerance: None,
        runs_on: std::collections::BTreeSet::new(),
        user_acceptance: None,
    }
}

pub(crate) fn rollback_plan(automated: bool, steps: Vec<Step>) -> RollbackPlan {
    RollbackPlan { automated, steps, max_duration_seconds: Some(300), quarantine: Vec::new() }
}

pub(crate) fn step(name: &str, kind: StepKind, undo: Option<StepKind>) -> Step {
    Step {
        name: StepName::new(name).unwrap(),
        kind,
        undo,
        check: None,
        timeout_seconds: 600,
        retries: 0,
        retry_delay_millis: 0,
        idempotent: false,
        captures: Vec::new(),
        reversibility: None,
    }
}

fn command() -> Command {
    Command {
        argv: vec!["true".to_owned()],
        environment: Default::default(),
        pass_environment: Vec::new(),
        working_directory: None,
    }
}

pub(crate) fn run_kind() -> StepKind {
    StepKind::Run(command())
}

pub(crate) fn manual_kind() -> StepKind {
    StepKind::Manual { instructions: "turn the key".to_owned() }
}

pub(crate) fn run(name: &str) -> Step {
    step(name, run_kind(), None)
}

pub(crate) fn monitor() -> Monitor {
    Monitor {
        name: StepName::new("health").unwrap(),
        probe: Probe::Command { command: command(), timeout_millis: 1_000 },
        interval_millis: 1_000,
    }
}

/// A record of changes that all ended within the last 30 days.
pub(crate) fn recent(changes: u32, failures: u32) -> Record {
    Record { recent: Count { changes, failures }, ..Record::default() }
}

pub(crate) fn assess_with(content: &Content, cmdb: &Cmdb, history: &History) -> Assessment {
    assess(&AssessmentFacts {
        content,
        cmdb,
        history,
        prediction: None,
        similar: &[],
        circumstances: &domain::risk::Circumstances::default(),
        covered_by_model: false,
    })
}

pub(crate) fn assess_new(content: &Content, cmdb: &Cmdb) -> Assessment {
    assess_with(content, cmdb, &History::default())
}
