//! The other formats: what each gives, and what each says of what it cannot take.

use std::fs;
use std::path::Path;

use adapters::cmdb::{Imported, Importer, Mapping, write};

use super::workbench::{fixture, rendered, run};

fn mapping() -> Box<Mapping> {
    let path = fixture("table/mapping.toml");
    Box::new(Mapping::parse(&path, &fs::read_to_string(&path).unwrap()).unwrap())
}

/// Imports a table with this text.
fn table(text: &[u8]) -> Imported {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.csv"), text).unwrap();
    run(&Importer::Csv { paths: vec![folder.path().to_owned()], mapping: mapping() })
}

fn refusal(mapping: &str) -> String {
    let error = Mapping::parse(Path::new("m.toml"), mapping).unwrap_err();
    std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

#[test]
fn a_backstage_catalog() {
    insta::assert_snapshot!(rendered(&run(&Importer::Backstage(vec![fixture("backstage")]))));
}

#[test]
fn terraform_states() {
    insta::assert_snapshot!(rendered(&run(&Importer::Terraform(vec![fixture("terraform")]))));
}

#[test]
fn bills_of_materials() {
    insta::assert_snapshot!(rendered(&run(&Importer::CycloneDx(vec![fixture("cyclonedx")]))));
}

#[test]
fn a_table() {
    let importer = Importer::Csv { paths: vec![fixture("table")], mapping: mapping() };
    insta::assert_snapshot!(rendered(&run(&importer)));
}

#[test]
fn our_own_yaml() {
    insta::assert_snapshot!(rendered(&run(&Importer::Yaml(vec![fixture("native")]))));
}

#[test]
fn no_secret_value_is_kept_from_any_format() {
    let importers = [
        Importer::Backstage(vec![fixture("backstage")]),
        Importer::Terraform(vec![fixture("terraform")]),
        Importer::CycloneDx(vec![fixture("cyclonedx")]),
    ];
    for importer in importers {
        let imported = format!("{:?}", run(&importer));
        assert!(!imported.contains("hunter2"), "{importer:?} keeps a secret: {imported}");
    }
}

#[test]
fn what_is_written_in_our_own_form_reads_back_as_the_same() {
    let shop = run(&Importer::Kubernetes(vec![fixture("shop")]));
    let text = write(shop.items.iter().map(|(id, description)| (id, description))).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("items.yaml"), &text).unwrap();
    let mut back = run(&Importer::Yaml(vec![folder.path().to_owned()]));
    assert_eq!(back.problems, []);
    for ((_, back), (_, shop)) in back.items.iter_mut().zip(&shop.items) {
        back.location.clone_from(&shop.location);
    }
    assert_eq!(back.items, shop.items);
}

#[test]
fn a_table_in_the_wrong_encoding_or_without_a_column_says_where() {
    let tell =
        |imported: Imported| imported.problems[0].to_string().split_once("a.csv").unwrap().1.to_owned();
    assert_eq!(
        tell(table(b"CI Name;Class\nM\xfcnchen;host\n")),
        "` line 2: byte 2 of the line is not UTF-8; save the file as UTF-8"
    );
    assert_eq!(
        tell(table(b"CI Name;Kind\na;host\n")),
        "` line 1: the column `Class` of the mapping is not in the first line; \
         the columns are `CI Name`, `Kind`: correct the mapping"
    );
    assert_eq!(
        tell(table(b"CI Name;CI Name\n")),
        "` line 1: the column `CI Name` stands in the first line more than once; the columns are `CI Name`, `CI Name`: correct the mapping"
    );
}

#[test]
fn a_mapping_that_is_none_says_what_is_wrong() {
    assert!(refusal("[columns]\nid = \"A\"\n").contains("says nothing of the type"));
    assert!(refusal("[columns]\nid = \"A\"\ntype = \"B\"\nteir = \"C\"\n").contains("unknown field `teir`"));
    assert!(
        refusal("delimiter = \"→\"\n[columns]\nid = \"A\"\ntype = \"B\"\n").contains("the delimiter `→`")
    );
    let empty = "separator = \"\"\n[columns]\nid = \"A\"\ntype = \"B\"\n";
    assert!(refusal(empty).contains("a separator of the mapping is empty"));
}

#[test]
fn the_examples_on_the_page_about_imports_can_be_imported() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cmdb-import.md");
    let page = fs::read_to_string(page).unwrap();
    let example = |language: &str| {
        let (_, rest) = page.split_once(&format!("```{language}\n")).unwrap();
        rest.split_once("```").unwrap().0.to_owned()
    };
    Mapping::parse(Path::new("mapping.toml"), &example("toml")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("items.yaml"), example("yaml")).unwrap();
    let imported = run(&Importer::Yaml(vec![folder.path().to_owned()]));
    assert_eq!((imported.items.len(), imported.problems.len()), (1, 0), "{}", rendered(&imported));
}
