//! What a commit message says the commit is for.

use super::CommitId;

/// Words in the subject that say "this is a fix".
const FIX_WORDS: &[&str] =
    &["bugfix", "bugfixes", "fix", "fixed", "fixes", "fixing", "hotfix", "hotfixes", "fixup"];
/// How git itself starts the sentence that names the reverted commit.
const REVERT_SENTENCE: &str = "This reverts commit ";

/// What the author says the commit is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent {
    /// It takes back an earlier commit.
    Revert {
        /// The start of that commit's id or all of it, if the message names it.
        of: Option<String>,
    },
    /// It repairs something.
    Fix,
    /// Nothing in particular.
    Unstated,
}

impl Intent {
    /// Reads subject and body of a commit message.
    ///
    /// A revert is `Revert "…"` as git writes it, `revert:` of conventional commits, or a line that starts with
    /// `This reverts commit`. A fix has one of the usual words in its subject (`fix(parser): …`, `Hotfix for …`) or a
    /// line of its body starts with `Fixes` and a reference (`Fixes #12`, `Fixes: 1a2b3c4`).
    pub fn of(subject: &str, body: &str) -> Self {
        let reverted = body.lines().find_map(|line| line.trim().strip_prefix(REVERT_SENTENCE));
        let lower = subject.trim().to_lowercase();
        if reverted.is_some() || lower.starts_with("revert \"") || conventional_type(&lower) == Some("revert")
        {
            return Self::Revert { of: reverted.and_then(commit_id_at_start) };
        }
        let mut words = lower.split(|character: char| !character.is_alphanumeric());
        if words.any(|word| FIX_WORDS.contains(&word)) || body.lines().any(is_fixes_line) {
            return Self::Fix;
        }
        Self::Unstated
    }
}

/// The `type` of `type: …`, `type(scope): …` or `type!: …`.
fn conventional_type(subject: &str) -> Option<&str> {
    let (head, _) = subject.split_once(':')?;
    let head = head.strip_suffix('!').unwrap_or(head);
    let kind = head.split_once('(').map_or(head, |(kind, _)| kind);
    kind.bytes().all(|byte| byte.is_ascii_lowercase()).then_some(kind)
}

fn commit_id_at_start(text: &str) -> Option<String> {
    let digits: String = text.chars().take_while(char::is_ascii_hexdigit).collect();
    (CommitId::MIN_SHORT_DIGITS..=CommitId::MAX_DIGITS).contains(&digits.len()).then_some(digits)
}

fn is_fixes_line(line: &str) -> bool {
    let line = line.trim().to_lowercase();
    line.strip_prefix("fixes")
        .is_some_and(|rest| rest.starts_with([' ', ':']) && rest.contains(char::is_numeric))
}
