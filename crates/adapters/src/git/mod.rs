//! Facts about the commit that is being deployed, asked of the `git` program itself.
//!
//! Nothing is written but working copies, and nothing guessed: what git cannot say is an error or an absent fact, never a small number.
//! A change is always the difference to the first parent, so that a merged branch counts as one change however it was
//! merged. In a shallow clone the history is cut off, and the facts that depend on it say so.

mod changed_lines;
mod commit;
mod copies;
mod diff;
mod kind;
mod message;
mod past;
mod program;
mod remote;
mod repository;

use std::io;
use std::path::PathBuf;

use crate::text::clipped;
pub use changed_lines::ChangedLines;
pub use commit::{CommitFacts, CommitId, Experience, WorkingTree};
pub use diff::{ChangeSet, ChangedFile, Churn};
pub use kind::FileKind;
pub use message::Intent;
pub use past::{PastCommit, PastCommits};
pub use program::{GIT_TIMEOUT, MAX_GIT_OUTPUT_BYTES};
pub use remote::Remote;
pub use repository::{Repository, branch_name};

/// How much of an answer a message repeats, in characters.
const MAX_ANSWER_SHOWN_CHARS: usize = 60;

/// Why git could not answer.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no git on this machine.
    #[error("the program `git` was not found; install git and put it on the PATH")]
    NotInstalled,
    /// The operating system refused to run it or to read from it.
    #[error("cannot run `{command}`")]
    Run {
        /// The command.
        command: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// Longer than [`GIT_TIMEOUT`].
    #[error(
        "`{command}` did not answer within {seconds} s; check the disk, and the network if the clone is partial"
    )]
    TimedOut {
        /// The command.
        command: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// More than [`MAX_GIT_OUTPUT_BYTES`].
    #[error("`{command}` wrote more than {limit_mib} MiB; the commit is too large to be read")]
    TooMuchOutput {
        /// The command.
        command: String,
        /// How much is read.
        limit_mib: u64,
    },
    /// Git itself reported a failure.
    #[error("`{command}` failed ({status}): {complaint}")]
    Failed {
        /// The command.
        command: String,
        /// How it ended.
        status: String,
        /// What it wrote to standard error.
        complaint: String,
    },
    /// Git answered in a form that this program does not know.
    #[error("`{command}` answered `{answer}`, which is not understood; git 2.30 or newer is needed")]
    Unexpected {
        /// The command.
        command: &'static str,
        /// The part that was not understood.
        answer: String,
    },
    /// Not inside a checkout.
    #[error("`{}` is not inside the working tree of a git repository; run this in a checkout", folder.display())]
    NotARepository {
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// A revision that could be mistaken for something else.
    #[error("`{revision}` is not a revision; give a commit id, a branch or a tag")]
    InvalidRevision {
        /// What was asked for.
        revision: String,
    },
    /// A revision that does not exist here.
    #[error(
        "`{revision}` names no commit in this repository; \
         give a commit id, a branch or a tag that exists, and fetch it first"
    )]
    UnknownRevision {
        /// What was asked for.
        revision: String,
    },
    /// A commit that neither this repository nor its remotes have.
    #[error(
        "commit {commit} is not in `{}`, nor on its remotes after a fetch; \
         push its branch, or have another commit approved",
        folder.display()
    )]
    NotToBeHad {
        /// What was asked for.
        commit: String,
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// A working copy that the operating system does not let go.
    #[error("the working copy `{}` cannot be removed", folder.display())]
    Folder {
        /// The copy.
        folder: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A short id that several objects share.
    #[error("`{revision}` is the start of several ids in this repository; give more digits")]
    AmbiguousRevision {
        /// What was asked for.
        revision: String,
    },
}

impl GitError {
    fn unexpected(command: &'static str, answer: &str) -> Self {
        Self::Unexpected { command, answer: clipped(answer, MAX_ANSWER_SHOWN_CHARS) }
    }
}
