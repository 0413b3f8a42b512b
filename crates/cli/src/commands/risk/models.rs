//! `risk train`, `risk models`, `risk pin`: the models that predict failures.

use std::time::Duration;

use api::learning::Models;
use client::Client;
use indicatif::ProgressBar;

use super::Outcome;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::render;
use crate::shell::{Format, Shell};

/// How often a training is asked for.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// How long a training is waited for.
const TRAINING_MAX: Duration = Duration::from_secs(600);

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cortex-change risk train\n  cortex-change history import changes.csv --format csv --mapping changes.toml && cortex-change risk train\n\n\
                        The new model is asked from then on when it is better than the present one on changes that both have not seen."
)]
pub(crate) struct TrainArgs {
    /// Only begin, and do not wait for the result
    #[arg(long)]
    no_wait: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cortex-change risk pin 3\n  cortex-change risk pin --none")]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub(crate) struct PinArgs {
    /// The version that is asked from now on, whatever comparisons say
    #[arg(group = "which")]
    version: Option<u32>,
    /// Ask no model until one wins a comparison
    #[arg(long, group = "which")]
    none: bool,
}

pub(crate) async fn train(args: TrainArgs, shell: &Shell) -> Outcome {
    let client = shell.client()?;
    let before = client.models().await?;
    let mut models = client.train_model().await?;
    if !args.no_wait {
        models = wait(&client, shell).await?;
        if models.items.len() == before.items.len() {
            let why = models.last_failure.unwrap_or_else(|| "the server does not say why".to_owned());
            return Err(Failure::new("no model came of the training").at("reason", why));
        }
    }
    show(&models, shell)
}

async fn wait(client: &Client, shell: &Shell) -> Result<Models, Failure> {
    let bar = if shell.shows_live() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    bar.set_message("training");
    bar.enable_steady_tick(Duration::from_millis(120));
    let asked = async {
        loop {
            let models = client.models().await?;
            if !models.training {
                return Ok::<_, Failure>(models);
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    };
    let ended = tokio::time::timeout(TRAINING_MAX, asked).await;
    bar.finish_and_clear();
    ended.map_err(|_| {
        Failure::new(format!("the training did not end within {} min", TRAINING_MAX.as_secs() / 60))
            .with_status(ExitStatus::TimedOut)
            .next("see later with `cortex-change risk models`")
    })?
}

pub(crate) async fn list(shell: &Shell) -> Outcome {
    let models = shell.client()?.models().await?;
    show(&models, shell)
}

pub(crate) async fn pin(args: PinArgs, shell: &Shell) -> Outcome {
    let models = shell.client()?.choose_model(args.version).await?;
    show(&models, shell)
}

fn show(models: &Models, shell: &Shell) -> Outcome {
    match shell.format() {
        Format::Json => shell.json(models)?,
        Format::Text if models.items.is_empty() => shell.say(format!(
            "no model was trained yet; {} past changes are known: `cortex-change risk train`",
            models.past_changes
        )),
        Format::Text => shell.data(&render::learning::models(models, shell.data_paint()))?,
    }
    Ok(ExitStatus::Done)
}
