//! What a failure reaches, and how near misses are found.

use domain::catalog::Tier;
use domain::cmdb::{CiType, Cmdb, Cut, Deletion, Description, Follow, Reach, ReachLimits};

use super::fixture::{ci, cmdb, day, described, import, said, source};

fn shop() -> Cmdb {
    let mut cmdb = cmdb(&[
        "Deployment/shop/cart: runs_on hard node-1, connects_to hard db, uses hard ConfigMap/shop/cart",
        "Deployment/shop/search: runs_on soft node-1, connects_to soft db",
        "db: runs_on hard node-2, uses hard PersistentVolume/default/db",
    ]);
    let service = Description {
        ci_type: CiType::Service,
        tier: Some(Tier::One),
        compliance: [domain::cmdb::ComplianceScope::new("PCI").unwrap()].into(),
        ..described(
            "catalog",
            &["contains hard Deployment/shop/cart", "contains hard Deployment/shop/search"],
        )
    };
    cmdb.evolve(&ci("shop"), &said(service), day(1));
    cmdb
}

/// Each path as `changed <type strength- next …`.
fn paths(reach: &Reach<'_>) -> Vec<String> {
    let path = |reached| {
        let path = reach.path(&reached);
        let hops = path
            .hops
            .iter()
            .map(|hop| format!(" <-{} {}- {}", hop.relation_type, hop.strength, hop.ci.name()));
        format!("{}{}", path.start.name(), hops.collect::<String>())
    };
    reach.reached().map(path).collect()
}

fn hard<'a>(cmdb: &'a Cmdb, changed: &[&str]) -> Reach<'a> {
    let changed = changed.iter().filter_map(|name| cmdb.get(name));
    cmdb.reach(changed, Follow::Hard, ReachLimits::default())
}

#[test]
fn a_failure_reaches_what_leans_on_it_and_each_path_says_how() {
    let cmdb = shop();
    assert_eq!(
        paths(&hard(&cmdb, &["node-2"])),
        [
            "node-2 <-runs_on hard- db",
            "node-2 <-runs_on hard- db <-connects_to hard- Deployment/shop/cart",
            "node-2 <-runs_on hard- db <-connects_to hard- Deployment/shop/cart <-contains hard- shop",
        ]
    );
    let reach = hard(&cmdb, &["node-2"]);
    assert_eq!(reach.by_depth(), [(1, 1), (2, 1), (3, 1)].into());
    assert_eq!(reach.by_tier(), [(Tier::One, 1)].into());
    assert_eq!(reach.services().map(|reached| reached.ci.name()).collect::<Vec<_>>(), ["shop"]);
    assert_eq!(reach.compliance().map(|scope| scope.as_str()).collect::<Vec<_>>(), ["PCI"]);
    let all = cmdb.reach(cmdb.get("db"), Follow::HardAndSoft, ReachLimits::default());
    assert_eq!(all.by_depth(), [(1, 2), (2, 1)].into());
    assert_eq!(paths(&hard(&cmdb, &["shop"])), Vec::<String>::new());
}

#[test]
fn what_is_only_named_reaches_as_far_and_is_visibly_not_described() {
    let cmdb = shop();
    let volume = cmdb.get("PersistentVolume/default/db").unwrap();
    assert!(!volume.is_described() && volume.ci_type().is_none() && volume.tier().is_none());
    assert_eq!(hard(&cmdb, &["PersistentVolume/default/db"]).reached().len(), 3);
    assert_eq!((cmdb.len(), cmdb.only_named_count()), (4, 4));
    assert!(cmdb.described("PersistentVolume/default/db").is_none());
}

#[test]
fn circles_end_and_items_named_twice_count_once() {
    let cmdb = cmdb(&["a: depends_on hard c", "b: depends_on hard a", "c: depends_on hard b, uses hard b"]);
    assert_eq!(hard(&cmdb, &["a", "a"]).by_depth(), [(1, 1), (2, 1)].into());
    assert_eq!(hard(&cmdb, &["a", "b", "c"]).reached().len(), 0);
    assert_eq!(hard(&cmdb, &[]).reached().len(), 0);
}

#[test]
fn a_search_of_a_hub_stops_at_its_limit_and_says_so() {
    let names: Vec<_> = (0..2_000).map(|i| format!("w{i}")).collect();
    let items: Vec<(&str, &[&str])> =
        names.iter().map(|name| (name.as_str(), &["runs_on hard cluster"][..])).collect();
    let mut cmdb = Cmdb::default();
    import(&mut cmdb, "import", &items, Deletion::Keep, 0);
    assert_eq!(hard(&cmdb, &["cluster"]).reached().len(), 2_000);
    let limited = cmdb.reach(
        cmdb.get("cluster"),
        Follow::Hard,
        ReachLimits { items_max: 100, ..ReachLimits::default() },
    );
    assert_eq!((limited.reached().len(), limited.cut()), (100, Some(Cut::Items)));
    let moved: Vec<(&str, &[&str])> =
        names.iter().map(|name| (name.as_str(), &["runs_on hard other"][..])).collect();
    for part in moved.chunks(500) {
        import(&mut cmdb, "import", part, Deletion::Keep, 1);
        let counts = ["cluster", "other"].map(|name| hard(&cmdb, &[name]).reached().len());
        assert_eq!(counts.iter().sum::<usize>(), 2_000, "an edit is seen at once: {counts:?}");
    }
    assert!(cmdb.get("cluster").is_none(), "nothing refers to it any more");
}

#[test]
fn a_name_that_was_probably_meant_is_suggested() {
    let mut cmdb = cmdb(&[
        "cortex-chat-backend:",
        "cortex-chat-backend-2:",
        "db: uses hard dc",
        "Deployment/shop/cart:",
        "Service/shop/cart:",
    ]);
    for (given, expected) in [
        ("cortex-chat-bakcend", &["cortex-chat-backend"][..]),
        ("Cortex-Chat-Backend", &["cortex-chat-backend", "cortex-chat-backend-2"]),
        ("dbx", &["db"]),
        ("dxx", &[]),
        ("da", &["db"]),
        ("Cart", &["Deployment/shop/cart", "Service/shop/cart"]),
        ("deployment/shop/crat", &["Deployment/shop/cart"]),
        ("orchestrator", &[]),
        ("", &[]),
    ] {
        assert_eq!(cmdb.suggest(given), expected, "{given}");
    }
    cmdb.evolve(&ci("db"), &domain::cmdb::CiEvent::Withdrawn { source: source("import") }, day(1));
    assert_eq!(cmdb.suggest("dbx"), Vec::<&str>::new(), "what is retired is not suggested");
    assert_eq!(Cmdb::default().suggest("anything"), Vec::<&str>::new());
}

/// One service may lean on several changed items, of which the paths that are told show one.
#[test]
fn every_changed_item_is_told_apart_by_what_leans_on_it() {
    let mut cmdb = shop();
    let changed = ["ConfigMap/shop/cart", "node-1", "PersistentVolume/default/db", "node-3"];
    let names = |cis: Vec<domain::cmdb::Ci<'_>>| -> Vec<String> {
        cis.iter().map(|ci| ci.name().to_owned()).collect()
    };
    cmdb.evolve(&ci("lonely"), &said(described("import", &["runs_on hard node-3"])), day(1));
    let reach = hard(&cmdb, &changed);
    // The shop contains the cart, which leans on the first three; nothing with a tier leans on the last one.
    assert_eq!(names(reach.changed_without(|ci| ci.tier().is_some())), ["node-3"]);
    assert_eq!(names(reach.changed_without(|_| false)), changed);
    assert_eq!(names(reach.changed_without(|ci| ci.name() == "lonely")).len(), 3);
    assert!(reach.changed_without(|_| true).is_empty());
}

#[test]
fn what_nothing_leans_on_is_the_last() {
    let cmdb = shop();
    let reach = hard(&cmdb, &["node-2"]);
    let last: Vec<_> =
        reach.reached().map(|reached| (reached.ci.name().to_owned(), reached.is_last())).collect();
    for (name, is_last) in &last {
        assert_eq!(cmdb.get(name).unwrap().is_last(), *is_last, "{name}");
    }
    assert_eq!(
        last.iter().filter(|(_, is_last)| *is_last).map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["shop"]
    );
    // Also where the search ended before it came there.
    let limits = ReachLimits { items_max: 2, ..ReachLimits::default() };
    let cut = cmdb.reach(cmdb.get("node-2"), Follow::Hard, limits);
    assert_eq!(cut.cut(), Some(Cut::Items));
    assert!(cut.reached().all(|reached| !reached.is_last()));
}
