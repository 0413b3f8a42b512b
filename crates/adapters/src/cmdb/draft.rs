//! A description in the making.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use domain::catalog::{Strength, Tier};
use domain::cmdb::{
    ATTRIBUTES_MAX, AttributeName, AttributeValue, Because, CiType, ComplianceScope, Description, ITEMS_MAX,
    Lifecycle, Location, RELATIONS_OF_ONE_MAX, Relation, RelationType, SourceName,
};
use domain::id::{CiName, EnvironmentName};
use domain::text::FreeText;

use super::{Imported, Problem};

/// Where something was found: a file with a line, or a cluster, which has no lines (0).
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) file: String,
    pub(super) line: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}", self.file),
        }
    }
}

impl Place {
    pub(super) fn new(file: &str, line: u32) -> Self {
        Self { file: file.to_owned(), line }
    }

    /// A problem at this place.
    pub(super) fn problem(&self, what: impl Into<String>, next_step: impl Into<String>) -> Problem {
        Problem {
            file: self.file.clone(),
            line: (self.line > 0).then_some(self.line),
            what: what.into(),
            next_step: next_step.into(),
        }
    }
}

/// What is known of one item so far.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) id: CiName,
    pub(super) place: Place,
    pub(super) ci_type: CiType,
    pub(super) tier: Option<Tier>,
    pub(super) owner: Option<FreeText>,
    pub(super) environment: Option<EnvironmentName>,
    pub(super) compliance: Vec<ComplianceScope>,
    pub(super) lifecycle: Lifecycle,
    attributes: BTreeMap<AttributeName, AttributeValue>,
    relations: BTreeMap<(RelationType, CiName), (Strength, Option<Because>)>,
    relations_dropped: usize,
}

impl Draft {
    pub(super) fn new(id: CiName, ci_type: CiType, place: Place) -> Self {
        Self {
            id,
            place,
            ci_type,
            tier: None,
            owner: None,
            environment: None,
            compliance: Vec::new(),
            lifecycle: Lifecycle::Active,
            attributes: BTreeMap::new(),
            relations: BTreeMap::new(),
            relations_dropped: 0,
        }
    }

    /// Keeps a value under a name, cut to the accepted lengths; nothing when one of them is empty.
    pub(super) fn attribute(&mut self, name: &str, value: &str) {
        if let (Some(name), Some(value)) = (AttributeName::cut(name), AttributeValue::cut(value))
            && (self.attributes.len() < ATTRIBUTES_MAX || self.attributes.contains_key(&name))
        {
            self.attributes.insert(name, value);
        }
    }

    /// States a relation. Of several reasons for the same one a hard one counts, and otherwise the first. An item that
    /// names itself leans on nothing.
    pub(super) fn relate(
        &mut self,
        relation_type: RelationType,
        to: CiName,
        strength: Strength,
        because: &str,
    ) {
        if to == self.id {
            return;
        }
        let is_full = self.relations.len() >= RELATIONS_OF_ONE_MAX;
        match self.relations.entry((relation_type, to)) {
            Entry::Occupied(mut known) => {
                if strength == Strength::Hard && known.get().0 == Strength::Soft {
                    known.insert((strength, Because::cut(because)));
                }
            }
            Entry::Vacant(_) if is_full => self.relations_dropped += 1,
            Entry::Vacant(free) => {
                free.insert((strength, Because::cut(because)));
            }
        }
    }

    fn finish(self, source: &SourceName) -> (CiName, Description) {
        let relations = self.relations.into_iter();
        let relation =
            |((relation_type, to), (strength, because))| Relation { relation_type, to, strength, because };
        let description = Description {
            source: source.clone(),
            location: Location::cut(&self.place.to_string()),
            ci_type: self.ci_type,
            tier: self.tier,
            owner: self.owner,
            environment: self.environment,
            compliance: self.compliance.into_iter().collect(),
            lifecycle: self.lifecycle,
            attributes: self.attributes,
            relations: relations.map(relation).collect(),
        };
        (self.id, description)
    }
}

/// The items of one import. Of two with the same id the later one counts, as it does where files are applied in order.
#[derive(Debug, Default)]
pub(super) struct Drafts {
    by_id: BTreeMap<CiName, Draft>,
    beyond_limit: usize,
}

impl Drafts {
    /// Adds one, and reports when there was one of the same id already.
    pub(super) fn add(&mut self, draft: Draft, imported: &mut Imported) {
        if self.by_id.len() >= ITEMS_MAX && !self.by_id.contains_key(&draft.id) {
            self.beyond_limit += 1;
            return;
        }
        let place = draft.place.clone();
        let id = draft.id.clone();
        if let Some(earlier) = self.by_id.insert(id.clone(), draft) {
            let what = format!("`{id}` is described here again, first in `{}`", earlier.place);
            imported.report(place.problem(what, "the later one counts: remove one of them"));
        }
    }

    pub(super) fn get_mut(&mut self, id: &CiName) -> Option<&mut Draft> {
        self.by_id.get_mut(id)
    }

    pub(super) fn contains(&self, id: &CiName) -> bool {
        self.by_id.contains_key(id)
    }

    /// Hands the finished descriptions over.
    pub(super) fn finish(self, source: &SourceName, imported: &mut Imported) {
        for draft in self.by_id.into_values() {
            if draft.relations_dropped > 0 {
                let (id, dropped) = (&draft.id, draft.relations_dropped);
                let what =
                    format!("`{id}` has {dropped} relations beyond the {RELATIONS_OF_ONE_MAX} accepted");
                imported.report(
                    draft.place.problem(what, "divide the item, or state the relations on the other side"),
                );
            }
            imported.items.push(draft.finish(source));
        }
        if self.beyond_limit > 0 {
            let what = format!("{} items beyond the {ITEMS_MAX} accepted are left out", self.beyond_limit);
            let next_step = "import fewer items at once".to_owned();
            imported.report(Problem { file: source.to_string(), line: None, what, next_step });
        }
    }
}
