//! Configuration items in an assessment: parts of services count with what they are parts of.

use domain::catalog::Tier;
use domain::change::Content;
use domain::cmdb::{CiType, Cmdb, ComplianceScope, Description};
use domain::risk::{BlastClass, Level};

use super::fixture::{assess_new, cis, services, small_tested_change};
use super::{explain, facts};
use crate::cmdb::fixture::{ci, day, described, said};

fn tiered(by: &str, ci_type: CiType, tier: u8, relations: &[&str]) -> Description {
    let tier = Some(Tier::try_from(tier).unwrap());
    Description { ci_type, tier, ..described(by, relations) }
}

/// A shop of two workloads on one database, with a portal before it, and a few items that belong to nothing.
fn shop() -> Cmdb {
    let mut cmdb = Cmdb::default();
    let contained = &["contains hard Deployment/shop/cart", "contains hard Deployment/shop/search"];
    let items = [
        ("shop", tiered("catalog", CiType::Service, 1, contained)),
        ("portal", tiered("catalog", CiType::Service, 2, &["depends_on hard shop"])),
        ("wiki", tiered("catalog", CiType::Service, 3, &["contains hard Deployment/wiki/app"])),
        ("Deployment/wiki/app", described("kubernetes", &["uses hard ConfigMap/wiki/app"])),
        ("ConfigMap/wiki/app", described("kubernetes", &[])),
        ("Deployment/shop/cart", described("kubernetes", &["connects_to hard StatefulSet/shop/db"])),
        ("Deployment/shop/search", described("kubernetes", &["connects_to soft StatefulSet/shop/db"])),
        (
            "StatefulSet/shop/db",
            Description {
                compliance: [ComplianceScope::new("PCI").unwrap()].into(),
                ..described("kubernetes", &["uses hard Secret/shop/db"])
            },
        ),
        ("loop", tiered("catalog", CiType::Service, 2, &["contains hard Deployment/loop/app"])),
        ("Deployment/loop/app", described("kubernetes", &["connects_to hard loop"])),
        ("CronJob/batch/report", described("kubernetes", &["uses hard Host/batch"])),
        ("CronJob/batch/mail", described("kubernetes", &["uses hard Host/batch"])),
        ("Host/batch", tiered("manual", CiType::Host, 3, &[])),
    ];
    for (days, (name, description)) in (0..).zip(items) {
        cmdb.evolve(&ci(name), &said(description), day(days));
    }
    // More services, so that none of the changes reaches a quarter of all.
    for i in 0..12 {
        cmdb.evolve(&ci(&format!("s{i}")), &said(tiered("catalog", CiType::Service, 2, &[])), day(0));
    }
    cmdb
}

fn changing(names: &[&str]) -> Content {
    Content { affected_services: services(&[]), affected_cis: cis(names), ..small_tested_change("nothing") }
}

#[test]
fn an_item_counts_with_the_services_that_fail_with_it() {
    use BlastClass::{Component, MultiService, SingleService};
    let cmdb = shop();
    for (changed, class, tier, sentence) in [
        (
            &["ConfigMap/wiki/app"][..],
            Component,
            Tier::Three,
            "it changes a part of one Tier 3 service that nothing depends on",
        ),
        (&["StatefulSet/shop/db"], MultiService, Tier::One, "it changes parts of 2 services"),
        (&["wiki"], Component, Tier::Three, "it changes one Tier 3 service that nothing depends on"),
        (
            &["Deployment/wiki/app", "wiki"],
            Component,
            Tier::Three,
            "it changes one Tier 3 service that nothing depends on",
        ),
        (&["loop"], SingleService, Tier::Two, "only its own parts would fail with it"),
        (&["portal"], Component, Tier::Two, "it changes a part of one service that nothing depends on"),
        (&["Host/batch"], MultiService, Tier::Three, "it changes parts of 2 configuration items"),
        (
            &["CronJob/batch/report"],
            Component,
            Tier::One,
            "it changes a part of one service that nothing depends on",
        ),
        (
            &["CronJob/batch/report", "wiki"],
            MultiService,
            Tier::One,
            "it changes 1 service and 1 configuration item",
        ),
        (&["shop"], MultiService, Tier::One, "1 other service would fail with it"),
        (&["Secret/shop/db"], MultiService, Tier::One, "it changes parts of 2 services"),
    ] {
        let blast = assess_new(&changing(changed), &cmdb).blast_radius;
        let given = (blast.class, blast.highest_tier, blast.sentence.as_str());
        assert_eq!(given, (class, tier, sentence), "{changed:?}");
    }
}

#[test]
fn a_tier_that_nobody_states_is_missing_and_counts_as_tier_1() {
    let cmdb = shop();
    let assessment = assess_new(&changing(&["CronJob/batch/report"]), &cmdb);
    assert_eq!(facts(&assessment), ["tier"]);
    assert_eq!(
        assessment.missing[0].sentence,
        "1 configuration item of unknown tier: `CronJob/batch/report`; counted as Tier 1; state its tier, or what \
         contains or needs it"
    );
    assert_eq!((assessment.factors.impact.value.get(), assessment.level), (75, Level::Medium));
    let part = assess_new(&changing(&["ConfigMap/wiki/app"]), &cmdb);
    assert_eq!(
        (facts(&part), part.factors.impact.value.get()),
        (vec![], 25),
        "wiki is Tier 3 and contains it"
    );
    let both = assess_new(&changing(&["ConfigMap/wiki/app", "CronJob/batch/report"]), &cmdb);
    assert_eq!(both.missing[0].names, ["CronJob/batch/report"]);
}

#[test]
fn an_item_that_nobody_describes_is_named_with_what_was_probably_meant() {
    let cmdb = shop();
    let assessment = assess_new(&changing(&["Deployment/shop/crat", "Secret/shop/db", "nowhere"]), &cmdb);
    assert_eq!(facts(&assessment), ["affected_services", "configuration_item"]);
    assert_eq!(
        assessment.missing[1].sentence,
        "3 configuration items not described anywhere: `Deployment/shop/crat`, `Secret/shop/db`, `nowhere`; counted \
         as Tier 1; did you mean `Deployment/shop/cart`?"
    );
    assert_eq!(assessment.blast_radius.dependents_count, 4, "relations lead to the secret all the same");
    assert!(assessment.level >= Level::Medium);
    let service = Content { affected_services: services(&["cart"]), ..changing(&[]) };
    let sentence = &assess_new(&service, &cmdb).missing[0].sentence;
    assert!(sentence.ends_with("did you mean `Deployment/shop/cart`?"), "{sentence}");
}

#[test]
fn rule_books_of_what_is_changed_or_reached_are_in_the_assessment() {
    let cmdb = shop();
    let books = |names: &[&str]| {
        let assessment = assess_new(&changing(names), &cmdb);
        assessment.compliance.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(books(&["StatefulSet/shop/db"]), ["PCI"]);
    assert_eq!(books(&["Secret/shop/db"]), ["PCI"], "the database would fail with it");
    assert_eq!(books(&["portal", "wiki"]), Vec::<String>::new());
}

#[test]
fn the_explanation_of_a_change_to_a_database() {
    insta::assert_snapshot!(explain(&assess_new(&changing(&["StatefulSet/shop/db"]), &shop())));
}

#[test]
fn ten_thousand_items_are_assessed() {
    let mut cmdb = shop();
    let names: Vec<_> = (0..10_000).map(|i| format!("Pod/batch/p{i}")).collect();
    for name in &names {
        cmdb.evolve(&ci(name), &said(described("kubernetes", &["runs_on hard node"])), day(0));
    }
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let assessment = assess_new(&changing(&names), &cmdb);
    assert_eq!(facts(&assessment), ["tier"]);
    assert_eq!(assessment.blast_radius.changed_count, 10_000);
    let unknown = assess_new(&changing(&names), &Cmdb::default());
    assert_eq!(unknown.missing[1].names.len(), 20);
    let node = assess_new(&changing(&["node"]), &cmdb).blast_radius;
    assert_eq!((node.dependents_count, node.is_complete), (10_000, true));
    cmdb.evolve(&ci("Pod/batch/more"), &said(described("kubernetes", &["runs_on hard node"])), day(1));
    let node = assess_new(&changing(&["node"]), &cmdb).blast_radius;
    assert_eq!(
        (node.dependents_count, node.is_complete, node.class),
        (10_000, false, BlastClass::SystemWide)
    );
    assert_eq!(node.sentence, "it reaches more than 10000 configuration items");
}
