//! `cab`: the change advisory board, its meetings and its standing decisions.

use api::cab::{CastVote, Meeting, Meets, OpenMeeting, ProposeStanding, RevokeStanding, SetBoard};
use clap::Subcommand;
use client::Client;
use domain::actor::Role;
use domain::board::{Ballot, MeetingId, StandingId};
use domain::calendar::{Rule, ZoneName};
use domain::canonical::Digest;
use domain::change::Category;
use domain::duration::parse_duration_seconds;
use domain::id::{ChangeId, EnvironmentName, ServiceName};
use domain::risk::Level;
use jiff::Timestamp;
use jiff::civil::DateTime;

use super::Outcome;
use crate::args::word;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::render;
use crate::shell::{Format, Shell};

#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: CabCommand,
}

#[derive(Debug, Subcommand)]
enum CabCommand {
    /// Show who is on it, when it meets and what it held
    Show(ShowArgs),
    /// Settle who is on it, when it meets and how many must have voted
    Set(Box<SetArgs>),
    /// Show what the next meeting decides, the highest risk first
    Agenda(AgendaArgs),
    /// Open the next meeting, or an extraordinary one
    Open(OpenArgs),
    /// Vote on a change in the open meeting, after being shown what will run
    Vote(Box<VoteArgs>),
    /// Close a meeting: count the votes, tell the changes, sign the minutes into the log
    Close(CloseArgs),
    /// Print the minutes of a meeting, and check them against the log
    Minutes(MinutesArgs),
    /// Standing decisions, which approve a class of changes once and for all
    Standing(StandingArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change cab show")]
struct ShowArgs {}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  cortex-change cab set --role cab_member --starts 2026-01-01T14:00 --zone Europe/Berlin --for 1h \
                  --rule 'FREQ=WEEKLY;BYDAY=TH' --quorum 3 --cut-off 24h"
)]
struct SetArgs {
    /// A role whose holders are on it; repeat for each. Whoever votes also holds cab_member
    #[arg(long = "role", value_name = "ROLE", value_parser = word(Role::ALL))]
    roles: Vec<Role>,
    /// An actor who is on it, by name or id; repeat for each
    #[arg(long = "actor", value_name = "ACTOR")]
    actors: Vec<String>,
    /// When it first meets, on the wall clock of its zone
    #[arg(long, value_name = "TIME")]
    starts: DateTime,
    /// The zone
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    zone: ZoneName,
    /// How long a meeting takes
    #[arg(long = "for", value_name = "TIME", value_parser = duration, default_value = "1h")]
    duration: String,
    /// How it recurs, as RFC 5545 writes it; once when absent
    #[arg(long, value_name = "RULE")]
    rule: Option<Rule>,
    /// How many must have voted for an item to be decided
    #[arg(long, value_name = "PEOPLE", default_value_t = 2)]
    quorum: u64,
    /// How long before a meeting its agenda is settled
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "24h")]
    cut_off: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change cab agenda")]
struct AgendaArgs {}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cortex-change cab open\n  cortex-change cab open --extraordinary 'the migration cannot wait until Thursday'"
)]
struct OpenArgs {
    /// Open an extraordinary meeting with everything that waits, and say why
    #[arg(long, value_name = "TEXT")]
    extraordinary: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cortex-change cab vote CHG-2026-000123 approve --rationale 'rehearsed twice on staging'\n  \
                  cortex-change cab vote CHG-2026-000123 approve_with_conditions --condition 'the backup is fresh' \
                  --rationale 'fine with a backup'\n  \
                  cortex-change cab vote CHG-2026-000124 defer --rationale 'the owner is not here'\n\n\
                  What will run is shown first, and the vote holds for just that."
)]
struct VoteArgs {
    /// The change
    change: ChangeId,
    /// The vote
    #[arg(value_name = "VOTE", value_parser = word(Ballot::ALL))]
    vote: Ballot,
    /// Why
    #[arg(long, value_name = "TEXT")]
    rationale: String,
    /// Something that must be met before the start, with approve_with_conditions; repeat for each
    #[arg(long = "condition", value_name = "TEXT")]
    conditions: Vec<String>,
    /// Do not ask for confirmation
    #[arg(long, short)]
    yes: bool,
    /// Digest of what was seen elsewhere; nothing is then shown or asked
    #[arg(long)]
    digest: Option<Digest>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change cab close CAB-7")]
struct CloseArgs {
    /// The meeting
    id: MeetingId,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cortex-change cab minutes CAB-7 > minutes.md\n  cortex-change cab minutes CAB-7 --output json\n\n\
                  Ends with 1 when what the log says of a closed meeting does not have the digest that was signed."
)]
struct MinutesArgs {
    /// The meeting
    id: MeetingId,
}

#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
struct StandingArgs {
    #[command(subcommand)]
    command: StandingCommand,
}

#[derive(Debug, Subcommand)]
enum StandingCommand {
    /// List those in force and those proposed
    List(ListArgs),
    /// Propose one; it holds once a quorum of members supports it
    Propose(Box<ProposeArgs>),
    /// Support one that is proposed
    Support(SupportArgs),
    /// Revoke one
    Revoke(RevokeArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change cab standing list --output json")]
struct ListArgs {}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  cortex-change cab standing propose 'monthly patches of the shop' --category patch --service cart \
                  --score-max 70 --condition 'the canary ran for an hour' --expires-at 2026-12-31T00:00:00Z"
)]
struct ProposeArgs {
    /// What it is about, in a line
    title: String,
    /// A category of changes; all when absent; repeat for each
    #[arg(long = "category", value_name = "CATEGORY", value_parser = word(Category::ALL))]
    categories: Vec<Category>,
    /// A service; every change touches no others; all when absent; repeat for each
    #[arg(long = "service", value_name = "SERVICE")]
    services: Vec<ServiceName>,
    /// An environment; all when absent; repeat for each
    #[arg(long = "environment", value_name = "NAME")]
    environments: Vec<EnvironmentName>,
    /// The highest level
    #[arg(long, value_name = "LEVEL", value_parser = word(Level::ALL), default_value = "high")]
    level_max: Level,
    /// The highest score
    #[arg(long, value_name = "0-100", value_parser = clap::value_parser!(u8).range(0..=100), default_value_t = 80)]
    score_max: u8,
    /// Something that must be met before the start of each; repeat for each
    #[arg(long = "condition", value_name = "TEXT")]
    conditions: Vec<String>,
    /// It holds no longer from this instant on, at most 366 days from now
    #[arg(long, value_name = "INSTANT")]
    expires_at: Timestamp,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change cab standing support STD-9")]
struct SupportArgs {
    /// The standing decision
    id: StandingId,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change cab standing revoke STD-9 --reason 'two of them failed'")]
struct RevokeArgs {
    /// The standing decision
    id: StandingId,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl From<SetArgs> for SetBoard {
    fn from(args: SetArgs) -> Self {
        let SetArgs { roles, actors, starts, zone, duration, rule, quorum, cut_off } = args;
        let meets = Meets {
            starts: starts.to_string(),
            zone: zone.to_string(),
            duration,
            rule: rule.map(|rule| rule.to_string()),
            until: None,
        };
        Self { roles: roles.iter().map(ToString::to_string).collect(), actors, meets, quorum, cut_off }
    }
}

impl From<ProposeArgs> for ProposeStanding {
    fn from(args: ProposeArgs) -> Self {
        Self {
            title: args.title,
            categories: args.categories.iter().map(ToString::to_string).collect(),
            services: args.services.iter().map(ToString::to_string).collect(),
            environments: args.environments.iter().map(ToString::to_string).collect(),
            level_max: Some(args.level_max.to_string()),
            score_max: Some(args.score_max),
            conditions: args.conditions,
            expires_at: args.expires_at.to_string(),
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
        CabCommand::Show(ShowArgs {}) => {
            let board = client.cab().await?;
            match shell.format() {
                Format::Text => shell.data(&render::cab::board(&board, shell.data_paint()))?,
                Format::Json => shell.json(&board)?,
            }
        }
        CabCommand::Set(args) => {
            let board = client.set_cab(&(*args).into()).await?;
            let next = board.next_meetings.first().map(|next| format!("; it meets on {}", next.start));
            let seats = board.seats.len();
            shell.tell(&board, format!("the CAB has {seats} members{}", next.unwrap_or_default()))?;
        }
        CabCommand::Agenda(AgendaArgs {}) => {
            let agenda = client.cab_agenda().await?;
            match shell.format() {
                Format::Text => shell.data(&render::cab::agenda(&agenda, shell.data_paint()))?,
                Format::Json => shell.json(&agenda)?,
            }
        }
        CabCommand::Open(OpenArgs { extraordinary }) => {
            let meeting = client.open_cab_meeting(&OpenMeeting { extraordinary }).await?;
            let (id, items) = (&meeting.meeting_id, meeting.items.len());
            shell.tell(&meeting, format!("{id} is open with {items} items"))?;
        }
        CabCommand::Vote(args) => return vote(&client, *args, shell).await,
        CabCommand::Close(CloseArgs { id }) => {
            let meeting = client.close_cab_meeting(&id.to_string()).await?;
            minutes(&meeting, shell)?;
        }
        CabCommand::Minutes(MinutesArgs { id }) => {
            let meeting = client.cab_meeting(&id.to_string()).await?;
            return minutes(&meeting, shell);
        }
        CabCommand::Standing(StandingArgs { command }) => standing(&client, command, shell).await?,
    }
    Ok(ExitStatus::Done)
}

/// Votes on what the member was shown.
async fn vote(client: &Client, args: VoteArgs, shell: &Shell) -> Outcome {
    let VoteArgs { change: id, vote, rationale, conditions, yes, digest } = args;
    let digest = match digest {
        Some(digest) => digest.to_string(),
        None => {
            let change = client.change(&id.to_string()).await?;
            // Said also to those who want it quiet: nobody may vote on what they were not shown.
            shell.show(render::change::for_approval(&change, shell.talk_paint()).trim_end());
            if !yes && !shell.confirms(&format!("Vote {vote} on {id} as shown?"))? {
                shell.say("nothing was voted");
                return Ok(ExitStatus::Error);
            }
            change.digest
        }
    };
    let change_id = id.to_string();
    let request = CastVote { change_id, digest, vote: vote.to_string(), conditions, rationale };
    let meeting = client.cast_cab_vote(&request).await?;
    let votes = meeting.items.iter().find(|item| item.change_id == request.change_id);
    let cast = votes.map_or(0, |item| item.votes.len());
    shell.tell(&meeting, format!("voted; {cast} of at least {} have voted on {id}", meeting.quorum))?;
    Ok(ExitStatus::Done)
}

fn minutes(meeting: &Meeting, shell: &Shell) -> Outcome {
    match shell.format() {
        Format::Text => shell.data(&render::cab::minutes(meeting))?,
        Format::Json => shell.json(meeting)?,
    }
    if meeting.closed.as_ref().is_some_and(|closed| !closed.verified) {
        shell.say("the log does not bear these minutes out: they do not have the digest that was signed");
        return Ok(ExitStatus::Error);
    }
    Ok(ExitStatus::Done)
}

async fn standing(client: &Client, command: StandingCommand, shell: &Shell) -> Result<(), Failure> {
    match command {
        StandingCommand::List(ListArgs {}) => {
            let page = client.standing_decisions().await?;
            match shell.format() {
                Format::Text if page.items.is_empty() => shell.say("there is no standing decision"),
                Format::Text => shell.data(&render::cab::standing(&page.items, shell.data_paint()))?,
                Format::Json => shell.json(&page)?,
            }
        }
        StandingCommand::Propose(args) => {
            let told = client.propose_standing(&(*args).into()).await?;
            let id = &told.standing_id;
            let next = format!("`cortex-change cab standing support {id}`");
            shell.tell(&told, format!("{id} is proposed; another member supports it with {next}"))?;
        }
        StandingCommand::Support(SupportArgs { id }) => {
            let told = client.support_standing(&id.to_string()).await?;
            shell.tell(&told, format!("{id} has your support"))?;
        }
        StandingCommand::Revoke(RevokeArgs { id, reason }) => {
            let told = client.revoke_standing(&id.to_string(), &RevokeStanding { reason }).await?;
            shell.tell(&told, format!("{id} is revoked"))?;
        }
    }
    Ok(())
}
