//! Configuration items: their list, the changes that named them, and the events of many streams at once.

use domain::catalog::Tier;
use domain::cmdb::{CiType, Lifecycle};
use store::{
    Append, ChangeFilter, ChangeQuery, ChangeRow, CiFacts, CiFilter, CiOrder, CiQuery, CiRow, CiSort,
    EventPlace, ProjectionRow, Store, StoreError, StreamName, StreamSet,
};

use crate::harness::{
    TestDatabase, append_to, at, change_row, ci_row, event, on_both_databases, source, stream, to,
};

on_both_databases!(
    pages_of_every_order_are_the_whole_list,
    every_filter_finds_exactly_its_items,
    an_item_moves_through_lists_as_it_changes,
    a_change_is_found_by_every_item_it_names,
    events_of_many_streams_come_by_stream_and_version,
    the_longest_id_has_a_stream,
);

fn write(rows: &[CiRow]) -> Append {
    let projections = rows.iter().map(|row| ProjectionRow::Ci(Box::new(row.clone()))).collect();
    Append { projections, ..Append::default() }
}

fn facts(row: &CiRow) -> CiFacts {
    row.facts.clone().unwrap()
}

async fn ids(store: &Store, filter: CiFilter) -> Vec<String> {
    let page = store.list_cis(CiQuery { filter, ..CiQuery::default() }).await.unwrap();
    page.rows.iter().map(|row| row.id.to_string()).collect()
}

async fn pages_of_every_order_are_the_whole_list(database: TestDatabase) {
    let store = database.open().await;
    let rows: Vec<_> = (0..23_i64)
        .map(|number| {
            let row = ci_row(&format!(
                "Deployment/{}/{number}",
                ["a", "B", "a.b"][usize::try_from(number).unwrap() % 3]
            ));
            let tier = Tier::ALL.get(usize::try_from(number % 6).unwrap()).copied();
            CiRow { facts: Some(CiFacts { tier, ..facts(&row) }), updated_at: at(number % 5), ..row }
        })
        .collect();
    store.append(write(&rows)).await.unwrap();
    for (by, descending) in
        [CiSort::Id, CiSort::Updated, CiSort::Tier].into_iter().flat_map(|by| [(by, false), (by, true)])
    {
        let key = |row: &CiRow| match by {
            CiSort::Id => 0,
            CiSort::Updated => row.updated_at.as_second(),
            CiSort::Tier => facts(row).tier.map_or(9, |tier| i64::from(tier.number())),
        };
        let mut expected = rows.clone();
        expected.sort_by_key(|row| (key(row), row.id.clone()));
        if descending {
            expected.reverse();
        }
        for limit in [1, 7, 23, 500] {
            let mut query = CiQuery { order: CiOrder { by, descending }, limit, ..CiQuery::default() };
            let mut found = Vec::new();
            loop {
                let page = store.list_cis(query.clone()).await.unwrap();
                found.extend(page.rows);
                match page.next {
                    Some(next) => query.after = Some(next.to_string().parse().unwrap()),
                    None => break,
                }
            }
            assert_eq!(found, expected, "{by:?} descending {descending} by {limit}");
        }
    }
    let page = store.list_cis(CiQuery { limit: 1, ..CiQuery::default() }).await.unwrap();
    let order = CiOrder { by: CiSort::Tier, descending: false };
    let other = CiQuery { order, after: page.next, ..CiQuery::default() };
    assert!(matches!(store.list_cis(other).await, Err(StoreError::InvalidCursor)));
    store.close().await;
}

async fn every_filter_finds_exactly_its_items(database: TestDatabase) {
    let store = database.open().await;
    let with = |id: &str, edit: fn(&mut CiFacts)| {
        let row = ci_row(id);
        let mut facts = facts(&row);
        edit(&mut facts);
        CiRow { facts: Some(facts), ..row }
    };
    let rows = [
        ci_row("a"),
        with("b", |facts| facts.ci_type = CiType::Database),
        with("c", |facts| facts.tier = None),
        with("d", |facts| facts.owner = Some("Shop-Team".to_owned())),
        with("e_1", |facts| facts.environment = None),
        with("E21", |facts| facts.lifecycle = Lifecycle::Deprecated),
        CiRow { sources: vec![source("manual"), source("Kubernetes:shop")], ..ci_row("f") },
        CiRow { facts: None, sources: vec![], ..ci_row("gone") },
    ];
    store.append(write(&rows)).await.unwrap();
    let all = CiFilter::default;
    let filters = [
        (all(), vec!["E21", "a", "b", "c", "d", "e_1", "f"]),
        (CiFilter { types: vec![CiType::Database, CiType::Queue], ..all() }, vec!["b"]),
        (CiFilter { tiers: vec![Tier::Two, Tier::Zero], ..all() }, vec!["E21", "a", "b", "d", "e_1", "f"]),
        (CiFilter { owner: Some("Shop-Team".to_owned()), ..all() }, vec!["d"]),
        (
            CiFilter { environment: Some("production".parse().unwrap()), ..all() },
            vec!["E21", "a", "b", "c", "d", "f"],
        ),
        (CiFilter { lifecycles: vec![Lifecycle::Deprecated], ..all() }, vec!["E21"]),
        (CiFilter { source: Some(source("manual")), ..all() }, vec!["f"]),
        (CiFilter { source: Some(source("Kubernetes:shop")), ..all() }, vec!["f"]),
        (CiFilter { id_contains: Some("e_".to_owned()), ..all() }, vec!["e_1"]),
        (CiFilter { id_contains: Some("e2".to_owned()), ..all() }, vec!["E21"]),
        (CiFilter { id_contains: Some("%".to_owned()), ..all() }, vec![]),
        (CiFilter { types: vec![CiType::Workload], tiers: vec![Tier::One], ..all() }, vec![]),
    ];
    for (filter, expected) in filters {
        assert_eq!(ids(&store, filter.clone()).await, expected, "{filter:?}");
    }
    let long = CiFilter { id_contains: Some("x".repeat(385)), ..all() };
    let refused = store.list_cis(CiQuery { filter: long, ..CiQuery::default() }).await;
    assert!(matches!(refused, Err(StoreError::TooMuch { .. })), "{refused:?}");
    store.close().await;
}

async fn an_item_moves_through_lists_as_it_changes(database: TestDatabase) {
    let store = database.open().await;
    let of = |name: &str| CiFilter { source: Some(source(name)), ..CiFilter::default() };
    let first = ci_row("a");
    store.append(write(std::slice::from_ref(&first))).await.unwrap();
    let second = CiRow { sources: vec![source("manual")], version: 2, updated_at: at(9), ..ci_row("a") };
    store.append(write(std::slice::from_ref(&second))).await.unwrap();
    assert_eq!(store.ci(&first.id).await.unwrap(), Some(second));
    assert_eq!(
        (ids(&store, of("kubernetes:shop")).await, ids(&store, of("manual")).await),
        (vec![], vec!["a".to_owned()])
    );
    let gone = CiRow { facts: None, sources: vec![], version: 3, ..ci_row("a") };
    store.append(write(std::slice::from_ref(&gone))).await.unwrap();
    assert_eq!(store.ci(&first.id).await.unwrap(), Some(gone));
    assert!(ids(&store, of("manual")).await.is_empty() && ids(&store, CiFilter::default()).await.is_empty());
    assert_eq!(store.ci(&"b".parse().unwrap()).await.unwrap(), None);
    store.close().await;
}

async fn a_change_is_found_by_every_item_it_names(database: TestDatabase) {
    let store = database.open().await;
    let row = |number, cis: &[&str]| ChangeRow {
        cis: cis.iter().map(|ci| ci.parse().unwrap()).collect(),
        ..change_row(number)
    };
    let write = |rows: Vec<ChangeRow>| Append {
        projections: rows.into_iter().map(|row| ProjectionRow::Change(Box::new(row))).collect(),
        ..Append::default()
    };
    store.append(write(vec![row(1, &["db", "cart"]), row(2, &["db"]), row(3, &[])])).await.unwrap();
    let naming = async |ci: &str| {
        let filter = ChangeFilter { ci: Some(ci.parse().unwrap()), ..ChangeFilter::default() };
        let page = store.list_changes(ChangeQuery { filter, ..ChangeQuery::default() }).await.unwrap();
        page.rows.iter().map(|row| row.change_id.number()).collect::<Vec<_>>()
    };
    assert_eq!(naming("db").await, [2, 1]);
    // `cart` is an item of the first and a service of all of them.
    assert_eq!(naming("cart").await, [3, 2, 1]);
    store.append(write(vec![row(1, &["queue"])])).await.unwrap();
    assert_eq!((naming("db").await, naming("queue").await), (vec![2], vec![1]));
    assert_eq!(store.change(row(1, &[]).change_id).await.unwrap(), Some(row(1, &["queue"])));
    store.close().await;
}

async fn events_of_many_streams_come_by_stream_and_version(database: TestDatabase) {
    let store = database.open().await;
    let names = ["ci/a", "ci/a/b", "ci/b", "cj", "ci/B", "change/x"];
    let streams = names.iter().map(|name| to(name, 0, vec![event(0, "one"), event(1, "two")])).collect();
    store.append(Append { streams, ..Append::default() }).await.unwrap();
    store.append(append_to("ci/a", 2, vec![event(2, "three")])).await.unwrap();
    let read = async |set: StreamSet, limit: usize| {
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page = store.read_streams(&set, after.as_ref(), limit).await.unwrap();
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break found };
            after = Some(EventPlace::of(last));
            found.extend(page.iter().map(|event| (event.stream.to_string(), event.version)));
        }
    };
    let expected: Vec<_> = [
        ("ci/B", 1),
        ("ci/B", 2),
        ("ci/a", 1),
        ("ci/a", 2),
        ("ci/a", 3),
        ("ci/a/b", 1),
        ("ci/a/b", 2),
        ("ci/b", 1),
        ("ci/b", 2),
    ]
    .map(|(name, version)| (name.to_owned(), version))
    .into();
    let named = |names: &[&str]| StreamSet::Named(names.iter().map(|name| stream(name)).collect());
    for limit in [1, 2, 5, 1000] {
        assert_eq!(read(StreamSet::WithPrefix("ci/".to_owned()), limit).await, expected, "{limit}");
        assert_eq!(
            read(named(&["ci/b", "ci/a", "ci/B", "ci/none", "ci/a/b"]), limit).await,
            expected,
            "{limit}"
        );
        assert_eq!(read(named(&["ci/a/b"]), limit).await, expected[5..7]);
    }
    assert_eq!(read(named(&[]), 9).await, []);
    let page = store.read_streams(&named(&["ci/b"]), None, 9).await.unwrap();
    assert_eq!(page, store.read_stream(&stream("ci/b"), 1).await.unwrap());
    let many = StreamSet::Named(vec![stream("ci/a"); 1001]);
    assert!(matches!(store.read_streams(&many, None, 1).await, Err(StoreError::TooMuch { .. })));
    assert!(matches!(
        store.read_streams(&named(&["ci/a"]), None, 1001).await,
        Err(StoreError::TooMuch { .. })
    ));
    store.close().await;
}

async fn the_longest_id_has_a_stream(database: TestDatabase) {
    let store = database.open().await;
    let id = "x".repeat(384).parse().unwrap();
    let name = StreamName::ci(&id);
    store.append(append_to(name.as_str(), 0, vec![event(0, "words")])).await.unwrap();
    let [event] = &store.read_stream(&name, 1).await.unwrap()[..] else { panic!("one event") };
    assert_eq!(event.stream.as_ci(), Some(id));
    store.close().await;
}
