//! `runner`: looks for approved changes that a runner with its labels is to carry out, and carries them out; `runner list`
//! shows who else does.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use clap::Subcommand;
use domain::id::{ChangeId, RunnerLabel};
use runner::{CONCURRENCY_MAX, Carried, Daemon, DaemonSettings, News, Options, Reporter};
use serde::Serialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::Outcome;
use crate::args::Seconds;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::render;
use crate::running::{How, Machine, MachineArgs, display, stop_on_signals, workspaces};
use crate::shell::{Format, Shell, plain};

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Examples:\n  cortex-change runner --label eu --label docker --concurrency 4\n  \
                        cortex-change runner --label eu --output json >> runner.jsonl\n  \
                        cortex-change runner --label eu --repository /srv/shop.git --workspaces /srv/workspaces\n  \
                        cortex-change runner list\n\n\
                        Takes on changes whose plan says `runs_on` with labels that are all given here: starts them when \
                        the server lets it, watches, validates after the soak time and closes, or takes back. Goes on \
                        with what another runner left. With `--repository` each change that names a commit is carried out in a \
                        working copy of its own, which is removed when the change is over. The first SIGINT or SIGTERM takes nothing on any more and waits for \
                        what is under way; the second ends it at once.")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<RunnerCommand>,
    #[command(flatten)]
    daemon: DaemonArgs,
}

#[derive(Debug, Subcommand)]
enum RunnerCommand {
    /// List the runners that were seen in the last day, and what they work on
    List(ListArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cortex-change runner list\n  \
                        cortex-change runner list --label eu --label docker --output json")]
struct ListArgs {
    /// Only those that have this label; may be repeated
    #[arg(long, value_name = "LABEL")]
    label: Vec<RunnerLabel>,
}

#[derive(Debug, clap::Args)]
struct DaemonArgs {
    /// What this runner is fit for; may be repeated
    #[arg(long, value_name = "LABEL", default_value = "default")]
    label: Vec<RunnerLabel>,
    /// Most changes at a time
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = concurrency)]
    concurrency: usize,
    /// Pause between two looks for work: seconds, or a time such as 1m
    #[arg(long, value_name = "TIME", default_value = "5s")]
    poll: Seconds,
    /// How long changes under way may take to end after a stop; then they are left to other runners
    #[arg(long, value_name = "TIME", default_value = "10m")]
    drain: Seconds,
    /// Git clone, with a working tree or bare, of which each change that names a commit gets a working copy of its own
    #[arg(long, value_name = "DIR")]
    repository: Option<PathBuf>,
    /// Folder for these working copies, of this runner alone; below the folder for snapshots when absent
    #[arg(long, value_name = "DIR", requires = "repository")]
    workspaces: Option<PathBuf>,
    /// Ask nobody but a person whether a failed step or a breach is taken back
    #[arg(long)]
    no_auto_rollback: bool,
    #[command(flatten)]
    machine: MachineArgs,
}

/// How many changes at a time.
fn concurrency(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| (1..=CONCURRENCY_MAX).contains(count));
    count.ok_or_else(|| format!("expected 1 to {CONCURRENCY_MAX}"))
}

impl DaemonArgs {
    fn settings(&self, shell: &Shell) -> Result<DaemonSettings, Failure> {
        let workspaces = self
            .repository
            .as_deref()
            .map(|repository| workspaces(repository, self.workspaces.as_deref(), &self.machine, shell));
        Ok(DaemonSettings {
            labels: self.label.iter().cloned().collect::<BTreeSet<_>>(),
            concurrency: self.concurrency,
            // A server is not asked without a pause.
            look_pause: Duration::from_secs(self.poll.0.max(1)),
            drain: Duration::from_secs(self.drain.0),
            workspaces: workspaces.transpose()?,
        })
    }
}

pub(crate) fn run(Args { command, daemon }: Args, shell: &Shell) -> Outcome {
    match command {
        Some(RunnerCommand::List(args)) => shell.block_on(list(&args, shell)),
        None => work(&daemon, shell),
    }
}

async fn list(args: &ListArgs, shell: &Shell) -> Outcome {
    let labels: Vec<&str> = args.label.iter().map(RunnerLabel::as_str).collect();
    let page = shell.client()?.list_runners(Some(labels.join(",")).as_deref()).await?;
    match shell.format() {
        Format::Text if page.items.is_empty() => shell.say("no such runner was seen in the last day"),
        Format::Text => shell.data(&render::runner::list(&page.items, shell.data_paint()))?,
        Format::Json => shell.json(&page)?,
    }
    Ok(ExitStatus::Done)
}

fn work(args: &DaemonArgs, shell: &Shell) -> Outcome {
    let client = shell.client()?;
    let machine = Machine::new(client.clone(), &args.machine, shell)?;
    let daemon = Daemon::new(client, machine.runner().clone(), args.settings(shell)?)?;
    let labels: Vec<&str> = args.label.iter().map(RunnerLabel::as_str).collect();
    shell.say(format!(
        "looking for approved changes whose plan runs on {}, {} at a time; stop with Ctrl-C",
        labels.join(", "),
        args.concurrency
    ));
    let stop = CancellationToken::new();
    // A terminal that is stopped must not keep a runner from its heartbeats: each display has a thread of its own.
    std::thread::scope(|scope| {
        let how = How { monitor: true, auto_rollback: !args.no_auto_rollback };
        let options = |change: ChangeId| {
            let (reporter, mut updates) = Reporter::channel();
            scope.spawn(move || {
                while let Some(update) = updates.blocking_recv() {
                    for line in display::lines(&update, shell.talk_paint()) {
                        shell.say(format!("{change}: {line}"));
                    }
                }
            });
            Options { reporter, ..machine.options(how) }
        };
        shell.block_on(async {
            tokio::select! {
                () = daemon.run(&stop, |news| tell(shell, &news), options) => Ok(ExitStatus::Done),
                stopped = stop_on_signals(&stop, shell) => Err(stopped),
            }
        })
    })
}

/// What a program is told.
#[derive(Debug, Serialize)]
struct Line {
    at: String,
    #[serde(flatten)]
    news: serde_json::Value,
}

/// Says what happens; to a program one JSON value in each line.
fn tell(shell: &Shell, news: &News) {
    if shell.format() == Format::Json {
        let line = Line { at: crate::clock::now().to_string(), news: as_json(news) };
        let text = serde_json::to_string(&line).unwrap_or_default();
        // A closed pipe leaves nobody to tell; the work goes on.
        let _unwritable = shell.data(&format!("{text}\n"));
        return;
    }
    match news {
        News::Taken { change, title } => shell.say(format!("{change}: taken on: {}", plain(title))),
        News::Waits { change, reason } => shell.say(format!("{change}: waits: {}", plain(reason))),
        News::Done { change, carried } => match carried {
            Carried::Closed | Carried::Released => shell.say(format!("{change}: {carried}")),
            Carried::RolledBack | Carried::RollbackFailed | Carried::Undecided | Carried::ToClose => {
                shell.warn(format!("{change}: {carried}; see `cortex-change show {change}`"));
            }
        },
        News::Unreachable { reason } => shell.warn(format!("{}; asking again", plain(reason))),
        News::Unlisted { reason } => shell
            .warn(format!("the server does not list this runner: {}; it works all the same", plain(reason))),
        News::Draining { running } => {
            shell.say(format!("nothing is taken on any more; {running} changes are under way"));
        }
    }
}

fn as_json(news: &News) -> serde_json::Value {
    match news {
        News::Taken { change, title } => {
            json!({ "news": "taken", "change_id": change.to_string(), "title": title })
        }
        News::Waits { change, reason } => {
            json!({ "news": "waits", "change_id": change.to_string(), "reason": reason })
        }
        News::Done { change, carried } => {
            json!({ "news": "done", "change_id": change.to_string(), "end": carried.as_str() })
        }
        News::Unreachable { reason } => json!({ "news": "unreachable", "reason": reason }),
        News::Unlisted { reason } => json!({ "news": "unlisted", "reason": reason }),
        News::Draining { running } => json!({ "news": "draining", "running": running }),
    }
}
