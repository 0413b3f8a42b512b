use prediction::{Cell, Column, ColumnKind, LEVELS_MAX, Recipe, Row, SplitRule, Table, derive};

use crate::world::number;

fn row(at: i64, cells: Vec<Cell>) -> Row {
    Row { at, known_at: at, failed: false, group: String::new(), keys: vec![], cells }
}

#[track_caller]
fn refused(columns: Vec<Column>, cells: Vec<Cell>, expected: &str) {
    let mut table = Table::new(columns, &[]).unwrap();
    let error = table.push(7, row(0, cells)).unwrap_err();
    assert_eq!(error.to_string(), expected);
    assert!(table.is_empty(), "a refused row leaves nothing behind");
}

#[test]
fn what_makes_no_sense_is_refused_by_line_and_column() {
    let churn = || Column { name: "churn".to_owned(), kind: ColumnKind::Number { at_least: Some(0.0) } };
    let team = || Column { name: "team".to_owned(), kind: ColumnKind::Word };
    refused(
        vec![number("coverage")],
        vec![Cell::Number(f64::NAN)],
        "line 7, column `coverage`: `NaN` is not a finite number: leave the cell empty when the value is unknown",
    );
    refused(
        vec![churn()],
        vec![Cell::Number(-3.0)],
        "line 7, column `churn`: -3 is less than 0, the least that makes sense there",
    );
    refused(vec![churn()], vec![Cell::Word("x".to_owned())], "line 7, column `churn`: expected a number");
    refused(vec![team()], vec![Cell::Number(1.0)], "line 7, column `team`: expected a word");
    refused(vec![team()], vec![], "line 7: the row has 0 cells where the table has 1 columns");
}

#[test]
fn two_columns_of_one_name_are_refused() {
    let error = Table::new(vec![number("size"), number("size")], &[]).unwrap_err();
    assert_eq!(error.to_string(), "column `size` appears twice: give each column a name of its own");
}

#[test]
fn a_column_of_ever_new_words_is_refused() {
    let mut table = Table::new(vec![Column { name: "id".to_owned(), kind: ColumnKind::Word }], &[]).unwrap();
    for word in 0..LEVELS_MAX {
        table.push(1, row(0, vec![Cell::Word(word.to_string())])).unwrap();
    }
    table.push(1, row(0, vec![Cell::Word("0".to_owned())])).unwrap();
    assert!(table.push(1, row(0, vec![Cell::Word("new".to_owned())])).is_err());
}

/// Rows of two groups, known some time after they happened, by author.
fn authored(rows: &[(i64, &str, &str, bool)], wait: i64) -> Table {
    let mut table = Table::new(vec![number("size")], &["author".to_owned()]).unwrap();
    for (at, group, author, failed) in rows {
        let row = Row {
            at: *at,
            known_at: at + wait,
            failed: *failed,
            group: (*group).to_owned(),
            keys: vec![(*author).to_owned()],
            cells: vec![Cell::Number(*at as f64)],
        };
        table.push(1, row).unwrap();
    }
    table
}

#[test]
fn slices_follow_time_and_leave_out_what_was_not_known() {
    let rows: Vec<_> = (0..100).map(|at| (at, "a", "x", false)).collect();
    let slices = SplitRule::protocol(false).split(&authored(&rows, 5));
    // The validation begins at 70: what happened after 65 was not known then.
    assert_eq!(slices.train, (0..=65).collect::<Vec<_>>());
    assert_eq!(slices.validation, (70..=75).collect::<Vec<_>>());
    assert_eq!(slices.test, (80..100).collect::<Vec<_>>());
}

#[test]
fn every_round_learns_from_what_the_one_before_it_was_validated_on() {
    let rows: Vec<_> = (0..100).map(|at| (at, "a", "x", false)).collect();
    let table = authored(&rows, 0);
    let rounds = SplitRule::protocol(false).rounds();
    let ends = rounds.map(|rule| (rule.split(&table).train.len(), rule.split(&table).validation.len()));
    assert_eq!(ends, [(50, 10), (60, 10), (70, 10)]);
    assert_eq!(rounds.last(), Some(&SplitRule::protocol(false)));
}

#[test]
fn each_group_is_split_by_its_own_time() {
    let mut rows: Vec<_> = (0..10).map(|at| (at, "early", "x", false)).collect();
    rows.extend((1_000..1_010).map(|at| (at, "late", "y", false)));
    let table = authored(&rows, 0);
    assert_eq!(SplitRule::protocol(true).split(&table).test, [8, 9, 18, 19]);
    assert_eq!(SplitRule::protocol(false).split(&table).test, [16, 17, 18, 19]);
}

#[test]
fn derived_columns_are_those_computed_by_hand() {
    const DAY: i64 = 86_400;
    let rows = [
        (0, "a", "x", true),
        (DAY, "a", "x", false),
        (30 * DAY, "a", "x", false),
        (30 * DAY, "a", "y", false),
    ];
    let mut table = authored(&rows, DAY);
    let pairs = vec![("author".to_owned(), "author".to_owned()), ("author".to_owned(), "gone".to_owned())];
    let recipe = Recipe { failure_rates: true, idle_days: true, pairs, ..Recipe::default() };
    derive(&mut table, &recipe).unwrap();
    let column = |name: &str| table.values(table.place(name).unwrap()).to_vec();
    assert_eq!(column("author_idle"), [10_000.0, 1.0, 29.0, 10_000.0]);
    // A pair is a key like any other; one that the table does not have is passed over.
    assert_eq!(column("author_author_idle"), column("author_idle"));
    assert_eq!(table.place("author_gone_idle"), None);
    let (rates, changes) = (column("author_rate_30d"), column("author_changes_30d"));
    // Nothing is known of the first row; of the second, the first outcome just became known. The base of 2 % counts as
    // twenty changes, so one failure makes it (1 + 0.4) / 21, and the author's rate (1 + 20 · base) / 21.
    let base = (1.0 + 20.0 * 0.02) / 21.0;
    assert_eq!(rates[0], 0.02);
    assert!((rates[1] - (1.0 + 20.0 * base) / 21.0).abs() < 1e-12, "{rates:?}");
    // 29 and 28 days later the two count 2^(−29/30) and 2^(−28/30).
    let left = (-29.0_f64 / 30.0).exp2() + (-28.0_f64 / 30.0).exp2();
    assert!((changes[2] - left).abs() < 1e-12, "{changes:?}");
    // An author nobody has heard of has the base rate.
    assert!((rates[3] - 1.4 / 22.0).abs() < 1e-12 && changes[3] == 0.0, "{rates:?}");
}
