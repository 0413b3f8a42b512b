//! The policies that are in force: those that ship, and those of the folder.
//!
//! The folder is looked at every few seconds. What it holds comes into force once it is valid and was the same at two
//! looks, so that files which are being written are left alone; until then the earlier set stays in force. Each set that
//! comes into force is an event first: no decision rests on a set that the log does not name.

mod folder;
mod proving;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use domain::Timestamp;
use policy::PolicySet;

pub use folder::{AddedPolicies, PolicyFolderError};
pub use proving::NotProved;
pub(crate) use proving::prove;

/// Longest reason why a folder is not in force, in bytes.
const PROBLEM_BYTES_MAX: usize = 4_096;

/// A set of policies that is in force.
#[derive(Debug)]
pub(crate) struct InForce {
    /// The policies.
    pub set: PolicySet,
    /// What was added to those that ship.
    pub added: AddedPolicies,
    /// Version of the entry in the stream `policies` that names it; none until it is recorded.
    pub number: Option<u64>,
    /// When it came into force here.
    pub since: Timestamp,
}

/// What the folder holds and why it is not in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    /// When that was found.
    pub at: Timestamp,
    /// What is wrong, where, and what to do.
    pub problem: String,
}

/// The policies in force, and how the folder was seen last.
#[derive(Debug)]
pub(crate) struct Policies {
    in_force: RwLock<Arc<InForce>>,
    seen: Mutex<Seen>,
}

/// How the folder was seen last.
#[derive(Debug, Default)]
struct Seen {
    /// What differed from what is in force.
    pending: Option<Result<AddedPolicies, String>>,
    /// Whether that was found to be invalid.
    is_refused: bool,
    /// Why the folder is not in force.
    held: Option<Held>,
}

impl Seen {
    fn refuse(&mut self, now: Timestamp, problem: String) {
        self.is_refused = true;
        self.held = Some(Held { at: now, problem });
    }
}

/// What a look at the folder leads to.
#[derive(Debug)]
pub(crate) enum Look {
    /// Nothing: it is in force, has just changed, or is known to be invalid.
    Nothing,
    /// Another set shall come into force.
    Valid(Box<(PolicySet, AddedPolicies)>),
    /// It is invalid; the earlier set stays in force.
    Invalid(String),
}

impl Policies {
    /// The first policies in force.
    pub(crate) fn new(set: PolicySet, added: AddedPolicies, since: Timestamp) -> Self {
        let in_force = InForce { set, added, number: None, since };
        Self { in_force: RwLock::new(Arc::new(in_force)), seen: Mutex::default() }
    }

    /// The policies in force.
    pub(crate) fn current(&self) -> Arc<InForce> {
        Arc::clone(&self.in_force.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts a set in force.
    pub(crate) fn put(&self, in_force: InForce) {
        *self.in_force.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(in_force);
        *self.seen() = Seen::default();
    }

    /// Why what the folder holds is not in force; nothing when it is.
    pub(crate) fn held(&self) -> Option<Held> {
        self.seen().held.clone()
    }

    /// Looks at the folder. Reads files and may check policies: not for a thread that others wait for.
    pub(crate) fn look(&self, folder: &Path, now: Timestamp) -> Look {
        let read = AddedPolicies::read(folder).map_err(|error| told(&error));
        let mut seen = self.seen();
        if read.as_ref().is_ok_and(|added| *added == self.current().added) {
            *seen = Seen::default();
            return Look::Nothing;
        }
        if seen.pending.as_ref() != Some(&read) {
            // What was wrong before is told until this has been looked at.
            (seen.pending, seen.is_refused) = (Some(read), false);
            return Look::Nothing;
        }
        if seen.is_refused {
            return Look::Nothing;
        }
        let set = read.and_then(|added| match added.set() {
            Ok(set) => Ok((set, added)),
            Err(error) => Err(told(&error)),
        });
        match set {
            Ok(valid) => Look::Valid(Box::new(valid)),
            Err(problem) => {
                seen.refuse(now, problem.clone());
                Look::Invalid(problem)
            }
        }
    }

    /// Leaves what the folder holds out of force until it changes.
    pub(crate) fn refuse(&self, now: Timestamp, problem: &dyn std::error::Error) {
        self.seen().refuse(now, told(problem));
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An error with its causes, within the bound.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    text.truncate(text.floor_char_boundary(PROBLEM_BYTES_MAX));
    text
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    const FRIDAY: &str = r#"
        @id("no-agents") @title("No agents") @fix("be a person")
        forbid (principal, action == Action::"start", resource) when { principal.kind == Kind::"agent" };
    "#;

    fn ids(set: &PolicySet) -> Vec<String> {
        set.policies().map(|policy| policy.id.to_string()).collect()
    }

    #[test]
    fn what_is_valid_and_settled_comes_into_force_and_what_is_not_changes_nothing() {
        let folder = TempDir::new().unwrap();
        let policies = Policies::new(PolicySet::shipped().unwrap(), AddedPolicies::default(), Timestamp::MIN);
        let look = || policies.look(folder.path(), Timestamp::MAX);
        assert!(matches!(look(), Look::Nothing));
        let file = folder.path().join("agents.cedar");
        fs::write(&file, FRIDAY).unwrap();
        fs::write(folder.path().join("notes.md"), "not a policy").unwrap();
        fs::write(folder.path().join(".hidden.cedar"), "not a policy").unwrap();
        assert!(matches!(look(), Look::Nothing), "it may still be written");
        let Look::Valid(valid) = look() else { panic!("the folder is valid and has not changed") };
        let (set, added) = *valid;
        assert!(ids(&set).contains(&"no-agents".to_owned()));
        policies.put(InForce { set, added, number: Some(2), since: Timestamp::MAX });
        assert!(matches!(look(), Look::Nothing) && policies.held().is_none());

        fs::write(&file, "permit (principal, action, resource);").unwrap();
        assert!(matches!(look(), Look::Nothing));
        let Look::Invalid(problem) = look() else { panic!("a policy without an id is invalid") };
        assert!(problem.contains("`agents.cedar` line 1"), "{problem}");
        assert_eq!(policies.held(), Some(Held { at: Timestamp::MAX, problem }));
        assert!(matches!(look(), Look::Nothing), "it is told once");
        assert!(ids(&policies.current().set).contains(&"no-agents".to_owned()), "the earlier set stays");

        fs::write(&file, FRIDAY).unwrap();
        assert!(matches!(look(), Look::Nothing) && policies.held().is_none(), "it is what is in force");
        fs::remove_dir_all(folder.path()).unwrap();
        assert!(matches!(look(), Look::Nothing));
        assert!(matches!(look(), Look::Invalid(problem) if problem.contains("cannot be read")));
    }
}
