//! `cmdb show`: one item in full, or as the file that would describe it.

use api::cmdb::{Ci, CmdbEdit};
use domain::id::CiName;

use crate::commands::Outcome;
use crate::exit::ExitStatus;
use crate::failure::Failure;
use crate::render;
use crate::shell::{Format, Shell};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cortex-change cmdb show Deployment/shop/cart\n  \
                        cortex-change cmdb show Deployment/shop/cart --yaml > cart.yaml\n  \
                        cortex-change cmdb import cart.yaml --from yaml")]
pub(crate) struct Args {
    /// The item
    id: CiName,
    /// Write what a source says of it in the form of `cmdb import --from yaml`
    #[arg(long)]
    yaml: bool,
    /// Which source; the most trusted one when left out
    #[arg(long, value_name = "NAME", requires = "yaml")]
    source: Option<String>,
}

pub(super) async fn run(Args { id, yaml, source }: Args, shell: &Shell) -> Outcome {
    let ci = shell.client()?.ci(id.as_str()).await?;
    if yaml {
        shell.data(&as_file(&ci, source.as_deref())?)?;
        return Ok(ExitStatus::Done);
    }
    match shell.format() {
        Format::Text => shell.data(&render::cmdb::in_full(&ci, shell.data_paint()))?,
        Format::Json => shell.json(&ci)?,
    }
    Ok(ExitStatus::Done)
}

fn as_file(ci: &Ci, source: Option<&str>) -> Result<String, Failure> {
    let stated = ci.sources.iter().find(|stated| source.is_none_or(|source| stated.source == source));
    let Some(stated) = stated else {
        let sources: Vec<_> = ci.sources.iter().map(|stated| stated.source.as_str()).collect();
        let failure = Failure::new(format!("no such source describes `{}`", ci.id));
        return Err(if sources.is_empty() { failure } else { failure.accepted(sources.join(", ")) });
    };
    let edit = CmdbEdit {
        source: Some(stated.source.clone()),
        describe: vec![stated.description.clone()],
        withdraw: Vec::new(),
    };
    let edit = edit.to_domain().map_err(|error| Failure::of(&error))?;
    let items = edit.describe.iter().map(|(id, description)| (id, description));
    adapters::cmdb::write(items).map_err(|error| Failure::of(&error))
}
