//! What an import changes, and what it refuses.

use std::collections::{BTreeMap, BTreeSet};

use domain::cmdb::{
    ATTRIBUTES_MAX, COMPLIANCE_OF_ONE_MAX, COMPLIANCE_SCOPES_MAX, Cmdb, CmdbError, Deletion, Description,
    Difference, RELATIONS_OF_ONE_MAX, Relation, SOURCES_MAX, SOURCES_OF_ONE_MAX,
};
use domain::id::CiName;

use super::fixture::{ci, day, described, import, relation, said, source, take_in};

const FIRST: [(&str, &[&str]); 3] =
    [("a", &["uses hard b", "runs_on hard node"]), ("b", &[]), ("c", &["uses soft a"])];

fn refusal(cmdb: &Cmdb, items: &[(CiName, Description)]) -> CmdbError {
    cmdb.plan_import(&source("import"), items, Deletion::Keep).unwrap_err()
}

#[test]
fn an_import_says_what_is_new_changed_unchanged_and_withdrawn() {
    let mut cmdb = Cmdb::default();
    let first = import(&mut cmdb, "import", &FIRST, Deletion::Keep, 0);
    assert_eq!((first.count(Difference::New), first.changes.len(), first.unchanged), (3, 3, 0));
    let second: [(&str, &[&str]); 3] =
        [("d", &[]), ("a", &["runs_on hard node", "uses hard b"]), ("b", &["uses hard node"])];
    let plan = import(&mut cmdb, "import", &second, Deletion::Withdraw, 1);
    let shown: Vec<_> =
        plan.changes.iter().map(|change| format!("{} {}", change.difference, change.name)).collect();
    assert_eq!(shown, ["new d", "changed b", "withdrawn c"], "the order of relations is no difference");
    assert_eq!(plan.unchanged, 1);
    assert_eq!((cmdb.len(), cmdb.relations(), cmdb.only_named_count()), (3, 3, 1));
}

#[test]
fn a_source_replaces_only_what_it_said_itself() {
    let mut cmdb = Cmdb::default();
    import(&mut cmdb, "import", &FIRST, Deletion::Keep, 0);
    let other = import(&mut cmdb, "other", &[("a", &["uses hard b"])], Deletion::Withdraw, 1);
    assert_eq!(other.changes.len(), 1, "what another source says is not withdrawn");
    assert_eq!(
        cmdb.sources().map(|(name, items)| (name.as_str(), items)).collect::<Vec<_>>(),
        [("import", 3), ("other", 1)]
    );
    import(&mut cmdb, "import", &[], Deletion::Withdraw, 2);
    let links: Vec<_> = cmdb.get("a").unwrap().leans_on().map(|link| link.ci.name()).collect();
    assert_eq!(links, ["b"], "the other source still says so");
    assert!(cmdb.get("node").is_none());
    assert_eq!(cmdb.described_by(&source("import")).count(), 0);
}

#[test]
fn a_description_that_contradicts_itself_is_refused_with_its_name() {
    let cmdb = Cmdb::default();
    let many = |count: usize, kind: &str| -> Vec<Relation> {
        (0..count).map(|i| relation(&format!("{kind} hard to-{i}"))).collect()
    };
    let attributes: BTreeMap<_, _> = (0..=ATTRIBUTES_MAX)
        .map(|i| (format!("a{i}").try_into().unwrap(), "x".to_owned().try_into().unwrap()))
        .collect();
    let scopes: BTreeSet<_> =
        (0..=COMPLIANCE_OF_ONE_MAX).map(|i| format!("RULES-{i}").try_into().unwrap()).collect();
    let plain = described("import", &[]);
    for (description, expected) in [
        (described("import", &["uses hard a"]), "`a` has the relation uses to itself: remove it"),
        (
            described("import", &["uses hard b", "uses soft b"]),
            "`a` has the relation uses to `b` twice: keep one, hard or soft",
        ),
        (
            described("other", &[]),
            "`a` is described by the source `other`, but the descriptions are those of `import`",
        ),
        (
            Description { relations: many(RELATIONS_OF_ONE_MAX + 1, "uses"), ..plain.clone() },
            "`a` has 1001 relations: a source may state 1000 of one item; describe its parts as items of their own",
        ),
        (
            Description { attributes, ..plain.clone() },
            "`a` has 65 attributes: a source may state 64 of one item",
        ),
        (
            Description { compliance: scopes, ..plain.clone() },
            "`a` falls under 17 rule books: a source may state 16 of one item",
        ),
    ] {
        assert_eq!(refusal(&cmdb, &[(ci("a"), description)]).to_string(), expected);
    }
    let twice = [(ci("a"), plain.clone()), (ci("a"), plain)];
    assert_eq!(
        refusal(&cmdb, &twice).to_string(),
        "`a` is described twice: keep one of the two descriptions"
    );
    let circle = [
        (ci("a"), described("import", &["uses hard b", "connects_to hard b"])),
        (ci("b"), described("import", &["uses hard a"])),
    ];
    assert!(cmdb.plan_import(&source("import"), &circle, Deletion::Keep).is_ok(), "circles exist");
}

#[test]
fn sources_and_rule_books_are_limited() {
    let mut cmdb = Cmdb::default();
    for i in 0..SOURCES_OF_ONE_MAX {
        import(&mut cmdb, &format!("source-{i}"), &[("a", &[])], Deletion::Keep, 0);
    }
    let error = refusal(&cmdb, &[(ci("a"), described("import", &[]))]);
    assert_eq!(
        error.to_string(),
        "`a` is described by 16 other sources already: withdraw it from one of them"
    );
    for i in SOURCES_OF_ONE_MAX..SOURCES_MAX {
        import(&mut cmdb, &format!("source-{i}"), &[("b", &[])], Deletion::Keep, 0);
        import(&mut cmdb, &format!("source-{i}"), &[("c", &[])], Deletion::Withdraw, 0);
        let next = if i % 10 == 0 { "d" } else { "e" };
        let name = format!("{next}-{i}");
        import(&mut cmdb, &format!("source-{i}"), &[(&name, &[])], Deletion::Withdraw, 0);
    }
    let error = refusal(&cmdb, &[(ci("f"), described("import", &[]))]);
    assert!(error.to_string().contains("`import` would be a new source after 1000 others"), "{error}");
    import(&mut cmdb, "source-999", &[], Deletion::Withdraw, 1);
    assert!(
        cmdb.plan_import(&source("import"), &[(ci("f"), described("import", &[]))], Deletion::Keep).is_ok(),
        "a source that describes nothing any more makes room"
    );
    let under = |i: usize| Description {
        compliance: [format!("RULES-{i}").try_into().unwrap()].into(),
        ..described("source-1", &[])
    };
    let books: Vec<_> = (0..COMPLIANCE_SCOPES_MAX).map(|i| (ci(&format!("x{i}")), under(i))).collect();
    let plan = cmdb.plan_import(&source("source-1"), &books, Deletion::Keep).unwrap();
    take_in(&mut cmdb, &plan, 2);
    for i in [0, COMPLIANCE_SCOPES_MAX - 1] {
        let scopes = cmdb.get(&format!("x{i}")).unwrap().compliance();
        assert_eq!(scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>(), [format!("RULES-{i}")]);
    }
    let one_more = [(ci("y"), under(COMPLIANCE_SCOPES_MAX))];
    let error = cmdb.plan_import(&source("source-1"), &one_more, Deletion::Keep).unwrap_err();
    assert!(
        error.to_string().contains("`RULES-64`, which would be a new rule book after 64 others"),
        "{error}"
    );
    cmdb.evolve(&ci("y"), &said(under(COMPLIANCE_SCOPES_MAX)), day(3));
    let scopes = cmdb.get("y").unwrap().compliance();
    assert!(scopes.iter().any(|scope| scope.as_str() == "RULES-64"), "a recorded one is never lost");
}
