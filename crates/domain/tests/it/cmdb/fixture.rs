//! Descriptions in short: `runs_on hard node-1` is a relation.

use domain::Timestamp;
use domain::cmdb::{CiEvent, CiType, Cmdb, Deletion, Description, ImportPlan, Relation, SourceName};
use domain::id::CiName;

pub(crate) fn ci(text: &str) -> CiName {
    CiName::new(text).unwrap()
}

pub(crate) fn source(text: &str) -> SourceName {
    SourceName::new(text).unwrap()
}

pub(crate) fn day(days: i64) -> Timestamp {
    Timestamp::from_second(days * 86_400).unwrap()
}

pub(crate) fn relation(line: &str) -> Relation {
    let mut words = line.split(' ');
    let mut word = || words.next().unwrap();
    Relation {
        relation_type: word().parse().unwrap(),
        strength: word().parse().unwrap(),
        to: ci(word()),
        because: None,
    }
}

/// A workload as a source describes it.
pub(crate) fn described(by: &str, relations: &[&str]) -> Description {
    Description {
        relations: relations.iter().map(|line| relation(line)).collect(),
        ..Description::new(source(by), CiType::Workload)
    }
}

pub(crate) fn said(description: Description) -> CiEvent {
    CiEvent::Described { description }
}

pub(crate) fn withdrawn(by: &str) -> CiEvent {
    CiEvent::Withdrawn { source: source(by) }
}

/// A CMDB with these workloads by one source on day 0; `name: relation, relation`.
pub(crate) fn cmdb(lines: &[&str]) -> Cmdb {
    let mut cmdb = Cmdb::default();
    for line in lines {
        let (name, relations) = line.split_once(':').unwrap();
        let relations: Vec<_> =
            relations.split(',').map(str::trim).filter(|relation| !relation.is_empty()).collect();
        cmdb.evolve(&ci(name), &said(described("import", &relations)), day(0));
    }
    cmdb
}

pub(crate) fn take_in(cmdb: &mut Cmdb, plan: &ImportPlan, days: i64) {
    for change in &plan.changes {
        cmdb.evolve(&change.name, &change.event, day(days));
    }
}

/// Plans an import of workloads and takes it in.
pub(crate) fn import(
    cmdb: &mut Cmdb,
    by: &str,
    items: &[(&str, &[&str])],
    deletion: Deletion,
    days: i64,
) -> ImportPlan {
    let items: Vec<_> = items.iter().map(|(name, relations)| (ci(name), described(by, relations))).collect();
    let plan = cmdb.plan_import(&source(by), &items, deletion).unwrap();
    take_in(cmdb, &plan, days);
    plan
}
