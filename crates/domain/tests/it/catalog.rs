//! The service catalogue: what a file may say, what it changes, and what depends on what.

use std::collections::{BTreeMap, BTreeSet};

use domain::catalog::{
    Catalog, CatalogEvent, DEPENDENCIES_MAX, Dependency, SERVICES_MAX, Service, Strength, Tier,
};
use domain::id::ServiceName;
use domain::text::FreeText;
use proptest::prelude::*;

fn name(text: &str) -> ServiceName {
    ServiceName::new(text).unwrap()
}

/// A service from lines such as `hard db` and `soft cache`.
pub(crate) fn service(service: &str, tier: u8, depends_on: &[&str]) -> Service {
    let depends_on = depends_on.iter().map(|line| {
        let (strength, service) = line.split_once(' ').unwrap();
        Dependency { service: name(service), strength: strength.parse().unwrap() }
    });
    Service {
        name: name(service),
        tier: Tier::try_from(tier).unwrap(),
        owner: Some(FreeText::new("platform team").unwrap()),
        depends_on: depends_on.collect(),
    }
}

fn fold(catalog: Catalog, events: &[CatalogEvent]) -> Catalog {
    events.iter().fold(catalog, Catalog::evolve)
}

/// The catalogue that a file alone makes.
pub(crate) fn catalog(services: &[Service]) -> Catalog {
    fold(Catalog::default(), &Catalog::default().declare(services).unwrap())
}

/// The names that fail with `changed`, each as its path.
fn paths(catalog: &Catalog, changed: &[&str]) -> Vec<String> {
    let changed: Vec<_> = changed.iter().map(|text| name(text)).collect();
    let reach = catalog.hard_dependents(&changed);
    let path = |name| reach.path(name).into_iter().map(ServiceName::as_str).collect::<Vec<_>>().join(" <- ");
    reach.dependents().iter().map(|name| path(name)).collect()
}

fn refusal(catalog: &Catalog, services: &[Service]) -> String {
    catalog.declare(services).unwrap_err().to_string()
}

#[test]
fn the_same_file_twice_makes_no_second_difference() {
    let file =
        [service("shop", 1, &["hard db", "soft cache"]), service("db", 0, &[]), service("cache", 2, &[])];
    let once = catalog(&file);
    assert_eq!(once.declare(&file).unwrap(), []);
    let reordered = [service("cache", 2, &[]), service("shop", 1, &["soft cache", "hard db"])];
    assert_eq!(
        once.declare(&reordered).unwrap(),
        [],
        "neither the order nor an absent service is a difference"
    );
    assert_eq!(once.replace(&file).unwrap(), []);
}

#[test]
fn a_changed_entry_is_one_event_and_replaces_the_earlier_one() {
    let before =
        catalog(&[service("shop", 1, &["hard db"]), service("db", 0, &[]), service("cache", 2, &[])]);
    let events = before.declare(&[service("shop", 2, &["hard cache"]), service("db", 0, &[])]).unwrap();
    assert_eq!(events, [CatalogEvent::ServiceDeclared { service: service("shop", 2, &["hard cache"]) }]);
    let after = fold(before, &events);
    assert_eq!(after.tier(&name("shop")), Some(Tier::Two));
    assert_eq!(paths(&after, &["db"]), Vec::<String>::new(), "the earlier dependency is gone");
    assert_eq!(paths(&after, &["cache"]), ["cache <- shop"]);
}

#[test]
fn services_are_retired_only_when_asked_for_and_not_needed() {
    let before = catalog(&[service("shop", 1, &["soft db"]), service("db", 0, &[]), service("old", 3, &[])]);
    let kept = [service("shop", 1, &["soft db"]), service("db", 0, &[])];
    let events = before.replace(&kept).unwrap();
    assert_eq!(events, [CatalogEvent::ServiceRetired { name: name("old") }]);
    let after = fold(before.clone(), &events);
    assert_eq!(after.len(), 2);
    assert_eq!(after.get(&name("old")), None);

    let retire = |names: &[&str]| before.retire(&names.iter().map(|text| name(text)).collect());
    assert_eq!(
        retire(&["db"]).unwrap_err().to_string(),
        "service `db` cannot be retired while `shop` depends on it: retire or redeclare `shop` too"
    );
    assert_eq!(
        retire(&["shp"]).unwrap_err().to_string(),
        "service `shp` is not in the catalogue: list its names, or did you mean `shop`?"
    );
    let emptied = fold(before.clone(), &retire(&["db", "shop", "old"]).unwrap());
    assert_eq!(emptied, Catalog::default());
    assert!(
        before.replace(&[service("shop", 1, &["soft db"])]).is_err(),
        "what would be retired cannot be needed"
    );
}

#[test]
fn a_file_that_contradicts_itself_is_refused_whole() {
    let known = catalog(&[service("cortex-chat-backend", 2, &[]), service("db", 1, &[])]);
    let shop = |depends_on: &[&str]| service("shop", 1, depends_on);
    for (file, expected) in [
        (vec![shop(&[]), shop(&[])], "service `shop` is declared twice: keep one of the two entries"),
        (
            vec![shop(&["hard shop"])],
            "service `shop` depends on itself: remove the entry from its `depends_on`",
        ),
        (
            vec![shop(&["hard db", "soft db"])],
            "service `shop` names `db` twice in `depends_on`: keep one entry, hard or soft",
        ),
        (
            vec![shop(&["hard cortex-chat-bakend"])],
            "service `shop` depends on `cortex-chat-bakend`, which is not in the catalogue: declare it in the same \
             file, or did you mean `cortex-chat-backend`?",
        ),
        (
            vec![service("fine", 3, &[]), shop(&["hard nowhere"])],
            "service `shop` depends on `nowhere`, which is not in the catalogue: declare it in the same file",
        ),
    ] {
        assert_eq!(refusal(&known, &file), expected);
    }
}

#[test]
fn limits_are_kept() {
    let many =
        |count: usize| -> Vec<Service> { (0..count).map(|i| service(&format!("s{i}"), 3, &[])).collect() };
    let error = refusal(&Catalog::default(), &many(SERVICES_MAX + 1));
    assert_eq!(error, "the catalogue would have 100001 services: at most 100000 are accepted; retire some");
    let mut file = many(DEPENDENCIES_MAX + 1);
    let lines: Vec<_> = file.iter().map(|service| format!("hard {}", service.name)).collect();
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    file.push(service("hub", 1, &lines));
    assert_eq!(
        refusal(&Catalog::default(), &file),
        "service `hub` has 1001 dependencies: at most 1000 are accepted"
    );
}

#[test]
fn hard_dependents_are_reached_by_a_shortest_path_and_soft_ones_are_not() {
    let catalog = catalog(&[
        service("db", 0, &[]),
        service("api", 1, &["hard db"]),
        service("shop", 2, &["hard api", "hard db"]),
        service("portal", 2, &["hard shop"]),
        service("reports", 3, &["soft db"]),
        service("mail", 3, &["hard reports"]),
    ]);
    assert_eq!(paths(&catalog, &["db"]), ["db <- api", "db <- shop", "db <- shop <- portal"]);
    assert_eq!(
        paths(&catalog, &["db", "shop"]),
        ["db <- api", "shop <- portal"],
        "the changed are not dependents"
    );
    assert_eq!(paths(&catalog, &["portal", "not-catalogued"]), Vec::<String>::new());
    let soft: Vec<_> =
        catalog.dependents(&name("db")).filter(|(_, strength)| *strength == Strength::Soft).collect();
    assert_eq!(soft, [(&name("reports"), Strength::Soft)]);
}

#[test]
fn cycles_are_accepted_and_traversal_ends() {
    let catalog =
        catalog(&[service("a", 1, &["hard c"]), service("b", 1, &["hard a"]), service("c", 1, &["hard b"])]);
    assert_eq!(paths(&catalog, &["a"]), ["a <- b", "a <- b <- c"]);
}

#[test]
fn a_name_that_was_probably_meant_is_suggested() {
    let catalog = catalog(&[
        service("cortex-chat-backend", 2, &[]),
        service("cortex-chat-backend-2", 2, &[]),
        service("db", 1, &[]),
        service("youtube-ingestion", 2, &[]),
    ]);
    let suggest = |text| catalog.suggest(text).into_iter().map(ServiceName::as_str).collect::<Vec<_>>();
    assert_eq!(suggest("cortex-chat-bakcend"), ["cortex-chat-backend"], "two letters swapped");
    assert_eq!(suggest("Cortex-Chat-Backend"), ["cortex-chat-backend", "cortex-chat-backend-2"]);
    assert_eq!(suggest("youtube_ingestion"), ["youtube-ingestion"]);
    assert_eq!(suggest("dbx"), ["db"]);
    assert_eq!(suggest("dxx"), Vec::<&str>::new(), "two edits turn a short name into anything");
    assert_eq!(suggest("orchestrator"), Vec::<&str>::new());
}

#[test]
fn a_number_that_is_no_tier_is_refused_with_the_accepted_ones() {
    let error = serde_json::from_str::<Tier>("4").unwrap_err().to_string();
    assert_eq!(error, "`4` is not a tier: expected 0 (critical), 1 (high), 2 (medium) or 3 (low)");
}

/// Up to eight services, each with a tier and dependencies on others of them.
fn any_services() -> impl Strategy<Value = Vec<Service>> {
    let edges = prop::collection::btree_map(0_usize..8, any::<bool>(), 0..4);
    prop::collection::vec((0_u8..4, edges), 1..8).prop_map(|entries| {
        let count = entries.len();
        let build = |(index, (tier, edges)): (usize, (u8, BTreeMap<usize, bool>))| {
            let targets = edges.into_iter().filter(|(target, _)| *target < count && *target != index);
            let lines: Vec<_> = targets
                .map(|(target, hard)| format!("{} s{target}", if hard { "hard" } else { "soft" }))
                .collect();
            service(&format!("s{index}"), tier, &lines.iter().map(String::as_str).collect::<Vec<_>>())
        };
        entries.into_iter().enumerate().map(build).collect()
    })
}

/// Hard dependents by repeated scanning until nothing new is found: slow and obviously right.
fn naive_dependents(services: &[Service], changed: &ServiceName) -> BTreeSet<ServiceName> {
    let mut failing = BTreeSet::from([changed.clone()]);
    loop {
        let needs_failing = |service: &&Service| {
            let mut hard =
                service.depends_on.iter().filter(|dependency| dependency.strength == Strength::Hard);
            hard.any(|dependency| failing.contains(&dependency.service))
        };
        let next: BTreeSet<_> =
            services.iter().filter(needs_failing).map(|service| service.name.clone()).collect();
        let before = failing.len();
        failing.extend(next);
        if failing.len() == before {
            failing.remove(changed);
            return failing;
        }
    }
}

proptest! {
    #[test]
    fn declaring_is_idempotent_from_any_earlier_catalogue(before in any_services(), file in any_services()) {
        let before = catalog(&before);
        for events in [before.declare(&file), before.replace(&file)].into_iter().flatten() {
            let after = fold(before.clone(), &events);
            prop_assert_eq!(after.declare(&file).unwrap(), []);
            for service in &file {
                prop_assert_eq!(after.tier(&service.name), Some(service.tier));
            }
        }
        let replaced = fold(before.clone(), &before.replace(&file).unwrap());
        prop_assert_eq!(replaced, catalog(&file));
    }

    #[test]
    fn reach_is_exactly_what_fails_and_every_path_is_made_of_hard_dependencies(file in any_services()) {
        let catalog = catalog(&file);
        let changed = name("s0");
        let reach = catalog.hard_dependents([&changed]);
        let dependents: BTreeSet<_> = reach.dependents().iter().map(|name| (*name).clone()).collect();
        prop_assert_eq!(dependents.len(), reach.dependents().len(), "nothing is listed twice");
        prop_assert_eq!(dependents, naive_dependents(&file, &changed));
        let mut length_before = 0;
        for dependent in reach.dependents() {
            let path = reach.path(dependent);
            prop_assert_eq!(path.first(), Some(&&changed));
            prop_assert_eq!(path.last(), Some(dependent));
            prop_assert!(path.len() >= length_before, "the nearest come first");
            length_before = path.len();
            for pair in path.windows(2) {
                let link = (pair[1], Strength::Hard);
                prop_assert!(catalog.dependents(pair[0]).any(|found| found == link));
            }
        }
    }
}
