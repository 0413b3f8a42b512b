//! `risk`: how a change's risk adds up, and how well failures are predicted.

mod evaluate;
mod models;
mod performance;
mod what_if;

use clap::Subcommand;
use domain::id::ChangeId;

use super::Outcome;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::render;
use crate::shell::{Format, Shell};

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
#[command(after_help = "Example:\n  cortex-change risk CHG-2026-000123")]
pub(crate) struct Args {
    /// The change
    id: Option<ChangeId>,
    #[command(subcommand)]
    command: Option<RiskCommand>,
}

#[derive(Debug, Subcommand)]
enum RiskCommand {
    /// Show how a change's risk adds up, with every term and its reason
    Explain(ExplainArgs),
    /// Show what would be if facts were different, and what would lower the level
    WhatIf(Box<what_if::Args>),
    /// Measure how well failures of past changes are predicted
    Evaluate(evaluate::Args),
    /// Train a model on the past changes that the server knows
    Train(models::TrainArgs),
    /// List the models, how good they are and which one is asked
    #[command(after_help = "Example:\n  cortex-change risk models --output json")]
    Models,
    /// Choose the model that is asked from now on
    Pin(models::PinArgs),
    /// Measure how models would have done on the server's own past
    Backtest(performance::BacktestArgs),
    /// Show how recorded predictions compare to the outcomes known since
    Kpis(performance::KpisArgs),
    /// Show how changes since the training of the model compare to those that it was trained on
    #[command(after_help = "Examples:\n  cortex-change risk drift\n  cortex-change risk drift --output json")]
    Drift,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change risk explain CHG-2026-000123")]
struct ExplainArgs {
    /// The change
    id: ChangeId,
}

pub(crate) fn run(Args { id, command }: Args, shell: &Shell) -> Outcome {
    match (command, id) {
        (Some(RiskCommand::Explain(args)), _) => shell.block_on(explain(args.id, shell)),
        (Some(RiskCommand::WhatIf(args)), _) => shell.block_on(what_if::run(*args, shell)),
        (Some(RiskCommand::Evaluate(args)), _) => evaluate::run(&args, shell),
        (Some(RiskCommand::Train(args)), _) => shell.block_on(models::train(args, shell)),
        (Some(RiskCommand::Models), _) => shell.block_on(models::list(shell)),
        (Some(RiskCommand::Pin(args)), _) => shell.block_on(models::pin(args, shell)),
        (Some(RiskCommand::Backtest(args)), _) => shell.block_on(performance::backtest(args, shell)),
        (Some(RiskCommand::Kpis(args)), _) => shell.block_on(performance::kpis(args, shell)),
        (Some(RiskCommand::Drift), _) => shell.block_on(performance::drift(shell)),
        (None, Some(id)) => shell.block_on(explain(id, shell)),
        (None, None) => Err(Failure::usage("which change?").next("`cortex-change risk CHG-2026-000123`")),
    }
}

async fn explain(id: ChangeId, shell: &Shell) -> Outcome {
    let change = shell.client()?.change(&id.to_string()).await?;
    let risk = change.risk.as_ref().ok_or_else(|| {
        Failure::new(format!("{id} is {} and has no assessment", render::words(&change.state)))
            .next(format!("a draft is assessed when it is handed in: `cortex-change submit {id}`"))
    })?;
    match shell.format() {
        Format::Text => {
            shell.data(&render::risk::whole_assessment(&change.change_id, risk, shell.data_paint()))?;
        }
        Format::Json => shell.json(risk)?,
    }
    Ok(ExitStatus::Done)
}
