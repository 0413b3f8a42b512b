//! `chain`: shows what led to a change.

use api::chain::{Chain, ChainLink};
use domain::id::ChangeId;

use super::Outcome;
use crate::exit::ExitStatus;
use crate::shell::{Format, Shell};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cortex-change chain CHG-2026-000042")]
pub(crate) struct Args {
    /// The change
    id: ChangeId,
}

pub(crate) async fn run(Args { id }: Args, shell: &Shell) -> Outcome {
    let chain = shell.client()?.chain(&id.to_string()).await?;
    match shell.format() {
        Format::Text => shell.data(&told(&chain))?,
        Format::Json => shell.json(&chain)?,
    }
    Ok(ExitStatus::Done)
}

/// The chain from its beginning, a line for each step.
fn told(chain: &Chain) -> String {
    let mut lines = Vec::new();
    let first = chain.earlier.last().map_or(&chain.caused_by, |link| &link.caused_by);
    match first {
        Some(cause) if cause.starts_with("task:") => lines.push(cause.clone()),
        Some(cause) => lines.push(format!("… {cause}")),
        None if chain.earlier.is_empty() => {
            return format!("{}: nothing is known that led to it\n", chain.change_id);
        }
        None => {}
    }
    for link in chain.earlier.iter().rev() {
        lines.push(line(link));
        lines.extend(link.by_way_of.clone());
    }
    let inferred = if chain.is_inferred { " (found by its open incident)" } else { "" };
    lines.push(format!("{}{inferred}", chain.change_id));
    let steps = lines.iter().enumerate().map(|(step, line)| match step {
        0 => format!("{line}\n"),
        _ => format!("{}└─ {line}\n", "   ".repeat(step - 1)),
    });
    steps.collect()
}

fn line(link: &ChainLink) -> String {
    let ChainLink { change_id, change_type, state, created_by, kind, title, .. } = link;
    format!("{change_id}  {change_type}, {} by {created_by} ({kind}): {title}", state.replace('_', " "))
}
