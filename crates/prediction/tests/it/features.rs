use prediction::history::{DAY_SECONDS, RateSettings};
use prediction::{Cell, History, Known, Submission};
use proptest::prelude::*;

fn submission(day: i64, requester: &str, service: &str) -> Submission {
    Submission {
        at: day * DAY_SECONDS,
        change_type: "normal".to_owned(),
        category: "deployment".to_owned(),
        requester: requester.to_owned(),
        services: vec![service.to_owned()],
        title: "Raise the pool".to_owned(),
        ..Submission::default()
    }
}

fn cell(history: &mut History, change: &Submission, name: &str) -> Cell {
    let place = History::columns().iter().position(|column| column.name == name).unwrap();
    history.cells(change).unwrap()[place].clone()
}

#[test]
fn facts_are_those_computed_by_hand() {
    let change = Submission {
        // A Thursday, 13:20 UTC.
        at: 3 * 7 * DAY_SECONDS + 13 * 3600 + 1200,
        files: vec![("app/a.rs".to_owned(), 6), ("app/b.rs".to_owned(), 1), ("db/c.sql".to_owned(), 1)],
        coverage_permille: Some(815),
        ..submission(0, "ann", "cart")
    };
    let mut history = History::default();
    for (name, expected) in [
        ("hour", 13.0),
        ("weekday", 3.0),
        ("files", 3.0),
        ("folders", 2.0),
        ("coverage_permille", 815.0),
        ("title_length", 14.0),
        // −(6/8)·log2(6/8) − 2·(1/8)·log2(1/8)
        ("churn_entropy", 1.061_278_124_459_133),
    ] {
        assert_eq!(cell(&mut history, &change, name), Cell::Number(expected), "{name}");
    }
    assert_eq!(cell(&mut history, &change, "tests_passed"), Cell::Missing);
    assert_eq!(cell(&mut history, &change, "ci_failure_rate"), Cell::Missing);
}

#[test]
fn an_outcome_counts_from_when_it_is_known_and_fades() {
    let settings = RateSettings { prior_changes: 5.0, base_rate: 0.02, ..RateSettings::default() };
    let mut history = History::new(settings);
    let failed = submission(0, "ann", "cart");
    history.learn(&failed, Known { known_at: 7 * DAY_SECONDS, failed: true });
    let mut rate = |day: i64| cell(&mut history, &submission(day, "ann", "cart"), "requester_failure_rate");
    assert_eq!(rate(6), Cell::Number(0.02));
    // Base: (1 + 0.1) / 6; then the requester's one failure, halved after thirty days.
    let base = 1.1 / 6.0;
    assert_eq!(rate(7), Cell::Number((1.0 + 5.0 * base) / 6.0));
    assert_eq!(rate(37), Cell::Number((0.5 + 5.0 * base) / 5.5));
}

#[test]
fn changes_must_come_in_order() {
    let mut history = History::default();
    history.cells(&submission(5, "ann", "cart")).unwrap();
    assert!(history.cells(&submission(4, "ann", "cart")).is_err());
}

prop_compose! {
    fn any_past()(days in prop::collection::vec((0_i64..400, 0_u8..4, 0_u8..3, 0_i64..30, any::<bool>()), 1..60))
        -> Vec<(Submission, Known)> {
        let mut past: Vec<_> = days.into_iter().map(|(day, requester, service, wait, failed)| {
            let change = submission(day, &format!("r{requester}"), &format!("s{service}"));
            let known_at = change.at + wait * DAY_SECONDS;
            (change, Known { known_at, failed })
        }).collect();
        past.sort_by_key(|(change, _)| change.at);
        past
    }
}

#[test]
fn what_is_told_late_counts_as_if_it_had_been_told_in_time() {
    let rate = |late: bool| {
        let mut history = History::default();
        let outcomes = [(0, true), (20, false)];
        let tell = |history: &mut History, (day, failed)| {
            history.learn(&submission(day, "ann", "cart"), Known { known_at: day * DAY_SECONDS, failed });
        };
        if late {
            tell(&mut history, outcomes[1]);
            cell(&mut history, &submission(40, "ann", "cart"), "requester_failure_rate");
            tell(&mut history, outcomes[0]);
        } else {
            outcomes.into_iter().for_each(|outcome| tell(&mut history, outcome));
        }
        cell(&mut history, &submission(50, "ann", "cart"), "requester_failure_rate")
    };
    let (Cell::Number(late), Cell::Number(in_time)) = (rate(true), rate(false)) else {
        panic!("a rate is a number")
    };
    assert!((late - in_time).abs() < 1e-12, "{late} is not {in_time}");
}

proptest! {
    #[test]
    fn later_changes_never_alter_earlier_rows(past in any_past(), cut in 0_usize..60) {
        let cut = cut % past.len();
        let all = History::default().table(&past).unwrap();
        let first = History::default().table(&past[..cut]).unwrap();
        for row in 0..cut {
            for (column, (with, without)) in all.row(row).into_iter().zip(first.row(row)).enumerate() {
                prop_assert!(with == without || with.is_nan() && without.is_nan(), "row {row}, column {column}");
            }
        }
    }

    #[test]
    fn outcomes_that_become_known_later_change_nothing(past in any_past(), cut in 0_usize..60) {
        let moment = past[cut % past.len()].0.at;
        let mut other = past.clone();
        for (_, known) in other.iter_mut().filter(|(_, known)| known.known_at > moment) {
            known.failed = !known.failed;
        }
        let (one, two) = (History::default().table(&past).unwrap(), History::default().table(&other).unwrap());
        for row in (0..past.len()).filter(|row| past[*row].0.at <= moment) {
            for (with, without) in one.row(row).into_iter().zip(two.row(row)) {
                prop_assert!(with == without || with.is_nan() && without.is_nan(), "row {row}");
            }
        }
    }
}
