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
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::render;
use crate::shell::{Format, Shell, plain};

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
    let status = loop {
        show(&change, seen, bar.as_ref(), shell)?;
        seen = change.audit_trail.iter().map(|entry| entry.version).max().unwrap_or(seen).max(seen);
        if let Some(status) = end(&change)? {
            break status;
        }
        if Instant::now() >= deadline {
            shell.warn(format!("watched for {}", render::span(seconds)));
            break ExitStatus::TimedOut;
        }
        news.wait(deadline).await;
        change = read_again(&client, &id, deadline).await?;
    };
    bar.iter().for_each(ProgressBar::finish_and_clear);
    if shell.format() == Format::Text {
        shell.say(render::change::in_a_line(&change, shell.talk_paint()));
    }
    Ok(status)
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
    let current = run.current.as_deref().unwrap_or_default();
    bar.set_message(format!("{} {}", render::words(&run.phase), plain(current)));
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
