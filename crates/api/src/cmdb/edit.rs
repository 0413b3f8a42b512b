//! Writing: what a source says of items, and what came of an edit.

use std::collections::{BTreeMap, BTreeSet};

use domain::catalog::{Strength, Tier};
use domain::cmdb::{
    AttributeName, AttributeValue, Because, CiType, ComplianceScope, Description, Lifecycle, Location,
    Relation, RelationType, SourceName,
};
use domain::id::{CiName, EnvironmentName};
use domain::text::FreeText;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::EDIT_ITEMS_MAX;
use crate::field::{FieldError, parse, parse_optional, unique_map};

/// What one source says of some items, and which items it no longer has. What other sources say stays as it is, and so
/// does what this source says of items that are not named.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CmdbEdit {
    /// Who says it: `manual` when absent, or the name under which an import is repeated, for example
    /// `kubernetes:platform`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Items with all that the source says of each; what it said of them before no longer counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub describe: Vec<CiDescription>,
    /// Ids of items that the source no longer has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withdraw: Vec<String>,
}

/// What a source says of one item. What it leaves out, another source may say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CiDescription {
    /// The item, for example `Deployment/shop/cart`.
    pub id: String,
    /// service, workload, database, …
    #[serde(rename = "type")]
    pub ci_type: String,
    /// 0 (critical) to 3 (low).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<u8>,
    /// The person or team that answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Where it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// planned, active or deprecated; `active` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifecycle: Option<String>,
    /// Rule books that it falls under, for example `PCI`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub compliance: Vec<String>,
    /// What else is known, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "unique_map")]
    pub attributes: BTreeMap<String, String>,
    /// What it leans on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub relations: Vec<CiRelation>,
    /// Where the source has it from: a file with a line, a cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
}

/// The item leans on another one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CiRelation {
    /// depends_on, runs_on, connects_to, uses or contains; `depends_on` when absent.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub relation_type: Option<String>,
    /// The id of the other item, which need not be described anywhere.
    pub to: String,
    /// `hard`: fails without it; `soft`: works, slower or poorer. `hard` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strength: Option<String>,
    /// From what the source concludes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// What an edit did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct CmdbEdited {
    /// Who said it.
    pub source: String,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// Items that the source describes for the first time.
    pub new: u64,
    /// Items that it describes otherwise than before.
    pub changed: u64,
    /// Items that it describes as before.
    pub unchanged: u64,
    /// Items that it no longer has.
    pub withdrawn: u64,
    /// Items to be withdrawn that it did not have.
    pub absent: u64,
    /// What was or would be done, item by item; those that stay as they are left out.
    pub items: Vec<ItemDifference>,
}

/// What an edit did to one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ItemDifference {
    /// The item.
    pub id: String,
    /// new, changed, withdrawn or absent.
    pub difference: String,
    /// What the source says now and what it said before, where that differs; for changed items only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldDifference>,
}

/// One field that a source states otherwise than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldDifference {
    /// Which field: `tier`, `attributes.image`, `relations.uses ConfigMap/shop/cart`.
    pub field: String,
    /// What it said before; absent where it said nothing.
    pub before: Option<String>,
    /// What it says now; absent where it says nothing.
    pub after: Option<String>,
}

/// An edit as domain values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainEdit {
    /// Who says it.
    pub source: SourceName,
    /// Items with all that the source says of each.
    pub describe: Vec<(CiName, Description)>,
    /// Items that the source no longer has.
    pub withdraw: BTreeSet<CiName>,
}

impl CmdbEdit {
    /// The edit as domain values.
    ///
    /// # Errors
    /// When a field does not have the accepted form, or the edit has too many items.
    pub fn to_domain(&self) -> Result<DomainEdit, FieldError> {
        let count = self.describe.len().saturating_add(self.withdraw.len());
        if count > EDIT_ITEMS_MAX {
            let message = format!(
                "{count} items at once: at most {EDIT_ITEMS_MAX} are accepted; send them in several edits"
            );
            return Err(FieldError::new(".", message));
        }
        let source = match self.source.as_deref() {
            None => SourceName::manual(),
            Some(source) => SourceName::new(source).map_err(|error| FieldError::new("source", error))?,
        };
        let describe = self.describe.iter().enumerate().map(|(at, description)| {
            description.to_domain(&source).map_err(|error| error.under(&format!("describe[{at}]")))
        });
        let withdraw = self.withdraw.iter().enumerate().map(|(at, id)| parse(&format!("withdraw[{at}]"), id));
        Ok(DomainEdit {
            describe: describe.collect::<Result<_, _>>()?,
            withdraw: withdraw.collect::<Result<_, _>>()?,
            source,
        })
    }
}

impl CiDescription {
    fn to_domain(&self, source: &SourceName) -> Result<(CiName, Description), FieldError> {
        let line = |field: &str, error| FieldError::new(field, error);
        let tier = self.tier.map(Tier::try_from).transpose();
        let owner = self.owner.as_deref().map(FreeText::title).transpose();
        let compliance = self.compliance.iter().enumerate().map(|(at, scope)| {
            ComplianceScope::new(scope.as_str()).map_err(|error| line(&format!("compliance[{at}]"), error))
        });
        let attributes = self.attributes.iter().map(|(name, value)| {
            let at = |error| line(&format!("attributes.{name}"), error);
            let key = AttributeName::new(name.as_str()).map_err(at)?;
            Ok::<_, FieldError>((key, AttributeValue::new(value.as_str()).map_err(at)?))
        });
        let relations = self.relations.iter().enumerate().map(|(at, relation)| {
            relation.to_domain().map_err(|error| error.under(&format!("relations[{at}]")))
        });
        let location = self.location.as_deref().map(Location::new).transpose();
        let description = Description {
            source: source.clone(),
            location: location.map_err(|error| line("location", error))?,
            ci_type: parse::<CiType>("type", &self.ci_type)?,
            tier: tier.map_err(|error| FieldError::new("tier", error))?,
            owner: owner.map_err(|error| FieldError::new("owner", error))?,
            environment: parse_optional::<EnvironmentName>("environment", self.environment.as_deref())?,
            compliance: compliance.collect::<Result<_, _>>()?,
            lifecycle: parse_optional("lifecycle", self.lifecycle.as_deref())?.unwrap_or(Lifecycle::Active),
            attributes: attributes.collect::<Result<_, _>>()?,
            relations: relations.collect::<Result<_, _>>()?,
        };
        Ok((parse("id", &self.id)?, description))
    }

    /// What a source says of an item, as it would write it.
    pub fn of(id: &CiName, description: &Description) -> Self {
        let Description { location, ci_type, tier, owner, environment, .. } = description;
        let Description { lifecycle, compliance, attributes, relations, .. } = description;
        let attributes = attributes.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        Self {
            id: id.to_string(),
            ci_type: ci_type.to_string(),
            tier: tier.map(Tier::number),
            owner: owner.as_ref().map(ToString::to_string),
            environment: environment.as_ref().map(ToString::to_string),
            lifecycle: (*lifecycle != Lifecycle::Active).then(|| lifecycle.to_string()),
            compliance: compliance.iter().map(ToString::to_string).collect(),
            attributes: attributes.collect(),
            relations: relations.iter().map(CiRelation::of).collect(),
            location: location.as_ref().map(ToString::to_string),
        }
    }
}

impl CiRelation {
    fn to_domain(&self) -> Result<Relation, FieldError> {
        let because = self.because.as_deref().map(Because::new).transpose();
        Ok(Relation {
            relation_type: parse_optional("type", self.relation_type.as_deref())?
                .unwrap_or(RelationType::DependsOn),
            to: parse("to", &self.to)?,
            strength: parse_optional("strength", self.strength.as_deref())?.unwrap_or(Strength::Hard),
            because: because.map_err(|error| FieldError::new("because", error))?,
        })
    }

    fn of(relation: &Relation) -> Self {
        Self {
            relation_type: Some(relation.relation_type.to_string()),
            to: relation.to.to_string(),
            strength: Some(relation.strength.to_string()),
            because: relation.because.as_ref().map(ToString::to_string),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CART: &str = r#"{
        "id": "Deployment/shop/cart", "type": "workload", "tier": 2, "owner": "shop-team",
        "environment": "production", "lifecycle": "deprecated", "compliance": ["PCI"],
        "attributes": {"kind": "Deployment"}, "location": "shop/cart.yaml:12",
        "relations": [{"type": "uses", "to": "ConfigMap/shop/cart", "strength": "soft", "because": "envFrom"}]
    }"#;

    fn edit(describe: &str) -> Result<DomainEdit, String> {
        let edit = format!(r#"{{"source": "kubernetes:shop", "describe": [{describe}]}}"#);
        let edit: CmdbEdit =
            crate::read::json(edit.as_bytes(), 1 << 20).map_err(|error| error.to_string())?;
        edit.to_domain().map_err(|error| error.to_string())
    }

    #[test]
    fn a_description_reads_back_as_it_was_written() {
        let written: CiDescription = serde_json::from_str(CART).unwrap();
        let DomainEdit { source, describe, withdraw } = edit(CART).unwrap();
        let (id, description) = &describe[0];
        assert_eq!((source.as_str(), withdraw.len()), ("kubernetes:shop", 0));
        assert_eq!(description.source, source);
        assert_eq!(CiDescription::of(id, description), written);
    }

    #[test]
    fn what_is_left_out_takes_its_stated_default() {
        let DomainEdit { describe, .. } =
            edit(r#"{"id": "a", "type": "host", "relations": [{"to": "b"}]}"#).unwrap();
        let (_, description) = &describe[0];
        assert_eq!(description.lifecycle, Lifecycle::Active);
        let [relation] = description.relations.as_slice() else { panic!("one relation") };
        assert_eq!((relation.relation_type, relation.strength), (RelationType::DependsOn, Strength::Hard));
        assert_eq!(CmdbEdit::default().to_domain().unwrap().source, SourceName::manual());
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        let check = |item: &str, expected: &str| {
            let error = edit(item).unwrap_err();
            assert!(error.contains(expected), "{error}");
        };
        check(r#"{"id": "a", "type": "toaster"}"#, "`describe[0].type`: ");
        check(r#"{"id": "-a", "type": "host"}"#, "`describe[0].id`: ");
        check(r#"{"id": "a", "type": "host", "tier": 4}"#, "`describe[0].tier`: `4` is not a tier");
        check(r#"{"id": "a", "type": "host", "tier": "NaN"}"#, "`describe[0].tier`: invalid type: string");
        check(
            r#"{"id": "a", "type": "host", "tier": 1.5}"#,
            "`describe[0].tier`: invalid type: floating point",
        );
        check(r#"{"id": "a", "type": "host", "colour": "red"}"#, "unknown field `colour`");
        check(
            r#"{"id": "a", "type": "host", "owner": "a\nb"}"#,
            "`describe[0].owner`: text has several lines",
        );
        check(r#"{"id": "a", "type": "host", "attributes": {"x": ""}}"#, "`describe[0].attributes.x`: ");
        check(r#"{"id": "a", "type": "host", "attributes": {"x": "1", "x": "2"}}"#, "duplicate field `x`");
        check(
            r#"{"id": "a", "type": "host", "relations": [{"to": "b", "type": "likes"}]}"#,
            "`describe[0].relations[0].type`: ",
        );
        let many = vec![r#"{"id": "a", "type": "host"}"#; EDIT_ITEMS_MAX + 1].join(",");
        check(&many, "501 items at once: at most 500 are accepted");
    }
}
