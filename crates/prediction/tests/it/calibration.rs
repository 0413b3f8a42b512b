use prediction::metrics::calibration_error;
use prediction::{Calibration, Moment, Scored};
use proptest::prelude::*;

use crate::world::Chance;

/// Rows whose true log-odds are a straight line of the stated ones, and move with time.
fn scored(rows: usize, seed: u64, slope: f64, intercept: f64, movement: f64) -> Scored {
    let mut chance = Chance(seed);
    let mut scored = Scored::default();
    for row in 0..rows {
        let stated = chance.next() * 6.0 - 3.0;
        let truth = slope * stated + intercept + movement * row as f64 / rows as f64;
        scored.log_odds.push(stated);
        scored.failed.push(chance.next() < 1.0 / (1.0 + (-truth).exp()));
        scored.moments.push(Moment { at: row as i64, group: 0 });
    }
    scored
}

fn part(all: &Scored, from: usize, until: usize) -> Scored {
    Scored {
        log_odds: all.log_odds[from..until].to_vec(),
        failed: all.failed[from..until].to_vec(),
        moments: all.moments[from..until].to_vec(),
    }
}

fn error(calibration: &Calibration, rows: &Scored) -> f64 {
    calibration_error(&calibration.probabilities(rows), &rows.failed)
}

#[test]
fn every_method_undoes_boldness() {
    let rows = scored(20_000, 1, 0.5, -1.0, 0.0);
    let (early, late) = (part(&rows, 0, 10_000), part(&rows, 10_000, 20_000));
    assert!(error(&Calibration::none(), &late) > 0.15);
    for calibration in
        [Calibration::platt(&early), Calibration::isotonic(&early), Calibration::moving(&early)]
    {
        assert!(error(&calibration, &late) < 0.025, "{}", calibration.method());
    }
    let now = Moment { at: 0, group: 0 };
    let platt = Calibration::platt(&early);
    assert!((platt.log_odds(1.0, now) - platt.log_odds(0.0, now) - 0.5).abs() < 0.05);
}

#[test]
fn where_the_share_of_failures_moves_the_map_moves_on_with_it() {
    let rows = scored(30_000, 2, 1.0, 0.0, -2.0);
    let (early, late, test) =
        (part(&rows, 0, 10_000), part(&rows, 10_000, 20_000), part(&rows, 20_000, 30_000));
    let chosen = Calibration::choose(&[early], &late);
    assert_eq!(chosen.method(), "Platt, moving with time");
    assert!(error(&chosen, &test) < 0.03);
    assert!(error(&Calibration::platt(&late), &test) > 0.06);
}

/// Rows of three groups in turn, each with its own share of failures.
fn of_three_groups(rows: usize, seed: u64) -> Scored {
    let mut scored = Scored::default();
    let mut chance = Chance(seed);
    for row in 0..rows {
        let (group, stated) = (row % 3, chance.next() * 6.0 - 3.0);
        let truth = stated + [-1.0, 0.0, 1.0][group];
        scored.log_odds.push(stated);
        scored.failed.push(chance.next() < 1.0 / (1.0 + (-truth).exp()));
        scored.moments.push(Moment { at: row as i64, group });
    }
    scored
}

#[test]
fn where_groups_differ_each_has_an_intercept_of_its_own() {
    let rows = of_three_groups(30_000, 4);
    let (early, late, test) =
        (part(&rows, 0, 10_000), part(&rows, 10_000, 20_000), part(&rows, 20_000, 30_000));
    let chosen = Calibration::choose(&[early], &late);
    assert_eq!(chosen.method(), "Platt, by group");
    let of_one = |calibration: &Calibration, group: usize| {
        let (probabilities, rows) = (calibration.probabilities(&test), test.moments.iter().zip(&test.failed));
        let picked = probabilities.into_iter().zip(rows).filter(|(_, (moment, _))| moment.group == group);
        let (probabilities, failed): (Vec<f64>, Vec<bool>) =
            picked.map(|(probability, (_, failed))| (probability, *failed)).unzip();
        calibration_error(&probabilities, &failed)
    };
    for group in [0, 2] {
        assert!(of_one(&chosen, group) < 0.05, "group {group}: {}", of_one(&chosen, group));
        assert!(of_one(&Calibration::platt(&late), group) > 0.10);
    }
    // A group that nobody has met lies between those that were.
    let at = |group| chosen.log_odds(0.0, Moment { at: 0, group });
    assert!(at(0) < -0.7 && at(9).abs() < 0.2 && at(2) > 0.7, "{} {} {}", at(0), at(9), at(2));
    // What is kept reads as it was written, and what was written without groups still reads.
    let kept = serde_json::to_string(&chosen).unwrap();
    assert_eq!(serde_json::from_str::<Calibration>(&kept).unwrap(), chosen);
    let older = r#"{"shape":{"platt":{"slope":1.0,"intercept":0.5}},"movement":null}"#;
    let read: Calibration = serde_json::from_str(older).unwrap();
    assert_eq!(read.method(), "Platt");
    assert_eq!(serde_json::to_string(&read).unwrap(), older);
}

#[test]
fn a_group_with_few_rows_keeps_close_to_all() {
    let mut rows = of_three_groups(9_000, 5);
    // Four rows of a fourth group, all failed.
    for at in 9_000..9_004 {
        rows.log_odds.push(0.0);
        rows.failed.push(true);
        rows.moments.push(Moment { at, group: 3 });
    }
    let calibration = Calibration::grouped(&rows);
    let at = |group| calibration.log_odds(0.0, Moment { at: 0, group });
    assert!(at(3) > at(9) && at(3) < at(9) + 0.05, "{} {}", at(3), at(9));
}

#[test]
fn more_groups_than_can_be_told_apart_have_one_intercept() {
    let mut rows = scored(2_000, 6, 1.0, 0.0, 0.0);
    for (row, moment) in rows.moments.iter_mut().enumerate() {
        moment.group = row % 100;
    }
    assert_eq!(Calibration::grouped(&rows), Calibration::platt(&rows));
}

#[test]
fn where_nothing_moves_the_simplest_map_is_chosen() {
    let rows = scored(20_000, 3, 0.8, -1.0, 0.0);
    let chosen = Calibration::choose(&[part(&rows, 0, 10_000)], &part(&rows, 10_000, 20_000));
    assert_eq!(chosen.method(), "Platt");
}

#[test]
fn rows_that_can_be_told_apart_perfectly_do_not_lead_to_certainty() {
    let failed: Vec<bool> = (0..100).map(|row| row >= 50).collect();
    let rows = Scored {
        log_odds: failed.iter().map(|failed| if *failed { 5.0 } else { -5.0 }).collect(),
        moments: vec![Moment { at: 0, group: 0 }; 100],
        failed,
    };
    for calibration in [Calibration::platt(&rows), Calibration::isotonic(&rows)] {
        let sure = calibration.probability(5.0, Moment { at: 0, group: 0 });
        assert!(sure > 0.9 && sure < 1.0, "{}: {sure}", calibration.method());
    }
}

proptest! {
    #[test]
    fn a_higher_score_is_never_calibrated_lower(
        rows in prop::collection::vec((-4.0..4.0_f64, any::<bool>()), 2..80),
        one in -6.0..6.0_f64,
        other in -6.0..6.0_f64,
    ) {
        let rows = Scored {
            log_odds: rows.iter().map(|(log_odds, _)| *log_odds).collect(),
            failed: rows.iter().map(|(_, failed)| *failed).collect(),
            moments: vec![Moment { at: 0, group: 0 }; rows.len()],
        };
        let now = Moment { at: 1, group: 0 };
        let calibrations = [
            Calibration::platt(&rows),
            Calibration::isotonic(&rows),
            Calibration::moving(&rows),
            Calibration::grouped_and_moving(&rows),
        ];
        for calibration in calibrations {
            let (low, high) = (one.min(other), one.max(other));
            let (low, high) = (calibration.probability(low, now), calibration.probability(high, now));
            prop_assert!(low <= high + 1e-12, "{}: {low} > {high}", calibration.method());
            prop_assert!(low >= 0.0 && high <= 1.0);
        }
    }
}
