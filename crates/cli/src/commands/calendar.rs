//! `calendar` and `freeze`: when changes may be implemented, and what is planned.

use api::actor::IssueToken;
use api::calendar::{CalendarEntry, OverrideFreeze, RemoveEntry};
use clap::Subcommand;
use client::{Client, SlotFilter};
use domain::actor::Scope;
use domain::calendar::{Rule, ZoneName};
use domain::duration::parse_duration_seconds;
use domain::id::{ChangeId, EntryName, EnvironmentName, ServiceName};
use jiff::Timestamp;
use jiff::civil::DateTime;

use super::Outcome;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::render;
use crate::shell::{Format, Shell};

/// The kind of an entry in which nothing is implemented.
const FREEZE: &str = "freeze";
/// The kind of an entry outside of which nothing is implemented.
const MAINTENANCE: &str = "maintenance";

#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: CalendarCommand,
}

#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct FreezeArgs {
    #[command(subcommand)]
    command: FreezeCommand,
}

#[derive(Debug, Subcommand)]
enum CalendarCommand {
    /// Show what takes place between two instants: freezes, windows, the forward schedule of change
    Show(ShowArgs),
    /// Find the earliest times at which no freeze, closed window or other change stands in the way
    Slot(SlotArgs),
    /// Show which other changes get in the way of a change
    Conflicts(ConflictsArgs),
    /// Issue a token for calendar programs; prints the address to subscribe to, this once, on standard output
    Feed(FeedArgs),
    /// List the entries
    List(ListArgs),
    /// Add a maintenance window; outside of it nothing starts that it is defined for
    Add(AddWindowArgs),
    /// Remove an entry
    Remove(RemoveWindowArgs),
}

#[derive(Debug, Subcommand)]
enum FreezeCommand {
    /// Add a freeze, in which nothing starts but emergencies
    Add(AddFreezeArgs),
    /// List the freezes
    List(ListFreezesArgs),
    /// Remove a freeze; exceptions from it end with it
    Remove(RemoveFreezeArgs),
    /// Except one change from a freeze, for a time
    Override(OverrideArgs),
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cortex-change calendar show\n  cortex-change calendar show --from 2026-12-01T00:00:00Z --to 2027-01-15T00:00:00Z"
)]
struct ShowArgs {
    /// The first instant; now when absent
    #[arg(long, value_name = "INSTANT")]
    from: Option<Timestamp>,
    /// The first instant after; 14 days later when absent
    #[arg(long, value_name = "INSTANT")]
    to: Option<Timestamp>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cortex-change calendar slot CHG-2026-000123\n  \
                  cortex-change calendar slot --service cart --environment production --duration 30m --within 7d")]
#[command(group = clap::ArgGroup::new("whose").required(true))]
struct SlotArgs {
    /// The change that is to be implemented
    #[arg(group = "whose")]
    change: Option<ChangeId>,
    /// A service that is to be changed; repeat for each
    #[arg(long = "service", value_name = "SERVICE", group = "whose")]
    services: Vec<ServiceName>,
    /// Where, beside `--service`; anywhere when absent
    #[arg(long, value_name = "NAME", requires = "services")]
    environment: Option<EnvironmentName>,
    /// How long; as long as the change's plan is expected to take, otherwise 1h, when absent
    #[arg(long, value_name = "TIME", value_parser = duration)]
    duration: Option<String>,
    /// How far ahead to look, at most 90d; 14d when absent
    #[arg(long, value_name = "TIME", value_parser = duration)]
    within: Option<String>,
    /// How many times to find; 3 when absent
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u8).range(1..=20))]
    count: Option<u8>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change calendar conflicts CHG-2026-000123")]
struct ConflictsArgs {
    /// The change
    change: ChangeId,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cortex-change calendar feed --label 'my phone'\n  \
                  cortex-change calendar feed --actor operations --label 'wall screen' --expires-in 366d")]
struct FeedArgs {
    /// Whose token it is; your own when absent
    #[arg(long, value_name = "ACTOR")]
    actor: Option<String>,
    /// Where it is used, in words
    #[arg(long, value_name = "TEXT", default_value = "calendar feed")]
    label: String,
    /// How long it lives, for example 30d; 90d when absent
    #[arg(long, value_name = "TIME", value_parser = duration)]
    expires_in: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change calendar list --output json")]
struct ListArgs {}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change freeze list")]
struct ListFreezesArgs {}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  cortex-change calendar add saturdays --title 'shop maintenance' --starts 2026-01-03T22:00 \
                  --zone Europe/Berlin --for 4h --rule 'FREQ=WEEKLY;BYDAY=SA' --service cart"
)]
struct AddWindowArgs {
    #[command(flatten)]
    entry: EntryArgs,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cortex-change freeze add year-end --title 'holiday season' --starts 2026-12-20T00:00 \
                  --zone Europe/Berlin --for 14d --environment production\n  \
                  cortex-change freeze add fridays --title 'no releases before the weekend' --starts 2026-01-02T15:00 \
                  --for 9h --rule 'FREQ=WEEKLY;BYDAY=FR' --tier 0 --tier 1"
)]
struct AddFreezeArgs {
    #[command(flatten)]
    entry: EntryArgs,
}

#[derive(Debug, clap::Args)]
struct EntryArgs {
    /// Its name, unique in the calendar
    name: EntryName,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    title: String,
    /// When it first begins, on the wall clock of its zone, for example 2026-12-20T22:00
    #[arg(long, value_name = "TIME")]
    starts: DateTime,
    /// The zone
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    zone: ZoneName,
    /// How long each occurrence takes, for example 8h or 12d
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    duration: String,
    /// How it recurs, as RFC 5545 writes it; once when absent
    #[arg(long, value_name = "RULE")]
    rule: Option<Rule>,
    /// No occurrence begins at or after this instant
    #[arg(long, value_name = "INSTANT")]
    until: Option<Timestamp>,
    /// A service that it is about, all when absent; repeat for each
    #[arg(long = "service", value_name = "SERVICE")]
    services: Vec<ServiceName>,
    /// A tier that it is about, all when absent; repeat for each
    #[arg(long = "tier", value_name = "0-3", value_parser = clap::value_parser!(u8).range(0..=3))]
    tiers: Vec<u8>,
    /// An environment that it is about, all when absent; repeat for each
    #[arg(long = "environment", value_name = "NAME")]
    environments: Vec<EnvironmentName>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change calendar remove saturdays --reason 'moved to sundays'")]
struct RemoveWindowArgs {
    #[command(flatten)]
    removed: RemoveArgs,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change freeze remove year-end --reason 'sales are over early'")]
struct RemoveFreezeArgs {
    #[command(flatten)]
    removed: RemoveArgs,
}

#[derive(Debug, clap::Args)]
struct RemoveArgs {
    /// The entry
    name: EntryName,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  cortex-change freeze override year-end CHG-2026-000123 --reason 'the certificate expires' --for 4h"
)]
struct OverrideArgs {
    /// The freeze
    freeze: EntryName,
    /// The change
    change: ChangeId,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// For how long, at most 7d
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    expires_in: String,
}

impl SlotArgs {
    fn asked(self) -> SlotFilter {
        SlotFilter {
            change: self.change.map(|change| change.to_string()),
            services: self.services.iter().map(ToString::to_string).collect(),
            environment: self.environment.map(|environment| environment.to_string()),
            duration: self.duration,
            within: self.within,
            count: self.count,
        }
    }
}

impl EntryArgs {
    fn entry(self, kind: &str) -> CalendarEntry {
        CalendarEntry {
            name: self.name.to_string(),
            kind: kind.to_owned(),
            title: self.title,
            starts: self.starts.to_string(),
            zone: self.zone.to_string(),
            duration: self.duration,
            rule: self.rule.map(|rule| rule.to_string()),
            until: self.until.map(|until| until.to_string()),
            services: self.services.iter().map(ToString::to_string).collect(),
            tiers: self.tiers,
            environments: self.environments.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Checks the form and keeps the text, which the server reads itself.
fn duration(text: &str) -> Result<String, domain::duration::InvalidDuration> {
    parse_duration_seconds(text).map(|_| text.to_owned())
}

pub(crate) async fn run(Args { command }: Args, shell: &Shell) -> Outcome {
    let client = shell.client()?;
    match command {
        CalendarCommand::Show(ShowArgs { from, to }) => {
            let [from, to] = [from, to].map(|instant| instant.map(|instant| instant.to_string()));
            let schedule = client.calendar(from.as_deref(), to.as_deref()).await?;
            match shell.format() {
                Format::Text => shell.data(&render::calendar::schedule(&schedule, shell.data_paint()))?,
                Format::Json => shell.json(&schedule)?,
            }
        }
        CalendarCommand::Slot(args) => {
            let slots = client.slots(&args.asked()).await?;
            match shell.format() {
                Format::Text => shell.data(&render::slot::slots(&slots, shell.data_paint()))?,
                Format::Json => shell.json(&slots)?,
            }
        }
        CalendarCommand::Conflicts(ConflictsArgs { change }) => {
            let conflicts = client.conflicts(&change.to_string()).await?;
            match shell.format() {
                Format::Text if conflicts.items.is_empty() => {
                    shell.say(format!("no other change gets in the way of {change}"));
                }
                Format::Text => shell.data(&render::slot::conflicts(&conflicts, shell.data_paint()))?,
                Format::Json => shell.json(&conflicts)?,
            }
        }
        CalendarCommand::Feed(args) => feed(&client, args, shell).await?,
        CalendarCommand::List(ListArgs {}) => list(&client, None, shell).await?,
        CalendarCommand::Add(AddWindowArgs { entry }) => {
            add(&client, &entry.entry(MAINTENANCE), shell).await?
        }
        CalendarCommand::Remove(RemoveWindowArgs { removed }) => remove(&client, removed, shell).await?,
    }
    Ok(ExitStatus::Done)
}

pub(crate) async fn run_freeze(FreezeArgs { command }: FreezeArgs, shell: &Shell) -> Outcome {
    let client = shell.client()?;
    match command {
        FreezeCommand::Add(AddFreezeArgs { entry }) => add(&client, &entry.entry(FREEZE), shell).await?,
        FreezeCommand::List(ListFreezesArgs {}) => list(&client, Some(FREEZE), shell).await?,
        FreezeCommand::Remove(RemoveFreezeArgs { removed }) => remove(&client, removed, shell).await?,
        FreezeCommand::Override(OverrideArgs { freeze, change, reason, expires_in }) => {
            let said = format!("{change} is excepted from {freeze} for {expires_in}");
            let request = OverrideFreeze { change_id: change.to_string(), reason, expires_in };
            let told = client.override_freeze(freeze.as_str(), &request).await?;
            shell.tell(&told, said)?;
        }
    }
    Ok(ExitStatus::Done)
}

async fn feed(
    client: &Client,
    FeedArgs { actor, label, expires_in }: FeedArgs,
    shell: &Shell,
) -> Result<(), Failure> {
    let actor = match actor {
        Some(actor) => actor,
        None => client.whoami().await?.actor.name,
    };
    let request = IssueToken { scopes: vec![Scope::Calendar.to_string()], expires_in, label };
    let issued = client.issue_token(&actor, &request).await?;
    let url = format!("{}/api/v1/calendar.ics?token={}", shell.url().trim_end_matches('/'), issued.token);
    match shell.format() {
        Format::Text => shell.data(&format!("{url}\n"))?,
        Format::Json => shell.json(&serde_json::json!({ "url": url, "token_id": issued.token_id }))?,
    }
    let until = render::instant(&issued.expires_at);
    shell.say(format!(
        "{} of {actor} reads the calendar until {until}; `cortex-change token revoke {actor} {}` ends it earlier",
        issued.token_id, issued.token_id
    ));
    Ok(())
}

async fn add(client: &Client, entry: &CalendarEntry, shell: &Shell) -> Result<(), Failure> {
    let told = client.add_calendar_entry(entry).await?;
    shell.tell(&told, format!("{} is in the calendar", entry.name))
}

async fn remove(
    client: &Client,
    RemoveArgs { name, reason }: RemoveArgs,
    shell: &Shell,
) -> Result<(), Failure> {
    let told = client.remove_calendar_entry(name.as_str(), &RemoveEntry { reason }).await?;
    shell.tell(&told, format!("{name} is removed"))
}

async fn list(client: &Client, kind: Option<&str>, shell: &Shell) -> Result<(), Failure> {
    let mut page = client.calendar_entries().await?;
    page.items.retain(|entry| kind.is_none_or(|kind| entry.kind == kind));
    match shell.format() {
        Format::Text if page.items.is_empty() => shell.say("the calendar has no such entry"),
        Format::Text => shell.data(&render::calendar::entries(&page.items, shell.data_paint()))?,
        Format::Json => shell.json(&page)?,
    }
    Ok(())
}
