//! Lists: filters, orders, pages.

use std::collections::BTreeMap;

use domain::change::{Category, ChangeType, Outcome, ReviewFinding, StateName};
use domain::incident::{IncidentState, Severity};
use domain::number::RiskScore;
use domain::priority::Priority;
use domain::risk::Level;
use store::{
    Append, ChangeFilter, ChangeOrder, ChangeQuery, ChangeRow, ChangeSort, EndingRow, IncidentFilter,
    IncidentQuery, IncidentRow, ProjectionRow, RiskRow, Store, StoreError,
};

use crate::harness::{TestDatabase, actor, at, change_row, incident_row, on_both_databases};

on_both_databases!(
    pages_of_every_order_are_the_whole_list,
    every_filter_finds_exactly_its_rows,
    titles_are_searched_without_case_and_without_wildcards,
    a_row_moves_through_lists_as_it_changes,
    a_cursor_of_another_list_is_refused,
    counts_and_highest_numbers,
    closed_changes_tell_how_they_ended_and_for_whom,
    incidents_are_listed_the_last_first,
);

const SORTS: [ChangeSort; 6] = [
    ChangeSort::Created,
    ChangeSort::Updated,
    ChangeSort::Risk,
    ChangeSort::Priority,
    ChangeSort::Deadline,
    ChangeSort::Id,
];

/// Rows in which every sort has equal keys, and no two sorts agree.
fn mixed_rows() -> Vec<ChangeRow> {
    (1..=47)
        .map(|number| {
            let seconds = i64::from(number);
            let raw = (seconds * 13) % 10;
            let risk = RiskRow { score: RiskScore::new(raw * 10).unwrap(), raw: raw - 3, level: Level::Low };
            ChangeRow {
                state: StateName::ALL[usize::try_from(number).unwrap() % 14],
                created_at: at(100 - seconds / 4),
                updated_at: at((seconds * 7) % 11),
                risk: (number % 5 != 0).then_some(risk),
                priority: [Priority::P5, Priority::P1, Priority::P3][usize::try_from(number).unwrap() % 3],
                deadline: (number % 4 != 0).then(|| at((seconds * 11) % 17)),
                on_behalf_of: (number % 6 == 0).then(|| actor(9)),
                environment: None,
                ..change_row(number)
            }
        })
        .collect()
}

fn write(rows: &[ChangeRow]) -> Append {
    let projections = rows.iter().map(|row| ProjectionRow::Change(Box::new(row.clone()))).collect();
    Append { projections, ..Append::default() }
}

async fn list(store: &Store, filter: ChangeFilter) -> Vec<u32> {
    let order = ChangeOrder { by: ChangeSort::Id, descending: false };
    let page = store.list_changes(ChangeQuery { filter, order, ..ChangeQuery::default() }).await.unwrap();
    page.rows.iter().map(|row| row.change_id.number()).collect()
}

async fn pages_of_every_order_are_the_whole_list(database: TestDatabase) {
    let store = database.open().await;
    let rows = mixed_rows();
    store.append(write(&rows)).await.unwrap();
    for (by, descending) in SORTS.into_iter().flat_map(|by| [(by, false), (by, true)]) {
        let key = |row: &ChangeRow| match by {
            ChangeSort::Created => row.created_at.as_microsecond(),
            ChangeSort::Updated => row.updated_at.as_microsecond(),
            ChangeSort::Risk => row.risk.map_or(i64::MIN, |risk| risk.raw),
            ChangeSort::Priority => row.priority as i64,
            ChangeSort::Deadline => row.deadline.map_or(i64::MAX, |deadline| deadline.as_microsecond()),
            ChangeSort::Id => i64::from(row.change_id.number()),
        };
        let mut expected = rows.clone();
        expected.sort_by_key(|row| (key(row), row.change_id));
        if descending {
            expected.reverse();
        }
        for limit in [1, 10, 47, 500] {
            let mut query =
                ChangeQuery { order: ChangeOrder { by, descending }, limit, ..ChangeQuery::default() };
            let mut found = Vec::new();
            loop {
                let page = store.list_changes(query.clone()).await.unwrap();
                assert!(page.rows.len() <= limit);
                found.extend(page.rows);
                match page.next {
                    Some(next) => query.after = Some(next.to_string().parse().unwrap()),
                    None => break,
                }
            }
            assert_eq!(found, expected, "{by:?} descending {descending} by {limit}");
        }
    }
    store.close().await;
}

async fn every_filter_finds_exactly_its_rows(database: TestDatabase) {
    let store = database.open().await;
    let rows = [
        change_row(1),
        ChangeRow { state: StateName::Closed, requester: actor(2), ..change_row(2) },
        ChangeRow { change_type: ChangeType::Emergency, on_behalf_of: Some(actor(2)), ..change_row(3) },
        ChangeRow { category: Category::Patch, services: vec!["login".parse().unwrap()], ..change_row(4) },
        ChangeRow {
            environment: Some("staging".parse().unwrap()),
            runs_on: vec!["eu".parse().unwrap()],
            ..change_row(5)
        },
        ChangeRow { risk: None, environment: None, services: vec![], ..change_row(6) },
        ChangeRow {
            risk: Some(RiskRow { score: RiskScore::new(90).unwrap(), raw: 900, level: Level::Critical }),
            updated_at: at(1000),
            ..change_row(7)
        },
    ];
    store.append(write(&rows)).await.unwrap();
    let all = ChangeFilter::default;
    let filters = [
        (all(), vec![1, 2, 3, 4, 5, 6, 7]),
        (ChangeFilter { states: vec![StateName::Closed, StateName::Draft], ..all() }, vec![2]),
        (ChangeFilter { types: vec![ChangeType::Emergency], ..all() }, vec![3]),
        (ChangeFilter { categories: vec![Category::Patch], ..all() }, vec![4]),
        (ChangeFilter { levels: vec![Level::Critical, Level::High], ..all() }, vec![7]),
        (ChangeFilter { requester: Some(actor(2)), ..all() }, vec![2, 3]),
        (ChangeFilter { service: Some("login".parse().unwrap()), ..all() }, vec![4]),
        (ChangeFilter { service: Some("cart".parse().unwrap()), ..all() }, vec![1, 2, 3, 5, 7]),
        (ChangeFilter { environment: Some("staging".parse().unwrap()), ..all() }, vec![5]),
        (ChangeFilter { for_runners: true, ..all() }, vec![5]),
        (ChangeFilter { created_from: Some(at(3)), created_before: Some(at(5)), ..all() }, vec![3, 4]),
        (ChangeFilter { updated_from: Some(at(7)), ..all() }, vec![7]),
        (ChangeFilter { updated_before: Some(at(2)), ..all() }, vec![1]),
        (
            ChangeFilter { states: vec![StateName::AwaitingApproval], requester: Some(actor(2)), ..all() },
            vec![3],
        ),
        (ChangeFilter { requester: Some(actor(5)), ..all() }, vec![]),
    ];
    for (filter, expected) in filters {
        assert_eq!(list(&store, filter.clone()).await, expected, "{filter:?}");
    }
    store.close().await;
}

async fn titles_are_searched_without_case_and_without_wildcards(database: TestDatabase) {
    let store = database.open().await;
    let titles = ["Größe ÄNDERN", "100% rollout", "100 percent", "snake_case!", "snake case"];
    let rows: Vec<ChangeRow> =
        (1..).zip(titles).map(|(n, title)| ChangeRow { title: title.into(), ..change_row(n) }).collect();
    store.append(write(&rows)).await.unwrap();
    for (part, expected) in [
        ("größe änd", vec![1]),
        ("GRÖSSE", vec![]),
        ("100%", vec![2]),
        ("100", vec![2, 3]),
        ("e_c", vec![4]),
        ("e!", vec![4]),
        ("SNAKE", vec![4, 5]),
        ("'", vec![]),
    ] {
        let filter = ChangeFilter { title_contains: Some(part.into()), ..ChangeFilter::default() };
        assert_eq!(list(&store, filter).await, expected, "{part}");
    }
    let long = ChangeFilter { title_contains: Some("x".repeat(257)), ..ChangeFilter::default() };
    let refused = store.list_changes(ChangeQuery { filter: long, ..ChangeQuery::default() }).await;
    assert!(matches!(refused, Err(StoreError::TooMuch { .. })), "{refused:?}");
    store.close().await;
}

async fn a_row_moves_through_lists_as_it_changes(database: TestDatabase) {
    let store = database.open().await;
    store.append(write(&[change_row(1), change_row(2)])).await.unwrap();
    let moved = ChangeRow {
        state: StateName::Approved,
        services: vec!["checkout".parse().unwrap(), "login".parse().unwrap()],
        updated_at: at(50),
        version: 2,
        ..change_row(1)
    };
    store
        .append(write(&[ChangeRow { state: StateName::Draft, ..moved.clone() }, moved.clone()]))
        .await
        .unwrap();
    assert_eq!(store.change(moved.change_id).await.unwrap(), Some(moved));
    for (service, expected) in [("cart", vec![2]), ("checkout", vec![1, 2]), ("login", vec![1])] {
        let filter = ChangeFilter { service: Some(service.parse().unwrap()), ..ChangeFilter::default() };
        assert_eq!(list(&store, filter).await, expected, "{service}");
    }
    let waiting = ChangeFilter { states: vec![StateName::AwaitingApproval], ..ChangeFilter::default() };
    assert_eq!(list(&store, waiting).await, [2]);
    store.close().await;
}

async fn a_cursor_of_another_list_is_refused(database: TestDatabase) {
    let store = database.open().await;
    store.append(write(&mixed_rows())).await.unwrap();
    let query = ChangeQuery { limit: 5, ..ChangeQuery::default() };
    let next = store.list_changes(query.clone()).await.unwrap().next;
    assert!(next.is_some());
    let by_id = ChangeOrder { by: ChangeSort::Id, descending: true };
    let filtered = ChangeFilter { states: vec![StateName::Draft], ..ChangeFilter::default() };
    for other in [
        ChangeQuery { order: by_id, after: next, ..query.clone() },
        ChangeQuery { filter: filtered, after: next, ..query.clone() },
    ] {
        let refused = store.list_changes(other).await;
        assert!(matches!(refused, Err(StoreError::InvalidCursor)), "{refused:?}");
    }
    let refused = store.list_incidents(IncidentQuery { after: next, ..IncidentQuery::default() }).await;
    assert!(matches!(refused, Err(StoreError::InvalidCursor)), "{refused:?}");
    let another_size = ChangeQuery { after: next, limit: 7, ..query };
    assert_eq!(
        store.list_changes(another_size).await.unwrap().rows.len(),
        7,
        "the size of a page may change"
    );
    let refused = store.list_changes(ChangeQuery { limit: 501, ..ChangeQuery::default() }).await;
    assert!(matches!(refused, Err(StoreError::TooMuch { limit: 500, .. })), "{refused:?}");
    store.close().await;
}

async fn counts_and_highest_numbers(database: TestDatabase) {
    let store = database.open().await;
    assert_eq!(store.count_changes_by_state().await.unwrap(), BTreeMap::new());
    assert_eq!(store.max_change_number(2026).await.unwrap(), 0);
    let old = ChangeRow { change_id: "CHG-2025-4294967295".parse().unwrap(), ..change_row(1) };
    let closed = ChangeRow { state: StateName::Closed, ..change_row(12) };
    store.append(write(&[change_row(1), change_row(7), closed, old])).await.unwrap();
    let expected = BTreeMap::from([(StateName::AwaitingApproval, 3), (StateName::Closed, 1)]);
    assert_eq!(store.count_changes_by_state().await.unwrap(), expected);
    assert_eq!(store.max_change_number(2026).await.unwrap(), 12);
    assert_eq!(store.max_change_number(2025).await.unwrap(), u32::MAX);
    assert_eq!(store.max_change_number(2027).await.unwrap(), 0);
    assert_eq!(store.max_incident_number(2026).await.unwrap(), 0);
    store.close().await;
}

async fn closed_changes_tell_how_they_ended_and_for_whom(database: TestDatabase) {
    let store = database.open().await;
    let ending = EndingRow { outcome: Outcome::RolledBack, closed_at: at(99), finding: None };
    let closed = ChangeRow {
        state: StateName::Closed,
        on_behalf_of: Some(actor(7)),
        ending: Some(ending),
        version: 9,
        ..change_row(2)
    };
    store.append(write(&[change_row(1), change_row(2)])).await.unwrap();
    assert_eq!(store.closed_changes().await.unwrap(), []);
    store.append(write(std::slice::from_ref(&closed))).await.unwrap();
    assert_eq!(store.change(closed.change_id).await.unwrap(), Some(closed.clone()));
    let found = store.closed_changes().await.unwrap();
    let [found] = &found[..] else { panic!("{found:?}") };
    assert_eq!((found.change_id, found.ending, &found.requester), (closed.change_id, ending, &actor(7)));
    assert_eq!((&found.services, found.version), (&closed.services, 9));
    let finding = Some(ReviewFinding::Succeeded);
    let reviewed = ChangeRow { ending: Some(EndingRow { finding, ..ending }), version: 10, ..closed };
    store.append(write(std::slice::from_ref(&reviewed))).await.unwrap();
    assert_eq!(store.change(reviewed.change_id).await.unwrap(), Some(reviewed));
    assert_eq!(store.closed_changes().await.unwrap()[0].ending.finding, finding);
    store.close().await;
}

async fn incidents_are_listed_the_last_first(database: TestDatabase) {
    let store = database.open().await;
    let rows = [
        incident_row(1),
        IncidentRow { severity: Severity::Minor, ..incident_row(2) },
        IncidentRow { state: IncidentState::Closed, version: 4, ..incident_row(3) },
        incident_row(4),
    ];
    let projections = rows.iter().map(|row| ProjectionRow::Incident(Box::new(row.clone()))).collect();
    store.append(Append { projections, ..Append::default() }).await.unwrap();
    let numbers = async |filter, after, limit| {
        let page = store.list_incidents(IncidentQuery { filter, after, limit }).await.unwrap();
        (page.rows.iter().map(|row| row.incident_id.number()).collect::<Vec<_>>(), page.next)
    };
    let (first, next) = numbers(IncidentFilter::default(), None, 3).await;
    assert_eq!(first, [4, 3, 2]);
    assert_eq!(numbers(IncidentFilter::default(), next, 3).await, (vec![1], None));
    let open = IncidentFilter { state: Some(IncidentState::Open), ..IncidentFilter::default() };
    assert_eq!(numbers(open, None, 0).await.0, [4, 2, 1]);
    let minor = IncidentFilter { severity: Some(Severity::Minor), ..IncidentFilter::default() };
    assert_eq!(numbers(minor, None, 0).await.0, [2]);
    let of_change = IncidentFilter { change_id: Some(change_row(3).change_id), ..IncidentFilter::default() };
    assert_eq!(numbers(of_change, None, 0).await.0, [3]);
    assert_eq!(store.incident(rows[2].incident_id).await.unwrap(), Some(rows[2].clone()));
    assert_eq!(store.max_incident_number(2026).await.unwrap(), 4);
    store.close().await;
}
