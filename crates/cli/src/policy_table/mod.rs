//! Table tests of policies: who asks for what under which facts, what is answered, and which policies decide it.
//!
//! A case spells out only what matters. Everything else is harmless: Bob, a person with every scope and no role, asks about
//! a low-risk change of Ann's that passes every control.

mod facts;

use policy::{Action, BudgetLeft, ChainStanding, Context, PolicySet, Question, Resource};
use serde::Deserialize;
use serde_saphyr::Spanned;

use domain::actor::Role;
use domain::authorization::Answer;
use domain::change::{Outcome, ReviewFinding};
use facts::{Account, ChangeFacts, Harmless, PrincipalFacts};

/// Most cases of one file.
const CASES_MAX: usize = 5_000;

/// Why a table cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TableError {
    /// It is not YAML of the accepted form.
    #[error("{0}")]
    Form(String),
    /// It has too many cases.
    #[error("{count} cases are more than the {CASES_MAX} accepted: divide the file")]
    TooMany {
        /// How many it has.
        count: usize,
    },
    /// A case asks for what it does not fit.
    #[error("line {line}: {message}")]
    Case {
        /// Where the case begins.
        line: u64,
        /// What is wrong, and what would be accepted.
        message: String,
    },
}

/// A file with cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// What holds for every case that does not say otherwise.
    #[serde(default)]
    given: Given,
    cases: Vec<Case>,
}

/// Facts for every case of a file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Given {
    principal: PrincipalFacts,
    change: ChangeFacts,
}

/// One question with its expected answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: Spanned<String>,
    action: String,
    #[serde(default)]
    principal: PrincipalFacts,
    #[serde(default)]
    change: ChangeFacts,
    /// The actor that is managed or acted for.
    account: Option<Account>,
    /// The role that an approver exercises; the principal is given it too, unless it exercises that of a delegator.
    authority: Option<Role>,
    /// How a change is about to be closed.
    outcome: Option<Outcome>,
    /// What a review is about to find of a closed change.
    finding: Option<ReviewFinding>,
    /// Changes that an agent's budget leaves it within this hour; 1 when left out.
    changes_left_this_hour: Option<u32>,
    /// Changes that an agent's budget lets it have under way besides those that are; 1 when left out.
    open_changes_left: Option<u32>,
    /// Changes that led to the one that is created, back to the last that a person asked for; 0 when left out.
    #[serde(default)]
    links_without_a_person: u32,
    /// How many of them were like it; 0 when left out.
    #[serde(default)]
    alike_before: u32,
    /// Whether whoever votes is on the CAB; true when left out.
    board_member: Option<bool>,
    /// Whether whoever authorises an emergency is on call; true when left out.
    on_call: Option<bool>,
    /// Emergency changes of the requester's side that were not reviewed in time; 0 when left out.
    emergency_debt: Option<u32>,
    expect: Expected,
}

/// The expected answer, with exactly the policies that decide it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Expected {
    /// Permitted by these policies.
    Allowed(Vec<String>),
    /// Refused by these rules.
    Denied(Vec<String>),
}

/// A case that was asked.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Its name.
    pub(crate) name: String,
    /// The line of its name.
    pub(crate) line: u64,
    /// What was expected.
    pub(crate) expected: Expected,
    /// What was answered.
    pub(crate) answered: Expected,
}

impl Asked {
    /// Whether the answer is the expected one.
    pub(crate) fn holds(&self) -> bool {
        self.expected == self.answered
    }
}

impl Expected {
    /// The answer in a few words.
    pub(crate) fn told(&self) -> String {
        match self {
            Self::Allowed(by) => format!("allowed by {}", by.join(", ")),
            Self::Denied(rules) => format!("denied by {}", rules.join(", ")),
        }
    }

    /// The policies that decide.
    pub(crate) fn ids(&self) -> &[String] {
        match self {
            Self::Allowed(ids) | Self::Denied(ids) => ids,
        }
    }

    fn sorted(mut self) -> Self {
        match &mut self {
            Self::Allowed(ids) | Self::Denied(ids) => ids.sort(),
        }
        self
    }
}

impl From<Answer> for Expected {
    fn from(answer: Answer) -> Self {
        let told = match answer {
            Answer::Allowed { by } => Self::Allowed(by.iter().map(ToString::to_string).collect()),
            Answer::Denied { violations } => {
                Self::Denied(violations.iter().map(|violation| violation.rule.to_string()).collect())
            }
        };
        told.sorted()
    }
}

/// Asks every case of a file.
///
/// # Errors
/// When the text is not a file of cases, or a case makes no question.
pub(crate) fn ask(text: &[u8], policies: &PolicySet) -> Result<Vec<Asked>, TableError> {
    let file: File = api::read::yaml(text).map_err(|error| TableError::Form(error.to_string()))?;
    if file.cases.len() > CASES_MAX {
        return Err(TableError::TooMany { count: file.cases.len() });
    }
    let File { given, cases } = file;
    cases.into_iter().map(|case| case.ask(&given, policies)).collect()
}

impl Case {
    fn ask(self, given: &Given, policies: &PolicySet) -> Result<Asked, TableError> {
        let line = self.name.referenced.line();
        let action = self.action(line)?;
        let harmless = Harmless::new(action);
        let harmless = harmless.map_err(|error| TableError::Case { line, message: error.to_string() })?;
        let mut principal = harmless.principal.clone();
        for facts in [&given.principal, &self.principal] {
            facts.apply(&mut principal);
        }
        principal.roles.extend(self.authority.filter(|_| principal.delegator.is_none()));
        let resource = self.resource(given, action, harmless);
        let budget_left = BudgetLeft {
            changes_this_hour: self.changes_left_this_hour.unwrap_or(1),
            open_changes: self.open_changes_left.unwrap_or(1),
        };
        let (links_without_a_person, alike_before) = (self.links_without_a_person, self.alike_before);
        let context = Context {
            authority: self.authority,
            outcome: self.outcome,
            finding: self.finding,
            budget_left: Some(budget_left),
            chain: Some(ChainStanding { links_without_a_person, alike_before }),
            board_member: Some(self.board_member.unwrap_or(true)),
            on_call: Some(self.on_call.unwrap_or(true)),
            emergency_debt: Some(self.emergency_debt.unwrap_or(0)),
        };
        let question = Question { principal: &principal, action, resource: &resource, context };
        Ok(Asked {
            answered: policies.decide(&question).into(),
            expected: self.expect.sorted(),
            name: self.name.value,
            line,
        })
    }

    fn action(&self, line: u64) -> Result<Action, TableError> {
        let known = Action::ALL.iter().copied();
        known.clone().find(|action| action.as_str() == self.action).ok_or_else(|| {
            let words: Vec<&str> = known.map(Action::as_str).collect();
            let message = format!("`{}` is not an action: expected one of {}", self.action, words.join(", "));
            TableError::Case { line, message }
        })
    }

    fn resource(&self, given: &Given, action: Action, harmless: Harmless) -> Resource {
        match action {
            Action::Create
            | Action::ManageModels
            | Action::ManageNotifications
            | Action::ImportHistory
            | Action::ReportAlerts
            | Action::OpenIncident
            | Action::StopLine
            | Action::LiftStop
            | Action::ManageCalendar
            | Action::ReadCalendar
            | Action::ManageBoard
            | Action::RunMeeting
            | Action::DecideStanding
            | Action::Calibrate
            | Action::AnnounceRunner => Resource::System,
            Action::ReadAudit => Resource::Log,
            Action::EditCmdb => Resource::Cmdb,
            Action::ActOnBehalf
            | Action::ManageActors
            | Action::DelegateAuthority
            | Action::EndDelegation
            | Action::IssueToken
            | Action::RevokeToken => {
                Resource::Actor(self.account.as_ref().map_or(harmless.account, Account::resource))
            }
            Action::UpdateIncident => Resource::Incident(harmless.incident),
            Action::Read
            | Action::Submit
            | Action::Amend
            | Action::Comment
            | Action::Cancel
            | Action::Assess
            | Action::PreApprove
            | Action::TakeStanding
            | Action::RequestApproval
            | Action::Approve
            | Action::Reject
            | Action::WithdrawApproval
            | Action::SatisfyCondition
            | Action::OverrideDecision
            | Action::AuthoriseEmergency
            | Action::Rehearse
            | Action::Start
            | Action::TakeOver
            | Action::Progress
            | Action::Pause
            | Action::Resume
            | Action::ConfirmStep
            | Action::Finish
            | Action::Interrupt
            | Action::Validate
            | Action::Rollback
            | Action::Close
            | Action::Review
            | Action::Expire
            | Action::LinkIncident
            | Action::Vote
            | Action::PromoteUnattended
            | Action::OverrideFreeze => {
                let mut change = harmless.change;
                given.change.apply(&mut change);
                self.change.apply(&mut change);
                Resource::Change(Box::new(change))
            }
        }
    }
}
