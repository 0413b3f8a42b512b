//! `approvals`: what waits for approval, what an approver must have seen, overrides, and authority that is lent.

use api::Page;
use api::approval::{ApprovalSheet, DelegateRequest, Delegation, OverrideRequest, WaitingApproval};
use api::command::ReasonRequest;
use clap::Subcommand;
use client::Client;
use domain::actor::Role;
use domain::canonical::Digest;
use domain::duration::{InvalidDuration, parse_duration_seconds};
use domain::id::{ChangeId, DelegationId, ServiceName};
use domain::risk::Level;
use jiff::Timestamp;

use super::create::random_key;
use super::{Outcome, moved};
use crate::args::word;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::render;
use crate::shell::{Format, Shell};

/// Most changes that are listed.
const WAITING_MAX: usize = 10_000;

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(
    after_help = "Examples:\n  cortex-change approvals\n  cortex-change approvals --role cab_member\n  \
                        cortex-change approvals --all --output json\n\n\
                        Without a command it lists what waits for you, the next deadline first."
)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<ApprovalsCommand>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Subcommand)]
enum ApprovalsCommand {
    /// Show what an approver must have seen: what will run, whole and exactly, and what is missing
    Show(ShowArgs),
    /// Override what was decided automatically, as the authority above those who would decide
    Override(OverrideArgs),
    /// Delegate your authority to another person for a time
    Delegate(DelegateArgs),
    /// List delegations in force and to come: yours and those to you
    Delegations(DelegationsArgs),
    /// End a delegation before its time
    Undelegate(UndelegateArgs),
}

#[derive(Debug, Default, clap::Args)]
struct ListArgs {
    /// What waits for holders of this role
    #[arg(long, value_name = "ROLE", value_parser = word(Role::ALL), conflicts_with = "all")]
    role: Option<Role>,
    /// Everything that waits, for whomever
    #[arg(long)]
    all: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change approvals show CHG-2026-000123")]
struct ShowArgs {
    /// The change
    id: ChangeId,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cortex-change approvals override CHG-2026-000123 --reason 'the lead was on a plane; it is still needed'\n  \
                  cortex-change approvals override CHG-2026-000123 --level high --reason 'it touches the ledger'\n\n\
                  What a deadline or a policy rejected is put to the authorities again.\n\
                  A low risk that policy did not approve without a person is approved.\n\
                  With --level the authorities of that level are asked.\n\
                  Only the authority above those who would decide may do so, never about a change of its own."
)]
struct OverrideArgs {
    /// The change
    id: ChangeId,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The level that it has instead of the assessed one
    #[arg(long, value_name = "LEVEL", value_parser = word(Level::ALL))]
    level: Option<Level>,
    /// Do not ask for confirmation
    #[arg(long, short)]
    yes: bool,
    /// Digest of what was seen elsewhere; nothing is then shown or asked
    #[arg(long)]
    digest: Option<Digest>,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cortex-change approvals delegate --to bea --for 10d --away --reason 'on leave'\n  \
                  cortex-change approvals delegate --to cal --until 2026-12-24T12:00:00Z --service cart --level medium --reason 'shares the shift'"
)]
#[command(group = clap::ArgGroup::new("end").required(true))]
struct DelegateArgs {
    /// The other person, by name or id
    #[arg(long, value_name = "NAME")]
    to: String,
    /// From when on; now when absent
    #[arg(long, value_name = "INSTANT")]
    from: Option<Timestamp>,
    /// Until when
    #[arg(long, value_name = "INSTANT", group = "end")]
    until: Option<Timestamp>,
    /// For how long, at most 90d
    #[arg(long = "for", value_name = "TIME", group = "end", value_parser = duration)]
    lasts: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// You are away meanwhile and are not counted on
    #[arg(long)]
    away: bool,
    /// Only changes that touch nothing but this service; repeat for each
    #[arg(long = "service", value_name = "SERVICE")]
    services: Vec<ServiceName>,
    /// Only changes of this level; repeat for each
    #[arg(long = "level", value_name = "LEVEL", value_parser = word(Level::ALL))]
    levels: Vec<Level>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change approvals delegations --all")]
struct DelegationsArgs {
    /// Those of everybody
    #[arg(long)]
    all: bool,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  cortex-change approvals undelegate dlg_7f3a99c01b2d4e5f --reason 'back early'"
)]
struct UndelegateArgs {
    /// The delegation
    id: DelegationId,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Checks a time that the server reads again.
fn duration(text: &str) -> Result<String, InvalidDuration> {
    parse_duration_seconds(text).map(|_| text.to_owned())
}

impl From<DelegateArgs> for DelegateRequest {
    fn from(args: DelegateArgs) -> Self {
        Self {
            to: args.to,
            from: args.from.map(|instant| instant.to_string()),
            until: args.until.map(|instant| instant.to_string()),
            lasts: args.lasts,
            reason: args.reason,
            away: args.away,
            services: args.services.iter().map(ToString::to_string).collect(),
            levels: args.levels.iter().map(ToString::to_string).collect(),
        }
    }
}

pub(crate) async fn run(Args { command, list }: Args, shell: &Shell) -> Outcome {
    let client = shell.client()?;
    match command {
        None => waiting(&client, &list, shell).await?,
        Some(ApprovalsCommand::Show(ShowArgs { id })) => {
            let sheet = client.approval_sheet(&id.to_string()).await?;
            require_digest(&sheet)?;
            match shell.format() {
                Format::Text => shell.data(&render::approval::sheet(&sheet, shell.data_paint()))?,
                Format::Json => shell.json(&sheet)?,
            }
        }
        Some(ApprovalsCommand::Override(args)) => return overridden(&client, args, shell).await,
        Some(ApprovalsCommand::Delegate(args)) => {
            let lent = client.delegate(&args.into(), &random_key()?).await?;
            let text = format!(
                "{} decides for you from {} until {}: {}",
                lent.to, lent.from, lent.until, lent.delegation_id
            );
            shell.tell(&lent, text)?;
        }
        Some(ApprovalsCommand::Delegations(DelegationsArgs { all })) => {
            let page: Page<Delegation> = client.list_delegations(all).await?;
            match shell.format() {
                Format::Text if page.items.is_empty() => shell.say("nobody has delegated anything"),
                Format::Text => {
                    shell.data(&render::approval::delegations(&page.items, shell.data_paint()))?
                }
                Format::Json => shell.json(&page)?,
            }
        }
        Some(ApprovalsCommand::Undelegate(UndelegateArgs { id, reason })) => {
            let ended = client.end_delegation(&id.to_string(), &ReasonRequest { reason }).await?;
            shell.tell(&ended, format!("{} decides no longer for {}", ended.to, ended.by))?;
        }
    }
    Ok(ExitStatus::Done)
}

async fn waiting(client: &Client, list: &ListArgs, shell: &Shell) -> Result<(), Failure> {
    let waits_for = match (list.role, list.all) {
        (Some(role), _) => role.to_string(),
        (None, true) => "all".to_owned(),
        (None, false) => "me".to_owned(),
    };
    let mut page: Page<WaitingApproval> = client.list_approvals(&waits_for, None).await?;
    while page.items.len() < WAITING_MAX {
        let Some(cursor) = page.next_cursor.take() else { break };
        let next = client.list_approvals(&waits_for, Some(&cursor)).await?;
        page.items.extend(next.items);
        page.next_cursor = next.next_cursor;
    }
    match shell.format() {
        Format::Text if page.items.is_empty() => shell.say("nothing waits for approval"),
        Format::Text => shell.data(&render::approval::list(&page.items, shell.data_paint()))?,
        Format::Json => shell.json(&page)?,
    }
    Ok(())
}

/// What is shown must be what is approved, whatever the server says.
fn require_digest(sheet: &ApprovalSheet) -> Result<(), Failure> {
    let computed = Digest::of_canonical(&sheet.digest_label, sheet.canonical.as_bytes()).to_string();
    if computed == sheet.digest && sheet.digest == sheet.change.digest {
        return Ok(());
    }
    let sentence = format!("what the server shows has the digest {computed}, not {}", sheet.digest);
    Err(Failure::new(sentence).next("approve nothing, and tell an administrator"))
}

async fn overridden(client: &Client, args: OverrideArgs, shell: &Shell) -> Outcome {
    let OverrideArgs { id, reason, level, yes, digest } = args;
    let sheet = client.approval_sheet(&id.to_string()).await?;
    let digest = match digest {
        Some(digest) => digest.to_string(),
        None => {
            require_digest(&sheet)?;
            shell.show(render::approval::sheet(&sheet, shell.talk_paint()).trim_end());
            if !yes && !shell.confirms(&format!("Override what was decided about {id}?"))? {
                shell.say("nothing was overridden");
                return Ok(ExitStatus::Error);
            }
            sheet.digest
        }
    };
    let decision = match (level, sheet.change.state.as_str()) {
        (Some(_), _) => "level",
        (None, "rejected") => "rejection",
        (None, _) => "pre_approval",
    };
    let level = level.map(|level| level.to_string());
    let request = OverrideRequest { decision: decision.to_owned(), level, digest, reason };
    moved(shell, &client.override_decision(&id.to_string(), &request).await?)
}
