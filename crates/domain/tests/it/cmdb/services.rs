//! The file of services, as a source of the CMDB.

use std::collections::BTreeSet;

use domain::catalog::{CatalogError, DEPENDENCIES_MAX, Dependency, SERVICES_MAX, Service, Tier};
use domain::cmdb::{CiType, Cmdb, Deletion, Difference, ImportPlan, SourceName};
use domain::id::ServiceName;
use domain::text::FreeText;

use super::fixture::{import, take_in};

/// A service from lines such as `hard db` and `soft cache`.
pub(crate) fn service(service: &str, tier: u8, depends_on: &[&str]) -> Service {
    let name = |text| ServiceName::new(text).unwrap();
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

/// The CMDB that a file alone makes.
pub(crate) fn landscape(services: &[Service]) -> Cmdb {
    let mut cmdb = Cmdb::default();
    let plan = cmdb.plan_services(services, &BTreeSet::new()).unwrap();
    take_in(&mut cmdb, &plan, 0);
    cmdb
}

fn refusal(cmdb: &Cmdb, services: &[Service]) -> String {
    cmdb.plan_services(services, &BTreeSet::new()).unwrap_err().to_string()
}

fn apply(cmdb: &Cmdb, services: &[Service], retire: &[&str]) -> Result<ImportPlan, CatalogError> {
    let retire: BTreeSet<_> = retire.iter().map(|name| ServiceName::new(*name).unwrap()).collect();
    cmdb.plan_services(services, &retire)
}

fn retire(cmdb: &Cmdb, names: &[&str]) -> Result<ImportPlan, CatalogError> {
    apply(cmdb, &[], names)
}

fn shown(plan: &ImportPlan) -> Vec<String> {
    plan.changes.iter().map(|change| format!("{} {}", change.difference, change.name)).collect()
}

#[test]
fn a_service_is_an_item_and_the_same_file_twice_makes_no_second_difference() {
    let file =
        [service("shop", 1, &["hard db", "soft cache"]), service("db", 0, &[]), service("cache", 2, &[])];
    let cmdb = landscape(&file);
    let shop = cmdb.described("shop").unwrap();
    assert_eq!(shop.ci_type(), Some(CiType::Service));
    let tier = shop.tier().unwrap();
    assert_eq!((tier.tier, tier.source), (Tier::One, &SourceName::catalog()));
    let links: BTreeSet<_> = shop
        .leans_on()
        .map(|link| format!("{} {} {}", link.relation_type, link.strength, link.ci.name()))
        .collect();
    assert_eq!(links.into_iter().collect::<Vec<_>>(), ["depends_on hard db", "depends_on soft cache"]);
    assert_eq!(cmdb.services(), 3);
    let turned = [service("cache", 2, &[]), service("shop", 1, &["soft cache", "hard db"])];
    let again = apply(&cmdb, &turned, &[]).unwrap();
    assert_eq!((again.changes.len(), again.unchanged), (0, 2), "neither order nor absence is a difference");
    let changed = [service("shop", 1, &["soft cache"]), service("mail", 3, &["hard cache"])];
    let plan = apply(&cmdb, &changed, &["db"]).unwrap();
    assert_eq!(shown(&plan), ["changed shop", "new mail", "withdrawn db"]);
}

#[test]
fn a_file_that_contradicts_itself_is_refused_whole() {
    let mut known = landscape(&[service("cortex-chat-backend", 2, &[]), service("db", 1, &[])]);
    import(&mut known, "kubernetes", &[("Deployment/shop/queue", &[])], Deletion::Keep, 0);
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
            vec![shop(&["hard queue"])],
            "service `shop` depends on `queue`, which is not in the catalogue: declare it in the same file, or did \
             you mean `Deployment/shop/queue`?",
        ),
        (
            vec![service("fine", 3, &[]), shop(&["hard nowhere"])],
            "service `shop` depends on `nowhere`, which is not in the catalogue: declare it in the same file",
        ),
    ] {
        assert_eq!(refusal(&known, &file), expected);
    }
    assert!(apply(&known, &[shop(&["hard Deployment/shop/queue"])], &[]).is_ok());
    assert_eq!(
        apply(&known, &[shop(&["hard db"])], &["db"]).unwrap_err().to_string(),
        "service `db` cannot be retired while `shop` depends on it: retire or redeclare `shop` too"
    );
    assert_eq!(
        apply(&known, &[service("db", 1, &[])], &["db"]).unwrap_err().to_string(),
        "service `db` is both declared and retired: keep one of the two"
    );
}

#[test]
fn services_are_retired_only_when_nothing_that_stays_needs_them() {
    let mut cmdb =
        landscape(&[service("shop", 1, &["soft db"]), service("db", 0, &[]), service("old", 3, &[])]);
    assert_eq!(
        retire(&cmdb, &["db"]).unwrap_err().to_string(),
        "service `db` cannot be retired while `shop` depends on it: retire or redeclare `shop` too"
    );
    assert_eq!(
        retire(&cmdb, &["shp"]).unwrap_err().to_string(),
        "service `shp` is not in the catalogue: list its names, or did you mean `shop`?"
    );
    assert_eq!(shown(&retire(&cmdb, &["db", "shop"]).unwrap()), ["withdrawn db", "withdrawn shop"]);
    import(&mut cmdb, "kubernetes", &[("Pod/shop/x", &["uses hard old"]), ("db", &[])], Deletion::Keep, 1);
    assert_eq!(
        retire(&cmdb, &["old"]).unwrap_err().to_string(),
        "service `old` cannot be retired while `Pod/shop/x` depends on it: retire or redeclare `Pod/shop/x` too"
    );
    let plan = retire(&cmdb, &["db"]).unwrap();
    assert_eq!(plan.count(Difference::Withdrawn), 1, "another source still describes it");
    assert!(retire(&cmdb, &["Pod/shop/x"]).is_err(), "the catalogue does not have it");
    take_in(&mut cmdb, &plan, 2);
    assert_eq!(cmdb.described("db").and_then(|ci| ci.ci_type()), Some(CiType::Workload));
}

#[test]
fn limits_are_kept() {
    let many =
        |count: usize| -> Vec<Service> { (0..count).map(|i| service(&format!("s{i}"), 3, &[])).collect() };
    let empty = Cmdb::default();
    assert_eq!(
        refusal(&empty, &many(SERVICES_MAX + 1)),
        "the catalogue would have 100001 services: at most 100000 are accepted; retire some"
    );
    let some = landscape(&[service("other", 3, &[])]);
    assert!(apply(&some, &many(SERVICES_MAX), &["other"]).is_ok());
    assert!(apply(&some, &many(SERVICES_MAX), &[]).is_err());
    let mut file = many(DEPENDENCIES_MAX + 1);
    let lines: Vec<_> = file.iter().map(|service| format!("hard {}", service.name)).collect();
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    file.push(service("hub", 1, &lines));
    assert_eq!(refusal(&empty, &file), "service `hub` has 1001 dependencies: at most 1000 are accepted");
}

#[test]
fn a_number_that_is_no_tier_is_refused_with_the_accepted_ones() {
    let error = serde_json::from_str::<Tier>("4").unwrap_err().to_string();
    assert_eq!(error, "`4` is not a tier: expected 0 (critical), 1 (high), 2 (medium) or 3 (low)");
}
