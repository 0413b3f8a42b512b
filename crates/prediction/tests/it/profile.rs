use prediction::metrics::performance;
use prediction::{
    Candidate, Cell, HELD_ROWS_MIN, LogisticSettings, Model, Profile, ProfileError, Reading, Row, SplitRule,
    Table, train,
};

use crate::world::{Chance, Quiet, history};

const ROWS: usize = 2_000;

fn trained() -> (Model, Table, Profile) {
    let table = history(ROWS, 1);
    let rule = SplitRule { train_until: 0.6, validation_until: 0.8, by_group: false };
    let candidates = [("regression".to_owned(), Candidate::Logistic(LogisticSettings { l2: 1.0 }))];
    let (model, _) = train(&table, rule, &candidates, &Quiet).unwrap();
    let (known, later): (Vec<usize>, Vec<usize>) = (0..ROWS).partition(|row| *row < 1_600);
    let profile = Profile::of(&model, &table, &known, &later);
    (model, table, profile)
}

/// The same columns, of a team that was not known, with larger changes whose size is often unknown.
fn moved(rows: usize) -> Table {
    let mut table = Table::new(history(1, 1).columns().to_vec(), &[]).unwrap();
    let mut chance = Chance(5);
    for row in 0..rows {
        let size = (chance.next() * 8.0).exp() * 20.0;
        let unknown = chance.next() < 0.6;
        let cells = vec![
            if unknown { Cell::Missing } else { Cell::Number(size) },
            Cell::Number(if chance.next() < 0.2 { 1.0 } else { 0.0 }),
            Cell::Number(chance.next()),
            Cell::Word(if chance.next() < 0.5 { "green" } else { "blue" }.to_owned()),
        ];
        let at = row as i64;
        let failed = chance.next() < 0.6;
        let row = Row { at, known_at: at, failed, group: String::new(), keys: vec![], cells };
        table.push(u64::try_from(at).unwrap() + 2, row).unwrap();
    }
    table
}

#[test]
fn what_has_not_changed_is_stable_and_what_has_is_named_first() {
    let (model, _, profile) = trained();
    let same = history(ROWS, 2);
    let rows: Vec<usize> = (0..ROWS).collect();
    let held = profile.hold(&model, &same, &rows, &rows);
    assert!(held.columns.iter().all(|column| column.reading == Reading::Stable), "{:?}", held.columns);
    assert_eq!(held.predictions.reading, Reading::Stable, "{:?}", held.predictions);
    assert_eq!((held.rows_then, held.rows_now, held.known_now), (1_600, 2_000, 2_000));

    let other = moved(1_000);
    let rows: Vec<usize> = (0..1_000).collect();
    let held = profile.hold(&model, &other, &rows, &rows[..500]);
    let readings: Vec<_> =
        held.columns.iter().map(|column| (column.column.as_str(), column.reading)).collect();
    assert_eq!(readings[..2].iter().filter(|(_, reading)| *reading == Reading::Shifted).count(), 2);
    assert_eq!(
        readings[2..].iter().filter(|(_, reading)| *reading == Reading::Stable).count(),
        2,
        "{readings:?}"
    );
    let column = |name: &str| held.columns.iter().find(|column| column.column == name).unwrap();
    assert!(column("size").missing_now > 0.5 && column("size").missing_then < 0.15);
    assert_eq!(column("team").new_words, ["green"]);
    assert!((column("team").new_words_share - 0.5).abs() < 0.05);
    let (then, now) = (held.failures_then.unwrap(), held.failures_now.unwrap());
    assert!(now.low > then.high && held.known_now == 500, "{then:?} {now:?}");
}

#[test]
fn chance_is_not_called_a_shift() {
    let (model, _, profile) = trained();
    let few: Vec<usize> = (0..HELD_ROWS_MIN).collect();
    let mut alarms = 0;
    for seed in 10..40 {
        let held = profile.hold(&model, &history(HELD_ROWS_MIN, seed), &few, &few);
        alarms += held.columns.iter().filter(|column| column.reading != Reading::Stable).count();
    }
    // 30 draws of four columns: six alarms are expected at 5 %.
    assert!(alarms <= 14, "{alarms} false alarms");
}

#[test]
fn a_profile_is_read_as_it_was_written_and_no_other() {
    let (.., profile) = trained();
    let bytes = profile.to_bytes().unwrap();
    assert_eq!(Profile::from_bytes(&bytes).unwrap(), profile);
    assert!(matches!(Profile::from_bytes(b"{}"), Err(ProfileError::Form(_))));
    let other = String::from_utf8(bytes).unwrap().replace("/profile/v1", "/profile/v9");
    assert!(matches!(Profile::from_bytes(other.as_bytes()), Err(ProfileError::Format { .. })));
}

#[test]
fn performance_is_counted_by_hand() {
    let probabilities = [0.01, 0.02, 0.2, 0.4];
    let failed = [false, true, false, true];
    let told = performance(&probabilities, &failed, 0.1);
    let counts = |counted: Option<prediction::metrics::Counted>| counted.map(|one| (one.part, one.whole));
    assert_eq!((told.rows, told.failures, told.is_enough), (4, 2, false));
    assert_eq!(counts(told.accuracy), Some((2, 4)));
    assert_eq!(counts(told.accuracy_of_success), Some((2, 4)));
    assert_eq!(counts(told.false_positives), Some((1, 2)));
    assert_eq!(counts(told.caught), Some((1, 2)));
    assert_eq!(counts(told.flagged), Some((2, 4)));
    let squares = 0.01_f64.powi(2) + 0.98_f64.powi(2) + 0.2_f64.powi(2) + 0.6_f64.powi(2);
    assert!((told.brier - squares / 4.0).abs() < 1e-12 && told.brier_of_base_rate == 0.25);
    assert_eq!(told.bins.len(), 1);
    assert!((told.calibration_error - (0.63 / 4.0 - 0.5_f64).abs()).abs() < 1e-12);
    let none = performance(&[], &[], 0.1);
    assert_eq!((none.rows, none.accuracy, none.bins.len(), none.brier), (0, None, 0, 0.0));
}
