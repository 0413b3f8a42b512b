//! The commands, one file each: what is typed becomes a plan, the plan is run.
//!
//! To add one: its file here with `Args` and `run`, its `mod` line, its variant in [`Command`] with the sentence for the
//! help, its arm in [`dispatch`], and an example in its `after_help`.

mod actor;
mod amend;
mod approvals;
mod approve;
mod audit;
mod backup;
mod cab;
mod calendar;
mod canary;
mod cancel;
mod catalog;
mod chain;
mod close;
mod cmdb;
mod comment;
mod completions;
mod config;
mod create;
mod decide;
pub(crate) mod demo;
mod ecab;
mod history;
mod implement;
mod incident;
mod init;
mod list;
mod login;
mod notify;
mod pause;
pub(crate) mod policy;
mod problem;
mod rebuild;
mod reject;
mod restore;
mod resume;
mod review;
mod risk;
mod rollback;
mod runner;
mod satisfy;
mod serve;
mod show;
mod stop;
mod submit;
mod token;
mod validate;
mod wait;
mod watch;
mod whoami;
mod withdraw;

use api::change::Change;
use clap::Subcommand;

use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::render;
use crate::shell::{Format, Shell};

/// What a command comes to.
pub(crate) type Outcome = Result<ExitStatus, Failure>;

/// Everything the program can be asked to do, in the order of a change's life.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Ask for a change; prints its id
    Create(Box<create::Args>),
    /// Wait until a change is approved
    Wait(wait::Args),
    /// Carry out an approved change's plan on this machine
    Implement(implement::Args),
    /// Check the result of a change; take it back when it does not pass
    Validate(validate::Args),
    /// End a change and document it
    Close(close::Args),

    /// Write a commented `.cortex-change.yaml` into the repository
    Init(init::Args),
    /// Store an access token for a server
    Login(login::Args),
    /// Show who the server takes you for
    Whoami(whoami::Args),

    /// List changes
    List(list::Args),
    /// Show a change in full: state, risk, approvals, plan, audit trail
    Show(show::Args),
    /// Follow a change while it is carried out
    Watch(watch::Args),
    /// Show what led to a change: tasks, changes and incidents before it
    Chain(chain::Args),
    /// Show how a change's risk adds up
    Risk(risk::Args),
    /// Judge canaries from files of samples, and measure the judge
    Canary(canary::Args),

    /// What waits for approval, what is to be approved, overrides, and authority that is lent
    Approvals(approvals::Args),
    /// Approve a change, after being shown what will run
    Approve(approve::Args),
    /// Reject a change
    Reject(reject::Args),
    /// Take back your own approval
    Withdraw(withdraw::Args),
    /// Record what shows that a condition of an approval is met
    Satisfy(satisfy::Args),

    /// Replace what a change asks for; its approvals become void
    Amend(Box<amend::Args>),
    /// Hand in a draft
    Submit(submit::Args),
    /// Give a change up before it is started
    Cancel(cancel::Args),
    /// Add a remark to a change
    Comment(comment::Args),

    /// Let no further step of a change start
    Pause(pause::Args),
    /// Let steps start again
    Resume(resume::Args),
    /// Answer the question about a step that waits for a person
    Decide(decide::Args),
    /// Take a change back
    Rollback(rollback::Args),
    /// Look for approved changes and carry them out, as a daemon
    Runner(runner::Args),
    /// Add a review to a change
    Review(review::Args),

    /// Maintenance windows, and what is planned when
    Calendar(calendar::Args),
    /// Freezes, in which nothing starts but emergencies
    Freeze(calendar::FreezeArgs),
    /// The change advisory board: agenda, votes, minutes, standing decisions
    Cab(cab::Args),
    /// The emergency board: who is on call, and what was not reviewed
    Ecab(ecab::Args),
    /// Stop the line: nothing is approved, started or resumed that a stop covers
    Stop(stop::Args),
    /// Incidents that changes led to
    Incident(incident::Args),
    /// Problems behind incidents, and known errors
    Problem(problem::Args),
    /// Read, verify and prove the audit log
    Audit(audit::Args),
    /// Which policies decide, and what others would decide
    Policy(policy::Args),
    /// The file of services, in the simple form that people keep
    Catalog(catalog::Args),
    /// Configuration items: import, list, show, what a failure of one reaches
    Cmdb(cmdb::Args),
    /// Changes that other systems carried out
    History(history::Args),
    /// People, agents and services that may act
    Actor(actor::Args),
    /// Access tokens of an actor
    Token(token::Args),
    /// Notifications: what waits, what failed, whether a channel works
    Notify(notify::Args),

    /// See a good and a bad change of a real service go all the way, on a server of its own
    Demo(demo::Args),
    /// Run the server
    Serve(serve::Args),
    /// Write the whole database into one file
    Backup(backup::Args),
    /// Put a backup into an empty database
    Restore(restore::Args),
    /// Make every view anew from the log
    Rebuild(rebuild::Args),
    /// The settings of a server
    Config(config::Args),
    /// Print the completions for a shell
    Completions(completions::Args),
}

impl Command {
    /// What the command's parts log unless the command line says otherwise. A server tells what it does.
    pub(crate) fn log_filter(&self) -> &'static str {
        if matches!(self, Self::Serve(_)) { "info" } else { "warn" }
    }
}

/// Runs a command to its end.
pub(crate) fn dispatch(command: Command, shell: &Shell) -> Outcome {
    match command {
        Command::Create(args) => shell.block_on(create::run(*args, shell)),
        Command::Wait(args) => shell.block_on(wait::run(args, shell)),
        Command::Watch(args) => shell.block_on(watch::run(args, shell)),
        Command::Implement(args) => implement::run(args, shell),
        Command::Validate(args) => validate::run(args, shell),
        Command::Close(args) => shell.block_on(close::run(args, shell)),
        Command::Init(args) => init::run(args, shell),
        Command::Login(args) => shell.block_on(login::run(args, shell)),
        Command::Whoami(args) => shell.block_on(whoami::run(args, shell)),
        Command::List(args) => shell.block_on(list::run(args, shell)),
        Command::Show(args) => shell.block_on(show::run(args, shell)),
        Command::Chain(args) => shell.block_on(chain::run(args, shell)),
        Command::Risk(args) => risk::run(args, shell),
        Command::Canary(args) => canary::run(args, shell),
        Command::Approvals(args) => shell.block_on(approvals::run(args, shell)),
        Command::Approve(args) => shell.block_on(approve::run(args, shell)),
        Command::Reject(args) => shell.block_on(reject::run(args, shell)),
        Command::Withdraw(args) => shell.block_on(withdraw::run(args, shell)),
        Command::Satisfy(args) => shell.block_on(satisfy::run(args, shell)),
        Command::Amend(args) => shell.block_on(amend::run(*args, shell)),
        Command::Submit(args) => shell.block_on(submit::run(args, shell)),
        Command::Cancel(args) => shell.block_on(cancel::run(args, shell)),
        Command::Comment(args) => shell.block_on(comment::run(args, shell)),
        Command::Pause(args) => shell.block_on(pause::run(args, shell)),
        Command::Resume(args) => shell.block_on(resume::run(args, shell)),
        Command::Decide(args) => shell.block_on(decide::run(args, shell)),
        Command::Rollback(args) => rollback::run(args, shell),
        Command::Runner(args) => runner::run(args, shell),
        Command::Review(args) => shell.block_on(review::run(args, shell)),
        Command::Calendar(args) => shell.block_on(calendar::run(args, shell)),
        Command::Freeze(args) => shell.block_on(calendar::run_freeze(args, shell)),
        Command::Cab(args) => shell.block_on(cab::run(args, shell)),
        Command::Ecab(args) => shell.block_on(ecab::run(args, shell)),
        Command::Stop(args) => shell.block_on(stop::run(args, shell)),
        Command::Incident(args) => shell.block_on(incident::run(args, shell)),
        Command::Problem(args) => shell.block_on(problem::run(args, shell)),
        Command::Audit(args) => audit::run(args, shell),
        Command::Policy(args) => policy::run(args, shell),
        Command::Catalog(args) => shell.block_on(catalog::run(args, shell)),
        Command::Cmdb(args) => shell.block_on(cmdb::run(args, shell)),
        Command::History(args) => shell.block_on(history::run(args, shell)),
        Command::Actor(args) => shell.block_on(actor::run(args, shell)),
        Command::Token(args) => shell.block_on(token::run(args, shell)),
        Command::Notify(args) => shell.block_on(notify::run(args, shell)),
        Command::Demo(args) => demo::run(&args, shell),
        Command::Serve(args) => serve::run(&args, shell),
        Command::Backup(args) => shell.block_on(backup::run(args, shell)),
        Command::Restore(args) => shell.block_on(restore::run(args, shell)),
        Command::Rebuild(args) => shell.block_on(rebuild::run(args, shell)),
        Command::Config(args) => config::run(args, shell),
        Command::Completions(args) => completions::run(args, shell),
    }
}

/// Ends a command that moved a change: says where the change is now, and prints it for programs that asked for JSON.
fn moved(shell: &Shell, change: &Change) -> Outcome {
    match shell.format() {
        Format::Text => shell.say(render::change::in_a_line(change, shell.talk_paint())),
        Format::Json => shell.json(change)?,
    }
    Ok(ExitStatus::Done)
}
