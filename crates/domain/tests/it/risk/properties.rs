//! What holds for every request, landscape and history.

use domain::catalog::Service;
use domain::change::{Category, ChangeType, Content, Evidence, TestResults};
use domain::cmdb::Cmdb;
use domain::number::Share;
use domain::priority::Magnitude;
use domain::risk::{
    Assessment, AssessmentFacts, Count, FactorValue, History, Level, ProbabilityBand, Record, assess,
    matrix_level,
};
use proptest::prelude::*;

use super::fixture::{
    churn, cis, coverage, empty, manual_kind, monitor, name, plan, rollback_plan, run, run_kind, services,
    step,
};
use crate::cmdb::services::{landscape, service};

/// Names that requests use; the last two are never described.
const POOL: [&str; 6] = ["s0", "s1", "s2", "s3", "s4", "s5"];
const CATALOGUED: usize = 4;

fn any_services() -> impl Strategy<Value = Vec<Service>> {
    let edges = prop::collection::btree_set((0..CATALOGUED, any::<bool>()), 0..3);
    prop::collection::vec((0_u8..4, edges), CATALOGUED).prop_map(|entries| {
        let mut file = Vec::new();
        for (index, (tier, edges)) in entries.into_iter().enumerate() {
            let targets: std::collections::BTreeMap<_, _> =
                edges.into_iter().filter(|(target, _)| *target != index).collect();
            let lines: Vec<_> = targets
                .iter()
                .map(|(to, hard)| format!("{} s{to}", if *hard { "hard" } else { "soft" }))
                .collect();
            file.push(service(POOL[index], tier, &lines.iter().map(String::as_str).collect::<Vec<_>>()));
        }
        file
    })
}

fn any_evidence() -> impl Strategy<Value = Evidence> {
    (
        prop::option::of(prop_oneof![0_u64..20_000, Just(u64::MAX)]),
        prop::option::of(0_i64..=10_000),
        prop::option::of((0_u64..50, 0_u64..3)),
        any::<Option<bool>>(),
        any::<Option<bool>>(),
    )
        .prop_map(|(lines, share, tests, configuration_change, schema_change)| Evidence {
            churn: lines.map(churn),
            coverage: share.map(coverage),
            tests: tests.map(|(passed, failed)| TestResults { passed, failed, skipped: 0 }),
            configuration_change,
            schema_change,
            ..Evidence::default()
        })
}

fn any_content() -> impl Strategy<Value = Content> {
    let magnitudes = vec![Magnitude::Low, Magnitude::Medium, Magnitude::High, Magnitude::Critical];
    (
        (prop::sample::select(ChangeType::ALL), prop::sample::select(Category::ALL)),
        prop::sample::subsequence(POOL.to_vec(), 0..4),
        prop::sample::subsequence(vec!["s1", "REDIS", "K8S"], 0..3),
        prop::option::of(prop::sample::select(magnitudes)),
        (0_u8..4, 0_u8..4, any::<bool>()),
        any_evidence(),
    )
        .prop_map(
            |((change_type, category), names, items, impact, (plans, rollbacks, monitored), evidence)| {
                Content {
                    affected_services: services(&names),
                    affected_cis: cis(&items),
                    impact,
                    plan: match plans {
                        0 => None,
                        1 => Some(plan(vec![run("go")])),
                        2 => Some(plan(vec![step("go", run_kind(), Some(run_kind()))])),
                        _ => Some(plan(vec![step("go", manual_kind(), None)])),
                    },
                    rollback_plan: match rollbacks {
                        0 => None,
                        1 => Some(rollback_plan(true, vec![run("back")])),
                        2 => Some(rollback_plan(false, vec![run("back")])),
                        _ => Some(rollback_plan(true, vec![])),
                    },
                    monitors: if monitored { vec![monitor()] } else { Vec::new() },
                    evidence,
                    ..empty(change_type, category)
                }
            },
        )
}

fn any_record() -> impl Strategy<Value = Record> {
    let count = || (0_u32..200, 0_u32..60).prop_map(|(changes, failures)| Count { changes, failures });
    prop_oneof![
        Just(Record::default()),
        (count(), count(), count()).prop_map(|(recent, half_year, older)| Record {
            recent,
            half_year,
            older,
            imported: 0,
        }),
    ]
}

fn any_history() -> impl Strategy<Value = History> {
    (any_record(), any_record(), any_record(), any_record()).prop_map(
        |(change_type, category, service, requester)| History {
            change_type,
            category,
            services: [(name("s0"), service)].into(),
            requester,
            is_incomplete: false,
        },
    )
}

#[derive(Debug, Clone)]
struct Situation {
    content: Content,
    file: Vec<Service>,
    history: History,
    covered_by_model: bool,
}

impl Situation {
    fn assess(&self) -> Assessment {
        self.assess_in(&landscape(&self.file))
    }

    fn assess_in(&self, cmdb: &Cmdb) -> Assessment {
        assess(&AssessmentFacts {
            content: &self.content,
            cmdb,
            history: &self.history,
            prediction: None,
            similar: &[],
            circumstances: &domain::risk::Circumstances::default(),
            covered_by_model: self.covered_by_model,
        })
    }
}

fn any_situation() -> impl Strategy<Value = Situation> {
    (any_content(), any_services(), any_history(), any::<bool>()).prop_map(
        |(content, file, history, covered_by_model)| Situation { content, file, history, covered_by_model },
    )
}

fn adds_up(factor: &FactorValue) -> bool {
    let sum: i64 = factor.contributions.iter().map(|part| i64::from(part.tenths)).sum();
    sum == i64::from(factor.value.get()) && factor.contributions.iter().all(|part| !part.sentence.is_empty())
}

/// Whether every number in it is whole.
fn is_whole(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Number(number) => number.is_i64() || number.is_u64(),
        serde_json::Value::Array(values) => values.iter().all(is_whole),
        serde_json::Value::Object(fields) => fields.values().all(is_whole),
        _ => true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn contributions_add_up_to_factors_and_factors_to_the_score(situation in any_situation()) {
        let assessment = situation.assess();
        let factors = &assessment.factors;
        for factor in [
            &factors.impact,
            &factors.probability,
            &factors.complexity,
            &factors.testing_coverage,
            &factors.automation_level,
        ] {
            prop_assert!(adds_up(factor), "{factor:?}");
        }
        let tenths = |factor: &FactorValue| i32::from(factor.value.get());
        let raw = tenths(&factors.impact) * tenths(&factors.probability) * tenths(&factors.complexity)
            - 10 * tenths(&factors.testing_coverage) * tenths(&factors.automation_level);
        prop_assert_eq!(assessment.raw_thousandths, raw);
        prop_assert_eq!(assessment.waterfall.iter().map(|step| step.thousandths).sum::<i32>(), raw);
        let rounded = f64::from(raw.clamp(0, 100_000)) / 1_000.0;
        prop_assert!((f64::from(assessment.score.get()) - rounded).abs() <= 0.5);
    }

    #[test]
    fn the_level_is_the_highest_of_band_matrix_and_floors(situation in any_situation()) {
        let assessment = situation.assess();
        let band = ProbabilityBand::of_factor(assessment.factors.probability.value);
        prop_assert_eq!(assessment.band_level, Level::of_score(assessment.score));
        prop_assert_eq!(assessment.matrix_level, matrix_level(assessment.blast_radius.class, band));
        let floors = assessment.floors.iter().map(|floor| floor.level);
        let highest = floors.chain([assessment.band_level, assessment.matrix_level]).max();
        prop_assert_eq!(Some(assessment.level), highest);
    }

    #[test]
    fn what_is_not_known_is_never_low(situation in any_situation()) {
        let assessment = situation.assess();
        let evidence = &situation.content.evidence;
        let is_unknown = evidence.churn.is_none()
            || evidence.coverage.is_none()
            || evidence.tests.is_none()
            || evidence.configuration_change.is_none()
            || evidence.schema_change.is_none()
            || (situation.content.affected_services.is_empty() && !situation.content.affected_cis.iter().any(|ci| ci.as_str() == "s1"))
            || situation.content.affected_services.iter().any(|name| ["s4", "s5"].contains(&name.as_str()))
            || situation.content.affected_cis.iter().any(|ci| ci.as_str() != "s1");
        prop_assert_eq!(is_unknown, !assessment.missing.is_empty());
        prop_assert!(!is_unknown || assessment.level > Level::Low);
    }

    #[test]
    fn more_testing_never_raises_the_score(situation in any_situation(), more in 0_i64..=10_000) {
        let before = situation.assess();
        let mut tested = situation.clone();
        let evidence = &mut tested.content.evidence;
        let share = evidence.coverage.map_or(0, |coverage| i64::from(coverage.share.get())).max(more);
        prop_assert!(Share::new(share).is_ok());
        evidence.coverage = Some(coverage(share));
        let with_coverage = tested.assess();
        prop_assert!(with_coverage.raw_thousandths <= before.raw_thousandths);
        tested.content.evidence.tests = Some(TestResults { passed: 10, failed: 0, skipped: 0 });
        let with_tests = tested.assess();
        prop_assert!(with_tests.raw_thousandths <= with_coverage.raw_thousandths);
        prop_assert!(with_tests.score <= before.score);
        prop_assert!(with_tests.level <= before.level);
    }

    #[test]
    fn a_more_critical_tier_never_lowers_the_score(situation in any_situation(), index in 0..CATALOGUED) {
        let before = situation.assess();
        let mut raised = situation.clone();
        let tier = raised.file[index].tier.number().saturating_sub(1);
        raised.file[index].tier = tier.try_into().unwrap();
        let after = raised.assess();
        prop_assert!(after.score >= before.score);
        prop_assert!(after.raw_thousandths >= before.raw_thousandths);
    }

    #[test]
    fn one_more_failure_never_lowers_the_score(situation in any_situation()) {
        let before = situation.assess();
        let mut worse = situation.clone();
        worse.history.requester.recent.failures += 1;
        worse.history.requester.recent.changes = worse.history.requester.recent.changes.max(1);
        if situation.history.requester.recent.changes > 0 {
            let after = worse.assess();
            prop_assert!(after.failure.value >= before.failure.value);
            prop_assert!(after.score >= before.score);
        }
    }

    #[test]
    fn an_assessment_is_stored_in_whole_numbers_and_read_back_equal(situation in any_situation()) {
        let assessment = situation.assess();
        prop_assert_eq!(&situation.assess(), &assessment, "the same facts, the same assessment");
        let stored = serde_json::to_value(&assessment).unwrap();
        prop_assert!(is_whole(&stored));
        prop_assert_eq!(serde_json::from_value::<Assessment>(stored).unwrap(), assessment);
    }

    #[test]
    fn an_empty_landscape_never_makes_a_change_low(situation in any_situation()) {
        prop_assert!(situation.assess_in(&Cmdb::default()).level > Level::Low);
    }
}
