//! The commits of a deployed branch, in repositories made here.

use std::path::Path;
use std::process::Command;

use adapters::history::{Form, GitSettings, HistoryError, Mapping};
use domain::change::{Category, Outcome};
use domain::history::ChangedBy;
use jiff::SignedDuration;

use super::{Told, read};

const DAY: i64 = 86_400;

/// A repository with a clock of its own.
struct Repository {
    folder: tempfile::TempDir,
    now: i64,
}

impl Repository {
    fn new() -> Self {
        let repository = Self { folder: tempfile::tempdir().unwrap(), now: 1_740_000_000 };
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn git(&self, arguments: &[&str]) -> String {
        let date = format!("{} +0000", self.now);
        let output = Command::new("git")
            .arg("-C")
            .arg(self.path())
            .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"])
            .args(arguments)
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_DATE", &date)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Writes a file, lets time pass and commits; the id of the commit.
    fn commit(&mut self, file: &str, text: &str, message: &str, after_seconds: i64) -> String {
        let path = self.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self.now += after_seconds;
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    fn read(&self, settings: GitSettings, mapping: &str) -> Told {
        let mapping = Mapping::parse(mapping, "map.toml").unwrap();
        let told = read(self.path(), Form::Git(settings), &mapping);
        assert!(told.bad.is_empty() && told.stopped.is_none(), "{told:?}");
        told
    }
}

/// The titles of the changes that failed, the oldest first.
fn failed(told: &Told) -> Vec<&str> {
    let failed = told.ended.iter().rev().filter(|record| record.change.outcome == Outcome::Failed);
    failed.map(|record| record.change.title.as_ref().unwrap().as_str()).collect()
}

#[test]
fn a_commit_that_a_later_one_reverts_has_failed() {
    let mut repository = Repository::new();
    repository.commit("apps/cart/a.yaml", "1\n2\n", "Add cart", DAY);
    let limits = repository.commit("apps/cart/a.yaml", "1\n2\n3\n", "Raise limits", DAY);
    repository.git(&["revert", "--no-edit", &limits]);
    repository.commit("b.yaml", "1\n", "Bump", DAY);
    repository.commit("b.yaml", "2\n", "Bump", DAY);
    repository.commit("b.yaml", "1\n", "Revert \"Bump\"\n\nIt was too slow.", 60);
    let told = repository.read(GitSettings::default(), "[paths]\n\"apps/cart/\" = \"cart\"\n");
    assert_eq!(told.ended.len(), 6);
    assert_eq!(failed(&told), ["Raise limits", "Bump"]);
    let bumps = told.ended.iter().filter(|record| record.change.title.as_ref().unwrap().as_str() == "Bump");
    assert_eq!(
        bumps.map(|bump| bump.change.outcome).collect::<Vec<_>>(),
        [Outcome::Failed, Outcome::Successful]
    );
    let raised = told.ended.iter().find(|record| record.id.as_str() == limits).unwrap();
    let change = &raised.change;
    assert_eq!(
        (change.churn.lines_added, change.churn.files, change.churn.directories),
        (Some(1), Some(1), Some(1))
    );
    assert_eq!(change.requester.as_ref().unwrap().as_str(), "Ada");
    assert_eq!(change.services.iter().next().unwrap().as_str(), "cart");
    assert_eq!((change.category, change.by), (Category::Deployment, Some(ChangedBy::Human)));
    assert_eq!(change.outcome_known_at, change.closed_at + SignedDuration::from_hours(7 * 24));
    let revert = told.ended.iter().find(|record| record.change.is_revert).unwrap();
    assert_eq!(revert.change.category, Category::Rollback);
}

#[test]
fn a_revert_after_the_waiting_period_marks_nothing() {
    let mut repository = Repository::new();
    let first = repository.commit("a", "1\n", "Add", DAY);
    repository.commit("a", "2\n", &format!("Revert \"Add\"\n\nThis reverts commit {first}."), 8 * DAY);
    assert_eq!(failed(&repository.read(GitSettings::default(), "")), Vec::<&str>::new());
    let longer = "[times]\noutcome_known_after = \"9d\"\n";
    assert_eq!(failed(&repository.read(GitSettings::default(), longer)), ["Add"]);
}

#[test]
fn only_what_landed_on_the_branch_is_a_change_and_a_merge_is_one() {
    let mut repository = Repository::new();
    repository.commit("a", "1\n", "Start", DAY);
    repository.git(&["checkout", "--quiet", "-b", "totals"]);
    repository.commit("new name.txt", "1\n", "Totals, first", 60);
    let second = repository.commit(
        "b/c",
        "1\n2\n",
        "Totals, second\n\nCo-authored-by: deploy[bot] <x@example.com>",
        60,
    );
    repository.git(&["checkout", "--quiet", "main"]);
    let merge = [
        "merge",
        "--quiet",
        "--no-ff",
        "-m",
        "Merge pull request #12 from x/totals",
        "-m",
        "Totals",
        "totals",
    ];
    repository.git(&merge);
    repository.git(&["mv", "a", "moved"]);
    repository.commit("d", "1\n", "Move\n\nCo-authored-by: deploy[bot] <x@example.com>", 60);
    let body = format!("Take totals back\n\nThis reverts commit {second}.\nReverts x/shop#12");
    repository.commit("b/c", "1\n", &body, 60);
    let settings = GitSettings { branch: Some("main".to_owned()), ..GitSettings::default() };
    let told = repository.read(settings, "");
    let titles: Vec<_> =
        told.ended.iter().map(|record| record.change.title.as_ref().unwrap().as_str()).collect();
    assert_eq!(titles, ["Take totals back", "Move", "Merge pull request #12 from x/totals", "Start"]);
    assert_eq!(failed(&told), ["Merge pull request #12 from x/totals"]);
    let [_, moved, merged, _] = told.ended.as_slice() else { panic!("{titles:?}") };
    let files: Vec<_> = merged.change.files.iter().map(|file| file.as_str()).collect();
    assert_eq!(
        (files.as_slice(), merged.change.churn.lines_added),
        (["b/c", "new name.txt"].as_slice(), Some(3))
    );
    assert_eq!(moved.change.churn.lines_added, Some(1), "a renamed file adds no lines");
    assert_eq!(moved.change.by, Some(ChangedBy::Agent));
    let missing = read(
        repository.path(),
        Form::Git(GitSettings { branch: Some("live".to_owned()), ..GitSettings::default() }),
        &Mapping::default(),
    );
    assert!(missing.stopped.unwrap().to_string().contains("`live` names no commit"));
}

#[test]
fn repairs_count_only_when_asked_for() {
    let mut repository = Repository::new();
    repository.commit("a", "1\n", "Add a", DAY);
    repository.commit("b", "1\n", "Add b", 3_600);
    repository.commit("a", "2\n", "Fix a", 3_600);
    repository.commit("a", "3\n", "Fix a again", 25 * 3_600);
    assert_eq!(failed(&repository.read(GitSettings::default(), "")), Vec::<&str>::new());
    let settings = GitSettings { repaired_within: Some(SignedDuration::from_hours(24)), branch: None };
    assert_eq!(failed(&repository.read(settings, "")), ["Add a"]);
}

#[test]
fn many_commits_are_read_in_pages() {
    let mut repository = Repository::new();
    for number in 0..300 {
        repository.now += 60;
        repository.git(&["commit", "--quiet", "--allow-empty", "--message", &format!("Change {number}")]);
    }
    let told = repository.read(GitSettings::default(), "");
    let ids: std::collections::BTreeSet<_> = told.ended.iter().map(|record| &record.id).collect();
    assert_eq!((told.ended.len(), ids.len()), (300, 300));
    assert!(told.ended.is_sorted_by(|newer, older| newer.change.closed_at > older.change.closed_at));
}

#[test]
fn a_shallow_clone_and_a_folder_without_git_are_refused() {
    let mut repository = Repository::new();
    repository.commit("a", "1\n", "One", DAY);
    repository.commit("a", "2\n", "Two", DAY);
    let clone = tempfile::tempdir().unwrap();
    let from = format!("file://{}", repository.path().display());
    repository.git(&["clone", "--quiet", "--depth", "1", &from, &clone.path().display().to_string()]);
    let told = read(clone.path(), Form::Git(GitSettings::default()), &Mapping::default());
    assert!(matches!(told.stopped, Some(HistoryError::Shallow { .. })), "{told:?}");
    let nowhere = tempfile::tempdir().unwrap();
    let told = read(nowhere.path(), Form::Git(GitSettings::default()), &Mapping::default());
    assert!(told.stopped.unwrap().to_string().contains("git repository"));
}
