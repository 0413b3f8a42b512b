//! What the git checkout says about the commit that is rolled out.

use std::collections::BTreeSet;
use std::path::Path;

use adapters::git::{ChangeSet, ChangedLines, CommitFacts, FileKind, GitError, Intent, Repository};
use api::evidence::{Author, ChangedFile, Churn, Evidence};
use api::request::{ChangeRequest, Source};
use domain::change::files::{FILES_BYTES_MAX, FILES_LISTED_MAX};
use domain::history::FilePath;
use domain::text::{FreeText, TEXT_BYTES_MAX, TITLE_BYTES_MAX};

use crate::failure::Failure;
use crate::working_tree::modified_files;

/// Room that a cut description leaves for the mark of the cut and the line about the commit, in bytes.
const DESCRIPTION_ROOM_BYTES: usize = 1024;
/// Digits of a commit id that people are shown.
const SHORT_ID_DIGITS: usize = 12;
/// Ends a title that was cut.
const CUT: &str = "…";

/// The files with the most changed lines, as many as a request lists. Paths that no request may name are only counted.
fn listed(changes: &ChangeSet) -> Vec<ChangedFile> {
    let file = |file: &adapters::git::ChangedFile| ChangedFile {
        path: file.path.clone(),
        lines: file.lines_added.saturating_add(file.lines_deleted),
    };
    let mut files: Vec<_> = changes.files().iter().map(file).collect();
    files.retain(|file| FilePath::new(file.path.as_str()).is_ok());
    files.sort_by(|one, other| other.lines.cmp(&one.lines).then_with(|| one.path.cmp(&other.path)));
    // Bytes that are not UTF-8 are replaced, so that two paths may have become one.
    let mut paths = BTreeSet::new();
    files.retain(|file| paths.insert(file.path.clone()));
    let mut bytes = 0;
    let mut fits = |file: &ChangedFile| {
        bytes += file.path.len();
        bytes <= FILES_BYTES_MAX
    };
    let fitting = files.iter().take(FILES_LISTED_MAX).take_while(|file| fits(file)).count();
    files.truncate(fitting);
    files
}

/// A checkout and its facts about one commit.
#[derive(Debug)]
pub(super) struct Checkout {
    repository: Repository,
    facts: CommitFacts,
}

impl Checkout {
    /// The checkout that holds `folder`, with its facts about `revision` or the commit that is checked out. Nothing
    /// where there is none, or no git to ask.
    pub(super) fn find(
        folder: &Path,
        revision: Option<&str>,
        notes: &mut Vec<String>,
    ) -> Result<Option<Self>, Failure> {
        let repository = match Repository::discover(folder) {
            Ok(repository) => repository,
            Err(GitError::NotARepository { .. }) => return Ok(None),
            Err(error @ GitError::NotInstalled) => {
                notes.push(format!("nothing is known of the commit: {error}"));
                return Ok(None);
            }
            Err(error) => return Err(Failure::of(&error)),
        };
        let facts = repository.facts(revision).map_err(|error| Failure::of(&error))?;
        let checkout = Self { repository, facts };
        checkout.note_gaps(notes);
        Ok(Some(checkout))
    }

    /// The top folder of the working tree.
    pub(super) fn root(&self) -> &Path {
        self.repository.root()
    }

    /// The lines that the commit added or rewrote; nothing in a clone that lacks its parent.
    pub(super) fn changed_lines(&self) -> Result<Option<ChangedLines>, GitError> {
        self.repository.changed_lines(&self.facts.commit)
    }

    /// Puts what git knows where the request says nothing. The commit itself is replaced by its full id.
    pub(super) fn fill(&self, request: &mut ChangeRequest) {
        let facts = &self.facts;
        if request.title.is_empty() {
            request.title = title(&facts.title);
        }
        if request.description.is_none() {
            request.description = Some(self.description());
        }
        let source = request.source.get_or_insert_with(Source::default);
        source.commit = Some(facts.commit.to_string());
        source.branch = source.branch.take().or_else(|| facts.branch.clone());
        source.repository = source.repository.take().or_else(|| Some(facts.repository_name.clone()));
        if request.evidence.is_none() {
            request.evidence = Some(self.evidence());
        }
    }

    fn description(&self) -> String {
        let facts = &self.facts;
        let body = FreeText::excerpt(&facts.description, TEXT_BYTES_MAX - DESCRIPTION_ROOM_BYTES).to_string();
        let commit = short(facts.commit.as_str());
        let line = format!("Commit {commit} by {}, {}", one_line(&facts.author_name), facts.committed_at);
        if body.trim().is_empty() { line } else { format!("{body}\n\n{line}") }
    }

    fn evidence(&self) -> Evidence {
        let facts = &self.facts;
        let touches = |kind| facts.changes.as_ref().map(|changes| changes.paths_of(kind).next().is_some());
        let files = facts.changes.as_ref().map(listed).unwrap_or_default();
        let count = facts.changes.as_ref().map_or(0, |changes| changes.churn().files);
        Evidence {
            churn: facts.changes.as_ref().map(|changes| {
                let churn = changes.churn();
                Churn { lines: churn.lines(), files: churn.files, directories: churn.directories }
            }),
            files_total: Some(count).filter(|_| !files.is_empty()),
            files,
            configuration_change: touches(FileKind::Configuration),
            schema_change: touches(FileKind::SchemaMigration),
            author: Some(Author {
                commits: facts.experience.commits,
                commits_to_these_files: facts.experience.commits_to_same_files,
                is_lower_bound: facts.experience.is_lower_bound,
            }),
            is_fix: facts.intent == Intent::Fix,
            is_revert: matches!(facts.intent, Intent::Revert { .. }),
            ..Evidence::default()
        }
    }

    /// Says what git could not tell, and where working tree and commit differ.
    fn note_gaps(&self, notes: &mut Vec<String>) {
        let facts = &self.facts;
        if facts.changes.is_none() {
            notes.push(
                "this is a shallow clone without the commit's parent, so the size of the change is unknown and taken \
                 cautiously; fetch two commits or more (`fetch-depth: 2`)"
                    .to_owned(),
            );
        }
        let tree = &facts.working_tree;
        if tree.head != facts.commit {
            let (head, commit) = (short(tree.head.as_str()), short(facts.commit.as_str()));
            notes.push(format!(
                "{head} is checked out, {commit} is asked for: the plan is read from the working tree"
            ));
        }
        if tree.modified_files > 0 {
            let count = tree.modified_files;
            let examples = modified_files(tree);
            notes.push(format!(
                "{count} modified files are not part of the commit and will not run: {examples}"
            ));
        }
    }
}

/// A commit's subject as a title: one line, no longer than a title may be.
fn title(subject: &str) -> String {
    let subject = one_line(subject);
    if subject.len() <= TITLE_BYTES_MAX {
        return subject;
    }
    let room = TITLE_BYTES_MAX - CUT.len();
    let end = (0..=room).rev().find(|at| subject.is_char_boundary(*at)).unwrap_or(0);
    format!("{}{CUT}", subject.get(..end).unwrap_or_default().trim_end())
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

fn short(commit: &str) -> &str {
    commit.get(..SHORT_ID_DIGITS).unwrap_or(commit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_becomes_a_title_that_is_accepted() {
        for subject in ["Fix cart", &"ü".repeat(400), "a\tb\u{7}c", &format!("{} end", "x".repeat(254))] {
            let title = title(subject);
            assert!(FreeText::title(title.as_str()).is_ok(), "{title}");
        }
        assert_eq!(title("  Fix\u{1b}[31m cart "), "Fix [31m cart");
        assert!(title(&"ü".repeat(400)).ends_with(CUT));
    }
}
