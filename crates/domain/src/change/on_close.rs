//! What is brought up to date when a change is closed as successful: items in the CMDB, and documentation.
//!
//! All of it is part of what is approved. An item is written only where it still says what it said when the change was
//! assessed: what somebody else has changed meanwhile stays, and is told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cmdb::{AttributeName, AttributeValue, Description, Item, Lifecycle, Location, SourceName};
use crate::id::{ChangeId, CiName};
use crate::text::FreeText;

/// Most items that one change brings up to date.
pub const ITEMS_MAX: usize = 50;
/// Most attributes of each.
pub const ATTRIBUTES_MAX: usize = 16;

/// What is brought up to date when the change is closed as successful.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnClose {
    /// What becomes of items in the CMDB.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cmdb: BTreeMap<CiName, CiUpdate>,
    /// What is documented; whoever closes the change says where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub documentation: Option<FreeText>,
}

/// What becomes of one item.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CiUpdate {
    /// Where it stands then between plan and end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifecycle: Option<Lifecycle>,
    /// Attributes that it has then.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<AttributeName, AttributeValue>,
}

/// What is brought up to date that a change may not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOnClose {
    /// More items than are accepted.
    #[error("on_close.cmdb: {given} items are more than the {ITEMS_MAX} accepted")]
    TooManyItems {
        /// How many.
        given: usize,
    },
    /// More attributes than are accepted.
    #[error("on_close.cmdb: {given} attributes of `{item}` are more than the {ATTRIBUTES_MAX} accepted")]
    TooManyAttributes {
        /// Of which item.
        item: CiName,
        /// How many.
        given: usize,
    },
    /// An item of which nothing is said.
    #[error("on_close.cmdb: nothing is said of `{item}`: give `lifecycle` or `attributes`")]
    Nothing {
        /// Which.
        item: CiName,
    },
    /// An item that the change does not change.
    #[error(
        "on_close.cmdb: `{item}` is not among what the change affects: name it there, or leave it out here"
    )]
    NotAffected {
        /// Which.
        item: CiName,
    },
}

/// What an update comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Updated {
    /// The item is described anew.
    Described(Box<Description>),
    /// It says so already.
    Already,
    /// It stays as it is, because of this.
    Left(String),
}

/// In whose name changes describe items.
fn source() -> SourceName {
    SourceName::changes()
}

impl OnClose {
    /// Whether nothing is brought up to date.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Checks that items are named that the change affects, and something is said of each.
    ///
    /// # Errors
    /// With what is wrong, and of which item.
    pub fn validate(&self, is_affected: impl Fn(&CiName) -> bool) -> Result<(), InvalidOnClose> {
        if self.cmdb.len() > ITEMS_MAX {
            return Err(InvalidOnClose::TooManyItems { given: self.cmdb.len() });
        }
        for (item, update) in &self.cmdb {
            let item = || item.clone();
            if update.attributes.len() > ATTRIBUTES_MAX {
                return Err(InvalidOnClose::TooManyAttributes {
                    item: item(),
                    given: update.attributes.len(),
                });
            }
            if *update == CiUpdate::default() {
                return Err(InvalidOnClose::Nothing { item: item() });
            }
            if !is_affected(&item()) {
                return Err(InvalidOnClose::NotAffected { item: item() });
            }
        }
        Ok(())
    }
}

impl CiUpdate {
    /// What the update comes to, for an item as it was when the change was assessed and as it is now.
    pub fn apply(&self, by: ChangeId, assessed: &Item, now: &Item) -> Updated {
        let Some(view) = now.view() else {
            return Updated::Left("nobody describes it any more".to_owned());
        };
        let before = assessed.view();
        let mine = now.statements().get(&source()).map(|statement| statement.description.clone());
        let mut next = mine.unwrap_or_else(|| Description::new(source(), view.ci_type.value));
        (next.ci_type, next.lifecycle) = (view.ci_type.value, view.lifecycle.value);
        next.location = Location::new(by.to_string()).ok();
        let mut is_new = false;
        if let Some(wanted) = self.lifecycle.filter(|wanted| *wanted != view.lifecycle.value) {
            let is = view.lifecycle;
            let was = before.as_ref().map(|view| view.lifecycle.value.as_str());
            if let Some(why) = kept("lifecycle", was, Some((is.value.as_str(), is.source))) {
                return Updated::Left(why);
            }
            (next.lifecycle, is_new) = (wanted, true);
        }
        for (name, wanted) in &self.attributes {
            let is = view.attributes.get(name);
            if is.is_some_and(|is| is.value == wanted) {
                continue;
            }
            let was =
                before.as_ref().and_then(|view| view.attributes.get(name)).map(|was| was.value.as_str());
            if let Some(why) = kept(name.as_str(), was, is.map(|is| (is.value.as_str(), is.source))) {
                return Updated::Left(why);
            }
            next.attributes.insert(name.clone(), wanted.clone());
            is_new = true;
        }
        if is_new { Updated::Described(Box::new(next)) } else { Updated::Already }
    }

    /// What is said of the item, in words.
    pub fn in_words(&self) -> String {
        let lifecycle = self.lifecycle.map(|lifecycle| format!("lifecycle {lifecycle}"));
        let attributes = self.attributes.iter().map(|(name, value)| format!("{name} {value}"));
        lifecycle.into_iter().chain(attributes).collect::<Vec<_>>().join(", ")
    }
}

/// Why a fact stays as it is; nothing where it may be replaced.
fn kept(name: &str, was: Option<&str>, is: Option<(&str, &SourceName)>) -> Option<String> {
    let value = is.map(|(value, _)| value);
    if value != was {
        let value = value.map_or_else(|| "is gone".to_owned(), |value| format!("has become `{value}`"));
        return Some(format!("its {name} {value} since the change was assessed"));
    }
    let (_, source) = is.filter(|(_, source)| source.is_person())?;
    Some(format!("its {name} is stated by `{source}`, which counts before"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use crate::cmdb::{CiEvent, CiType};

    fn described(source: &str, lifecycle: Lifecycle, attributes: &[(&str, &str)]) -> CiEvent {
        let mut description = Description::new(SourceName::new(source).unwrap(), CiType::Service);
        description.lifecycle = lifecycle;
        let attributes = attributes
            .iter()
            .map(|(name, value)| (AttributeName::new(*name).unwrap(), AttributeValue::new(*value).unwrap()));
        description.attributes = attributes.collect();
        CiEvent::Described { description }
    }

    fn item(events: &[CiEvent]) -> Item {
        let at = |second: usize| Timestamp::from_second(i64::try_from(second).unwrap()).unwrap();
        events
            .iter()
            .enumerate()
            .fold(Item::default(), |item, (second, event)| item.evolve(event, at(second)))
    }

    fn update(lifecycle: Option<Lifecycle>, attributes: &[(&str, &str)]) -> CiUpdate {
        let attributes = attributes
            .iter()
            .map(|(name, value)| (AttributeName::new(*name).unwrap(), AttributeValue::new(*value).unwrap()));
        CiUpdate { lifecycle, attributes: attributes.collect() }
    }

    fn by() -> ChangeId {
        "CHG-2026-000007".parse().unwrap()
    }

    #[test]
    fn what_is_as_it_was_is_described_anew_and_the_rest_stays() {
        let before = [described("kubernetes", Lifecycle::Active, &[("version", "1"), ("image", "a")])];
        let now = item(&before);
        let wanted = update(Some(Lifecycle::Deprecated), &[("version", "2"), ("runbook", "r2")]);
        let Updated::Described(next) = wanted.apply(by(), &now, &now) else { panic!("left") };
        assert_eq!(next.location.as_ref().map(Location::as_str), Some("CHG-2026-000007"));
        let after =
            now.evolve(&CiEvent::Described { description: *next }, Timestamp::from_second(9).unwrap());
        let view = after.view().unwrap();
        let attribute = |name: &str| view.attributes[&AttributeName::new(name).unwrap()].value.as_str();
        assert_eq!([attribute("version"), attribute("image"), attribute("runbook")], ["2", "a", "r2"]);
        assert_eq!(view.lifecycle.value, Lifecycle::Deprecated);
        // The same again is nothing new; the next change keeps what this one said.
        assert_eq!(wanted.apply(by(), &after, &after), Updated::Already);
        let Updated::Described(third) = update(None, &[("version", "3")]).apply(by(), &after, &after) else {
            panic!("left")
        };
        assert_eq!((third.attributes.len(), third.lifecycle), (2, Lifecycle::Deprecated));
    }

    #[test]
    fn what_somebody_else_has_changed_or_a_person_states_stays() {
        let (one, two) = (described("kubernetes", Lifecycle::Active, &[("version", "1")]), |version| {
            described("kubernetes", Lifecycle::Active, &[("version", version)])
        });
        let wanted = update(None, &[("version", "2")]);
        let assessed = item(std::slice::from_ref(&one));
        let left = |now: &Item| match wanted.apply(by(), &assessed, now) {
            Updated::Left(why) => why,
            other @ (Updated::Described(_) | Updated::Already) => panic!("{other:?}"),
        };
        let moved = item(&[one.clone(), two("5")]);
        assert_eq!(left(&moved), "its version has become `5` since the change was assessed");
        assert_eq!(wanted.apply(by(), &assessed, &item(&[one.clone(), two("2")])), Updated::Already);
        let emptied = item(&[one.clone(), described("kubernetes", Lifecycle::Active, &[])]);
        assert_eq!(left(&emptied), "its version is gone since the change was assessed");
        let gone =
            item(&[one.clone(), CiEvent::Withdrawn { source: SourceName::new("kubernetes").unwrap() }]);
        assert_eq!(left(&gone), "nobody describes it any more");
        let manual = item(&[described("manual", Lifecycle::Active, &[("version", "1")])]);
        let stays = wanted.apply(by(), &manual, &manual);
        assert_eq!(stays, Updated::Left("its version is stated by `manual`, which counts before".to_owned()));
    }
}
