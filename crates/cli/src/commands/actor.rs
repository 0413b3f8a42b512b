//! `actor`: people, agents and services that may act.

use api::PAGE_ITEMS_MAX;
use api::actor::{Actor, Budget, BudgetStanding, RegisterActor, Rights, SetBudget, UpdateActor};
use clap::Subcommand;
use domain::actor::{ActorKind, Role};
use domain::id::{ActorName, TeamName};

use super::Outcome;
use crate::args::word;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::render;
use crate::shell::{Format, Shell};

/// Most actors that are listed.
const ACTORS_MAX: usize = 100_000;

#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: ActorCommand,
}

#[derive(Debug, Subcommand)]
enum ActorCommand {
    /// List actors
    List(ListArgs),
    /// Register an actor
    Add(AddArgs),
    /// Show an actor
    Show(ShowArgs),
    /// Replace an actor's roles, teams and delegations
    Rights(RightsArgs),
    /// Show an agent's record and budget, or set the budget
    Budget(BudgetArgs),
    /// Let an actor do nothing any more
    Deactivate(DeactivateArgs),
    /// Let a deactivated actor act again
    Activate(ActivateArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change actor list")]
struct ListArgs {}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cortex-change actor add ann@shop.example --kind human --role technical_lead --team cart\n  \
                        cortex-change actor add shop-pipeline --kind service --owner ann@shop.example --role implementer"
)]
struct AddArgs {
    /// The readable, unique name
    name: ActorName,
    /// What it is
    #[arg(long, value_parser = word(ActorKind::ALL))]
    kind: ActorKind,
    /// The person who answers for an agent or service
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// Another record of the same person or program
    #[arg(long, value_name = "NAME")]
    alias_of: Option<String>,
    #[command(flatten)]
    rights: RightsFlags,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change actor show ann@shop.example")]
struct ShowArgs {
    /// Name or id
    actor: String,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cortex-change actor rights ann@shop.example --role technical_lead --role cab_member\n  \
                        cortex-change actor rights old-bot --none\n\nWhat is not named is taken away."
)]
struct RightsArgs {
    /// Name or id
    actor: String,
    #[command(flatten)]
    rights: RightsFlags,
    /// Take every role, team and delegation away
    #[arg(long, conflicts_with_all = ["roles", "teams", "may_act_for"])]
    #[arg(required_unless_present_any = ["roles", "teams", "may_act_for"])]
    none: bool,
}

#[derive(Debug, clap::Args)]
struct RightsFlags {
    /// A role it holds; repeat for each
    #[arg(long = "role", value_name = "ROLE", value_parser = word(Role::ALL))]
    roles: Vec<Role>,
    /// A team it belongs to; repeat for each
    #[arg(long = "team", value_name = "NAME")]
    teams: Vec<TeamName>,
    /// Somebody in whose name it may ask for changes; repeat for each
    #[arg(long = "may-act-for", value_name = "NAME")]
    may_act_for: Vec<String>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cortex-change actor budget shop-agent\n  \
                        cortex-change actor budget shop-agent --changes-per-hour 5 --open-changes 2 \
                        --items-reached 20 --most-critical-tier 2 --reason 'new model, first week'\n  \
                        cortex-change actor budget shop-agent --by-record --reason 'a month without a failure'\n\n\
                        Without an option, the budget is shown. By its record, an agent is on probation at first; docs/agents.md \
                        has the rule.")]
struct BudgetArgs {
    /// Name or id of the agent
    actor: String,
    #[command(flatten)]
    limits: Option<LimitFlags>,
    /// Leave the budget to the agent's record again
    #[arg(long, requires = "reason", conflicts_with_all = ["changes_per_hour", "open_changes", "items_reached", "most_critical_tier"])]
    by_record: bool,
    /// Why it is set
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(Debug, clap::Args)]
#[group(required = false, multiple = true, requires_all = ["changes_per_hour", "open_changes", "items_reached", "most_critical_tier", "reason"])]
struct LimitFlags {
    /// Changes that it may create within an hour
    #[arg(long, value_name = "NUMBER", required = false)]
    changes_per_hour: u32,
    /// Changes of it that may be under way at once
    #[arg(long, value_name = "NUMBER", required = false)]
    open_changes: u32,
    /// Services and items that may be changed or fail with what is changed, before a person decides
    #[arg(long, value_name = "NUMBER", required = false)]
    items_reached: u32,
    /// The most critical tier that it may touch before a person decides
    #[arg(long, value_name = "TIER", required = false, value_parser = clap::value_parser!(u8).range(0..=3))]
    most_critical_tier: u8,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  cortex-change actor deactivate bob@shop.example --reason 'left the company'"
)]
struct DeactivateArgs {
    /// Name or id
    actor: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change actor activate bob@shop.example")]
struct ActivateArgs {
    /// Name or id
    actor: String,
}

/// What is asked of the server.
enum Plan {
    List,
    Add(RegisterActor),
    Show(String),
    Update(String, UpdateActor),
    Budget(String),
    SetBudget(String, SetBudget),
}

impl From<LimitFlags> for Budget {
    fn from(flags: LimitFlags) -> Self {
        let LimitFlags { changes_per_hour, open_changes, items_reached, most_critical_tier } = flags;
        Self { changes_per_hour, open_changes, items_reached, most_critical_tier }
    }
}

impl From<RightsFlags> for Rights {
    fn from(flags: RightsFlags) -> Self {
        Self {
            roles: flags.roles.iter().map(ToString::to_string).collect(),
            teams: flags.teams.iter().map(ToString::to_string).collect(),
            may_act_for: flags.may_act_for,
        }
    }
}

impl From<ActorCommand> for Plan {
    fn from(command: ActorCommand) -> Self {
        match command {
            ActorCommand::List(ListArgs {}) => Self::List,
            ActorCommand::Add(AddArgs { name, kind, owner, alias_of, rights }) => Self::Add(RegisterActor {
                name: name.to_string(),
                kind: kind.to_string(),
                owner,
                alias_of,
                rights: rights.into(),
            }),
            ActorCommand::Show(ShowArgs { actor }) => Self::Show(actor),
            ActorCommand::Rights(RightsArgs { actor, rights, none: _ }) => {
                Self::Update(actor, UpdateActor { rights: Some(rights.into()), ..UpdateActor::default() })
            }
            ActorCommand::Budget(BudgetArgs { actor, limits: None, by_record: false, reason: _ }) => {
                Self::Budget(actor)
            }
            ActorCommand::Budget(BudgetArgs { actor, limits, by_record: _, reason }) => {
                let budget = limits.map(Budget::from);
                Self::SetBudget(actor, SetBudget { budget, reason: reason.unwrap_or_default() })
            }
            ActorCommand::Deactivate(DeactivateArgs { actor, reason }) => {
                let update =
                    UpdateActor { active: Some(false), reason: Some(reason), ..UpdateActor::default() };
                Self::Update(actor, update)
            }
            ActorCommand::Activate(ActivateArgs { actor }) => {
                Self::Update(actor, UpdateActor { active: Some(true), ..UpdateActor::default() })
            }
        }
    }
}

pub(crate) async fn run(Args { command }: Args, shell: &Shell) -> Outcome {
    let client = shell.client()?;
    match command.into() {
        Plan::List => list(shell).await?,
        Plan::Add(request) => one(shell, &client.register_actor(&request).await?)?,
        Plan::Show(actor) => one(shell, &client.actor(&actor).await?)?,
        Plan::Budget(actor) => standing(shell, &client.budget(&actor).await?)?,
        Plan::SetBudget(actor, set) => standing(shell, &client.set_budget(&actor, &set).await?)?,
        Plan::Update(actor, update) => one(shell, &client.update_actor(&actor, &update).await?)?,
    }
    Ok(ExitStatus::Done)
}

fn one(shell: &Shell, actor: &Actor) -> Result<(), Failure> {
    match shell.format() {
        Format::Text => shell.data(&render::actor::in_full(actor, shell.data_paint())),
        Format::Json => shell.json(actor),
    }
}

fn standing(shell: &Shell, standing: &BudgetStanding) -> Result<(), Failure> {
    match shell.format() {
        Format::Text => shell.data(&render::actor::standing(standing, shell.data_paint())),
        Format::Json => shell.json(standing),
    }
}

async fn list(shell: &Shell) -> Result<(), Failure> {
    let client = shell.client()?;
    let mut page = client.list_actors(None, Some(PAGE_ITEMS_MAX)).await?;
    while page.items.len() < ACTORS_MAX {
        let Some(cursor) = page.next_cursor.take() else { break };
        let next = client.list_actors(Some(&cursor), Some(PAGE_ITEMS_MAX)).await?;
        page.items.extend(next.items);
        page.next_cursor = next.next_cursor;
    }
    match shell.format() {
        Format::Text => shell.data(&render::actor::list(&page.items, shell.data_paint()))?,
        Format::Json => shell.json(&page)?,
    }
    if page.next_cursor.is_some() {
        shell.say(format!("there are more than these {}", page.items.len()));
    }
    Ok(())
}
