//! Calibrations: what is saved of them is the judge that was tried, and a plan is armed only where it keeps its budget.

use domain::Timestamp;
use domain::canary::arming::standing;
use domain::canary::calibrations::KEPT_MAX;
use domain::canary::saved::Terms;
use domain::canary::streams::Family;
use domain::canary::{Arming, Calibrated, Calibration, Calibrations, Judge, Sample, Settings};
use domain::canonical::Digest;
use domain::id::ActorId;
use domain::number::{Share, in_percent};
use domain::plan::source::{Bound, Labels, Source};
use domain::plan::strategy::{Canary, CanaryStage, Filling};
use domain::plan::{
    Analysis, Bake, MetricQuery, Monitor, Plan, Probe, PrometheusQuestion, Step, StepKind, Strategy,
    Undecided,
};

/// Bakes of a minute, judged in blocks of ten seconds: an hour holds sixty of them.
fn settings() -> Settings {
    let settings = Settings { horizon_seconds: 60, restart_seconds: 10, budget: 0.05, ..Settings::default() };
    Terms::of(&settings).settings()
}

fn record(family: &Family, seed: u64) -> Vec<Sample> {
    let rows = (1_u64..).zip(family.rows(seed));
    rows.map(|(second, row)| Sample::counts(second * 1_000, row.baseline, row.canary)).collect()
}

fn calibrated(family: &Family, hours: u64) -> Calibrated {
    let records: Vec<Vec<Sample>> = (0..hours).map(|hour| record(family, 70 + hour)).collect();
    let calibration = Calibration::of(settings(), &records).unwrap();
    let digests = (0..hours).map(|hour| Digest::of_bytes(&hour.to_be_bytes())).collect();
    let calibrated = Calibrated::of("shop".parse().unwrap(), digests, &calibration);
    assert_eq!(calibrated.history(), *calibration.history(), "what is saved is what was tried");
    assert_eq!(calibrated.terms.settings(), settings());
    calibrated
}

fn calm() -> Family {
    Family { error_share: 0.02, ..Family::equal("calm") }
}

fn reason(arming: &Arming) -> (bool, &str) {
    match arming {
        Arming::Armed { reason } => (true, reason),
        Arming::NotArmed { reason } => (false, reason),
    }
}

#[test]
fn what_is_saved_reads_back_and_makes_the_same_judge() {
    let saved = calibrated(&calm(), 1);
    saved.check().unwrap();
    let written = serde_json::to_string(&saved).unwrap();
    assert!(!written.contains('.'), "whole numbers only: {written}");
    let again: Calibrated = serde_json::from_str(&written).unwrap();
    assert_eq!((&again, again.id().unwrap()), (&saved, saved.id().unwrap()));
    let worse = record(&Family { added: 0.05, seconds: 60, ..calm() }, 5);
    let judged = |history| {
        let mut judge = Judge::with_history(settings(), history).unwrap();
        worse.iter().for_each(|sample| judge.observe(sample).unwrap());
        judge.opinion()
    };
    assert_eq!(judged(&saved.history()), judged(&again.history()));
}

#[test]
fn figures_that_no_record_can_have_led_to_are_refused() {
    let good = calibrated(&calm(), 1);
    let refused = |edit: fn(&mut Calibrated)| {
        let mut bad = good.clone();
        edit(&mut bad);
        assert_ne!(bad.id().unwrap(), good.id().unwrap());
        bad.check().unwrap_err().to_string()
    };
    assert!(refused(|it| it.rate_millionths_max = 10).contains("`rate_millionths_max` is 10"));
    assert!(refused(|it| it.rollouts = 100_000).contains("`rate_millionths_max`"));
    assert!(refused(|it| it.false_alarms = it.rollouts + 1).contains("`false_alarms`"));
    assert!(refused(|it| it.records.clear()).contains("`records` is 0"));
    assert!(refused(|it| it.learned.clear()).contains("`learned` is 0"));
    assert!(refused(|it| it.terms.latencies = true).contains("latency_p99"));
    assert!(refused(|it| it.terms.budget_millionths = 900_000).contains("`budget` is 0.9"));
    assert!(refused(|it| it.learned[0].beliefs[0].correlation_thousandths = 1_000).contains("below 1"));
}

#[test]
fn only_whole_pieces_with_traffic_count_and_each_counts_once() {
    let of = |samples: &[Sample]| Calibration::of(settings(), &[samples]).unwrap().trials().rollouts;
    let hour = record(&calm(), 3);
    assert_eq!(of(&hour), 60);
    assert_eq!(of(&hour[..119]), 2, "a second may be missing");
    assert_eq!(of(&hour[..100]), 1, "the second piece is a stump");
    let mut silent = hour.clone();
    for sample in &mut silent[1_800..] {
        sample.canary = None;
    }
    assert_eq!(of(&silent), 30, "silence cannot raise a false alarm");
    // Arms that are not equal raise alarms whichever of them is taken for the canary, and still one for each piece.
    let unequal = record(&Family { added: 0.2, ..calm() }, 3);
    let trials = Calibration::of(settings(), &[unequal]).unwrap().trials();
    assert_eq!((trials.rollouts, trials.false_alarms), (60, 60));
}

#[test]
fn the_rate_is_bounded_from_above_as_the_number_of_rollouts_allows() {
    let bound = |rollouts| {
        let (_, high) = domain::canary::calibration::Trials { rollouts, false_alarms: 0 }.rate();
        high
    };
    assert!((bound(299) - 0.01).abs() < 1e-4, "the rule of three: {}", bound(299));
    assert!((bound(59) - 0.05).abs() < 1e-3);
    assert_eq!(bound(0).to_string(), "1");
    assert_eq!(in_percent(9_950), "0.995%");
    assert_eq!((in_percent(1_000_000), in_percent(50_001)), ("100%".to_owned(), "5.0001%".to_owned()));
}

fn two_armed(name: &str, query: MetricQuery) -> Monitor {
    let labels = |version: &str| Labels::from([("version".to_owned(), version.to_owned())]);
    let question = PrometheusQuestion {
        source: Source { url: "http://prometheus:9090".to_owned(), credentials: None },
        query,
        canary: labels("new"),
        baseline: labels("old"),
        expect: "< 5%".parse::<Bound>().unwrap(),
        min_requests: 10,
        timeout_millis: 1_000,
    };
    Monitor { name: name.parse().unwrap(), probe: Probe::Prometheus(question), interval_millis: 1_000 }
}

fn errors(name: &str) -> Monitor {
    let (metric, labels, errors) = ("requests".to_owned(), Labels::new(), Labels::new());
    two_armed(name, MetricQuery::ErrorRate { metric, labels, errors, window_seconds: 60 })
}

fn latencies(name: &str) -> Monitor {
    let (metric, labels) = ("seconds".to_owned(), Labels::new());
    let query =
        MetricQuery::Latency { metric, labels, per_mille: 990, unit_micros: 1_000_000, window_seconds: 60 };
    two_armed(name, query)
}

/// A canary whose compared stages bake for a while.
fn plan(stages: &[i64], seconds: u64, budget: i64, calibration: Option<Digest>) -> Plan {
    let analysis = Analysis {
        budget: Share::new(budget).unwrap(),
        matters_hundredths: 200,
        action: "immediate_rollback".parse().unwrap(),
        service: Some("shop".parse().unwrap()),
        calibration,
    };
    let bake = Bake {
        duration_millis: seconds * 1_000,
        extension_millis: 0,
        undecided: Undecided::RollBack,
        analysis: None,
    };
    let stage = |percent: &i64| CanaryStage {
        weight: Share::new(percent * 100).unwrap(),
        bake: Some(bake.clone()),
        hold: false,
    };
    let canary = Canary {
        prepare: vec![],
        stages: stages.iter().map(stage).collect(),
        analysis: Some(analysis),
        promote: vec![],
    };
    let shift = |_: &Filling<'_>| {
        Ok(Step {
            name: "shift".parse().unwrap(),
            kind: StepKind::Wait { duration_millis: 1 },
            undo: None,
            check: None,
            timeout_seconds: 10,
            retries: 0,
            retry_delay_millis: 0,
            idempotent: true,
            captures: vec![],
            reversibility: None,
        })
    };
    let spread = canary.spread::<domain::plan::strategy::Unspreadable>(shift).unwrap();
    let plan = Plan {
        strategy: Strategy::Canary,
        steps: spread.steps,
        estimated_duration_seconds: None,
        maintenance_window: false,
        soak_seconds: 0,
        stages: spread.stages,
        tolerance: None,
        runs_on: std::collections::BTreeSet::new(),
        user_acceptance: None,
    };
    plan.validate().unwrap();
    plan
}

#[test]
fn a_plan_is_armed_only_where_the_bound_keeps_its_budget_over_all_bakes_and_monitors() {
    let calm = calibrated(&calm(), 1);
    let id = calm.id().ok();
    let check = |plan: &Plan, monitors: &[Monitor], expected: (bool, &str)| {
        let arming = standing(plan, monitors, Some(&calm)).unwrap();
        let (is_armed, reason) = reason(&arming);
        assert!(is_armed == expected.0 && reason.contains(expected.1), "{expected:?}: {is_armed} {reason}");
    };
    let one = [errors("errors")];
    // 0 of 60 bounds the rate by 4.87 %.
    check(&plan(&[10, 100], 60, 500, id), &one, (true, "0 of 60 recorded bakes"));
    check(&plan(&[10, 100], 20, 500, id), &one, (true, "the budget is 5%"));
    check(&plan(&[10, 100], 60, 400, id), &one, (false, "the budget is 4%: record more, or state a larger"));
    check(&plan(&[10, 50, 100], 60, 500, id), &one, (false, "at most 9.7"));
    check(&plan(&[10, 50, 100], 60, 1_000, id), &one, (true, "at most 9.7"));
    let two = [errors("front"), errors("back")];
    check(&plan(&[10, 100], 60, 500, id), &two, (false, "at most 9.7"));
    check(&plan(&[10, 100], 61, 500, id), &one, (false, "calibrate with `--horizon 61s`"));
    check(&plan(&[10, 100], 60, 1_000, id), &one, (false, "calibrate with `--budget 10%`"));
    check(&plan(&[10, 100], 60, 500, id), &[errors("errors"), latencies("slow")], (false, "have none"));
    check(&plan(&[10, 100], 60, 500, None), &one, (false, "no calibration of `shop`"));
    let other = Digest::of_bytes(b"another");
    check(&plan(&[10, 100], 60, 500, Some(other)), &one, (false, "no calibration of `shop`"));
    let mut unnamed = plan(&[10, 100], 60, 500, id);
    unnamed.analyses_mut().for_each(|analysis| analysis.service = None);
    check(&unnamed, &one, (false, "names no service"));
    let mut mixed = plan(&[10, 50, 100], 60, 1_000, id);
    mixed.analyses_mut().last().unwrap().calibration = Some(other);
    check(&mixed, &one, (false, "name different"));
    assert_eq!(standing(&plan(&[100], 60, 500, id), &one, Some(&calm)), None, "nothing is compared");
}

#[test]
fn a_service_whose_arms_the_judge_cannot_bear_is_not_armed() {
    // Each arm wanders by far more than the judge can allow for, for longer than it can learn.
    let wild = Family { error_share: 0.1, ..Family::equal("wild") }.own(1.2);
    let wild = calibrated(&wild, 1);
    assert!(wild.false_alarms > 5, "{}", wild.false_alarms);
    let arming =
        standing(&plan(&[10, 100], 60, 500, wild.id().ok()), &[errors("errors")], Some(&wild)).unwrap();
    let (is_armed, reason) = reason(&arming);
    assert!(!is_armed && reason.contains("of 60 recorded bakes"), "{reason}");
}

#[test]
fn the_newest_counts_and_older_ones_stay_known_for_a_while() {
    let (mut calibrations, by) = (Calibrations::default(), ActorId::new("act_lead").unwrap());
    let one = calibrated(&calm(), 1);
    let mut ids = Vec::new();
    for round in 1..=KEPT_MAX + 1 {
        let round = u32::try_from(round).unwrap();
        let mut next = one.clone();
        next.learned[0].blocks = round;
        ids.push(next.id().unwrap());
        let event = calibrations.save(next).unwrap();
        let written = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<domain::canary::CalibrationEvent>(&written).unwrap(), event);
        calibrations.evolve(u64::from(round), Timestamp::UNIX_EPOCH, &by, &event);
    }
    let shop = "shop".parse().unwrap();
    assert_eq!(calibrations.newest(&shop).map(|saved| saved.id), ids.last().copied());
    assert_eq!(calibrations.find(&shop, ids[0]), None, "too old");
    assert!(calibrations.find(&shop, ids[1]).is_some());
    assert_eq!(calibrations.all().count(), 1);
    assert_eq!(calibrations.version(), KEPT_MAX as u64 + 1);
    let mut forged = one;
    forged.rate_millionths_max = 0;
    assert!(calibrations.save(forged).is_err());
}
