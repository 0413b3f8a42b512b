//! A working copy for each change: of its commit, its own, bounded in number, and never shared by two runners.

use std::path::{Path, PathBuf};
use std::process::Command;

use adapters::git::Repository;
use domain::id::ChangeId;
use runner::{Kept, WorkspaceError, Workspaces};

/// A repository with two releases.
struct Place {
    folder: tempfile::TempDir,
    releases: [String; 2],
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let repository = folder.path().join("repository");
        std::fs::create_dir(&repository).unwrap();
        git(&repository, &["init", "--quiet"]);
        let releases = ["one", "two"].map(|release| {
            std::fs::write(repository.join("release"), release).unwrap();
            git(&repository, &["add", "--all"]);
            git(&repository, &["commit", "--quiet", "--message", release]);
            git(&repository, &["rev-parse", "HEAD"])
        });
        Self { folder, releases }
    }

    fn workspaces(&self) -> Result<Workspaces, WorkspaceError> {
        let repository = Repository::open(&self.folder.path().join("repository")).unwrap();
        Workspaces::open(repository, self.copies())
    }

    fn copies(&self) -> PathBuf {
        self.folder.path().join("copies")
    }
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(["-c", "user.name=Dev", "-c", "user.email=dev@example.com"]);
    let output = command.args(arguments).env("GIT_CONFIG_GLOBAL", "/dev/null").output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn change(number: u32) -> ChangeId {
    format!("CHG-2026-{number:06}").parse().unwrap()
}

fn release(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("release")).unwrap()
}

#[tokio::test]
async fn each_change_works_in_files_of_its_own_until_it_is_over() {
    let place = Place::new();
    let workspaces = place.workspaces().unwrap();
    let [first, second] = &place.releases;
    let (one, two) =
        tokio::join!(workspaces.provide(change(1), first, None), workspaces.provide(change(2), second, None));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!((release(&one), release(&two)), ("one".to_owned(), "two".to_owned()));

    // Who goes on gets the files as they were left, also a runner that was started later.
    std::fs::write(one.join("built"), "").unwrap();
    std::fs::write(one.join("release"), "modified").unwrap();
    drop(workspaces);
    let workspaces = place.workspaces().unwrap();
    assert_eq!(workspaces.provide(change(1), first, Some(0)).await.unwrap(), one);
    assert!(one.join("built").exists() && release(&one) == "modified");
    // One that was approved for another commit meanwhile gets that one.
    assert_eq!(workspaces.provide(change(1), second, None).await.unwrap(), one);
    assert!(!one.join("built").exists() && release(&one) == "two");

    let whole = |change| Kept { change, is_whole: true };
    assert_eq!(workspaces.kept().await.unwrap(), [whole(change(1)), whole(change(2))]);
    for number in [1, 2, 2] {
        workspaces.remove(change(number)).await.unwrap();
    }
    assert!(workspaces.kept().await.unwrap().is_empty() && !one.exists() && !two.exists());
    let known = git(&place.folder.path().join("repository"), &["worktree", "list"]);
    assert_eq!(known.lines().count(), 1, "{known}");
}

#[tokio::test]
async fn what_a_killed_runner_left_half_made_is_not_worked_in() {
    let place = Place::new();
    let workspaces = place.workspaces().unwrap();
    let tree = place.copies().join("CHG-2026-000001/tree");
    std::fs::create_dir_all(&tree).unwrap();
    std::fs::write(tree.join("release"), "half of it").unwrap();
    std::fs::write(place.copies().join("notes.txt"), "somebody's").unwrap();
    assert_eq!(workspaces.kept().await.unwrap(), [Kept { change: change(1), is_whole: false }]);
    let folder = workspaces.provide(change(1), &place.releases[0], None).await.unwrap();
    assert_eq!(release(&folder), "one");
    assert_eq!(workspaces.kept().await.unwrap(), [Kept { change: change(1), is_whole: true }]);
    assert!(place.copies().join("notes.txt").exists());
}

#[tokio::test]
async fn what_cannot_be_had_is_refused_and_leaves_nothing() {
    let place = Place::new();
    let workspaces = place.workspaces().unwrap();
    let said =
        async |commit: &str, most| workspaces.provide(change(1), commit, most).await.unwrap_err().to_string();
    assert!(said(&"1".repeat(40), None).await.contains("nor on its remotes after a fetch"));
    for given in ["HEAD", "--upload-pack=touch x", "main; touch x", "deadbeef", ""] {
        assert!(said(given, None).await.contains("is no full commit id"), "{given}");
    }
    assert!(workspaces.kept().await.unwrap().is_empty());

    workspaces.provide(change(2), &place.releases[0], Some(1)).await.unwrap();
    assert!(said(&place.releases[0], Some(1)).await.contains("holds 1 working copies"));
    // What is to be taken back gets its copy all the same.
    workspaces.provide(change(1), &place.releases[0], None).await.unwrap();
}

#[tokio::test]
async fn two_runners_do_not_share_a_folder() {
    let place = Place::new();
    let first = place.workspaces().unwrap();
    let refused = place.workspaces().unwrap_err();
    assert!(matches!(refused, WorkspaceError::InUse { .. }), "{refused}");
    let clone = first.clone();
    drop(first);
    assert!(place.workspaces().is_err(), "a clone works with it");
    drop(clone);
    place.workspaces().unwrap();
}
