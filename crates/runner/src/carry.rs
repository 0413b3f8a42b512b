//! One change carried out from where it is to its end: in a working copy of its own where there are such.

use std::fmt;
use std::time::Duration;

use api::change::Change;
use api::command::{CloseRequest, ValidateRequest};
use api::run::{AttendRequest, Attendance};
use client::{Client, ClientError};
use domain::change::{Outcome, StateName};
use domain::id::ChangeId;
use tokio::time::sleep;

use crate::error::{Ended, RunnerError};
use crate::run::Runner;
use crate::settings::Options;
use crate::workspaces::Workspaces;

/// Why a change is taken back after its validation.
const VALIDATION_FAILED: &str = "the validation failed";
/// Why a rollback that another runner has left is gone on with. The server knows the reason already.
const ROLLBACK_CONTINUES: &str = "the rollback goes on";

/// How often a lease to watch a change is extended in its time.
const ATTENDANCES_PER_LEASE: u32 = 3;

/// What came of the work on a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carried {
    /// Done, validated and closed as successful.
    Closed,
    /// Taken back.
    RolledBack,
    /// Not everything could be taken back: a person must look at it.
    RollbackFailed,
    /// Left for another runner, because this one was stopped.
    Released,
    /// Done, but its validation did not pass and nothing is taken back without a person.
    Undecided,
    /// Done and validated; a person says where it is documented, and closes it.
    ToClose,
}

impl Carried {
    /// The word for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::RolledBack => "rolled_back",
            Self::RollbackFailed => "rollback_failed",
            Self::Released => "released",
            Self::Undecided => "undecided",
            Self::ToClose => "to_close",
        }
    }
}

impl fmt::Display for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "done, validated and closed",
            Self::RolledBack => "taken back",
            Self::RollbackFailed => "could not be taken back: a person must look at it",
            Self::Released => "left for another runner",
            Self::Undecided => "done, but its validation did not pass: a person must decide",
            Self::ToClose => "done and validated: a person says where it is documented, and closes it",
        })
    }
}

/// Whether nothing is left of a change to go on with or to take back.
pub(crate) fn is_over(state: StateName) -> bool {
    state.is_final() || state == StateName::RolledBack
}

/// What is needed for the work on a change.
#[derive(Debug, Clone)]
pub(crate) struct Carrier {
    pub(crate) client: Client,
    pub(crate) runner: Runner,
    /// Where changes that name a commit get a working copy, and how many there may be before a change is begun.
    pub(crate) workspaces: Option<(Workspaces, usize)>,
    /// The daemon's own name, under which it watches changes that are done.
    pub(crate) name: String,
}

impl Carrier {
    /// Carries a change out. Its working copy stays while it may be gone on with or taken back here.
    pub(crate) async fn carry_out(
        &self,
        change: ChangeId,
        state: StateName,
        options: Options,
    ) -> Result<Carried, RunnerError> {
        let told = self.client.change(&change.to_string()).await?;
        let is_new = state == StateName::Approved;
        // No files are put in place for what the server would refuse.
        if let Some(blocker) = told.blockers.first().filter(|_| is_new) {
            return Err(RunnerError::Blocked { reason: blocker.missing.clone() });
        }
        require_accepted(&told)?;
        let commit = told.request.source.and_then(|source| source.commit);
        let (Some((workspaces, most)), Some(commit)) = (&self.workspaces, commit) else {
            return self.to_its_end(&self.runner, change, state, &options).await;
        };
        let folder = workspaces.provide(change, &commit, is_new.then_some(*most)).await?;
        // Whatever earlier steps have made of its files, it is the approved commit that they came from.
        let options = Options { commit: Some(commit), ..options };
        let carried = self.to_its_end(&self.runner.in_folder(folder), change, state, &options).await;
        let is_left = match carried {
            Ok(Carried::Closed | Carried::RolledBack) => true,
            Ok(Carried::RollbackFailed | Carried::Released | Carried::Undecided | Carried::ToClose) => false,
            // Where the start was refused, nothing was done in it.
            Err(_) => is_new && self.is_untouched(change).await,
        };
        if is_left && let Err(error) = workspaces.remove(change).await {
            tracing::warn!(%error, %change, "the working copy of a change is left on this machine");
        }
        carried
    }

    /// Whether a change was never started.
    async fn is_untouched(&self, change: ChangeId) -> bool {
        let told = self.client.change(&change.to_string()).await;
        told.is_ok_and(|told| told.implementation.is_none())
    }

    async fn to_its_end(
        &self,
        runner: &Runner,
        change: ChangeId,
        state: StateName,
        options: &Options,
    ) -> Result<Carried, RunnerError> {
        let ended = match state {
            StateName::Validating => Ended::Implemented,
            StateName::RollingBack => runner.roll_back(change, ROLLBACK_CONTINUES, options).await?,
            _ => runner.implement(change, options).await?,
        };
        match ended {
            Ended::Implemented => self.validate(runner, change, options).await,
            taken_back => Ok(end_of(&taken_back)),
        }
    }

    /// Keeps others away until somebody else has come in between.
    async fn keep_attending(&self, id: &str, request: &AttendRequest, lease_seconds: u64) -> ClientError {
        let pause = Duration::from_secs(lease_seconds) / ATTENDANCES_PER_LEASE;
        loop {
            sleep(pause).await;
            match self.client.attend(id, request).await {
                Err(error) if !error.is_transient() => return error,
                // A server that does not answer lets nobody else in either.
                Ok(_) | Err(_) => {}
            }
        }
    }

    /// Watches the result for its soak time, which nobody else does meanwhile, hands the checks in, and closes the change or takes
    /// it back.
    async fn validate(
        &self,
        runner: &Runner,
        change: ChangeId,
        options: &Options,
    ) -> Result<Carried, RunnerError> {
        let id = change.to_string();
        require_accepted(&self.client.change(&id).await?)?;
        let request = AttendRequest { holder: self.name.clone() };
        let Attendance { lease_seconds } = self.client.attend(&id, &request).await?;
        let assignment = self.client.assignment(&id).await?;
        let checks = tokio::select! {
            checks = runner.soak_and_check(change, &assignment, None, options) => checks,
            lost = self.keep_attending(&id, &request, lease_seconds) => return Err(lost.into()),
        };
        if options.stop.is_cancelled() {
            return Ok(Carried::Released);
        }
        let validated = self.client.validate(&id, &ValidateRequest { checks }).await?;
        match validated.state.parse() {
            Ok(StateName::Implemented) if is_to_document(&validated) => Ok(Carried::ToClose),
            Ok(StateName::Implemented) => {
                let status = Outcome::Successful.as_str().to_owned();
                self.client.close(&id, &CloseRequest { status, ..CloseRequest::default() }).await?;
                Ok(Carried::Closed)
            }
            Ok(StateName::RollingBack) => {
                runner.roll_back(change, VALIDATION_FAILED, options).await.map(|ended| end_of(&ended))
            }
            _ => Ok(Carried::Undecided),
        }
    }
}

/// A result that a person is asked to accept is validated once that has happened.
fn require_accepted(change: &Change) -> Result<(), RunnerError> {
    match change.blockers.iter().find(|blocker| blocker.kind == "user_acceptance") {
        Some(blocker) => Err(RunnerError::Blocked { reason: blocker.missing.clone() }),
        None => Ok(()),
    }
}

/// Whether the request asks for documentation, which no runner knows of.
fn is_to_document(change: &Change) -> bool {
    change.request.on_close.as_ref().is_some_and(|on_close| on_close.documentation.is_some())
}

fn end_of(ended: &Ended) -> Carried {
    match ended {
        Ended::Implemented => Carried::Undecided,
        Ended::RolledBack { .. } => Carried::RolledBack,
        Ended::RollbackFailed { .. } => Carried::RollbackFailed,
        Ended::Released => Carried::Released,
    }
}
