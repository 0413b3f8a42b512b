//! Relations that were found, before they are put on the items that state them.

use std::collections::BTreeSet;

use domain::catalog::Strength;
use domain::cmdb::{RELATIONS_MAX, RelationType};
use domain::id::CiName;

use super::super::draft::{Drafts, Place};
use super::super::{Imported, Problem};
use super::object::{Object, id};

/// What a reference in a manifest leads to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) kind: &'a str,
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
}

/// Something that a manifest says and from which a relation follows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'a> {
    /// The object whose manifest says it.
    pub(super) by: &'a Object,
    pub(super) line: u32,
    pub(super) strength: Strength,
}

/// An item of the core group that the objects imply, such as the Secret that a SealedSecret becomes.
#[derive(Debug)]
pub(super) struct Implied {
    pub(super) id: CiName,
    pub(super) kind: &'static str,
    pub(super) place: Place,
    pub(super) made_by: CiName,
}

#[derive(Debug)]
struct Edge {
    from: CiName,
    relation_type: RelationType,
    to: CiName,
    strength: Strength,
    because: String,
}

/// All relations and implied items of an import.
#[derive(Debug, Default)]
pub(super) struct Edges {
    edges: Vec<Edge>,
    beyond_limit: usize,
    pub(super) implied: Vec<Implied>,
    pub(super) images: super::images::Images,
    /// The ConfigMaps that pods of the import read.
    pub(super) read_configuration: BTreeSet<CiName>,
    pub(super) selectors_without_match: usize,
    problems: Vec<Problem>,
}

impl<'a> Found<'a> {
    pub(super) fn hard(by: &'a Object, line: u32) -> Self {
        Self { by, line, strength: Strength::Hard }
    }

    pub(super) fn soft(by: &'a Object, line: u32) -> Self {
        Self { by, line, strength: Strength::Soft }
    }

    pub(super) fn soft_if(self, is_soft: bool) -> Self {
        if is_soft { Self { strength: Strength::Soft, ..self } } else { self }
    }
}

impl Edges {
    /// The object that says it states a relation to what it names.
    pub(super) fn states(
        &mut self,
        found: Found<'_>,
        relation_type: RelationType,
        to: Target<'_>,
        because: &str,
    ) {
        match id(to.kind, to.namespace, to.name) {
            Some(to) => self.state_to(found, relation_type, to, because),
            None => {
                let what = format!("{because} names no {} that can exist", to.kind);
                let problem = Place::new(&found.by.place.file, found.line)
                    .problem(what, "the relation is left out: write a name that Kubernetes accepts");
                self.problems.push(problem);
            }
        }
    }

    pub(super) fn state_to(
        &mut self,
        found: Found<'_>,
        relation_type: RelationType,
        to: CiName,
        because: &str,
    ) {
        let because = match found.line {
            0 => because.to_owned(),
            line => format!("{because} (line {line})"),
        };
        let (from, strength) = (found.by.id.clone(), found.strength);
        self.push(Edge { from, relation_type, to, strength, because });
    }

    /// Another item than the object that says it states a relation to that object or to something that it names.
    pub(super) fn states_of(
        &mut self,
        from: &CiName,
        found: Found<'_>,
        relation_type: RelationType,
        to: &CiName,
        because: &str,
    ) {
        let because = match found.line {
            0 => because.to_owned(),
            line => format!("{because} ({})", Place::new(&found.by.place.file, line)),
        };
        let (from, to, strength) = (from.clone(), to.clone(), found.strength);
        self.push(Edge { from, relation_type, to, strength, because });
    }

    fn push(&mut self, edge: Edge) {
        if self.edges.len() < RELATIONS_MAX {
            self.edges.push(edge);
        } else {
            self.beyond_limit += 1;
        }
    }

    pub(super) fn report(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Puts everything on the items.
    pub(super) fn apply(self, drafts: &mut Drafts, imported: &mut Imported) {
        for implied in self.implied {
            if !drafts.contains(&implied.id) {
                drafts.add(super::facts::implied(implied), imported);
            }
        }
        self.images.describe(drafts, imported);
        for Edge { from, relation_type, to, strength, because } in self.edges {
            if let Some(draft) = drafts.get_mut(&from) {
                draft.relate(relation_type, to, strength, &because);
            }
        }
        if self.beyond_limit > 0 {
            let what =
                format!("{} relations beyond the {RELATIONS_MAX} accepted are left out", self.beyond_limit);
            let next_step = "import fewer objects at once".to_owned();
            imported.report(Problem { file: "the whole import".to_owned(), line: None, what, next_step });
        }
        imported.skipped.selectors_without_match += self.selectors_without_match;
        self.problems.into_iter().for_each(|problem| imported.report(problem));
    }
}
