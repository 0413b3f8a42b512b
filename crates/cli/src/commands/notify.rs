//! `notify`: what waits to be told, what could not be, and whether a channel works.

use api::notification::{Notification, Notifications};
use clap::Subcommand;
use client::Client;

use super::Outcome;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::render;
use crate::shell::{Format, Shell};

#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: NotifyCommand,
}

#[derive(Debug, Subcommand)]
enum NotifyCommand {
    /// List the channels, and the notifications that wait to be delivered
    List(ListArgs),
    /// List the notifications that could not be delivered
    Dead(DeadArgs),
    /// Send again what could not be delivered
    Redeliver(RedeliverArgs),
    /// Send a test to a channel, and say whether it arrived
    Test(TestArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change notify list --output json")]
struct ListArgs {}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change notify dead")]
struct DeadArgs {}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cortex-change notify redeliver msg_4f2a…\n  cortex-change notify redeliver --all"
)]
#[command(group = clap::ArgGroup::new("which").required(true))]
struct RedeliverArgs {
    /// The notifications, as `notify dead` lists them
    #[arg(group = "which", value_name = "ID")]
    ids: Vec<String>,
    /// Everything that could not be delivered
    #[arg(long, group = "which")]
    all: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change notify test on-call")]
struct TestArgs {
    /// The channel, as the server's settings call it
    channel: String,
}

pub(crate) async fn run(Args { command }: Args, shell: &Shell) -> Outcome {
    let client = shell.client()?;
    match command {
        NotifyCommand::List(ListArgs {}) => list(&client.notifications().await?, shell)?,
        NotifyCommand::Dead(DeadArgs {}) => {
            let dead = client.dead_notifications().await?;
            match shell.format() {
                Format::Json => shell.json(&dead)?,
                Format::Text => show(&dead.items, "everything was delivered or waits", shell)?,
            }
        }
        NotifyCommand::Redeliver(args) => redeliver(&client, args, shell).await?,
        NotifyCommand::Test(args) => return test(&client, &args.channel, shell).await,
    }
    Ok(ExitStatus::Done)
}

fn list(notifications: &Notifications, shell: &Shell) -> Result<(), Failure> {
    match shell.format() {
        Format::Json => shell.json(notifications),
        Format::Text => {
            let channels: Vec<_> = notifications
                .channels
                .iter()
                .map(|channel| format!("{} ({})", channel.name, channel.kind))
                .collect();
            shell.say(match channels.as_slice() {
                [] => "no channel is configured: see docs/notifications.md".to_owned(),
                some => format!("channels: {}", some.join(", ")),
            });
            show(&notifications.waiting, "nothing waits to be delivered", shell)
        }
    }
}

fn show(items: &[Notification], none: &str, shell: &Shell) -> Result<(), Failure> {
    if items.is_empty() {
        shell.say(none);
        return Ok(());
    }
    shell.data(&render::notification::list(items, shell.data_paint()))
}

async fn redeliver(client: &Client, args: RedeliverArgs, shell: &Shell) -> Result<(), Failure> {
    let ids = if args.all {
        client.dead_notifications().await?.items.into_iter().map(|item| item.id).collect()
    } else {
        args.ids
    };
    for id in &ids {
        client.redeliver_notification(id).await?;
    }
    match shell.format() {
        Format::Text => shell.say(format!("sent again: {}", ids.len())),
        Format::Json => shell.json(&serde_json::json!({ "redelivered": ids }))?,
    }
    Ok(())
}

async fn test(client: &Client, channel: &str, shell: &Shell) -> Outcome {
    let tested = client.test_channel(channel).await?;
    match (shell.format(), &tested.error) {
        (Format::Json, _) => shell.json(&tested)?,
        (Format::Text, None) => shell.say(format!("{channel}: delivered")),
        (Format::Text, Some(error)) => {
            return Err(Failure::new(format!("`{channel}` did not take the message"))
                .at("reason", error)
                .next("correct the channel in the server's settings and restart the server"));
        }
    }
    Ok(if tested.delivered { ExitStatus::Done } else { ExitStatus::Error })
}
