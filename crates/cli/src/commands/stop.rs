//! `stop`: stopping the line, and freeing it again.

use api::stop::{LiftStop, SetStop};
use clap::Subcommand;
use client::Client;
use domain::id::ServiceName;
use domain::stop::StopId;

use super::Outcome;
use super::create::random_key;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::render;
use crate::shell::{Format, Shell};

#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: StopCommand,
}

#[derive(Debug, Subcommand)]
enum StopCommand {
    /// Stop the line at once; what runs is put on hold
    Set(SetArgs),
    /// List the stops in force
    List(ListArgs),
    /// Lift a stop; what it held is resumed with `resume`, one by one
    Lift(LiftArgs),
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cortex-change stop set --agents --reason 'the fleet deploys in a loop'\n  \
                  cortex-change stop set --service cart --reason 'data loss under investigation' --even-emergencies\n  \
                  cortex-change stop set --everything --reason 'region outage'"
)]
#[command(group = clap::ArgGroup::new("scope").required(true))]
struct SetArgs {
    /// Stop every change
    #[arg(long, group = "scope")]
    everything: bool,
    /// Stop what agents ask for or carry out
    #[arg(long, group = "scope")]
    agents: bool,
    /// Stop what one actor asks for or carries out, by name or id
    #[arg(long, group = "scope", value_name = "ACTOR")]
    actor: Option<String>,
    /// Stop what changes a service
    #[arg(long, group = "scope", value_name = "SERVICE")]
    service: Option<ServiceName>,
    /// Stop what changes a service of a tier
    #[arg(long, group = "scope", value_name = "0-3", value_parser = clap::value_parser!(u8).range(0..=3))]
    tier: Option<u8>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Stop emergency changes too; without this they go on
    #[arg(long)]
    even_emergencies: bool,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cortex-change stop list\n  cortex-change stop list --lifted --output json"
)]
struct ListArgs {
    /// Also list those that were lifted
    #[arg(long)]
    lifted: bool,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  cortex-change stop lift STOP-7 --reason 'the loop is cut, see INC-2026-000012'"
)]
struct LiftArgs {
    /// The stop
    id: StopId,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl From<SetArgs> for SetStop {
    fn from(args: SetArgs) -> Self {
        let SetArgs { everything: _, agents, actor, service, tier, reason, even_emergencies } = args;
        let (scope, of) = match (agents, actor, service, tier) {
            (true, ..) => ("agents", None),
            (_, Some(actor), ..) => ("actor", Some(actor)),
            (_, _, Some(service), _) => ("service", Some(service.to_string())),
            (_, _, _, Some(tier)) => ("tier", Some(tier.to_string())),
            (false, None, None, None) => ("everything", None),
        };
        Self { scope: scope.to_owned(), of, reason, except_emergency: !even_emergencies }
    }
}

pub(crate) async fn run(Args { command }: Args, shell: &Shell) -> Outcome {
    let client = shell.client()?;
    match command {
        StopCommand::Set(args) => {
            let stop = client.set_stop(&args.into(), &random_key()?).await?;
            let (id, scope) = (&stop.stop_id, render::stop::scope(&stop));
            let except = if stop.except_emergency { "; emergencies go on" } else { "" };
            shell.tell(&stop, format!("{id} is in force: {scope} stands still{except}"))?;
        }
        StopCommand::List(args) => list(&client, args.lifted, shell).await?,
        StopCommand::Lift(LiftArgs { id, reason }) => {
            let stop = client.lift_stop(&id.to_string(), &LiftStop { reason }).await?;
            shell.tell(&stop, format!("{id} is lifted; what it held waits for `cortex-change resume`"))?;
        }
    }
    Ok(ExitStatus::Done)
}

async fn list(client: &Client, lifted: bool, shell: &Shell) -> Result<(), Failure> {
    let page = client.list_stops(lifted).await?;
    match shell.format() {
        Format::Text if page.items.is_empty() => shell.say("no stop is in force"),
        Format::Text => shell.data(&render::stop::list(&page.items, shell.data_paint()))?,
        Format::Json => shell.json(&page)?,
    }
    Ok(())
}
