//! `watch`: follows a change, entry by entry, until nothing more happens to it.

use std::time::Duration;

use api::change::Change;
use domain::change::StateName;
use domain::id::ChangeId;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

use super::Outcome;
use super::wait::{News, read_again};
use crate::args::Seconds;
use crate::clock;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::render::{self, watching};
use crate::shell::{Format, Shell};

/// How often a change is read while it bakes: what its judge says comes with its runner's heartbeats.
const BAKE_POLL: Duration = Duration::from_secs(3);
/// How often the bar moves.
const SPIN: Duration = Duration::from_millis(120);

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cortex-change watch CHG-2026-000123\n  \
                        cortex-change watch CHG-2026-000123 --since 4 --output json\n\n\
                        Any number of people may watch. Ends with 0 when the change is implemented or closed, 3 when it \
                        was rejected or cancelled, 4 when the time is over, 5 when it was rolled back, 6 when that failed.")]
pub(crate) struct Args {
    /// The change
    id: ChangeId,
    /// How long to watch: seconds, or a time such as 1h
    #[arg(long, value_name = "TIME", default_value = "1d")]
    timeout: Seconds,
    /// Show the trail only after this version
    #[arg(long, value_name = "VERSION", default_value_t = 0)]
    since: u64,
}

pub(crate) async fn run(args: Args, shell: &Shell) -> Outcome {
    let Args { id, timeout: Seconds(seconds), since } = args;
    let (id, client) = (id.to_string(), shell.client()?);
    let deadline = Instant::now() + Duration::from_secs(seconds);
    let mut change = client.change(&id).await?;
    let mut news = News::of(&client, &change);
    let mut seen = since;
    let bar = shell.shows_live().then(bar);
    let mut stages = Stages::default();
    let status = loop {
        show(&change, seen, bar.as_ref(), shell)?;
        stages.show(&change, shell);
        seen = change.audit_trail.iter().map(|entry| entry.version).max().unwrap_or(seen).max(seen);
        if let Some(status) = end(&change)? {
            break status;
        }
        if Instant::now() >= deadline {
            shell.warn(format!("watched for {}", render::span(seconds)));
            break ExitStatus::TimedOut;
        }
        // What a bake comes to moves without an event.
        let is_baking = change.implementation.as_ref().is_some_and(|run| run.bake.is_some());
        let until = if is_baking { deadline.min(Instant::now() + BAKE_POLL) } else { deadline };
        news.wait(until).await;
        change = read_again(&client, &id, deadline).await?;
    };
    bar.iter().for_each(ProgressBar::finish_and_clear);
    if shell.format() == Format::Text {
        shell.say(render::change::in_a_line(&change, shell.talk_paint()));
    }
    Ok(status)
}

/// Where the stages are and what the judge says, told in a line whenever one of them changes and there is no bar.
#[derive(Debug, Default)]
struct Stages {
    told: String,
}

impl Stages {
    fn show(&mut self, change: &Change, shell: &Shell) {
        let Some(run) = &change.implementation else { return };
        let Some(stages) = watching::stages(&run.stages) else { return };
        let verdict = run.bake.as_ref().and_then(|bake| bake.verdict.as_deref()).unwrap_or_default();
        let told = format!("{stages} {verdict}");
        if self.told != told && shell.format() == Format::Text && !shell.shows_live() {
            let bake = run.bake.as_ref().map(|_| format!("; {}", watching::in_a_line(run, clock::now())));
            shell.say(format!("stages: {stages}{}", bake.unwrap_or_default()));
        }
        self.told = told;
    }
}

/// How the watch ends, if this state ends it.
fn end(change: &Change) -> Result<Option<ExitStatus>, Failure> {
    let state: StateName = change.state.parse().map_err(|error| Failure::of(&error))?;
    Ok(match state {
        StateName::Implemented => Some(ExitStatus::Done),
        StateName::Closed => Some(match change.outcome.as_deref() {
            Some("rolled_back") => ExitStatus::RolledBack,
            Some("failed") => ExitStatus::NotRolledBack,
            Some(_) | None => ExitStatus::Done,
        }),
        StateName::Rejected | StateName::Cancelled => Some(ExitStatus::Rejected),
        StateName::RolledBack => Some(ExitStatus::RolledBack),
        StateName::Failed => Some(ExitStatus::NotRolledBack),
        StateName::Draft
        | StateName::Assessing
        | StateName::AwaitingApproval
        | StateName::Approved
        | StateName::Implementing
        | StateName::Interrupted
        | StateName::Validating
        | StateName::RollingBack => None,
    })
}

/// Prints what is new in the trail, one JSON value a line for programs, and moves the bar.
fn show(change: &Change, seen: u64, bar: Option<&ProgressBar>, shell: &Shell) -> Result<(), Failure> {
    for entry in change.audit_trail.iter().filter(|entry| entry.version > seen) {
        let line = match shell.format() {
            Format::Text => render::change::trail_entry(entry, shell.data_paint()),
            Format::Json => serde_json::to_string(entry)
                .map_err(|error| Failure::new("an entry cannot be written as JSON").caused_by(&error))?,
        };
        match bar {
            Some(bar) => bar.suspend(|| shell.data(&format!("{line}\n")))?,
            None => shell.data(&format!("{line}\n"))?,
        }
    }
    let (Some(bar), Some(run)) = (bar, &change.implementation) else { return Ok(()) };
    bar.set_length(u64::try_from(run.total).unwrap_or(u64::MAX));
    bar.set_position(u64::try_from(run.done).unwrap_or(u64::MAX));
    bar.set_message(watching::in_a_line(run, clock::now()));
    Ok(())
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{spinner} [{bar:24}] {pos}/{len} {wide_msg} {elapsed}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.enable_steady_tick(SPIN);
    bar
}
