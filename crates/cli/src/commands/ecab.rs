//! `ecab`: who of the emergency board is on call, and which emergency changes are to be reviewed.

use api::ecab::{RemoveFromRoster, SetRotation, SetShift};
use clap::Subcommand;
use client::Client;
use domain::calendar::{Rule, ZoneName};
use domain::duration::parse_duration_seconds;
use domain::ecab::ShiftId;
use domain::id::RotationName;
use jiff::Timestamp;
use jiff::civil::DateTime;

use super::Outcome;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::render;
use crate::shell::{Format, Shell};

#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: EcabCommand,
}

#[derive(Debug, Subcommand)]
enum EcabCommand {
    /// Show who is on call, the roster, and what is to be reviewed
    Show(ShowArgs),
    /// Show who is on call, now or at an instant
    Oncall(OncallArgs),
    /// List the emergency changes that are to be reviewed; while one is overdue, its requester asks for no further one
    Debt(DebtArgs),
    /// Settle who is on call when
    Roster(RosterArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change ecab show")]
struct ShowArgs {}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cortex-change ecab oncall\n  cortex-change ecab oncall --at 2026-12-24T20:00:00Z"
)]
struct OncallArgs {
    /// The instant; now when absent
    #[arg(long, value_name = "INSTANT")]
    at: Option<Timestamp>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change ecab debt --output json")]
struct DebtArgs {}

#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
struct RosterArgs {
    #[command(subcommand)]
    command: RosterCommand,
}

#[derive(Debug, Subcommand)]
enum RosterCommand {
    /// Settle a rotation: who is on call in turn, and when it is handed over
    Set(SetArgs),
    /// Remove a rotation
    Remove(RemoveArgs),
    /// Put somebody on call for a time, instead of a turn or beside all of them
    Cover(CoverArgs),
    /// Take such a time back
    Uncover(UncoverArgs),
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  cortex-change ecab roster set lead --member ann --member bob --starts 2026-01-05T09:00 \
                  --zone Europe/Berlin --rule 'FREQ=WEEKLY;BYDAY=MO'"
)]
struct SetArgs {
    /// Its name; one of the same name is replaced
    name: RotationName,
    /// Who, by name or id; repeat for each, in the order of their turns
    #[arg(long = "member", value_name = "ACTOR", required = true)]
    members: Vec<String>,
    /// When the first turn begins, on the wall clock of its zone
    #[arg(long, value_name = "TIME")]
    starts: DateTime,
    /// The zone
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    zone: ZoneName,
    /// When it is handed over, as RFC 5545 writes it
    #[arg(long, value_name = "RULE")]
    rule: Rule,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change ecab roster remove lead --reason 'one rotation is enough'")]
struct RemoveArgs {
    /// The rotation
    name: RotationName,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cortex-change ecab roster cover bob --instead-of lead --for 12h --reason 'ann is ill'\n  \
                  cortex-change ecab roster cover carol --from 2026-12-24T18:00:00Z --to 2026-12-27T06:00:00Z --reason holidays"
)]
#[command(group = clap::ArgGroup::new("end").required(true))]
struct CoverArgs {
    /// Who, by name or id
    actor: String,
    /// The rotation whose turn it replaces; beside all of them when absent
    #[arg(long, value_name = "ROTATION")]
    instead_of: Option<RotationName>,
    /// The first instant; now when absent
    #[arg(long, value_name = "INSTANT")]
    from: Option<Timestamp>,
    /// The first instant after
    #[arg(long, value_name = "INSTANT", group = "end")]
    to: Option<Timestamp>,
    /// For how long
    #[arg(long = "for", value_name = "TIME", value_parser = duration, group = "end")]
    duration: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change ecab roster uncover SHIFT-7 --reason 'ann is back'")]
struct UncoverArgs {
    /// The shift
    id: ShiftId,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Checks the form and keeps the text, which the server reads itself.
fn duration(text: &str) -> Result<String, domain::duration::InvalidDuration> {
    parse_duration_seconds(text).map(|_| text.to_owned())
}

pub(crate) async fn run(Args { command }: Args, shell: &Shell) -> Outcome {
    let client = shell.client()?;
    match command {
        EcabCommand::Show(ShowArgs {}) => {
            let roster = client.ecab().await?;
            match shell.format() {
                Format::Text => shell.data(&render::ecab::roster(&roster, shell.data_paint()))?,
                Format::Json => shell.json(&roster)?,
            }
        }
        EcabCommand::Oncall(OncallArgs { at }) => {
            let at = at.map(|at| at.to_string());
            let told = client.on_call(at.as_deref()).await?;
            match shell.format() {
                Format::Text => shell.data(&render::ecab::on_call(&told, shell.data_paint()))?,
                Format::Json => shell.json(&told)?,
            }
        }
        EcabCommand::Debt(DebtArgs {}) => {
            let page = client.emergency_debt().await?;
            match shell.format() {
                Format::Text if page.items.is_empty() => shell.say("no emergency change is to be reviewed"),
                Format::Text => shell.data(&render::ecab::debt(&page.items, shell.data_paint()))?,
                Format::Json => shell.json(&page)?,
            }
        }
        EcabCommand::Roster(RosterArgs { command }) => settle(&client, command, shell).await?,
    }
    Ok(ExitStatus::Done)
}

async fn settle(client: &Client, command: RosterCommand, shell: &Shell) -> Result<(), Failure> {
    let (roster, said) = match command {
        RosterCommand::Set(SetArgs { name, members, starts, zone, rule }) => {
            let request = SetRotation {
                name: name.to_string(),
                members,
                starts: starts.to_string(),
                zone: zone.to_string(),
                rule: rule.to_string(),
            };
            (client.set_rotation(&request).await?, format!("{name} is settled"))
        }
        RosterCommand::Remove(RemoveArgs { name, reason }) => {
            let request = RemoveFromRoster { reason };
            (client.remove_rotation(name.as_str(), &request).await?, format!("{name} is removed"))
        }
        RosterCommand::Cover(CoverArgs { actor, instead_of, from, to, duration, reason }) => {
            let said = format!("{actor} is on call for that time");
            let request = SetShift {
                actor,
                from: from.map(|from| from.to_string()),
                to: to.map(|to| to.to_string()),
                duration,
                instead_of: instead_of.map(|name| name.to_string()),
                reason,
            };
            (client.set_shift(&request).await?, said)
        }
        RosterCommand::Uncover(UncoverArgs { id, reason }) => {
            let request = RemoveFromRoster { reason };
            (client.remove_shift(&id.to_string(), &request).await?, format!("{id} is taken back"))
        }
    };
    shell.tell(&roster, said)
}
