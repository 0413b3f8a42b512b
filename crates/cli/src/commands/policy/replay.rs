//! `policy replay`: which past decisions other policies would have made differently.

use std::path::PathBuf;

use api::policy::{PolicyText, Replay, ReplayRequest};
use domain::duration::parse_duration_seconds;
use jiff::SignedDuration;
use server::AddedPolicies;

use crate::clock;
use crate::commands::Outcome;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::render;
use crate::shell::{Format, Shell};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cortex-change policy replay --since 90d --policies policies\n  \
                        cortex-change policy replay --since 7d --output json\n\n\
                        It needs a token with the scope `audit`. Nothing is written.")]
pub(crate) struct Args {
    /// How far back decisions are replayed, for example 90d
    #[arg(long, value_name = "TIME", default_value = "90d", value_parser = parse_duration_seconds)]
    since: u64,
    /// Folder with the policies that would add to the shipped ones; the shipped ones alone when absent
    #[arg(long, value_name = "DIR")]
    policies: Option<PathBuf>,
}

pub(crate) async fn run(args: Args, shell: &Shell) -> Outcome {
    let added = match &args.policies {
        Some(folder) => {
            AddedPolicies::read(&shell.environment.path(folder)).map_err(|error| Failure::of(&error))?
        }
        None => AddedPolicies::default(),
    };
    // What is wrong is told with its place before anything is sent.
    added.set().map_err(|error| Failure::of(&error))?;
    let back = SignedDuration::from_secs(i64::try_from(args.since).unwrap_or(i64::MAX));
    let since = clock::now().saturating_sub(back).unwrap_or(jiff::Timestamp::MIN);
    let text = |(name, text): (&str, &str)| PolicyText { name: name.to_owned(), text: text.to_owned() };
    let files = added.texts().map(text).collect();
    let replay = all(ReplayRequest { since: since.to_string(), files, cursor: None }, shell).await?;
    match shell.format() {
        Format::Text => shell.data(&render::policy::replay(&replay, shell.data_paint()))?,
        Format::Json => shell.json(&replay)?,
    }
    Ok(ExitStatus::Done)
}

/// Every page of the answer as one.
async fn all(mut request: ReplayRequest, shell: &Shell) -> Result<Replay, Failure> {
    let client = shell.client()?;
    let mut whole = client.replay_policies(&request).await?;
    while let Some(cursor) = whole.next_cursor.take() {
        request.cursor = Some(cursor);
        let page = client.replay_policies(&request).await?;
        whole.changes += page.changes;
        whole.decisions += page.decisions;
        whole.not_reproduced += page.not_reproduced;
        whole.differing.extend(page.differing);
        whole.next_cursor = page.next_cursor;
    }
    Ok(whole)
}
