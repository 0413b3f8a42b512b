use prediction::history::{DAY_SECONDS, RateSettings};
use prediction::{Cell, Correction, History, Known, Submission};
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

/// A record of another system says less than a change of ours, and nothing is made up for it.
#[test]
fn what_nobody_said_is_missing() {
    let mut history = History::default();
    let unsaid = Submission { services: Vec::new(), ..submission(0, "ann", "cart") };
    for name in
        ["services", "cis", "files", "folders", "lines", "churn_entropy", "by_agent", "rollback_automated"]
    {
        assert_eq!(cell(&mut history, &unsaid, name), Cell::Missing, "{name}");
    }
    let named = Submission {
        files: vec![("app/a.rs".to_owned(), 0), ("db/c.sql".to_owned(), 0)],
        files_changed: Some(40),
        cis_changed: Some(0),
        by_agent: Some(false),
        ..unsaid
    };
    for (name, expected) in [("files", 40.0), ("folders", 2.0), ("cis", 0.0), ("by_agent", 0.0)] {
        assert_eq!(cell(&mut history, &named, name), Cell::Number(expected), "{name}");
    }
    assert_eq!(cell(&mut history, &named, "churn_entropy"), Cell::Missing, "no file says how many lines");
}

#[test]
fn an_outcome_counts_from_when_it_is_known_and_fades() {
    let settings = RateSettings { prior_changes: 5.0, base_rate: 0.02, ..RateSettings::default() };
    let mut history = History::new(settings);
    let failed = submission(0, "ann", "cart");
    history.learn(&failed, &Known::new(7 * DAY_SECONDS, true));
    let mut rate = |day: i64| cell(&mut history, &submission(day, "ann", "cart"), "requester_failure_rate");
    assert_eq!(rate(6), Cell::Number(0.02));
    // Base: (1 + 0.1) / 6; then the requester's one failure, halved after thirty days.
    let base = 1.1 / 6.0;
    assert_eq!(rate(7), Cell::Number((1.0 + 5.0 * base) / 6.0));
    assert_eq!(rate(37), Cell::Number((0.5 + 5.0 * base) / 5.5));
}

/// A fix or a revert counts against what it touched once it is known to have ended, and not against who made it.
#[test]
fn what_was_mended_often_is_known_for_it() {
    let mut history = History::default();
    let mending =
        [(0, true, false), (1, false, true), (2, false, false)].map(|(day, is_fix, is_revert)| Submission {
            is_fix,
            is_revert,
            files: vec![(format!("app/{day}.rs"), 3)],
            ..submission(day, "ann", "cart")
        });
    for change in &mending {
        history.learn(change, &Known::new(7 * DAY_SECONDS, false));
    }
    let rate = |history: &mut History, day: i64, service: &str, file: &str, name: &str| {
        let files = vec![(file.to_owned(), 1)];
        cell(history, &Submission { files, ..submission(day, "bob", service) }, name)
    };
    assert_eq!(rate(&mut history, 6, "cart", "app/0.rs", "service_repair_rate"), Cell::Number(0.02));
    // The base is (2 + 5 × 0.02) / (3 + 5), and stands in for five changes of each name.
    let base = 2.1 / 8.0;
    for (service, file, name, expected) in [
        ("cart", "app/0.rs", "service_repair_rate", (2.0 + 5.0 * base) / 8.0),
        ("shop", "app/0.rs", "service_repair_rate", base),
        ("cart", "app/0.rs", "file_repair_rate", (1.0 + 5.0 * base) / 6.0),
        ("cart", "app/2.rs", "file_repair_rate", 5.0 * base / 6.0),
    ] {
        let found = rate(&mut history, 7, service, file, name);
        assert_eq!(found, Cell::Number(expected), "{name} of {service}, {file}");
    }
    assert_eq!(rate(&mut history, 7, "cart", "app/0.rs", "ci_repair_rate"), Cell::Missing);
    assert_eq!(
        rate(&mut history, 37, "cart", "app/0.rs", "service_repair_rate"),
        Cell::Number((1.0 + 5.0 * base) / 6.5),
        "it fades"
    );
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
            (change, Known::new(known_at, failed))
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
            history.learn(&submission(day, "ann", "cart"), &Known::new(day * DAY_SECONDS, failed));
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

fn rate(history: &mut History, day: i64, name: &str) -> f64 {
    let Cell::Number(rate) = cell(history, &submission(day, "ann", "cart"), name) else {
        panic!("a rate is a number")
    };
    rate
}

/// A change that was closed as failed on day 0 and that reviews found otherwise of, on these days.
fn found(corrections: &[(i64, bool)]) -> Known {
    let correction = |(day, failed): &(i64, bool)| Correction { at: day * DAY_SECONDS, failed: *failed };
    Known { corrections: corrections.iter().map(correction).collect(), ..Known::new(0, true) }
}

#[test]
fn what_is_found_later_counts_from_then_on_as_if_it_had_been_known_from_the_first() {
    let told = |first: Known| {
        let mut history = History::default();
        history.learn(&submission(0, "ann", "cart"), &first);
        history.learn(&submission(3, "ann", "cart"), &Known::new(10 * DAY_SECONDS, true));
        history
    };
    let figures =
        ["requester_failure_rate", "service_failure_rate", "category_failure_rate", "requester_changes"];
    let [mut as_closed, mut corrected] = [found(&[]), found(&[(40, false)])].map(told);
    let mut otherwise = told(Known::new(0, false));
    for day in [0, 5, 39, 40, 41, 90, 400] {
        for figure in figures {
            let [closed, found, other] =
                [&mut as_closed, &mut corrected, &mut otherwise].map(|history| rate(history, day, figure));
            let expected = if day < 40 { closed } else { other };
            assert!((found - expected).abs() < 1e-12, "{figure} on day {day}: {found}, not {expected}");
        }
    }
}

#[test]
fn of_several_findings_the_last_one_holds_and_repeating_one_changes_nothing() {
    let told = |corrections: &[(i64, bool)]| {
        let mut history = History::default();
        history.learn(&submission(0, "ann", "cart"), &found(corrections));
        [15, 25, 35, 90].map(|day| rate(&mut history, day, "requester_failure_rate"))
    };
    let [bad, good] = [told(&[]), told(&[(0, false)])];
    let there_and_back = told(&[(20, false), (21, false), (30, true)]);
    let expected = [bad[0], good[1], bad[2], bad[3]];
    for (told, expected) in there_and_back.iter().zip(expected) {
        assert!((told - expected).abs() < 1e-12, "{there_and_back:?}, not {expected}");
    }
}

#[test]
fn what_is_found_while_the_outcome_still_waits_counts_once_that_does() {
    let told = |corrections: Vec<Correction>| {
        let mut history = History::default();
        let known = Known { corrections, ..Known::new(10 * DAY_SECONDS, true) };
        history.learn(&submission(0, "ann", "cart"), &known);
        [5, 10, 11].map(|day| rate(&mut history, day, "requester_failure_rate"))
    };
    let early = told(vec![Correction { at: 2 * DAY_SECONDS, failed: false }]);
    let mut good = History::default();
    good.learn(&submission(0, "ann", "cart"), &Known::new(10 * DAY_SECONDS, false));
    assert_eq!(early, [5, 10, 11].map(|day| rate(&mut good, day, "requester_failure_rate")));
    assert!(told(Vec::new())[1] > early[1]);
}

#[test]
fn a_correction_told_live_leads_to_the_same_rates_as_one_read_with_its_change() {
    let (change, known) = (submission(0, "ann", "cart"), found(&[(40, false), (60, true)]));
    let mut live = History::default();
    live.learn(&change, &found(&[]));
    rate(&mut live, 41, "requester_failure_rate");
    live.correct(&change, &found(&[(40, false)]), 0);
    rate(&mut live, 60, "requester_failure_rate");
    live.correct(&change, &known, 1);
    let mut read = History::default();
    read.learn(&change, &known);
    for day in [60, 61, 200] {
        let [live, read] = [&mut live, &mut read].map(|history| rate(history, day, "requester_failure_rate"));
        assert!((live - read).abs() < 1e-15, "day {day}: {live}, not {read}");
    }
}

#[test]
fn a_row_has_the_outcome_that_was_found_and_earlier_moments_that_of_before() {
    let later = |day| (submission(day, "ann", "cart"), Known::new(day * DAY_SECONDS, false));
    let table = |first: Known| {
        History::default().table(&[(submission(0, "ann", "cart"), first), later(20), later(50)]).unwrap()
    };
    let [closed, corrected, otherwise] = [found(&[]), found(&[(40, false)]), Known::new(0, false)].map(table);
    assert_eq!((closed.failed()[0], corrected.failed()[0]), (true, false));
    let same = |one: Vec<f64>, other: Vec<f64>| {
        one.iter()
            .zip(&other)
            .all(|(one, other)| (one - other).abs() < 1e-12 || one.is_nan() && other.is_nan())
    };
    assert!(same(corrected.row(1), closed.row(1)), "handed in before it was found");
    assert!(same(corrected.row(2), otherwise.row(2)), "handed in afterwards");
    assert!(!same(corrected.row(2), closed.row(2)));
}

proptest! {
    #[test]
    fn what_is_found_later_changes_nothing_before(
        past in any_past(),
        found in prop::collection::vec((0_i64..500, any::<bool>()), 60),
        cut in 0_usize..60,
    ) {
        let moment = past[cut % past.len()].0.at;
        let mut corrected = past.clone();
        for ((_, known), (day, failed)) in corrected.iter_mut().zip(found) {
            let at = day * DAY_SECONDS;
            known.corrections.extend((at > moment).then_some(Correction { at, failed }));
        }
        let (one, two) = (History::default().table(&past).unwrap(), History::default().table(&corrected).unwrap());
        for row in (0..past.len()).filter(|row| past[*row].0.at <= moment) {
            for (with, without) in one.row(row).into_iter().zip(two.row(row)) {
                prop_assert!(with == without || with.is_nan() && without.is_nan(), "row {row}");
            }
        }
    }

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
