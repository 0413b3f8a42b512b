//! The graph in memory equals a graph that is obviously right: maps of sets, looked through from the start each time.

use std::collections::{BTreeMap, BTreeSet};

use domain::catalog::{Strength, Tier};
use domain::cmdb::{
    CiEvent, CiType, Cmdb, Cut, Deletion, Description, Follow, Item, ReachLimits, Relation, RelationType,
};
use domain::id::CiName;
use proptest::prelude::*;

use super::fixture::{ci, day, said, source, take_in, withdrawn};

const ITEMS: u8 = 10;
const SOURCES: [&str; 4] = ["kubernetes", "backstage", "manual", "catalog"];

/// Every item by name, folded one by one.
type Naive = BTreeMap<CiName, Item>;
type Edge = (CiName, RelationType, Strength);

fn name(item: u8) -> CiName {
    ci(&format!("ns/item-{item}"))
}

fn any_description(source_name: &'static str) -> impl Strategy<Value = Description> {
    let edges = prop::collection::btree_map((0..ITEMS, 0_usize..5), any::<bool>(), 0..5);
    let types = prop::sample::select(vec![CiType::Service, CiType::Workload, CiType::Host]);
    let scopes = prop::sample::subsequence(vec!["PHI", "PCI", "SOC2"], 0..3);
    (types, prop::option::of(0_u8..4), scopes, edges).prop_map(move |(ci_type, tier, scopes, edges)| {
        let relations = edges.into_iter().map(|((to, relation_type), is_hard)| Relation {
            relation_type: RelationType::ALL[relation_type],
            to: name(to),
            strength: if is_hard { Strength::Hard } else { Strength::Soft },
            because: None,
        });
        Description {
            tier: tier.map(|tier| Tier::try_from(tier).unwrap()),
            compliance: scopes.into_iter().map(|scope| scope.to_owned().try_into().unwrap()).collect(),
            relations: relations.collect(),
            ..Description::new(source(source_name), ci_type)
        }
    })
}

fn without_self(mut description: Description, name: &CiName) -> Description {
    description.relations.retain(|relation| relation.to != *name);
    description
}

fn any_edit() -> impl Strategy<Value = (CiName, CiEvent)> {
    let sources = prop::sample::select(SOURCES.to_vec());
    (0..ITEMS, sources, 0_u8..3).prop_flat_map(|(item, source_name, kind)| {
        let name = name(item);
        if kind == 0 {
            return Just((name, withdrawn(source_name))).boxed();
        }
        let described = any_description(source_name);
        described.prop_map(move |description| (name.clone(), said(without_self(description, &name)))).boxed()
    })
}

fn any_edits() -> impl Strategy<Value = Vec<(CiName, CiEvent)>> {
    prop::collection::vec(any_edit(), 0..60)
}

fn fold(edits: &[(CiName, CiEvent)]) -> (Cmdb, Naive) {
    let (mut cmdb, mut naive) = (Cmdb::default(), Naive::new());
    for (days, (name, event)) in (0..).zip(edits) {
        cmdb.evolve(name, event, day(days));
        let item = naive.remove(name).unwrap_or_default().evolve(event, day(days));
        if item.view().is_some() {
            naive.insert(name.clone(), item);
        }
    }
    (cmdb, naive)
}

/// What an item leans on.
fn leans_on(naive: &Naive, name: &CiName) -> BTreeSet<Edge> {
    let view = naive.get(name).and_then(Item::view);
    let relations = view.into_iter().flat_map(|view| view.relations);
    relations.map(|relation| (relation.to.clone(), relation.relation_type, relation.strength)).collect()
}

fn dependents(naive: &Naive, name: &CiName) -> BTreeSet<Edge> {
    let leaning =
        naive.keys().flat_map(|from| leans_on(naive, from).into_iter().map(move |edge| (from, edge)));
    leaning.filter(|(_, edge)| edge.0 == *name).map(|(from, edge)| (from.clone(), edge.1, edge.2)).collect()
}

fn links<'a>(links: impl Iterator<Item = domain::cmdb::Link<'a>>) -> BTreeSet<Edge> {
    links.map(|link| (link.ci.to_name(), link.relation_type, link.strength)).collect()
}

/// How far from `changed` each item is, by repeated scanning until nothing new is found.
fn naive_depths(naive: &Naive, changed: &BTreeSet<CiName>, follow: Follow) -> BTreeMap<CiName, u32> {
    let mut depths: BTreeMap<_, _> = changed.iter().map(|name| (name.clone(), 0)).collect();
    for depth in 0.. {
        let nearest: Vec<_> =
            depths.iter().filter(|(_, found)| **found == depth).map(|(name, _)| name.clone()).collect();
        if nearest.is_empty() {
            break;
        }
        for (from, _, strength) in nearest.iter().flat_map(|name| dependents(naive, name)) {
            if follow == Follow::HardAndSoft || strength == Strength::Hard {
                depths.entry(from).or_insert(depth + 1);
            }
        }
    }
    depths.retain(|name, _| !changed.contains(name));
    depths
}

fn assert_equal(cmdb: &Cmdb, naive: &Naive) -> Result<(), TestCaseError> {
    let described: BTreeSet<_> = cmdb.items().map(|ci| ci.to_name()).collect();
    prop_assert_eq!(&described, &naive.keys().cloned().collect::<BTreeSet<_>>());
    let named: BTreeSet<_> = naive.keys().flat_map(|name| leans_on(naive, name)).map(|(to, ..)| to).collect();
    prop_assert_eq!(cmdb.only_named_count(), named.difference(&described).count());
    let mut services = 0;
    let mut relations = 0;
    for item in (0..ITEMS).map(name) {
        let found = cmdb.get(item.as_str());
        prop_assert_eq!(found.is_some(), described.contains(&item) || named.contains(&item));
        prop_assert_eq!(found.map(|ci| links(ci.leans_on())).unwrap_or_default(), leans_on(naive, &item));
        prop_assert_eq!(found.map(|ci| links(ci.dependents())).unwrap_or_default(), dependents(naive, &item));
        let view = naive.get(&item).and_then(Item::view);
        prop_assert_eq!(found.and_then(|ci| ci.ci_type()), view.as_ref().map(|view| view.ci_type.value));
        let stated =
            found.and_then(|ci| ci.tier()).map(|stated| (stated.tier, stated.source.clone(), stated.at));
        let expected = view.as_ref().and_then(|view| view.tier);
        prop_assert_eq!(stated, expected.map(|known| (known.value, known.source.clone(), known.at)));
        let scopes = found.map(|ci| ci.compliance()).unwrap_or_default();
        prop_assert_eq!(scopes, view.as_ref().map(|view| view.compliance_scopes()).unwrap_or_default());
        services += usize::from(view.is_some_and(|view| view.ci_type.value == CiType::Service));
        let statements = naive.get(&item).into_iter().flat_map(|item| item.statements().values());
        relations += statements.map(|statement| statement.description.relations.len()).sum::<usize>();
    }
    prop_assert_eq!((cmdb.services(), cmdb.relations()), (services, relations));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_graph_equals_the_fold_of_its_items_after_any_edits(edits in any_edits()) {
        let (cmdb, naive) = fold(&edits);
        assert_equal(&cmdb, &naive)?;
    }

    #[test]
    fn reach_is_exactly_what_a_search_of_everything_finds(
        edits in any_edits(),
        changed in prop::collection::btree_set(0..ITEMS, 0..3),
        follow in prop::sample::select(vec![Follow::Hard, Follow::HardAndSoft]),
    ) {
        let (cmdb, naive) = fold(&edits);
        let changed: BTreeSet<_> = changed.into_iter().map(name).collect();
        let found = changed.iter().filter_map(|name| cmdb.get(name.as_str()));
        let reach = cmdb.reach(found, follow, ReachLimits::default());
        let depths: BTreeMap<_, _> =
            reach.reached().map(|reached| (reached.ci.to_name(), reached.depth)).collect();
        prop_assert_eq!(depths.len(), reach.reached().len(), "nothing is found twice");
        prop_assert_eq!(reach.cut(), None);
        prop_assert_eq!(depths, naive_depths(&naive, &changed, follow));
        for reached in reach.reached() {
            let path = reach.path(&reached);
            prop_assert!(changed.contains(&path.start.to_name()));
            prop_assert_eq!(path.hops.len(), usize::try_from(reached.depth).unwrap(), "a shortest path");
            prop_assert_eq!(path.hops.last().map(|hop| hop.ci), Some(reached.ci));
            let mut before = path.start;
            for hop in &path.hops {
                prop_assert!(before.dependents().any(|link| link == *hop));
                prop_assert!(follow == Follow::HardAndSoft || hop.strength == Strength::Hard);
                before = hop.ci;
            }
        }
    }

    #[test]
    fn a_limited_search_finds_a_part_and_says_so_exactly_when_there_is_more(
        edits in any_edits(),
        items_max in 0_usize..6,
        depth_max in 0_u32..4,
    ) {
        let (cmdb, _) = fold(&edits);
        let search = |limits| cmdb.reach(cmdb.get("ns/item-0"), Follow::Hard, limits);
        let all = search(ReachLimits::default());
        let few = search(ReachLimits { items_max, ..ReachLimits::default() });
        prop_assert_eq!(few.reached().len(), all.reached().len().min(items_max));
        prop_assert_eq!(few.cut(), (all.reached().len() > items_max).then_some(Cut::Items));
        let near = search(ReachLimits { depth_max, ..ReachLimits::default() });
        let within = all.reached().filter(|reached| reached.depth <= depth_max).count();
        prop_assert_eq!(near.reached().len(), within);
        prop_assert_eq!(near.cut(), (within < all.reached().len()).then_some(Cut::Depth));
    }

    #[test]
    fn importing_twice_changes_nothing_and_leaves_other_sources_alone(
        edits in any_edits(),
        items in prop::collection::btree_map(0..ITEMS, any_description("kubernetes"), 0..8),
    ) {
        let (mut cmdb, mut naive) = fold(&edits);
        let items: Vec<_> = items
            .into_iter()
            .map(|(item, description)| (name(item), without_self(description, &name(item))))
            .collect();
        for deletion in [Deletion::Keep, Deletion::Withdraw] {
            let plan = cmdb.plan_import(&source("kubernetes"), &items, deletion).unwrap();
            take_in(&mut cmdb, &plan, 100);
            for change in &plan.changes {
                let item = naive.remove(&change.name).unwrap_or_default().evolve(&change.event, day(100));
                naive.insert(change.name.clone(), item);
            }
            naive.retain(|_, item| item.view().is_some());
            assert_equal(&cmdb, &naive)?;
            let again = cmdb.plan_import(&source("kubernetes"), &items, deletion).unwrap();
            prop_assert_eq!(again.changes, []);
            prop_assert_eq!(again.unchanged, items.len());
        }
    }

    #[test]
    fn withdrawing_a_source_restores_what_the_others_said(edits in any_edits()) {
        let is_of = |event: &CiEvent, wanted: &str| match event {
            CiEvent::Described { description } => description.source.as_str() == wanted,
            CiEvent::Withdrawn { source } => source.as_str() == wanted,
        };
        let (mut cmdb, _) = fold(&edits);
        let plan = cmdb.plan_import(&source("kubernetes"), &[], Deletion::Withdraw).unwrap();
        take_in(&mut cmdb, &plan, 100);
        let mut naive = Naive::new();
        for (days, (name, event)) in (0..).zip(&edits).filter(|(_, (_, event))| !is_of(event, "kubernetes")) {
            let item = naive.remove(name).unwrap_or_default().evolve(event, day(days));
            naive.insert(name.clone(), item);
        }
        naive.retain(|_, item| item.view().is_some());
        assert_equal(&cmdb, &naive)?;
    }
}
