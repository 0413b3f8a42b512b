//! What the exit status says. Scripts rely on these numbers: none may ever change its meaning.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitStatus {
    Done,
    Error,
    Usage,
    Rejected,
    TimedOut,
    RolledBack,
    NotRolledBack,
    Refused,
    Worse,
    Undecided,
}

impl ExitStatus {
    /// Every status, by its number.
    pub(crate) const ALL: [Self; 10] = [
        Self::Done,
        Self::Error,
        Self::Usage,
        Self::Rejected,
        Self::TimedOut,
        Self::RolledBack,
        Self::NotRolledBack,
        Self::Refused,
        Self::Worse,
        Self::Undecided,
    ];

    /// The number that the operating system passes on.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Error => 1,
            Self::Usage => 2,
            Self::Rejected => 3,
            Self::TimedOut => 4,
            Self::RolledBack => 5,
            Self::NotRolledBack => 6,
            Self::Refused => 7,
            Self::Worse => 8,
            Self::Undecided => 9,
        }
    }

    /// What it means, as `--help` says it.
    fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Error => "error, see the message",
            Self::Usage => "usage: the command line is wrong",
            Self::Rejected => "the change was rejected or cancelled",
            Self::TimedOut => "timed out while waiting",
            Self::RolledBack => "the change failed and was rolled back",
            Self::NotRolledBack => "the change failed and was not rolled back",
            Self::Refused => "refused by policy",
            Self::Worse => "the canary is worse than its baseline",
            Self::Undecided => "samples of a canary do not suffice for a verdict, or a record not for arming",
        }
    }

    /// The list for `--help`.
    pub(crate) fn help() -> String {
        let lines: Vec<_> =
            Self::ALL.iter().map(|status| format!("  {}  {}", status.code(), status.meaning())).collect();
        format!("Exit status:\n{}", lines.join("\n"))
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_documentation_and_each_means_one_thing() {
        let codes: Vec<_> = ExitStatus::ALL.iter().map(|status| status.code()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }
}
