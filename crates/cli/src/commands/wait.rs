//! `wait`: waits until a change is approved, and says meanwhile what is outstanding and who can clear it.
//!
//! It listens to the change's events and reads the change again after each. Where the stream cannot be had, it asks
//! again and again instead. Every answer is the server's: nothing is concluded from an event alone.

use std::pin::{Pin, pin};
use std::time::Duration;

use api::change::Change;
use client::{Client, ClientError, Event, EventFilter};
use domain::change::StateName;
use domain::id::ChangeId;
use futures_util::{Stream, StreamExt};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::{Instant, sleep_until};

use super::Outcome;
use crate::args::Seconds;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::render;
use crate::shell::{Format, Shell};

/// How often a change is read while its events are heard: deadlines and windows pass without an event.
const POLL_BESIDE_EVENTS: Duration = Duration::from_secs(15);
/// How often a change is read while its events cannot be heard.
const POLL_ALONE: Duration = Duration::from_secs(3);
/// How often the spinner moves.
const SPIN: Duration = Duration::from_millis(120);

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cortex-change wait $change_id --timeout 3600\n  \
                        cortex-change wait CHG-2026-000123 --timeout 1h --ready\n\n\
                        Ends with 0 when approved, 3 when rejected or cancelled, 4 when the time is over.")]
pub(crate) struct Args {
    /// The change
    id: ChangeId,
    /// How long to wait: seconds, or a time such as 1h
    #[arg(long, value_name = "TIME", default_value = "1d")]
    timeout: Seconds,
    /// Wait also until conditions are met and the window is open
    #[arg(long)]
    ready: bool,
}

struct Plan {
    id: String,
    until: Until,
    limit: Duration,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    Approved,
    /// Approved, and nothing stands before the start.
    Ready,
}

impl From<Args> for Plan {
    fn from(Args { id, timeout: Seconds(seconds), ready }: Args) -> Self {
        let until = if ready { Until::Ready } else { Until::Approved };
        Self { id: id.to_string(), until, limit: Duration::from_secs(seconds) }
    }
}

impl Until {
    /// How the wait ends, if this state of the change ends it.
    fn end(self, change: &Change) -> Result<Option<ExitStatus>, Failure> {
        let state: StateName = change.state.parse().map_err(|error| Failure::of(&error))?;
        Ok(match state {
            StateName::Draft | StateName::Assessing | StateName::AwaitingApproval => None,
            StateName::Approved if self == Self::Ready && !change.blockers.is_empty() => None,
            StateName::Rejected | StateName::Cancelled => Some(ExitStatus::Rejected),
            // Whatever came after the approval, it has been given.
            StateName::Approved
            | StateName::Implementing
            | StateName::Interrupted
            | StateName::Validating
            | StateName::Implemented
            | StateName::RollingBack
            | StateName::RolledBack
            | StateName::Failed
            | StateName::Closed => Some(ExitStatus::Done),
        })
    }
}

pub(crate) async fn run(args: Args, shell: &Shell) -> Outcome {
    let plan: Plan = args.into();
    let client = shell.client()?;
    let deadline = Instant::now() + plan.limit;
    let mut change = client.change(&plan.id).await?;
    let mut news = News::of(&client, &change);
    let mut display = Display::new(shell);
    let status = loop {
        if let Some(status) = plan.until.end(&change)? {
            break status;
        }
        display.show(&change, shell);
        if Instant::now() >= deadline {
            break ExitStatus::TimedOut;
        }
        news.wait(deadline).await;
        change = read_again(&client, &plan.id, deadline).await?;
    };
    display.end();
    match shell.format() {
        Format::Text => conclude(&change, status, plan.limit, shell),
        Format::Json => shell.json(&change)?,
    }
    Ok(status)
}

/// Reads the change, also past moments in which the server cannot be reached.
pub(super) async fn read_again(client: &Client, id: &str, deadline: Instant) -> Result<Change, ClientError> {
    loop {
        match client.change(id).await {
            Err(error) if error.is_transient() && Instant::now() < deadline => {
                sleep_until((Instant::now() + POLL_ALONE).min(deadline)).await;
            }
            answer => return answer,
        }
    }
}

fn conclude(change: &Change, status: ExitStatus, limit: Duration, shell: &Shell) {
    let still = render::change::outstanding(change);
    if status == ExitStatus::TimedOut {
        shell.warn(format!("waited for {}; still outstanding:", render::span(limit.as_secs())));
        still.iter().for_each(|line| shell.warn(line));
    } else {
        shell.say(render::change::in_a_line(change, shell.talk_paint()));
        still.iter().for_each(|line| shell.say(format!("  {line}")));
    }
    if status == ExitStatus::Rejected
        && let Some(last) = change.audit_trail.last()
    {
        shell.say(format!("  {}: {}", crate::shell::plain(&last.actor), crate::shell::plain(&last.details)));
    }
}

type Events = Pin<Box<dyn Stream<Item = Result<Event, ClientError>> + Send>>;

/// Tells when it is time to read the change again.
pub(super) struct News {
    /// Nothing once the stream has ended.
    events: Option<Events>,
}

impl News {
    /// Events of the change after those that it shows.
    pub(super) fn of(client: &Client, change: &Change) -> Self {
        let after = change.audit_trail.iter().map(|entry| entry.log_index).max();
        let filter = EventFilter { stream: Some(format!("change/{}", change.change_id)), after };
        Self { events: Some(Box::pin(client.events(filter))) }
    }

    /// Waits for the next event or the next time to ask without one.
    pub(super) async fn wait(&mut self, deadline: Instant) {
        let pause = if self.events.is_some() { POLL_BESIDE_EVENTS } else { POLL_ALONE };
        let pause = pin!(sleep_until((Instant::now() + pause).min(deadline)));
        let Some(events) = &mut self.events else { return pause.await };
        tokio::select! {
            () = pause => {}
            event = events.next() => {
                // The stream ends after its first error.
                if !matches!(event, Some(Ok(_))) {
                    self.events = None;
                }
            }
        }
    }
}

/// What is shown while waiting: a spinner on a terminal, elsewhere a line whenever something has changed.
struct Display {
    spinner: Option<ProgressBar>,
    last: String,
}

impl Display {
    fn new(shell: &Shell) -> Self {
        let spinner = shell.shows_live().then(|| {
            let spinner = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg} {elapsed}") {
                spinner.set_style(style);
            }
            spinner.enable_steady_tick(SPIN);
            spinner
        });
        Self { spinner, last: String::new() }
    }

    fn show(&mut self, change: &Change, shell: &Shell) {
        let mut lines = vec![render::change::in_a_line(change, shell.talk_paint())];
        lines.extend(render::change::outstanding(change));
        let text = lines.join("\n  ");
        match &self.spinner {
            Some(spinner) => spinner.set_message(lines.join("; ")),
            None if text != self.last => shell.say(&text),
            None => {}
        }
        self.last = text;
    }

    fn end(&self) {
        self.spinner.iter().for_each(ProgressBar::finish_and_clear);
    }
}
