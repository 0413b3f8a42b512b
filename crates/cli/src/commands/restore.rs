//! `restore`: puts a backup into an empty database, of either kind, after verifying it.

use std::path::PathBuf;

use serde_json::json;

use super::Outcome;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::settings::{SettingsArgs, with_its_key};
use crate::shell::Shell;

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change restore change.backup --data /var/lib/cortex-change\n\n\
                        The data folder must hold the signing key under which the log was written.")]
pub(crate) struct Args {
    /// The file that `cortex-change backup` wrote
    file: PathBuf,
    #[command(flatten)]
    settings: SettingsArgs,
}

pub(crate) async fn run(args: Args, shell: &Shell) -> Outcome {
    let config = args.settings.read(shell)?;
    let store = with_its_key(&config)?;
    let file = shell.environment.path(&args.file);
    let report = store::restore(&file, &store).await.map_err(|error| Failure::of(&error))?;
    let head = report.verified.head;
    shell.tell(
        &json!({ "rows": report.rows, "entries": head.size, "root": head.root.to_string() }),
        format!(
            "restored {} rows; the log of {} entries verifies, root {}",
            report.rows, head.size, head.root
        ),
    )?;
    Ok(ExitStatus::Done)
}
