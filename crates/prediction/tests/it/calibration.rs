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
        for calibration in [Calibration::platt(&rows), Calibration::isotonic(&rows), Calibration::moving(&rows)] {
            let (low, high) = (one.min(other), one.max(other));
            let (low, high) = (calibration.probability(low, now), calibration.probability(high, now));
            prop_assert!(low <= high + 1e-12, "{}: {low} > {high}", calibration.method());
            prop_assert!(low >= 0.0 && high <= 1.0);
        }
    }
}
