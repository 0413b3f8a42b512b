//! `backup`: writes the whole database into one file, also while a server works on it.

use std::path::PathBuf;

use serde_json::json;

use super::Outcome;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::settings::{SettingsArgs, location};
use crate::shell::Shell;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cortex-change backup change-2026-01-31.backup --data /var/lib/cortex-change\n  \
                        cortex-change backup change.backup --database-url postgresql://change@db/change\n\n\
                        The signing key is not part of it: keep a copy of the file signing-key in the data folder too."
)]
pub(crate) struct Args {
    /// The file to write; it must not be there yet
    file: PathBuf,
    #[command(flatten)]
    settings: SettingsArgs,
}

pub(crate) async fn run(args: Args, shell: &Shell) -> Outcome {
    let config = args.settings.read(shell)?;
    let file = shell.environment.path(&args.file);
    let report = store::backup(&location(config), &file).await.map_err(|error| Failure::of(&error))?;
    let head = report.head;
    shell.tell(
        &json!({
            "file": file,
            "entries": head.size,
            "root": head.root.to_string(),
            "rows": report.rows,
            "bytes": report.bytes,
        }),
        format!(
            "wrote {}: {} log entries, {} rows, {} bytes; root {}",
            file.display(),
            head.size,
            report.rows,
            report.bytes,
            head.root
        ),
    )?;
    Ok(ExitStatus::Done)
}
