//! What an import does not read, and how it says so.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use adapters::cmdb::{FILE_BYTES_MAX, FilesError, ImportError, Importer};

use super::workbench::{attempt, rendered, run};

const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n";

fn kubernetes(path: &Path) -> Importer {
    Importer::Kubernetes(vec![path.to_owned()])
}

/// The problems of one file with this content.
fn problems_of(content: &[u8]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.yaml"), content).unwrap();
    let imported = run(&kubernetes(folder.path()));
    let lead = format!("`{}/", folder.path().display());
    imported.problems.iter().map(|problem| problem.to_string().replace(&lead, "`")).collect()
}

#[test]
fn a_folder_is_read_without_hidden_files_links_and_other_kinds() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("inside");
    fs::create_dir_all(inside.join("deep")).unwrap();
    fs::create_dir(inside.join(".git")).unwrap();
    fs::write(folder.path().join("outside.yaml"), SERVICE.replace("a}", "outside}")).unwrap();
    fs::write(inside.join("deep/b.yml"), SERVICE).unwrap();
    fs::write(inside.join("README.md"), "kind: Service").unwrap();
    symlink(folder.path().join("outside.yaml"), inside.join("link.yaml")).unwrap();
    symlink(folder.path(), inside.join("round")).unwrap();
    let imported = run(&kubernetes(&inside));
    assert_eq!(imported.items.len(), 1, "{}", rendered(&imported));
    let skipped = imported.skipped;
    assert_eq!((skipped.hidden, skipped.links, skipped.other_files), (1, 2, 1));
}

#[test]
fn a_path_that_is_not_there_is_an_error_that_names_it() {
    let error = attempt(&kubernetes(Path::new("/not/there"))).unwrap_err();
    assert!(matches!(&error, ImportError::Files(FilesError::Read { path, .. }) if path == "/not/there"));
    assert_eq!(error.to_string(), "cannot read `/not/there`; check the path and its permissions");
    let nothing = attempt(&Importer::Kubernetes(Vec::new()));
    assert!(matches!(nothing, Err(ImportError::Files(FilesError::Nothing))));
}

#[test]
fn what_is_not_utf8_is_named_with_line_and_byte() {
    assert_eq!(
        problems_of(b"kind: Service\nname: \xe4\n"),
        ["`a.yaml` line 2: byte 7 of the line is not UTF-8; save the file as UTF-8"]
    );
}

#[test]
fn what_is_too_large_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.yaml");
    fs::File::create(&path).unwrap().set_len(FILE_BYTES_MAX + 1).unwrap();
    fs::write(folder.path().join("b.yaml"), SERVICE).unwrap();
    let imported = run(&kubernetes(folder.path()));
    assert_eq!(imported.items.len(), 1);
    assert!(imported.problems[0].to_string().ends_with("larger than 32 MiB; split it"));
}

#[test]
fn what_is_too_deep_or_grows_without_end_is_refused() {
    let deep = format!("{SERVICE}spec: {}{}\n", "[".repeat(100), "]".repeat(100));
    assert!(problems_of(deep.as_bytes())[0].contains("line 4: nested deeper than 64 levels"));
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let uses = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{uses}]\n"));
    }
    assert!(problems_of(bomb.as_bytes())[0].contains("more than 2000000 values in one document"));
    assert!(problems_of(b"kind: &a [*a]\n")[0].contains("line 1: "));
}
