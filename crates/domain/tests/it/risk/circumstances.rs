//! What is wrong around a change raises its risk and never lowers it.

use domain::calendar::{Conflict, ConflictKind, Stage, Treatment};
use domain::change::Line;
use domain::risk::{
    ActiveAlert, ActiveAlerts, Assessment, AssessmentFacts, Circumstances, Fact, HealthReading, HealthState,
    History, Level, RecentIncidents, RuleViolation, VersionWithdrawn, assess,
};
use domain::text::FreeText;
use proptest::prelude::*;

use super::fixture::small_tested_change;
use super::{explain, one_of_each_tier};

fn assessed(circumstances: &Circumstances) -> Assessment {
    assess(&AssessmentFacts {
        content: &small_tested_change("t3"),
        cmdb: &one_of_each_tier(),
        history: &History::default(),
        prediction: None,
        similar: &[],
        circumstances,
        covered_by_model: false,
    })
}

fn line(text: &str) -> Line {
    Line::new(text).unwrap()
}

fn reading(name: &str, state: HealthState) -> HealthReading {
    let is_known = state != HealthState::Unknown;
    HealthReading {
        name: line(name),
        state,
        value_thousandths: is_known.then_some(250),
        at: is_known.then(|| "2026-03-01T12:00:00Z".parse().unwrap()),
        sentence: if is_known { "0.25, healthy is at most 0.5" } else { "the query found no data" }
            .to_owned(),
    }
}

fn incidents(here: u32, open_here: u32, anywhere: u32) -> RecentIncidents {
    let named = (1..=here.min(2)).map(|number| format!("INC-2026-{number:06}").parse().unwrap()).collect();
    RecentIncidents { here, open_here, anywhere, named }
}

fn alerts(count: u32, critical: u32) -> ActiveAlerts {
    let since = "2026-03-01T11:00:00Z".parse().unwrap();
    let alert = || ActiveAlert { name: line("HighLatency"), on: line("t3"), since };
    ActiveAlerts { count, critical, named: (0..count.min(2)).map(|_| alert()).collect() }
}

fn rules(count: usize) -> Vec<RuleViolation> {
    let rule = |number: usize| RuleViolation {
        rule: line(&format!("SOC2-CC8.{number}")),
        field: Some(line("quality.tests_passed")),
        value: Some(FreeText::new("false").unwrap()),
        controls: vec![format!("SOC2:CC8.{number}")],
        sentence: "Production deployments must pass tests first".to_owned(),
        next_step: "run them".to_owned(),
    };
    (1..=count).map(rule).collect()
}

fn conflict() -> Conflict {
    Conflict {
        other: "CHG-2026-000007".parse().unwrap(),
        stage: Stage::Approved,
        kind: ConflictKind::SameItem,
        treatment: Treatment::Deny,
        item: "cart".parse().unwrap(),
        other_item: "cart".parse().unwrap(),
        host: None,
        is_dependent: false,
        start: "2026-03-01T22:00:00Z".parse().unwrap(),
        end: "2026-03-01T23:00:00Z".parse().unwrap(),
    }
}

#[test]
fn everything_that_is_wrong_is_named_with_its_source_and_time() {
    let health = vec![reading("errors", HealthState::Unhealthy), reading("lag", HealthState::Unknown)];
    let around = Circumstances {
        incidents: incidents(3, 1, 12),
        health,
        alerts: alerts(2, 1),
        rules: rules(2),
        conflicts: vec![conflict()],
        version_withdrawn: Some(VersionWithdrawn {
            at: "2026-02-20T10:00:00Z".parse().unwrap(),
            change: "CHG-2026-000003".parse().unwrap(),
            incident: "INC-2026-000002".parse().unwrap(),
        }),
    };
    let assessment = assessed(&around);
    assert_eq!(assessment.circumstances, around);
    assert_eq!(assessment.missing[0].fact, Fact::SystemHealth);
    insta::assert_snapshot!(explain(&assessment));
    let stored = serde_json::to_value(&assessment).unwrap();
    assert_eq!(serde_json::from_value::<Assessment>(stored).unwrap(), assessment);
}

#[test]
fn an_assessment_from_before_circumstances_is_read_as_one_without() {
    let quiet = assessed(&Circumstances::default());
    let stored = serde_json::to_value(&quiet).unwrap();
    assert!(stored.get("circumstances").is_none());
    assert_eq!(serde_json::from_value::<Assessment>(stored).unwrap(), quiet);
    assert_eq!(quiet.level, Level::Low);
}

#[test]
fn a_healthy_reading_is_told_and_adds_nothing() {
    let healthy =
        Circumstances { health: vec![reading("errors", HealthState::Healthy)], ..Circumstances::default() };
    let (healthy, quiet) = (assessed(&healthy), assessed(&Circumstances::default()));
    assert_eq!(healthy.raw_thousandths, quiet.raw_thousandths);
    assert_eq!((healthy.level, healthy.missing.len()), (Level::Low, 0));
    assert_eq!(healthy.factors.probability.contributions.last().unwrap().source, "system_health");
}

proptest! {
    #[test]
    fn nothing_around_a_change_lowers_its_risk(
        here in 0_u32..2_000_000_000, open in 0_u32..2_000_000_000, elsewhere in 0_u32..2_000_000_000,
        states in prop::collection::vec(prop::sample::select(HealthState::ALL), 0..21),
        count in any::<u32>(), critical in any::<u32>(), broken in 0_usize..51,
    ) {
        let health = states.into_iter().map(|state| reading("x", state)).collect::<Vec<_>>();
        let is_unknown = health.iter().any(|reading| reading.state == HealthState::Unknown);
        let incidents = incidents(here, open.min(here), here.saturating_add(elsewhere));
        let alerts = alerts(count, critical.min(count));
        let around = Circumstances { incidents, health, alerts, rules: rules(broken), ..Circumstances::default() };
        let (wrong, quiet) = (assessed(&around), assessed(&Circumstances::default()));
        prop_assert!(wrong.raw_thousandths >= quiet.raw_thousandths && wrong.level >= quiet.level);
        prop_assert!(!is_unknown || wrong.level >= Level::Medium);
        prop_assert!(broken == 0 || wrong.level >= Level::Medium);
        prop_assert_eq!(wrong.findings.len(), quiet.findings.len() + broken);
        let parts = &wrong.factors.probability.contributions;
        let sum: i32 = parts.iter().map(|part| i32::from(part.tenths)).sum();
        prop_assert_eq!(sum, i32::from(wrong.factors.probability.value.get()));
    }
}
