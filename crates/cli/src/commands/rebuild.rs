//! `rebuild`: makes every view anew from the log, or tells where they differ from it.

use serde_json::json;
use store::Store;

use super::Outcome;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::settings::{SettingsArgs, with_its_key};
use crate::shell::Shell;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cortex-change rebuild --data /var/lib/cortex-change\n  \
                        cortex-change rebuild --check --data /var/lib/cortex-change\n\n\
                        No server may work on an embedded database meanwhile.")]
pub(crate) struct Args {
    /// Only compare, and write nothing
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

pub(crate) async fn run(args: Args, shell: &Shell) -> Outcome {
    let config = args.settings.read(shell)?;
    let store = with_its_key(&config)?;
    let store = Store::open(store).await.map_err(|error| Failure::of(&error))?;
    let done = if args.check { compare(&store, shell).await } else { rebuild(&store, shell).await };
    store.close().await;
    done
}

async fn rebuild(store: &Store, shell: &Shell) -> Outcome {
    let report = store.rebuild(server::project::stream).await.map_err(|error| Failure::of(&error))?;
    shell.tell(
        &json!({ "rows": report.rows, "events": report.events, "streams": report.streams }),
        format!("made {} rows anew from {} events of {} streams", report.rows, report.events, report.streams),
    )?;
    Ok(ExitStatus::Done)
}

async fn compare(store: &Store, shell: &Shell) -> Outcome {
    let comparison = store.compare(server::project::stream).await.map_err(|error| Failure::of(&error))?;
    if comparison.differences == 0 {
        shell.tell(
            &json!({ "rows": comparison.rows, "differences": 0 }),
            format!("all {} rows are what the log says", comparison.rows),
        )?;
        return Ok(ExitStatus::Done);
    }
    let failure = Failure::new(format!("{} rows are not what the log says", comparison.differences));
    let failure = comparison.first.iter().fold(failure, |failure, one| failure.at("view", one.to_string()));
    Err(failure.next("verify the log with `cortex-change audit verify`, then run `cortex-change rebuild`"))
}
