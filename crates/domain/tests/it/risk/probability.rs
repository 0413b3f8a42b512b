//! The probability of failure: before there is a trained model, and with one.

use domain::Timestamp;
use domain::change::{Category, ChangeType, Content};
use domain::cmdb::Cmdb;
use domain::number::Probability;
use domain::risk::{
    Age, Assessment, AssessmentFacts, Count, History, Level, Prediction, PredictionPart, ProbabilitySource,
    Record, assess,
};

use super::fixture::{assess_new, assess_with, empty, name, recent, services, small_tested_change};

fn assessed(history: &History) -> Assessment {
    assess_with(&small_tested_change("shop"), &Cmdb::default(), history)
}

/// The probability in millionths.
fn ppm(history: &History) -> u32 {
    assessed(history).failure.value.get()
}

#[test]
fn without_history_it_is_the_base_rate_and_says_so() {
    for (change_type, rate, tenths) in
        [(ChangeType::Normal, 30_000, 17), (ChangeType::Emergency, 100_000, 32)]
    {
        let content = empty(change_type, Category::Deployment);
        let assessment = assess_new(&content, &Cmdb::default());
        let failure = assessment.failure;
        assert_eq!(failure.value.get(), rate);
        assert_eq!(failure.source, ProbabilitySource::BaseRate);
        assert_eq!(failure.rests_on, 0);
        assert!(failure.interval_low < failure.value && failure.value < failure.interval_high);
        assert_eq!(assessment.factors.probability.value.get(), tenths);
        let sources: Vec<_> =
            assessment.factors.probability.contributions.iter().map(|part| part.source.as_str()).collect();
        assert_eq!(sources, ["base_rate"]);
    }
}

#[test]
fn a_record_moves_it_towards_what_happened() {
    let base = ppm(&History::default());
    let bad = History { requester: recent(10, 5), ..History::default() };
    let good = History { requester: recent(100, 0), ..History::default() };
    // (50 × 3 % + 5) ÷ 60 and (50 × 3 %) ÷ 150.
    assert_eq!(ppm(&bad), 108_333);
    assert_eq!(ppm(&good), 10_000);
    assert!(ppm(&good) < base && base < ppm(&bad));
    let failure = assessed(&bad).failure;
    assert_eq!(failure.source, ProbabilitySource::History);
    assert_eq!(failure.rests_on, 10);
}

#[test]
fn the_types_own_record_moves_the_rate_that_others_shrink_to() {
    let history = History { change_type: recent(200, 20), ..History::default() };
    // (200 × 3 % + 20) ÷ 400.
    assert_eq!(ppm(&history), 65_000);
    assert_eq!(assessed(&history).failure.rests_on, 200);
}

#[test]
fn overlapping_records_are_averaged_and_the_empty_ones_left_out() {
    let requester = recent(10, 5);
    let alone = ppm(&History { requester, ..History::default() });
    let thrice = History {
        requester,
        category: requester,
        services: [(name("shop"), requester)].into(),
        ..History::default()
    };
    assert_eq!(ppm(&thrice), alone, "the same changes seen three times are no more evidence");
    let mixed = History { requester, category: recent(150, 0), ..History::default() };
    // The mean of 10.83 % and (50 × 3 %) ÷ 200.
    assert_eq!(ppm(&mixed), 57_917);
}

#[test]
fn the_worst_of_several_services_counts() {
    let content = Content { affected_services: services(&["shop", "mail"]), ..small_tested_change("shop") };
    let history = |mail| History {
        services: [(name("shop"), recent(50, 0)), (name("mail"), mail)].into(),
        ..History::default()
    };
    let ppm = |mail| assess_with(&content, &Cmdb::default(), &history(mail)).failure.value.get();
    assert!(ppm(recent(10, 9)) > ppm(Record::default()));
    assert_eq!(ppm(recent(500, 0)), ppm(Record::default()), "a better service does not make up for shop");
}

#[test]
fn recent_changes_weigh_more_than_older_ones() {
    let count = Count { changes: 10, failures: 5 };
    let by_age = |record| ppm(&History { requester: record, ..History::default() });
    let recent = by_age(Record { recent: count, ..Record::default() });
    let half_year = by_age(Record { half_year: count, ..Record::default() });
    let older = by_age(Record { older: count, ..Record::default() });
    assert!(recent > half_year && half_year > older && older > ppm(&History::default()));
}

#[test]
fn more_evidence_makes_it_surer() {
    let width = |changes, failures| {
        let failure =
            assessed(&History { requester: recent(changes, failures), ..History::default() }).failure;
        failure.interval_high.get() - failure.interval_low.get()
    };
    assert!(width(1_000, 30) < width(100, 3) && width(100, 3) < width(33, 1));
}

#[test]
fn contributions_name_each_record() {
    let history = History {
        change_type: recent(200, 20),
        category: recent(100, 5),
        services: [(name("shop"), recent(4, 2))].into(),
        requester: recent(7, 0),
        is_incomplete: false,
    };
    let lines: Vec<_> = assessed(&history)
        .factors
        .probability
        .contributions
        .iter()
        .map(|part| format!("{:>+3} {}: {}", part.tenths, part.source, part.sentence))
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn age_is_counted_from_the_day_of_the_assessment() {
    let day = |days: i64| Timestamp::from_second(days * 86_400).unwrap();
    let at = day(1_000);
    for (closed, age) in [
        (1_000, Age::Recent),
        (970, Age::Recent),
        (969, Age::HalfYear),
        (820, Age::HalfYear),
        (819, Age::Older),
        (0, Age::Older),
        (1_001, Age::Recent),
    ] {
        assert_eq!(Age::of(day(closed), at), age, "{closed}");
    }
    let mut record = Record::default();
    record.add(Age::Recent, true);
    record.add(Age::HalfYear, false);
    record.add(Age::HalfYear, true);
    record.add(Age::Older, false);
    assert_eq!(record.total(), Count { changes: 4, failures: 2 });
    assert_eq!(record.half_year, Count { changes: 2, failures: 1 });
}

#[test]
fn what_other_systems_did_counts_and_is_said_to_be_imported() {
    let mut record = recent(3, 0);
    record.add_imported(Age::Older, 40, 8);
    assert_eq!((record.total(), record.imported), (Count { changes: 43, failures: 8 }, 40));
    let assessment = assessed(&History { category: record, ..History::default() });
    let said = &assessment.factors.probability.contributions[1].sentence;
    assert_eq!(said, "8 of 43 past deployment changes failed; 40 of them were imported from other systems");
    assert!(assessment.failure.value.get() > ppm(&History { category: recent(3, 0), ..History::default() }));
}

#[test]
fn counts_that_cannot_be_stay_within_bounds() {
    let absurd = Count { changes: u32::MAX, failures: u32::MAX };
    let everywhere = Record { recent: absurd, half_year: absurd, older: absurd, imported: 0 };
    let history = History { requester: everywhere, change_type: everywhere, ..History::default() };
    assert!(ppm(&history) > 990_000);
    let more_failures_than_changes =
        Record { recent: Count { changes: 1, failures: 9 }, ..Record::default() };
    let one_failure = recent(1, 1);
    let by = |record| ppm(&History { requester: record, ..History::default() });
    assert_eq!(by(more_failures_than_changes), by(one_failure));
}

fn predicted(ppm: i64, doubts: &[&str]) -> Prediction {
    let probability = |ppm| Probability::new(ppm).unwrap();
    Prediction {
        model: "m-7".to_owned(),
        value: probability(ppm),
        interval_low: probability(ppm / 2),
        interval_high: probability(ppm * 2),
        learned_from: 5_000,
        doubts: doubts.iter().map(ToString::to_string).collect(),
        base_thousandths: -3_500,
        parts: vec![PredictionPart {
            fact: "service_failure_rate".to_owned(),
            value: "4 %".to_owned(),
            thousandths: 250,
        }],
    }
}

fn assessed_by(prediction: &Prediction) -> Assessment {
    let (content, cmdb) = (small_tested_change("t2"), super::one_of_each_tier());
    let history = History { requester: recent(100, 0), ..History::default() };
    assess(&AssessmentFacts {
        content: &content,
        cmdb: &cmdb,
        history: &history,
        prediction: Some(prediction),
        similar: &[],
        circumstances: &domain::risk::Circumstances::default(),
        covered_by_model: false,
    })
}

#[test]
fn a_model_that_is_sure_has_the_last_word_and_is_kept_with_its_reasons() {
    for ppm in [400, 40_000] {
        let prediction = predicted(ppm, &[]);
        let assessment = assessed_by(&prediction);
        let failure = &assessment.failure;
        assert_eq!((failure.value, failure.source), (prediction.value, ProbabilitySource::Model));
        assert_eq!((failure.interval_high, failure.rests_on), (prediction.interval_high, 5_000));
        assert_eq!(failure.prediction.as_ref(), Some(&prediction));
        let factor = &assessment.factors.probability;
        let sum: i64 = factor.contributions.iter().map(|part| i64::from(part.tenths)).sum();
        assert_eq!(sum, i64::from(factor.value.get()));
        assert_eq!(factor.contributions.last().unwrap().source, "model");
        assert!(assessment.floors.is_empty(), "{:?}", assessment.floors);
    }
}

#[test]
fn a_model_that_is_not_sure_may_raise_the_probability_and_leaves_the_decision_to_a_person() {
    let doubt = "nothing like it was among the changes it learned from";
    let lower = assessed_by(&predicted(400, &[doubt]));
    assert_eq!((lower.failure.value.get(), lower.failure.source), (10_000, ProbabilitySource::History));
    assert!(lower.failure.prediction.is_some(), "what it said is kept");
    let higher = assessed_by(&predicted(40_000, &[doubt]));
    assert_eq!((higher.failure.value.get(), higher.failure.source), (40_000, ProbabilitySource::Model));
    for assessment in [lower, higher] {
        assert_eq!(assessment.level, Level::Medium);
        assert!(assessment.floors[0].sentence.contains(doubt), "{:?}", assessment.floors);
    }
}
