//! The canary judge: what it finds, what it lets be, and that it is the same judge however it is fed.

use domain::canary::streams::{Family, Latencies, LatencySource, Wander};
use domain::canary::{
    Arm, Arming, Calibration, Histogram, Judge, Metric, Sample, SampleRefused, Settings, Verdict, Watch,
};
use proptest::prelude::*;

/// Hours of equal arms that are judged in a test. The rate is measured by `canary evaluate`; this many show a judge that
/// is wrong by a factor.
const HOURS: u64 = 40;

fn judge() -> Judge {
    Judge::new(Settings::default()).unwrap()
}

fn samples(family: &Family, seed: u64) -> Vec<Sample> {
    let rows = (1_u64..).zip(family.rows(seed));
    rows.map(|(second, row)| Sample::counts(second * 1_000, row.baseline, row.canary)).collect()
}

/// The second at which the canary fails.
fn fails_at(samples: &[Sample]) -> Option<u64> {
    let mut judge = judge();
    samples.iter().find_map(|sample| {
        judge.observe(sample).unwrap();
        judge.has_failed().then_some(sample.at_millis / 1_000)
    })
}

fn median_detection(family: &Family, runs: u64) -> u64 {
    let mut seconds: Vec<u64> = (0..runs)
        .map(|seed| fails_at(&samples(family, seed)).map_or(u64::MAX, |at| at - u64::from(family.onset)))
        .collect();
    seconds.sort_unstable();
    seconds[seconds.len() / 2]
}

#[test]
fn regressions_are_found_as_soon_as_they_are_promised() {
    let family = |added| Family { added, seconds: 600, ..Family::equal("worse") };
    assert!(median_detection(&family(0.05), 41) <= 8);
    assert!(median_detection(&family(0.02), 41) <= 32);
    let late = Family { onset: 1_800, seconds: 2_400, ..family(0.02) };
    assert!(median_detection(&late, 15) <= 75);
}

#[test]
fn equal_arms_are_let_be_also_where_each_wanders_by_itself() {
    let own = Family::equal("own").own(0.35);
    let shared = Family { wander: Wander::Shared { variance: 1.0 }, ..Family::equal("shared") };
    let incident = Family { shared_incident: 0.05, ..Family::equal("incident") };
    let uneven = Family { baseline_rate: 450.0, ..Family::equal("uneven") };
    for (family, allowed) in [(own, 2), (shared, 1), (incident, 1), (uneven, 1)] {
        let hours = HOURS / 4;
        let failed = (0..hours).filter(|seed| fails_at(&samples(&family, 9_000 + seed)).is_some()).count();
        assert!(failed <= allowed, "{}: {failed} of {hours}", family.name);
    }
}

#[test]
fn a_failure_explains_itself_and_is_final() {
    let family = Family { added: 0.05, seconds: 120, ..Family::equal("worse") };
    let mut judge = judge();
    for sample in samples(&family, 3) {
        judge.observe(&sample).unwrap();
    }
    let opinion = judge.opinion();
    assert_eq!((opinion.verdict, judge.verdict()), (Verdict::Fail, Verdict::Fail));
    assert!(opinion.at_millis < 60_000, "{opinion:?}");
    let finding = &opinion.findings[0];
    let (ratio, low, high) = finding.odds_ratio.unwrap();
    assert!(low < ratio && ratio < high && low > 1.2, "{finding:?}");
    assert!(finding.ln_evidence_beyond_wander >= finding.ln_evidence_needed, "{finding:?}");
    assert!(finding.wander_chance.is_some_and(|chance| chance < 0.02), "{finding:?}");
    for told in ["the canary is worse", "failed requests", "95 % interval", "evidence", "wander"] {
        assert!(opinion.reason.contains(told), "{told}: {}", opinion.reason);
    }
    let after = Sample::counts(10_000_000, (1_000_000, 500_000), (1_000_000, 0));
    judge.observe(&after).unwrap();
    assert_eq!(judge.opinion(), opinion);
}

#[test]
fn a_good_canary_passes_once_a_regression_that_matters_is_ruled_out() {
    let mut judge = judge();
    let samples = samples(&Family::equal("good"), 5);
    assert_eq!(judge.verdict(), Verdict::NoData);
    judge.observe(&samples[0]).unwrap();
    assert_eq!(judge.verdict(), Verdict::Inconclusive);
    let passes = samples[1..].iter().find(|sample| {
        judge.observe(sample).unwrap();
        judge.verdict() == Verdict::Pass
    });
    let at = passes.map(|sample| sample.at_millis / 1_000).unwrap();
    assert!((60..=900).contains(&at), "{at}");
    assert!(judge.opinion().reason.contains("ruled out"), "{}", judge.opinion().reason);
    // The sample that does not come takes the pass back, and silence is no data.
    judge.observe(&Sample { at_millis: at * 1_000 + 500, baseline: None, canary: None }).unwrap();
    assert_eq!(judge.verdict(), Verdict::Inconclusive);
    judge.observe(&Sample { at_millis: at * 1_000 + 40_000, baseline: None, canary: None }).unwrap();
    assert_eq!(judge.verdict(), Verdict::NoData);
}

#[test]
fn a_sample_that_cannot_be_is_refused_and_counts_for_nothing() {
    let mut judge = judge();
    judge.observe(&Sample::counts(1_000, (50, 0), (50, 0))).unwrap();
    let before = judge.opinion();
    let refused = |judge: &mut Judge, sample| judge.observe(&sample).unwrap_err();
    let backwards = refused(&mut judge, Sample::counts(1_000, (50, 0), (50, 50)));
    assert_eq!(backwards, SampleRefused::NotAfter { at_millis: 1_000, last_millis: 1_000 });
    let too_many_errors = refused(&mut judge, Sample::counts(2_000, (50, 0), (50, 51)));
    assert_eq!(too_many_errors, SampleRefused::MoreErrorsThanRequests { errors: 51, requests: 50 });
    assert!(matches!(
        refused(&mut judge, Sample::counts(2_000, (u64::MAX, 0), (50, 0))),
        SampleRefused::TooMany { .. }
    ));
    // Counts that do not fit add up to too many, never to few.
    let mut latencies = Histogram::of_millis([8.0]).unwrap();
    assert!(latencies.add(8.0, u64::MAX) && latencies.add(9.0, u64::MAX));
    let huge =
        Sample { at_millis: 2_000, baseline: None, canary: Some(Arm { latencies, ..Arm::counts(1, 0) }) };
    assert_eq!(refused(&mut judge, huge), SampleRefused::TooMany { requests: u64::MAX });
    assert_eq!(judge.opinion(), before);
    assert!(Judge::new(Settings { budget: f64::NAN, ..Settings::default() }).is_err());
    assert!(Judge::new(Settings { odds_tolerance: 0.5, ..Settings::default() }).is_err());
}

/// Seconds until a difference of latencies ends the rollout, and the metrics that say so.
fn slow(canary: Latencies, seconds: u64, seed: u64) -> Option<(u64, Vec<Metric>)> {
    let equal = Latencies { shift: 0.0, tail: 0.0, ..canary };
    let settings = Settings { watch: Watch::ErrorsAndLatencies, ..Settings::default() };
    let mut judge = Judge::new(settings).unwrap();
    let mut sources = (LatencySource::new(seed), LatencySource::new(seed + 1_000_000));
    for second in 1..=seconds {
        let arm = |source: &mut LatencySource, latencies| Arm {
            latencies: Histogram::of_millis(source.second(latencies, 50)).unwrap(),
            ..Arm::counts(50, 0)
        };
        let baseline = Some(arm(&mut sources.0, equal));
        let canary = Some(arm(&mut sources.1, canary));
        judge.observe(&Sample { at_millis: second * 1_000, baseline, canary }).unwrap();
        if judge.has_failed() {
            let failed = judge.opinion().findings.into_iter().filter(|it| it.verdict == Verdict::Fail);
            return Some((second, failed.map(|it| it.metric).collect()));
        }
    }
    None
}

#[test]
fn a_shift_of_all_latencies_and_one_of_the_tail_alone_are_both_found() {
    let latencies = |shift, tail| Latencies { shift, tail, wander: 0.0, correlation: 0.0 };
    assert_eq!(slow(latencies(0.0, 0.0), 300, 1), None);
    let (at, _) = slow(latencies(1.0, 0.0), 120, 2).unwrap();
    assert!(at <= 60, "{at}");
    let (at, metrics) = slow(latencies(0.0, 0.08), 240, 3).unwrap();
    assert!(at <= 120, "{at}");
    assert!(!metrics.contains(&Metric::LatencyShift) && !metrics.contains(&Metric::Errors), "{metrics:?}");
}

/// All latencies have shifted with more evidence than the tail has, but not further than equal arms wander: that decides
/// nothing, and is not told as the reason.
#[test]
fn a_failure_is_told_by_the_metric_that_decided() {
    let wandering = Latencies { shift: 0.0, tail: 0.0, wander: 0.4, correlation: 0.95 };
    let settings = Settings { watch: Watch::ErrorsAndLatencies, ..Settings::default() };
    let mut judge = Judge::new(settings).unwrap();
    let mut sources = (LatencySource::new(5), LatencySource::new(6));
    for second in 1..=120 {
        let arm = |source: &mut LatencySource| Arm {
            latencies: Histogram::of_millis(source.second(wandering, 50)).unwrap(),
            ..Arm::counts(50, 0)
        };
        let (baseline, canary) = (Some(arm(&mut sources.0)), Some(arm(&mut sources.1)));
        judge.observe(&Sample { at_millis: second * 1_000, baseline, canary }).unwrap();
    }
    let opinion = judge.opinion();
    let of = |metric| opinion.findings.iter().find(|finding| finding.metric == metric).unwrap();
    let (shift, tail) = (of(Metric::LatencyShift), of(Metric::LatencyP95));
    assert!(shift.ln_evidence > tail.ln_evidence, "{opinion:?}");
    assert!(shift.ln_evidence_beyond_wander < tail.ln_evidence_beyond_wander, "{opinion:?}");
    assert_eq!((opinion.verdict, tail.verdict), (Verdict::Fail, Verdict::Fail), "{opinion:?}");
    assert!(opinion.reason.contains("beyond the baseline's 95th percentile: "), "{}", opinion.reason);
}

#[test]
fn a_record_of_equal_arms_says_how_far_they_wander_and_arms_or_does_not() {
    let settings = Settings::default();
    let calm = Family { error_share: 0.02, ..Family::equal("calm") };
    let calibration = Calibration::of(settings, &[samples(&calm, 1)]).unwrap();
    let estimate = calibration.estimates()[0];
    assert!(estimate.wander < 0.15 && estimate.blocks >= 58, "{estimate:?}");
    assert_eq!((calibration.trials().rollouts, calibration.trials().false_alarms), (1, 0));
    let Arming::NotArmed { reason } = calibration.arming() else { panic!("one hour shows little") };
    assert!(reason.contains("0 of 1 rollouts") && reason.contains("at most 95.00 %"), "{reason}");
    let short = Settings { horizon_seconds: 60, restart_seconds: 10, budget: 0.05, ..settings };
    let short = Calibration::of(short, &[samples(&calm, 1)]).unwrap();
    assert!(matches!(short.arming(), Arming::Armed { .. }), "{:?}", short.arming());

    let wild = Calibration::of(settings, &[samples(&calm.clone().own(0.6), 1)]).unwrap();
    assert!(wild.estimates()[0].wander > 0.5, "{:?}", wild.estimates());
    assert!(matches!(wild.arming(), Arming::NotArmed { .. }), "{:?}", wild.arming());

    let short = Calibration::of(settings, &[&samples(&calm, 1)[..600]]).unwrap();
    let Arming::NotArmed { reason } = short.arming() else { panic!("{short:?}") };
    assert!(reason.contains("at least 1800 s"), "{reason}");

    // Knowing a calm service, the judge need not fear the first minutes.
    let worse = samples(&Family { added: 0.04, error_share: 0.02, ..Family::equal("worse") }, 4);
    let until = |mut judge: Judge| {
        worse.iter().position(|sample| {
            judge.observe(sample).unwrap();
            judge.has_failed()
        })
    };
    let (known, unknown) =
        (until(Judge::with_history(settings, calibration.history()).unwrap()), until(judge()));
    assert!(known.unwrap() <= unknown.unwrap(), "{known:?} {unknown:?}");
}

prop_compose! {
    fn any_sample()(gap in 1_u64..40_000, n in 0_u64..200, b in 0_u64..30, m in 0_u64..200, c in 0_u64..60, seen in 0_u8..10)
        -> (u64, Option<(u64, u64)>, Option<(u64, u64)>) {
        (gap, (seen != 0).then_some((n, b.min(n))), (seen != 1).then_some((m, c.min(m))))
    }
}

fn stream() -> impl Strategy<Value = Vec<Sample>> {
    proptest::collection::vec(any_sample(), 1..80).prop_map(|rows| {
        let mut at_millis = 0;
        let arm = |counts: Option<(u64, u64)>| counts.map(|(requests, errors)| Arm::counts(requests, errors));
        rows.into_iter()
            .map(|(gap, baseline, canary)| {
                at_millis += gap;
                Sample { at_millis, baseline: arm(baseline), canary: arm(canary) }
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_same_samples_give_the_same_opinion_whenever_it_is_asked_for(stream in stream(), asked in 0_usize..80) {
        let (mut one, mut other) = (judge(), judge());
        for (place, sample) in stream.iter().enumerate() {
            one.observe(sample).unwrap();
            other.observe(sample).unwrap();
            if place == asked {
                prop_assert_eq!(one.opinion(), other.opinion());
                let mut copied = one.clone();
                for sample in &stream[place + 1..] {
                    copied.observe(sample).unwrap();
                    one.observe(sample).unwrap();
                }
                prop_assert_eq!(copied.opinion(), one.opinion());
                return Ok(());
            }
        }
        prop_assert_eq!(one.opinion(), other.opinion());
    }

    #[test]
    fn without_traffic_in_both_arms_nothing_passes_and_nothing_fails(stream in stream(), which in any::<bool>()) {
        let mut judge = judge();
        for mut sample in stream {
            if which { sample.canary = Some(Arm::counts(0, 0)) } else { sample.baseline = None }
            judge.observe(&sample).unwrap();
            prop_assert_eq!(judge.verdict(), Verdict::NoData);
        }
    }

    #[test]
    fn a_failure_stays_whatever_comes_and_a_smaller_budget_never_fails_earlier(stream in stream()) {
        let mut strict = Judge::new(Settings { budget: 0.001, ..Settings::default() }).unwrap();
        let mut loose = Judge::new(Settings { budget: 0.05, ..Settings::default() }).unwrap();
        let mut failed = false;
        for sample in &stream {
            strict.observe(sample).unwrap();
            loose.observe(sample).unwrap();
            prop_assert!(loose.has_failed() || !strict.has_failed());
            prop_assert!(loose.has_failed() || !failed);
            failed = loose.has_failed();
        }
    }
}
