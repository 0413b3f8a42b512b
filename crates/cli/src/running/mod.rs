//! Carrying a change out on this machine: what the commands that run plans have in common.

mod checkout;
pub(crate) mod display;
mod rehearsal;
mod stop;

use std::path::{Path, PathBuf};

use adapters::execute::{ExecutionContext, GRACE_DEFAULT};
use adapters::git::Repository;
use adapters::outgoing::{Outgoing, OutgoingPolicy};
use api::change::Change;
use client::Client;
use runner::{Ended, OnStop, Options, Reporter, Runner, RunnerError, Settings, WorkspaceError, Workspaces};

use crate::STEP_GUARDIAN;
use crate::commands::Outcome;
use crate::environment::Environment;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::render;
use crate::shell::{Shell, plain};
use checkout::Checkout;
use display::Display;
pub(crate) use rehearsal::rehearse;
pub(crate) use stop::stop_on_signals;

/// Below our folder for state: snapshots, by which a later run on this machine puts things back.
const RUNS_FOLDER: &str = "runs";
/// Below that: a working copy for each change that a daemon carries out.
const WORKSPACES_FOLDER: &str = "workspaces";

/// What commands that run plans may be told about the machine.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct MachineArgs {
    /// Folder for snapshots of what steps declare; below XDG_STATE_HOME when absent
    #[arg(long, value_name = "DIR")]
    state_folder: Option<PathBuf>,
    /// On a stop by signal take everything back, instead of leaving the change interrupted for another runner
    #[arg(long)]
    rollback_on_stop: bool,
}

/// How a change is run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct How {
    pub(crate) monitor: bool,
    pub(crate) auto_rollback: bool,
}

/// A runner for one change on this machine.
pub(crate) struct Machine<'a> {
    shell: &'a Shell,
    runner: Runner,
    checkout: Option<Checkout>,
    /// Where steps run.
    folder: PathBuf,
    on_stop: OnStop,
}

impl<'a> Machine<'a> {
    /// The runner itself.
    pub(crate) fn runner(&self) -> &Runner {
        &self.runner
    }

    /// The options with which a run begins now. What is checked out may be another commit than a moment ago.
    pub(crate) fn options(&self, how: How) -> Options {
        let checkout = Checkout::find(self.shell.environment.working_folder()).ok().flatten();
        Options {
            commit: checkout.as_ref().and_then(Checkout::unmodified_commit),
            auto_rollback: how.auto_rollback,
            monitor: how.monitor,
            on_stop: self.on_stop,
            ..Options::default()
        }
    }

    /// Sets the machine up. Steps run in the root of the git checkout, or in the working folder where there is none.
    pub(crate) fn new(client: Client, args: &MachineArgs, shell: &'a Shell) -> Result<Self, Failure> {
        let checkout = Checkout::find(shell.environment.working_folder())?;
        let folder = checkout.as_ref().map_or(shell.environment.working_folder(), Checkout::root).to_owned();
        // Only what was approved is asked, and that may well lie in the network of the deployment.
        let outgoing =
            Outgoing::new(OutgoingPolicy::with_private_networks()).map_err(|error| Failure::of(&error))?;
        let program = Environment::program()?;
        let context = ExecutionContext::new(folder.clone(), shell.environment.variables(), outgoing)
            .with_guardian(program, vec![STEP_GUARDIAN.into()]);
        let settings = Settings { context, state_folder: state_folder(args, shell)?, grace: GRACE_DEFAULT };
        let runner = Runner::new(client, settings)?;
        let on_stop = if args.rollback_on_stop { OnStop::RollBack } else { OnStop::Release };
        Ok(Self { shell, runner, checkout, folder, on_stop })
    }

    fn checkout(&self) -> Option<&Checkout> {
        self.checkout.as_ref()
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    /// Refuses a working tree that is not the approved commit. The server refuses it too; here it can be said why.
    pub(crate) fn check_commit(&self, change: &Change) -> Result<(), Failure> {
        match change.request.source.as_ref().and_then(|source| source.commit.as_deref()) {
            Some(approved) => checkout::check(self.checkout.as_ref(), approved),
            None => Ok(()),
        }
    }

    /// Runs `work` with a runner and its options, and shows meanwhile how it goes.
    ///
    /// The display has a thread of its own: a terminal that is stopped must not keep the runner from its heartbeats.
    pub(crate) fn run<T: Send>(
        &self,
        how: How,
        work: impl AsyncFnOnce(&Runner, &Options) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let (reporter, updates) = Reporter::channel();
        let options = Options { reporter, ..self.options(how) };
        let display = Display::new(self.shell);
        std::thread::scope(|scope| {
            scope.spawn(move || display.follow(updates));
            self.shell.block_on(async {
                let stop = options.stop.clone();
                let worked = tokio::select! {
                    worked = work(&self.runner, &options) => worked,
                    stopped = stop_on_signals(&stop, self.shell) => Err(stopped),
                };
                // The display ends when nobody can tell it anything any more.
                drop(options);
                worked
            })
        })
    }
}

/// Working copies of the clone `repository`, in `folder` or below the folder for state.
pub(crate) fn workspaces(
    repository: &Path,
    folder: Option<&Path>,
    args: &MachineArgs,
    shell: &Shell,
) -> Result<Workspaces, Failure> {
    let repository = Repository::open(&shell.environment.path(repository));
    let repository = repository
        .map_err(|error| Failure::of(&error).next("give the folder of a git clone as `--repository`"))?;
    let folder = match folder {
        Some(folder) => shell.environment.path(folder),
        None => state_folder(args, shell)?.join(WORKSPACES_FOLDER),
    };
    Workspaces::open(repository, folder).map_err(|error| {
        let failure = Failure::of(&error);
        match error {
            WorkspaceError::InUse { .. } => failure.next("give each runner its own `--workspaces DIR`"),
            _ => failure,
        }
    })
}

fn state_folder(args: &MachineArgs, shell: &Shell) -> Result<PathBuf, Failure> {
    if let Some(folder) = &args.state_folder {
        return Ok(shell.environment.path(folder));
    }
    shell.environment.state_folder().map(|folder| folder.join(RUNS_FOLDER)).ok_or_else(|| {
        Failure::new("there is no folder in which to keep what steps save before they run")
            .next("set HOME or XDG_STATE_HOME, or give `--state-folder DIR`")
    })
}

/// Says how the run of a change ended, and what follows from it.
pub(crate) fn conclude(change: &Change, ended: &Ended, shell: &Shell) -> Outcome {
    let (id, paint) = (plain(&change.change_id), shell.talk_paint());
    // The server's words name people; what the runner knows has only their ids.
    let told = change.implementation.as_ref().and_then(|run| run.rollback_cause.as_deref());
    let why = |cause: &Option<_>| {
        told.map_or_else(|| display::cause(cause.as_ref()), |told| plain(told).into_owned())
    };
    Ok(match ended {
        Ended::Implemented => {
            let failed = change.implementation.iter().flat_map(|run| &run.failed_targets);
            let failed: Vec<&str> = failed.map(String::as_str).collect();
            if !failed.is_empty() {
                shell.warn(format!(
                    "failed and left behind, as the plan tolerates it: {}",
                    plain(&failed.join(", "))
                ));
            }
            shell.say(
                paint.good(format!("{id}: every step is done; `cortex-change validate {id}` comes next")),
            );
            ExitStatus::Done
        }
        Ended::RolledBack { cause, outcome } => {
            shell.warn(format!("{id} was rolled back: {}", why(cause)));
            display::left_over(outcome).iter().for_each(|line| shell.warn(line));
            ExitStatus::RolledBack
        }
        Ended::RollbackFailed { cause, outcome } => {
            shell.warn(paint.bad(format!("{id} could not be rolled back: {}", why(cause))));
            display::left_over(outcome).iter().for_each(|line| shell.warn(line));
            shell.warn(format!(
                "see `cortex-change show {id}` and its incident; `cortex-change rollback {id}` tries again"
            ));
            ExitStatus::NotRolledBack
        }
        Ended::Released => {
            return Err(Failure::new(format!(
                "{id} is interrupted: this runner was stopped and gave its lease back"
            ))
            .next(format!(
                "`cortex-change implement {id}` goes on, `cortex-change rollback {id}` takes it back"
            )));
        }
    })
}

/// Shows the incidents that a rollback opened.
pub(crate) fn tell_incidents(change: &Change, shell: &Shell) {
    for incident in &change.incidents {
        shell.warn(format!(
            "incident {0} is open: `cortex-change incident show {0}`",
            render::words(incident)
        ));
    }
}

impl From<RunnerError> for Failure {
    fn from(error: RunnerError) -> Self {
        match error {
            RunnerError::Client(error) => Self::from(error),
            RunnerError::NoPlan => Self::new("the change has no implementation plan").next(
                "write one with `cortex-change init`, then add it with `cortex-change amend ID --plan .cortex-change.yaml`",
            ),
            other @ RunnerError::OtherContent { .. } => Self::of(&other).with_status(ExitStatus::Refused),
            other @ (RunnerError::NotStarted { .. }
            | RunnerError::Incomplete { .. }
            | RunnerError::Fenced { .. }
            | RunnerError::NotOurs { .. }
            | RunnerError::Refused { .. }
            | RunnerError::Workspace(_)
            | RunnerError::Blocked { .. }
            | RunnerError::Rehearsal { .. }
            | RunnerError::State(_)
            | RunnerError::Holder(_)) => Self::of(&other),
        }
    }
}
