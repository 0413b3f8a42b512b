//! Working copies: of a commit that is fetched first, without hooks, and gone afterwards whatever has become of them.

use std::fs;

use adapters::git::{CommitId, GitError, Repository};

use super::Checkout;

/// What git knows of copies, the repository itself left out.
fn copies(checkout: &Checkout) -> Vec<String> {
    let list = checkout.git(&["worktree", "list", "--porcelain"]);
    let folders = list.lines().filter_map(|line| line.strip_prefix("worktree ")).map(str::to_owned);
    folders.skip(1).collect()
}

#[test]
fn a_copy_is_of_its_commit_and_no_hook_sees_it_made() {
    let checkout = Checkout::new();
    checkout.write("release", "1\n");
    let first = checkout.commit("First");
    checkout.write("release", "2\n");
    checkout.commit("Second");
    let noted = checkout.root.join("noted");
    let hook = checkout.root.join(".git/hooks/post-checkout");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, format!("#!/bin/sh\ntouch {}\n", noted.display())).unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&hook, executable).unwrap();

    let (repository, folder) = (checkout.repository(), checkout.root.with_file_name("copy"));
    repository.check_out(&first, &folder).unwrap();
    assert_eq!(fs::read_to_string(folder.join("release")).unwrap(), "1\n");
    assert_eq!(fs::read_to_string(checkout.root.join("release")).unwrap(), "2\n");
    assert!(!noted.exists(), "a hook ran");
    fs::write(folder.join("release"), "modified\n").unwrap();
    fs::write(folder.join("new"), "untracked\n").unwrap();
    repository.remove_copy(&folder).unwrap();
    assert!(!folder.exists() && copies(&checkout).is_empty());
    repository.remove_copy(&folder).unwrap();
}

#[test]
fn a_commit_that_is_not_here_is_fetched_once_or_refused() {
    let origin = Checkout::new();
    origin.commit("First");
    for arguments in [&["clone", "--quiet"][..], &["clone", "--quiet", "--mirror"]] {
        let clone = Checkout::empty_folder();
        clone.git(&[arguments, &[&origin.root.display().to_string(), "."]].concat());
        origin.write("release", format!("{arguments:?}"));
        let later = origin.commit("Later");
        let repository = Repository::open(&clone.root).unwrap();
        let folder = clone.root.with_file_name("copy");
        repository.check_out(&later, &folder).unwrap();
        assert_eq!(fs::read_to_string(folder.join("release")).unwrap(), format!("{arguments:?}"));

        let nowhere = CommitId::parse(&"1".repeat(40)).unwrap();
        let refused = repository.check_out(&nowhere, &clone.root.with_file_name("other")).unwrap_err();
        assert!(matches!(refused, GitError::NotToBeHad { .. }), "{refused}");
        let said = refused.to_string();
        assert!(
            said.contains("nor on its remotes after a fetch") && said.contains("push its branch"),
            "{said}"
        );
    }
    // A remote that is gone is not a commit that does not exist.
    let clone = Checkout::empty_folder();
    clone.git(&["clone", "--quiet", &origin.root.display().to_string(), "."]);
    clone.git(&["remote", "set-url", "origin", "/nonexistent"]);
    let nowhere = CommitId::parse(&"1".repeat(40)).unwrap();
    let refused = clone.repository().obtain(&nowhere).unwrap_err();
    assert!(matches!(&refused, GitError::Failed { command, .. } if command == "git fetch"), "{refused}");
}

#[test]
fn what_a_killed_git_has_begun_is_removed_and_made_anew() {
    let checkout = Checkout::new();
    checkout.write("release", "1\n");
    let commit = checkout.commit("First");
    let (repository, folder) = (checkout.repository(), checkout.root.with_file_name("copy"));
    // Git locks a copy while it makes it; the copy's own file is not there yet, and some of its files are.
    let begin = || {
        repository.check_out(&commit, &folder).unwrap();
        checkout.git(&["worktree", "lock", "--reason", "initializing", &folder.display().to_string()]);
        fs::remove_file(folder.join(".git")).unwrap();
    };
    begin();
    repository.remove_copy(&folder).unwrap();
    assert!(!folder.exists() && copies(&checkout).is_empty(), "{:?}", copies(&checkout));
    begin();
    fs::remove_dir_all(&folder).unwrap();
    repository.check_out(&commit, &folder).unwrap();
    assert_eq!(fs::read_to_string(folder.join("release")).unwrap(), "1\n");
}

#[test]
fn a_folder_that_is_no_clone_is_refused() {
    let folder = Checkout::empty_folder();
    let refused = Repository::open(&folder.root).unwrap_err();
    assert!(matches!(refused, GitError::NotARepository { .. }), "{refused}");
}
