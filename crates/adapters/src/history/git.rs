//! The commits of a deployed branch, each a change: who wrote it, when it landed, which files and lines it changed, and
//! whether a later commit took it back.
//!
//! Commits are read from the newest to the oldest, so that whatever took one back is known before it. A revert names what
//! it reverts by commit id, or else by the number of the merged request, or else by title; then it is the last commit so
//! called. One that comes later than the waiting period marks nothing: whether a change counts as failed must not depend
//! on how long ago it was.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use domain::Timestamp;
use domain::change::{Category, Outcome};
use domain::history::ChangedBy;
use jiff::SignedDuration;

use super::draft::{Draft, Ended, count};
use super::reading::{Reading, Usual};
use super::time::TimeForm;
use super::{BadRow, Fault, HistoryError, Item, Place, shown};
use crate::git::{Intent, PastCommit, PastCommits, Repository};

/// Most files whose last repair is remembered; beyond it those of repairs too long ago are forgotten.
const REPAIRED_FILES_MAX: usize = 500_000;
/// Fewest digits by which a message may name a commit.
const ID_DIGITS_MIN: usize = 7;

/// A commit may turn out to have failed within a week.
pub(super) const USUAL: Usual = Usual {
    waiting: SignedDuration::from_hours(7 * 24),
    times: TimeForm::Rfc3339,
    category: Category::Deployment,
    separator: ";",
    outcomes: &[],
    categories: &[],
    has_spoken_names: false,
};

/// How a branch is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GitSettings {
    /// The branch that is deployed; what is checked out when absent.
    pub branch: Option<String>,
    /// A commit also counts as failed when a fix changes one of its files within this time. Noisy: not by default.
    pub repaired_within: Option<SignedDuration>,
}

pub(super) fn open(
    path: &Path,
    settings: &GitSettings,
    reading: Reading,
) -> Result<impl Iterator<Item = Item> + use<>, HistoryError> {
    let repository = Repository::discover(path)?;
    if repository.is_shallow()? {
        return Err(HistoryError::Shallow { folder: shown(path) });
    }
    let mut commits = repository.past(settings.branch.as_deref())?;
    let mut later = Later { repaired_within: settings.repaired_within, ..Later::default() };
    let source = shown(path);
    Ok(std::iter::from_fn(move || {
        let commit = match commits.next()? {
            Ok(commit) => commit,
            Err(error) => return Some(Err(Fault::Stop(error.into()))),
        };
        let has_failed = later.marks(&commit, reading.waiting);
        later.note(&commit, &commits);
        let found = draft(&commit, has_failed, &reading).finish(&reading);
        Some(found.map_err(|wrong| {
            let record = format!("commit {}", commit.commit);
            let column = wrong.field.map(|field| field.word().to_owned());
            let place = Place { source: source.clone(), record, column };
            Fault::Row(BadRow { place, message: wrong.message })
        }))
    }))
}

fn draft(commit: &PastCommit, has_failed: bool, reading: &Reading) -> Draft {
    let churn = commit.changes.churn();
    let mut draft = reading.draft();
    draft.id = commit.commit.to_string();
    draft.title.clone_from(&commit.title);
    draft.description.clone_from(&commit.description);
    draft.files = commit.changes.files().iter().map(|file| file.path.clone()).collect();
    draft.requester.clone_from(&commit.author_name);
    draft.by = Some(maker(commit, reading));
    draft.churn.lines_added = Some(churn.lines_added);
    draft.churn.lines_deleted = Some(churn.lines_deleted);
    draft.churn.files = Some(count(draft.files.len()));
    draft.churn.directories = Some(churn.directories);
    // Clocks differ, and a commit may be written anew: it was asked for no later than it landed.
    draft.submitted_at = Some(commit.authored_at.min(commit.committed_at));
    draft.closed_at = Some(commit.committed_at);
    draft.outcome = Some(Ended::As(if has_failed { Outcome::Failed } else { Outcome::Successful }));
    draft
}

/// An agent, where the author or one of those named beside them is one.
fn maker(commit: &PastCommit, reading: &Reading) -> ChangedBy {
    const TRAILER: &str = "co-authored-by:";
    let trailers = commit.description.lines().filter_map(|line| {
        let (head, rest) = line.split_at_checked(TRAILER.len())?;
        head.eq_ignore_ascii_case(TRAILER).then_some(rest)
    });
    let named = trailers.flat_map(|trailer| {
        let (name, address) = trailer.split_once('<').unwrap_or((trailer, ""));
        [name.trim(), address.trim_end_matches('>').trim()]
    });
    let authors = [commit.author_name.as_str(), commit.author_email.as_str()];
    if authors.into_iter().chain(named).any(|name| reading.is_agent(name)) {
        ChangedBy::Agent
    } else {
        ChangedBy::Human
    }
}

/// What commits that landed later say of earlier ones.
#[derive(Debug, Default)]
struct Later {
    repaired_within: Option<SignedDuration>,
    /// When a commit was reverted, by the start of its id, and how long such starts are.
    by_id: HashMap<String, Timestamp>,
    id_lengths: BTreeSet<usize>,
    by_request: HashMap<String, Timestamp>,
    by_title: HashMap<String, Timestamp>,
    /// When a file was next changed by a fix.
    repairs: HashMap<String, Timestamp>,
}

/// What a revert names.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Named {
    Commit(String),
    /// The number of a merged request.
    Request(String),
    Title(String),
}

impl Later {
    /// Whether a commit was taken back within `waiting` of its landing, or repaired, where that counts.
    fn marks(&mut self, commit: &PastCommit, waiting: SignedDuration) -> bool {
        let landed = commit.committed_at;
        let within = |at: Timestamp, time: SignedDuration| at.duration_since(landed) <= time;
        let id = commit.commit.as_str();
        let starts = self.id_lengths.iter().filter_map(|length| id.get(..*length));
        let mut reverted: Vec<Timestamp> =
            starts.filter_map(|start| self.by_id.get(start).copied()).collect();
        reverted.extend(request_of(commit).and_then(|request| self.by_request.remove(&request)));
        for title in titles_of(commit) {
            reverted.extend(self.by_title.remove(title));
        }
        let repaired = self.repaired_within.is_some_and(|time| {
            let mut repairs = commit.changes.files().iter().filter_map(|file| self.repairs.get(&file.path));
            repairs.any(|at| within(*at, time))
        });
        repaired || reverted.into_iter().any(|at| within(at, waiting))
    }

    /// Takes note of what a commit says of earlier ones.
    fn note(&mut self, commit: &PastCommit, branch: &PastCommits) {
        let at = commit.committed_at;
        match what_is_reverted(commit, |start| branch.includes(start)) {
            Some(Named::Commit(start)) => {
                self.id_lengths.insert(start.len());
                self.by_id.insert(start, at);
            }
            Some(Named::Request(number)) => {
                self.by_request.insert(number, at);
            }
            Some(Named::Title(title)) => {
                self.by_title.insert(title, at);
            }
            None => {}
        }
        let Some(time) = self.repaired_within else { return };
        if Intent::of(&commit.title, &commit.description) == Intent::Fix {
            if self.repairs.len() >= REPAIRED_FILES_MAX {
                self.repairs.retain(|_, repaired| repaired.duration_since(at) <= time);
            }
            self.repairs.extend(commit.changes.files().iter().map(|file| (file.path.clone(), at)));
        }
    }
}

/// What a message says it reverts: by id where the branch has it, since a merged branch's own commits do not stand on it.
fn what_is_reverted(commit: &PastCommit, is_on_branch: impl Fn(&str) -> bool) -> Option<Named> {
    let lines = || std::iter::once(commit.title.as_str()).chain(commit.description.lines()).map(str::trim);
    let named_commit = lines().find_map(|line| {
        let rest = line.strip_prefix("This reverts commit ")?;
        let digits: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
        let digits = digits.to_ascii_lowercase();
        (digits.len() >= ID_DIGITS_MIN && is_on_branch(&digits)).then_some(Named::Commit(digits))
    });
    let request = || {
        lines().find_map(|line| {
            let rest =
                line.strip_prefix("Reverts ").or_else(|| line.strip_prefix("This reverts merge request "))?;
            let (_, number) = rest.split_once(['#', '!'])?;
            leading_number(number).map(Named::Request)
        })
    };
    let title = || {
        lines().find_map(|line| {
            let quoted = line.strip_prefix("Revert \"").and_then(|rest| Some(rest.rsplit_once('"')?.0));
            let title = quoted.or_else(|| line.strip_prefix("revert: "))?;
            Some(Named::Title(title.to_owned()))
        })
    };
    named_commit.or_else(request).or_else(title)
}

/// The number of the request that a commit merged.
fn request_of(commit: &PastCommit) -> Option<String> {
    let title = commit.title.as_str();
    let squashed = title.strip_suffix(')').and_then(|rest| Some(rest.rsplit_once("(#")?.1));
    let merged = || title.strip_prefix("Merge pull request #").or_else(|| title.strip_prefix("Merged PR "));
    let linked = || {
        let mut lines = commit.description.lines();
        lines.find_map(|line| Some(line.trim().strip_prefix("See merge request ")?.rsplit_once('!')?.1))
    };
    squashed.or_else(merged).or_else(linked).and_then(leading_number)
}

/// What a commit is called: its title, and the first line after it, where tools put the title of what was merged.
fn titles_of(commit: &PastCommit) -> impl Iterator<Item = &str> {
    let second = commit.description.lines().map(str::trim).find(|line| !line.is_empty());
    std::iter::once(commit.title.as_str()).chain(second)
}

fn leading_number(text: &str) -> Option<String> {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    (!digits.is_empty()).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::{ChangeSet, CommitId};

    fn commit(title: &str, description: &str) -> PastCommit {
        PastCommit {
            commit: CommitId::parse(&"a".repeat(40)).unwrap(),
            authored_at: Timestamp::UNIX_EPOCH,
            committed_at: Timestamp::UNIX_EPOCH,
            author_name: "Ada".to_owned(),
            author_email: "ada@example.com".to_owned(),
            title: title.to_owned(),
            description: description.to_owned(),
            changes: ChangeSet::default(),
        }
    }

    #[test]
    fn a_revert_names_a_commit_a_request_or_a_title() {
        let named =
            |title: &str, body: &str| what_is_reverted(&commit(title, body), |start| start.starts_with("ab"));
        let (title, body) = ("Revert \"Say \"hi\"\"", "This reverts commit ABCDEF1234, because.");
        assert_eq!(named(title, body), Some(Named::Commit("abcdef1234".to_owned())));
        let elsewhere = "This reverts commit ffffffffff.";
        assert_eq!(named(title, elsewhere), Some(Named::Title("Say \"hi\"".to_owned())));
        assert_eq!(named(title, "Reverts shop/cart#12"), Some(Named::Request("12".to_owned())));
        assert_eq!(named(title, "This reverts merge request !7"), Some(Named::Request("7".to_owned())));
        assert_eq!(named("revert: totals", ""), Some(Named::Title("totals".to_owned())));
        let merged = named("Merge pull request #9 from x/revert", "Revert \"Totals\"");
        assert_eq!(merged, Some(Named::Title("Totals".to_owned())));
        assert_eq!(named("Revert to the old way of counting", "This reverts commit abc"), None);
    }

    #[test]
    fn the_number_of_a_merged_request_is_found_as_the_hosts_write_it() {
        let request = |title: &str, body: &str| request_of(&commit(title, body));
        assert_eq!(request("Totals (#12)", ""), Some("12".to_owned()));
        assert_eq!(request("Merge pull request #12 from x/y", "Totals"), Some("12".to_owned()));
        assert_eq!(
            request("Merge branch 'x'", "Totals\n\nSee merge request shop/cart!12"),
            Some("12".to_owned())
        );
        assert_eq!(request("Merged PR 12: Totals", ""), Some("12".to_owned()));
        assert_eq!(request("Totals (#)", "see #12"), None);
    }
}
