//! Our own form, which people write and `cmdb show --yaml` writes:
//!
//! ```yaml
//! version: 1
//! items:
//!   - id: payments-api             # letters, digits and . _ - / : @ + % ~ = [ ]
//!     type: service                # see CiType
//!     tier: 1                      # 0 (critical) to 3 (low); all from here on may be left out
//!     owner: payments
//!     environment: production
//!     compliance: [PCI]
//!     lifecycle: active            # planned, active, deprecated
//!     attributes:
//!       language: rust
//!     relations:
//!       - type: depends_on         # depends_on, runs_on, connects_to, uses, contains
//!         to: ledger-db
//!         strength: soft           # hard when left out
//!         because: balances are read from it
//! ```
//!
//! A field that is not known is refused with its line, and with it the file: what was meant by it would be lost.

use std::collections::{BTreeMap, BTreeSet};

use domain::catalog::{Strength, Tier};
use domain::cmdb::{
    AttributeName, AttributeValue, Because, CiType, ComplianceScope, Description, Lifecycle, RelationType,
    SourceName,
};
use domain::id::{CiName, EnvironmentName};
use domain::text::FreeText;
use serde::{Deserialize, Serialize};
use serde_saphyr::Spanned;

use super::draft::{Draft, Drafts, Place};
use super::files::SourceFile;
use super::node::{DEPTH_MAX, NODES_MAX};
use super::{Imported, Problem};

/// The version of the form.
const VERSION: u32 = 1;
/// How much of a reader's message is repeated, in characters.
const MESSAGE_CHARS_MAX: usize = 300;
const SEE_FORM: &str = "write it as `cmdb show --yaml` does";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    items: Vec<Spanned<Item>>,
}

#[derive(Debug, Serialize)]
struct Written {
    version: u32,
    items: Vec<Item>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    id: CiName,
    #[serde(rename = "type")]
    ci_type: CiType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tier: Option<Tier>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    environment: Option<EnvironmentName>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    compliance: BTreeSet<ComplianceScope>,
    #[serde(default = "active")]
    lifecycle: Lifecycle,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<AttributeName, AttributeValue>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    relations: Vec<ItemRelation>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemRelation {
    #[serde(rename = "type")]
    relation_type: RelationType,
    to: CiName,
    #[serde(default = "hard")]
    strength: Strength,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    because: Option<Because>,
}

fn active() -> Lifecycle {
    Lifecycle::Active
}

fn hard() -> Strength {
    Strength::Hard
}

/// Why items cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the items as YAML")]
pub struct WriteError(#[source] serde_saphyr::SerializeError);

/// Writes items in this form.
///
/// # Errors
/// When the serialiser refuses, which no item is known to bring about.
pub fn write<'a>(
    items: impl IntoIterator<Item = (&'a CiName, &'a Description)>,
) -> Result<String, WriteError> {
    let items = items.into_iter().map(|(id, description)| Item::of(id, description)).collect();
    serde_saphyr::to_string(&Written { version: VERSION, items }).map_err(WriteError)
}

/// Reads the items of all files.
pub(super) fn read(source: &SourceName, files: &[SourceFile], imported: &mut Imported) {
    let mut drafts = Drafts::default();
    for file in files {
        match serde_saphyr::from_str_with_options::<File>(&file.text, limits()) {
            Ok(File { version, items }) if version == VERSION => {
                for item in items {
                    let line = u32::try_from(item.referenced.line()).unwrap_or(u32::MAX);
                    item.value.draft(Place::new(&file.path, line), &mut drafts, imported);
                }
            }
            Ok(File { version, .. }) => {
                let what = format!("version {version} of the form is not known");
                let next_step = format!("write version {VERSION}");
                imported.report(Problem { file: file.path.clone(), line: None, what, next_step });
            }
            Err(error) => imported.report(refusal(&file.path, &error)),
        }
    }
    drafts.finish(source, imported);
}

fn limits() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_nodes: NODES_MAX, max_events: 2 * NODES_MAX, max_depth: DEPTH_MAX },
    }
}

fn refusal(file: &str, error: &serde_saphyr::Error) -> Problem {
    let line = error.location().and_then(|location| u32::try_from(location.line()).ok());
    let what = error.without_snippet().to_string();
    let what = crate::text::clipped(what.lines().next().unwrap_or_default(), MESSAGE_CHARS_MAX);
    Problem { file: file.to_owned(), line, what, next_step: SEE_FORM.to_owned() }
}

impl Item {
    fn of(id: &CiName, description: &Description) -> Self {
        let relations = description.relations.iter().map(|relation| ItemRelation {
            relation_type: relation.relation_type,
            to: relation.to.clone(),
            strength: relation.strength,
            because: relation.because.clone(),
        });
        Self {
            id: id.clone(),
            ci_type: description.ci_type,
            tier: description.tier,
            owner: description.owner.as_ref().map(|owner| owner.as_str().to_owned()),
            environment: description.environment.clone(),
            compliance: description.compliance.clone(),
            lifecycle: description.lifecycle,
            attributes: description.attributes.clone(),
            relations: relations.collect(),
        }
    }

    fn draft(self, place: Place, drafts: &mut Drafts, imported: &mut Imported) {
        let mut draft = Draft::new(self.id, self.ci_type, place);
        draft.tier = self.tier;
        draft.environment = self.environment;
        draft.compliance = self.compliance.into_iter().collect();
        draft.lifecycle = self.lifecycle;
        match self.owner.map(FreeText::title).transpose() {
            Ok(owner) => draft.owner = owner,
            Err(error) => imported.report(draft.place.problem(format!("`owner`: {error}"), SEE_FORM)),
        }
        for (name, value) in self.attributes {
            draft.attribute(name.as_str(), value.as_str());
        }
        for relation in self.relations {
            let because = relation.because.as_ref().map_or("", Because::as_str);
            if relation.to == draft.id {
                let what = format!("`{}` leans on itself", draft.id);
                imported.report(draft.place.problem(what, "the relation is left out: name another item"));
            }
            draft.relate(relation.relation_type, relation.to, relation.strength, because);
        }
        drafts.add(draft, imported);
    }
}
