//! Facts about commits, from real repositories made with the git program.

mod copies;
mod facts;
mod kind;
mod lines;
mod message;
mod resolve;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use adapters::git::{ChangeSet, CommitFacts, CommitId, Repository};
use tempfile::TempDir;

const ANN: &str = "ann@example.org";
const BOB: &str = "bob@example.org";

/// A repository in a temporary folder.
struct Checkout {
    _folder: TempDir,
    root: PathBuf,
}

impl Checkout {
    fn new() -> Self {
        let checkout = Self::empty_folder();
        checkout.git(&["init", "--quiet", "--initial-branch=main"]);
        checkout
    }

    fn empty_folder() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join("shop");
        fs::create_dir(&root).unwrap();
        Self { _folder: folder, root }
    }

    /// A shallow clone of this one.
    fn shallow_clone(&self, depth: u32) -> Self {
        let clone = Self::empty_folder();
        let origin = format!("file://{}", self.root.display());
        clone.git(&["clone", "--quiet", &format!("--depth={depth}"), &origin, "."]);
        clone
    }

    fn git(&self, arguments: &[&str]) -> String {
        self.git_as("Ann", ANN, arguments)
    }

    /// Runs git as somebody, whatever the settings of this machine are.
    fn git_as(&self, name: &str, email: &str, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .arg("-C")
            .arg(&self.root)
            .args(arguments)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .envs([("GIT_AUTHOR_NAME", name), ("GIT_AUTHOR_EMAIL", email)])
            .envs([("GIT_COMMITTER_NAME", name), ("GIT_COMMITTER_EMAIL", email)])
            .envs([
                ("GIT_AUTHOR_DATE", "2026-02-03T04:05:06Z"),
                ("GIT_COMMITTER_DATE", "2026-02-03T04:05:06Z"),
            ])
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Commits everything as it lies there.
    fn commit(&self, message: &str) -> CommitId {
        self.commit_as("Ann", ANN, message)
    }

    fn commit_as(&self, name: &str, email: &str, message: &str) -> CommitId {
        self.git(&["add", "--all"]);
        self.git_as(
            name,
            email,
            &["commit", "--quiet", "--allow-empty", "--allow-empty-message", "--message", message],
        );
        CommitId::parse(&self.git(&["rev-parse", "HEAD"])).unwrap()
    }

    fn repository(&self) -> Repository {
        Repository::discover(&self.root).unwrap()
    }

    fn facts(&self) -> CommitFacts {
        self.repository().facts(None).unwrap()
    }
}

fn paths(changes: &ChangeSet) -> Vec<&str> {
    changes.files().iter().map(|file| file.path.as_str()).collect()
}

fn refusal(folder: &Path, revision: &str) -> String {
    let repository = Repository::discover(folder).unwrap();
    repository.facts(Some(revision)).unwrap_err().to_string()
}
