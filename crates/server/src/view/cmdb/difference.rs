//! What a source says now and what it said before, field by field.

use std::collections::{BTreeMap, BTreeSet};

use api::cmdb as wire;
use domain::cmdb::{CiEvent, Description, Relation};

use super::count;
use crate::use_cases::cmdb::{Edited, EditedItem};

/// What an edit did, or would do.
pub(crate) fn edited(edited: &Edited) -> wire::CmdbEdited {
    use domain::cmdb::Difference::{Changed, New, Withdrawn};
    let absent = edited.absent.iter().map(|name| wire::ItemDifference {
        id: name.to_string(),
        difference: "absent".to_owned(),
        fields: Vec::new(),
    });
    wire::CmdbEdited {
        source: edited.source.to_string(),
        dry_run: edited.dry_run,
        new: count(edited.count(New)),
        changed: count(edited.count(Changed)),
        unchanged: count(edited.unchanged),
        withdrawn: count(edited.count(Withdrawn)),
        absent: count(edited.absent.len()),
        items: edited.items.iter().map(item).chain(absent).collect(),
    }
}

fn item(item: &EditedItem) -> wire::ItemDifference {
    let EditedItem { change, before } = item;
    let fields = match &change.event {
        CiEvent::Described { description } => {
            let before = before.item.statements().get(&description.source);
            before.map(|before| fields(Some(&before.description), Some(description))).unwrap_or_default()
        }
        CiEvent::Withdrawn { .. } => Vec::new(),
    };
    wire::ItemDifference { id: change.name.to_string(), difference: change.difference.to_string(), fields }
}

/// The fields in which two descriptions differ; a missing one says nothing.
pub(super) fn fields(
    before: Option<&Description>,
    after: Option<&Description>,
) -> Vec<wire::FieldDifference> {
    let (before, after) = (before.map(stated).unwrap_or_default(), after.map(stated).unwrap_or_default());
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let differing = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
    let difference = |name: &String| wire::FieldDifference {
        field: name.clone(),
        before: before.get(name).cloned(),
        after: after.get(name).cloned(),
    };
    differing.map(difference).collect()
}

/// All that a description says, by field.
fn stated(description: &Description) -> BTreeMap<String, String> {
    let Description { source: _, location, ci_type, tier, owner, environment, .. } = description;
    let Description { compliance, lifecycle, attributes, relations, .. } = description;
    let single = [
        ("type", Some(ci_type.to_string())),
        ("tier", tier.map(|tier| tier.number().to_string())),
        ("owner", owner.as_ref().map(ToString::to_string)),
        ("environment", environment.as_ref().map(ToString::to_string)),
        ("lifecycle", Some(lifecycle.to_string())),
        ("location", location.as_ref().map(ToString::to_string)),
    ];
    let single = single.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let compliance = compliance.iter().map(|scope| (format!("compliance.{scope}"), "yes".to_owned()));
    let attributes = attributes.iter().map(|(name, value)| (format!("attributes.{name}"), value.to_string()));
    let relations = relations.iter().map(|relation| {
        let Relation { relation_type, to, strength, because } = relation;
        let because = because.as_ref().map_or_else(String::new, |because| format!(", because of {because}"));
        (format!("relations.{relation_type} {to}"), format!("{strength}{because}"))
    });
    single.chain(compliance).chain(attributes).chain(relations).collect()
}

#[cfg(test)]
mod tests {
    use domain::catalog::{Strength, Tier};
    use domain::cmdb::{CiType, RelationType, SourceName};

    use super::*;

    #[test]
    fn every_field_that_differs_is_told_with_both_sides() {
        let relation = |to: &str, strength| Relation {
            relation_type: RelationType::Uses,
            to: to.parse().unwrap(),
            strength,
            because: None,
        };
        let before = Description {
            tier: Some(Tier::Two),
            relations: vec![relation("a", Strength::Hard), relation("b", Strength::Hard)],
            ..Description::new(SourceName::manual(), CiType::Workload)
        };
        let mut after = Description {
            tier: None,
            environment: Some("production".parse().unwrap()),
            relations: vec![relation("a", Strength::Soft)],
            ..before.clone()
        };
        after.compliance.insert("PCI".to_owned().try_into().unwrap());
        let told: Vec<_> = fields(Some(&before), Some(&after))
            .into_iter()
            .map(|field| format!("{}: {:?} to {:?}", field.field, field.before, field.after))
            .collect();
        assert_eq!(
            told,
            [
                r#"compliance.PCI: None to Some("yes")"#,
                r#"environment: None to Some("production")"#,
                r#"relations.uses a: Some("hard") to Some("soft")"#,
                r#"relations.uses b: Some("hard") to None"#,
                r#"tier: Some("2") to None"#,
            ]
        );
        assert_eq!(fields(Some(&before), Some(&before)), []);
        assert_eq!(fields(None, Some(&before)).len(), 5);
    }
}
