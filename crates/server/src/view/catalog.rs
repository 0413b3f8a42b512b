//! Services as the file that would declare them.

use api::catalog as wire;
use domain::catalog::Strength;
use domain::cmdb::{Item, Relation, SourceName};
use domain::id::CiName;

/// What the file of services says of an item; nothing when it says nothing of it.
pub(crate) fn service(name: &CiName, item: &Item) -> Option<wire::Service> {
    let description = &item.statements().get(&SourceName::catalog())?.description;
    Some(wire::Service {
        name: name.to_string(),
        tier: description.tier?.number(),
        owner: description.owner.as_ref().map(ToString::to_string),
        depends_on: description.relations.iter().map(dependency).collect(),
    })
}

fn dependency(relation: &Relation) -> wire::Dependency {
    let service = relation.to.to_string();
    match relation.strength {
        Strength::Hard => wire::Dependency::Name(service),
        Strength::Soft => {
            let strength = relation.strength.to_string();
            wire::Dependency::Full(wire::FullDependency { service, strength })
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::catalog::{Dependency, Service, Tier};
    use domain::cmdb::{CiEvent, Description};

    use super::*;
    use crate::view::fixture::{NOW, text};

    #[test]
    fn what_is_shown_can_be_applied_again() {
        let needs = |name: &str, strength| Dependency { service: name.parse().unwrap(), strength };
        let declared = Service {
            name: "cart".parse().unwrap(),
            tier: Tier::Two,
            owner: Some(text("shop-team")),
            depends_on: vec![needs("cache", Strength::Soft), needs("identity", Strength::Hard)],
        };
        let described = CiEvent::Described { description: Description::of_service(&declared) };
        let item = Item::default().evolve(&described, NOW);
        let shown = service(&CiName::from(&declared.name), &item).unwrap();
        let expected = serde_json::json!({
            "name": "cart", "tier": 2, "owner": "shop-team",
            "depends_on": [{ "service": "cache", "strength": "soft" }, "identity"],
        });
        assert_eq!(serde_json::to_value(shown).unwrap(), expected);
        let gone = item.evolve(&CiEvent::Withdrawn { source: SourceName::catalog() }, NOW);
        assert_eq!(service(&CiName::from(&declared.name), &gone), None);
    }
}
