//! `audit`: the log as it is read, verified and proved.

use std::path::{Path, PathBuf};

use api::audit::LogEntry;
use api::{PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX, Page};
use audit::{BUNDLE_BYTES_MAX, EvidenceBundle, VerifiedBundle, VerifyingKey};
use clap::Subcommand;
use domain::id::ChangeId;
use serde_json::json;

use super::Outcome;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::files::read_file_up_to;
use crate::render;
use crate::shell::{Format, Shell};

#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Verify the whole log on the server, or an evidence bundle without one
    Verify(Box<VerifyArgs>),
    /// Write the evidence of one change into a file that verifies offline
    Prove(ProveArgs),
    /// Read the log
    Log(LogArgs),
    /// Show the newest signed state of the log and the key that verifies it
    Checkpoint(CheckpointArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cortex-change audit verify\n  \
                        cortex-change audit verify --offline evidence.json --key 'cortex-change+1a2b3c4d+AX…'")]
struct VerifyArgs {
    /// An evidence bundle, which is verified here, without any server
    #[arg(long, value_name = "BUNDLE", requires = "key")]
    offline: Option<PathBuf>,
    /// The key of the log's owner, known from elsewhere than the bundle
    #[arg(long, requires = "offline")]
    key: Option<VerifyingKey>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change audit prove CHG-2026-000123 -o evidence.json")]
struct ProveArgs {
    /// The change
    id: ChangeId,
    /// The file to write
    #[arg(long = "to", short = 'o', value_name = "FILE")]
    file: PathBuf,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change audit log --after 1000 --limit 100")]
struct LogArgs {
    /// Only entries after this index
    #[arg(long, value_name = "INDEX")]
    after: Option<u64>,
    /// Most entries
    #[arg(long, value_name = "N", default_value_t = PAGE_ITEMS_DEFAULT)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(PAGE_ITEMS_MAX)))]
    limit: u32,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change audit checkpoint")]
struct CheckpointArgs {}

pub(crate) fn run(Args { command }: Args, shell: &Shell) -> Outcome {
    match command {
        AuditCommand::Verify(args) => match args.offline.zip(args.key) {
            Some((bundle, key)) => verify_bundle(&shell.environment.path(bundle), &key, shell),
            None => shell.block_on(verify_log(shell)),
        },
        AuditCommand::Prove(args) => shell.block_on(prove(args, shell)),
        AuditCommand::Log(args) => shell.block_on(log(args, shell)),
        AuditCommand::Checkpoint(CheckpointArgs {}) => shell.block_on(checkpoint(shell)),
    }
}

async fn verify_log(shell: &Shell) -> Outcome {
    let verification = shell.client()?.verify_log().await?;
    match shell.format() {
        Format::Text => shell.data(&render::audit::verification(&verification, shell.data_paint()))?,
        Format::Json => shell.json(&verification)?,
    }
    Ok(if verification.valid { ExitStatus::Done } else { ExitStatus::Error })
}

fn verify_bundle(path: &Path, key: &VerifyingKey, shell: &Shell) -> Outcome {
    let shown = path.display();
    let text = read_file_up_to(path, BUNDLE_BYTES_MAX)
        .map_err(|error| Failure::new(format!("`{shown}` cannot be read")).caused_by(&error))?;
    let verified =
        EvidenceBundle::from_json(&text).and_then(|bundle| bundle.verify(Some(key))).map_err(|error| {
            Failure::new(format!("`{shown}` does not show what it claims")).caused_by(&error).next(
                "fetch the bundle again with `cortex-change audit prove`, and compare the key with its owner",
            )
        })?;
    print_bundle(&verified, shell)?;
    Ok(ExitStatus::Done)
}

fn print_bundle(verified: &VerifiedBundle, shell: &Shell) -> Result<(), Failure> {
    let VerifiedBundle { change_id, checkpoint, key_trusted, entries } = verified;
    let head = checkpoint.head();
    match shell.format() {
        Format::Text => {
            let sign = shell.data_paint().good(shell.data_paint().sign("✓", "ok:"));
            let count = entries.len();
            shell.data(&format!(
                "{sign} all {count} entries of {change_id} are in the log of `{}` as it was signed at {} entries\n",
                checkpoint.origin(),
                head.size
            ))
        }
        Format::Json => shell.json(&json!({
            "valid": true,
            "change_id": change_id,
            "key_trusted": key_trusted,
            "log": checkpoint.origin(),
            "log_size": head.size,
            "root": head.root.to_string(),
            "entries": entries.iter().map(|entry| json!({
                "log_index": entry.index,
                "stream": entry.stream,
                "version": entry.version,
                "entry": entry.value,
            })).collect::<Vec<_>>(),
        })),
    }
}

async fn prove(args: ProveArgs, shell: &Shell) -> Outcome {
    let bundle = shell.client()?.evidence(&args.id.to_string()).await?;
    let path = shell.environment.path(&args.file);
    std::fs::write(&path, bundle)
        .map_err(|error| Failure::new(format!("`{}` cannot be written", path.display())).caused_by(&error))?;
    shell.say(format!(
        "wrote {}; `cortex-change audit verify --offline` checks it without a server",
        path.display()
    ));
    Ok(ExitStatus::Done)
}

async fn log(args: LogArgs, shell: &Shell) -> Outcome {
    let page: Page<LogEntry> = shell.client()?.log(args.after, Some(args.limit)).await?;
    match shell.format() {
        Format::Text => shell.data(&render::audit::entries(&page.items, shell.data_paint()))?,
        Format::Json => shell.json(&page)?,
    }
    if let Some(last) = page.items.last().filter(|_| page.next_cursor.is_some()) {
        shell.say(format!("there are more: `--after {}`", last.entry.log_index));
    }
    Ok(ExitStatus::Done)
}

async fn checkpoint(shell: &Shell) -> Outcome {
    let checkpoint = shell.client()?.checkpoint().await?;
    match shell.format() {
        Format::Text => shell.data(&render::audit::checkpoint(&checkpoint, shell.data_paint()))?,
        Format::Json => shell.json(&checkpoint)?,
    }
    Ok(ExitStatus::Done)
}
