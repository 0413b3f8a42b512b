//! One item, as several sources see it.

use domain::catalog::{Strength, Tier};
use domain::cmdb::{CiType, Description, Item};
use domain::id::EnvironmentName;
use domain::text::FreeText;

use super::fixture::{day, described, relation, said, source, withdrawn};

fn kubernetes() -> Description {
    Description {
        tier: Some(Tier::Two),
        environment: Some(EnvironmentName::new("production").unwrap()),
        compliance: ["PCI".parse_scope()].into(),
        attributes: [("kind", "Deployment"), ("replicas", "3")].map(attribute).into(),
        ..described("kubernetes", &["runs_on hard node-1", "connects_to hard db"])
    }
}

fn backstage() -> Description {
    Description {
        ci_type: CiType::Service,
        tier: Some(Tier::Three),
        owner: Some(FreeText::new("shop team").unwrap()),
        compliance: ["PHI".parse_scope()].into(),
        attributes: [("kind", "Component")].map(attribute).into(),
        ..described("backstage", &["connects_to soft db"])
    }
}

fn manual() -> Description {
    Description { tier: Some(Tier::One), ..described("manual", &["connects_to soft db"]) }
}

trait ParseScope {
    fn parse_scope(self) -> domain::cmdb::ComplianceScope;
}

impl ParseScope for &str {
    fn parse_scope(self) -> domain::cmdb::ComplianceScope {
        domain::cmdb::ComplianceScope::new(self).unwrap()
    }
}

fn attribute((name, value): (&str, &str)) -> (domain::cmdb::AttributeName, domain::cmdb::AttributeValue) {
    (name.to_owned().try_into().unwrap(), value.to_owned().try_into().unwrap())
}

fn item(statements: impl IntoIterator<Item = (i64, Description)>) -> Item {
    let fold = |item: Item, (days, description)| item.evolve(&said(description), day(days));
    statements.into_iter().fold(Item::default(), fold)
}

/// The view as text, each fact with its source and the day on which it was stated.
fn shown(item: &Item) -> String {
    let Some(view) = item.view() else { return "not described".to_owned() };
    let by = |source: &domain::cmdb::SourceName, at: domain::Timestamp| {
        format!("{source}, day {}", at.as_second() / 86_400)
    };
    let mut lines =
        vec![format!("type {} ({})", view.ci_type.value, by(view.ci_type.source, view.ci_type.at))];
    if let Some(tier) = view.tier {
        lines.push(format!("{} ({})", tier.value, by(tier.source, tier.at)));
    }
    if let Some(owner) = view.owner {
        lines.push(format!("owner {} ({})", owner.value, by(owner.source, owner.at)));
    }
    if let Some(environment) = view.environment {
        lines.push(format!("in {} ({})", environment.value, by(environment.source, environment.at)));
    }
    lines.push(format!("{} ({})", view.lifecycle.value, by(view.lifecycle.source, view.lifecycle.at)));
    for (scope, stated) in &view.compliance {
        lines.extend(stated.iter().map(|known| format!("under {scope} ({})", by(known.source, known.at))));
    }
    for (name, value) in &view.attributes {
        lines.push(format!("{name} = {} ({})", value.value, by(value.source, value.at)));
    }
    for relation in &view.relations {
        lines.push(format!("{} {} {}", relation.relation_type, relation.strength, relation.to));
        let stated = relation.stated.iter();
        lines.extend(stated.map(|known| format!("  {} ({})", known.value.0, by(known.source, known.at))));
    }
    lines.join("\n")
}

#[test]
fn every_fact_of_the_merged_view_names_its_source_and_time() {
    insta::assert_snapshot!(shown(&item([(1, kubernetes()), (2, backstage()), (3, manual())])));
}

#[test]
fn the_last_importer_counts_and_a_person_counts_before_it() {
    let first = |item: &Item| item.view().unwrap().tier.map(|known| (known.value, known.source.clone()));
    assert_eq!(first(&item([(1, kubernetes()), (2, backstage())])), Some((Tier::Three, source("backstage"))));
    assert_eq!(first(&item([(2, kubernetes()), (1, backstage())])), Some((Tier::Two, source("kubernetes"))));
    assert_eq!(first(&item([(1, manual()), (2, backstage())])), Some((Tier::One, source("manual"))));
    let catalog = Description { source: source("catalog"), tier: Some(Tier::Zero), ..manual() };
    assert_eq!(first(&item([(1, manual()), (2, catalog)])), Some((Tier::Zero, source("catalog"))));
}

#[test]
fn a_relation_is_as_strong_as_a_person_says_and_otherwise_hard_as_soon_as_one_source_says_so() {
    let strength = |item: &Item| {
        let view = item.view().unwrap();
        let to_db = view.relations.iter().find(|relation| relation.to.as_str() == "db").unwrap();
        to_db.strength
    };
    assert_eq!(strength(&item([(1, kubernetes()), (2, backstage())])), Strength::Hard);
    assert_eq!(strength(&item([(2, kubernetes()), (1, backstage())])), Strength::Hard);
    assert_eq!(strength(&item([(1, manual()), (2, kubernetes())])), Strength::Soft);
}

#[test]
fn withdrawing_a_source_leaves_what_the_others_say() {
    let both = item([(1, kubernetes()), (2, backstage())]);
    let one = both.clone().evolve(&withdrawn("backstage"), day(3));
    assert_eq!(one, item([(1, kubernetes())]));
    assert_eq!(both.evolve(&withdrawn("nobody"), day(3)), item([(1, kubernetes()), (2, backstage())]));
    assert_eq!(one.evolve(&withdrawn("kubernetes"), day(4)).view(), None);
}

#[test]
fn descriptions_that_say_the_same_have_the_same_digest() {
    let mut turned = kubernetes();
    turned.relations.reverse();
    assert_ne!(turned, kubernetes());
    assert_eq!(turned.digest(), kubernetes().digest());
    assert_eq!(turned.normalised(), kubernetes().normalised());
    let edits: [fn(&mut Description); 9] = [
        |d| d.source = source("other"),
        |d| d.ci_type = CiType::Host,
        |d| d.tier = None,
        |d| d.owner = Some(FreeText::new("somebody").unwrap()),
        |d| d.environment = None,
        |d| d.compliance.clear(),
        |d| d.lifecycle = domain::cmdb::Lifecycle::Planned,
        |d| d.attributes.clear(),
        |d| d.relations = vec![relation("runs_on soft node-1"), relation("connects_to hard db")],
    ];
    for edit in edits {
        let mut edited = kubernetes();
        edit(&mut edited);
        assert_ne!(edited.digest(), kubernetes().digest(), "{edited:?}");
    }
}
