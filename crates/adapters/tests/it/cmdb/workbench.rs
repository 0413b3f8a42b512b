//! Imports as text that a person can review.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use adapters::cmdb::{ImportError, Imported, Importer, import};
use domain::catalog::Strength;
use domain::cmdb::{Description, SourceName};
use domain::id::CiName;

/// The folder of this crate's example inputs.
pub(super) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/cmdb/fixtures").join(name)
}

pub(super) fn run(importer: &Importer) -> Imported {
    attempt(importer).unwrap()
}

pub(super) fn attempt(importer: &Importer) -> Result<Imported, ImportError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(import(importer, &SourceName::new("test").unwrap()))
}

/// Everything that came of an import.
pub(super) fn rendered(imported: &Imported) -> String {
    let mut out = String::new();
    for (id, description) in &imported.items {
        item(&mut out, id, description);
    }
    for problem in &imported.problems {
        writeln!(out, "! {problem}").unwrap();
    }
    writeln!(out, "{} files, {:?}", imported.files, imported.skipped).unwrap();
    out.replace(&format!("{}/", fixture("").parent().unwrap().display()), "")
}

fn item(out: &mut String, id: &CiName, description: &Description) {
    let location = description.location.as_ref().map_or("", |location| location.as_str());
    write!(out, "{id} · {} · {location}", description.ci_type).unwrap();
    if let Some(tier) = description.tier {
        write!(out, " · {tier}").unwrap();
    }
    if let Some(owner) = &description.owner {
        write!(out, " · of {owner}").unwrap();
    }
    if let Some(environment) = &description.environment {
        write!(out, " · in {environment}").unwrap();
    }
    for scope in &description.compliance {
        write!(out, " · {scope}").unwrap();
    }
    out.push('\n');
    for (name, value) in &description.attributes {
        writeln!(out, "    {name}: {value}").unwrap();
    }
    for relation in &description.relations {
        let soft = if relation.strength == Strength::Soft { " softly" } else { "" };
        let because = relation.because.as_ref().map_or("", |because| because.as_str());
        writeln!(out, "  → {}{soft} {} · {because}", relation.relation_type, relation.to).unwrap();
    }
}
