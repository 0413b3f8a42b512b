use prediction::{Candidate, LogisticSettings, Model, SplitRule, Verdict, backtest, compare, train};

use crate::world::{Quiet, history};

fn candidates() -> Vec<(String, Candidate)> {
    vec![("regression".to_owned(), Candidate::Logistic(LogisticSettings { l2: 1.0 }))]
}

/// Learned from the first `share` of a history of 6,000 rows.
fn model(seed: u64, share: f64) -> Model {
    let rule = SplitRule { train_until: share * 0.8, validation_until: share, by_group: false };
    train(&history(6_000, seed), rule, &candidates(), &Quiet).unwrap().0
}

#[test]
fn a_better_model_takes_the_place_and_a_worse_one_does_not() {
    let table = history(6_000, 1);
    let later: Vec<usize> = (4_000..6_000).collect();
    // One learned little from little, the other much.
    let (poor, good) = (model(1, 0.05), model(1, 0.6));
    assert_eq!(compare(&poor, &good, &table, &later).verdict, Verdict::Replace);
    assert_eq!(compare(&good, &poor, &table, &later).verdict, Verdict::Keep);
    let same = compare(&good, &good, &table, &later);
    assert_eq!((same.verdict, same.log_loss_gain.value), (Verdict::Keep, 0.0));
}

#[test]
fn nothing_is_replaced_on_a_handful_of_rows() {
    let table = history(6_000, 1);
    let later: Vec<usize> = (5_900..6_000).collect();
    let comparison = compare(&model(1, 0.05), &model(1, 0.6), &table, &later);
    assert_eq!(comparison.verdict, Verdict::TooFewToTell);
}

#[test]
fn a_backtest_goes_forward_in_time_without_gaps() {
    let stretches = backtest(&history(6_000, 3), 3, &candidates(), &Quiet).unwrap();
    let times: Vec<(i64, i64)> = stretches.iter().map(|stretch| (stretch.from, stretch.until)).collect();
    assert_eq!(times, [(2_400, 3_599), (3_600, 4_799), (4_800, 5_999)]);
    for stretch in stretches {
        assert!(stretch.figures.auc > 0.65 && stretch.figures.calibration_error < 0.06, "{stretch:?}");
    }
}
