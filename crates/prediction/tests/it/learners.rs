use forust_ml::Matrix;
use forust_ml::gradientbooster::{ContributionsMethod, GradientBooster, GrowPolicy};
use prediction::metrics::Ranking;
use prediction::{
    Candidate, Cell, LearnError, Learner, LogisticSettings, Row, Table, TreesSettings, outcomes, score,
};

use crate::world::{Chance, history, number};

fn settings() -> TreesSettings {
    TreesSettings { trees: 40, leaf_rows_min: 20.0, columns_share: 1.0, seeds: 1, ..TreesSettings::small() }
}

fn candidates() -> [Candidate; 3] {
    let logistic = LogisticSettings { l2: 1.0 };
    [
        Candidate::Logistic(logistic.clone()),
        Candidate::Trees(settings()),
        Candidate::Blend(logistic, settings()),
    ]
}

#[test]
fn the_regression_is_the_one_of_scikit_learn() {
    let mut table = Table::new(vec![number("x"), number("z")], &[]).unwrap();
    let mut chance = Chance(12_345);
    for at in 0..400 {
        let (x, z) = (chance.next() * 6.0, chance.next() * 4.0 - 2.0);
        let failed = chance.next() < 1.0 / (1.0 + (1.5 - 0.6 * x + 0.5 * z).exp());
        let cells = vec![Cell::Number(x), Cell::Number(z)];
        table.push(1, Row { at, known_at: at, failed, group: String::new(), keys: vec![], cells }).unwrap();
    }
    let rows: Vec<usize> = (0..400).collect();
    let learned = Candidate::Logistic(LogisticSettings { l2: 10.0 }).learn(&table, &rows).unwrap();
    // scikit-learn 1.9.1: LogisticRegression(C=0.1) on sign(x)·ln(1+|x|), standardised: intercept and decision_function.
    let attribution = learned.attribute(&table.row(0));
    assert!((attribution.base - 0.299_459).abs() < 1e-5, "{attribution:?}");
    for (row, expected) in [-0.692_031_52, 1.586_733_98, 1.397_405_9, -1.382_233_76].into_iter().enumerate() {
        let found = learned.log_odds(&table.row(row));
        assert!((found - expected).abs() < 1e-6, "row {row}: {found} is not {expected}");
    }
}

#[test]
fn every_candidate_finds_what_makes_changes_fail() {
    let table = history(4_000, 1);
    let (train, later): (Vec<usize>, Vec<usize>) = (0..4_000).partition(|row| *row < 3_000);
    for candidate in candidates() {
        let learned = candidate.learn(&table, &train).unwrap();
        let scored = score(&learned, &table, &later);
        let auc = Ranking::new(&scored.log_odds, &scored.failed).auc();
        // What is known of the world allows for about 0.75.
        assert!(auc > 0.69, "{candidate:?}: {auc}");
    }
}

#[test]
fn contributions_add_up_and_noise_contributes_least() {
    let table = history(4_000, 2);
    let rows: Vec<usize> = (0..4_000).collect();
    for candidate in candidates() {
        let learned = candidate.learn(&table, &rows).unwrap();
        let mut moved = [0.0; 4];
        for row in 0..500 {
            let raw = table.row(row);
            let attribution = learned.attribute(&raw);
            let sum = attribution.base + attribution.contributions.iter().sum::<f64>();
            assert!((sum - learned.log_odds(&raw)).abs() < 1e-10, "{candidate:?}, row {row}");
            for (moved, contribution) in moved.iter_mut().zip(&attribution.contributions) {
                *moved += contribution.abs();
            }
        }
        let [size, friday, noise, team] = moved;
        assert!(size > noise && friday > noise && team > noise, "{candidate:?}: {moved:?}");
    }
}

/// The library computes Shapley values too, in single precision.
#[test]
fn shapley_values_are_those_of_the_library() {
    let table = history(3_000, 4);
    let rows: Vec<usize> = (0..3_000).collect();
    let numbers: Vec<f64> = (0..3).flat_map(|column| table.values(column).to_vec()).collect();
    let words =
        [0.0, 1.0].map(|code| table.values(3).iter().map(move |word| if *word == code { 1.0 } else { 0.0 }));
    let data: Vec<f64> = numbers.into_iter().chain(words.into_iter().flatten()).collect();
    let matrix = Matrix::new(&data, 3_000, 5);
    let failed: Vec<f64> =
        outcomes(&table, &rows).iter().map(|failed| f64::from(u8::from(*failed))).collect();
    let share = failed.iter().sum::<f64>() / 3_000.0;
    #[expect(clippy::cast_possible_truncation, reason = "the library computes with single precision")]
    let leaf_weight = (20.0 * share * (1.0 - share)) as f32;
    let mut booster = GradientBooster::default()
        .set_iterations(40)
        .set_learning_rate(0.02)
        .set_max_depth(16)
        .set_max_leaves(15)
        .set_l2(10.0)
        .set_min_leaf_weight(leaf_weight)
        .set_initialize_base_score(true)
        .set_parallel(false)
        .set_seed(1);
    booster.grow_policy = GrowPolicy::LossGuide;
    booster.fit_unweighted(&matrix, &failed, None).unwrap();
    let expected = booster.predict_contributions(&matrix, ContributionsMethod::Shapley, false);
    let learned = Candidate::Trees(settings()).learn(&table, &rows).unwrap();
    for row in 0..300 {
        let found = learned.attribute(&table.row(row));
        let of = |column: usize| expected[row * 6 + column];
        // The library knows the two words as two columns, and adds the base last.
        let theirs = [of(0), of(1), of(2), of(3) + of(4), of(5)];
        let ours = found.contributions.iter().copied().chain([found.base]);
        for (column, (theirs, ours)) in theirs.into_iter().zip(ours).enumerate() {
            assert!((theirs - ours).abs() < 1e-4, "row {row}, column {column}: {ours} is not {theirs}");
        }
    }
}

#[test]
fn too_little_to_learn_from_is_said() {
    let table = history(300, 1);
    let error = candidates()[0].learn(&table, &(0..40).collect::<Vec<_>>()).unwrap_err();
    assert!(matches!(error, LearnError::TooFew { rows: 40, .. }), "{error}");
}
