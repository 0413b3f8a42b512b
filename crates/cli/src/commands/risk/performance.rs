//! `risk backtest`, `risk kpis`, `risk drift`: how predictions do.

use std::time::Duration;

use api::performance::Backtests;
use client::{Client, KpiFilter};
use domain::Timestamp;
use indicatif::ProgressBar;

use super::Outcome;
use super::what_if::{instant, percent};
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::render;
use crate::shell::{Format, Shell};

/// How often a backtest is asked for.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How long a backtest is waited for.
const BACKTEST_MAX: Duration = Duration::from_secs(3_600);

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cortex-change risk backtest\n  cortex-change risk backtest --origins 12 --output json\n  cortex-change risk backtest --last\n\n\
    At each origin models are trained on what was known by then, and measured on the changes up to the next origin. It takes \
    about as long as so many trainings."
)]
pub(crate) struct BacktestArgs {
    /// How often models are trained anew, from 1 to 24
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=24))]
    origins: u32,
    /// Show the last backtest, and begin none
    #[arg(long, conflicts_with = "origins")]
    last: bool,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cortex-change risk kpis\n  cortex-change risk kpis --from 2026-01-01T00:00:00Z --until 2026-04-01T00:00:00Z\n  cortex-change risk kpis --threshold 5 --output json\n\n\
    Predictions are those that were recorded when the changes were assessed. An outcome counts from a day after the change was closed."
)]
pub(crate) struct KpisArgs {
    /// Of changes created at this instant or later
    #[arg(long, value_name = "TIME", value_parser = instant)]
    from: Option<Timestamp>,
    /// Of changes created before this instant
    #[arg(long, value_name = "TIME", value_parser = instant)]
    until: Option<Timestamp>,
    /// From this probability on a failure counts as predicted
    #[arg(long, value_name = "PERCENT", default_value = "10", value_parser = percent)]
    threshold: f64,
}

pub(crate) async fn backtest(args: BacktestArgs, shell: &Shell) -> Outcome {
    let client = shell.client()?;
    let tests = if args.last {
        client.backtests().await?
    } else {
        client.begin_backtest(Some(args.origins)).await?;
        wait(&client, shell).await?
    };
    // The last one that succeeded is older than a failure that is told.
    let (Some(last), None) = (&tests.last, &tests.last_failure) else {
        let why =
            tests.last_failure.unwrap_or_else(|| "none was made since the server was started".to_owned());
        return Err(Failure::new("there is no backtest").at("reason", why));
    };
    match shell.format() {
        Format::Text => shell.data(&render::performance::backtest(last, shell.data_paint()))?,
        Format::Json => shell.json(last)?,
    }
    Ok(ExitStatus::Done)
}

async fn wait(client: &Client, shell: &Shell) -> Result<Backtests, Failure> {
    let bar = if shell.shows_live() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    bar.set_message("backtesting");
    bar.enable_steady_tick(Duration::from_millis(120));
    let asked = async {
        loop {
            let tests = client.backtests().await?;
            if !tests.running {
                return Ok::<_, Failure>(tests);
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    };
    let ended = tokio::time::timeout(BACKTEST_MAX, asked).await;
    bar.finish_and_clear();
    ended.map_err(|_| {
        Failure::new(format!("the backtest did not end within {} min", BACKTEST_MAX.as_secs() / 60))
            .with_status(ExitStatus::TimedOut)
            .next("see later with `cortex-change risk backtest --last`")
    })?
}

pub(crate) async fn kpis(args: KpisArgs, shell: &Shell) -> Outcome {
    let filter = KpiFilter {
        from: args.from.map(|at| at.to_string()),
        until: args.until.map(|at| at.to_string()),
        threshold_percent: Some(args.threshold),
    };
    let kpis = shell.client()?.kpis(&filter).await?;
    match shell.format() {
        Format::Text => shell.data(&render::performance::kpis(&kpis, shell.data_paint()))?,
        Format::Json => shell.json(&kpis)?,
    }
    Ok(ExitStatus::Done)
}

pub(crate) async fn drift(shell: &Shell) -> Outcome {
    let drift = shell.client()?.drift().await?;
    match (shell.format(), &drift.report) {
        (Format::Json, _) => shell.json(&drift)?,
        (Format::Text, Some(report)) => {
            shell.data(&render::performance::drift(&drift, report, shell.data_paint()))?;
        }
        (Format::Text, None) => shell.say(drift.why_not.as_deref().unwrap_or("nothing can be said")),
    }
    Ok(ExitStatus::Done)
}
