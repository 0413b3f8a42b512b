//! Rollback conditions: the specification's words, and the judgement of samples.

use std::collections::{BTreeMap, BTreeSet};

use domain::Timestamp;
use domain::change::FindingSeverity;
use domain::duration::parse_duration_seconds;
use domain::id::StepName;
use domain::number::Share;
use domain::plan::source::Source;
use domain::plan::{
    AlertQuestion, Cause, Command, FindingsQuestion, MetricQuery, Monitor, Probe, PrometheusQuestion,
};
use domain::rollback::judge::{SAMPLES_MAX, WINDOW_SAMPLES_MIN};
use domain::rollback::{
    Arms, Breach, ConditionName, ErrorRate, Health, HealthCheck, Histogram, Judge, Latency, LatencyThreshold,
    Measured, Percent, Reaction, Requests, RollbackConditions, RollbackSpeed, Sample, Security, Verdict,
};
use proptest::prelude::*;

fn name(text: &str) -> StepName {
    StepName::new(text).unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn monitor(text: &str) -> Monitor {
    let command = Command {
        argv: vec!["./probe".to_owned()],
        environment: BTreeMap::new(),
        pass_environment: vec![],
        working_directory: None,
    };
    let probe = Probe::Command { command, timeout_millis: 1_000 };
    Monitor { name: name(text), probe, interval_millis: 10_000 }
}

fn sample(seconds: i64, verdict: Verdict) -> Sample {
    Sample { monitor: name("home"), at: at(seconds), verdict, latency_micros: None, measured: None }
}

fn timed(seconds: i64, millis: u64) -> Sample {
    Sample { latency_micros: Some(millis * 1_000), ..sample(seconds, Verdict::Pass) }
}

/// The conditions of the specification, read from its own words.
fn of_the_specification() -> RollbackConditions {
    RollbackConditions {
        error_rate: Some(ErrorRate {
            threshold: "5%".parse::<Percent>().unwrap().0,
            window_seconds: parse_duration_seconds("5m").unwrap(),
            action: "immediate_rollback".parse().unwrap(),
        }),
        latency: Some(Latency {
            threshold: "2x_baseline".parse().unwrap(),
            window_seconds: parse_duration_seconds("10m").unwrap(),
            action: "gradual_rollback".parse().unwrap(),
        }),
        health_check: Some(HealthCheck { failed_checks: 3, action: "immediate_rollback".parse().unwrap() }),
        security: Some(Security {
            vulnerability_detected: true,
            action: "immediate_rollback + quarantine".parse().unwrap(),
        }),
    }
}

fn only_error_rate() -> RollbackConditions {
    RollbackConditions { error_rate: of_the_specification().error_rate, ..RollbackConditions::default() }
}

fn only_latency(threshold: &str) -> RollbackConditions {
    let latency = of_the_specification().latency;
    let latency = latency.map(|latency| Latency { threshold: threshold.parse().unwrap(), ..latency });
    RollbackConditions { latency, ..RollbackConditions::default() }
}

fn only_health_check() -> RollbackConditions {
    RollbackConditions { health_check: of_the_specification().health_check, ..RollbackConditions::default() }
}

fn judge(conditions: RollbackConditions, baseline_millis: Option<u64>) -> Judge {
    let baselines = baseline_millis.map(|millis| (name("home"), millis * 1_000)).into_iter().collect();
    Judge::new(conditions, &[monitor("home")], &baselines)
}

/// Feeds samples and returns the first breach, as text, with the position of the sample that showed it.
fn first_breach(judge: &mut Judge, samples: impl IntoIterator<Item = Sample>) -> Option<(usize, String)> {
    let mut breaches = samples.into_iter().map(|sample| judge.observe(&sample)).enumerate();
    breaches.find_map(|(index, breach)| breach.map(|breach| (index, breach.to_string())))
}

#[test]
fn the_words_of_the_specification() {
    let conditions = of_the_specification();
    assert_eq!(conditions.validate(), Ok(()));
    let rate = conditions.error_rate.unwrap();
    assert_eq!((rate.threshold.get(), rate.window_seconds), (500, 300));
    let latency = conditions.latency.unwrap();
    assert_eq!(latency.threshold, LatencyThreshold::BaselineMultipleHundredths(200));
    assert_eq!(latency.action, Reaction { rollback: RollbackSpeed::Gradual, quarantine: false });
    let reaction = Reaction { rollback: RollbackSpeed::Immediate, quarantine: true };
    assert_eq!(conditions.security.unwrap().action, reaction);
    for text in ["immediate_rollback", "gradual_rollback", "immediate_rollback + quarantine"] {
        assert_eq!(text.parse::<Reaction>().unwrap().to_string(), text);
    }
    for text in ["2x_baseline", "1.5x_baseline", "1.25x_baseline", "250ms", "2s"] {
        assert_eq!(text.parse::<LatencyThreshold>().unwrap().to_string(), text);
    }
    for text in ["5%", "0.5%", "0.25%", "0.05%", "100%", "0%"] {
        assert_eq!(text.parse::<Percent>().unwrap().to_string(), text);
    }
}

#[test]
fn other_words_are_refused_with_the_accepted_form() {
    for text in ["5", "5 %", "%", "-1%", "100.01%", "0.125%", ".5%", "5.%", "5,5%", "99999999999%", "5%%"] {
        let error = text.parse::<Percent>().unwrap_err().to_string();
        assert!(error.contains("such as `5%`"), "{text}: {error}");
    }
    for text in
        ["2x", "x_baseline", "2 x_baseline", "-2x_baseline", "2.125x_baseline", "250", "99999999x_baseline"]
    {
        let error = text.parse::<LatencyThreshold>().unwrap_err().to_string();
        assert!(error.contains("such as `2x_baseline`"), "{text}: {error}");
    }
    for text in
        ["", "rollback", "Immediate_rollback", "immediate_rollback+quarantine", "quarantine", " + quarantine"]
    {
        let error = text.parse::<Reaction>().unwrap_err().to_string();
        assert!(error.contains("`immediate_rollback` or `gradual_rollback`"), "{text}: {error}");
    }
}

proptest! {
    #[test]
    fn every_share_and_latency_threshold_reads_back(basis_points in 0..=10_000_i64, multiple: u32, millis in 0..31_000_000_000_u64) {
        let percent = Percent(Share::new(basis_points).unwrap());
        prop_assert_eq!(percent.to_string().parse::<Percent>(), Ok(percent));
        for threshold in [LatencyThreshold::BaselineMultipleHundredths(multiple), LatencyThreshold::Millis(millis)] {
            prop_assert_eq!(threshold.to_string().parse::<LatencyThreshold>(), Ok(threshold));
        }
    }

    #[test]
    fn no_samples_make_the_judge_panic_and_no_breach_is_healthy(
        samples in proptest::collection::vec((-400..400_i64, 0..4_usize, proptest::option::of(any::<u64>())), 0..200),
        now in -400..400_i64,
    ) {
        let mut judge = judge(of_the_specification(), Some(u64::MAX / 1_000));
        let mut newest = i64::MIN;
        for (seconds, verdict, latency_micros) in samples {
            let verdict = Verdict::ALL[verdict];
            newest = newest.max(seconds);
            let breach = judge.observe(&Sample { latency_micros, ..sample(seconds, verdict) });
            prop_assert!(breach.is_none() || judge.health(at(newest)) != Health::Healthy);
        }
        judge.health(at(now));
    }
}

#[test]
fn conditions_that_cannot_be_breached_or_judged_are_refused() {
    let of = of_the_specification();
    let rate = |threshold: &str, window_seconds| {
        let threshold = threshold.parse::<Percent>().unwrap().0;
        let error_rate = of.error_rate.map(|rate| ErrorRate { threshold, window_seconds, ..rate });
        RollbackConditions { error_rate, ..RollbackConditions::default() }
    };
    let checks = |failed_checks| {
        let health_check = of.health_check.map(|health| HealthCheck { failed_checks, ..health });
        RollbackConditions { health_check, ..RollbackConditions::default() }
    };
    let refused = [
        rate("100%", 300),
        rate("5%", 0),
        rate("5%", 86_401),
        only_latency("0.99x_baseline"),
        only_latency("0s"),
        only_latency("11m"),
        checks(0),
        checks(1_001),
    ];
    let messages: Vec<String> = refused.iter().map(|it| it.validate().unwrap_err().to_string()).collect();
    insta::assert_snapshot!(messages.join("\n"), @r"
    rollback conditions: `error_rate.threshold` is `100%`: expected less than 100%, which no error rate can exceed, such as `5%`
    rollback conditions: `error_rate.window` is `0`: expected 1 to 86400 seconds
    rollback conditions: `error_rate.window` is `86401`: expected 1 to 86400 seconds
    rollback conditions: `latency.threshold` is `0.99x_baseline`: expected `1x_baseline` to `1000x_baseline`, or `1ms` to `10m`
    rollback conditions: `latency.threshold` is `0s`: expected `1x_baseline` to `1000x_baseline`, or `1ms` to `10m`
    rollback conditions: `latency.threshold` is `11m`: expected `1x_baseline` to `1000x_baseline`, or `1ms` to `10m`
    rollback conditions: `health_check.failed_checks` is `0`: expected 1 to 1000 failed checks in a row
    rollback conditions: `health_check.failed_checks` is `1001`: expected 1 to 1000 failed checks in a row
    ");
    assert_eq!(RollbackConditions::default().validate(), Ok(()));
}

#[test]
fn three_failed_checks_in_a_row_are_a_breach_and_a_probe_that_cannot_be_asked_has_failed() {
    use Verdict::{Error, Fail, Inconclusive, Pass};
    let breach_at = |verdicts: &[Verdict]| {
        let samples = (0..).zip(verdicts).map(|(seconds, verdict)| sample(seconds, *verdict));
        first_breach(&mut judge(only_health_check(), None), samples).map(|(index, _)| index)
    };
    assert_eq!(breach_at(&[Fail, Fail, Fail]), Some(2));
    assert_eq!(breach_at(&[Error, Fail, Error]), Some(2));
    assert_eq!(breach_at(&[Fail, Fail, Pass, Fail, Fail]), None);
    assert_eq!(breach_at(&[Fail, Inconclusive, Fail, Inconclusive, Fail]), Some(4));
    assert_eq!(breach_at(&[Inconclusive; 9]), None);

    let mut judge = judge(only_health_check(), None);
    let failing = (0..3).map(|seconds| sample(seconds, Fail));
    let (_, text) = first_breach(&mut judge, failing).unwrap();
    assert_eq!(text, "monitor `home` breached `health_check`: 3 checks in a row failed, the limit is 3");
}

#[test]
fn an_error_rate_is_never_taken_from_too_few_answers() {
    use Verdict::{Error, Fail, Inconclusive, Pass};
    let conditions = only_error_rate();
    let failing = (0..).map(|seconds| sample(seconds, Fail)).take(WINDOW_SAMPLES_MIN + 1);
    let (index, text) = first_breach(&mut judge(conditions.clone(), None), failing).unwrap();
    assert_eq!(index, WINDOW_SAMPLES_MIN - 1);
    assert_eq!(
        text,
        "monitor `home` breached `error_rate`: 5 of 5 answers in 5m failed, that is 100%, the limit is 5%"
    );
    for verdict in [Error, Inconclusive] {
        let samples = (0..100).map(|seconds| sample(seconds, verdict));
        assert_eq!(
            first_breach(&mut judge(conditions.clone(), None), samples),
            None,
            "{verdict} is no answer"
        );
    }
    let one_in = |total: i64| {
        let samples = (0..total).map(|at| sample(at, if at == total - 1 { Fail } else { Pass }));
        first_breach(&mut judge(conditions.clone(), None), samples)
    };
    assert_eq!(one_in(20), None, "exactly 5% is not more than 5%");
    assert!(one_in(19).is_some());
}

#[test]
fn what_lies_before_the_window_does_not_count() {
    let mut judge = judge(only_error_rate(), None);
    let failed = (0..4).map(|seconds| sample(seconds, Verdict::Fail));
    let passed = (304..330).map(|seconds| sample(seconds, Verdict::Pass));
    assert_eq!(first_breach(&mut judge, failed.chain(passed)), None);
}

#[test]
fn the_median_latency_is_compared_with_the_baseline() {
    let slow = || (0..9).map(|seconds| timed(seconds, 201));
    let (index, text) = first_breach(&mut judge(only_latency("2x_baseline"), Some(100)), slow()).unwrap();
    assert_eq!(index, WINDOW_SAMPLES_MIN - 1);
    assert_eq!(
        text,
        "monitor `home` breached `latency`: the median of 5 answers in 10m took 201ms, the limit is 2x_baseline of 100ms"
    );
    let at_the_limit = (0..9).map(|seconds| timed(seconds, 200));
    assert_eq!(first_breach(&mut judge(only_latency("2x_baseline"), Some(100)), at_the_limit), None);
    let outliers = (0..9).map(|seconds| timed(seconds, if seconds < 5 { 90 } else { 9_000 }));
    let spread = outliers.collect::<Vec<_>>().into_iter();
    assert_eq!(first_breach(&mut judge(only_latency("2x_baseline"), Some(100)), spread.take(8)), None);
    let (_, text) = first_breach(&mut judge(only_latency("200ms"), None), slow()).unwrap();
    assert!(text.ends_with("took 201ms, the limit is 200ms"), "{text}");

    let mut without_baseline = judge(only_latency("2x_baseline"), None);
    assert_eq!(first_breach(&mut without_baseline, slow()), None);
    let why = "monitor `home`: it has no baseline latency to compare with".to_owned();
    assert_eq!(without_baseline.health(at(9)), Health::Unknown { why });
}

#[test]
fn of_several_breaches_the_immediate_one_is_named() {
    let mut judge = judge(RollbackConditions { health_check: None, ..of_the_specification() }, Some(100));
    let failing_slowly = (0..5).map(|at| Sample { verdict: Verdict::Fail, ..timed(at, 900) });
    let breaches: Vec<Breach> = failing_slowly.filter_map(|sample| judge.observe(&sample)).collect();
    let [breach] = &breaches[..] else { panic!("{breaches:?}") };
    assert_eq!(breach.condition, ConditionName::ErrorRate);
    let Cause::Breach { monitor, reaction, .. } = breach.cause() else { panic!("another cause") };
    assert_eq!((monitor, reaction.rollback), (name("home"), RollbackSpeed::Immediate));
}

#[test]
fn no_data_old_data_and_too_little_data_are_never_healthy() {
    let unknown = |why: &str| Health::Unknown { why: why.to_owned() };
    let nothing_watched = Judge::new(RollbackConditions::default(), &[], &BTreeMap::new());
    assert_eq!(nothing_watched.health(at(0)), unknown("no monitor is defined"));

    let mut plain = judge(RollbackConditions::default(), None);
    assert_eq!(plain.health(at(0)), unknown("monitor `home`: it has not answered yet"));
    plain.observe(&sample(0, Verdict::Pass));
    assert_eq!(plain.health(at(31)), Health::Healthy);
    assert_eq!(plain.health(at(32)), unknown("monitor `home`: its last answer is 32s old"));
    plain.observe(&sample(40, Verdict::Inconclusive));
    assert_eq!(plain.health(at(41)), unknown("monitor `home`: its last answer is inconclusive"));
    plain.observe(&sample(42, Verdict::Error));
    let why = "monitor `home`: it could not be asked".to_owned();
    assert_eq!(plain.health(at(43)), Health::Unhealthy { why });

    let mut rated = judge(only_error_rate(), None);
    (0..4).for_each(|seconds| assert_eq!(rated.observe(&sample(seconds, Verdict::Pass)), None));
    assert_eq!(rated.health(at(4)), unknown("monitor `home`: 4 answers in 5m, at least 5 are needed"));
    rated.observe(&sample(4, Verdict::Pass));
    assert_eq!(rated.health(at(5)), Health::Healthy);

    let mut two =
        Judge::new(RollbackConditions::default(), &[monitor("home"), monitor("basket")], &BTreeMap::new());
    two.observe(&sample(0, Verdict::Pass));
    assert_eq!(two.health(at(1)), unknown("monitor `basket`: it has not answered yet"));
    two.observe(&sample(1, Verdict::Fail));
    let why = "monitor `home`: its last answer is a failure".to_owned();
    assert_eq!(two.health(at(2)), Health::Unhealthy { why }, "a failure outweighs what is missing");
}

#[test]
fn a_sample_of_a_stranger_changes_nothing() {
    let mut judge = judge(only_health_check(), None);
    for seconds in 0..9 {
        assert_eq!(judge.observe(&Sample { monitor: name("other"), ..sample(seconds, Verdict::Fail) }), None);
    }
    assert!(matches!(judge.health(at(9)), Health::Unknown { .. }));
}

#[test]
fn more_samples_than_are_kept_leave_the_newest() {
    let mut judge = judge(only_error_rate(), None);
    let base = at(0);
    let quick = |index: i64, verdict| Sample {
        at: Timestamp::from_microsecond(base.as_microsecond() + index).unwrap(),
        ..sample(0, verdict)
    };
    let kept = i64::try_from(SAMPLES_MAX).unwrap();
    let (failed, total) = (kept / 100, kept + kept / 100);
    for index in 0..failed {
        judge.observe(&quick(index, Verdict::Fail));
    }
    let mut last = None;
    for index in failed..total {
        last = judge.observe(&quick(index, Verdict::Pass));
    }
    assert_eq!(last, None);
    assert_eq!(judge.health(base), Health::Healthy);
}

#[test]
fn a_scan_breaches_only_a_condition_that_is_switched_on() {
    let security = of_the_specification().security.unwrap();
    assert_eq!(security.judge(&name("trivy"), 0), None);
    let breach = security.judge(&name("trivy"), 2).unwrap();
    assert_eq!(breach.to_string(), "monitor `trivy` breached `security`: the scan found 2 vulnerabilities");
    assert!(breach.reaction.quarantine);
    let off = Security { vulnerability_detected: false, ..security };
    assert_eq!(off.judge(&name("trivy"), 2), None);
}

/// A judge of a monitor whose answers took 100 ms before the change.
fn watching(query: MetricQuery, conditions: RollbackConditions) -> Judge {
    watching_from(query, conditions, &BTreeMap::from([(name("home"), 100_000)]))
}

fn watching_from(
    query: MetricQuery,
    conditions: RollbackConditions,
    baselines: &BTreeMap<StepName, u64>,
) -> Judge {
    let probe = Probe::Prometheus(PrometheusQuestion {
        source: Source { url: "http://prometheus:9090".to_owned(), credentials: None },
        query,
        canary: BTreeMap::new(),
        baseline: BTreeMap::new(),
        expect: "< 5%".parse().unwrap(),
        min_requests: 100,
        timeout_millis: 1_000,
    });
    let monitor = Monitor { probe, ..monitor("home") };
    Judge::new(conditions, &[monitor], baselines)
}

fn measured(seconds: i64, measured: Measured) -> Sample {
    Sample { measured: Some(measured), ..sample(seconds, Verdict::Pass) }
}

#[test]
fn an_error_rate_is_the_share_of_requests_where_they_are_counted() {
    let query = MetricQuery::ErrorRate {
        metric: "requests".to_owned(),
        labels: BTreeMap::new(),
        errors: BTreeMap::new(),
        window_seconds: 60,
    };
    let counted = |seconds, total, errors| {
        measured(seconds, Measured::Requests(Arms { canary: Requests { total, errors }, baseline: None }))
    };
    let mut judge = watching(query.clone(), only_error_rate());
    // 4 of 90 failed are too few to judge; 5 of 100 are not over 5 %; 6 of 101 are.
    assert_eq!(judge.observe(&counted(0, 90, 4)), None);
    assert!(matches!(judge.health(at(1)), Health::Unknown { why } if why.contains("90 requests in 5m")));
    assert_eq!(judge.observe(&counted(10, 10, 1)), None);
    let breach = judge.observe(&counted(20, 1, 1)).unwrap();
    assert_eq!(breach.explanation, "6 of 101 requests in 5m failed, that is 5.94%, the limit is 5%");
    // Out of the window it is over.
    assert_eq!(judge.observe(&counted(321, 200, 0)), None);
    // Answers of the source are not requests: none of them makes a rate.
    let mut judge = watching(query, only_error_rate());
    let failing = (0..20).map(|seconds| sample(seconds * 10, Verdict::Fail));
    assert_eq!(first_breach(&mut judge, failing), None);
}

#[test]
fn a_latency_is_compared_with_the_other_arm_where_there_is_one() {
    let query = MetricQuery::Latency {
        metric: "seconds".to_owned(),
        labels: BTreeMap::new(),
        per_mille: 500,
        unit_micros: 1_000_000,
        window_seconds: 60,
    };
    let took = |millis: u64, count| Histogram::new(vec![(millis * 1_000, count)]).unwrap();
    let latencies = |seconds, canary: Histogram, baseline: Option<Histogram>| {
        measured(seconds, Measured::Latencies(Arms { canary, baseline }))
    };
    let mut judge = watching(query.clone(), only_latency("2x_baseline"));
    assert_eq!(judge.observe(&latencies(0, took(500, 1_000), Some(took(400, 1_000)))), None);
    // Without another arm: with the time before the change.
    let mut judge = watching(query.clone(), only_latency("2x_baseline"));
    let breach = judge.observe(&latencies(10, took(4_000, 4_000), None)).unwrap();
    let expected = "p50 of 4000 requests in 10m took 2s, the limit is 2x_baseline of 100ms";
    assert_eq!(breach.explanation, expected);
    let mut judge = watching(query.clone(), only_latency("2x_baseline"));
    let breach = judge.observe(&latencies(0, took(900, 1_000), Some(took(400, 1_000)))).unwrap();
    assert_eq!(
        breach.explanation,
        "p50 of 1000 requests in 10m took 450ms, the limit is 2x_baseline of 200ms"
    );
    // Few requests of the baseline beside few of the canary: more are to come.
    let mut judge = watching(query.clone(), only_latency("2x_baseline"));
    assert_eq!(judge.observe(&latencies(0, took(700, 1_000), Some(took(400, 99)))), None);
    let why = "monitor `home`: 99 requests of the baseline in 10m, at least 100 are needed".to_owned();
    assert_eq!(judge.health(at(1)), Health::Unknown { why });
    // A sample without the arm takes nothing away from those that had it.
    assert_eq!(judge.observe(&latencies(2, took(700, 1), None)), None);
    assert_eq!(judge.observe(&latencies(4, took(700, 1), Some(took(500, 1)))), None);
    assert_eq!(judge.health(at(5)), Health::Healthy);
}

#[test]
fn a_canary_that_has_all_requests_is_compared_with_the_time_before_or_with_nothing() {
    let query = MetricQuery::Latency {
        metric: "seconds".to_owned(),
        labels: BTreeMap::new(),
        per_mille: 990,
        unit_micros: 1_000_000,
        window_seconds: 60,
    };
    let took = |millis: u64, count| Histogram::new(vec![(millis * 1_000, count)]).unwrap();
    let latencies = |canary: Histogram, baseline: Histogram| {
        measured(0, Measured::Latencies(Arms { canary, baseline: Some(baseline) }))
    };
    for left_over in [Histogram::default(), took(1, 49)] {
        // An absolute limit asks for no baseline.
        let mut judge = watching(query.clone(), only_latency("500ms"));
        let breach = judge.observe(&latencies(took(10_000, 1_000), left_over.clone())).unwrap();
        let expected = "p99 of 1000 requests in 10m took 9s900ms, the limit is 500ms";
        assert_eq!(breach.explanation, expected);
        let mut judge = watching(query.clone(), only_latency("500ms"));
        assert_eq!(judge.observe(&latencies(took(400, 1_000), left_over.clone())), None);
        assert_eq!(judge.health(at(1)), Health::Healthy);

        // A multiple is compared with the time before the change, 100 ms.
        let mut judge = watching(query.clone(), only_latency("2x_baseline"));
        let breach = judge.observe(&latencies(took(400, 1_000), left_over.clone())).unwrap();
        let expected = "p99 of 1000 requests in 10m took 396ms, the limit is 2x_baseline of 100ms";
        assert_eq!(breach.explanation, expected);

        // Where that was not measured either, there is nothing to compare with.
        let mut judge = watching_from(query.clone(), only_latency("2x_baseline"), &BTreeMap::new());
        assert_eq!(judge.observe(&latencies(took(400, 1_000), left_over.clone())), None);
        assert_eq!(judge.health(at(1)), Health::Healthy);
    }
}

#[test]
fn how_long_a_source_takes_to_answer_is_no_latency_of_the_change() {
    let source = Source { url: "http://alertmanager:9093".to_owned(), credentials: None };
    let (labels, about) = (BTreeMap::new(), BTreeSet::new());
    let question = AlertQuestion { source, labels, about, watchdog: None, timeout_millis: 1_000 };
    let alerts = Monitor { probe: Probe::Alertmanager(question), ..monitor("home") };
    let mut judge = Judge::new(only_latency("250ms"), std::slice::from_ref(&alerts), &BTreeMap::new());
    assert_eq!(judge.observe(&sample(0, Verdict::Pass)), None);
    assert_eq!(judge.health(at(1)), Health::Healthy);
    let saturation =
        MetricQuery::Saturation { used: "used".to_owned(), limit: None, labels: BTreeMap::new() };
    let expression = MetricQuery::Instant { expression: "queue_length".to_owned() };
    for query in [saturation, expression] {
        let mut judge = watching(query, only_latency("2x_baseline"));
        assert_eq!(judge.observe(&sample(0, Verdict::Pass)), None);
        assert_eq!(judge.health(at(1)), Health::Healthy);
    }
    // Their answers still make an error rate.
    let mut judge = Judge::new(only_error_rate(), &[alerts], &BTreeMap::new());
    let failing = (0..9).map(|seconds| sample(seconds, Verdict::Fail));
    assert!(first_breach(&mut judge, failing).is_some());
}

#[test]
fn findings_are_judged_by_security() {
    let question = FindingsQuestion {
        path: "scan.sarif".to_owned(),
        fail_on: FindingSeverity::High,
        age_seconds_max: 60,
    };
    let monitor = Monitor { probe: Probe::Findings(question), ..monitor("home") };
    let mut judge = Judge::new(of_the_specification(), std::slice::from_ref(&monitor), &BTreeMap::new());
    assert_eq!(judge.observe(&measured(0, Measured::Findings(0))), None);
    assert_eq!(judge.observe(&sample(10, Verdict::Inconclusive)), None);
    assert!(matches!(judge.health(at(11)), Health::Unknown { .. }));
    let found = Sample { verdict: Verdict::Fail, ..measured(20, Measured::Findings(2)) };
    let breach = judge.observe(&found).unwrap();
    assert_eq!((breach.condition, breach.reaction.quarantine), (ConditionName::Security, true));
    assert_eq!(breach.explanation, "the scan found 2 vulnerabilities");
}
