//! `satisfy`: records what shows that a condition of an approval is met.

use api::command::SatisfyRequest;
use api::read::FILE_BYTES_MAX;
use domain::canonical::Digest;
use domain::id::ChangeId;

use super::{Outcome, moved};
use crate::failure::Failure;
use crate::shell::Shell;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cortex-change satisfy CHG-2026-000123 0 --evidence 'run 512 passed' --link https://ci.example/staging/512\n  \
                  cortex-change satisfy CHG-2026-000123 1 --evidence 'the signed protocol' --file protocol.pdf"
)]
pub(crate) struct Args {
    /// The change
    id: ChangeId,
    /// The condition's number, as `cortex-change show` lists it
    condition: usize,
    /// What shows that it is met
    #[arg(long, value_name = "TEXT")]
    evidence: String,
    /// The page where that can be looked at
    #[arg(long, value_name = "URL", conflicts_with = "file")]
    link: Option<String>,
    /// The file that shows it: its SHA-256 is recorded, the file stays with you
    #[arg(long, value_name = "FILE")]
    file: Option<String>,
}

pub(crate) async fn run(args: Args, shell: &Shell) -> Outcome {
    let Args { id, condition, evidence, link, file } = args;
    let sha256 = file.map(|file| digest(&file, shell)).transpose()?.map(|digest| digest.to_string());
    let request = SatisfyRequest { evidence, link, sha256 };
    moved(shell, &shell.client()?.satisfy_condition(&id.to_string(), condition, &request).await?)
}

/// The digest of a file that is kept elsewhere.
pub(super) fn digest(file: &str, shell: &Shell) -> Result<Digest, Failure> {
    let bytes = shell.read_input(file)?;
    if bytes.len() > FILE_BYTES_MAX {
        return Err(Failure::new(format!("`{file}` has more than {FILE_BYTES_MAX} bytes"))
            .next("keep it where it can be looked at, and give its `--link`"));
    }
    Ok(Digest::of_bytes(&bytes))
}
