use prediction::metrics::{
    Measure, Ranking, at_threshold, brier, calibration_error, calibration_error_by_chance, calibration_table,
    drift, interval, log_loss, most_accurate, riskiest,
};
use proptest::prelude::*;

use crate::world::history;

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
}

/// Ten rows with two ties. Expected by scikit-learn 1.9.1: `roc_auc_score`, `average_precision_score`,
/// `brier_score_loss`, `log_loss`.
const PREDICTED: [f64; 10] = [0.1, 0.4, 0.35, 0.8, 0.4, 0.2, 0.9, 0.05, 0.4, 0.6];
const FAILED: [bool; 10] = [false, false, true, true, true, false, true, false, false, false];

#[test]
fn figures_are_those_of_scikit_learn() {
    let ranking = Ranking::new(&PREDICTED, &FAILED);
    close(ranking.auc(), 0.7916666666666667);
    close(ranking.average_precision(), 0.7678571428571428);
    close(brier(&PREDICTED, &FAILED), 0.1565);
    close(log_loss(&PREDICTED, &FAILED), 0.4612356264110592);
}

#[test]
fn a_gate_in_the_middle_of_equal_predictions_catches_its_share_of_them() {
    let ranking = Ranking::new(&PREDICTED, &FAILED);
    // The riskiest two are both failures, of four.
    close(ranking.caught(0.2), 0.5);
    // The fourth row is one of three equal ones, of which one failed: a third of a failure more.
    close(ranking.caught(0.4), (2.0 + 1.0 / 3.0) / 4.0);
    close(ranking.caught(1.0), 1.0);
}

#[test]
fn a_constant_says_nothing() {
    let ranking = Ranking::new(&[0.3; 10], &FAILED);
    close(ranking.auc(), 0.5);
    close(ranking.average_precision(), 0.4);
    close(ranking.caught(0.1), 0.1);
}

#[test]
fn the_calibration_error_is_the_mean_gap_of_equal_parts() {
    // Two bins by hand: (0.1, 0.2) none failed, gap 0.15; (0.6, 0.8) both failed, gap 0.3.
    let bins = calibration_table(&[0.6, 0.1, 0.8, 0.2], &[true, false, true, false], 2);
    close(bins[0].predicted, 0.15);
    close(bins[1].failed - bins[1].predicted, 0.3);
    // With fewer rows than bins each row is a bin.
    close(
        calibration_error(&[0.6, 0.1, 0.8, 0.2], &[true, false, true, false]),
        (0.4 + 0.1 + 0.2 + 0.2) / 4.0,
    );
}

#[test]
fn probabilities_that_are_exactly_right_have_the_calibration_error_of_chance() {
    // Of 15 parts of 1 000 rows each with probability one half, the share that failed is normal with a standard deviation
    // of 0.0158; the mean distance of 15 such shares is 0.0126 on average, with a standard deviation of 0.0025.
    let found = calibration_error_by_chance(&[0.5; 15_000], 1);
    assert!((found.value - 0.0126).abs() < 0.0005, "{found:?}");
    assert!((found.low - 0.0080).abs() < 0.0010 && (found.high - 0.0177).abs() < 0.0012, "{found:?}");
    assert_eq!(found, calibration_error_by_chance(&[0.5; 15_000], 1));
    // Rows that are certain leave nothing to chance.
    close(calibration_error_by_chance(&[0.0, 1.0, 1.0], 1).high, 0.0);
}

#[test]
fn a_gate_is_counted_by_hand() {
    let at = at_threshold(&PREDICTED, &FAILED, 0.5);
    close(at.accuracy, 0.7);
    close(at.false_positive_rate, 1.0 / 6.0);
    close(at.caught, 0.5);
    close(at.stopped, 0.3);
}

#[test]
fn the_most_accurate_gate_for_rare_failures_stops_nothing() {
    let mut failed = [false; 50];
    failed[7] = true;
    let predicted: Vec<f64> = (0..50).map(|row| f64::from(row) / 50.0).collect();
    assert_eq!(most_accurate(&predicted, &failed), f64::INFINITY);
    close(most_accurate(&PREDICTED, &FAILED), 0.8);
}

#[test]
fn a_gate_never_stops_more_than_its_share() {
    close(riskiest(&PREDICTED, 0.2), 0.8);
    // A fourth row could not be told from two others.
    close(riskiest(&PREDICTED, 0.4), 0.6);
    assert_eq!(riskiest(&[0.3; 10], 0.1), f64::INFINITY);
}

#[test]
fn an_interval_holds_the_figure_and_is_the_same_every_time() {
    let table = history(2_000, 5);
    let sizes: Vec<f64> =
        table.values(0).iter().map(|size| if size.is_nan() { 0.0 } else { *size }).collect();
    let ranking = Ranking::new(&sizes, table.failed());
    let one = interval(&ranking, Measure::Auc, 1);
    assert!(one.low < one.value && one.value < one.high, "{one:?}");
    // By Hanley and McNeil's formula the standard error is about 0.014 here.
    assert!(one.high - one.low > 0.03 && one.high - one.low < 0.08, "{one:?}");
    assert_eq!(one, interval(&ranking, Measure::Auc, 1));
    assert_ne!(one, interval(&ranking, Measure::Auc, 2));
}

#[test]
fn the_column_that_moved_furthest_comes_first() {
    let table = history(1_000, 3);
    let rows: Vec<usize> = (0..1_000).collect();
    let (fridays, others): (Vec<usize>, Vec<usize>) =
        rows.iter().partition(|&&row| table.values(1)[row] == 1.0);
    let moved = drift(&table, &others, &fridays);
    assert_eq!(moved[0].column, "friday");
    assert!(moved[0].stability_index > 10.0 && moved[1].stability_index < 0.25, "{moved:?}");
}

proptest! {
    #[test]
    fn figures_do_not_depend_on_the_order_of_rows(
        rows in prop::collection::vec((0_u8..10, any::<bool>()), 1..60),
        turn in 0_usize..60,
    ) {
        let figures = |rows: &[(u8, bool)]| {
            let predicted: Vec<f64> = rows.iter().map(|(tenths, _)| f64::from(*tenths) / 10.0).collect();
            let failed: Vec<bool> = rows.iter().map(|(_, failed)| *failed).collect();
            let ranking = Ranking::new(&predicted, &failed);
            [ranking.auc(), ranking.average_precision(), ranking.caught(0.1), ranking.caught(0.5)]
        };
        let mut turned = rows.clone();
        turned.rotate_left(turn % rows.len());
        for (one, other) in figures(&rows).into_iter().zip(figures(&turned)) {
            prop_assert!((one - other).abs() < 1e-9);
            prop_assert!((0.0..=1.0 + 1e-9).contains(&one));
        }
    }
}
